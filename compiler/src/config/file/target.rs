//! The shaper boxes, as written: `[target.NAME]`.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::config::file::words::ModeWord;
use crate::config::value::{At, Count, Decimal, Word};

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
