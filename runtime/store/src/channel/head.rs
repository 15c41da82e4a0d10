//! The bytes of a head: written with a checksum over all of them, and refused when a single one has changed.

use weir_schemas::Published as _;
use weir_schemas::head::Head;

use crate::disk::sha256;

/// What stands before the checksum.
const KEY: &str = "\"check\": \"";
/// Its digits.
const DIGITS: usize = 64;
/// More than any head is.
const LONGEST: usize = 1 << 20;

/// The bytes of a head, with its checksum.
pub fn encode(head: &Head) -> Vec<u8> {
    let blank = Head {
        check: "0".repeat(DIGITS),
        ..head.clone()
    };
    let mut text = serde_json::to_string_pretty(&blank).expect("published types write to memory");
    text.push('\n');
    let check = sha256(text.as_bytes());
    // `schema` and `check` come first, so this is the key and no text of somebody's.
    let at = text.find(KEY).expect("a head has a checksum") + KEY.len();
    text.replace_range(at..at + DIGITS, &check);
    text.into_bytes()
}

/// A head, or what is wrong with these bytes.
pub fn decode(channel: &str, bytes: &[u8]) -> Result<Head, String> {
    if bytes.len() > LONGEST {
        return Err(format!("it has {} bytes, which no head has", bytes.len()));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not text".to_owned())?;
    // Which format it is comes first: the checksum of another may be elsewhere.
    let head: Head = weir_schemas::read(bytes).map_err(|error| error.to_string())?;
    let at = text.find(KEY).ok_or("it has no checksum")? + KEY.len();
    let stated = text.get(at..at + DIGITS).ok_or("its checksum is cut off")?;
    let mut blank = text.to_owned();
    blank.replace_range(at..at + DIGITS, &"0".repeat(DIGITS));
    let found = sha256(blank.as_bytes());
    if found != stated || head.check != stated {
        return Err(format!(
            "its checksum is {stated}, and its bytes have {found}: it was changed after it was written"
        ));
    }
    if head.channel != channel {
        return Err(format!("it is the head of channel {}", head.channel));
    }
    Ok(head)
}

/// The schema of heads, for whoever writes one.
pub(crate) fn schema() -> String {
    Head::SCHEMA.to_owned()
}

/// A channel is a file name, so its name is one: letters, digits, `-`, `_` and `.`.
pub fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && !name.starts_with(['.', '-'])
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::channel::testing::a_head;

    #[test]
    fn a_head_reads_as_it_was_written() {
        let head = a_head("production", 42);
        let read = decode("production", &encode(&head)).expect("reads");
        let check = read.check.clone();
        assert_eq!(read, Head { check, ..head });
    }

    /// Every bit of every byte, every length: nothing changed is taken for a head.
    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let bytes = encode(&a_head("production", 42));
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bad = bytes.clone();
                bad[at] ^= 1 << bit;
                assert!(decode("production", &bad).is_err(), "byte {at}, bit {bit}");
            }
            assert!(decode("production", &bytes[..at]).is_err(), "cut at {at}");
        }
        assert!(decode("lab", &bytes).is_err());
    }

    #[test]
    fn keys_of_a_newer_version_are_ignored_and_still_checked() {
        let head = a_head("production", 1);
        let text = String::from_utf8(encode(&head)).expect("text");
        let blank = text.replace(
            &decode("production", text.as_bytes()).expect("reads").check,
            &"0".repeat(DIGITS),
        );
        let more = blank.replacen("\"channel\"", "\"later\": 7,\n  \"channel\"", 1);
        let check = sha256(more.as_bytes());
        let good = more.replacen(&"0".repeat(DIGITS), &check, 1);
        assert_eq!(decode("production", good.as_bytes()).expect("reads").seq, 1);
        assert!(
            decode(
                "production",
                good.replace("\"later\": 7", "\"later\": 8").as_bytes()
            )
            .is_err()
        );
    }

    #[test]
    fn names_of_channels_are_safe_file_names() {
        for good in ["production", "lab-2", "edge_1.west", "a"] {
            assert!(is_name(good), "{good}");
        }
        for bad in [
            "",
            ".",
            "..",
            ".x",
            "-x",
            "a/b",
            "a b",
            "ä",
            &"x".repeat(65),
        ] {
            assert!(!is_name(bad), "{bad}");
        }
    }
}
