//! `xtask bench-lint`: how long linting alone takes, all rules together and each by itself, on a network made in
//! memory. Rings of sites, four APs each, several prefixes a circuit (hosts inside a routed block), and a build before
//! this one to compare with.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};
use weir_compiler::lint;
use weir_compiler::testing::{Memory, remember};

#[derive(clap::Args)]
pub struct Args {
    /// Circuits
    #[arg(long, default_value_t = 10_000)]
    circuits: usize,
    /// Prefixes of each circuit
    #[arg(long, default_value_t = 2)]
    prefixes: usize,
    /// Runs; the fastest counts
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Slowest rules that are listed
    #[arg(long, default_value_t = 10)]
    top: usize,
}

pub fn run(args: &Args, out: &mut impl Write) -> io::Result<()> {
    let text = network(args.circuits, args.prefixes.max(1));
    let config =
        "[topology]\nstrategy = \"full\"\nwan_mbps = [400000, 400000]\n[target.box]\nqueues = 32\n";
    let memory = Memory::new("inventory", &[("inventory.json", text.as_bytes())], config)
        .map_err(|error| io::Error::other(error.to_string()))?;
    let before = remember(&memory.compile(None), &memory.project);
    let compiled = memory.compile(Some(&before));
    let stages = compiled.stages(
        &memory.project,
        &memory.files,
        &memory.exports,
        Some(&before),
    );
    let mut found = 0;
    let all = fastest(args.runs, || {
        let findings = lint::run(&stages);
        found = findings.len();
        findings
    });
    let mut each: Vec<(Took, &str, &str)> = lint::rules::ALL
        .iter()
        .map(|rule| {
            let time = fastest(args.runs, || {
                let mut drafts = Vec::new();
                (rule.check)(&stages, &mut drafts);
                drafts
            });
            (time, rule.code, rule.name)
        })
        .collect();
    each.sort_by(|a, b| b.0.wall.cmp(&a.0.wall).then(a.1.cmp(b.1)));
    let prefixes: usize = weir_compiler::fit::Fit::addresses(&stages);
    writeln!(
        out,
        "{} circuits, {prefixes} prefixes: {:.1} ms ({:.1} ms of CPU) for all {} rules ({found} findings), {:.2} us a circuit",
        args.circuits,
        millis(all.wall),
        millis(all.cpu),
        each.len(),
        millis(all.wall) * 1000.0 / args.circuits.max(1) as f64,
    )?;
    for (time, code, name) in each.iter().take(args.top) {
        let (wall, cpu) = (millis(time.wall), millis(time.cpu));
        writeln!(out, "  {wall:9.2} ms  {cpu:9.2} ms of CPU  {code} {name}")?;
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// What a piece of work took: by the clock, and of all threads together, which others on the machine disturb less.
#[derive(Clone, Copy, Default)]
struct Took {
    wall: Duration,
    cpu: Duration,
}

/// Each figure of the run that has the least of it. What the work gives is let go after the clock was read, as the
/// command does, which ends with it.
fn fastest<T>(runs: usize, mut work: impl FnMut() -> T) -> Took {
    let used = || {
        let time = clock_gettime(ClockId::ProcessCPUTime);
        Duration::new(
            time.tv_sec.unsigned_abs(),
            u32::try_from(time.tv_nsec).unwrap_or(0),
        )
    };
    let once = |()| {
        let (start, before) = (Instant::now(), used());
        let given = work();
        let took = (start.elapsed(), used().saturating_sub(before));
        drop(given);
        took
    };
    let took: Vec<_> = std::iter::repeat_n((), runs.max(1)).map(once).collect();
    Took {
        wall: took.iter().map(|t| t.0).min().unwrap_or_default(),
        cpu: took.iter().map(|t| t.1).min().unwrap_or_default(),
    }
}

/// As an inventory. Every ring has eight sites of which the first two are joined to the core.
fn network(circuits: usize, prefixes: usize) -> String {
    let sites = circuits.div_ceil(160).max(2);
    let mut text = String::from(
        "{\"schema\":\"weir.inventory/1\",\"nodes\":[{\"id\":\"core\",\"kind\":\"root\"}",
    );
    for s in 0..sites {
        let _ = write!(
            text,
            ",\n{{\"id\":\"s{s:05}\",\"kind\":\"site\",\"name\":\"Site {s}\"}}"
        );
        for a in 0..4 {
            let _ = write!(
                text,
                ",\n{{\"id\":\"a{s:05}-{a}\",\"kind\":\"ap\",\"name\":\"AP {s}-{a}\",\"parent\":\"s{s:05}\",\"kbps\":[400000,200000]}}"
            );
        }
    }
    text.push_str("],\n\"links\":[{\"id\":\"L\",\"a\":\"core\",\"b\":\"s00000\",\"kbps\":[10000000,10000000]}");
    for s in 0..sites {
        if s % 8 < 2 {
            let _ = write!(
                text,
                ",\n{{\"id\":\"u{s:05}\",\"a\":\"core\",\"b\":\"s{s:05}\",\"kbps\":[2000000,2000000]}}"
            );
        }
        let next = if s % 8 == 7 { s - 7 } else { s + 1 };
        if next < sites {
            let _ = write!(
                text,
                ",\n{{\"id\":\"r{s:05}\",\"a\":\"s{s:05}\",\"b\":\"s{next:05}\",\"kbps\":[1000000,1000000]}}"
            );
        }
    }
    text.push_str("],\n\"circuits\":[");
    for c in 0..circuits {
        if c > 0 {
            text.push(',');
        }
        let _ = write!(
            text,
            "\n{{\"id\":\"c{c:07}\",\"name\":\"Subscriber {c}\",\"attach\":\"a{:05}-{}\",\"plan_kbps\":[{},20000],\"devices\":[{{\"id\":\"d{c:07}\",\"mac\":\"02:00:00:{:02x}:{:02x}:{:02x}\",\"ips\":[",
            c % sites,
            c / sites % 4,
            50_000 + c % 7 * 25_000,
            c >> 16 & 255,
            c >> 8 & 255,
            c & 255
        );
        // A routed /60, and hosts of its neighbour's: overlaps are what costs.
        let block = |c: usize| format!("2001:db8:{:x}:{:x}::", c >> 12, (c & 0xfff) << 4);
        let _ = write!(text, "\"{}/60\"", block(c));
        for host in 1..prefixes {
            let _ = write!(
                text,
                ",\"{}{host:x}/128\"",
                block(if host % 2 == 0 { c } else { (c + 1) % circuits })
            );
        }
        text.push_str("]}]}");
    }
    text.push_str("]}\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_network_is_measured() {
        let args = Args {
            circuits: 400,
            prefixes: 5,
            runs: 1,
            top: 3,
        };
        let mut out = Vec::new();
        run(&args, &mut out).expect("it runs");
        let text = String::from_utf8(out).expect("text");
        assert!(text.starts_with("400 circuits, 2000 prefixes: "), "{text}");
        assert_eq!(text.lines().count(), 4, "{text}");
    }
}
