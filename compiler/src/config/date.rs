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

    /// When something ends that says so: how people write it, and the first day, in UTC, that is wholly without it. A day is
    /// the last one with; of an instant such as `2026-12-31T00:00:00-0700` it is the day that begins then, or after it.
    pub fn end(text: &str) -> Option<(Box<str>, Option<Date>)> {
        let text = text.trim();
        if let Some(Date(day)) = Date::parse(text) {
            return Some((day.to_string().into(), day.tomorrow().ok().map(Date)));
        }
        let instant: jiff::Timestamp = text.parse().ok()?;
        let clock = jiff::tz::Offset::UTC.to_datetime(instant);
        let first = match clock.time() == civil::Time::midnight() {
            true => Some(clock.date()),
            false => clock.date().tomorrow().ok(),
        };
        Some((instant.to_string().into(), first.map(Date)))
    }

    /// What `expires` means, everywhere: this is the last day with, and `today` comes after it.
    pub fn is_over(self, today: Date) -> bool {
        self < today
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
    fn the_day_that_is_named_is_the_last_one_with() {
        let day = |text| Date::parse(text).expect("a day");
        for (today, over) in [
            ("2026-12-30", false),
            ("2026-12-31", false),
            ("2027-01-01", true),
        ] {
            assert_eq!(day("2026-12-31").is_over(day(today)), over, "{today}");
        }
    }

    #[test]
    fn an_end_is_a_last_day_or_an_instant() {
        let end = |text| {
            Date::end(text)
                .map(|(shown, first)| (shown.to_string(), first.expect(text).to_string()))
        };
        for (text, shown, first) in [
            ("2027-01-31", "2027-01-31", "2027-02-01"),
            (
                "2027-01-31T00:00:00+0000",
                "2027-01-31T00:00:00Z",
                "2027-01-31",
            ),
            ("2027-01-31T00:00:00Z", "2027-01-31T00:00:00Z", "2027-01-31"),
            (
                "2027-01-31T00:00:00-0700",
                "2027-01-31T07:00:00Z",
                "2027-02-01",
            ),
            (
                " 2027-01-31T17:00:00-07:00",
                "2027-02-01T00:00:00Z",
                "2027-02-01",
            ),
            (
                "2026-12-31T23:59:59.5+00:00",
                "2026-12-31T23:59:59.5Z",
                "2027-01-01",
            ),
        ] {
            assert_eq!(
                end(text),
                Some((shown.to_owned(), first.to_owned())),
                "{text}"
            );
        }
        for text in [
            "",
            "soon",
            "2027-02-30",
            "2027-01-31T25:00:00Z",
            "1798675200",
        ] {
            assert_eq!(end(text), None, "{text}");
        }
        assert_eq!(Date::end("9999-12-31").map(|(_, first)| first), Some(None));
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
