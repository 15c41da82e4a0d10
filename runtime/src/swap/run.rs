//! Carrying a plan out: act, read back, flip, let the old generation run dry; and the way back when something is
//! not as it should be.
//!
//! It decides nothing about order: that is the plan's. It believes no return code of the kernel: what counts is what
//! is observed afterwards.

use std::time::Duration;

use weir_abi::ClassId;
use weir_plan::kernel::{Active, Device, Observation};
use weir_plan::{Action, Difference, Phase, Plan, Refused, Step, Wanted, differences, plan, unmet};

use super::journal::{Intent, Mark, State, StateError};
use super::kernel::{ErrorKind, Generation, Kernel, KernelError};

/// A generation, ready to be loaded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artifact {
    pub wanted: Wanted,
    /// The bytes of `classifier.bin`, checked.
    pub table: Vec<u8>,
}

impl Artifact {
    fn generation(&self) -> Generation<'_> {
        Generation {
            digest: &self.wanted.digest,
            table: &self.table,
        }
    }
}

/// How a swap is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SwapOptions {
    pub plan: weir_plan::Options,
    /// How long classes of the old generation may take to run dry. What waits there afterwards is still sent, but
    /// beside the guarantees of the new one.
    pub drain: Duration,
    /// How often what failed after the flip is tried again before the way back is gone.
    pub retries: u32,
}

impl Default for SwapOptions {
    fn default() -> Self {
        SwapOptions {
            plan: weir_plan::Options::default(),
            drain: Duration::from_secs(5),
            retries: 3,
        }
    }
}

/// A swap that ended well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Swapped {
    /// Payload digest of what was active before; `None`: nothing was.
    pub from: Option<String>,
    pub to: String,
    /// Steps that changed the kernel; 0: it was as it should be already.
    pub steps: usize,
    /// Packets that still waited in classes of the old generation when the time to run dry was over.
    pub waiting: u64,
    /// What was kept for going back had to be removed to make room.
    pub reclaimed: bool,
    /// Why the journal could not be closed, where it could not: whoever recovers finds nothing left to do.
    pub unclosed: Option<String>,
}

/// A swap that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    #[error(transparent)]
    Refused(#[from] Refused),
    #[error("nothing was changed: {0}")]
    Kernel(#[from] KernelError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("an earlier swap to {to} did not end: recover first")]
    Unfinished { to: String },
    #[error("generation {digest} is needed to recover, and its artifact is not there: {hint}")]
    Unknown { digest: String, hint: &'static str },
    #[error("the swap to {to} failed and was undone; the generation before is in place. {why}")]
    RolledBack { to: String, why: String },
    #[error("the swap to {to} failed, and so did the way back{}. {why}. Then: {back}", passing(*.unshaped))]
    Failed {
        to: String,
        why: String,
        /// Why going back failed.
        back: String,
        /// Everything passes unshaped. `false`: not even that could be done.
        unshaped: bool,
    },
}

fn passing(unshaped: bool) -> &'static str {
    if unshaped {
        ": traffic passes unshaped"
    } else {
        ", and the kernel did not let traffic pass unshaped either"
    }
}

impl SwapError {
    /// As every command of Weir means it: 1 something outside failed, 4 refused, 7 rolled back, 8 unshaped.
    pub fn exit_code(&self) -> u8 {
        match self {
            SwapError::Refused(_) => 4,
            SwapError::Kernel(_)
            | SwapError::State(_)
            | SwapError::Unfinished { .. }
            | SwapError::Unknown { .. } => 1,
            SwapError::RolledBack { .. } => 7,
            SwapError::Failed { .. } => 8,
        }
    }
}

/// Acts in one request to the kernel.
const BATCH: usize = 256;
const SHORTEST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(200);
/// Differences that a message names.
const NAMED: usize = 5;

/// What would be done; changes nothing.
pub fn dry_run(
    kernel: &mut dyn Kernel,
    to: &Wanted,
    previous: Option<&Wanted>,
    options: weir_plan::Options,
) -> Result<Plan, SwapError> {
    let seen = kernel.observe(&devices(&[Some(to), previous]))?;
    Ok(plan(&seen, to, previous, options)?)
}

/// Brings a generation in. `previous`: what is active now, where it is known; classes that only it has are kept, so
/// that going back to it is quick. An earlier swap that did not end has to be recovered first.
pub fn apply(
    kernel: &mut dyn Kernel,
    state: &State,
    to: &Artifact,
    previous: Option<&Wanted>,
    options: SwapOptions,
) -> Result<Swapped, SwapError> {
    if let Some(open) = state.intent()? {
        return Err(SwapError::Unfinished { to: open.to });
    }
    let mut run = Run {
        kernel,
        state,
        to,
        devices: devices(&[Some(&to.wanted), previous]),
        options,
        full: false,
    };
    match run.swap(previous) {
        // What is kept for going back is given up before the swap is.
        Err(SwapError::RolledBack { .. }) if run.full && previous.is_some() => {
            let keep: Vec<&Wanted> = previous.into_iter().collect();
            reclaim(run.kernel, &run.devices, &keep)?;
            let mut done = run.swap(previous)?;
            done.reclaimed = true;
            Ok(done)
        }
        done => done,
    }
}

/// Removes all that is ours and that no generation in `keep` has, on these interfaces. Done again, it removes what
/// was left. Gives the number of acts.
pub fn reclaim(
    kernel: &mut dyn Kernel,
    devices: &[Device],
    keep: &[&Wanted],
) -> Result<usize, KernelError> {
    let seen = kernel.observe(devices)?;
    let plan = weir_plan::reclaim(&seen, keep);
    perform(kernel, &plan.steps)
}

/// Lets everything pass unshaped, and removes all that is ours on these interfaces. Gives the number of acts.
pub fn detach(
    kernel: &mut dyn Kernel,
    state: &State,
    devices: &[Device],
) -> Result<usize, SwapError> {
    let seen = kernel.observe(devices)?;
    let plan = weir_plan::detach(&seen);
    let acts = perform(kernel, &plan.steps)?;
    state.close()?;
    Ok(acts)
}

/// All of these; the first error that there was.
fn perform(kernel: &mut dyn Kernel, steps: &[Step]) -> Result<usize, KernelError> {
    let actions: Vec<Action> = steps.iter().map(|step| step.action.clone()).collect();
    for batch in actions.chunks(BATCH) {
        kernel
            .apply(batch, None)
            .into_iter()
            .collect::<Result<Vec<()>, _>>()?;
    }
    Ok(actions.len())
}

/// The interfaces of these generations, each once.
pub(super) fn devices(of: &[Option<&Wanted>]) -> Vec<Device> {
    let mut devices: Vec<Device> = Vec::new();
    for name in of.iter().flatten().flat_map(|wanted| wanted.devices()) {
        if !devices.contains(&name) {
            devices.push(name);
        }
    }
    devices
}

pub(super) fn told(found: &[Difference]) -> String {
    let named: Vec<String> = found.iter().take(NAMED).map(ToString::to_string).collect();
    match found.len().saturating_sub(NAMED) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

/// What differs and shapes somebody wrong.
pub(super) fn wrong(seen: &Observation, wanted: &Wanted) -> Vec<Difference> {
    let mut found = differences(seen, wanted, &[]);
    found.retain(|difference| !difference.extra);
    found
}

struct Run<'a> {
    kernel: &'a mut dyn Kernel,
    state: &'a State,
    to: &'a Artifact,
    devices: Vec<Device>,
    options: SwapOptions,
    /// The kernel said that there is no room.
    full: bool,
}

/// Steps that were done, in order, as far as the kernel said so.
type Done<'p> = Vec<&'p Step>;

impl Run<'_> {
    fn swap(&mut self, previous: Option<&Wanted>) -> Result<Swapped, SwapError> {
        self.full = false;
        let mut start = self.kernel.recall(&self.devices)?;
        let wanted = &self.to.wanted;
        let plan = match plan(&start, wanted, previous, self.options.plan) {
            Ok(plan) => plan,
            // Nothing is refused for what was only remembered.
            Err(_) => {
                start = self.kernel.observe(&self.devices)?;
                plan(&start, wanted, previous, self.options.plan)?
            }
        };
        let mut swapped = Swapped {
            from: plan.from.clone(),
            to: wanted.digest.clone(),
            steps: plan.steps.len(),
            waiting: 0,
            reclaimed: false,
            unclosed: None,
        };
        if plan.steps.is_empty() {
            return Ok(swapped);
        }
        let boot = self.kernel.boot_id()?;
        let mut intent = Intent::new(&boot, plan.from.as_deref(), &wanted.digest);
        self.state.write(&intent)?;

        let mut done: Done<'_> = Vec::new();
        match self.forward(&plan, &mut intent, &mut done) {
            Ok(waiting) => {
                swapped.waiting = waiting;
                // It is done, whatever the disk says to that.
                swapped.unclosed = self.state.close().err().map(|error| error.to_string());
                Ok(swapped)
            }
            Err(why) => Err(self.back(&start, &done, &mut intent, why)),
        }
    }

    /// All phases. `Err`: why not, in words.
    fn forward<'p>(
        &mut self,
        plan: &'p Plan,
        intent: &mut Intent,
        done: &mut Done<'p>,
    ) -> Result<u64, String> {
        for phase in [Phase::Bypass, Phase::Prepare, Phase::Raise] {
            let steps: Vec<&Step> = of(plan, phase).collect();
            if steps.is_empty() {
                continue;
            }
            self.steps(&steps, done)?;
            self.read_back(&steps)?;
        }
        if of(plan, Phase::Flip).next().is_some() {
            intent.mark = Mark::Flip;
            self.state.write(intent).map_err(|e| e.to_string())?;
            let flip: Vec<&Step> = of(plan, Phase::Flip).collect();
            self.steps(&flip, done)?;
            self.read_back(&flip)?;
        }
        // From here on the next generation shapes. A journal that cannot be written any more is no reason to go
        // back: what is active is read from the kernel.
        intent.mark = Mark::Settle;
        let _ = self.state.write(intent);
        let mut waiting = 0;
        let mut why = String::new();
        for phase in [Phase::Barrier, Phase::Lower, Phase::Drain, Phase::Settle] {
            for step in of(plan, phase) {
                if let Action::Drain { device, classes } = &step.action {
                    waiting += drain(self.kernel, device, classes, self.options.drain);
                    done.push(step);
                }
            }
            let steps: Vec<&Step> = of(plan, phase)
                .filter(|step| !matches!(step.action, Action::Drain { .. }))
                .collect();
            if let Err(error) = self.steps(&steps, done) {
                why = error;
            }
        }
        self.converge(why)?;
        Ok(waiting)
    }

    /// After the flip: what is not as it should be is planned and done again, some times.
    fn converge(&mut self, mut why: String) -> Result<(), String> {
        let wanted = &self.to.wanted;
        let mut pause = SHORTEST_WAIT;
        for attempt in 0..=self.options.retries {
            if attempt > 0 {
                self.kernel.sleep(pause);
                pause = (pause * 4).min(LONGEST_WAIT);
            }
            let seen = match self.kernel.observe(&self.devices) {
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
            // The first error is the cause of what is read back after it.
            if why.is_empty() || attempt > 0 {
                why = told(&found);
            }
            if seen.tables.digest() != Some(wanted.digest.as_str()) {
                return Err(why);
            }
            match plan(&seen, wanted, Some(wanted), weir_plan::Options::default()) {
                Err(refused) => return Err(format!("{why}; {refused}")),
                Ok(again) => {
                    let steps: Vec<&Step> = again.steps.iter().collect();
                    if let Err(error) = self.steps(&steps, &mut Vec::new()) {
                        why = error;
                    }
                }
            }
        }
        Err(why)
    }

    /// Steps in order; stops behind the batch in which one failed.
    fn steps<'p>(&mut self, steps: &[&'p Step], done: &mut Done<'p>) -> Result<(), String> {
        for batch in steps.chunks(BATCH) {
            let actions: Vec<Action> = batch.iter().map(|step| step.action.clone()).collect();
            let generation = self.to.generation();
            let answers = self.kernel.apply(&actions, Some(&generation));
            let mut failed = None;
            for (step, answer) in batch.iter().zip(answers) {
                match answer {
                    Ok(()) => done.push(step),
                    Err(error) => {
                        self.full |= error.kind == ErrorKind::Full;
                        // The first is the cause; those behind it follow from it.
                        failed.get_or_insert(error);
                    }
                }
            }
            if let Some(error) = failed {
                return Err(error.to_string());
            }
        }
        Ok(())
    }

    fn read_back(&mut self, steps: &[&Step]) -> Result<(), String> {
        let actions: Vec<Action> = steps.iter().map(|step| step.action.clone()).collect();
        let seen = self
            .kernel
            .look(&self.devices, &actions)
            .map_err(|error| error.to_string())?;
        let found = unmet(&seen, steps.iter().map(|step| &step.action));
        if found.is_empty() {
            return Ok(());
        }
        Err(format!(
            "the kernel said yes, and what is read back is something else: {}",
            told(&found)
        ))
    }

    /// The way back: everything that was done, undone in reverse. What counts is that all that was there at the
    /// start is there again and active; what is left over shapes nobody and is reclaimed by the next swap.
    fn back(
        &mut self,
        start: &Observation,
        done: &[&Step],
        intent: &mut Intent,
        why: String,
    ) -> SwapError {
        let to = self.to.wanted.digest.clone();
        intent.mark = Mark::Back;
        // What fails here must not keep from going back.
        let _ = self.state.write(intent);
        let mut back = String::new();
        for _ in 0..=self.options.retries {
            let mut actions = Vec::new();
            for action in done.iter().rev().flat_map(|step| &step.undo) {
                match action {
                    Action::Drain { device, classes } => {
                        back.extend(self.undo(&mut actions));
                        drain(self.kernel, device, classes, self.options.drain);
                    }
                    _ => actions.push(action.clone()),
                }
            }
            back.extend(self.undo(&mut actions));
            match self.kernel.observe(&self.devices) {
                Err(error) => back = error.to_string(),
                Ok(seen) => {
                    let lost = lost(start, &seen);
                    if lost.is_empty() {
                        return match self.state.close() {
                            Ok(()) => SwapError::RolledBack { to, why },
                            Err(error) => SwapError::RolledBack {
                                to,
                                why: format!("{why}. And {error}"),
                            },
                        };
                    }
                    back = lost.join("; ");
                }
            }
            self.kernel.sleep(LONGEST_WAIT);
        }
        let unshaped = pass_unshaped(self.kernel);
        SwapError::Failed {
            to,
            why,
            back,
            unshaped,
        }
    }

    /// The first error, in words. What was undone already fails, and is no harm.
    fn undo(&mut self, actions: &mut Vec<Action>) -> Option<String> {
        let mut first = None;
        for batch in actions.chunks(BATCH) {
            let answers = self.kernel.apply(batch, None);
            let error = answers.into_iter().find_map(Result::err);
            first = first.or(error.map(|error| error.to_string()));
        }
        actions.clear();
        first
    }
}

/// Waits until nothing is queued in these classes, or it takes too long. Gives what still waits.
pub(super) fn drain(
    kernel: &mut dyn Kernel,
    device: &str,
    classes: &[ClassId],
    longest: Duration,
) -> u64 {
    let end = kernel.now() + longest;
    let mut pause = SHORTEST_WAIT;
    loop {
        // Who cannot be asked is waited for: classes are kept in any case.
        let waiting = kernel.waiting(device, classes);
        if waiting == Ok(0) {
            return 0;
        }
        if kernel.now() >= end {
            return waiting.unwrap_or(0);
        }
        kernel.sleep(pause);
        pause = (pause * 2).min(LONGEST_WAIT);
    }
}

/// Lets everything pass, and looks whether it does.
pub(super) fn pass_unshaped(kernel: &mut dyn Kernel) -> bool {
    let flip = Action::Flip {
        to: Active::Nothing,
    };
    for _ in 0..3 {
        // Whether it worked is read back.
        let _ = kernel.apply(&[flip.clone(), Action::Barrier], None);
        let active = kernel.observe(&[]).map(|seen| seen.tables.active);
        if matches!(active, Ok(None | Some(Active::Nothing))) {
            return true;
        }
        kernel.sleep(SHORTEST_WAIT);
    }
    false
}

fn of(plan: &Plan, phase: Phase) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(move |step| step.phase == phase)
}

/// What was there and is not any more, in words. More than was there is no loss.
fn lost(start: &Observation, seen: &Observation) -> Vec<String> {
    let mut lost = Vec::new();
    if start.tables.active.unwrap_or(Active::Nothing)
        != seen.tables.active.unwrap_or(Active::Nothing)
    {
        lost.push("another generation is active".to_owned());
    }
    if start.tables.digest() != seen.tables.digest() {
        lost.push("the table of the active generation is not there".to_owned());
    }
    if start.tables.active.is_some() && start.tables.vlans != seen.tables.vlans {
        lost.push("the VLANs are others".to_owned());
    }
    for before in &start.interfaces {
        let name = &before.name;
        let Some(after) = seen.interfaces.iter().find(|i| i.name == *name) else {
            lost.push(format!("{name} is not there"));
            continue;
        };
        if before.index != after.index {
            lost.push(format!("{name} is not there, or another one of that name"));
        }
        if before.program.is_some() && after.program.is_none() {
            lost.push(format!("{name}: the program is detached"));
        }
        for qdisc in before.qdiscs.iter().filter(|q| q.handle != 0) {
            let same = after.qdiscs.iter().any(|q| {
                (q.handle, q.parent) == (qdisc.handle, qdisc.parent)
                    && q.kind == qdisc.kind
                    && q.options == qdisc.options
            });
            if !same {
                lost.push(format!(
                    "{name}: {} {:x}: is another",
                    qdisc.kind, qdisc.handle
                ));
            }
        }
        let mut rest = after.classes.iter().peekable();
        for class in &before.classes {
            while rest.next_if(|other| other.id < class.id).is_some() {}
            let mut other = rest
                .peek()
                .filter(|other| other.id == class.id)
                .copied()
                .cloned();
            if let Some(other) = &mut other {
                other.stats = class.stats;
                // An inner class keeps the quantum of the day it had no classes below it.
                other.quantum = class.quantum;
            }
            if other.as_ref() != Some(class) {
                lost.push(format!("{name}: class {} is another", class.id));
            }
        }
    }
    lost.truncate(NAMED);
    lost
}
