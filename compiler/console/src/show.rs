//! Numbers and times as people read them. Each type is the bare value in JSON and text on a page, so a page and its
//! twin cannot say different things.

use std::fmt::{self, Display, Formatter};

use jiff::Timestamp;
use serde::Serialize;

/// `[download, upload]`.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(from = "[T; 2]", into = "[T; 2]")]
#[serde(bound(serialize = "T: Serialize + Clone"))]
pub struct Both<T: Clone> {
    pub down: T,
    pub up: T,
}

impl<T: Clone> From<Both<T>> for [T; 2] {
    fn from(both: Both<T>) -> Self {
        [both.down, both.up]
    }
}

impl<T: Clone> From<[T; 2]> for Both<T> {
    fn from([down, up]: [T; 2]) -> Self {
        Both { down, up }
    }
}

impl Both<Rate> {
    pub fn rates(pair: [u64; 2]) -> Self {
        pair.map(Rate).into()
    }
}

impl Both<Option<Rate>> {
    pub fn maybe(pair: [Option<u64>; 2]) -> Self {
        pair.map(|kbps| kbps.map(Rate)).into()
    }
}

/// kbit/s.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[serde(transparent)]
pub struct Rate(pub u64);

/// At most three digits after the point, and no more than there are.
fn thousandths(f: &mut Formatter<'_>, number: u64, unit: u64, name: &str) -> fmt::Result {
    let whole = number / unit;
    let rest = u128::from(number % unit) * 1000 / u128::from(unit);
    let digits = format!("{rest:03}");
    let digits = digits.trim_end_matches('0');
    match digits.is_empty() {
        true => write!(f, "{whole} {name}"),
        false => write!(f, "{whole}.{digits} {name}"),
    }
}

impl Display for Rate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{} kbps", self.0),
            1_000..1_000_000 => thousandths(f, self.0, 1_000, "Mbps"),
            1_000_000..1_000_000_000 => thousandths(f, self.0, 1_000_000, "Gbps"),
            _ => thousandths(f, self.0, 1_000_000_000, "Tbps"),
        }
    }
}

/// Bytes.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[serde(transparent)]
pub struct Bytes(pub u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut unit = 1u64;
        let names = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
        let mut at = 0;
        while self.0 / unit >= 1024 && at + 1 < names.len() {
            unit *= 1024;
            at += 1;
        }
        let tenths = u128::from(self.0) * 10 / u128::from(unit);
        match at == 0 || tenths >= 1000 || tenths % 10 == 0 {
            true => write!(f, "{} {}", tenths / 10, names[at]),
            false => write!(f, "{}.{} {}", tenths / 10, tenths % 10, names[at]),
        }
    }
}

/// A number of things, with its thousands apart.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[serde(transparent)]
pub struct Count(pub u64);

impl Count {
    pub fn of(length: usize) -> Self {
        Count(u64::try_from(length).unwrap_or(u64::MAX))
    }

    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    pub fn is_one(self) -> bool {
        self.0 == 1
    }
}

impl Display for Count {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i) % 3 == 0 {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

/// Seconds that something takes, or is old. Two units are enough.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[serde(transparent)]
pub struct Lasting(pub u64);

impl Display for Lasting {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
        let first = units.iter().position(|(unit, _)| self.0 >= *unit);
        let Some(first) = first else {
            return f.write_str("0 s");
        };
        let (unit, name) = units[first];
        write!(f, "{} {name}", self.0 / unit)?;
        if let Some((small, name)) = units.get(first + 1) {
            let rest = self.0 % unit / small;
            if rest > 0 && self.0 / unit < 10 {
                write!(f, " {rest} {name}")?;
            }
        }
        Ok(())
    }
}

/// Milliseconds that something took.
#[derive(Serialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[serde(transparent)]
pub struct Took(pub u64);

impl Display for Took {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            0..1_000 => write!(f, "{} ms", self.0),
            1_000..60_000 => write!(f, "{}.{} s", self.0 / 1_000, self.0 % 1_000 / 100),
            _ => Lasting(self.0 / 1_000).fmt(f),
        }
    }
}

/// A time as RFC 3339, UTC. On pages it is shown to the second, with how long ago that was.
#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[serde(transparent)]
pub struct Time(pub String);

impl Time {
    /// `2026-11-30 08:14:36`; the text itself where it is no time.
    pub fn short(&self) -> String {
        match self.0.parse::<Timestamp>() {
            Ok(time) => time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
            Err(_) => self.0.clone(),
        }
    }

    /// `3 min 4 s ago`, `in 12 min`, and nothing where it is no time.
    pub fn ago(&self) -> String {
        let Ok(time) = self.0.parse::<Timestamp>() else {
            return String::new();
        };
        let seconds = Timestamp::now().as_second() - time.as_second();
        match u64::try_from(seconds) {
            Ok(0..2) => "now".to_owned(),
            Ok(seconds) => format!("{} ago", Lasting(seconds)),
            Err(_) => format!("in {}", Lasting(seconds.unsigned_abs())),
        }
    }

    pub fn age_seconds(&self) -> Option<u64> {
        let time = self.0.parse::<Timestamp>().ok()?;
        u64::try_from(Timestamp::now().as_second() - time.as_second()).ok()
    }
}

impl Display for Time {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

/// A payload digest: whole in JSON and in addresses, its first twelve digits on a page.
#[derive(Serialize, Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
#[serde(transparent)]
pub struct Digest(pub String);

impl Digest {
    pub fn whole(&self) -> &str {
        &self.0
    }
}

impl Display for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(weir_store::channel::short(&self.0))
    }
}

/// Text that came from outside, for a page: characters that turn the direction of text or cannot be seen are shown as
/// what they are, and no line is longer than anybody reads. Escaping is left to the template.
pub fn tame(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut tame = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == LONGEST {
            tame.push('…');
            break;
        }
        match is_unseen(c) {
            true => tame.extend(c.escape_unicode()),
            false => tame.push(c),
        }
    }
    tame
}

/// A character that nobody sees, or that turns the text around it.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text of several lines, for `<pre>`.
pub fn tame_lines(text: &str) -> String {
    let line = |line: &str| -> String {
        let keep = |c: char| match is_unseen(c) && c != '\t' {
            true => c.escape_unicode().to_string(),
            false => c.to_string(),
        };
        line.chars().map(keep).collect()
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// A value in an address: everything but letters, digits and `-._~` is written as `%XX`.
pub fn encoded(text: &str) -> String {
    use fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
        out
    })
}

/// `used` in percent of `all`, 0 where there is nothing; more than 100 is possible.
pub fn percent(used: u64, all: u64) -> u64 {
    match all {
        0 => 0,
        _ => u64::try_from(u128::from(used) * 100 / u128::from(all)).unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_exact_or_cut_and_never_longer_than_they_are() {
        let rates = [
            (0, "0 kbps"),
            (999, "999 kbps"),
            (1_000, "1 Mbps"),
            (1_500, "1.5 Mbps"),
            (23_456, "23.456 Mbps"),
            (1_234_567, "1.234 Gbps"),
            (u64::MAX, "18446744073.709 Tbps"),
        ];
        for (kbps, want) in rates {
            assert_eq!(Rate(kbps).to_string(), want);
        }
        let bytes = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1 KiB"),
            (1536, "1.5 KiB"),
            (150 << 20, "150 MiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (count, want) in bytes {
            assert_eq!(Bytes(count).to_string(), want);
        }
        for (count, want) in [
            (0, "0"),
            (999, "999"),
            (1_000, "1,000"),
            (12_345_678, "12,345,678"),
        ] {
            assert_eq!(Count(count).to_string(), want);
        }
        for (seconds, want) in [
            (0, "0 s"),
            (59, "59 s"),
            (61, "1 min 1 s"),
            (600, "10 min"),
            (7_260, "2 h 1 min"),
            (864_000 + 3_600, "10 d"),
        ] {
            assert_eq!(Lasting(seconds).to_string(), want);
        }
        assert_eq!(Took(1_250).to_string(), "1.2 s");
        assert_eq!(serde_json::json!(Both::rates([1, 2])).to_string(), "[1,2]");
    }

    #[test]
    fn text_from_outside_turns_nothing_around() {
        assert_eq!(tame("a\u{202e}b\0"), "a\\u{202e}b\\u{0}");
        assert_eq!(tame("Zoë 東京"), "Zoë 東京");
        assert_eq!(tame(&"x".repeat(10_000)).chars().count(), 201);
        assert_eq!(tame_lines("a\r\n\tb\u{200b}"), "a\n\tb\\u{200b}");
        assert_eq!(encoded("a b/ä&\"'<"), "a%20b%2F%C3%A4%26%22%27%3C");
    }
}
