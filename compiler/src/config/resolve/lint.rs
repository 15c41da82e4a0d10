//! `[lint]`: levels, and what is suppressed. The rules themselves are not known here, but their codes and names.

use crate::config::check::{Check, rule};
use crate::config::date::Date;
use crate::config::file;
use crate::config::project::{FailOn, LevelSetting, Lint, LintOptions, Suppression};
use crate::config::value::{At, Span, TextOrList};
use crate::lint::rules;

impl Check<'_> {
    pub(super) fn lint(&mut self, written: &file::Lint) -> Lint {
        let mut levels: Vec<(&'static str, LevelSetting)> = Vec::new();
        for (key, level) in written.levels.iter().flatten() {
            let setting = self.lookup(&format!("lint.levels.{}", key.value), level);
            let rule = match rule(rules::ALL, &key.value) {
                Ok(rule) => rule,
                Err(help) => {
                    self.problem(
                        Some(&key.span),
                        format!("`lint.levels` names `{}`, which is no rule", key.value),
                        help,
                    );
                    continue;
                }
            };
            if rules::AT_PROMOTION.contains(&rule.code) {
                self.problem(
                    Some(&key.span),
                    format!("`lint.levels` has rule {} ({}), which has no level", rule.code, rule.name),
                    "leave the line out: it is judged where an artifact is promoted, and always refuses",
                );
            }
            if levels.iter().any(|(code, _)| *code == rule.code) {
                self.problem(
                    Some(&key.span),
                    format!("`lint.levels` has rule {} ({}) twice", rule.code, rule.name),
                    "keep one of the two lines",
                );
            }
            levels.extend(setting.map(|setting| (rule.code, setting)));
        }
        levels.sort_by_key(|(code, _)| *code);
        let suppress = written.suppress.iter().enumerate();
        Lint {
            fail_on: self.word("lint.fail_on", &written.fail_on, FailOn::Error),
            levels,
            suppress: suppress
                .filter_map(|(index, entry)| self.suppression(index, entry))
                .collect(),
            options: self.lint_options(&written.options),
        }
    }

    fn lint_options(&mut self, written: &file::LintOptions) -> LintOptions {
        let usual = LintOptions::default();
        let any = 0..=1_000_000;
        let mut whole = |key: &str, written, usual, range| {
            self.count(&format!("lint.options.{key}"), written, usual, range)
        };
        let length = |bits: u64| u8::try_from(bits).unwrap_or(u8::MAX);
        let w = written;
        let ipv4 = whole(
            "wide_prefix_ipv4",
            &w.wide_prefix_ipv4,
            usual.wide_prefix_ipv4.into(),
            0..=32,
        );
        let ipv6 = whole(
            "wide_prefix_ipv6",
            &w.wide_prefix_ipv6,
            usual.wide_prefix_ipv6.into(),
            0..=128,
        );
        let options = LintOptions {
            wide_prefix_ipv4: length(ipv4),
            wide_prefix_ipv6: length(ipv6),
            oversubscribed_times: whole(
                "oversubscribed_times",
                &w.oversubscribed_times,
                usual.oversubscribed_times,
                1..=1_000_000,
            ),
            oversubscribed_percent: whole(
                "oversubscribed_percent",
                &w.oversubscribed_percent,
                usual.oversubscribed_percent,
                any.clone(),
            ),
            rates_jump_times: whole(
                "rates_jump_times",
                &w.rates_jump_times,
                usual.rates_jump_times,
                2..=1_000_000,
            ),
            rates_jump_percent: whole(
                "rates_jump_percent",
                &w.rates_jump_percent,
                usual.rates_jump_percent,
                any.clone(),
            ),
            rates_look_swapped_most: whole(
                "rates_look_swapped_most",
                &w.rates_look_swapped_most,
                usual.rates_look_swapped_most as u64,
                any,
            ) as usize,
            ..usual
        };
        LintOptions {
            implausible_plan_least: self.mbps(
                "lint.options.implausible_plan_least_mbps",
                &w.implausible_plan_least_mbps,
                options.implausible_plan_least,
                1,
            ),
            implausible_plan_most: self.mbps(
                "lint.options.implausible_plan_most_mbps",
                &w.implausible_plan_most_mbps,
                options.implausible_plan_most,
                1,
            ),
            ..options
        }
    }

    fn suppression(&mut self, index: usize, entry: &At<file::Suppress>) -> Option<Suppression> {
        let written = &entry.value;
        let place = |span: Option<&Span>| span.cloned().unwrap_or_else(|| entry.span.clone());
        let rule = match &written.rule {
            Some(name) => match rule(rules::ALL, &name.value) {
                Ok(rule) => Some(rule.code),
                Err(help) => {
                    let message =
                        format!("`lint.suppress` names `{}`, which is no rule", name.value);
                    self.problem(Some(&name.span), message, help);
                    None
                }
            },
            None => {
                self.problem(
                    Some(&entry.span),
                    "a [[lint.suppress]] has no `rule`",
                    "name the rule as the finding does: rule = \"overlapping-prefix\"",
                );
                None
            }
        };
        let subjects: Vec<String> = match written.subject.as_ref().map(|s| &s.value) {
            Some(TextOrList::One(text)) => vec![text.clone()],
            Some(TextOrList::List(list)) => list.iter().map(|s| s.value.clone()).collect(),
            None => Vec::new(),
        };
        if subjects.is_empty() || subjects.iter().any(|s| s.trim().is_empty()) {
            self.problem(
                Some(&place(written.subject.as_ref().map(|s| &s.span))),
                "a [[lint.suppress]] needs a `subject`",
                "write the id that the finding names, a list of ids, or \"*\" for all",
            );
        }
        let reason = written.reason.as_ref();
        let said = reason.map(|r| r.value.trim()).unwrap_or_default();
        if said.is_empty() {
            self.problem(
                Some(&place(reason.map(|r| &r.span))),
                "a [[lint.suppress]] needs a `reason`",
                "say why this is all right, for whoever reads it in a year",
            );
        }
        let expires = written.expires.as_ref().and_then(|day| {
            let date = Date::parse(&day.value.0);
            if date.is_none() {
                let message = format!("`expires` cannot be \"{}\"", day.value.0);
                self.problem(Some(&day.span), message, "write a day: 2027-01-31");
            }
            date
        });
        Some(Suppression {
            rule: rule?,
            subjects,
            reason: said.split_whitespace().collect::<Vec<_>>().join(" "),
            expires,
            index,
        })
    }
}
