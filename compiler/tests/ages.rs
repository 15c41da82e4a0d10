//! How old the data of a source is, where it is read over the network: `weir.lock` knows when it was read for the last
//! time, its snapshot only when the same answers came first.
#![cfg(feature = "fetch")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use weir_standin::{KEY, Options, SECRET, Standin};

/// Runs `weir`, which must end with this code, and gives stdout and stderr.
#[track_caller]
fn weir(dir: &Path, args: &str, code: i32) -> (String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args(args.split_whitespace())
        .current_dir(dir)
        .env_clear()
        .env("CRM_KEY", KEY)
        .env("CRM_SECRET", SECRET)
        .stdin(Stdio::null())
        .output()
        .expect("weir runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let said = (text(&output.stdout), text(&output.stderr));
    assert_eq!(
        output.status.code(),
        Some(code),
        "weir {args}\n{}{}",
        said.0,
        said.1
    );
    said
}

/// Puts this time in place of every line of the file that holds `key`.
fn set_time(path: &Path, key: &str, time: &str) {
    let text = fs::read_to_string(path).expect("a file");
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let at = line.find(key).map(|at| at + key.len());
        lines.push(
            match at.and_then(|at| Some((at, line[at..].find('"')? + at))) {
                Some((_, quote)) => {
                    let end = line[quote + 1..].find('"').expect("a string") + quote + 1;
                    format!("{}{time}{}", &line[..=quote], &line[end..])
                }
                None => line.to_owned(),
            },
        );
    }
    fs::write(path, lines.join("\n") + "\n").expect("written");
}

fn stale(dir: &Path) -> bool {
    let (out, _) = weir(dir, "check --format json", 0);
    let json: Value = serde_json::from_str(&out).expect("JSON");
    let findings = json["findings"].as_array().expect("findings");
    findings.iter().any(|f| f["code"] == "SRC006")
}

#[test]
fn a_source_is_as_old_as_its_last_reading() {
    let standin = Standin::start(Options::new("uisp")).expect("a stand-in");
    let dir = tempfile::tempdir().expect("a directory");
    let toml = format!(
        "[project]\nname = \"lakeside\"\n\n[[source]]\nname = \"crm\"\nkind = \"uisp\"\nurl = \"{}\"\n\
         key = {{ env = \"CRM_KEY\" }}\nsecret = {{ env = \"CRM_SECRET\" }}\n\n[topology]\nwan_mbps = [5000, 5000]\n",
        standin.url()
    );
    fs::write(dir.path().join("weir.toml"), toml).expect("written");
    weir(dir.path(), "fetch", 0);
    let (out, _) = weir(dir.path(), "build --format json", 0);
    let built: Value = serde_json::from_str(&out).expect("JSON");
    let digest = built["artifact"]["digest"].as_str().expect("a digest");
    let lock = dir.path().join("weir.lock");
    let promote = format!("promote {digest} --to production");

    // The same answers came for the first time long ago: their snapshot says so, and the lock knows better.
    let snapshots = dir.path().join(".weir/store/snapshots");
    let snapshot = fs::read_dir(&snapshots)
        .expect("listed")
        .next()
        .expect("one");
    let export = snapshot.expect("an entry").path().join("export.json");
    for key in ["\"time\":", "\"started\":", "\"finished\":"] {
        set_time(&export, key, "2020-01-01T00:00:00Z");
    }
    assert!(!stale(dir.path()), "it was read just now");

    let now = fs::read_to_string(&lock).expect("a lock");
    set_time(&lock, "fetched =", "2020-01-01T00:00:00Z");
    assert!(stale(dir.path()), "it was read years ago");
    let (_, told) = weir(dir.path(), &promote, 4);
    assert!(
        told.contains("source crm is") && told.contains("max_source_age"),
        "{told}"
    );
    let (log, _) = weir(dir.path(), "log production", 0);
    assert!(
        log.contains("refused") && log.contains("source crm is"),
        "{log}"
    );

    // A lock that speaks of other answers says nothing of these: then the first reading counts.
    fs::write(
        &lock,
        now.replace("sha256:", "sha256:ffff")
            .replace("\nsnapshot", "\n#"),
    )
    .expect("written");
    weir(dir.path(), "fetch", 2);
    fs::write(&lock, "version = 1\n").expect("written");
    let (_, told) = weir(dir.path(), &promote, 4);
    assert!(told.contains("source crm is"), "{told}");

    // Read again, the same answers are new again.
    weir(dir.path(), "fetch", 0);
    assert!(!stale(dir.path()));
    weir(dir.path(), &promote, 0);
}
