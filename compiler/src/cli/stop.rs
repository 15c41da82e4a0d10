//! What stops a command before it has a result: an unreadable project, a missing export, a full disk. It carries
//! its exit code, and is shown the way findings are.

use std::io::{self, ErrorKind};
use std::path::Path;

use weir_compiler::config::ConfigError;
use weir_compiler::config::project::FailOn;
use weir_compiler::report::excerpt::Spot;
use weir_compiler::report::human;
use weir_compiler::report::{json, outcome};
use weir_compiler::source_map::{Format as FileFormat, SourceFile, SourceMap};
use weir_schemas::findings::Location;

use crate::cli::exit::Exit;
use crate::cli::terminal::Terminal;
use crate::cli::{ReportFormat, show};

pub struct Stop {
    exit: Exit,
    /// Which refusal it is, in one word for programs; empty when it is none of a channel.
    word: &'static str,
    files: SourceMap,
    problems: Vec<Problem>,
}

struct Problem {
    message: String,
    help: String,
    spots: Vec<Spot>,
}

impl Stop {
    pub fn new(exit: Exit, message: impl Into<String>, help: impl Into<String>) -> Stop {
        Stop {
            exit,
            word: "",
            files: SourceMap::default(),
            problems: vec![Problem {
                message: message.into(),
                help: help.into(),
                spots: Vec::new(),
            }],
        }
    }

    /// Says which refusal it is, for programs.
    pub fn word(mut self, word: &'static str) -> Stop {
        self.word = word;
        self
    }

    /// Which refusal it is; empty when it is none of a channel.
    #[cfg(feature = "serve")]
    pub fn refusal(&self) -> &'static str {
        self.word
    }

    /// The code that the command ends with.
    #[cfg(feature = "fetch")]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// What is the case and what to do, of every problem.
    #[cfg(feature = "serve")]
    pub fn problems(&self) -> impl Iterator<Item = (&str, &str)> {
        let problems = self.problems.iter();
        problems.map(|p| (p.message.as_str(), p.help.as_str()))
    }

    /// What is wrong, first.
    pub fn first_line(&self) -> &str {
        self.problems.first().map_or("", |p| p.message.as_str())
    }

    /// Another problem beside it.
    #[cfg_attr(
        not(feature = "fetch"),
        expect(dead_code, reason = "only reading CRMs has several")
    )]
    pub fn and(mut self, message: impl Into<String>, help: impl Into<String>) -> Stop {
        self.problems.push(Problem {
            message: message.into(),
            help: help.into(),
            spots: Vec::new(),
        });
        self
    }

    /// What is the case and what to do, of the first problem.
    pub fn words(&self) -> (String, String) {
        let first = self.problems.first();
        first
            .map(|p| (p.message.clone(), p.help.clone()))
            .unwrap_or_default()
    }

    /// Shows places of `files` with the problem.
    pub fn at(mut self, files: SourceMap, spots: Vec<Spot>) -> Stop {
        self.files = files;
        if let Some(problem) = self.problems.first_mut() {
            problem.spots = spots;
        }
        self
    }

    /// A file or directory that could not be read or written.
    pub fn cannot(what: &str, path: &Path, error: &io::Error) -> Stop {
        Stop::new(
            Exit::Outside,
            format!("cannot {what} {}: {error}", path.display()),
            way_out(error.kind()),
        )
    }

    /// Everything that is wrong with the configuration.
    pub fn config(error: ConfigError) -> Stop {
        let exit = if error.outside {
            Exit::Outside
        } else {
            Exit::Usage
        };
        let mut files = SourceMap::default();
        let file = files.add(SourceFile {
            path: error.file().to_owned(),
            format: FileFormat::Toml,
            bytes: error.text().as_bytes().to_vec().into(),
            transcoded: None,
            digest: String::new().into(),
        });
        let problem = |error: &ConfigError| Problem {
            message: error.message.clone(),
            help: error.help.clone(),
            spots: error
                .span
                .iter()
                .map(|span| Spot {
                    at: files.located(file, span.clone()),
                    text: String::new(),
                })
                .collect(),
        };
        let mut problems = vec![problem(&error)];
        problems.extend(error.others.iter().map(problem));
        Stop {
            exit,
            word: "",
            files,
            problems,
        }
    }

    /// Says it to people on stderr, to programs on stdout, and gives the exit code.
    pub fn report(&self, format: ReportFormat, terminal: &Terminal) -> Exit {
        if format != ReportFormat::Json {
            let shown: Vec<String> = self
                .problems
                .iter()
                .map(|p| human::problem(&p.message, &p.help, &p.spots, &self.files, terminal.err))
                .collect();
            terminal.tell(&shown.join("\n"));
        }
        let document = match format {
            ReportFormat::Text => None,
            ReportFormat::Json => Some(self.json()),
            other => self.document(other, terminal),
        };
        if let Some(document) = document {
            // There is nobody left to tell when stdout fails.
            let _ = terminal.print(&document);
        }
        self.exit
    }

    /// A document of the format that says what stopped the command: a program that reads it must not take silence for
    /// success.
    fn document(&self, format: ReportFormat, terminal: &Terminal) -> Option<String> {
        let problems: Vec<outcome::Problem> = self
            .problems
            .iter()
            .map(|problem| outcome::Problem {
                message: problem.message.clone(),
                help: problem.help.clone(),
                at: problem.spots.first().map(|spot| outcome::At {
                    path: self.files.file(spot.at.file).path.clone(),
                    line: spot.at.line,
                    column: spot.at.column,
                    field: String::new(),
                }),
            })
            .collect();
        let reasons: Vec<String> = self.problems.iter().map(|p| p.message.clone()).collect();
        let outcome = outcome::Outcome {
            findings: &[],
            files: &self.files,
            summary: None,
            problems: &problems,
            exit: self.exit.code(),
            reasons: &reasons,
            fail_on: FailOn::Error,
            prefix: "",
            baseline: false,
        };
        show::shared(format, &outcome, terminal)
    }

    fn json(&self) -> String {
        let reasons: Vec<String> = self.problems.iter().map(|p| p.message.clone()).collect();
        json::text(&json::Error {
            schema: "weir.error/1",
            exit: json::Exit {
                code: self.exit.code(),
                reasons: &reasons,
            },
            errors: self
                .problems
                .iter()
                .map(|problem| json::ErrorReport {
                    message: &problem.message,
                    help: &problem.help,
                    locations: problem
                        .spots
                        .iter()
                        .map(|spot| Location {
                            file: self.files.file(spot.at.file).path.as_str().into(),
                            line: spot.at.line as u64,
                            column: spot.at.column as u64,
                            path: "".into(),
                            label: spot.text.as_str().into(),
                        })
                        .collect(),
                })
                .collect(),
        })
    }
}

/// What to do about what the system says.
fn way_out(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => {
            "look whether the path is right: it, or the directory it is to be in, is not there"
        }
        ErrorKind::PermissionDenied => "give this user the right to it, or name another place",
        ErrorKind::ReadOnlyFilesystem => "name a place that can be written",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "make room and do it again",
        ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty => {
            "move away what is there, or name another place"
        }
        ErrorKind::IsADirectory => "name a file: a directory is there",
        ErrorKind::NotADirectory => "a file stands where a directory belongs: name another place",
        ErrorKind::InvalidData => "write it as UTF-8 text",
        _ => "look whether the disk and the path are in order, and do it again",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever the system says, there is something to do about it.
    #[test]
    fn what_cannot_be_read_or_written_says_what_to_do() {
        for (kind, want) in [
            (ErrorKind::NotFound, "is not there"),
            (ErrorKind::PermissionDenied, "the right to it"),
            (ErrorKind::ReadOnlyFilesystem, "can be written"),
            (ErrorKind::StorageFull, "make room"),
            (ErrorKind::AlreadyExists, "move away"),
            (ErrorKind::IsADirectory, "name a file"),
            (ErrorKind::NotADirectory, "another place"),
            (ErrorKind::InvalidData, "UTF-8"),
            (ErrorKind::TimedOut, "do it again"),
        ] {
            let stop = Stop::cannot("write", Path::new("out"), &kind.into());
            let (message, help) = stop.words();
            assert!(message.starts_with("cannot write out: "), "{message}");
            assert!(help.contains(want), "{kind:?}: {help}");
        }
    }
}
