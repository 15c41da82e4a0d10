//! `xtask stages`: how long each stage of a build takes on a project, and what a circuit costs. Times are of this
//! machine: compare ratios. Nothing is written.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Instant;

use weir_compiler::config::{self, CliOverrides};
use weir_compiler::ir::tree::Strategy;
use weir_compiler::lint::rule::Stages;
use weir_compiler::source_map::SourceMap;
use weir_compiler::{Outcome, exports, network, plan, previous, topology};
use weir_schemas::artifact;

#[derive(clap::Args)]
pub struct Args {
    /// Project directory
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Only the plan: tree and queues, without findings, files and proof
    #[arg(long)]
    plan_only: bool,
}

pub fn run(args: &Args, out: &mut impl Write) -> io::Result<()> {
    let other = |error: &dyn std::fmt::Display| io::Error::other(error.to_string());
    let mut files = SourceMap::default();
    let mut timer = Timer::new(out);
    let project =
        config::load(&args.dir, &mut files, &CliOverrides::default()).map_err(|e| other(&e))?;
    let mut exports =
        exports::read(&args.dir, &project.sources, &mut files).map_err(|e| other(&e))?;
    exports.peaks = exports::read_peaks(&args.dir, project.topology.peaks.as_deref(), &mut files)
        .map_err(|e| other(&e))?;
    timer.lap("read", None)?;
    let network = network(&project, &files, &exports, None);
    let circuits = network.inventory.circuits.len();
    timer.circuits = circuits;
    timer.lap("network", None)?;
    for strategy in Strategy::ALL {
        let mut project = project.clone();
        project.topology.strategy = strategy;
        let word = Some(strategy.word());
        timer.skip();
        let tree = topology::shape(
            &project,
            &network.inventory,
            &network.graph,
            &network.chosen,
            None,
        );
        timer.lap("shape", word)?;
        topology::layout(&project, &network.inventory, &tree, None);
        timer.lap("layout", word)?;
        if args.plan_only {
            continue;
        }
        let (tree, layout) = plan(&project, &network, None);
        timer.lap("plan", word)?;
        let outcome = Outcome::of(
            &Stages {
                project: &project,
                files: &files,
                exports: &exports,
                sources: &network.sources,
                inventory: &network.inventory,
                graph: &network.graph,
                chosen: &network.chosen,
                tree: &tree,
                layout: &layout,
                previous: None,
            },
            None,
        );
        timer.lap("judge and write", word)?;
        for refused in outcome.refused.iter().take(3) {
            writeln!(timer.out, "refused: {}", refused.message)?;
        }
        let bytes = outcome.artifacts.file(artifact::QUEUE_PLAN);
        let bytes = bytes.expect("every artifact holds its queue plan");
        let digest = &outcome.artifacts.digest;
        let before = previous::read(bytes, digest, &project).map_err(|e| other(&e))?;
        timer.skip();
        plan(&project, &network, Some(&before));
        timer.lap("plan again, following", word)?;
    }
    Ok(())
}

struct Timer<'a, W: Write> {
    out: &'a mut W,
    since: Instant,
    circuits: usize,
}

impl<'a, W: Write> Timer<'a, W> {
    fn new(out: &'a mut W) -> Self {
        Timer {
            out,
            since: Instant::now(),
            circuits: 0,
        }
    }

    fn skip(&mut self) {
        self.since = Instant::now();
    }

    /// Stage, strategy, milliseconds, nanoseconds a circuit.
    fn lap(&mut self, stage: &str, strategy: Option<&str>) -> io::Result<()> {
        let took = self.since.elapsed();
        let each = match self.circuits {
            0 => String::new(),
            n => format!("{:>8} ns", took.as_nanos() / n as u128),
        };
        writeln!(
            self.out,
            "{:<24} {:<8} {:>9} ms {each}",
            stage,
            strategy.unwrap_or(""),
            took.as_millis()
        )?;
        self.skip();
        Ok(())
    }
}
