//! What a bucket answered, in words that may be shown: no keys, no headers, no signatures.
//!
//! Services repeat the request in their errors, signature and key id included, so only the status and the word of
//! the service (`<Code>`) are taken from an answer.

use std::error::Error as StdError;

use weir_store::StoreError;

/// Characters of somebody else's text that are shown.
const SHOWN: usize = 160;

/// Turns an error of `object_store` into ours.
pub(crate) fn told(
    name: &str,
    hidden: &[String],
    action: &str,
    key: &str,
    error: &object_store::Error,
) -> StoreError {
    use object_store::Error as E;
    let (what, help) = match error {
        E::PermissionDenied { .. } => (
            "the bucket refused".to_owned(),
            "the key must be right, and may list, read, write and delete below the prefix",
        ),
        E::Unauthenticated { .. } => (
            "the bucket does not know the key".to_owned(),
            "correct `key` and `secret` under [store] in weir.toml",
        ),
        E::NotFound { .. } => (
            "there is no such bucket or object".to_owned(),
            "make the bucket, or correct `store.url` in weir.toml",
        ),
        E::NotImplemented { .. } | E::NotSupported { .. } => (
            "the service cannot do that".to_owned(),
            "`weir doctor` says what it lacks",
        ),
        _ => (innermost(error), "look at it with `weir doctor`"),
    };
    let code = code(error).map_or(String::new(), |code| format!(" ({code})"));
    let text = scrub(&format!("{what}{code}"), hidden);
    StoreError::Unknown(format!("cannot {action} {key} in {name}: {text}; {help}"))
}

/// The deepest cause speaks of the connection; those above of URLs and retries.
fn innermost(error: &object_store::Error) -> String {
    let mut at: &dyn StdError = error;
    while let Some(next) = at.source() {
        at = next;
    }
    let text = at.to_string();
    // An answer with a body: its code is shown by itself.
    let text = text
        .split_once('<')
        .map_or(text.as_str(), |(before, _)| before);
    text.trim().trim_end_matches(':').to_owned()
}

/// `<Code>..</Code>` of an answer: one word.
fn code(error: &object_store::Error) -> Option<String> {
    let mut at: Option<&dyn StdError> = Some(error);
    while let Some(error) = at {
        let text = error.to_string();
        if let Some((_, rest)) = text.split_once("<Code>")
            && let Some((code, _)) = rest.split_once("</Code>")
            && code.len() <= 64
            && code.bytes().all(|b| b.is_ascii_alphanumeric())
        {
            return Some(code.to_owned());
        }
        at = error.source();
    }
    None
}

fn scrub(text: &str, hidden: &[String]) -> String {
    let mut text: String = text
        .chars()
        .filter(|c| !c.is_control())
        .take(SHOWN)
        .collect();
    for secret in hidden.iter().filter(|s| !s.is_empty()) {
        text = text.replace(secret.as_str(), "***");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_shows_its_code_and_nothing_it_repeats() {
        let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIDEXAMPLE</AWSAccessKeyId>\
                    <StringToSign>AWS4-HMAC-SHA256 s3cr3t</StringToSign></Error>";
        let source = std::io::Error::other(format!("status 418: {body}"));
        let error = object_store::Error::Generic {
            store: "S3",
            source: Box::new(source),
        };
        let hidden = ["AKIDEXAMPLE".to_owned(), "s3cr3t".to_owned()];
        let text = told("s3://b/p", &hidden, "read", "heads/lab.json", &error).to_string();
        assert!(text.contains("(SignatureDoesNotMatch)"), "{text}");
        assert!(
            text.contains("cannot read heads/lab.json in s3://b/p"),
            "{text}"
        );
        for secret in ["AKIDEXAMPLE", "s3cr3t", "AWS4", "<"] {
            assert!(!text.contains(secret), "{text}");
        }
        let source = std::io::Error::other("connecting with s3cr3t failed");
        let error = object_store::Error::Generic {
            store: "S3",
            source: Box::new(source),
        };
        let text = told("s3://b/p", &hidden, "read", "k", &error).to_string();
        assert!(text.contains("connecting with *** failed"), "{text}");
    }
}
