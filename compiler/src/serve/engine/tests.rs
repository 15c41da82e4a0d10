//! What the console changes, against a real project: heads that moved meanwhile, secrets, comments, git.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tempfile::TempDir;
use weir_compiler::config::project::Schedule;
use weir_console::engine::{
    Acknowledge, Back, Engine as _, OverrideRequest, Problem, PromoteRequest, Secret, SourceEdit,
    Written,
};
use weir_standin::{Fault, KEY, Kind, Options, SECRET, Standin};
use weir_store::Store;

use super::Caller;
use crate::cli::Global;
use crate::cli::terminal::Terminal;
use crate::serve::book::Book;
use crate::serve::run::{self, Came};
use crate::serve::scheduler::Scheduler;

struct Lab {
    dir: TempDir,
    caller: Caller,
}

impl Lab {
    fn new(toml: &str) -> Lab {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("weir.toml"), toml).unwrap();
        let store = Store::open(dir.path().join(".weir/store")).unwrap();
        let book = Book::open(store.root()).unwrap();
        let terminal = Terminal::of(&Global::quiet()).logging(crate::cli::Format::Text);
        let stop = Arc::new(AtomicBool::new(false));
        let schedule = Schedule::default();
        let scheduler = Scheduler::new(dir.path().to_owned(), book, terminal, stop, &schedule);
        let caller = Caller::new(Arc::new(scheduler.unwrap()));
        Lab { dir, caller }
    }

    /// A network of our own, on two sectors.
    fn own() -> Lab {
        let lab = Lab::new(
            "# Ours.\n[[source]]\nname = \"own\"\nkind = \"inventory\"\nexport = \"export\" # by hand\n\
             [topology]\nwan_mbps = 1000\n[guard]\nmax_removed = 1\n",
        );
        fs::create_dir(lab.path().join("export")).unwrap();
        lab.network(6, 50_000);
        lab
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn network(&self, circuits: u32, kbps: u32) {
        let circuits: Vec<String> = (1..=circuits)
            .map(|n| {
                format!(
                    r#"{{"id": "c{n}", "name": "Circuit {n}", "attach": "a1", "plan_kbps": [{kbps}, 10000], "devices": [{{"id": "d{n}", "ips": ["100.64.0.{n}"]}}]}}"#
                )
            })
            .collect();
        let text = format!(
            r#"{{"schema": "weir.inventory/1", "nodes": [{{"id": "core", "kind": "root"}},
 {{"id": "a1", "kind": "ap", "parent": "core", "kbps": [900000, 900000]}}], "links": [], "circuits": [{}]}}"#,
            circuits.join(",\n")
        );
        fs::write(self.path().join("export/inventory.json"), text).unwrap();
    }

    fn run(&self) -> Came {
        let context = &self.caller.scheduler.context;
        let (lock, buried) = context.book.lock_run().unwrap().expect("free");
        run::run(context, &lock, buried, "schedule").unwrap()
    }

    fn toml(&self) -> String {
        fs::read_to_string(self.path().join("weir.toml")).unwrap()
    }

    fn latest(&self) -> String {
        let latest = self.caller.scheduler().unwrap().latest;
        latest.expect("a build").digest
    }
}

fn word(problem: Result<impl std::fmt::Debug, Problem>) -> String {
    match problem.expect_err("refused") {
        Problem::Refused { word, help, .. } => {
            assert!(!help.is_empty());
            word
        }
        Problem::Invalid { field, .. } => format!("invalid {field}"),
        Problem::NotFound { .. } => "not found".to_owned(),
        Problem::Failed { message, .. } => format!("failed: {message}"),
    }
}

#[test]
fn a_channel_is_moved_only_from_what_somebody_looked_at() {
    let lab = Lab::own();
    lab.run();
    let first = lab.latest();
    let engine = &lab.caller;
    lab.network(3, 50_000);
    lab.run();
    let second = lab.latest();
    let review = engine.review("production", &second).unwrap();
    assert_eq!(
        (review.plan.removals, review.needs_accept, review.blocked),
        (3, true, false)
    );
    assert_eq!(review.plan.base.as_ref().map(|b| b.seq), Some(1));
    let scheduler = engine.scheduler().unwrap();
    assert!(scheduler.latest.unwrap().waiting.is_some());
    assert!(scheduler.runs[0].log.is_empty(), "lists have no logs");
    let run = engine.run(&scheduler.runs[0].id).unwrap();
    assert!(!run.log.is_empty());

    let mut request = PromoteRequest {
        channel: "production".to_owned(),
        digest: second.clone(),
        base: None,
        reason: "spring".to_owned(),
        confirm_within_seconds: None,
        accept_removals: None,
        accept_reparented: None,
    };
    assert_eq!(word(engine.promote("jo", &request)), "base-moved");
    request.base = review.plan.base;
    assert_eq!(word(engine.promote("jo", &request)), "guard");
    request.accept_removals = Some(2);
    assert_eq!(word(engine.promote("jo", &request)), "guard");
    request.accept_removals = Some(3);
    let before = engine.revision();
    let moved = engine.promote("jo", &request).unwrap();
    assert!(moved.changed && moved.head.author.starts_with("jo@"));
    assert_eq!(moved.undo.as_deref(), Some("weir rollback production"));
    assert!(engine.revision() > before);
    assert_eq!(engine.scheduler().unwrap().latest.unwrap().waiting, None);

    assert_eq!(
        word(engine.rollback("jo", "production", 1, &Back::Parent, "slow")),
        "base-moved"
    );
    let back = engine
        .rollback("jo", "production", 2, &Back::Parent, "slow")
        .unwrap();
    assert_eq!(
        (back.head.digest.as_str(), back.head.hold.is_some()),
        (first.as_str(), true)
    );
    lab.run();
    assert!(
        engine
            .issues()
            .unwrap()
            .iter()
            .any(|i| i.code == "CHANNEL-HELD")
    );
    let resumed = engine.resume("jo", "production", "mended").unwrap();
    assert!(resumed.head.hold.is_none());
    assert!(
        engine
            .issues()
            .unwrap()
            .iter()
            .all(|i| i.code != "CHANNEL-HELD")
    );
    assert_eq!(word(engine.confirm("jo", "production", 3)), "not-pending");
    assert_eq!(word(engine.review("prodution", &second)), "invalid ");
    assert_eq!(
        word(engine.review("production", &"0".repeat(64))),
        "not found"
    );

    let diff = engine.diff(&first, &second).unwrap();
    assert_eq!(diff.counts.left, 3);
    assert!(engine.review_text(&first, &second).unwrap().contains("c4"));
    let why = engine.why(&first, "c1").unwrap();
    assert!(serde_json::to_string(&why).unwrap().contains("100.64.0.1"));
    assert_eq!(word(engine.why(&first, "no-such-thing")), "not found");
    assert!(engine.compare().unwrap().recommended.is_some());
}

#[test]
fn what_was_seen_is_kept_until_its_day() {
    let lab = Lab::own();
    let engine = &lab.caller;
    let mut seen = Acknowledge {
        id: "GUARD-REFUSED.guard.max_removed".to_owned(),
        code: "GUARD-REFUSED".to_owned(),
        reason: "moving house".to_owned(),
        expires: "2999-01-01".to_owned(),
    };
    engine.acknowledge("jo", &seen).unwrap();
    let known = engine.acknowledgements().unwrap();
    assert_eq!((known.len(), known[0].by.as_str()), (1, "jo"));
    seen.expires = "2020-01-01".to_owned();
    assert_eq!(word(engine.acknowledge("jo", &seen)), "invalid expires");
    seen.expires = "2999-01-01".to_owned();
    seen.reason = " ".to_owned();
    assert_eq!(word(engine.acknowledge("jo", &seen)), "invalid reason");
    engine.unacknowledge("jo", &seen.id).unwrap();
    assert_eq!(word(engine.unacknowledge("jo", &seen.id)), "not found");
    // One whose day is over does not hold, whoever wrote it down; the next run says so with both days.
    let over = engine.scheduler.context.book.change(|state| {
        let mut over = known[0].clone();
        over.expires = "2020-01-01".to_owned();
        state.acknowledged.push(over);
    });
    over.unwrap();
    assert_eq!(engine.acknowledgements().unwrap(), []);
    lab.run();
    let state = engine.scheduler.state().unwrap();
    assert_eq!(state.acknowledged, []);
    let log = state.runs[0].log.join("\n");
    let says = format!(
        "{}: jo acknowledged it until 2020-01-01, and it is 20",
        seen.id
    );
    assert!(
        log.contains(&says) && log.contains(": it is open again"),
        "{log}"
    );
}

#[test]
fn pausing_is_remembered_and_a_run_can_be_asked_for() {
    let lab = Lab::own();
    let engine = &lab.caller;
    assert!(engine.scheduler().unwrap().next.is_some());
    engine.pause("jo", "maintenance").unwrap();
    let shown = engine.scheduler().unwrap();
    assert_eq!(
        shown.paused.map(|p| (p.by, p.reason)),
        Some(("jo".to_owned(), "maintenance".to_owned()))
    );
    assert_eq!((shown.next, shown.every.as_deref()), (None, Some("30m")));
    assert_eq!(shown.promote, "when-contained");
    engine.unpause("jo").unwrap();
    assert!(engine.scheduler().unwrap().paused.is_none());
    engine.run_now("jo").unwrap();
    assert_eq!(word(engine.run_now("jo")), "running");
}

#[test]
fn an_override_is_tried_and_written_or_shown_as_a_patch() {
    let lab = Lab::own();
    let engine = &lab.caller;
    let mut request = OverrideRequest {
        kind: "circuit".to_owned(),
        id: "c9".to_owned(),
        device: None,
        set: vec![("plan_mbps".to_owned(), "100/20".to_owned())],
        reason: "as sold".to_owned(),
        owner: Some("jo".to_owned()),
        expires: Some("2999-01-01".to_owned()),
    };
    assert_eq!(word(engine.add_override("jo", &request)), "invalid ");
    request.id = "c1".to_owned();
    let edit = engine.add_override("jo", &request).unwrap();
    assert_eq!(
        (edit.written, edit.file.as_str()),
        (Written::Yes, "overrides.toml")
    );
    assert!(
        edit.patch.contains("+++ b/overrides.toml") && edit.patch.contains("+id = \"c1\""),
        "{}",
        edit.patch
    );
    let listed = engine.overrides().unwrap();
    assert_eq!((listed.len(), listed[0].reason.as_str()), (1, "as sold"));
    assert_eq!(listed[0].expires.as_deref(), Some("2999-01-01"));

    fs::create_dir(lab.path().join(".git")).unwrap();
    let before = fs::read(lab.path().join("overrides.toml")).unwrap();
    request.id = "c2".to_owned();
    let edit = engine.add_override("jo", &request).unwrap();
    assert_eq!(edit.written, Written::InGit);
    assert!(
        edit.patch.contains("--- a/overrides.toml"),
        "{}",
        edit.patch
    );
    assert_eq!(fs::read(lab.path().join("overrides.toml")).unwrap(), before);
    assert!(engine.project().unwrap().in_git);
}

fn edit(
    name: Option<&str>,
    kind: &str,
    settings: &[(&str, &str)],
    secrets: &[(&str, &str)],
) -> SourceEdit {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    SourceEdit {
        name: name.map(str::to_owned),
        new_name: "crm".to_owned(),
        kind: kind.to_owned(),
        settings: settings.iter().map(owned).collect(),
        secrets: secrets
            .iter()
            .map(|s| (s.0.to_owned(), Secret::new(s.1.to_owned())))
            .collect(),
    }
}

#[test]
fn a_source_is_added_tested_and_changed_and_its_secrets_stay_secret() {
    let standin = Standin::start(Options::new("uisp")).unwrap();
    let lab = Lab::own();
    let engine = &lab.caller;
    let url = standin.url();
    let secrets = [("key", KEY), ("secret", SECRET)];
    for (wrong, field) in [
        (edit(None, "nosuch", &[], &[]), "invalid kind"),
        (edit(None, "uisp", &[], &secrets), "invalid url"),
        (
            edit(None, "uisp", &[("url", &url), ("colour", "red")], &secrets),
            "invalid colour",
        ),
        (
            edit(None, "uisp", &[("url", &url), ("key", "x")], &[]),
            "invalid key",
        ),
        (
            edit(None, "uisp", &[("url", &url)], &[("key", "two\nlines")]),
            "invalid key",
        ),
        (
            edit(
                None,
                "uisp",
                &[("url", &url), ("enabled", "maybe")],
                &secrets,
            ),
            "invalid enabled",
        ),
        (
            edit(Some("nobody"), "uisp", &[("url", &url)], &secrets),
            "not found",
        ),
        (
            edit(Some("own"), "uisp", &[("url", &url)], &secrets),
            "invalid kind",
        ),
        (
            edit(None, "uisp", &[("url", "ftp://x")], &secrets),
            "invalid ",
        ),
    ] {
        let before = lab.toml();
        assert_eq!(word(engine.edit_source("jo", &wrong)), field, "{wrong:?}");
        assert_eq!(lab.toml(), before);
    }
    assert!(
        !lab.path().join("secrets").exists(),
        "what is refused writes no secret"
    );

    let added = engine
        .edit_source("jo", &edit(None, "uisp", &[("url", &url)], &secrets))
        .unwrap();
    assert_eq!(added.written, Written::Yes);
    let text = lab.toml();
    assert!(
        text.starts_with("# Ours.\n[[source]]") && text.contains("# by hand"),
        "{text}"
    );
    assert!(!format!("{added:?}{text}").contains("canary"), "{added:?}");
    let key = lab.path().join("secrets/crm-key");
    assert_eq!(fs::read_to_string(&key).unwrap().trim(), KEY);
    assert_eq!(
        fs::metadata(&key).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let test = engine.test_source("crm").unwrap();
    assert!(test.ok && test.steps.len() > 2, "{test:?}");
    standin.fail(Fault::always(Kind::Status(401)));
    let test = engine.test_source("crm").unwrap();
    assert!(
        !test.ok && !format!("{test:?}").contains("canary"),
        "{test:?}"
    );
    assert!(
        test.steps
            .iter()
            .any(|step| !step.ok && !step.help.is_empty()),
        "{test:?}"
    );
    assert_eq!(word(engine.test_source("own")), "invalid ");
    assert_eq!(word(engine.test_source("nobody")), "not found");
    // A test records nothing.
    assert!(!lab.path().join("weir.lock").exists());

    let listed = engine.sources().unwrap();
    assert_eq!(
        listed.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(),
        ["own", "crm"]
    );
    let crm = &listed[1];
    assert!(crm.network && crm.last.is_none());
    let of = |key: &str| crm.settings.iter().find(|s| s.key == key).unwrap();
    assert_eq!(
        (of("key").value.as_str(), of("key").secret),
        ("file secrets/crm-key", true)
    );
    assert_eq!(of("key").fault, None);
    assert!(of("url").from.starts_with("weir.toml:"), "{:?}", of("url"));
    assert_eq!(of("timeout").from, "default");

    // Another server gets no secret that it was not given.
    let moved = edit(
        Some("crm"),
        "uisp",
        &[("url", "https://elsewhere.example")],
        &[],
    );
    assert_eq!(word(engine.edit_source("jo", &moved)), "invalid key");
    let moved = edit(
        Some("crm"),
        "uisp",
        &[("url", "https://elsewhere.example"), ("timeout", "5m")],
        &secrets,
    );
    engine.edit_source("jo", &moved).unwrap();
    assert!(
        lab.toml().contains("https://elsewhere.example") && lab.toml().contains("timeout = \"5m\"")
    );
    engine
        .edit_source("jo", &edit(Some("crm"), "uisp", &[("timeout", "")], &[]))
        .unwrap();
    assert!(!lab.toml().contains("timeout"));

    // In git, nothing but the patch.
    fs::create_dir(lab.path().join(".git")).unwrap();
    let before = lab.toml();
    let off = engine
        .edit_source(
            "jo",
            &edit(Some("crm"), "uisp", &[("enabled", "false")], &[]),
        )
        .unwrap();
    assert_eq!(off.written, Written::InGit);
    assert!(off.patch.contains("+enabled = false"), "{}", off.patch);
    assert_eq!(lab.toml(), before);
}

#[test]
fn metrics_speak_of_sources_channels_and_runs() {
    let standin = Standin::start(Options::new("uisp")).unwrap();
    let lab = Lab::new(
        "[[source]]\nkind = \"inventory\"\nexport = \"export\"\nenabled = false\n[topology]\nwan_mbps = 5000\n",
    );
    let engine = &lab.caller;
    let added = edit(
        None,
        "uisp",
        &[("url", &standin.url())],
        &[("key", KEY), ("secret", SECRET)],
    );
    engine.edit_source("jo", &added).unwrap();
    lab.run();
    standin.fail(Fault::always(Kind::Status(401)));
    let failed = lab.run();
    assert_eq!(failed.exit.code(), 5);
    let text = engine.metrics().unwrap();
    for line in [
        "weir_head_seq{channel=\"production\"} 1",
        "weir_last_fetch_status{source=\"crm\"} 0",
        "weir_runs_total{outcome=\"failed\"} 1",
        "weir_runs_total{outcome=\"promoted\"} 1",
        "weir_issues{level=\"error\"} 1",
        "weir_failures_in_a_row 1",
    ] {
        assert!(text.lines().any(|l| l == line), "{line}\n{text}");
    }
    assert!(
        text.contains("weir_snapshot_age_seconds{source=\"crm\"}"),
        "{text}"
    );
    assert!(!text.contains("canary"));
    let source = &engine.sources().unwrap()[1];
    assert!(!source.last.as_ref().unwrap().ok);
    assert!(
        source.permissions.iter().all(|p| p.ok == Some(true)) && !source.permissions.is_empty()
    );
    assert!(source.as_of.is_some() && source.age_seconds.is_some());
}

#[test]
fn a_run_removes_what_nobody_needs_and_nothing_else() {
    let lab = Lab::new(
        "[[source]]\nname = \"own\"\nkind = \"inventory\"\nexport = \"export\"\n\
         [topology]\nwan_mbps = 1000\n[schedule]\nkeep = 50\n",
    );
    fs::create_dir(lab.path().join("export")).unwrap();
    let store = Store::open(lab.path().join(".weir/store")).unwrap();
    let mut made = Vec::new();
    for n in 0..53 {
        lab.network(6, 50_000 + n * 1000);
        lab.run();
        let latest = lab.caller.scheduler.state().unwrap().latest.clone();
        made.push(latest.expect("built").digest);
        if n == 0 {
            // Somebody wants to keep the first for good.
            weir_store::channel::Backend::pin(&store, &made[0], true).unwrap();
        }
    }
    let mut left = store.list().unwrap();
    left.sort();
    // The pinned one, and the newest 50: what runs and what ran before are among them.
    let mut wanted: Vec<String> = made[3..].to_vec();
    wanted.push(made[0].clone());
    wanted.sort();
    assert_eq!(left, wanted);
    let state = lab.caller.scheduler.state().unwrap();
    let log = state.runs[0].log.join("\n");
    assert!(log.contains("1 artifact and 0 snapshots removed"), "{log}");
    // With 0 a store grows on and on.
    let toml = fs::read_to_string(lab.path().join("weir.toml")).unwrap();
    fs::write(
        lab.path().join("weir.toml"),
        toml.replace("keep = 50", "keep = 0"),
    )
    .unwrap();
    lab.network(6, 200_000);
    lab.run();
    assert_eq!(store.list().unwrap().len(), wanted.len() + 1);
}
