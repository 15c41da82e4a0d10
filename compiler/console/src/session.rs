//! Who is signed in. A session is 256 random bits in a cookie, and an entry here: of the token only a digest is kept. Entries
//! are written beside the users file, so that a restart ends nobody's session.
//!
//! It does not know passwords or roles: a session names a user and the state of that user's entry, and ends when that
//! changes.

use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::digest::{hex, random, sha256_hex};

/// Seconds since 1970. Sessions outlive processes and boots, which no other clock does.
pub type Seconds = i64;

/// A session that is not used for so long is over.
pub const IDLE: Seconds = 12 * 3600;
/// A session is over after this in any case.
pub const LONGEST: Seconds = 7 * 24 * 3600;
/// More than anybody needs; the one unused for longest goes first.
const MOST: usize = 1000;
/// Uses are written down this often: a session that was used since then is not over because of a restart.
const NOTED: Seconds = 300;
/// A session from the future is one of a clock that was set: that much may clocks differ.
const SLACK: Seconds = 300;

const FILE_NAME: &str = "sessions.json";
const SCHEMA: &str = "weir.sessions/1";

#[derive(Serialize, Deserialize, Clone, Debug)]
struct Session {
    user: String,
    stamp: String,
    made: Seconds,
    used: Seconds,
}

/// The file.
#[derive(Serialize, Deserialize)]
struct Stored {
    schema: String,
    /// By SHA-256 of the token, in hexadecimal.
    sessions: HashMap<String, Session>,
}

/// All sessions.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<HashMap<String, Session>>,
    /// Where they are kept; `None`: in memory only.
    path: Option<PathBuf>,
}

/// The time of day.
pub fn now() -> Seconds {
    jiff::Timestamp::now().as_second()
}

impl Sessions {
    /// Those in the file beside the users file that are not over. A file that others may read, or that cannot be read,
    /// counts for nothing: whoever was signed in signs in again.
    pub fn beside(users: &Path, now: Seconds) -> Sessions {
        let path = users.with_file_name(FILE_NAME);
        let mut open = read(&path).unwrap_or_default();
        open.retain(|_, s| !is_over(s, now));
        Sessions {
            open: Mutex::new(open),
            path: Some(path),
        }
    }

    /// Begins a session and gives its token.
    pub fn begin(&self, user: &str, stamp: &str, now: Seconds) -> Result<String, getrandom::Error> {
        let token = hex(&random()?);
        let mut open = self.lock();
        open.retain(|_, s| !is_over(s, now));
        while open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, s)| s.used);
            let Some(oldest) = oldest.map(|(k, _)| k.clone()) else {
                break;
            };
            open.remove(&oldest);
        }
        let session = Session {
            user: user.to_owned(),
            stamp: stamp.to_owned(),
            made: now,
            used: now,
        };
        open.insert(sha256_hex(token.as_bytes()), session);
        self.keep(&open);
        Ok(token)
    }

    /// The user of a token and the stamp it began with; `None` when there is no such session any more.
    pub fn user(&self, token: &str, now: Seconds) -> Option<(String, String)> {
        let key = sha256_hex(token.as_bytes());
        let mut open = self.lock();
        let session = open.get_mut(&key)?;
        if is_over(session, now) {
            open.remove(&key);
            self.keep(&open);
            return None;
        }
        let found = (session.user.clone(), session.stamp.clone());
        if now - session.used >= NOTED {
            session.used = now;
            self.keep(&open);
        }
        Some(found)
    }

    /// The same, without counting as use.
    pub fn peek(&self, token: &str, now: Seconds) -> Option<(String, String)> {
        let open = self.lock();
        let session = open.get(&sha256_hex(token.as_bytes()))?;
        (!is_over(session, now)).then(|| (session.user.clone(), session.stamp.clone()))
    }

    pub fn end(&self, token: &str) {
        let mut open = self.lock();
        if open.remove(&sha256_hex(token.as_bytes())).is_some() {
            self.keep(&open);
        }
    }

    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Session>> {
        self.open.lock().unwrap_or_else(|e| e.into_inner())
    }

    /// Writes them down, whole or not at all. Where that cannot be done they last as long as the process, and what is there
    /// is removed: a session that was ended must not come back.
    fn keep(&self, open: &HashMap<String, Session>) {
        let Some(path) = &self.path else { return };
        let stored = Stored {
            schema: SCHEMA.to_owned(),
            sessions: open.clone(),
        };
        let new = path.with_extension("new");
        let written = serde_json::to_vec(&stored)
            .map_err(std::io::Error::other)
            .and_then(|text| {
                // Of a process that was killed here.
                let _ = fs::remove_file(&new);
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o600)
                    .open(&new)?;
                file.write_all(&text)?;
                file.sync_all()?;
                fs::rename(&new, path)
            });
        if written.is_err() {
            let _ = fs::remove_file(&new);
            let _ = fs::remove_file(path);
        }
    }
}

fn read(path: &Path) -> Option<HashMap<String, Session>> {
    let mode = fs::metadata(path).ok()?.permissions().mode();
    if mode & 0o077 != 0 {
        return None;
    }
    let stored: Stored = serde_json::from_slice(&fs::read(path).ok()?).ok()?;
    (stored.schema == SCHEMA && stored.sessions.len() <= MOST).then_some(stored.sessions)
}

fn is_over(session: &Session, now: Seconds) -> bool {
    now.saturating_sub(session.used) > IDLE + NOTED
        || now.saturating_sub(session.made) > LONGEST
        || session.made > now.saturating_add(SLACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Seconds = 1_800_000_000;

    #[test]
    fn a_session_lasts_while_it_is_used_and_no_longer_than_a_week() {
        let sessions = Sessions::default();
        let token = sessions.begin("ada", "1", START).expect("random");
        assert_eq!(token.len(), 64);
        assert!(sessions.user(&"0".repeat(64), START).is_none());
        let mut now = START;
        for _ in 0..13 {
            now += IDLE;
            assert!(sessions.user(&token, now).is_some());
        }
        assert!(sessions.user(&token, START + LONGEST).is_some());
        assert!(sessions.user(&token, START + LONGEST + 1).is_none());
        let token = sessions.begin("ada", "1", START).expect("random");
        assert!(sessions.user(&token, START + IDLE + NOTED + 1).is_none());
    }

    #[test]
    fn signing_out_ends_one_session_and_their_number_is_bounded() {
        let sessions = Sessions::default();
        let first = sessions.begin("ada", "1", START).expect("random");
        let second = sessions.begin("ada", "1", START).expect("random");
        assert_ne!(first, second);
        sessions.end(&first);
        assert!(sessions.user(&first, START).is_none());
        assert!(sessions.user(&second, START).is_some());
        for i in 0..(MOST as i64 + 50) {
            sessions.begin("ada", "1", START + i).expect("random");
        }
        assert_eq!(sessions.count(), MOST);
        assert!(
            sessions.user(&second, START).is_none(),
            "the oldest went first"
        );
    }

    #[test]
    fn a_restart_ends_no_session_and_the_file_is_worth_nothing_to_others() {
        let dir = tempfile::tempdir().expect("a directory");
        let users = dir.path().join("users.json");
        let path = dir.path().join(FILE_NAME);
        let sessions = Sessions::beside(&users, START);
        let stays = sessions.begin("ada", "1", START).expect("random");
        let ended = sessions.begin("vic", "2", START).expect("random");
        sessions.end(&ended);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(!text.contains(&stays) && !text.contains(&ended));
        assert_eq!(
            fs::metadata(&path).expect("there").permissions().mode() & 0o777,
            0o600
        );
        let again = Sessions::beside(&users, START + 60);
        assert_eq!(
            again.user(&stays, START + 60),
            Some(("ada".to_owned(), "1".to_owned()))
        );
        assert!(again.user(&ended, START + 60).is_none());
        // Over is over, however long nobody looked; and so is what a clock says that was set back.
        assert_eq!(Sessions::beside(&users, START + LONGEST + 1).count(), 0);
        assert_eq!(Sessions::beside(&users, START - SLACK - 1).count(), 0);
        // What others could have read or written counts for nothing.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("set");
        assert_eq!(Sessions::beside(&users, START).count(), 0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        fs::write(&path, "nonsense").expect("written");
        assert_eq!(Sessions::beside(&users, START).count(), 0);
    }
}
