//! The walls of the house, as far as text can hold them: who imports whom, and what a stage must not know. The reason
//! stands next to every exception.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Crate directory and the crates of ours that it may import. `xtask` may import what it likes.
const ARROWS: &[(&str, &[&str])] = &[
    (
        "compiler",
        &[
            "weir-abi",
            "weir-console",
            "weir-fetch",
            "weir-plan",
            "weir-schemas",
            // Tests, and `weir demo`.
            "weir-standin",
            "weir-store",
            "weir-store-s3",
        ],
    ),
    (
        "compiler/console",
        &["weir-schemas", "weir-standin", "weir-store"],
    ),
    ("compiler/fetch", &["weir-schemas", "weir-standin"]),
    ("compiler/standin", &[]),
    ("ebpf/abi", &[]),
    (
        "runtime",
        &["weir-abi", "weir-plan", "weir-schemas", "weir-store"],
    ),
    ("runtime/plan", &["weir-abi", "weir-schemas"]),
    ("runtime/store", &["weir-schemas"]),
    ("runtime/store-s3", &["weir-schemas", "weir-store"]),
    ("schemas", &[]),
];

/// A file or directory below `compiler/src`, and why a rule does not hold there.
type Exceptions = &'static [(&'static str, &'static str)];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn manifest(path: &Path) -> toml::Table {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.parse()
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn crates_import_only_what_they_may() {
    let workspace = manifest(&root().join("Cargo.toml"));
    let members = workspace["workspace"]["members"]
        .as_array()
        .expect("a list");
    let mut wrong = Vec::new();
    for member in members.iter().filter_map(|m| m.as_str()) {
        if member == "xtask" {
            continue;
        }
        let Some((_, allowed)) = ARROWS.iter().find(|(dir, _)| *dir == member) else {
            wrong.push(format!(
                "{member}: a new crate; say in ARROWS which of ours it may import"
            ));
            continue;
        };
        let cargo = manifest(&root().join(member).join("Cargo.toml"));
        for import in imports(&cargo) {
            if !allowed.contains(&import.as_str()) {
                wrong.push(format!(
                    "{member}/Cargo.toml imports {import}; it may import {allowed:?}. Compiler and runtime meet in \
                     artifacts, and contracts live in weir-schemas and weir-abi: move what is shared there"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Crates of ours in any table of dependencies, those of a target or of the tests too.
fn imports(table: &toml::Table) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (key, value) in table {
        let Some(below) = value.as_table() else {
            continue;
        };
        if key.ends_with("dependencies") {
            found.extend(below.keys().filter(|k| k.starts_with("weir-")).cloned());
        } else {
            found.extend(imports(below));
        }
    }
    found
}

/// What is compiled into the library, by path below `compiler/src`: numbered lines of code without comments and
/// without what is only compiled for tests.
fn sources() -> BTreeMap<String, Vec<(usize, String)>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = BTreeMap::new();
    let mut open = vec![src.clone()];
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).expect("a directory") {
            let path = entry.expect("an entry").path();
            let below = path.strip_prefix(&src).expect("below src").to_owned();
            let below = below.to_string_lossy().into_owned();
            if path.is_dir() {
                if !below.ends_with("/tests") {
                    open.push(path);
                }
            } else if below.ends_with(".rs") && !below.ends_with("/tests.rs") {
                // Helpers of tests; the library's own `testing` is public and counts.
                if !below.ends_with("/testing.rs") && !below.ends_with("/given.rs") {
                    sources.insert(below, code(&fs::read_to_string(path).expect("text")));
                }
            }
        }
    }
    assert!(sources.len() > 100, "{} files", sources.len());
    sources
}

fn code(text: &str) -> Vec<(usize, String)> {
    let mut code = Vec::new();
    let mut lines = text.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        if line.trim_start().starts_with("//") {
            continue;
        }
        if line.trim_start() != "#[cfg(test)]" {
            code.push((number, line.to_owned()));
            continue;
        }
        // The item: to its semicolon, or to the brace in its own column.
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = format!("{indent}}}");
        let one_line = |l: &str| l.ends_with(';') && l.starts_with(indent);
        if let Some((first, _)) = lines.next()
            && !one_line(first)
        {
            let _ = lines.by_ref().find(|(line, _)| *line == end);
        }
    }
    code
}

/// A word in code: `f64` is not in `visit_f64`.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word)
        .any(|(at, _)| !line[..at].ends_with(part) && !line[at + word.len()..].starts_with(part))
}

fn is_below(path: &str, place: &str) -> bool {
    path.strip_prefix(place)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || place.ends_with('/'))
}

/// Lines for which `wrong` has something to say, where there is no exception; each exception must still be one.
#[track_caller]
fn hold(exceptions: Exceptions, advice: &str, wrong: impl Fn(&str, &str) -> bool) {
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for (path, lines) in sources() {
        for (number, line) in lines {
            if !wrong(&path, &line) {
                continue;
            }
            match exceptions.iter().find(|(place, _)| is_below(&path, place)) {
                Some((place, _)) => drop(used.insert(*place)),
                None => found.push(format!("compiler/src/{path}:{number}: {}", line.trim())),
            }
        }
    }
    assert!(found.is_empty(), "{advice}\n{}", found.join("\n"));
    for (place, reason) in exceptions {
        assert!(
            used.contains(place),
            "{place} needs no exception any more ({reason}): take it out of this test"
        );
    }
}

const SHORES: Exceptions = &[
    ("cli/", "owns the terminal and the store"),
    ("config/init.rs", "writes the first weir.toml"),
    ("config/resolve/mod.rs", "who may read a file with a secret"),
    ("config/written.rs", "reads weir.toml and overrides.toml"),
    ("emit/mod.rs", "`write` is the shore of output"),
    ("exports/", "reads recorded exports: the shore of input"),
    (
        "lock.rs",
        "reads and writes weir.lock, and finds snapshots in the store",
    ),
    ("main.rs", "starts the program"),
    (
        "source_map/left.rs",
        "reads what it was given open: the pieces of a file that is too large to be kept",
    ),
    (
        "serve/",
        "runs by the clock, remembers in the store, and edits the project for the console",
    ),
];

#[test]
fn between_the_shores_nothing_touches_the_world() {
    hold(
        SHORES,
        "The compiler reads no disk, clock, environment or network between reading the exports and writing the \
         artifact: take what you need as an argument, from `Project` or from `ExportSet`.",
        |_, line| {
            let modules = [
                "std::fs",
                "std::env",
                "std::net",
                "std::time",
                "std::process",
            ];
            // Addresses are data.
            let line = line
                .replace("std::net::Ip", "")
                .replace("std::net::{Ip", "");
            modules.iter().any(|m| has_word(&line, m))
                || ["SystemTime", "Instant", "RandomState", "thread_rng"]
                    .iter()
                    .any(|w| has_word(&line, w))
                || ["fs", "env", "process", "time"]
                    .iter()
                    .any(|m| line.contains("use std::{") && has_word(&line, m))
        },
    );
}

#[test]
fn emit_touches_the_disk_in_one_function() {
    let sources = sources();
    let lines = &sources["emit/mod.rs"];
    let text: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
    let start = text
        .iter()
        .position(|line| line.starts_with("pub fn write("))
        .expect("emit::write");
    let end = start
        + text[start..]
            .iter()
            .position(|line| *line == "}")
            .expect("its end");
    for (at, line) in text.iter().enumerate() {
        let inside = (start..end).contains(&at);
        assert!(
            inside || !line.contains("fs::"),
            "emit/mod.rs: only `write` touches the disk, but: {line}"
        );
    }
}

#[test]
fn hash_order_never_shows() {
    hold(
        &[],
        "Maps that hash at random make the same input give other bytes: use BTreeMap and BTreeSet, or FxHashMap where \
         nothing is iterated.",
        |_, line| has_word(line, "HashMap") || has_word(line, "HashSet"),
    );
}

#[test]
fn libraries_print_nothing() {
    hold(
        &[("cli/", "owns the terminal")],
        "Only `cli` prints: return what there is to say as a finding or as text.",
        |_, line| {
            [
                "println!",
                "eprintln!",
                "print!",
                "eprint!",
                "stdout",
                "stderr",
            ]
            .iter()
            .any(|w| line.contains(w))
        },
    );
}

#[test]
fn no_crm_is_named_outside_its_source() {
    const CRMS: [&str; 10] = [
        "azotel",
        "mikrotik",
        "netzur",
        "powercode",
        "preseem",
        "sonar",
        "splynx",
        "uisp",
        "visp",
        "wispgate",
    ];
    hold(
        &[
            ("cli/demo/mod.rs", "the demonstration's ISP has one"),
            (
                "config/",
                "the kinds of sources, and what operators read about them",
            ),
            (
                "exports/collections.rs",
                "the table of what the export of a kind holds",
            ),
            (
                "lint/rules/collection_missing.rs",
                "its example: only this kind has collections",
            ),
            (
                "lint/rules/subscriber_relay.rs",
                "its example: only this kind knows relays",
            ),
            (
                "lint/rules/temporary_rate.rs",
                "its example: only this kind has rates with an end",
            ),
            (
                "sources/libreqos/",
                "its files name the CRM they were made from",
            ),
            ("sources/mod.rs", "the table of sources"),
            ("sources/netzur/", "knows this CRM's words"),
            ("sources/powercode/", "knows this CRM's words"),
            ("sources/sonar/", "knows this CRM's words"),
            ("sources/splynx/", "knows this CRM's words"),
            ("sources/uisp/", "knows this CRM's words"),
            ("sources/visp/", "knows this CRM's words"),
            ("sources/wispgate/", "knows this CRM's words"),
        ],
        "Everything that knows one CRM's words is in `sources/<crm>/`: say it in the words of `ir::records`.",
        |_, line| {
            let line = line.to_lowercase();
            CRMS.iter().any(|crm| line.contains(crm))
        },
    );
}

/// LibreQoS is a source too, and the reader of two files that we write; the shape of the tree knows neither.
#[test]
fn the_shape_of_the_tree_knows_no_libreqos() {
    hold(
        &[],
        "What LibreQoS does belongs into `sources/libreqos`, `emit` or a lint rule, not into the shape of the tree.",
        |path, line| {
            ["ir/", "normalize/", "topology/"]
                .iter()
                .any(|p| path.starts_with(p))
                && line.to_lowercase().contains("libreqos")
        },
    );
}

#[test]
fn the_ir_is_only_data() {
    hold(
        &[],
        "Types of `ir` are neither published nor shown: contracts live in `weir-schemas` and are filled by `emit`, \
         looks live in `report`.",
        |path, line| {
            path.starts_with("ir/")
                && [
                    "serde",
                    "miette",
                    "schemars",
                    "Serialize",
                    "Deserialize",
                    "JsonSchema",
                ]
                .iter()
                .any(|w| has_word(line, w))
        },
    );
}

#[test]
fn stages_know_nothing_of_looks() {
    hold(
        &[
            ("cli/", "shows what went wrong"),
            (
                "config/error.rs",
                "a wrong weir.toml stops before there are findings",
            ),
            ("config/init.rs", "the same"),
            ("report/", "owns how findings look"),
        ],
        "How things look is `report`'s: give the facts as a `Finding` with places.",
        |_, line| has_word(line, "miette"),
    );
}

#[test]
fn numbers_are_integers_once_they_are_read() {
    const STAGES: [&str; 9] = [
        "emit/",
        "exports/",
        "ir/",
        "lint/rules/",
        "normalize/",
        "previous.rs",
        "sources/",
        "topology/",
        "units.rs",
    ];
    hold(
        &[
            (
                "sources/json/decode.rs",
                "names every type that serde may ask for",
            ),
            (
                "sources/json/field.rs",
                "serde offers a number it has read; it is not used",
            ),
        ],
        "Rates are `Kbps`, factors `PerMille`; decimals are read from their text by `units::parse_rate`.",
        |path, line| {
            STAGES.iter().any(|stage| path.starts_with(stage))
                && (has_word(line, "f32") || has_word(line, "f64"))
        },
    );
}

#[test]
fn a_rule_is_a_file_and_every_file_is_registered() {
    let sources = sources();
    let table: String = sources["lint/rules/mod.rs"]
        .iter()
        .map(|(_, line)| format!("{line}\n"))
        .collect();
    let mut modules = BTreeSet::new();
    for (path, lines) in &sources {
        let Some(file) = path.strip_prefix("lint/rules/") else {
            continue;
        };
        if file == "mod.rs" {
            continue;
        }
        let module = file.trim_end_matches(".rs");
        modules.insert(module.to_owned());
        let rules = lines
            .iter()
            .filter(|(_, l)| l.contains("static RULE: Rule"));
        assert_eq!(
            rules.count(),
            1,
            "{path} holds one rule, `static RULE: Rule`"
        );
        let name = format!("name: \"{}\",", module.replace('_', "-"));
        assert!(
            lines.iter().any(|(_, line)| line.trim() == name),
            "{path} is not named as its rule: expected {name}"
        );
        for line in [format!("mod {module};"), format!("&{module}::RULE,")] {
            assert!(
                table.lines().any(|l| l.trim() == line),
                "lint/rules/mod.rs lacks `{line}`"
            );
        }
    }
    let registered = weir_compiler::lint::rules::ALL.len();
    assert_eq!(registered, modules.len(), "rules and files of rules");
}

#[test]
fn words_and_tests_are_told_apart() {
    assert!(has_word("x: f64,", "f64") && !has_word("visit_f64(", "f64"));
    let text = "a\n#[cfg(test)]\nmod x;\nb\n// c\n#[cfg(test)]\nmod tests {\n  d\n}\ne";
    let lines: Vec<String> = code(text).into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines, ["a", "b", "e"]);
}
