//! Why a source could not be read: what was asked, which page, what came back, and what to do.

use std::fmt;
use std::time::Duration;

/// A failure of one source. Nothing was recorded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FetchError {
    /// Name of the source.
    pub source: String,
    /// The request, as `export.json` would name it.
    pub request: Option<String>,
    /// Counted from 1, where the collection has pages.
    pub page: Option<u32>,
    pub cause: Cause,
}

/// What went wrong. Text in it is clean: one line, no secrets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Cause {
    /// 401, or the CRM's own words for it.
    WrongKey {
        said: String,
    },
    /// 403, or the CRM's own words for it. `permission` is what the key needs.
    Forbidden {
        permission: String,
        said: String,
    },
    /// Another status that is no success.
    Status {
        status: u16,
        said: String,
    },
    /// 429, 502, 503, 504: asked again and again.
    Busy {
        status: u16,
        attempts: u32,
        said: String,
    },
    /// The server wants more time than anybody waits.
    Wait {
        status: u16,
        asked: Option<Duration>,
    },
    /// A success without a word.
    Empty {
        status: u16,
    },
    /// A web page in place of data.
    Html {
        title: String,
        redirected: bool,
    },
    /// Bytes that are no JSON.
    NotJson {
        what: String,
    },
    /// JSON of another shape.
    Shape {
        want: String,
        found: String,
    },
    /// An error in place of data, under status 200.
    ErrorBody {
        said: String,
    },
    /// Some data, and an error that says it is not all.
    Partial {
        said: String,
    },
    /// The answer ended early.
    Truncated,
    TooLarge {
        limit: u64,
    },
    TooDeep {
        limit: usize,
    },
    TooMany {
        what: &'static str,
        limit: u64,
    },
    /// The same page again: there is no end to it.
    PageLoop,
    /// The collection changed whenever it was read.
    Changed {
        what: String,
        readings: u32,
    },
    /// Fewer or more records than the CRM says it has.
    Count {
        said: u64,
        found: u64,
    },
    /// A list inside of a record holds less than it says.
    Inside {
        list: String,
        said: u64,
        found: u64,
    },
    /// A collection that was there the last time.
    Gone {
        collection: String,
        said: String,
    },
    Deadline {
        limit: Duration,
    },
    Connect {
        what: String,
    },
    Dns {
        host: String,
        what: String,
    },
    /// The name of a public host leads to an address that no CRM has.
    Fenced {
        host: String,
        address: String,
        why: &'static str,
    },
    /// `presented`: digest of the certificate, for `tls_pin`.
    Tls {
        what: TlsFault,
        presented: Option<String>,
    },
    /// A redirect that is not followed.
    Redirect {
        to: String,
        why: &'static str,
    },
    /// Credentials would be readable on the way.
    Plaintext {
        host: String,
    },
    /// The source's own settings.
    Settings {
        message: String,
        help: String,
    },
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TlsFault {
    SelfSigned,
    WrongHost { host: String },
    Expired,
    NotYet,
    OtherCertificate,
    Other(String),
}

impl Cause {
    /// The cause in one word that stays the same, for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Cause::WrongKey { .. } => "wrong-key",
            Cause::Forbidden { .. } => "missing-permission",
            Cause::Status { .. } => "status",
            Cause::Busy { .. } => "busy",
            Cause::Wait { .. } => "asked-to-wait",
            Cause::Empty { .. } => "empty-answer",
            Cause::Html { .. } => "html",
            Cause::NotJson { .. } => "not-json",
            Cause::Shape { .. } => "other-shape",
            Cause::ErrorBody { .. } => "error-in-answer",
            Cause::Partial { .. } => "partial-data",
            Cause::Truncated => "truncated",
            Cause::TooLarge { .. } => "too-large",
            Cause::TooDeep { .. } => "too-deep",
            Cause::TooMany { .. } => "too-many",
            Cause::PageLoop => "page-loop",
            Cause::Changed { .. } => "changed-while-read",
            Cause::Count { .. } => "count-differs",
            Cause::Inside { .. } => "list-cut-short",
            Cause::Gone { .. } => "collection-gone",
            Cause::Deadline { .. } => "deadline",
            Cause::Connect { .. } => "connect",
            Cause::Dns { .. } => "dns",
            Cause::Fenced { .. } => "fenced",
            Cause::Tls { .. } => "tls",
            Cause::Redirect { .. } => "redirect",
            Cause::Plaintext { .. } => "plaintext",
            Cause::Settings { .. } => "settings",
        }
    }

    /// What to do; may be empty.
    pub fn help(&self) -> String {
        match self {
            Cause::WrongKey { .. } => "the key is wrong, revoked or expired, or bound to another address: make a new one in the CRM; \
                 docs/fetching.md says which kind, and `weir doctor` tries it".into(),
            Cause::Forbidden { permission, .. } if !permission.is_empty() => {
                format!("give the key the permission {permission} in the CRM")
            }
            Cause::Forbidden { .. } => "give the key the right to read this in the CRM".into(),
            Cause::Status { status: 404, .. } => "is `url` the address of this CRM, and is its API switched on?".into(),
            Cause::Status { .. } | Cause::Busy { .. } => "look at the CRM's own log; nothing was changed, so try again when it is well".into(),
            Cause::Wait { .. } => "too many programs use this key, or the CRM is being maintained: try again later".into(),
            Cause::Html { redirected: true, .. } => "the CRM led to a web page: the key is wrong, or `url` is the address for people".into(),
            Cause::Html { .. } => "a proxy, a login page or a maintenance page answered: is `url` the address of the API?".into(),
            Cause::Empty { .. } | Cause::NotJson { .. } | Cause::Shape { .. } => {
                "is `url` the address of this kind of CRM? open it with the same key and look at the answer".into()
            }
            Cause::ErrorBody { .. } | Cause::Partial { .. } => "look at the CRM's own log; half an answer must not delist customers".into(),
            Cause::Truncated => "the connection broke or the CRM gave up: try again, and look at proxies between".into(),
            Cause::TooLarge { .. } => "is this the right CRM? for a very large network raise `max_answer_mb` of the source".into(),
            Cause::TooDeep { .. } | Cause::TooMany { .. } => "no network is that large: is this the right CRM?".into(),
            Cause::PageLoop => "the CRM ignores the page that is asked for: report this with its version".into(),
            Cause::Changed { .. } => "somebody works in the CRM, or a job does: fetch again when it is quiet".into(),
            Cause::Count { .. } => "records that the key may not see are counted too: give it the right to see all of them".into(),
            Cause::Inside { .. } => "what the key may not see is counted too: give it the right to see all of it; or the CRM cuts long lists short, \
                                     then report this with its version".into(),
            Cause::Gone { .. } => "give the key the right back; `weir fetch --accept-missing` goes on without these records".into(),
            Cause::Deadline { .. } => "give it more time with `timeout = \"20m\"`, or find out why the CRM is slow".into(),
            Cause::Connect { .. } => "is the CRM running, and can this machine reach it? `weir doctor` asks it again".into(),
            Cause::Dns { .. } => "is the host in `url` written right, and can this machine look up names? `weir doctor` asks again".into(),
            Cause::Fenced { .. } => "correct `url` or the name server; write the address itself into `url` if it is meant".into(),
            Cause::Tls { what: TlsFault::SelfSigned, presented: Some(pin) } => format!(
                "name the authority that signed it with `ca = \"ca.pem\"`; or, if this is the certificate of your CRM, write \
                 tls_pin = \"{pin}\""
            ),
            Cause::Tls { what: TlsFault::OtherCertificate, presented: Some(pin) } => format!(
                "if the CRM got a new certificate, write tls_pin = \"{pin}\"; if not, somebody is in between"
            ),
            Cause::Tls { what: TlsFault::WrongHost { .. }, presented: Some(pin) } => format!(
                "write the name that is in the certificate into `url`, or tls_pin = \"{pin}\" if this is your CRM"
            ),
            Cause::Tls { what: TlsFault::Expired, presented: Some(pin) } => format!(
                "renew the certificate of the CRM; until then tls_pin = \"{pin}\" trusts exactly this one"
            ),
            Cause::Tls { .. } => "certificates are always checked: there is no switch against it".into(),
            Cause::Redirect { .. } => "write the address that the CRM wants to be called by into `url`".into(),
            Cause::Plaintext { .. } => "write https:// into `url`".into(),
            Cause::Settings { help, .. } => help.clone(),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = |said: &str| match said {
            "" => String::new(),
            said => format!(": \"{said}\""),
        };
        match self {
            Cause::WrongKey { said: text } => {
                write!(f, "the CRM does not take the key{}", said(text))
            }
            Cause::Forbidden { said: text, .. } => {
                write!(f, "the key may not read this{}", said(text))
            }
            Cause::Status { status, said: text } => {
                write!(f, "the CRM answered with status {status}{}", said(text))
            }
            Cause::Busy {
                status,
                attempts,
                said: text,
            } => {
                write!(
                    f,
                    "the CRM answered with status {status}, {attempts} times{}",
                    said(text)
                )
            }
            Cause::Wait {
                status,
                asked: Some(asked),
            } => write!(
                f,
                "the CRM answered with status {status} and wants us to wait {} seconds, longer than we may",
                asked.as_secs()
            ),
            Cause::Wait {
                status,
                asked: None,
            } => {
                write!(
                    f,
                    "the CRM answered with status {status} for as long as we may wait"
                )
            }
            Cause::Empty { status } => write!(f, "the answer is empty (status {status})"),
            Cause::Html { title, redirected } => {
                let after = if *redirected {
                    ", after a redirect"
                } else {
                    ""
                };
                write!(
                    f,
                    "a web page came back in place of data{after}{}",
                    said(title)
                )
            }
            Cause::NotJson { what } => write!(f, "the answer is not JSON: {what}"),
            Cause::Shape { want, found } => {
                write!(f, "the answer is {found}, where {want} belongs")
            }
            Cause::ErrorBody { said: text } => write!(
                f,
                "the CRM answered with an error in place of data{}",
                said(text)
            ),
            Cause::Partial { said: text } => write!(
                f,
                "the CRM gave some of the data and an error{}",
                said(text)
            ),
            Cause::Truncated => f.write_str("the answer ended before it was complete"),
            Cause::TooLarge { limit } => write!(f, "the answer is larger than {} MB", limit >> 20),
            Cause::TooDeep { limit } => {
                write!(f, "the answer is nested deeper than {limit} levels")
            }
            Cause::TooMany { what, limit } => write!(f, "there are more than {limit} {what}"),
            Cause::PageLoop => {
                f.write_str("the CRM gave the same page twice: there is no end to it")
            }
            Cause::Changed { what, readings } => {
                write!(
                    f,
                    "the collection changed while it was read, {readings} times: {what}"
                )
            }
            Cause::Inside { list, said, found } => {
                write!(
                    f,
                    "the CRM says that {list} has {said} entries and gave {found}"
                )
            }
            Cause::Count { said, found } => {
                write!(f, "the CRM says it has {said} records and gave {found}")
            }
            Cause::Gone {
                collection,
                said: text,
            } => {
                write!(
                    f,
                    "`{collection}` was in the last snapshot and cannot be read now{}",
                    said(text)
                )
            }
            Cause::Deadline { limit } => {
                write!(f, "it was not done after {} seconds", limit.as_secs_f32())
            }
            Cause::Connect { what } => write!(f, "no connection: {what}"),
            Cause::Dns { host, what } => write!(f, "the name {host} cannot be looked up: {what}"),
            Cause::Fenced { host, address, why } => {
                write!(f, "the name {host} leads to {address}, {why}")
            }
            Cause::Tls { what, .. } => match what {
                TlsFault::SelfSigned => {
                    f.write_str("the CRM's certificate is signed by nobody we trust")
                }
                TlsFault::WrongHost { host } => {
                    write!(f, "the CRM's certificate is not for {host}")
                }
                TlsFault::Expired => f.write_str("the CRM's certificate has expired"),
                TlsFault::NotYet => {
                    f.write_str("the CRM's certificate is not valid yet (is the clock right?)")
                }
                TlsFault::OtherCertificate => {
                    f.write_str("the CRM's certificate is not the one of `tls_pin`")
                }
                TlsFault::Other(what) => write!(f, "TLS failed: {what}"),
            },
            Cause::Redirect { to, why } => write!(f, "the CRM redirects to {to}, {why}"),
            Cause::Plaintext { host } => write!(f, "the key would travel to {host} unencrypted"),
            Cause::Settings { message, .. } => f.write_str(message),
        }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "source `{}`", self.source)?;
        if let Some(request) = &self.request {
            write!(f, ", {request}")?;
        }
        if let Some(page) = self.page {
            write!(f, ", page {page}")?;
        }
        write!(f, ": {}", self.cause)
    }
}

impl std::error::Error for FetchError {}
