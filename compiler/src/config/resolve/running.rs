//! Where artifacts are kept, and how they come to run: `[guard]`, `[store]`, `[channels]`, `[signing]`, `[publish]` and
//! `[schedule]`. None of it decides how traffic is shaped.

use crate::config::check::Check;
use crate::config::file::{self, File};
use crate::config::project::{Channel, Guard, Publish, Remote, Schedule, SecretPlace, Signing};
use crate::config::suggest::nearest;
use crate::config::value::{At, Secret};

/// As few generations and artifacts as a store may be left with.
const FEWEST: u64 = 50;

impl Check<'_> {
    pub(super) fn guard(&mut self, written: &file::Guard) -> Guard {
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

    /// The directory of the store, and the bucket if it is one.
    pub(super) fn store(&mut self, written: &file::Store) -> (String, Option<Remote>) {
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

    pub(super) fn channels(&mut self, file: &File) -> Vec<Channel> {
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

    pub(super) fn signing(&mut self, written: &file::Signing) -> Signing {
        self.label("signing.trust", &written.trust);
        Signing {
            key: self.secret_place("signing.key", &written.key),
            trust: written.trust.as_ref().map(|trust| trust.value.clone()),
        }
    }

    pub(super) fn publish(&mut self, written: &file::Publish) -> Publish {
        let word = written.overwrite.as_ref();
        Publish {
            to: self.label("publish.to", &written.to),
            overwrite: word
                .and_then(|word| self.lookup("publish.overwrite", word))
                .unwrap_or_default(),
        }
    }

    pub(super) fn schedule(&mut self, file: &File) -> Schedule {
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
