//! `weir build`: compile, and put the artifact into the project's store.

use std::path::{Path, PathBuf};

use clap::Args;

use weir_compiler::config::project::Project;
use weir_compiler::emit::{self, ArtifactSet};
use weir_compiler::report::summary::{Summary, push_row};
use weir_compiler::report::{Detail, by_rule, human, json, plain};
use weir_store::{Outcome, StoreError};

use crate::cli::exit::Exit;
use crate::cli::project::{Built, argument, compile_and_stage};
use crate::cli::shelf::Shelf;
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::verdict::{explain, tell_refusals};
use crate::cli::{Directory, Global, Overrides, ReportFormat, show};

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(flatten)]
    pub directory: Directory,
    #[command(flatten)]
    overrides: Overrides,
    /// Also write the artifact's files to this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Read the CRMs first, as `weir fetch` does
    #[cfg(feature = "fetch")]
    #[arg(long)]
    fetch: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
}

/// Where an artifact came to rest.
pub struct Kept {
    pub directory: PathBuf,
    /// The store had it already.
    pub unchanged: bool,
}

/// Puts an artifact into the store of its project.
pub fn keep(dir: &Path, project: &Project, artifact: &ArtifactSet) -> Result<Kept, Stop> {
    kept(Shelf::open(dir, project)?.put(&artifact.as_files()))
}

fn kept(put: Result<(PathBuf, Outcome), StoreError>) -> Result<Kept, Stop> {
    let (directory, outcome) =
        put.map_err(|error| Stop::new(Exit::Outside, error.to_string(), ""))?;
    Ok(Kept {
        directory,
        unchanged: !outcome.is_new(),
    })
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let dir = args.directory.of(global);
    if dir.is_file() {
        return Err(Stop::new(
            Exit::Usage,
            format!(
                "{} is a file, and only a project can be built",
                plain(&dir.display().to_string())
            ),
            "`weir check FILE` looks at a single file; name the directory of a project here",
        ));
    }
    #[cfg(feature = "fetch")]
    if args.fetch {
        super::fetch::before_build(&dir, terminal)?;
    }
    let mut rests = None;
    let built = compile_and_stage(dir, &args.overrides, terminal, |built, staged| {
        if built.verdict().stops_the_files() {
            return Ok(());
        }
        let artifact = &built.compiled.artifacts;
        // The store first: what is in a directory is then always an artifact that can be promoted.
        rests = Some(match staged {
            Some((shelf, staged)) => kept(shelf.keep_staged(staged, &artifact.as_files()))?,
            None => keep(&built.dir, &built.project, artifact)?,
        });
        if let Some(out) = &args.out {
            emit::write(artifact, out).map_err(|e| Stop::cannot("write to", out, &e))?;
        }
        Ok(())
    })?;
    let kept = rests;
    let verdict = built.verdict();
    let artifact = &built.compiled.artifacts;
    let summary = Summary::of(&built.stages(), &built.compiled.findings);
    let problems = show::problems(&built);
    let outcome = show::outcome(&built, &verdict, &summary, &problems, false);
    let text = match args.format {
        ReportFormat::Json => json::text(&json::Build {
            schema: "weir.build/1",
            exit: verdict.json(),
            refusals: show::refusals(&problems),
            artifact: kept.as_ref().map(|kept| json::Artifact {
                digest: &artifact.digest,
                directory: kept.directory.display().to_string(),
                unchanged: kept.unchanged,
                out: args.out.as_ref().map(|out| out.display().to_string()),
                files: artifact.files.iter().map(|(name, _)| *name).collect(),
            }),
            summary: &summary,
            rules: json::found(&built.compiled.findings),
            findings: json::findings(&built.compiled.findings, &built.files),
        }),
        ReportFormat::Text => {
            let mut text = human::findings(
                &built.compiled.findings,
                &built.files,
                terminal.out,
                terminal.detail,
                "findings.json",
            );
            if terminal.detail != Detail::Quiet {
                text.push_str(&by_rule::table(&built.compiled.findings, terminal.out));
                text.push_str(&summary.text(terminal.out));
                text.push_str(&artifact_rows(
                    args,
                    &built,
                    kept.as_ref(),
                    verdict.exit == Exit::Findings,
                ));
            }
            let mut next = Vec::from_iter(explain(&built.compiled.findings));
            next.push(format!("weir tree{}", argument(&built.dir)));
            text.push_str(&verdict.text(&next, terminal));
            text
        }
        other => show::shared(other, &outcome, terminal).unwrap_or_default(),
    };
    terminal.print(&text)?;
    if args.format == ReportFormat::Text {
        tell_refusals(&built.compiled, terminal);
    }
    Ok(verdict.exit)
}

fn artifact_rows(args: &Arguments, built: &Built, kept: Option<&Kept>, failing: bool) -> String {
    let mut text = String::new();
    let Some(kept) = kept else {
        push_row(&mut text, "artifact", "none was written");
        return text;
    };
    let failing = if failing {
        " marked failing: it cannot be promoted"
    } else {
        ""
    };
    let digest = &built.compiled.artifacts.digest;
    push_row(&mut text, "artifact", &format!("{digest}{failing}"));
    let again = if kept.unchanged {
        " (it was there already: no change)"
    } else {
        ""
    };
    // The last part of the path is the digest above.
    let store = kept.directory.parent().unwrap_or(&kept.directory);
    push_row(&mut text, "in", &format!("{}{again}", store.display()));
    if let Some(out) = &args.out {
        push_row(&mut text, "and in", &out.display().to_string());
    }
    text
}
