//! `weir demo`: a stand-in CRM, the scheduler and the console with an invented ISP, on this machine only. Nothing is left
//! behind.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;

use weir_console::users::{self, Role};
use weir_standin::{KEY, Options, SECRET, Standin};

use crate::cli::Global;
use crate::cli::exit::Exit;
use crate::cli::serve::{Settings, USERS, book, serve};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::user::made;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Port of the console on this machine; 0: any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8480)]
    port: u16,
    /// Empty directory for the project, which then stays [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// The project of the quickstart, which reads recorded answers.
const PROJECT: &str = include_str!("../../../examples/quickstart/weir.toml");
const RECORDED: &str = "export = \"exports/uisp\"\n";
const KIND: &str = "uisp";
/// Who signs in.
const USER: &str = "demo";

/// Removed with everything in it when the demonstration ends.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub fn run(args: &Arguments, _global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let failed =
        |what: &str, error: &io::Error| Stop::new(Exit::Outside, format!("{what}: {error}"), "");
    let (dir, _temporary) = match &args.dir {
        Some(dir) => {
            fs::create_dir_all(dir).map_err(|e| Stop::cannot("make", dir, &e))?;
            let mut there = fs::read_dir(dir).map_err(|e| Stop::cannot("list", dir, &e))?;
            if there.next().is_some() {
                return Err(Stop::new(
                    Exit::Usage,
                    format!("{} is not empty", dir.display()),
                    "name a new directory",
                ));
            }
            (dir.clone(), None)
        }
        None => {
            let name = format!("weir-demo-{}-{}", std::process::id(), made()?);
            let dir = std::env::temp_dir().join(name);
            let made = fs::DirBuilder::new().mode(0o700).create(&dir);
            made.map_err(|e| Stop::cannot("make", &dir, &e))?;
            (dir.clone(), Some(Temporary(dir)))
        }
    };
    let standin = Standin::start(Options::new(KIND));
    let standin = standin.map_err(|e| failed("the stand-in CRM cannot start", &e))?;
    prepare(&dir, &standin.url()).map_err(|e| failed("the project cannot be written", &e))?;
    let project = weir_compiler::config::load(
        &dir,
        &mut weir_compiler::source_map::SourceMap::default(),
        &weir_compiler::config::CliOverrides::default(),
    )
    .map_err(Stop::config)?;
    let password = made()?;
    users::add(
        &book(&dir, &project)?.beside(USERS),
        USER,
        Role::Operator,
        &password,
    )
    .map_err(|error| Stop::new(Exit::Outside, error.to_string(), ""))?;
    let settings = Settings {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        public_url: None,
        runtime: None,
        mmdb: Vec::new(),
        metrics: true,
    };
    serve(&dir, settings, terminal, |address| {
        terminal.print(&format!(
            "console   http://{address}\nuser      {USER}\npassword  {password}\nproject   {}\nCRM       {} (a stand-in with invented data)\n\
             Traffic is not shaped here. What would shape it, as root, on a box with two interfaces:\n  \
             weir-runtime run --store {}/{} --channel production\nCtrl-C ends it{}\n",
            dir.display(),
            standin.url(),
            dir.display(),
            project.store,
            if args.dir.is_none() { ", and removes the project" } else { "" }
        ))
    })
}

/// The quickstart, with the stand-in in place of its recorded answers.
fn prepare(dir: &Path, url: &str) -> io::Result<()> {
    let live = format!(
        "url = \"{url}\"\nkey = {{ file = \"secrets/key\" }}\nsecret = {{ file = \"secrets/secret\" }}\n"
    );
    let mut text = PROJECT.replacen(RECORDED, &live, 1);
    text.push_str(
        "\n# Read every minute: the stand-in does not mind.\n[schedule]\nevery = \"1m\"\n",
    );
    fs::write(dir.join(weir_compiler::config::FILE_NAME), text)?;
    let secrets = dir.join("secrets");
    fs::DirBuilder::new().mode(0o700).create(&secrets)?;
    for (name, secret) in [("key", KEY), ("secret", SECRET)] {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(secrets.join(name))?;
        io::Write::write_all(&mut file, secret.as_bytes())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_project_of_the_demonstration_loads() {
        let dir = tempfile::tempdir().unwrap();
        prepare(dir.path(), "http://127.0.0.1:1").unwrap();
        let mut files = weir_compiler::source_map::SourceMap::default();
        let overrides = weir_compiler::config::CliOverrides::default();
        let project = weir_compiler::config::load(dir.path(), &mut files, &overrides).unwrap();
        assert_eq!(project.live.len(), 1);
        assert_eq!(project.schedule.every_seconds, 60);
        assert_eq!(
            project
                .secret_files
                .iter()
                .map(|s| s.mode)
                .collect::<Vec<_>>(),
            [Some(0o600); 2]
        );
    }
}
