//! `[[source]]` and `[merge]`: what is read, from where, and whose word counts. Whether anybody answers there is not
//! known here.

use std::collections::BTreeMap;

use crate::config::check::{Check, list};
use crate::config::file::{self, File};
use crate::config::mask;
use crate::config::project::{AuthWord, Live, Merge, SecretPlace, Source, SourceKind};
use crate::config::suggest::nearest;
use crate::config::value::{At, Secret};
use crate::ir::field::Field;
use crate::ir::merge::JoinKey;

/// The most that one answer of a CRM may be allowed to have, in MB.
const ANSWER_MB: u64 = 65_536;

impl Check<'_> {
    /// In order of precedence, and how they are merged.
    pub(super) fn sources(&mut self, file: &File) -> (Vec<Source>, Merge) {
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
    pub(super) fn live(&mut self, file: &File, sources: &[Source]) -> Vec<Live> {
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
            let answer_mb = match &written.max_answer_mb {
                None => 512,
                Some(most) => {
                    if !(1..=ANSWER_MB).contains(&most.value.0) {
                        self.problem(
                            Some(&most.span),
                            "`source.max_answer_mb` is no size of an answer",
                            format!("write a number of MB from 1 to {ANSWER_MB}"),
                        );
                    }
                    most.value.0.clamp(1, ANSWER_MB)
                }
            };
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
                answer_mb,
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
}

/// `sha256:` and 64 hexadecimal digits, colons allowed.
fn is_pin(text: &str) -> bool {
    let digits = text
        .trim()
        .strip_prefix("sha256:")
        .map(|text| text.replace(':', ""));
    digits.is_some_and(|d| d.len() == 64 && d.bytes().all(|b| b.is_ascii_hexdigit()))
}
