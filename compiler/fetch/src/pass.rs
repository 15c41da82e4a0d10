//! How a request shows who we are: headers, members of a form, signatures. Nothing of it is shown in logs.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};
use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use sha2::Sha256;

use crate::error::Cause;
use crate::http::Ask;
use crate::run::Run;
use crate::secret::Secret;

/// How a request shows who we are.
pub enum Pass {
    Nobody,
    Headers(Vec<(HeaderName, HeaderValue)>),
    /// A member of the form in the body.
    Form(&'static str, Secret),
    /// Splynx: every request is signed, with a number that grows.
    Signature {
        key: Secret,
        secret: Secret,
    },
}

/// A header that is not shown in logs.
pub fn header(name: &'static str, value: &str) -> Result<(HeaderName, HeaderValue), Cause> {
    let mut value = HeaderValue::from_str(value).map_err(|_| Cause::Settings {
        message: "the key has characters that no key has".to_owned(),
        help: "is it the right file or variable?".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok((HeaderName::from_static(name), value))
}

/// `Authorization: Basic ..`
pub fn basic(user: &str, password: &Secret) -> Result<(HeaderName, HeaderValue), Cause> {
    let both = zeroize::Zeroizing::new(format!("{user}:{}", password.expose()));
    let coded = zeroize::Zeroizing::new(BASE64_STANDARD.encode(both.as_bytes()));
    let (_, value) = header("authorization", &format!("Basic {}", *coded))?;
    Ok((AUTHORIZATION, value))
}

/// Splynx's signature of one request, as the members of a form.
pub fn signature(key: &Secret, secret: &Secret, nonce: u64) -> (String, String) {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("a key of any length will do");
    mac.update(nonce.to_string().as_bytes());
    mac.update(key.expose().as_bytes());
    let digest = mac.finalize().into_bytes();
    let signature: String = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    (nonce.to_string(), signature)
}

/// Hundredths of seconds since 1970, and never the same twice: a server that has seen a number takes none below it. Nor
/// ever ahead of the clock, or the next process would begin below the last number of this one: against a server that
/// answers within a hundredth of a second this waits for what is left of it.
pub fn nonce() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let clock = || {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        u64::try_from(now.as_millis() / 10).unwrap_or_default()
    };
    let now = clock();
    let last = LAST.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| {
        Some(now.max(last + 1))
    });
    let next = now.max(last.unwrap_or_default() + 1);
    // A clock that is set back would make this wait for ever; a server that minds says so.
    let ahead = next.saturating_sub(clock()).min(10);
    thread::sleep(Duration::from_millis(10 * ahead));
    next
}

impl Run<'_> {
    pub(crate) fn passed(&self, ask: &Ask) -> Result<Ask, Cause> {
        let mut ask = ask.clone();
        match &self.pass {
            Pass::Nobody => {}
            Pass::Headers(headers) => ask.headers.extend(
                headers
                    .iter()
                    .map(|(name, value)| (Some(name.clone()), value.clone())),
            ),
            Pass::Form(name, secret) => {
                if let Some((_, body)) = &mut ask.body {
                    let mut form = url::form_urlencoded::Serializer::new(String::new());
                    form.append_pair(name, secret.expose());
                    if !body.is_empty() {
                        body.push(b'&');
                    }
                    body.extend_from_slice(form.finish().as_bytes());
                }
            }
            Pass::Signature { key, secret } => {
                let (nonce, signature) = signature(key, secret, nonce());
                let form = url::form_urlencoded::Serializer::new(String::new())
                    .append_pair("key", key.expose())
                    .append_pair("nonce", &nonce)
                    .append_pair("signature", &signature)
                    .finish();
                ask.headers
                    .extend([header("authorization", &format!("Splynx-EA ({form})"))
                        .map(|(name, value)| (Some(name), value))?]);
            }
        }
        Ok(ask)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The next process begins with the clock: what this one used must not be ahead of it.
    #[test]
    fn numbers_grow_and_are_never_ahead_of_the_clock() {
        let mut last = 0;
        for _ in 0..5 {
            let number = nonce();
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
            assert!(number > last, "{number} after {last}");
            assert!(
                u128::from(number) <= now.as_millis() / 10,
                "{number} is ahead"
            );
            last = number;
        }
    }

    #[test]
    fn a_signature_is_the_published_one() {
        let key = Secret::new("jbi0000000000000000000000000key1");
        let secret = Secret::new("jbi000000000000000000000000sec1");
        for (nonce, want) in [
            (
                176722740000,
                "51328A1CB68830BBB4494FE958056BBC87DF151D7080E8D29A5E1CFEE9E7B8D6",
            ),
            (
                1767227400,
                "5FC7057BB8EA0B2C8C8EC2875CD168640756C75D274B222ABD488F6CDCA54597",
            ),
        ] {
            assert_eq!(
                signature(&key, &secret, nonce),
                (nonce.to_string(), want.to_owned())
            );
        }
        let (_, value) = basic(key.expose(), &secret).unwrap();
        assert!(value.is_sensitive());
        assert_eq!(
            value.to_str().unwrap(),
            "Basic amJpMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMGtleTE6amJpMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwc2VjMQ=="
        );
    }
}
