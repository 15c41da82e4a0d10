//! Every swap, with every fault at every call: in the end there is exactly one generation, or everything passes
//! unshaped and says so.

use std::panic::{AssertUnwindSafe, catch_unwind};

use weir_plan::kernel::Active;
use weir_plan::model::ModelKernel;
use weir_plan::model::random::{DEVICES, Network, QUEUES};
use weir_plan::{Wanted, differences};

use super::fake::{FakeKernel, Fault, Killed};
use super::run::wrong;
use super::*;

/// Two generations that follow one another, and a kernel with the first.
struct Case {
    name: &'static str,
    model: ModelKernel,
    from: Option<Artifact>,
    to: Artifact,
}

fn artifact(wanted: Wanted) -> Artifact {
    Artifact {
        table: vec![1],
        wanted,
    }
}

fn empty() -> ModelKernel {
    ModelKernel::new(DEVICES.map(|name| (name, u32::from(QUEUES))))
}

fn loaded(from: &Artifact) -> ModelKernel {
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    let mut kernel = FakeKernel::new(empty());
    kernel.register(&from.wanted);
    apply(&mut kernel, &state, from, None, SwapOptions::default()).unwrap();
    kernel.model.fill(3);
    kernel.model
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let mut network = Network::new(11, 5);
    let first = artifact(network.wanted());
    let mut model = empty();
    model.register(&first.wanted);
    cases.push(Case {
        name: "first load",
        model,
        from: None,
        to: first.clone(),
    });
    for (name, changes, seed) in [("few", 2, 21), ("many", 9, 22)] {
        let mut network = Network::new(seed, 6);
        let from = artifact(network.wanted());
        network.change(changes);
        let to = artifact(network.wanted());
        let mut model = loaded(&from);
        model.register(&to.wanted);
        cases.push(Case {
            name,
            model: model.clone(),
            from: Some(from.clone()),
            to: to.clone(),
        });
        // Back again, while the classes of before are kept.
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let mut kernel = FakeKernel::new(model);
        apply(
            &mut kernel,
            &state,
            &to,
            Some(&from.wanted),
            SwapOptions::default(),
        )
        .unwrap();
        cases.push(Case {
            name: "back",
            model: kernel.model,
            from: Some(to),
            to: from,
        });
    }
    cases
}

impl Case {
    fn previous(&self) -> Option<&Wanted> {
        self.from.as_ref().map(|from| &from.wanted)
    }

    fn find(&self, digest: &str) -> Option<Artifact> {
        (self.from.iter().chain([&self.to]))
            .find(|a| a.wanted.digest == digest)
            .cloned()
    }

    fn run(&self, kernel: &mut FakeKernel, state: &State) -> Result<Swapped, SwapError> {
        let options = SwapOptions::default();
        apply(kernel, state, &self.to, self.previous(), options)
    }

    /// Calls of the swap when nothing fails.
    fn calls(&self) -> usize {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let mut kernel = FakeKernel::new(self.model.clone());
        kernel.watch = true;
        let done = self.run(&mut kernel, &state).unwrap();
        assert!(done.steps > 0, "{}", self.name);
        assert_eq!(kernel.broken, Vec::<String>::new(), "{}", self.name);
        self.is(&mut kernel, Some(&self.to.wanted), "no fault");
        kernel.calls
    }

    /// The kernel is this generation: it shapes, whole, and nobody is shaped by anything else.
    fn is(&self, kernel: &mut FakeKernel, wanted: Option<&Wanted>, context: &str) {
        let context = format!("{}, {context}", self.name);
        let seen = kernel.model.observe(&kernel.devices());
        match wanted {
            None => assert!(
                matches!(seen.tables.active, None | Some(Active::Nothing)),
                "{context}"
            ),
            Some(wanted) => assert_eq!(wrong(&seen, wanted), [], "{context}"),
        }
        assert_eq!(kernel.model.broken(), Vec::<String>::new(), "{context}");
    }

    /// And after removing what is kept, it is nothing else.
    fn is_only(&self, kernel: &mut FakeKernel, wanted: Option<&Wanted>, context: &str) {
        self.is(kernel, wanted, context);
        let keep: Vec<&Wanted> = wanted.into_iter().collect();
        let devices = kernel.devices();
        reclaim(kernel, &devices, &keep).unwrap();
        let seen = kernel.model.observe(&devices);
        if let Some(wanted) = wanted {
            assert_eq!(
                differences(&seen, wanted, &[]),
                [],
                "{}, {context}",
                self.name
            );
        } else {
            let classes = seen.interfaces.iter().map(|i| i.classes.len());
            assert_eq!(classes.sum::<usize>(), 0, "{}, {context}", self.name);
            assert!(seen.tables.slots.iter().all(Option::is_none), "{context}");
        }
    }
}

#[test]
fn a_failing_call_leaves_one_generation() {
    for case in cases() {
        let calls = case.calls();
        for fault in [
            Fault::Fail(ErrorKind::Other),
            Fault::Fail(ErrorKind::Full),
            Fault::Lie,
        ] {
            for at in 0..calls {
                let context = format!("{fault:?} at {at} of {calls}");
                let dir = tempfile::tempdir().unwrap();
                let state = State::open(dir.path()).unwrap();
                let mut kernel = FakeKernel::with(case.model.clone(), fault, at);
                let result = case.run(&mut kernel, &state);
                kernel.fault = Fault::None;
                match result {
                    Ok(_) => case.is_only(&mut kernel, Some(&case.to.wanted), &context),
                    Err(error @ (SwapError::RolledBack { .. } | SwapError::Kernel(_))) => {
                        let code = error.exit_code();
                        assert!(code == 7 || at == 0 && code == 1, "{context}: {error}");
                        case.is_only(&mut kernel, case.previous(), &context);
                    }
                    // One fault is never enough for this.
                    Err(error) => panic!("{}, {context}: {error}", case.name),
                }
                assert_eq!(state.intent().unwrap(), None, "{context}");
            }
        }
    }
}

#[test]
fn a_kernel_that_fails_for_good_is_told_of_and_recovered_from() {
    for case in cases() {
        let calls = case.calls();
        for at in 1..calls {
            let context = format!("dead from {at} of {calls}");
            let dir = tempfile::tempdir().unwrap();
            let state = State::open(dir.path()).unwrap();
            let mut kernel = FakeKernel::with(case.model.clone(), Fault::Dead, at);
            let error = case.run(&mut kernel, &state).unwrap_err();
            kernel.fault = Fault::None;
            assert_eq!(error.exit_code(), 8, "{context}: {error}");
            assert!(
                error.to_string().contains("did not let traffic pass"),
                "{error}"
            );
            // The kernel did nothing any more, so every packet still has a whole generation.
            assert_eq!(kernel.model.broken(), Vec::<String>::new(), "{context}");
            let found = recover(&mut kernel, &state, &mut |digest| case.find(digest)).unwrap();
            let (is, kept) = match found {
                Recovered::Finished { .. } => (Some(&case.to.wanted), true),
                Recovered::Undone { .. } => (case.previous(), false),
                other => panic!("{context}: {other:?}"),
            };
            assert!(kept || case.model.tables.digest() == kernel.model.tables.digest());
            case.is_only(&mut kernel, is, &context);
            assert_eq!(state.intent().unwrap(), None, "{context}");
        }
    }
}

/// Rates that were raised cannot be lowered any more: nothing is left but to let everything pass, and to say so.
#[test]
fn where_going_back_fails_traffic_passes_unshaped() {
    let mut unshaped = 0;
    for case in cases() {
        for at in 0..case.calls() {
            let context = format!("{}, stubborn from {at}", case.name);
            let dir = tempfile::tempdir().unwrap();
            let state = State::open(dir.path()).unwrap();
            let mut kernel = FakeKernel::with(case.model.clone(), Fault::Stubborn, at);
            let result = case.run(&mut kernel, &state);
            kernel.fault = Fault::None;
            match result {
                Ok(_) => case.is_only(&mut kernel, Some(&case.to.wanted), &context),
                Err(SwapError::RolledBack { .. }) => {
                    case.is_only(&mut kernel, case.previous(), &context);
                }
                Err(error) => {
                    assert_eq!(error.exit_code(), 8, "{context}: {error}");
                    assert!(error.to_string().contains("passes unshaped"), "{error}");
                    assert_eq!(
                        kernel.model.tables.active,
                        Some(Active::Nothing),
                        "{context}"
                    );
                    unshaped += 1;
                    // When the kernel is willing again, the generation before is there again.
                    let found = recover(&mut kernel, &state, &mut |digest| case.find(digest));
                    let from = case.previous().map(|wanted| wanted.digest.clone());
                    assert_eq!(found.unwrap(), Recovered::Undone { from }, "{context}");
                    case.is_only(&mut kernel, case.previous(), &context);
                }
            }
        }
    }
    assert!(unshaped > 0);
}

/// Once, and then killed again in the recovery.
#[test]
fn killed_at_any_call_it_recovers_to_one_generation() {
    for case in cases() {
        let calls = case.calls();
        for fault in [Fault::KillBefore, Fault::KillAfter] {
            for at in 0..calls {
                let context = format!("{fault:?} {at} of {calls}");
                let dir = tempfile::tempdir().unwrap();
                let mut kernel = FakeKernel::with(case.model.clone(), fault, at);
                let killed = catch_unwind(AssertUnwindSafe(|| {
                    let state = State::open(dir.path()).unwrap();
                    let _ = case.run(&mut kernel, &state);
                }));
                assert!(killed.is_err_and(|k| k.is::<Killed>()), "{context}");
                assert_eq!(kernel.model.broken(), Vec::<String>::new(), "{context}");

                // The next process dies as well, at some call of its own.
                kernel.calls = 0;
                kernel.at = at % 7;
                let _ = catch_unwind(AssertUnwindSafe(|| {
                    let state = State::open(dir.path()).unwrap();
                    let _ = recover(&mut kernel, &state, &mut |digest| case.find(digest));
                }));
                kernel.fault = Fault::None;
                assert_eq!(kernel.model.broken(), Vec::<String>::new(), "{context}");

                let state = State::open(dir.path()).unwrap();
                let active = kernel.model.tables.digest().map(str::to_owned);
                recover(&mut kernel, &state, &mut |digest| case.find(digest)).unwrap();
                assert_eq!(kernel.model.tables.digest(), active.as_deref(), "{context}");
                let is = active.and_then(|digest| case.find(&digest));
                case.is_only(&mut kernel, is.as_ref().map(|a| &a.wanted), &context);
                assert_eq!(state.intent().unwrap(), None, "{context}");
            }
        }
    }
}

#[test]
fn the_same_again_changes_nothing() {
    for case in cases() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let mut kernel = FakeKernel::new(case.model.clone());
        case.run(&mut kernel, &state).unwrap();
        let to = Some(&case.to.wanted);
        let again = apply(&mut kernel, &state, &case.to, to, SwapOptions::default()).unwrap();
        assert_eq!(again.steps, 0);
        let plan = dry_run(
            &mut kernel,
            &case.to.wanted,
            to,
            SwapOptions::default().plan,
        )
        .unwrap();
        assert_eq!(plan.steps, []);
    }
}

/// What is kept for going back is given up when the kernel has no room for the next generation.
#[test]
fn what_is_kept_makes_room() {
    let mut network = Network::new(31, 8);
    let artifacts: Vec<Artifact> = (0..3)
        .map(|_| {
            network.change(6);
            artifact(network.wanted())
        })
        .collect();
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    let mut kernel = FakeKernel::new(loaded(&artifacts[0]));
    for artifact in &artifacts {
        kernel.register(&artifact.wanted);
    }
    let previous = Some(&artifacts[0].wanted);
    let options = SwapOptions::default();
    apply(&mut kernel, &state, &artifacts[1], previous, options).unwrap();
    // The second act of the next swap.
    kernel.at = kernel.calls + 2;
    kernel.fault = Fault::Fail(ErrorKind::Full);
    let previous = Some(&artifacts[1].wanted);
    let done = apply(&mut kernel, &state, &artifacts[2], previous, options).unwrap();
    assert!(done.reclaimed);
    let seen = kernel.model.observe(&kernel.devices());
    let kept = [&artifacts[1].wanted];
    assert_eq!(differences(&seen, &artifacts[2].wanted, &kept), []);
}

#[test]
fn a_swap_that_did_not_end_has_to_be_recovered_first() {
    let case = &cases()[1];
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    let mut kernel = FakeKernel::new(case.model.clone());
    let from = case.previous().map(|wanted| wanted.digest.as_str());
    let intent = Intent::new("one", from, &case.to.wanted.digest);
    state.write(&intent).unwrap();
    let error = case.run(&mut kernel, &state).unwrap_err();
    assert!(matches!(error, SwapError::Unfinished { .. }), "{error}");
    assert_eq!(error.exit_code(), 1);
    // Without the artifact of what runs nothing is guessed.
    let error = recover(&mut kernel, &state, &mut |_| None).unwrap_err();
    assert!(matches!(error, SwapError::Unknown { .. }), "{error}");
    assert!(state.intent().unwrap().is_some());

    kernel.boot = "two".to_owned();
    let found = recover(&mut kernel, &state, &mut |digest| case.find(digest)).unwrap();
    let to = case.to.wanted.digest.clone();
    assert_eq!(found, Recovered::Rebooted { to });
    let found = recover(&mut kernel, &state, &mut |digest| case.find(digest)).unwrap();
    assert_eq!(found, Recovered::Clean);
    case.run(&mut kernel, &state).unwrap();
}

#[test]
fn a_refused_swap_touches_nothing() {
    let case = &cases()[1];
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    let mut kernel = FakeKernel::new(case.model.clone());
    kernel.model.interfaces.remove(DEVICES[1]);
    let before = format!("{:?}", kernel.model);
    let error = case.run(&mut kernel, &state).unwrap_err();
    assert_eq!(error.exit_code(), 4, "{error}");
    assert_eq!(format!("{:?}", kernel.model), before);
    assert_eq!(state.intent().unwrap(), None);
}

#[test]
fn detached_nothing_is_left_and_nothing_is_under_way() {
    let case = &cases()[1];
    let dir = tempfile::tempdir().unwrap();
    let state = State::open(dir.path()).unwrap();
    let mut kernel = FakeKernel::new(case.model.clone());
    state.write(&Intent::new("one", None, "x")).unwrap();
    let devices = kernel.devices();
    assert!(detach(&mut kernel, &state, &devices).unwrap() > 0);
    case.is_only(&mut kernel, None, "detached");
    assert_eq!(state.intent().unwrap(), None);
    assert_eq!(detach(&mut kernel, &state, &devices).unwrap(), 0);
}
