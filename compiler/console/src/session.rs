//! Who is signed in. A session is 256 random bits in a cookie and an entry in memory; a restart ends all of them.
//!
//! It does not know passwords or roles: a session names a user and the state of that user's entry, and ends when that
//! changes.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::digest::{hex, random, sha256};

/// A session that is not used for so long is over.
pub const IDLE: Duration = Duration::from_secs(12 * 3600);
/// A session is over after this in any case.
pub const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);
/// More than anybody needs; the one unused for longest goes first.
const MOST: usize = 1000;

#[derive(Clone, Debug)]
struct Session {
    user: String,
    stamp: String,
    made: Instant,
    used: Instant,
}

/// All sessions. Tokens are kept as digests, so that nothing in memory is worth stealing.
#[derive(Default)]
pub struct Sessions {
    open: Mutex<HashMap<[u8; 32], Session>>,
}

impl Sessions {
    /// Begins a session and gives its token.
    pub fn begin(&self, user: &str, stamp: &str, now: Instant) -> Result<String, getrandom::Error> {
        let token = hex(&random()?);
        let mut open = self.lock();
        open.retain(|_, s| !is_over(s, now));
        while open.len() >= MOST {
            let oldest = open.iter().min_by_key(|(_, s)| s.used).map(|(k, _)| *k);
            let Some(oldest) = oldest else { break };
            open.remove(&oldest);
        }
        let session = Session {
            user: user.to_owned(),
            stamp: stamp.to_owned(),
            made: now,
            used: now,
        };
        open.insert(sha256(token.as_bytes()), session);
        Ok(token)
    }

    /// The user of a token and the stamp it began with; `None` when there is no such session any more.
    pub fn user(&self, token: &str, now: Instant) -> Option<(String, String)> {
        let key = sha256(token.as_bytes());
        let mut open = self.lock();
        let session = open.get_mut(&key)?;
        if is_over(session, now) {
            open.remove(&key);
            return None;
        }
        session.used = now;
        Some((session.user.clone(), session.stamp.clone()))
    }

    /// The same, without counting as use.
    pub fn peek(&self, token: &str, now: Instant) -> Option<(String, String)> {
        let open = self.lock();
        let session = open.get(&sha256(token.as_bytes()))?;
        (!is_over(session, now)).then(|| (session.user.clone(), session.stamp.clone()))
    }

    pub fn end(&self, token: &str) {
        self.lock().remove(&sha256(token.as_bytes()));
    }

    pub fn count(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.open.lock().unwrap_or_else(|e| e.into_inner())
    }
}

fn is_over(session: &Session, now: Instant) -> bool {
    now.saturating_duration_since(session.used) > IDLE
        || now.saturating_duration_since(session.made) > LONGEST
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_lasts_while_it_is_used_and_no_longer_than_a_week() {
        let sessions = Sessions::default();
        let start = Instant::now();
        let token = sessions.begin("ada", "1", start).expect("random");
        assert_eq!(token.len(), 64);
        assert!(sessions.user("0".repeat(64).as_str(), start).is_none());
        let mut now = start;
        for _ in 0..13 {
            now += IDLE;
            assert!(sessions.user(&token, now).is_some());
        }
        now += IDLE;
        assert!(sessions.user(&token, start + LONGEST).is_some());
        assert!(sessions.user(&token, now + IDLE).is_none());
        let token = sessions.begin("ada", "1", start).expect("random");
        assert!(
            sessions
                .user(&token, start + IDLE + Duration::from_secs(1))
                .is_none()
        );
    }

    #[test]
    fn signing_out_ends_one_session_and_their_number_is_bounded() {
        let sessions = Sessions::default();
        let start = Instant::now();
        let first = sessions.begin("ada", "1", start).expect("random");
        let second = sessions.begin("ada", "1", start).expect("random");
        assert_ne!(first, second);
        sessions.end(&first);
        assert!(sessions.user(&first, start).is_none());
        assert!(sessions.user(&second, start).is_some());
        for i in 0..(MOST as u64 + 50) {
            let now = start + Duration::from_secs(i);
            sessions.begin("ada", "1", now).expect("random");
        }
        assert_eq!(sessions.count(), MOST);
        assert!(
            sessions.user(&second, start).is_none(),
            "the oldest went first"
        );
    }
}
