//! What goes wrong on the first box: every mistake is answered with what to type or what to edit next.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

const NOBODY: u32 = 65_534;

fn said(dir: &Path, arguments: &[&str], as_nobody: bool) -> (String, Option<i32>) {
    let mut runtime = Command::new(env!("CARGO_BIN_EXE_weir-runtime"));
    runtime
        .args(arguments)
        .current_dir(dir)
        .env_clear()
        .stdin(Stdio::null());
    if as_nobody {
        runtime.uid(NOBODY).gid(NOBODY);
    }
    let output = runtime.output().expect("weir-runtime runs");
    let text = [output.stdout, output.stderr].concat();
    (
        String::from_utf8_lossy(&text).into_owned(),
        output.status.code(),
    )
}

#[test]
fn mistakes_are_answered_with_what_to_do_next() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = "[socket]\npath = \"nowhere.sock\"\n";
    for (name, text) in [
        ("socket.toml", socket),
        ("key.toml", "[store]\nchanel = \"lab\"\n"),
        ("none.toml", "[store\n"),
    ] {
        fs::write(dir.path().join(name), text).expect("written");
    }
    let mistakes: [(&[&str], i32, &str); 6] = [
        (
            &["--config", "socket.toml", "status"],
            1,
            "systemctl status weir-runtime",
        ),
        (
            &["--config", "key.toml", "status"],
            2,
            "did you mean `store.channel`?",
        ),
        (
            &["--config", "none.toml", "status"],
            2,
            "`weir-runtime doctor`",
        ),
        (&["--config", "nowhere.toml", "status"], 2, "leave it away"),
        (&["statsu"], 2, "'status'"),
        (&["apply"], 2, "weir-runtime apply"),
    ];
    for (arguments, code, answer) in mistakes {
        let (text, ended) = said(dir.path(), arguments, false);
        assert_eq!(ended, Some(code), "{arguments:?}: {text}");
        assert!(text.contains(answer), "{arguments:?}: {text}");
    }
}

/// Root may do everything, so somebody else is asked: where the program cannot be run by others, that is said.
#[allow(clippy::print_stdout)] // A test that does less than its name says so.
fn others_can_run_it() -> bool {
    let mut runtime = Command::new(env!("CARGO_BIN_EXE_weir-runtime"));
    runtime.arg("--version").uid(NOBODY).gid(NOBODY);
    let can = runtime.output().is_ok_and(|output| output.status.success());
    if !can {
        println!("skipped: user nobody cannot run what was built here");
    }
    can
}

/// Whoever is not root is told how it is started.
#[test]
fn who_may_not_is_told_who_may() {
    let owner = fs::metadata("/proc/self").expect("this process");
    let is_root = std::os::unix::fs::MetadataExt::uid(&owner) == 0;
    if is_root && !others_can_run_it() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let settings = format!("[state]\ndir = \"{}/state\"\n", dir.path().display());
    fs::write(dir.path().join("runtime.toml"), settings).expect("written");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o555)).expect("set");
    for arguments in [
        &["--config", "runtime.toml", "run"][..],
        &["--config", "runtime.toml", "apply", "0123456789"],
    ] {
        let (text, code) = said(dir.path(), arguments, is_root);
        assert_eq!(code, Some(1), "{arguments:?}: {text}");
        assert!(
            text.contains("`systemctl start weir-runtime`"),
            "{arguments:?}: {text}"
        );
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("set");
}
