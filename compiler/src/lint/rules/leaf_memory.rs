//! BUD006: more queues than memory.

use crate::finding::{Draft, Level};
use crate::fit::{Fit, memory_to_spare};
use crate::ir::records::{Subject, SubjectKind};
use crate::lint::rule::{Example, Rule, Stages};
use crate::lint::words;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

pub static RULE: Rule = Rule {
    code: "BUD006",
    name: "leaf-memory",
    default: Level::Warning,
    contained: false,
    what: "Classes and leaf queues are estimated to need more memory than the target has to spare: its memory less 2 GiB or an eighth, whichever is more.",
    why: "A shaper that runs out of memory drops everybody's traffic. An estimate: 1.03 MiB for a CAKE queue, 71 KiB for fq_codel, 3.5 KiB for a class.",
    fix: "Give the box more memory, or use `fq_codel` as the leaf queue.",
    bad: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[target.edge1]\nqueues = 4\nmemory = \"2GiB\"\n",
    ),
    good: Example::inventory(
        &[(
            "inventory.json",
            r#"{"schema": "weir.inventory/1",
 "circuits": [{"id": "c1", "name": "Jo Doe", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]}]}"#,
        )],
        "[target.edge1]\nqueues = 4\nmemory = \"16GiB\"\n",
    ),
    check,
};

fn check(stages: &Stages<'_>, out: &mut Vec<Draft>) {
    let target = &stages.project.target;
    let (Some(name), Some(spare)) = (&target.name, memory_to_spare(target)) else {
        return;
    };
    let fit = Fit::of(stages);
    let needed = fit.memory();
    if needed <= spare {
        return;
    }
    let key = format!("target.{name}.memory");
    out.push(
        Draft::new(
            format!(
                "{} and {} need about {}, and target {name} has {} to spare of its {}",
                words::count(fit.leaves.cake + fit.leaves.fq_codel, "leaf queue"),
                words::count(fit.classes.iter().sum::<usize>() * 2, "class"),
                size(needed),
                size(spare),
                size(target.memory),
            ),
            "give the box more memory, or set the target's `qdisc = \"fq_codel\"`",
        )
        .about(Subject::new(SubjectKind::Setting, &key, &key))
        .at(stages.project.place(key), "memory of the box"),
    );
}

fn size(bytes: u64) -> String {
    match bytes {
        0 => "nothing".to_owned(),
        b if b >= 10 * GIB => format!("{} GiB", b / GIB),
        b if b >= MIB => format!("{} MiB", words::number((b / MIB) as usize)),
        b => format!("{} KiB", b / KIB),
    }
}
