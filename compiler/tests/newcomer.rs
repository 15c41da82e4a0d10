//! What goes wrong in the first hour: every mistake is answered with what to type or what to edit next.
//!
//! One row a mistake. It knows the mistakes, not how they are found out.

mod lab;

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const NOBODY: u32 = 65_534;

/// A project whose only source is recorded here.
const RECORDED: &str = "[[source]]\nname = \"own\"\nkind = \"inventory\"\nexport = \"export\"\n";

/// A source that is read over the network, where nobody listens.
const LIVE: &str = "[[source]]\nname = \"crm\"\nkind = \"uisp\"\nurl = \"https://127.0.0.1:9\"\nkey = { env = \"UISP_KEY\" }\n";

const INVENTORY: &str = r#"{"schema": "weir.inventory/1",
 "nodes": [{"id": "core", "kind": "root"}, {"id": "a1", "kind": "ap", "parent": "core", "kbps": [100000, 100000]}],
 "links": [], "circuits": [{"id": "c1", "attach": "a1", "plan_kbps": [10000, 1000],
  "devices": [{"id": "d1", "ips": ["100.64.0.1"]}]}]}"#;

struct Mistake {
    what: &'static str,
    /// Files of the directory that the command runs in.
    files: &'static [(&'static str, &'static str)],
    command: &'static str,
    code: i32,
    /// The answer has each of these: the next command, or the exact edit.
    answer: &'static [&'static str],
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        what: "the wrong directory",
        files: &[("README", "not a project")],
        command: "check",
        code: 2,
        answer: &["`weir init .`"],
    },
    Mistake {
        what: "an empty directory, for a build",
        files: &[],
        command: "build",
        code: 2,
        answer: &["`weir init .`"],
    },
    Mistake {
        what: "no project yet, for the doctor",
        files: &[],
        command: "doctor",
        code: 2,
        answer: &["`weir init .`"],
    },
    Mistake {
        what: "a directory that is not there",
        files: &[],
        command: "check nowhere",
        code: 2,
        answer: &["`weir init nowhere`"],
    },
    Mistake {
        what: "a command that is misspelt",
        files: &[],
        command: "chekc",
        code: 2,
        answer: &["'check'", "--help"],
    },
    Mistake {
        what: "an option that is misspelt",
        files: &[],
        command: "check --formt json",
        code: 2,
        answer: &["'--format'", "weir check"],
    },
    Mistake {
        what: "a project that is there already",
        files: &[("weir.toml", RECORDED)],
        command: "init .",
        code: 2,
        answer: &["edit it, or name another directory"],
    },
    Mistake {
        what: "a new project, before anything was recorded",
        files: &[(
            "weir.toml",
            "[[source]]\nname = \"crm\"\nkind = \"uisp\"\nexport = \"exports/uisp\"\n",
        )],
        command: "check",
        code: 5,
        answer: &["put crm-clients.json", "`url` and `key`", "`weir fetch`"],
    },
    Mistake {
        what: "an export without files",
        files: &[("weir.toml", RECORDED), ("export/notes.txt", "")],
        command: "check",
        code: 5,
        answer: &["expected inventory.json"],
    },
    Mistake {
        what: "TOML that is none",
        files: &[("weir.toml", "[topology\n")],
        command: "check",
        code: 2,
        answer: &["weir.toml:1:", "`weir check`"],
    },
    Mistake {
        what: "an unknown key",
        files: &[("weir.toml", "[topology]\nstrategi = \"flat\"\n")],
        command: "check",
        code: 2,
        answer: &["did you mean `strategy`?"],
    },
    Mistake {
        what: "an unknown kind of source",
        files: &[(
            "weir.toml",
            "[[source]]\nname = \"a\"\nkind = \"uisq\"\nexport = \"x\"\n",
        )],
        command: "check",
        code: 2,
        answer: &["did you mean \"uisp\"?"],
    },
    Mistake {
        what: "an unknown strategy",
        files: &[(
            "weir.toml",
            "[[source]]\nname = \"own\"\nkind = \"inventory\"\nexport = \"export\"\n[topology]\nstrategy = \"ap_sites\"\n",
        )],
        command: "check",
        code: 2,
        answer: &["did you mean \"ap_site\"?"],
    },
    Mistake {
        what: "an unknown strategy on the command line",
        files: &[("weir.toml", RECORDED)],
        command: "tree --strategy ap_sites",
        code: 2,
        answer: &["ap_site"],
    },
    Mistake {
        what: "a spreadsheet instead of CSV",
        files: &[
            ("ShapedDevices.csv", "PK\u{3}\u{4}\u{0}\u{0}xl/workbook.xml"),
            ("network.json", "{}"),
        ],
        command: "check .",
        code: 5,
        answer: &["save it again as CSV", "first row", "`weir check`"],
    },
    Mistake {
        what: "a CSV with other columns",
        files: &[
            ("ShapedDevices.csv", "name,speed\nAnna,100\n"),
            ("network.json", "{}"),
        ],
        command: "check .",
        code: 5,
        answer: &["save it again as CSV", "Circuit ID"],
    },
    Mistake {
        what: "JSON that broke off",
        files: &[
            (
                "ShapedDevices.csv",
                "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment\n",
            ),
            ("network.json", "{\"a\": {"),
        ],
        command: "check .",
        code: 5,
        answer: &["mend it there, or fetch again"],
    },
    Mistake {
        what: "half a LibreQoS directory",
        files: &[("lqos/network.json", "{}")],
        command: "init new --from-libreqos lqos",
        code: 2,
        answer: &["name the directory that holds network.json and ShapedDevices.csv"],
    },
    Mistake {
        what: "building before reading the CRM",
        files: &[("weir.toml", LIVE)],
        command: "build",
        code: 5,
        answer: &["`weir fetch` reads it"],
    },
    Mistake {
        what: "a secret that is not set",
        files: &[("weir.toml", LIVE)],
        command: "fetch",
        code: 2,
        answer: &["set UISP_KEY", "{ file = \"secrets/NAME\" }"],
    },
    Mistake {
        what: "a CRM that is not there",
        files: &[
            (
                "weir.toml",
                "[[source]]\nname = \"crm\"\nkind = \"uisp\"\nurl = \"https://127.0.0.1:9\"\nkey = { file = \"key\" }\ntimeout = \"2s\"\n",
            ),
            ("key", "k\n"),
        ],
        command: "doctor",
        code: 1,
        answer: &["can this machine reach it?", "`weir doctor`"],
    },
    Mistake {
        what: "a secret that others can read",
        files: &[
            (
                "weir.toml",
                "[[source]]\nname = \"crm\"\nkind = \"uisp\"\nurl = \"https://127.0.0.1:9\"\nkey = { file = \"open\" }\n",
            ),
            ("open", "k\n"),
        ],
        command: "doctor",
        code: 1,
        answer: &["`chmod 600 open`"],
    },
    Mistake {
        what: "a rule that is not there",
        files: &[],
        command: "explain RAT999",
        code: 2,
        answer: &["`weir rules`"],
    },
    Mistake {
        what: "promoting what is no digest",
        files: &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
        command: "promote latest --to production",
        code: 2,
        answer: &["`weir build` prints the digest"],
    },
    Mistake {
        what: "promoting what was never built",
        files: &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
        command: "promote 0123456789abcdef --to production",
        code: 2,
        answer: &["`weir build` prints the digest"],
    },
    Mistake {
        what: "going back from nothing",
        files: &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
        command: "rollback production",
        code: 4,
        answer: &["weir promote DIGEST --to production"],
    },
    Mistake {
        what: "publishing to nowhere",
        files: &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
        command: "publish",
        code: 2,
        answer: &["`--to DIR`", "[publish]"],
    },
    Mistake {
        what: "golden files that were never made",
        files: &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
        command: "golden",
        code: 2,
        answer: &["`weir golden --accept`"],
    },
    Mistake {
        what: "a baseline that was never made",
        files: &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
        command: "check --baseline weir-baseline.json",
        code: 2,
        answer: &["`--baseline-write`"],
    },
    Mistake {
        what: "adopting a file that is not there",
        files: &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
        command: "adopt nowhere.csv",
        code: 1,
        answer: &["`weir adopt ShapedDevices.csv`"],
    },
    Mistake {
        what: "a store that is none",
        files: &[],
        command: "pull --from file:nowhere --channel production --into mirror",
        code: 2,
        answer: &["file:DIR"],
    },
];

/// What a command said, and its code.
fn said(dir: &Path, command: &str, as_nobody: bool) -> (String, Option<i32>) {
    let mut weir = Command::new(&*lab::WEIR);
    weir.args(command.split(' '))
        .current_dir(dir)
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("COLUMNS", "4000")
        .stdin(Stdio::null());
    if as_nobody {
        weir.uid(NOBODY).gid(NOBODY);
    }
    let output = weir.output().expect("weir runs");
    let text = lab::text(&output.stdout) + &lab::text(&output.stderr);
    (in_one_line(&text), output.status.code())
}

/// Without the breaks and the frame that a terminal needs.
fn in_one_line(text: &str) -> String {
    let words = text
        .split_whitespace()
        .filter(|word| !matches!(*word, "│" | "|"));
    words.collect::<Vec<_>>().join(" ")
}

/// Root may write everywhere, so somebody else is asked: where the command cannot be run by others, that is said.
fn others_can_run_it() -> bool {
    let mut weir = Command::new(&*lab::WEIR);
    weir.arg("--version").uid(NOBODY).gid(NOBODY);
    let can = weir.output().is_ok_and(|output| output.status.success());
    if !can {
        lab::skip("user nobody cannot run what was built here");
    }
    can
}

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(&path, text).expect("written");
        if *name == "key" {
            // A secret that others can read is refused: that is another mistake.
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        }
    }
}

#[test]
fn every_mistake_is_answered_with_what_to_do_next() {
    let mut wrong = Vec::new();
    for mistake in MISTAKES {
        let dir = tempfile::tempdir().expect("a directory");
        write(dir.path(), mistake.files);
        let (text, code) = said(dir.path(), mistake.command, false);
        let missing: Vec<_> = mistake
            .answer
            .iter()
            .filter(|a| !text.contains(**a))
            .collect();
        if code != Some(mistake.code) || !missing.is_empty() {
            wrong.push(format!(
                "{}: weir {}: exit {code:?}, missing {missing:?} in\n  {text}",
                mistake.what, mistake.command
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Latin-1, as spreadsheets write it, is read and said.
#[test]
fn another_encoding_is_read_and_named() {
    let dir = tempfile::tempdir().expect("a directory");
    write(
        dir.path(),
        &[(
            "network.json",
            "{\"Tower\": {\"downloadBandwidthMbps\": 100, \"uploadBandwidthMbps\": 100}}",
        )],
    );
    let header = "Circuit ID,Circuit Name,Device ID,Device Name,Parent Node,MAC,IPv4,IPv6,Download Min Mbps,Upload Min Mbps,Download Max Mbps,Upload Max Mbps,Comment\n";
    let mut csv = header.as_bytes().to_vec();
    csv.extend(b"1,M\xfcller,1,M\xfcller,Tower,,100.64.0.1,,1,1,10,10,\n");
    fs::write(dir.path().join("ShapedDevices.csv"), csv).expect("written");
    let (text, code) = said(dir.path(), "check .", false);
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.contains("windows-1252") || text.contains("UTF-8"),
        "{text}"
    );
}

#[test]
fn a_store_that_may_not_be_written_names_the_edit() {
    let is_root =
        fs::metadata("/proc/self").is_ok_and(|m| std::os::unix::fs::MetadataExt::uid(&m) == 0);
    if is_root && !others_can_run_it() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    write(
        dir.path(),
        &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
    );
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).expect("set");
    let (text, code) = said(dir.path(), "build", is_root);
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("set");
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("give this user the right to write there"),
        "{text}"
    );
    assert!(text.contains("`store.url` in weir.toml"), "{text}");
}

#[test]
fn a_port_that_is_taken_names_another() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let dir = tempfile::tempdir().expect("a directory");
    write(
        dir.path(),
        &[
            ("weir.toml", RECORDED),
            ("export/inventory.json", INVENTORY),
        ],
    );
    let bind = format!("serve --bind {}", taken.local_addr().expect("an address"));
    let (text, code) = said(dir.path(), &bind, false);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("choose another place, such as --bind"),
        "{text}"
    );
}

/// The CRM says no: the key is to be made anew, and what tries it is named.
#[test]
fn a_wrong_key_says_what_tries_the_next_one() {
    let standin =
        weir_standin::Standin::start(weir_standin::Options::new("uisp")).expect("a stand-in");
    let dir = tempfile::tempdir().expect("a directory");
    let toml = format!(
        "[[source]]\nname = \"crm\"\nkind = \"uisp\"\nurl = \"{}\"\nkey = {{ file = \"key\" }}\n",
        standin.url()
    );
    write(
        dir.path(),
        &[("weir.toml", &toml), ("key", "not-the-key\n")],
    );
    let (text, code) = said(dir.path(), "fetch", false);
    assert_eq!(code, Some(5), "{text}");
    assert!(text.contains("make a new one in the CRM"), "{text}");
    assert!(text.contains("`weir doctor` tries it"), "{text}");
    assert!(!text.contains("not-the-key"), "{text}");
}
