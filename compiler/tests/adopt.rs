//! Files that were edited by hand become overrides, and the next build says what the file says.

mod lab;

use std::fs;

use lab::Lab;

fn edit(lab: &Lab, name: &str, edits: &[(&str, &str)]) -> String {
    let digest = lab.head("production")["digest"]
        .as_str()
        .expect("a digest")
        .to_owned();
    let path = lab.store().join("artifacts").join(digest).join(name);
    let mut text = fs::read_to_string(path).expect("read");
    for (from, to) in edits {
        assert!(text.contains(from), "{from} is not in\n{text}");
        text = text.replace(from, to);
    }
    fs::write(lab.path().join("edited"), &text).expect("written");
    text
}

fn a_lab() -> Lab {
    let lab = Lab::new("strategy = \"full\"\n");
    let first = lab.build();
    lab.run(&format!("promote {first} --to production"), 0);
    lab
}

/// The file that a build of the project makes now.
fn built(lab: &Lab, name: &str) -> String {
    lab.run("build --out out -q", 0);
    fs::read_to_string(lab.path().join("out").join(name)).expect("read")
}

#[test]
fn an_edited_shaped_devices_is_reproduced_by_the_next_build() {
    let lab = a_lab();
    let edited = edit(
        &lab,
        "ShapedDevices.csv",
        &[
            ("Circuit 1,", "Jo Doe,"),
            ("100.64.0.3", "100.64.0.99"),
            (",50,10,", ",25.5,7,"),
        ],
    );
    let report = lab.json("adopt edited", 0);
    assert_eq!(report["left"].as_array().map(Vec::len), Some(0), "{report}");
    assert_eq!(built(&lab, "ShapedDevices.csv"), edited);
    let overrides = fs::read_to_string(lab.path().join("overrides.toml")).expect("read");
    assert!(overrides.contains("name = \"Circuit 1\" }"), "{overrides}");
    assert!(overrides.contains("device = \"d2\""), "{overrides}");
    // Once more: nothing is new, and what is said is said once.
    let again = lab.json("adopt edited", 0);
    assert_eq!(again["left"].as_array().map(Vec::len), Some(0), "{again}");
    assert_eq!(built(&lab, "ShapedDevices.csv"), edited);
}

#[test]
fn another_edit_of_the_same_cell_replaces_the_one_before() {
    let lab = a_lab();
    edit(
        &lab,
        "ShapedDevices.csv",
        &[("100.64.0.3", "100.64.0.99"), ("100.64.0.4", "100.64.0.98")],
    );
    lab.run("adopt edited", 0);
    let edited = edit(
        &lab,
        "ShapedDevices.csv",
        &[("100.64.0.3", "100.64.0.97"), ("100.64.0.4", "100.64.0.98")],
    );
    lab.run("adopt edited", 0);
    assert_eq!(built(&lab, "ShapedDevices.csv"), edited);
    let overrides = fs::read_to_string(lab.path().join("overrides.toml")).expect("read");
    assert!(!overrides.contains("100.64.0.99"), "{overrides}");
    // Of one device alone.
    lab.run("override remove circuit c2 addresses --device d1", 2);
    lab.run("override remove circuit c2 addresses --device d2", 0);
    let overrides = fs::read_to_string(lab.path().join("overrides.toml")).expect("read");
    assert!(
        !overrides.contains("100.64.0.97") && overrides.contains("100.64.0.98"),
        "{overrides}"
    );
}

#[test]
fn an_edited_network_is_reproduced_by_the_next_build() {
    let lab = a_lab();
    let edited = edit(
        &lab,
        "network.json",
        &[(
            "\"downloadBandwidthMbps\": 900",
            "\"downloadBandwidthMbps\": 450",
        )],
    );
    lab.run("adopt edited", 0);
    assert_eq!(built(&lab, "network.json"), edited);
}

#[test]
fn what_cannot_be_said_is_left_with_what_to_do_and_code_6() {
    let lab = a_lab();
    let text = edit(&lab, "ShapedDevices.csv", &[("Circuit 1,", "Jo Doe,")]);
    let kept: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with("c2,"))
        .collect();
    fs::write(lab.path().join("edited"), kept.join("\n")).expect("written");
    let said = lab.run("adopt edited", 6);
    assert!(said.contains("circuit \"c2\" was deleted"), "{said}");
    assert!(
        said.contains("weir override add circuit c2 --set exclude=true"),
        "{said}"
    );
    let overrides = fs::read_to_string(lab.path().join("overrides.toml")).expect("read");
    assert!(
        overrides.contains("Jo Doe"),
        "the rest is adopted: {overrides}"
    );
    // What is suggested does it.
    lab.run(
        "override add circuit c2 --set exclude=true --reason gone",
        0,
    );
    assert!(!built(&lab, "ShapedDevices.csv").contains("\nc2,"));
}

/// A ceiling above what the node carries would not come out: it is not written.
#[test]
fn what_a_build_would_not_reproduce_is_not_written() {
    let lab = a_lab();
    edit(
        &lab,
        "ShapedDevices.csv",
        &[(",50,10,", ",5000,10,"), ("Circuit 1,", "Jo Doe,")],
    );
    let said = lab.run("adopt edited", 6);
    assert!(
        said.contains("left: max of circuit \"c1\" was changed to 5000/10"),
        "{said}"
    );
    let overrides = fs::read_to_string(lab.path().join("overrides.toml")).expect("read");
    assert!(
        overrides.contains("Jo Doe") && !overrides.contains("5000"),
        "{overrides}"
    );
}

#[test]
fn a_dry_run_and_a_file_that_is_none_write_nothing() {
    let lab = a_lab();
    edit(&lab, "ShapedDevices.csv", &[("Circuit 1,", "Jo Doe,")]);
    lab.run("adopt edited --dry-run", 0);
    fs::write(lab.path().join("none"), "a,b\n1,2\n").expect("written");
    lab.run("adopt none", 2);
    lab.run("adopt nowhere", 1);
    assert!(!lab.path().join("overrides.toml").exists());
    edit(&lab, "ShapedDevices.csv", &[]);
    let said = lab.run("adopt edited", 0);
    assert!(said.contains("no difference"), "{said}");
}

/// What was published is recognised by what lies beside it, whatever the channel runs by now.
#[test]
fn a_published_file_is_compared_with_what_was_published() {
    let lab = a_lab();
    fs::create_dir(lab.path().join("lqos")).expect("made");
    lab.run("publish --to lqos", 0);
    let second = lab.build_with(4, 60_000);
    lab.run(&format!("promote {second} --to production"), 0);
    lab.network(4, 50_000);
    let path = lab.path().join("lqos/ShapedDevices.csv");
    let edited = fs::read_to_string(&path)
        .expect("read")
        .replace("Circuit 3,", "Ann,");
    fs::write(&path, &edited).expect("written");
    let report = lab.json("adopt lqos/ShapedDevices.csv", 0);
    assert_eq!(
        report["adopted"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
    assert_eq!(built(&lab, "ShapedDevices.csv"), edited);
}
