//! After a runtime that died in a swap: the kernel is made exactly one generation again.
//!
//! What is active is one word in the kernel, so it is always one of the two; the journal only says which two. If
//! the next one is active, the swap is finished; if not, it is undone. Until then traffic is shaped as it was when the
//! runtime died: nothing in the kernel ends with it.

use std::collections::BTreeSet;

use weir_abi::ClassId;
use weir_plan::kernel::Active;
use weir_plan::{Options, Phase, Wanted, plan};

use super::journal::State;
use super::kernel::{Generation, Kernel};
use super::run::{
    Artifact, SwapError, SwapOptions, devices, drain, pass_unshaped, reclaim, told, wrong,
};

/// What was found, and what is now.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Recovered {
    /// No swap was under way.
    Clean,
    /// The machine was started again since: nothing of the swap is left. What is to shape has to be applied.
    Rebooted { to: String },
    /// The swap was finished: this generation shapes.
    Finished { to: String },
    /// The swap was undone: this generation shapes; `None`: nothing, as before.
    Undone { from: Option<String> },
}

/// Times that what does not read back right is done again.
const ATTEMPTS: usize = 4;

/// Ends a swap that did not end. `find` gives the generation of a payload digest, where its artifact is there.
pub fn recover(
    kernel: &mut dyn Kernel,
    state: &State,
    find: &mut dyn FnMut(&str) -> Option<Artifact>,
) -> Result<Recovered, SwapError> {
    let Some(intent) = state.intent()? else {
        return Ok(Recovered::Clean);
    };
    if kernel.boot_id()? != intent.boot {
        state.close()?;
        return Ok(Recovered::Rebooted { to: intent.to });
    }
    let to = find(&intent.to);
    let from = intent.from.as_deref().and_then(&mut *find);
    let tables = kernel.observe(&[])?.tables;
    let finish = tables.digest() == Some(intent.to.as_str());
    let target = match (finish, &intent.from) {
        (true, _) => Some((&intent.to, &to)),
        (false, Some(digest)) => Some((digest, &from)),
        (false, None) => None,
    };
    let wanted = |artifact: &Option<Artifact>| artifact.as_ref().map(|a| a.wanted.clone());
    let (to_wanted, from_wanted) = (wanted(&to), wanted(&from));
    let devices = devices(&[to_wanted.as_ref(), from_wanted.as_ref()]);
    let Some((digest, artifact)) = target else {
        // Nothing shaped before, and the word was never written.
        if !matches!(tables.active, None | Some(Active::Nothing)) {
            return Err(SwapError::Unknown {
                digest: tables.digest().unwrap_or("of an empty slot").to_owned(),
                hint: "something else made it active; detach, and apply again",
            });
        }
        if to_wanted.is_none() {
            return Err(SwapError::Unknown {
                digest: intent.to,
                hint: "put it back into the store, or detach",
            });
        }
        reclaim(kernel, &devices, &[])?;
        state.close()?;
        return Ok(Recovered::Undone { from: None });
    };
    let Some(artifact) = artifact else {
        return Err(SwapError::Unknown {
            digest: digest.clone(),
            hint: "put it back into the store, or detach",
        });
    };
    let active = [to_wanted.as_ref(), from_wanted.as_ref()]
        .into_iter()
        .flatten()
        .find(|wanted| tables.digest() == Some(wanted.digest.as_str()));
    // What only the other one queued in leaves first: the rates of one leave no room for both.
    let other = match finish {
        true => from_wanted.as_ref(),
        false => to_wanted.as_ref(),
    };
    for interface in other.iter().flat_map(|other| &other.interfaces) {
        let stays = artifact.wanted.interface(&interface.name);
        let stays: BTreeSet<ClassId> = (stays.iter().flat_map(|i| &i.classes))
            .map(|class| class.id)
            .collect();
        let goes: Vec<ClassId> = (interface.classes.iter())
            .filter(|class| class.is_circuit() && !stays.contains(&class.id))
            .map(|class| class.id)
            .collect();
        drain(kernel, &interface.name, &goes, SwapOptions::default().drain);
    }
    if let Err(back) = converge(kernel, &devices, artifact, active) {
        let unshaped = pass_unshaped(kernel);
        return Err(SwapError::Failed {
            to: digest.clone(),
            why: "it was interrupted".to_owned(),
            back,
            unshaped,
        });
    }
    // The way back stays open after a swap that is finished, as after any other.
    let keep: Vec<&Wanted> = match finish {
        true => [to_wanted.as_ref(), from_wanted.as_ref()]
            .into_iter()
            .flatten()
            .collect(),
        false => from_wanted.as_ref().into_iter().collect(),
    };
    reclaim(kernel, &devices, &keep)?;
    state.close()?;
    let digest = digest.clone();
    Ok(match finish {
        true => Recovered::Finished { to: digest },
        false => Recovered::Undone { from: Some(digest) },
    })
}

/// Plans and acts until what is read back is this generation. `Err`: what is not, in words.
fn converge(
    kernel: &mut dyn Kernel,
    devices: &[String],
    artifact: &Artifact,
    active: Option<&Wanted>,
) -> Result<(), String> {
    let wanted = &artifact.wanted;
    let generation = Generation {
        digest: &wanted.digest,
        table: &artifact.table,
    };
    let mut why = String::new();
    for _ in 0..ATTEMPTS {
        let seen = match kernel.observe(devices) {
            Ok(seen) => seen,
            Err(error) => {
                why = error.to_string();
                continue;
            }
        };
        let found = wrong(&seen, wanted);
        if found.is_empty() {
            return Ok(());
        }
        why = told(&found);
        let now = seen.tables.digest();
        let known = active.filter(|active| now == Some(active.digest.as_str()));
        // Where everything passes unshaped already, nothing is lost by going on so.
        let options = Options {
            allow_unshaped: now.is_none(),
        };
        let plan = plan(&seen, wanted, known, options).map_err(|refused| refused.to_string())?;
        for phase in Phase::ALL {
            let actions: Vec<_> = (plan.steps.iter())
                .filter(|step| step.phase == phase && phase != Phase::Drain)
                .map(|step| step.action.clone())
                .collect();
            if actions.is_empty() {
                continue;
            }
            let answers = kernel.apply(&actions, Some(&generation));
            if let Some(error) = answers.into_iter().find_map(Result::err) {
                why = error.to_string();
                if phase < Phase::Flip {
                    // Not with half of what it needs.
                    break;
                }
            }
        }
    }
    Err(why)
}
