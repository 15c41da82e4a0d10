//! When recordings were made, and when it is. Nobody else knows of time.

/// What is known of time: instants in seconds since 1970, UTC, given from outside. The compiler has no clock.
#[derive(Clone, Default, Debug)]
pub struct Clock {
    /// When "now" is (`--as-of`). `None`: nothing is judged by its age.
    pub as_of: Option<i64>,
    /// By position in `ExportSet::exports`: when the oldest response of a source was recorded, where its
    /// `export.json` says so; of a source that is read over the network, when it was read for the last time.
    pub recorded: Vec<Option<i64>>,
}

impl Clock {
    /// Seconds since 1970 of `2026-03-01T12:00:00Z`, or of the first second of a day, `2026-03-01`.
    pub fn instant(text: &str) -> Option<i64> {
        let text = text.trim();
        let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
            let day = text.parse::<jiff::civil::Date>().ok()?;
            format!("{day}T00:00:00Z").parse().ok()
        })?;
        Some(instant.as_second())
    }

    /// The instant as people write it.
    pub fn text(seconds: i64) -> String {
        jiff::Timestamp::from_second(seconds)
            .map_or_else(|_| seconds.to_string(), |instant| instant.to_string())
    }
}
