//! An address table as people review it: a line a prefix, with the class it leads to and whose it is. The first line
//! is that of the payload text (`docs/artifacts.md`), so the listing stands for exactly these bytes. Circuits are
//! named by id and not by their number in the table, which moves with every circuit before them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde::de::IgnoredAny;
use weir_abi::table::{Direction, Entry, Page, Prefix, Table, check, entries, from_bytes};
use weir_schemas::artifact::{CLASSIFIER, CLASSIFIER_SCHEMA};

use crate::emit::sha256;

/// The name under which it is kept.
pub const NAME: &str = "classifier.txt";

/// All that is needed of `tree.json`.
#[derive(Deserialize)]
struct Ids {
    #[serde(default)]
    circuits: BTreeMap<String, IgnoredAny>,
}

/// `table`: `classifier.bin`; `tree`: `tree.json` of the same artifact. Total: of bytes that are no table there is the
/// digest, and what is wrong with them.
pub fn listing(table: &[u8], tree: &[u8]) -> String {
    let mut out = format!("file {CLASSIFIER} {CLASSIFIER_SCHEMA} {}\n", sha256(table));
    let ids: Vec<String> = serde_json::from_slice::<Ids>(tree)
        .map(|tree| tree.circuits.into_keys().collect())
        .unwrap_or_default();
    let image = from_bytes(table).and_then(|image| check(&image).map(|_| image));
    match image {
        Ok(image) => lines(&image, &ids, &mut out),
        Err(fault) => {
            let _ = writeln!(out, "not a table: {fault}");
        }
    }
    out
}

/// IPv4 first; prefixes by address, the shorter first.
fn lines(image: &[Page], ids: &[String], out: &mut String) {
    let Some(table) = Table::open(image) else {
        return;
    };
    for (n, queue) in (0..=u16::MAX).map_while(|n| Some((n, table.queue(n)?))) {
        let _ = writeln!(
            out,
            "queue {n} majors {:x} {:x} tx {} {}",
            queue.major_down, queue.major_up, queue.tx_down, queue.tx_up
        );
    }
    let mut held: Vec<(Prefix, Entry)> = entries(image).collect();
    held.sort_unstable();
    for (prefix, entry) in held {
        let class = |direction| {
            let queue = table.queue(entry.queue);
            queue.map_or_else(String::new, |q| q.class(entry, direction).to_string())
        };
        let id = match ids.get(entry.circuit as usize) {
            // Quoted, so that a line is a line.
            Some(id) => serde_json::json!(id).to_string(),
            None => format!("number {}", entry.circuit),
        };
        let _ = writeln!(
            out,
            "{prefix} class {} {} circuit {id}",
            class(Direction::Down),
            class(Direction::Up),
        );
    }
}

/// The digest of the table that a listing stands for, as far as it is one.
pub fn digest(listing: &[u8]) -> Option<String> {
    let first = listing.split(|byte| *byte == b'\n').next()?;
    let first = std::str::from_utf8(first).ok()?.trim_end();
    let digest = first
        .strip_prefix("file ")?
        .strip_prefix(CLASSIFIER)?
        .strip_prefix(' ')?
        .strip_prefix(CLASSIFIER_SCHEMA)?
        .strip_prefix(' ')?;
    Some(digest.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emit::testing::World;
    use weir_schemas::artifact::TREE;

    #[test]
    fn a_listing_names_every_prefix_its_class_and_its_circuit() {
        let set = World::small().emit(&[]);
        let bytes = set.file(CLASSIFIER).expect("a table");
        let text = listing(bytes, set.file(TREE).expect("a tree"));
        let (first, rest) = text.split_once('\n').expect("lines");
        assert_eq!(
            first,
            format!("file classifier.bin weir.classifier/1 {}", sha256(bytes))
        );
        assert_eq!(digest(text.as_bytes()), Some(sha256(bytes)));
        assert_eq!(
            digest(text.replace('\n', "\r\n").as_bytes()),
            Some(sha256(bytes))
        );
        assert_eq!(
            rest,
            "queue 0 majors 1 1 tx 0 0\n\
             queue 1 majors 3 3 tx 1 1\n\
             100.64.0.2/32 class 1:1000 1:1000 circuit \"c1\"\n\
             100.64.0.3/32 class 1:1001 1:1001 circuit \"c2\"\n\
             100.64.0.4/32 class 1:1002 1:1002 circuit \"c3\"\n\
             100.64.0.5/32 class 3:1003 3:1003 circuit \"c4\"\n\
             203.0.113.8/29 class 1:1001 1:1001 circuit \"c2\"\n\
             2001:db8:1::/56 class 1:1000 1:1000 circuit \"c1\"\n"
        );
    }

    #[test]
    fn what_is_no_table_is_told_with_its_digest() {
        let text = listing(b"", b"");
        assert!(text.starts_with("file classifier.bin weir.classifier/1 e3b0c442"));
        assert!(text.ends_with("\nnot a table: it is not as long as it says\n"));
        assert_eq!(digest(b"file tree.json x y"), None);
    }
}
