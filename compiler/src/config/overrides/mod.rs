//! `overrides.toml`, resolved: what an operator wants otherwise than the sources say, field by field, each with its
//! reason and its place. Whether what it names exists is not known here; `normalize::overlay` sees that.

mod reader;

use std::fmt::Write as _;
use std::path::Path;

use weir_store::sha256;

use crate::config::check::Check;
use crate::config::date::Date;
use crate::config::error::ConfigError;
use crate::config::overrides::reader::Reader;
use crate::config::overrides_file::File;
use crate::config::value::Span;
use crate::config::{schema, written};
use crate::ir::field::{Field, FieldValue};
use crate::ir::records::{Origin, Place, SubjectKind};
use crate::source_map::SourceMap;

pub const FILE_NAME: &str = "overrides.toml";

/// All of them, in the order of kind and file.
#[derive(Clone, Default, Debug)]
pub struct Overrides {
    /// `overrides.toml`, as a place; `None` when there is no such file.
    pub file: Option<Origin>,
    pub entries: Vec<Override>,
    /// SHA-256 of what they say, lower-case hex; comments and layout do not count. `None` when there are none.
    pub digest: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Override {
    /// Circuit, node or link.
    pub kind: SubjectKind,
    pub id: String,
    /// The device that its addresses belong to.
    pub device: Option<String>,
    pub reason: String,
    pub owner: Option<String>,
    /// The last day on which it applies.
    pub expires: Option<Date>,
    /// At least one, each field once.
    pub changes: Vec<Change>,
    /// Its table, as a route: `circuit.0`.
    pub route: String,
    /// Bytes of its table.
    span: Span,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    pub field: Field,
    pub value: FieldValue,
    /// What the sources said when it was written.
    pub was: Option<FieldValue>,
}

impl Overrides {
    /// Where a key of an entry stands; the entry itself for "".
    ///
    /// # Panics
    /// When there is no file: then there are no entries to ask for.
    pub fn place(&self, entry: usize, key: &str) -> Place {
        let file = self.file.expect("entries come from a file");
        let route = &self.entries[entry].route;
        match key {
            "" => file.at(route.clone()),
            key => file.at(format!("{route}.{key}")),
        }
    }
}

impl Overrides {
    /// An entry as a record.
    ///
    /// # Panics
    /// When there is no file: then there are no entries to ask for.
    pub fn origin(&self, entry: usize) -> Origin {
        let file = self.file.expect("entries come from a file");
        let span = &self.entries[entry].span;
        Origin {
            start: span.start as u64,
            len: u32::try_from(span.len()).unwrap_or(u32::MAX),
            ..file
        }
    }
}

impl Override {
    /// Its last day is over ([`Date::is_over`]). Where no day is known, nothing is.
    pub fn is_expired(&self, as_of: Option<Date>) -> bool {
        self.expires
            .zip(as_of)
            .is_some_and(|(last, today)| last.is_over(today))
    }
}

/// Reads `overrides.toml` in the directory of a project. No file is no overrides.
pub(super) fn load(dir: &Path, files: &mut SourceMap) -> Result<Overrides, ConfigError> {
    match written::text(dir, FILE_NAME)? {
        Some(text) => load_str(&text, files),
        None => Ok(Overrides::default()),
    }
}

/// Reads overrides from the text of their file.
pub fn load_str(text: &str, files: &mut SourceMap) -> Result<Overrides, ConfigError> {
    let fail = |problems| ConfigError::new(FILE_NAME, text.to_owned(), problems);
    let file = written::read::<File>(text, &schema::OVERRIDES)
        .1
        .map_err(fail)?;
    let mut reader = Reader {
        check: Check {
            text,
            problems: Vec::new(),
        },
        entries: Vec::new(),
    };
    reader.file(&file);
    if !reader.check.problems.is_empty() {
        return Err(fail(reader.check.problems));
    }
    let entries = reader.entries;
    let id = files.add(written::source_file(FILE_NAME, text));
    Ok(Overrides {
        file: Some(files.whole(id)),
        digest: (!entries.is_empty()).then(|| sha256(canonical(&entries).as_bytes())),
        entries,
    })
}

/// What overrides say, without their layout.
fn canonical(entries: &[Override]) -> String {
    let mut text = String::from("weir.overrides/1\n");
    for entry in entries {
        let Override {
            kind,
            id,
            device,
            reason,
            owner,
            expires,
            changes,
            route: _,
            span: _,
        } = entry;
        let expires = expires.map(|day| day.to_string());
        let _ = writeln!(
            text,
            "{} {id:?} {device:?} {reason:?} {owner:?} {expires:?}",
            kind.word()
        );
        for change in changes {
            let Change { field, value, was } = change;
            let _ = writeln!(text, "  {} {value:?} {was:?}", field.key());
        }
    }
    text
}

/// A prefix; a host without its length.
pub fn shown(net: &ipnet::IpNet) -> String {
    match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
    }
}

/// Fields that an override of a kind may change, sorted as they are written.
pub fn fields(kind: SubjectKind) -> &'static [Field] {
    match kind {
        SubjectKind::Circuit => &[
            Field::Addresses,
            Field::AddressesAdd,
            Field::AddressesRemove,
            Field::Commit,
            Field::Exclude,
            Field::Max,
            Field::Min,
            Field::Name,
            Field::Parent,
            Field::Plan,
            Field::Qdisc,
            Field::State,
        ],
        SubjectKind::Node => &[
            Field::Capacity,
            Field::Exclude,
            Field::Kind,
            Field::Name,
            Field::Parent,
            Field::Virtual,
        ],
        SubjectKind::Link => &[Field::Capacity, Field::Cost, Field::State],
        SubjectKind::Device | SubjectKind::Source | SubjectKind::Setting => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Overrides, ConfigError> {
        load_str(text, &mut SourceMap::default())
    }

    #[test]
    fn an_override_is_read_with_its_reason_its_end_and_what_was() {
        let text = "# kept\n[[circuit]]\nid = \"c1\"\nreason = \"gift\"\nexpires = 2026-12-31\nplan_mbps = [100, 20.5]\n\
                    addresses_add = [\"2001:db8::/56\", \"100.64.0.7\"]\nwas = { plan_mbps = 50 }\n\
                    [[link]]\nid = \"L1\"\nreason = \"r\"\nowner = \"kim\"\nstate = \"down\"\n";
        let overrides = load(text).expect("overrides");
        let [circuit, link] = overrides.entries.as_slice() else {
            panic!("two entries");
        };
        assert_eq!(circuit.expires, Date::parse("2026-12-31"));
        let told = |entry: &Override| -> Vec<String> {
            let change = |c: &Change| {
                let was = c.was.as_ref().map(ToString::to_string);
                format!("{} {} {}", c.field.key(), c.value, was.unwrap_or_default())
            };
            entry.changes.iter().map(change).collect()
        };
        assert_eq!(
            told(circuit),
            [
                "addresses_add 100.64.0.7, 2001:db8::/56 ",
                "plan_mbps 100/20.5 Mbit/s 50/50 Mbit/s"
            ]
        );
        assert_eq!(told(link), ["state down "]);
        assert_eq!(link.owner.as_deref(), Some("kim"));
        // Comments and layout are no content.
        let again = text.replace("# kept\n", "\n\n");
        assert_eq!(load(&again).expect("overrides").digest, overrides.digest);
        let other = text.replace("gift", "present");
        assert_ne!(load(&other).expect("overrides").digest, overrides.digest);
        assert_eq!(load("").expect("nothing").digest, None);
    }

    #[test]
    fn the_end_is_the_last_day_with() {
        let text = "[[node]]\nid = \"n\"\nreason = \"r\"\nexpires = \"2026-12-31\"\nname = \"N\"\n";
        let overrides = load(text).expect("overrides");
        for (day, over) in [
            ("2026-12-30", false),
            ("2026-12-31", false),
            ("2027-01-01", true),
        ] {
            assert_eq!(
                overrides.entries[0].is_expired(Date::parse(day)),
                over,
                "{day}"
            );
        }
        assert!(!overrides.entries[0].is_expired(None));
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line_and_a_way_out() {
        let head = "[[circuit]]\nid = \"c1\"\nreason = \"r\"\n";
        for (text, line, says) in [
            (
                "[[circuit]]\nid = \"c1\"\nplan_mbps = 5\n",
                1,
                "has no `reason`",
            ),
            (
                "[[circuit]]\nreason = \"r\"\nplan_mbps = 5\n",
                1,
                "has no `id`",
            ),
            (
                "[[circuit]]\nid = \"c1\"\nreason = \"r\"\n",
                1,
                "changes nothing",
            ),
            (
                "[[circuits]]\nid = \"c1\"\n",
                1,
                "unknown table `[[circuits]]`",
            ),
            (&format!("{head}plan_mpbs = 5\n"), 4, "plan_mbps"),
            (&format!("{head}plan_mbps = \"5\"\n"), 4, "must be a number"),
            (
                &format!("{head}plan_mbps = 0\n"),
                4,
                "must be greater than 0",
            ),
            (&format!("{head}state = \"supended\"\n"), 4, "suspended"),
            (
                &format!("{head}expires = 2026-12-31T10:00:00\nname = \"x\"\n"),
                4,
                "is not a day",
            ),
            (
                &format!("{head}expires = \"soon\"\nname = \"x\"\n"),
                4,
                "is not a day",
            ),
            (
                &format!("{head}addresses = [\"10.0.0.1/24\"]\n"),
                4,
                "which is no address",
            ),
            (
                &format!("{head}device = \"d\"\nname = \"x\"\n"),
                4,
                "no addresses are",
            ),
            (
                &format!("{head}name = \"x\"\nwas = {{ plan_mbps = 5 }}\n"),
                1,
                "is not overridden",
            ),
            (
                &format!("{head}name = \"x\"\n\n{head}name = \"y\"\n"),
                6,
                "overridden twice: in line 1 too",
            ),
            (&format!("{head}name = \n"), 4, "not valid TOML"),
        ] {
            let error = load(text).expect_err(text);
            assert_eq!(
                error.position().map(|(line, _)| line),
                Some(line),
                "{text}\n{error}"
            );
            let said = format!("{} {}", error.message, error.help);
            assert!(said.contains(says), "{text}\n{said}");
            assert_eq!(error.file(), FILE_NAME);
        }
    }
}
