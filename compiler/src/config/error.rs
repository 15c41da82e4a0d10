//! What is wrong with a configuration: in one line, where, and what to do about it.

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use crate::config::value::Span;

/// One thing that is wrong. The text it points into is added when the error leaves `config`.
#[derive(Clone, Debug)]
pub(super) struct Problem {
    pub message: String,
    pub help: String,
    pub span: Option<Span>,
}

/// Everything that is wrong with a configuration: the first problem in the order of the file, and the others.
#[derive(Clone, Debug)]
pub struct ConfigError {
    /// One line that stands alone.
    pub message: String,
    /// What to do; empty when the message says it.
    pub help: String,
    /// Bytes of [`ConfigError::text`].
    pub span: Option<Span>,
    /// The outside world failed (a file that cannot be read); the configuration itself may be right.
    pub outside: bool,
    /// Later problems of the same file, in its order.
    pub others: Vec<ConfigError>,
    source: Arc<NamedSource<Arc<str>>>,
}

impl ConfigError {
    /// `text` is shown to people: it holds no secret.
    pub(super) fn new(file: &str, text: String, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|p| p.span.as_ref().map_or(0, |s| s.start));
        let source = Arc::new(NamedSource::new(file, Arc::from(text)));
        let mut all = problems.into_iter().map(|problem| ConfigError {
            message: printable(&problem.message),
            help: printable(&problem.help),
            span: problem.span,
            outside: false,
            others: Vec::new(),
            source: Arc::clone(&source),
        });
        let mut first = all.next().expect("an error has a problem");
        first.others = all.collect();
        first
    }

    /// An error without a place in the file.
    pub(super) fn whole(file: &str, message: impl Into<String>, help: impl Into<String>) -> Self {
        let problem = Problem {
            message: message.into(),
            help: help.into(),
            span: None,
        };
        ConfigError::new(file, String::new(), vec![problem])
    }

    /// The file, as people know it: `weir.toml`.
    pub fn file(&self) -> &str {
        self.source.name()
    }

    /// The text of the file, with literal secrets starred out.
    pub fn text(&self) -> &str {
        self.source.inner()
    }

    /// Line and column of the span, from 1; the column counts characters.
    pub fn position(&self) -> Option<(usize, usize)> {
        let before = self.text().get(..self.span.as_ref()?.start)?;
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Some((line, before[start..].chars().count() + 1))
    }
}

/// Messages quote what was written; what it holds must not reach a terminal as it is, nor break the line.
fn printable(text: &str) -> String {
    text.chars().fold(String::new(), |mut out, c| {
        match c.is_control() {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
        out
    })
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ConfigError {}

impl Diagnostic for ConfigError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.help.is_empty()).then(|| Box::new(&self.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.span.as_ref()?;
        Some(self.source.as_ref())
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let span = self.span.clone()?;
        Some(Box::new(std::iter::once(LabeledSpan::underline(span))))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn Diagnostic> + 'a>> {
        if self.others.is_empty() {
            return None;
        }
        Some(Box::new(self.others.iter().map(|e| e as &dyn Diagnostic)))
    }
}
