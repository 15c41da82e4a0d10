//! The pages: each makes plain data out of what it is given, and a template and its JSON twin show that data. What a
//! viewer must not see is replaced while the data is made, never in a template.

pub mod change;
pub mod compare;
pub mod cpu;
pub mod done;
pub mod generations;
pub mod globe;
pub mod health;
pub mod home;
pub mod issues;
pub mod login;
pub mod moves;
pub mod overrides;
pub mod scheduler;
pub mod sources;
pub mod subscriber;
pub mod subscribers;
pub mod tree;
pub mod unknown;

use serde::Serialize;
use weir_store::channel::head::is_name;

use crate::app::App;
use crate::ask::Ask;
use crate::engine::{Answer, Problem};
use crate::eyes::Eyes;
use crate::index::{Circuit, Index, Limiter};
use crate::show::encoded;

/// The channel a request is about.
pub fn channel(app: &App, ask: &Ask) -> Answer<String> {
    let asked = match ask.get("channel") {
        "" => ask.field("channel"),
        asked => asked,
    };
    match asked {
        "" => Ok(app.project()?.channel),
        asked if is_name(asked) => Ok(asked.to_owned()),
        _ => Err(Problem::Invalid {
            field: "channel".to_owned(),
            message: "a channel is named with letters, digits, `-`, `_` and `.`".to_owned(),
        }),
    }
}

/// The whole payload digest that a request names.
pub fn digest(app: &App, text: &str) -> Answer<String> {
    let artifact = app.stock.get(text).map_err(|e| Problem::NotFound {
        message: e.to_string(),
    })?;
    Ok(artifact.digest().to_owned())
}

/// Something with a name and a page.
#[derive(Serialize, Clone, PartialEq, Eq, Debug)]
pub struct Link {
    pub name: String,
    pub href: String,
}

fn within(eyes: &Eyes, href: String) -> String {
    match eyes.within.as_str() {
        "" => href,
        artifact => format!("{href}&artifact={}", encoded(artifact)),
    }
}

pub fn to_circuit(eyes: &Eyes, id: &str, name: &str) -> Link {
    let shown = eyes.circuit_id(id);
    Link {
        name: eyes.circuit(id, name),
        href: within(eyes, format!("/subscriber?id={}", encoded(&shown))),
    }
}

pub fn to_node(eyes: &Eyes, id: &str, name: &str) -> Link {
    let shown = eyes.node_id(id);
    Link {
        name: eyes.node(id, name),
        href: within(eyes, format!("/tree?at={}", encoded(&shown))),
    }
}

/// The circuit that was meant by what stands in an address: its id, or its pseudonym.
pub fn find_circuit<'a>(index: &'a Index, eyes: &Eyes, shown: &str) -> Option<&'a Circuit> {
    match eyes.is_operator() {
        true => index.circuit(shown),
        false => {
            let at = index.circuit_known_as(eyes, shown)?;
            index.circuits.get(at)
        }
    }
}

pub fn find_node(index: &Index, eyes: &Eyes, shown: &str) -> Option<usize> {
    match eyes.is_operator() {
        true => index.node_at(shown),
        false => index.node_known_as(eyes, shown),
    }
}

/// What limits a node, in words.
pub fn limiter(index: &Index, eyes: &Eyes, limiter: &Limiter) -> String {
    let name = |id: &str| {
        let node = index.node_at(id).map(|at| index.nodes[at].name.as_str());
        eyes.node(id, node.unwrap_or(id))
    };
    match limiter {
        Limiter::Itself => "its own capacity".to_owned(),
        Limiter::OwnLink(link) => format!("link {}", eyes.link(link)),
        Limiter::Node(id) => name(id),
        Limiter::Link(link, node) => format!("link {} of {}", eyes.link(link), name(node)),
        Limiter::Wan => "the WAN".to_owned(),
        Limiter::Generated => "the setting for generated nodes".to_owned(),
        Limiter::Unknown => "unknown".to_owned(),
    }
}
