//! `weir init`: a project to start from, and what runs `weir check` on every change of it.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use weir_compiler::adopt::{self, Edits};
use weir_compiler::config::{self, InitError};
use weir_compiler::report::summary::{push_commands, push_row};
use weir_compiler::report::{Detail, counted, plain};
use weir_schemas::artifact;

use crate::cli::exit::Exit;
use crate::cli::project::{Follow, argument, compile_project};
use crate::cli::stop::Stop;
use crate::cli::store::write_new;
use crate::cli::terminal::Terminal;
use crate::cli::{Directory, Global, Overrides};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// Take over the settings of this LibreQoS directory, and read its subscribers at every build
    #[arg(long, value_name = "DIR")]
    from_libreqos: Option<PathBuf>,
    /// Also write what checks the project on every change; a project that is there stays as it is
    #[arg(long, value_name = "FORGE", value_enum)]
    ci: Option<Forge>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Forge {
    /// .github/workflows/weir.yml
    Github,
    /// .gitlab-ci.yml
    Gitlab,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = args.directory.of(global);
    let mut names: Vec<String> = Vec::new();
    let there = args.ci.is_some() && args.from_libreqos.is_none() && dir.join("weir.toml").exists();
    if !there {
        let written = config::init(&dir, args.from_libreqos.as_deref()).map_err(stop)?;
        names.extend(written.iter().map(|p| dir.join(p).display().to_string()));
    }
    if let Some(forge) = args.ci {
        names.push(ci(forge, &dir)?.display().to_string());
    }
    let mut text = String::new();
    push_row(&mut text, "wrote", &names.join(", "));
    if let Some(from) = &args.from_libreqos {
        text.push_str(&compared(&dir, from, terminal));
    }
    push_commands(&mut text, &[format!("weir check{}", argument(&dir))]);
    terminal.print(&text)?;
    Ok(Exit::Done)
}

/// What a build of the new project makes, against the files that were taken over. Nothing here stops: the project is
/// there, and `weir check` says what is wrong with it.
fn compared(dir: &Path, from: &Path, terminal: &Terminal) -> String {
    let mut text = String::new();
    let built = match compile_project(
        dir.to_owned(),
        &Overrides::default(),
        Follow::Nothing,
        terminal,
    ) {
        Ok(built) => built,
        Err(stop) => {
            push_row(
                &mut text,
                "builds",
                &format!("not yet: {}", plain(stop.first_line())),
            );
            return text;
        }
    };
    let mut lines = Vec::new();
    for (name, compare) in FILES {
        let made = built.compiled.artifacts.file(name);
        let (Ok(own), Some(made)) = (fs::read(from.join(name)), made) else {
            continue;
        };
        match compare(&own, made) {
            Ok(edits) => lines.extend(told(&edits).map(|line| format!("{name}: {line}"))),
            Err(why) => lines.push(format!("{name} cannot be compared: {why}")),
        }
    }
    if lines.is_empty() {
        push_row(
            &mut text,
            "builds",
            "the same rates, parents and addresses as LibreQoS has now",
        );
        return text;
    }
    let what = format!(
        "{} from what LibreQoS has now, as if somebody had edited its files:",
        counted(lines.len(), "difference")
    );
    push_row(&mut text, "builds", &what);
    let most = match terminal.detail {
        Detail::Verbose => lines.len(),
        _ => SHOWN,
    };
    for line in lines.iter().take(most) {
        text.push_str(&format!("  {}\n", plain(line)));
    }
    if lines.len() > most {
        text.push_str(&format!(
            "  and {} more: weir init -v shows all\n",
            lines.len() - most
        ));
    }
    text
}

/// How a file is compared.
type Compare = fn(&[u8], &[u8]) -> Result<Edits, String>;

const FILES: [(&str, Compare); 2] = [
    (artifact::NETWORK, adopt::network),
    (artifact::SHAPED_DEVICES, adopt::shaped_devices),
];

/// Differences that are listed.
const SHOWN: usize = 20;

fn told(edits: &Edits) -> impl Iterator<Item = String> {
    let sets = edits.sets.iter().map(|(key, value)| {
        let device = key
            .device
            .as_deref()
            .map_or(String::new(), |d| format!("device \"{d}\" of "));
        format!(
            "{} of {device}{} \"{}\": {value}",
            key.field.word(),
            key.kind.word(),
            key.id
        )
    });
    sets.chain(edits.left.iter().map(|left| left.what.clone()))
}

/// What the templates call the project.
const EXAMPLE: &str = "networks/lakeside";

/// Writes the forge's file to the top of the repository, where the forge looks for it.
fn ci(forge: Forge, dir: &Path) -> Result<PathBuf, Stop> {
    let whole = fs::canonicalize(dir).map_err(|e| Stop::cannot("read", dir, &e))?;
    let top = whole
        .ancestors()
        .find(|dir| dir.join(".git").exists())
        .unwrap_or(&whole);
    let project = match whole.strip_prefix(top) {
        Ok(below) if below.as_os_str().is_empty() => ".".to_owned(),
        Ok(below) => below.display().to_string(),
        Err(_) => ".".to_owned(),
    };
    let (file, text) = match forge {
        Forge::Github => {
            let text = include_str!("../../../ci/github/workflow.yml");
            (
                ".github/workflows/weir.yml",
                text.replace(EXAMPLE, &project),
            )
        }
        Forge::Gitlab => {
            let text = include_str!("../../../ci/gitlab.yml");
            let text = text.replace("PROJECT: \".\"", &format!("PROJECT: {project:?}"));
            (".gitlab-ci.yml", text)
        }
    };
    let file = top.join(file);
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|e| Stop::cannot("make", folder, &e))?;
    }
    match write_new(&file, &text, 0o644) {
        Ok(()) => Ok(file),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Stop::new(
            Exit::Usage,
            format!("{} is there already", file.display()),
            "add the job by hand: docs/ci.md shows it",
        )),
        Err(error) => Err(Stop::cannot("write", &file, &error)),
    }
}

fn stop(error: InitError) -> Stop {
    let exit = match error {
        InitError::Io { .. } => Exit::Outside,
        InitError::Exists(_) | InitError::NotLibreqos { .. } | InitError::LqosConf { .. } => {
            Exit::Usage
        }
    };
    let help = miette::Diagnostic::help(&error).map_or(String::new(), |help| help.to_string());
    Stop::new(exit, error.to_string(), help)
}
