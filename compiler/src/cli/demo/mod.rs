//! `weir demo`: a stand-in CRM, the scheduler and the console with an invented ISP, on this machine only. As root, with
//! `weir-runtime` at hand, also a box between network namespaces that is shaped, with traffic in it. Nothing is left
//! behind.

mod lab;
mod nest;
mod traffic;
mod world;

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use weir_console::users::{self, Role};
use weir_standin::{KEY, Options, SECRET, Standin};

use crate::cli::exit::Exit;
use crate::cli::serve::{Settings, USERS, book, serve};
use crate::cli::stop::Stop;
use crate::cli::terminal::{Priority, Terminal};
use crate::cli::user::made;
use crate::cli::{Format, Global};
use crate::serve::signal::Stopping;
use lab::{Lab, Tools};
use nest::Nest;

#[derive(Debug, Args)]
pub struct Arguments {
    /// Port of the console on this machine; 0: any that is free
    #[arg(long, value_name = "PORT", default_value_t = 8480)]
    port: u16,
    /// Empty directory for the project, which then stays [default: a temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Shape no traffic, even where that is possible
    #[arg(long)]
    no_traffic: bool,
}

/// The project of the quickstart, which reads recorded answers.
const PROJECT: &str = include_str!("../../../../examples/quickstart/weir.toml");
const RECORDED: &str = "export = \"exports/uisp\"\n";
const QDISC: &str = "qdisc = \"cake diffserv4\"\n";
const KIND: &str = "uisp";
/// CPU queues of the quickstart's box.
const QUEUES: u16 = 4;
const CHANNEL: &str = "production";
/// Who signs in.
const USER: &str = "demo";

/// Sends until it is dropped.
struct Sending {
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

pub fn run(args: &Arguments, _global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let failed =
        |what: &str, error: &io::Error| Stop::new(Exit::Outside, format!("{what}: {error}"), "");
    if let Some(dir) = &args.dir {
        fs::create_dir_all(dir).map_err(|e| Stop::cannot("make", dir, &e))?;
        let mut there = fs::read_dir(dir).map_err(|e| Stop::cannot("list", dir, &e))?;
        if there.next().is_some() {
            return Err(Stop::new(
                Exit::Usage,
                format!("{} is not empty", dir.display()),
                "name a new directory",
            ));
        }
    }
    // From here on a signal is heard, and what was made by then is removed.
    let stopping = Stopping::listen().map_err(|e| failed("signals cannot be listened to", &e))?;
    let nest = Nest::new(&made()?).map_err(|e| failed("no temporary directory", &e))?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => nest.dir().join("project"),
    };
    // Dropped in the order against that of their making: what sends, the runtime, the network, the directory.
    let (mut lab, missing) = shaped(args, &nest);
    let standin = Standin::start(Options::new(KIND));
    let standin = standin.map_err(|e| failed("the stand-in CRM cannot start", &e))?;
    let leaf = lab.as_ref().map(Lab::leaf);
    prepare(&dir, &standin.url(), leaf).map_err(|e| failed("the project cannot be written", &e))?;
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
    let map = nest.dir().join("invented.mmdb");
    fs::write(&map, world::bytes()).map_err(|e| Stop::cannot("write", &map, &e))?;
    let store = dir.join(&project.store);
    let mut sending = None;
    if let Some(lab) = &mut lab {
        let full = std::path::absolute(&store).map_err(|e| Stop::cannot("find", &store, &e))?;
        lab.start(&full, CHANNEL)
            .map_err(|why| Stop::new(Exit::Outside, why, ""))?;
        let stop = Arc::new(AtomicBool::new(false));
        let log = terminal.logging(Format::Text);
        let told = move |why: String| log.log(Priority::Warning, &why);
        let thread = traffic::start(lab, &store, CHANNEL, stop.clone(), told)
            .map_err(|e| failed("no threads can be started", &e))?;
        sending = Some(Sending {
            stop,
            thread: Some(thread),
        });
    }
    if stopping.flag.load(Ordering::Relaxed) {
        return Ok(Exit::Done);
    }
    let settings = Settings {
        bind: SocketAddr::from((Ipv4Addr::LOCALHOST, args.port)),
        public_url: None,
        runtime: lab.as_ref().map(Lab::socket),
        mmdb: vec![map],
        metrics: true,
        log_format: Format::Text,
    };
    let what = match &missing {
        None => format!(
            "traffic   invented too, shaped by weir-runtime on a bridge between network namespaces\n          \
             what it says: {}\n",
            nest.dir().join("runtime.log").display()
        ),
        Some(missing) => format!(
            "traffic   none is shaped: {}. To see it live:\n            {}\n",
            missing.what, missing.command
        ),
    };
    let came = serve(&dir, settings, terminal, |address| {
        terminal.print(&format!(
            "console   http://{address}\nuser      {USER}\npassword  {password}\nproject   {}\n\
             CRM       {} (a stand-in with invented data)\n{what}Ctrl-C ends it{}\n",
            dir.display(),
            standin.url(),
            if args.dir.is_none() {
                ", and removes everything it made"
            } else {
                "; the project stays"
            }
        ))
    });
    drop(sending);
    drop(lab);
    came
}

/// The box, or what is missing for it.
fn shaped(args: &Arguments, nest: &Nest) -> (Option<Lab>, Option<lab::Missing>) {
    let missing = |what: String, command: &str| lab::Missing {
        what,
        command: command.to_owned(),
    };
    if args.no_traffic {
        let why = missing("--no-traffic says so".to_owned(), "weir demo");
        return (None, Some(why));
    }
    let exe = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("weir"));
    let tools = match Tools::find(&exe) {
        Ok(tools) => tools,
        Err(missing) => return (None, Some(missing)),
    };
    match Lab::build(&tools, nest, QUEUES) {
        Ok(lab) => (Some(lab), None),
        Err(why) => (None, Some(missing(why, "weir-runtime doctor"))),
    }
}

/// The quickstart, with the stand-in in place of its recorded answers, and a leaf that this kernel has.
fn prepare(dir: &Path, url: &str, leaf: Option<&str>) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let live = format!(
        "url = \"{url}\"\nkey = {{ file = \"secrets/key\" }}\nsecret = {{ file = \"secrets/secret\" }}\n"
    );
    let mut text = PROJECT.replacen(RECORDED, &live, 1);
    if let Some(leaf) = leaf {
        text = text.replacen(QDISC, &format!("qdisc = \"{leaf}\"\n"), 1);
    }
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
        prepare(dir.path(), "http://127.0.0.1:1", Some("fq_codel")).unwrap();
        let mut files = weir_compiler::source_map::SourceMap::default();
        let overrides = weir_compiler::config::CliOverrides::default();
        let project = weir_compiler::config::load(dir.path(), &mut files, &overrides).unwrap();
        assert_eq!(project.live.len(), 1);
        assert_eq!(project.schedule.every_seconds, 60);
        // The box that is built is the one that the project describes.
        let target = &project.target;
        assert_eq!(target.queues, QUEUES);
        let shaper = target.shaper.as_ref().expect("it shapes");
        assert_eq!(
            (&*shaper.to_network, &*shaper.to_internet, &*target.qdisc),
            (lab::TO_NETWORK, lab::TO_INTERNET, "fq_codel")
        );
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
