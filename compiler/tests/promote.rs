//! Channels from the outside: plan, promote, confirm, roll back, sign, verify, collect.

mod lab;

use std::fs;
use std::process::{Command, Stdio};
use std::time::Duration;

use lab::{Lab, has, text};

#[test]
fn promote_says_what_it_did_and_how_to_undo_it() {
    let lab = Lab::new("");
    let a = lab.build();
    let said = lab.run(&format!("promote {} --to production", &a[..12]), 0);
    assert!(
        said.contains(&format!("generation 1 of production is {}", &a[..12])),
        "{said}"
    );
    assert!(
        !said.contains("undo"),
        "there is nothing to go back to: {said}"
    );

    let b = lab.build_with(4, 60_000);
    let said = lab.run(&format!("promote {b} --to production --reason spring"), 0);
    assert!(said.contains("4 circuits get other rates [rate]"), "{said}");
    let undo = said
        .lines()
        .find_map(|l| l.strip_prefix("undo: weir "))
        .expect("an undo");
    assert_eq!(undo, "rollback production");
    let back = lab.run(undo, 0);
    assert!(
        back.contains(&format!("generation 3 of production is {}", &a[..12])),
        "{back}"
    );
    let head = lab.head("production");
    assert_eq!(head["digest"], a.as_str());
    assert_eq!(
        head["hold"]["author"]
            .as_str()
            .expect("an author")
            .split('@')
            .next(),
        Some("ops")
    );
    // What rollback prints undoes it, and lets go.
    let undo = back
        .lines()
        .find_map(|l| l.strip_prefix("undo: weir "))
        .expect("an undo");
    lab.run(undo, 0);
    let head = lab.head("production");
    assert_eq!(
        (head["digest"].as_str(), head["hold"].is_null()),
        (Some(b.as_str()), true)
    );
    // Again is nothing.
    let again = lab.json(&format!("promote {b} --to production"), 0);
    assert_eq!(
        (&again["changed"], &again["seq"]),
        (&false.into(), &4.into())
    );
    let log = lab.run("log production", 0);
    assert_eq!(
        log.lines().filter(|l| l.contains(" done ")).count(),
        4,
        "{log}"
    );
    assert!(log.contains("spring") && log.contains("by ops@"), "{log}");
}

/// What is read back is what was live then, byte for byte.
#[test]
fn any_kept_generation_comes_back_byte_for_byte() {
    let lab = Lab::new("");
    let digests: Vec<String> = (0..4)
        .map(|n| {
            let digest = lab.build_with(4, 50_000 + n * 1000);
            lab.run(&format!("promote {digest} --to production"), 0);
            digest
        })
        .collect();
    let read = |digest: &str| {
        let dir = lab.store().join("artifacts").join(digest);
        [
            "tree.json",
            "queue-plan.json",
            "ShapedDevices.csv",
            "network.json",
        ]
        .map(|name| fs::read(dir.join(name)).expect("read"))
    };
    let was = read(&digests[1]);
    lab.run("rollback production --to -2", 0);
    assert_eq!(lab.head("production")["digest"], digests[1].as_str());
    assert_eq!(read(&digests[1]), was);
    lab.run(&format!("rollback production --to {}", &digests[3][..8]), 0);
    assert_eq!(lab.head("production")["digest"], digests[3].as_str());
    lab.run("rollback production --to -99", 4);
    let never = lab.build_with(5, 50_000);
    let told = lab.told(&format!("rollback production --to {never}"), 4);
    assert!(told.contains("never was a generation"), "{told}");
    lab.run("rollback production --to xyz", 2);
    lab.run("verify", 0);
}

#[test]
fn a_plan_is_bound_to_what_the_channel_ran() {
    let lab = Lab::new("");
    let a = lab.build();
    lab.run(&format!("promote {a} --to production"), 0);
    let b = lab.build_with(4, 60_000);
    let c = lab.build_with(4, 70_000);
    let said = lab.run(&format!("plan production {b} --out b.plan"), 0);
    assert!(said.contains("next: weir promote b.plan"), "{said}");
    lab.run(&format!("promote {c} --to production --author eve@lab"), 0);
    let told = lab.told("promote b.plan", 4);
    assert!(told.contains("moved by eve@lab at 2"), "{told}");
    assert_eq!(lab.head("production")["digest"], c.as_str());
    let log = lab.run("log", 0);
    assert!(
        log.lines().next().expect("a line").contains("refused"),
        "{log}"
    );

    lab.run(&format!("plan production {b} --out b.plan"), 0);
    lab.run("promote b.plan --to lab", 2);
    lab.run("promote b.plan", 0);
    assert_eq!(lab.head("production")["digest"], b.as_str());
    fs::write(lab.path().join("no.plan"), "{}").expect("written");
    lab.run("promote no.plan", 2);
    // A file that is not a plan is nobody's to overwrite.
    fs::write(lab.path().join("notes"), "mine").expect("written");
    lab.run(&format!("plan production {c} --out notes"), 1);
    assert_eq!(fs::read(lab.path().join("notes")).expect("read"), b"mine");
}

#[test]
fn the_guard_stops_what_nobody_looked_at() {
    let lab = Lab::new("[guard]\nmax_removed = 2\nmax_removed_percent = 10\n");
    let a = lab.build_with(40, 50_000);
    lab.run(&format!("promote {a} --to production"), 0);
    // 10 % of 40 is 4.
    let four = lab.build_with(36, 50_000);
    lab.run(&format!("plan production {four} --out four.plan"), 0);
    let five = lab.build_losing(35, 50_000);
    let told = lab.told(&format!("promote {five} --to production"), 4);
    assert!(
        told.contains("5 of 40 circuits would not be shaped any more, and 4 may"),
        "{told}"
    );
    assert!(told.contains("--accept removals=5"), "{told}");
    assert!(told.contains("guard.max_removed"), "{told}");
    lab.run(
        &format!("promote {five} --to production --accept removals=6"),
        4,
    );
    assert_eq!(lab.head("production")["digest"], a.as_str());
    let refused = lab.json(&format!("promote {five} --to production"), 4);
    assert_eq!(
        (&refused["removals"], &refused["changed"]),
        (&5.into(), &false.into())
    );
    // Only a promotion counts and asks: elsewhere the build is one that failed.
    let out = lab.path().join("libreqos");
    fs::create_dir(&out).expect("made");
    lab.run(&format!("publish {five} --to {}", out.display()), 4);
    assert_eq!(fs::read_dir(&out).expect("listed").count(), 0);
    let told = lab.run(
        &format!("plan production {five} --accept removals=5 --out five.plan"),
        0,
    );
    assert!(
        told.contains("weir promote five.plan --accept removals=5"),
        "{told}"
    );
    lab.run("promote five.plan --accept removals=5", 0);

    // An empty answer of the source.
    let none = lab.build_losing(0, 50_000);
    let told = lab.told(&format!("promote {none} --to production"), 4);
    assert!(told.contains("guard.min_circuits"), "{told}");
    let log = lab.json("log", 0);
    let entries = log["entries"].as_array().expect("entries");
    let refused = entries.iter().filter(|e| e["outcome"] == "refused").count();
    assert_eq!((entries.len(), refused), (6, 4));
}

#[test]
fn a_failing_build_is_not_promoted() {
    let lab =
        Lab::new("[lint]\nfail_on = \"warning\"\n[addresses]\nignore = [\"100.64.0.2/32\"]\n");
    let built = lab.json("build", 3);
    let digest = built["artifact"]["digest"].as_str().expect("a digest");
    let told = lab.told(&format!("promote {digest} --to production"), 4);
    assert!(told.contains("marked it failing"), "{told}");
}

#[test]
fn old_data_is_not_promoted() {
    let lab = Lab::new("");
    let export = lab.path().join("export");
    let sum = {
        use sha2::Digest as _;
        let bytes = fs::read(export.join("inventory.json")).expect("read");
        format!("{:x}", sha2::Sha256::digest(bytes))
    };
    let record = |time: &str, sum: &str| {
        let text = format!(
            r#"{{"files": [{{"file": "inventory.json", "collection": "inventory", "complete": true, "time": "{time}", "sha256": "{sum}"}}]}}"#
        );
        fs::write(export.join("export.json"), text).expect("written");
    };
    let now = jiff::Timestamp::now();
    let ago = |hours: i64| {
        let then = jiff::Timestamp::from_second(now.as_second() - hours * 3600);
        then.expect("a time").to_string()
    };
    record(&ago(5), &sum);
    let a = lab.build();
    lab.run(&format!("plan production {a} --out fresh.plan"), 0);
    record(&ago(7), &sum);
    let told = lab.told(&format!("promote {a} --to production"), 4);
    assert!(
        told.contains("guard.max_source_age") && told.contains("source own is 7 h"),
        "{told}"
    );
    // A record of other data says nothing of this.
    record(&ago(7), &"0".repeat(64));
    lab.run(&format!("promote {a} --to production"), 0);
}

#[test]
fn nobody_confirms_and_it_goes_back() {
    let lab = Lab::new("");
    let a = lab.build();
    lab.run(
        &format!("promote {a} --to production --confirm-within 1s"),
        4,
    );
    lab.run(&format!("promote {a} --to production"), 0);
    let b = lab.build_with(4, 60_000);
    let said = lab.run(
        &format!("promote {b} --to production --confirm-within 1h"),
        0,
    );
    assert!(
        said.contains("keep it within 1 h: weir confirm production"),
        "{said}"
    );
    let c = lab.build_with(4, 70_000);
    let told = lab.told(&format!("promote {c} --to production"), 4);
    assert!(told.contains("waits to be confirmed"), "{told}");
    lab.run("confirm production", 0);
    lab.run("confirm production", 4);

    lab.run(
        &format!("promote {c} --to production --confirm-within 1s"),
        0,
    );
    std::thread::sleep(Duration::from_millis(1200));
    // Any command finds it; looking is enough.
    let told = lab.told("status", 0);
    assert!(
        told.contains("went back to") && told.contains("was not confirmed"),
        "{told}"
    );
    let head = lab.head("production");
    assert_eq!(
        (head["digest"].as_str(), head["action"].as_str()),
        (Some(b.as_str()), Some("expire"))
    );
    assert!(
        head["hold"]["reason"]
            .as_str()
            .expect("held")
            .contains("not confirmed within 1 s")
    );
    let told = lab.told("confirm production", 4);
    assert!(told.contains("not confirmed in time"), "{told}");
    lab.run("resume production --reason understood", 0);
    lab.run("resume production", 4);
    lab.run("verify production", 0);
}

#[test]
fn channels_chain_and_names_are_known() {
    let lab = Lab::new("[channels.production]\nfrom = \"lab\"\n");
    let a = lab.build();
    let told = lab.told(&format!("promote {a} --to production"), 4);
    assert!(told.contains("takes only what channel lab runs"), "{told}");
    lab.run(&format!("promote {a} --to lab"), 0);
    lab.run("promote lab --to production", 0);
    assert_eq!(lab.head("production")["digest"], a.as_str());
    let told = lab.told(&format!("promote {a} --to prodcution"), 2);
    assert!(told.contains("did you mean `production`"), "{told}");
    lab.run(&format!("promote {a}"), 2);
    lab.run("promote 0000 --to lab", 2);
    lab.run("rollback lab", 4);
    let status = lab.run("status", 0);
    assert!(
        status.contains("takes from") && status.contains("1 artifact in"),
        "{status}"
    );
}

/// A build follows what production runs, and one that comes to the same is no change.
#[test]
fn a_build_follows_production() {
    let lab = Lab::new("");
    let a = lab.build();
    let first = lab.json(&format!("show {a}"), 0);
    assert_eq!(first["manifest"]["previous"], serde_json::Value::Null);
    lab.run(&format!("promote {a} --to production"), 0);
    let again = lab.json("build", 0);
    assert_eq!(again["artifact"]["unchanged"], true);
    assert_eq!(again["artifact"]["digest"], a.as_str());
    let b = lab.build_with(4, 60_000);
    let shown = lab.json(&format!("show {b}"), 0);
    assert_eq!(shown["manifest"]["previous"], a.as_str());
    let shown = lab.json("show production", 0);
    assert_eq!(shown["ran"][0]["channel"], "production");
    lab.run("build --previous none", 0);
    lab.run("build --previous production", 0);
    let text = lab.run("show production", 0);
    assert!(
        text.contains("runs now") && text.contains("4, 4 shaped"),
        "{text}"
    );
}

#[test]
fn diff_compares_digests_channels_and_directories() {
    let lab = Lab::new("");
    let a = lab.build();
    lab.run(&format!("promote {a} --to production"), 0);
    lab.network(5, 50_000);
    lab.run("build --out out", 0);
    let b = lab.json("build", 0)["artifact"]["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let diff = lab.json("diff production out", 0);
    assert_eq!(diff["schema"], "weir.diff/1");
    assert_eq!(
        (&diff["counts"]["joined"], &diff["to"]["digest"]),
        (&1.into(), &b.as_str().into())
    );
    lab.run(&format!("diff {a} {b} --exit-code"), 6);
    lab.run(&format!("diff {a} production --exit-code"), 0);
    for (format, start) in [
        ("markdown", "### 1 circuits joined"),
        ("html", "<!doctype html>"),
    ] {
        let text = lab.run(&format!("diff {a} {b} --format {format}"), 0);
        assert!(text.starts_with(start), "{text}");
    }
    lab.run(&format!("diff {a} nowhere"), 2);
    lab.run(&format!("diff {a} lab"), 2);
}

#[test]
fn every_release_is_signed_and_a_stranger_is_refused() {
    let lab = Lab::new("[signing]\nkey = { file = \"weir.key\" }\ntrust = \"trust.pub\"\n");
    lab.run("key new", 0);
    lab.run("key new", 1);
    fs::copy(
        lab.path().join("weir.key.pub"),
        lab.path().join("trust.pub"),
    )
    .expect("copied");
    let a = lab.build();
    lab.run(&format!("promote {a} --to production"), 0);
    let b = lab.build_with(4, 60_000);
    lab.run(&format!("promote {b} --to production"), 0);
    let said = lab.run("verify", 0);
    assert!(said.contains("generation 2 is signed by RW"), "{said}");

    // A stranger's key, a readable key, no key.
    lab.run("key new stranger.key", 0);
    lab.run(
        &format!("promote {a} --to production --key stranger.key"),
        2,
    );
    let key = lab.path().join("weir.key");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    fs::set_permissions(&key, open).expect("set");
    let told = lab.told(&format!("promote {a} --to production"), 2);
    assert!(told.contains("chmod 600"), "{told}");
    let secret = fs::read_to_string(&key).expect("read");
    let canary = secret.lines().nth(1).expect("the key");
    fs::remove_file(&key).expect("removed");
    lab.run(&format!("promote {a} --to production"), 2);

    // Back without a key: the release that is returned to was signed. (The configured key is not there.)
    let config = fs::read_to_string(lab.path().join("weir.toml")).expect("read");
    let keyless = config.replace("key = { file = \"weir.key\" }\n", "");
    fs::write(lab.path().join("weir.toml"), keyless).expect("written");
    lab.run("rollback production", 0);
    let said = lab.run("verify", 0);
    assert!(
        said.contains("generation 3 brings back generation 1"),
        "{said}"
    );
    lab.run(&format!("promote {b} --to production"), 2);

    // The head of an earlier generation is put back: its signature holds, and it is old.
    let head = lab.store().join("heads/production.json");
    let journal = lab.json("log", 0);
    let old = journal["entries"][1]["head"].clone();
    assert_eq!(old["seq"], 2);
    let forged = serde_json::to_string_pretty(&old).expect("JSON");
    fs::write(&head, forged).expect("written");
    lab.run("verify", 6);
    lab.run("status", 1);

    // A revoked key makes nothing believable.
    fs::copy(
        lab.path().join("stranger.key.pub"),
        lab.path().join("trust.pub"),
    )
    .expect("copied");
    for entry in fs::read_dir(lab.store().join("journal")).expect("listed") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("read");
        assert!(!text(&bytes).contains(canary), "the key is in the journal");
    }
}

/// Keys are rotated by trusting both for a while, and a key past its day is refused.
#[test]
fn keys_rotate_expire_and_are_revoked() {
    let lab = Lab::new("[signing]\ntrust = \"trust.pub\"\n");
    let line = |file: &str| lab.run(&format!("key public {file}"), 0).trim().to_owned();
    lab.run("key new old.key", 0);
    lab.run("key new new.key", 0);
    let (old, new) = (line("old.key"), line("new.key"));
    let trust = |text: String| fs::write(lab.path().join("trust.pub"), text).expect("written");
    trust(format!("# ours\n{old}\n"));
    let a = lab.build();
    lab.run(&format!("promote {a} --to production --key old.key"), 0);
    trust(format!("{old} until 2999-12-31\n{new}\n"));
    lab.run("verify", 0);
    let b = lab.build_with(4, 60_000);
    lab.run(&format!("promote {b} --to production --key new.key"), 0);
    lab.run("verify", 0);
    trust(format!("{old}\n{new} until 2020-01-01\n"));
    let said = lab.run("verify", 6);
    assert!(said.contains("trusted until 2020-01-01"), "{said}");
    trust(format!("{old}\n"));
    let said = lab.run("verify", 6);
    assert!(said.contains("no key of the trust file"), "{said}");
    for bad in [
        "",
        "nonsense\n",
        &format!("{old} till 2020-01-01\n"),
        &format!("{old} until soon\n"),
    ] {
        trust(bad.to_owned());
        lab.run("verify", 2);
    }
}

/// What we sign, minisign checks.
#[test]
fn the_stock_tool_checks_our_signatures() {
    if !has("minisign", "install the package minisign") {
        return;
    }
    let lab = Lab::new("[signing]\nkey = { file = \"weir.key\" }\n");
    lab.run("key new", 0);
    let a = lab.build();
    lab.run(&format!("promote {a} --to production"), 0);
    let head = lab.head("production");
    let signature = &head["signature"];
    let statement = signature["statement"].as_str().expect("text");
    assert!(
        statement.contains(&format!("channel production\nseq 1\nartifact {a}\n")),
        "{statement}"
    );
    fs::write(lab.path().join("release"), statement).expect("written");
    let file = signature["minisign"].as_str().expect("text");
    fs::write(lab.path().join("release.minisig"), file).expect("written");
    let check = || {
        let mut command = Command::new("minisign");
        lab.dress(&mut command);
        command.args(["-V", "-p", "weir.key.pub", "-m", "release"]);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command.status().expect("minisign runs").success()
    };
    assert!(check());
    fs::write(
        lab.path().join("release"),
        statement.replace("seq 1", "seq 2"),
    )
    .expect("written");
    assert!(!check());
}

#[test]
fn damage_is_named_and_not_promoted() {
    let lab = Lab::new("");
    let a = lab.build();
    lab.run(&format!("promote {a} --to production"), 0);
    let b = lab.build_with(4, 60_000);
    let file = lab
        .store()
        .join("artifacts")
        .join(&b)
        .join("queue-plan.json");
    let good = fs::read(&file).expect("read");
    let put = |bytes: &[u8]| {
        fs::remove_file(&file).expect("removed");
        fs::write(&file, bytes).expect("written");
    };
    put(&text(&good).replace("60000", "60001").into_bytes());
    let told = lab.told(&format!("promote {b} --to production"), 4);
    assert!(
        told.contains("does not verify: queue-plan.json has SHA-256"),
        "{told}"
    );
    assert!(told.contains("CHG006"), "{told}");
    // What is said of damaged files would be said of another artifact.
    for pair in [format!("production {b}"), format!("{b} production")] {
        let told = lab.told(&format!("diff {pair}"), 4);
        assert!(told.contains("does not verify"), "{told}");
        let stopped = lab.json(&format!("diff {pair}"), 4);
        assert_eq!(stopped["exit"]["code"], 4);
    }
    let said = lab.run(&format!("verify {b}"), 6);
    assert!(
        said.contains("wrong artifact") && said.contains("queue-plan.json"),
        "{said}"
    );
    put(&good);
    lab.run(&format!("promote {b} --to production"), 0);
    let log = lab.run("log", 0);
    assert!(log.contains("verification: "), "{log}");

    // The journal: a changed line is named, and nothing is collected on its word.
    let path = lab.store().join("journal/production.log");
    let journal = fs::read(&path).expect("read");
    fs::write(&path, text(&journal).replacen("promote", "Promote", 1)).expect("written");
    lab.run("verify", 6);
    lab.run("log", 6);
    lab.run("gc", 1);
    // A torn last line is cut off by the next entry, and nothing before it is lost.
    fs::write(&path, &journal[..journal.len() - 9]).expect("written");
    lab.run("rollback production", 0);
    let entries = lab.json("log", 0);
    let entries = entries["entries"].as_array().expect("entries");
    let actions: Vec<&str> = entries
        .iter()
        .filter_map(|e| e["action"].as_str())
        .collect();
    assert_eq!(
        actions,
        ["promote", "promote", "repair", "promote", "rollback"]
    );
    lab.run("verify", 0);
}

/// Many at once with one plan: one does it, the others are told who was faster, and history is a line.
/// 16 processes in each round; `WEIR_DRILL=1` runs as many rounds as the promise says.
#[test]
fn of_many_who_promote_at_once_one_does() {
    let rounds: u64 = match std::env::var_os("WEIR_DRILL") {
        Some(_) => 200,
        None => 3,
    };
    let lab = Lab::new("");
    let a = lab.build();
    lab.run(&format!("promote {a} --to production"), 0);
    let mut digests = [lab.build_with(4, 60_000), a];
    for round in 0..rounds {
        lab.run(
            &format!("plan production {} --out race.plan", digests[0]),
            0,
        );
        let racers: Vec<_> = (0..16)
            .map(|n| {
                lab.command(&format!("promote race.plan --author racer{n}"))
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("weir runs")
            })
            .collect();
        let mut won = Vec::new();
        let mut told = Vec::new();
        for (n, racer) in racers.into_iter().enumerate() {
            let output = racer.wait_with_output().expect("weir ends");
            match output.status.code() {
                Some(0) => won.push(n),
                Some(4) => told.push(text(&output.stderr)),
                other => panic!("{other:?}: {}", text(&output.stderr)),
            }
        }
        assert_eq!(won.len(), 1, "round {round}");
        let winner = format!("moved by racer{} at 2", won[0]);
        for told in &told {
            let line = told.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(line.contains(&winner), "{line}");
        }
        let head = lab.head("production");
        assert_eq!(head["seq"], round + 2);
        assert_eq!(head["author"], format!("racer{}", won[0]));
        digests.swap(0, 1);
    }
    lab.run("verify", 0);
    let log = lab.json("log", 0);
    let entries = log["entries"].as_array().expect("entries");
    let done = entries.iter().filter(|e| e["outcome"] == "done").count();
    let rounds = usize::try_from(rounds).expect("few");
    assert_eq!(
        (done, entries.len()),
        (rounds + 1, rounds + 1 + rounds * 15)
    );
    lab::inject::figure("races of 16 processes", rounds);
}

#[test]
fn collecting_keeps_what_is_needed() {
    let lab = Lab::new("");
    let first = lab.build();
    lab.run(&format!("promote {first} --to production"), 0);
    for n in 0..54 {
        lab.build_with(4, 51_000 + n * 100);
    }
    let pinned = lab.build_with(5, 40_000);
    let said = lab.json(&format!("gc --pin {pinned}"), 0);
    assert_eq!(
        (said["schema"].as_str(), said["pinned"].as_bool()),
        (Some("weir.gc-pin/1"), Some(true))
    );
    assert_eq!(said["digest"], pinned.as_str());
    lab.run(&format!("gc --unpin {pinned}"), 0);
    lab.run(&format!("gc --pin {pinned}"), 0);
    let dry = lab.json("gc --keep 0 --dry-run", 0);
    let removed = lab.json("gc --keep 0", 0);
    assert_eq!(
        dry["removed"].as_array().map(Vec::len),
        Some(5),
        "56 less 50 newest, less one that runs"
    );
    assert_eq!(dry["removed"], removed["removed"]);
    lab.run(&format!("show {first}"), 0);
    let shown = lab.json(&format!("show {pinned}"), 0);
    assert_eq!(shown["pinned"], true);
    assert_eq!(lab.litter(), [""; 0]);
    lab.run("verify", 0);
    lab.run("gc", 0);
}

/// A recorded export of one file, stored as `weir fetch` stores it, two days ago; its digest.
fn snapshot(lab: &Lab, instance: &str, text: &str) -> String {
    use sha2::{Digest as _, Sha256};
    use weir_schemas::Published as _;
    use weir_schemas::export::{Export, File};

    let hex = |bytes: &[u8]| format!("{:x}", Sha256::digest(bytes));
    let time = "2026-01-01T00:00:00Z".to_owned();
    let mut export = Export {
        schema: Export::SCHEMA.to_owned(),
        kind: "inventory".to_owned(),
        instance: instance.to_owned(),
        digest: String::new(),
        started: time.clone(),
        finished: time.clone(),
        complete: true,
        files: vec![File {
            name: "inventory.json".to_owned(),
            collection: "inventory".to_owned(),
            page: None,
            method: "GET".to_owned(),
            request: "/".to_owned(),
            status: 200,
            time,
            records: 1,
            received: text.len() as u64,
            sha256: hex(text.as_bytes()),
            complete: true,
        }],
        missing: Vec::new(),
    };
    export.digest = hex(export.digest_text().as_bytes());
    let store = weir_store::Store::open(lab.store()).expect("a store");
    let files = [("inventory.json".to_owned(), text.as_bytes().to_vec())];
    let json = serde_json::to_vec(&export).expect("JSON");
    let (kept, _) = store.put_snapshot(&export, &json, &files).expect("stored");
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(2 * 86_400);
    let there = fs::File::open(kept.path()).expect("there");
    there.set_modified(long_ago).expect("set");
    kept.digest().to_owned()
}

#[test]
fn old_snapshots_go_unless_something_is_built_from_them() {
    let lab = Lab::new("");
    // One that an artifact was built from, one that the lock names, many more, and one of another system.
    let built = fs::read_to_string(lab.path().join("export/inventory.json")).expect("text");
    let artifact = lab.build();
    let of_build = snapshot(&lab, "https://a.example", &built);
    let locked = snapshot(&lab, "https://a.example", "{}");
    let lock = format!(
        "version = 1\n\n[[source]]\nname = \"own\"\nkind = \"inventory\"\nsnapshot = \"sha256:{locked}\"\nfetched = \
         \"2026-01-01T00:00:00Z\"\n"
    );
    fs::write(lab.path().join("weir.lock"), &lock).expect("written");
    for n in 0..60 {
        snapshot(&lab, "https://a.example", &format!("[{n}]"));
    }
    let other = snapshot(&lab, "https://b.example", "[0,1]");
    let there = || {
        fs::read_dir(lab.store().join("snapshots"))
            .expect("a list")
            .count()
    };
    assert_eq!(there(), 63);
    let dry = lab.json("gc --keep 0 --dry-run", 0);
    assert_eq!(there(), 63);
    let removed = lab.json("gc --keep 0", 0);
    assert_eq!(dry["removed_snapshots"], removed["removed_snapshots"]);
    let gone: Vec<&str> = (removed["removed_snapshots"]
        .as_array()
        .expect("a list")
        .iter())
    .filter_map(|d| d.as_str())
    .collect();
    // All 62 of one system were recorded at one moment: the newest 50 are those with the largest digests.
    assert!((10..=12).contains(&gone.len()), "{}", gone.len());
    for kept in [&of_build, &locked, &other] {
        assert!(!gone.contains(&kept.as_str()), "{kept}");
    }
    assert_eq!(there(), 63 - gone.len());
    assert_eq!(lab.litter(), [""; 0]);
    lab.run(&format!("show {artifact}"), 0);
    let said = lab.run("gc", 0);
    assert!(
        said.contains("0 artifacts and 0 snapshots removed"),
        "{said}"
    );
    // A lock that cannot be read names nobody knows what.
    for n in 60..70 {
        snapshot(&lab, "https://a.example", &format!("[{n}]"));
    }
    fs::write(lab.path().join("weir.lock"), "<<<<<<< HEAD\n").expect("written");
    let before = there();
    let told = lab.told("gc --keep 0", 1);
    assert!(told.contains("weir.lock is not a lock file"), "{told}");
    assert_eq!(there(), before);
}

/// What is in the directory of `--out` can always be promoted: the store has it first.
#[test]
fn a_build_that_cannot_be_stored_writes_nothing_elsewhere() {
    let lab = Lab::new("");
    lab.run("build", 0);
    let store = lab.store();
    fs::remove_dir_all(store.join("artifacts")).expect("removed");
    fs::write(store.join("artifacts"), "in the way").expect("written");
    let told = lab.told("build --out out", 1);
    assert!(told.contains("directory of the store"), "{told}");
    assert!(!lab.path().join("out").exists());
}
