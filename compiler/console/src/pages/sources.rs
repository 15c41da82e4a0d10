//! Integrations: every source with its settings, how it does, a test of its connection, and its form. Secrets go in
//! and never come out.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Link;
use super::done::Done;
use super::home::{SourceTile, source_tile};
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show, show_as};
use crate::engine::{Answer, Field, FieldKind, Problem, Secret, Source, SourceEdit, SourceKind};
use crate::show::{Count, Time, Took, encoded, tame};

#[derive(Serialize, Debug)]
pub struct SourcesPage {
    pub in_git: bool,
    pub sources: Vec<SourceRow>,
    pub kinds: Vec<Link>,
}
drawn!(SourcesPage, "sources.html");

#[derive(Serialize, Debug)]
pub struct SourceRow {
    #[serde(flatten)]
    pub tile: SourceTile,
    pub enabled: bool,
    pub network: bool,
    pub href: String,
    /// Empty for viewers.
    pub settings: Vec<SettingRow>,
    pub last: Option<Last>,
    pub as_of: Option<Time>,
    pub permissions: Vec<PermissionRow>,
}

#[derive(Serialize, Debug)]
pub struct SettingRow {
    pub key: String,
    pub value: String,
    pub secret: bool,
    pub from: String,
    pub fault: Option<String>,
}

#[derive(Serialize, Debug)]
pub struct Last {
    pub time: Time,
    pub ok: bool,
    pub message: Option<String>,
    pub took: Took,
    pub records: Vec<(String, Count)>,
}

#[derive(Serialize, Debug)]
pub struct PermissionRow {
    pub what: String,
    pub ok: Option<bool>,
    pub detail: Option<String>,
}

pub fn sources(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let row = |source: &Source| {
        let settings = source.settings.iter().filter(|_| eyes.is_operator());
        SourceRow {
            tile: source_tile(source),
            enabled: source.enabled,
            network: source.network,
            href: format!("/source?name={}", encoded(&source.name)),
            settings: settings
                .map(|s| SettingRow {
                    key: tame(&s.key),
                    value: tame(&s.value),
                    secret: s.secret,
                    from: tame(&s.from),
                    fault: s.fault.as_deref().map(tame),
                })
                .collect(),
            last: source.last.as_ref().map(|last| Last {
                time: Time(last.time.clone()),
                ok: last.ok,
                message: eyes.said(&last.message),
                took: Took(last.milliseconds),
                records: last
                    .records
                    .iter()
                    .map(|r| (tame(&r.collection), Count(r.count)))
                    .collect(),
            }),
            as_of: source.as_of.clone().map(Time),
            permissions: source
                .permissions
                .iter()
                .map(|p| PermissionRow {
                    what: tame(&p.what),
                    ok: p.ok,
                    detail: eyes.said(&p.detail).filter(|d| !d.is_empty()),
                })
                .collect(),
        }
    };
    let kinds = app.engine.source_kinds()?;
    let page = SourcesPage {
        in_git: app.project()?.in_git,
        sources: app.engine.sources()?.iter().map(row).collect(),
        kinds: kinds
            .iter()
            .filter(|_| eyes.is_operator())
            .map(|kind| Link {
                name: tame(&kind.title),
                href: format!("/source?kind={}", encoded(&kind.kind)),
            })
            .collect(),
    };
    show(app, ask, "Integrations", &page)
}

/// The form of one source.
#[derive(Serialize, Debug)]
struct EditPage {
    /// Empty for a new one.
    name: String,
    kind: String,
    title: String,
    needs: String,
    in_git: bool,
    fields: Vec<FieldRow>,
}
drawn!(EditPage, "source.html");

#[derive(Serialize, Debug)]
struct FieldRow {
    key: String,
    label: String,
    help: String,
    /// `text`, `url`, `number`, `switch`, `choice`, `secret`
    kind: &'static str,
    choices: Vec<String>,
    required: bool,
    default: String,
    /// As it is now; of a secret only where it is kept.
    value: String,
}

fn field(field: &Field, source: Option<&Source>) -> FieldRow {
    let setting = source.and_then(|s| s.settings.iter().find(|s| s.key == field.key));
    let stated = setting.filter(|s| s.from != "default");
    FieldRow {
        key: field.key.clone(),
        label: tame(&field.label),
        help: tame(&field.help),
        kind: match &field.kind {
            FieldKind::Text => "text",
            FieldKind::Url => "url",
            FieldKind::Number => "number",
            FieldKind::Switch => "switch",
            FieldKind::Choice(_) => "choice",
            FieldKind::Secret => "secret",
        },
        choices: match &field.kind {
            FieldKind::Choice(words) => words.iter().map(|w| tame(w)).collect(),
            FieldKind::Switch => vec!["true".to_owned(), "false".to_owned()],
            _ => Vec::new(),
        },
        required: field.required,
        default: tame(&field.default),
        value: stated.map(|s| tame(&s.value)).unwrap_or_default(),
    }
}

fn found(app: &App, name: &str) -> Answer<Source> {
    let sources = app.engine.sources()?;
    let source = sources.into_iter().find(|s| s.name == name);
    source.ok_or_else(|| Problem::NotFound {
        message: "there is no such source in weir.toml".to_owned(),
    })
}

fn known(app: &App, kind: &str) -> Answer<SourceKind> {
    let kinds = app.engine.source_kinds()?;
    let kind = kinds.into_iter().find(|k| k.kind == kind);
    kind.ok_or_else(|| Problem::NotFound {
        message: "there is no such kind of source".to_owned(),
    })
}

pub fn edit(app: &App, ask: &Ask) -> Answer<Reply> {
    let source = match ask.get("name") {
        "" => None,
        name => Some(found(app, name)?),
    };
    let kind = source.as_ref().map_or(ask.get("kind"), |s| &s.kind);
    let kind = known(app, kind)?;
    let fields = kind.fields.iter().map(|f| field(f, source.as_ref()));
    let page = EditPage {
        fields: fields.collect(),
        name: source.map(|s| s.name).unwrap_or_default(),
        title: tame(&kind.title),
        needs: tame(&kind.needs),
        kind: kind.kind,
        in_git: app.project()?.in_git,
    };
    show(app, ask, "Source", &page)
}

pub fn save(app: &App, ask: &Ask) -> Answer<Reply> {
    let name = Some(ask.field("name").to_owned()).filter(|n| !n.is_empty());
    let kind = known(app, ask.wanted("kind", "the kind")?)?;
    let mut settings = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    for field in &kind.fields {
        let sent = ask
            .form
            .iter()
            .find(|(name, _)| *name == format!("set.{}", field.key));
        let Some((_, value)) = sent else { continue };
        match (&field.kind, value.as_str()) {
            // A secret that is not typed stays as it is.
            (FieldKind::Secret, "") => {}
            (FieldKind::Secret, secret) => {
                secrets.insert(field.key.clone(), Secret::new(secret.to_owned()));
            }
            (_, value) => {
                settings.insert(field.key.clone(), value.trim().to_owned());
            }
        }
    }
    let edit = SourceEdit {
        new_name: match &name {
            Some(name) => name.clone(),
            None => ask.wanted("new_name", "the name")?.to_owned(),
        },
        name,
        kind: kind.kind,
        settings,
        secrets,
    };
    let written = app.engine.edit_source(ask.by(), &edit)?;
    Done::edit("Source", &written, "/sources", "Integrations").show(app, ask)
}

/// How a test went.
#[derive(Serialize, Debug)]
struct TestPage {
    name: String,
    ok: bool,
    time: Time,
    steps: Vec<StepRow>,
}
drawn!(TestPage, "source_test.html");

#[derive(Serialize, Debug)]
struct StepRow {
    what: String,
    ok: bool,
    detail: String,
    help: String,
}

pub fn test(app: &App, ask: &Ask) -> Answer<Reply> {
    let name = ask.wanted("name", "the source")?;
    let result = app.engine.test_source(name)?;
    let page = TestPage {
        name: tame(name),
        ok: result.ok,
        time: Time(result.time),
        steps: result
            .steps
            .iter()
            .map(|step| StepRow {
                what: tame(&step.what),
                ok: step.ok,
                detail: tame(&step.detail),
                help: tame(&step.help),
            })
            .collect(),
    };
    show_as(
        app,
        ask,
        axum::http::StatusCode::OK,
        "Test of a connection",
        &page,
    )
}
