//! One value at a time: is it what its key takes, and what is it then?

use std::ops::RangeInclusive;

use ipnet::IpNet;

use crate::config::error::Problem;
use crate::config::suggest::nearest;
use crate::config::value::{At, Count, Decimal, PerDirection, Span, Word, Words};
use crate::ir::address::{ClaimValue, Form, sort_key};
use crate::lint::rule::Rule;
use crate::units::{BadRate, Kbps, MBPS, Pair, PerMille, parse_rate};

/// Judges values. A wrong one is noted and replaced by something harmless, so that the rest is judged too.
pub(super) struct Check<'t> {
    pub text: &'t str,
    pub problems: Vec<Problem>,
}

impl Check<'_> {
    pub fn problem(
        &mut self,
        span: Option<&Span>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.problems.push(Problem {
            message: message.into(),
            help: help.into(),
            span: span.cloned(),
        });
    }

    pub fn word<T: Words>(&mut self, key: &str, written: &Option<At<Word<T>>>, default: T) -> T {
        let found = written.as_ref().map(|word| self.lookup(key, word));
        found.flatten().unwrap_or(default)
    }

    pub fn lookup<T: Words>(&mut self, key: &str, written: &At<Word<T>>) -> Option<T> {
        let text = &written.value.text;
        let words = T::words();
        if let Some((_, meaning)) = words.iter().find(|(word, _)| word == text) {
            return Some(*meaning);
        }
        let hint = nearest(text, words.iter().map(|(word, _)| *word))
            .map(|near| format!("did you mean \"{near}\"? "))
            .unwrap_or_default();
        let words = list(words.iter().map(|(word, _)| word));
        self.problem(
            Some(&written.span),
            format!("`{key}` cannot be \"{text}\""),
            format!("{hint}it is one of {words}"),
        );
        None
    }

    /// A number as it stands in the file, without the underscores that TOML allows.
    pub fn literal(&self, span: &Span) -> String {
        let text = self.text.get(span.clone()).unwrap_or_default();
        text.replace('_', "")
    }

    /// Mbit/s. `least` is in kbit/s.
    pub fn mbps(
        &mut self,
        key: &str,
        written: &Option<At<Decimal>>,
        default: Kbps,
        least: u64,
    ) -> Kbps {
        match written {
            Some(written) => self.rate(key, &written.span, least).unwrap_or(default),
            None => default,
        }
    }

    pub fn gbps(&mut self, key: &str, written: &Option<At<Decimal>>, default: Kbps) -> Kbps {
        let Some(written) = written else {
            return default;
        };
        const GBPS: (u64, u64) = (1_000_000, 1);
        match parse_rate(&self.literal(&written.span), GBPS) {
            Ok(rate) if rate.0 > 0 => return rate,
            Ok(_) => self.problem(
                Some(&written.span),
                format!("`{key}` must be greater than 0"),
                "write Gbit/s as a decimal: 3 or 2.5",
            ),
            Err(bad) => self.problem(
                Some(&written.span),
                format!("`{key}` {}", bad.reason()),
                "write Gbit/s as a decimal: 3 or 2.5",
            ),
        }
        default
    }

    pub fn rate(&mut self, key: &str, span: &Span, least: u64) -> Option<Kbps> {
        let (message, help) = match parse_rate(&self.literal(span), MBPS) {
            Ok(rate) if rate.0 >= least => return Some(rate),
            Ok(_) => (
                format!("`{key}` must be greater than 0"),
                "the smallest rate is 0.001, 1 kbit/s",
            ),
            Err(bad) => (
                format!("`{key}` {}", bad.reason()),
                "write Mbit/s as a decimal: 940 or 0.5",
            ),
        };
        self.problem(Some(span), message, help);
        None
    }

    /// Download and upload, both above 0.
    pub fn pair(&mut self, key: &str, written: &Option<At<PerDirection>>) -> Option<Pair<Kbps>> {
        let written = written.as_ref()?;
        match &written.value {
            PerDirection::Both => self.rate(key, &written.span, 1).map(Pair::both),
            PerDirection::Each { down, up } => {
                let down = self.rate(key, &down.span, 1);
                let up = self.rate(key, &up.span, 1);
                Some(Pair::new(down?, up?))
            }
            PerDirection::Other(entries) => {
                self.problem(
                    Some(&written.span),
                    format!("`{key}` needs two entries, not {entries}"),
                    "write [download, upload], or one number for both",
                );
                None
            }
        }
    }

    /// A factor in thousandths, exact, at most `most`.
    pub fn factor(
        &mut self,
        key: &str,
        written: &Option<At<Decimal>>,
        default: PerMille,
        most: u32,
    ) -> PerMille {
        let Some(written) = written else {
            return default;
        };
        let text = self.literal(&written.span);
        // Mbit/s to kbit/s is the same step as one to thousandths.
        let (message, help) = match parse_rate(&text, MBPS) {
            Err(bad) if bad != BadRate::TooLarge => (
                format!("`{key}` {}", bad.reason()),
                "write a factor such as 1.1".to_owned(),
            ),
            Ok(_) if decimals(&text) > 3 => (
                format!("`{key}` has more than three decimals"),
                "factors count thousandths: write 1.125, not 1.1249".to_owned(),
            ),
            Ok(thousandths) if thousandths.0 <= u64::from(most) * 1000 => {
                return PerMille(thousandths.0 as u32);
            }
            _ => (
                format!("`{key}` is greater than {most}"),
                match most {
                    1 => "write a share: 0.1 is 10 %".to_owned(),
                    _ => "write a factor: 1.1 is 110 %".to_owned(),
                },
            ),
        };
        self.problem(Some(&written.span), message, help);
        default
    }

    pub fn count(
        &mut self,
        key: &str,
        written: &Option<At<Count>>,
        default: u64,
        range: RangeInclusive<u64>,
    ) -> u64 {
        let Some(written) = written else {
            return default;
        };
        let value = written.value.0;
        if range.contains(&value) {
            return value;
        }
        self.problem(
            Some(&written.span),
            format!("`{key}` is {value}"),
            format!("it goes from {} to {}", range.start(), range.end()),
        );
        default
    }

    pub fn count32(&mut self, key: &str, written: &Option<At<Count>>, default: u32) -> u32 {
        let range = 0..=u64::from(u32::MAX);
        self.count(key, written, u64::from(default), range) as u32
    }

    /// Text for people and for looking nodes up: not empty, in one line.
    pub fn label(&mut self, key: &str, written: &Option<At<String>>) -> Option<String> {
        let written = written.as_ref()?;
        self.one_label(key, written)
    }

    pub fn one_label(&mut self, key: &str, written: &At<String>) -> Option<String> {
        let text = written.value.trim();
        if !text.is_empty() && !text.contains(char::is_control) {
            return Some(text.to_owned());
        }
        self.problem(
            Some(&written.span),
            format!("`{key}` is empty or holds a control character"),
            "write it in one line, or leave it out",
        );
        None
    }

    /// A set: sorted, each once.
    pub fn labels(&mut self, key: &str, written: &Option<Vec<At<String>>>) -> Vec<String> {
        let mut labels: Vec<String> = written
            .iter()
            .flatten()
            .filter_map(|label| self.one_label(key, label))
            .collect();
        labels.sort();
        labels.dedup();
        labels
    }

    /// A name that becomes part of file names and ids.
    pub fn slug(&mut self, key: &str, written: &At<String>) -> Option<String> {
        let text = &written.value;
        let fine = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if (1..=64).contains(&text.len())
            && text.chars().all(fine)
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            return Some(text.clone());
        }
        let what = if key.contains(' ') {
            key.to_owned()
        } else {
            format!("`{key}`")
        };
        self.problem(
            Some(&written.span),
            format!("{what} cannot be \"{text}\""),
            "use 1 to 64 letters, digits, `-`, `_` and `.`, a letter or digit first",
        );
        None
    }

    /// A set of prefixes in the order of outputs. A bare address is a host.
    pub fn prefixes(&mut self, key: &str, written: &Option<Vec<At<String>>>) -> Vec<IpNet> {
        let mut prefixes = Vec::new();
        for entry in written.iter().flatten() {
            match ClaimValue::parse(&entry.value, Form::Prefix) {
                ClaimValue::Host(ip) => prefixes.push(IpNet::from(ip)),
                ClaimValue::Prefix(ip, len) => {
                    let Ok(net) = IpNet::new(ip, len) else {
                        continue;
                    };
                    prefixes.push(net.trunc());
                    if net.network() != ip {
                        self.problem(
                            Some(&entry.span),
                            format!("`{key}` holds {net}, which is an address inside a prefix"),
                            format!("write \"{}\" for the prefix, or \"{ip}\" for the one address", net.trunc()),
                        );
                    }
                }
                ClaimValue::Interface(..) | ClaimValue::Junk(_) => self.problem(
                    Some(&entry.span),
                    format!("`{key}` holds \"{}\", which is no prefix", entry.value.escape_debug()),
                    "write prefixes like \"100.64.0.0/10\" or \"2001:db8::/32\", each in its own quotes",
                ),
            }
        }
        prefixes.sort_by_key(sort_key);
        prefixes.dedup();
        prefixes
    }

    pub fn seconds(&mut self, key: &str, written: &Option<At<String>>, default: u64) -> u64 {
        let Some(written) = written else {
            return default;
        };
        seconds(&written.value).unwrap_or_else(|| {
            self.problem(
                Some(&written.span),
                format!("`{key}` is not a time"),
                "write a number and a unit, s, m, h, d or w: \"6h\", \"30m\"",
            );
            default
        })
    }

    pub fn bytes(&mut self, key: &str, written: &Option<At<String>>) -> u64 {
        let Some(written) = written else { return 0 };
        bytes(&written.value).unwrap_or_else(|| {
            self.problem(
                Some(&written.span),
                format!("`{key}` is not an amount of memory"),
                "write a whole number and a unit: \"32GiB\", \"512MiB\"",
            );
            0
        })
    }
}

/// Looks a rule up by code or name; the error is what to do.
pub(super) fn rule(rules: &[&'static Rule], key: &str) -> Result<&'static Rule, String> {
    if let Some(rule) = rules.iter().find(|r| r.code == key || r.name == key) {
        return Ok(rule);
    }
    let near = nearest(key, rules.iter().flat_map(|r| [r.name, r.code]));
    let hint = near
        .map(|near| format!("did you mean `{near}`? "))
        .unwrap_or_default();
    Err(format!("{hint}`weir rules` lists them"))
}

/// Decimal places that a number really has: 0 for `1.50e1`, 2 for `1.25`, 3 for `1e-3`.
fn decimals(text: &str) -> i64 {
    let text = text.trim_start_matches(['+', '-']);
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().unwrap_or(0);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return 0;
    }
    let zeros = (digits.len() - significant.len()) as i64;
    (fraction.len() as i64 - zeros).saturating_sub(exponent)
}

/// `90m`, `1h30m`.
pub fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = rest[..digits].parse().ok()?;
        let mut tail = rest[digits..].chars();
        let unit = match tail.next()? {
            's' => 1,
            'm' => 60,
            'h' => 3600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(unit)?)?;
        rest = tail.as_str();
    }
    (!text.trim().is_empty()).then_some(total)
}

/// `32GiB`, `32 GB`, `1024B`.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim_start().strip_suffix('B')?;
    let (base, power) = match unit {
        "" => (1, 1),
        "K" => (1000, 1),
        "M" => (1000, 2),
        "G" => (1000, 3),
        "T" => (1000, 4),
        "Ki" => (1024, 1),
        "Mi" => (1024, 2),
        "Gi" => (1024, 3),
        "Ti" => (1024, 4),
        _ => return None,
    };
    number.checked_mul(u64::pow(base, power))
}

pub(super) fn list<T: std::fmt::Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;
    use crate::lint::rule::Example;

    #[test]
    fn decimals_are_counted_as_they_count() {
        for (text, want) in [
            ("1", 0),
            ("1.500", 1),
            ("1.125", 3),
            ("1.1250", 3),
            ("1.0001", 4),
            ("1e-3", 3),
            ("1125e-3", 3),
            ("1.5e1", 0),
            ("1000e-6", 3),
            ("0.000000", 0),
            ("-0", 0),
            ("1e-99999999999999999999", 0),
        ] {
            assert_eq!(decimals(text).max(0), want, "{text}");
        }
    }

    #[test]
    fn times_and_amounts_of_memory() {
        for (text, want) in [
            ("6h", Some(21_600)),
            ("1h30m", Some(5400)),
            ("2w", Some(1_209_600)),
            ("0s", Some(0)),
            ("6", None),
            ("h", None),
            ("", None),
            ("1.5h", None),
            ("6 h", None),
            ("99999999999999999999s", None),
            ("99999999999999999w", None),
        ] {
            assert_eq!(seconds(text), want, "{text}");
        }
        for (text, want) in [
            ("32GiB", Some(34_359_738_368)),
            ("32 GB", Some(32_000_000_000)),
            ("1024B", Some(1024)),
            ("1KiB", Some(1024)),
            ("32", None),
            ("32G", None),
            ("GiB", None),
            ("1.5GiB", None),
            ("99999999TiB", None),
        ] {
            assert_eq!(bytes(text), want, "{text}");
        }
    }

    #[test]
    fn rules_are_found_by_code_and_by_name() {
        const EXAMPLE: Example = Example::inventory(&[], "");
        static RULE: Rule = Rule {
            code: "ADR001",
            name: "address-claimed-twice",
            default: Level::Error,
            contained: true,
            what: "",
            why: "",
            fix: "",
            bad: EXAMPLE,
            good: EXAMPLE,
            check: |_, _| {},
        };
        let rules = [&RULE];
        for key in ["ADR001", "address-claimed-twice"] {
            assert_eq!(rule(&rules, key).map(|r| r.code), Ok("ADR001"));
        }
        for (key, want) in [
            (
                "adress-claimed-twice",
                "did you mean `address-claimed-twice`? `weir rules` lists them",
            ),
            ("ADR01", "did you mean `ADR001`? `weir rules` lists them"),
            ("no-such-thing", "`weir rules` lists them"),
        ] {
            assert_eq!(rule(&rules, key).map(|r| r.code), Err(want.to_owned()));
        }
    }
}
