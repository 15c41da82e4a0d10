//! The [`Shaper`] of a live kernel: swaps, read-backs and leftovers, over `swap` and `live`.
//!
//! It decides one thing, what the leaves of a plan become on a kernel that lacks a discipline: what the artifact
//! allows instead, and nothing else.

use std::os::unix::net::UnixDatagram;

use weir_abi::maps::SLOTS;
use weir_plan::kernel::{Device, Interface, Observation};
use weir_plan::{LeafChoice, LeafChoices, Wanted, differences};
use weir_schemas::queue_plan::{LeafQdisc, QueuePlan};
use weir_schemas::runtime::{ApplyResult, InterfaceStatus};

use super::shaper::{Loading, ReadBack, Shaper};
use crate::artifact::Proved;
use crate::bpf::Maps;
use crate::config::{Config, Steering};
use crate::copies::Copies;
use crate::doctor::facts::{Availability, qdisc};
use crate::live::Live;
use crate::netlink::{Socket, link};
use crate::status::DRIFT;
use crate::swap::{
    self, Artifact, Kernel as _, Recovered, State, StateError, SwapError, SwapOptions,
};

/// Swaps generations of a live kernel. Holds the lock of the state directory.
pub struct Swapper {
    live: Live,
    state: State,
    copies: Copies,
    options: SwapOptions,
    sample_every: u32,
    steer: Steering,
    steer_cpus: Vec<u32>,
    /// Generations in the kernel's words, by digest: a read-back every minute need not prove a copy anew.
    said: Vec<Wanted>,
    /// For asking whether an interface is there.
    asking: UnixDatagram,
}

/// Why there is no swapper.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error(transparent)]
    State(#[from] StateError),
    #[error("the kernel cannot be reached: {0}")]
    Kernel(#[from] swap::KernelError),
    #[error("nothing was changed: {0}")]
    OtherAbi(crate::bpf::Error),
    #[error("copies of artifacts cannot be kept: {0}")]
    Copies(std::io::Error),
    #[error("no socket: {0}")]
    Socket(std::io::Error),
}

impl Swapper {
    /// Takes the lock; a runtime that has it already is an error.
    pub fn open(config: &Config) -> Result<Swapper, OpenError> {
        let state = State::open(&config.state.dir)?;
        let live = Live::open(&config.kernel.pins)?;
        // Other errors are told by whoever needs the maps.
        if let Err(error @ crate::bpf::Error::OtherAbi { .. }) = Maps::open(live.pins()) {
            return Err(OpenError::OtherAbi(error));
        }
        Ok(Swapper {
            live,
            copies: Copies::open(state.dir()).map_err(OpenError::Copies)?,
            state,
            options: SwapOptions {
                plan: weir_plan::Options {
                    allow_unshaped: config.kernel.allow_unshaped,
                },
                drain: config.kernel.drain.0,
                ..SwapOptions::default()
            },
            sample_every: config.kernel.sample_every,
            steer: config.kernel.steer,
            steer_cpus: config.kernel.steer_cpus.clone(),
            said: Vec::new(),
            asking: UnixDatagram::unbound().map_err(OpenError::Socket)?,
        })
    }

    /// The same plan in the kernel's words.
    fn wanted(&mut self, artifact: &Proved) -> Result<Wanted, String> {
        if let Some(said) = self.said.iter().find(|w| w.digest == artifact.digest) {
            return Ok(said.clone());
        }
        let wanted = self.say(artifact)?;
        self.remember(wanted.clone());
        Ok(wanted)
    }

    fn say(&mut self, artifact: &Proved) -> Result<Wanted, String> {
        let leaves = self.leaves(&artifact.plan)?;
        Wanted::of(&artifact.plan, &artifact.digest, &leaves).map_err(|e| e.to_string())
    }

    fn remember(&mut self, wanted: Wanted) {
        self.said.retain(|said| said.digest != wanted.digest);
        if self.said.len() >= SLOTS as usize {
            self.said.remove(0);
        }
        self.said.push(wanted);
    }

    /// The same of a generation that is only known by its digest; `None` where there is no copy.
    fn said_of(&mut self, digest: &str) -> Option<Wanted> {
        let said = self.said.iter().find(|w| w.digest == digest).cloned();
        said.or_else(|| self.known(digest).map(|artifact| artifact.wanted))
    }

    fn leaves(&mut self, plan: &QueuePlan<'_>) -> Result<LeafChoices, String> {
        let mut choose = |discipline: LeafQdisc, written: &str| -> Result<LeafChoice, String> {
            let mut leaves = plan
                .classes
                .iter()
                .flat_map(|c| c.leaf.iter().flatten().flatten());
            if !leaves.any(|leaf| leaf.qdisc == discipline) {
                return Ok(LeafChoice::Nothing);
            }
            let fallback = plan.target.leaf_fallback.iter().map(AsRef::as_ref);
            let chosen = choice(written, fallback, qdisc)?;
            let Some((kind, arguments)) = chosen else {
                return Ok(LeafChoice::Nothing);
            };
            let device = plan
                .target
                .shaper
                .as_ref()
                .map_or("", |s| s.to_network.as_ref());
            let arguments = self
                .live
                .spelling(device, kind, arguments)
                .map_err(|e| e.to_string())?;
            Ok(LeafChoice::Make {
                kind: kind.to_owned(),
                arguments,
            })
        };
        let qdiscs = &plan.target.qdiscs;
        Ok(LeafChoices {
            cake: choose(LeafQdisc::Cake, &qdiscs.cake)?,
            fq_codel: choose(LeafQdisc::FqCodel, &qdiscs.fq_codel)?,
        })
    }

    /// The generation of a digest, from its copy.
    fn known(&mut self, digest: &str) -> Option<Artifact> {
        let copy = self.copies.get(digest).ok().flatten()?;
        let wanted = self.wanted(&copy).ok()?;
        Some(Artifact {
            wanted,
            table: copy.table,
        })
    }

    /// Ends what an earlier process left.
    pub fn recover(&mut self) -> Result<Recovered, SwapError> {
        let Some(intent) = self.state.intent()? else {
            return Ok(Recovered::Clean);
        };
        let mut found: Vec<(String, Artifact)> = Vec::new();
        for digest in [Some(intent.to), intent.from].into_iter().flatten() {
            let artifact = self.known(&digest);
            found.extend(artifact.map(|artifact| (digest, artifact)));
        }
        let mut find = |digest: &str| {
            let artifact = found.iter().find(|(d, _)| d == digest);
            artifact.map(|(_, artifact)| artifact.clone())
        };
        swap::recover(&mut self.live, &self.state, &mut find)
    }

    /// What is active now, where there is a copy of it.
    fn active(&mut self) -> Result<Option<Wanted>, SwapError> {
        let tables = self.live.observe(&[])?.tables;
        let digest = tables.digest().map(str::to_owned);
        Ok(digest.and_then(|d| self.said_of(&d)))
    }

    fn swap(&mut self, to: &Proved) -> Result<swap::Swapped, Stop> {
        self.recover()?;
        let wanted = self.say(to).map_err(Stop::Refused)?;
        // Tens of thousands of names: taken and put back, not copied.
        let active = self.live.observe(&[])?.tables.digest().map(str::to_owned);
        let said = self.said.iter();
        let at = said
            .enumerate()
            .find(|(_, w)| Some(&w.digest) == active.as_ref());
        let previous = match at.map(|(at, _)| at) {
            Some(at) => Some(self.said.remove(at)),
            None => self.active()?,
        };
        let artifact = Artifact {
            wanted,
            table: to.table.clone(),
        };
        let done = swap::apply(
            &mut self.live,
            &self.state,
            &artifact,
            previous.as_ref(),
            self.options,
        );
        previous
            .into_iter()
            .for_each(|wanted| self.remember(wanted));
        self.remember(artifact.wanted);
        Ok(done?)
    }

    /// Flows are sampled as the operator says, whatever the generation.
    fn sample(&mut self) -> Result<(), String> {
        let Some(maps) = self.live.maps().map_err(|e| e.to_string())? else {
            return Ok(());
        };
        let mut settings = maps.settings().map_err(|e| e.to_string())?;
        if settings.sample_every == self.sample_every {
            return Ok(());
        }
        settings.sample_every = self.sample_every;
        maps.set_settings(&settings).map_err(|e| e.to_string())
    }

    /// Hands packets to the CPUs of their queues where they arrive, or does not, as the operator says.
    fn steer(&mut self, to: &Proved) -> Result<(), String> {
        let told = |e: swap::KernelError| e.to_string();
        if self.steer == Steering::Off {
            return self.live.unsteer_others(&[]).map(drop).map_err(told);
        }
        let wanted = self.wanted(to)?;
        let cpus = match self.steer_cpus.is_empty() {
            true => own_cpus()?,
            false => self.steer_cpus.clone(),
        };
        let of_queue = |n: usize| cpus.get(n % cpus.len().max(1)).copied();
        let cpus: Vec<Option<u32>> = (0..to.plan.queues.len()).map(of_queue).collect();
        let names: Vec<&str> = wanted.interfaces.iter().map(|i| i.name.as_str()).collect();
        self.live.unsteer_others(&names).map_err(told)?;
        if let Some(maps) = self.live.maps().map_err(told)? {
            maps.set_queue_cpus(&cpus).map_err(|e| e.to_string())?;
        }
        // One that cannot is no reason not to steer at the other.
        let failed: Vec<String> = wanted
            .interfaces
            .iter()
            .filter_map(|i| self.live.steer(&i.name, i.program).err())
            .map(|e| e.to_string())
            .collect();
        match failed.is_empty() {
            true => Ok(()),
            false => Err(failed.join("; ")),
        }
    }

    /// Takes everything of ours out of the kernel: traffic passes unshaped. `interfaces` are those of artifacts that
    /// are known; programs are removed wherever they are. Gives the number of acts on queueing.
    pub fn unload(&mut self, interfaces: &[String]) -> Result<usize, SwapError> {
        let acts = swap::detach(&mut self.live, &self.state, interfaces)?;
        self.live.remove_programs()?;
        Ok(acts)
    }

    /// Payload digests in the kernel, the active one first.
    pub fn loaded(&mut self) -> Result<Vec<String>, String> {
        let tables = self.live.observe(&[]).map_err(|e| e.to_string())?.tables;
        let active = tables.digest().map(str::to_owned);
        let mut all: Vec<String> = active.into_iter().collect();
        for digest in tables.slots.into_iter().flatten() {
            if !all.contains(&digest) {
                all.push(digest);
            }
        }
        Ok(all)
    }
}

/// Why a swap was not made.
enum Stop {
    Refused(String),
    Swap(SwapError),
}

impl From<swap::KernelError> for Stop {
    fn from(error: swap::KernelError) -> Stop {
        Stop::Swap(error.into())
    }
}

impl From<SwapError> for Stop {
    fn from(error: SwapError) -> Stop {
        Stop::Swap(error)
    }
}

/// The discipline a leaf gets and its options, of those the artifact names: the first that the kernel has. `None`:
/// the kernel's own pfifo, because the artifact allows `none`.
fn choice<'p>(
    written: &'p str,
    fallback: impl Iterator<Item = &'p str>,
    has: impl Fn(&str) -> Availability,
) -> Result<Option<(&'p str, &'p str)>, String> {
    let split = |text: &'p str| match text.trim().split_once(' ') {
        Some((kind, arguments)) => (kind, arguments),
        None => (text.trim(), ""),
    };
    let (wanted, _) = split(written);
    for text in std::iter::once(written).chain(fallback) {
        let (kind, arguments) = split(text);
        if kind == "none" {
            return Ok(None);
        }
        // What cannot be told is tried: a kernel that says no then is gone back from.
        if has(kind) != Availability::No {
            return Ok(Some((kind, arguments)));
        }
    }
    Err(format!(
        "this kernel has no {wanted}, and nothing that the artifact allows instead: install the module sch_{wanted}, or \
         name one with `leaf_fallback` of the target in weir.toml and build again"
    ))
}

impl Shaper for Swapper {
    fn load(&mut self, to: &Proved) -> Loading {
        // What the kernel can do may have changed since: a module was installed. What others became is what was loaded.
        self.said.retain(|wanted| wanted.digest != to.digest);
        let failed = |result, reason: String| Loading {
            result,
            reason,
            steps: 0,
            done: 0,
        };
        match self.swap(to) {
            Ok(done) => {
                // Neither is a part of shaping: a generation is not taken back for them.
                let sampling = self
                    .sample()
                    .err()
                    .map(|e| format!("flows are not sampled: {e}"));
                let steering = self
                    .steer(to)
                    .err()
                    .map(|e| format!("packets are not steered: {e}"));
                let unclosed = (done.unclosed)
                    .map(|e| format!("that the swap ended is not written down: {e}"));
                let besides = [sampling, steering, unclosed].into_iter().flatten();
                let besides: Vec<String> = besides.collect();
                Loading {
                    result: match done.steps {
                        0 => ApplyResult::Unchanged,
                        _ => ApplyResult::Applied,
                    },
                    reason: besides.join("; "),
                    steps: done.steps as u64,
                    done: done.steps as u64,
                }
            }
            Err(Stop::Refused(reason)) => Loading::refused(reason),
            Err(Stop::Swap(error)) => {
                let result = match &error {
                    SwapError::Refused(_) => ApplyResult::Refused,
                    SwapError::Failed { .. } => ApplyResult::Failed,
                    _ => ApplyResult::RolledBack,
                };
                failed(result, error.to_string())
            }
        }
    }

    fn read_back(&mut self, to: &Proved) -> Result<ReadBack, String> {
        let wanted = self.wanted(to)?;
        let seen = self
            .live
            .observe(&wanted.devices())
            .map_err(|e| e.to_string())?;
        let active = seen.tables.digest().map(str::to_owned);
        let kept: Vec<String> = seen.tables.slots.iter().flatten().cloned().collect();
        let kept: Vec<String> = kept.into_iter().filter(|d| *d != to.digest).collect();
        let known: Vec<Wanted> = kept
            .iter()
            .filter_map(|digest| self.said_of(digest))
            .collect();
        let drift = differences(&seen, &wanted, &known.iter().collect::<Vec<_>>());
        let links = links();
        Ok(ReadBack {
            objects: objects(&wanted),
            drift_count: drift.len() as u64,
            drift: drift.iter().take(DRIFT).map(ToString::to_string).collect(),
            active,
            kept,
            interfaces: seen.interfaces.iter().map(|i| status(i, &links)).collect(),
            programs: programs(&seen, &wanted),
        })
    }

    fn preview(&mut self, to: &Proved) -> Result<String, Loading> {
        let wanted = self.wanted(to).map_err(Loading::refused)?;
        let told = |error: SwapError| Loading {
            result: match &error {
                SwapError::Refused(_) => ApplyResult::Refused,
                _ => ApplyResult::RolledBack,
            },
            ..Loading::refused(error.to_string())
        };
        let previous = self.active().map_err(told)?;
        let plan = swap::dry_run(
            &mut self.live,
            &wanted,
            previous.as_ref(),
            self.options.plan,
        );
        plan.map(|plan| plan.to_string()).map_err(told)
    }

    fn reclaim(&mut self, to: &Proved) -> Result<u64, String> {
        let wanted = self.wanted(to)?;
        let mut devices = wanted.devices();
        // A generation before may have had other interfaces.
        for digest in self.loaded()? {
            let older: Vec<Device> = self
                .known(&digest)
                .map_or_else(Vec::new, |a| a.wanted.devices());
            for device in older {
                if !devices.contains(&device) {
                    devices.push(device);
                }
            }
        }
        swap::reclaim(&mut self.live, &devices, &[&wanted])
            .map(|acts| acts as u64)
            .map_err(|e| e.to_string())
    }

    fn interface(&mut self, name: &str) -> Option<u32> {
        rustix::net::netdevice::name_to_index(&self.asking, name).ok()
    }
}

/// Qdiscs, classes, leaves, programs, and the active table.
fn objects(wanted: &Wanted) -> u64 {
    let of = |i: &weir_plan::WantedInterface| {
        let leaves = i.classes.iter().filter(|c| c.leaf.is_some()).count();
        1 + i.htbs.len() + i.classes.len() + leaves
    };
    let objects: usize = wanted.interfaces.iter().map(of).sum();
    objects as u64 + 1
}

fn programs(seen: &Observation, wanted: &Wanted) -> Vec<(String, bool)> {
    wanted
        .interfaces
        .iter()
        .map(|w| {
            let found = seen.interfaces.iter().find(|i| i.name == w.name);
            let program = found.and_then(|i| i.program);
            (
                w.name.clone(),
                program.is_some_and(|p| p.program == Some(w.program)),
            )
        })
        .collect()
}

/// The CPUs that this process may run on, by number.
fn own_cpus() -> Result<Vec<u32>, String> {
    let set = rustix::thread::sched_getaffinity(None)
        .map_err(|e| format!("the CPUs of this process: {e}"))?;
    let all = 0..rustix::thread::CpuSet::MAX_CPU;
    let own = all.filter(|cpu| set.is_set(*cpu));
    Ok(own.filter_map(|cpu| u32::try_from(cpu).ok()).collect())
}

fn links() -> Vec<link::Link> {
    let socket = Socket::open().ok();
    socket
        .and_then(|mut socket| link::all(&mut socket).ok())
        .unwrap_or_default()
}

fn status(seen: &Interface, links: &[link::Link]) -> InterfaceStatus {
    let xdp = links
        .iter()
        .find(|l| l.name == seen.name)
        .and_then(|l| l.xdp);
    InterfaceStatus {
        name: seen.name.clone(),
        up: seen.up,
        attached: seen
            .program
            .map(|p| if p.tcx { "tcx" } else { "clsact" }.to_owned()),
        xdp: xdp.is_some(),
        xdp_mode: xdp.map(|mode| mode.word().to_owned()),
        tx_queues: seen.tx_queues,
        classes: seen.classes.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_what_the_kernel_has_of_what_the_artifact_allows() {
        let only = |has: &'static str| {
            move |kind: &str| match kind == has {
                true => Availability::Yes,
                false => Availability::No,
            }
        };
        let cake = "cake diffserv4 rtt 300ms";
        let choose =
            |fallback: &[&'static str], has| choice(cake, fallback.iter().copied(), only(has));
        assert_eq!(
            choose(&["fq_codel"], "cake"),
            Ok(Some(("cake", "diffserv4 rtt 300ms")))
        );
        assert_eq!(
            choose(&["fq_codel"], "fq_codel"),
            Ok(Some(("fq_codel", "")))
        );
        assert_eq!(choose(&["none"], "htb"), Ok(None));
        let refused = choose(&["fq_codel"], "htb").expect_err("nothing is left");
        assert!(
            refused.contains("no cake") && refused.contains("leaf_fallback"),
            "{refused}"
        );
        assert!(choose(&[], "htb").is_err());
        // What cannot be told is tried.
        let unknown = choice(cake, ["none"].into_iter(), |_| Availability::Unknown);
        assert_eq!(unknown, Ok(Some(("cake", "diffserv4 rtt 300ms"))));
    }
}
