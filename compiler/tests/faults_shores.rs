//! What writes outside the store, killed at every system call: reading a CRM, and writing the files that LibreQoS
//! reads. As in `faults.rs`, a part of the calls unless `WEIR_FULL_SWEEP=1`; where strace may not, said and not done.
#![cfg(feature = "fetch")]

mod lab;

use std::fs;

use lab::Lab;
use lab::inject::{calls, can_inject, faulty, figure, was_killed, with_fault};
use weir_standin::{KEY, Options, SECRET, Standin};

/// Where Debian keeps all certificates of the machine together.
const AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

/// What was read last is named by the lock, whole: after a kill it is the old answer or the new one, and never half.
#[test]
fn killed_anywhere_a_fetch_leaves_the_old_answers_or_the_new_ones() {
    if !can_inject() {
        return;
    }
    let lab = Lab::new("");
    let start = |records| {
        let options = Options {
            records,
            ..Options::new("uisp")
        };
        Standin::start(options).expect("a stand-in")
    };
    let configure = |lab: &Lab, standin: &Standin| {
        let toml = format!(
            "[project]\nname = \"lab\"\n[[source]]\nname = \"crm\"\nkind = \"uisp\"\nurl = \"{}\"\n\
             key = {{ env = \"CRM_KEY\" }}\nsecret = {{ env = \"CRM_SECRET\" }}\n[topology]\nwan_mbps = 1000\n",
            standin.url()
        );
        fs::write(lab.path().join("weir.toml"), toml).expect("written");
    };
    let dress = |mut command: std::process::Command| {
        // The machine's authorities are read before anything is written. From one file it is a few calls; from a directory
        // it is a thousand, and a kill at each of them is the same kill.
        if std::path::Path::new(AUTHORITIES).is_file() {
            command.env("SSL_CERT_FILE", AUTHORITIES);
        }
        command
            .env("CRM_KEY", KEY)
            .env("CRM_SECRET", SECRET)
            .output()
            .expect("it runs")
    };
    let lock = |lab: &Lab| fs::read_to_string(lab.path().join("weir.lock")).expect("a lock");
    let snapshot = |lock: &str| -> String {
        let (_, rest) = lock.split_once("snapshot = \"sha256:").expect("a snapshot");
        rest.split('"').next().expect("a digest").to_owned()
    };
    // What it says is proved: a build reads every byte that the lock names.
    let proved = |lab: &Lab, what: &str| {
        let output = dress(lab.command("check"));
        let said = lab::text(&output.stderr);
        assert!(
            matches!(output.status.code(), Some(0 | 3)),
            "{what}: {said}"
        );
        snapshot(&lock(lab))
    };
    let first = start(5);
    configure(&lab, &first);
    let output = dress(lab.command("fetch"));
    assert!(output.status.success(), "{}", lab::text(&output.stderr));
    let old = proved(&lab, "before");
    drop(first);
    let second = start(usize::MAX);
    configure(&lab, &second);
    let mut points = 0;
    let mut seen = std::collections::BTreeSet::new();
    let mut new = None;
    for call in calls() {
        for n in 1.. {
            assert!(n < 2_000, "{call} has no end");
            let broken = lab.copy();
            let output = dress(faulty(&broken, "fetch", call, "signal=KILL", n));
            let what = format!("fetch, killed at {call} {n}");
            let after = proved(&broken, &what);
            seen.insert(after.clone());
            if !was_killed(&output) {
                assert!(
                    output.status.success(),
                    "{what}: {}",
                    lab::text(&output.stderr)
                );
                assert_ne!(after, old, "{what}: nothing was read");
                break;
            }
            points += 1;
            let again = dress(broken.command("fetch"));
            assert!(
                again.status.success(),
                "{what}, again: {}",
                lab::text(&again.stderr)
            );
            let after = proved(&broken, &what);
            assert_eq!(
                new.get_or_insert_with(|| after.clone()),
                &after,
                "{what}, again"
            );
            assert_eq!(broken.litter(), [""; 0], "{what}, again");
        }
    }
    figure("kill points", points);
    assert!(points >= 4, "{points} points");
    let both = [Some(old), new].into_iter().flatten().collect();
    assert_eq!(seen, both, "it was never killed on one of the sides");
}

/// Each of the two files is the old one or the new one, and the next run makes them a pair again.
#[test]
fn killed_anywhere_a_publication_leaves_whole_files() {
    if !can_inject() {
        return;
    }
    const FILES: [&str; 2] = ["network.json", "ShapedDevices.csv"];
    let lab = Lab::new("[publish]\nto = \"libreqos\"\n");
    fs::create_dir(lab.path().join("libreqos")).expect("made");
    let promote = |kbps: u32| {
        lab.network(4, kbps);
        let export = lab.path().join("export/inventory.json");
        let text = fs::read_to_string(&export).expect("an export");
        // Both files change.
        fs::write(
            &export,
            text.replace("900000", &(900_000 - kbps).to_string()),
        )
        .expect("written");
        lab.run(&format!("promote {} --to production", lab.build()), 0);
    };
    let read = |lab: &Lab| {
        FILES
            .map(|name| fs::read_to_string(lab.path().join("libreqos").join(name)).expect("a file"))
    };
    promote(50_000);
    lab.run("publish", 0);
    let old = read(&lab);
    promote(60_000);
    let mut new = None;
    let mut points = 0;
    for call in calls() {
        for n in 1.. {
            assert!(n < 2_000, "{call} has no end");
            let broken = lab.copy();
            let output = with_fault(&broken, "publish", call, "signal=KILL", n);
            let what = format!("publish, killed at {call} {n}");
            let after = read(&broken);
            broken.run("publish", 0);
            let whole = read(&broken);
            let want = new.get_or_insert_with(|| whole.clone());
            assert_eq!(&whole, want, "{what}, again");
            for ((after, old), new) in after.iter().zip(&old).zip(&*want) {
                assert!(after == old || after == new, "{what}: {after}");
            }
            if !was_killed(&output) {
                assert_eq!(&after, want, "{what}");
                break;
            }
            points += 1;
        }
    }
    figure("kill points", points);
    assert!(points >= 4, "{points} points");
    assert_ne!(Some(old), new);
}
