//! A finding: one thing somebody should know about their network, with where it stands and what to do.
//! How it looks is the business of `report`.

use std::borrow::Cow;

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
}

impl Draft {
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Draft {
            message: message.into(),
            subjects: Vec::new(),
            places: Vec::new(),
            help: help.into(),
            level: None,
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
}
