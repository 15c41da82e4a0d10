//! The agent over a kernel that is made up, a clock that is turned by hand, and heads as a channel makes them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use jiff::Timestamp;
use weir_schemas::head::{Generation as Parent, Head};
use weir_schemas::runtime::InterfaceStatus;

use super::*;
use crate::agent::shaper::ReadBack;
use crate::agent::testing::{a_head, confirmed, pending};
use crate::artifact::{Expected, prove};
use crate::fixture::{Recipe, circuit};

/// What the kernel has, and what it says no to.
#[derive(Debug, Default)]
struct Kernel {
    active: Option<String>,
    interfaces: BTreeMap<String, u32>,
    drift: u64,
    /// Answers of the next loads; then it works.
    answers: Vec<ApplyResult>,
    kept: Vec<String>,
    /// A digest, and the check that fails on a read-back of it.
    spoilt: Option<(String, &'static str)>,
    loads: u32,
    reclaims: u32,
}

#[derive(Clone, Debug, Default)]
struct Fake(Rc<RefCell<Kernel>>);

impl Shaper for Fake {
    fn load(&mut self, to: &Proved) -> Loading {
        let mut kernel = self.0.borrow_mut();
        kernel.loads += 1;
        let result = match kernel.answers.is_empty() {
            true => ApplyResult::Applied,
            false => kernel.answers.remove(0),
        };
        match result {
            ApplyResult::Applied => {
                let before = kernel.active.take();
                if before.as_ref() != Some(&to.digest) {
                    kernel.kept = before.into_iter().collect();
                }
                kernel.active = Some(to.digest.clone());
                kernel.drift = 0;
            }
            ApplyResult::Failed => kernel.active = None,
            _ => {}
        }
        let reason = if result == ApplyResult::Applied {
            ""
        } else {
            "add class 1:1a on lan0: no buffer space"
        };
        Loading {
            result,
            reason: reason.to_owned(),
            steps: 9,
            done: 9,
        }
    }

    fn read_back(&mut self, to: &Proved) -> Result<ReadBack, String> {
        let kernel = self.0.borrow();
        let spoilt = kernel.spoilt.as_ref();
        let fails = |check| spoilt.is_some_and(|(digest, c)| *digest == to.digest && *c == check);
        Ok(ReadBack {
            objects: 8,
            drift: (0..kernel.drift)
                .map(|n| format!("lan0 1:{n} is missing"))
                .collect(),
            drift_count: kernel.drift + u64::from(fails("classes")),
            active: kernel.active.clone().filter(|_| !fails("tables")),
            kept: kernel.kept.clone(),
            interfaces: Vec::<InterfaceStatus>::new(),
            programs: to
                .interfaces()
                .iter()
                .map(|n| ((*n).to_owned(), !fails("program")))
                .collect(),
        })
    }

    fn preview(&mut self, _: &Proved) -> Result<String, Loading> {
        Ok(String::new())
    }

    fn reclaim(&mut self, _: &Proved) -> Result<u64, String> {
        let mut kernel = self.0.borrow_mut();
        kernel.reclaims += 1;
        kernel.kept.clear();
        Ok(1)
    }

    fn interface(&mut self, name: &str) -> Option<u32> {
        self.0.borrow().interfaces.get(name).copied()
    }
}

/// A clock that is turned by hand, and survives what runs by it.
#[derive(Debug)]
struct Hand {
    ms: Cell<u64>,
    boot: Cell<u32>,
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + self.ms.get() as i64 / 1000).expect("a time")
    }
    fn since_boot_ms(&self) -> u64 {
        self.ms.get()
    }
    fn boot_id(&self) -> String {
        format!("boot-{}", self.boot.get())
    }
    fn host(&self) -> String {
        "box".into()
    }
}

/// A box: a kernel, a disk and a clock. Agents come and go.
struct Lab {
    state: tempfile::TempDir,
    kernel: Fake,
    clock: Hand,
    lines: RefCell<Vec<String>>,
    digests: Vec<String>,
}

impl Lab {
    /// With copies of artifacts 1 to 4.
    fn new() -> Lab {
        let state = tempfile::tempdir().expect("a directory");
        let copies = Copies::open(state.path()).expect("opens");
        let mut digests = vec![String::new()];
        for n in 1..=4u8 {
            let recipe = Recipe {
                to_network: "lan0",
                to_internet: "wan0",
                queues: 1,
                circuits: vec![circuit("a", n, 0, [5_000, 1_000])],
            };
            let dir = state.path().join("made");
            digests.push(recipe.write(&dir));
            let proved = prove(&dir, Expected::default()).expect("proves");
            copies.put(&proved).expect("kept");
        }
        let kernel = Fake::default();
        kernel.0.borrow_mut().interfaces = [("lan0".into(), 7), ("wan0".into(), 8)].into();
        Lab {
            state,
            kernel,
            clock: Hand {
                ms: Cell::new(1_000),
                boot: Cell::new(1),
            },
            lines: RefCell::default(),
            digests,
        }
    }

    fn run<T>(&self, story: impl FnOnce(&mut Agent<'_, Fake>) -> T) -> T {
        self.run_with(Config::default(), story)
    }

    fn run_with<T>(&self, mut config: Config, story: impl FnOnce(&mut Agent<'_, Fake>) -> T) -> T {
        config.state.dir = self.state.path().to_owned();
        let log = |_: Level, text: &str| self.lines.borrow_mut().push(text.to_owned());
        let board = Arc::new(Board::default());
        let kernel = self.kernel.clone();
        let mut agent = Agent::new(kernel, &self.clock, config, board, &log).expect("begins");
        story(&mut agent)
    }

    /// The head with the digests of artifacts that are there.
    fn real(&self, mut head: Head) -> Head {
        let number = |digest: &str| usize::from_str_radix(digest, 16).expect("a number");
        head.digest = self.digests[number(&head.digest)].clone();
        if let Some(Parent { digest, .. }) = &mut head.parent {
            *digest = self.digests[number(digest)].clone();
        }
        head
    }

    fn told(&self, head: Head) -> Told {
        Told::Head {
            seen: Box::new(Seen {
                head: self.real(head),
                over: false,
            }),
            artifact: Ok(None),
        }
    }

    fn wait(&self, agent: &mut Agent<'_, Fake>, seconds: u64) {
        for _ in 0..seconds {
            self.clock.ms.set(self.clock.ms.get() + 1000);
            agent.turn();
        }
    }

    /// Number of the artifact that shapes.
    fn active(&self) -> Option<usize> {
        let active = self.kernel.0.borrow().active.clone()?;
        self.digests.iter().position(|d| *d == active)
    }

    /// What was said, shown when a test fails.
    fn lines(&self) -> String {
        self.lines.borrow().join("\n")
    }

    fn said(&self, what: &str) -> bool {
        self.lines.borrow().iter().any(|line| line.contains(what))
    }
}

mod checks;

#[test]
fn a_head_is_loaded_watched_and_proved() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        agent.turn();
        assert_eq!(lab.active(), Some(1));
        assert!(!agent.memory().proved);
        lab.wait(agent, 11);
        assert!(agent.memory().proved && lab.said("is healthy"));
        let status = agent.board.snapshot();
        assert_eq!(status.state, State::Active);
        assert_eq!(status.active.expect("one").seq, Some(1));
        assert_eq!(status.health.len(), crate::health::NAMES.len());
        // Nothing is done that need not be; what is kept for going back is let go once.
        lab.wait(agent, 200);
        assert_eq!(lab.kernel.0.borrow().reclaims, 0);
        lab.wait(agent, 2000);
        assert_eq!(lab.kernel.0.borrow().reclaims, 1);
        assert_eq!(lab.kernel.0.borrow().loads, 1);
    });
}

#[test]
fn an_unconfirmed_generation_goes_back_by_itself() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        agent.hear(lab.told(pending(2, 2, 60)));
        lab.wait(agent, 30);
        assert_eq!(lab.active(), Some(2), "{}", lab.lines());
        let status = agent.board.snapshot();
        assert_eq!(status.state, State::Pending);
        let back_to = status.deadline.expect("a deadline").1;
        assert_eq!(back_to.as_ref(), Some(&lab.digests[1]));
        // The store goes away: that is no confirmation.
        agent.hear(Told::Unreachable("stale file handle".into()));
        lab.wait(agent, 31);
        assert_eq!(lab.active(), Some(1));
        assert!(agent.wants_settling() && !agent.wants_settling());
        let status = agent.board.snapshot();
        assert_eq!(status.state, State::RolledBack);
        assert!(
            status
                .refused
                .expect("named")
                .reason
                .contains("not confirmed in time")
        );
        agent.hear(lab.told(pending(2, 2, 60)));
        lab.wait(agent, 30);
        assert_eq!(lab.active(), Some(1));
    });
}

#[test]
fn what_is_one_flip_away_is_known_also_after_a_restart() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        agent.hear(lab.told(a_head(2, 2)));
        lab.wait(agent, 12);
    });
    lab.run(|agent| {
        lab.wait(agent, 2);
        let previous = agent.board.snapshot().previous.expect("kept");
        assert_eq!((&previous.digest, previous.seq), (&lab.digests[1], Some(1)));
        agent.hear(lab.told(a_head(2, 2)));
        lab.wait(agent, 2000);
        assert_eq!(agent.board.snapshot().previous, None);
    });
}

#[test]
fn a_confirmed_one_stays() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        agent.hear(lab.told(pending(2, 2, 60)));
        lab.wait(agent, 59);
        agent.hear(lab.told(confirmed(&pending(2, 2, 60))));
        lab.wait(agent, 600);
        assert_eq!(lab.active(), Some(2));
    });
}

/// Killed at any second of a trial and started again, it goes back when its time is over; restarted with the box at
/// once.
#[test]
fn a_killed_runtime_remembers_the_deadline() {
    for (killed_at, reboots) in [(0, false), (1, false), (30, false), (59, false), (30, true)] {
        let lab = Lab::new();
        lab.run(|agent| {
            agent.hear(lab.told(a_head(1, 1)));
            lab.wait(agent, 12);
            agent.hear(lab.told(pending(2, 2, 60)));
            lab.wait(agent, killed_at);
        });
        if reboots {
            lab.clock.boot.set(2);
            lab.clock.ms.set(500);
            lab.kernel.0.borrow_mut().active = None;
        }
        lab.run(|agent| {
            agent.turn();
            let want = if reboots { Some(1) } else { Some(2) };
            assert_eq!(lab.active(), want, "killed at {killed_at}, {reboots}");
            lab.wait(agent, 61);
            assert_eq!(lab.active(), Some(1), "killed at {killed_at}, {reboots}");
        });
    }
}

#[test]
fn what_is_not_believed_leaves_everything_as_it_is() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        agent.hear(lab.told(a_head(2, 2)));
        lab.wait(agent, 12);
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        assert_eq!(lab.active(), Some(2));
        assert!(lab.said("a head that was replaced has come back"));
        agent.hear(Told::Head {
            seen: Box::new(Seen {
                head: lab.real(a_head(3, 3)),
                over: false,
            }),
            artifact: Err(Missing::Refused("tree.json has SHA-256 0".into())),
        });
        lab.wait(agent, 12);
        assert_eq!(lab.active(), Some(2));
        let refused = agent.board.snapshot().refused.expect("named");
        assert_eq!(refused.seq, Some(3));
        assert!(refused.reason.contains("tree.json has SHA-256 0"));
        agent.hear(Told::Nothing);
        lab.wait(agent, 12);
        assert_eq!(lab.active(), Some(2));
        // What is right after all is loaded, and nothing is refused any more.
        agent.hear(lab.told(a_head(3, 3)));
        lab.wait(agent, 12);
        assert_eq!(
            (lab.active(), agent.board.snapshot().refused),
            (Some(3), None)
        );
    });
}

/// What was given up and what is refused now do not take turns in the status, and the log says each once.
#[test]
fn what_is_said_is_said_once() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        agent.hear(lab.told(pending(2, 2, 5)));
        lab.wait(agent, 12);
        let refused = || Refusal {
            seq: Some(3),
            digest: None,
            reason: "no key of the trust file made its signature".into(),
        };
        for _ in 0..20 {
            agent.hear(Told::Refused(refused()));
            agent.hear(Told::Unreachable("stale file handle".into()));
            lab.wait(agent, 1);
            let status = agent.board.snapshot().refused.expect("named");
            assert_eq!(status.seq, Some(3));
        }
        let times = |what: &str| {
            lab.lines
                .borrow()
                .iter()
                .filter(|l| l.contains(what))
                .count()
        };
        assert_eq!(times("no key of the trust file"), 1);
        // It comes and goes, and that is worth a line each time.
        assert_eq!(times("can be read again"), times("stale file handle") - 1);
        assert_eq!(agent.board.snapshot().stuck, None);
    });
}

#[test]
fn an_unhealthy_generation_is_taken_back_at_once() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        agent.hear(lab.told(a_head(2, 2)));
        // Loaded, and a class is missing in the next breath.
        agent.expire();
        agent.converge();
        lab.kernel.0.borrow_mut().drift = 1;
        agent.watch();
        lab.wait(agent, 2);
        assert_eq!(lab.active(), Some(1));
        assert!(lab.said("is taken back, unhealthy: classes: 1 objects are not as planned"));
        lab.wait(agent, 100);
        assert_eq!(lab.active(), Some(1));
        assert_eq!(agent.board.snapshot().state, State::RolledBack);
    });
}

#[test]
fn loading_is_tried_again_and_then_given_up() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        lab.kernel.0.borrow_mut().answers = vec![ApplyResult::RolledBack; 3];
        agent.hear(lab.told(a_head(2, 2)));
        lab.wait(agent, 300);
        assert_eq!(lab.kernel.0.borrow().loads, 1 + 3);
        assert_eq!(lab.active(), Some(1));
        assert!(lab.said(
            "attempt 2 of 3 failed: add class 1:1a on lan0: no buffer space; the next is in 20 s"
        ));
        assert!(lab.said("is given up after 3 attempts"));
        // A person says that it is worth another try.
        agent.retry();
        agent.hear(lab.told(a_head(2, 2)));
        lab.wait(agent, 12);
        assert_eq!(lab.active(), Some(2));
    });
}

/// Neither forwards nor back: that is said, and it is not tried for ever.
#[test]
fn what_cannot_be_loaded_at_all_is_named() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        lab.kernel.0.borrow_mut().answers = vec![ApplyResult::Failed; 100];
        agent.hear(lab.told(a_head(2, 2)));
        lab.wait(agent, 2000);
        assert_eq!(lab.kernel.0.borrow().loads, 1 + 3 + 3);
        let status = agent.board.snapshot();
        assert_eq!((status.state, status.active), (State::Unshaped, None));
        let stuck = status.stuck.expect("named");
        assert!(
            stuck.contains("traffic passes unshaped") && stuck.contains("systemctl reload"),
            "{stuck}"
        );
        lab.kernel.0.borrow_mut().answers.clear();
        agent.retry();
        agent.turn();
        assert!(lab.active().is_some());
    });
}

#[test]
fn an_interface_that_comes_back_is_shaped_within_seconds() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        // However long it is away: that is neither ill health nor drift that repairs could mend.
        lab.kernel.0.borrow_mut().interfaces.remove("wan0");
        lab.kernel.0.borrow_mut().drift = 1;
        lab.wait(agent, 900);
        assert_eq!(lab.kernel.0.borrow().loads, 1);
        assert_eq!(agent.stuck, None);
        lab.kernel
            .0
            .borrow_mut()
            .interfaces
            .insert("wan0".into(), 99);
        lab.wait(agent, 2);
        assert_eq!(lab.kernel.0.borrow().loads, 2);
        // Before the first load it is waited for, and that is no failed attempt.
        lab.kernel.0.borrow_mut().interfaces.clear();
        agent.hear(lab.told(a_head(2, 2)));
        lab.wait(agent, 500);
        assert!(lab.said("waiting for interface lan0, wan0"));
        assert_eq!(agent.memory().attempts, 0);
        lab.kernel.0.borrow_mut().interfaces = [("lan0".into(), 1), ("wan0".into(), 2)].into();
        lab.wait(agent, 2);
        assert_eq!(lab.active(), Some(2));
    });
}

#[test]
fn drift_is_repaired_but_not_for_ever() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        for _ in 0..10 {
            lab.kernel.0.borrow_mut().drift = 2;
            lab.wait(agent, 61);
        }
        assert_eq!(lab.kernel.0.borrow().loads, 1 + watch::REPAIRS);
        let stuck = agent.board.snapshot().stuck.expect("named");
        assert!(stuck.contains("something else changes"), "{stuck}");
        assert_eq!(agent.board.snapshot().drift_count, 2);
    });
}

/// What cannot be remembered is not begun: after a crash nobody would know that it must go back.
#[test]
fn on_a_full_disk_nothing_new_is_begun() {
    let lab = Lab::new();
    lab.run(|agent| {
        agent.hear(lab.told(a_head(1, 1)));
        lab.wait(agent, 12);
        // A directory where the new file would be written.
        let partial = lab.state.path().join("memory.partial");
        std::fs::create_dir(&partial).expect("made");
        agent.hear(lab.told(pending(2, 2, 60)));
        lab.wait(agent, 12);
        assert_eq!(lab.active(), Some(1));
        assert!(lab.said("could not be remembered"));
        assert!(agent.wants_looking() && !agent.wants_looking());
        std::fs::remove_dir(&partial).expect("removed");
        agent.hear(lab.told(pending(2, 2, 60)));
        lab.wait(agent, 12);
        assert_eq!(lab.active(), Some(2));
    });
}
