//! `xtask docs`: the documentation that comes from the code. Without `--check` it writes the files; with it, it
//! says which differ from what the code says now.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use weir_compiler::lint::rule::{Example, Rule};
use weir_compiler::lint::rules;
use weir_compiler::report::graph::svg;
use weir_compiler::testing::{Memory, compile_example};

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail when a file is not what the code says
    #[arg(long)]
    check: bool,
}

/// Every generated document: path from the root of the repository, and content.
fn documents() -> io::Result<Vec<(String, String)>> {
    let mut documents = vec![
        (
            "docs/fetched-fields.md".to_owned(),
            weir_fetch::docs::reference(),
        ),
        ("docs/lints.md".to_owned(), lints()),
    ];
    for strategy in ["flat", "ap_only", "ap_site", "full"] {
        documents.push((
            format!("docs/images/strategy-{}.svg", strategy.replace('_', "-")),
            picture(strategy),
        ));
    }
    for (kind, module) in MAPPINGS {
        let path = format!("docs/crm/{kind}.md");
        let page = fs::read_to_string(root().join(&path))?;
        documents.push((path, with_mapping(&page, kind, module)?));
    }
    Ok(documents)
}

/// The head of each CRM's decoder says what becomes of its records; the CRM's page says it too.
const MAPPINGS: [(&str, &str); 8] = [
    (
        "mikrotik",
        include_str!("../../compiler/src/sources/mikrotik/mod.rs"),
    ),
    (
        "netzur",
        include_str!("../../compiler/src/sources/netzur/mod.rs"),
    ),
    (
        "powercode",
        include_str!("../../compiler/src/sources/powercode/mod.rs"),
    ),
    (
        "sonar",
        include_str!("../../compiler/src/sources/sonar/mod.rs"),
    ),
    (
        "splynx",
        include_str!("../../compiler/src/sources/splynx/mod.rs"),
    ),
    (
        "uisp",
        include_str!("../../compiler/src/sources/uisp/mod.rs"),
    ),
    (
        "visp",
        include_str!("../../compiler/src/sources/visp/mod.rs"),
    ),
    (
        "wispgate",
        include_str!("../../compiler/src/sources/wispgate/mod.rs"),
    ),
];

/// A page with what stands between its two marks made anew.
fn with_mapping(page: &str, kind: &str, module: &str) -> io::Result<String> {
    let (open, close) = (format!("<!-- mapping: {kind} -->\n"), "<!-- end -->");
    let parts = page
        .split_once(open.as_str())
        .and_then(|(before, rest)| Some((before, rest.split_once(close)?.1)));
    let Some((before, after)) = parts else {
        return Err(io::Error::other(format!(
            "docs/crm/{kind}.md has no `{}` with `{close}` below it",
            open.trim_end()
        )));
    };
    // The first paragraph says what the module is, which is for those who read it.
    let head = module
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .skip_while(|line| !line.is_empty())
        .skip(1);
    let mut said = String::new();
    for line in head {
        said.push_str(&without_links(line));
        said.push('\n');
    }
    Ok(format!(
        "{before}{open}\n{}\n\n{close}{after}",
        said.trim_end()
    ))
}

/// Links to code lead nowhere outside of it: ``[`attach`](self::attach)`` becomes `` `attach` ``.
fn without_links(line: &str) -> String {
    let mut kept = String::new();
    let mut rest = line;
    while let Some((before, from)) = rest.split_once('[') {
        kept.push_str(before);
        let Some((text, after)) = from.split_once(']') else {
            kept.push('[');
            rest = from;
            continue;
        };
        kept.push_str(text);
        rest = match after.strip_prefix('(').and_then(|a| a.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    kept + rest
}

/// The network of docs/strategies.md.
const HILL_AND_MILL: &str = r#"{ "schema": "weir.inventory/1",
 "nodes": [
  {"id": "core", "name": "Core", "kind": "site", "gateway": true},
  {"id": "hill", "name": "Hill", "kind": "site", "parent": "core", "kbps": [400000, 400000]},
  {"id": "mill", "name": "Mill", "kind": "site", "parent": "hill", "kbps": [200000, 100000]},
  {"id": "core-s", "name": "Core-S", "kind": "ap", "parent": "core", "kbps": [300000, 100000]},
  {"id": "hill-n", "name": "Hill-N", "kind": "ap", "parent": "hill", "kbps": [180000, 60000]},
  {"id": "hill-w", "name": "Hill-W", "kind": "ap", "parent": "hill", "kbps": [120000, 40000]},
  {"id": "mill-1", "name": "Mill-1", "kind": "ap", "parent": "mill", "kbps": [90000, 30000]}],
 "circuits": [
  {"id": "1", "attach": "core-s", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.1"]}]},
  {"id": "2", "attach": "hill-n", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.2"]}]},
  {"id": "3", "attach": "hill-n", "plan_kbps": [50000, 10000], "devices": [{"id": "d3", "ips": ["100.64.0.3"]}]},
  {"id": "4", "attach": "hill-w", "plan_kbps": [50000, 10000], "devices": [{"id": "d4", "ips": ["100.64.0.4"]}]},
  {"id": "5", "attach": "mill-1", "plan_kbps": [25000, 5000], "devices": [{"id": "d5", "ips": ["100.64.0.5"]}]}]}
"#;

fn picture(strategy: &str) -> String {
    let config = format!(
        "[topology]\nstrategy = \"{strategy}\"\nwan_mbps = [1000, 1000]\nauto_virtual_mbps = 0\n"
    );
    let files = [("inventory.json", HILL_AND_MILL.as_bytes())];
    let memory =
        Memory::new("inventory", &files, &config).expect("a configuration that is written here");
    let compiled = memory.compile(None);
    svg(
        strategy,
        memory.project.topology.wan,
        &compiled.inventory,
        &compiled.tree,
        &compiled.layout,
    )
}

pub fn run(args: &Args, out: &mut impl Write) -> io::Result<()> {
    for (path, text) in documents()? {
        let file = root().join(&path);
        if fs::read(&file).is_ok_and(|old| old == text.as_bytes()) {
            continue;
        }
        if args.check {
            return Err(io::Error::other(format!(
                "{path} is not what the code says; run `cargo run -p xtask -- docs`"
            )));
        }
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&file, text)?;
        writeln!(out, "wrote {path}")?;
    }
    Ok(())
}

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

const LINTS: &str = "\
# Lint rules

<!-- Generated by `cargo run -p xtask -- docs` from compiler/src/lint/rules. Do not edit. -->

`weir check` and `weir build` look at a network with these rules. `weir explain RULE` prints a section of this
page.

A rule has a level: **error** and **warning** are what `lint.fail_on` asks about, **info** is only listed. Levels
decide the exit code and whether an artifact may be promoted, never whether files are written. To change one, write
the name or the code of the rule in `weir.toml`:

```toml
[lint.levels]
duplicate-address = \"deny\"   # error
wide-prefix = \"warn\"         # warning
host-bits-set = \"allow\"      # not reported
```

A rule is **contained** when the record in question was dealt with by a stated rule and nothing else is affected:
one duplicate address need not hold up a whole network (`schedule.promote = \"when-contained\"`).

";

fn lints() -> String {
    let mut page = LINTS.to_owned();
    page.push_str("| code | name | level | contained | finds |\n| --- | --- | --- | --- | --- |\n");
    for rule in rules::ALL {
        let _ = writeln!(
            page,
            "| [{0}](#{1}-{2}) | `{2}` | {3} | {4} | {5} |",
            rule.code,
            rule.code.to_lowercase(),
            rule.name,
            rule.default.word(),
            if rule.contained { "yes" } else { "" },
            rule.what.replace('|', "\\|"),
        );
    }
    for rule in rules::ALL {
        section(&mut page, rule);
    }
    page
}

fn section(page: &mut String, rule: &Rule) {
    let contained = if rule.contained { ", contained" } else { "" };
    let _ = write!(
        page,
        "\n## {} {}\n\n*{}{contained}*\n\n{}\n\n**Why it matters.** {}\n\n**How to fix it.** {}\n\n",
        rule.code,
        rule.name,
        rule.default.word(),
        rule.what,
        rule.why,
        rule.fix,
    );
    example(page, &rule.bad);
    if rule.bad.prose.is_empty() {
        report(page, rule);
    }
}

/// What the rule says about its own bad example.
fn report(page: &mut String, rule: &Rule) {
    let findings = compile_example(&rule.bad).findings;
    let mut said = String::new();
    for finding in findings.iter().filter(|f| f.rule.code == rule.code) {
        let _ = writeln!(
            said,
            "{}[{}]: {}\n  help: {}",
            finding.level.word(),
            rule.code,
            finding.message,
            finding.help
        );
    }
    if !said.is_empty() {
        let _ = write!(page, "\nsays\n\n```text\n{said}```\n");
    }
}

fn example(page: &mut String, example: &Example) {
    if !example.prose.is_empty() {
        let _ = writeln!(page, "**Example.** {}", example.prose);
        return;
    }
    let _ = writeln!(page, "**Example**, a source of kind `{}`:", example.kind);
    if !example.config.is_empty() {
        fence(page, "weir.toml", example.config);
    }
    for (name, text) in example.files {
        fence(page, name, text);
    }
    if !example.before.is_empty() {
        let _ = write!(page, "\nafter a build of\n");
    }
    for (name, text) in example.before {
        fence(page, name, text);
    }
    if !example.recorded.is_empty() {
        let _ = writeln!(
            page,
            "\nrecorded at {} and built with `--as-of {}`",
            example.recorded, example.as_of
        );
    }
    for also in example.also {
        let _ = writeln!(
            page,
            "\nand a source `{}` of kind `{}`:",
            also.name, also.kind
        );
        for (name, text) in also.files {
            fence(page, name, text);
        }
    }
    if !example.overrides.is_empty() {
        if !example.as_of.is_empty() {
            let _ = writeln!(page, "\non {}:", example.as_of);
        }
        fence(page, "overrides.toml", example.overrides);
    }
}

fn fence(page: &mut String, name: &str, text: &str) {
    let language = name.rsplit('.').next().unwrap_or_default();
    let _ = write!(
        page,
        "\n`{name}`\n\n```{language}\n{}\n```\n",
        text.trim_end()
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_are_what_the_code_says() {
        let args = Args { check: true };
        if let Err(error) = run(&args, &mut io::sink()) {
            panic!("{error}");
        }
    }
}
