//! One wrong field never costs more than its own record: for every source, every record of an export and every field
//! of it, the field is taken away, emptied or filled with something else, and whatever does not depend on that record
//! comes out as before. What depends on a record is what changes when the record is taken away altogether (with the
//! other records about the same customer, where a source says it in pieces), and what it names by its id.
//!
//! To put another source under this test: one line in `SOURCES`.
//!
//! `MUTATIONS=all` tries all of them where a plain run takes an even sample of the large exports.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Map, Value, json};
use weir_compiler::ir::records::{CircuitRecord, Records};
use weir_compiler::sources;
use weir_compiler::testing::Memory;

struct Source {
    kind: &'static str,
    /// Directory of a recorded export, from the root of the repository.
    export: &'static str,
    /// Where the records stand in the files of a collection that are not plain lists: (collection, JSON pointer). A
    /// collection of many names has a `*` in its name; one with several lists has a line for each.
    lists: &'static [(&'static str, &'static str)],
    /// The field that says whom a record is about, where several records of several collections are about one
    /// customer: all of them have a part in what is made of the customer. Also what a `*` stands for.
    about: Option<&'static str>,
    /// What the kind needs in `weir.toml`.
    settings: &'static str,
}

/// A list of records in JSON, as the mapping of a table says it.
const TABLE: &str = "[source.table]\nfile = \"libreqos.json\"\nrecords = \"/customers\"\ncircuit = \"subscriber_id\"\n\
    name = \"customerName\"\naddresses = [\"ip\", \"ipv6\"]\nmac = \"mac\"\nparent = \"zone\"\ndownload = \"download\"\n\
    upload = \"/upload\"\n\
    [source.table.nodes]\nfile = \"libreqos.json\"\nrecords = \"/zones\"\nid = \"name\"\n\
    download = \"capacity_download_mbps\"\nupload = \"capacity_upload_mbps\"\n";

/// Sorted by kind.
static SOURCES: &[Source] = &[
    Source {
        kind: "inventory",
        export: "golden/inventory-dirty/exports",
        lists: &[
            ("inventory", "/circuits"),
            ("inventory", "/links"),
            ("inventory", "/nodes"),
        ],
        about: None,
        settings: "",
    },
    Source {
        kind: "netzur",
        export: "golden/netzur-basin/exports",
        lists: &[("libreqos", "/customers"), ("libreqos", "/zones")],
        about: None,
        settings: "",
    },
    Source {
        kind: "powercode",
        export: "golden/powercode-ridgeline/exports",
        lists: &[],
        about: None,
        settings: "",
    },
    Source {
        kind: "sonar",
        export: "golden/sonar-ridgeline/exports",
        lists: &[
            ("account-statuses", "/data/account_statuses/entities"),
            ("accounts", "/data/accounts/entities"),
            ("network-sites", "/data/network_sites/entities"),
        ],
        about: None,
        settings: "",
    },
    Source {
        kind: "splynx",
        export: "golden/splynx-basin/exports",
        lists: &[],
        about: None,
        settings: "",
    },
    Source {
        kind: "table",
        export: "golden/netzur-basin/exports",
        lists: &[("libreqos", "/customers"), ("libreqos", "/zones")],
        about: None,
        settings: TABLE,
    },
    Source {
        kind: "uisp",
        export: "examples/quickstart/exports/uisp",
        lists: &[],
        about: None,
        settings: "",
    },
    Source {
        kind: "visp",
        export: "golden/visp-basin/exports",
        lists: &[
            // Not `assemblies`: they find their customer by a name that is one only while no other has it. Nor
            // `equipment`: several pieces of it say together which sites there are.
            ("bulk", "/data/customerCPEwithWirelessServiceSpeeds"),
            ("customer-*-services", "/data/rows"),
            ("online", "/data/onlineUsers"),
            ("subscribers", "/data/rows"),
        ],
        about: Some("customer_id"),
        settings: "",
    },
    Source {
        kind: "wispgate",
        export: "golden/wispgate-basin/exports",
        lists: &[],
        about: None,
        settings: "",
    },
];

/// How many mutations of one source a plain run tries.
const SAMPLE: usize = 400;
/// One in so many goes through the whole compiler.
const COMPILED: usize = 50;

type Files = BTreeMap<String, Value>;

/// A record: its file and its position in the list there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct At {
    file: String,
    list: String,
    index: usize,
}

/// A field below a record, as a JSON pointer, and what is put there (`None`: it is taken away).
struct Mutation {
    at: At,
    field: String,
    value: Option<Value>,
}

impl Source {
    fn files(&self) -> Files {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(self.export);
        let mut files = Files::new();
        for entry in fs::read_dir(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
            let path = entry.expect("an entry").path();
            let name = path.file_name().expect("a name").to_string_lossy();
            let text = fs::read(&path).expect("a file");
            if let Ok(value) = serde_json::from_slice(&text) {
                files.insert(name.into_owned(), value);
            }
        }
        files
    }

    fn records(&self, files: &Files) -> Vec<At> {
        let mut records = Vec::new();
        for (file, value) in files {
            let collection = file.split('.').next().unwrap_or_default();
            let mut lists: Vec<&str> = (self.lists.iter())
                .filter(|(name, _)| is(collection, name))
                .map(|(_, pointer)| *pointer)
                .collect();
            if lists.is_empty() {
                lists.push("");
            }
            for list in lists {
                let rows = value.pointer(list).and_then(Value::as_array);
                for index in 0..rows.map_or(0, Vec::len) {
                    records.push(At {
                        file: file.clone(),
                        list: list.to_owned(),
                        index,
                    });
                }
            }
        }
        records
    }

    /// Whom a record is about, where that is said.
    fn about(&self, files: &Files, at: &At) -> Option<String> {
        let record = &files[&at.file].pointer(&at.list)?[at.index];
        let field = record.get(self.about?);
        let star = || {
            let collection = at.file.split('.').next()?;
            self.lists.iter().find_map(|(name, _)| {
                let (start, end) = name.split_once('*')?;
                let id = collection.strip_prefix(start)?.strip_suffix(end)?;
                Some(id.to_owned())
            })
        };
        field
            .map(|id| id.to_string().replace('"', ""))
            .or_else(star)
    }

    fn bytes(files: &Files) -> BTreeMap<String, Arc<Vec<u8>>> {
        (files.iter())
            .map(|(name, value)| (name.clone(), Arc::new(value.to_string().into_bytes())))
            .collect()
    }

    fn project(&self, files: &BTreeMap<String, Arc<Vec<u8>>>) -> Memory {
        let files: Vec<(&str, &[u8])> = (files.iter())
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        Memory::new(self.kind, &files, self.settings).expect("a project")
    }

    fn lower(&self, files: &BTreeMap<String, Arc<Vec<u8>>>) -> Records {
        let memory = self.project(files);
        sources::lower(
            &memory.project.sources[0],
            &memory.exports.exports[0],
            &memory.files,
        )
    }

    /// The whole compiler.
    fn compile(&self, files: &BTreeMap<String, Arc<Vec<u8>>>) {
        self.project(files).compile(None);
    }
}

/// Whether a collection goes by a name, or by one with a `*` in it.
fn is(collection: &str, name: &str) -> bool {
    match name.split_once('*') {
        None => collection == name,
        Some((start, end)) => collection.starts_with(start) && collection.ends_with(end),
    }
}

/// Everything a record says but where it stands: by circuit id.
fn circuits(records: &Records) -> BTreeMap<String, String> {
    (records.circuits.iter())
        .map(|c| (c.id.to_string(), said(c)))
        .collect()
}

fn said(c: &CircuitRecord) -> String {
    let devices: Vec<_> = c
        .devices
        .iter()
        .map(|d| (&d.id, &d.name, &d.mac, &d.claims))
        .collect();
    format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {devices:?}",
        c.name, c.attach, c.plan, c.burst, c.burst_bytes, c.commit, c.state, c.comment
    )
}

fn list<'a>(file: &'a mut Value, at: &At) -> &'a mut Vec<Value> {
    file.pointer_mut(&at.list)
        .and_then(Value::as_array_mut)
        .expect("a list of records")
}

/// Every field below a value, the fields of fields too.
fn fields(value: &Value, below: &str, out: &mut Vec<String>) {
    let mut add = |key: &str, value: &Value| {
        let field = format!("{below}/{}", key.replace('~', "~0").replace('/', "~1"));
        fields(value, &field, out);
        out.push(field);
    };
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| add(key, value)),
        Value::Array(items) => (0..)
            .zip(items)
            .for_each(|(i, item): (usize, _)| add(&i.to_string(), item)),
        _ => {}
    }
}

/// Every number and text in a value.
fn scalars(value: &Value, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => members.values().for_each(|v| scalars(v, out)),
        Value::Array(items) => items.iter().for_each(|v| scalars(v, out)),
        Value::String(text) => drop(out.insert(text.clone())),
        Value::Number(number) => drop(out.insert(number.to_string())),
        Value::Bool(_) | Value::Null => {}
    }
}

/// What a field may turn into. None of it names another record.
fn mutations(at: &At, field: &str, was: &Value) -> Vec<Mutation> {
    let hostile = "\u{202e}\u{0}'; DROP TABLE --\n\"<b>,#&\u{1f4a5} ";
    let mut values = vec![
        None,
        Some(Value::Null),
        Some(json!(true)),
        Some(json!([[], {"id": [null]}])),
        Some(json!({"id": {"name": []}})),
        Some(json!(18_446_744_073_709_551_615u64)),
        Some(json!(-1.5e300)),
        Some(json!(hostile)),
        Some(json!("x".repeat(5000))),
        Some(json!("")),
    ];
    // The value itself in another type.
    match was {
        Value::Number(number) => values.push(Some(json!(number.to_string()))),
        Value::String(text) => {
            values.extend(text.parse::<u64>().ok().map(|number| Some(json!(number))))
        }
        Value::Array(items) => values.push(Some(Value::Object(
            (items.iter().enumerate())
                .map(|(i, item)| (i.to_string(), item.clone()))
                .collect::<Map<_, _>>(),
        ))),
        _ => {}
    }
    values
        .into_iter()
        .filter(|value| value.as_ref() != Some(was))
        .map(|value| Mutation {
            at: at.clone(),
            field: field.to_owned(),
            value,
        })
        .collect()
}

/// The file of a record, with the record mutated.
fn mutated(files: &Files, mutation: &Mutation) -> Arc<Vec<u8>> {
    let mut file = files[&mutation.at.file].clone();
    let record = &mut list(&mut file, &mutation.at)[mutation.at.index];
    let (parent, key) = mutation.field.rsplit_once('/').expect("a pointer");
    let key = key.replace("~1", "/").replace("~0", "~");
    match (
        record.pointer_mut(parent).expect("a field"),
        &mutation.value,
    ) {
        (Value::Object(members), None) => drop(members.remove(&key)),
        (Value::Object(members), Some(value)) => drop(members.insert(key, value.clone())),
        (Value::Array(items), None) => drop(items.remove(key.parse().expect("a position"))),
        (Value::Array(items), Some(value)) => {
            items[key.parse::<usize>().expect("a position")] = value.clone();
        }
        _ => panic!("{} holds nothing", mutation.field),
    }
    Arc::new(file.to_string().into_bytes())
}

/// An even sample: every field and every kind of mutation has its turn, whatever their order.
fn sample(all: Vec<Mutation>) -> Vec<Mutation> {
    if std::env::var_os("MUTATIONS").is_some_and(|v| v == "all") || all.len() <= SAMPLE {
        return all;
    }
    // A stride without small factors does not fall into step with records, fields or values.
    let stride = (all.len() / SAMPLE) | 1;
    let stride = (stride..)
        .step_by(2)
        .find(|n| [3, 5, 7, 11, 13].iter().all(|p| n % p != 0 || n == p))
        .unwrap_or(stride);
    all.into_iter().step_by(stride).collect()
}

#[test]
fn a_wrong_field_costs_its_own_record_at_most() {
    for source in SOURCES {
        let files = source.files();
        let bytes = Source::bytes(&files);
        let with = |at: &At, file: Arc<Vec<u8>>| {
            let mut bytes = bytes.clone();
            bytes.insert(at.file.clone(), file);
            bytes
        };
        let base = source.lower(&bytes);
        let want = circuits(&base);
        assert!(!want.is_empty(), "{} has no circuits", source.export);

        let records = source.records(&files);
        let everything: Vec<Mutation> = (records.iter())
            .flat_map(|at| {
                let record = &files[&at.file].pointer(&at.list).expect("a list")[at.index];
                let mut below = Vec::new();
                fields(record, "", &mut below);
                below
                    .iter()
                    .flat_map(|field| mutations(at, field, record.pointer(field).expect("a field")))
                    .collect::<Vec<_>>()
            })
            .collect();
        let chosen = sample(everything);

        // What each record has a part in.
        let touched: BTreeSet<&At> = chosen.iter().map(|m| &m.at).collect();
        let touched: Vec<&At> = touched.into_iter().collect();
        let part: BTreeMap<&At, BTreeSet<&str>> = touched
            .par_iter()
            .map(|at| {
                let about = source.about(&files, at);
                let gone = (records.iter()).filter(|other| {
                    other == at || (about.is_some() && source.about(&files, other) == about)
                });
                let mut changed: BTreeMap<&str, Value> = BTreeMap::new();
                // From the end, so that positions stay what they are.
                for at in gone.rev() {
                    let file = changed.entry(&at.file);
                    let file = file.or_insert_with(|| files[&at.file].clone());
                    list(file, at).remove(at.index);
                }
                let mut bytes = bytes.clone();
                bytes.extend(changed.iter().map(|(name, file)| {
                    ((*name).to_owned(), Arc::new(file.to_string().into_bytes()))
                }));
                let left = circuits(&source.lower(&bytes));
                let mut named = BTreeSet::new();
                let record = &files[&at.file].pointer(&at.list).expect("a list")[at.index];
                scalars(record, &mut named);
                let own = (want.iter())
                    .filter(|(id, said)| left.get(*id) != Some(said) || named.contains(*id))
                    .map(|(id, _)| id.as_str())
                    .collect();
                (*at, own)
            })
            .collect();

        let wrong: Vec<String> = (chosen.par_iter().enumerate())
            .filter_map(|(n, mutation)| {
                let bytes = with(&mutation.at, mutated(&files, mutation));
                let records = source.lower(&bytes);
                let got = circuits(&records);
                let own = &part[&mutation.at];
                let what = || {
                    let At { file, index, .. } = &mutation.at;
                    let value = match &mutation.value {
                        None => "taken away".to_owned(),
                        Some(value) => format!("set to {:.60}", value.to_string()),
                    };
                    format!(
                        "{}: record {index} of {file}, {} {value}",
                        source.kind, mutation.field
                    )
                };
                if let Some((id, said)) = (want.iter())
                    .find(|(id, said)| !own.contains(id.as_str()) && got.get(*id) != Some(said))
                {
                    return Some(format!(
                        "{}: changes {id}\n  from {said}\n  to   {:?}",
                        what(),
                        got.get(id)
                    ));
                }
                // Of one record several parts may be put aside.
                let put_aside = |records: &Records| {
                    let aside = records.evidence.quarantined.iter();
                    aside.map(|q| q.place.origin).collect::<BTreeSet<_>>().len()
                };
                if put_aside(&records) > put_aside(&base) + 1 {
                    return Some(format!("{}: puts aside other records too", what()));
                }
                if records.evidence.unreadable.len() > base.evidence.unreadable.len() {
                    return Some(format!("{}: gives up the file", what()));
                }
                if n % COMPILED == 0 {
                    source.compile(&bytes);
                }
                None
            })
            .collect();
        assert!(
            wrong.is_empty(),
            "{} of {} mutations:\n{}",
            wrong.len(),
            chosen.len(),
            wrong
                .iter()
                .take(12)
                .cloned()
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
}
