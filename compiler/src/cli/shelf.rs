//! The store of a project, wherever it is. Artifacts, channels and snapshots may be in a bucket; then the directory holds
//! proved copies of what commands look at.
//!
//! It does not know what is done with artifacts.

use std::path::{Path, PathBuf};

use weir_compiler::config::project::{Project, Remote};
use weir_compiler::lock::Lock;
use weir_compiler::report::plain;
use weir_store::channel::{Backend, Stored};
use weir_store::snapshot::{Snapshot, SnapshotError};
use weir_store::{Artifact, ArtifactFiles, Outcome, Staged, Store, StoreError, mirror};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;

/// A store that is open.
pub struct Shelf {
    local: Store,
    remote: Option<Elsewhere>,
}

struct Elsewhere {
    name: String,
    backend: Box<dyn Backend + Send + Sync>,
}

/// What a project keeps where.
impl Shelf {
    pub fn open(dir: &Path, project: &Project) -> Result<Shelf, Stop> {
        let failed = |error: StoreError| Stop::new(Exit::Outside, plain(&error.to_string()), "");
        let remote = match &project.remote {
            None => None,
            Some(remote) => Some(Elsewhere {
                name: remote.url.clone(),
                backend: connect(dir, remote)?,
            }),
        };
        Ok(Shelf {
            local: Store::open(dir.join(&project.store)).map_err(failed)?,
            remote,
        })
    }

    /// Where artifacts and channels are.
    pub fn backend(&self) -> &dyn Backend {
        match &self.remote {
            Some(remote) => remote.backend.as_ref(),
            None => &self.local,
        }
    }

    /// The store of artifacts elsewhere; `None` where the directory is all there is.
    pub fn remote(&self) -> Option<&dyn Backend> {
        let remote = self.remote.as_ref()?;
        Some(remote.backend.as_ref())
    }

    /// The directory: all there is, or copies of what is elsewhere.
    pub fn local(&self) -> &Store {
        &self.local
    }

    /// For people.
    pub fn name(&self) -> String {
        match &self.remote {
            Some(remote) => remote.name.clone(),
            None => self.local.root().display().to_string(),
        }
    }

    /// Digests of all artifacts, sorted.
    pub fn list(&self) -> Result<Vec<String>, StoreError> {
        match &self.remote {
            None => self.local.list(),
            Some(_) => Ok(self.artifacts()?.into_iter().map(|s| s.digest).collect()),
        }
    }

    pub fn artifacts(&self) -> Result<Vec<Stored>, StoreError> {
        self.backend().artifacts()
    }

    /// The artifact with this digest, or with the only digest that begins so. One that is elsewhere is copied here
    /// first, and proved on the way.
    pub fn get(&self, reference: &str) -> Result<Artifact, StoreError> {
        let Some(remote) = &self.remote else {
            return self.local.get(reference);
        };
        let place = PathBuf::from(&remote.name);
        let whole = reference.strip_prefix("sha256:").unwrap_or(reference).len() == 64;
        let digest = weir_store::resolve(reference, &place, || match whole {
            true => Ok(vec![
                reference
                    .strip_prefix("sha256:")
                    .unwrap_or(reference)
                    .to_ascii_lowercase(),
            ]),
            false => self.list(),
        })?;
        if !mirror::artifact(remote.backend.as_ref(), &self.local, &digest)? {
            return Err(StoreError::NotFound {
                reference: reference.to_owned(),
                store: place,
            });
        }
        self.local.get(&digest)
    }

    /// Stores an artifact, here and where it belongs; where it is here, and what that place made of it.
    pub fn put(&self, files: &ArtifactFiles<'_>) -> Result<(PathBuf, Outcome), StoreError> {
        self.keep_staged(self.stage(files)?, files)
    }

    /// Writes the files of an artifact, here; nobody sees them before they are kept.
    pub fn stage(&self, files: &ArtifactFiles<'_>) -> Result<Staged<'_>, StoreError> {
        self.local.stage(files)
    }

    /// The second half of [`Shelf::put`].
    pub fn keep_staged(
        &self,
        staged: Staged<'_>,
        files: &ArtifactFiles<'_>,
    ) -> Result<(PathBuf, Outcome), StoreError> {
        let put = staged.keep(files)?;
        let outcome = match &self.remote {
            None => put.outcome,
            Some(remote) => remote.backend.put(files)?,
        };
        Ok((put.path, outcome))
    }

    /// Puts a snapshot that was recorded here where snapshots belong, so that others who have the same `weir.lock` can
    /// build from it.
    pub fn keep(&self, snapshot: &Snapshot) -> Result<(), SnapshotError> {
        match &self.remote {
            None => Ok(()),
            Some(remote) => remote.backend.keep_snapshot(snapshot),
        }
    }

    /// Removes copies of artifacts that are not where they belong any more.
    pub fn drop_copies(&self) -> Result<(), StoreError> {
        let Some(remote) = &self.remote else {
            return Ok(());
        };
        let there = remote.backend.artifacts()?;
        self.local.collect(&mut |copies| {
            let gone = copies
                .iter()
                .filter(|copy| there.iter().all(|s| s.digest != copy.digest));
            Ok(gone.map(|copy| copy.digest.clone()).collect())
        })?;
        Ok(())
    }
}

/// Copies the snapshots that `weir.lock` names and that are not here from the bucket of the project. Nothing is asked where
/// all are here, so that whoever fetched builds offline. One that the bucket has not either is for whoever needs it to
/// tell.
pub fn bring(dir: &Path, project: &Project, lock: &Lock) -> Result<(), Stop> {
    let Some(remote) = &project.remote else {
        return Ok(());
    };
    let failed = |message: String| {
        Stop::new(
            Exit::Incomplete,
            plain(&message),
            "`weir.lock` names a snapshot that is not here, and it could not be had from the bucket: try again, or `weir fetch` \
             where the source can be reached",
        )
    };
    let local = dir.join(&project.store);
    let missing: Vec<&str> = (project.live.iter())
        .filter_map(|live| lock.of(&live.source))
        .map(|locked| locked.snapshot.as_str())
        .filter(|digest| {
            let name = digest.strip_prefix("sha256:").unwrap_or(digest);
            !local.join("snapshots").join(name).is_dir()
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let from = connect(dir, remote)?;
    let to = Store::open(&local).map_err(|error| failed(error.to_string()))?;
    for digest in missing {
        mirror::snapshot(from.as_ref(), &to, digest).map_err(|error| failed(error.to_string()))?;
    }
    Ok(())
}

/// What the console looks at.
#[cfg(feature = "serve")]
impl weir_console::Stock for Shelf {
    fn backend(&self) -> &dyn Backend {
        Shelf::backend(self)
    }

    fn get(&self, reference: &str) -> Result<Artifact, StoreError> {
        Shelf::get(self, reference)
    }

    fn patience(&self) -> std::time::Duration {
        match self.remote {
            None => std::time::Duration::ZERO,
            Some(_) => ELSEWHERE,
        }
    }
}

/// A head in a bucket is asked for no oftener: each look is a request that costs time and money.
#[cfg(feature = "serve")]
const ELSEWHERE: std::time::Duration = std::time::Duration::from_secs(5);

/// Why a bucket cannot be used, before anything is sent.
#[cfg(feature = "s3")]
fn wrong(message: impl Into<String>, help: impl Into<String>) -> Stop {
    Stop::new(Exit::Usage, message, help)
}

#[cfg(not(feature = "s3"))]
pub fn connect(_: &Path, _: &Remote) -> Result<Box<dyn Backend + Send + Sync>, Stop> {
    Err(Stop::new(
        Exit::Usage,
        "`store.url` is a bucket, and this weir was built without stores in buckets",
        "write url = \"file:.weir/store\", or build weir with the feature `s3`",
    ))
}

#[cfg(feature = "s3")]
pub fn connect(dir: &Path, remote: &Remote) -> Result<Box<dyn Backend + Send + Sync>, Stop> {
    Ok(Box::new(bucket(dir, remote)?))
}

/// Makes ready to speak to a bucket. Nothing is sent yet.
#[cfg(feature = "s3")]
pub fn bucket(dir: &Path, remote: &Remote) -> Result<weir_store_s3::S3Store, Stop> {
    use weir_store_s3::{Address, S3Store, Settings};

    let address = Address::parse(&remote.url).map_err(|help| {
        let url = plain(&remote.url);
        wrong(format!("{url} is not the address of a bucket"), help)
    })?;
    let ca = match &remote.ca {
        None => None,
        Some(path) => Some(std::fs::read(dir.join(path)).map_err(|error| {
            wrong(
                format!("`store.ca` cannot be read: {}: {error}", plain(path)),
                "paths are relative to the directory of weir.toml",
            )
        })?),
    };
    S3Store::connect(&Settings {
        address,
        endpoint: remote.endpoint.clone(),
        region: remote.region.clone(),
        credentials: credentials(dir, remote)?,
        ca,
        plain_http: remote.plain_http,
    })
    .map_err(|error| wrong(plain(&error.to_string()).into_owned(), ""))
}

#[cfg(feature = "s3")]
fn credentials(dir: &Path, remote: &Remote) -> Result<weir_store_s3::Credentials, Stop> {
    use weir_compiler::config::project::SecretPlace;
    use weir_fetch::secret::Reference;

    let env = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(key), Some(secret)) = (&remote.key, &remote.secret) else {
        let of = |name: &str| {
            env(name).ok_or_else(|| {
                wrong(
                    format!("there are no credentials for {}: {name} is not set", plain(&remote.url)),
                    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or refer to both with `key` and `secret` under \
                     [store] in weir.toml",
                )
            })
        };
        return Ok(weir_store_s3::Credentials {
            key: of("AWS_ACCESS_KEY_ID")?,
            secret: of("AWS_SECRET_ACCESS_KEY")?,
            token: env("AWS_SESSION_TOKEN"),
        });
    };
    let read = |place: &SecretPlace, what: &str| {
        let reference = match place {
            SecretPlace::Env(name) => Reference::Env(name.clone()),
            SecretPlace::File(path) => Reference::File(path.clone()),
            SecretPlace::Credential(name) => Reference::Credential(name.clone()),
        };
        let secret = reference.resolve(dir, &env);
        secret
            .map(|secret| secret.expose().to_owned())
            .map_err(|error| wrong(format!("`store.{what}`: {}", error.message), error.help))
    };
    Ok(weir_store_s3::Credentials {
        key: read(key, "key")?,
        secret: read(secret, "secret")?,
        token: None,
    })
}
