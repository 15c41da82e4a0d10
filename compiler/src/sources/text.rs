//! Text that people typed: names without line breaks and control characters, hardware addresses in one form.
//! Shared by the sources; knows nothing of what a name belongs to.

use std::borrow::Cow;

/// A name fit for one line of any file, and what had to be cleaned. Outer blanks go without a word; inner ones
/// stay unless something else was wrong.
pub fn clean(text: &str) -> (Cow<'_, str>, Option<&'static str>) {
    let trimmed = text.trim();
    // Nearly every text; the compiler makes one pass of it.
    let plain = |fine, byte: u8| fine & (byte.wrapping_sub(b' ') < 0x7f - b' ');
    if trimmed.bytes().fold(true, plain) {
        return (Cow::Borrowed(trimmed), None);
    }
    let what = match trimmed {
        t if t.contains(['\n', '\r', '\u{2028}', '\u{2029}']) => "holds a line break",
        t if t.contains(is_control) => "holds control characters",
        t if t.contains(char::REPLACEMENT_CHARACTER) => "holds bytes that are not UTF-8",
        t => return (Cow::Borrowed(t), None),
    };
    let mut name = String::with_capacity(trimmed.len());
    for word in trimmed.split(|c: char| c.is_whitespace() || is_control(c)) {
        if !word.is_empty() {
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(word);
        }
    }
    (Cow::Owned(name), Some(what))
}

/// Control characters, and the invisible ones that reorder or break a line.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// `02:27:22:00:00:4c` for every usual way to write a hardware address; `None` for anything else.
pub fn mac(text: &str) -> Option<String> {
    let mut out = String::with_capacity(17);
    let mut digits = 0;
    for c in text.trim().chars() {
        match c {
            ':' | '-' | '.' => {}
            c if c.is_ascii_hexdigit() => {
                if digits > 0 && digits % 2 == 0 {
                    out.push(':');
                }
                out.push(c.to_ascii_lowercase());
                digits += 1;
            }
            _ => return None,
        }
    }
    (digits == 12).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_one_line() {
        for (text, name, what) in [
            ("A2  ARF1", "A2  ARF1", None),
            (" Acme ", "Acme", None),
            (
                "  Acme,\n\"LLC\"  ",
                "Acme, \"LLC\"",
                Some("holds a line break"),
            ),
            ("a\u{7}b\tc", "a b c", Some("holds control characters")),
            ("x\u{202e}y", "x y", Some("holds control characters")),
            (
                "M\u{fffd}ller  A",
                "M\u{fffd}ller A",
                Some("holds bytes that are not UTF-8"),
            ),
            ("", "", None),
        ] {
            let (got, why) = clean(text);
            assert_eq!((got.as_ref(), why), (name, what), "{text:?}");
        }
    }

    #[test]
    fn hardware_addresses_have_one_form() {
        for (text, want) in [
            ("02:27:22:AA:00:15", Some("02:27:22:aa:00:15")),
            ("022722aa0015", Some("02:27:22:aa:00:15")),
            ("02-27-22-AA-00-15", Some("02:27:22:aa:00:15")),
            ("0227.22aa.0015", Some("02:27:22:aa:00:15")),
            ("02:27:22", None),
            ("unknown", None),
            ("", None),
        ] {
            assert_eq!(mac(text).as_deref(), want, "{text}");
        }
    }
}
