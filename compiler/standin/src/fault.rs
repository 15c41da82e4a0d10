//! What can go wrong with a CRM, on demand.

use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::body::{Paced, bomb};
use crate::{Reply, State, crm};

/// A fault and the requests it befalls. Requests for tokens are spared.
#[derive(Clone, Debug)]
pub struct Fault {
    pub kind: Kind,
    /// Only requests for what contains this: a path, a form action, a GraphQL operation.
    pub what: String,
    /// Requests for data that go well before.
    pub after: u64,
    /// How often; `None`: always.
    pub times: Option<u64>,
}

impl Fault {
    pub fn always(kind: Kind) -> Fault {
        Fault {
            kind,
            what: String::new(),
            after: 0,
            times: None,
        }
    }

    pub fn once(kind: Kind) -> Fault {
        Fault {
            times: Some(1),
            ..Fault::always(kind)
        }
    }

    pub fn of(self, what: &str) -> Fault {
        Fault {
            what: what.to_owned(),
            ..self
        }
    }

    pub fn after(self, after: u64) -> Fault {
        Fault { after, ..self }
    }
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// A status with the CRM's own error object.
    Status(u16),
    /// A status, and `Retry-After` as seconds.
    RetryAfter(u16, u64),
    /// The same as a date.
    RetryAfterDate(u16, u64),
    /// A status with an error page of a proxy.
    HtmlStatus(u16),
    /// 204.
    NoContent,
    /// A web page, with 200.
    Html,
    /// Nothing, with 200.
    Empty,
    /// JSON that is neither data nor error.
    OtherShape,
    /// `null`.
    Null,
    /// The CRM's own error object, with 200.
    ErrorBody,
    /// No JSON.
    Garbage,
    /// The connection breaks in the middle.
    Broken,
    /// The JSON ends in the middle, and the answer as it should.
    Cut,
    /// One byte a second.
    Drip,
    /// No answer at all.
    Silent,
    /// A small answer that is large.
    Bomb(usize),
    /// Lists in lists.
    Deep(usize),
    /// An answer without end.
    Endless,
    /// 302 to a login page.
    Login,
    /// 302 to an address.
    Redirect(String),
    Paging(Paging),
}

/// What can go wrong with pages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Paging {
    /// The first record is deleted after the first page.
    Deleted,
    /// Every page is the first.
    Loop,
    /// The second page has a record of the first.
    Moved,
    /// The total falls while pages are read.
    Shrinks,
    /// The last page is not there, whatever the total says.
    Short,
    /// A list inside of a record holds less than it says.
    Inside,
}

/// The fault that befalls a request, counted.
pub(crate) fn take(state: &mut State, what: &str) -> Option<Kind> {
    let data = state.data;
    let fault = state
        .faults
        .iter_mut()
        .find(|fault| what.contains(&fault.what) && data > fault.after && fault.times != Some(0))?;
    if let Some(times) = &mut fault.times {
        *times -= 1;
    }
    Some(fault.kind.clone())
}

impl Kind {
    /// What becomes of a good answer; `None`: nothing ever comes.
    pub(crate) fn apply(self, kind: &str, good: Reply) -> Option<(Reply, Option<Paced>)> {
        let plain = |status, body: &str| Reply {
            status,
            headers: Vec::new(),
            body: body.as_bytes().to_vec(),
        };
        let html = |status| {
            plain(
                status,
                "<html>\n<head><title>Bad Gateway</title></head><body>nginx</body></html>",
            )
            .with("content-type", "text/html")
        };
        let reply = match self {
            Kind::Status(status) => Reply::json(status, &crm::error(kind, status)),
            Kind::RetryAfter(status, seconds) => Reply::json(status, &crm::error(kind, status))
                .with("retry-after", seconds.to_string()),
            Kind::RetryAfterDate(status, seconds) => {
                let then = SystemTime::now() + Duration::from_secs(seconds);
                Reply::json(status, &crm::error(kind, status))
                    .with("retry-after", httpdate::fmt_http_date(then))
            }
            Kind::HtmlStatus(status) => html(status),
            Kind::NoContent => plain(204, ""),
            Kind::Html => html(200),
            Kind::Empty => plain(200, ""),
            Kind::OtherShape => Reply::json(200, &json!([[{ "hello": "world" }], 7])),
            Kind::Null => plain(200, "null"),
            Kind::ErrorBody => Reply::json(200, &crm::error(kind, 500)),
            Kind::Garbage => plain(
                200,
                "Warning: mysql_connect(): Access denied in /var/www/api.php on line 7",
            ),
            Kind::Broken => {
                let body = Paced::broken(good.body.clone());
                return Some((good, Some(body)));
            }
            Kind::Cut => {
                let mut cut = good;
                cut.body.truncate(cut.body.len() * 2 / 3);
                cut
            }
            Kind::Drip => {
                let body = Paced::dripping(good.body.clone(), 1, Duration::from_secs(1));
                return Some((good, Some(body)));
            }
            Kind::Silent => return None,
            Kind::Bomb(megabytes) => {
                let mut bombed = plain(200, "").with("content-encoding", "gzip");
                bombed.body = bomb(megabytes);
                bombed
            }
            Kind::Deep(depth) => plain(200, &"[".repeat(depth)),
            Kind::Endless => {
                let body = Paced::endless(
                    "[{}",
                    format!(",{{\"padding\": \"{}\"}}", "x".repeat(1 << 14)),
                );
                return Some((good, Some(body)));
            }
            Kind::Login => plain(302, "").with("location", "/login"),
            Kind::Redirect(to) => plain(302, "").with("location", to),
            Kind::Paging(_) => good,
        };
        Some((reply, None))
    }
}
