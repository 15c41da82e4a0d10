//! Text files as spreadsheets and Windows programs save them, into UTF-8. It knows bytes, not what they say;
//! the reading shore calls it before a file enters the source map, so that every position is a position in
//! UTF-8.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

/// UTF-8 as it is (a byte order mark stays, readers skip it); anything else converted, with the name of the
/// encoding it had. A file that is UTF-8 but for a few bytes stays as it is too: a reader reports those bytes,
/// and a conversion would garble all the others.
pub fn transcode(bytes: Vec<u8>) -> (Vec<u8>, Option<&'static str>) {
    match foreign(&bytes) {
        None => (bytes, None),
        Some(encoding) => {
            // Removes the byte order mark, and never fails: what cannot be decoded becomes U+FFFD.
            let (text, used, _) = encoding.decode(&bytes);
            match text {
                // Only ASCII borrows, and ASCII is UTF-8.
                Cow::Borrowed(_) => (bytes, None),
                Cow::Owned(text) => (text.into_bytes(), Some(used.name())),
            }
        }
    }
}

/// The encoding of text that is not UTF-8.
fn foreign(bytes: &[u8]) -> Option<&'static Encoding> {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return (encoding != encoding_rs::UTF_8).then_some(encoding);
    }
    if let Some(encoding) = unmarked_utf16(bytes) {
        return Some(encoding);
    }
    if is_mostly_utf8(bytes) {
        return None;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
    detector.feed(bytes, true);
    Some(detector.guess(None, Utf8Detection::Deny))
}

/// UTF-16 without a byte order mark: text that starts with two ASCII characters has a zero in every other byte.
fn unmarked_utf16(bytes: &[u8]) -> Option<&'static Encoding> {
    let head = bytes.get(..4)?;
    if !bytes.len().is_multiple_of(2) {
        return None;
    }
    match head {
        [a, 0, b, 0] if *a != 0 && *b != 0 => Some(UTF_16LE),
        [0, a, 0, b] if *a != 0 && *b != 0 => Some(UTF_16BE),
        _ => None,
    }
}

fn is_mostly_utf8(bytes: &[u8]) -> bool {
    if std::str::from_utf8(bytes).is_ok() {
        return true;
    }
    let (mut good, mut bad) = (0_usize, 0_usize);
    for chunk in bytes.utf8_chunks() {
        good += chunk.valid().chars().filter(|c| !c.is_ascii()).count();
        bad += usize::from(!chunk.invalid().is_empty());
    }
    good > bad
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn utf16(text: &str, order: fn(u16) -> [u8; 2]) -> Vec<u8> {
        text.encode_utf16().flat_map(order).collect()
    }

    #[test]
    fn every_encoding_of_one_text_gives_that_text() {
        let text = "Circuit ID,Circuit Name\r\nC-1,Peña Málaga\r\nC-2,Café Müller\r\n";
        for (bytes, want) in [
            (text.as_bytes().to_vec(), None),
            (
                utf16(&format!("\u{feff}{text}"), u16::to_le_bytes),
                Some("UTF-16LE"),
            ),
            (
                utf16(&format!("\u{feff}{text}"), u16::to_be_bytes),
                Some("UTF-16BE"),
            ),
            (utf16(text, u16::to_le_bytes), Some("UTF-16LE")),
            (utf16(text, u16::to_be_bytes), Some("UTF-16BE")),
            (
                encoding_rs::WINDOWS_1252.encode(text).0.into_owned(),
                Some("windows-1252"),
            ),
        ] {
            let (got, name) = transcode(bytes);
            assert_eq!(
                (String::from_utf8(got).unwrap().as_str(), name),
                (text, want)
            );
        }
    }

    #[test]
    fn other_alphabets_are_told_apart() {
        let text = "Circuit ID,Circuit Name\nC-1,Улица Строителей 25\nC-2,Северный район\n";
        let bytes = encoding_rs::WINDOWS_1251.encode(text).0.into_owned();
        let (got, name) = transcode(bytes);
        assert_eq!(String::from_utf8(got).unwrap(), text);
        assert_eq!(name, Some("windows-1251"));
    }

    #[test]
    fn utf8_stays_whatever_it_holds() {
        for bytes in [
            &b""[..],
            b"\xEF\xBB\xBFa,b",
            "李 Wei, Peña \u{0} ".as_bytes(),
            b"Caf\xC3\xA9, M\xC3\xBCller, and one bad byte: \xFF",
        ] {
            assert_eq!(transcode(bytes.to_vec()), (bytes.to_vec(), None));
        }
    }

    proptest! {
        #[test]
        fn what_comes_out_of_a_conversion_is_utf8(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let (got, name) = transcode(bytes.clone());
            match name {
                Some(_) => prop_assert!(String::from_utf8(got).is_ok()),
                None => prop_assert_eq!(got, bytes),
            }
        }
    }
}
