//! `weir user`: who may sign in to the console. A password is made here, or read from a pipe; it never stands in the
//! arguments of a process, where everybody on the machine can read it.

use std::io::{self, BufRead as _, Read as _};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde::Serialize;

use weir_compiler::config::{self, CliOverrides};
use weir_compiler::report::json;
use weir_compiler::source_map::SourceMap;
use weir_console::users::{self, Role, User, Users, UsersError};

use crate::cli::exit::Exit;
use crate::cli::serve::{USERS, book};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Format, Global};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    what: What,
    /// Output format
    #[arg(long, value_enum, default_value_t, global = true)]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Add a user, or give one another role and password
    Add {
        name: String,
        #[arg(long, value_enum, default_value_t = RoleWord::Viewer)]
        role: RoleWord,
        /// Read the password from the first line of stdin [default: one is made, and shown once]
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the users
    List,
    /// Take a user out; what is open in a browser ends with the next click
    Remove { name: String },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum RoleWord {
    /// Sees every page, with names and addresses replaced; changes nothing
    Viewer,
    /// Sees everything and may change it
    Operator,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Role {
        match word {
            RoleWord::Viewer => Role::Viewer,
            RoleWord::Operator => Role::Operator,
        }
    }
}

/// `weir user --format json`
#[derive(Serialize)]
struct Report {
    schema: &'static str,
    users: Vec<User>,
    /// Of a user that was added, where the password was made here.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = global.project.clone().unwrap_or_else(|| PathBuf::from("."));
    let mut files = SourceMap::default();
    let project = config::load(&dir, &mut files, &CliOverrides::default()).map_err(Stop::config)?;
    let path = book(&dir, &project)?.beside(USERS);
    let mut password = None;
    let mut said = String::new();
    match &args.what {
        What::Add {
            name,
            role,
            password_stdin,
        } => {
            let word = match password_stdin {
                true => first_line()?,
                false => password.insert(made()?).clone(),
            };
            let new = users::add(&path, name, (*role).into(), &word).map_err(|e| stop(&e))?;
            let role = Role::from(*role).word();
            said.push_str(&match new {
                true => format!("{name} may sign in as {role}\n"),
                false => format!("{name} is {role} now, with another password\n"),
            });
            if let Some(password) = &password {
                said.push_str(&format!("password: {password}\n  it is not shown again\n"));
            }
        }
        What::List => {}
        What::Remove { name } => {
            users::remove(&path, name).map_err(|e| stop(&e))?;
            said.push_str(&format!("{name} may not sign in any more\n"));
        }
    }
    let users = Users::read(&path).map_err(|e| stop(&e))?.list();
    if matches!(args.what, What::List) {
        for user in &users {
            said.push_str(&format!("{:9} {}\n", user.role.word(), user.name));
        }
        if users.is_empty() {
            said.push_str("nobody may sign in: weir user add NAME --role operator\n");
        }
    }
    terminal.print(&match args.format {
        Format::Text => said,
        Format::Json => json::text(&Report {
            schema: "weir.users/1",
            users,
            password,
        }),
    })?;
    Ok(Exit::Done)
}

fn stop(error: &UsersError) -> Stop {
    let exit = match error {
        UsersError::Io { .. } => Exit::Outside,
        _ => Exit::Usage,
    };
    Stop::new(exit, error.to_string(), "")
}

fn first_line() -> Result<String, Stop> {
    let mut line = String::new();
    let read = io::stdin().lock().take(4096).read_line(&mut line);
    read.map_err(|error| Stop::new(Exit::Outside, format!("stdin cannot be read: {error}"), ""))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A password of 20 characters that are hard to mistake: 100 random bits.
pub fn made() -> Result<String, Stop> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut bytes = [0; 20];
    let random =
        std::fs::File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    random.map_err(|error| {
        Stop::new(
            Exit::Outside,
            format!("no random numbers are to be had: {error}"),
            "",
        )
    })?;
    let letters = bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(byte % 32)]));
    Ok(letters.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_each_is_another() {
        let (one, two) = (made().ok().unwrap(), made().ok().unwrap());
        assert_eq!(one.len(), 20);
        assert_ne!(one, two);
    }
}
