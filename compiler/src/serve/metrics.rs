//! Metrics of the scheduler in the text format of Prometheus. Names are one table, which `docs/serve.md` lists.

use std::collections::BTreeMap;
use std::path::Path;

use weir_compiler::config::{self, CliOverrides};
use weir_compiler::lock::Lock;
use weir_compiler::source_map::SourceMap;
use weir_console::engine::{RunOutcome, StageName};
use weir_store::channel::Clock as _;

use crate::cli::store::Desk;
use crate::serve::scheduler::{Scheduler, seconds};

/// Name, type, help. In the order they are written.
pub static METRICS: &[(&str, &str, &str)] = &[
    (
        "weir_build_duration_seconds",
        "gauge",
        "How long the last run took from reading to emitting, without fetching.",
    ),
    ("weir_channel_held", "gauge", "1 while a channel is held."),
    (
        "weir_failures_in_a_row",
        "gauge",
        "Runs in a row that failed for a source, the store or the disk.",
    ),
    (
        "weir_findings",
        "gauge",
        "Open findings of the last build, by level and code.",
    ),
    (
        "weir_guard_tripped",
        "gauge",
        "What stood against the promotion of the last build.",
    ),
    (
        "weir_head_age_seconds",
        "gauge",
        "Seconds since the head of a channel was written.",
    ),
    (
        "weir_head_seq",
        "gauge",
        "Number of the generation that a channel runs.",
    ),
    ("weir_issues", "gauge", "Open issues, by level."),
    (
        "weir_last_fetch_done_timestamp_seconds",
        "gauge",
        "When the last attempt to read a source ended.",
    ),
    (
        "weir_last_fetch_duration_seconds",
        "gauge",
        "How long the last attempt to read a source took.",
    ),
    (
        "weir_last_fetch_start_timestamp_seconds",
        "gauge",
        "When the last attempt to read a source began.",
    ),
    (
        "weir_last_fetch_status",
        "gauge",
        "1 when the last attempt to read a source was complete, else 0.",
    ),
    (
        "weir_next_run_timestamp_seconds",
        "gauge",
        "When the next run begins by itself; absent while none will.",
    ),
    (
        "weir_pending_deadline_seconds",
        "gauge",
        "Seconds until a generation that waits to be confirmed goes back.",
    ),
    (
        "weir_promotions_total",
        "counter",
        "Runs that came to promoting, by result: done or refused.",
    ),
    (
        "weir_records",
        "gauge",
        "Records of the last complete reading of a source, by collection.",
    ),
    ("weir_run_under_way", "gauge", "1 while a run goes on."),
    (
        "weir_runs_total",
        "counter",
        "Runs since the history began, by outcome.",
    ),
    (
        "weir_scheduler_paused",
        "gauge",
        "1 while no run begins by itself.",
    ),
    (
        "weir_snapshot_age_seconds",
        "gauge",
        "Seconds since what is built from was read, by source.",
    ),
];

/// Everything that can be said. What cannot be read is left out.
pub fn text(dir: &Path, scheduler: &Scheduler) -> String {
    let mut samples = Samples::default();
    let now = seconds();
    if let Some(next) = scheduler.next() {
        samples.add("weir_next_run_timestamp_seconds", &[], next as f64);
    }
    if let Ok(state) = scheduler.state() {
        let under_way = state.runs.first().is_some_and(|run| run.outcome.is_none());
        samples.add("weir_run_under_way", &[], f64::from(u8::from(under_way)));
        samples.add(
            "weir_scheduler_paused",
            &[],
            f64::from(u8::from(state.paused.is_some())),
        );
        samples.add("weir_failures_in_a_row", &[], f64::from(state.failures));
        for (outcome, count) in &state.outcomes {
            samples.add("weir_runs_total", &[("outcome", outcome)], *count as f64);
        }
        for (result, outcome) in [
            ("done", RunOutcome::Promoted),
            ("refused", RunOutcome::Refused),
        ] {
            let count = state.outcomes.get(outcome.word()).copied().unwrap_or(0);
            samples.add("weir_promotions_total", &[("result", result)], count as f64);
        }
        let mut issues: BTreeMap<&str, u32> = [("error", 0), ("info", 0), ("warning", 0)].into();
        for issue in &state.issues {
            *issues.entry(issue.level.word()).or_default() += 1;
        }
        for (level, count) in issues {
            samples.add("weir_issues", &[("level", level)], f64::from(count));
        }
        for (source, fetched) in &state.fetched {
            let source = [("source", source.as_str())];
            let took = fetched.milliseconds as f64 / 1000.0;
            samples.add(
                "weir_last_fetch_status",
                &source,
                f64::from(u8::from(fetched.ok)),
            );
            samples.add("weir_last_fetch_duration_seconds", &source, took);
            if let Ok(done) = fetched.time.parse::<jiff::Timestamp>() {
                let done = done.as_second() as f64;
                samples.add("weir_last_fetch_done_timestamp_seconds", &source, done);
                samples.add(
                    "weir_last_fetch_start_timestamp_seconds",
                    &source,
                    done - took,
                );
            }
            for records in &fetched.records {
                let labels = [source[0], ("collection", records.collection.as_str())];
                samples.add("weir_records", &labels, records.count as f64);
            }
        }
        let built = state.runs.iter().find(|run| run.digest.is_some());
        if let Some(run) = built {
            let of = |stage: &weir_console::engine::Stage| {
                let build = StageName::Normalize..=StageName::Emit;
                build.contains(&stage.name).then_some(stage.milliseconds)?
            };
            let took: u64 = run.stages.iter().filter_map(of).sum();
            samples.add("weir_build_duration_seconds", &[], took as f64 / 1000.0);
            let guard = run
                .stages
                .iter()
                .find(|stage| stage.name == StageName::Guard);
            let against = guard.and_then(|guard| guard.counts.get("against"));
            samples.add(
                "weir_guard_tripped",
                &[],
                against.copied().unwrap_or(0) as f64,
            );
        }
        for found in &state.findings {
            let labels = [
                ("level", found.level.as_str()),
                ("code", found.code.as_str()),
            ];
            samples.add("weir_findings", &labels, found.count as f64);
        }
    }
    if let Ok(desk) = Desk::at(dir.to_owned(), None) {
        channels(&mut samples, &desk, now);
    }
    let mut files = SourceMap::default();
    if let (Ok(project), Ok(lock)) = (
        config::load(dir, &mut files, &CliOverrides::default()),
        Lock::read(dir),
    ) {
        for live in &project.live {
            let locked = lock.of(&live.source);
            let read = locked.and_then(|l| l.fetched.parse::<jiff::Timestamp>().ok());
            if let Some(read) = read {
                let age = (now - read.as_second()).max(0) as f64;
                samples.add(
                    "weir_snapshot_age_seconds",
                    &[("source", &live.source)],
                    age,
                );
            }
        }
    }
    samples.text()
}

fn channels(samples: &mut Samples, desk: &Desk, now: i64) {
    for channel in desk.store.backend().channels().unwrap_or_default() {
        let Ok(Some(known)) = desk.channels().head(&channel) else {
            continue;
        };
        let head = known.head;
        let label = [("channel", channel.as_str())];
        samples.add("weir_head_seq", &label, head.seq as f64);
        samples.add(
            "weir_channel_held",
            &label,
            f64::from(u8::from(head.hold.is_some())),
        );
        if let Ok(written) = head.time.parse::<jiff::Timestamp>() {
            let age = (now - written.as_second()).max(0) as f64;
            samples.add("weir_head_age_seconds", &label, age);
        }
        if let Some(confirm) = &head.confirm
            && confirm.boot_id == desk.clock.boot_id()
        {
            let left = confirm
                .deadline_ms
                .saturating_sub(desk.clock.since_boot_ms());
            samples.add(
                "weir_pending_deadline_seconds",
                &label,
                left as f64 / 1000.0,
            );
        }
    }
}

/// Samples by metric.
#[derive(Default)]
struct Samples(BTreeMap<&'static str, Vec<String>>);

impl Samples {
    fn add(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        self.0
            .entry(name)
            .or_default()
            .push(format!("{name}{labels} {value}\n"));
    }

    fn text(&self) -> String {
        let mut text = String::new();
        for (name, kind, help) in METRICS {
            let Some(samples) = self.0.get(name) else {
                continue;
            };
            text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
            samples.iter().for_each(|sample| text.push_str(sample));
        }
        text
    }
}

/// As the format wants it: a backslash, a quote and a line end are written with a backslash.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_sorted_and_the_manual_lists_them() {
        assert!(METRICS.windows(2).all(|w| w[0].0 < w[1].0));
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/serve.md");
        let page = std::fs::read_to_string(page).expect("docs/serve.md");
        for (name, kind, help) in METRICS {
            let row = format!("| `{name}` | {kind} | {help} |");
            assert!(page.contains(&row), "docs/serve.md lacks:\n{row}");
        }
    }

    #[test]
    fn labels_cannot_end_their_line() {
        let mut samples = Samples::default();
        samples.add("weir_records", &[("source", "a\"b\\\nc")], 3.0);
        assert_eq!(
            samples.text(),
            "# HELP weir_records Records of the last complete reading of a source, by collection.\n\
             # TYPE weir_records gauge\nweir_records{source=\"a\\\"b\\\\\\nc\"} 3\n"
        );
    }
}
