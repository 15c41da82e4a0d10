//! `weir init`: a first `weir.toml`, with every key in it, and what a LibreQoS directory says about the settings.
//!
//! Of LibreQoS's `lqos.conf` only settings are taken here. Its subscribers and nodes are read by the source, at every
//! build.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use miette::Diagnostic;
use thiserror::Error;
use toml::de::{DeTable, DeValue};

use crate::config::resolve::{CliOverrides, FILE_NAME, load_str};
use crate::config::schema;
use crate::source_map::SourceMap;

/// The file that `init` writes. A line `#key = value` is a setting, `# text` is not.
pub(super) const TEMPLATE: &str = include_str!("template.toml");

/// Kept out of git: what Weir makes, and what nobody may see. `golden/` is not here, it belongs in git.
const GITIGNORE: [&str; 2] = [".weir/", "secrets/"];

const SCHEMA_FILE: &str = ".weir/weir.schema.json";

#[derive(Debug, Error, Diagnostic)]
pub enum InitError {
    #[error("{} is there already", .0.display())]
    #[diagnostic(help("edit it, or name another directory; `weir init` never overwrites"))]
    Exists(PathBuf),
    #[error("{} is not a LibreQoS directory: it has no {}", .dir.display(), .missing)]
    #[diagnostic(help(
        "name the directory that holds network.json and ShapedDevices.csv, mostly /opt/libreqos/src"
    ))]
    NotLibreqos { dir: PathBuf, missing: &'static str },
    #[error("{} is not valid TOML: {}", .path.display(), .message)]
    #[diagnostic(help("mend the file, or move it away to start from default settings"))]
    LqosConf { path: PathBuf, message: String },
    #[error("{} cannot be written or read: {}", .path.display(), .error)]
    Io { path: PathBuf, error: io::Error },
}

fn io_error(path: &Path) -> impl FnOnce(io::Error) -> InitError {
    let path = path.to_owned();
    move |error| InitError::Io { path, error }
}

/// Writes a project into `dir`, made if it is not there. Gives the files that were written, relative to `dir`.
pub fn init(dir: &Path, from_libreqos: Option<&Path>) -> Result<Vec<PathBuf>, InitError> {
    let config = dir.join(FILE_NAME);
    if config.symlink_metadata().is_ok() {
        return Err(InitError::Exists(config));
    }
    // Everything that can be wrong is found before anything is written.
    let imported = from_libreqos.map(Imported::read).transpose()?;
    fs::create_dir_all(dir).map_err(io_error(dir))?;
    let text = match imported {
        Some(imported) => imported.project(dir)?,
        None => TEMPLATE.to_owned(),
    };
    let schema = dir.join(SCHEMA_FILE);
    let schema_dir = dir.join(".weir");
    fs::create_dir_all(&schema_dir).map_err(io_error(&schema_dir))?;
    let json = serde_json::to_string_pretty(&*schema::SCHEMA).unwrap_or_default();
    fs::write(&schema, json + "\n").map_err(io_error(&schema))?;
    let mut written = vec![PathBuf::from(SCHEMA_FILE)];
    if ignore(&dir.join(".gitignore"))? {
        written.push(PathBuf::from(".gitignore"));
    }
    create(&config, &text)?;
    written.push(PathBuf::from(FILE_NAME));
    written.sort();
    Ok(written)
}

/// Never replaces a file, not even one that appeared a moment ago.
fn create(path: &Path, text: &str) -> Result<(), InitError> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => InitError::Exists(path.to_owned()),
            _ => io_error(path)(error),
        })?;
    file.write_all(text.as_bytes()).map_err(io_error(path))
}

/// Adds the lines of [`GITIGNORE`] that are missing; `false` when none is.
fn ignore(path: &Path) -> Result<bool, InitError> {
    let before = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => String::new(),
        Err(e) => return Err(io_error(path)(e)),
    };
    let there = |line: &str| {
        let bare = line.trim_matches('/');
        before.lines().any(|l| l.trim().trim_matches('/') == bare)
    };
    let missing: Vec<&str> = GITIGNORE.into_iter().filter(|line| !there(line)).collect();
    if missing.is_empty() {
        return Ok(false);
    }
    let mut text = before;
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str("# Weir. golden/ belongs in git: it is what builds are compared with.\n");
    for line in missing {
        text.push_str(line);
        text.push('\n');
    }
    fs::write(path, text).map_err(io_error(path))?;
    Ok(true)
}

/// The template with every setting taken out of its comment.
pub(super) fn uncommented() -> String {
    TEMPLATE
        .lines()
        .map(|line| uncomment(line).unwrap_or(line))
        .fold(String::new(), |mut text, line| {
            text.push_str(line);
            text.push('\n');
            text
        })
}

/// `#key = value` and `#[table]` without the `#`.
fn uncomment(line: &str) -> Option<&str> {
    let setting = line.strip_prefix('#')?;
    setting
        .starts_with(|c: char| c.is_ascii_lowercase() || c == '[')
        .then_some(setting)
}

/// The project of a LibreQoS directory that has no `weir.toml`; `None` if it is not one. A broken `lqos.conf` is
/// passed over here: the source reports it.
pub(super) fn assumed(dir: &Path) -> Option<String> {
    if missing_file(dir).is_some() {
        return None;
    }
    let full = fs::canonicalize(dir).ok()?;
    let name = full.file_name().map(|name| name.to_string_lossy());
    let name = name.unwrap_or_else(|| "libreqos".into());
    let conf = fs::read_to_string(dir.join("lqos.conf")).unwrap_or_default();
    let settings = settings(&conf).unwrap_or_else(|_| settings("").unwrap_or_default());
    let start = Draft::minimal(&name);
    Some(start.with(settings, |_, _| String::new()))
}

fn missing_file(dir: &Path) -> Option<&'static str> {
    ["network.json", "ShapedDevices.csv"]
        .into_iter()
        .find(|name| !dir.join(name).is_file())
}

/// A LibreQoS directory to start from.
struct Imported {
    dir: PathBuf,
    settings: Vec<Setting>,
    has_conf: bool,
}

impl Imported {
    fn read(dir: &Path) -> Result<Imported, InitError> {
        if let Some(missing) = missing_file(dir) {
            let dir = dir.to_owned();
            return Err(InitError::NotLibreqos { dir, missing });
        }
        let path = dir.join("lqos.conf");
        let conf = match fs::read_to_string(&path) {
            Ok(text) => Some(text),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(io_error(&path)(e)),
        };
        let settings = settings(conf.as_deref().unwrap_or(""));
        Ok(Imported {
            dir: dir.to_owned(),
            settings: settings.map_err(|message| InitError::LqosConf { path, message })?,
            has_conf: conf.is_some(),
        })
    }

    fn project(self, dir: &Path) -> Result<String, InitError> {
        let from = fs::canonicalize(&self.dir).map_err(io_error(&self.dir))?;
        let here = fs::canonicalize(dir).map_err(io_error(dir))?;
        let export = relative(&here, &from);
        let mut draft = Draft(TEMPLATE.to_owned());
        draft.source(&export.to_string_lossy());
        if !self.has_conf {
            draft.note(
                "[topology]",
                "# There was no lqos.conf beside the LibreQoS files (it is mostly /etc/lqos.conf): state wan_mbps here.\n",
            );
        }
        Ok(draft.with(self.settings, |setting, problem| {
            format!("# lqos.conf: {} was not taken: {problem}\n", setting.from)
        }))
    }
}

/// `to`, seen from `from`; absolute when they have nothing in common but the root.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let common = from
        .components()
        .zip(to.components())
        .take_while(|(a, b)| a == b)
        .count();
    if common <= 1 {
        return to.to_owned();
    }
    let up = from.components().skip(common).map(|_| Component::ParentDir);
    let path: PathBuf = up.chain(to.components().skip(common)).collect();
    match path.as_os_str().is_empty() {
        true => PathBuf::from("."),
        false => path,
    }
}

/// Something `lqos.conf` says, as lines of `weir.toml`.
struct Setting {
    /// The key in `lqos.conf`.
    from: &'static str,
    /// Header, key, value as TOML.
    lines: Vec<(&'static str, &'static str, String)>,
    /// What to know about it; printed above the first line.
    note: &'static str,
    /// Known, but not to be in force.
    comment_only: bool,
}

/// Reads the settings of `lqos.conf` that have a meaning here. Numbers keep their text. The error says what is not
/// TOML.
fn settings(conf: &str) -> Result<Vec<Setting>, String> {
    let root = DeTable::parse(conf).map_err(|e| e.message().replace('\n', " "))?;
    let conf = Conf(root.get_ref());
    let mut out = Vec::new();
    let mut add = |from, lines: Vec<(&'static str, &'static str, Option<String>)>| {
        let lines: Option<Vec<_>> = lines
            .into_iter()
            .map(|(header, key, value)| Some((header, key, value?)))
            .collect();
        if let Some(lines) = lines {
            out.push(Setting {
                from,
                lines,
                note: "",
                comment_only: false,
            });
        }
    };
    const TOPOLOGY: &str = "[topology]";
    const TARGET: &str = "[target.edge1]";
    const SHAPER: &str = "[target.edge1.shaper]";
    // The files hold the tree as it is to be shaped, unless LibreQoS compiles it down itself.
    let strategy = match conf.text("topology", "compile_mode").as_deref() {
        Some("flat") => "flat",
        Some("ap_only") => "ap_only",
        Some("ap_site") => "ap_site",
        _ => "full",
    };
    add(
        "topology.compile_mode",
        vec![(TOPOLOGY, "strategy", Some(quoted(strategy)))],
    );
    let pair = |down: &str, up: &str| {
        let (down, up) = (conf.number("queues", down)?, conf.number("queues", up)?);
        Some(format!("[{down}, {up}]"))
    };
    add(
        "queues.downlink_bandwidth_mbps and uplink_bandwidth_mbps",
        vec![(
            TOPOLOGY,
            "wan_mbps",
            pair("downlink_bandwidth_mbps", "uplink_bandwidth_mbps"),
        )],
    );
    add(
        "queues.generated_pn_download_mbps and generated_pn_upload_mbps",
        vec![(
            TOPOLOGY,
            "generated_mbps",
            pair("generated_pn_download_mbps", "generated_pn_upload_mbps"),
        )],
    );
    add(
        "integration_common.promote_to_root",
        vec![(
            TOPOLOGY,
            "promote_to_root",
            conf.texts("integration_common", "promote_to_root"),
        )],
    );
    add(
        "uisp_integration.exclude_sites",
        vec![(
            TOPOLOGY,
            "exclude",
            conf.texts("uisp_integration", "exclude_sites"),
        )],
    );
    add(
        "topology.queue_auto_virtualize_threshold_mbps",
        vec![(
            TOPOLOGY,
            "auto_virtual_mbps",
            conf.number("topology", "queue_auto_virtualize_threshold_mbps"),
        )],
    );
    add(
        "ip_ranges.allow_subnets",
        vec![(
            "[addresses]",
            "allow",
            conf.texts("ip_ranges", "allow_subnets"),
        )],
    );
    add(
        "ip_ranges.ignore_subnets",
        vec![(
            "[addresses]",
            "ignore",
            conf.texts("ip_ranges", "ignore_subnets"),
        )],
    );
    let queues = conf.number("queues", "override_available_queues");
    add(
        "queues.override_available_queues",
        // 0 is LibreQoS's word for "not overridden".
        vec![(TARGET, "queues", queues.filter(|n| n != "0"))],
    );
    let sqm = conf.text("queues", "default_sqm").map(|sqm| quoted(&sqm));
    add("queues.default_sqm", vec![(SHAPER, "qdisc", sqm)]);
    let interface = |section: &str, key: &str| conf.text(section, key).map(|name| quoted(&name));
    add(
        "bridge",
        vec![
            (SHAPER, "to_internet", interface("bridge", "to_internet")),
            (SHAPER, "to_network", interface("bridge", "to_network")),
        ],
    );
    add(
        "single_interface",
        vec![
            (
                SHAPER,
                "to_internet",
                interface("single_interface", "interface"),
            ),
            (SHAPER, "mode", Some(quoted("stick"))),
            (
                SHAPER,
                "internet_vlan",
                conf.number("single_interface", "internet_vlan"),
            ),
            (
                SHAPER,
                "network_vlan",
                conf.number("single_interface", "network_vlan"),
            ),
        ],
    );
    if let Some(factor) = conf.number("uisp_integration", "bandwidth_overhead_factor") {
        out.push(Setting {
            from: "uisp_integration.bandwidth_overhead_factor",
            lines: vec![("[rates]", "overhead", factor)],
            note: "LibreQoS's factor: the rates of ShapedDevices.csv hold it already. For a source that is a CRM, take the # away.",
            comment_only: true,
        });
    }
    Ok(out)
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

struct Conf<'a, 'i>(&'a DeTable<'i>);

impl Conf<'_, '_> {
    fn get(&self, section: &str, key: &str) -> Option<&DeValue<'_>> {
        match self.0.get(section)?.get_ref() {
            DeValue::Table(table) => Some(table.get(key)?.get_ref()),
            _ => None,
        }
    }

    /// A number as it is written.
    fn number(&self, section: &str, key: &str) -> Option<String> {
        match self.get(section, key)? {
            DeValue::Integer(n) => Some(n.to_string()),
            DeValue::Float(n) => Some(n.to_string()),
            _ => None,
        }
    }

    /// A text that says something.
    fn text(&self, section: &str, key: &str) -> Option<String> {
        match self.get(section, key)? {
            DeValue::String(text) if !text.trim().is_empty() => Some(text.trim().to_owned()),
            _ => None,
        }
    }

    /// A list of texts, as TOML, when it holds one.
    fn texts(&self, section: &str, key: &str) -> Option<String> {
        let DeValue::Array(entries) = self.get(section, key)? else {
            return None;
        };
        let texts: Vec<String> = entries
            .iter()
            .filter_map(|entry| match entry.get_ref() {
                DeValue::String(text) if !text.trim().is_empty() => Some(quoted(text.trim())),
                _ => None,
            })
            .collect();
        (!texts.is_empty()).then(|| format!("[{}]", texts.join(", ")))
    }
}

/// A `weir.toml` in the making. It loads at every step.
struct Draft(String);

impl Draft {
    /// What a LibreQoS directory alone is taken for.
    fn minimal(name: &str) -> Draft {
        Draft(format!(
            "# There is no weir.toml in this directory: it is read as a LibreQoS directory with these settings.\n\
             [project]\nname = {}\n\n[[source]]\nname = \"libreqos\"\nkind = \"libreqos\"\nexport = \".\"\n\n\
             [topology]\n\n[addresses]\n",
            quoted(name)
        ))
    }

    /// Makes the source of the template a LibreQoS one.
    fn source(&mut self, export: &str) {
        for (key, value) in [
            ("name", "libreqos"),
            ("kind", "libreqos"),
            ("export", export),
        ] {
            self.put("[[source]]", key, &quoted(value), false);
        }
    }

    /// Takes the settings one by one. One that would make the file wrong is left out, with what `refused` says.
    fn with(
        mut self,
        settings: Vec<Setting>,
        refused: impl Fn(&Setting, &str) -> String,
    ) -> String {
        for setting in &settings {
            let mut next = Draft(self.0.clone());
            for (header, key, value) in &setting.lines {
                next.put(header, key, value, setting.comment_only);
            }
            if let (false, Some((header, key, _))) =
                (setting.note.is_empty(), setting.lines.first())
            {
                next.note_above(header, key, &format!("# {}\n", setting.note));
            }
            match load_str(&next.0, &mut SourceMap::default(), &CliOverrides::default()) {
                Ok(_) => self = next,
                Err(error) => {
                    let note = refused(setting, &error.message);
                    let (header, key, _) = &setting.lines[0];
                    self.note_above(header, key, &note);
                }
            }
        }
        self.0
    }

    /// Sets a key in its table; the header comes out of its comment, or is added. What the template says about the key
    /// stays behind it.
    fn put(&mut self, header: &str, key: &str, value: &str, comment_only: bool) {
        let mark = if comment_only { "#" } else { "" };
        let line = format!("{mark}{key} = {value}");
        let mut lines: Vec<String> = self.0.lines().map(str::to_owned).collect();
        match find(&lines, header, key) {
            Some((head, at)) => {
                if !comment_only {
                    lines[head] = header.to_owned();
                }
                match at {
                    Some(at) => {
                        let about = lines[at].split_once(" # ").map(|(_, about)| about);
                        lines[at] = match about {
                            Some(about) => format!("{line:<31} # {about}"),
                            None => line,
                        };
                    }
                    None => lines.insert(head + 1, line),
                }
            }
            None => lines.extend([String::new(), header.to_owned(), line]),
        }
        self.0 = lines.join("\n") + "\n";
    }

    fn note(&mut self, header: &str, note: &str) {
        self.insert(header, None, note);
    }

    fn note_above(&mut self, header: &str, key: &str, note: &str) {
        self.insert(header, Some(key), note);
    }

    /// Puts a comment above a key, or at the start of its table. Without the table there is nobody to tell.
    fn insert(&mut self, header: &str, key: Option<&str>, note: &str) {
        let mut lines: Vec<String> = self.0.lines().map(str::to_owned).collect();
        if let Some((head, at)) = find(&lines, header, key.unwrap_or("")) {
            let at = at.unwrap_or(head + 1);
            lines.splice(at..at, note.lines().map(str::to_owned));
        }
        self.0 = lines.join("\n") + "\n";
    }
}

/// Lines of a header and of a key under it, commented out or not.
fn find(lines: &[String], header: &str, key: &str) -> Option<(usize, Option<usize>)> {
    let bare = |line: &str| uncomment(line).unwrap_or(line).to_owned();
    let head = lines.iter().position(|line| bare(line) == header)?;
    let at = (head + 1..lines.len())
        .take_while(|at| !bare(&lines[*at]).starts_with('['))
        .find(|at| {
            let line = bare(&lines[*at]);
            !key.is_empty() && line.split_once('=').is_some_and(|(k, _)| k.trim() == key)
        });
    Some((head, at))
}
