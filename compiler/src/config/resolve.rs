//! `weir.toml` as written -> [`Project`]: defaults, cross checks, and everything that is wrong, all at once.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use serde::Deserialize;
use toml::de::DeTable;
use weir_store::sha256;

use crate::config::check::{Check, list, rule};
use crate::config::date::Date;
use crate::config::error::{ConfigError, Problem};
use crate::config::file::{self, BurstWord, File, ModeWord, OvercommitWord};
use crate::config::lone::Lone;
use crate::config::overrides::{Overrides, load as load_overrides};
use crate::config::project::{
    Addresses, AuthWord, Channel, FailOn, Guard, KeyRef, LevelSetting, Lint, Live, Merge, Metric,
    Project, Publish, Rates, Remote, Schedule, SecretFile, SecretPlace, Shaper, ShaperMode,
    Signing, Simplify, Source, SourceKind, Suppression, Suspended, SuspendedPolicy, Target,
    Topology,
};
use crate::config::suggest::nearest;
use crate::config::value::{At, Secret, Span, SwitchOrWord, TextOrList};
use crate::config::{digest, init, keys, mask, schema};
use crate::ir::field::Field;
use crate::ir::merge::JoinKey;
use crate::ir::records::{LeafKind, Origin};
use crate::ir::tree::Strategy;
use crate::lint::rules;
use crate::source_map::{Format, SourceFile, SourceMap};
use crate::units::{Kbps, MBPS, Pair, PerMille, parse_rate};

/// Settings of the command line that stand above the file.
#[derive(Clone, Default, Debug)]
pub struct CliOverrides {
    pub strategy: Option<Strategy>,
    /// The `[target.NAME]` to build for.
    pub target: Option<String>,
    /// The day it is for what ends on one. The only clock of a compilation.
    pub as_of: Option<Date>,
}

/// As few generations and artifacts as a store may be left with.
const FEWEST: u64 = 50;

/// The name of the file, and of the project's configuration in every message.
pub const FILE_NAME: &str = "weir.toml";

/// What a LibreQoS directory without `weir.toml` is shown as.
/// What the configuration of a directory or a file without one is called.
pub const ASSUMED: &str = "weir.toml (assumed)";

/// Reads the project in `dir`. A LibreQoS directory needs no `weir.toml`.
pub fn load(
    dir: &Path,
    files: &mut SourceMap,
    overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    let path = dir.join(FILE_NAME);
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return match init::assumed(dir) {
                Some(text) => {
                    let mut project = load_text(ASSUMED, &text, files, overrides)?;
                    project.overrides = load_overrides(dir, files)?;
                    Ok(project)
                }
                None => Err(missing(dir)),
            };
        }
        Err(e) => {
            let message = format!("{} cannot be read: {e}", path.display());
            let mut error = ConfigError::whole(FILE_NAME, message, "");
            error.outside = true;
            return Err(error);
        }
    };
    match String::from_utf8(bytes) {
        Ok(text) => {
            let mut project = load_str(&text, files, overrides)?;
            project.overrides = load_overrides(dir, files)?;
            for secret in &mut project.secret_files {
                secret.mode = mode(&dir.join(&secret.path));
            }
            Ok(project)
        }
        Err(e) => Err(ConfigError::whole(
            FILE_NAME,
            format!(
                "{} is not UTF-8 from byte {} on",
                path.display(),
                e.utf8_error().valid_up_to() + 1
            ),
            "save it as UTF-8",
        )),
    }
}

/// Permission bits of a file; nothing of what is in it.
#[cfg(unix)]
fn mode(path: &Path) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let metadata = std::fs::metadata(path).ok()?;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &Path) -> Option<u32> {
    None
}

/// Reads a project from the text of its `weir.toml`.
pub fn load_str(
    text: &str,
    files: &mut SourceMap,
    overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    load_text(FILE_NAME, text, files, overrides)
}

/// The project that reads a single file.
pub fn load_alone(
    lone: &Lone,
    files: &mut SourceMap,
    overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    load_text(ASSUMED, &lone.project(), files, overrides)
}

fn missing(dir: &Path) -> ConfigError {
    let shown = dir.display();
    if dir.is_dir() {
        ConfigError::whole(
            FILE_NAME,
            format!("there is no weir.toml in {shown}"),
            format!(
                "`weir init {shown}` writes one; a LibreQoS directory needs none, if it holds both network.json and \
                 ShapedDevices.csv"
            ),
        )
    } else {
        ConfigError::whole(
            FILE_NAME,
            format!("{shown} is not a directory"),
            format!(
                "name the directory of a project, one with a weir.toml; `weir init {shown}` makes one"
            ),
        )
    }
}

fn load_text(
    name: &str,
    text: &str,
    files: &mut SourceMap,
    overrides: &CliOverrides,
) -> Result<Project, ConfigError> {
    let (root, syntax) = DeTable::parse_recoverable(text);
    let fail = |problems| ConfigError::new(name, mask::secrets(text, root.get_ref()), problems);
    // The first syntax error only: the others are mostly its echo.
    if let Some(error) = syntax.into_iter().min_by_key(|e| e.span().map(|s| s.start)) {
        return Err(fail(vec![Problem {
            message: format!("not valid TOML: {}", one_line(error.message())),
            help: "correct it there, then `weir check`; text stands in quotes, a section in [brackets], a list too".to_owned(),
            span: error.span(),
        }]));
    }
    let mut problems = Vec::new();
    keys::unknown(root.get_ref(), &schema::SCHEMA, &mut problems);
    if !problems.is_empty() {
        return Err(fail(problems));
    }
    let file = match File::deserialize(toml::de::Deserializer::from(root.clone())) {
        Ok(file) => file,
        Err(error) => return Err(fail(vec![wrong_type(&error, root.get_ref())])),
    };
    let id = files.add(SourceFile {
        path: name.to_owned(),
        format: Format::Toml,
        bytes: Arc::new(text.as_bytes().to_vec()),
        transcoded: None,
        digest: sha256(text.as_bytes()),
    });
    let mut check = Check {
        text,
        problems: Vec::new(),
    };
    let mut project = check.project(&file, files.whole(id), overrides);
    if !check.problems.is_empty() {
        return Err(fail(check.problems));
    }
    project.digest = digest::settings(&project);
    Ok(project)
}

/// What serde says about a value, in our words: "`topology.max_depth` must be a whole number, not string \"7\"".
pub(super) fn wrong_type(error: &toml::de::Error, root: &DeTable<'_>) -> Problem {
    let span = error.span();
    let key = span.as_ref().map(|s| keys::key_at(root, s));
    let key = key
        .filter(|k| !k.is_empty())
        .unwrap_or_else(|| "a value".to_owned());
    let said = one_line(error.message());
    let bare = said
        .strip_prefix("invalid type: ")
        .or_else(|| said.strip_prefix("invalid value: "));
    let (message, help) = match bare.and_then(|bare| bare.rsplit_once(", expected ")) {
        Some((found, wanted)) => {
            let wanted = plain(wanted);
            let text = found.strip_prefix("string ");
            let help = match text.map(|text| (text, text.trim_matches('"'))) {
                Some((_, "true" | "false")) if wanted.contains("true") => "take the quotes away",
                Some((_, bare)) if wanted.contains("number") && parse_rate(bare, MBPS).is_ok() => {
                    "take the quotes away"
                }
                Some((text, _)) if wanted.contains("list") => &format!("write [{text}]"),
                _ => "",
            };
            (
                format!("`{key}` must be {wanted}, not {found}"),
                help.to_owned(),
            )
        }
        // toml's inner name for a date, where a table is wanted.
        None if said.contains("$__toml") => (format!("`{key}` cannot be a date"), String::new()),
        None => (format!("`{key}`: {said}"), String::new()),
    };
    Problem {
        message,
        help,
        span,
    }
}

/// serde's names of types, for people who write files.
fn plain(wanted: &str) -> &str {
    match wanted {
        "a string" => "text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in brackets",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}

fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The files that the sources take their secrets from.
fn secret_files(file: &File) -> Vec<SecretFile> {
    let mut files = Vec::new();
    for (index, written) in file.source.iter().enumerate() {
        let source = &written.value;
        let name = source.name.as_ref().map_or("", |name| name.value.as_str());
        for (key, secret) in [("key", &source.key), ("secret", &source.secret)] {
            if let Some(Secret::Reference(reference)) = secret.as_ref().map(|s| &s.value)
                && let Some(path) = &reference.file
            {
                files.push(SecretFile {
                    source: name.to_owned(),
                    route: format!("source.{index}.{key}"),
                    path: path.value.clone(),
                    mode: None,
                });
            }
        }
    }
    files
}

impl Check<'_> {
    fn project(&mut self, file: &File, origin: Origin, overrides: &CliOverrides) -> Project {
        let name = self.label("project.name", &file.project.name);
        let (sources, merge) = self.sources(file);
        let live = self.live(file, &sources);
        let (store, remote) = self.store(&file.store);
        Project {
            name: name.unwrap_or_else(|| "weir".to_owned()),
            file: origin,
            sources,
            merge,
            live,
            topology: self.topology(&file.topology, overrides),
            rates: self.rates(&file.rates),
            suspended: Suspended {
                policy: self.word(
                    "suspended.policy",
                    &file.suspended.policy,
                    SuspendedPolicy::Keep,
                ),
                slow: self.mbps(
                    "suspended.slow_mbps",
                    &file.suspended.slow_mbps,
                    Kbps(100),
                    1,
                ),
            },
            addresses: Addresses {
                allow: self.prefixes("addresses.allow", &file.addresses.allow),
                ignore: self.prefixes("addresses.ignore", &file.addresses.ignore),
            },
            lint: self.lint(&file.lint),
            guard: self.guard(&file.guard),
            target: self.target(file, overrides),
            store,
            remote,
            overrides: Overrides::default(),
            as_of: overrides.as_of,
            secret_files: secret_files(file),
            channels: self.channels(file),
            signing: self.signing(&file.signing),
            publish: self.publish(&file.publish),
            schedule: self.schedule(file),
            digest: String::new(),
        }
    }

    /// In order of precedence, and how they are merged.
    fn sources(&mut self, file: &File) -> (Vec<Source>, Merge) {
        if file.source.is_empty() {
            self.problem(
                None,
                "weir.toml names no source",
                "add one: [[source]] with kind = \"uisp\" and export = \"DIR\"; `weir init` shows a whole file",
            );
        }
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        let mut sources = Vec::new();
        for (index, written) in file.source.iter().enumerate() {
            let (name, source) = self.source(index, written);
            let Some(name) = name else { continue };
            let span = written
                .value
                .name
                .as_ref()
                .map_or(&written.span, |n| &n.span);
            if names.insert(name.clone(), index).is_some() {
                self.problem(
                    Some(span),
                    format!("two sources have the name `{name}`"),
                    "give each [[source]] its own name = \"..\"",
                );
            }
            sources.extend(source);
        }
        if sources.is_empty() && !file.source.is_empty() && self.problems.is_empty() {
            self.problem(
                Some(&file.source[0].span),
                "every source is switched off",
                "take enabled = false away from one of them",
            );
        }
        self.precedence(&file.merge, &names, &mut sources);
        let merge = self.merge(&file.merge, &names, &sources);
        (sources, merge)
    }

    /// The source's name, when it can be known, and the source, when it is switched on and right.
    fn source(
        &mut self,
        index: usize,
        written: &At<file::Source>,
    ) -> (Option<String>, Option<Source>) {
        let source = &written.value;
        let before = self.problems.len();
        let kind = match &source.kind {
            Some(word) => self.lookup("source.kind", word),
            None => {
                self.problem(
                    Some(&written.span),
                    "a source has no `kind`",
                    format!(
                        "add kind = \"..\": one of {}",
                        list(SourceKind::ALL.map(SourceKind::word))
                    ),
                );
                None
            }
        };
        let name = match &source.name {
            Some(name) => self.slug("source.name", name),
            None => source.kind.as_ref().map(|kind| kind.value.text.clone()),
        };
        let shown = name.clone().unwrap_or_else(|| "?".to_owned());
        self.secret(&shown, "key", &source.key);
        self.secret(&shown, "secret", &source.secret);
        self.secret(&shown, "password", &source.password);
        self.label("source.ca", &source.ca);
        if let Some(pin) = &source.tls_pin
            && !is_pin(&pin.value)
        {
            self.problem(
                Some(&pin.span),
                format!("`tls_pin` of source `{shown}` is not a digest"),
                "write \"sha256:..\", as `weir doctor` prints it",
            );
        }
        let url = self.url(&shown, "url", &source.url);
        self.url(&shown, "token_url", &source.token_url);
        let export = self.label("source.export", &source.export);
        if !source.enabled.as_ref().is_none_or(|on| on.value) {
            return (name, None);
        }
        if export.is_none() && source.export.is_none() {
            let is_file = kind.is_some_and(SourceKind::is_file);
            match (&source.url, is_file) {
                (Some(url), true) => self.problem(
                    Some(&url.span),
                    format!("source `{shown}` has a `url`, but its kind is read from files"),
                    "add export = \"DIR\": the directory with the files",
                ),
                (Some(_), false) => {}
                (None, true) => self.problem(
                    Some(&written.span),
                    format!("source `{shown}` has no `export`"),
                    "add export = \"DIR\": the directory with the files",
                ),
                (None, false) => self.problem(
                    Some(&written.span),
                    format!("source `{shown}` has neither `export` nor `url`"),
                    "add url = \"https://HOST\", or export = \"DIR\": the directory with recorded responses",
                ),
            }
        }
        let table = self.table(kind, written);
        let right = self.problems.len() == before;
        let source = match (&name, kind) {
            (Some(name), Some(kind)) if right => Some(Source {
                name: name.clone(),
                kind,
                export,
                url,
                index,
                table,
            }),
            _ => None,
        };
        (name, source)
    }

    /// What is needed to read the sources that have no recorded export.
    fn live(&mut self, file: &File, sources: &[Source]) -> Vec<Live> {
        let place = |written: &Option<At<Secret>>| match &written.as_ref()?.value {
            Secret::Literal => None,
            Secret::Reference(reference) => {
                let text =
                    |at: &Option<At<String>>| at.as_ref().map(|at| at.value.trim().to_owned());
                text(&reference.env)
                    .map(SecretPlace::Env)
                    .or_else(|| text(&reference.file).map(SecretPlace::File))
                    .or_else(|| text(&reference.credential).map(SecretPlace::Credential))
            }
        };
        let mut live = Vec::new();
        for source in sources {
            let written = &file.source[source.index].value;
            let auth = self.word("source.auth", &written.auth, AuthWord::Signature);
            let timeout_seconds = self.seconds("source.timeout", &written.timeout, 600);
            if let Some(timeout) = &written.timeout
                && timeout_seconds == 0
            {
                self.problem(
                    Some(&timeout.span),
                    "`source.timeout` is no time at all",
                    "write \"10m\" or \"90s\"",
                );
            }
            let user = self.label("source.user", &written.user);
            let domain = self.label("source.domain", &written.domain);
            let (Some(url), None) = (&source.url, &source.export) else {
                continue;
            };
            live.push(Live {
                source: source.name.clone(),
                kind: source.kind,
                index: source.index,
                url: url.clone(),
                token_url: written.token_url.as_ref().map(|url| url.value.clone()),
                key: place(&written.key),
                secret: place(&written.secret),
                user,
                password: place(&written.password),
                auth,
                tenant: written.tenant.as_ref().map(|tenant| tenant.value.0),
                domain,
                ca: written.ca.as_ref().map(|ca| ca.value.trim().to_owned()),
                tls_pin: written.tls_pin.as_ref().map(|pin| pin.value.clone()),
                timeout_seconds,
            });
        }
        live
    }

    fn url(&mut self, source: &str, key: &str, written: &Option<At<String>>) -> Option<String> {
        let url = written.as_ref()?;
        let host = ["https://", "http://"]
            .iter()
            .find_map(|scheme| url.value.strip_prefix(scheme));
        if mask::has_credentials(&url.value) {
            self.problem(
                Some(&url.span),
                format!("`{key}` of source `{source}` holds a user or password"),
                "take it out of the address; credentials go into `key` and `secret`, as references",
            );
        } else if host.is_none_or(|host| host.is_empty() || host.contains(char::is_whitespace)) {
            self.problem(
                Some(&url.span),
                format!("`{key}` of source `{source}` is not an address"),
                "write \"https://HOST\"",
            );
        }
        Some(url.value.clone())
    }

    fn secret(&mut self, source: &str, key: &str, written: &Option<At<Secret>>) {
        let Some(secret) = written else { return };
        let forms = format!(
            "{key} = {{ env = \"NAME\" }}, {{ file = \"secrets/{source}\" }} or {{ credential = \"{source}\" }}"
        );
        let Secret::Reference(reference) = &secret.value else {
            return self.problem(
                Some(&secret.span),
                format!("`{key}` of source `{source}` is written out, but a secret may only be referred to"),
                format!("write {forms}; if this file was ever shared, replace the secret"),
            );
        };
        let parts = [&reference.env, &reference.file, &reference.credential];
        if parts.iter().filter(|part| part.is_some()).count() != 1 {
            return self.problem(
                Some(&secret.span),
                format!(
                    "`{key}` of source `{source}` must have exactly one of env, file and credential"
                ),
                format!("write {forms}"),
            );
        }
        if let Some(variable) = &reference.env
            && !mask::is_variable(&variable.value)
        {
            self.problem(
                Some(&variable.span),
                format!("`{key}.env` of source `{source}` is not the name of a variable"),
                "env names the variable that holds the secret, such as \"SPLYNX_KEY\"; it is not the secret",
            );
        }
        for part in [&reference.file, &reference.credential]
            .into_iter()
            .flatten()
        {
            if part.value.trim().is_empty() {
                self.problem(
                    Some(&part.span),
                    format!("`{key}` of source `{source}` refers to nothing"),
                    format!("write {forms}"),
                );
            }
        }
    }

    fn precedence(
        &mut self,
        merge: &file::Merge,
        names: &BTreeMap<String, usize>,
        sources: &mut [Source],
    ) {
        let ranked = self.named("merge.precedence", &merge.precedence, names);
        let rank = |s: &Source| ranked.iter().position(|name| *name == s.name);
        sources.sort_by_key(|s| (rank(s).unwrap_or(usize::MAX), s.index));
    }

    /// Names of sources, each once, in the order they are written.
    fn named<'w>(
        &mut self,
        key: &str,
        written: &'w Option<Vec<At<String>>>,
        names: &BTreeMap<String, usize>,
    ) -> Vec<&'w str> {
        let mut found: Vec<&str> = Vec::new();
        for name in written.iter().flatten() {
            if !names.contains_key(&name.value) {
                let near = nearest(&name.value, names.keys().map(String::as_str));
                let hint = near
                    .map(|near| format!("did you mean `{near}`? "))
                    .unwrap_or_default();
                self.problem(
                    Some(&name.span),
                    format!("`{key}` names `{}`, which is no source", name.value),
                    format!("{hint}the sources are {}", list(names.keys())),
                );
            } else if found.contains(&name.value.as_str()) {
                self.problem(
                    Some(&name.span),
                    format!("`{key}` names `{}` twice", name.value),
                    "name each source once",
                );
            } else {
                found.push(&name.value);
            }
        }
        found
    }

    fn merge(
        &mut self,
        written: &file::Merge,
        names: &BTreeMap<String, usize>,
        sources: &[Source],
    ) -> Merge {
        // A source that is switched off may be named: it is simply not asked.
        let at = |name: &str| sources.iter().position(|s| s.name == name);
        let mut join: Vec<JoinKey> = Vec::new();
        for word in written.join.iter().flatten() {
            let Some(key) = self.lookup("merge.join", word) else {
                continue;
            };
            if join.contains(&key) {
                self.problem(
                    Some(&word.span),
                    format!("`merge.join` names `{}` twice", key.word()),
                    "name each key once, the most trusted first",
                );
            }
            join.push(key);
        }
        if written.join.is_none() {
            join = JoinKey::ALL.into();
        }
        let expect_match = written.expect_match.is_some().then(|| {
            let expected = self.named("merge.expect_match", &written.expect_match, names);
            let mut expected: Vec<usize> = expected.into_iter().filter_map(at).collect();
            expected.sort_unstable();
            expected
        });
        let fields = &written.fields;
        let mut orders = Vec::new();
        for (field, written) in [
            (Field::Addresses, &fields.addresses),
            (Field::Capacity, &fields.capacity),
            (Field::Comment, &fields.comment),
            (Field::Kind, &fields.kind),
            (Field::Name, &fields.name),
            (Field::Parent, &fields.parent),
            (Field::Qdisc, &fields.qdisc),
            (Field::Rates, &fields.rates),
            (Field::State, &fields.state),
        ] {
            let key = format!("merge.fields.{}", field.word());
            let first = self.named(&key, written, names);
            if first.is_empty() {
                continue;
            }
            let mut order: Vec<usize> = first.into_iter().filter_map(at).collect();
            let rest: Vec<usize> = (0..sources.len()).filter(|s| !order.contains(s)).collect();
            order.extend(rest);
            orders.push((field, order));
        }
        orders.sort_unstable_by_key(|(field, _)| *field);
        Merge {
            join,
            expect_match,
            fields: orders,
        }
    }

    fn topology(&mut self, written: &file::Topology, overrides: &CliOverrides) -> Topology {
        let strategy = self.word("topology.strategy", &written.strategy, Strategy::ApSite);
        let wan = self.pair("topology.wan_mbps", &written.wan_mbps);
        let wan_or_default = wan.unwrap_or(Pair::both(Kbps(1_000_000)));
        let generated = self.pair("topology.generated_mbps", &written.generated_mbps);
        let cost = 0..=1_000_000_000;
        Topology {
            strategy: overrides.strategy.unwrap_or(strategy),
            tree: self.word("topology.tree", &written.tree, Metric::Cost),
            root: self.label("topology.root", &written.root),
            peaks: self.label("topology.peaks", &written.peaks),
            promote_to_root: self.labels("topology.promote_to_root", &written.promote_to_root),
            exclude: self.labels("topology.exclude", &written.exclude),
            pin: self.pins(&written.pin),
            max_depth: self.count(
                "topology.max_depth",
                &written.max_depth,
                0,
                0..=u64::from(u16::MAX),
            ) as usize,
            simplify: self.simplify(&written.simplify),
            auto_virtual: self.mbps(
                "topology.auto_virtual_mbps",
                &written.auto_virtual_mbps,
                Kbps::ZERO,
                0,
            ),
            wan: wan_or_default,
            wan_is_set: wan.is_some(),
            link_down_hold: self.count32("topology.link_down_hold", &written.link_down_hold, 3),
            generated: generated.unwrap_or(wan_or_default),
            link_reference: self.mbps(
                "topology.link_reference_mbps",
                &written.link_reference_mbps,
                Kbps(100_000_000),
                1,
            ),
            default_link_cost: self.count(
                "topology.default_link_cost",
                &written.default_link_cost,
                100,
                cost.clone(),
            ),
            membership_cost: self.count(
                "topology.membership_cost",
                &written.membership_cost,
                1,
                cost,
            ),
            prune_empty: written.prune_empty.as_ref().is_none_or(|on| on.value),
        }
    }

    /// Sorted by child; whether the nodes exist is for the data to say.
    fn pins(
        &mut self,
        written: &Option<BTreeMap<At<String>, At<String>>>,
    ) -> Vec<(String, String)> {
        let mut pins = Vec::new();
        for (child, parent) in written.iter().flatten() {
            for id in [child, parent] {
                if id.value.trim().is_empty() {
                    self.problem(
                        Some(&id.span),
                        "`topology.pin` holds an empty id",
                        "write \"child id\" = \"parent id\"",
                    );
                }
            }
            pins.push((child.value.clone(), parent.value.clone()));
        }
        pins
    }

    fn simplify(&mut self, written: &Option<At<SwitchOrWord>>) -> Simplify {
        match written.as_ref().map(|w| (&w.value, &w.span)) {
            None | Some((SwitchOrWord::Switch(false), _)) => Simplify::Off,
            Some((SwitchOrWord::Switch(true), _)) => Simplify::All,
            Some((SwitchOrWord::Word(word), _)) if word == "auto" => Simplify::Auto,
            Some((SwitchOrWord::Word(word), span)) => {
                self.problem(
                    Some(span),
                    format!("`topology.simplify` cannot be \"{word}\""),
                    "write false, true or \"auto\"",
                );
                Simplify::Off
            }
        }
    }

    fn rates(&mut self, written: &file::Rates) -> Rates {
        Rates {
            overhead: self.factor("rates.overhead", &written.overhead, PerMille::ONE, 100),
            multiplier: self.factor("rates.multiplier", &written.multiplier, PerMille::ONE, 100),
            commit: self.factor("rates.commit", &written.commit, PerMille(0), 1),
            floor: self.mbps("rates.floor_mbps", &written.floor_mbps, Kbps(100), 1),
            min_floor: self.mbps("rates.min_floor_mbps", &written.min_floor_mbps, Kbps(10), 1),
            default_plan: self.pair("rates.default_plan_mbps", &written.default_plan_mbps),
            add_burst: self.word("rates.burst", &written.burst, BurstWord::Ignore)
                == BurstWord::Add,
            strict: self.word(
                "rates.overcommit",
                &written.overcommit,
                OvercommitWord::Scale,
            ) == OvercommitWord::Strict,
        }
    }

    fn lint(&mut self, written: &file::Lint) -> Lint {
        let mut levels: Vec<(&'static str, LevelSetting)> = Vec::new();
        for (key, level) in written.levels.iter().flatten() {
            let setting = self.lookup(&format!("lint.levels.{}", key.value), level);
            let rule = match rule(rules::ALL, &key.value) {
                Ok(rule) => rule,
                Err(help) => {
                    self.problem(
                        Some(&key.span),
                        format!("`lint.levels` names `{}`, which is no rule", key.value),
                        help,
                    );
                    continue;
                }
            };
            if rules::AT_PROMOTION.contains(&rule.code) {
                self.problem(
                    Some(&key.span),
                    format!("`lint.levels` has rule {} ({}), which has no level", rule.code, rule.name),
                    "leave the line out: it is judged where an artifact is promoted, and always refuses",
                );
            }
            if levels.iter().any(|(code, _)| *code == rule.code) {
                self.problem(
                    Some(&key.span),
                    format!("`lint.levels` has rule {} ({}) twice", rule.code, rule.name),
                    "keep one of the two lines",
                );
            }
            levels.extend(setting.map(|setting| (rule.code, setting)));
        }
        levels.sort_by_key(|(code, _)| *code);
        let suppress = written.suppress.iter().enumerate();
        Lint {
            fail_on: self.word("lint.fail_on", &written.fail_on, FailOn::Error),
            levels,
            suppress: suppress
                .filter_map(|(index, entry)| self.suppression(index, entry))
                .collect(),
        }
    }

    fn suppression(&mut self, index: usize, entry: &At<file::Suppress>) -> Option<Suppression> {
        let written = &entry.value;
        let place = |span: Option<&Span>| span.cloned().unwrap_or_else(|| entry.span.clone());
        let rule = match &written.rule {
            Some(name) => match rule(rules::ALL, &name.value) {
                Ok(rule) => Some(rule.code),
                Err(help) => {
                    let message =
                        format!("`lint.suppress` names `{}`, which is no rule", name.value);
                    self.problem(Some(&name.span), message, help);
                    None
                }
            },
            None => {
                self.problem(
                    Some(&entry.span),
                    "a [[lint.suppress]] has no `rule`",
                    "name the rule as the finding does: rule = \"overlapping-prefix\"",
                );
                None
            }
        };
        let subjects: Vec<String> = match written.subject.as_ref().map(|s| &s.value) {
            Some(TextOrList::One(text)) => vec![text.clone()],
            Some(TextOrList::List(list)) => list.iter().map(|s| s.value.clone()).collect(),
            None => Vec::new(),
        };
        if subjects.is_empty() || subjects.iter().any(|s| s.trim().is_empty()) {
            self.problem(
                Some(&place(written.subject.as_ref().map(|s| &s.span))),
                "a [[lint.suppress]] needs a `subject`",
                "write the id that the finding names, a list of ids, or \"*\" for all",
            );
        }
        let reason = written.reason.as_ref();
        let said = reason.map(|r| r.value.trim()).unwrap_or_default();
        if said.is_empty() {
            self.problem(
                Some(&place(reason.map(|r| &r.span))),
                "a [[lint.suppress]] needs a `reason`",
                "say why this is all right, for whoever reads it in a year",
            );
        }
        let expires = written.expires.as_ref().and_then(|day| {
            let date = Date::parse(&day.value.0);
            if date.is_none() {
                let message = format!("`expires` cannot be \"{}\"", day.value.0);
                self.problem(Some(&day.span), message, "write a day: 2027-01-31");
            }
            date
        });
        Some(Suppression {
            rule: rule?,
            subjects,
            reason: said.split_whitespace().collect::<Vec<_>>().join(" "),
            expires,
            index,
        })
    }

    fn guard(&mut self, written: &file::Guard) -> Guard {
        let any = 0..=u64::MAX;
        let percent = 0..=100;
        Guard {
            max_removed: self.count("guard.max_removed", &written.max_removed, 20, any.clone()),
            max_removed_percent: self.count(
                "guard.max_removed_percent",
                &written.max_removed_percent,
                5,
                percent.clone(),
            ) as u32,
            max_reparented_percent: self.count(
                "guard.max_reparented_percent",
                &written.max_reparented_percent,
                20,
                percent,
            ) as u32,
            max_contained: self.count(
                "guard.max_contained",
                &written.max_contained,
                20,
                any.clone(),
            ),
            min_circuits: self.count("guard.min_circuits", &written.min_circuits, 1, any.clone()),
            max_source_age_seconds: self.seconds(
                "guard.max_source_age",
                &written.max_source_age,
                6 * 3600,
            ),
            max_churn: self.count("guard.max_churn", &written.max_churn, 0, any),
        }
    }

    /// Every declared target is checked; the chosen one is returned.
    fn target(&mut self, file: &File, overrides: &CliOverrides) -> Target {
        let mut targets: Vec<Target> = Vec::new();
        for (name, written) in &file.target {
            self.slug("the name of a target", name);
            targets.push(self.one_target(&name.value, &written.value));
        }
        let names = list(targets.iter().filter_map(|t| t.name.as_ref()));
        match (&overrides.target, targets.len()) {
            (Some(wanted), 0) => self.problem(
                None,
                format!("there is no target `{wanted}`: weir.toml declares none"),
                format!("add [target.{wanted}], or leave out --target"),
            ),
            (Some(wanted), _) => {
                if let Some(at) = targets.iter().position(|t| t.name.as_ref() == Some(wanted)) {
                    return targets.swap_remove(at);
                }
                let near = nearest(wanted, targets.iter().filter_map(|t| t.name.as_deref()));
                let hint = near
                    .map(|near| format!("did you mean `{near}`? "))
                    .unwrap_or_default();
                self.problem(
                    None,
                    format!("there is no target `{wanted}`"),
                    format!("{hint}weir.toml declares {names}"),
                );
            }
            (None, 0) => {}
            (None, 1) => return targets.swap_remove(0),
            (None, _) => self.problem(
                None,
                format!("weir.toml declares several targets, and none is chosen: {names}"),
                "an artifact is built for one of them: choose with --target NAME",
            ),
        }
        self.one_target("", &file::Target::default())
    }

    /// An empty name is the assumed box of a project without targets.
    fn one_target(&mut self, name: &str, written: &file::Target) -> Target {
        let key = |of: &str| format!("target.{name}.{of}");
        let shaper = self.shaper(&key("shaper"), &written.shaper);
        // Each CPU queue is an HTB with a major of its own; some majors hash badly. On a stick both directions share
        // one interface.
        let most = match &shaper {
            Some(Shaper {
                mode: ShaperMode::Stick { .. },
                ..
            }) => 59,
            _ => 119,
        };
        let queues = self.count(&key("queues"), &written.queues, 16, 1..=most);
        let (leaf, qdisc) = self.qdisc(&key("shaper.qdisc"), &written.shaper.qdisc);
        let fallback = written.shaper.leaf_fallback.iter().flatten();
        let fallback_key = key("shaper.leaf_fallback");
        Target {
            name: (!name.is_empty()).then(|| name.to_owned()),
            queues: queues as u16,
            memory: self.bytes(&key("memory"), &written.memory),
            core: self.gbps(&key("core_gbps"), &written.core_gbps, Kbps(3_000_000)),
            shaper,
            leaf,
            qdisc,
            leaf_fallback: fallback
                .map(|word| self.one_qdisc(&fallback_key, word).1)
                .collect(),
        }
    }

    /// `None`: no interfaces are stated.
    fn shaper(&mut self, key: &str, written: &file::Shaper) -> Option<Shaper> {
        let mode = self.word(&format!("{key}.mode"), &written.mode, ModeWord::Bridge);
        let vlan = 1..=4094;
        let internet_key = format!("{key}.internet_vlan");
        let network_key = format!("{key}.network_vlan");
        let internet_vlan = self.count(&internet_key, &written.internet_vlan, 0, vlan.clone());
        let network_vlan = self.count(&network_key, &written.network_vlan, 0, vlan);
        let to_internet = self.interface(&format!("{key}.to_internet"), &written.to_internet);
        let to_network = self.interface(&format!("{key}.to_network"), &written.to_network);
        if mode == ModeWord::Bridge {
            for vlan in [&written.internet_vlan, &written.network_vlan]
                .into_iter()
                .flatten()
            {
                self.problem(
                    Some(&vlan.span),
                    format!("`{key}` is a bridge, which has no VLANs"),
                    "add mode = \"stick\", or take internet_vlan and network_vlan away",
                );
            }
            let (internet, network) = match (to_internet, to_network) {
                (Some(internet), Some(network)) => (internet, network),
                (None, None) => return None,
                (Some(one), None) | (None, Some(one)) => {
                    self.problem(
                        Some(&one.span),
                        format!("`{key}` is a bridge and needs both to_internet and to_network"),
                        "name the other interface, or add mode = \"stick\"",
                    );
                    return None;
                }
            };
            if internet.value == network.value {
                self.problem(
                    Some(&network.span),
                    format!("`{key}` is a bridge between `{0}` and `{0}`", network.value),
                    "name two interfaces, or add mode = \"stick\"",
                );
            }
            return Some(Shaper {
                to_internet: internet.value.clone(),
                to_network: network.value.clone(),
                mode: ShaperMode::Bridge,
            });
        }
        let at = written.mode.as_ref().map(|mode| &mode.span);
        let Some(interface) = to_internet.or(to_network) else {
            self.problem(
                at,
                format!("`{key}` has mode = \"stick\" and no interface"),
                "add to_internet = \"..\"",
            );
            return None;
        };
        if let Some(network) = to_network
            && network.value != interface.value
        {
            self.problem(
                Some(&network.span),
                format!("`{key}` has mode = \"stick\" and two interfaces"),
                "take to_network away, or write mode = \"bridge\"",
            );
        }
        if written.internet_vlan.is_none() || written.network_vlan.is_none() {
            self.problem(
                at,
                format!("`{key}` has mode = \"stick\" and needs internet_vlan and network_vlan"),
                "add the VLAN of each side, 1 to 4094",
            );
        } else if internet_vlan == network_vlan {
            self.problem(
                written.network_vlan.as_ref().map(|vlan| &vlan.span),
                format!("`{key}` has VLAN {network_vlan} on both sides"),
                "the two VLANs of a stick are different ones",
            );
        }
        Some(Shaper {
            to_internet: interface.value.clone(),
            to_network: interface.value.clone(),
            mode: ShaperMode::Stick {
                internet_vlan: internet_vlan as u16,
                network_vlan: network_vlan as u16,
            },
        })
    }

    /// A name that Linux gives an interface.
    fn interface<'w>(
        &mut self,
        key: &str,
        written: &'w Option<At<String>>,
    ) -> Option<&'w At<String>> {
        let name = written.as_ref()?;
        let bad = |c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control();
        let value = &name.value;
        if value.is_empty()
            || value.len() > 15
            || value == "."
            || value == ".."
            || value.contains(bad)
        {
            self.problem(
                Some(&name.span),
                format!("`{key}` is not the name of an interface"),
                "write it as `ip link` shows it: at most 15 characters, no blank and no slash",
            );
        }
        Some(name)
    }

    fn qdisc(&mut self, key: &str, written: &Option<At<String>>) -> (LeafKind, String) {
        match written {
            Some(written) => self.one_qdisc(key, written),
            None => (LeafKind::Cake, "cake diffserv4".to_owned()),
        }
    }

    fn one_qdisc(&mut self, key: &str, written: &At<String>) -> (LeafKind, String) {
        const LEAVES: [LeafKind; 3] = [LeafKind::Cake, LeafKind::FqCodel, LeafKind::None];
        let words: Vec<&str> = written.value.split_whitespace().collect();
        let first = words.first().copied().unwrap_or("");
        let leaf = LEAVES.into_iter().find(|leaf| leaf.word() == first);
        if leaf.is_none() {
            let hint = nearest(first, LEAVES.map(LeafKind::word))
                .map(|near| format!("did you mean `{near}`? "))
                .unwrap_or_default();
            self.problem(
                Some(&written.span),
                format!("`{key}` starts with no known queueing discipline"),
                format!("{hint}write cake, fq_codel or none first, then options as tc takes them"),
            );
        } else if leaf == Some(LeafKind::None) && words.len() > 1 {
            self.problem(
                Some(&written.span),
                format!("`{key}` gives options to `none`"),
                "write \"none\" alone",
            );
        }
        (leaf.unwrap_or(LeafKind::Cake), words.join(" "))
    }

    /// The directory of the store, and the bucket if it is one.
    fn store(&mut self, written: &file::Store) -> (String, Option<Remote>) {
        const DEFAULT: &str = ".weir/store";
        let endpoint = self.label("store.endpoint", &written.endpoint);
        let region = self.label("store.region", &written.region);
        let ca = self.label("store.ca", &written.ca);
        let key = self.secret_place("store.key", &written.key);
        let secret = self.secret_place("store.secret", &written.secret);
        let url = written.url.as_ref();
        if let Some(url) = url.filter(|url| url.value.starts_with("s3://")) {
            if url.value["s3://".len()..]
                .split('/')
                .next()
                .is_none_or(str::is_empty)
            {
                self.problem(
                    Some(&url.span),
                    "`store.url` names no bucket",
                    "write url = \"s3://BUCKET/PREFIX\"",
                );
            }
            if written.key.is_some() != written.secret.is_some() {
                let at = written.key.as_ref().or(written.secret.as_ref());
                self.problem(
                    at.map(|at| &at.span),
                    "`store.key` and `store.secret` belong together",
                    "write both, or none and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
                );
            }
            let remote = Remote {
                url: url.value.clone(),
                endpoint,
                region: region.unwrap_or_else(|| "us-east-1".to_owned()),
                key,
                secret,
                ca,
                plain_http: written.plain_http.as_ref().is_some_and(|at| at.value),
            };
            return (DEFAULT.to_owned(), Some(remote));
        }
        let Some(url) = url else {
            return (DEFAULT.to_owned(), None);
        };
        let help = match url.value.strip_prefix("file:") {
            Some(dir) if !dir.trim().is_empty() => match dir.strip_prefix("//") {
                None => return (dir.to_owned(), None),
                Some(dir) if dir.starts_with('/') => return (dir.to_owned(), None),
                Some(_) => "a host cannot be named: write file:DIR, or file:///DIR from the root",
            },
            Some(_) => "write file:DIR",
            None => "write url = \"file:DIR\", or url = \"s3://BUCKET/PREFIX\"",
        };
        self.problem(
            Some(&url.span),
            "`store.url` is not the address of a store",
            help,
        );
        (String::new(), None)
    }

    /// A secret, referred to in exactly one way.
    fn secret_place(&mut self, key: &str, written: &Option<At<Secret>>) -> Option<SecretPlace> {
        const FORMS: &str =
            "write { env = \"NAME\" }, { file = \"secrets/NAME\" } or { credential = \"NAME\" }";
        let written = written.as_ref()?;
        let Secret::Reference(reference) = &written.value else {
            self.problem(
                Some(&written.span),
                format!("`{key}` is written out, but a secret may only be referred to"),
                format!("{FORMS}; if this file was ever shared, make another one"),
            );
            return None;
        };
        let text = |part: &Option<At<String>>| {
            let part = part.as_ref().map(|p| p.value.trim().to_owned());
            part.filter(|p| !p.is_empty())
        };
        let parts = [&reference.env, &reference.file, &reference.credential];
        let found = [
            text(&reference.env).map(SecretPlace::Env),
            text(&reference.file).map(SecretPlace::File),
            text(&reference.credential).map(SecretPlace::Credential),
        ];
        let mut found = found.into_iter().flatten();
        match (found.next(), parts.into_iter().flatten().count()) {
            (Some(place), 1) => Some(place),
            _ => {
                self.problem(
                    Some(&written.span),
                    format!("`{key}` must have exactly one of env, file and credential"),
                    FORMS,
                );
                None
            }
        }
    }

    fn channels(&mut self, file: &File) -> Vec<Channel> {
        for (name, channel) in &file.channels {
            self.slug("the name of a channel", name);
            if let Some(from) = &channel.value.from {
                self.slug(&format!("channels.{}.from", name.value), from);
                if from.value == name.value {
                    self.problem(
                        Some(&from.span),
                        format!("channel `{}` waits for itself", name.value),
                        "name the channel that artifacts run in first",
                    );
                }
            }
        }
        file.channels
            .iter()
            .map(|(name, channel)| Channel {
                name: name.value.clone(),
                from: channel.value.from.as_ref().map(|from| from.value.clone()),
            })
            .collect()
    }

    fn signing(&mut self, written: &file::Signing) -> Signing {
        const FORMS: &str = "write key = { file = \"secrets/weir.key\" }, { env = \"WEIR_KEY\" } or { credential = \"weir-key\" }";
        self.label("signing.trust", &written.trust);
        let key = written.key.as_ref().and_then(|key| {
            let Secret::Reference(reference) = &key.value else {
                self.problem(
                    Some(&key.span),
                    "`signing.key` is written out, but a secret may only be referred to",
                    format!("{FORMS}; if this file was ever shared, make another key"),
                );
                return None;
            };
            let text = |part: &Option<At<String>>| {
                part.as_ref()
                    .map(|p| p.value.clone())
                    .filter(|p| !p.trim().is_empty())
            };
            let parts = [&reference.env, &reference.file, &reference.credential];
            let found = [
                text(&reference.env).map(KeyRef::Env),
                text(&reference.file).map(KeyRef::File),
                text(&reference.credential).map(KeyRef::Credential),
            ];
            let mut found = found.into_iter().flatten();
            match (found.next(), parts.into_iter().flatten().count()) {
                (Some(key), 1) => Some(key),
                _ => {
                    self.problem(
                        Some(&key.span),
                        "`signing.key` must have exactly one of env, file and credential",
                        FORMS,
                    );
                    None
                }
            }
        });
        Signing {
            key,
            trust: written.trust.as_ref().map(|trust| trust.value.clone()),
        }
    }

    fn publish(&mut self, written: &file::Publish) -> Publish {
        let word = written.overwrite.as_ref();
        Publish {
            to: self.label("publish.to", &written.to),
            overwrite: word
                .and_then(|word| self.lookup("publish.overwrite", word))
                .unwrap_or_default(),
        }
    }

    fn schedule(&mut self, file: &File) -> Schedule {
        let written = &file.schedule;
        let usual = Schedule::default();
        let every = self.seconds("schedule.every", &written.every, usual.every_seconds);
        let wrong = match every {
            0 => Some("`schedule.every` is no time at all"),
            1..60 => Some("`schedule.every` is less than a minute"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let span = written.every.as_ref().map(|every| &every.span);
            self.problem(span, wrong, "write \"30m\" or \"1h\"");
        }
        let word = written.promote.as_ref();
        let promote = word.and_then(|word| self.lookup("schedule.promote", word));
        if let Some(channel) = &written.channel {
            self.slug("schedule.channel", channel);
            let known = channel.value == usual.channel
                || file.channels.keys().any(|name| name.value == channel.value);
            if !known {
                let names = file.channels.keys().map(|name| name.value.as_str());
                let near = nearest(&channel.value, names.chain([usual.channel.as_str()]));
                self.problem(
                    Some(&channel.span),
                    format!("there is no channel `{}`", channel.value),
                    match near {
                        Some(near) => format!("did you mean `{near}`?"),
                        None => format!("declare it: [channels.{}]", channel.value),
                    },
                );
            }
        }
        let keep = match &written.keep {
            None => usual.keep,
            Some(keep) => match keep.value.0 {
                0 => None,
                few @ 1..FEWEST => {
                    self.problem(
                        Some(&keep.span),
                        format!("`schedule.keep` is {few}, and a way back needs more"),
                        format!("write {FEWEST} or more, or 0 to keep everything"),
                    );
                    usual.keep
                }
                many => Some(usize::try_from(many).unwrap_or(usize::MAX)),
            },
        };
        Schedule {
            keep,
            every_seconds: every,
            promote: promote.unwrap_or(usual.promote),
            channel: match &written.channel {
                Some(channel) => channel.value.clone(),
                None => usual.channel,
            },
        }
    }
}

/// `sha256:` and 64 hexadecimal digits, colons allowed.
fn is_pin(text: &str) -> bool {
    let digits = text
        .trim()
        .strip_prefix("sha256:")
        .map(|text| text.replace(':', ""));
    digits.is_some_and(|d| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit()))
}
