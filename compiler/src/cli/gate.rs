//! `weir doctor --gate`: may this network go live on this box? Everything that `weir doctor` checks, and beside it the
//! data, the findings, the plan, the box and what passes it: then one word, go or no-go.
//!
//! It changes nothing and decides nothing new: findings are judged as the scheduler judges them, and the box by
//! `weir-runtime`, which is asked as a program and may be another version.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use weir_compiler::config::project::Project;
use weir_compiler::finding::Level;
use weir_compiler::guard;
use weir_compiler::report::counted;
use weir_schemas::artifact;
use weir_schemas::findings::Findings;
use weir_schemas::manifest::Manifest;
use weir_schemas::runtime::RuntimeStatus;
use weir_schemas::tree::Tree;
use weir_store::Store;

use crate::cli::Overrides;
use crate::cli::doctor::{Line, State, line};
use crate::cli::exit::Exit;
use crate::cli::project::{Built, Follow, compile_project};
use crate::cli::terminal::Terminal;

/// Most bytes of a report that are read.
const LARGEST: u64 = 16 << 20;
/// What is asked about the box.
const RUNTIME: &str = "weir-runtime";

/// What was found, with the code that a failing line ends the command with.
pub struct Gate {
    pub lines: Vec<(Line, Exit)>,
}

/// Looks at everything that `weir doctor` alone does not. `report`: what `weir-runtime doctor --format json` said on
/// the box, where that is another machine.
pub fn gate(dir: &Path, project: &Project, report: Option<&Path>, terminal: &Terminal) -> Gate {
    let mut gate = Gate { lines: Vec::new() };
    let overrides = Overrides::default();
    let built = compile_project(dir.to_owned(), &overrides, Follow::Production, terminal);
    let artifact = match &built {
        Ok(built) => {
            gate.data(built);
            gate.findings(built);
            gate.fit(built);
            gate.artifact(built)
        }
        Err(stop) => {
            let (what, fix) = stop.words();
            gate.fail("data", "", what, fix, stop.exit());
            None
        }
    };
    gate.of_box(dir, project, report, artifact.as_deref());
    gate.seen(report);
    gate
}

impl Gate {
    fn ok(&mut self, check: &'static str, subject: &str, what: impl Into<String>) {
        let line = line(check, State::Ok, subject, what, "");
        self.lines.push((line, Exit::Done));
    }

    fn warn(
        &mut self,
        check: &'static str,
        subject: &str,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        let line = line(check, State::Warn, subject, what, fix);
        self.lines.push((line, Exit::Done));
    }

    fn fail(
        &mut self,
        check: &'static str,
        subject: &str,
        what: impl Into<String>,
        fix: impl Into<String>,
        exit: Exit,
    ) {
        let line = line(check, State::Fail, subject, what, fix);
        self.lines.push((line, exit));
    }

    /// Every source was read to its last record.
    fn data(&mut self, built: &Built) {
        let name = &built.project.name;
        if built.compiled.incomplete {
            let what = "a source is incomplete: nothing may be built from it";
            let fix = "`weir check` names the file and the place";
            return self.fail("data", name, what, fix, Exit::Incomplete);
        }
        let sources = counted(built.project.sources.len(), "source");
        self.ok("data", name, format!("{sources}, read completely"));
    }

    /// As `schedule.promote = "when-contained"` judges: one record that is wrong is no reason, the network's is.
    fn findings(&mut self, built: &Built) {
        let check = "findings";
        let name = &built.project.name;
        let files = &built.compiled.artifacts;
        let read = |name: &str| files.file(name).unwrap_or_default();
        let (manifest, findings, tree) = (
            weir_schemas::read::<Manifest<'_>>(read(artifact::MANIFEST)),
            weir_schemas::read::<Findings<'_>>(read(artifact::FINDINGS)),
            weir_schemas::read::<Tree<'_>>(read(artifact::TREE)),
        );
        let (Ok(manifest), Ok(findings), Ok(tree)) = (manifest, findings, tree) else {
            // Every build writes them; without them there is nothing to let through.
            let what = "the build left no findings to judge";
            return self.fail(check, name, what, "`weir check` shows them", Exit::Outside);
        };
        let Some(fail_on) = manifest.fail_on else {
            let what = "lint.fail_on = \"never\": no finding stands in the way of anything";
            let fix = "set lint.fail_on = \"error\" in weir.toml";
            return self.warn(check, name, what, fix);
        };
        let guard = &built.project.guard;
        if let Some(trip) = guard::contained(guard, &findings, fail_on, &tree) {
            return self.fail(check, name, trip.message, trip.help, Exit::Findings);
        }
        let contained = guard::failing(&findings, fail_on).count();
        if contained > 0 {
            let what = format!(
                "{}, each of them contained: it touches the circuits it names and nobody else",
                counted(contained, "failing finding")
            );
            return self.warn(check, name, what, "`weir check` lists them");
        }
        self.ok(check, name, "none that fails the build");
    }

    /// The plan can be loaded and holds what it states, and the box is large enough for it.
    fn fit(&mut self, built: &Built) {
        let check = "fit";
        let target = &built.project.target;
        let name = target.name.as_deref().unwrap_or_default();
        for refusal in &built.compiled.refused {
            self.fail(
                check,
                name,
                refusal.message.clone(),
                refusal.help.clone(),
                Exit::Refused,
            );
        }
        if !built.compiled.refused.is_empty() {
            return;
        }
        if target.name.is_none() {
            let what =
                "no [target.NAME] is declared: whether the box is large enough was not looked at";
            let fix = "declare it in weir.toml with its queues, memory and interfaces: docs/configuration.md";
            return self.warn(check, name, what, fix);
        }
        let budget = built.compiled.findings.iter();
        let budget = budget
            .filter(|f| f.is_open() && f.rule.code.starts_with("BUD") && f.level >= Level::Warning);
        let mut fits = true;
        for finding in budget {
            fits = false;
            // An error of them has failed the findings above, where nobody lowered its level.
            let fix = format!("`weir explain {}`", finding.rule.code);
            self.warn(check, name, finding.message.clone(), fix);
        }
        if fits {
            self.ok(check, name, "classes, memory and cores are enough");
        }
    }

    /// Where what would be promoted lies.
    fn artifact(&mut self, built: &Built) -> Option<PathBuf> {
        if !built.compiled.refused.is_empty() || built.compiled.incomplete {
            return None;
        }
        let digest = &built.compiled.artifacts.digest;
        let store = Store::open(built.dir.join(&built.project.store));
        match store.and_then(|store| store.get(digest)) {
            Ok(artifact) => {
                self.ok("artifact", &digest[..12], "built, and in the store");
                Some(artifact.path().to_owned())
            }
            Err(_) => {
                let what = "what the project says now was not built yet";
                self.fail(
                    "artifact",
                    &digest[..12],
                    what,
                    "`weir build`",
                    Exit::Refused,
                );
                None
            }
        }
    }

    /// The box, as `weir-runtime doctor` sees it; or the directory of LibreQoS, where that shapes.
    fn of_box(
        &mut self,
        dir: &Path,
        project: &Project,
        report: Option<&Path>,
        artifact: Option<&Path>,
    ) {
        let check = "box";
        if report.is_none()
            && let Some(to) = &project.publish.to
        {
            return self.libreqos(&dir.join(to));
        }
        let said = match report {
            Some(file) => read(file),
            None => {
                let mut command = Command::new(RUNTIME);
                command.args(["doctor", "--format", "json"]);
                if let Some(artifact) = artifact {
                    command.arg("--artifact").arg(artifact);
                }
                command.output().map(|output| output.stdout)
            }
        };
        let said = match said {
            Ok(said) => said,
            Err(error) if report.is_none() && error.kind() == io::ErrorKind::NotFound => {
                let what = "weir-runtime is not on this machine, so nobody looked at the box";
                let fix = "there, `weir-runtime doctor --artifact DIGEST --format json > box.json`; here, \
                           `weir doctor --gate --box box.json`. Where LibreQoS shapes, set `to` under [publish]";
                return self.fail(check, "", what, fix, Exit::Outside);
            }
            Err(error) => {
                let from = report.unwrap_or(Path::new(RUNTIME)).display();
                let fix = "`weir-runtime doctor --format json` makes what is read here";
                return self.fail(check, "", format!("{from}: {error}"), fix, Exit::Outside);
            }
        };
        match serde_json::from_slice::<Said>(&said) {
            Ok(said) if said.schema == Said::SCHEMA && !said.lines.is_empty() => {
                for line in said.lines {
                    self.said(line);
                }
            }
            _ => {
                let what = format!("no answer in the format {}", Said::SCHEMA);
                let fix = "`weir-runtime doctor` says what is wrong; both programs come best from one release";
                self.fail(check, "", what, fix, Exit::Outside);
            }
        }
    }

    fn said(&mut self, said: SaidLine) {
        let subject = format!("{} {}", said.check, said.subject);
        let subject = subject.trim_end();
        match said.state {
            SaidState::Ok => self.ok("box", subject, said.what),
            SaidState::Warn => self.warn("box", subject, said.what, said.fix),
            SaidState::Fail => self.fail("box", subject, said.what, said.fix, Exit::Outside),
        }
    }

    fn libreqos(&mut self, to: &Path) {
        let shown = to.display().to_string();
        match fs::metadata(to) {
            Ok(found) if found.is_dir() => self.ok(
                "box",
                &shown,
                "LibreQoS shapes; `weir publish` writes its files here",
            ),
            Ok(_) => self.fail(
                "box",
                &shown,
                "is no directory",
                "correct `to` under [publish] in weir.toml",
                Exit::Outside,
            ),
            Err(error) => self.fail(
                "box",
                &shown,
                error.to_string(),
                "correct `to` under [publish] in weir.toml, or mount it",
                Exit::Outside,
            ),
        }
    }

    /// Which share of what passes belongs to a circuit, from the runtime that runs here.
    fn seen(&mut self, report: Option<&Path>) {
        let check = "coverage";
        let fix = "look again when the runtime has shaped for an hour of the evening: `weir doctor --gate`";
        let status = match report {
            // That runs elsewhere.
            Some(_) => None,
            None => {
                let asked = Command::new(RUNTIME)
                    .args(["status", "--format", "json"])
                    .output();
                asked
                    .ok()
                    .and_then(|asked| weir_schemas::read::<RuntimeStatus>(&asked.stdout).ok())
            }
        };
        let Some(status) = status else {
            let what = "not seen yet: no runtime runs here, so nobody knows which addresses pass";
            return self.warn(check, "", what, fix);
        };
        if let Some(stuck) = status.stuck {
            self.fail(
                check,
                RUNTIME,
                stuck,
                "`weir-runtime status`",
                Exit::Outside,
            );
        }
        let bytes = |outcome: &str| {
            let of = status.outcomes.iter().filter(|o| o.outcome == outcome);
            of.map(|o| u128::from(o.bytes[0]) + u128::from(o.bytes[1]))
                .sum::<u128>()
        };
        let (shaped, unknown) = (bytes("shaped"), bytes("unknown"));
        if shaped + unknown == 0 {
            return self.warn(check, "", "not seen yet: nothing has passed", fix);
        }
        let share = unknown * 100 / (shaped + unknown);
        let what = format!("{share} % of the bytes that passed belong to no circuit");
        let fix = "`weir-runtime status unknown` lists the addresses; `weir why ADDRESS` says what is near them";
        let is_bad = status.health.iter().any(|c| c.name == "unknown" && !c.ok);
        match (is_bad, unknown) {
            (true, _) => self.fail(check, "", what, fix, Exit::Refused),
            (false, 0) => self.ok(check, "", "every byte that passed belongs to a circuit"),
            (false, _) => self.warn(check, "", what, fix),
        }
    }
}

/// What `weir-runtime doctor --format json` says.
#[derive(Deserialize)]
struct Said {
    schema: String,
    lines: Vec<SaidLine>,
}

impl Said {
    const SCHEMA: &'static str = "weir.runtime-doctor/1";
}

#[derive(Deserialize)]
struct SaidLine {
    check: String,
    state: SaidState,
    subject: String,
    what: String,
    fix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum SaidState {
    Ok,
    Warn,
    Fail,
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(file)?
        .take(LARGEST)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}
