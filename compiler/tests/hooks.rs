//! What ships for Git, GitHub and GitLab in `ci/`: the files are what those programs read, and the scripts in them run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use yaml_rust2::{Yaml, YamlLoader};

fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::canonicalize(here).expect("the repository")
}

fn yaml(path: &str) -> Yaml {
    let text = fs::read_to_string(root().join(path)).expect(path);
    let mut documents = YamlLoader::load_from_str(&text).expect("YAML");
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

#[allow(clippy::print_stdout)] // A test that does less than its name says so.
fn there(program: &str) -> bool {
    let mut probe = Command::new(program);
    probe
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let there = probe.status().is_ok();
    if !there {
        // Named, so that nobody takes it for a pass.
        println!("skipped: there is no {program} here");
    }
    there
}

/// What `weir init --ci` writes is what the documentation shows, with the project in it, and never over a file.
#[test]
fn init_writes_what_the_forge_looks_for() {
    let shown = fs::read_to_string(root().join("ci/github/workflow.yml")).expect("a workflow");
    let docs = fs::read_to_string(root().join("docs/ci.md")).expect("a page");
    assert!(docs.contains(&shown), "docs/ci.md shows another workflow");

    let dir = tempfile::tempdir().expect("a directory");
    assert!(git(dir.path(), &["init", "-q"]).status.success());
    let weir = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_weir"));
        command.args(args).current_dir(dir.path());
        command.output().expect("weir runs").status.code()
    };
    assert_eq!(weir(&["init", "networks/hill", "--ci", "github"]), Some(0));
    let written = dir.path().join(".github/workflows/weir.yml");
    let text = fs::read_to_string(&written).expect("a workflow");
    assert_eq!(text, shown.replace("networks/lakeside", "networks/hill"));
    assert!(dir.path().join("networks/hill/weir.toml").exists());

    // A project that is there gets a file for the other forge, and nothing is written twice.
    assert_eq!(weir(&["init", "networks/hill", "--ci", "gitlab"]), Some(0));
    let text = fs::read_to_string(dir.path().join(".gitlab-ci.yml")).expect("a job");
    assert!(text.contains("PROJECT: \"networks/hill\""), "{text}");
    assert_eq!(weir(&["init", "networks/hill", "--ci", "github"]), Some(2));
    assert_eq!(weir(&["init", "networks/hill"]), Some(2));
}

fn git(dir: &Path, args: &[&str]) -> Output {
    Command::new("git")
        .args([
            "-c",
            "user.name=t",
            "-c",
            "user.email=t@localhost",
            "-c",
            "commit.gpgsign=false",
        ])
        .args(args)
        .current_dir(dir)
        .env("WEIR", env!("CARGO_BIN_EXE_weir"))
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env_remove("GIT_DIR")
        .env_remove("GIT_INDEX_FILE")
        .output()
        .expect("git runs")
}

const INVENTORY: &str = r#"{ "schema": "weir.inventory/1",
 "nodes": [{"id": "hill", "name": "Hill", "kind": "site", "gateway": true, "kbps": [500000, 500000]}],
 "circuits": [
  {"id": "c1", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d1", "ips": ["100.64.0.2"]}]},
  {"id": "c2", "attach": "hill", "plan_kbps": [100000, 20000], "devices": [{"id": "d2", "ips": ["ADDRESS"]}]}]}
"#;

fn put(dir: &Path, address: &str) {
    fs::create_dir_all(dir.join("exports")).expect("a directory");
    let inventory = INVENTORY.replace("ADDRESS", address);
    fs::write(dir.join("exports/inventory.json"), inventory).expect("a file");
    fs::write(
        dir.join("weir.toml"),
        "[[source]]\nkind = \"inventory\"\nexport = \"exports\"\n\n[topology]\nwan_mbps = 1000\n",
    )
    .expect("a file");
}

/// A repository whose commits the hook looks at.
fn repository() -> Option<TempDir> {
    if !there("git") || !there("sh") {
        return None;
    }
    let dir = tempfile::tempdir().expect("a directory");
    assert!(git(dir.path(), &["init", "-q"]).status.success());
    let hook = dir.path().join(".git/hooks/pre-commit");
    fs::create_dir_all(hook.parent().expect("a directory")).expect("a directory");
    fs::copy(root().join("ci/pre-commit"), &hook).expect("a copy");
    Some(dir)
}

fn commit(dir: &Path) -> (bool, String) {
    assert!(git(dir, &["add", "-A"]).status.success());
    let output = git(dir, &["commit", "-q", "-m", "x"]);
    let said = String::from_utf8_lossy(&output.stderr) + String::from_utf8_lossy(&output.stdout);
    (output.status.success(), said.into_owned())
}

#[test]
fn commits_with_errors_are_stopped() {
    let Some(dir) = repository() else { return };
    let at = dir.path();
    let isp = at.join("networks/my isp");
    fs::write(at.join("README.md"), "nothing of Weir\n").expect("a file");
    assert!(commit(at).0);
    put(&isp, "100.64.0.3");
    let (done, said) = commit(at);
    assert!(done, "{said}");
    put(&isp, "100.64.0.2");
    let (done, said) = commit(at);
    assert!(!done, "{said}");
    assert!(
        said.contains("networks/my isp/exports/inventory.json:4:")
            && said.contains("error ADR001[duplicate-address]")
            && said.contains("stopped (exit 3)"),
        "{said}"
    );
    // What is known stops nobody.
    let known = Command::new(env!("CARGO_BIN_EXE_weir"))
        .args([
            "check",
            "--baseline",
            "weir-baseline.json",
            "--baseline-write",
        ])
        .current_dir(&isp)
        .output()
        .expect("weir runs");
    assert!(known.status.success());
    let (done, said) = commit(at);
    assert!(done, "{said}");
    // A LibreQoS directory is checked as it is.
    let lqos = at.join("lqos");
    fs::create_dir(&lqos).expect("a directory");
    fs::write(lqos.join("network.json"), "{,}").expect("a file");
    fs::write(lqos.join("ShapedDevices.csv"), "Circuit ID,IPv4\n").expect("a file");
    let (done, said) = commit(at);
    assert!(!done && said.contains("SRC008"), "{said}");
}

/// `examples/ci` is what `weir init --ci` makes, to the byte.
#[test]
fn the_example_has_what_init_writes() {
    let example = root().join("examples/ci");
    let dir = tempfile::tempdir().expect("a directory");
    fs::copy(example.join("weir.toml"), dir.path().join("weir.toml")).expect("a copy");
    for (forge, file) in [
        ("github", ".github/workflows/weir.yml"),
        ("gitlab", ".gitlab-ci.yml"),
    ] {
        let mut init = Command::new(env!("CARGO_BIN_EXE_weir"));
        init.args(["init", ".", "--ci", forge])
            .current_dir(dir.path());
        assert!(init.status().expect("weir runs").success());
        let text = |dir: &Path| fs::read_to_string(dir.join(file)).expect(file);
        assert_eq!(text(&example), text(dir.path()), "{file}");
    }
}

#[test]
fn pre_commit_finds_a_hook_that_runs() {
    let hooks = yaml(".pre-commit-hooks.yaml");
    let hook = &hooks[0];
    assert_eq!(hook["id"].as_str(), Some("weir-check"));
    assert_eq!(hook["language"].as_str(), Some("script"));
    for key in ["name", "description", "files"] {
        assert!(hook[key].as_str().is_some_and(|t| !t.is_empty()), "{key}");
    }
    let script = root().join(hook["entry"].as_str().expect("a script"));
    // pre-commit starts it as it is.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_ne!(
            fs::metadata(&script)
                .expect("it is there")
                .permissions()
                .mode()
                & 0o111,
            0
        );
    }
    if !there("sh") {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let run = |files: &[&str], weir: &str| {
        let output = Command::new("sh")
            .arg(&script)
            .args(files)
            .current_dir(dir.path())
            .env("WEIR", weir)
            .output()
            .expect("sh runs");
        output.status.code()
    };
    let weir = env!("CARGO_BIN_EXE_weir");
    put(dir.path(), "100.64.0.2");
    assert_eq!(run(&["exports/inventory.json", "weir.toml"], weir), Some(3));
    put(dir.path(), "100.64.0.3");
    assert_eq!(run(&["exports/inventory.json"], weir), Some(0));
    assert_eq!(run(&["exports/inventory.json"], "no-such-weir"), Some(1));
}

#[test]
fn the_action_annotates_and_passes_the_code_on() {
    let action = yaml("ci/github/action.yml");
    for key in ["name", "description"] {
        assert!(action[key].as_str().is_some(), "{key}");
    }
    assert_eq!(action["runs"]["using"].as_str(), Some("composite"));
    let step = &action["runs"]["steps"][0];
    assert_eq!(step["shell"].as_str(), Some("bash"));
    let run = step["run"].as_str().expect("a script");
    // Every input reaches the script by its environment, never by being pasted into it.
    assert!(!run.contains("${{"), "{run}");
    let env = step["env"].as_hash().expect("an environment");
    let inputs = action["inputs"].as_hash().expect("inputs");
    assert_eq!(env.len(), inputs.len());
    for (name, input) in inputs {
        let wanted = format!("${{{{ inputs.{} }}}}", name.as_str().expect("text"));
        assert!(
            env.values().any(|v| v.as_str() == Some(&wanted)),
            "{wanted}"
        );
        assert!(input["description"].as_str().is_some());
    }
    if !there("bash") {
        return;
    }
    for (address, code) in [("100.64.0.3", 0), ("100.64.0.2", 3)] {
        let dir = tempfile::tempdir().expect("a directory");
        let isp = dir.path().join("isp");
        put(&isp, address);
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-eo", "pipefail", "-c", run])
            .current_dir(dir.path())
            .env("GITHUB_ACTION_PATH", root().join("ci/github"))
            .env("GITHUB_OUTPUT", dir.path().join("output"))
            .env("GITHUB_STEP_SUMMARY", dir.path().join("summary.md"))
            .env("PROJECT", "isp")
            .env("BASELINE", "")
            .env("SARIF", "weir.sarif")
            .env("COMMENT", "comment.md")
            .env("WEIR", env!("CARGO_BIN_EXE_weir"))
            .output()
            .expect("bash runs");
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(code), "{said}");
        assert_eq!(
            said.contains("::error file=isp/exports/inventory.json,"),
            code == 3,
            "{said}"
        );
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).expect(name);
        assert_eq!(read("output"), format!("exit-code={code}\n"));
        assert!(read("summary.md").starts_with("### Weir: "));
        assert_eq!(read("summary.md"), read("comment.md"));
        let sarif: serde_json::Value = serde_json::from_str(&read("weir.sarif")).expect("JSON");
        assert_eq!(sarif["version"], "2.1.0");
    }
}

#[test]
fn the_gitlab_job_keeps_its_report_and_its_code() {
    let file = yaml("ci/gitlab.yml");
    let job = &file["weir-check"];
    let lines: Vec<&str> = job["script"]
        .as_vec()
        .expect("lines")
        .iter()
        .map(|line| line.as_str().expect("text"))
        .collect();
    let report = job["artifacts"]["reports"]["junit"]
        .as_str()
        .expect("a file");
    assert_eq!(job["artifacts"]["when"].as_str(), Some("always"));
    if !there("bash") {
        return;
    }
    let bin = Path::new(env!("CARGO_BIN_EXE_weir"))
        .parent()
        .expect("a directory");
    let path = format!(
        "{}:{}",
        bin.display(),
        std::env::var("PATH").unwrap_or_default()
    );
    for (address, code) in [("100.64.0.3", 0), ("100.64.0.2", 3)] {
        let dir = tempfile::tempdir().expect("a directory");
        put(dir.path(), address);
        let output = Command::new("bash")
            .args(["-eo", "pipefail", "-c", &lines.join("\n")])
            .current_dir(dir.path())
            .env("PATH", &path)
            .env("PROJECT", ".")
            .output()
            .expect("bash runs");
        assert_eq!(output.status.code(), Some(code));
        let xml = fs::read_to_string(dir.path().join(report)).expect("a report");
        assert!(roxmltree::Document::parse(&xml).is_ok());
        assert!(dir.path().join("weir.md").is_file());
    }
}

/// A plan that changed fails both forges until somebody accepts it, and the reviewer sees whose it is.
#[test]
fn what_is_shaped_is_compared_where_a_project_expects_something() {
    if !there("bash") {
        return;
    }
    let example = root().join("examples/ci");
    let job = yaml("ci/gitlab.yml");
    let lines: Vec<&str> = job["weir-check"]["script"]
        .as_vec()
        .expect("lines")
        .iter()
        .map(|line| line.as_str().expect("text"))
        .collect();
    let weir = env!("CARGO_BIN_EXE_weir");
    let bin = Path::new(weir).parent().expect("a directory").display();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    for (plan, code) in [("100000, 20000", 0), ("150000, 20000", 6)] {
        let dir = tempfile::tempdir().expect("a directory");
        for file in ["weir.toml", "weir-baseline.json"] {
            fs::copy(example.join(file), dir.path().join(file)).expect("a copy");
        }
        for folder in ["export", "golden"] {
            fs::create_dir(dir.path().join(folder)).expect("made");
            for entry in fs::read_dir(example.join(folder)).expect("a directory") {
                let from = entry.expect("an entry").path();
                let name = from.file_name().expect("a name");
                fs::copy(&from, dir.path().join(folder).join(name)).expect("a copy");
            }
        }
        let export = dir.path().join("export/inventory.json");
        let text = fs::read_to_string(&export).expect("an export");
        fs::write(&export, text.replace("100000, 20000", plan)).expect("written");
        let run = |script: &str, arguments: &[&str]| {
            let output = Command::new("bash")
                .args(arguments)
                .arg(script)
                .current_dir(dir.path())
                .env("PATH", &path)
                .env("PROJECT", ".")
                .env("BASELINE", "weir-baseline.json")
                .env("GITHUB_STEP_SUMMARY", dir.path().join("summary.md"))
                .output()
                .expect("bash runs");
            (
                String::from_utf8_lossy(&output.stdout).into_owned(),
                output.status.code(),
            )
        };
        let check = root().join("ci/github/check.sh");
        let (said, ended) = run(check.to_str().expect("a plain path"), &[]);
        assert_eq!(ended, Some(code), "{said}");
        // Names come from a CRM: GitHub may take what is printed for commands, so they are in the summary only.
        assert!(!said.contains("Boat House"), "{said}");
        let summary = fs::read_to_string(dir.path().join("summary.md")).expect("a summary");
        assert!(summary.contains("## What is shaped"), "{summary}");
        assert_eq!(summary.contains("Boat House"), code == 6, "{summary}");
        let (said, ended) = run(&lines.join("\n"), &["-eo", "pipefail", "-c"]);
        assert_eq!(ended, Some(code), "{said}");
        assert_eq!(said.contains("Boat House"), code == 6, "{said}");
        assert!(dir.path().join("weir-golden.txt").is_file());
    }
}
