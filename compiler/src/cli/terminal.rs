//! Where output goes and what it may look like. Results go to stdout, notices to stderr; a reader that has seen
//! enough (`weir check | head`) is not an error.

use std::io::{self, IsTerminal, Write};

use weir_compiler::report::{Detail, Look};

use crate::cli::exit::Exit;
use crate::cli::stop::Stop;
use crate::cli::{Color, Global};

#[derive(Clone, Copy, Debug)]
pub struct Terminal {
    /// How results look.
    pub out: Look,
    /// How notices look.
    pub err: Look,
    pub detail: Detail,
}

/// What the environment says about terminals.
#[derive(Clone, Default, Debug)]
struct Environment {
    no_color: bool,
    force_color: bool,
    dumb: bool,
    utf8: bool,
    columns: Option<usize>,
}

impl Terminal {
    pub fn of(global: &Global) -> Terminal {
        let environment = Environment::read();
        Terminal {
            out: look(&environment, global.color, io::stdout().is_terminal()),
            err: look(&environment, global.color, io::stderr().is_terminal()),
            detail: match (global.quiet, global.verbose) {
                (true, _) => Detail::Quiet,
                (_, true) => Detail::Verbose,
                _ => Detail::Normal,
            },
        }
    }

    /// Writes a result to stdout.
    pub fn print(&self, text: &str) -> Result<(), Stop> {
        write(io::stdout().lock(), text).map_err(|error| {
            Stop::new(
                Exit::Outside,
                format!("cannot write the results to stdout: {error}"),
                "",
            )
        })
    }

    /// Tells what is going on, when somebody wants to know.
    pub fn verbose(&self, text: &str) {
        if self.detail == Detail::Verbose {
            self.tell(&format!("{text}\n"));
        }
    }

    /// Writes to stderr. There is nobody left to tell when that fails.
    pub fn tell(&self, text: &str) {
        let _ = write(io::stderr().lock(), text);
    }
}

/// To stderr, from where no terminal is at hand.
pub fn last_words(text: &str) {
    let _ = write(io::stderr().lock(), text);
}

fn write(mut to: impl Write, text: &str) -> io::Result<()> {
    match to.write_all(text.as_bytes()).and_then(|()| to.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl Environment {
    fn read() -> Self {
        let var = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
        // The first that is set decides, as in every program.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(var);
        Environment {
            no_color: var("NO_COLOR").is_some(),
            force_color: var("CLICOLOR_FORCE").is_some_and(|v| v != "0"),
            dumb: var("TERM").is_some_and(|t| t == "dumb"),
            utf8: locale.is_some_and(|l| {
                let l = l.to_ascii_lowercase();
                l.contains("utf-8") || l.contains("utf8")
            }),
            columns: terminal_size::terminal_size().map(|(width, _)| usize::from(width.0)),
        }
    }
}

fn look(environment: &Environment, color: Color, is_terminal: bool) -> Look {
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto if environment.no_color => false,
        Color::Auto if environment.force_color => true,
        Color::Auto => is_terminal && !environment.dumb,
    };
    let width = match environment.columns {
        Some(columns) if is_terminal => columns.clamp(60, 140),
        _ => Look::PLAIN.width,
    };
    Look {
        color,
        unicode: environment.utf8 && !environment.dumb,
        width,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_only_where_somebody_sees_them() {
        let environment = |no_color, force_color, dumb| Environment {
            no_color,
            force_color,
            dumb,
            ..Environment::default()
        };
        for (env, color, terminal, want) in [
            (environment(false, false, false), Color::Auto, true, true),
            (environment(false, false, false), Color::Auto, false, false),
            (environment(true, false, false), Color::Auto, true, false),
            (environment(true, true, false), Color::Auto, true, false),
            (environment(false, true, false), Color::Auto, false, true),
            (environment(false, false, true), Color::Auto, true, false),
            (environment(true, false, true), Color::Always, false, true),
            (environment(false, true, false), Color::Never, true, false),
        ] {
            assert_eq!(
                look(&env, color, terminal).color,
                want,
                "{env:?} {color:?} {terminal}"
            );
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        struct Broken(io::ErrorKind);
        impl Write for Broken {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(self.0.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        assert!(write(Broken(io::ErrorKind::BrokenPipe), "x").is_ok());
        assert!(write(Broken(io::ErrorKind::StorageFull), "x").is_err());
    }
}
