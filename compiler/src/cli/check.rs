//! `weir check`: compile and report. Writes nothing, but for what `--fix` and `--baseline-write` name.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use weir_compiler::baseline::{self, Compared};
use weir_compiler::report::summary::Summary;
use weir_compiler::report::{Detail, by_rule, counted, human, json, plain};

use crate::cli::exit::Exit;
use crate::cli::mend;
use crate::cli::project::{Built, Follow, argument, compile_project};
use crate::cli::stop::Stop;
use crate::cli::terminal::Terminal;
use crate::cli::verdict::{explain, tell_refusals};
use crate::cli::{Global, Overrides, ReportFormat, show};

#[derive(Debug, Args)]
pub struct Arguments {
    /// Project directory, as --project; or a single ShapedDevices.csv, network.json or inventory.json
    #[arg(value_name = "DIR|FILE", conflicts_with = "project")]
    path: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
    /// Output format
    #[arg(long, value_enum, default_value_t)]
    pub format: ReportFormat,
    /// Known findings, which fail nothing; new ones do
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Write the baseline: made with every finding where there is none, else what is gone is taken out (`all`: and what
    /// is new is taken in)
    #[arg(
        long,
        value_name = "WHAT",
        value_enum,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "ratchet",
        requires = "baseline"
    )]
    baseline_write: Option<Write>,
    /// Make the safe edits of weir.toml that findings offer, after showing them
    #[arg(long)]
    fix: bool,
    /// Only show what --fix would do
    #[arg(long, visible_alias = "dry-run")]
    diff: bool,
    /// With --fix or --diff: edits that change what is shaped, too
    #[arg(long)]
    unsafe_fixes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Write {
    /// Only ever shorter
    Ratchet,
    /// What is found now
    All,
}

impl Arguments {
    pub fn path(&self, global: &Global) -> PathBuf {
        let given = self.path.as_ref().or(global.project.as_ref());
        given.cloned().unwrap_or_else(|| PathBuf::from("."))
    }
}

pub fn run(args: &Arguments, global: &Global, terminal: &Terminal) -> Result<Exit, Stop> {
    let path = args.path(global);
    let mut built = compile_project(path.clone(), &args.overrides, Follow::Nothing, terminal)?;
    let mut text = String::new();
    if args.fix || args.diff {
        let mended = mend::mend(&built, args.unsafe_fixes)?;
        match &mended {
            None => terminal.tell("nothing to fix\n"),
            // Beside a document there is no room for a diff.
            Some(mended) if args.format != ReportFormat::Text => terminal.tell(&mended.diff),
            Some(mended) => {
                text.push_str(&mended.diff);
                text.push('\n');
            }
        }
        if let Some(mended) = mended
            && args.fix
            && !args.diff
        {
            mended.write()?;
            terminal.tell(&format!(
                "{} made in {}weir.toml\n",
                counted(mended.fixes, "edit"),
                plain(&built.prefix)
            ));
            built = compile_project(path, &args.overrides, Follow::Nothing, terminal)?;
        }
    }
    let compared = match &args.baseline {
        Some(file) => Some(compare(file, args.baseline_write, &mut built, terminal)?),
        None => None,
    };
    let verdict = built.verdict();
    let summary = Summary::of(&built.stages(), &built.compiled.findings);
    let problems = show::problems(&built);
    let outcome = show::outcome(&built, &verdict, &summary, &problems, compared.is_some());
    match args.format {
        ReportFormat::Json => text.push_str(&json::text(&json::Check {
            schema: "weir.check/1",
            exit: verdict.json(),
            refusals: show::refusals(&problems),
            baseline: compared.map(Into::into),
            summary: &summary,
            rules: json::found(&built.compiled.findings),
            findings: json::findings(&built.compiled.findings, &built.files),
        })),
        ReportFormat::Text => text.push_str(&people(args, &built, &summary, compared, terminal)),
        other => text.push_str(&show::shared(other, &outcome, terminal).unwrap_or_default()),
    }
    terminal.print(&text)?;
    if args.format == ReportFormat::Text {
        tell_refusals(&built.compiled, terminal);
    }
    Ok(verdict.exit)
}

fn people(
    args: &Arguments,
    built: &Built,
    summary: &Summary,
    compared: Option<Compared>,
    terminal: &Terminal,
) -> String {
    let findings = &built.compiled.findings;
    let look = terminal.out;
    let mut text = human::findings(
        findings,
        &built.files,
        look,
        terminal.detail,
        "`--format json`",
    );
    if terminal.detail != Detail::Quiet {
        text.push_str(&by_rule::table(findings, look));
        text.push_str(&summary.text(look));
    }
    let verdict = built.verdict();
    let mut next = Vec::from_iter(explain(findings));
    if !verdict.stops_the_files() && !built.alone {
        next.push(format!("weir build{}", argument(&built.dir)));
    }
    let open = findings.iter().any(|f| f.is_open());
    let here = argument(&args.path.clone().unwrap_or_else(|| built.dir.clone()));
    match (&args.baseline, compared) {
        // From here on only what is new.
        (None, _) if open && !verdict.stops_the_files() => next.push(format!(
            "weir check{here} --baseline weir-baseline.json --baseline-write"
        )),
        (Some(file), Some(compared)) if compared.gone > 0 => {
            next.push(format!(
                "weir check{here} --baseline{} --baseline-write",
                argument(file)
            ));
        }
        _ => {}
    }
    text.push_str(&verdict.text(&next, terminal));
    text
}

/// Marks what the baseline has, and writes it where that was asked for.
fn compare(
    file: &Path,
    write: Option<Write>,
    built: &mut Built,
    terminal: &Terminal,
) -> Result<Compared, Stop> {
    let shown = plain(&file.display().to_string()).into_owned();
    let bytes = match fs::read(file) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(Stop::cannot("read", file, &error)),
    };
    if bytes.is_none() && write.is_none() {
        return Err(Stop::new(
            Exit::Usage,
            format!("there is no baseline {shown}"),
            "`--baseline-write` makes one of what is found now",
        ));
    }
    // Of an incomplete source little is found; a baseline of that would forget the rest.
    let write = write.filter(|_| !built.compiled.incomplete);
    let findings = &mut built.compiled.findings;
    let old = match &bytes {
        Some(bytes) => Some(baseline::read(bytes).map_err(|error| {
            Stop::new(
                Exit::Usage,
                format!("{shown} is no baseline: {error}"),
                "name a file that `weir check --baseline-write` wrote",
            )
        })?),
        None => None,
    };
    let mut compared = match &old {
        Some(old) => baseline::mark(old, findings),
        None => Compared {
            new: findings.iter().filter(|f| f.is_open()).count(),
            ..Compared::default()
        },
    };
    let tell = |what: &str| {
        if terminal.detail != Detail::Quiet {
            terminal.tell(&format!("{shown}: {what}\n"));
        }
    };
    let Some(write) = write else {
        if compared.gone > 0 {
            tell(&format!(
                "{} no longer there; `--baseline-write` takes them out",
                counted(compared.gone, "known finding")
            ));
        }
        return Ok(compared);
    };
    let text = match (&old, write) {
        (Some(old), Write::Ratchet) => baseline::text(&baseline::ratchet(old, findings)),
        _ => baseline::text(&baseline::of(findings)),
    };
    if bytes.as_deref() != Some(text.as_bytes()) {
        mend::replace(file, text.as_bytes()).map_err(|e| Stop::cannot("write", file, &e))?;
    }
    let taken_in = old.is_none() || write == Write::All;
    if taken_in {
        let written = baseline::read(text.as_bytes())
            .map_err(|e| Stop::new(Exit::Outside, format!("{shown}: {e}"), ""))?;
        let new = compared.new;
        let gone = compared.gone;
        // Marked already are those that the old one had.
        let known = compared.known;
        compared = baseline::mark(&written, findings);
        compared.known += known;
        tell(&format!(
            "{} taken in, {gone} taken out",
            counted(new, "finding")
        ));
    } else {
        tell(&format!("{} taken out", compared.gone));
        compared.gone = 0;
    }
    Ok(compared)
}
