//! Whose eyes a page is for. Operators see what is there; for viewers everything that names a person or a machine is
//! replaced here, on the server, before page or JSON is made.
//!
//! What a viewer gets is numbers, words of this program, and pseudonyms. Sentences are withheld, because a name can
//! hide anywhere in a sentence; a search by what is hidden would tell it, so viewers search by pseudonym only.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use crate::digest::{hex, random, sha256};
use crate::show::tame;
use crate::users::Role;

/// What pseudonyms are made with. Whoever has it can check guesses, so it is as private as the users file.
#[derive(Clone)]
pub struct Key(Arc<[u8; 32]>);

impl Key {
    /// The key beside the users file, made where there is none: pseudonyms are then the same after a restart. Where
    /// nothing can be written they last as long as the process.
    pub fn beside(users: &Path) -> Result<Key, getrandom::Error> {
        let path = users.with_file_name("pseudonyms.key");
        let mut stored = [0; 32];
        let read = |stored: &mut [u8; 32]| {
            fs::File::open(&path).and_then(|mut file| file.read_exact(stored))
        };
        if read(&mut stored).is_ok() {
            return Ok(Key(Arc::new(stored)));
        }
        let fresh = random()?;
        let made = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                file.write_all(&fresh)?;
                file.sync_all()
            });
        match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists && read(&mut stored).is_ok() => {
                Ok(Key(Arc::new(stored)))
            }
            _ => Ok(Key(Arc::new(fresh))),
        }
    }
}

/// The one that looks.
#[derive(Clone)]
pub struct Eyes {
    role: Role,
    key: Key,
    /// Links lead into this artifact; empty: into what runs.
    pub within: String,
}

impl Eyes {
    pub fn new(role: Role, key: Key) -> Self {
        Eyes {
            role,
            key,
            within: String::new(),
        }
    }

    /// The same, with links into this artifact.
    pub fn within(&self, digest: &str) -> Self {
        Eyes {
            within: digest.to_owned(),
            ..self.clone()
        }
    }

    pub fn is_operator(&self) -> bool {
        self.role == Role::Operator
    }

    fn alias(&self, kind: &str, text: &str) -> String {
        let mut bytes = self.key.0.to_vec();
        bytes.extend(kind.bytes());
        bytes.push(0);
        bytes.extend(text.bytes());
        hex(&sha256(&bytes)[..5])
    }

    fn named(&self, kind: &str, text: &str) -> String {
        match self.is_operator() {
            true => tame(text),
            false => format!("{kind}-{}", self.alias(kind, text)),
        }
    }

    /// What viewers know a circuit by, whoever looks.
    pub fn circuit_pseudonym(&self, id: &str) -> String {
        format!("subscriber-{}", self.alias("circuit", id))
    }

    /// What viewers know a node by, whoever looks.
    pub fn node_pseudonym(&self, id: &str) -> String {
        format!("node-{}", self.alias("node", id))
    }

    /// Stable id of a circuit, as it stands in addresses and JSON. Not tamed: it is compared.
    pub fn circuit_id(&self, id: &str) -> String {
        match self.is_operator() {
            true => id.to_owned(),
            false => self.circuit_pseudonym(id),
        }
    }

    /// Display name of a circuit, whose pseudonym is the one of its id.
    pub fn circuit(&self, id: &str, name: &str) -> String {
        match self.is_operator() {
            true => tame(if name.is_empty() { id } else { name }),
            false => self.circuit_id(id),
        }
    }

    /// Stable id of a node. Customers' sites and relays are nodes too.
    pub fn node_id(&self, id: &str) -> String {
        match self.is_operator() {
            true => id.to_owned(),
            false => self.node_pseudonym(id),
        }
    }

    pub fn node(&self, id: &str, name: &str) -> String {
        match self.is_operator() {
            true => tame(if name.is_empty() { id } else { name }),
            false => self.node_id(id),
        }
    }

    pub fn device(&self, id: &str) -> String {
        self.named("device", id)
    }

    pub fn link(&self, id: &str) -> String {
        self.named("link", id)
    }

    /// An address or prefix; the pseudonym keeps the family and the length.
    pub fn address(&self, address: &str) -> String {
        if self.is_operator() {
            return tame(address);
        }
        let (host, length) = match address.split_once('/') {
            Some((host, length)) => (host, Some(length)),
            None => (address, None),
        };
        let family = if host.contains(':') { "v6" } else { "v4" };
        let alias = self.alias("address", host);
        match length.filter(|l| l.len() <= 3 && l.bytes().all(|b| b.is_ascii_digit())) {
            Some(length) => format!("{family}-{alias}/{length}"),
            None => format!("{family}-{alias}"),
        }
    }

    pub fn mac(&self, mac: &str) -> String {
        let plain: String = mac.chars().filter(char::is_ascii_hexdigit).collect();
        match self.is_operator() {
            true => tame(mac),
            false => format!("mac-{}", self.alias("mac", &plain.to_ascii_lowercase())),
        }
    }

    /// Somebody who works here.
    pub fn person(&self, name: &str) -> String {
        self.named("user", name)
    }

    /// A sentence or value that a person or another system wrote: `None` for viewers.
    pub fn said(&self, text: &str) -> Option<String> {
        self.is_operator().then(|| tame(text))
    }

    /// Whether somebody who typed this means that id. Viewers can only mean a pseudonym.
    pub fn means(&self, shown: impl Fn(&Self) -> String, typed: &str) -> bool {
        shown(self) == typed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_stable_and_say_nothing() {
        let dir = tempfile::tempdir().expect("a directory");
        let users = dir.path().join("users.json");
        let one = Eyes::new(Role::Viewer, Key::beside(&users).expect("a key"));
        let two = Eyes::new(Role::Viewer, Key::beside(&users).expect("a key"));
        let other = tempfile::tempdir().expect("a directory");
        let three = Key::beside(&other.path().join("users.json")).expect("a key");
        let three = Eyes::new(Role::Viewer, three);
        let name = one.circuit("c1", "Jo Doe");
        assert_eq!(name, two.circuit("c1", "Jo Doe"));
        assert_ne!(name, three.circuit("c1", "Jo Doe"));
        assert_eq!(name, one.circuit_id("c1"));
        assert!(one.address("100.64.0.2/32").starts_with("v4-"));
        assert!(one.address("100.64.0.2/32").ends_with("/32"));
        assert!(one.address("2001:db8::/56").starts_with("v6-"));
        assert_eq!(one.mac("AA:BB:cc:00:11:22"), one.mac("aabbcc001122"));
        assert_eq!(one.said("Jo Doe has no address"), None);
        for text in [name, one.node("ap-1", "Hill North"), one.device("d1")] {
            for hidden in ["Jo", "Hill", "c1-", "ap-1"] {
                assert!(!text.contains(hidden), "{text}");
            }
        }
    }

    #[test]
    fn operators_see_what_is_there() {
        let dir = tempfile::tempdir().expect("a directory");
        let key = Key::beside(&dir.path().join("users.json")).expect("a key");
        let eyes = Eyes::new(Role::Operator, key);
        assert_eq!(eyes.circuit("c1", "Jo Doe"), "Jo Doe");
        assert_eq!(eyes.circuit("c1", ""), "c1");
        assert_eq!(eyes.address("100.64.0.2/32"), "100.64.0.2/32");
        assert_eq!(eyes.said("as it is").as_deref(), Some("as it is"));
    }
}
