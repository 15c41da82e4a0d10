//! `weir.toml` as written -> [`Project`]: defaults, cross checks, and everything that is wrong, all at once.

mod lint;
mod running;
mod sources;
mod target;
mod topology;

use std::path::Path;

use crate::config::check::Check;
use crate::config::date::Date;
use crate::config::error::ConfigError;
use crate::config::file::File;
use crate::config::lone::Lone;
use crate::config::overrides::{Overrides, load as load_overrides};
use crate::config::project::{Addresses, Project, SecretFile, Suspended, SuspendedPolicy};
use crate::config::value::Secret;
use crate::config::{digest, init, mask, schema, written};
use crate::ir::records::Origin;
use crate::ir::tree::Strategy;
use crate::source_map::SourceMap;
use crate::units::Kbps;

/// Settings of the command line that stand above the file.
#[derive(Clone, Default, Debug)]
pub struct CliOverrides {
    pub strategy: Option<Strategy>,
    /// The `[target.NAME]` to build for.
    pub target: Option<String>,
    /// The day it is for what ends on one. The only clock of a compilation.
    pub as_of: Option<Date>,
}

/// The name of the file, and of the project's configuration in every message.
pub const FILE_NAME: &str = "weir.toml";

/// What the configuration of a directory or a file without one is called.
pub const ASSUMED: &str = "weir.toml (assumed)";

/// Reads the project in `dir`. A LibreQoS directory needs no `weir.toml`.
pub fn load(
    dir: &Path,
    files: &mut SourceMap,
    overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    let mut project = match written::text(dir, FILE_NAME)? {
        Some(text) => load_str(&text, files, overrides)?,
        None => {
            let assumed = init::assumed(dir).ok_or_else(|| missing(dir))?;
            load_text(ASSUMED, &assumed, files, overrides)?
        }
    };
    project.overrides = load_overrides(dir, files)?;
    for secret in &mut project.secret_files {
        secret.mode = mode(&dir.join(&secret.path));
    }
    Ok(project)
}

/// Permission bits of a file; nothing of what is in it.
#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

/// Reads a project from the text of its `weir.toml`.
pub fn load_str(
    text: &str,
    files: &mut SourceMap,
    overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    load_text(FILE_NAME, text, files, overrides)
}

/// The project that reads a single file.
pub fn load_alone(
    lone: &Lone,
    files: &mut SourceMap,
    overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    load_text(ASSUMED, &lone.project(), files, overrides)
}

fn missing(dir: &Path) -> ConfigError {
    let shown = dir.display();
    if dir.is_dir() {
        ConfigError::whole(
            FILE_NAME,
            format!("there is no weir.toml in {shown}"),
            format!(
                "`weir init {shown}` writes one; a LibreQoS directory needs none, if it holds both network.json and \
                 ShapedDevices.csv"
            ),
        )
    } else {
        ConfigError::whole(
            FILE_NAME,
            format!("{shown} is not a directory"),
            format!(
                "name the directory of a project, one with a weir.toml; `weir init {shown}` makes one"
            ),
        )
    }
}

fn load_text(
    name: &str,
    text: &str,
    files: &mut SourceMap,
    overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    let (root, file) = written::read::<File>(text, &schema::SCHEMA);
    let fail = |problems| ConfigError::new(name, mask::secrets(text, root.get_ref()), problems);
    let file = file.map_err(fail)?;
    let id = files.add(written::source_file(name, text));
    let mut check = Check {
        text,
        problems: Vec::new(),
    };
    let mut project = check.project(&file, files.whole(id), overrides);
    if !check.problems.is_empty() {
        return Err(fail(check.problems));
    }
    project.digest = digest::settings(&project);
    Ok(project)
}

/// The files that the sources take their secrets from.
fn secret_files(file: &File) -> Vec<SecretFile> {
    let mut files = Vec::new();
    for (index, written) in file.source.iter().enumerate() {
        let source = &written.value;
        let name = source.name.as_ref().map_or("", |name| name.value.as_str());
        for (key, secret) in [("key", &source.key), ("secret", &source.secret)] {
            if let Some(Secret::Reference(reference)) = secret.as_ref().map(|s| &s.value)
                && let Some(path) = &reference.file
            {
                files.push(SecretFile {
                    source: name.to_owned(),
                    route: format!("source.{index}.{key}"),
                    path: path.value.clone(),
                    mode: None,
                });
            }
        }
    }
    files
}

impl Check<'_> {
    fn project(&mut self, file: &File, origin: Origin, overrides: &CliOverrides) -> Project {
        let name = self.label("project.name", &file.project.name);
        let (sources, merge) = self.sources(file);
        let live = self.live(file, &sources);
        let (store, remote) = self.store(&file.store);
        Project {
            name: name.unwrap_or_else(|| "weir".to_owned()),
            file: origin,
            sources,
            merge,
            live,
            topology: self.topology(&file.topology, overrides),
            rates: self.rates(&file.rates),
            suspended: Suspended {
                policy: self.word(
                    "suspended.policy",
                    &file.suspended.policy,
                    SuspendedPolicy::Keep,
                ),
                slow: self.mbps(
                    "suspended.slow_mbps",
                    &file.suspended.slow_mbps,
                    Kbps(100),
                    1,
                ),
            },
            addresses: Addresses {
                allow: self.prefixes("addresses.allow", &file.addresses.allow),
                ignore: self.prefixes("addresses.ignore", &file.addresses.ignore),
            },
            lint: self.lint(&file.lint),
            guard: self.guard(&file.guard),
            target: self.target(file, overrides),
            store,
            remote,
            overrides: Overrides::default(),
            as_of: overrides.as_of,
            secret_files: secret_files(file),
            channels: self.channels(file),
            signing: self.signing(&file.signing),
            publish: self.publish(&file.publish),
            schedule: self.schedule(file),
            digest: String::new(),
        }
    }
}
