//! Lines for people, on stderr: with the levels of journald when it listens.

use std::io::{self, Write as _};
use std::sync::OnceLock;

use crate::agent::run::Level;

/// Writes a line. A log that cannot be written to is no reason to stop shaping.
pub fn line(level: Level, text: &str) {
    static JOURNAL: OnceLock<bool> = OnceLock::new();
    let journal = *JOURNAL.get_or_init(|| std::env::var_os("JOURNAL_STREAM").is_some());
    let _ = writeln!(io::stderr().lock(), "{}", shown(level, text, journal));
}

/// One line, whatever is in the text: names come from outside.
fn shown(level: Level, text: &str, journal: bool) -> String {
    let text: String = text
        .chars()
        .map(|c| if c == '\n' { ' ' } else { c })
        .filter(|c| !c.is_control())
        .collect();
    match (journal, level) {
        (true, level) => format!("<{}>{text}", level as u8),
        (false, Level::Error) => format!("error: {text}"),
        (false, Level::Warning) => format!("warning: {text}"),
        (false, _) => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_with_its_level() {
        assert_eq!(shown(Level::Error, "a\nb\x1b[31m", true), "<3>a b[31m");
        assert_eq!(shown(Level::Warning, "a", false), "warning: a");
        assert_eq!(shown(Level::Notice, "a", false), "a");
    }
}
