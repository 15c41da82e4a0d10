//! One request as a page sees it, and what a page can answer with.

use std::net::IpAddr;

use axum::http::StatusCode;
use serde::Serialize;

use crate::app::App;
use crate::engine::{Answer, Problem};
use crate::eyes::Eyes;
use crate::frame::{Frame, failure};
use crate::show::{encoded, is_unseen};
use crate::users::Role;

/// Who is signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Who {
    pub name: String,
    pub role: Role,
}

/// A request that the gate let pass.
#[derive(Clone, Debug)]
pub struct Ask {
    /// The path of the route.
    pub path: &'static str,
    /// The JSON twin was asked for.
    pub json: bool,
    pub who: Option<Who>,
    /// Token of the session, to end it.
    pub token: Option<String>,
    pub source: IpAddr,
    /// Names and values behind the `?`, and its text.
    pub query: Vec<(String, String)>,
    pub query_text: String,
    /// Names and values of a form that was sent.
    pub form: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub enum Reply {
    Page(StatusCode, String),
    Json(StatusCode, Vec<u8>),
    /// Somewhere else, with what the browser is to remember of its session.
    See(String, Cookie),
    /// A file to keep.
    Download {
        name: &'static str,
        kind: &'static str,
        bytes: Vec<u8>,
    },
    Text(StatusCode, &'static str, String),
    /// Too many tries: how many seconds to wait, and the page that says so.
    Wait(u64, String),
}

/// What becomes of the session cookie.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cookie {
    Keep,
    Set(String),
    Clear,
}

fn first<'a>(pairs: &'a [(String, String)], name: &str) -> &'a str {
    let found = pairs.iter().find(|(n, _)| n == name);
    found.map_or("", |(_, value)| value.as_str())
}

impl Ask {
    /// A value behind the `?`; empty where there is none.
    pub fn get(&self, name: &str) -> &str {
        first(&self.query, name)
    }

    /// A value of the form; empty where there is none.
    pub fn field(&self, name: &str) -> &str {
        first(&self.form, name).trim()
    }

    /// A value of the form that must be there.
    pub fn wanted(&self, name: &str, what: &str) -> Answer<&str> {
        match self.field(name) {
            "" => Err(Problem::Invalid {
                field: name.to_owned(),
                message: format!("{what} is missing"),
            }),
            value => Ok(value),
        }
    }

    /// Name of the user, for journals.
    pub fn by(&self) -> &str {
        self.who.as_ref().map_or("", |who| &who.name)
    }

    pub fn is_operator(&self) -> bool {
        self.who.as_ref().is_some_and(|w| w.role == Role::Operator)
    }

    pub fn eyes(&self, app: &App) -> Eyes {
        let role = self.who.as_ref().map_or(Role::Viewer, |who| who.role);
        Eyes::new(role, app.key.clone()).within(self.get("artifact"))
    }

    /// The page number, from 1.
    pub fn page(&self) -> usize {
        self.get("page").parse().unwrap_or(1).clamp(1, 1_000_000)
    }

    /// This page with one value changed.
    pub fn with(&self, name: &str, value: &str) -> String {
        let kept = self
            .query
            .iter()
            .filter(|(n, v)| n != name && !v.is_empty());
        let mut parts: Vec<String> = kept
            .map(|(n, v)| format!("{}={}", encoded(n), encoded(v)))
            .collect();
        if !value.is_empty() {
            parts.push(format!("{}={}", encoded(name), encoded(value)));
        }
        match parts.is_empty() {
            true => self.path.to_owned(),
            false => format!("{}?{}", self.path, parts.join("&")),
        }
    }

    /// What was typed to confirm must be this.
    pub fn typed(&self, wanted: &str) -> Answer<()> {
        match self.field("typed") == wanted {
            true => Ok(()),
            false => Err(Problem::Invalid {
                field: "typed".to_owned(),
                message: format!("nothing was changed: type {wanted} to confirm that you mean it"),
            }),
        }
    }
}

/// Something that is a page, and in the same words JSON.
pub trait Drawn: Serialize {
    fn draw(&self, frame: &Frame) -> askama::Result<String>;
}

/// Makes a page of data and a template. The template sees `frame` and `data`.
macro_rules! drawn {
    ($data:ty, $path:literal) => {
        const _: () = {
            #[derive(askama::Template)]
            #[template(path = $path)]
            struct Page<'a> {
                frame: &'a $crate::frame::Frame,
                data: &'a $data,
            }
            impl $crate::ask::Drawn for $data {
                fn draw(&self, frame: &$crate::frame::Frame) -> askama::Result<String> {
                    askama::Template::render(&Page { frame, data: self })
                }
            }
        };
    };
}
pub(crate) use drawn;

/// The page of this data, or its twin.
pub fn show(app: &App, ask: &Ask, title: &str, data: &impl Drawn) -> Answer<Reply> {
    show_as(app, ask, StatusCode::OK, title, data)
}

pub fn show_as(
    app: &App,
    ask: &Ask,
    status: StatusCode,
    title: &str,
    data: &impl Drawn,
) -> Answer<Reply> {
    if ask.json {
        let text = serde_json::to_string_pretty(data).map_err(Problem::failed)?;
        return Ok(Reply::Json(status, plain_json(&text).into_bytes()));
    }
    let frame = Frame::of(app, ask, title);
    Ok(Reply::Page(
        status,
        data.draw(&frame).map_err(Problem::failed)?,
    ))
}

/// The same JSON, with what cannot be seen or turns text around as escapes, and a line break at its end.
fn plain_json(text: &str) -> String {
    use std::fmt::Write as _;
    let mut plain = String::with_capacity(text.len() + 1);
    for c in text.chars() {
        match c == '\n' || !is_unseen(c) {
            true => plain.push(c),
            false => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(plain, "\\u{unit:04x}");
                }
            }
        }
    }
    plain.push('\n');
    plain
}

/// The answer to a request that came to nothing.
pub fn refuse(app: &App, ask: &Ask, problem: &Problem) -> Reply {
    let status = match problem {
        Problem::Refused { .. } => StatusCode::CONFLICT,
        Problem::Invalid { .. } => StatusCode::UNPROCESSABLE_ENTITY,
        Problem::NotFound { .. } => StatusCode::NOT_FOUND,
        Problem::Failed { .. } => StatusCode::BAD_GATEWAY,
    };
    let failure = failure(ask, problem);
    show_as(app, ask, status, &failure.title, &failure)
        .unwrap_or_else(|_| Reply::Text(status, "text/plain; charset=utf-8", failure.title))
}

/// One part of a long list.
#[derive(Serialize, Clone, PartialEq, Eq, Debug, Default)]
pub struct Pages {
    pub page: usize,
    pub pages: usize,
    pub total: usize,
    pub per_page: usize,
    /// Addresses of the pages before and after.
    pub before: Option<String>,
    pub after: Option<String>,
}

impl Pages {
    /// The part of `total` things that was asked for, and its first and last place.
    pub fn of(ask: &Ask, total: usize, per_page: usize) -> (Pages, std::ops::Range<usize>) {
        let pages = total.div_ceil(per_page).max(1);
        let page = ask.page().min(pages);
        let from = (page - 1) * per_page;
        let link = |page: usize| ask.with("page", &page.to_string());
        let state = Pages {
            page,
            pages,
            total,
            per_page,
            before: (page > 1).then(|| link(page - 1)),
            after: (page < pages).then(|| link(page + 1)),
        };
        (state, from..(from + per_page).min(total))
    }

    pub fn from(&self) -> usize {
        match self.total {
            0 => 0,
            _ => (self.page - 1) * self.per_page + 1,
        }
    }

    pub fn to(&self) -> usize {
        (self.page * self.per_page).min(self.total)
    }
}
