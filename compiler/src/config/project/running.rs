//! What happens to an artifact: guards, stores, channels, regular builds and signatures.

use crate::config::project::sources::SecretPlace;

/// A store in a bucket.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Remote {
    /// `s3://BUCKET/PREFIX`
    pub url: String,
    pub endpoint: Option<String>,
    pub region: String,
    /// Both or none; none means the environment.
    pub key: Option<SecretPlace>,
    pub secret: Option<SecretPlace>,
    /// File of the certificate authority, relative to the project.
    pub ca: Option<String>,
    pub plain_http: bool,
}

#[derive(Clone, Debug)]
pub struct Guard {
    pub max_removed: u64,
    pub max_removed_percent: u32,
    pub max_reparented_percent: u32,
    pub max_contained: u64,
    pub min_circuits: u64,
    pub max_source_age_seconds: u64,
    pub max_churn: u64,
}

/// A channel that `weir.toml` declares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Channel {
    pub name: String,
    /// Only what this channel runs may be promoted to it.
    pub from: Option<String>,
}

/// Writing LibreQoS's files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Publish {
    /// Directory of LibreQoS, as written.
    pub to: Option<String>,
    pub overwrite: Overwrite,
}

/// What happens to files that are there.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Overwrite {
    #[default]
    Always,
    WhenUnedited,
    Never,
}

impl Overwrite {
    pub const ALL: [Overwrite; 3] = [Overwrite::Always, Overwrite::WhenUnedited, Overwrite::Never];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Overwrite::Always => "always",
            Overwrite::WhenUnedited => "when-unedited",
            Overwrite::Never => "never",
        }
    }
}

/// Regular builds, and what becomes of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// Seconds from the beginning of one run to that of the next, before jitter.
    pub every_seconds: u64,
    pub promote: PromoteWhen,
    /// What is promoted to, and followed.
    pub channel: String,
    /// Newest artifacts, and generations of each channel, that a run leaves; `None`: a run removes nothing.
    pub keep: Option<usize>,
}

impl Default for Schedule {
    fn default() -> Self {
        Schedule {
            every_seconds: 1800,
            promote: PromoteWhen::WhenContained,
            channel: "production".to_owned(),
            keep: Some(100),
        }
    }
}

/// When a scheduled build is promoted by itself. The guard has its word in every case.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PromoteWhen {
    Never,
    /// No finding fails the build.
    WhenClean,
    /// Findings that fail it are contained and touch few circuits.
    WhenContained,
}

impl PromoteWhen {
    pub const ALL: [PromoteWhen; 3] = [
        PromoteWhen::Never,
        PromoteWhen::WhenClean,
        PromoteWhen::WhenContained,
    ];

    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            PromoteWhen::Never => "never",
            PromoteWhen::WhenClean => "when-clean",
            PromoteWhen::WhenContained => "when-contained",
        }
    }
}

/// Who signs releases, and whose signatures count.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signing {
    pub key: Option<SecretPlace>,
    /// Trust file, as written.
    pub trust: Option<String>,
}
