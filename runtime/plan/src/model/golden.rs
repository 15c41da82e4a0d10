//! Swaps of plans that the compiler made: those of the golden stories.

use std::fs;
use std::path::{Path, PathBuf};

use weir_schemas::queue_plan::{Mode, QueuePlan, Shaper};

use super::ModelKernel;
use super::tests::{is_exactly, laws, run};
use crate::{LeafChoice, LeafChoices, Options, Refusal, Wanted, plan, reclaim};

const DEVICES: [&str; 2] = ["to-network", "to-internet"];

fn stories() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden")
}

/// All as if they were for one box; what else they were built for stays.
fn wanted(path: &Path) -> Wanted {
    let bytes = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut plan: QueuePlan<'_> = weir_schemas::read(&bytes).unwrap();
    plan.target.shaper = Some(Shaper {
        mode: Mode::Bridge,
        to_internet: DEVICES[1].into(),
        to_network: DEVICES[0].into(),
        internet_vlan: None,
        network_vlan: None,
    });
    for queue in &mut plan.queues {
        queue.majors[1] = queue.majors[0];
    }
    let make = |kind: &str, arguments: &str| LeafChoice::Make {
        kind: kind.to_owned(),
        arguments: arguments.to_owned(),
    };
    let leaves = LeafChoices {
        cake: make("cake", "diffserv4"),
        fq_codel: make("fq_codel", ""),
    };
    Wanted::of(&plan, &path.display().to_string(), &leaves).unwrap()
}

fn kernel(wanted: &[&Wanted]) -> ModelKernel {
    let mut kernel = ModelKernel::new(DEVICES.map(|name| (name, 16)));
    for wanted in wanted {
        kernel.register(wanted);
    }
    kernel
}

fn loaded(first: &Wanted, second: &Wanted) -> ModelKernel {
    let mut kernel = kernel(&[first, second]);
    let seen = kernel.observe(&DEVICES.map(str::to_owned));
    run(
        &mut kernel,
        &plan(&seen, first, None, Options::default()).unwrap(),
    );
    is_exactly(&kernel, first, &[]);
    kernel
}

/// A link fails, is held for some builds, and then given up: each build follows the one before.
#[test]
fn builds_that_follow_one_another_are_swapped() {
    let story = stories().join("link-down");
    let previous = wanted(&story.join("previous/queue-plan.json"));
    for next in ["held", "moved"] {
        let next = wanted(&story.join("expected").join(next).join("queue-plan.json"));
        let kernel = loaded(&previous, &next);
        laws(&kernel, Some(&previous), &next, None);
    }
}

/// Builds that do not know each other use the same numbers for other things. They are loaded on an empty box, and
/// on one another only where that is possible at all, or allowed to pass unshaped.
#[test]
fn builds_that_do_not_follow_are_swapped_or_refused() {
    let mut refused = 0;
    let mut swapped = 0;
    let mut stories: Vec<PathBuf> = (fs::read_dir(stories()).unwrap())
        .map(|entry| entry.unwrap().path().join("expected"))
        .collect();
    stories.sort();
    for story in stories {
        let [flat, full] = ["flat", "full"].map(|s| story.join(s).join("queue-plan.json"));
        if !flat.is_file() || !full.is_file() {
            continue;
        }
        let (flat, full) = (wanted(&flat), wanted(&full));
        let mut kernel = loaded(&flat, &full);
        let seen = kernel.observe(&DEVICES.map(str::to_owned));
        match plan(&seen, &full, Some(&flat), Options::default()) {
            Ok(plan) => {
                swapped += 1;
                for step in &plan.steps {
                    kernel.apply(&step.action).unwrap();
                    assert_eq!(kernel.broken(), Vec::<String>::new(), "{plan}");
                }
            }
            Err(found) => {
                refused += 1;
                assert!(
                    found.reasons.iter().all(Refusal::yields_to_bypass),
                    "{found}"
                );
                let options = Options {
                    allow_unshaped: true,
                };
                let plan = plan(&seen, &full, Some(&flat), options).unwrap();
                assert!(plan.unshaped);
                for step in &plan.steps {
                    kernel.apply(&step.action).unwrap();
                    assert_eq!(kernel.broken(), Vec::<String>::new(), "{plan}");
                }
            }
        }
        is_exactly(&kernel, &full, &[&flat]);
        let clean = reclaim(&kernel.observe(&DEVICES.map(str::to_owned)), &[&full]);
        run(&mut kernel, &clean);
        is_exactly(&kernel, &full, &[]);
    }
    assert!(
        refused + swapped >= 5,
        "{refused} refused, {swapped} swapped"
    );
}

/// The text that people review.
#[test]
fn a_plan_reads_so() {
    let story = stories().join("link-down");
    let mut previous = wanted(&story.join("previous/queue-plan.json"));
    let mut next = wanted(&story.join("expected/moved/queue-plan.json"));
    previous.digest = "1".repeat(64);
    next.digest = "2".repeat(64);
    // One direction says it all.
    previous.interfaces.truncate(1);
    next.interfaces.truncate(1);
    let kernel = loaded(&previous, &next);
    let seen = kernel.observe(&DEVICES.map(str::to_owned));
    let made = plan(&seen, &next, Some(&previous), Options::default()).unwrap();
    let expected = include_str!("plan.txt");
    assert_eq!(made.to_string(), expected, "\n{made}");
}

/// What a CRM wrote cannot steer a terminal.
#[test]
fn keys_are_inert_in_the_text() {
    let path = stories().join("link-down/previous/queue-plan.json");
    let mut hostile = wanted(&path);
    for class in hostile.interfaces.iter_mut().flat_map(|i| &mut i.classes) {
        class.key.push_str("\u{1b}[2J\n\u{202e}x");
    }
    let kernel = kernel(&[&hostile]);
    let seen = kernel.observe(&DEVICES.map(str::to_owned));
    let text = plan(&seen, &hostile, None, Options::default())
        .unwrap()
        .to_string();
    assert!(text.contains("\\u{1b}[2J\\u{a}\\u{202e}x"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
}
