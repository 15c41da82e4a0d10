//! `weir key`: keys that releases are signed with.

use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use weir_compiler::report::summary::push_row;

use crate::cli::exit::Exit;
use crate::cli::signing::{NewKey, Secret};
use crate::cli::stop::Stop;
use crate::cli::store::write_new;
use crate::cli::terminal::Terminal;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Make a key pair: FILE and FILE.pub
    New {
        /// File for the secret key; it must not be there yet
        #[arg(value_name = "FILE", default_value = "weir.key")]
        file: PathBuf,
    },
    /// Show the public half of a secret key, as a trust file has it
    Public {
        /// File with the secret key
        #[arg(value_name = "FILE", default_value = "weir.key")]
        file: PathBuf,
    },
}

pub fn run(args: &Arguments, terminal: &Terminal) -> Result<Exit, Stop> {
    match &args.what {
        What::New { file } => {
            let key = NewKey::make().map_err(|e| Stop::new(Exit::Outside, e, ""))?;
            let mut name = file.clone().into_os_string();
            name.push(".pub");
            let public = PathBuf::from(name);
            if public.exists() {
                let there = std::io::Error::from(std::io::ErrorKind::AlreadyExists);
                return Err(Stop::cannot("write", &public, &there));
            }
            // `secrets/` is often not there yet, and nobody else is to look into it.
            if let Some(folder) = file
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
            {
                fs::DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(folder)
                    .map_err(|e| Stop::cannot("make", folder, &e))?;
            }
            write_new(file, &key.secret, 0o600).map_err(|e| Stop::cannot("write", file, &e))?;
            write_new(&public, &key.public, 0o644)
                .map_err(|e| Stop::cannot("write", &public, &e))?;
            let mut text = String::new();
            push_row(&mut text, "secret", &file.display().to_string());
            push_row(&mut text, "public", &public.display().to_string());
            push_row(&mut text, "trust line", &key.line);
            terminal.print(&text)?;
        }
        What::Public { file } => {
            let public = Secret::from_file(file)?.public();
            let public = public.ok_or_else(|| {
                Stop::new(
                    Exit::Usage,
                    format!("{} holds no signing key", file.display()),
                    "",
                )
            })?;
            terminal.print(&format!("{public}\n"))?;
        }
    }
    Ok(Exit::Done)
}
