//! `weir-runtime forget`: the history of the channel begins anew. What is in the kernel, and what is to be there,
//! stays.

use clap::Args;

use crate::agent::memory::Keeper;
use crate::config::Config;
use crate::exit::{Exit, Failure};
use crate::swap::{State, StateError};

use super::{outside, print};

#[derive(Debug, Args)]
pub struct Arguments {}

pub fn run(_: &Arguments, config: &Config) -> Result<Exit, Failure> {
    let _lock = State::open(&config.state.dir).map_err(|error| match error {
        StateError::Locked { .. } => Failure::new(
            Exit::Refused,
            error.to_string(),
            "stop it first: systemctl stop weir-runtime",
        ),
        _ => outside(error.to_string()),
    })?;
    let keeper = Keeper::open(&config.state.dir).map_err(|e| outside(e.to_string()))?;
    let mut memory = keeper.load().map_err(|e| outside(e.to_string()))?;
    let known = memory.head.as_ref().map(|h| h.seq);
    memory.forget();
    keeper.save(&memory).map_err(|e| outside(e.to_string()))?;
    print(&match known {
        Some(seq) => format!(
            "generation {seq} and everything before it is forgotten; the next head is believed without a history\n"
        ),
        None => "there was nothing to forget\n".to_owned(),
    })?;
    Ok(Exit::Done)
}
