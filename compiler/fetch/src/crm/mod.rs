//! The CRMs: one file each, and the one table of them. Outside of this directory no CRM is named.

mod mikrotik;
mod netzur;
mod powercode;
mod sonar;
mod splynx;
mod uisp;
mod visp;
mod wispgate;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use url::Url;

use crate::collection::Collection;
use crate::error::{Cause, FetchError};
use crate::http::Words;
use crate::run::Run;

/// What is known of one kind of CRM.
pub struct Crm {
    /// As in `weir.toml`.
    pub kind: &'static str,
    /// As its maker writes it.
    pub label: &'static str,
    /// Which settings it takes.
    pub needs: &'static [Need],
    /// Where to make the key, in a sentence.
    pub key: &'static str,
    /// Sorted by name.
    pub collections: &'static [Collection],
    pub(crate) words: Words,
    pub(crate) base: fn(Url) -> Url,
    pub(crate) authenticate: Authenticate,
    pub(crate) fetch: Fetch,
}

/// A setting of `[[source]]`.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    pub setting: &'static str,
    pub what: &'static str,
    /// Nothing works without it.
    pub always: bool,
}

pub(crate) type Future_<'r, T> = Pin<Box<dyn Future<Output = T> + Send + 'r>>;
pub(crate) type Authenticate = for<'r, 'a> fn(&'r mut Run<'a>) -> Future_<'r, Result<(), Cause>>;
pub(crate) type Fetch = for<'r, 'a> fn(&'r mut Run<'a>) -> Future_<'r, Result<(), FetchError>>;

/// Every CRM, sorted by kind.
pub static CRMS: &[&Crm] = &[
    &mikrotik::CRM,
    &netzur::CRM,
    &powercode::CRM,
    &sonar::CRM,
    &splynx::CRM,
    &uisp::CRM,
    &visp::CRM,
    &wispgate::CRM,
];

/// The CRM of a kind of source.
pub fn find(kind: &str) -> Option<&'static Crm> {
    CRMS.iter().copied().find(|crm| crm.kind == kind)
}

impl Crm {
    /// Where tokens are made when nobody says so, where that is another server.
    pub fn token_url(&self) -> Option<Url> {
        (self.kind == visp::CRM.kind)
            .then(visp::token_url)
            .flatten()
    }

    /// The collection of a file, by the name it was recorded under.
    pub fn collection(&self, name: &str) -> Option<&'static Collection> {
        self.collections
            .iter()
            .find(|collection| match collection.name.split_once("ID") {
                None => collection.name == name,
                // One recording for each customer.
                Some((start, end)) => name
                    .strip_prefix(start)
                    .and_then(|rest| rest.strip_suffix(end))
                    .is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())),
            })
    }

    /// An address as somebody wrote it.
    pub fn parse(&self, written: &str) -> Option<Url> {
        let url = Url::parse(written.trim()).ok()?;
        (matches!(url.scheme(), "http" | "https") && url.host().is_some()).then_some(url)
    }

    /// The address of the API, from what somebody wrote: `https://h`, `https://h/`, or the whole address of the API.
    pub fn base(&self, written: &str) -> Option<Url> {
        self.parse(written).map(self.base)
    }
}

impl fmt::Debug for Crm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind)
    }
}

/// `url` without blanks, slashes at the end, query, fragment, and `suffix` at the end of its path.
fn trimmed(mut url: Url, suffix: &str) -> Url {
    url.set_query(None);
    url.set_fragment(None);
    let path = url.path().trim_end_matches('/');
    let path = path
        .strip_suffix(suffix)
        .unwrap_or(path)
        .trim_end_matches('/')
        .to_owned();
    url.set_path(&path);
    url
}

/// Reads every collection of the table, in its order.
async fn all(run: &mut Run<'_>) -> Result<(), FetchError> {
    let collections = run.source.kind.collections;
    for collection in collections {
        run.collect(collection, serde_json::json!({})).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::select::Selection;

    #[test]
    fn the_tables_are_sorted_and_every_selection_can_be_read() {
        assert!(CRMS.windows(2).all(|pair| pair[0].kind < pair[1].kind));
        for crm in CRMS {
            let names = crm.collections.iter().map(|c| c.name);
            assert!(names.is_sorted(), "{}", crm.kind);
            for collection in crm.collections {
                let selection = Selection::parse(collection.keep);
                let selection = selection.unwrap_or_else(|| panic!("{}", collection.name));
                // The way to the records is kept.
                let mut at = Some(&selection);
                for key in collection.rows {
                    let field = at.and_then(|at| at.field(key));
                    at = field
                        .unwrap_or_else(|| panic!("{} of {}", key, collection.name))
                        .below
                        .as_ref();
                }
            }
        }
    }

    /// Names of fields that no recording may have, whatever CRM they come from.
    #[test]
    fn no_selection_names_a_secret() {
        const SECRET: [&str; 22] = [
            "key",
            "password",
            "secret",
            "token",
            "community",
            "snmp_community",
            "radius_secret",
            "psk",
            "passphrase",
            "email",
            "phone",
            "bank",
            "card",
            "iban",
            "tax",
            "balance",
            "credit",
            "price",
            "invoice",
            "note",
            "contact",
            "contacts",
        ];
        fn look(selection: &Selection, place: &str) {
            for field in &selection.fields {
                let name = field.name.to_lowercase();
                for part in name.split(['_', '-', ' ']) {
                    assert!(!SECRET.contains(&part), "{place}.{}", field.name);
                }
                if let Some(below) = &field.below {
                    look(below, &format!("{place}.{}", field.name));
                }
            }
        }
        for crm in CRMS {
            for collection in crm.collections {
                look(&Selection::of(collection.keep), collection.name);
            }
        }
    }

    #[test]
    fn an_address_may_be_written_in_every_usual_way() {
        for (kind, written, want) in [
            ("uisp", " https://h//// ", "https://h/"),
            ("uisp", "https://h:8443/nms/api/v2.1", "https://h:8443/"),
            ("uisp", "https://h/nms/api/v2.1/", "https://h/"),
            ("splynx", "https://h/api/2.0/", "https://h/"),
            ("netzur", "https://h/api/libreqos", "https://h/api/libreqos"),
            ("mikrotik", "https://h/rest/", "https://h/"),
            ("wispgate", "https://h/", "https://h/"),
            ("powercode", "https://h", "https://h:444/"),
            ("powercode", "https://h:8444/", "https://h:8444/"),
            ("sonar", "https://h", "https://h/api/graphql"),
            ("sonar", "https://h/sub/", "https://h/sub/api/graphql"),
            ("sonar", "https://h/api/graphql", "https://h/api/graphql"),
            ("visp", "https://h/graphql", "https://h/graphql"),
        ] {
            let crm = find(kind).expect("a kind");
            assert_eq!(
                crm.base(written).expect(written).as_str(),
                want,
                "{kind} {written}"
            );
        }
        for wrong in ["h", "ftp://h", "https://", "file:///etc/passwd"] {
            assert!(
                find("uisp").expect("a kind").base(wrong).is_none(),
                "{wrong}"
            );
        }
    }
}
