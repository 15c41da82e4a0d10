//! The output is a function of the sets in the input: the order of records, of rows and of keys, how records are
//! spread over pages, and the number of threads never show.

mod lab;
mod reference;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use lab::inject::figure;
use reference::random::{Prng, case};
use serde_json::{Value, json};
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::emit::ArtifactSet;
use weir_compiler::ir::tree::Strategy;
use weir_compiler::report::{Detail, Look, human};
use weir_compiler::source_map::{Content, SourceFile, SourceMap};
use weir_compiler::testing::Memory;
use weir_compiler::{compile, exports};
use weir_schemas::artifact::{self, Part};

/// How often each project is permuted, for each strategy; `WEIR_DRILL=1` for as often as the promise says.
fn rounds() -> u64 {
    match std::env::var_os("WEIR_DRILL") {
        Some(_) => 20,
        None => 8,
    }
}

/// Projects with an export, from the root of the repository. What is wrong in them is the point: who wins must not
/// be who comes first.
const PROJECTS: [&str; 9] = [
    "examples/dirty",
    "examples/quickstart",
    "examples/two-crms",
    "golden/inventory-dirty",
    "golden/libreqos-custom",
    "golden/link-down",
    "golden/powercode-ridgeline",
    "golden/splynx-basin",
    "golden/worked-example",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn build(dir: &Path, strategy: Strategy) -> ArtifactSet {
    let overrides = CliOverrides {
        strategy: Some(strategy),
        target: None,
        ..CliOverrides::default()
    };
    let mut files = SourceMap::default();
    let project = config::load(dir, &mut files, &overrides).expect("a project");
    let exports = exports::read(dir, &project.sources, &mut files).expect("an export");
    compile(&project, &files, &exports, None).artifacts
}

/// Every export file below a project, by its path there.
fn export_files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open = vec![dir.join("exports")];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).expect("a directory") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                open.push(path);
            } else {
                let below = path.strip_prefix(dir).expect("below the project");
                files.insert(below.to_owned(), fs::read(&path).expect("a file"));
            }
        }
    }
    files
}

#[track_caller]
fn assert_same_payload(want: &ArtifactSet, got: &ArtifactSet, what: &str) {
    for file in artifact::FILES.iter().filter(|f| f.part == Part::Payload) {
        let text = |set: &ArtifactSet| {
            let bytes = set.file(file.name).expect("written");
            // All but the address table is text.
            String::from_utf8_lossy(bytes).into_owned()
        };
        let equal = want.file(file.name) == got.file(file.name);
        let (want, got) = (text(want), text(got));
        let differing = want.lines().zip(got.lines()).find(|(a, b)| a != b);
        assert!(
            equal,
            "{what}: {} depends on the order of the input: {differing:#?}",
            file.name
        );
    }
    assert_eq!(want.digest, got.digest, "{what}");
}

/// Every record grows by a field that nobody reads, one of them beyond what is read at once; one holds a secret.
fn swollen(bytes: &[u8]) -> Vec<u8> {
    let mut records: Vec<Value> = serde_json::from_slice(bytes).expect("a list");
    let each = (1 << 20) / records.len().max(1);
    for (at, record) in records.iter_mut().enumerate() {
        if let Value::Object(fields) = record {
            let len = if at == 0 { each + (3 << 18) } else { each };
            fields.insert("aaNotes".into(), "n\u{e9} ".repeat(len / 4).into());
            if at == 1 {
                fields.insert("zzToken".into(), "moonlight77".into());
            }
        }
    }
    let lines: Vec<String> = records.iter().map(Value::to_string).collect();
    format!("[{}]\n", lines.join(",\n")).into_bytes()
}

#[test]
fn whether_a_file_is_kept_in_memory_does_not_show() {
    let dir = root().join("examples/dirty");
    let large = tempfile::tempdir().expect("a directory");
    fs::copy(
        dir.join(config::FILE_NAME),
        large.path().join(config::FILE_NAME),
    )
    .expect("copied");
    for (path, bytes) in export_files(&dir) {
        let path = large.path().join(path);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        let small = path.ends_with("export.json");
        fs::write(path, if small { bytes } else { swollen(&bytes) }).expect("written");
    }
    let mut files = SourceMap::default();
    let project =
        config::load(large.path(), &mut files, &CliOverrides::default()).expect("a project");
    let exports = exports::read(large.path(), &project.sources, &mut files).expect("an export");
    let left = || {
        files
            .files()
            .filter(|(_, file)| matches!(file.bytes, Content::Left(_)))
    };
    assert!(left().count() >= 3);
    let in_pieces = compile(&project, &files, &exports, None);
    let shown =
        |findings, files| human::findings(findings, files, Look::PLAIN, Detail::Verbose, "");
    let told = shown(&in_pieces.findings, &files);
    assert!(in_pieces.refused.is_empty(), "{:?}", in_pieces.refused);
    assert!(left().all(|(_, file)| file.bytes.fault().is_none()));

    let mut held = SourceMap::default();
    for (_, file) in files.files() {
        let bytes = file.bytes.whole().to_vec();
        held.add(SourceFile {
            digest: weir_store::sha256(&bytes).into(),
            bytes: bytes.into(),
            ..file.clone()
        });
    }
    let at_once = compile(&project, &held, &exports, None);
    for row in artifact::FILES {
        let (want, got) = (&at_once.artifacts, &in_pieces.artifacts);
        assert!(want.file(row.name) == got.file(row.name), "{}", row.name);
    }
    assert_eq!(told, shown(&at_once.findings, &held));
    assert!(told.contains("secret after the word"), "{told}");

    // Written to between reading and showing: nothing of it is shown, and nothing is built.
    let (_, changed) = left().last().expect("a large file");
    let name = changed.path.rsplit('/').next().expect("a name");
    let path = (export_files(large.path()).into_keys())
        .find(|path| path.ends_with(name))
        .expect("its path");
    let file = fs::File::options()
        .append(true)
        .open(large.path().join(path))
        .expect("opened");
    file.set_len(1 << 20).expect("cut");
    let refused = compile(&project, &files, &exports, None).refused;
    let said = format!("{name} changed while it was being read");
    assert!(
        refused.iter().any(|r| r.message.ends_with(&said)),
        "{refused:?}"
    );
}

#[test]
fn the_order_of_the_input_does_not_show() {
    let mut permutations = 0;
    for name in PROJECTS {
        let dir = root().join(name);
        let files = export_files(&dir);
        for strategy in Strategy::ALL {
            let want = build(&dir, strategy);
            for seed in 0..rounds() {
                let permuted = tempfile::tempdir().expect("a directory");
                fs::copy(
                    dir.join(config::FILE_NAME),
                    permuted.path().join(config::FILE_NAME),
                )
                .expect("copied");
                let overrides = dir.join("overrides.toml");
                if overrides.is_file() {
                    fs::copy(overrides, permuted.path().join("overrides.toml")).expect("copied");
                }
                let permutation = permute(&files, &mut Prng(seed));
                assert!(permutation.keys().eq(files.keys()) && permutation != files);
                for (path, bytes) in permutation {
                    let path = permuted.path().join(path);
                    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
                    fs::write(path, bytes).expect("written");
                }
                let got = build(permuted.path(), strategy);
                let what = format!("{name}, {}, seed {seed}", strategy.word());
                assert_same_payload(&want, &got, &what);
                permutations += 1;
            }
        }
    }
    figure("permutations", permutations);
}

/// The same export, told in another order.
fn permute(files: &BTreeMap<PathBuf, Vec<u8>>, prng: &mut Prng) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut permuted = BTreeMap::new();
    // Pages of one collection share their records.
    let mut pages: BTreeMap<String, Vec<(PathBuf, Vec<Value>)>> = BTreeMap::new();
    for (path, bytes) in files {
        let name = path.file_name().expect("a name").to_string_lossy();
        if name.ends_with(".csv") {
            permuted.insert(path.clone(), permute_rows(bytes, prng));
        } else if let Some((collection, _)) = name.split_once(".page-") {
            let records = serde_json::from_slice(bytes).expect("a list");
            let pages = pages.entry(collection.to_owned()).or_default();
            pages.push((path.clone(), records));
        } else {
            let value = serde_json::from_slice(bytes).expect("JSON");
            permuted.insert(path.clone(), permute_json(&value, prng).into_bytes());
        }
    }
    for pages in pages.into_values() {
        let mut records: Vec<Value> = pages.iter().flat_map(|(_, r)| r).cloned().collect();
        prng.shuffle(&mut records);
        for (path, was) in pages {
            let rest = records.split_off(was.len().min(records.len()));
            let page = Value::Array(std::mem::replace(&mut records, rest));
            permuted.insert(path, permute_json(&page, prng).into_bytes());
        }
    }
    permuted
}

/// The header stays where it is.
fn permute_rows(bytes: &[u8], prng: &mut Prng) -> Vec<u8> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut rows: Vec<csv::ByteRecord> = reader.byte_records().map(|r| r.expect("a row")).collect();
    prng.shuffle(&mut rows[1..]);
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(vec![]);
    for row in rows {
        writer.write_byte_record(&row).expect("written");
    }
    writer.into_inner().expect("flushed")
}

/// Keys of objects and elements of lists in another order. A list of numbers is a pair, not a set.
fn permute_json(value: &Value, prng: &mut Prng) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(key, value)| format!("{}:{}", json!(key), permute_json(value, prng)))
                .collect();
            prng.shuffle(&mut members);
            format!("{{{}}}", members.join(","))
        }
        Value::Array(elements) => {
            let set = elements.iter().all(|e| e.is_object() || is_address(e));
            let mut texts: Vec<String> = elements.iter().map(|e| permute_json(e, prng)).collect();
            if set || elements.len() > 2 {
                prng.shuffle(&mut texts);
            }
            format!("[{}]", texts.join(",\n"))
        }
        other => other.to_string(),
    }
}

/// The other lists of texts are pairs: `qdisc`, and capacities that somebody wrote as text.
fn is_address(value: &Value) -> bool {
    value
        .as_str()
        .is_some_and(|text| text.contains(['.', ':']) && !text.contains("cake"))
}

/// Broken rows too: which of two that contradict each other is used, and which row owns an address.
#[test]
fn the_order_of_defective_rows_does_not_show() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/libreqos-defects");
    let network = fs::read(root().join("golden/libreqos-custom/exports/network.json"))
        .expect("the network of the story");
    let mut tried = 0;
    for entry in fs::read_dir(dir).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|e| e != "csv") {
            continue;
        }
        tried += 1;
        let rows = fs::read(&path).expect("a file");
        let build = |rows: &[u8]| {
            let files: &[(&str, &[u8])] =
                &[("ShapedDevices.csv", rows), ("network.json", &network)];
            let project = Memory::new("libreqos", files, "").expect("a project");
            project.compile(None).artifacts
        };
        let want = build(&rows);
        for seed in 0..rounds() {
            let got = build(&permute_rows(&rows, &mut Prng(seed)));
            assert_same_payload(&want, &got, &format!("{}, seed {seed}", path.display()));
        }
    }
    assert!(tried > 10, "{tried} files");
}

#[test]
fn the_order_of_random_networks_does_not_show() {
    for seed in 0..400 {
        let (inventory, _) = case(seed);
        let build = |json: &str| {
            let config = "[topology]\nstrategy = \"full\"\n";
            let files: &[(&str, &[u8])] = &[("inventory.json", json.as_bytes())];
            let project = Memory::new("inventory", files, config).expect("a project");
            project.compile(None).artifacts
        };
        let want = build(&inventory.to_string());
        let got = build(&permute_json(&inventory, &mut Prng(seed)));
        assert_same_payload(&want, &got, &format!("seed {seed}"));
    }
}

/// All files: what was found, and in which words, is the same too.
#[test]
fn the_number_of_threads_does_not_show() {
    let large = large_network();
    let files: &[(&str, &[u8])] = &[("inventory.json", large.as_bytes())];
    let config = "[topology]\nstrategy = \"full\"\n\n[rates]\ncommit = 0.5\n";
    let large = Memory::new("inventory", files, config).expect("a project");
    let mut builds: Vec<(String, Box<dyn Fn() -> ArtifactSet + Sync>)> = vec![(
        "a large network".to_owned(),
        Box::new(|| large.compile(None).artifacts),
    )];
    for name in PROJECTS {
        for strategy in [Strategy::ApSite, Strategy::Full] {
            let build = move || build(&root().join(name), strategy);
            builds.push((format!("{name}, {}", strategy.word()), Box::new(build)));
        }
    }
    let pools = [1, 2, 7].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        (threads, pool.expect("a pool"))
    });
    for (what, build) in &builds {
        let want = build();
        assert_eq!(want.files, build().files, "{what}, twice the same");
        for (threads, pool) in &pools {
            let got = pool.install(build);
            for ((name, want), (_, got)) in want.files.iter().zip(&got.files) {
                assert!(want == got, "{what}: {name} differs with {threads} threads");
            }
            assert_eq!(want.files.len(), got.files.len());
        }
    }
}

/// Enough records for several units of parallel work in every stage, with repeated ids, shared addresses and
/// unknown parents spread over them.
fn large_network() -> String {
    let mut prng = Prng(1);
    let nodes: Vec<Value> = (0..1500)
        .map(|n: usize| {
            // Every fifth node is a site, and the parent of those up to the next.
            let site = n / 5 * 5;
            let (kind, above) = match n == site {
                true => ("site", prng.below(n.max(1)) / 5 * 5),
                false => ("ap", site),
            };
            let parent = (n > 0).then(|| format!("n{above}"));
            json!({"id": format!("n{n}"), "name": format!("N{}", n % 700), "kind": kind, "parent": parent,
                   "gateway": n == 0, "kbps": [prng.below(900_000), 50_000]})
        })
        .collect();
    let circuits: Vec<Value> = (0..4000)
        .map(|n: usize| {
            json!({"id": format!("c{}", n - n / 997), "attach": format!("n{}", prng.below(1510)),
                   "plan_kbps": [1000 * prng.below(300), 5000],
                   "devices": [{"id": "d", "ips": [format!("100.64.{}.{}", n / 250, prng.below(255))]}]})
        })
        .collect();
    json!({"schema": "weir.inventory/1", "nodes": nodes, "links": [], "circuits": circuits})
        .to_string()
}
