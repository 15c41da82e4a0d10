//! A copy of a recording that may be shown to others: names, addresses and MACs are replaced, everything that decides
//! about the network stays. The copy lints and builds to the same shape.
//!
//! The same word becomes the same word everywhere, so joins by name hold. Addresses keep who contains whom (as in
//! Crypto-PAn), the special ranges they are in, and their last octet. The key is the recording itself: who has it needs
//! no copy, and who has not cannot try names out.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use hmac::{Hmac, Mac as _};
use ipnet::IpNet;
use sha2::{Digest as _, Sha256};

use crate::Recording;
use crate::collection::Root;
use crate::crm::Crm;
use crate::filter::{Shape, rewrite};
use crate::select::Selection;

/// Ranges that mean something: what is inside stays inside, and what is outside stays outside.
const SPECIAL: [&str; 20] = [
    "0.0.0.0/32",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "255.255.255.255/32",
    "::/127",
    "2001:db8::/32",
    "fc00::/7",
    "fe80::/10",
    "ff00::/8",
    "::ffff:0:0/96",
];

/// Words of names that decide something.
const KEPT: [&str; 13] = [
    "ap",
    "co",
    "company",
    "corp",
    "cpuequeue",
    "generated",
    "inc",
    "llc",
    "ltd",
    "orphans",
    "pn",
    "root",
    "site",
];

const SYLLABLES: [&str; 32] = [
    "ba", "be", "bo", "da", "de", "do", "fa", "fe", "ga", "go", "ka", "ke", "la", "le", "lo", "ma",
    "me", "mo", "na", "ne", "no", "pa", "pe", "ra", "re", "ro", "sa", "se", "ta", "te", "va", "vo",
];

/// Replaces the texts of one recording.
pub struct Redactor {
    key: [u8; 32],
    special: Vec<IpNet>,
    kept: BTreeSet<String>,
    digits: [u8; 10],
    words: RefCell<(BTreeMap<String, String>, BTreeSet<String>)>,
}

impl Redactor {
    /// `ranges` are prefixes that the project's settings name, `names` the nodes they name: both stay.
    pub fn new(recording: &Recording, ranges: &[IpNet], names: &[String]) -> Redactor {
        let mut hash = Sha256::new();
        hash.update(b"weir.redact/1");
        for (name, bytes) in &recording.files {
            hash.update(name.as_bytes());
            hash.update(bytes);
        }
        let special = SPECIAL.iter().filter_map(|net| net.parse().ok());
        let named = names
            .iter()
            .flat_map(|name| words(name))
            .map(str::to_lowercase);
        let mut redactor = Redactor {
            key: hash.finalize().into(),
            special: special.chain(ranges.iter().copied()).collect(),
            kept: KEPT
                .iter()
                .map(|word| (*word).to_owned())
                .chain(named)
                .collect(),
            digits: [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            words: RefCell::default(),
        };
        // A digit becomes a digit, and no two of them the same. 0 stays: ids may begin with it.
        let random = redactor.random(b"digits");
        for at in (2..10).rev() {
            redactor.digits.swap(at, 1 + usize::from(random[at]) % at);
        }
        redactor
    }

    fn random(&self, what: &[u8]) -> [u8; 32] {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("a key of any length will do");
        mac.update(what);
        mac.finalize().into_bytes().into()
    }

    /// A text of the recording. `private`: it names people or places.
    pub fn text(&self, text: &str, private: bool) -> String {
        if let Some(mac) = self.mac(text) {
            return mac;
        }
        let mut out = String::new();
        let separator = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
        let mut any = false;
        for piece in text.split_inclusive(separator) {
            let bare = piece.trim_end_matches(separator);
            match self.address(bare) {
                Some(address) => {
                    any = true;
                    out.push_str(&address);
                }
                None => out.push_str(&if private {
                    self.name(bare)
                } else {
                    bare.to_owned()
                }),
            }
            out.push_str(&piece[bare.len()..]);
        }
        match private || any {
            true => out,
            false => text.to_owned(),
        }
    }

    /// Word by word: punctuation, blanks and case stay.
    fn name(&self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            let end = if first.is_alphabetic() {
                rest.find(|c: char| !c.is_alphabetic())
                    .unwrap_or(rest.len())
            } else {
                first.len_utf8()
            };
            let (piece, after) = rest.split_at(end);
            match first {
                c if c.is_alphabetic() => out.push_str(&self.word(piece)),
                c if c.is_ascii_digit() => {
                    out.push(char::from(b'0' + self.digits[usize::from(c as u8 - b'0')]));
                }
                c => out.push(c),
            }
            rest = after;
        }
        out
    }

    fn word(&self, word: &str) -> String {
        let lower = word.to_lowercase();
        if self.kept.contains(&lower) {
            return word.to_owned();
        }
        let mut made = self.words.borrow_mut();
        let (made, used) = &mut *made;
        let pseudonym = made.entry(lower.clone()).or_insert_with(|| {
            let random = self.random(format!("word {lower}").as_bytes());
            let syllable = |at: usize| SYLLABLES[usize::from(random[at % 32]) % SYLLABLES.len()];
            let mut length = 3;
            loop {
                let word: String = (0..length).map(syllable).collect();
                length += 1;
                if used.insert(word.clone()) || length > 40 {
                    return word;
                }
            }
        });
        let upper = |c: char| c.is_uppercase();
        if word.chars().all(upper) && word.chars().count() > 1 {
            pseudonym.to_uppercase()
        } else if word.starts_with(upper) {
            let (first, rest) = pseudonym.split_at(1);
            format!("{}{rest}", first.to_uppercase())
        } else {
            pseudonym.clone()
        }
    }

    /// Twelve hexadecimal digits in any notation: the maker's half stays.
    fn mac(&self, text: &str) -> Option<String> {
        // Twelve digits and dots are an address as well.
        if text.parse::<IpAddr>().is_ok() {
            return None;
        }
        let digits: String = text.chars().filter(char::is_ascii_hexdigit).collect();
        let only = text
            .chars()
            .all(|c| c.is_ascii_hexdigit() || matches!(c, ':' | '-' | '.'));
        if digits.len() != 12 || !only || (text.len() != 12 && text.len() < 14) {
            return None;
        }
        let lower = digits.to_lowercase();
        // Zeroes and ones are no device.
        if lower == "000000000000" || lower == "ffffffffffff" {
            return Some(text.to_owned());
        }
        let random = self.random(format!("mac {lower}").as_bytes());
        let new: String = lower[..6]
            .chars()
            .chain(random[..3].iter().flat_map(|byte| {
                let pair = format!("{byte:02x}");
                pair.chars().collect::<Vec<_>>()
            }))
            .collect();
        let capital = digits.chars().any(|c| c.is_ascii_uppercase());
        let mut new = new.chars();
        Some(
            text.chars()
                .map(|c| match c.is_ascii_hexdigit() {
                    true => {
                        let digit = new.next().unwrap_or('0');
                        if capital {
                            digit.to_ascii_uppercase()
                        } else {
                            digit
                        }
                    }
                    false => c,
                })
                .collect(),
        )
    }

    /// An address or prefix as it was written, with other bits.
    fn address(&self, text: &str) -> Option<String> {
        let (address, rest) = match text.find('/') {
            Some(at) => text.split_at(at),
            None => (text, ""),
        };
        let address: IpAddr = address.parse().ok()?;
        if !rest.is_empty() && rest[1..].parse::<u8>().is_err() {
            return None;
        }
        Some(format!("{}{rest}", self.replaced(address)))
    }

    fn replaced(&self, address: IpAddr) -> IpAddr {
        match address {
            IpAddr::V4(v4) => {
                let bits = u128::from(u32::from(v4)) << 96;
                IpAddr::V4(Ipv4Addr::from((self.bits(bits, 32, 24) >> 96) as u32))
            }
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from(self.bits(u128::from(v6), 128, 64))),
        }
    }

    /// Each bit is turned over or not by the bits before it. Bits on the way to a special range, and those from `last`
    /// on, stay.
    fn bits(&self, address: u128, family: u8, last: u8) -> u128 {
        let top = |bits: u128, len: u8| match len {
            0 => 0,
            len => bits >> (128 - u32::from(len)) << (128 - u32::from(len)),
        };
        let special: Vec<(u128, u8)> = self
            .special
            .iter()
            .filter_map(|net| match net {
                IpNet::V4(v4) if family == 32 => {
                    Some((u128::from(u32::from(v4.network())) << 96, v4.prefix_len()))
                }
                IpNet::V6(v6) if family == 128 => Some((u128::from(v6.network()), v6.prefix_len())),
                _ => None,
            })
            .collect();
        let mut out = address;
        for at in 0..last {
            let before = top(address, at);
            if special
                .iter()
                .any(|(net, len)| at < *len && top(*net, at) == before)
            {
                continue;
            }
            let mut what = vec![family, at];
            what.extend_from_slice(&before.to_be_bytes());
            if self.random(&what)[0] & 1 == 1 {
                out ^= 1 << (127 - u32::from(at));
            }
        }
        out
    }
}

/// The runs of letters of a text.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
}

/// The recording with its names, addresses and MACs replaced.
pub fn redact(crm: &Crm, recording: &Recording, redactor: &Redactor) -> Result<Recording, String> {
    let mut redacted = recording.clone();
    redacted.export.instance = format!("https://{}.example", crm.kind);
    for (file, (name, bytes)) in redacted.export.files.iter_mut().zip(&mut redacted.files) {
        let collection = crm
            .collection(&file.collection)
            .ok_or_else(|| format!("{name} is of no collection of {}", crm.label))?;
        let selection = Selection::of(collection.keep);
        let shape = match collection.root {
            Root::List => Shape::List(selection),
            Root::Object => Shape::Object(selection),
        };
        *bytes = rewrite(bytes, &shape, &|text, private| redactor.text(text, private))
            .map_err(|error| format!("{name} is not what was recorded: {error}"))?;
        file.sha256 = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Requests may hold what was looked for.
        file.request = redactor.text(&file.request, false);
    }
    // What a server said may name whoever asked.
    for missing in &mut redacted.export.missing {
        missing.reason = "not read when this was recorded".to_owned();
    }
    let digest = Sha256::digest(redacted.export.digest_text());
    redacted.export.digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(redacted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn redactor() -> Redactor {
        let export = weir_schemas::export::Export {
            schema: String::new(),
            kind: String::new(),
            instance: String::new(),
            digest: String::new(),
            started: String::new(),
            finished: String::new(),
            complete: true,
            files: Vec::new(),
            missing: Vec::new(),
        };
        let recording = Recording {
            source: "crm".to_owned(),
            export,
            files: vec![("a".to_owned(), b"[]".to_vec())],
        };
        Redactor::new(
            &recording,
            &["10.9.0.0/16".parse().unwrap()],
            &["Core".to_owned()],
        )
    }

    #[test]
    fn names_change_word_by_word_and_what_decides_something_stays() {
        let redactor = redactor();
        let name = |text: &str| redactor.text(text, true);
        let full = name("Quill, Ada  LLC");
        assert!(
            full.ends_with("  LLC") && full.contains(", ") && !full.contains("Ada"),
            "{full}"
        );
        // First and last name apart are the same words.
        assert!(full.contains(&name("Ada")) && full.contains(&name("Quill")));
        assert_eq!(name("QUILL"), name("Quill").to_uppercase());
        assert_ne!(name("Sector 1"), name("Sector 2"));
        assert_eq!(name("Core"), "Core");
        assert_eq!(redactor.text("active", false), "active");
        assert!(name("Åsa").is_ascii());
    }

    #[test]
    fn macs_keep_their_notation_and_addresses_their_mask() {
        let redactor = redactor();
        let (a, b) = (
            redactor.text("02:4B:00:00:30:01", false),
            redactor.text("02-4b-00-00-30-01", false),
        );
        assert_eq!(a.to_lowercase().replace(':', "-"), b);
        assert!(a.starts_with("02:4B:00:") && a != "02:4B:00:00:30:01");
        let twelve = redactor.text("100.127.250.254", false);
        assert!(
            twelve.parse::<Ipv4Addr>().is_ok() && twelve != "100.127.250.254",
            "{twelve}"
        );
        let prefix = redactor.text("100.64.9.8/29, 100.64.9.1", false);
        assert!(
            prefix.contains("/29, 100.") && !prefix.contains("64.9."),
            "{prefix}"
        );
        for same in [
            "0.0.0.0",
            "255.255.255.255",
            "",
            "2.5Gbps-full",
            "1000-full",
            "5.0",
        ] {
            assert_eq!(redactor.text(same, false), same);
        }
    }

    proptest! {
        #[test]
        fn prefixes_contain_each_other_as_before(a: u32, b: u32, len in 0_u32..=32) {
            let redactor = redactor();
            let new = |bits: u32| match redactor.replaced(Ipv4Addr::from(bits).into()) {
                IpAddr::V4(v4) => u32::from(v4),
                IpAddr::V6(_) => unreachable!(),
            };
            let shared = |a: u32, b: u32| (a ^ b).leading_zeros();
            // The last octet stays as it is.
            let want = shared(a, b).min(if shared(a, b) >= 24 { 32 } else { 24 });
            prop_assert_eq!(shared(new(a), new(b)), want);
            let near = a ^ (1_u32.checked_shl(31_u32.saturating_sub(len)).unwrap_or(0));
            prop_assert_eq!(shared(new(a), new(near)), shared(a, near));
        }

        #[test]
        fn what_is_in_a_special_range_stays_there(bits: u32, v6: u128) {
            let redactor = redactor();
            for address in [IpAddr::V4(bits.into()), IpAddr::V6(v6.into())] {
                let new = redactor.replaced(address);
                for net in &redactor.special {
                    prop_assert_eq!(net.contains(&address), net.contains(&new), "{} {}", address, net);
                }
            }
        }
    }
}
