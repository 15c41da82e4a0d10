//! `weir-runtime detach`: everything of Weir out of the kernel.

use clap::Args;

use crate::agent::memory::Keeper;
use crate::config::Config;
use crate::copies::Copies;
use crate::exit::{Exit, Failure};

use super::{outside, print, swapper};

#[derive(Debug, Args)]
pub struct Arguments {
    /// An interface to clean that no artifact known here names; may be given several times
    #[arg(long, value_name = "NAME")]
    interface: Vec<String>,
}

pub fn run(arguments: &Arguments, config: &Config) -> Result<Exit, Failure> {
    let mut swapper = swapper(config)?;
    let keeper = Keeper::open(&config.state.dir).map_err(|e| outside(e.to_string()))?;
    let mut memory = keeper.load().map_err(|e| outside(e.to_string()))?;
    let copies = Copies::open(&config.state.dir).map_err(|e| outside(e.to_string()))?;
    let mut interfaces = arguments.interface.clone();
    let mut digests = swapper.loaded().map_err(outside)?;
    digests.extend(memory.needed().into_iter().map(str::to_owned));
    for digest in digests {
        let known = copies.get(&digest).ok().flatten();
        interfaces.extend(known.iter().flat_map(|a| a.interfaces()).map(str::to_owned));
    }
    interfaces.sort_unstable();
    interfaces.dedup();
    // First what is wanted: killed in between, a runtime that starts does not load it again.
    memory.detach();
    keeper.save(&memory).map_err(|e| outside(e.to_string()))?;
    let acts = swapper.unload(&interfaces).map_err(|e| {
        outside(format!(
            "not everything could be taken away: {e}; do it again"
        ))
    })?;
    let places = match interfaces.is_empty() {
        true => {
            "no interface was known; name one with --interface if it has classes of Weir".to_owned()
        }
        false => interfaces.join(", "),
    };
    print(&format!(
        "traffic passes unshaped; {acts} objects were removed ({places})\n"
    ))?;
    Ok(Exit::Done)
}
