//! SEC002: names that say more about a subscriber than who it is.

use rayon::prelude::*;

use crate::config::ASSUMED;
use crate::finding::{Draft, Label, Level};
use crate::id::CircuitIx;
use crate::ir::records::{Place, Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

pub static RULE: Rule = Rule {
    code: "SEC002",
    name: "personal-data",
    default: Level::Warning,
    contained: false,
    what: "Names or comments that reach the artifact hold e-mail addresses, telephone numbers or street addresses. Where a \
           tenth of the circuits or more hold street addresses they are how this network names its customers: one note says so, \
           and lists nobody.",
    why: "Artifacts are made to be kept for ever, compared and shared for review. What is in their history cannot be taken back when a subscriber asks for it.",
    fix: "Name circuits by the subscriber's number in the CRM, and leave contact data out of comments.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "comment": "call +1 555 0100 199 first", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
              {"id": "c2", "name": "al.roe@mail.example", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["100.64.0.3"]}]}]}"#,
        )],
        "",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Subscriber 10442", "comment": "roof, north mast", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "",
    ),
    check,
};

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Kind {
    Mail,
    Phone,
    Street,
}

/// One finding for each kind. What has no project is only looked at: nothing of it is kept.
fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    if stages.files.file(stages.project.config_file()).path == ASSUMED {
        return;
    }
    let circuits: Vec<CircuitIx> = stages.shaped().map(|(ix, _)| ix).collect();
    let found: Vec<(Kind, CircuitIx, Place)> = circuits
        .par_iter()
        .flat_map_iter(|&ix| {
            let circuit = &stages.inventory[ix];
            let devices = circuit.devices.iter().map(|d| (&*d.name, d.origin));
            [
                (&*circuit.name, circuit.origin),
                (&*circuit.comment, circuit.origin),
            ]
            .into_iter()
            .chain(devices)
            .flat_map(|(text, origin)| kinds(text).map(move |kind| (kind, origin)))
            .map(move |(kind, origin)| (kind, ix, origin.whole()))
            .collect::<Vec<_>>()
        })
        .collect();
    for (kind, what, ending) in [
        (Kind::Mail, "an e-mail address", "e-mail addresses"),
        (Kind::Phone, "a telephone number", "telephone numbers"),
        (Kind::Street, "a street address", "street addresses"),
    ] {
        let mut of_kind: Vec<_> = found.iter().filter(|(k, ..)| *k == kind).collect();
        of_kind.dedup_by_key(|(_, ix, _)| *ix);
        let Some((_, first, _)) = of_kind.first() else {
            continue;
        };
        if kind == Kind::Street && is_custom(of_kind.len(), circuits.len()) {
            out.push(custom(of_kind.len(), circuits.len()));
            continue;
        }
        let message = match of_kind.len() {
            1 => format!("the name or comment of {} holds {what}", id(stages, *first)),
            n => format!(
                "names or comments of {} hold {ending}, first of {}",
                words::count(n, "circuit"),
                id(stages, *first)
            ),
        };
        let draft = Draft::new(
            message,
            "name circuits by the subscriber's number, and keep contact data in the CRM; or allow the rule where artifacts stay on machines that may hold it",
        )
        .about_all(of_kind.iter().map(|(_, ix, _)| stages.inventory[*ix].subject()));
        let labels = of_kind
            .iter()
            .map(|(_, _, place)| Label::new(place.clone(), what));
        out.push(words::at_each(draft, labels));
    }
}

/// Street addresses in so many names are no slip of somebody who typed: customers are named by where they live, and
/// that is a decision. Mail addresses and telephone numbers name nobody, and are never a custom.
fn is_custom(named: usize, circuits: usize) -> bool {
    named >= 3 && named * 10 >= circuits
}

/// About the setting and not about circuits: it is the same finding when a customer comes or goes, so it can be
/// suppressed, or be in a baseline, once and for all.
fn custom(named: usize, circuits: usize) -> Draft {
    Draft::new(
        format!(
            "{} of {} circuits have street addresses in their names or comments, and so has every artifact",
            words::number(named),
            words::number(circuits)
        ),
        "keep artifacts where customers' addresses may be, or name circuits by the subscriber's number",
    )
    .about(Subject::new(SubjectKind::Setting, "project.name", "project.name"))
    .fact("street")
    .level(Level::Info)
}

/// Without its name, which may be what the finding is about.
fn id(stages: &Stages<'_>, ix: CircuitIx) -> String {
    format!("circuit \"{}\"", words::short_id(&stages.inventory[ix].id))
}

fn kinds(text: &str) -> impl Iterator<Item = Kind> + use<> {
    [
        is_mail(text).then_some(Kind::Mail),
        is_phone(text).then_some(Kind::Phone),
        is_street(text).then_some(Kind::Street),
    ]
    .into_iter()
    .flatten()
}

/// Something, an at sign, and a name with a dot.
fn is_mail(text: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '+');
    text.match_indices('@').any(|(at, _)| {
        let host: String = text[at + 1..].chars().take_while(|c| part(*c)).collect();
        let host = host.trim_end_matches('.');
        let tail = host.rsplit('.').next().unwrap_or("");
        text[..at].ends_with(part)
            && host.contains('.')
            && tail.len() >= 2
            && tail.chars().all(char::is_alphabetic)
    })
}

/// Nine to fifteen digits in groups, with the marks people write between them; a plain run of digits is a number of
/// the CRM, and groups between dots or colons are addresses.
fn is_phone(text: &str) -> bool {
    // Most names and numbers of customers end here.
    if text.bytes().filter(u8::is_ascii_digit).count() < 9 {
        return false;
    }
    let mark = |c: char| matches!(c, ' ' | '-' | '(' | ')' | '/');
    let mut runs = text.split(|c: char| !(c.is_ascii_digit() || mark(c) || c == '+'));
    runs.any(|run| {
        let run = run.trim_matches(mark);
        let digits = run.bytes().filter(u8::is_ascii_digit).count();
        let groups = run
            .split(|c: char| mark(c) || c == '+')
            .filter(|g| !g.is_empty())
            .count();
        let plus = run.starts_with('+') || run.starts_with("00");
        // A date has eight digits; four groups of few digits are a list.
        (9..=15).contains(&digits)
            && (plus || (3..=5).contains(&groups) && run.starts_with(['0', '(']))
    })
}

/// A house number beside a word for a street.
fn is_street(text: &str) -> bool {
    const STREETS: [&str; 20] = [
        "street",
        "road",
        "avenue",
        "lane",
        "drive",
        "boulevard",
        "highway",
        "rd",
        "ave",
        "blvd",
        "strasse",
        "straße",
        "str",
        "weg",
        "rue",
        "calle",
        "via",
        "avenida",
        "straat",
        "ulica",
    ];
    const ENDINGS: [&str; 4] = ["strasse", "straße", "straat", "weg"];
    if !text.bytes().any(|b| b.is_ascii_digit()) {
        return false;
    }
    // Nearly every text has no such word, which is seen without writing it anew.
    let is_word = |word: &str| {
        let ends = |end: &&str| {
            let start = word.len().checked_sub(end.len());
            start.is_some_and(|at| word.as_bytes()[at..].eq_ignore_ascii_case(end.as_bytes()))
        };
        STREETS.iter().any(|s| word.eq_ignore_ascii_case(s)) || ENDINGS.iter().any(ends)
    };
    if text.is_ascii()
        && !text
            .split(|c: char| !c.is_ascii_alphanumeric())
            .any(is_word)
    {
        return false;
    }
    let lower = text.to_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_alphanumeric())
        .filter(|w| !w.is_empty())
        .collect();
    let number = |w: &str| {
        let digits = w.bytes().take_while(u8::is_ascii_digit).count();
        (1..=5).contains(&digits) && w.chars().count() <= digits + 1
    };
    words.iter().enumerate().any(|(i, word)| {
        let street = STREETS.contains(word)
            || ENDINGS
                .iter()
                .any(|s| word.len() > s.len() && word.ends_with(s));
        // "12 Mill Road", "Mühlweg 12", "Calle Mayor 3"
        street
            && words[i.saturating_sub(3)..(i + 4).min(words.len())]
                .iter()
                .any(|w| number(w))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Memory;

    /// A note where it is how customers are named; a warning where it is a slip.
    #[test]
    fn street_addresses_are_a_note_where_they_are_the_custom() {
        let findings = |named: usize, circuits: usize| -> Vec<(Level, usize, String)> {
            let list: Vec<String> = (0..circuits)
                .map(|n| {
                    let name = match n < named {
                        true => format!("{n} Mill Road"),
                        false => format!("Subscriber {n}"),
                    };
                    format!(
                        r#"{{"id": "c{n}", "name": "{name}", "plan_kbps": [9000, 900], "devices": [{{"id": "d{n}", "ips": ["100.64.0.{n}"]}}]}}"#
                    )
                })
                .collect();
            let text = format!(
                r#"{{"schema": "weir.inventory/1", "circuits": [{}]}}"#,
                list.join(",")
            );
            let memory = Memory::new("inventory", &[("inventory.json", text.as_bytes())], "");
            let compiled = memory.expect("a project").compile(None);
            let found = compiled
                .findings
                .iter()
                .filter(|f| f.rule.code == RULE.code);
            found
                .map(|f| (f.level, f.subjects.len(), f.message.clone()))
                .collect()
        };
        assert_eq!(
            findings(4, 40),
            [(
                Level::Info,
                1,
                "4 of 40 circuits have street addresses in their names or comments, and so has every artifact".to_owned()
            )]
        );
        for (named, circuits) in [(2, 3), (3, 40)] {
            let found = findings(named, circuits);
            assert_eq!(found.len(), 1, "{found:?}");
            assert_eq!(
                (found[0].0, found[0].1),
                (Level::Warning, named),
                "{found:?}"
            );
        }
        assert_eq!(findings(0, 40), []);
    }

    #[test]
    fn mail_phone_and_street_are_told_from_names_and_numbers() {
        for (text, want) in [
            ("al.roe@mail.example", &[Kind::Mail][..]),
            ("Jo Doe <jo@doe.example>", &[Kind::Mail]),
            ("call +1 555 0100 199", &[Kind::Phone]),
            ("(0555) 123 4567", &[Kind::Phone]),
            ("0555-123-4567", &[Kind::Phone]),
            ("12 Mill Road", &[Kind::Street]),
            ("Mühlweg 12", &[Kind::Street]),
            ("Calle Mayor 3, jo@doe.example", &[Kind::Mail, Kind::Street]),
            ("Jo Doe", &[]),
            ("Subscriber 10442", &[]),
            ("service 1234567890", &[]),
            ("100.64.0.2 and 02:00:00:00:00:01", &[]),
            ("2026-03-01 12:00", &[]),
            ("AP @ Hill", &[]),
            ("Hill North 5", &[]),
            ("5904a1b2-0000-4000-8000-00000000000c", &[]),
        ] {
            let found: Vec<Kind> = kinds(text).collect();
            assert_eq!(found, want, "{text}");
        }
    }
}
