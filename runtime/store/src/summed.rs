//! Bytes together with their SHA-256. Only the bytes themselves can give it, so whoever has both need not work it out
//! again: a build digests a hundred megabytes once, and not once more for each hand they go through.

use std::borrow::Cow;

use crate::disk::sha256;

/// Bytes and the SHA-256 of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summed {
    bytes: Vec<u8>,
    sha256: String,
}

impl Summed {
    pub fn of(bytes: Vec<u8>) -> Self {
        let sha256 = sha256(&bytes);
        Summed { bytes, sha256 }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Lower-case hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

/// Bytes that are lent, with their SHA-256 where it is known.
#[derive(Clone, Copy, Debug)]
pub struct Content<'a> {
    bytes: &'a [u8],
    known: Option<&'a str>,
}

impl<'a> Content<'a> {
    pub fn bytes(self) -> &'a [u8] {
        self.bytes
    }

    /// Lower-case hexadecimal; worked out when nobody has done so.
    pub fn sha256(self) -> Cow<'a, str> {
        match self.known {
            Some(known) => Cow::Borrowed(known),
            None => Cow::Owned(sha256(self.bytes)),
        }
    }
}

impl<'a> From<&'a [u8]> for Content<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Content { bytes, known: None }
    }
}

impl<'a> From<&'a Summed> for Content<'a> {
    fn from(summed: &'a Summed) -> Self {
        Content {
            bytes: &summed.bytes,
            known: Some(&summed.sha256),
        }
    }
}
