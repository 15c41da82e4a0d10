//! Arguments of a leaf as `tc` takes them: words, times, sizes and numbers. Which words there are is known by the
//! disciplines.

use std::iter::Peekable;
use std::str::SplitAsciiWhitespace;

/// Arguments that cannot be used.
#[derive(thiserror::Error, Clone, PartialEq, Eq, Debug)]
#[error("{kind} {arguments:?}: {problem}")]
pub struct BadArguments {
    /// `cake` or `fq_codel`.
    pub kind: &'static str,
    pub arguments: String,
    pub problem: String,
}

/// The words of one string of arguments.
pub(super) struct Words<'a> {
    kind: &'static str,
    all: &'a str,
    rest: Peekable<SplitAsciiWhitespace<'a>>,
}

impl<'a> Words<'a> {
    pub fn new(kind: &'static str, all: &'a str) -> Self {
        Self {
            kind,
            all,
            rest: all.split_ascii_whitespace().peekable(),
        }
    }

    pub fn next(&mut self) -> Option<&'a str> {
        self.rest.next()
    }

    pub fn bad(&self, problem: impl Into<String>) -> BadArguments {
        BadArguments {
            kind: self.kind,
            arguments: self.all.to_owned(),
            problem: problem.into(),
        }
    }

    fn value(&mut self, option: &str) -> Result<&'a str, BadArguments> {
        match self.rest.next() {
            Some(value) => Ok(value),
            None => Err(self.bad(format!("{option} needs a value"))),
        }
    }

    fn parsed<T>(
        &mut self,
        option: &str,
        wants: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<T, BadArguments> {
        let value = self.value(option)?;
        parse(value).ok_or_else(|| self.bad(format!("{option} {value:?} is not {wants}")))
    }

    /// Microseconds, not 0 after rounding down: `300ms`, `2.5ms`, `1s`, `100us`, `100` (microseconds).
    pub fn time(&mut self, option: &str) -> Result<u32, BadArguments> {
        self.parsed(
            option,
            "a time such as 300ms, 2.5ms, 1s or 100us",
            |value| {
                scaled(
                    value,
                    &[
                        ("usecs", 1),
                        ("usec", 1),
                        ("us", 1),
                        ("msecs", 1_000),
                        ("msec", 1_000),
                        ("ms", 1_000),
                        ("secs", 1_000_000),
                        ("sec", 1_000_000),
                        ("s", 1_000_000),
                        ("", 1),
                    ],
                )
                .filter(|&us| us > 0)
            },
        )
    }

    /// Bytes: `4mb`, `512kb`, `1000b`, `65536`. A k is 1024, as for `tc`.
    pub fn size(&mut self, option: &str) -> Result<u32, BadArguments> {
        self.parsed(option, "a size such as 4mb, 512kb or 65536", |value| {
            scaled(
                &value.to_ascii_lowercase(),
                &[
                    ("gbit", 1 << 27),
                    ("mbit", 1 << 17),
                    ("kbit", 1 << 7),
                    ("gb", 1 << 30),
                    ("mb", 1 << 20),
                    ("kb", 1 << 10),
                    ("g", 1 << 30),
                    ("m", 1 << 20),
                    ("k", 1 << 10),
                    ("b", 1),
                    ("", 1),
                ],
            )
        })
    }

    /// Decimal, or hexadecimal with `0x`.
    pub fn number(&mut self, option: &str) -> Result<u32, BadArguments> {
        self.parsed(option, "a number", number)
    }

    /// An integer from a range.
    pub fn integer(&mut self, option: &str, low: i32, high: i32) -> Result<i32, BadArguments> {
        let wants = format!("an integer from {low} to {high}");
        self.parsed(option, &wants, |value| {
            value.parse().ok().filter(|v| (low..=high).contains(v))
        })
    }

    /// Two numbers of one byte with a slash between.
    pub fn masked(&mut self, option: &str) -> Result<(u8, u8), BadArguments> {
        self.parsed(option, "VALUE/MASK, each up to 0xff", |text| {
            let (value, mask) = text.split_once('/')?;
            Some((
                u8::try_from(number(value)?).ok()?,
                u8::try_from(number(mask)?).ok()?,
            ))
        })
    }
}

fn number(text: &str) -> Option<u32> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
            u32::from_str_radix(digits, 16).ok()
        }
        Some(_) => None,
        None => digits(text),
    }
}

fn digits(text: &str) -> Option<u32> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

/// A decimal with a unit, as an integer of the smallest one, rounded down. The first unit that ends it counts.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u32> {
    let (figures, unit) = units
        .iter()
        .find_map(|&(name, unit)| Some((text.strip_suffix(name)?, unit)))?;
    let (whole, fraction) = figures.split_once('.').unwrap_or((figures, ""));
    if whole.len() > 10 || fraction.len() > 9 || (figures.contains('.') && fraction.is_empty()) {
        return None;
    }
    let all = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all(whole) || !all(fraction) {
        return None;
    }
    let whole: u64 = whole.parse().ok()?;
    let part: u64 = if fraction.is_empty() {
        0
    } else {
        fraction.parse().ok()?
    };
    let scale = 10u64.pow(fraction.len() as u32);
    let total = whole
        .checked_mul(unit)?
        .checked_add(part.checked_mul(unit)? / scale)?;
    u32::try_from(total).ok()
}

/// Microseconds as `tc` takes them: in the largest unit that is exact.
pub(super) fn time(us: u32) -> String {
    match us {
        0 => "0us".to_owned(),
        _ if us.is_multiple_of(1_000_000) => format!("{}s", us / 1_000_000),
        _ if us.is_multiple_of(1_000) => format!("{}ms", us / 1_000),
        _ => format!("{us}us"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_read_as_tc_reads_them() {
        for (text, us) in [
            ("300ms", Some(300_000)),
            ("2.5ms", Some(2_500)),
            ("1s", Some(1_000_000)),
            ("1sec", Some(1_000_000)),
            ("100us", Some(100)),
            ("100", Some(100)),
            ("0ms", None),
            ("0.1us", None),
            ("ms", None),
            (".5ms", None),
            ("5.ms", None),
            ("-5ms", None),
            ("5000s", None),
            ("99999999999", None),
            ("1e3", None),
            ("5 ms", None),
            ("5µs", None),
        ] {
            let got = Words::new("cake", text).time("rtt").ok();
            let want = if text == "5 ms" { Some(5) } else { us };
            assert_eq!(got, want, "{text}");
        }
        for (text, bytes) in [
            ("4mb", Some(4 << 20)),
            ("4Mb", Some(4 << 20)),
            ("1.5kb", Some(1536)),
            ("65536", Some(65_536)),
            ("10b", Some(10)),
            ("8kbit", Some(1024)),
            ("4gb", None),
            ("4tb", None),
        ] {
            assert_eq!(
                Words::new("cake", text).size("memlimit").ok(),
                bytes,
                "{text}"
            );
        }
    }

    #[test]
    fn a_time_is_written_so_that_it_is_read_again() {
        for us in [
            1,
            999,
            1_000,
            2_500,
            300_000,
            1_000_000,
            1_000_001,
            u32::MAX,
        ] {
            assert_eq!(Words::new("cake", &time(us)).time("rtt"), Ok(us));
        }
    }
}
