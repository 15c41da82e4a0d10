//! A finding: one thing somebody should know about their network, with where it stands and what to do.
//! How it looks is the business of `report`.

use std::borrow::Cow;

use crate::config::date::Date;
use crate::ir::records::{Place, Subject};
use crate::lint::rule::Rule;

/// Listed only, warning, error. Levels decide exit codes and promotion, never whether files are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    Info,
    Warning,
    Error,
}

impl Level {
    pub fn word(self) -> &'static str {
        match self {
            Level::Info => "info",
            Level::Warning => "warning",
            Level::Error => "error",
        }
    }
}

#[derive(Clone, Debug)]
pub struct Finding {
    pub rule: &'static Rule,
    pub level: Level,
    /// One line that stands alone: what is the case, with names and ids.
    pub message: String,
    /// What it is about; for grouped findings all of them.
    pub subjects: Vec<Subject>,
    /// Where it stands, most important first.
    pub places: Vec<Label>,
    /// What to do.
    pub help: String,
    /// What it is about beyond its subjects, where one rule can find several things about them: part of the fingerprint.
    pub fact: String,
    /// An edit of `weir.toml` that a program can make.
    pub fix: Option<Fix>,
    /// The same for the same finding in another build: made from rule, subject ids and fact, never from line numbers or
    /// from the message. 32 hexadecimal digits.
    pub fingerprint: String,
    pub standing: Standing,
}

impl Finding {
    /// Neither suppressed nor known: it counts, and can fail a build.
    pub fn is_open(&self) -> bool {
        self.standing == Standing::Open
    }
}

/// Whether a finding counts. One that does not is still there, and says why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Standing {
    Open,
    /// By a `[[lint.suppress]]` of `weir.toml`.
    Suppressed {
        reason: String,
        expires: Option<Date>,
    },
    /// The baseline has it.
    Known,
}

/// An edit of `weir.toml` that mends a finding.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fix {
    /// What it does, as a command: "delete the entry".
    pub what: String,
    /// It changes nothing that is shaped. Others are shown, and made only on demand.
    pub safe: bool,
    pub edit: Edit,
}

/// What is changed; `new: None` deletes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Edit {
    /// An entry of a list of texts: `topology.exclude`.
    Entry {
        key: &'static str,
        old: String,
        new: Option<String>,
    },
    /// The text of a key: `topology.root`, or `topology.pin` and the key in it.
    Text {
        table: &'static str,
        key: String,
        old: String,
        new: Option<String>,
    },
    /// The name of a key in a table of texts: `topology.pin`.
    Key {
        table: &'static str,
        old: String,
        new: Option<String>,
    },
    /// A table of a list of tables, by position: `lint.suppress`.
    Table { list: &'static str, index: usize },
}

/// A place with what to see there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Label {
    pub place: Place,
    pub text: Cow<'static, str>,
}

impl Label {
    pub fn new(place: Place, text: impl Into<Cow<'static, str>>) -> Self {
        Label {
            place,
            text: text.into(),
        }
    }
}

/// What a rule says; the level is decided by the configuration.
#[derive(Clone, Debug)]
pub struct Draft {
    pub message: String,
    pub subjects: Vec<Subject>,
    pub places: Vec<Label>,
    pub help: String,
    /// The rule's own judgement where its default level depends on the case ("an error above 1 %").
    pub level: Option<Level>,
    /// See [`Finding::fact`].
    pub fact: String,
    pub fix: Option<Fix>,
}

impl Draft {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Draft {
            message: message.into(),
            subjects: Vec::new(),
            places: Vec::new(),
            help: help.into(),
            level: None,
            fact: String::new(),
            fix: None,
        }
    }

    pub fn about(mut self, subject: Subject) -> Self {
        self.subjects.push(subject);
        self
    }

    pub fn about_all(mut self, subjects: impl IntoIterator<Item = Subject>) -> Self {
        self.subjects.extend(subjects);
        self
    }

    pub fn at(mut self, place: Place, text: impl Into<Cow<'static, str>>) -> Self {
        self.places.push(Label::new(place, text));
        self
    }

    pub fn level(mut self, level: Level) -> Self {
        self.level = Some(level);
        self
    }

    /// Tells findings of one rule about the same subjects apart.
    pub fn fact(mut self, fact: impl Into<String>) -> Self {
        self.fact = fact.into();
        self
    }

    pub fn fix(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}
