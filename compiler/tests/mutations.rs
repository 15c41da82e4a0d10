//! One wrong field never costs more than its own record: for every source, every record of an export and every field
//! of it, the field is taken away, emptied or filled with something else, and whatever does not depend on that record
//! comes out as before. What depends on a record is what changes when the record is taken away altogether (with the
//! other records about the same customer, where a source says it in pieces), and what it names by its id.
//!
//! To put another source under this test: one line in `SOURCES`. A sample file of the repository that is in none of them
//! fails `every_sample_is_mutated`.
//!
//! A plain run takes an even sample of the large exports. `MUTATIONS=all` tries all of them, well over 200,000;
//! `MUTATIONS=3/8` every eighth from the third on, so that eight such runs are all of them; and `MUTATIONS_OF=uisp` those of
//! one kind of source alone. What is found wrong is told of every source, not only of the first. With
//! `CARGO_PROFILE_TEST_OPT_LEVEL=1` all of them are a matter of minutes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;
use rayon::prelude::*;
use serde_json::{Map, Value, json};
use weir_compiler::id::FileId;
use weir_compiler::ir::records::{CircuitRecord, Origin, Records};
use weir_compiler::sources;
use weir_compiler::testing::Memory;
use weir_compiler::units::Pair;

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
    /// Where several records of one collection say together what is known of a thing (a site, a name), the field that says
    /// of which: (collection, field). It stands in place of `about`.
    together: &'static [(&'static str, &'static str)],
    /// What the records of a collection tell of a device of somebody: (collection, how the ids of such devices begin). The
    /// circuits of the customer who has the device are theirs to change: whose circuits have it, or whose record names it
    /// under `equipment`.
    devices: Option<(&'static str, &'static str)>,
    /// The header that the rows of a CSV file get in place of their own, for other generations of a format.
    header: Option<&'static str>,
    /// What the kind needs in `weir.toml`.
    settings: &'static str,
    /// How many mutations a plain run tries.
    sample: usize,
}

/// A plain list of records a file, each about itself.
const PLAIN: Source = Source {
    kind: "",
    export: "",
    lists: &[],
    about: None,
    together: &[],
    devices: None,
    header: None,
    settings: "",
    sample: 400,
};

const INVENTORY: &[(&str, &str)] = &[
    ("inventory", "/circuits"),
    ("inventory", "/links"),
    ("inventory", "/nodes"),
];

/// Rows of a CSV file, as they are read here.
const ROWS: &str = "/rows";

/// The table of `examples/no-crm`.
const SHEET: &str = "[source.table]\nfile = \"subscribers.csv\"\ndelimiter = \";\"\nunit = \"kbps\"\ncircuit = \"Contract\"\n\
    name = \"Customer\"\ndevice = \"CPE\"\nmac = \"CPE MAC\"\naddresses = [\"IPv4\", \"IPv6\"]\nparent = \"Sector\"\n\
    download = \"Down\"\nupload = \"Up\"\ndownload_min = \"CIR\"\nupload_min = \"CIR\"\nstate = \"State\"\n\
    suspended = [\"blocked\"]\nended = [\"cancelled\"]\ncomment = \"Note\"\n";

/// The tables of `golden/uisp-fibre-csv`.
const FIBRE: &str = "[source.table]\nfile = \"subscribers.csv\"\ncircuit = \"Contract\"\nname = \"Name\"\n\
    device = \"ONT\"\nmac = \"MAC\"\naddresses = [\"Address\", \"IPv6\"]\nparent = \"OLT port\"\ndownload = \"Down\"\n\
    upload = \"Up\"\nstate = \"State\"\nsuspended = [\"unpaid\"]\nended = [\"gone\"]\n\
    [source.table.nodes]\nfile = \"ports.csv\"\nid = \"Port\"\nparent = \"Fed by\"\nkind = \"Kind\"\n\
    download = \"Down\"\nupload = \"Up\"\n";

/// LibreQoS, with the header of one generation of its file.
const fn libreqos(header: Option<&'static str>, circuit: &'static str) -> Source {
    Source {
        kind: "libreqos",
        export: "golden/libreqos-custom/exports",
        lists: &[("ShapedDevices", ROWS)],
        about: Some(circuit),
        header,
        sample: 80,
        ..PLAIN
    }
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
        lists: INVENTORY,
        ..PLAIN
    },
    Source {
        kind: "inventory",
        export: "golden/worked-example/exports",
        lists: INVENTORY,
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "inventory",
        export: "golden/link-down/exports",
        lists: INVENTORY,
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "inventory",
        export: "examples/ci/export",
        lists: INVENTORY,
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "inventory",
        export: "examples/fleet/export",
        lists: INVENTORY,
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "inventory",
        export: "examples/no-crm/exports/network",
        lists: INVENTORY,
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "inventory",
        export: "examples/two-crms/exports/billing",
        lists: INVENTORY,
        sample: 40,
        ..PLAIN
    },
    libreqos(None, "Circuit ID"),
    libreqos(
        Some(
            "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment",
        ),
        "Circuit ID",
    ),
    libreqos(
        Some(
            "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm",
        ),
        "Circuit ID",
    ),
    libreqos(
        Some(
            "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment",
        ),
        "Circuit ID",
    ),
    libreqos(
        Some(
            "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm",
        ),
        "Circuit ID",
    ),
    libreqos(
        Some(
            "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,IPv4,IPv6,Download Min,Upload Min,Download Max,Upload Max,Comment",
        ),
        "Circuit ID",
    ),
    libreqos(
        Some(
            "circuit_id,circuit_name,device_id,device_name,parent_node,parent_node_id,anchor_node_id,mac,ipv4,ipv6,download_min_mbps,upload_min_mbps,download_max_mbps,upload_max_mbps,comment,sqm",
        ),
        "circuit_id",
    ),
    libreqos(
        Some(
            "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,Parent Node ID,Anchor Node ID,MAC,RADIUS Username,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment,sqm",
        ),
        "Circuit ID",
    ),
    Source {
        export: "examples/two-crms/exports/fibre",
        ..libreqos(None, "Circuit ID")
    },
    Source {
        kind: "mikrotik",
        export: "compiler/standin/data/mikrotik",
        ..PLAIN
    },
    Source {
        kind: "netzur",
        export: "golden/netzur-basin/exports",
        lists: &[("libreqos", "/customers"), ("libreqos", "/zones")],
        ..PLAIN
    },
    Source {
        kind: "powercode",
        export: "golden/powercode-ridgeline/exports",
        ..PLAIN
    },
    Source {
        kind: "sonar",
        export: "golden/sonar-ridgeline/exports",
        lists: &[
            ("account-statuses", "/data/account_statuses/entities"),
            ("accounts", "/data/accounts/entities"),
            ("network-sites", "/data/network_sites/entities"),
        ],
        ..PLAIN
    },
    Source {
        kind: "splynx",
        export: "golden/splynx-basin/exports",
        ..PLAIN
    },
    Source {
        kind: "splynx",
        export: "golden/uisp-splynx/exports/billing",
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "table",
        export: "golden/netzur-basin/exports",
        lists: &[("libreqos", "/customers"), ("libreqos", "/zones")],
        settings: TABLE,
        ..PLAIN
    },
    Source {
        kind: "table",
        export: "examples/no-crm/exports/billing",
        lists: &[("subscribers", ROWS)],
        about: Some("Contract"),
        settings: SHEET,
        sample: 80,
        ..PLAIN
    },
    Source {
        kind: "table",
        export: "golden/uisp-fibre-csv/exports/fibre",
        lists: &[("ports", ROWS), ("subscribers", ROWS)],
        about: Some("Contract"),
        settings: FIBRE,
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "uisp",
        export: "examples/quickstart/exports/uisp",
        ..PLAIN
    },
    Source {
        kind: "uisp",
        export: "examples/dirty/exports/uisp",
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "uisp",
        export: "golden/uisp-fibre-csv/exports/uisp",
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "uisp",
        export: "golden/uisp-stations/exports",
        sample: 200,
        ..PLAIN
    },
    Source {
        kind: "uisp",
        export: "golden/uisp-splynx/exports/towers",
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "uisp",
        export: "examples/two-crms/exports/towers",
        sample: 40,
        ..PLAIN
    },
    Source {
        kind: "visp",
        export: "golden/visp-basin/exports",
        lists: &[
            ("assemblies", "/data/rows"),
            ("bulk", "/data/customerCPEwithWirelessServiceSpeeds"),
            ("customer-*-ips", "/data/row"),
            ("customer-*-services", "/data/rows"),
            ("equipment", "/data/rows"),
            ("online", "/data/onlineUsers"),
            ("subscribers", "/data/rows"),
        ],
        about: Some("customer_id"),
        // An assembly finds its customer by a name that is one only while no other has it, and the equipment of a site
        // says together what the site is called and where it hangs.
        together: &[
            ("assemblies", "location_name"),
            ("equipment", "location_id"),
        ],
        devices: Some(("assemblies", "visp:eq:")),
        ..PLAIN
    },
    Source {
        kind: "wispgate",
        export: "golden/wispgate-basin/exports",
        ..PLAIN
    },
];

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
            if name.ends_with(".csv") {
                files.insert(name.to_string(), self.rows(&text));
            } else if let Ok(value) = serde_json::from_slice(&text) {
                files.insert(name.into_owned(), value);
            }
        }
        files
    }

    /// The rows of a CSV file as records, under the header that is asked for.
    fn rows(&self, text: &[u8]) -> Value {
        let delimiter = match self.settings.contains("delimiter = \";\"") {
            true => b';',
            false => b',',
        };
        let mut reader = csv::ReaderBuilder::new()
            .delimiter(delimiter)
            .flexible(true)
            .from_reader(text);
        let own: Vec<String> = (reader.headers().expect("a header").iter())
            .map(str::to_owned)
            .collect();
        let header: Vec<String> = match self.header {
            None => own.clone(),
            Some(header) => header.split(',').map(str::to_owned).collect(),
        };
        // Generations differ in blanks, in letters and in whether they say the unit.
        let folded = |name: &str| {
            let letters = name.chars().filter(char::is_ascii_alphanumeric);
            let word: String = letters.collect::<String>().to_lowercase();
            word.trim_end_matches("mbps").to_owned()
        };
        let rows: Vec<Value> = (reader.records())
            .map(|row| {
                let row = row.expect("a row");
                let cell = |name: &String| {
                    let at = own.iter().position(|o| folded(o) == folded(name));
                    at.and_then(|at| row.get(at)).unwrap_or_default()
                };
                Value::Object(
                    (header.iter())
                        .map(|name| (name.clone(), json!(cell(name))))
                        .collect(),
                )
            })
            .collect();
        json!({ "header": header, "delimiter": delimiter, "rows": rows })
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
                let rows = match value.pointer(list) {
                    Some(Value::Array(rows)) => rows.len(),
                    // The answer about one customer.
                    Some(Value::Object(_)) if !list.is_empty() => 1,
                    _ => 0,
                };
                for index in 0..rows {
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
        let record = record(&files[&at.file], at);
        let collection = at.file.split('.').next()?;
        if let Some((_, field)) = self.together.iter().find(|(c, _)| *c == collection) {
            return Some(format!("{field} {}", record.get(field)?));
        }
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
            .or_else(|| self.owner(files, at))
    }

    /// Whom the device of a record belongs to.
    fn owner(&self, files: &Files, at: &At) -> Option<String> {
        let about = self.about?;
        let mut holders = self.holders(files, at).into_iter();
        holders.find_map(|holder| Some(holder.get(about)?.to_string().replace('"', "")))
    }

    /// The records that name the device of a record as equipment of theirs.
    fn holders<'a>(&self, files: &'a Files, at: &At) -> Vec<&'a Value> {
        let device = || {
            let (collection, _) = self.devices?;
            (at.file.split('.').next()? == collection).then_some(())?;
            let id = record(&files[&at.file], at).get("id")?.to_string();
            Some(id.replace('"', ""))
        };
        let Some(device) = device() else {
            return Vec::new();
        };
        let records = self.records(files);
        (records.iter())
            .map(|other| record(&files[&other.file], other))
            .filter(|other| {
                let mut named = BTreeSet::new();
                other
                    .get("equipment")
                    .iter()
                    .for_each(|e| scalars(e, &mut named));
                named.contains(&device)
            })
            .collect()
    }

    /// The id of the device that a record tells of.
    fn device(&self, files: &Files, at: &At) -> Option<String> {
        let (collection, begins) = self.devices?;
        (at.file.split('.').next()? == collection).then_some(())?;
        let id = record(&files[&at.file], at).get("id")?.to_string();
        Some(format!("{begins}{}", id.replace('"', "")))
    }

    fn bytes(files: &Files) -> BTreeMap<String, Arc<Vec<u8>>> {
        (files.iter())
            .map(|(name, value)| (name.clone(), Arc::new(text(name, value))))
            .collect()
    }

    fn project(&self, files: &BTreeMap<String, Arc<Vec<u8>>>) -> Memory {
        let files: Vec<(&str, &[u8])> = (files.iter())
            .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
            .collect();
        Memory::new(self.kind, &files, self.settings).expect("a project")
    }
}

fn lower(memory: &Memory) -> Records {
    sources::lower(
        &memory.project.sources[0],
        &memory.exports.exports[0],
        &memory.files,
        memory.project.as_of,
    )
}

/// A record of a file.
fn record<'a>(file: &'a Value, at: &At) -> &'a Value {
    match file.pointer(&at.list) {
        Some(Value::Array(rows)) => &rows[at.index],
        other => other.expect("a record"),
    }
}

/// What stands in a file: rows as CSV, else JSON.
fn text(name: &str, file: &Value) -> Vec<u8> {
    if !name.ends_with(".csv") {
        return file.to_string().into_bytes();
    }
    let delimiter = file["delimiter"]
        .as_u64()
        .and_then(|d| u8::try_from(d).ok());
    let mut writer = csv::WriterBuilder::new()
        .delimiter(delimiter.expect("a delimiter"))
        .from_writer(Vec::new());
    let header: Vec<&str> = (file["header"].as_array().expect("a header").iter())
        .filter_map(Value::as_str)
        .collect();
    writer.write_record(&header).expect("written");
    for row in file["rows"].as_array().expect("rows") {
        let cells = header.iter().map(|name| match row.get(*name) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        });
        writer.write_record(cells).expect("written");
    }
    writer.into_inner().expect("written")
}

/// Takes a record out of its file.
fn take_out(file: &mut Value, at: &At) {
    match file.pointer_mut(&at.list).expect("a record") {
        Value::Array(rows) => drop(rows.remove(at.index)),
        one => *one = Value::Null,
    }
}

/// Whether a collection goes by a name, or by one with a `*` in it.
fn is(collection: &str, name: &str) -> bool {
    match name.split_once('*') {
        None => collection == name,
        Some((start, end)) => collection.starts_with(start) && collection.ends_with(end),
    }
}

/// What a record says, but for where it stands.
#[derive(PartialEq, Debug)]
enum Said {
    Circuit(Box<CircuitRecord>),
    Seen(Option<Ipv4Addr>, IpNet),
}

impl Said {
    fn circuit(&self) -> Option<&CircuitRecord> {
        match self {
            Said::Circuit(circuit) => Some(circuit),
            Said::Seen(..) => None,
        }
    }
}

/// Everything that is said: by circuit id, and by hardware address what a router saw.
fn circuits(records: &mut Records) -> BTreeMap<String, Said> {
    const NOWHERE: Origin = Origin {
        file: FileId(0),
        start: 0,
        len: 0,
    };
    let seen = std::mem::take(&mut records.seen).into_iter();
    let seen = seen.map(|s| (format!("seen {}", s.mac), Said::Seen(s.v4, s.v6)));
    let circuits = std::mem::take(&mut records.circuits).into_iter();
    let circuits = circuits.map(|mut c| {
        c.origin = NOWHERE;
        c.plan_origin = None;
        c.plan_route = Pair::default();
        for device in &mut c.devices {
            device.origin = NOWHERE;
        }
        (c.id.to_string(), Said::Circuit(Box::new(c)))
    });
    circuits.chain(seen).collect()
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

/// What stands in lists of this name, however deep they are.
fn listed(value: &Value, name: &str, out: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                match key == name {
                    true => scalars(value, out),
                    false => listed(value, name, out),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|v| listed(v, name, out)),
        _ => {}
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

/// What stands before a record in its file, and behind it.
struct Frame(Vec<u8>, Vec<u8>);

impl Frame {
    /// `None`: a row of a CSV file, which is written with its file.
    fn of(files: &Files, at: &At) -> Option<Frame> {
        const HERE: &str = "the record whose frame this is";
        if at.file.ends_with(".csv") {
            return None;
        }
        let mut file = files[&at.file].clone();
        *record_mut(&mut file, at) = json!(HERE);
        let text = file.to_string();
        let (before, behind) = text.split_once(&json!(HERE).to_string()).expect("a record");
        Some(Frame(before.into(), behind.into()))
    }
}

fn record_mut<'a>(file: &'a mut Value, at: &At) -> &'a mut Value {
    match file.pointer_mut(&at.list).expect("a list") {
        Value::Array(rows) => &mut rows[at.index],
        one => one,
    }
}

/// The file of a record, with the record mutated.
fn mutated(files: &Files, frame: Option<&Frame>, mutation: &Mutation) -> Arc<Vec<u8>> {
    let Some(Frame(before, behind)) = frame else {
        let mut file = files[&mutation.at.file].clone();
        mutate(record_mut(&mut file, &mutation.at), mutation);
        return Arc::new(text(&mutation.at.file, &file));
    };
    let mut record = record(&files[&mutation.at.file], &mutation.at).clone();
    mutate(&mut record, mutation);
    let record = record.to_string();
    Arc::new([before.as_slice(), record.as_bytes(), behind].concat())
}

fn mutate(record: &mut Value, mutation: &Mutation) {
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
}

/// Which mutations are tried: the first that is, and every how many from there; `None`: a sample.
fn share() -> Option<(usize, usize)> {
    let wanted = std::env::var("MUTATIONS").ok()?;
    if wanted == "all" {
        return Some((0, 1));
    }
    let share = wanted.split_once('/').and_then(|(which, of)| {
        let (which, of): (usize, usize) = (which.parse().ok()?, of.parse().ok()?);
        (1..=of).contains(&which).then(|| (which - 1, of))
    });
    Some(share.unwrap_or_else(|| panic!("MUTATIONS is `all` or a share such as 3/8, not {wanted}")))
}

/// An even sample: every field and every kind of mutation has its turn, whatever their order.
fn sample(all: Vec<Mutation>, most: usize) -> Vec<Mutation> {
    if let Some((first, every)) = share() {
        return all.into_iter().skip(first).step_by(every).collect();
    }
    if all.len() <= most {
        return all;
    }
    // A stride without small factors does not fall into step with records, fields or values.
    let stride = (all.len() / most) | 1;
    let stride = (stride..)
        .step_by(2)
        .find(|n| [3, 5, 7, 11, 13].iter().all(|p| n % p != 0 || n == p))
        .unwrap_or(stride);
    all.into_iter().step_by(stride).collect()
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "who tries all of them wants to see how far it is"
)]
fn a_wrong_field_costs_its_own_record_at_most() {
    let of = std::env::var("MUTATIONS_OF").ok();
    let mut told = String::new();
    // Examples lean on each other: a record that an export of the same kind had is not tried again where all are.
    let mut had: BTreeSet<(&str, Option<&str>, String, String)> = BTreeSet::new();
    for source in SOURCES {
        if of.as_deref().is_some_and(|of| of != source.kind) {
            continue;
        }
        let started = std::time::Instant::now();
        let files = source.files();
        let bytes = Source::bytes(&files);
        let project = source.project(&bytes);
        let mut base = lower(&project);
        let want = circuits(&mut base);
        let holds_something = !want.is_empty() || !base.nodes.is_empty();
        assert!(holds_something, "{} holds nothing", source.export);

        let records = source.records(&files);
        let everything: Vec<Mutation> = (records.iter())
            .filter(|at| {
                let collection = at.file.split('.').next().unwrap_or_default();
                let text = record(&files[&at.file], at).to_string();
                let list = format!("{collection}{}", at.list);
                had.insert((source.kind, source.header, list, text)) || share().is_none()
            })
            .flat_map(|at| {
                let record = record(&files[&at.file], at);
                let mut below = Vec::new();
                fields(record, "", &mut below);
                below
                    .iter()
                    .flat_map(|field| mutations(at, field, record.pointer(field).expect("a field")))
                    .collect::<Vec<_>>()
            })
            .collect();
        let chosen = sample(everything, source.sample);

        // What each record has a part in.
        let touched: BTreeSet<&At> = chosen.iter().map(|m| &m.at).collect();
        let touched: Vec<&At> = touched.into_iter().collect();
        let frames: BTreeMap<&At, Frame> = (touched.par_iter())
            .filter_map(|at| Some((*at, Frame::of(&files, at)?)))
            .collect();
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
                    take_out(file, at);
                }
                let changed: Vec<(&str, Arc<Vec<u8>>)> = (changed.iter())
                    .map(|(name, file)| (*name, Arc::new(text(name, file))))
                    .collect();
                let left = circuits(&mut lower(&project.with(&changed)));
                let mut named = BTreeSet::new();
                scalars(record(&files[&at.file], at), &mut named);
                for holder in source.holders(&files, at) {
                    scalars(holder, &mut named);
                }
                let device = source.device(&files, at);
                let customer = |said: &Said| said.circuit().map(|c| c.name.clone());
                let owner = device.and_then(|device| {
                    let mut circuits = want.values().filter_map(Said::circuit);
                    circuits.find(|c| c.devices.iter().any(|d| *d.id == *device))
                });
                let owner = owner.map(|circuit| circuit.name.clone());
                let has = |said: &Said| owner.is_some() && customer(said) == owner;
                let mut stations = BTreeSet::new();
                listed(record(&files[&at.file], at), "stations", &mut stations);
                // An access point lists the radios that it serves, and those it served before.
                let serves = |said: &Said| {
                    let mut devices = said.circuit().into_iter().flat_map(|c| &c.devices);
                    devices.any(|d| !d.mac.is_empty() && stations.contains(&*d.mac))
                };
                let own = (want.iter())
                    .filter(|(id, said)| {
                        let is_own = named.contains(*id) || has(said) || serves(said);
                        is_own || left.get(*id) != Some(said)
                    })
                    .map(|(id, _)| id.as_str())
                    .collect();
                (*at, own)
            })
            .collect();

        let wrong: Vec<String> = (chosen.par_iter().enumerate())
            .filter_map(|(n, mutation)| {
                let frame = frames.get(&mutation.at);
                let bytes = mutated(&files, frame, mutation);
                let project = project.with(&[(&mutation.at.file, bytes)]);
                let mut records = lower(&project);
                let got = circuits(&mut records);
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
                        "{}: changes {id}\n  from {said:?}\n  to   {:?}",
                        what(),
                        got.get(id)
                    ));
                }
                // Of one record several parts may be put aside: all that the wrong value holds.
                let put_aside = |records: &Records| {
                    let aside = records.evidence.quarantined.iter();
                    aside.map(|q| q.place.origin).collect::<BTreeSet<_>>().len()
                };
                let parts = match &mutation.value {
                    Some(Value::Array(items)) => items.len().max(1),
                    _ => 1,
                };
                if put_aside(&records) > put_aside(&base) + parts {
                    return Some(format!("{}: puts aside other records too", what()));
                }
                if records.evidence.unreadable.len() > base.evidence.unreadable.len() {
                    return Some(format!("{}: gives up the file", what()));
                }
                if n % COMPILED == 0 {
                    project.compile(None);
                }
                None
            })
            .collect();
        println!(
            "{} {}: {} mutations, {} wrong, {} s",
            source.kind,
            source.export,
            chosen.len(),
            wrong.len(),
            started.elapsed().as_secs()
        );
        if !wrong.is_empty() {
            let first: Vec<&str> = wrong.iter().take(12).map(String::as_str).collect();
            let (wrong, all) = (wrong.len(), chosen.len());
            writeln!(
                told,
                "{}: {wrong} of {all} mutations:\n{}",
                source.export,
                first.join("\n")
            )
            .expect("text");
        }
    }
    assert!(told.is_empty(), "{told}");
}

/// A wrong field of a node of `network.json` costs the node and what hangs below it at most: no circuit, and no node of
/// another branch.
#[test]
fn a_wrong_field_of_a_node_costs_its_branch_at_most() {
    for export in [
        "golden/libreqos-custom/exports",
        "examples/two-crms/exports/fibre",
    ] {
        let source = Source {
            export,
            ..libreqos(None, "Circuit ID")
        };
        let files = source.files();
        let bytes = Source::bytes(&files);
        let project = source.project(&bytes);
        let mut base = lower(&project);
        let nodes = |records: &Records| -> BTreeMap<String, String> {
            let said = |n: &weir_compiler::ir::records::NodeRecord| {
                let parent = n.parent.as_ref().map(|p| &p.text);
                format!(
                    "{:?} {parent:?} {:?} {:?}",
                    n.kind, n.capacity, n.is_virtual
                )
            };
            (records.nodes.iter())
                .map(|n| (n.name.to_string(), said(n)))
                .collect()
        };
        let (want_nodes, want_circuits) = (nodes(&base), circuits(&mut base));
        let tree = &files["network.json"];
        let mut all: Vec<(String, BTreeSet<String>)> = Vec::new();
        branches(tree, "", &mut all);
        assert!(!all.is_empty(), "{export}");
        let everything: Vec<(Mutation, &BTreeSet<String>)> = (all.iter())
            .flat_map(|(pointer, below)| {
                let at = At {
                    file: "network.json".to_owned(),
                    list: pointer.clone(),
                    index: 0,
                };
                let members = tree.pointer(pointer).and_then(Value::as_object);
                let own = members.expect("a node").iter();
                own.flat_map(move |(key, value)| {
                    let field = format!("/{}", key.replace('~', "~0").replace('/', "~1"));
                    let all = mutations(&at, &field, value);
                    all.into_iter().map(move |m| (m, below))
                })
                .collect::<Vec<_>>()
            })
            .collect();
        let wrong: Vec<String> = (everything.par_iter())
            .filter_map(|(mutation, below)| {
                let bytes = mutated(&files, None, mutation);
                let mut records = lower(&project.with(&[("network.json", bytes)]));
                let what = || {
                    format!(
                        "{}{}: {:?}",
                        mutation.at.list, mutation.field, mutation.value
                    )
                };
                if circuits(&mut records) != want_circuits {
                    return Some(format!("{}: a circuit changes", what()));
                }
                if !records.evidence.unreadable.is_empty() {
                    return Some(format!("{}: gives up the file", what()));
                }
                let got = nodes(&records);
                let lost = (want_nodes.iter())
                    .find(|(name, said)| !below.contains(*name) && got.get(*name) != Some(said));
                lost.map(|(name, _)| format!("{}: changes {name}", what()))
            })
            .collect();
        assert!(
            wrong.is_empty(),
            "{} of {}:\n{}",
            wrong.len(),
            everything.len(),
            wrong
                .iter()
                .take(12)
                .cloned()
                .collect::<Vec<_>>()
                .join("\n")
        );
    }
}

/// Every node of a tree: its pointer, and the names of it and of what is below.
fn branches(
    nodes: &Value,
    at: &str,
    out: &mut Vec<(String, BTreeSet<String>)>,
) -> BTreeSet<String> {
    let mut here = BTreeSet::new();
    for (name, node) in nodes.as_object().into_iter().flatten() {
        let pointer = format!("{at}/{}", name.replace('~', "~0").replace('/', "~1"));
        let mut below = branches(&node["children"], &format!("{pointer}/children"), out);
        below.insert(name.clone());
        out.push((pointer, below.clone()));
        here.extend(below);
    }
    here
}

/// Where a sample file is that is in no case here, and why.
const ELSEWHERE: &[(&str, &str)] = &[
    (
        "compiler/tests/data/libreqos-defects/",
        "each file is one defect, which `formats.rs` names",
    ),
    (
        "compiler/tests/data/netzur/",
        "answers that are no export, each with a test in `sources/netzur/tests.rs`",
    ),
    ("compiler/tests/data/sarif/", "the schema of a format"),
    (
        "compiler/tests/data/visp/",
        "answers that are no export, each with a test in `sources/visp/tests.rs`",
    ),
    (
        "compiler/tests/data/wispgate/",
        "answers that are no export, each with a test in `sources/wispgate/tests.rs`",
    ),
    (
        "golden/libreqos-custom/exports/network.json",
        "a tree and no list: `a_wrong_field_of_a_node_costs_its_branch_at_most`",
    ),
    (
        "examples/two-crms/exports/fibre/network.json",
        "a tree and no list: `a_wrong_field_of_a_node_costs_its_branch_at_most`",
    ),
];

/// Every recorded file of the repository is mutated, or it is said why not.
#[test]
fn every_sample_is_mutated() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut samples = BTreeSet::new();
    let mut open: Vec<String> = vec!["compiler/tests/data".to_owned()];
    for stories in ["examples", "golden"] {
        for story in fs::read_dir(root.join(stories)).expect("a directory") {
            let story = story.expect("an entry").file_name();
            for exports in ["export", "exports"] {
                let dir = format!("{stories}/{}/{exports}", story.to_string_lossy());
                open.extend(root.join(&dir).is_dir().then_some(dir));
            }
        }
    }
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(root.join(&dir)).expect("a directory") {
            let entry = entry.expect("an entry");
            let path = format!("{dir}/{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => open.push(path),
                false => drop(samples.insert(path)),
            }
        }
    }
    assert!(samples.len() > 100, "{}", samples.len());
    let mut mutated = BTreeSet::new();
    for source in SOURCES {
        let files = source.files();
        for at in source.records(&files) {
            mutated.insert(format!("{}/{}", source.export, at.file));
        }
    }
    let is_elsewhere = |path: &str| ELSEWHERE.iter().any(|(place, _)| path.starts_with(place));
    // A last page may hold nothing, and a system no sectors.
    let is_empty = |path: &str| {
        let text = fs::read_to_string(root.join(path)).expect("text");
        match serde_json::from_str(&text) {
            Ok(Value::Array(rows)) => rows.is_empty(),
            Ok(answer) => answer.pointer("/data/rows") == Some(&Value::Array(Vec::new())),
            Err(_) => false,
        }
    };
    let missing: Vec<&String> = (samples.iter())
        .filter(|path| !mutated.contains(*path) && !is_elsewhere(path) && !is_empty(path))
        .collect();
    assert!(missing.is_empty(), "no case mutates {missing:#?}");
    for (place, why) in ELSEWHERE {
        assert!(
            samples.iter().any(|path| path.starts_with(place)),
            "{place} is not there any more ({why})"
        );
    }
}
