//! Channels whose head is gone or damaged, artifacts that are gone, and a lock file that cannot be read: each is told as
//! what it is, with one exit code whoever meets it.

mod lab;

use std::fs;
use std::path::Path;

use lab::Lab;

fn a_lab() -> (Lab, [String; 2]) {
    let lab = Lab::new("");
    let first = lab.build();
    lab.run(&format!("promote {first} --to production"), 0);
    let second = lab.build_with(4, 60_000);
    lab.run(&format!("promote {second} --to production"), 0);
    (lab, [first, second])
}

#[test]
fn a_deleted_head_is_not_a_channel_that_runs_nothing() {
    let (lab, [first, second]) = a_lab();
    let head = lab.store().join("heads/production.json");
    let bytes = fs::read(&head).expect("read");
    fs::remove_file(&head).expect("removed");
    for (args, code) in [
        ("status".to_owned(), 1),
        (format!("promote {first} --to production"), 1),
        ("rollback production".to_owned(), 1),
        ("gc".to_owned(), 1),
        ("verify".to_owned(), 6),
        ("verify production".to_owned(), 6),
        ("log".to_owned(), 6),
        ("build".to_owned(), 1),
    ] {
        let output = lab.weir(&args);
        assert_eq!(output.status.code(), Some(code), "weir {args}");
        let said = [lab::text(&output.stdout), lab::text(&output.stderr)].concat();
        assert!(said.contains("is gone"), "weir {args}: {said}");
        assert!(
            said.contains("generation 2") && said.contains(&second[..12]),
            "weir {args}: {said}"
        );
    }
    assert!(!head.exists(), "nobody made another one");
    // Its journal still says everything.
    let log = lab.json("log", 6);
    assert!(log["entries"].as_array().expect("entries").len() >= 2);
    fs::write(&head, bytes).expect("restored");
    lab.run("verify", 0);
}

/// Refusals may have filled the end of the journal.
#[test]
fn a_deleted_head_is_missed_behind_many_refusals() {
    let (lab, [first, _]) = a_lab();
    for _ in 0..3 {
        lab.run(
            &format!("promote {first} --to production --accept removals=9"),
            4,
        );
    }
    fs::remove_file(lab.store().join("heads/production.json")).expect("removed");
    assert!(lab.told("status", 1).contains("is gone"));
}

/// A channel of which there is nothing but refusals runs nothing, and nothing waits for it.
#[test]
fn a_channel_with_refusals_only_runs_nothing() {
    let lab = Lab::new("[guard]\nmin_circuits = 100\n");
    let first = lab.build();
    lab.run(&format!("promote {first} --to production"), 4);
    lab.run("gc", 0);
    lab.run("verify", 0);
    assert!(lab.head("production").is_null());
}

#[test]
fn the_log_is_read_although_the_head_is_damaged() {
    let (lab, _) = a_lab();
    let head = lab.store().join("heads/production.json");
    let mut bytes = fs::read(&head).expect("read");
    bytes[60] ^= 1;
    fs::write(&head, &bytes).expect("written");
    let log = lab.json("log", 6);
    assert_eq!(log["entries"].as_array().map(Vec::len), Some(2));
    assert!(
        log["faults"].to_string().contains("cannot be trusted"),
        "{log}"
    );
}

#[test]
fn a_rollback_to_an_artifact_that_is_gone_is_refused_and_written_down() {
    let (lab, [first, _]) = a_lab();
    fs::remove_dir_all(lab.store().join("artifacts").join(&first)).expect("removed");
    lab.run("rollback production", 4);
    let log = lab.json("log", 0);
    let last = log["entries"]
        .as_array()
        .expect("entries")
        .last()
        .expect("an entry");
    assert_eq!(last["outcome"], "refused");
    assert!(
        last["reason"]
            .as_str()
            .expect("why")
            .contains("no-artifact"),
        "{last}"
    );
}

/// Promoting, planning, rolling back and publishing: one code for an artifact that is not what was stored.
#[test]
fn an_artifact_that_does_not_verify_has_one_code() {
    let (lab, [first, _]) = a_lab();
    let file = lab
        .store()
        .join("artifacts")
        .join(&first)
        .join("ShapedDevices.csv");
    let text = fs::read_to_string(&file).expect("read");
    fs::remove_file(&file).expect("removed");
    fs::write(&file, text.replace("50", "51")).expect("written");
    fs::create_dir(lab.path().join("lqos")).expect("made");
    for args in [
        format!("promote {first} --to production"),
        format!("plan production {first}"),
        "rollback production".to_owned(),
        format!("publish --to lqos {first}"),
    ] {
        lab.run(&args, 4);
    }
    lab.run(&format!("verify {first}"), 6);
}

#[cfg(feature = "fetch")]
#[test]
fn a_lock_file_that_cannot_be_read_has_one_code() {
    let lab = Lab::new("");
    let toml = "[project]\nname = \"lab\"\n[[source]]\nkind = \"uisp\"\nurl = \"http://127.0.0.1:1\"\nkey = { env = \"K\" }\n";
    fs::write(lab.path().join("weir.toml"), toml).expect("written");
    fs::write(lab.path().join("weir.lock"), "<<<<<<< HEAD\n").expect("written");
    for args in [
        "check",
        "build",
        "tree",
        "fetch",
        "snapshot list",
        "doctor",
        "compare",
    ] {
        let output = lab.weir(args);
        assert_eq!(
            output.status.code(),
            Some(2),
            "weir {args}: {}",
            lab::text(&output.stderr)
        );
    }
}

/// A LibreQoS directory that is taken over builds to what it was, or says where not.
#[test]
fn a_libreqos_directory_that_is_taken_over_is_compared() {
    let lab = Lab::new("");
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/libreqos-custom/exports");
    let said = lab.run(
        &format!("init taken -v --from-libreqos {}", samples.display()),
        0,
    );
    assert!(said.contains("builds "), "{said}");
    assert!(
        !said.contains("not yet") && !said.contains("cannot be compared"),
        "{said}"
    );
    // What our own build wrote is built again without a difference.
    fs::create_dir(lab.path().join("lqos")).expect("made");
    lab.run("build --strategy full --out out -q", 0);
    for name in ["network.json", "ShapedDevices.csv"] {
        fs::copy(
            lab.path().join("out").join(name),
            lab.path().join("lqos").join(name),
        )
        .expect("copied");
    }
    let said = lab.run("init again --from-libreqos lqos", 0);
    assert!(
        said.contains("the same rates, parents and addresses"),
        "{said}"
    );
    // An edit of the directory after that is a difference of what was built before, and none of a new project.
    let path = lab.path().join("lqos/ShapedDevices.csv");
    let text = fs::read_to_string(&path).expect("read");
    fs::write(&path, text.replace("Circuit 1,", "Jo,")).expect("written");
    let said = lab.run("init third --from-libreqos lqos", 0);
    assert!(said.contains("the same rates"), "{said}");
}
