//! What cargo says of the packages of this tree and of those they need. It judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

/// What cargo resolves.
#[derive(Deserialize)]
pub struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
pub struct Package {
    pub id: String,
    pub name: String,
    pub version: String,
    /// As an SPDX expression, more or less.
    pub license: Option<String>,
    /// Where it comes from; nothing for packages of this tree.
    pub source: Option<String>,
    pub repository: Option<String>,
    pub manifest_path: PathBuf,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

/// A package and what it needs.
#[derive(Deserialize)]
pub struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    kind: Option<Kind>,
}

/// What a package needs another one for. Nothing in cargo's words is what is linked.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    Linked,
    /// It runs while the program is built.
    Build,
    /// Tests only.
    Dev,
}

impl Metadata {
    /// For a platform, as a triple; without one for the machine that builds. What only others need is left out.
    pub fn read(root: &Path, platform: Option<&str>) -> io::Result<Metadata> {
        let platform = match platform {
            Some(platform) => platform.to_owned(),
            None => host(root)?,
        };
        let text = output(
            Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
                .args(["metadata", "--format-version", "1", "--locked"])
                .args(["--filter-platform", &platform])
                .current_dir(root),
        )?;
        Ok(serde_json::from_str(&text)?)
    }

    /// A package of this tree.
    pub fn own(&self, package: &str) -> Result<&Package, String> {
        let own = |p: &&Package| p.name == package && p.source.is_none();
        let found = self.packages.iter().find(own);
        found.ok_or_else(|| format!("there is no package {package}"))
    }

    pub fn nodes(&self) -> BTreeMap<&str, &Node> {
        (self.resolve.nodes.iter()).map(|n| (&*n.id, n)).collect()
    }

    /// Packages of this tree and all that they need, and what that needs, for one of `kinds`. Sorted by id.
    pub fn reached(&self, own: &[&str], kinds: &[Kind]) -> Result<Vec<&Package>, String> {
        let packages: BTreeMap<&str, &Package> =
            self.packages.iter().map(|p| (&*p.id, p)).collect();
        let nodes = self.nodes();
        let mut reached = BTreeSet::new();
        let mut open = Vec::new();
        for package in own {
            open.push(&*self.own(package)?.id);
        }
        while let Some(id) = open.pop() {
            if reached.insert(id) {
                let node = nodes.get(id).ok_or("a package without a node")?;
                open.extend(node.needs(kinds));
            }
        }
        let found = reached.iter().map(|id| packages.get(id).copied());
        found
            .collect::<Option<_>>()
            .ok_or_else(|| "a node without a package".to_owned())
    }
}

impl Node {
    /// Ids of the packages that it needs for one of `kinds`.
    pub fn needs(&self, kinds: &[Kind]) -> impl Iterator<Item = &str> {
        let wanted = |k: &DependencyKind| kinds.contains(&k.kind.unwrap_or(Kind::Linked));
        self.deps
            .iter()
            .filter(move |d| d.dep_kinds.iter().any(wanted))
            .map(|d| &*d.pkg)
    }
}

/// The triple of the machine that builds.
fn host(root: &Path) -> io::Result<String> {
    let version = output(Command::new("rustc").arg("-vV").current_dir(root))?;
    let host = version
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .ok_or_else(|| io::Error::other("rustc names no host"))?;
    Ok(host.to_owned())
}

fn output(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(io::Error::other(format!("{command:?}: {said}")));
    }
    String::from_utf8(output.stdout).map_err(io::Error::other)
}
