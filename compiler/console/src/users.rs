//! The users file: who may sign in, with which role, and the argon2id hash of their password.
//!
//! It is made on the command line and only read by the console: there is no page to sign up on. It knows nothing of
//! sessions, and forgets a password as soon as it is hashed.

use std::fmt;
use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use serde::{Deserialize, Serialize};

/// What a user may do.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Sees every page, with names, addresses and MACs replaced by pseudonyms. Changes nothing.
    Viewer,
    /// Sees everything and may change it.
    Operator,
}

impl Role {
    pub fn word(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = UsersError;

    fn from_str(word: &str) -> Result<Self, UsersError> {
        match word {
            "viewer" => Ok(Role::Viewer),
            "operator" => Ok(Role::Operator),
            _ => Err(UsersError::BadRole),
        }
    }
}

/// A user, without the hash.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct User {
    pub name: String,
    pub role: Role,
}

#[derive(Serialize, Deserialize, Clone)]
struct Stored {
    name: String,
    role: Role,
    /// In the PHC string format: `$argon2id$v=19$...`.
    password: String,
}

#[derive(Serialize, Deserialize)]
struct File {
    schema: String,
    users: Vec<Stored>,
}

const SCHEMA: &str = "weir.users/1";
/// Characters a password has at least. Length is what counts, so nothing else is asked of it.
pub const SHORTEST: usize = 12;
/// Bytes a password has at most: hashing must not be given a novel.
pub const LONGEST: usize = 1024;

/// Why the users file could not be read or changed.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    #[error("cannot {action} {}: {cause}", .path.display())]
    Io {
        action: &'static str,
        path: PathBuf,
        cause: io::Error,
    },
    #[error(
        "{} can be read by others (mode {mode:04o}): it holds password hashes, so make it private with \
         `chmod 600 {}`", .path.display(), .path.display()
    )]
    NotPrivate { path: PathBuf, mode: u32 },
    #[error("{} is not a users file: {reason}; make it anew with `weir user add`", .path.display())]
    Malformed { path: PathBuf, reason: String },
    #[error(
        "a user is named with 1 to 64 letters, digits, `-`, `_`, `.` or `@`, and the first is a letter or digit"
    )]
    BadName,
    #[error("a role is `viewer` or `operator`")]
    BadRole,
    #[error("a password needs at least {SHORTEST} characters and at most {LONGEST} bytes")]
    BadPassword,
    #[error("there is no user {0}; `weir user list` shows who is there")]
    NoSuchUser(String),
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// The users of one console, as their file had them when it was read.
#[derive(Clone, Default)]
pub struct Users {
    users: Vec<Stored>,
}

/// Names only: hashes are no business of a log.
impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list()).finish()
    }
}

/// 19 MiB, two passes, one lane: what OWASP asks of argon2id at least.
fn hasher() -> Argon2<'static> {
    let params = Params::new(19 * 1024, 2, 1, None).expect("within the limits of argon2");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hash(password: &str) -> Result<String, UsersError> {
    let mut salt = [0u8; 16];
    getrandom::fill(&mut salt).map_err(|e| UsersError::Hash(e.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(|e| UsersError::Hash(e.to_string()))?;
    hasher()
        .hash_password(password.as_bytes(), &salt)
        .map(|hash| hash.to_string())
        .map_err(|e| UsersError::Hash(e.to_string()))
}

/// A name that nobody has takes as long as one that somebody has.
static NOBODY: LazyLock<Option<String>> = LazyLock::new(|| hash("nobody signs in with this").ok());

impl Users {
    /// Reads the file. One that is not there is an empty one; one that others can read is refused.
    pub fn read(path: &Path) -> Result<Users, UsersError> {
        let doing = |action, cause| UsersError::Io {
            action,
            path: path.to_owned(),
            cause,
        };
        let metadata = match fs::metadata(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Users::default()),
            metadata => metadata.map_err(|e| doing("read", e))?,
        };
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(UsersError::NotPrivate {
                path: path.to_owned(),
                mode,
            });
        }
        let malformed = |reason: String| UsersError::Malformed {
            path: path.to_owned(),
            reason,
        };
        let bytes = fs::read(path).map_err(|e| doing("read", e))?;
        let file: File = serde_json::from_slice(&bytes).map_err(|e| malformed(e.to_string()))?;
        if file.schema != SCHEMA {
            return Err(malformed(format!(
                "it is {:?}, not {SCHEMA:?}",
                file.schema
            )));
        }
        for user in &file.users {
            let named = is_name(&user.name) && PasswordHash::new(&user.password).is_ok();
            if !named {
                return Err(malformed("an entry has no good name or no hash".to_owned()));
            }
        }
        Ok(Users { users: file.users })
    }

    pub fn list(&self) -> Vec<User> {
        let user = |stored: &Stored| User {
            name: stored.name.clone(),
            role: stored.role,
        };
        self.users.iter().map(user).collect()
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The role of this user now; `None` when there is none.
    pub fn role(&self, name: &str) -> Option<Role> {
        self.users.iter().find(|u| u.name == name).map(|u| u.role)
    }

    /// Names one state of a user: a session of another state is over. It is made of the hash, and tells nothing of it.
    pub fn stamp(&self, name: &str) -> Option<String> {
        let user = self.users.iter().find(|u| u.name == name)?;
        let text = format!("{}\n{}\n{}", user.name, user.role.word(), user.password);
        Some(crate::digest::sha256_hex(text.as_bytes()))
    }

    /// Hashes once, whether or not there is such a user.
    pub fn verify(&self, name: &str, password: &str) -> bool {
        let user = self.users.iter().find(|u| u.name == name);
        let known = user.map(|u| u.password.as_str()).or(NOBODY.as_deref());
        let fits = password.len() <= LONGEST
            && known
                .and_then(|hash| PasswordHash::new(hash).ok())
                .is_some_and(|hash| hasher().verify_password(password.as_bytes(), &hash).is_ok());
        fits && user.is_some()
    }
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-_.@".contains(&b))
}

/// Adds a user, or gives one that is there another role and password. True when it is new.
pub fn add(path: &Path, name: &str, role: Role, password: &str) -> Result<bool, UsersError> {
    if !is_name(name) {
        return Err(UsersError::BadName);
    }
    if password.chars().count() < SHORTEST || password.len() > LONGEST {
        return Err(UsersError::BadPassword);
    }
    let mut users = Users::read(path)?;
    let stored = Stored {
        name: name.to_owned(),
        role,
        password: hash(password)?,
    };
    let new = match users.users.iter_mut().find(|u| u.name == name) {
        Some(user) => {
            *user = stored;
            false
        }
        None => {
            users.users.push(stored);
            true
        }
    };
    write(path, users)?;
    Ok(new)
}

/// Takes a user out. Their sessions end with the next request.
pub fn remove(path: &Path, name: &str) -> Result<(), UsersError> {
    let mut users = Users::read(path)?;
    let before = users.users.len();
    users.users.retain(|u| u.name != name);
    if users.users.len() == before {
        return Err(UsersError::NoSuchUser(name.to_owned()));
    }
    write(path, users)
}

/// Old or new, never half, and never readable by others.
fn write(path: &Path, mut users: Users) -> Result<(), UsersError> {
    users.users.sort_by(|a, b| a.name.cmp(&b.name));
    let file = File {
        schema: SCHEMA.to_owned(),
        users: users.users,
    };
    let mut text = serde_json::to_string_pretty(&file).map_err(|e| UsersError::Malformed {
        path: path.to_owned(),
        reason: e.to_string(),
    })?;
    text.push('\n');
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = path.with_file_name(name);
    let doing = |action, path: &Path, cause| UsersError::Io {
        action,
        path: path.to_owned(),
        cause,
    };
    if let Some(dir) = path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        fs::create_dir_all(dir).map_err(|e| doing("make", dir, e))?;
    }
    let written = fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&new)
        .and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        })
        .and_then(|()| fs::rename(&new, path));
    if let Err(error) = written {
        let _ = fs::remove_file(&new);
        return Err(doing("write", path, error));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "correct horse battery";

    #[test]
    fn who_was_added_signs_in_and_nobody_else_does() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("users.json");
        assert!(Users::read(&path).expect("empty").is_empty());
        assert!(add(&path, "ada", Role::Operator, GOOD).expect("added"));
        assert!(add(&path, "vic", Role::Viewer, "another good password").expect("added"));
        let users = Users::read(&path).expect("reads");
        assert!(users.verify("ada", GOOD));
        assert!(!users.verify("ada", "correct horse batterz"));
        assert!(!users.verify("vic", GOOD));
        assert!(!users.verify("bob", "nobody signs in with this"));
        assert!(!users.verify("ada", &"x".repeat(LONGEST + 1)));
        assert_eq!(users.role("vic"), Some(Role::Viewer));
        let text = fs::read_to_string(&path).expect("text");
        assert!(text.contains("$argon2id$") && !text.contains(GOOD));
        assert!(!format!("{users:?}").contains("argon2id"));
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_new_password_or_role_is_another_stamp() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("users.json");
        add(&path, "ada", Role::Operator, GOOD).expect("added");
        let before = Users::read(&path).expect("reads").stamp("ada");
        assert!(!add(&path, "ada", Role::Viewer, GOOD).expect("changed"));
        let after = Users::read(&path).expect("reads").stamp("ada");
        assert!(before.is_some() && before != after);
        remove(&path, "ada").expect("removed");
        assert_eq!(Users::read(&path).expect("reads").stamp("ada"), None);
        assert!(matches!(
            remove(&path, "ada"),
            Err(UsersError::NoSuchUser(_))
        ));
    }

    #[test]
    fn names_and_passwords_that_are_none_are_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("users.json");
        for name in ["", "-x", "a b", "ä", "a\n", "a:b", &"x".repeat(65)] {
            assert!(matches!(
                add(&path, name, Role::Viewer, GOOD),
                Err(UsersError::BadName)
            ));
        }
        for password in ["", "short", "eleven char", &"x".repeat(LONGEST + 1)] {
            assert!(matches!(
                add(&path, "ada", Role::Viewer, password),
                Err(UsersError::BadPassword)
            ));
        }
        assert!(!path.exists());
    }

    #[test]
    fn a_file_that_others_can_read_or_that_is_none_is_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("users.json");
        add(&path, "ada", Role::Operator, GOOD).expect("added");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        assert!(matches!(
            Users::read(&path),
            Err(UsersError::NotPrivate { mode: 0o640, .. })
        ));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        for text in [
            "",
            "{}",
            r#"{"schema":"weir.users/2","users":[]}"#,
            r#"{"schema":"weir.users/1","users":[{"name":"ada","role":"operator","password":"plain"}]}"#,
            r#"{"schema":"weir.users/1","users":[{"name":"ada","role":"root","password":""}]}"#,
        ] {
            fs::write(&path, text).expect("written");
            assert!(
                matches!(Users::read(&path), Err(UsersError::Malformed { .. })),
                "{text}"
            );
        }
    }
}
