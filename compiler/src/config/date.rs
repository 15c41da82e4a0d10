//! Days of the calendar, as `YYYY-MM-DD`. What day it is, somebody else says.

use std::fmt;

use jiff::civil;

/// A day of the Gregorian calendar. Orders by time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date(civil::Date);

impl Date {
    pub fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let signed = |part: u8| i8::try_from(part).ok();
        let year = i16::try_from(year).ok()?;
        civil::Date::new(year, signed(month)?, signed(day)?)
            .ok()
            .map(Date)
    }

    /// `2026-12-31`, and nothing else.
    pub fn parse(text: &str) -> Option<Date> {
        let parts: Vec<&str> = text.split('-').collect();
        let [year, month, day] = parts.as_slice() else {
            return None;
        };
        let digits = |part: &str, n| part.len() == n && part.bytes().all(|b| b.is_ascii_digit());
        (digits(year, 4) && digits(month, 2) && digits(day, 2))
            .then(|| Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?))?
    }

    /// The day that a number of days after 1 January 1970 is.
    pub fn of_days(since_1970: u64) -> Option<Date> {
        let days = i64::try_from(since_1970).ok()?;
        let span = jiff::Span::new().try_days(days).ok()?;
        civil::date(1970, 1, 1).checked_add(span).ok().map(Date)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_the_calendar_are_read_and_others_are_not() {
        for text in ["2026-12-31", "2024-02-29", "2000-02-29", "0001-01-01"] {
            assert_eq!(Date::parse(text).expect(text).to_string(), text);
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "2026-4-1",
            "26-04-01",
            "2026-04-01T00:00:00",
            "+026-04-01",
            "",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
        assert!(Date::parse("2026-09-30") < Date::parse("2026-10-01"));
    }

    #[test]
    fn days_are_counted_from_1970() {
        for (days, want) in [
            (0, "1970-01-01"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (20_819, "2027-01-01"),
        ] {
            assert_eq!(Date::of_days(days).expect("a day").to_string(), want);
        }
        assert_eq!(Date::of_days(u64::MAX / 2), None);
    }
}
