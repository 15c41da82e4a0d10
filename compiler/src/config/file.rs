//! `weir.toml` as written. These types are the one list of its keys: reading, the did-you-mean, the JSON Schema
//! and `docs/configuration.md` all come from them, and the comments here are what operators read.
//!
//! A `default` is documentation; `resolve` applies it, and a test holds the two together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::project::{
    AuthWord, FailOn, LevelSetting, Metric, Overwrite, PromoteWhen, SourceKind, SuspendedPolicy,
};
use crate::config::value::{
    At, Count, Day, Decimal, PerDirection, Secret, SwitchOrWord, TextOrList, Word, Words,
};
use crate::finding::Level;
use crate::ir::merge::JoinKey;
use crate::ir::tree::Strategy;

/// A Weir project: where subscribers and network come from, and how they become a shaping tree.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(title = "weir.toml", extend("required" = ["source"]))]
pub struct File {
    pub project: Project,
    /// The sources, the most trusted first.
    pub source: Vec<At<Source>>,
    pub merge: Merge,
    pub topology: Topology,
    pub rates: Rates,
    pub suspended: Suspended,
    pub addresses: Addresses,
    pub lint: Lint,
    pub guard: Guard,
    /// The shaper boxes, by name. An artifact is built for one of them and must fit it; `--target NAME` chooses when
    /// there are several. Without any, a box of 16 queues is assumed and memory is not checked.
    pub target: BTreeMap<At<String>, At<Target>>,
    pub store: Store,
    pub publish: Publish,
    /// What may be promoted where, by channel.
    pub channels: BTreeMap<At<String>, At<Channel>>,
    pub schedule: Schedule,
    pub signing: Signing,
}

/// The project itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Project {
    /// Name of the network, as artifacts and reports show it.
    #[schemars(extend("default" = "weir"))]
    pub name: Option<At<String>>,
}

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

/// Which parts of the network become shaper nodes, and which path is taken where there are several.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Topology {
    /// What is shaped above a subscriber: `flat` nothing, `ap_only` the access point, `ap_site` access point and
    /// site, `full` every node on the path.
    #[schemars(extend("default" = "ap_site"))]
    pub strategy: Option<At<Word<Strategy>>>,
    /// How one path is picked where there are several: `cost` the cheapest, `hops` the shortest, `widest` the one with
    /// the best bottleneck, `declared` the parents the CRM states.
    #[schemars(extend("default" = "cost"))]
    pub tree: Option<At<Word<Metric>>>,
    /// Id or name of the node where traffic enters. Without it, the node of kind root with the smallest id, else a
    /// generated root above every gateway.
    pub root: Option<At<String>>,
    /// The uplink in Mbit/s, `[download, upload]` or one number for both. Caps every node.
    #[schemars(extend("default" = [1000, 1000]))]
    pub wan_mbps: Option<At<PerDirection>>,
    /// Ceiling in Mbit/s of the generated nodes that hold subscribers without a parent, `[download, upload]` or one
    /// number. Without it, `wan_mbps`.
    pub generated_mbps: Option<At<PerDirection>>,
    /// Ids or names of nodes that are moved to the top level. They keep the capacity of their path and lose the limits
    /// they share with others above them.
    #[schemars(extend("default" = []))]
    pub promote_to_root: Option<Vec<At<String>>>,
    /// Ids or names of nodes that are not shaped: what is below them hangs on the next node above.
    #[schemars(extend("default" = []))]
    pub exclude: Option<Vec<At<String>>>,
    /// Parents you know better than the data: `"child id" = "parent id"`.
    #[schemars(extend("default" = {}))]
    pub pin: Option<BTreeMap<At<String>, At<String>>>,
    /// Node levels above a subscriber; 0 is as many as the target can carry (7).
    #[schemars(extend("default" = 0))]
    pub max_depth: Option<At<Count>>,
    /// Leaves out nodes that limit nothing: `true` all of them, `"auto"` only switches, radios and sites without
    /// subscribers of their own, with a margin of 10 %.
    #[schemars(extend("default" = false))]
    pub simplify: Option<At<SwitchOrWord>>,
    /// Sites and access points with children, no subscribers of their own and at least this many Mbit/s are left out
    /// of the queues; 0 is off.
    #[schemars(extend("default" = 0))]
    pub auto_virtual_mbps: Option<At<Decimal>>,
    /// Leaves out nodes without subscribers below.
    #[schemars(extend("default" = true))]
    pub prune_empty: Option<At<bool>>,
    /// File with measured peaks (`weir.peaks/1`: CSV with the columns `kind`, `id`, `download_kbps`, `upload_kbps`),
    /// relative to the project. What is in it weighs its peak instead of its plans when work is spread over the CPU
    /// queues. No rate depends on it.
    pub peaks: Option<At<String>>,
    /// Snapshots that a link of the previous tree may be down before the tree changes.
    #[schemars(extend("default" = 3))]
    pub link_down_hold: Option<At<Count>>,
    /// `tree = "cost"`: a link costs this many Mbit/s divided by its capacity.
    #[schemars(extend("default" = 100_000))]
    pub link_reference_mbps: Option<At<Decimal>>,
    /// `tree = "cost"`: cost of a link of unknown capacity.
    #[schemars(extend("default" = 100), range(max = 1_000_000_000))]
    pub default_link_cost: Option<At<Count>>,
    /// `tree = "cost"`: cost of the step from a site to a device in it.
    #[schemars(extend("default" = 1), range(max = 1_000_000_000))]
    pub membership_cost: Option<At<Count>>,
}

/// From plans to rates. Factors are decimals with at most three places.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// Factor on a plan for what framing takes: 1.1 gives a plan of 100 a ceiling of 110.
    #[schemars(extend("default" = 1.0), range(max = 100))]
    pub overhead: Option<At<Decimal>>,
    /// Factor on a plan as a gift to the subscriber. The larger of this and `overhead` counts.
    #[schemars(extend("default" = 1.0), range(max = 100))]
    pub multiplier: Option<At<Decimal>>,
    /// Share of a plan that is guaranteed, 0 to 1. Guarantees above what a node can carry are scaled down.
    #[schemars(extend("default" = 0.0), range(max = 1))]
    pub commit: Option<At<Decimal>>,
    /// The smallest ceiling of a subscriber in Mbit/s.
    #[schemars(extend("default" = 0.1))]
    pub floor_mbps: Option<At<Decimal>>,
    /// The smallest guarantee of a subscriber in Mbit/s.
    #[schemars(extend("default" = 0.01))]
    pub min_floor_mbps: Option<At<Decimal>>,
    /// Plan in Mbit/s of subscribers whose plan is missing or zero, `[download, upload]` or one number. Without it they
    /// are left out and reported, and their traffic passes unshaped.
    pub default_plan_mbps: Option<At<PerDirection>>,
    /// A burst that the CRM gives as a volume: `ignore` it, or `add` it to the plan as a rate.
    #[schemars(extend("default" = "ignore"))]
    pub burst: Option<At<Word<BurstWord>>>,
    /// Guarantees above the capacity of a node: `scale` them down and warn, or `strict`: an error.
    #[schemars(extend("default" = "scale"))]
    pub overcommit: Option<At<Word<OvercommitWord>>>,
}

/// Subscribers whose service is suspended.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Suspended {
    /// `keep` them at their plan, `slow` them down, or `drop` them from the shaper. Dropped addresses pass unshaped:
    /// at full speed.
    #[schemars(extend("default" = "keep"))]
    pub policy: Option<At<Word<SuspendedPolicy>>>,
    /// Rate in Mbit/s under `slow`.
    #[schemars(extend("default" = 0.1))]
    pub slow_mbps: Option<At<Decimal>>,
}

/// Which addresses may belong to subscribers.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Addresses {
    /// Prefixes that subscribers' addresses are in. A family (IPv4, IPv6) without an entry is not restricted.
    #[schemars(extend("default" = []))]
    pub allow: Option<Vec<At<String>>>,
    /// Prefixes that are never a subscriber's: management networks of radios, for example.
    #[schemars(extend("default" = []))]
    pub ignore: Option<Vec<At<String>>>,
}

/// What findings do.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Lint {
    /// The level from which `weir check` and `weir build` exit with code 3.
    #[schemars(extend("default" = "error"))]
    pub fail_on: Option<At<Word<FailOn>>>,
    /// Level by rule name or code (`weir rules` lists them): `allow` hides its findings, `warn` and `deny` make them
    /// warnings and errors.
    #[schemars(extend("default" = {}))]
    pub levels: Option<BTreeMap<At<String>, At<Word<LevelSetting>>>>,
    /// Findings that you know of and live with; see `suppress`.
    pub suppress: Vec<At<Suppress>>,
}

/// Findings that somebody looked at and lives with. They are listed and counted, and fail nothing. One that matches
/// nothing, or whose last day is over, is a finding itself.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(extend("required" = ["rule", "subject", "reason"]))]
pub struct Suppress {
    /// Name or code of the rule.
    #[schemars(required)]
    pub rule: Option<At<String>>,
    /// Id of what the finding is about, or a list of ids; `*` stands for any text, `?` for one character. A finding
    /// about several things is suppressed when all of them are named.
    #[schemars(required)]
    pub subject: Option<At<TextOrList>>,
    /// Why this is all right. Shown with the finding.
    #[schemars(required)]
    pub reason: Option<At<String>>,
    /// The last day it holds: `2027-01-31`.
    pub expires: Option<At<Day>>,
}

/// When a build is too different from what runs to be promoted.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Guard {
    /// Subscribers that may disappear at once; the larger of this and `max_removed_percent` counts.
    #[schemars(extend("default" = 20))]
    pub max_removed: Option<At<Count>>,
    /// The same in percent of all subscribers.
    #[schemars(extend("default" = 5), range(max = 100))]
    pub max_removed_percent: Option<At<Count>>,
    /// Percent of subscribers that may get another parent at once.
    #[schemars(extend("default" = 20), range(max = 100))]
    pub max_reparented_percent: Option<At<Count>>,
    /// Subscribers that contained errors may touch under `schedule.promote = "when-contained"`; the larger of this and
    /// 1 %.
    #[schemars(extend("default" = 20))]
    pub max_contained: Option<At<Count>>,
    /// Fewer subscribers than this are never promoted.
    #[schemars(extend("default" = 1))]
    pub min_circuits: Option<At<Count>>,
    /// How old the data of a source may be: `"6h"`, `"30m"`, `"2d"`.
    #[schemars(extend("default" = "6h"), regex(pattern = r"^([0-9]+[smhdw])+$"))]
    pub max_source_age: Option<At<String>>,
    /// Class ids that may change without a change anybody asked for; 0 is not checked.
    #[schemars(extend("default" = 0))]
    pub max_churn: Option<At<Count>>,
}

/// A shaper box.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Target {
    /// CPU queues that shape: at most 119, or 59 with `mode = "stick"`.
    #[schemars(extend("default" = 16), range(min = 1, max = 119))]
    pub queues: Option<At<Count>>,
    /// Memory of the box, as `"32GiB"`; leaf queues must fit. Without it, memory is not checked.
    #[schemars(regex(pattern = r"^[0-9]+ *([KMGT]i?)?B$"))]
    pub memory: Option<At<String>>,
    /// Gbit/s that one core of the box shapes, both directions together: about 1 for each 1000 points of single-thread
    /// PassMark score up to 2000, and 3 from 2000 on; a third less in a virtual machine.
    #[schemars(extend("default" = 3.0))]
    pub core_gbps: Option<At<Decimal>>,
    /// Interfaces and queueing discipline of the box.
    pub shaper: Shaper,
}

/// Interfaces and queueing discipline of a shaper box.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Shaper {
    /// Interface towards the internet.
    pub to_internet: Option<At<String>>,
    /// Interface towards subscribers. With `mode = "stick"` it is the same one and may be left out.
    pub to_network: Option<At<String>>,
    /// `bridge`: two interfaces. `stick`: one interface and two VLANs.
    #[schemars(extend("default" = "bridge"))]
    pub mode: Option<At<Word<ModeWord>>>,
    /// VLAN towards the internet, with `mode = "stick"`.
    #[schemars(range(min = 1, max = 4094))]
    pub internet_vlan: Option<At<Count>>,
    /// VLAN towards subscribers, with `mode = "stick"`.
    #[schemars(range(min = 1, max = 4094))]
    pub network_vlan: Option<At<Count>>,
    /// Queueing discipline of every subscriber with its options as `tc` takes them: `cake`, `fq_codel` or `none` first.
    #[schemars(
        extend("default" = "cake diffserv4"),
        regex(pattern = r"^(cake|fq_codel|none)( .*)?$")
    )]
    pub qdisc: Option<At<String>>,
    /// What the kernel may get where it has no `qdisc`, in order of preference: `["fq_codel"]`.
    #[schemars(extend("default" = []))]
    pub leaf_fallback: Option<Vec<At<String>>>,
}

/// Where artifacts are kept.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Store {
    /// `file:DIR`, relative to the project, or `s3://BUCKET/PREFIX` of any S3-compatible service whose conditional
    /// writes hold (`weir doctor` tries). With a bucket, `.weir/store` keeps snapshots, and copies of artifacts.
    #[schemars(extend("default" = "file:.weir/store"))]
    pub url: Option<At<String>>,
    /// Address of a service other than Amazon's: `https://s3.isp.example`. Plain `http://` is taken for this machine
    /// only.
    pub endpoint: Option<At<String>>,
    /// Region of the bucket.
    #[schemars(extend("default" = "us-east-1"))]
    pub region: Option<At<String>>,
    /// Id of the access key, as a reference: `{ env = "S3_KEY" }`, `{ file = "secrets/s3-key" }` or `{ credential =
    /// "s3-key" }` (systemd). Without `key` and `secret`: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, if set,
    /// AWS_SESSION_TOKEN of the environment.
    pub key: Option<At<Secret>>,
    /// The secret access key, as a reference.
    pub secret: Option<At<Secret>>,
    /// PEM file of the only authority that is trusted to sign the certificate of `endpoint`.
    pub ca: Option<At<String>>,
    /// Plain HTTP to another machine. Everybody on the way can read and change what is sent.
    #[schemars(extend("default" = false))]
    pub plain_http: Option<At<bool>>,
}

/// Writing LibreQoS's files, when LibreQoS stays the shaper.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Publish {
    /// Directory of LibreQoS. Without it, nothing is published.
    pub to: Option<At<String>>,
    /// What happens to files that are there: `always` replace them, `when-unedited` only if nobody edited them, or
    /// `never`. An edited file is saved beside and reported in every mode.
    #[schemars(extend("default" = "always"))]
    pub overwrite: Option<At<Word<Overwrite>>>,
}

/// A channel: the pointer to the artifact that its shapers run.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Channel {
    /// Only what this channel runs may be promoted here. Without it, anything.
    pub from: Option<At<String>>,
}

/// Regular runs of `weir serve`: read the sources, build, and promote by this rule.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Time between the beginnings of two runs: `"30m"`, `"1h"`. Up to a tenth of it, five minutes at most, is added at
    /// random.
    #[schemars(extend("default" = "30m"), regex(pattern = r"^([0-9]+[smhdw])+$"))]
    pub every: Option<At<String>>,
    /// `never`; `when-clean`: no finding at `lint.fail_on`; `when-contained`: what is wrong is contained and touches at
    /// most `guard.max_contained` subscribers, so that one duplicate address does not freeze a network.
    #[schemars(extend("default" = "when-contained"))]
    pub promote: Option<At<Word<PromoteWhen>>>,
    /// The channel that runs promote to, and whose identities their builds keep. Where production has a `from`, name that
    /// one.
    #[schemars(extend("default" = "production"))]
    pub channel: Option<At<String>>,
    /// Newest artifacts, and generations of each channel, that stay when a run without failure removes what nobody needs any
    /// more, as `weir gc` does; at least 50. 0: nothing is removed by itself.
    #[schemars(extend("default" = 100))]
    pub keep: Option<At<Count>>,
}

/// Who signs releases, and whose signatures count.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Signing {
    /// Secret key that `weir promote` and `weir rollback` sign with, made by `weir key new`; a reference: `{ file =
    /// "secrets/weir.key" }`, `{ env = "WEIR_KEY" }` or `{ credential = "weir-key" }`. Without it nothing is signed.
    pub key: Option<At<Secret>>,
    /// File with the public keys whose releases count, one a line. With it, nothing that is not signed by one of them
    /// can be promoted.
    pub trust: Option<At<String>>,
}

impl Words for SourceKind {
    fn words() -> Vec<(&'static str, Self)> {
        SourceKind::ALL.map(|kind| (kind.word(), kind)).into()
    }
}

impl Words for Strategy {
    fn words() -> Vec<(&'static str, Self)> {
        Strategy::ALL.map(|s| (s.word(), s)).into()
    }
}

impl Words for JoinKey {
    fn words() -> Vec<(&'static str, Self)> {
        JoinKey::ALL.map(|key| (key.word(), key)).into()
    }
}

impl Words for Metric {
    fn words() -> Vec<(&'static str, Self)> {
        Metric::ALL.map(|m| (m.word(), m)).into()
    }
}

/// Words without a type of their own in `project`, and the words of those that have one.
macro_rules! words {
    ($($type:ty { $($word:literal = $value:expr),+ $(,)? })+) => {$(
        impl Words for $type {
            fn words() -> Vec<(&'static str, Self)> {
                vec![$(($word, $value)),+]
            }
        }
    )+};
}
pub(super) use words;

impl Words for AuthWord {
    fn words() -> Vec<(&'static str, Self)> {
        AuthWord::ALL.map(|auth| (auth.word(), auth)).into()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FormatWord {
    Csv,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnitWord {
    Bps,
    Kbps,
    Mbps,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParentWord {
    Name,
    Id,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BurstWord {
    Ignore,
    Add,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OvercommitWord {
    Scale,
    Strict,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModeWord {
    Bridge,
    Stick,
}

words! {
    SuspendedPolicy {
        "keep" = SuspendedPolicy::Keep,
        "slow" = SuspendedPolicy::Slow,
        "drop" = SuspendedPolicy::Drop,
    }
    FailOn {
        "error" = FailOn::Error,
        "warning" = FailOn::Warning,
        "never" = FailOn::Never,
    }
    LevelSetting {
        "allow" = LevelSetting::Allow,
        "warn" = LevelSetting::Set(Level::Warning),
        "deny" = LevelSetting::Set(Level::Error),
    }
    FormatWord { "csv" = FormatWord::Csv, "json" = FormatWord::Json }
    UnitWord { "kbps" = UnitWord::Kbps, "mbps" = UnitWord::Mbps, "bps" = UnitWord::Bps }
    ParentWord { "name" = ParentWord::Name, "id" = ParentWord::Id }
    BurstWord { "ignore" = BurstWord::Ignore, "add" = BurstWord::Add }
    OvercommitWord { "scale" = OvercommitWord::Scale, "strict" = OvercommitWord::Strict }
    ModeWord { "bridge" = ModeWord::Bridge, "stick" = ModeWord::Stick }
    Overwrite {
        "always" = Overwrite::Always,
        "when-unedited" = Overwrite::WhenUnedited,
        "never" = Overwrite::Never,
    }
    PromoteWhen {
        "never" = PromoteWhen::Never,
        "when-clean" = PromoteWhen::WhenClean,
        "when-contained" = PromoteWhen::WhenContained,
    }
}
