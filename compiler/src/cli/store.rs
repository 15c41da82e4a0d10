//! The project's store and its channels, as commands use them: opened, settled, named and signed.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;

use weir_compiler::config::project::{Project, SecretPlace};
use weir_compiler::config::{self, CliOverrides};
use weir_compiler::diff::{Artifact as Loaded, Files, Unreadable};
use weir_compiler::lint::rules::NOT_AS_REVIEWED;
use weir_compiler::report::plain;
use weir_compiler::source_map::SourceMap;
use weir_plan::Violation;
use weir_schemas::artifact;
use weir_schemas::head::{Action, Head};
use weir_store::channel::sign::Trust;
use weir_store::channel::{
    ChannelError, Channels, Clock, Done, Known, Refusal, SystemClock, short,
};
use weir_store::{Artifact, StoreError};

use crate::cli::exit::Exit;
use crate::cli::shelf::Shelf;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Global, signing};

/// Who asks, and why.
#[derive(Debug, Args)]
pub struct By {
    /// Why, for everybody who reads the log
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub reason: String,
    /// Who, in place of user@host
    #[arg(long, value_name = "NAME")]
    pub author: Option<String>,
}

/// The key to sign with.
#[derive(Debug, Args)]
pub struct Key {
    /// Secret key to sign with, in place of `signing.key` in weir.toml
    #[arg(long, value_name = "FILE")]
    pub key: Option<PathBuf>,
}

/// A project with its store open.
pub struct Desk {
    pub dir: PathBuf,
    pub project: Project,
    pub store: Shelf,
    pub clock: SystemClock,
    author: String,
}

pub fn store_error(error: &StoreError) -> Stop {
    let exit = match error {
        StoreError::BadReference { .. }
        | StoreError::NotFound { .. }
        | StoreError::Ambiguous { .. } => Exit::Usage,
        _ => Exit::Outside,
    };
    let help = match exit {
        Exit::Usage => {
            "`weir build` prints the digest of what the project says now, `weir log CHANNEL` those that were promoted"
        }
        _ => "",
    };
    Stop::new(exit, plain(&error.to_string()), help)
}

impl Desk {
    /// Reads the project and opens its store.
    pub fn open(global: &Global, author: Option<&str>) -> Result<Desk, Stop> {
        let dir = global.project.clone().unwrap_or_else(|| PathBuf::from("."));
        Desk::at(dir, author)
    }

    /// The same, of the project in this directory.
    pub fn at(dir: PathBuf, author: Option<&str>) -> Result<Desk, Stop> {
        let mut files = SourceMap::default();
        let project =
            config::load(&dir, &mut files, &CliOverrides::default()).map_err(Stop::config)?;
        let store = Shelf::open(&dir, &project)?;
        let clock = SystemClock;
        Ok(Desk {
            author: author.map_or_else(|| whoami(&clock), str::to_owned),
            dir,
            project,
            store,
            clock,
        })
    }

    /// The channels, for reading and for what is not signed.
    pub fn channels(&self) -> Channels<'_> {
        Channels {
            backend: self.store.backend(),
            clock: &self.clock,
            author: self.author.clone(),
            sign: None,
        }
    }

    /// Names that mean a channel here: those weir.toml speaks of, those that have a head, and `production`.
    pub fn names(&self) -> Result<Vec<String>, Stop> {
        let backend = self.store.backend();
        let mut names = backend.channels().map_err(|e| store_error(&e))?;
        // A channel whose head was taken away still is one.
        names.extend(backend.journals().map_err(|e| store_error(&e))?);
        for channel in &self.project.channels {
            names.push(channel.name.clone());
            names.extend(channel.from.clone());
        }
        names.push(PRODUCTION.to_owned());
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }

    /// A name that somebody typed, as a channel.
    pub fn channel(&self, name: &str) -> Result<String, Stop> {
        let names = self.names()?;
        if names.iter().any(|known| known == name) {
            return Ok(name.to_owned());
        }
        let near = config::suggest::nearest(name, names.iter().map(String::as_str));
        let hint = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
        Err(Stop::new(
            Exit::Usage,
            format!("there is no channel `{}`", plain(name)),
            format!(
                "{hint}channels are {}; another one is declared in weir.toml: [channels.NAME]",
                names.join(", ")
            ),
        ))
    }

    /// The channel that `channel` takes its artifacts from.
    pub fn from(&self, channel: &str) -> Option<&str> {
        let declared = self.project.channels.iter().find(|c| c.name == channel)?;
        declared.from.as_deref()
    }

    /// The head of a channel after everything that is due, and what there is to say about it.
    pub fn settle(&self, channel: &str, terminal: &Terminal) -> Result<Option<Known>, Stop> {
        let settled = self.channels().settle(channel).map_err(|e| stop(&e))?;
        if settled.expired
            && let Some(known) = &settled.known
        {
            terminal.tell(&format!(
                "note: channel {channel} went back to {}: {}\n",
                short(&known.head.digest),
                plain(&known.head.reason)
            ));
        }
        if let Some(notice) = &settled.notice {
            terminal.tell(&format!("note: {}\n", plain(notice)));
        }
        Ok(settled.known)
    }

    /// Every channel that has a head.
    pub fn settle_all(&self, terminal: &Terminal) -> Result<Vec<Known>, Stop> {
        let mut known = Vec::new();
        for name in self.names()? {
            known.extend(self.settle(&name, terminal)?);
        }
        Ok(known)
    }

    /// An artifact by digest, or the one that a channel runs.
    pub fn artifact(&self, reference: &str, terminal: &Terminal) -> Result<Artifact, Stop> {
        if self.names()?.iter().any(|name| name == reference) {
            let Some(known) = self.settle(reference, terminal)? else {
                return Err(refusal(&Refusal::Nothing {
                    channel: reference.to_owned(),
                }));
            };
            return self
                .store
                .get(&known.head.digest)
                .map_err(|e| store_error(&e));
        }
        self.store.get(reference).map_err(|e| store_error(&e))
    }

    /// The files of an artifact by digest or channel, proved, or those of a directory, for a diff.
    pub fn bring(&self, reference: &str, terminal: &Terminal) -> Result<Brought, Stop> {
        let dir = Path::new(reference);
        if dir.join(artifact::TREE).is_file() {
            return from_dir(dir);
        }
        let artifact = self.artifact(reference, terminal)?;
        let proved = Proved::of(&artifact, prove(&artifact)?)?;
        Ok(proved.brought)
    }

    /// Keys whose signatures count; `None` where nobody said.
    pub fn trust(&self, given: Option<&Path>) -> Result<Option<Trust>, Stop> {
        let path = match (given, &self.project.signing.trust) {
            (Some(path), _) => path.to_owned(),
            (None, Some(written)) => self.dir.join(written),
            (None, None) => return Ok(None),
        };
        read_trust(&path).map(Some)
    }

    /// The secret key to sign with, read; `None` where there is none.
    pub fn secret(&self, given: &Key) -> Result<Option<signing::Secret>, Stop> {
        let reference = match (&given.key, &self.project.signing.key) {
            (Some(path), _) => return signing::Secret::from_file(path).map(Some),
            (None, Some(reference)) => reference,
            (None, None) => return Ok(None),
        };
        let missing = |what: String| {
            Stop::new(
                Exit::Usage,
                format!("`signing.key` refers to {what}, which is not there"),
                "`weir key new` makes a key; `--key FILE` names another",
            )
        };
        match reference {
            SecretPlace::File(path) => signing::Secret::from_file(&self.dir.join(path)),
            SecretPlace::Env(name) => match std::env::var(name) {
                Ok(text) => signing::Secret::read(&text, &format!("variable {name}")),
                Err(_) => Err(missing(format!("variable {name}"))),
            },
            SecretPlace::Credential(name) => {
                let dir = std::env::var_os("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| missing(format!("credential {name}")))?;
                signing::Secret::from_file(&Path::new(&dir).join(name))
            }
        }
        .map(Some)
    }

    /// Does something that moves a channel, signs what has to be signed, and writes down a refusal.
    pub fn act(
        &self,
        channel: &str,
        action: Action,
        to: Option<&str>,
        key: Option<&Key>,
        work: impl FnOnce(&Channels<'_>) -> Result<Done, ChannelError>,
    ) -> Result<Done, Stop> {
        let trust = self.trust(None)?;
        let secret = key.map_or(Ok(None), |key| self.secret(key))?;
        // A rollback may go without a key: the release it returns to was signed.
        if trust.is_some() && secret.is_none() && action == Action::Promote {
            return Err(Stop::new(
                Exit::Usage,
                format!(
                    "what is promoted to {channel} must be signed (`signing.trust` in weir.toml), and there is no key"
                ),
                "name it: `--key FILE`, or `signing.key` in weir.toml",
            ));
        }
        let sign = |statement: &str| {
            let secret = secret.as_ref().ok_or("there is no key")?;
            secret.sign(statement)
        };
        let mut channels = self.channels();
        if secret.is_some() {
            channels.sign = Some(&sign);
        }
        // A key that nobody trusts would make a head that nobody takes.
        if let (Some(trust), Some(secret)) = (&trust, &secret)
            && !secret.is_trusted(trust, self.clock.now())
        {
            return Err(Stop::new(
                Exit::Usage,
                "the key is not one of those in the trust file, or not any more",
                "sign with a key whose public half stands in `signing.trust`",
            ));
        }
        let done = work(&channels);
        if let Err(ChannelError::Refused(why)) = &done {
            channels.refuse(channel, action, to, &format!("{}: {why}", why.word()));
        }
        done.map_err(|e| stop(&e))
    }
}

/// A file with the keys that are believed.
pub fn read_trust(path: &Path) -> Result<Trust, Stop> {
    let text = fs::read_to_string(path).map_err(|e| {
        Stop::new(
            Exit::Usage,
            format!("cannot read the trust file {}: {e}", path.display()),
            "it holds the public keys whose releases count, one a line; `weir key new` writes the first",
        )
    })?;
    Trust::read(&text).map_err(|reason| {
        Stop::new(
            Exit::Usage,
            format!("{} is no trust file: {reason}", path.display()),
            "write one public key of minisign a line",
        )
    })
}

/// The channel that builds follow.
pub const PRODUCTION: &str = "production";

/// What refused, as it stops a command.
pub fn refusal(why: &Refusal) -> Stop {
    let exit = match why {
        Refusal::BadName(_) => Exit::Usage,
        _ => Exit::Refused,
    };
    Stop::new(exit, plain(&why.to_string()), why.help()).word(why.word())
}

pub fn stop(error: &ChannelError) -> Stop {
    match error {
        ChannelError::Refused(why) => refusal(why),
        ChannelError::Store(error) => store_error(error),
    }
}

/// user@host, as far as the environment says.
pub fn whoami(clock: &SystemClock) -> String {
    let user = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()))
        .unwrap_or_else(|| "unknown".to_owned());
    format!("{user}@{}", clock.host())
}

/// Files of an artifact in memory, and what is said of those that cannot be read.
pub struct Brought {
    files: Files,
    /// What they are.
    name: String,
    exit: Exit,
    help: String,
}

impl Brought {
    fn of(artifact: &Artifact, files: Files) -> Brought {
        let digest = short(artifact.digest());
        Brought {
            files,
            name: format!("artifact {digest}"),
            exit: Exit::Outside,
            help: format!("see what else is wrong with it: weir verify {digest}"),
        }
    }

    /// What they say.
    pub fn load(&self) -> Result<Loaded<'_>, Stop> {
        self.files.artifact().map_err(|e| self.unreadable(&e))
    }

    fn unreadable(&self, error: &Unreadable) -> Stop {
        Stop::new(
            self.exit,
            format!("{}: {error}", self.name),
            self.help.clone(),
        )
    }
}

/// The files of an artifact, as they are.
pub fn bring(artifact: &Artifact) -> Result<Brought, Stop> {
    let files = Files::read(|file| match artifact.read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(StoreError::Io { cause, .. }) if cause.kind() == std::io::ErrorKind::NotFound => {
            Ok(None)
        }
        Err(error) => Err(Unreadable {
            file,
            reason: error.to_string(),
        }),
    });
    let brought = |files| Brought::of(artifact, files);
    files
        .map_err(|e| brought(Files::of(|_| None)).unreadable(&e))
        .map(brought)
}

/// Looks at every byte of an artifact, and keeps the files that are looked into: see [`Proved::of`].
pub fn prove(artifact: &Artifact) -> Result<weir_store::Proved, Stop> {
    let mut keep = vec![artifact::CLASSIFIER];
    keep.extend(Files::READ);
    artifact.prove(&keep).map_err(|e| store_error(&e))
}

/// Files of an artifact of which every byte is as it was stored.
pub struct Proved {
    pub brought: Brought,
    /// SHA-256 of `manifest.json`.
    pub manifest_sha256: String,
    /// `classifier.bin`; absent where an older Weir built it.
    classifier: Option<Vec<u8>>,
}

impl Proved {
    /// Refuses what is not as it was stored: what is said of damaged files would be said of another artifact.
    pub fn of(artifact: &Artifact, proved: weir_store::Proved) -> Result<Proved, Stop> {
        let weir_store::Proved { damage, mut files } = proved;
        if let Some(first) = damage.first() {
            return Err(unproved(
                artifact,
                &format!("{} ({NOT_AS_REVIEWED})", plain(&first.to_string())),
                "move its directory away and build again",
            ));
        }
        // An artifact without a manifest is damaged.
        let manifest = files.get(artifact::MANIFEST);
        Ok(Proved {
            manifest_sha256: manifest.map_or_else(String::new, |bytes| weir_store::sha256(bytes)),
            classifier: files.remove(artifact::CLASSIFIER),
            brought: Brought::of(artifact, Files::of(|name| files.remove(name))),
        })
    }

    /// What is wrong with its plan, tree and address table.
    pub fn violations(&self, loaded: &Loaded<'_>) -> Vec<Violation> {
        let Loaded { tree, plan, .. } = loaded;
        let ((mut violations, beside), (alone, table)) = rayon::join(
            || {
                rayon::join(
                    || weir_plan::verify(plan),
                    || weir_plan::verify_agreement(tree, plan),
                )
            },
            || rayon::join(|| weir_plan::verify_tree(tree), || self.table(loaded)),
        );
        violations.extend(beside);
        violations.extend(alone);
        violations.extend(table);
        violations
    }

    fn table(&self, loaded: &Loaded<'_>) -> Vec<Violation> {
        match &self.classifier {
            Some(table) => weir_plan::verify_table(&loaded.tree, &loaded.plan, table),
            None => vec![Violation {
                kind: weir_plan::Kind::Table,
                key: artifact::CLASSIFIER.to_owned(),
                message: "is not there: an older Weir built this artifact".to_owned(),
            }],
        }
    }
}

/// An artifact that is refused as it stands.
pub fn unproved(artifact: &Artifact, what: &str, help: &str) -> Stop {
    let digest = short(artifact.digest());
    Stop::new(
        Exit::Refused,
        format!("artifact {digest} does not verify: {what}"),
        help,
    )
}

fn from_dir(dir: &Path) -> Result<Brought, Stop> {
    let brought = |files| Brought {
        files,
        name: dir.display().to_string(),
        exit: Exit::Usage,
        help: String::new(),
    };
    let files = Files::read(|file| match fs::read(dir.join(file)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Unreadable {
            file,
            reason: error.to_string(),
        }),
    });
    files
        .map_err(|e| brought(Files::of(|_| None)).unreadable(&e))
        .map(brought)
}

/// "generation 3 of production is 1234567890ab"
pub fn is_now(head: &Head) -> String {
    format!(
        "generation {} of {} is {}",
        head.seq,
        head.channel,
        short(&head.digest)
    )
}

/// Writes a new file that only its owner may read, or any that is not secret.
pub fn write_new(path: &Path, text: &str, mode: u32) -> std::io::Result<()> {
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Others than its owner may read it.
pub fn is_open_to_others(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o077 != 0)
}
