//! Every check of health, made to fail on a new generation: where it is required the generation is taken back, and
//! where it is not it stays and is named.

use std::collections::HashMap;

use weir_abi::maps::{Outcome, Total};
use weir_abi::{ClassId, nth_major};
use weir_plan::kernel::Stats;

use super::*;
use crate::config::Span;
use crate::health;
use crate::status::traffic::Reading;

/// Traffic of a minute of such a network, and what of it goes wrong.
fn reading(second: u64, check: Option<&str>) -> Reading {
    let of = |count: u64| Total {
        packets: count,
        bytes: count * 1000,
    };
    let mut totals = vec![Total::default(); 64];
    let known = !matches!(check, Some("coverage" | "unknown"));
    // What was counted before a fault stays.
    let (shaped, unknown) = match known {
        true => (second * 1000, 0),
        false => (BROKEN * 1000, (second - BROKEN) * 1000),
    };
    for direction in [0, 1] {
        totals[Outcome::Shaped.index(direction) as usize] = of(shaped);
        totals[Outcome::Unknown.index(direction) as usize] = of(unknown);
    }
    let stats = Stats {
        packets: match check {
            Some("probe") => BROKEN,
            _ => second,
        },
        drops: match check {
            Some("drops") => second * 1000,
            _ => 0,
        },
        backlog_bytes: match check {
            Some("backlog") => u32::MAX,
            _ => 0,
        },
        ..Stats::default()
    };
    let major = nth_major(0).expect("one");
    let classes: HashMap<ClassId, Stats> = (0..256)
        .map(|minor| (ClassId::new(major, minor), stats))
        .collect();
    Reading {
        at_ns: second,
        classes: ["lan0", "wan0"]
            .map(|device| (device.to_owned(), classes.clone()))
            .into(),
        totals,
        ..Reading::default()
    }
}

/// The second in which the next generation comes, and the fault with it.
const BROKEN: u64 = 100;

/// The state, and what is told of a generation whose check fails, required or not.
fn story(check: &'static str, required: bool) -> (Option<usize>, Vec<String>, String) {
    let lab = Lab::new();
    let mut config = Config::default();
    config.health.required = match required {
        true => vec![check.to_owned()],
        false => Vec::new(),
    };
    config.health.probes = vec!["a".to_owned()];
    config.store.max_age = Span::seconds(3600);
    lab.kernel.0.borrow_mut().spoilt = Some((lab.digests[2].clone(), check));
    lab.run_with(config, |agent| {
        let wait = |agent: &mut Agent<'_, Fake>, seconds: std::ops::Range<u64>, fault| {
            for second in seconds {
                agent.board.readings().put(reading(second, fault));
                lab.wait(agent, 1);
            }
        };
        let now = lab.clock.now().to_string();
        agent.hear(lab.told(Head {
            time: now.clone(),
            ..a_head(1, 1)
        }));
        wait(agent, 1..BROKEN, None);
        assert_eq!(lab.active(), Some(1), "{}", lab.lines());
        assert!(agent.memory().proved, "{check}: {}", lab.lines());
        let old = "2026-11-30T10:00:00Z".to_owned();
        agent.hear(lab.told(Head {
            time: if check == "head_age" { old } else { now },
            ..a_head(2, 2)
        }));
        // As it is in the end: until something is gone back from, or long after the watch.
        let mut failing = Vec::new();
        for second in BROKEN..BROKEN + 40 {
            wait(agent, second..second + 1, Some(check));
            let told = agent.board.snapshot().health;
            if lab.active() == Some(2) {
                let bad = told.iter().filter(|c| !c.ok);
                failing = bad.map(|c| c.name.clone()).collect();
            }
        }
        (lab.active(), failing, lab.lines())
    })
}

#[test]
fn every_required_check_that_fails_takes_a_generation_back() {
    for check in health::NAMES {
        let (active, _, lines) = story(check, true);
        assert_eq!(active, Some(1), "{check}: {lines}");
        let told = format!("is taken back, unhealthy: {check}: ");
        assert!(lines.contains(&told), "{check}: {lines}");
    }
}

#[test]
fn every_wanted_check_that_fails_is_named_and_the_generation_stays() {
    for check in health::NAMES {
        let (active, failing, lines) = story(check, false);
        assert_eq!(active, Some(2), "{check}: {lines}");
        assert!(
            failing.iter().any(|name| name == check),
            "{check}: {failing:?}"
        );
    }
}
