//! What making, changing, reading and removing classes costs in this kernel: by `tc -batch`, by the bare requests,
//! and by the acts of a swap. `benches/kernel.sh` runs it in namespaces of its own. Compare the ratios.

#![expect(clippy::print_stdout, reason = "it is a benchmark: it prints")]

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use weir_abi::{ClassId, MQ_HANDLE, nth_major};
use weir_plan::kernel::Parent;
use weir_plan::{Action, Shape};
use weir_runtime::live::Live;
use weir_runtime::netlink::htb::Class;
use weir_runtime::netlink::{Socket, link, tc};
use weir_runtime::swap::Kernel;

const DEVICE: &str = "bench0";
const QUEUES: u16 = 16;
/// As the executor sends them.
const BATCH: usize = 256;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args().skip(1);
    let pins = args.next().ok_or("usage: kernel_bench PINS CLASSES...")?;
    for classes in args {
        one(Path::new(&pins), classes.parse()?)?;
    }
    Ok(())
}

fn one(pins: &Path, count: u16) -> Result<(), Failure> {
    println!("{count} classes in {QUEUES} HTBs, microseconds each:");
    let mut by_tc = 0.0;
    for way in ["tc -batch", "bare requests", "acts of a swap"] {
        let mut live = interface(pins)?;
        let classes = classes(count);
        let start = Instant::now();
        match way {
            "tc -batch" => tc_batch(&classes)?,
            "bare requests" => bare(&classes)?,
            _ => acts(&mut live, &classes, |id, shape| Action::AddClass {
                device: DEVICE.into(),
                id,
                parent: None,
                shape,
            })?,
        }
        let each = start.elapsed().as_secs_f64() * 1e6 / f64::from(count);
        if way == "tc -batch" {
            by_tc = each;
        }
        println!(
            "  create, {way:<15} {each:8.2}  ({:.2} of tc)",
            each / by_tc
        );
        if way == "acts of a swap" {
            rest(&mut live, &classes)?;
        }
        ip(&["link", "del", DEVICE])?;
    }
    Ok(())
}

fn rest(live: &mut Live, classes: &[(ClassId, Shape)]) -> Result<(), Failure> {
    let count = classes.len() as f64;
    let changed: Vec<(ClassId, Shape)> = classes
        .iter()
        .map(|&(id, shape)| {
            (
                id,
                Shape {
                    ceil_kbps: 90_000,
                    ..shape
                },
            )
        })
        .collect();
    let start = Instant::now();
    acts(live, &changed, |id, shape| Action::ChangeClass {
        device: DEVICE.into(),
        id,
        parent: None,
        shape,
    })?;
    println!(
        "  change                  {:8.2}",
        start.elapsed().as_secs_f64() * 1e6 / count
    );
    let start = Instant::now();
    let seen = live.observe(&[DEVICE.to_owned()])?;
    let found = seen
        .interfaces
        .iter()
        .map(|i| i.classes.len())
        .sum::<usize>();
    println!(
        "  observe                 {:8.2}  ({found} classes in {:.0} ms)",
        start.elapsed().as_secs_f64() * 1e6 / count,
        start.elapsed().as_secs_f64() * 1e3
    );
    let start = Instant::now();
    acts(live, &changed, |id, _| Action::RemoveClass {
        device: DEVICE.into(),
        id,
    })?;
    println!(
        "  remove                  {:8.2}",
        start.elapsed().as_secs_f64() * 1e6 / count
    );
    Ok(())
}

/// An interface with an HTB on each of its tx queues.
fn interface(pins: &Path) -> Result<Live, Failure> {
    let queues = QUEUES.to_string();
    ip(&[
        "link",
        "add",
        DEVICE,
        "numtxqueues",
        &queues,
        "type",
        "veth",
        "peer",
        "name",
        "bench1",
    ])?;
    let mut live = Live::open(pins)?;
    let mut actions = vec![Action::AddMq {
        device: DEVICE.into(),
    }];
    for queue in 0..QUEUES {
        actions.push(Action::AddHtb {
            device: DEVICE.into(),
            major: major(queue),
            parent: Parent::Class(ClassId::new(MQ_HANDLE, queue + 1)),
        });
    }
    for answer in live.apply(&actions, None) {
        answer?;
    }
    Ok(live)
}

fn major(queue: u16) -> u16 {
    nth_major(usize::from(queue)).unwrap_or(1)
}

fn classes(count: u16) -> Vec<(ClassId, Shape)> {
    let shape = Shape {
        rate_kbps: 100,
        ceil_kbps: 100_000,
        quantum: 1514,
        burst: 0,
    };
    (0..count)
        .map(|n| (ClassId::new(major(n % QUEUES), 3 + n / QUEUES), shape))
        .collect()
}

fn acts(
    live: &mut Live,
    classes: &[(ClassId, Shape)],
    act: impl Fn(ClassId, Shape) -> Action,
) -> Result<(), Failure> {
    let actions: Vec<Action> = classes.iter().map(|&(id, shape)| act(id, shape)).collect();
    for batch in actions.chunks(BATCH) {
        for answer in live.apply(batch, None) {
            answer?;
        }
    }
    Ok(())
}

fn bare(classes: &[(ClassId, Shape)]) -> Result<(), Failure> {
    let mut socket = Socket::open()?;
    let links = link::all(&mut socket)?;
    let index = links
        .iter()
        .find(|l| l.name == DEVICE)
        .ok_or("no interface")?
        .index;
    let requests: Vec<_> = classes
        .iter()
        .map(|(id, shape)| {
            tc::add_class(
                index,
                *id,
                ClassId::new(id.major(), 0),
                &Class::of_plan(shape),
            )
        })
        .collect();
    if socket
        .batch(&requests)?
        .iter()
        .any(|v| v.refusal().is_some())
    {
        return Err("refused".into());
    }
    Ok(())
}

fn tc_batch(classes: &[(ClassId, Shape)]) -> Result<(), Failure> {
    let mut lines = String::new();
    for (id, shape) in classes {
        writeln!(
            lines,
            "class add dev {DEVICE} parent {:x}: classid {id} htb rate {}kbit ceil {}kbit quantum {}",
            id.major(),
            shape.rate_kbps,
            shape.ceil_kbps,
            shape.quantum
        )?;
    }
    let file = std::env::temp_dir().join(format!("weir-bench-{}", std::process::id()));
    std::fs::write(&file, lines)?;
    let status = Command::new("tc").arg("-batch").arg(&file).status()?;
    std::fs::remove_file(&file)?;
    if status.success() {
        Ok(())
    } else {
        Err("tc failed".into())
    }
}

fn ip(args: &[&str]) -> Result<(), Failure> {
    let status = Command::new("ip").args(args).status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("ip {args:?} failed").into())
    }
}
