//! The answer for people: first the sentences that can be read aloud, then the chains they come from.

use std::fmt::Write as _;

use ipnet::IpNet;
use weir_schemas::common::{NodeKind, OmitReason, Pair};
use weir_schemas::provenance::Fate;
use weir_schemas::why::{Limit, Record, Step, Value, Why};

use crate::lint::words::short_id;
use crate::report::{Look, Tone, plain};
use crate::units::Kbps;

/// Longest name that is repeated.
const MAX_NAME: usize = 80;

pub(super) fn kind(kind: NodeKind) -> &'static str {
    match kind {
        NodeKind::Root => "root",
        NodeKind::Site => "site",
        NodeKind::Ap => "AP",
        NodeKind::Other => "node",
    }
}

pub(super) fn omitted(reason: OmitReason) -> &'static str {
    match reason {
        OmitReason::Suspended => "it is suspended, and `suspended.policy` is drop",
        OmitReason::NoPlan => {
            "its plan is missing or zero in a direction, and there is no `rates.default_plan_mbps`"
        }
        OmitReason::NoAddress => "none of its devices kept an address",
        OmitReason::Excluded => "an override excludes it",
    }
}

pub(super) fn fate(fate: Fate) -> &'static str {
    match fate {
        Fate::Emitted => "it is emitted",
        Fate::Root => "the root never is",
        Fate::Virtual => "the source marks it as virtual",
        Fate::Excluded => "`topology.exclude` names it",
        Fate::AutoVirtual => "`topology.auto_virtual_mbps` hides it",
        Fate::Strategy => "the strategy has no place for it",
        Fate::Pruned => "no circuit hangs below it (`topology.prune_empty`)",
        Fate::Simplified => "its limit never binds (`topology.simplify`)",
        Fate::DepthCut => "the tree was too deep for the target",
    }
}

/// `"Jo Doe" (c1)`, or `"c1"`; beside a name the beginning of a UUID is enough. Names come from a CRM: nothing a terminal would obey gets through.
pub(super) fn quoted(id: &str, name: Option<&str>) -> String {
    let fit = |text: &str| {
        let mut chars = text.chars().map(|c| match c {
            '"' => '\'',
            c if c.is_control() => ' ',
            c => c,
        });
        let mut out: String = chars.by_ref().take(MAX_NAME).collect();
        if chars.next().is_some() {
            out.push('…');
        }
        plain(&out).into_owned()
    };
    match name {
        Some(name) if name != id => format!("\"{}\" ({})", fit(name), fit(&short_id(id))),
        _ => format!("\"{}\"", fit(id)),
    }
}

/// A prefix; a host without its length.
pub(super) fn net(net: &IpNet) -> String {
    match net.prefix_len() == net.max_prefix_len() {
        true => net.addr().to_string(),
        false => net.to_string(),
    }
}

/// `1.1`
pub(super) fn permille(factor: u32) -> String {
    Kbps(u64::from(factor)).mbps().to_string()
}

pub(super) fn rate(kbps: Option<u64>) -> String {
    match kbps {
        Some(kbps) => format!("{} Mbit/s", Kbps(kbps).mbps()),
        None => "no known limit".to_owned(),
    }
}

/// `100/20 Mbit/s`, download first.
pub(super) fn pair(kbps: Pair<Option<u64>>) -> String {
    format!("{} Mbit/s", numbers(kbps))
}

fn numbers(kbps: Pair<Option<u64>>) -> String {
    let one = |k: Option<u64>| k.map_or_else(|| "none".to_owned(), |k| Kbps(k).mbps().to_string());
    format!("{}/{}", one(kbps[0]), one(kbps[1]))
}

/// The whole answer.
pub fn text(why: &Why<'_>, look: Look) -> String {
    let mut out = String::new();
    for (i, sentence) in why.summary.iter().enumerate() {
        let sentence = plain(sentence);
        let mut chars = sentence.chars();
        let first = chars
            .next()
            .map(|c| c.to_uppercase().to_string())
            .unwrap_or_default();
        let sentence = format!("{first}{}", chars.as_str());
        match i {
            0 => out.push_str(&look.paint(Tone::Strong, &sentence)),
            _ => out.push_str(&sentence),
        }
        out.push('\n');
    }
    out.push('\n');
    let mut row = |head: &str, text: &str| {
        let head = look.paint(Tone::Quiet, &format!("{head:<11}")).into_owned();
        let _ = writeln!(out, "{head} {}", plain(text));
    };
    for record in &why.records {
        let source = match record.source.is_empty() {
            true => String::new(),
            false => format!("{}, ", record.source),
        };
        let place = place(record);
        row("read from", &format!("{source}{place} ({})", record.of));
    }
    if let Some(at) = why.position {
        let degrees = |millionths: i32| f64::from(millionths) / 1e6;
        row(
            "stands at",
            &format!("{}, {}", degrees(at.latitude), degrees(at.longitude)),
        );
    }
    for value in &why.values {
        values(&mut row, value);
    }
    steps(&mut row, "ceiling", &why.ceiling);
    steps(&mut row, "guarantee", &why.guarantee);
    limits(&mut row, &why.limits);
    for (i, node) in why.path.iter().enumerate() {
        let fate = match node.fate {
            Fate::Emitted => String::new(),
            fate_ => format!(", not emitted: {}", fate(fate_)),
        };
        let name = (node.name != node.id).then_some(node.name.as_ref());
        row(
            if i == 0 { "path up" } else { "" },
            &format!(
                "{} {} carries {}{fate}",
                kind(node.kind),
                quoted(&node.id, name),
                pair(node.cap_kbps)
            ),
        );
    }
    for (i, way) in why.candidates.iter().enumerate() {
        let name = (way.name != way.parent).then_some(way.name.as_ref());
        let link = way
            .link
            .as_ref()
            .map_or(String::new(), |l| format!(" over link {}", quoted(l, None)));
        row(
            match i {
                0 => "reached",
                1 => "rejected",
                _ => "",
            },
            &format!(
                "from {}{link}: cost {}, {}, bottleneck {} - {}",
                quoted(&way.parent, name),
                way.cost,
                crate::report::counted(way.hops as usize, "hop"),
                rate(way.bottleneck_kbps),
                way.reason
            ),
        );
    }
    for (i, prefix) in why.prefixes.iter().enumerate() {
        row(
            if i == 0 { "addresses" } else { "" },
            &format!(
                "{} (device {})",
                prefix.prefix,
                quoted(&prefix.device, None)
            ),
        );
    }
    for (i, refused) in why.refused.iter().enumerate() {
        row(
            if i == 0 { "refused" } else { "" },
            &format!(
                "{} of circuit {}, device {}: {}",
                quoted(&refused.address, None),
                quoted(&refused.circuit, None),
                quoted(&refused.device, None),
                refused.reason
            ),
        );
    }
    if let Some(queue) = &why.queue {
        let leaf = |leaf: &Option<_>| {
            leaf.as_ref()
                .map_or("none".to_owned(), |l: &std::borrow::Cow<'_, str>| {
                    l.to_string()
                })
        };
        let leaves = match &queue.leaf {
            [None, None] => String::new(),
            [down, up] => format!(", leaf {} down and {} up", leaf(down), leaf(up)),
        };
        row(
            "queue",
            &format!(
                "CPU {}, class {} down and {} up{leaves}",
                queue.cpu, queue.class[0], queue.class[1]
            ),
        );
    }
    for (i, finding) in why.findings.iter().enumerate() {
        row(
            if i == 0 { "findings" } else { "" },
            &format!("{} {}: {}", finding.code, finding.name, finding.message),
        );
    }
    row("artifact", &why.artifact);
    out
}

fn place(record: &Record<'_>) -> String {
    match (record.line, record.column) {
        (Some(line), Some(column)) => format!("{}:{line}:{column}", record.file),
        _ => format!(
            "{}, {} bytes from byte {} on",
            record.file, record.len, record.start
        ),
    }
}

/// What the sources say of a field, then the overrides above them.
fn values(row: &mut impl FnMut(&str, &str), value: &Value<'_>) {
    let mut head = value.field.as_ref();
    for stated in &value.stated {
        let text = match (&stated.value, stated.chosen) {
            (Some(text), true) => quoted(text, None),
            (Some(text), false) => format!("{} does not count", quoted(text, None)),
            (None, _) => "the sources agree".to_owned(),
        };
        let by = match &stated.source {
            Some(source) => quoted(source, None),
            None if stated.record.source.is_empty() => "the source".to_owned(),
            None => stated.record.source.to_string(),
        };
        row(head, &format!("{text}, {by}, {}", place(&stated.record)));
        head = "";
    }
    for over in &value.overridden {
        let owner = match &over.owner {
            Some(owner) => format!(", owner {}", quoted(owner, None)),
            None => String::new(),
        };
        let until = match &over.expires {
            Some(day) => format!(", until {day}"),
            None => String::new(),
        };
        row(
            head,
            &format!(
                "-> {} by an override, {}{owner}{until}, {}",
                quoted(&over.value, None),
                quoted(&over.reason, None),
                place(&over.record)
            ),
        );
        head = "";
    }
}

fn steps(row: &mut impl FnMut(&str, &str), head: &str, steps: &[Step<'_>]) {
    for (i, step) in steps.iter().enumerate() {
        row(
            if i == 0 { head } else { "" },
            &format!("{:<16} {}", numbers(step.kbps), step.by),
        );
    }
}

fn limits(row: &mut impl FnMut(&str, &str), limits: &[Limit<'_>]) {
    for (i, limit) in limits.iter().enumerate() {
        let sets = match (limit.ignored, limit.sets) {
            (true, _) => " - does not count, the node is transparent",
            (_, [true, true]) => " <- this is the limit",
            (_, [true, false]) => " <- this is the limit for download",
            (_, [false, true]) => " <- this is the limit for upload",
            _ => "",
        };
        row(
            if i == 0 { "limits" } else { "" },
            &format!("{:<16} {}{sets}", numbers(limit.kbps), limit.name),
        );
    }
}
