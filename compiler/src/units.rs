//! Quantities. Every rate and capacity is an integer in kbit/s; decimal Mbit/s exist only in readers and
//! writers, and factors are integer per-mille, so no floating point survives parsing.

use std::fmt;

/// A rate or capacity in kbit/s (1 kbit/s = 1000 bit/s).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Kbps(pub u64);

/// The largest rate a record may carry: 10 Tbit/s. Anything above is a unit slip or an attack, and sums of a
/// million of these still fit 64 bits.
pub const MAX_RATE: Kbps = Kbps(10_000_000_000);

impl Kbps {
    pub const ZERO: Kbps = Kbps(0);
    /// "No known limit", for minima over paths. Never printed, never emitted.
    pub const UNLIMITED: Kbps = Kbps(u64::MAX);

    /// A known capacity, or nothing: 0 means "unknown" in every source (topology.md 1.1).
    pub fn known(self) -> Option<Kbps> {
        (self.0 != 0).then_some(self)
    }

    /// Exact decimal Mbit/s with up to three places and no trailing zeros: `1500` is `1.5`.
    pub fn mbps(self) -> Mbps {
        Mbps(self)
    }
}

impl std::ops::Add for Kbps {
    type Output = Kbps;
    fn add(self, other: Kbps) -> Kbps {
        Kbps(self.0.saturating_add(other.0))
    }
}

impl std::iter::Sum for Kbps {
    fn sum<I: Iterator<Item = Kbps>>(iter: I) -> Kbps {
        iter.fold(Kbps::ZERO, |a, b| a + b)
    }
}

/// Displays as decimal Mbit/s; see [`Kbps::mbps`].
#[derive(Clone, Copy)]
pub struct Mbps(Kbps);

impl fmt::Display for Mbps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Kbps(k) = self.0;
        if self.0 == Kbps::UNLIMITED {
            return f.write_str("unlimited");
        }
        let (whole, rest) = (k / 1000, k % 1000);
        match rest {
            0 => write!(f, "{whole}"),
            r if r % 100 == 0 => write!(f, "{whole}.{}", r / 100),
            r if r % 10 == 0 => write!(f, "{whole}.{:02}", r / 10),
            r => write!(f, "{whole}.{r:03}"),
        }
    }
}

/// A factor in thousandths: 1100 is 1.1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PerMille(pub u32);

impl PerMille {
    pub const ONE: PerMille = PerMille(1000);
}

/// `(x*f + 500) div 1000`: round half up (topology.md 1.1).
pub fn muldiv(x: Kbps, f: PerMille) -> Kbps {
    scale(x, u64::from(f.0), 1000, 500)
}

/// `x * num div den` with an addend before the division, in 128 bits, saturating.
fn scale(x: Kbps, num: u64, den: u64, addend: u64) -> Kbps {
    let wide = (u128::from(x.0) * u128::from(num) + u128::from(addend)) / u128::from(den.max(1));
    Kbps(u64::try_from(wide).unwrap_or(u64::MAX))
}

/// `x * num div den`, rounded down: how guarantees are scaled to a capacity (topology.md 1.8).
pub fn share(x: Kbps, num: Kbps, den: Kbps) -> Kbps {
    scale(x, num.0, den.0, 0)
}

/// The two directions of a subscriber: download (towards the subscriber) and upload.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Pair<T> {
    pub down: T,
    pub up: T,
}

impl<T> Pair<T> {
    pub const fn new(down: T, up: T) -> Self {
        Pair { down, up }
    }

    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Pair<U> {
        Pair {
            down: f(self.down),
            up: f(self.up),
        }
    }

    pub fn zip<U, V>(self, other: Pair<U>, mut f: impl FnMut(T, U) -> V) -> Pair<V> {
        Pair {
            down: f(self.down, other.down),
            up: f(self.up, other.up),
        }
    }
}

impl<T: Copy> Pair<T> {
    pub const fn both(value: T) -> Self {
        Pair {
            down: value,
            up: value,
        }
    }

    pub fn swap(self) -> Self {
        Pair {
            down: self.up,
            up: self.down,
        }
    }
}

impl Pair<Kbps> {
    pub const ZERO: Pair<Kbps> = Pair::both(Kbps::ZERO);
    pub const UNLIMITED: Pair<Kbps> = Pair::both(Kbps::UNLIMITED);

    pub fn min(self, other: Self) -> Self {
        self.zip(other, |a, b| a.min(b))
    }

    pub fn max(self, other: Self) -> Self {
        self.zip(other, |a, b| a.max(b))
    }

    /// Download plus upload: the weight used for placement.
    pub fn total(self) -> Kbps {
        self.down + self.up
    }

    pub fn array(self) -> [u64; 2] {
        [self.down.0, self.up.0]
    }
}

impl std::ops::Add for Pair<Kbps> {
    type Output = Pair<Kbps>;
    fn add(self, other: Self) -> Self {
        self.zip(other, |a, b| a + b)
    }
}

impl std::ops::AddAssign for Pair<Kbps> {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl std::iter::Sum for Pair<Kbps> {
    fn sum<I: Iterator<Item = Pair<Kbps>>>(iter: I) -> Self {
        iter.fold(Pair::ZERO, |a, b| a + b)
    }
}

impl Pair<Option<Kbps>> {
    /// Unknown directions contribute no limit.
    pub fn or_unlimited(self) -> Pair<Kbps> {
        self.map(|c| c.unwrap_or(Kbps::UNLIMITED))
    }
}

impl fmt::Display for Pair<Kbps> {
    /// `100/20` in Mbit/s, download first.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.down.mbps(), self.up.mbps())
    }
}

/// Why a number from a source or a configuration is not a rate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadRate {
    NotANumber,
    Negative,
    TooLarge,
}

impl BadRate {
    pub fn reason(self) -> &'static str {
        match self {
            BadRate::NotANumber => "is not a number",
            BadRate::Negative => "is negative",
            BadRate::TooLarge => "is larger than 10 Tbit/s",
        }
    }
}

/// Reads a decimal number of units exactly: `value * per_unit`, rounded half up to kbit/s, with
/// `per_unit` = (numerator, denominator) in kbit/s. Accepts an optional sign, digits, one point and an
/// exponent (what JSON allows), with blanks around it; no float is made on the way.
pub fn parse_rate(text: &str, per_unit: (u64, u64)) -> Result<Kbps, BadRate> {
    let text = text.trim();
    let (negative, body) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (mantissa, exponent) = match body.find(['e', 'E']) {
        Some(at) => {
            let exponent: i32 = body[at + 1..].parse().map_err(|_| BadRate::NotANumber)?;
            (&body[..at], exponent)
        }
        None => (body, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if (whole.is_empty() && fraction.is_empty())
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|b| b.is_ascii_digit())
    {
        return Err(BadRate::NotANumber);
    }
    let mut digits: u128 = 0;
    let mut scale: i64 = -(fraction.len() as i64) + i64::from(exponent);
    for b in whole.bytes().chain(fraction.bytes()) {
        let next = digits
            .checked_mul(10)
            .and_then(|d| d.checked_add(u128::from(b - b'0')));
        match next {
            // 20 significant digits hold every accepted rate; what follows cannot change a rounded kbit/s.
            Some(d) if d < 10u128.pow(20) => digits = d,
            _ => scale += 1,
        }
    }
    if digits == 0 {
        return Ok(Kbps::ZERO);
    }
    if negative {
        return Err(BadRate::Negative);
    }
    let mut numerator = digits * u128::from(per_unit.0);
    let mut denominator = u128::from(per_unit.1);
    let too_large = u128::from(MAX_RATE.0);
    while scale > 0 {
        if numerator > too_large * denominator {
            return Err(BadRate::TooLarge);
        }
        numerator *= 10;
        scale -= 1;
    }
    while scale < 0 {
        if denominator > 10u128.pow(30) {
            return Ok(Kbps::ZERO);
        }
        denominator *= 10;
        scale += 1;
    }
    let kbps = (numerator + denominator / 2) / denominator;
    if kbps > too_large {
        return Err(BadRate::TooLarge);
    }
    Ok(Kbps(kbps as u64))
}

/// Decimal Mbit/s, the unit of configuration files and of LibreQoS.
pub const MBPS: (u64, u64) = (1000, 1);
/// bit/s, the unit of UISP.
pub const BPS: (u64, u64) = (1, 1000);
/// kbit/s, the unit of the inventory format.
pub const KBPS: (u64, u64) = (1, 1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_rates_are_exact() {
        for (text, unit, want) in [
            ("100", MBPS, Ok(100_000)),
            ("25.5", MBPS, Ok(25_500)),
            (" 0.0005 ", MBPS, Ok(1)),
            ("0.0004", MBPS, Ok(0)),
            ("1e3", MBPS, Ok(1_000_000)),
            ("512000", BPS, Ok(512)),
            ("499", BPS, Ok(0)),
            ("500", BPS, Ok(1)),
            ("100000000000", BPS, Ok(100_000_000)),
            ("-5", MBPS, Err(BadRate::Negative)),
            ("-0", MBPS, Ok(0)),
            ("1e999999999", MBPS, Err(BadRate::TooLarge)),
            (
                "99999999999999999999999999999999",
                KBPS,
                Err(BadRate::TooLarge),
            ),
            ("1e-999999999", MBPS, Ok(0)),
            ("ten", MBPS, Err(BadRate::NotANumber)),
            ("", MBPS, Err(BadRate::NotANumber)),
            (".", MBPS, Err(BadRate::NotANumber)),
            ("1,5", MBPS, Err(BadRate::NotANumber)),
            ("NaN", MBPS, Err(BadRate::NotANumber)),
        ] {
            assert_eq!(parse_rate(text, unit).map(|k| k.0), want, "{text}");
        }
    }

    #[test]
    fn mbps_prints_the_shortest_exact_decimal() {
        for (kbps, want) in [
            (0, "0"),
            (1, "0.001"),
            (100, "0.1"),
            (1500, "1.5"),
            (25_250, "25.25"),
            (1_000_000, "1000"),
        ] {
            assert_eq!(Kbps(kbps).mbps().to_string(), want);
        }
    }

    #[test]
    fn muldiv_rounds_half_up_and_never_overflows() {
        assert_eq!(muldiv(Kbps(5), PerMille(100)), Kbps(1));
        assert_eq!(muldiv(Kbps(4), PerMille(100)), Kbps(0));
        assert_eq!(muldiv(Kbps(100_000), PerMille(1100)), Kbps(110_000));
        assert_eq!(muldiv(Kbps(u64::MAX), PerMille(u32::MAX)), Kbps(u64::MAX));
    }
}
