//! Every route there is, and who may use it. The router is made of this table and of nothing else, so a route without
//! a row does not exist.

use crate::app::App;
use crate::ask::{Ask, Reply};
use crate::engine::Answer;
use crate::pages;
use crate::users::Role;

/// Who may use a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// Also who is not signed in.
    Anyone,
    /// Whoever is signed in.
    Viewer,
    Operator,
}

impl Access {
    pub fn allows(self, role: Option<Role>) -> bool {
        match self {
            Access::Anyone => true,
            Access::Viewer => role.is_some(),
            Access::Operator => role == Some(Role::Operator),
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Access::Anyone => "none",
            Access::Viewer => "viewer",
            Access::Operator => "operator",
        }
    }
}

/// What answers.
#[derive(Clone, Copy)]
pub enum Does {
    /// On a thread that may block.
    Page(fn(&App, &Ask) -> Answer<Reply>),
    SignIn,
    SignOut,
    Events,
    Asset,
    Metrics,
}

/// A route. GETs change nothing.
#[derive(Clone, Copy)]
pub struct Route {
    pub method: &'static str,
    pub path: &'static str,
    pub access: Access,
    /// What it is, for the documentation.
    pub page: &'static str,
    /// It has a JSON twin.
    pub twin: bool,
    /// When an open page is brought up to date: `changed`, with the scheduler and the head; `tick`, also every few
    /// seconds.
    pub live: &'static str,
    pub does: Does,
}

impl Route {
    /// It may take seconds: it proves artifacts, tries an edit by compiling, or goes over the network.
    pub fn is_slow(&self) -> bool {
        self.method == "POST" || matches!(self.path, "/compare" | "/promote" | "/rollback")
    }
}

const fn route(
    method: &'static str,
    path: &'static str,
    access: Access,
    page: &'static str,
    does: Does,
) -> Route {
    Route {
        method,
        path,
        access,
        page,
        twin: false,
        live: "",
        does,
    }
}

/// A page to read, with its twin.
const fn page(
    path: &'static str,
    access: Access,
    page: &'static str,
    live: &'static str,
    make: fn(&App, &Ask) -> Answer<Reply>,
) -> Route {
    Route {
        method: "GET",
        path,
        access,
        page,
        twin: true,
        live,
        does: Does::Page(make),
    }
}

/// A form that changes something.
const fn form(
    path: &'static str,
    page: &'static str,
    make: fn(&App, &Ask) -> Answer<Reply>,
) -> Route {
    route("POST", path, Access::Operator, page, Does::Page(make))
}

use Access::{Anyone, Operator, Viewer};

/// Sorted by path and method.
pub static ROUTES: &[Route] = &[
    page("/", Viewer, "Home", "changed", pages::home::home),
    form(
        "/acknowledge",
        "Acknowledge an issue",
        pages::issues::acknowledge,
    ),
    route(
        "GET",
        "/assets/{name}",
        Anyone,
        "Style sheet, script, icon",
        Does::Asset,
    ),
    page(
        "/change",
        Viewer,
        "Change review",
        "",
        pages::change::change,
    ),
    page(
        "/compare",
        Viewer,
        "Strategies side by side",
        "changed",
        pages::compare::compare,
    ),
    form("/confirm", "Confirm a generation", pages::moves::confirm),
    page("/cpu", Viewer, "CPU plan", "tick", pages::cpu::cpu),
    route(
        "GET",
        "/events",
        Viewer,
        "What changes while a page is open",
        Does::Events,
    ),
    page(
        "/explain",
        Viewer,
        "A rule explained",
        "",
        pages::issues::explain,
    ),
    page(
        "/generations",
        Viewer,
        "Generations",
        "changed",
        pages::generations::generations,
    ),
    page("/globe", Viewer, "Flow Globe", "tick", pages::globe::globe),
    route(
        "GET",
        "/healthz",
        Anyone,
        "Is the console up",
        Does::Page(pages::health::health),
    ),
    page(
        "/issues",
        Viewer,
        "Urgent Issues",
        "changed",
        pages::issues::issues,
    ),
    route(
        "GET",
        "/login",
        Anyone,
        "Sign in",
        Does::Page(pages::login::login),
    ),
    route("POST", "/login", Anyone, "Sign in", Does::SignIn),
    route("POST", "/logout", Viewer, "Sign out", Does::SignOut),
    route(
        "GET",
        "/metrics",
        Anyone,
        "Metrics, if they are switched on",
        Does::Metrics,
    ),
    page(
        "/overrides",
        Viewer,
        "Overrides",
        "changed",
        pages::overrides::overrides,
    ),
    form("/overrides", "Add an override", pages::overrides::add),
    form(
        "/overrides/remove",
        "Take an override out",
        pages::overrides::remove,
    ),
    form("/pause", "Pause the scheduler", pages::scheduler::pause),
    page(
        "/promote",
        Operator,
        "Review before promoting",
        "",
        pages::moves::review,
    ),
    form("/promote", "Promote an artifact", pages::moves::promote),
    form("/resume", "Release a held channel", pages::moves::resume),
    page(
        "/rollback",
        Operator,
        "Review before rolling back",
        "",
        pages::moves::way_back,
    ),
    form("/rollback", "Roll back", pages::moves::rollback),
    page(
        "/run",
        Viewer,
        "A run and its log",
        "changed",
        pages::scheduler::run,
    ),
    form("/run-now", "Start a run", pages::scheduler::run_now),
    page(
        "/scheduler",
        Viewer,
        "Scheduler Status",
        "changed",
        pages::scheduler::scheduler,
    ),
    page(
        "/source",
        Operator,
        "Edit a source",
        "",
        pages::sources::edit,
    ),
    form("/source/save", "Save a source", pages::sources::save),
    form("/source/test", "Test a connection", pages::sources::test),
    page(
        "/sources",
        Viewer,
        "Integrations",
        "changed",
        pages::sources::sources,
    ),
    page(
        "/subscriber",
        Viewer,
        "A subscriber",
        "tick",
        pages::subscriber::subscriber,
    ),
    page(
        "/subscribers",
        Viewer,
        "Subscribers",
        "",
        pages::subscribers::subscribers,
    ),
    page(
        "/tree",
        Viewer,
        "Network Tree Overview",
        "tick",
        pages::tree::tree,
    ),
    form(
        "/unacknowledge",
        "Take an acknowledgement back",
        pages::issues::unacknowledge,
    ),
    page(
        "/unknown",
        Viewer,
        "Unknown addresses",
        "tick",
        pages::unknown::unknown,
    ),
    route(
        "GET",
        "/unknown.csv",
        Viewer,
        "Unknown addresses, as a table",
        Does::Page(pages::unknown::csv),
    ),
    form(
        "/unpause",
        "Let the scheduler go on",
        pages::scheduler::unpause,
    ),
];

fn reading(path: &str) -> Option<&'static Route> {
    ROUTES.iter().find(|r| r.path == path && r.method == "GET")
}

/// Path of the JSON twin of a page.
pub fn twin(path: &str) -> Option<String> {
    let route = reading(path).filter(|r| r.twin)?;
    Some(match route.path {
        "/" => "/home.json".to_owned(),
        path => format!("{path}.json"),
    })
}

/// When an open page is brought up to date; empty for never.
pub fn live(path: &str) -> &'static str {
    reading(path).map_or("", |r| r.live)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_are_sorted_and_say_what_they_are() {
        let key = |r: &Route| (r.path, r.method);
        assert!(ROUTES.windows(2).all(|w| key(&w[0]) < key(&w[1])));
        assert!(ROUTES.iter().all(|r| !r.page.is_empty()));
    }

    #[test]
    fn whatever_changes_something_wants_an_operator() {
        for route in ROUTES.iter().filter(|r| r.method != "GET") {
            let session = matches!(route.does, Does::SignIn | Does::SignOut);
            assert!(session || route.access == Operator, "{}", route.path);
        }
    }

    #[test]
    fn the_documentation_has_every_route() {
        let page = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/console.md");
        let page = std::fs::read_to_string(page).expect("docs/console.md");
        for route in ROUTES {
            let row = format!(
                "| `{} {}` | {} | {} |",
                route.method,
                route.path,
                route.access.word(),
                route.page
            );
            assert!(page.contains(&row), "docs/console.md lacks the row\n{row}");
        }
    }
}
