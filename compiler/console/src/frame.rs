//! What stands around every page: its title, the way to the others, and who is signed in.

use serde::Serialize;

use crate::app::App;
use crate::ask::{Ask, drawn};
use crate::engine::Problem;
use crate::show::tame;
use crate::users::Role;

/// The pages of the menu: path, and name.
const MENU: &[(&str, &str)] = &[
    ("/", "Home"),
    ("/scheduler", "Scheduler Status"),
    ("/issues", "Urgent Issues"),
    ("/tree", "Network Tree Overview"),
    ("/cpu", "CPU Plan"),
    ("/subscribers", "Subscribers"),
    ("/unknown", "Unknown Addresses"),
    ("/globe", "Flow Globe"),
    ("/overrides", "Overrides"),
    ("/sources", "Integrations"),
    ("/generations", "Generations"),
];

/// Which entry of the menu a page belongs to.
fn section(path: &str) -> &str {
    match path {
        "/run" => "/scheduler",
        "/explain" => "/issues",
        "/compare" => "/tree",
        "/subscriber" => "/subscribers",
        "/overrides/remove" => "/overrides",
        "/source" | "/source/new" | "/source/test" | "/source/save" => "/sources",
        "/change" | "/promote" => "/generations",
        path => path,
    }
}

/// A line of the menu.
#[derive(Debug)]
pub struct Entry {
    pub path: &'static str,
    pub name: &'static str,
    pub here: bool,
}

/// Everything around a page.
#[derive(Debug)]
pub struct Frame {
    pub title: String,
    pub project: String,
    pub version: String,
    pub menu: Vec<Entry>,
    /// Name and role; `None` when nobody is signed in.
    pub user: Option<(String, &'static str)>,
    pub operator: bool,
    /// Address of the same as JSON; empty where there is none.
    pub twin: String,
    /// When an open page is brought up to date; empty for never.
    pub live: &'static str,
    /// Changes when a script or style sheet does.
    pub assets: &'static str,
}

impl Frame {
    pub fn of(app: &App, ask: &Ask, title: &str) -> Frame {
        let here = section(ask.path);
        let signed_in = ask.who.is_some();
        let project = signed_in.then(|| app.engine.project().ok()).flatten();
        let twin = crate::routes::twin(ask.path).map(|twin| match ask.query_text.as_str() {
            "" => twin,
            query => format!("{twin}?{query}"),
        });
        let menu = MENU.iter().filter(|_| signed_in);
        Frame {
            title: title.to_owned(),
            project: project.as_ref().map(|p| tame(&p.name)).unwrap_or_default(),
            version: project.map(|p| tame(&p.version)).unwrap_or_default(),
            menu: menu
                .map(|(path, name)| Entry {
                    path,
                    name,
                    here: *path == here,
                })
                .collect(),
            user: ask.who.as_ref().map(|w| (w.name.clone(), w.role.word())),
            operator: ask.who.as_ref().is_some_and(|w| w.role == Role::Operator),
            twin: twin.unwrap_or_default(),
            live: if signed_in {
                crate::routes::live(ask.path)
            } else {
                ""
            },
            assets: crate::assets::version(),
        }
    }
}

/// Something that was not done, or is not there.
#[derive(Serialize, Debug)]
pub struct Failure {
    /// `refused`, `invalid`, `not-found`, `failed`
    pub problem: &'static str,
    /// One word for programs; empty but for what was refused.
    pub word: String,
    pub title: String,
    pub message: String,
    pub help: String,
    /// The field of a form that is meant; empty for none.
    pub field: String,
}
drawn!(Failure, "failure.html");

/// What somebody is told about a problem. Viewers get no sentences: those may name what is hidden from them.
pub fn failure(ask: &Ask, problem: &Problem) -> Failure {
    let mut failure = Failure {
        problem: "",
        word: String::new(),
        title: String::new(),
        message: tame(&problem.to_string()),
        help: String::new(),
        field: String::new(),
    };
    match problem {
        Problem::Refused { word, help, .. } => {
            failure.problem = "refused";
            failure.title = "Refused: nothing was changed".to_owned();
            failure.word = tame(word);
            failure.help = tame(help);
        }
        Problem::Invalid { field, .. } => {
            failure.problem = "invalid";
            failure.title = "That does not fit: nothing was changed".to_owned();
            failure.field = tame(field);
        }
        Problem::NotFound { .. } => {
            failure.problem = "not-found";
            failure.title = "There is no such thing".to_owned();
        }
        Problem::Failed { help, .. } => {
            failure.problem = "failed";
            failure.title = "That did not work".to_owned();
            failure.help = tame(help);
        }
    }
    if !ask.is_operator() {
        failure.message = "What went wrong is shown to operators.".to_owned();
        failure.help = String::new();
    }
    failure
}
