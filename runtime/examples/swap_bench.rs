//! What a swap costs in this kernel: a table of addresses loaded and flipped against updates entry by entry, and the
//! change of one circuit from its artifact to the word that packets read. `benches/swap.sh` runs it in namespaces of
//! its own. Compare the ratios.

#![expect(clippy::print_stdout, reason = "it is a benchmark: it prints")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use aya::maps::lpm_trie::Key;
use aya::maps::{HashMap, LpmTrie, Map, MapData};
use weir_abi::ClassId;
use weir_abi::table::{Builder, Entry, Prefix, Queue, to_bytes};
use weir_plan::kernel::{Active, Device, Observation};
use weir_plan::{Action, Held, LeafChoice, LeafChoices, Prefixes, Wanted};
use weir_runtime::artifact::{Expected, prove};
use weir_runtime::live::Live;
use weir_runtime::swap::{self, Artifact, Generation, Kernel, KernelError, State, SwapOptions};
use weir_schemas::artifact::{CLASSIFIER, QUEUE_PLAN, SHAPED_DEVICES, TREE};
use weir_schemas::queue_plan::QueuePlan;
use weir_schemas::tree::Tree;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["table", pins, addresses] => table(Path::new(pins), addresses.parse()?),
        ["change", pins, state, from, to] => {
            change(Path::new(pins), Path::new(state), [from, to].map(Path::new))
        }
        ["proof", dir] => proof(Path::new(dir)),
        _ => Err(
            "usage: swap_bench table PINS ADDRESSES | change PINS STATE ARTIFACT ARTIFACT | proof ARTIFACT".into(),
        ),
    }
}

/// Time of the processor that this process took, in the kernel too: what a busy machine makes it wait does not count.
#[derive(Clone, Copy)]
struct Cpu(Duration);

impl Cpu {
    fn now() -> Cpu {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
        let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
        Cpu(Duration::new(
            seconds,
            u32::try_from(time.tv_nsec).unwrap_or(0),
        ))
    }

    fn elapsed(self) -> Duration {
        Cpu::now().0.saturating_sub(self.0)
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The address number n, spread as pools are: /24s of neighbours.
fn address(n: u32) -> u32 {
    0x0a00_0000 + n
}

fn table(pins: &Path, count: u32) -> Result<(), Failure> {
    let queues = [Queue {
        major_down: 1,
        major_up: 1,
        tx_down: 0,
        tx_up: 0,
    }];
    // As in a large network: four addresses a circuit.
    let mut builder = Builder::new(&queues, count.div_ceil(4));
    for n in 0..count {
        let entry = Entry {
            minor: 3 + (n / 4 % 60_000) as u16,
            queue: 0,
            circuit: n / 4,
        };
        builder.add(
            Prefix::V4 {
                address: address(n),
                len: 32,
            },
            entry,
        );
    }
    let bytes = to_bytes(&builder.finish()?);
    let mut live = Live::open(&pins.join("weir"))?;
    println!(
        "milliseconds of CPU time\n{count} addresses, a table of {} MiB:",
        bytes.len() >> 20
    );
    let mut best = [Duration::MAX; 2];
    for round in 0u32..6 {
        let slot = round % 2;
        let digest = format!("{round:064x}");
        let generation = Generation {
            digest: &digest,
            table: &bytes,
        };
        let mut did = |action: Action| -> Result<Duration, Failure> {
            let start = Cpu::now();
            for answer in live.apply(&[action], Some(&generation)) {
                answer?;
            }
            Ok(start.elapsed())
        };
        let load = did(Action::LoadTable {
            slot,
            digest: digest.clone(),
        })?;
        let flip = did(Action::Flip {
            to: Active::Slot(slot),
        })?;
        best = [best[0].min(load), best[1].min(flip)];
    }
    let swap = best[0] + best[1];
    println!(
        "  load (write, freeze, read back, digest) {:9.2} ms",
        ms(best[0])
    );
    println!(
        "  flip                                    {:9.3} ms",
        ms(best[1])
    );
    for (name, kind, key) in [("hash", "hash", "4"), ("trie", "lpm_trie", "8")] {
        let pin = pins.join(name);
        create(&pin, kind, key, count)?;
        let data = MapData::from_pin(&pin)?;
        let start = Cpu::now();
        match kind {
            "hash" => {
                let mut map = HashMap::<_, u32, u64>::try_from(Map::HashMap(data))?;
                for n in 0..count {
                    map.insert(address(n), u64::from(n), 0)?;
                }
            }
            _ => {
                let mut map = LpmTrie::<_, u32, u64>::try_from(Map::LpmTrie(data))?;
                for n in 0..count {
                    map.insert(&Key::new(32, address(n).to_be()), u64::from(n), 0)?;
                }
            }
        }
        let took = start.elapsed();
        println!(
            "  {name}, entry by entry                   {:9.2} ms  (table of it: {:.3})",
            ms(took),
            swap.as_secs_f64() / took.as_secs_f64()
        );
        std::fs::remove_file(&pin)?;
    }
    live.remove_programs()?;
    Ok(())
}

fn create(pin: &Path, kind: &str, key: &str, entries: u32) -> Result<(), Failure> {
    let pin = pin.to_string_lossy();
    let entries = entries.to_string();
    let flags = if kind == "lpm_trie" { "1" } else { "0" };
    let status = Command::new("bpftool")
        .args([
            "map", "create", &*pin, "type", kind, "key", key, "value", "8",
        ])
        .args(["entries", &entries, "name", "bench", "flags", flags])
        .status()?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("bpftool cannot make a map of type {kind}").into()),
    }
}

/// What the proof of an artifact is made of, one after the other.
fn proof(dir: &Path) -> Result<(), Failure> {
    let read = |name: &str| std::fs::read(dir.join(name));
    let (plan_text, tree_text, table) = (read(QUEUE_PLAN)?, read(TREE)?, read(CLASSIFIER)?);
    println!("milliseconds of CPU time, fastest of 5:");
    fn timed<T>(name: &str, mut work: impl FnMut() -> T) -> T {
        let mut run = || {
            let start = Cpu::now();
            let made = work();
            (start.elapsed(), made)
        };
        let (mut best, mut made) = run();
        for _ in 0..4 {
            let (took, again) = run();
            (best, made) = (best.min(took), again);
        }
        println!("  {name:<28} {:8.2} ms", ms(best));
        made
    }
    for name in [QUEUE_PLAN, TREE, CLASSIFIER, SHAPED_DEVICES] {
        let bytes = read(name)?;
        timed(&format!("digest of {name}"), || weir_store::sha256(&bytes));
    }
    let plan = timed("read the plan", || {
        weir_schemas::read::<QueuePlan<'static>>(&plan_text)
    })?;
    let tree = timed("read the tree", || Tree::read(&tree_text))?;
    let held = timed("read the table", || Held::read(&table));
    let held = held.map_err(|violations| format!("{violations:?}"))?;
    timed("plan by itself", || weir_plan::verify(&plan));
    let (prefixes, _) = timed("tree by itself", || Prefixes::of(&tree));
    timed("plan and tree", || {
        weir_plan::verify_agreement(&tree, &plan)
    });
    let judged = timed("table beside both", || held.judge(&tree, &prefixes, &plan));
    judged.map_err(|violations| format!("{violations:?}"))?;
    let nothing = LeafChoices {
        cake: LeafChoice::Nothing,
        fq_codel: LeafChoice::Nothing,
    };
    timed("plan in kernel words", || Wanted::of(&plan, "", &nothing))?;
    timed("all, on threads", || prove(dir, Expected::default()))?;
    let start = Instant::now();
    prove(dir, Expected::default())?;
    println!(
        "  all, by the clock            {:8.2} ms",
        ms(start.elapsed())
    );
    Ok(())
}

/// From one artifact to the other and back, some times: what each part takes, the fastest of each.
fn change(pins: &Path, state: &Path, dirs: [&Path; 2]) -> Result<(), Failure> {
    let state = State::open(state)?;
    let mut live = Live::open(&pins.join("weir"))?;
    let nothing = LeafChoices {
        cake: LeafChoice::Nothing,
        fq_codel: LeafChoice::Nothing,
    };
    let mut loaded: Option<Wanted> = None;
    let mut best: Option<Times> = None;
    let mut fastest: Option<Wall> = None;
    let mut circuits = 0;
    let rounds: Vec<PathBuf> = (0..7).map(|n| dirs[n % 2].to_owned()).collect();
    for (round, dir) in rounds.iter().enumerate() {
        let (start, clock) = (Cpu::now(), Instant::now());
        let proved = prove(dir, Expected::default())?;
        let (proof, proof_wall) = (start.elapsed(), clock.elapsed());
        circuits = proved.circuits;
        let wanted = Wanted::of(&proved.plan, &proved.digest, &nothing)?;
        let said = start.elapsed();
        let artifact = Artifact {
            wanted,
            table: proved.table.clone(),
        };
        let mut timed = Timed {
            live: &mut live,
            start,
            clock,
            live_at: None,
            live_wall: Duration::ZERO,
            observing: Duration::ZERO,
            observed: 0,
            recalling: Duration::ZERO,
            looking: Duration::ZERO,
            acting: Duration::ZERO,
        };
        let done = swap::apply(
            &mut timed,
            &state,
            &artifact,
            loaded.as_ref(),
            SwapOptions::default(),
        )?;
        let times = Times {
            proof,
            proof_wall,
            live_wall: timed.live_wall,
            said: said - proof,
            live: timed.live_at.unwrap_or_default(),
            all: start.elapsed(),
            observing: timed.observing,
            observed: timed.observed,
            recalling: timed.recalling,
            looking: timed.looking,
            acting: timed.acting,
            steps: done.steps,
        };
        if round == 0 {
            println!(
                "{circuits} circuits, into an empty kernel: {} steps in {:.0} ms",
                times.steps,
                ms(times.all)
            );
        } else {
            let wall = |times: &Times| (times.proof_wall, times.live_wall);
            let now = wall(&times);
            fastest = Some(
                fastest
                    .filter(|before: &Wall| before.1 <= now.1)
                    .unwrap_or(now),
            );
            if best.as_ref().is_none_or(|b| times.live < b.live) {
                best = Some(times);
            }
        }
        loaded = Some(artifact.wanted);
    }
    let (Some(best), Some((proof, until_live))) = (best, fastest) else {
        return Ok(());
    };
    println!(
        "one circuit of {circuits} changes ({} steps), fastest of 6:",
        best.steps
    );
    println!("  prove the artifact         {:8.1} ms", ms(best.proof));
    println!("  say it in kernel words     {:8.1} ms", ms(best.said));
    println!(
        "  until it is live           {:8.1} ms, from before the proof",
        ms(best.live)
    );
    println!(
        "    of it remembering        {:8.1} ms, looking {:.1} ms",
        ms(best.recalling),
        ms(best.looking)
    );
    println!(
        "    by the clock             {:8.1} ms, of it the proof {:.1} ms",
        ms(until_live),
        ms(proof)
    );
    println!("  until all is read back     {:8.1} ms", ms(best.all));
    println!(
        "    of it in {} observations {:8.1} ms, in acts {:.1} ms",
        best.observed,
        ms(best.observing),
        ms(best.acting)
    );
    let devices = loaded.map(|w| w.devices()).unwrap_or_default();
    swap::detach(&mut live, &state, &devices)?;
    live.remove_programs()?;
    Ok(())
}

/// By the clock: the proof, and all until it is live.
type Wall = (Duration, Duration);

struct Times {
    proof: Duration,
    proof_wall: Duration,
    live_wall: Duration,
    said: Duration,
    live: Duration,
    all: Duration,
    observing: Duration,
    observed: u32,
    recalling: Duration,
    looking: Duration,
    acting: Duration,
    steps: usize,
}

/// The live kernel, and the time that is spent in it.
struct Timed<'a> {
    live: &'a mut Live,
    start: Cpu,
    clock: Instant,
    live_wall: Duration,
    /// When packets were first classified by the next generation.
    live_at: Option<Duration>,
    observing: Duration,
    observed: u32,
    recalling: Duration,
    looking: Duration,
    acting: Duration,
}

impl Kernel for Timed<'_> {
    fn observe(&mut self, devices: &[Device]) -> Result<Observation, KernelError> {
        let start = Cpu::now();
        let seen = self.live.observe(devices);
        self.observing += start.elapsed();
        self.observed += 1;
        seen
    }

    fn recall(&mut self, devices: &[Device]) -> Result<Observation, KernelError> {
        let start = Cpu::now();
        let seen = self.live.recall(devices);
        self.recalling += start.elapsed();
        seen
    }

    fn look(&mut self, devices: &[Device], actions: &[Action]) -> Result<Observation, KernelError> {
        let start = Cpu::now();
        let seen = self.live.look(devices, actions);
        self.looking += start.elapsed();
        seen
    }

    fn apply(
        &mut self,
        actions: &[Action],
        generation: Option<&Generation<'_>>,
    ) -> Vec<Result<(), KernelError>> {
        let start = Cpu::now();
        let answers = self.live.apply(actions, generation);
        self.acting += start.elapsed();
        if actions.iter().any(|a| matches!(a, Action::Flip { .. })) {
            self.live_at = Some(self.start.elapsed());
            self.live_wall = self.clock.elapsed();
        }
        answers
    }

    fn waiting(&mut self, device: &str, classes: &[ClassId]) -> Result<u64, KernelError> {
        self.live.waiting(device, classes)
    }

    fn boot_id(&mut self) -> Result<String, KernelError> {
        self.live.boot_id()
    }

    fn now(&mut self) -> Duration {
        self.live.now()
    }

    fn sleep(&mut self, time: Duration) {
        self.live.sleep(time);
    }
}
