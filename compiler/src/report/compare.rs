//! The strategies side by side, as a table somebody can decide by: what is held, what it costs, what changes.

use weir_schemas::compare::{Compare, Plan, Suggestion};
use weir_schemas::manifest::Usage;

use crate::report::{Look, Tone, counted, mbps, plain, thousands};

/// Columns of the names on the left, and of each strategy.
const NAMES: usize = 24;
const COLUMN: usize = 18;
/// Columns of the whole report.
const WIDTH: usize = 100;

pub fn text(compare: &Compare, look: Look) -> String {
    let mut text = look
        .paint(Tone::Strong, &plain(&compare.project))
        .into_owned();
    match &compare.target {
        Some(target) => text.push_str(&format!(", target {}", plain(target))),
        None => text.push_str(", no target declared"),
    }
    text.push_str(&format!(
        ": {}, {}\n",
        counted(compare.circuits as usize, "circuit"),
        counted(compare.nodes as usize, "node"),
    ));
    match &compare.previous {
        Some(digest) => text.push_str(&format!("against {}\n\n", short(digest))),
        None => text.push_str("without a previous artifact\n\n"),
    }
    let plans = &compare.strategies;
    let heads: Vec<String> = plans
        .iter()
        .map(|plan| match plan.strategy == compare.configured {
            true => format!("{} *", plan.strategy.word()),
            false => plan.strategy.word().to_owned(),
        })
        .collect();
    text.push_str(&look.paint(Tone::Strong, &line("", &heads)));
    text.push('\n');
    for (name, cell) in ROWS {
        let cells: Vec<String> = plans.iter().map(cell).collect();
        // A row that has nothing to say of any strategy is left out.
        if cells.iter().all(String::is_empty) {
            continue;
        }
        text.push_str(&line(name, &cells));
        text.push('\n');
    }
    text.push_str(&wrapped(
        "",
        "* the project's strategy; rates are download/upload in Mbit/s",
    ));
    for plan in plans {
        for why in plan.refused.iter().take(3) {
            let who = format!("{} is refused: ", plan.strategy.word());
            text.push_str(&wrapped(&who, &plain(why)));
        }
    }
    for plan in plans {
        if let Some(one) = plan.suggestions.first() {
            let who = format!("{}, spreading the work: ", plan.strategy.word());
            text.push_str(&wrapped(&who, &suggestion(one)));
        }
    }
    match &compare.recommended {
        Some(best) => {
            let word = best.strategy.word();
            let set = match best.strategy == compare.configured {
                true => ", as the project has it".to_owned(),
                false => format!(": topology.strategy = \"{word}\""),
            };
            text.push('\n');
            text.push_str(&look.paint(Tone::Good, &format!("recommended {word}{set}")));
            text.push('\n');
            for reason in &best.reasons {
                text.push_str(&wrapped("  - ", &plain(reason)));
            }
        }
        None => text.push_str("\nevery strategy would be refused: nothing can be recommended\n"),
    }
    text
}

/// What to write, and what it was found to do.
fn suggestion(one: &Suggestion) -> String {
    let ids: Vec<String> = one
        .nodes
        .iter()
        .map(|id| format!("\"{}\"", plain(id)))
        .collect();
    let more = [0, 1].map(|d| one.after.exceed_kbps[d].saturating_sub(one.before.exceed_kbps[d]));
    let cost = match more {
        [0, 0] => "no limit is lost".to_owned(),
        more => format!("limits exceeded by {} more", mbps(more)),
    };
    format!(
        "add {} to {}: max/mean {} instead of {}, {cost}",
        ids.join(", "),
        one.setting,
        hundredths(one.after.balance_percent),
        hundredths(one.before.balance_percent),
    )
}

fn hundredths(percent: u64) -> String {
    format!("{}.{:02}", percent / 100, percent % 100)
}

type Cell = fn(&Plan) -> String;

const ROWS: &[(&str, Cell)] = &[
    ("would be built", |p| {
        match (p.refused.is_empty(), p.failing) {
            (false, _) => "refused".to_owned(),
            (true, true) => "marked failing".to_owned(),
            (true, false) => "yes".to_owned(),
        }
    }),
    ("nodes", |p| thousands(p.nodes)),
    ("levels above circuits", of),
    ("circuits without a node", |p| {
        thousands(p.generated.values().sum())
    }),
    ("  strategy has no place", |p| {
        let of = |reason| p.generated.get(reason).copied().unwrap_or(0);
        thousands(of("flat") + of("no-strategy-parent"))
    }),
    ("limits held", |p| {
        format!(
            "{} of {}",
            thousands(p.limits.held),
            thousands(p.limits.can_bind)
        )
    }),
    ("  others exceeded by", |p| rates(p.limits.exceed_kbps)),
    ("  hidden, exceeded by", |p| match p.limits.hidden {
        0 => String::new(),
        _ => rates(p.limits.hidden_exceed_kbps),
    }),
    ("HTB classes", |p| thousands(p.classes)),
    ("class ids left", |p| left(&p.class_minors)),
    ("leaf handles left", |p| {
        let [a, b] = &p.leaf_handles;
        left(if a.used >= b.used { a } else { b })
    }),
    ("kernel memory", |p| match p.memory_bytes.limit {
        Some(limit) => format!("{}/{}", bytes(p.memory_bytes.used), bytes(limit)),
        None => bytes(p.memory_bytes.used),
    }),
    ("highest guarantees", |p| {
        format!("{} of cap", percent(p.guarantees.worst_permille))
    }),
    ("  scaled down", |p| match p.guarantees.scaled {
        0 => "none".to_owned(),
        n => format!(
            "{}, to {}",
            thousands(n),
            percent(p.guarantees.smallest_scale_permille)
        ),
    }),
    ("CPU queues, max/mean", |p| hundredths(p.balance_percent)),
    ("busiest core", |p| {
        let limit = u128::from(p.core_kbps.limit.unwrap_or(0)).max(1);
        format!("{} %", u128::from(p.core_kbps.used) * 100 / limit)
    }),
    ("class ids changed", |p| {
        let of = |churn: &weir_schemas::compare::Churn| match churn.without_reason {
            0 => thousands(churn.changed),
            n => format!("{} ({} unasked)", thousands(churn.changed), thousands(n)),
        };
        p.churn.as_ref().map(of).unwrap_or_default()
    }),
    ("circuits re-parented", |p| {
        let of = |churn: &weir_schemas::compare::Churn| thousands(churn.reparented_circuits);
        p.churn.as_ref().map(of).unwrap_or_default()
    }),
    ("errors, warnings", |p| {
        format!("{}, {}", thousands(p.errors), thousands(p.warnings))
    }),
];

fn of(plan: &Plan) -> String {
    match plan.levels.limit {
        Some(limit) => format!("{} of {limit}", plan.levels.used),
        None => plan.levels.used.to_string(),
    }
}

fn left(usage: &Usage) -> String {
    match usage.headroom_percent {
        Some(percent) => format!("{percent} %"),
        None => "?".to_owned(),
    }
}

fn rates(kbps: [u64; 2]) -> String {
    match kbps {
        [0, 0] => "-".to_owned(),
        kbps => mbps(kbps),
    }
}

fn percent(permille: u64) -> String {
    format!("{}.{} %", permille / 10, permille % 10)
}

/// `64 MiB`, `1.5 GiB`
fn bytes(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    match bytes {
        b if b < 1024 * MIB => format!("{} MiB", b.div_ceil(MIB)),
        b => {
            let tenths = u128::from(b) * 10 / (1 << 30);
            format!("{}.{} GiB", tenths / 10, tenths % 10)
        }
    }
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

fn line(name: &str, cells: &[String]) -> String {
    let mut line = format!("{name:NAMES$}");
    for cell in cells {
        line.push_str(&format!("  {cell:>0$}", COLUMN - 2));
    }
    line.trim_end().to_owned()
}

/// In the width of the report, further lines under the first word.
fn wrapped(start: &str, words: &str) -> String {
    let mut text = String::new();
    let mut line = start.to_owned();
    let mut fresh = true;
    for word in words.split(' ') {
        if !fresh && line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(line.trim_end());
            text.push('\n');
            line = " ".repeat(start.chars().count());
            fresh = true;
        }
        if !fresh {
            line.push(' ');
        }
        line.push_str(word);
        fresh = false;
    }
    text.push_str(line.trim_end());
    text.push('\n');
    text
}
