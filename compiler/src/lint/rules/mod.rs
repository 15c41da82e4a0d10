//! Every rule, sorted by code. To add one: a file, and its two lines here.

use crate::lint::rule::Rule;

mod address_table_full;
mod all_nodes_hidden;
mod bad_pin;
mod capacity_above_parent;
mod capacity_below_floors;
mod circuit_without_address;
mod class_ids_exhausted;
mod close_rival_parent;
mod collection_missing;
mod commit_above_plan;
mod conflicting_circuit;
mod conflicting_node;
mod core_overload;
mod dangling_reference;
mod declared_parent_differs;
mod depth_cut;
mod duplicate_address;
mod duplicate_device_address;
mod empty_node;
mod expired_suppression;
mod filtered_address;
mod guarantees_scaled;
mod high_commit;
mod host_bits_set;
mod implausible_plan;
mod inexact_parent;
mod inexact_rate;
mod ipv4_only_circuit;
mod junk_address;
mod leaf_memory;
mod legacy_layout;
mod limit_not_enforced;
mod link_not_used;
mod max_clamped;
mod missing_plan;
mod narrow_path;
mod no_place_in_strategy;
mod no_target_declared;
mod not_an_address;
mod overlapping_prefix;
mod oversubscribed;
mod parent_cycle;
mod qdisc_handles_exhausted;
mod quarantined_record;
mod rate_raised_to_floor;
mod rates_look_swapped;
mod redundant_node;
mod repeated_record;
mod required_field_missing;
mod reserved_name;
mod setting_by_name;
mod setting_names_nothing;
mod shared_device;
mod shared_node_name;
mod source_incomplete;
mod subscriber_relay;
mod suspended_at_full_rate;
mod suspended_unshaped;
mod tree_too_deep;
mod unbalanced_queue;
mod unclean_text;
mod unexpected_value;
mod unknown_capacity;
mod unparented_circuit;
mod unreachable_node;
mod unreadable_file;
mod unusable_id;
mod unused_suppression;
mod wan_not_set;
mod wide_prefix;

/// Run by `lint::run`, when the other rules are done.
pub(super) use unused_suppression::{RULE as UNUSED_SUPPRESSION, drafts as unused_suppressions};

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
    &depth_cut::RULE,
    &class_ids_exhausted::RULE,
    &qdisc_handles_exhausted::RULE,
    &leaf_memory::RULE,
    &core_overload::RULE,
    &unbalanced_queue::RULE,
    &no_target_declared::RULE,
    &conflicting_circuit::RULE,
    &shared_device::RULE,
    &shared_node_name::RULE,
    &reserved_name::RULE,
    &inexact_parent::RULE,
    &unusable_id::RULE,
    &conflicting_node::RULE,
    &duplicate_device_address::RULE,
    &unused_suppression::RULE,
    &expired_suppression::RULE,
    &suspended_at_full_rate::RULE,
    &suspended_unshaped::RULE,
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
    &source_incomplete::RULE,
    &required_field_missing::RULE,
    &unclean_text::RULE,
    &dangling_reference::RULE,
    &setting_names_nothing::RULE,
    &quarantined_record::RULE,
    &unreadable_file::RULE,
    &legacy_layout::RULE,
    &unexpected_value::RULE,
    &collection_missing::RULE,
    &setting_by_name::RULE,
    &repeated_record::RULE,
    &unparented_circuit::RULE,
    &no_place_in_strategy::RULE,
    &parent_cycle::RULE,
    &unreachable_node::RULE,
    &close_rival_parent::RULE,
    &subscriber_relay::RULE,
    &narrow_path::RULE,
    &bad_pin::RULE,
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

    /// An example is written out wherever a few records trigger the rule.
    #[test]
    fn only_limits_of_tens_of_thousands_go_without_an_example() {
        let told = ALL.iter().filter(|rule| !rule.bad.prose.is_empty());
        let codes: Vec<&str> = told.map(|rule| rule.code).collect();
        assert_eq!(codes, ["ADR008", "BUD004", "BUD005"]);
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
