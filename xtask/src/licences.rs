//! `xtask licences`: the licences of everything that is linked into the two programs, with their texts, for packages.
//! cargo says what is linked, and each crate's own files say its licence. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::metadata::{Kind, Metadata, Package};
use crate::release::PROGRAMS;

#[derive(clap::Args)]
pub struct Args {
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Platform that the programs are for; what only others need is left out
    #[arg(
        long,
        value_name = "TRIPLE",
        default_value = "x86_64-unknown-linux-gnu"
    )]
    platform: String,
}

pub fn run(args: &Args, out: &mut impl Write) -> Result<(), Box<dyn Error + Send + Sync>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let metadata = Metadata::read(&root, Some(&args.platform))?;
    let programs = PROGRAMS.map(|(package, _)| package);
    let linked = metadata.reached(&programs, &[Kind::Linked])?;
    let text = listing(&linked)?;
    fs::write(&args.out, text)?;
    writeln!(out, "wrote {}", args.out.display())?;
    Ok(())
}

/// A table of crates, then every text once with the crates it is from.
pub fn listing(linked: &[&Package]) -> io::Result<String> {
    let mut crates = linked.to_vec();
    crates.retain(|package| package.source.is_some());
    crates.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let mut text =
        String::from("What is linked into weir and weir-runtime, besides Weir itself.\n\n");
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in crates {
        let name = format!("{} {}", package.name, package.version);
        let licence = package.license.as_deref().unwrap_or("see its text below");
        text.push_str(&format!("{name}: {licence}\n"));
        let dir = package.manifest_path.parent().unwrap_or(Path::new("."));
        for licence in texts_in(dir)? {
            texts.entry(licence).or_default().push(name.clone());
        }
    }
    let mut texts: Vec<(String, Vec<String>)> = texts.into_iter().collect();
    texts.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.cmp(&b.0)));
    for (licence, names) in texts {
        text.push_str(&format!("\n{}\n{}\n\n", "-".repeat(78), names.join(", ")));
        text.push_str(licence.trim_end());
        text.push('\n');
    }
    Ok(text)
}

/// The texts of licences in a crate's directory, as they are.
fn texts_in(dir: &Path) -> io::Result<BTreeSet<String>> {
    let mut texts = BTreeSet::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().to_uppercase();
        let is_licence = ["LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT"]
            .iter()
            .any(|word| name.starts_with(word));
        if is_licence && entry.file_type()?.is_file() {
            texts.insert(String::from_utf8_lossy(&fs::read(entry.path())?).into_owned());
        }
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(id: &str, source: Option<&str>) -> String {
        let source = serde_json::to_string(&source).expect("JSON");
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        format!(
            r#"{{"id":"{id}","name":"{id}","version":"1.0.0","license":"MIT","manifest_path":"{manifest}","source":{source}}}"#
        )
    }

    #[test]
    fn only_what_is_linked_is_listed() {
        let packages = [
            package("weir-compiler", None),
            package("weir-plan", None),
            package("linked", Some("r")),
            package("behind-it", Some("r")),
            package("tests-only", Some("r")),
            package("nobody-uses-it", Some("r")),
        ];
        let edge =
            |to: &str, kind: &str| format!(r#"{{"pkg":"{to}","dep_kinds":[{{"kind":{kind}}}]}}"#);
        let text = format!(
            r#"{{"packages":[{}],"resolve":{{"nodes":[
                {{"id":"weir-compiler","deps":[{},{}]}},
                {{"id":"weir-plan","deps":[{}]}},
                {{"id":"linked","deps":[{}]}},
                {{"id":"behind-it","deps":[]}}]}}}}"#,
            packages.join(","),
            edge("weir-plan", "null"),
            edge("tests-only", "\"dev\""),
            edge("linked", "null"),
            edge("behind-it", "null"),
        );
        let metadata: Metadata = serde_json::from_str(&text).expect("as cargo says it");
        let linked = metadata.reached(&["weir-compiler"], &[Kind::Linked]);
        let listing = listing(&linked.expect("what is linked")).expect("a listing");
        let listed: Vec<&str> = listing.lines().filter(|l| l.ends_with(": MIT")).collect();
        assert_eq!(listed, ["behind-it 1.0.0: MIT", "linked 1.0.0: MIT"]);
    }
}
