//! The users file as it is now: read again whenever it changed, so that a user who is removed is gone with the next
//! request. A file that cannot be read lets nobody in.

use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use crate::users::{Users, UsersError};

/// Inode, size, and times of the last change: what a file that was replaced or edited does not keep.
type State = (u64, u64, i64, i64, i64);

pub struct UserFile {
    path: PathBuf,
    read: Mutex<(Option<State>, Arc<Users>)>,
}

impl UserFile {
    pub fn at(path: PathBuf) -> Result<UserFile, UsersError> {
        let state = state(&path);
        let users = Arc::new(Users::read(&path)?);
        Ok(UserFile {
            path,
            read: Mutex::new((state, users)),
        })
    }

    pub fn now(&self) -> Arc<Users> {
        let now = state(&self.path);
        let mut read = self.read.lock().unwrap_or_else(|e| e.into_inner());
        if read.0 != now {
            *read = (now, Arc::new(Users::read(&self.path).unwrap_or_default()));
        }
        read.1.clone()
    }
}

fn state(path: &PathBuf) -> Option<State> {
    let m = std::fs::metadata(path).ok()?;
    Some((m.ino(), m.size(), m.mtime(), m.mtime_nsec(), m.ctime_nsec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::{Role, add, remove};

    #[test]
    fn who_is_added_or_removed_counts_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("users.json");
        let file = UserFile::at(path.clone()).expect("empty");
        add(&path, "ada", Role::Operator, "correct horse battery").expect("added");
        assert_eq!(file.now().role("ada"), Some(Role::Operator));
        remove(&path, "ada").expect("removed");
        assert_eq!(file.now().role("ada"), None);
        std::fs::write(&path, "nonsense").expect("written");
        assert!(file.now().is_empty());
    }
}
