//! The page to sign in on.

use axum::http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::ask::{Ask, Drawn as _, Reply, drawn, show_as};
use crate::engine::Answer;
use crate::frame::Frame;

#[derive(Serialize, Debug)]
struct Login {
    /// Where to go then.
    next: String,
    /// What was wrong; empty at first.
    fault: String,
}
drawn!(Login, "login.html");

/// A path of this console: nothing that a browser takes for another place.
pub fn local(next: &str) -> String {
    let good = next.starts_with('/')
        && !next.starts_with("//")
        && next.len() <= 2048
        && next.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
    if good { next } else { "/" }.to_owned()
}

/// Whoever signs in is nobody yet, also when they are somebody already.
fn nobody(ask: &Ask) -> Ask {
    Ask {
        who: None,
        ..ask.clone()
    }
}

pub fn login(app: &App, ask: &Ask) -> Answer<Reply> {
    let login = Login {
        next: local(ask.get("next")),
        fault: String::new(),
    };
    show_as(app, &nobody(ask), StatusCode::OK, "Sign in", &login)
}

/// The page after a try that failed; `wait`: it was one too many, and how long it takes until the next counts.
pub fn failed(app: &App, ask: &Ask, wait: Option<u64>) -> String {
    let login = Login {
        next: local(ask.field("next")),
        fault: match wait {
            None => "That is not a user and their password.".to_owned(),
            Some(seconds) => format!(
                "Too many tries. Wait {} and try again.",
                crate::show::Lasting(seconds)
            ),
        },
    };
    let frame = Frame::of(app, &nobody(ask), "Sign in");
    login.draw(&frame).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn nobody_is_sent_elsewhere_after_signing_in() {
        for good in ["/", "/tree?at=a%20b", "/subscriber?id=1"] {
            assert_eq!(local(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nSet-Cookie: x",
            "/ä",
        ] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
    }
}
