//! What may be linked into a release, by `deny.toml`: licences, where crates come from, and which of them may be there
//! in two versions. The part of cargo-deny that needs neither cargo-deny nor a network, so that every test run and
//! every release holds it. Advisories are not looked at here.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::metadata::{Kind, Metadata, Package};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

#[derive(Deserialize)]
struct Policy {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: BTreeSet<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<Named>,
    skip: Vec<Named>,
}

/// `name` or `name@version`, of which the beginning counts.
#[derive(Deserialize)]
#[serde(rename = "Crate")]
struct Named {
    #[serde(rename = "crate")]
    name: String,
    reason: String,
}

impl Named {
    fn fits(&self, package: &Package) -> bool {
        match self.name.split_once('@') {
            None => self.name == package.name,
            Some((name, version)) => {
                name == package.name
                    && package
                        .version
                        .strip_prefix(version)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            }
        }
    }
}

/// What the policy is against, and exceptions that nothing needs any more; empty when all is well.
pub fn faults(metadata: &Metadata, policy: &str, programs: &[&str]) -> Result<Vec<String>, String> {
    let policy: Policy = toml::from_str(policy).map_err(|e| format!("deny.toml: {e}"))?;
    let mut linked = BTreeMap::new();
    for program in programs {
        for package in metadata.reached(&[program], &[Kind::Linked, Kind::Build])? {
            linked.insert((&*package.name, &*package.version), package);
        }
    }
    let mut faults = Vec::new();
    let mut versions: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in linked.values() {
        let named = format!("{} {}", package.name, package.version);
        match package.license.as_deref() {
            None => faults.push(format!("{named} states no licence")),
            Some(license) if !is_allowed(license, &policy.licenses.allow) => {
                faults.push(format!(
                    "{named} is {license}, which deny.toml does not allow"
                ));
            }
            Some(_) => {}
        }
        if package.source.as_deref().is_some_and(|s| s != REGISTRY) {
            faults.push(format!("{named} is not from crates.io"));
        }
        if let Some(ban) = policy.bans.deny.iter().find(|ban| ban.fits(package)) {
            faults.push(format!("{named} is banned: {}", ban.reason));
        }
        if !policy.bans.skip.iter().any(|skip| skip.fits(package)) {
            versions.entry(&package.name).or_default().push(package);
        }
    }
    for (name, packages) in &versions {
        if packages.len() > 1 {
            let versions: Vec<&str> = packages.iter().map(|p| &*p.version).collect();
            faults.push(format!("{name} is linked in {}", versions.join(" and ")));
        }
    }
    for skip in &policy.bans.skip {
        // It still is the second of two.
        let of = linked.values().find(|package| skip.fits(package));
        if !of.is_some_and(|package| versions.contains_key(&*package.name)) {
            faults.push(format!(
                "{} needs no exception any more ({}): take it out of deny.toml",
                skip.name, skip.reason
            ));
        }
    }
    Ok(faults)
}

/// An SPDX expression of names, AND, OR, WITH and parentheses; older packages write `/` for OR.
fn is_allowed(expression: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = expression
        .replace('(', " ( ")
        .replace(')', " ) ")
        .replace('/', " OR ");
    let mut words = spaced.split_whitespace().peekable();
    let fits = any(&mut words, allowed);
    fits && words.next().is_none()
}

type Words<'a> = std::iter::Peekable<std::str::SplitWhitespace<'a>>;

fn any(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut fits = all(words, allowed);
    while words.next_if_eq(&"OR").is_some() {
        // Read to the end in any case.
        fits |= all(words, allowed);
    }
    fits
}

fn all(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    let mut fits = one(words, allowed);
    while words.next_if_eq(&"AND").is_some() {
        fits &= one(words, allowed);
    }
    fits
}

fn one(words: &mut Words<'_>, allowed: &BTreeSet<String>) -> bool {
    match words.next() {
        Some("(") => {
            let fits = any(words, allowed);
            words.next() == Some(")") && fits
        }
        Some(name) => {
            // An exception gives more rights, never less.
            if words.next_if_eq(&"WITH").is_some() {
                words.next();
            }
            allowed.contains(name)
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_is_released_keeps_to_the_policy() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let metadata = Metadata::read(&root, None).expect("metadata");
        let policy = fs::read_to_string(root.join("deny.toml")).expect("deny.toml");
        let programs = ["weir-runtime", "weir-compiler"];
        let faults = faults(&metadata, &policy, &programs).expect("judged");
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }

    #[test]
    fn licences_are_read_as_spdx_means_them() {
        let allowed: BTreeSet<String> = ["MIT", "Apache-2.0", "Zlib"].map(str::to_owned).into();
        for (expression, fits) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("MIT/GPL-3.0", true),
            ("GPL-3.0 OR (LGPL-3.0 OR MIT)", true),
            ("MIT AND GPL-3.0", false),
            ("(MIT OR GPL-3.0) AND Zlib", true),
            ("(MIT OR GPL-3.0) AND LGPL-3.0", false),
            ("Apache-2.0 WITH LLVM-exception OR GPL-3.0", true),
            ("MIT OR", true),
            ("(MIT", false),
            ("MIT)", false),
            ("", false),
        ] {
            assert_eq!(is_allowed(expression, &allowed), fits, "{expression}");
        }
    }

    fn judged(packages: &str, policy: &str) -> Vec<String> {
        let mut nodes = Vec::new();
        let mut ids = Vec::new();
        let list: Vec<serde_json::Value> = packages
            .lines()
            .map(|line| {
                let [name, version, license, source] = line.split(", ").collect::<Vec<_>>()[..]
                else {
                    panic!("{line}")
                };
                let id = format!("{name}@{version}");
                ids.push(serde_json::json!({"pkg": id, "dep_kinds": [{"kind": null}]}));
                nodes.push(serde_json::json!({"id": id, "deps": []}));
                serde_json::json!({"id": id, "name": name, "version": version, "license": license,
                                   "source": source, "repository": null, "manifest_path": "Cargo.toml"})
            })
            .chain([
                serde_json::json!({"id": "own", "name": "own", "version": "1.0.0", "license": "MIT",
                                       "source": null, "repository": null, "manifest_path": "Cargo.toml"}),
            ])
            .collect();
        nodes.push(serde_json::json!({"id": "own", "deps": ids}));
        let metadata = serde_json::json!({"packages": list, "resolve": {"nodes": nodes}});
        let metadata = serde_json::from_value(metadata).expect("metadata");
        faults(&metadata, policy, &["own"]).expect("judged")
    }

    #[test]
    fn each_kind_of_fault_is_found() {
        let policy = "[licenses]\nallow = [\"MIT\"]\n[bans]\n\
                      deny = [{ crate = \"openssl\", reason = \"rustls\" }]\n\
                      skip = [{ crate = \"syn@2\", reason = \"macros\" }, { crate = \"gone@1\", reason = \"old\" }]\n";
        let packages = format!(
            "openssl, 1.0.0, MIT, {REGISTRY}\ncopyleft, 1.0.0, GPL-3.0, {REGISTRY}\nfork, 1.0.0, MIT, git+https://x\n\
             syn, 2.0.1, MIT, {REGISTRY}\nsyn, 3.0.1, MIT, {REGISTRY}\nbits, 1.0.0, MIT, {REGISTRY}\n\
             bits, 2.0.0, MIT, {REGISTRY}"
        );
        let faults = judged(&packages, policy);
        let want = [
            "copyleft 1.0.0 is GPL-3.0, which deny.toml does not allow",
            "fork 1.0.0 is not from crates.io",
            "openssl 1.0.0 is banned: rustls",
            "bits is linked in 1.0.0 and 2.0.0",
            "gone@1 needs no exception any more (old): take it out of deny.toml",
        ];
        assert_eq!(faults, want);
    }
}
