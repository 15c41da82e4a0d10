//! What happens to an artifact, as written: `[guard]`, `[store]`, `[publish]`, `[channels]`, `[schedule]`, `[signing]`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::project::{Overwrite, PromoteWhen};
use crate::config::value::{At, Count, Secret, Word};

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
