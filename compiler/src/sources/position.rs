//! Coordinates as people and CRMs write them: two decimal numbers, or one text with both. Shared by the sources; knows
//! no field names.
//!
//! Nothing, and 0, 0 (what a form says that nobody filled in: a place in the sea off Africa) are no position and not worth
//! a word. What is no number, out of range, half or in the wrong order is left out and said so: a wrong place on a map is
//! worse than none, and never a reason to lose the record.

use std::borrow::Cow;

use crate::ir::position::Position;
use crate::sources::json::field::{Kind, Raw, shorten};
use crate::sources::notes::Notes;
use crate::units::parse_rate;

/// Millionths in a degree.
const DEGREE: u64 = 1_000_000;

/// Which of the two numbers is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Axis {
    Latitude,
    Longitude,
}

/// Why there is no position, and in which of the two numbers that shows.
pub type Wrong = (Axis, String);

/// From two texts; empty is missing.
pub fn parse(latitude: &str, longitude: &str) -> Result<Option<Position>, Wrong> {
    let (latitude, longitude) = (latitude.trim(), longitude.trim());
    match (latitude.is_empty(), longitude.is_empty()) {
        (true, true) => return Ok(None),
        (true, false) => return Err((Axis::Longitude, "stands without a latitude".into())),
        (false, true) => return Err((Axis::Latitude, "stands without a longitude".into())),
        (false, false) => {}
    }
    let number = |axis, text: &str| {
        degrees(text).ok_or_else(|| {
            (
                axis,
                format!("is no number of degrees (\"{}\")", shorten(text)),
            )
        })
    };
    let north = number(Axis::Latitude, latitude)?;
    let east = number(Axis::Longitude, longitude)?;
    let fits = |value: i64, most: i64| value.abs() <= most * DEGREE as i64;
    if !fits(north, 90) && fits(north, 180) && fits(east, 90) {
        let what = "is beyond a pole: latitude and longitude seem to be swapped";
        return Err((Axis::Latitude, what.into()));
    }
    for (axis, value, most, text) in [
        (Axis::Latitude, north, 90, latitude),
        (Axis::Longitude, east, 180, longitude),
    ] {
        if !fits(value, most) {
            let what = format!("is {}, and goes from -{most} to {most}", shorten(text));
            return Err((axis, what));
        }
    }
    let narrow = |value: i64| i32::try_from(value).ok();
    Ok(narrow(north)
        .zip(narrow(east))
        .and_then(|(latitude, longitude)| {
            let set = (latitude, longitude) != (0, 0);
            set.then_some(Position {
                latitude,
                longitude,
            })
        }))
}

/// From one text with both: latitude first, a comma, semicolon or blank between them.
pub fn parse_pair(text: &str) -> Result<Option<Position>, Wrong> {
    let separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
    let parts: Vec<&str> = text.split(separator).filter(|p| !p.is_empty()).collect();
    match parts.as_slice() {
        [] => Ok(None),
        [latitude, longitude] => parse(latitude, longitude),
        _ => Err((
            Axis::Latitude,
            format!("is no latitude and longitude (\"{}\")", shorten(text)),
        )),
    }
}

/// Millionths of a degree, rounded; `None` where it is no number. What is too large to be one is some number that is out
/// of range.
fn degrees(text: &str) -> Option<i64> {
    let (sign, body) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    if !body.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    match parse_rate(body, (DEGREE, 1)) {
        Ok(value) => i64::try_from(value.0).ok().map(|value| sign * value),
        Err(crate::units::BadRate::TooLarge) => Some(i64::MAX),
        Err(_) => None,
    }
}

/// From two fields of a JSON record, with a note when they are odd.
pub fn of_fields(
    notes: &mut Notes<'_>,
    routes: [impl Into<Cow<'static, str>>; 2],
    latitude: Raw<'_>,
    longitude: Raw<'_>,
) -> Option<Position> {
    let [north, east] = routes.map(Into::into);
    let latitude = written(notes, north.clone(), latitude)?;
    let longitude = written(notes, east.clone(), longitude)?;
    match parse(&latitude, &longitude) {
        Ok(position) => position,
        Err((axis, what)) => {
            let route = match axis {
                Axis::Latitude => north,
                Axis::Longitude => east,
            };
            notes.odd(route, format!("{what}; left out"));
            None
        }
    }
}

/// From one field with both.
pub fn of_pair(
    notes: &mut Notes<'_>,
    route: impl Into<Cow<'static, str>>,
    raw: Raw<'_>,
) -> Option<Position> {
    let route = route.into();
    let text = written(notes, route.clone(), raw)?;
    match parse_pair(&text) {
        Ok(position) => position,
        Err((_, what)) => {
            notes.odd(route, format!("{what}; left out"));
            None
        }
    }
}

/// A number as it is written, or the content of a text; empty when there is nothing.
fn written<'a>(
    notes: &mut Notes<'_>,
    route: Cow<'static, str>,
    raw: Raw<'a>,
) -> Option<Cow<'a, str>> {
    match raw.kind() {
        Kind::Missing => Some(Cow::Borrowed("")),
        Kind::Number => Some(String::from_utf8_lossy(raw.bytes())),
        _ => notes.take(route, raw.text()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_exactly() {
        let at = |latitude, longitude| {
            Ok(Some(Position {
                latitude,
                longitude,
            }))
        };
        assert_eq!(parse("44.9531", "-117.1021"), at(44_953_100, -117_102_100));
        assert_eq!(
            parse(" 39.102000000000004 ", "-105.5"),
            at(39_102_000, -105_500_000)
        );
        assert_eq!(parse("90", "-180"), at(90_000_000, -180_000_000));
        assert_eq!(parse("+1e1", "2.5E-1"), at(10_000_000, 250_000));
        assert_eq!(parse("0", "7.5"), at(0, 7_500_000));
        assert_eq!(parse_pair("44.95, -117.1"), at(44_950_000, -117_100_000));
        assert_eq!(
            parse_pair("45.0440;-117.2000"),
            at(45_044_000, -117_200_000)
        );
        assert_eq!(parse_pair("45.1 -117.2"), at(45_100_000, -117_200_000));
    }

    #[test]
    fn what_nobody_filled_in_is_no_position_and_no_problem() {
        for (latitude, longitude) in [
            ("", ""),
            ("0", "0"),
            ("0.0", "-0"),
            ("0.0000001", "0"),
            (" ", " "),
        ] {
            assert_eq!(
                parse(latitude, longitude),
                Ok(None),
                "{latitude} {longitude}"
            );
        }
        for text in ["", " ", ",", "0,0", "0.0, 0.0"] {
            assert_eq!(parse_pair(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn hostile_numbers_are_no_place() {
        for (latitude, longitude, axis, said) in [
            ("NaN", "1", Axis::Latitude, "no number"),
            ("1", "inf", Axis::Longitude, "no number"),
            ("999", "1", Axis::Latitude, "from -90 to 90"),
            ("1", "999", Axis::Longitude, "from -180 to 180"),
            ("1e400", "1", Axis::Latitude, "from -90 to 90"),
            ("-117.1", "44.9", Axis::Latitude, "swapped"),
            ("44.9", "", Axis::Latitude, "without a longitude"),
            ("", "44.9", Axis::Longitude, "without a latitude"),
            ("--1", "1", Axis::Latitude, "no number"),
            ("44°57'N", "1", Axis::Latitude, "no number"),
            ("\u{202e}1", "1", Axis::Latitude, "no number"),
        ] {
            let (at, what) = parse(latitude, longitude).expect_err(latitude);
            assert!(
                at == axis && what.contains(said),
                "{latitude} {longitude}: {what}"
            );
        }
        for text in [
            "here",
            "1,2,3",
            "44.9",
            "999,1",
            "-117.1,44.9",
            "1;",
            "NaN,NaN",
        ] {
            assert!(parse_pair(text).is_err(), "{text}");
        }
        let long = "9".repeat(100_000);
        assert!(parse(&long, &long).is_err());
    }
}
