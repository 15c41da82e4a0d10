//! Every lint rule, held to its own examples: the bad one triggers it, the good one does not.

use weir_compiler::lint::rule::{Example, Rule};
use weir_compiler::lint::rules;
use weir_compiler::testing::compile_example;

/// Messages of this rule for this example.
fn messages(rule: &Rule, example: &Example) -> Vec<String> {
    compile_example(example)
        .findings
        .into_iter()
        .filter(|finding| finding.rule.code == rule.code)
        .map(|finding| finding.message)
        .collect()
}

#[test]
fn bad_examples_trigger_their_rule_and_good_ones_do_not() {
    let mut wrong = Vec::new();
    for rule in rules::ALL {
        // An example in prose is a network too large to write out; its rule has unit tests.
        if rule.bad.prose.is_empty() && messages(rule, &rule.bad).is_empty() {
            wrong.push(format!("{rule:?}: the bad example does not trigger it"));
        }
        for message in messages(rule, &rule.good) {
            wrong.push(format!("{rule:?}: the good example triggers it: {message}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A message is one line that names what it is about, and comes with a way out and, but for what has no
/// place, with one.
/// Limits that weir.toml sets are those that rules go by.
#[test]
fn options_move_the_limits_of_their_rules() {
    let under = |name: &str, bad: bool, options: &str| {
        let rule = rules::find(name).expect("a rule");
        let example = if bad { rule.bad } else { rule.good };
        let config = format!("{}\n[lint.options]\n{options}\n", example.config);
        let config = Box::leak(config.into_boxed_str());
        messages(rule, &Example { config, ..example })
    };
    for (name, options) in [
        ("wide-prefix", "wide_prefix_ipv4 = 16"),
        (
            "oversubscribed",
            "oversubscribed_times = 40\noversubscribed_percent = 160",
        ),
        (
            "rates-jump",
            "rates_jump_times = 11\nrates_jump_percent = 1000",
        ),
        ("rates-look-swapped", "rates_look_swapped_most = 4"),
    ] {
        let found = under(name, true, options);
        assert!(found.is_empty(), "{name}: {found:?}");
    }
    for (name, options, says) in [
        (
            "wide-prefix",
            "wide_prefix_ipv4 = 30",
            "wide for one subscriber",
        ),
        (
            "implausible-plan",
            "implausible_plan_least_mbps = 21",
            "less than 21 Mbit/s",
        ),
        (
            "implausible-plan",
            "implausible_plan_most_mbps = 999",
            "more than 999 Mbit/s",
        ),
        (
            "oversubscribed",
            "oversubscribed_percent = 0",
            "in the busiest hour",
        ),
        (
            "rates-jump",
            "rates_jump_percent = 1",
            "all ceilings together",
        ),
        (
            "rates-look-swapped",
            "rates_look_swapped_most = 0",
            "download below upload",
        ),
    ] {
        let found = under(name, false, options);
        assert!(found.iter().any(|m| m.contains(says)), "{name}: {found:?}");
    }
}

#[test]
fn findings_stand_alone() {
    for rule in rules::ALL {
        for example in [&rule.bad, &rule.good] {
            for finding in compile_example(example).findings {
                let code = finding.rule.code;
                assert!(
                    !finding.message.contains('\n'),
                    "{code}: {}",
                    finding.message
                );
                assert!(
                    !finding.message.ends_with('.'),
                    "{code}: {}",
                    finding.message
                );
                assert!(!finding.help.is_empty(), "{code}: {}", finding.message);
                assert!(!finding.subjects.is_empty(), "{code}: {}", finding.message);
                assert!(finding.places.len() <= 5, "{code}: {}", finding.message);
            }
        }
    }
}

#[test]
fn the_same_example_gives_the_same_findings() {
    for rule in rules::ALL {
        let lines = |example| -> Vec<String> {
            let findings = compile_example(example).findings;
            findings
                .iter()
                .map(|f| format!("{} {} {}", f.level.word(), f.rule.code, f.message))
                .collect()
        };
        assert_eq!(lines(&rule.bad), lines(&rule.bad), "{rule:?}");
    }
}

/// What is written by way of example is enforceable, but for the examples of what is not.
#[test]
fn only_what_cannot_be_enforced_is_refused() {
    for rule in rules::ALL {
        let refused = |example| {
            let refused = compile_example(example).refused;
            assert!(
                refused.iter().all(|r| !r.help.contains("mistake in Weir")),
                "{rule:?} {refused:?}"
            );
            !refused.is_empty()
        };
        assert!(!refused(&rule.good), "{rule:?}");
        let hopeless = ["BUD001", "RAT011"].contains(&rule.code);
        assert_eq!(refused(&rule.bad), hopeless, "{rule:?}");
    }
}

/// At least 95 % of what the rules say of their own examples has a place, and every place is in a file that was read.
#[test]
fn findings_have_a_place() {
    let (mut placed, mut all) = (0, 0);
    let mut nowhere = std::collections::BTreeSet::new();
    for rule in rules::ALL {
        for finding in compile_example(&rule.bad).findings {
            all += 1;
            match finding.places.is_empty() {
                true => drop(nowhere.insert(finding.rule.code)),
                false => placed += 1,
            }
        }
    }
    assert!(all > 150, "{all}");
    assert!(placed * 100 >= all * 95, "{placed} of {all}: {nowhere:?}");
}
