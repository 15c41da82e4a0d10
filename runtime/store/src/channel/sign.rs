//! Whose word a head is: its signature against the keys somebody trusts.
//!
//! A trust file has a public key a line, as minisign writes it, with an optional last day: `RWQ... until 2027-06-30`.
//! Lines that begin with `untrusted comment:` or `#` are for people. A key is revoked by removing its line.
//!
//! It makes no signatures, and it does not know where keys are kept.

use jiff::Timestamp;
use jiff::civil::Date;
use minisign_verify::{PublicKey, Signature as Minisign};
use weir_schemas::head::{Head, statement};

/// Keys that are believed.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    keys: Vec<Trusted>,
}

#[derive(Clone, Debug)]
struct Trusted {
    text: String,
    key: PublicKey,
    until: Option<Date>,
}

/// A signature that holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// The public key, as in the trust file.
    pub key: String,
    /// The generation that was signed; less than that of the head when somebody went back to it without a key.
    pub seq: u64,
}

/// Why a head is not believed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Doubt {
    #[error("it is not signed")]
    Unsigned,
    #[error("its signature is of something else: {0}")]
    OtherStatement(String),
    #[error("no key of the trust file made its signature")]
    UnknownKey,
    #[error("the key that signed it was trusted until {until}, and it is {today} in UTC")]
    ExpiredKey { until: Date, today: Date },
    #[error("its signature cannot be read: {0}")]
    Unreadable(String),
}

impl Trust {
    /// A trust file, or its first line that is none of it.
    pub fn read(text: &str) -> Result<Trust, String> {
        let mut keys = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("untrusted comment:") {
                continue;
            }
            let mut words = line.split_whitespace();
            let text = words.next().unwrap_or_default();
            let key = PublicKey::from_base64(text).map_err(|_| {
                format!("line {number} does not begin with a public key of minisign")
            })?;
            let until = match (words.next(), words.next(), words.next()) {
                (None, ..) => None,
                (Some("until"), Some(day), None) => Some(day.parse().map_err(|_| {
                    format!(
                        "line {number}: `{}` is no day: write 2027-06-30",
                        day.escape_debug()
                    )
                })?),
                _ => {
                    return Err(format!(
                        "line {number}: after the key there may be `until 2027-06-30` and nothing else"
                    ));
                }
            };
            keys.push(Trusted {
                text: text.to_owned(),
                key,
                until,
            });
        }
        if keys.is_empty() {
            return Err("there is no key in it".to_owned());
        }
        Ok(Trust { keys })
    }

    /// Proves that somebody trusted released what a head names, to this channel, as this generation.
    pub fn check(&self, head: &Head, now: Timestamp) -> Result<Proof, Doubt> {
        let signature = head.signature.as_ref().ok_or(Doubt::Unsigned)?;
        let is_own = signature.seq == head.seq;
        let is_back = head.restores.is_some() && signature.seq < head.seq;
        if !is_own && !is_back {
            return Err(Doubt::OtherStatement(format!(
                "generation {} was signed, and this is {}",
                signature.seq, head.seq
            )));
        }
        let expected = statement(
            &head.channel,
            signature.seq,
            &head.digest,
            &head.manifest_sha256,
        );
        if signature.statement != expected {
            return Err(Doubt::OtherStatement(
                "it names another channel, generation or artifact".to_owned(),
            ));
        }
        let parsed = Minisign::decode(&signature.minisign)
            .map_err(|error| Doubt::Unreadable(error.to_string()))?;
        let made = |t: &&Trusted| t.key.verify(expected.as_bytes(), &parsed, false).is_ok();
        let by = self.keys.iter().find(made).ok_or(Doubt::UnknownKey)?;
        let today = jiff::tz::Offset::UTC.to_datetime(now).date();
        if let Some(until) = by.until.filter(|until| *until < today) {
            return Err(Doubt::ExpiredKey { until, today });
        }
        Ok(Proof {
            key: by.text.clone(),
            seq: signature.seq,
        })
    }
}
