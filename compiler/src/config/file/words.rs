//! The words that a setting can be. A word that is not among them is told with the nearest one.

use crate::config::project::{
    AuthWord, FailOn, LevelSetting, Metric, Overwrite, PromoteWhen, SourceKind, SuspendedPolicy,
};
use crate::config::value::Words;
use crate::finding::Level;
use crate::ir::merge::JoinKey;
use crate::ir::tree::Strategy;

impl Words for SourceKind {
    fn words() -> Vec<(&'static str, Self)> {
        SourceKind::ALL.map(|kind| (kind.word(), kind)).into()
    }
}

impl Words for Strategy {
    fn words() -> Vec<(&'static str, Self)> {
        Strategy::ALL.map(|s| (s.word(), s)).into()
    }
}

impl Words for JoinKey {
    fn words() -> Vec<(&'static str, Self)> {
        JoinKey::ALL.map(|key| (key.word(), key)).into()
    }
}

impl Words for Metric {
    fn words() -> Vec<(&'static str, Self)> {
        Metric::ALL.map(|m| (m.word(), m)).into()
    }
}

/// Words without a type of their own in `project`, and the words of those that have one.
macro_rules! words {
    ($($type:ty { $($word:literal = $value:expr),+ $(,)? })+) => {$(
        impl Words for $type {
            fn words() -> Vec<(&'static str, Self)> {
                vec![$(($word, $value)),+]
            }
        }
    )+};
}

pub(in crate::config) use words;

impl Words for AuthWord {
    fn words() -> Vec<(&'static str, Self)> {
        AuthWord::ALL.map(|auth| (auth.word(), auth)).into()
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FormatWord {
    Csv,
    Json,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UnitWord {
    Bps,
    Kbps,
    Mbps,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParentWord {
    Name,
    Id,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BurstWord {
    Ignore,
    Add,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OvercommitWord {
    Scale,
    Strict,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ModeWord {
    Bridge,
    Stick,
}

words! {
    SuspendedPolicy {
        "keep" = SuspendedPolicy::Keep,
        "slow" = SuspendedPolicy::Slow,
        "drop" = SuspendedPolicy::Drop,
    }
    FailOn {
        "error" = FailOn::Error,
        "warning" = FailOn::Warning,
        "never" = FailOn::Never,
    }
    LevelSetting {
        "allow" = LevelSetting::Allow,
        "warn" = LevelSetting::Set(Level::Warning),
        "deny" = LevelSetting::Set(Level::Error),
    }
    FormatWord { "csv" = FormatWord::Csv, "json" = FormatWord::Json }
    UnitWord { "kbps" = UnitWord::Kbps, "mbps" = UnitWord::Mbps, "bps" = UnitWord::Bps }
    ParentWord { "name" = ParentWord::Name, "id" = ParentWord::Id }
    BurstWord { "ignore" = BurstWord::Ignore, "add" = BurstWord::Add }
    OvercommitWord { "scale" = OvercommitWord::Scale, "strict" = OvercommitWord::Strict }
    ModeWord { "bridge" = ModeWord::Bridge, "stick" = ModeWord::Stick }
    Overwrite {
        "always" = Overwrite::Always,
        "when-unedited" = Overwrite::WhenUnedited,
        "never" = Overwrite::Never,
    }
    PromoteWhen {
        "never" = PromoteWhen::Never,
        "when-clean" = PromoteWhen::WhenClean,
        "when-contained" = PromoteWhen::WhenContained,
    }
}
