//! Where output goes and what it may look like. Results go to stdout, notices to stderr; a reader that has seen
//! enough (`weir check | head`) is not an error.

use std::io::{self, IsTerminal, Write};

use weir_compiler::report::{Detail, Look};

#[cfg(feature = "serve")]
use crate::cli::Format;
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
    /// Notices are a log: every line has its time, or its priority where journald reads.
    log: Option<Log>,
}

/// Who reads the log.
#[cfg_attr(
    not(feature = "serve"),
    expect(dead_code, reason = "only what runs on has a log")
)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Log {
    /// journald, which takes a priority in front and knows the time.
    Journal,
    Lines,
    /// Programs: one object a line.
    Json,
}

/// How grave a line of the log is, as syslog counts.
#[cfg_attr(
    not(feature = "serve"),
    expect(dead_code, reason = "only what runs on has a log")
)]
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum Priority {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
}

impl Priority {
    /// As syslog calls it.
    fn word(self) -> &'static str {
        match self {
            Priority::Error => "error",
            Priority::Warning => "warning",
            Priority::Notice => "notice",
            Priority::Info => "info",
        }
    }
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
            log: None,
        }
    }

    /// The same, for a process that runs on and on: what it tells is a log.
    #[cfg(feature = "serve")]
    pub fn logging(self, format: Format) -> Terminal {
        let journal = std::env::var_os("JOURNAL_STREAM").is_some_and(|v| !v.is_empty());
        Terminal {
            log: Some(match format {
                Format::Json => Log::Json,
                Format::Text if journal => Log::Journal,
                Format::Text => Log::Lines,
            }),
            ..self
        }
    }

    /// A line of the log. Text of a CRM has to be made plain before.
    pub fn log(&self, priority: Priority, text: &str) {
        if self.detail == Detail::Quiet && priority > Priority::Warning {
            return;
        }
        let text = logged(self.log.unwrap_or(Log::Lines), priority, text, &now());
        let _ = write(io::stderr().lock(), &text);
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
        if self.log.is_some() {
            return self.log(Priority::Notice, text);
        }
        let _ = write(io::stderr().lock(), text);
    }
}

/// Lines as the log has them.
fn logged(log: Log, priority: Priority, text: &str, now: &str) -> String {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| match log {
            Log::Journal => format!("<{}>{line}\n", priority as u8),
            Log::Lines => format!("{now} {line}\n"),
            Log::Json => {
                let line = serde_json::json!({
                    "time": now, "priority": priority as u8, "level": priority.word(), "message": line,
                });
                format!("{line}\n")
            }
        })
        .collect()
}

/// The time of day, for a log.
fn now() -> String {
    let second = jiff::Timestamp::now().as_second();
    jiff::Timestamp::from_second(second)
        .unwrap_or_default()
        .to_string()
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
    fn every_line_of_a_log_has_its_priority_or_its_time() {
        let text = "one\n\n  two\n";
        let journal = logged(Log::Journal, Priority::Warning, text, "now");
        assert_eq!(journal, "<4>one\n<4>  two\n");
        let lines = logged(Log::Lines, Priority::Error, text, "now");
        assert_eq!(lines, "now one\nnow   two\n");
        let json = logged(Log::Json, Priority::Notice, "say \"x\"\n", "now");
        assert_eq!(
            json,
            "{\"level\":\"notice\",\"message\":\"say \\\"x\\\"\",\"priority\":5,\"time\":\"now\"}\n"
        );
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
