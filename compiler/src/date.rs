//! A calendar day. The compiler never asks what day it is: whoever runs it says so (`--as-of`).

use std::fmt;

/// A day of the Gregorian calendar; later days are greater.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl Date {
    /// `None` when there is no such day.
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let last = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => return None,
        };
        let fits = (1..=9999).contains(&year) && (1..=last).contains(&day);
        fits.then_some(Date { year, month, day })
    }

    /// `2027-01-31`, and nothing else.
    pub fn parse(text: &str) -> Option<Date> {
        let digits = |text: &str, n: usize| {
            (text.len() == n && text.bytes().all(|b| b.is_ascii_digit()))
                .then(|| text.parse::<u16>().ok())
                .flatten()
        };
        let mut parts = text.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let small = |text| digits(text, 2).and_then(|n| u8::try_from(n).ok());
        Date::new(digits(year, 4)?, small(month)?, small(day)?)
    }

    /// The day, in UTC, that holds a moment: seconds since the start of 1970.
    pub fn of_unix_seconds(seconds: u64) -> Option<Date> {
        let mut days = seconds / 86_400;
        let mut year: u16 = 1970;
        loop {
            let length = if Date::new(year, 2, 29).is_some() {
                366
            } else {
                365
            };
            if days < length {
                break;
            }
            days -= length;
            year = year.checked_add(1)?;
        }
        for month in 1..=12 {
            let length = (28..=31)
                .rev()
                .find(|d| Date::new(year, month, *d).is_some())?;
            if days < u64::from(length) {
                return Date::new(year, month, u8::try_from(days).ok()? + 1);
            }
            days -= u64::from(length);
        }
        None
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_read_as_they_are_written() {
        for text in ["2027-01-31", "2028-02-29", "2000-02-29", "0001-12-01"] {
            assert_eq!(Date::parse(text).expect(text).to_string(), text);
        }
        for text in [
            "",
            "2027-02-29",
            "1900-02-29",
            "2027-13-01",
            "2027-00-01",
            "2027-04-31",
            "2027-1-31",
            "27-01-31",
            "2027-01-31T00:00",
            "2027-01-31-1",
            "+027-01-31",
            "0000-01-01",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert!(Date::parse("2027-01-31") < Date::parse("2027-02-01"));
    }

    #[test]
    fn a_moment_has_a_day() {
        for (seconds, want) in [
            (0, "1970-01-01"),
            (86_399, "1970-01-01"),
            (86_400, "1970-01-02"),
            (951_782_400, "2000-02-29"),
            (1_735_689_599, "2024-12-31"),
            (1_735_689_600, "2025-01-01"),
        ] {
            assert_eq!(
                Date::of_unix_seconds(seconds).expect("a day").to_string(),
                want
            );
        }
        assert_eq!(Date::of_unix_seconds(u64::MAX), None);
    }
}
