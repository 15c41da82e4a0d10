//! Where subscribers and network come from, as written: `[[source]]`, its tables, and `[merge]`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::file::words::{FormatWord, ParentWord, UnitWord};
use crate::config::project::{AuthWord, SourceKind};
use crate::config::value::{At, Count, Secret, Word};
use crate::ir::merge::JoinKey;

/// Where subscribers, plans and network elements come from. One or more; `[merge]` says how several become one network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["kind"]))]
pub struct Source {
    /// Name of this source in findings and file names; letters, digits, `-`, `_` and `.`. Without it, its kind.
    pub name: Option<At<String>>,
    /// What is read: a CRM, an `inventory.json` of your own, or the files of a LibreQoS directory.
    #[schemars(required)]
    pub kind: Option<At<Word<SourceKind>>>,
    /// Directory of recorded responses, relative to the project. Read instead of the network.
    pub export: Option<At<String>>,
    /// Address of the CRM.
    pub url: Option<At<String>>,
    /// `false` leaves this source out.
    #[schemars(extend("default" = true))]
    pub enabled: Option<At<bool>>,
    /// Key, token or user of the CRM, always as a reference: `{ env = "SPLYNX_KEY" }`, `{ file = "secrets/splynx" }`
    /// or `{ credential = "splynx" }` (systemd).
    pub key: Option<At<Secret>>,
    /// The second half of the credentials where the CRM has one; a reference like `key`.
    pub secret: Option<At<Secret>>,
    /// File with the certificate authority that signed the CRM's certificate.
    pub ca: Option<At<String>>,
    /// Digest of a self-signed certificate, `sha256:...`; replaces the chain and name checks for this source.
    pub tls_pin: Option<At<String>>,
    /// How `splynx` is convinced: every request is signed (`signature`), a `token` is made of key and secret, or both are
    /// sent as they are (`basic`), which the CRM calls unsecure access.
    #[schemars(extend("default" = "signature"))]
    pub auth: Option<At<Word<AuthWord>>>,
    /// Name of the user, where the CRM wants one beside the key (`visp`).
    pub user: Option<At<String>>,
    /// Password of `user`; a reference like `key`.
    pub password: Option<At<Secret>>,
    /// Number of the ISP, where one login has several (`visp`).
    pub tenant: Option<At<Count>>,
    /// RADIUS domain whose sessions are read (`visp`); none without it.
    pub domain: Option<At<String>>,
    /// Where tokens are made, when that is another server than `url` (`visp`).
    pub token_url: Option<At<String>>,
    /// How long reading the whole CRM may take: `"10m"`. Nothing is recorded when it takes longer.
    #[schemars(extend("default" = "10m"), regex(pattern = r"^([0-9]+[smhdw])+$"))]
    pub timeout: Option<At<String>>,
    /// MB that one answer of the CRM may have, after decompression. Reading takes about as much memory; all answers together
    /// may have twice as many. A network of a million circuits needs 2048.
    #[schemars(range(min = 1, max = 65536), extend("default" = 512))]
    pub max_answer_mb: Option<At<Count>>,
    /// `kind = "table"`: which column of a CSV or JSON file means what.
    pub table: Option<At<Table>>,
}

/// A file of subscribers from any system: one row a service, or a device of one. A column is named by its header, or
/// in JSON by its key; `/plan/down` reaches a key inside of a value.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["file", "circuit", "addresses", "download", "upload"]))]
pub struct Table {
    /// Name of the file in the export directory.
    #[schemars(required)]
    pub file: Option<At<String>>,
    /// `csv` or `json`. Without it, what the file's name ends in.
    pub format: Option<At<Word<FormatWord>>>,
    /// What parts the columns of a CSV file, one character.
    #[schemars(extend("default" = ","))]
    pub delimiter: Option<At<String>>,
    /// Where the list of rows stands in a JSON file: `/data/rows`. Without it, the file is the list.
    pub records: Option<At<String>>,
    /// Unit of every rate: `kbps`, `mbps` or `bps`.
    #[schemars(extend("default" = "mbps"))]
    pub unit: Option<At<Word<UnitWord>>>,
    /// Column with the id of the service. Rows of one id are one subscriber with several devices.
    #[schemars(required)]
    pub circuit: Option<At<String>>,
    /// Column with the subscriber's name. Without it, the id.
    pub name: Option<At<String>>,
    /// Column with the id of the device. Without it, one is made from the row.
    pub device: Option<At<String>>,
    /// Column with the device's name. Without it, the subscriber's.
    pub device_name: Option<At<String>>,
    /// Column with the hardware address of the device.
    pub mac: Option<At<String>>,
    /// Columns with addresses and prefixes, v4 and v6; commas, semicolons or blanks part several in one.
    #[schemars(required)]
    pub addresses: Option<Vec<At<String>>>,
    /// Column with the AP or site the service hangs on: an id of `nodes`, else a name.
    pub parent: Option<At<String>>,
    /// What `parent` holds where it is no id of `nodes`: the `name` or the `id` of a node of another source.
    #[schemars(extend("default" = "name"))]
    pub parent_by: Option<At<Word<ParentWord>>>,
    /// Column with the download plan.
    #[schemars(required)]
    pub download: Option<At<String>>,
    /// Column with the upload plan.
    #[schemars(required)]
    pub upload: Option<At<String>>,
    /// Column with the guaranteed download rate.
    pub download_min: Option<At<String>>,
    /// Column with the guaranteed upload rate.
    pub upload_min: Option<At<String>>,
    /// Column with the state of the service.
    pub state: Option<At<String>>,
    /// Words of `state` that mean suspended, in any letters.
    #[schemars(extend("default" = ["suspended"]))]
    pub suspended: Option<Vec<At<String>>>,
    /// Words of `state` that mean that there is no service any more: such rows are left out.
    #[schemars(extend("default" = []))]
    pub ended: Option<Vec<At<String>>>,
    /// Column with a comment.
    pub comment: Option<At<String>>,
    /// Column with the latitude of the subscriber, in degrees.
    pub latitude: Option<At<String>>,
    /// Column with the longitude, in degrees.
    pub longitude: Option<At<String>>,
    /// A second file: the APs and sites that the subscribers hang on.
    pub nodes: Option<At<TableNodes>>,
}

/// A file of APs and sites, one row each.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["file", "id"]))]
pub struct TableNodes {
    /// Name of the file in the export directory.
    #[schemars(required)]
    pub file: Option<At<String>>,
    /// `csv` or `json`. Without it, what the file's name ends in.
    pub format: Option<At<Word<FormatWord>>>,
    /// What parts the columns of a CSV file, one character.
    #[schemars(extend("default" = ","))]
    pub delimiter: Option<At<String>>,
    /// Where the list of rows stands in a JSON file. Without it, the file is the list.
    pub records: Option<At<String>>,
    /// Unit of the capacities. Without it, the one of the subscribers.
    pub unit: Option<At<Word<UnitWord>>>,
    /// Column with the id of the node.
    #[schemars(required)]
    pub id: Option<At<String>>,
    /// Column with its name. Without it, the id.
    pub name: Option<At<String>>,
    /// Column with the id or the name of the node it is fed from; empty where traffic enters.
    pub parent: Option<At<String>>,
    /// Column with what it is. Without it, a node that feeds nodes is a site, another an AP.
    pub kind: Option<At<String>>,
    /// Words of `kind` that mean a site, in any letters.
    #[schemars(extend("default" = ["site"]))]
    pub site: Option<Vec<At<String>>>,
    /// Words of `kind` that mean an AP.
    #[schemars(extend("default" = ["ap"]))]
    pub ap: Option<Vec<At<String>>>,
    /// Column with the capacity towards the subscribers; 0 and empty are unknown.
    pub download: Option<At<String>>,
    /// Column with the capacity from the subscribers.
    pub upload: Option<At<String>>,
    /// Column with the latitude of the node, in degrees.
    pub latitude: Option<At<String>>,
    /// Column with the longitude, in degrees.
    pub longitude: Option<At<String>>,
}

/// How several sources become one network.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Merge {
    /// Names of sources, the most trusted first. Those not named follow in the order of the file.
    #[schemars(extend("default" = []))]
    pub precedence: Option<Vec<At<String>>>,
    /// What says that records of two sources are one thing, the most trusted first: the same `id`, a device with the
    /// same `mac`, the same `address`, or, as a last resort, the same `name`. Sites and access points have ids and
    /// names only. A key that fits several records of one source joins nothing and is reported.
    #[schemars(extend("default" = ["id", "mac", "address", "name"]))]
    pub join: Option<Vec<At<Word<JoinKey>>>>,
    /// Names of sources whose every subscriber should be in another source too; one that is not is reported. Without
    /// it, the sources of which at least half of the subscribers are.
    pub expect_match: Option<Vec<At<String>>>,
    pub fields: MergeFields,
}

/// Which source is asked first for one field, where it is not the order of `merge.precedence`: a list of names, as
/// `rates = ["crm"]`. Sources that are not named follow in that order, so a field is empty only where no source has it.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct MergeFields {
    /// Devices of a subscriber and their addresses.
    #[schemars(extend("default" = []))]
    pub addresses: Option<Vec<At<String>>>,
    /// Capacity of a node or a link.
    #[schemars(extend("default" = []))]
    pub capacity: Option<Vec<At<String>>>,
    /// Comment of a subscriber.
    #[schemars(extend("default" = []))]
    pub comment: Option<Vec<At<String>>>,
    /// What a node is: site, access point or other; and whether it is virtual.
    #[schemars(extend("default" = []))]
    pub kind: Option<Vec<At<String>>>,
    /// Name of a subscriber or a node.
    #[schemars(extend("default" = []))]
    pub name: Option<Vec<At<String>>>,
    /// Where a subscriber or a node hangs. A parent that no source knows gives way to the next source's.
    #[schemars(extend("default" = []))]
    pub parent: Option<Vec<At<String>>>,
    /// Queueing discipline of a subscriber.
    #[schemars(extend("default" = []))]
    pub qdisc: Option<Vec<At<String>>>,
    /// Plan, burst and guaranteed rate of a subscriber, together.
    #[schemars(extend("default" = []))]
    pub rates: Option<Vec<At<String>>>,
    /// Whether a service is suspended, and whether a link is up. Without it, a service is suspended when any source
    /// says so.
    #[schemars(extend("default" = []))]
    pub state: Option<Vec<At<String>>>,
}
