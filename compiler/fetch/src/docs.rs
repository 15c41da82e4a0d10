//! `docs/fetched-fields.md`, from the tables: what is read of each CRM, what the key needs for it, and what is kept.

use std::fmt::Write as _;

use crate::collection::Request;
use crate::crm::CRMS;
use crate::select::Selection;

/// The page.
pub fn reference() -> String {
    let mut page = String::from(
        "# What is read of each CRM\n\n\
         Generated from the tables in `compiler/fetch/src/crm/` by `cargo run -p xtask -- docs`.\n\n\
         Only the fields named here are recorded. Everything else in an answer is dropped while it arrives: wireless keys,\n\
         passwords, tokens, contacts and payment data are never written. [fetching.md](fetching.md) says how a fetch works.\n",
    );
    for crm in CRMS {
        let _ = write!(
            page,
            "\n## {}\n\n`kind = \"{}\"`. The key: {}\n\n",
            crm.label, crm.kind, crm.key
        );
        page.push_str("| setting | |\n|---|---|\n");
        for need in crm.needs {
            let always = if need.always { "" } else { " (optional)" };
            let _ = writeln!(page, "| `{}` | {}{always} |", need.setting, need.what);
        }
        page.push_str("\n| collection | request | pages | the key needs | without it |\n|---|---|---|---|---|\n");
        for collection in crm.collections {
            let request = match collection.request {
                Request::Get("") => "`GET` the address itself".to_owned(),
                Request::Get(path) => format!("`GET {}`", path.split('?').next().unwrap_or(path)),
                Request::Form { path, action: None } => format!("`POST {path}`"),
                Request::Form {
                    path,
                    action: Some(action),
                } => format!("`POST {path}`, `{action}`"),
                Request::GraphQl { operation, .. } => format!("GraphQL `{operation}`"),
            };
            let without = collection.optional.unwrap_or("the fetch fails");
            let _ = writeln!(
                page,
                "| `{}` | {request} | {} | {} | {without} |",
                collection.name,
                collection.paging.words(),
                if collection.permission.is_empty() {
                    "-"
                } else {
                    collection.permission
                },
            );
        }
        for collection in crm.collections {
            let _ = write!(page, "\n`{}` keeps:\n\n```text\n", collection.name);
            lines(&Selection::of(collection.keep), 0, &mut page);
            page.push_str("```\n");
        }
    }
    page
}

/// Fields on few lines; what has fields of its own begins a line.
fn lines(selection: &Selection, depth: usize, page: &mut String) {
    let indent = "  ".repeat(depth);
    let plain: Vec<&str> = selection
        .fields
        .iter()
        .filter(|field| field.below.is_none())
        .map(|field| field.name.as_str())
        .collect();
    let mut line = String::new();
    for name in plain {
        if !line.is_empty() && indent.len() + line.len() + name.len() > 110 {
            let _ = writeln!(page, "{indent}{line}");
            line.clear();
        }
        if !line.is_empty() {
            line.push_str(", ");
        }
        line.push_str(name);
    }
    if !line.is_empty() {
        let _ = writeln!(page, "{indent}{line}");
    }
    for field in &selection.fields {
        if let Some(below) = &field.below {
            let _ = writeln!(page, "{indent}{}:", field.name);
            lines(below, depth + 1, page);
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_page_is_what_the_tables_say() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fetched-fields.md");
        let have = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            have == super::reference(),
            "docs/fetched-fields.md is old: run `cargo run -p xtask -- docs`"
        );
    }
}
