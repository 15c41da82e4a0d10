//! Secrets: where they are kept, and a type that cannot be printed. Text that comes back from a CRM is cleaned of
//! them before anybody sees it.

use std::fmt;
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// A secret. Wiped from memory when dropped; `Debug` shows stars and there is no `Display`.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    pub fn new(text: impl Into<String>) -> Self {
        Secret(SecretString::from(text.into()))
    }

    /// For the one line that puts it on the wire.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reference {
    /// Name of an environment variable.
    Env(String),
    /// Path of a file that only its owner can read, relative to the project.
    File(String),
    /// Name of a systemd credential.
    Credential(String),
}

/// A secret that is not where it should be. Holds names only.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{message}")]
pub struct SecretError {
    pub message: String,
    pub help: String,
}

impl Reference {
    /// Reads the secret. `env` looks up a variable.
    pub fn resolve(
        &self,
        project: &Path,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Secret, SecretError> {
        let fail = |message: String, help: String| SecretError { message, help };
        let text = match self {
            Reference::Env(name) => Zeroizing::new(env(name).ok_or_else(|| {
                fail(
                    format!("the environment variable {name} is not set"),
                    format!("set {name} where weir runs, or keep the secret in a file: {{ file = \"secrets/NAME\" }}"),
                )
            })?),
            Reference::File(path) => {
                let shown = path.clone();
                let path = project.join(path);
                let cannot = |error: std::io::Error| match error.kind() {
                    ErrorKind::NotFound => fail(
                        format!("the secret file {shown} does not exist"),
                        "put the secret there, alone on its line, and `chmod 600` it".to_owned(),
                    ),
                    _ => fail(
                        format!("the secret file {shown} cannot be read: {error}"),
                        "make it readable for the user that runs weir, and for nobody else".to_owned(),
                    ),
                };
                let about = fs::metadata(&path).map_err(cannot)?;
                if !about.is_file() {
                    return Err(fail(format!("the secret file {shown} is not a regular file"), String::new()));
                }
                let mode = about.permissions().mode() & 0o777;
                if mode & 0o077 != 0 {
                    return Err(fail(
                        format!("the secret file {shown} can be read by others (mode {mode:04o})"),
                        format!("`chmod 600 {shown}`"),
                    ));
                }
                Zeroizing::new(fs::read_to_string(&path).map_err(cannot)?)
            }
            Reference::Credential(name) => {
                let missing = |what: &str| {
                    fail(
                        format!("the systemd credential {name} {what}"),
                        format!("add LoadCredential={name}:/path/of/the/secret to the unit that runs weir"),
                    )
                };
                if name.contains('/') || name.starts_with('.') {
                    return Err(missing("has a name that is a path"));
                }
                let dir = env("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| missing("is not there: weir was not started by systemd with credentials"))?;
                let text = fs::read_to_string(Path::new(&dir).join(name));
                Zeroizing::new(text.map_err(|_| missing("is not there, or not readable"))?)
            }
        };
        let trimmed = text.trim();
        if trimmed.is_empty() || trimmed.contains(char::is_control) {
            return Err(fail(
                format!(
                    "{} holds no secret: it is empty or has several lines",
                    self.shown()
                ),
                "put the secret there alone, on one line".to_owned(),
            ));
        }
        Ok(Secret::new(trimmed))
    }

    /// For messages: names the place, not the secret.
    pub fn shown(&self) -> String {
        match self {
            Reference::Env(name) => format!("the environment variable {name}"),
            Reference::File(path) => format!("the secret file {path}"),
            Reference::Credential(name) => format!("the systemd credential {name}"),
        }
    }
}

/// Takes secrets out of text that others wrote: an error page may repeat the key it did not like.
#[derive(Clone, Default, Debug)]
pub struct Scrub(Vec<Secret>);

impl Scrub {
    pub fn add(&mut self, secret: &Secret) {
        // Two letters are in every other word.
        if secret.expose().len() >= 4 {
            self.0.push(secret.clone());
        }
    }

    /// One line of printable text, at most `most` characters, without secrets.
    pub fn clean(&self, text: &str, most: usize) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            let encoded: String =
                url::form_urlencoded::byte_serialize(secret.expose().as_bytes()).collect();
            text = text
                .replace(secret.expose(), "***")
                .replace(&encoded, "***");
        }
        let mut line = String::new();
        for word in text.split_whitespace() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.extend(
                word.chars()
                    .filter(|c| !c.is_control() && !is_invisible(*c)),
            );
        }
        if line.chars().count() > most {
            line = line.chars().take(most.saturating_sub(1)).collect();
            line.push('…');
        }
        line
    }
}

/// Turns the direction of text, or takes no room: nothing an error message needs.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_cannot_be_printed_and_is_taken_out_of_text() {
        let secret = Secret::new("hunter2+2");
        assert_eq!(format!("{secret:?}"), "***");
        let mut scrub = Scrub::default();
        scrub.add(&secret);
        assert_eq!(
            scrub.clean("bad key\n hunter2+2, hunter2%2B2 \u{202e}x\u{1b}[31m", 100),
            "bad key ***, *** x[31m"
        );
        assert_eq!(scrub.clean("abcdef", 4), "abc…");
    }

    #[test]
    fn a_secret_is_read_from_where_it_is_kept_and_from_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode| {
            let path = dir.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        };
        write("good", "s3cret\n", 0o600);
        write("open", "s3cret\n", 0o640);
        write("empty", "\n", 0o600);
        write("two", "a\nb\n", 0o600);
        let credentials = dir.path().to_str().unwrap().to_owned();
        let env = move |name: &str| match name {
            "KEY" => Some("k3y".to_owned()),
            "CREDENTIALS_DIRECTORY" => Some(credentials.clone()),
            _ => None,
        };
        let resolve = |reference: Reference| reference.resolve(dir.path(), &env);
        let file = |name: &str| Reference::File(name.to_owned());
        for (reference, want) in [
            (Reference::Env("KEY".to_owned()), "k3y"),
            (file("good"), "s3cret"),
            (Reference::Credential("good".to_owned()), "s3cret"),
        ] {
            assert_eq!(resolve(reference).unwrap().expose(), want);
        }
        for (reference, want) in [
            (
                Reference::Env("NO".to_owned()),
                "the environment variable NO is not set",
            ),
            (
                file("open"),
                "the secret file open can be read by others (mode 0640)",
            ),
            (file("none"), "the secret file none does not exist"),
            (
                file("empty"),
                "the secret file empty holds no secret: it is empty or has several lines",
            ),
            (
                file("two"),
                "the secret file two holds no secret: it is empty or has several lines",
            ),
            (file("."), "the secret file . is not a regular file"),
            (
                Reference::Credential("../good".to_owned()),
                "the systemd credential ../good has a name that is a path",
            ),
            (
                Reference::Credential("none".to_owned()),
                "the systemd credential none is not there, or not readable",
            ),
        ] {
            assert_eq!(resolve(reference).unwrap_err().message, want);
        }
    }
}
