//! Findings by rule: how many, how grave, and the worst few things they are about.

use std::collections::BTreeSet;

use rustc_hash::FxHashMap;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use crate::finding::{Finding, Level};
use crate::ir::records::Subject;
use crate::lint::rule::Rule;
use crate::lint::short_id;
use crate::report::{Look, plain, thousands};

/// Things that are named of each rule.
pub const WORST: usize = 3;

/// The open findings of one rule.
pub struct Group<'a> {
    pub rule: &'static Rule,
    /// Of the gravest.
    pub level: Level,
    pub findings: Vec<&'a Finding>,
    /// The first few that the findings are about, the gravest findings first.
    pub worst: Vec<&'a Subject>,
    /// How many they are about altogether.
    pub subjects: usize,
}

/// Open findings in the order they have, which is by level and rule.
pub fn groups(findings: &[Finding]) -> Vec<Group<'_>> {
    let mut at: FxHashMap<&str, usize> = FxHashMap::default();
    let mut groups: Vec<Group<'_>> = Vec::new();
    for finding in findings.iter().filter(|f| f.is_open()) {
        let next = groups.len();
        let ix = *at.entry(finding.rule.code).or_insert(next);
        if ix == next {
            groups.push(Group {
                rule: finding.rule,
                level: finding.level,
                findings: Vec::new(),
                worst: Vec::new(),
                subjects: 0,
            });
        }
        groups[ix].findings.push(finding);
    }
    for group in &mut groups {
        let mut seen: BTreeSet<&Subject> = BTreeSet::new();
        for subject in group.findings.iter().flat_map(|f| &f.subjects) {
            if seen.insert(subject) && group.worst.len() < WORST {
                group.worst.push(subject);
            }
        }
        group.subjects = seen.len();
    }
    groups
}

/// `Jo Doe (c1)`, or the id where the name says no more. Of a UUID the first digits are enough to find it.
pub fn named(subject: &Subject) -> String {
    let (id, name) = (plain(&subject.id), plain(&subject.name));
    if name.is_empty() || name == id {
        id.into_owned()
    } else if id.is_empty() {
        name.into_owned()
    } else {
        format!("{name} ({})", short_id(&id))
    }
}

/// Names that fit a narrow column; two of one name are told apart by their ids.
fn names(group: &Group<'_>) -> Vec<String> {
    let name = |s: &Subject| match s.name.is_empty() {
        true => short_id(&plain(&s.id)),
        false if s.name == s.id => short_id(&plain(&s.name)),
        false => plain(&s.name).into_owned(),
    };
    let short: Vec<String> = group.worst.iter().map(|s| name(s)).collect();
    let twice = |text: &String| short.iter().filter(|other| *other == text).count() > 1;
    let all = group.worst.iter().zip(&short);
    all.map(|(subject, short)| match twice(short) {
        true => named(subject),
        false => short.clone(),
    })
    .collect()
}

/// A line a rule, and more where what it is about does not fit beside it.
pub fn table(findings: &[Finding], look: Look) -> String {
    let groups = groups(findings);
    let counts: Vec<String> = groups
        .iter()
        .map(|g| thousands(g.findings.len() as u64))
        .collect();
    let widest = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or(0);
    let count_width = widest(&mut counts.iter().map(String::len));
    let name_width = widest(&mut groups.iter().map(|g| g.rule.name.len()));
    let mut text = String::new();
    for (group, count) in groups.iter().zip(&counts) {
        let level = format!("  {:7}", group.level.word());
        let head = format!(
            "  {count:>count_width$}  {} {:name_width$}  ",
            group.rule.code, group.rule.name,
        );
        let indent = level.len() + head.len();
        let room = look.width.saturating_sub(indent).max(12);
        text.push_str(&look.level(group.level, &level));
        let lines = about(group, room, look);
        match lines.split_first() {
            None => text.push_str(head.trim_end()),
            Some((first, more)) => {
                text.push_str(&head);
                text.push_str(first);
                for line in more {
                    text.push('\n');
                    text.push_str(&" ".repeat(indent));
                    text.push_str(line);
                }
            }
        }
        text.push('\n');
    }
    if !text.is_empty() {
        text.push('\n');
    }
    text
}

/// The worst few and how many more, in lines of `room` columns.
fn about(group: &Group<'_>, room: usize, look: Look) -> Vec<String> {
    let mut parts = names(group);
    let last = parts.len().saturating_sub(1);
    for part in parts.iter_mut().take(last) {
        part.push(',');
    }
    let more = group.subjects - group.worst.len();
    if more > 0 {
        parts.push(format!("and {} more", thousands(more as u64)));
    }
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        let part = cut(&part, room, look);
        match lines.last_mut() {
            Some(line) if line.width() + 1 + part.width() <= room => {
                line.push(' ');
                line.push_str(&part);
            }
            _ => lines.push(part),
        }
    }
    lines
}

fn cut(text: &str, room: usize, look: Look) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mark = if look.unicode { "…" } else { "..." };
    let space = room.saturating_sub(mark.width());
    let mut cut = String::new();
    let mut width = 0;
    for c in text.chars() {
        width += c.width().unwrap_or(0);
        if width > space {
            break;
        }
        cut.push(c);
    }
    cut.truncate(cut.trim_end().len());
    cut + mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Standing;
    use crate::ir::records::SubjectKind;
    use crate::lint::rules;

    fn finding(code: &str, subjects: &[(&str, &str)]) -> Finding {
        let rule = rules::find(code).expect("a rule");
        Finding {
            rule,
            level: rule.default,
            message: "x".to_owned(),
            subjects: subjects
                .iter()
                .map(|(id, name)| Subject::new(SubjectKind::Circuit, id, name))
                .collect(),
            places: Vec::new(),
            help: String::new(),
            fact: String::new(),
            fix: None,
            fingerprint: String::new(),
            standing: Standing::Open,
        }
    }

    #[test]
    fn a_rule_is_a_line_and_names_its_worst_three() {
        let mut findings = vec![
            finding("ADR001", &[("c1", "Jo Doe"), ("c2", "Al Roe")]),
            finding("ADR001", &[("c1", "Jo Doe"), ("c3", "Al Roe")]),
            finding(
                "ADR001",
                &[(
                    "c4",
                    "A name that is much too long for the column it stands in, really",
                )],
            ),
            finding("TOP012", &[("n1", "Hill")]),
        ];
        findings.push(finding("TOP012", &[("n2", "Suppressed")]));
        findings[4].standing = Standing::Known;
        let look = |width| Look {
            width,
            ..Look::PLAIN
        };
        assert_eq!(
            table(&findings, look(80)),
            "  error    3  ADR001 duplicate-address  Jo Doe, Al Roe (c2), Al Roe (c3)\n\
             \x20                                       and 1 more\n\
             \x20 info     1  TOP012 empty-node         Hill\n\n"
        );
        assert_eq!(
            table(&findings[2..3], look(60)),
            "  error    1  ADR001 duplicate-address  A name that is mu...\n\n"
        );
        assert_eq!(table(&[], look(80)), "");
        for width in [60, 80, 120] {
            assert!(
                table(&findings, look(width))
                    .lines()
                    .all(|l| l.width() <= width)
            );
        }
    }
}
