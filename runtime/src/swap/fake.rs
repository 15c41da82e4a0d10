//! A kernel for tests: the model of `weir-plan`, which fails, lies or dies at its n-th call.

use std::panic::resume_unwind;
use std::time::Duration;

use weir_abi::ClassId;
use weir_plan::kernel::{Device, Observation};
use weir_plan::model::ModelKernel;
use weir_plan::{Action, Wanted};

use super::kernel::{ErrorKind, Generation, Kernel, KernelError};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    None,
    /// The call does nothing and says so.
    Fail(ErrorKind),
    /// The call and all after it do nothing and say so.
    Dead,
    /// From this call on no class takes other rates.
    Stubborn,
    /// The act is not done, and the answer is yes.
    Lie,
    /// The process dies before the call.
    KillBefore,
    /// The process dies when the call was done.
    KillAfter,
}

pub struct FakeKernel {
    pub model: ModelKernel,
    pub fault: Fault,
    /// Call at which the fault happens, counted from 0.
    pub at: usize,
    /// Calls so far: each act, each observation, each look at what waits.
    pub calls: usize,
    pub boot: String,
    clock: Duration,
    /// `broken` of the model is asked after every act.
    pub watch: bool,
    /// What it answered, when it answered something.
    pub broken: Vec<String>,
}

/// What a process that was killed unwinds with.
pub struct Killed;

impl FakeKernel {
    pub fn new(model: ModelKernel) -> FakeKernel {
        FakeKernel {
            model,
            fault: Fault::None,
            at: 0,
            calls: 0,
            boot: "one".to_owned(),
            clock: Duration::ZERO,
            watch: false,
            broken: Vec::new(),
        }
    }

    pub fn with(model: ModelKernel, fault: Fault, at: usize) -> FakeKernel {
        FakeKernel {
            fault,
            at,
            ..FakeKernel::new(model)
        }
    }

    pub fn devices(&self) -> Vec<Device> {
        self.model.interfaces.keys().cloned().collect()
    }

    pub fn register(&mut self, wanted: &Wanted) {
        self.model.register(wanted);
    }

    /// A call; `act` is done unless the fault prevents it. `Ok(None)`: a lie.
    fn call<T>(
        &mut self,
        doing: &dyn Fn() -> String,
        act: impl FnOnce(&mut ModelKernel) -> Result<T, &'static str>,
    ) -> Result<Option<T>, KernelError> {
        let now = self.calls == self.at;
        let later = self.calls > self.at;
        self.calls += 1;
        let error = |kind, reason: &str| KernelError {
            kind,
            doing: doing(),
            reason: reason.to_owned(),
        };
        match self.fault {
            Fault::Fail(kind) if now => return Err(error(kind, "EIO: on demand")),
            Fault::Dead if now || later => return Err(error(ErrorKind::Other, "EIO: for good")),
            Fault::Stubborn if (now || later) && doing().contains("change class") => {
                return Err(error(ErrorKind::Busy, "EBUSY: for good"));
            }
            Fault::Lie if now => return Ok(None),
            Fault::KillBefore if now => resume_unwind(Box::new(Killed)),
            _ => {}
        }
        let done = act(&mut self.model).map_err(|reason| error(ErrorKind::Other, reason));
        if self.watch {
            let broken = self.model.broken();
            if self.broken.is_empty() && !broken.is_empty() {
                self.broken = broken;
                self.broken.push(format!("after {}", doing()));
            }
        }
        if self.fault == Fault::KillAfter && now {
            resume_unwind(Box::new(Killed));
        }
        done.map(Some)
    }
}

impl Kernel for FakeKernel {
    fn observe(&mut self, devices: &[Device]) -> Result<Observation, KernelError> {
        let look = |model: &mut ModelKernel| Ok(model.observe(devices));
        let seen = self.call(&|| "observe".to_owned(), look)?;
        // Reading is not lied about.
        Ok(seen.unwrap_or_else(|| self.model.observe(devices)))
    }

    fn apply(
        &mut self,
        actions: &[Action],
        generation: Option<&Generation<'_>>,
    ) -> Vec<Result<(), KernelError>> {
        let one = |action: &Action| {
            self.call(&|| action.to_string(), |model| {
                if let Action::LoadTable { digest, .. } = action
                    && generation.is_none_or(|g| g.digest != digest || g.table.is_empty())
                {
                    return Err("EINVAL: not the table that was given");
                }
                model.apply(action)
            })
            .map(|_| ())
        };
        actions.iter().map(one).collect()
    }

    fn waiting(&mut self, device: &str, classes: &[ClassId]) -> Result<u64, KernelError> {
        let classes = classes.to_vec();
        let device = device.to_owned();
        let action = Action::Drain { device, classes };
        let look = |model: &mut ModelKernel| model.apply(&action);
        if self.call(&|| "waiting".to_owned(), look)?.is_none() {
            // Nor is this.
            let _ = self.model.apply(&action);
        }
        Ok(0)
    }

    fn boot_id(&mut self) -> Result<String, KernelError> {
        Ok(self.boot.clone())
    }

    fn now(&mut self) -> Duration {
        self.clock
    }

    fn sleep(&mut self, time: Duration) {
        self.clock += time;
    }
}
