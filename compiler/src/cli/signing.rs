//! Making signatures: ed25519 in the format of minisign, so that `minisign -V` checks them too.
//!
//! The secret key is a file of mode 0600 without a password, because what promotes is often a machine. It is never
//! printed.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use jiff::Timestamp;
use minisign::{KeyPair, PublicKey, SecretKey, SecretKeyBox};
use weir_compiler::report::plain;
use weir_schemas::Published as _;
use weir_schemas::head::{Action, Head, Signature, statement};
use weir_store::channel::sign::Trust;

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::store::is_open_to_others;

/// A key to sign with.
pub struct Secret(SecretKey);

/// A new key pair, as the text of its two files.
pub struct NewKey {
    pub secret: String,
    /// With its comment.
    pub public: String,
    /// The key alone.
    pub line: String,
}

impl NewKey {
    pub fn make() -> Result<NewKey, String> {
        let pair = KeyPair::generate_unencrypted_keypair().map_err(|e| e.to_string())?;
        let comment = "Weir secret key: who has it can release";
        let secret = pair.sk.to_box(Some(comment)).map_err(|e| e.to_string())?;
        let public = pair.pk.to_box().map_err(|e| e.to_string())?;
        Ok(NewKey {
            secret: secret.into_string(),
            public: public.into_string(),
            line: pair.pk.to_base64(),
        })
    }
}

impl Secret {
    pub fn from_file(path: &Path) -> Result<Secret, Stop> {
        let shown = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|e| {
            Stop::new(
                Exit::Usage,
                format!("cannot read the signing key {shown}: {e}"),
                "`weir key new` makes a key",
            )
        })?;
        if is_open_to_others(path) {
            return Err(Stop::new(
                Exit::Usage,
                format!("others than you can read the signing key {shown}"),
                format!(
                    "chmod 600 {shown}; if others had it, make another key and take this one out of the trust file"
                ),
            ));
        }
        Secret::read(&text, &shown)
    }

    pub fn read(text: &str, whence: &str) -> Result<Secret, Stop> {
        let wrong = |why: String| {
            Stop::new(
                Exit::Usage,
                format!("{} holds no signing key: {}", plain(whence), plain(&why)),
                "it is a secret key of minisign without a password, as `weir key new` writes it",
            )
        };
        let key = SecretKeyBox::from_string(text)
            .and_then(SecretKeyBox::into_unencrypted_secret_key)
            .map_err(|e| wrong(e.to_string()))?;
        Ok(Secret(key))
    }

    /// Signs a statement.
    pub fn sign(&self, statement: &str) -> Result<String, String> {
        // The trusted comment is signed too; it repeats what the statement is about, and no clock.
        let comment = statement.trim_end().replace('\n', ", ");
        minisign::sign(
            None,
            &self.0,
            Cursor::new(statement.as_bytes()),
            Some(&comment),
            Some("signature of a Weir release"),
        )
        .map(minisign::SignatureBox::into_string)
        .map_err(|e| e.to_string())
    }

    /// Whether a trust file believes this key today.
    pub fn is_trusted(&self, trust: &Trust, now: Timestamp) -> bool {
        let statement = statement("probe", 1, "", "");
        let Ok(minisign) = self.sign(&statement) else {
            return false;
        };
        let probe = Head {
            schema: Head::SCHEMA.to_owned(),
            check: String::new(),
            channel: "probe".to_owned(),
            seq: 1,
            txn: String::new(),
            action: Action::Promote,
            digest: String::new(),
            manifest_sha256: String::new(),
            parent: None,
            restores: None,
            replaced: None,
            author: String::new(),
            time: String::new(),
            reason: String::new(),
            confirm: None,
            hold: None,
            signature: Some(Signature {
                seq: 1,
                statement,
                minisign,
            }),
        };
        trust.check(&probe, now).is_ok()
    }

    /// Its public half, as a trust file has it.
    pub fn public(&self) -> Option<String> {
        let key = PublicKey::from_secret_key(&self.0).ok()?;
        Some(key.to_base64())
    }
}
