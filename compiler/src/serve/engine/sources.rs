//! Sources for the console: what each is set to and where that is written, how the last reading went, and a test of the
//! connection. A secret is shown as where it is kept, never as what it is.

use std::path::Path;

use toml_edit::{DocumentMut, Item, Table};
use weir_compiler::config::project::SourceKind as Kind;
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::lock::Lock;
use weir_compiler::report::plain;
use weir_compiler::source_map::SourceMap;
use weir_console::engine::{
    Answer, Field, FieldKind, Problem, Setting, Source, SourceKind, TestResult, TestStep,
};
use weir_fetch::crm;

use super::{Caller, problem, remembered};
use crate::cli::doctor::{State, ask};
use crate::cli::sources::runtime;
use crate::cli::store::is_open_to_others;
use crate::serve::run::now;
use crate::serve::scheduler::seconds;

/// Keys of a source that hold a secret.
pub const SECRETS: [&str; 3] = ["key", "secret", "password"];

/// Keys of a source in the order of the documentation, but for its name and kind.
const KEYS: [&str; 15] = [
    "url",
    "export",
    "key",
    "secret",
    "user",
    "password",
    "auth",
    "tenant",
    "domain",
    "token_url",
    "ca",
    "tls_pin",
    "timeout",
    "enabled",
    "table",
];

/// `weir.toml` as text, and as what can be edited.
pub fn document(dir: &Path) -> Answer<(String, DocumentMut)> {
    let path = dir.join(config::FILE_NAME);
    let text = std::fs::read_to_string(&path).map_err(|error| {
        Problem::failed(format!("{} cannot be read: {error}", config::FILE_NAME))
    })?;
    let document: Result<DocumentMut, _> = text.parse();
    match document {
        Ok(document) => Ok((text, document)),
        Err(_) => Err(Problem::Failed {
            message: format!("{} is not valid TOML", config::FILE_NAME),
            help: "`weir check` shows where".to_owned(),
        }),
    }
}

/// The tables `[[source]]`.
pub fn tables(document: &DocumentMut) -> Vec<&Table> {
    let list = document.get("source").and_then(Item::as_array_of_tables);
    list.into_iter().flatten().collect()
}

/// What a source is called: its name, else its kind.
pub fn name_of(table: &Table) -> &str {
    let text = |key| table.get(key).and_then(Item::as_str);
    text("name").or_else(|| text("kind")).unwrap_or_default()
}

pub fn list(caller: &Caller) -> Answer<Vec<Source>> {
    let dir = caller.dir();
    let (_, document) = document(dir)?;
    let state = caller.scheduler.state().map_err(|e| remembered(&e))?;
    let mut files = SourceMap::default();
    let project = config::load(dir, &mut files, &CliOverrides::default()).ok();
    let lock = Lock::read(dir).unwrap_or_default();
    let mut sources = Vec::new();
    for (index, table) in tables(&document).into_iter().enumerate() {
        let name = name_of(table).to_owned();
        let network = table.get("url").is_some() && table.get("export").is_none();
        let line = |key: &str| match &project {
            Some(project) => {
                let at = files.locate(&project.place(format!("source.{index}.{key}")));
                format!("{}:{}", config::FILE_NAME, at.line)
            }
            None => config::FILE_NAME.to_owned(),
        };
        let locked = lock.of(&name).filter(|_| network);
        let read = locked.and_then(|locked| locked.fetched.parse::<jiff::Timestamp>().ok());
        sources.push(Source {
            kind: table
                .get("kind")
                .and_then(Item::as_str)
                .unwrap_or_default()
                .to_owned(),
            enabled: table.get("enabled").and_then(Item::as_bool).unwrap_or(true),
            network,
            settings: settings(dir, table, &line, network),
            last: state.fetched.get(&name).cloned(),
            as_of: locked.map(|locked| locked.fetched.clone()),
            age_seconds: read.and_then(|read| u64::try_from(seconds() - read.as_second()).ok()),
            max_age_seconds: project
                .as_ref()
                .map(|project| project.guard.max_source_age_seconds),
            permissions: state.permissions.get(&name).cloned().unwrap_or_default(),
            name,
        });
    }
    Ok(sources)
}

fn settings(
    dir: &Path,
    table: &Table,
    line: &dyn Fn(&str) -> String,
    network: bool,
) -> Vec<Setting> {
    let mut settings = Vec::new();
    for key in KEYS {
        let secret = SECRETS.contains(&key);
        let Some(item) = table.get(key) else {
            if key == "timeout" && network {
                settings.push(Setting {
                    key: key.to_owned(),
                    value: "10m".to_owned(),
                    secret: false,
                    from: "default".to_owned(),
                    fault: None,
                });
            }
            continue;
        };
        let (value, fault) = match secret {
            true => reference(dir, item),
            false => (shown(item), None),
        };
        settings.push(Setting {
            key: key.to_owned(),
            value,
            secret,
            from: line(key),
            fault,
        });
    }
    settings
}

/// A value as people write it. What stands before an `@` in an address may be a password.
fn shown(item: &Item) -> String {
    let text = match item {
        Item::Value(value) => match value.as_str() {
            Some(text) => text.to_owned(),
            None => value.clone().decorated("", "").to_string(),
        },
        Item::Table(_) => "[source.table]".to_owned(),
        _ => String::new(),
    };
    let text = plain(&text).into_owned();
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}***{}", &text[..scheme + 3], &text[at..])
        }
        _ => text,
    }
}

/// Where a secret is kept, and what is wrong with that place.
fn reference(dir: &Path, item: &Item) -> (String, Option<String>) {
    let table = item.as_table_like();
    let place = |kind: &str| table.and_then(|t| t.get(kind)?.as_str().map(str::to_owned));
    if let Some(path) = place("file") {
        let full = dir.join(&path);
        let fault = match full.is_file() {
            false => Some("the file is not there".to_owned()),
            true => is_open_to_others(&full)
                .then(|| "others can read the file: it wants mode 0600".to_owned()),
        };
        return (format!("file {}", plain(&path)), fault);
    }
    if let Some(name) = place("env") {
        let fault = std::env::var_os(&name)
            .is_none()
            .then(|| "it is not set".to_owned());
        return (format!("env {}", plain(&name)), fault);
    }
    if let Some(name) = place("credential") {
        let there = std::env::var_os("CREDENTIALS_DIRECTORY")
            .is_some_and(|dir| Path::new(&dir).join(&name).is_file());
        let fault = (!there).then(|| "systemd gave no such credential".to_owned());
        return (format!("credential {}", plain(&name)), fault);
    }
    let fault = "a secret may only be referred to: { file = \"..\" }, { env = \"..\" }, { credential = \"..\" }";
    ("written out".to_owned(), Some(fault.to_owned()))
}

/// The kinds that a form can make: every CRM, and directories with files of ours or of LibreQoS.
pub fn kinds() -> Vec<SourceKind> {
    let mut kinds: Vec<SourceKind> = crm::CRMS.iter().map(|crm| of_crm(crm)).collect();
    for (kind, title) in [
        (Kind::Inventory, "Inventory (own JSON)"),
        (Kind::Libreqos, "LibreQoS directory"),
    ] {
        kinds.push(SourceKind {
            kind: kind.word().to_owned(),
            title: title.to_owned(),
            needs: String::new(),
            fields: vec![
                field(
                    "export",
                    "Directory",
                    "Directory with the files, relative to the project.",
                    FieldKind::Text,
                    true,
                    "",
                ),
                enabled(),
            ],
        });
    }
    kinds.sort_by(|a, b| a.kind.cmp(&b.kind));
    kinds
}

fn enabled() -> Field {
    field(
        "enabled",
        "Enabled",
        "Off leaves this source out.",
        FieldKind::Switch,
        false,
        "true",
    )
}

fn of_crm(crm: &crm::Crm) -> SourceKind {
    let mut fields = vec![field(
        "url",
        "Address",
        "Address of the CRM, as browsers reach it.",
        FieldKind::Url,
        true,
        "",
    )];
    for need in crm.needs {
        let kind = match need.setting {
            key if SECRETS.contains(&key) => FieldKind::Secret,
            "auth" => FieldKind::Choice(
                config::project::AuthWord::ALL
                    .map(|word| word.word().to_owned())
                    .into(),
            ),
            "tenant" => FieldKind::Number,
            "url" => continue,
            key if key.ends_with("_url") => FieldKind::Url,
            _ => FieldKind::Text,
        };
        let default = if need.setting == "auth" {
            "signature"
        } else {
            ""
        };
        let label = label(need.setting);
        fields.push(field(
            need.setting,
            &label,
            need.what,
            kind,
            need.always,
            default,
        ));
    }
    for (key, help, default) in [
        (
            "ca",
            "File with the certificate authority that signed the CRM's certificate.",
            "",
        ),
        (
            "tls_pin",
            "Digest of a self-signed certificate, sha256:..., as `weir doctor` prints it.",
            "",
        ),
        ("timeout", "How long reading the whole CRM may take.", "10m"),
    ] {
        fields.push(field(
            key,
            &label(key),
            help,
            FieldKind::Text,
            false,
            default,
        ));
    }
    fields.push(enabled());
    SourceKind {
        kind: crm.kind.to_owned(),
        title: crm.label.to_owned(),
        needs: crm.key.to_owned(),
        fields,
    }
}

fn field(
    key: &str,
    label: &str,
    help: &str,
    kind: FieldKind,
    required: bool,
    default: &str,
) -> Field {
    Field {
        key: key.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        kind,
        required,
        default: default.to_owned(),
    }
}

/// `tls_pin` as `Tls pin`.
fn label(key: &str) -> String {
    let words = key.replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

pub fn test(caller: &Caller, name: &str) -> Answer<TestResult> {
    let config = caller.config()?;
    let Some(live) = config.live.iter().find(|live| live.source == name) else {
        return Err(
            match config.sources.iter().any(|source| source.name == name) {
                true => Problem::Invalid {
                    field: String::new(),
                    message: format!(
                        "source {} is read from recorded files; there is nobody to ask",
                        plain(name)
                    ),
                },
                false => Problem::NotFound {
                    message: format!("there is no source {}", plain(name)),
                },
            },
        );
    };
    let runtime = runtime().map_err(|stop| problem(&stop))?;
    let lines = ask(caller.dir(), live, &runtime);
    let steps: Vec<TestStep> = lines
        .into_iter()
        .map(|line| {
            let about = line
                .subject
                .strip_prefix(name)
                .unwrap_or(&line.subject)
                .trim();
            TestStep {
                what: if about.is_empty() { "connect" } else { about }.to_owned(),
                ok: line.state != State::Fail,
                detail: line.what,
                help: line.fix,
            }
        })
        .collect();
    Ok(TestResult {
        ok: !steps.is_empty() && steps.iter().all(|step| step.ok),
        time: now(),
        steps,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crm_has_a_form_and_secrets_are_write_only() {
        let kinds = kinds();
        for crm in crm::CRMS {
            let kind = kinds
                .iter()
                .find(|kind| kind.kind == crm.kind)
                .expect("a form");
            assert_eq!(kind.fields[0].key, "url");
            for field in &kind.fields {
                let known = KEYS.contains(&field.key.as_str());
                assert!(
                    known,
                    "{} of {} is no key of weir.toml",
                    field.key, crm.kind
                );
                assert_eq!(
                    SECRETS.contains(&field.key.as_str()),
                    field.kind == FieldKind::Secret
                );
            }
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let text = "[[source]]\nkind = \"x\"\nkey = \"hunter2\"\nurl = \"https://jo:hunter2@crm.example/api\"\n\
                    secret = { file = \"none\" }\npassword = { env = \"NO_SUCH_VARIABLE_9\" }\n";
        let document: DocumentMut = text.parse().unwrap();
        let table = tables(&document)[0];
        let settings = settings(dir.path(), table, &|key| key.to_owned(), false);
        let of = |key: &str| settings.iter().find(|s| s.key == key).unwrap();
        assert_eq!(of("url").value, "https://***@crm.example/api");
        assert_eq!(of("secret").value, "file none");
        assert_eq!(of("secret").fault.as_deref(), Some("the file is not there"));
        assert_eq!(of("password").value, "env NO_SUCH_VARIABLE_9");
        assert!(of("password").fault.is_some() && of("key").fault.is_some());
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
