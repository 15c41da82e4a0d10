//! A CRM to practise on: `cargo run --example crm-standin -- uisp --port 8080`. Prints what to write into `weir.toml`
//! and serves until it is interrupted.

use std::process::ExitCode;

use weir_standin::{KEY, KINDS, Options, PASSWORD, SECRET, SETTINGS, Standin};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let mut options = Options::new("");
    let mut wrong = false;
    while let Some(argument) = args.next() {
        match argument.as_str() {
            "--port" => match args.next().and_then(|port| port.parse().ok()) {
                Some(port) => options.port = port,
                None => wrong = true,
            },
            kind if KINDS.contains(&kind) && options.kind.is_empty() => {
                options.kind = kind.to_owned()
            }
            _ => wrong = true,
        }
    }
    if wrong || options.kind.is_empty() {
        say(&format!(
            "usage: crm-standin KIND [--port PORT]\nKIND is one of {}",
            KINDS.join(", ")
        ));
        return ExitCode::from(2);
    }
    let kind = options.kind.clone();
    let standin = match Standin::start(options) {
        Ok(standin) => standin,
        Err(error) => {
            say(&format!("the stand-in cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let settings = SETTINGS
        .iter()
        .find(|(of, _)| *of == kind)
        .map_or("", |(_, settings)| settings);
    let mut toml = format!(
        "[[source]]\nname = \"crm\"\nkind = \"{kind}\"\nurl = \"{}\"\n{settings}",
        standin.url()
    );
    if kind == "visp" {
        toml.push_str(&format!("\ntoken_url = \"{}/token\"", standin.origin()));
    }
    say(&format!(
        "{toml}\n\nexport CRM_KEY={KEY} CRM_SECRET={SECRET} CRM_PASSWORD={PASSWORD}\n\nserving invented data; Ctrl-C ends it"
    ));
    loop {
        std::thread::park();
    }
}

/// The one place that prints.
#[expect(clippy::print_stdout, reason = "an example talks to whoever runs it")]
fn say(text: &str) {
    println!("{text}");
}
