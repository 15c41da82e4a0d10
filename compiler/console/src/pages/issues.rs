//! Urgent Issues: what the build found and what the running system complains about, in one list, the gravest first.

use std::collections::BTreeMap;

use serde::Serialize;
use weir_schemas::findings::{Finding, Level, SubjectKind};

use super::done::Done;
use super::{Link, channel, to_circuit, to_node};
use crate::alarms::{self, Alarm};
use crate::app::App;
use crate::ask::{Ask, Pages, Reply, drawn, show};
use crate::engine::{Acknowledge, Acknowledgement, Answer, Explain, IssueLevel};
use crate::eyes::Eyes;
use crate::index::Index;
use crate::live::Silent;
use crate::show::{Count, Time, encoded, tame, tame_lines};

#[derive(Serialize, Debug)]
pub struct Issues {
    /// Not acknowledged, by level.
    pub errors: Count,
    pub warnings: Count,
    pub infos: Count,
    pub acknowledged: Count,
    /// What is shown: a code, or all of them when empty.
    pub code: String,
    /// Acknowledged ones are listed too.
    pub all: bool,
    /// The address that lists the others.
    pub toggle: String,
    pub groups: Vec<Group>,
    pub pages: Option<Pages>,
    /// The last day that an acknowledgement may be given for without thinking: a month from today.
    pub default_expiry: String,
}
drawn!(Issues, "issues.html");

/// Everything of one code.
#[derive(Serialize, Debug)]
pub struct Group {
    pub code: String,
    pub name: String,
    /// `error`, `warning`, `info`
    pub level: &'static str,
    pub total: Count,
    /// The address with all of them.
    pub href: String,
    pub rows: Vec<Item>,
    pub explain: Option<ExplainText>,
}

#[derive(Serialize, Debug)]
pub struct ExplainText {
    pub what: String,
    /// Empty where there is nothing to add.
    pub why: String,
    pub fix: String,
    /// There is a page with examples.
    pub examples: bool,
}

/// One issue.
#[derive(Serialize, Debug, Clone)]
pub struct Item {
    pub id: String,
    #[serde(skip)]
    pub code: String,
    #[serde(skip)]
    name: String,
    pub level: &'static str,
    /// `build`, or what noticed it.
    pub from: String,
    /// Null for viewers.
    pub message: Option<String>,
    pub help: Option<String>,
    pub subjects: Vec<Link>,
    /// `file:line:column`, most important first. Empty for viewers.
    pub locations: Vec<String>,
    pub since: Option<Time>,
    pub acknowledged: Option<Acked>,
    /// `suppressed`, `known`, `contained`, or empty.
    pub note: &'static str,
}

#[derive(Serialize, Debug, Clone)]
pub struct Acked {
    pub by: String,
    pub reason: Option<String>,
    pub expires: String,
}

impl Item {
    fn rank(&self) -> u8 {
        match self.level {
            "error" => 0,
            "warning" => 1,
            _ => 2,
        }
    }

    /// It counts: nobody has seen or suppressed it.
    pub fn is_open(&self) -> bool {
        self.acknowledged.is_none() && self.note != "suppressed"
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "info",
    }
}

fn of_finding(eyes: &Eyes, index: &Index, finding: &Finding<'_>) -> Item {
    // A finding may speak of what is not in the artifact any more: that has a name, and no page.
    let there = |link: Link, there: bool| Link {
        href: if there { link.href } else { String::new() },
        name: link.name,
    };
    let subjects = finding.subjects.iter().take(6).map(|s| match s.kind {
        SubjectKind::Circuit => there(
            to_circuit(eyes, &s.id, &s.name),
            index.circuit(&s.id).is_some(),
        ),
        SubjectKind::Node => there(
            to_node(eyes, &s.id, &s.name),
            index.node_at(&s.id).is_some(),
        ),
        SubjectKind::Link => Link {
            name: eyes.link(&s.id),
            href: String::new(),
        },
        SubjectKind::Device => Link {
            name: eyes.device(&s.id),
            href: String::new(),
        },
        SubjectKind::Source => Link {
            name: tame(&s.name),
            href: "/sources".to_owned(),
        },
        SubjectKind::Setting => Link {
            name: eyes.said(&s.id).unwrap_or_else(|| "a setting".to_owned()),
            href: String::new(),
        },
    });
    let locations = finding
        .locations
        .iter()
        .take(3)
        .filter_map(|l| eyes.said(&format!("{}:{}:{} {}", l.file, l.line, l.column, l.path)));
    Item {
        id: finding.fingerprint.as_ref().to_owned(),
        code: finding.code.as_ref().to_owned(),
        name: finding.name.as_ref().to_owned(),
        level: level(finding.level),
        from: "build".to_owned(),
        message: eyes.said(&finding.message),
        help: eyes.said(&finding.help),
        subjects: subjects.collect(),
        locations: locations.collect(),
        since: None,
        acknowledged: None,
        note: match finding {
            f if f.suppressed.is_some() => "suppressed",
            f if f.known => "known",
            f if f.contained => "contained",
            _ => "",
        },
    }
}

fn of_alarm(eyes: &Eyes, alarm: &Alarm) -> Item {
    Item {
        id: match alarm.about.as_str() {
            "" => format!("runtime:{}", alarm.code),
            about => format!("runtime:{}:{about}", alarm.code),
        },
        code: alarm.code.to_owned(),
        name: alarm.code.to_ascii_lowercase(),
        level: alarm.level.word(),
        from: "runtime".to_owned(),
        message: eyes.said(&alarm.message),
        help: Some(alarm.first.to_owned()),
        subjects: Vec::new(),
        locations: Vec::new(),
        since: alarm.since.clone().map(Time),
        acknowledged: None,
        note: "",
    }
}

/// What the runtime's own words come to.
fn of_runtime(app: &App, channel: &str) -> Answer<Vec<Alarm>> {
    match app.runtime.status() {
        Err(Silent::None) => Ok(Vec::new()),
        Err(error @ Silent::Failed(_)) => Ok(vec![alarms::silent(&error.to_string())]),
        Ok(status) => Ok(alarms::of(&status, app.head(channel)?.as_ref(), channel)),
    }
}

/// Everything that is open or acknowledged now.
pub fn collect(app: &App, eyes: &Eyes, channel: &str) -> Answer<Vec<Item>> {
    let alarms = of_runtime(app, channel)?;
    let mut items: Vec<Item> = alarms.iter().map(|a| of_alarm(eyes, a)).collect();
    items.extend(app.engine.issues()?.iter().map(|issue| Item {
        id: issue.id.clone(),
        code: tame(&issue.code),
        name: tame(&issue.code).to_ascii_lowercase(),
        level: match issue.level {
            IssueLevel::Error => "error",
            IssueLevel::Warning => "warning",
            IssueLevel::Info => "info",
        },
        from: tame(&issue.from),
        message: eyes.said(&issue.message),
        help: eyes.said(&issue.help),
        subjects: Vec::new(),
        locations: Vec::new(),
        since: Some(Time(issue.since.clone())),
        acknowledged: None,
        note: "",
    }));
    // What was built last is what somebody can mend; what runs was judged when it was promoted.
    let latest = app.engine.scheduler()?.latest.map(|l| l.digest);
    let index = match latest {
        Some(digest) => Some(app.index(&digest)?),
        None => app.shown("", channel)?,
    };
    if let Some(index) = index {
        let eyes = eyes.within(&index.digest);
        items.extend(index.findings.iter().map(|f| of_finding(&eyes, &index, f)));
    }
    let seen: BTreeMap<String, Acknowledgement> = app
        .engine
        .acknowledgements()?
        .into_iter()
        .map(|a| (a.id.clone(), a))
        .collect();
    for item in &mut items {
        item.acknowledged = seen.get(&item.id).map(|a| Acked {
            by: eyes.person(&a.by),
            reason: eyes.said(&a.reason),
            expires: tame(&a.expires),
        });
    }
    items.sort_by(|a, b| (a.rank(), &a.code, &a.id).cmp(&(b.rank(), &b.code, &b.id)));
    Ok(items)
}

/// Issues of one code on the page of all, and on its own page.
const FEW: usize = 4;
const MANY: usize = 50;
/// Codes on the page of all.
const GROUPS: usize = 40;

pub fn issues(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let items = collect(app, &eyes, &channel)?;
    let count = |level: &str| {
        let of = items.iter().filter(|i| i.level == level && i.is_open());
        Count::of(of.count())
    };
    let (errors, warnings, infos) = (count("error"), count("warning"), count("info"));
    let acknowledged = items.iter().filter(|i| i.acknowledged.is_some()).count();
    let all = ask.get("show") == "all";
    let code = ask.get("code");
    let wanted = |item: &&Item| (all || item.is_open()) && (code.is_empty() || item.code == code);
    let wanted: Vec<&Item> = items.iter().filter(wanted).collect();
    let mut pages = None;
    let mut groups: Vec<Group> = Vec::new();
    for of_code in wanted.chunk_by(|a, b| a.code == b.code && a.level == b.level) {
        if groups.len() == GROUPS {
            break;
        }
        let first = of_code[0];
        let rows: Vec<Item> = match code {
            "" => of_code.iter().take(FEW).map(|i| (*i).clone()).collect(),
            _ => {
                let (state, range) = Pages::of(ask, of_code.len(), MANY);
                pages = Some(state);
                of_code[range].iter().map(|i| (*i).clone()).collect()
            }
        };
        let explain = match first.from.as_str() {
            "build" => app.engine.explain(&first.code).ok().map(|e| ExplainText {
                what: tame_lines(&e.what),
                why: tame_lines(&e.why),
                fix: tame_lines(&e.fix),
                examples: true,
            }),
            "runtime" => alarms::find(&first.code).map(|kind| ExplainText {
                what: kind.what.to_owned(),
                why: String::new(),
                fix: kind.first.to_owned(),
                examples: false,
            }),
            _ => None,
        };
        groups.push(Group {
            code: tame(&first.code),
            name: tame(&first.name),
            level: first.level,
            total: Count::of(of_code.len()),
            href: ask.with("code", &first.code),
            rows,
            explain,
        });
    }
    let page = Issues {
        errors,
        warnings,
        infos,
        acknowledged: Count::of(acknowledged),
        code: tame(code),
        all,
        toggle: ask.with("show", if all { "" } else { "all" }),
        groups,
        pages,
        default_expiry: in_days(30),
    };
    show(app, ask, "Urgent Issues", &page)
}

/// A day from now, as a date.
pub fn in_days(days: i64) -> String {
    let then = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * days);
    then.strftime("%Y-%m-%d").to_string()
}

/// A rule, explained.
#[derive(Serialize, Debug)]
struct Explained {
    #[serde(flatten)]
    rule: Explain,
    href: String,
}
drawn!(Explained, "explain.html");

pub fn explain(app: &App, ask: &Ask) -> Answer<Reply> {
    let rule = app.engine.explain(ask.get("rule"))?;
    let page = Explained {
        href: format!("/issues?code={}", encoded(&rule.code)),
        rule,
    };
    show(app, ask, "A rule explained", &page)
}

pub fn acknowledge(app: &App, ask: &Ask) -> Answer<Reply> {
    let what = Acknowledge {
        id: ask.wanted("id", "the issue")?.to_owned(),
        code: ask.wanted("code", "the code")?.to_owned(),
        reason: ask.wanted("reason", "the reason")?.to_owned(),
        expires: ask.wanted("expires", "the day it expires")?.to_owned(),
    };
    if what.expires.parse::<jiff::civil::Date>().is_err() {
        return Err(crate::engine::Problem::Invalid {
            field: "expires".to_owned(),
            message: "write the day as 2026-12-31".to_owned(),
        });
    }
    app.engine.acknowledge(ask.by(), &what)?;
    let mut done = Done::new("Acknowledged", "/issues", "Urgent Issues");
    done.notes.push(format!(
        "It stays listed under \"all\", and is open again after {}.",
        tame(&what.expires)
    ));
    done.show(app, ask)
}

pub fn unacknowledge(app: &App, ask: &Ask) -> Answer<Reply> {
    app.engine
        .unacknowledge(ask.by(), ask.wanted("id", "the issue")?)?;
    Done::new("It counts again", "/issues", "Urgent Issues").show(app, ask)
}
