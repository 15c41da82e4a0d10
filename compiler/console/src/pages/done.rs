//! What is said after something was changed: what it was, how to undo it, and where to go on.

use axum::http::StatusCode;
use serde::Serialize;

use super::Link;
use crate::app::App;
use crate::ask::{Ask, Reply, drawn, show_as};
use crate::engine::{Answer, Edit, Moved, Written};
use crate::show::{tame, tame_lines};

/// Something that was done.
#[derive(Serialize, Debug, Default)]
pub struct Done {
    pub what: String,
    pub notes: Vec<String>,
    /// The command that undoes it; empty when there is none.
    pub undo: String,
    /// A unified diff; empty when no file is concerned.
    pub patch: String,
    pub next: Option<Link>,
}
drawn!(Done, "done.html");

impl Done {
    pub fn new(what: impl Into<String>, path: &str, name: &str) -> Self {
        Done {
            what: what.into(),
            next: Some(Link {
                name: name.to_owned(),
                href: path.to_owned(),
            }),
            ..Done::default()
        }
    }

    /// A channel that was moved, or was there already.
    pub fn moved(what: &str, moved: &Moved) -> Self {
        let href = format!("/generations?channel={}", moved.head.channel);
        let what = match moved.changed {
            true => format!("{what}: generation {}", moved.head.seq),
            false => "Nothing to do: the channel runs it already".to_owned(),
        };
        let mut done = Done::new(what, &href, "Generations");
        done.notes.extend(moved.notice.as_deref().map(tame));
        done.undo = moved.undo.as_deref().map(tame).unwrap_or_default();
        done
    }

    pub fn edit(what: &str, edit: &Edit, path: &str, name: &str) -> Self {
        let file = tame(&edit.file);
        let what = match edit.written {
            Written::Yes => format!("{what}: {file} was written"),
            Written::InGit => format!(
                "{what}: nothing was written, because the project is kept in git. Apply this patch to {file} there"
            ),
        };
        let mut done = Done::new(what, path, name);
        done.notes = edit.notes.iter().map(|n| tame(n)).collect();
        done.patch = tame_lines(&edit.patch);
        done
    }

    pub fn show(&self, app: &App, ask: &Ask) -> Answer<Reply> {
        show_as(app, ask, StatusCode::OK, "Done", self)
    }
}
