//! `runtime.toml`: what an operator sets on the box. Rates, queues and interfaces are not here: they are in the
//! artifact, which is built for one box.
//!
//! A key that is not known is an error with the key that was probably meant. Every key has a default, so the file
//! may be missing. It knows nothing of what the settings do.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, fs, io};

use serde::{Deserialize, Deserializer};

/// Where it is read from when nothing else is said.
pub const DEFAULT_PATH: &str = "/etc/weir/runtime.toml";

/// The settings, complete.
#[derive(Deserialize, Clone, PartialEq, Debug, Default)]
#[serde(default)]
pub struct Config {
    pub store: Follow,
    pub state: State,
    pub kernel: Kernel,
    pub socket: Socket,
    pub metrics: Metrics,
    pub health: Health,
}

/// What is followed.
#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(default)]
pub struct Follow {
    pub path: PathBuf,
    pub channel: String,
    /// Public keys, one a line; only what they signed is loaded.
    pub trust: Option<PathBuf>,
    /// How often the head is looked at.
    pub poll: Span,
    /// A head that was written longer ago is reported; 0 = never.
    pub max_age: Span,
}

impl Default for Follow {
    fn default() -> Self {
        Follow {
            path: "/var/lib/weir/store".into(),
            channel: "production".into(),
            trust: None,
            poll: Span::seconds(2),
            max_age: Span::seconds(0),
        }
    }
}

/// What is remembered between starts.
#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(default)]
pub struct State {
    pub dir: PathBuf,
}

impl Default for State {
    fn default() -> Self {
        State {
            dir: "/var/lib/weir-runtime".into(),
        }
    }
}

/// What is made in the kernel.
#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(default)]
pub struct Kernel {
    /// Directory on a BPF file system that holds the pins of this instance.
    pub pins: PathBuf,
    /// Where a plan cannot be reached otherwise, traffic may pass unshaped while it is made.
    pub allow_unshaped: bool,
    /// How long classes of the old generation may take to run dry.
    pub drain: Span,
    /// How long the generation before is kept, so that going back is one flip.
    pub grace: Span,
    /// Everything in the kernel is read back this often; 0 = only after an apply.
    pub read_back: Span,
    /// Every n-th packet of a shaped circuit is sampled for `flows`; 0 = none.
    pub sample_every: u32,
    /// Whether packets are handed to the CPU of their queue where they arrive.
    pub steer: Steering,
    /// The CPU of each CPU queue, in their order; empty = those this process may run on, in turns.
    pub steer_cpus: Vec<u32>,
}

/// What is done with packets where they arrive.
#[derive(Deserialize, Clone, Copy, PartialEq, Eq, Debug, Default)]
#[serde(rename_all = "lowercase")]
pub enum Steering {
    /// The kernel chooses the CPU.
    #[default]
    Off,
    /// A program at XDP hands them to the CPU of their CPU queue.
    Cpumap,
}

impl Default for Kernel {
    fn default() -> Self {
        Kernel {
            pins: PathBuf::from(weir_abi::maps::PIN_ROOT).join("shaper"),
            allow_unshaped: false,
            drain: Span::seconds(5),
            grace: Span::seconds(600),
            read_back: Span::seconds(60),
            sample_every: 0,
            steer: Steering::Off,
            steer_cpus: Vec::new(),
        }
    }
}

/// Where questions are answered.
#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(default)]
pub struct Socket {
    pub path: PathBuf,
    /// Clients that are served at once; further ones wait in the kernel's queue.
    pub clients: usize,
    /// How often counters are read; rates are between two readings.
    pub read: Span,
}

impl Default for Socket {
    fn default() -> Self {
        Socket {
            path: "/run/weir/runtime.sock".into(),
            clients: 8,
            read: Span::seconds(5),
        }
    }
}

#[derive(Deserialize, Clone, PartialEq, Debug, Default)]
#[serde(default)]
pub struct Metrics {
    /// File for node_exporter's textfile collector; its name must end with `.prom`.
    pub textfile: Option<PathBuf>,
}

/// When a generation is taken back.
#[derive(Deserialize, Clone, PartialEq, Debug)]
#[serde(default)]
pub struct Health {
    /// Checks that take a new generation back when they fail; the others are reported.
    pub required: Vec<String>,
    /// How long a new generation is watched.
    pub settle: Span,
    /// Times that loading a generation is tried before it is given up.
    pub attempts: u32,
    /// Wait before the second attempt; doubled for each further one.
    pub retry: Span,
    /// Bytes that must have passed before shares of traffic are judged.
    pub min_bytes: u64,
    /// The shaped share of traffic may fall to so many percent of what it was.
    pub coverage_percent: u64,
    /// Share of traffic, in percent, that may belong to no circuit.
    pub unknown_percent: u64,
    /// Dropped packets, in percent of those sent.
    pub drops_percent: u64,
    /// Bytes that may wait in all classes together.
    pub backlog_bytes: u64,
    /// Ids of circuits whose packets must flow in both directions while anybody's do.
    pub probes: Vec<String>,
}

impl Default for Health {
    fn default() -> Self {
        Health {
            required: ["classes", "coverage", "probe", "program", "tables"]
                .map(str::to_owned)
                .to_vec(),
            settle: Span::seconds(10),
            attempts: 3,
            retry: Span::seconds(10),
            min_bytes: 1 << 20,
            coverage_percent: 50,
            unknown_percent: 20,
            drops_percent: 10,
            backlog_bytes: 1 << 30,
            probes: Vec::new(),
        }
    }
}

/// A setting, for the documentation, and to tell what was meant.
pub struct Key {
    pub name: &'static str,
    pub default: &'static str,
    pub what: &'static str,
}

/// Every setting, sorted by name.
pub static KEYS: &[Key] = &[
    key(
        "health.attempts",
        "3",
        "times that loading a generation is tried before it is given up",
    ),
    key(
        "health.backlog_bytes",
        "1073741824",
        "bytes that may wait in all classes together",
    ),
    key(
        "health.coverage_percent",
        "50",
        "the shaped share of traffic may fall to so many percent of what it was before the swap",
    ),
    key(
        "health.drops_percent",
        "10",
        "dropped packets, in percent of those sent",
    ),
    key(
        "health.min_bytes",
        "1048576",
        "bytes that must have passed before shares of traffic are judged",
    ),
    key(
        "health.probes",
        "[]",
        "ids of circuits whose packets must flow in both directions while traffic does: probes that you ping, say",
    ),
    key(
        "health.required",
        "[\"classes\", \"coverage\", \"probe\", \"program\", \"tables\"]",
        "checks that take a new generation back when they fail; the others are reported",
    ),
    key(
        "health.retry",
        "\"10s\"",
        "wait before the second attempt, doubled for each further one",
    ),
    key(
        "health.settle",
        "\"10s\"",
        "how long a new generation is watched before it counts as good",
    ),
    key(
        "health.unknown_percent",
        "20",
        "share of traffic, in percent, that may belong to no circuit",
    ),
    key(
        "kernel.allow_unshaped",
        "false",
        "where a plan cannot be reached otherwise, traffic may pass unshaped while it is made",
    ),
    key(
        "kernel.drain",
        "\"5s\"",
        "how long classes of the old generation may take to run dry",
    ),
    key(
        "kernel.grace",
        "\"600s\"",
        "how long the generation before is kept in the kernel, so that going back is one flip",
    ),
    key(
        "kernel.pins",
        "\"/sys/fs/bpf/weir/shaper\"",
        "directory on a BPF file system for the pins",
    ),
    key(
        "kernel.read_back",
        "\"60s\"",
        "everything in the kernel is read back this often; \"0s\" = only after an apply",
    ),
    key(
        "kernel.sample_every",
        "0",
        "every n-th packet of a shaped circuit is sampled for `flows`; 0 = none",
    ),
    key(
        "kernel.steer",
        "\"off\"",
        "\"cpumap\": a program at XDP hands packets to the CPU of their CPU queue; \"off\"",
    ),
    key(
        "kernel.steer_cpus",
        "[]",
        "the CPU of each CPU queue, in their order; [] = the CPUs that the runtime may run on, in turns",
    ),
    key(
        "metrics.textfile",
        "none",
        "file for node_exporter's textfile collector, ending with `.prom`",
    ),
    key("socket.clients", "8", "clients that are answered at once"),
    key(
        "socket.path",
        "\"/run/weir/runtime.sock\"",
        "where questions are answered",
    ),
    key(
        "socket.read",
        "\"5s\"",
        "how often counters are read; rates are between two readings",
    ),
    key(
        "state.dir",
        "\"/var/lib/weir-runtime\"",
        "what is remembered between starts, and copies of the artifacts in use",
    ),
    key(
        "store.channel",
        "\"production\"",
        "the channel that is followed",
    ),
    key(
        "store.max_age",
        "\"0s\"",
        "a head that was written longer ago is reported; \"0s\" = never",
    ),
    key(
        "store.path",
        "\"/var/lib/weir/store\"",
        "the local store; `weir pull` fills it from a remote one",
    ),
    key("store.poll", "\"2s\"", "how often the head is looked at"),
    key(
        "store.trust",
        "none",
        "file with public keys; with it, only what they signed is loaded",
    ),
];

const fn key(name: &'static str, default: &'static str, what: &'static str) -> Key {
    Key {
        name,
        default,
        what,
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {cause}", .path.display())]
    Read { path: PathBuf, cause: io::Error },
    #[error("{}: {reason}", .path.display())]
    Toml { path: PathBuf, reason: String },
    #[error("{}: there is no setting `{key}`{}", .path.display(), meant(.suggestion))]
    UnknownKey {
        path: PathBuf,
        key: String,
        suggestion: Option<&'static str>,
    },
    #[error("{}: {key}: {reason}", .path.display())]
    Value {
        path: PathBuf,
        key: &'static str,
        reason: String,
    },
}

fn meant(suggestion: &Option<&'static str>) -> String {
    suggestion.map_or_else(
        || "; docs/runtime.md lists them".to_owned(),
        |name| format!("; did you mean `{name}`?"),
    )
}

impl Config {
    /// Reads a file. Without a path the default one, which may be missing.
    pub fn load(path: Option<&Path>) -> Result<Config, ConfigError> {
        let (path, must_be) = match path {
            Some(path) => (path, true),
            None => (Path::new(DEFAULT_PATH), false),
        };
        match fs::read_to_string(path) {
            Ok(text) => Config::parse(path, &text),
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_be => {
                Ok(Config::default())
            }
            Err(cause) => Err(ConfigError::Read {
                path: path.to_owned(),
                cause,
            }),
        }
    }

    /// The settings of a text; `path` is for messages only.
    pub fn parse(path: &Path, text: &str) -> Result<Config, ConfigError> {
        let malformed = |error: toml::de::Error| ConfigError::Toml {
            path: path.to_owned(),
            reason: error.to_string().trim_end().to_owned(),
        };
        let table: toml::Table = toml::from_str(text).map_err(malformed)?;
        for (section, value) in &table {
            let known = KEYS
                .iter()
                .any(|k| k.name.starts_with(&format!("{section}.")));
            match value.as_table() {
                Some(keys) if known => {
                    for key in keys.keys() {
                        let name = format!("{section}.{key}");
                        if !KEYS.iter().any(|k| k.name == name) {
                            return Err(unknown(path, &name));
                        }
                    }
                }
                _ => return Err(unknown(path, section)),
            }
        }
        let config: Config = toml::from_str(text).map_err(malformed)?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |key, reason: String| {
            Err(ConfigError::Value {
                path: path.to_owned(),
                key,
                reason,
            })
        };
        if !weir_store::channel::head::is_name(&self.store.channel) {
            return wrong(
                "store.channel",
                "a channel is named with letters, digits, `-`, `_` and `.`".to_owned(),
            );
        }
        if self.store.poll.is_zero() || self.socket.read.is_zero() {
            let key = if self.store.poll.is_zero() {
                "store.poll"
            } else {
                "socket.read"
            };
            return wrong(key, "it must be longer than 0s".to_owned());
        }
        if self.health.attempts == 0 {
            return wrong("health.attempts", "at least 1 is needed".to_owned());
        }
        if !(1..=64).contains(&self.socket.clients) {
            return wrong("socket.clients", "1 to 64 are possible".to_owned());
        }
        let percents = [
            ("health.coverage_percent", self.health.coverage_percent),
            ("health.drops_percent", self.health.drops_percent),
            ("health.unknown_percent", self.health.unknown_percent),
        ];
        for (key, percent) in percents {
            if percent > 100 {
                return wrong(key, format!("{percent} is more than 100 percent"));
            }
        }
        for name in &self.health.required {
            if !crate::health::NAMES.contains(&name.as_str()) {
                let names = crate::health::NAMES.join(", ");
                return wrong(
                    "health.required",
                    format!(
                        "there is no check `{}`; there are {names}",
                        name.escape_debug()
                    ),
                );
            }
        }
        let most = weir_abi::maps::QUEUE_ROOM as usize;
        if self.kernel.steer_cpus.len() > most {
            return wrong(
                "kernel.steer_cpus",
                format!("there are no more than {most} CPU queues"),
            );
        }
        let textfile = self.metrics.textfile.as_deref();
        if textfile.is_some_and(|file| file.extension().is_none_or(|e| e != "prom")) {
            return wrong(
                "metrics.textfile",
                "node_exporter reads only files that end with `.prom`".to_owned(),
            );
        }
        Ok(())
    }
}

fn unknown(path: &Path, name: &str) -> ConfigError {
    let shown: String = name.escape_debug().collect();
    let nearest = KEYS
        .iter()
        .map(|k| (strsim::damerau_levenshtein(name, k.name), k.name))
        .min();
    // Same word under another section, or few letters apart.
    let last = |n: &str| n.rsplit('.').next().unwrap_or_default().to_owned();
    let moved = KEYS.iter().find(|k| last(k.name) == last(name));
    ConfigError::UnknownKey {
        path: path.to_owned(),
        key: shown,
        suggestion: nearest
            .filter(|(apart, _)| *apart <= 3)
            .map(|(_, name)| name)
            .or(moved.map(|k| k.name)),
    }
}

/// A length of time, written `90s`, `5m`, `6h` or `2d`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Span(pub Duration);

impl Span {
    pub const fn seconds(seconds: u64) -> Span {
        Span(Duration::from_secs(seconds))
    }

    pub fn is_zero(self) -> bool {
        self.0.is_zero()
    }

    /// In milliseconds.
    pub fn ms(self) -> u64 {
        u64::try_from(self.0.as_millis()).unwrap_or(u64::MAX)
    }

    pub fn parse(text: &str) -> Option<Span> {
        let (number, unit) = match text.strip_suffix("ms") {
            Some(number) => return Some(Span(Duration::from_millis(digits(number)?))),
            None => text.split_at_checked(text.len().checked_sub(1)?)?,
        };
        let seconds = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            "d" => 86_400,
            _ => return None,
        };
        Some(Span::seconds(digits(number)?.checked_mul(seconds)?))
    }
}

/// At most a year's worth of anything.
fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.subsec_millis() {
            0 => write!(f, "{}s", self.0.as_secs()),
            _ => write!(f, "{}ms", self.0.as_millis()),
        }
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        let text = String::deserialize(deserializer)?;
        Span::parse(&text).ok_or_else(|| {
            serde::de::Error::custom(format!(
                "`{}` is no length of time: write 500ms, 90s, 5m, 6h or 2d",
                text.escape_debug()
            ))
        })
    }
}

#[cfg(test)]
mod tests;
