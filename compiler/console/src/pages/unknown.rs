//! Unknown addresses: traffic on the subscribers' side that belongs to nobody, and who is the nearest.

use serde::Serialize;

use super::subscribers::{Near, near};
use super::{Link, channel};
use crate::app::App;
use crate::ask::{Ask, Pages, Reply, drawn, show};
use crate::engine::{Answer, Problem};
use crate::eyes::Eyes;
use crate::live::Silent;
use crate::show::{Both, Bytes, Count, Lasting, Time};

#[derive(Serialize, Debug, Default)]
pub struct UnknownPage {
    /// Why there is nothing to show; empty when there is.
    pub silent: String,
    pub time: Option<Time>,
    /// All that are remembered; the runtime tells the first 1,000.
    pub count: Count,
    pub rows: Vec<Row>,
    pub pages: Pages,
}
drawn!(UnknownPage, "unknown.html");

#[derive(Serialize, Debug)]
pub struct Row {
    pub address: String,
    /// Where it would be looked for; empty for viewers.
    pub href: String,
    pub seen: Lasting,
    pub bytes: Both<Bytes>,
    pub packets: Both<Count>,
    pub nearest: Vec<Near>,
    /// The last generation that had it.
    pub last: Option<LastSeen>,
}

#[derive(Serialize, Debug)]
pub struct LastSeen {
    pub seq: u64,
    #[serde(flatten)]
    pub link: Link,
}

/// Generations that are searched for an address.
const BACK: usize = 6;
const ROWS: usize = 50;

/// The last generations with another artifact, the newest first.
pub fn generations(app: &App, channel: &str) -> Answer<Vec<(u64, String)>> {
    let journal = app.journal(channel)?;
    let mut found: Vec<(u64, String)> = Vec::new();
    for head in journal.entries.iter().rev().filter_map(|e| e.head.as_ref()) {
        if found.len() < BACK && !found.iter().any(|(_, digest)| *digest == head.digest) {
            found.push((head.seq, head.digest.clone()));
        }
    }
    Ok(found)
}

fn rows(
    app: &App,
    eyes: &Eyes,
    channel: &str,
    addresses: &[weir_schemas::runtime::UnknownAddress],
) -> Answer<Vec<Row>> {
    let index = app.shown("", channel)?;
    let generations = generations(app, channel)?;
    let row = |unknown: &weir_schemas::runtime::UnknownAddress| {
        let address = unknown.address.parse::<std::net::IpAddr>().ok();
        let last = address.and_then(|address| {
            let mut had = generations.iter();
            let (seq, digest) =
                had.find(|(_, digest)| app.light(digest).is_ok_and(|l| l.has(address)))?;
            let href = match eyes.is_operator() {
                true => format!("/subscribers?artifact={digest}&q={address}"),
                false => format!("/generations?channel={channel}"),
            };
            Some(LastSeen {
                seq: *seq,
                link: Link {
                    name: format!("generation {seq}"),
                    href,
                },
            })
        });
        Row {
            address: eyes.address(&unknown.address),
            href: match (eyes.is_operator(), address) {
                (true, Some(address)) => format!("/subscribers?q={address}"),
                _ => String::new(),
            },
            seen: Lasting(unknown.seconds_ago),
            bytes: unknown.bytes.map(Bytes).into(),
            packets: unknown.packets.map(Count).into(),
            nearest: match (&index, address) {
                (Some(index), Some(address)) => near(index, eyes, address),
                _ => Vec::new(),
            },
            last,
        }
    };
    Ok(addresses.iter().map(row).collect())
}

pub fn unknown(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let page = match app.runtime.unknown() {
        Err(silent) => UnknownPage {
            silent: match silent {
                Silent::None => {
                    "There is no runtime on this machine, and only the runtime sees packets."
                }
                Silent::Failed(_) => "The runtime does not answer.",
            }
            .to_owned(),
            pages: Pages {
                page: 1,
                pages: 1,
                ..Pages::default()
            },
            ..UnknownPage::default()
        },
        Ok(unknown) => {
            let (pages, range) = Pages::of(ask, unknown.addresses.len(), ROWS);
            UnknownPage {
                silent: String::new(),
                time: Some(Time(unknown.time.clone())),
                count: Count(unknown.count),
                rows: rows(app, &eyes, &channel, &unknown.addresses[range])?,
                pages,
            }
        }
    };
    show(app, ask, "Unknown Addresses", &page)
}

/// A field of a table that people open in a spreadsheet: what would be a formula there is text.
pub fn inert(field: &str) -> String {
    let dangerous = field.starts_with(['=', '+', '-', '@', '\t', '\r', '\0']);
    let text = if dangerous {
        format!("'{field}")
    } else {
        field.to_owned()
    };
    format!("\"{}\"", text.replace('"', "\"\""))
}

pub fn csv(app: &App, ask: &Ask) -> Answer<Reply> {
    let eyes = ask.eyes(app);
    let channel = channel(app, ask)?;
    let unknown = app.runtime.unknown().map_err(|silent| match silent {
        Silent::None => Problem::NotFound {
            message: silent.to_string(),
        },
        Silent::Failed(_) => Problem::failed(silent),
    })?;
    let mut text = String::from(
        "address,seconds_ago,bytes_down,bytes_up,packets_down,packets_up,nearest_prefix,nearest_subscriber,last_generation\r\n",
    );
    for row in rows(app, &eyes, &channel, &unknown.addresses)? {
        let nearest = row.nearest.first();
        let fields = [
            inert(&row.address),
            row.seen.0.to_string(),
            row.bytes.down.0.to_string(),
            row.bytes.up.0.to_string(),
            row.packets.down.0.to_string(),
            row.packets.up.0.to_string(),
            inert(nearest.map_or("", |n| &n.prefix)),
            inert(nearest.map_or("", |n| &n.owner.name)),
            row.last.map_or(String::new(), |l| l.seq.to_string()),
        ];
        text.push_str(&fields.join(","));
        text.push_str("\r\n");
    }
    Ok(Reply::Download {
        name: "unknown-addresses.csv",
        kind: "text/csv; charset=utf-8",
        bytes: text.into_bytes(),
    })
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn no_field_is_a_formula() {
        for text in ["=1+1", "+1", "-1", "@sum", "\tx", "\rx"] {
            assert!(inert(text).starts_with("\"'"), "{text:?}");
        }
        assert_eq!(inert("a\"b"), "\"a\"\"b\"");
        assert_eq!(inert("100.64.0.1"), "\"100.64.0.1\"");
    }
}
