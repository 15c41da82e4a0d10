//! `findings.json` (`weir.findings/1`): the findings with their places, one a line.

use std::borrow::Cow;

use weir_schemas::Published as _;
use weir_schemas::findings as published;

use crate::emit::json::Document;
use crate::emit::view::View;
use crate::finding::{Edit, Finding, Fix, Label, Level, Standing};
use crate::ir::records::{Subject, SubjectKind};
use crate::source_map::SourceMap;

pub(super) fn emit(view: &View<'_>, findings: &[Finding]) -> Vec<u8> {
    let files = view.stages.files;
    let mut document = Document::new(published::Findings::SCHEMA);
    document.list("findings", findings, |finding| published(finding, files));
    document.finish()
}

/// A finding in its published form, which reports share with the artifact.
pub fn published<'a>(finding: &'a Finding, files: &'a SourceMap) -> published::Finding<'a> {
    published::Finding {
        code: Cow::Borrowed(finding.rule.code),
        name: Cow::Borrowed(finding.rule.name),
        level: finding.level.into(),
        contained: finding.rule.contained,
        message: Cow::Borrowed(&finding.message),
        subjects: finding.subjects.iter().map(subject).collect(),
        locations: finding.places.iter().map(|p| location(files, p)).collect(),
        help: Cow::Borrowed(&finding.help),
        fingerprint: Cow::Borrowed(&finding.fingerprint),
        fix: finding.fix.as_ref().map(fix),
        suppressed: match &finding.standing {
            Standing::Suppressed { reason, expires } => Some(published::Suppressed {
                reason: Cow::Borrowed(reason),
                expires: expires.map(|day| Cow::Owned(day.to_string())),
            }),
            Standing::Open | Standing::Known => None,
        },
        known: finding.standing == Standing::Known,
    }
}

fn fix(fix: &Fix) -> published::Fix<'_> {
    let (key, old, new) = match &fix.edit {
        Edit::Entry { key, old, new } => (Cow::Borrowed(*key), Some(old), new.as_ref()),
        Edit::Text {
            table,
            key,
            old,
            new,
        } => (format!("{table}.{key}").into(), Some(old), new.as_ref()),
        Edit::Key { table, old, new } => (Cow::Borrowed(*table), Some(old), new.as_ref()),
        Edit::Table { list, index } => (format!("{list}.{index}").into(), None, None),
    };
    published::Fix {
        what: Cow::Borrowed(&fix.what),
        safe: fix.safe,
        key,
        old: old.map(|text| Cow::Borrowed(text.as_str())),
        new: new.map(|text| Cow::Borrowed(text.as_str())),
    }
}

pub fn subject(subject: &Subject) -> published::Subject<'_> {
    published::Subject {
        kind: match subject.kind {
            SubjectKind::Circuit => published::SubjectKind::Circuit,
            SubjectKind::Node => published::SubjectKind::Node,
            SubjectKind::Link => published::SubjectKind::Link,
            SubjectKind::Device => published::SubjectKind::Device,
            SubjectKind::Source => published::SubjectKind::Source,
            SubjectKind::Setting => published::SubjectKind::Setting,
        },
        id: Cow::Borrowed(&subject.id),
        name: Cow::Borrowed(&subject.name),
    }
}

pub fn location<'a>(files: &'a SourceMap, label: &'a Label) -> published::Location<'a> {
    let at = files.locate(&label.place);
    published::Location {
        file: Cow::Borrowed(&files.file(at.file).path),
        line: at.line as u64,
        column: at.column as u64,
        path: Cow::Borrowed(&label.place.route),
        label: Cow::Borrowed(&label.text),
    }
}

impl From<Level> for published::Level {
    fn from(level: Level) -> Self {
        match level {
            Level::Info => published::Level::Info,
            Level::Warning => published::Level::Warning,
            Level::Error => published::Level::Error,
        }
    }
}
