//! `weir golden`: what the project shapes now, against the files in its `golden/`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use clap::Args;
use serde::Serialize;

use weir_compiler::golden::{self, Comparison, Kept, State};
use weir_compiler::report::diff::text;
use weir_compiler::report::{Detail, Tone, json, plain};
use weir_schemas::diff::Diff;

use crate::cli::exit::Exit;
use crate::cli::project::{Follow, argument, compile_project};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::{Directory, Format, Global, Overrides, replace};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    directory: Directory,
    /// Make what the project shapes now what is expected
    #[arg(long)]
    accept: bool,
    #[command(flatten)]
    overrides: Overrides,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: Format,
}

#[derive(Serialize)]
struct File {
    name: &'static str,
    /// `equal`, `missing`, `differs` or `line-ends`.
    state: &'static str,
    /// The first line that differs.
    line: Option<usize>,
}

/// `weir golden --format json`
#[derive(Serialize)]
struct Report<'a> {
    schema: &'static str,
    /// Payload digest of what the project shapes now.
    digest: &'a str,
    equal: bool,
    /// The files were rewritten.
    accepted: bool,
    files: Vec<File>,
    /// What the difference means for subscribers; null where the files do not say.
    diff: Option<&'a Diff>,
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = args.directory.of(global);
    if dir.is_file() {
        return Err(Stop::new(
            Exit::Usage,
            format!(
                "{} is a file, and only a project has golden files",
                plain(&dir.display().to_string())
            ),
            "name the directory of a project",
        ));
    }
    let kept_in = dir.join(golden::DIR);
    let kept = read(&kept_in)?;
    let none = kept.iter().all(|(_, bytes)| bytes.is_none());
    let again = format!("weir golden{} --accept", argument(&dir));
    if none && !args.accept {
        return Err(Stop::new(
            Exit::Usage,
            format!(
                "{} holds no golden files yet",
                plain(&kept_in.display().to_string())
            ),
            format!("`{again}` makes them of what the project shapes now; keep them in git"),
        ));
    }
    let built = compile_project(dir, &args.overrides, Follow::Golden, terminal)?;
    let verdict = built.verdict();
    if verdict.stops_the_files() {
        return Err(Stop::new(
            verdict.exit,
            format!("nothing was compared: {}", verdict.reasons.join("; ")),
            format!("`weir check{}` shows all of it", argument(&built.dir)),
        ));
    }
    let artifact = &built.compiled.artifacts;
    let found = golden::compare(&kept, artifact);
    let equal = found.is_equal();
    let accepted = args.accept && !equal;
    if accepted {
        fs::create_dir_all(&kept_in).map_err(|e| Stop::cannot("make", &kept_in, &e))?;
        let kept = golden::of(artifact);
        let files: Vec<(&str, &[u8])> = kept
            .iter()
            .map(|(name, bytes)| (*name, bytes.as_ref()))
            .collect();
        replace::together(&kept_in, &files).map_err(|e| Stop::cannot("write to", &kept_in, &e))?;
    }
    terminal.print(&match args.format {
        Format::Json => json::text(&Report {
            schema: "weir.golden/1",
            digest: &artifact.digest,
            equal,
            accepted,
            files: found.files.iter().map(file).collect(),
            diff: found.diff.as_ref().ok(),
        }),
        Format::Text => {
            let mut text = String::new();
            if !equal && !none {
                text.push_str(&told(&found, built.previous.is_some(), terminal));
            }
            let look = terminal.out;
            text.push_str(&match (equal, accepted) {
                (true, _) => look.paint(Tone::Good, "ok").into_owned(),
                (_, true) => format!("wrote {}", plain(&kept_in.display().to_string())),
                (_, false) => look.paint(Tone::Error, "exit 6").into_owned(),
            });
            if !equal && !accepted {
                text.push_str(&format!(
                    ": this is not what {} expects; if it should be: {again}",
                    plain(&kept_in.display().to_string())
                ));
            }
            text.push('\n');
            text
        }
    })?;
    Ok(match equal || accepted {
        true => Exit::Done,
        false => Exit::Difference,
    })
}

fn read(dir: &Path) -> Result<Kept, Stop> {
    golden::files()
        .map(|name| {
            let path = dir.join(name);
            match fs::read(&path) {
                Ok(bytes) => Ok((name, Some(bytes))),
                Err(e) if e.kind() == ErrorKind::NotFound => Ok((name, None)),
                Err(e) => Err(Stop::cannot("read", &path, &e)),
            }
        })
        .collect()
}

fn file((name, state): &(&'static str, State)) -> File {
    let (word, line) = match state {
        State::Equal => ("equal", None),
        State::Missing => ("missing", None),
        State::LineEnds => ("line-ends", None),
        State::Differs { line, .. } => ("differs", Some(*line)),
    };
    File {
        name,
        state: word,
        line,
    }
}

/// What is another: for subscribers first, then by file.
fn told(found: &Comparison, follows: bool, terminal: &Terminal) -> String {
    let mut out = match &found.diff {
        Ok(diff) => text(diff, terminal.out, terminal.detail),
        Err(error) => format!("golden/{}\n", plain(&error.to_string())),
    };
    out.push('\n');
    if terminal.detail == Detail::Quiet {
        return out;
    }
    for (name, state) in &found.files {
        let said = match state {
            State::Equal => continue,
            State::Missing => "is missing".to_owned(),
            State::LineEnds => "has other line ends: tell git to leave them alone, with \
                 `golden/** -text` in .gitattributes"
                .to_owned(),
            State::Differs { line, kept, built } => {
                let mut said = format!("differs in line {line}");
                for (sign, line) in [('-', kept), ('+', built)] {
                    if !line.is_empty() {
                        said.push_str(&format!("\n  {sign} {}", plain(line)));
                    }
                }
                said
            }
        };
        out.push_str(&format!("{name} {said}\n"));
    }
    let renumbered = |diff: &Diff| diff.counts.reclassed + diff.counts.nodes_reclassed > 0;
    if !follows && found.diff.as_ref().is_ok_and(renumbered) {
        out.push_str(
            "note: without golden/previous/ every build numbers its classes from the start; \
             `weir build --out golden/previous` makes it\n",
        );
    }
    out
}
