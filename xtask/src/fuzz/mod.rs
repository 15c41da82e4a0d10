//! `xtask fuzz`: every reader of outside bytes, on mutations of real input. A reader may refuse what it gets; it must
//! not panic, and not take long. Runs on the stable toolchain. It knows formats ([`mutate`]), not what they say.
//!
//! A new reader is one line in [`TARGETS`].

mod classifier;
mod console;
mod mutate;

use std::fs;
use std::io::Write;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use weir_compiler::config::{CliOverrides, load_str};
use weir_compiler::source_map::SourceMap;
use weir_compiler::testing::Memory;
use weir_compiler::{exports, previous};

use crate::fuzz::mutate::{Files, mutate};
use crate::r#gen::rng::Rng;

/// What reads the bytes.
#[derive(Clone, Copy)]
enum Reader {
    /// A source of this kind, with these lines of `weir.toml` behind it.
    Source(&'static str, &'static str),
    /// `weir.toml`.
    Config,
    /// An export directory on the disk.
    Exports(&'static str),
    /// The queue plan of an earlier artifact.
    Previous,
    /// An address table, with the code that reads it in the kernel too.
    Classifier,
    /// The console's way in: requests of anybody.
    Console,
}

struct Target {
    name: &'static str,
    reader: Reader,
    /// Directories with inputs; each is one.
    seeds: &'static [&'static str],
}

const fn target(name: &'static str, reader: Reader, seeds: &'static [&'static str]) -> Target {
    Target {
        name,
        reader,
        seeds,
    }
}

const TABLE_CSV: &str = "[source.table]\nfile = \"subscribers.csv\"\ndelimiter = \";\"\ncircuit = \"Contract\"\n\
    addresses = [\"IPv4\", \"IPv6\"]\nmac = \"CPE MAC\"\nparent = \"Sector\"\ndownload = \"Down\"\nupload = \"Up\"\n";
const TABLE_JSON: &str = "[source.table]\nfile = \"libreqos.json\"\nrecords = \"/customers\"\ncircuit = \"subscriber_id\"\n\
    addresses = [\"ip\", \"ipv6\"]\ndownload = \"download\"\nupload = \"/upload\"\n\
    [source.table.nodes]\nfile = \"libreqos.json\"\nrecords = \"/zones\"\nid = \"name\"\ndownload = \"capacity_download_mbps\"\n";

/// Sorted by name.
#[rustfmt::skip]
static TARGETS: &[Target] = &[
    target("classifier", Reader::Classifier, &[]),
    target("config", Reader::Config, &["golden/inventory-dirty", "golden/worked-example", "examples/no-crm", "compiler/src/config"]),
    target("console", Reader::Console, &[]),
    target("exports", Reader::Exports("visp"), &["golden/visp-basin/exports"]),
    target("inventory", Reader::Source("inventory", ""), &["golden/inventory-dirty/exports", "golden/link-down/exports"]),
    target("libreqos", Reader::Source("libreqos", ""), &["golden/libreqos-custom/exports"]),
    target("mikrotik", Reader::Source("mikrotik", ""), &["compiler/standin/data/mikrotik"]),
    target("netzur", Reader::Source("netzur", ""), &["golden/netzur-basin/exports"]),
    target("powercode", Reader::Source("powercode", ""), &["golden/powercode-ridgeline/exports"]),
    target("previous", Reader::Previous, &["golden/worked-example/expected/full", "golden/visp-basin/expected/ap_site"]),
    target("sonar", Reader::Source("sonar", ""), &["golden/sonar-ridgeline/exports"]),
    target("splynx", Reader::Source("splynx", ""), &["golden/splynx-basin/exports"]),
    target("table-csv", Reader::Source("table", TABLE_CSV), &["examples/no-crm/exports/billing"]),
    target("table-json", Reader::Source("table", TABLE_JSON), &["golden/netzur-basin/exports"]),
    target("uisp", Reader::Source("uisp", ""), &["compiler/src/sources/uisp/tests/type-drift"]),
    target("visp", Reader::Source("visp", ""), &["golden/visp-basin/exports"]),
    target("wispgate", Reader::Source("wispgate", ""), &["golden/wispgate-basin/exports"]),
];

/// One input may take this long, on a slow machine and without optimisation.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(clap::Args)]
pub struct Args {
    /// The target; all of them when it is left out
    target: Option<String>,
    /// How long each target is run
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Where the mutations start; the same seed makes the same ones
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub fn run(args: &Args, out: &mut dyn Write) -> std::io::Result<()> {
    let known = || TARGETS.iter().map(|target| target.name).collect::<Vec<_>>();
    let chosen: Vec<&Target> = (TARGETS.iter())
        .filter(|target| {
            args.target
                .as_deref()
                .is_none_or(|name| name == target.name)
        })
        .collect();
    if chosen.is_empty() {
        let known = known().join(", ");
        return Err(std::io::Error::other(format!(
            "no such target; there are {known}"
        )));
    }
    // What a reader says when it panics is in the error of this chore.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let results: Vec<Result<u64, String>> = (chosen.iter())
        .map(|target| target.run(args.seconds, args.seed, out))
        .collect();
    panic::set_hook(hook);
    console::tidy();
    let broken: Vec<String> = results.into_iter().filter_map(Result::err).collect();
    if broken.is_empty() {
        return Ok(());
    }
    Err(std::io::Error::other(broken.join("\n")))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a directory, without what is below it.
fn files(dir: &Path) -> Result<Files, String> {
    let mut files = Files::new();
    let entries = fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_file() && !name.ends_with(".rs") && !name.ends_with(".md") {
            let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            files.insert(name, bytes);
        }
    }
    Ok(files)
}

/// Time that this process has worked, in all its threads: on a busy machine the clock on the wall says nothing of a
/// reader.
fn busy() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        now.tv_sec.try_into().unwrap_or_default(),
        now.tv_nsec.try_into().unwrap_or_default(),
    )
}

impl Target {
    fn kept(&self) -> PathBuf {
        root().join("fuzz/corpus").join(self.name)
    }

    /// How many inputs were read; or what went wrong and where the input is.
    fn run(&self, seconds: u64, seed: u64, out: &mut dyn Write) -> Result<u64, String> {
        let mut seeds = Vec::new();
        for dir in self.seeds {
            seeds.push(files(&root().join(dir))?);
        }
        seeds.extend(self.reader.made());
        let mut kept: Vec<PathBuf> = fs::read_dir(self.kept())
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        kept.sort();
        for dir in kept {
            seeds.push(files(&dir)?);
        }
        let mut reads = 0;
        for input in &seeds {
            self.read(input, reads)?;
            reads += 1;
        }
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            let mut rng = Rng::new(seed, 0, reads);
            let mut input = rng.pick(&seeds).clone();
            mutate(&mut input, &mut rng);
            self.read(&input, reads)?;
            reads += 1;
        }
        let _ = writeln!(out, "{:<12} {reads} inputs", self.name);
        Ok(reads)
    }

    fn read(&self, input: &Files, number: u64) -> Result<(), String> {
        let start = busy();
        let done = panic::catch_unwind(AssertUnwindSafe(|| self.reader.read(input, number)));
        let took = busy().saturating_sub(start);
        let what = match done {
            Ok(()) if took < PATIENCE => return Ok(()),
            Ok(()) => format!("took {} ms", took.as_millis()),
            Err(panic) => {
                let said = (panic.downcast_ref::<String>().map(String::as_str))
                    .or_else(|| panic.downcast_ref::<&str>().copied())
                    .unwrap_or("without words");
                format!("panicked: {said}")
            }
        };
        let dir = self.kept().join(format!("found-{number}"));
        let kept = fs::create_dir_all(&dir).and_then(|()| {
            (input.iter()).try_for_each(|(name, bytes)| fs::write(dir.join(name), bytes))
        });
        let place = match kept {
            Ok(()) => format!("the input is in fuzz/corpus/{}/found-{number}", self.name),
            Err(error) => format!("the input could not be kept: {error}"),
        };
        Err(format!("{}: {what}; {place}", self.name))
    }
}

impl Reader {
    /// Input that is made and not kept as a file.
    fn made(self) -> Option<Files> {
        match self {
            Reader::Classifier => Some(classifier::sample()),
            Reader::Console => Some(console::sample()),
            _ => None,
        }
    }

    fn read(self, input: &Files, number: u64) {
        match self {
            Reader::Source(kind, config) => {
                let files: Vec<(&str, &[u8])> = (input.iter())
                    .map(|(name, bytes)| (name.as_str(), bytes.as_slice()))
                    .collect();
                let memory = match Memory::new(kind, &files, config) {
                    Ok(memory) => memory,
                    Err(error) => panic!("the project of a target does not load: {error}"),
                };
                // The whole compiler now and then: what a reader lets through must not break what follows.
                if number.is_multiple_of(4) {
                    let compiled = memory.compile(None);
                    for finding in &compiled.findings {
                        for label in &finding.places {
                            memory.files.locate(&label.place);
                        }
                    }
                } else {
                    let source = &memory.project.sources[0];
                    let export = &memory.exports.exports[0];
                    weir_compiler::sources::lower(source, export, &memory.files, None);
                }
            }
            Reader::Config => {
                for (name, bytes) in input {
                    if name.ends_with(".toml") {
                        let text = String::from_utf8_lossy(bytes);
                        let mut files = SourceMap::default();
                        if let Err(error) = load_str(&text, &mut files, &CliOverrides::default()) {
                            let _ = error.to_string();
                        }
                    }
                }
            }
            Reader::Exports(kind) => {
                let dir = std::env::temp_dir().join(format!("weir-fuzz-{}", std::process::id()));
                let export = dir.join("exports");
                fs::create_dir_all(&export).expect("a directory for the export");
                for (name, bytes) in input {
                    fs::write(export.join(name), bytes).expect("a file of the export");
                }
                if let Ok(memory) = Memory::new(kind, &[], "") {
                    let mut files = SourceMap::default();
                    let _ = exports::read(&dir, &memory.project.sources, &mut files);
                }
                let _ = fs::remove_dir_all(&dir);
            }
            Reader::Previous => {
                let memory = Memory::new("inventory", &[("inventory.json", b"{}")], "");
                let (Ok(memory), Some(plan)) = (memory, input.get("queue-plan.json")) else {
                    return;
                };
                if let Ok(previous) = previous::read(plan, "0", &memory.project) {
                    memory.compile(Some(&previous));
                }
            }
            Reader::Console => input.values().for_each(|bytes| console::read(bytes)),
            Reader::Classifier => input.values().for_each(|bytes| classifier::read(bytes)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_input_it_can_read_and_stands_in_order() {
        assert!(TARGETS.is_sorted_by_key(|target| target.name));
        for target in TARGETS {
            for dir in target.seeds {
                let input = files(&root().join(dir)).unwrap();
                assert!(!input.is_empty(), "{dir}");
                target.read(&input, 0).unwrap();
            }
            if let Some(input) = target.reader.made() {
                target.read(&input, 0).unwrap();
            }
            assert!(!target.seeds.is_empty() || target.reader.made().is_some());
        }
        console::tidy();
    }
}
