//! What findings do: levels, limits of rules, and what is suppressed.

use crate::config::date::Date;
use crate::finding::Level;
use crate::units::Kbps;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailOn {
    Error,
    Warning,
    Never,
}

/// `allow` hides a rule; the others set its level.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LevelSetting {
    Allow,
    Set(Level),
}

#[derive(Clone, Debug)]
pub struct Lint {
    pub fail_on: FailOn,
    /// By rule code, sorted.
    pub levels: Vec<(&'static str, LevelSetting)>,
    /// In the order of the file.
    pub suppress: Vec<Suppression>,
    pub options: LintOptions,
}

/// `[lint.options]`: the limits of rules that have one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LintOptions {
    /// Lengths in bits.
    pub wide_prefix_ipv4: u8,
    pub wide_prefix_ipv6: u8,
    pub implausible_plan_least: Kbps,
    pub implausible_plan_most: Kbps,
    pub oversubscribed_times: u64,
    pub oversubscribed_percent: u64,
    pub rates_jump_times: u64,
    pub rates_jump_percent: u64,
    pub rates_look_swapped_most: usize,
}

impl Default for LintOptions {
    fn default() -> Self {
        LintOptions {
            wide_prefix_ipv4: 24,
            wide_prefix_ipv6: 48,
            implausible_plan_least: Kbps(64),
            implausible_plan_most: Kbps(100_000_000),
            oversubscribed_times: 30,
            oversubscribed_percent: 80,
            rates_jump_times: 4,
            rates_jump_percent: 20,
            rates_look_swapped_most: 3,
        }
    }
}

impl Lint {
    /// What `[lint.levels]` says about the rule of this code.
    pub fn level(&self, code: &str) -> Option<LevelSetting> {
        let set = self.levels.iter().find(|(rule, _)| *rule == code);
        set.map(|(_, setting)| *setting)
    }
}

/// A `[[lint.suppress]]`: findings that somebody looked at and lives with.
#[derive(Clone, Debug)]
pub struct Suppression {
    /// Code of the rule.
    pub rule: &'static str,
    /// Ids, `*` for any text and `?` for any character.
    pub subjects: Vec<String>,
    pub reason: String,
    /// The last day it holds.
    pub expires: Option<Date>,
    /// Its position in the file.
    pub index: usize,
}

impl Suppression {
    /// Its last day is over ([`Date::is_over`]). Where no day is known, nothing is.
    pub fn is_expired(&self, as_of: Option<Date>) -> bool {
        self.expires
            .zip(as_of)
            .is_some_and(|(last, today)| last.is_over(today))
    }
}
