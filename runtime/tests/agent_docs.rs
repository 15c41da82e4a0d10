//! `docs/runtime.md` says what the program does: its tables are made of the program's own, and `UPDATE_DOCS=1` writes
//! them.

use std::fmt::Write as _;
use std::path::Path;

use weir_runtime::config::{Config, KEYS};
use weir_runtime::exit::Exit;
use weir_runtime::health::{ABOUT, NAMES};
use weir_runtime::status::metrics::METRICS;
use weir_runtime::status::serve::QUESTIONS;

/// The table whose first row begins with this, in the document.
struct Table {
    head: &'static str,
    rows: String,
}

fn tables() -> Vec<Table> {
    let mut keys = String::new();
    for key in KEYS {
        let default = key.default.trim_matches('"');
        let _ = writeln!(keys, "| `{}` | `{default}` | {} |", key.name, key.what);
    }
    let required = Config::default().health.required;
    let mut health = String::new();
    for (name, about) in NAMES.iter().zip(ABOUT) {
        let kind = match required.iter().any(|r| r == name) {
            true => "required",
            false => "wanted",
        };
        let _ = writeln!(health, "| `{name}` | {kind} | {about} |");
    }
    let mut metrics = String::new();
    for metric in METRICS {
        let labels: Vec<String> = metric.labels.iter().map(|l| format!("`{l}`")).collect();
        let help = metric.help.trim_end_matches('.');
        let _ = writeln!(
            metrics,
            "| `{}` | {} | {} | {help} |",
            metric.name,
            metric.kind,
            labels.join(" ")
        );
    }
    let mut codes = String::new();
    for (exit, what) in Exit::ALL {
        let _ = writeln!(codes, "| {} | {what} |", exit as u8);
    }
    vec![
        Table {
            head: "| key | default | what |",
            rows: keys,
        },
        Table {
            head: "| check | default | what |",
            rows: health,
        },
        Table {
            head: "| metric | kind | labels | what |",
            rows: metrics,
        },
        Table {
            head: "| code | means |",
            rows: codes,
        },
    ]
}

#[test]
fn the_tables_are_those_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/runtime.md");
    let found = std::fs::read_to_string(&path).expect("the page");
    let mut wanted = found.clone();
    for table in tables() {
        let head = wanted.find(table.head).expect(table.head);
        // Behind the line below the head.
        let start = head + wanted[head..].match_indices('\n').nth(1).expect("a line").0 + 1;
        let rest = &wanted[start..];
        let length = rest.find("\n\n").map_or(rest.len(), |end| end + 1);
        wanted.replace_range(start..start + length, &table.rows);
    }
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &wanted).expect("written");
        return;
    }
    assert!(
        found == wanted,
        "docs/runtime.md differs from the program: UPDATE_DOCS=1 cargo test -p weir-runtime --test agent_docs"
    );
}

#[test]
fn every_question_is_explained() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/runtime.md");
    let page = std::fs::read_to_string(path).expect("the page");
    for question in QUESTIONS {
        assert!(page.contains(&format!("| `{question}` |")), "{question}");
    }
}
