//! Every rule, sorted by code. To add one: a file, and its two lines here.

use crate::lint::rule::Rule;

mod address_table_full;
mod all_nodes_hidden;
mod ambiguous_join;
mod bad_pin;
mod capacity_above_parent;
mod capacity_below_floors;
mod circuit_without_address;
mod circuits_removed;
mod circuits_reparented;
mod class_ids_exhausted;
mod close_rival_parent;
mod collection_missing;
mod commit_above_plan;
mod conflicting_circuit;
mod conflicting_node;
mod core_overload;
mod dangling_reference;
mod declared_parent_differs;
mod depth_blowup;
mod depth_cut;
mod disruptive_apply;
mod duplicate_address;
mod duplicate_device_address;
mod empty_node;
mod ended_rate;
mod expired_override;
mod expired_suppression;
mod filtered_address;
mod guarantees_scaled;
mod high_commit;
mod host_bits_set;
mod implausible_plan;
mod inexact_parent;
mod inexact_rate;
mod insecure_access;
mod ipv4_only_circuit;
mod joined_by_name;
mod junk_address;
mod leaf_memory;
mod legacy_layout;
mod limit_can_be_bypassed;
mod limit_not_enforced;
mod link_not_used;
mod looks_renumbered;
mod max_clamped;
mod missing_plan;
mod narrow_path;
mod no_place_in_strategy;
mod no_target_declared;
mod not_an_address;
mod not_as_reviewed;
mod overlapping_prefix;
mod override_hides_change;
mod oversubscribed;
mod parent_cycle;
mod personal_data;
mod qdisc_handles_exhausted;
mod quarantined_record;
mod rate_raised_to_floor;
mod rates_jump;
mod rates_look_swapped;
mod redundant_node;
mod redundant_override;
mod renumbered_class;
mod repeated_record;
mod required_field_missing;
mod reserved_name;
mod reused_id;
mod secret_in_input;
mod setting_by_name;
mod setting_names_nothing;
mod shared_device;
mod shared_node_name;
mod source_incomplete;
mod source_stale;
mod sources_disagree;
mod subscriber_relay;
mod suspended_at_full_rate;
mod suspended_unshaped;
mod temporary_rate;
mod tree_too_deep;
mod unbalanced_queue;
mod unclean_text;
mod unexpected_value;
mod unknown_capacity;
mod unmatched_record;
mod unowned_override;
mod unparented_circuit;
mod unreachable_node;
mod unreadable_file;
mod unusable_id;
mod unused_peak;
mod unused_suppression;
mod wan_not_set;
mod wide_prefix;

/// Run by `lint::run`, when the other rules are done.
pub(super) use unused_suppression::{RULE as UNUSED_SUPPRESSION, drafts as unused_suppressions};

/// How promotion names what it refuses by this rule.
pub use not_as_reviewed::NAME as NOT_AS_REVIEWED;

/// Codes of rules that are judged where an artifact is promoted and applied: a build has nothing to judge them by, and no
/// level changes them.
pub const AT_PROMOTION: &[&str] = &["CHG006"];

pub static ALL: &[&Rule] = &[
    &duplicate_address::RULE,
    &overlapping_prefix::RULE,
    &host_bits_set::RULE,
    &wide_prefix::RULE,
    &junk_address::RULE,
    &circuit_without_address::RULE,
    &ipv4_only_circuit::RULE,
    &address_table_full::RULE,
    &not_an_address::RULE,
    &filtered_address::RULE,
    &tree_too_deep::RULE,
    &depth_blowup::RULE,
    &depth_cut::RULE,
    &class_ids_exhausted::RULE,
    &qdisc_handles_exhausted::RULE,
    &leaf_memory::RULE,
    &core_overload::RULE,
    &unbalanced_queue::RULE,
    &no_target_declared::RULE,
    &circuits_removed::RULE,
    &circuits_reparented::RULE,
    &rates_jump::RULE,
    &renumbered_class::RULE,
    &disruptive_apply::RULE,
    &not_as_reviewed::RULE,
    &conflicting_circuit::RULE,
    &shared_device::RULE,
    &shared_node_name::RULE,
    &reserved_name::RULE,
    &inexact_parent::RULE,
    &looks_renumbered::RULE,
    &unusable_id::RULE,
    &conflicting_node::RULE,
    &duplicate_device_address::RULE,
    &ambiguous_join::RULE,
    &joined_by_name::RULE,
    &reused_id::RULE,
    &unused_suppression::RULE,
    &expired_suppression::RULE,
    &suspended_at_full_rate::RULE,
    &suspended_unshaped::RULE,
    &unowned_override::RULE,
    &expired_override::RULE,
    &override_hides_change::RULE,
    &redundant_override::RULE,
    &missing_plan::RULE,
    &implausible_plan::RULE,
    &commit_above_plan::RULE,
    &guarantees_scaled::RULE,
    &high_commit::RULE,
    &max_clamped::RULE,
    &oversubscribed::RULE,
    &unknown_capacity::RULE,
    &rates_look_swapped::RULE,
    &inexact_rate::RULE,
    &capacity_below_floors::RULE,
    &rate_raised_to_floor::RULE,
    &capacity_above_parent::RULE,
    &wan_not_set::RULE,
    &temporary_rate::RULE,
    &ended_rate::RULE,
    &secret_in_input::RULE,
    &personal_data::RULE,
    &insecure_access::RULE,
    &source_incomplete::RULE,
    &required_field_missing::RULE,
    &unclean_text::RULE,
    &dangling_reference::RULE,
    &setting_names_nothing::RULE,
    &source_stale::RULE,
    &quarantined_record::RULE,
    &unreadable_file::RULE,
    &legacy_layout::RULE,
    &unexpected_value::RULE,
    &collection_missing::RULE,
    &setting_by_name::RULE,
    &repeated_record::RULE,
    &sources_disagree::RULE,
    &unmatched_record::RULE,
    &unused_peak::RULE,
    &unparented_circuit::RULE,
    &no_place_in_strategy::RULE,
    &parent_cycle::RULE,
    &unreachable_node::RULE,
    &close_rival_parent::RULE,
    &subscriber_relay::RULE,
    &narrow_path::RULE,
    &bad_pin::RULE,
    &limit_can_be_bypassed::RULE,
    &redundant_node::RULE,
    &limit_not_enforced::RULE,
    &empty_node::RULE,
    &declared_parent_differs::RULE,
    &link_not_used::RULE,
    &all_nodes_hidden::RULE,
];

/// A rule by its code (`ADR001`, in any case) or its name (`duplicate-address`).
pub fn find(code_or_name: &str) -> Option<&'static Rule> {
    ALL.iter()
        .copied()
        .find(|rule| rule.code.eq_ignore_ascii_case(code_or_name) || rule.name == code_or_name)
}

/// The rule that somebody who wrote `text` probably meant, for "did you mean".
pub fn nearest(text: &str) -> Option<&'static Rule> {
    let text = text.to_lowercase().replace('_', "-");
    let score = |rule: &Rule| {
        let code = strsim::damerau_levenshtein(&text, &rule.code.to_lowercase()) <= 1;
        strsim::jaro_winkler(&text, rule.name).max(if code { 0.9 } else { 0.0 })
    };
    ALL.iter()
        .map(|&rule| (score(rule), rule))
        .filter(|(score, _)| *score >= 0.84)
        // The first of equals, in order of code.
        .max_by(|(a, x), (b, y)| a.total_cmp(b).then_with(|| y.code.cmp(x.code)))
        .map(|(_, rule)| rule)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_sorted() {
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code));
        for rule in ALL {
            let (letters, digits) = rule.code.split_at(3);
            assert!(letters.bytes().all(|b| b.is_ascii_uppercase()), "{rule:?}");
            assert!(
                digits.len() == 3 && digits.bytes().all(|b| b.is_ascii_digit()),
                "{rule:?}"
            );
        }
    }

    /// The catalogue: every code there is to be, by family.
    const CATALOGUE: &[(&str, &[u32])] = &[
        ("ADR", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("BUD", &[1, 2, 3, 4, 5, 6, 7, 8]),
        ("CHG", &[1, 2, 3, 4, 5, 6]),
        ("IDN", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
        ("POL", &[1, 2, 3]),
        ("RAT", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]),
        ("SEC", &[1, 2, 3]),
        ("SRC", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
        ("TOP", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]),
    ];

    #[test]
    fn every_code_of_the_catalogue_has_a_rule() {
        for (family, numbers) in CATALOGUE {
            for number in *numbers {
                let code = format!("{family}{number:03}");
                assert!(find(&code).is_some(), "{code} has no rule");
            }
        }
        for code in AT_PROMOTION {
            let rule = find(code).expect("a rule");
            assert!(rule.what.contains("at promotion"), "{rule:?}");
        }
    }

    #[test]
    fn names_are_unique_and_kebab_case() {
        let mut names: Vec<&str> = ALL.iter().map(|rule| rule.name).collect();
        names.sort_unstable();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
        for name in names {
            let words = name.split('-');
            assert!(
                words.clone().all(|w| !w.is_empty()
                    && w.bytes()
                        .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())),
                "{name}"
            );
        }
    }

    #[test]
    fn every_rule_says_what_why_and_how_to_fix_it_in_sentences() {
        for rule in ALL {
            for text in [rule.what, rule.why, rule.fix] {
                assert!(text.ends_with('.') && text.len() > 20, "{rule:?}: {text}");
                assert!(
                    text.starts_with(|c: char| c.is_uppercase() || c == '`' || c.is_ascii_digit()),
                    "{rule:?}: {text}"
                );
                assert!(
                    !text.contains('\n') && !text.contains("  "),
                    "{rule:?}: {text}"
                );
            }
        }
    }

    /// An example is written out wherever a few records trigger the rule; it is one build, so not for what needs two.
    #[test]
    fn only_large_limits_and_changes_go_without_an_example() {
        let told = ALL.iter().filter(|rule| !rule.bad.prose.is_empty());
        let codes: Vec<&str> = told.map(|rule| rule.code).collect();
        assert_eq!(codes, ["ADR008", "BUD004", "BUD005", "CHG004", "CHG006"]);
        for rule in ALL {
            assert!(rule.good.prose.is_empty(), "{rule:?}");
        }
    }

    #[test]
    fn rules_are_found_by_code_and_name_and_by_what_is_near() {
        assert_eq!(find("adr001").unwrap().name, "duplicate-address");
        assert_eq!(find("duplicate-address").unwrap().code, "ADR001");
        assert!(find("duplicate").is_none());
        assert_eq!(nearest("duplicate_adress").unwrap().code, "ADR001");
        assert_eq!(nearest("adr01").unwrap().code, "ADR001");
        assert!(nearest("xyzzy").is_none());
    }
}
