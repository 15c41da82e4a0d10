//! Where subscribers and network come from: the sources, how they are read, and how several become one network.

use serde::Serialize;

use crate::ir::field::Field;
use crate::ir::merge::JoinKey;

#[derive(Clone, Debug)]
pub struct Source {
    pub name: String,
    pub kind: SourceKind,
    /// Directory of recorded responses, as written.
    pub export: Option<String>,
    pub url: Option<String>,
    /// Index in `[[source]]`, for places.
    pub index: usize,
    /// Of kind `table`: what its columns mean.
    pub table: Option<Box<Table>>,
}

/// What the columns of a file of subscribers mean.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Table {
    pub rows: TableFile,
    pub circuit: String,
    pub name: Option<String>,
    pub device: Option<String>,
    pub device_name: Option<String>,
    pub mac: Option<String>,
    pub addresses: Vec<String>,
    pub parent: Option<String>,
    /// Where `parent` is no id of the nodes here, it is the id of another source's; else a name.
    pub parent_by_id: bool,
    /// Columns of download and upload.
    pub plan: [String; 2],
    pub commit: [Option<String>; 2],
    pub state: Option<String>,
    /// Lower case, as are all words.
    pub suspended: Vec<String>,
    pub ended: Vec<String>,
    pub comment: Option<String>,
    /// Columns of latitude and longitude: both or none.
    pub position: Option<[String; 2]>,
    pub nodes: Option<TableNodes>,
}

/// A file and how its rows are found.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TableFile {
    pub file: String,
    pub format: TableFormat,
    /// kbit/s for one unit, as `units::parse_rate` takes it.
    pub unit: (u64, u64),
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub enum TableFormat {
    Csv {
        delimiter: u8,
    },
    /// Keys from the top down to the list of rows.
    Json {
        records: Vec<String>,
    },
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct TableNodes {
    pub rows: TableFile,
    pub id: String,
    pub name: Option<String>,
    pub parent: Option<String>,
    pub kind: Option<String>,
    pub site: Vec<String>,
    pub ap: Vec<String>,
    pub capacity: [Option<String>; 2],
    pub position: Option<[String; 2]>,
}

/// A file with a secret. What is in it is nobody's business here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SecretFile {
    /// Name of the source.
    pub source: String,
    /// Route of the reference: `source.0.key`.
    pub route: String,
    /// As written.
    pub path: String,
    /// Permission bits; `None` when there is no such file, or none can be told.
    pub mode: Option<u32>,
}

/// How a CRM is read over the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Live {
    /// Name of the source.
    pub source: String,
    pub kind: SourceKind,
    /// Index in `[[source]]`, for places.
    pub index: usize,
    pub url: String,
    pub token_url: Option<String>,
    pub key: Option<SecretPlace>,
    pub secret: Option<SecretPlace>,
    pub user: Option<String>,
    pub password: Option<SecretPlace>,
    pub auth: AuthWord,
    pub tenant: Option<u64>,
    pub domain: Option<String>,
    /// File of the certificate authority, relative to the project.
    pub ca: Option<String>,
    /// `sha256:...`
    pub tls_pin: Option<String>,
    pub timeout_seconds: u64,
    /// Of one answer, after decompression.
    pub answer_mb: u64,
}

/// Where a secret is kept. Never the secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretPlace {
    /// Name of an environment variable.
    Env(String),
    /// File, relative to the project.
    File(String),
    /// Name of a systemd credential.
    Credential(String),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AuthWord {
    Basic,
    Signature,
    Token,
}

impl AuthWord {
    pub const ALL: [AuthWord; 3] = [AuthWord::Basic, AuthWord::Signature, AuthWord::Token];

    pub fn word(self) -> &'static str {
        match self {
            AuthWord::Basic => "basic",
            AuthWord::Signature => "signature",
            AuthWord::Token => "token",
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SourceKind {
    Inventory,
    Libreqos,
    Mikrotik,
    Netzur,
    Powercode,
    Sonar,
    Splynx,
    Table,
    Uisp,
    Visp,
    Wispgate,
}

impl SourceKind {
    /// Every kind this build reads, sorted by name.
    pub const ALL: [SourceKind; 11] = [
        SourceKind::Inventory,
        SourceKind::Libreqos,
        SourceKind::Mikrotik,
        SourceKind::Netzur,
        SourceKind::Powercode,
        SourceKind::Sonar,
        SourceKind::Splynx,
        SourceKind::Table,
        SourceKind::Uisp,
        SourceKind::Visp,
        SourceKind::Wispgate,
    ];

    /// It is read from files of the project only; every other kind is a CRM on the network.
    pub fn is_file(self) -> bool {
        matches!(
            self,
            SourceKind::Inventory | SourceKind::Libreqos | SourceKind::Table
        )
    }

    pub fn word(self) -> &'static str {
        match self {
            SourceKind::Inventory => "inventory",
            SourceKind::Libreqos => "libreqos",
            SourceKind::Mikrotik => "mikrotik",
            SourceKind::Netzur => "netzur",
            SourceKind::Powercode => "powercode",
            SourceKind::Sonar => "sonar",
            SourceKind::Splynx => "splynx",
            SourceKind::Table => "table",
            SourceKind::Uisp => "uisp",
            SourceKind::Visp => "visp",
            SourceKind::Wispgate => "wispgate",
        }
    }
}

/// How several sources become one network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merge {
    /// The most trusted first, each once.
    pub join: Vec<JoinKey>,
    /// Sources whose every circuit should be in another source too, as indices into `Project::sources`; `None`: those
    /// where most are.
    pub expect_match: Option<Vec<usize>>,
    /// Fields whose sources have an order of their own: all sources, the first asked first. Sorted by field.
    pub fields: Vec<(Field, Vec<usize>)>,
}

impl Default for Merge {
    fn default() -> Self {
        Merge {
            join: JoinKey::ALL.into(),
            expect_match: None,
            fields: Vec::new(),
        }
    }
}

impl Merge {
    /// The order in which sources are asked for a field, where it is not that of precedence.
    pub fn order(&self, field: Field) -> Option<&[usize]> {
        let found = self.fields.iter().find(|(f, _)| *f == field);
        found.map(|(_, order)| order.as_slice())
    }
}
