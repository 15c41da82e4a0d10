//! The bill of materials of a program: what is linked into it or runs while it is built, as CycloneDX 1.5. Made from
//! `cargo metadata` and `Cargo.lock` alone, and the same bytes each time: it has no time and no random number.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::metadata::{Kind, Metadata, Package};

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The bill of the program of a package, as JSON, for a platform or for this machine.
pub fn bill(root: &Path, package: &str, platform: Option<&str>) -> io::Result<String> {
    let lock = fs::read_to_string(root.join("Cargo.lock"))?;
    bill_of(&Metadata::read(root, platform)?, &lock, package)
}

fn bill_of(metadata: &Metadata, lock: &str, package: &str) -> io::Result<String> {
    let lock: Lock = toml::from_str(lock).map_err(io::Error::other)?;
    let sums: BTreeMap<(&str, &str), &str> = lock
        .package
        .iter()
        .filter_map(|p| Some(((&*p.name, &*p.version), p.checksum.as_deref()?)))
        .collect();
    let root = metadata.own(package).map_err(io::Error::other)?;
    let linked = metadata
        .reached(&[package], USED)
        .map_err(io::Error::other)?;
    let packages: BTreeMap<&str, &Package> = linked.iter().map(|p| (&*p.id, *p)).collect();
    let nodes = metadata.nodes();
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    for (id, package) in &packages {
        if *id != root.id {
            components.push((package.reference(), package.component(&sums)));
        }
        let mut on: Vec<String> = nodes[id]
            .needs(USED)
            .map(|d| packages[d].reference())
            .collect();
        on.sort_unstable();
        on.dedup();
        let reference = package.reference();
        dependencies.push((
            reference.clone(),
            json!({"ref": reference, "dependsOn": on}),
        ));
    }
    components.sort_by(|a, b| a.0.cmp(&b.0));
    dependencies.sort_by(|a, b| a.0.cmp(&b.0));
    let values = |list: Vec<(String, Value)>| list.into_iter().map(|(_, v)| v).collect::<Vec<_>>();
    let mut own = root.component(&sums);
    own["type"] = "application".into();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": own},
        "components": values(components),
        "dependencies": values(dependencies),
    });
    let mut text = serde_json::to_string_pretty(&bill)?;
    text.push('\n');
    Ok(text)
}

/// Of a bill: what is linked, and what runs in the build.
const USED: &[Kind] = &[Kind::Linked, Kind::Build];

impl Package {
    /// Package URL, which also names it inside the bill.
    fn reference(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }

    fn component(&self, sums: &BTreeMap<(&str, &str), &str>) -> Value {
        let reference = self.reference();
        let mut component = json!({
            "type": "library",
            "bom-ref": reference,
            "name": self.name,
            "version": self.version,
            "purl": reference,
        });
        if let Some(license) = &self.license {
            // Older packages write alternatives with a stroke.
            let expression = license.replace(" / ", " OR ").replace('/', " OR ");
            component["licenses"] = json!([{"expression": expression}]);
        }
        if let Some(sum) = sums.get(&(&*self.name, &*self.version)) {
            component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
        }
        if let Some(url) = &self.repository {
            component["externalReferences"] = json!([{"type": "vcs", "url": url}]);
        }
        component
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::path::PathBuf;

    fn root() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    fn names(bill: &Value) -> BTreeSet<&str> {
        let components = bill["components"].as_array().expect("components");
        components
            .iter()
            .map(|c| c["name"].as_str().expect("a name"))
            .collect()
    }

    /// Against the lock file, which is what is built from.
    #[test]
    fn a_bill_says_what_the_lock_file_says() {
        let metadata = Metadata::read(&root(), None).expect("metadata");
        let lock = fs::read_to_string(root().join("Cargo.lock")).expect("a lock file");
        let locked: toml::Table = lock.parse().expect("TOML");
        let locked = locked["package"].as_array().expect("packages");
        for (package, has, has_not) in [
            (
                "weir-runtime",
                ["weir-store", "aya"].as_slice(),
                ["rustls", "reqwest", "csv", "proptest"].as_slice(),
            ),
            (
                "weir-compiler",
                &["rustls", "csv", "weir-console"],
                &["aya", "proptest", "chromedriver"],
            ),
        ] {
            let text = bill_of(&metadata, &lock, package).expect("a bill");
            assert_eq!(text, bill_of(&metadata, &lock, package).expect("a bill"));
            let bill: Value = serde_json::from_str(&text).expect("JSON");
            assert_eq!(bill["bomFormat"], "CycloneDX");
            assert_eq!(bill["metadata"]["component"]["name"], package);
            let names = names(&bill);
            for name in has {
                assert!(names.contains(name), "{package} lacks {name}");
            }
            for name in has_not {
                assert!(!names.contains(name), "{package} has {name}");
            }
            let mut references = BTreeSet::new();
            for component in bill["components"].as_array().expect("components") {
                let (name, version) = (&component["name"], &component["version"]);
                let entry = locked
                    .iter()
                    .find(|p| {
                        p["name"].as_str() == name.as_str()
                            && p["version"].as_str() == version.as_str()
                    })
                    .unwrap_or_else(|| panic!("{name} {version} is not locked"));
                let sum = entry.get("checksum").and_then(|c| c.as_str());
                assert_eq!(component["hashes"][0]["content"].as_str(), sum, "{name}");
                assert!(component["licenses"][0]["expression"].is_string(), "{name}");
                let reference = component["bom-ref"].as_str().expect("a reference");
                assert!(references.insert(reference.to_owned()), "{reference} twice");
            }
            references.insert(
                bill["metadata"]["component"]["bom-ref"]
                    .as_str()
                    .expect("a reference")
                    .to_owned(),
            );
            for dependency in bill["dependencies"].as_array().expect("dependencies") {
                for on in dependency["dependsOn"].as_array().expect("a list") {
                    let on = on.as_str().expect("a reference");
                    assert!(references.contains(on), "{on} is in no component");
                }
            }
        }
    }

    #[test]
    fn a_package_that_is_not_there_is_told() {
        let none = r#"{"packages": [], "resolve": {"nodes": []}}"#;
        let none = serde_json::from_str(none).expect("metadata");
        assert!(bill_of(&none, "package = []", "weir").is_err());
    }
}
