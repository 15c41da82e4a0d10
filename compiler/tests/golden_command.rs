//! `weir golden` from the outside: made, compared, told apart, accepted.

mod lab;

use std::fs;
use std::path::Path;

use lab::Lab;

const FILES: [&str; 5] = [
    "ShapedDevices.csv",
    "classifier.txt",
    "network.json",
    "queue-plan.json",
    "tree.json",
];

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a directory");
    let name = |e: std::io::Result<fs::DirEntry>| e.expect("an entry").file_name();
    let mut names: Vec<String> = entries
        .map(|e| name(e).into_string().expect("UTF-8"))
        .collect();
    names.sort();
    names
}

#[test]
fn golden_files_are_made_compared_and_accepted() {
    let lab = Lab::new("");
    let told = lab.told("golden", 2);
    assert!(
        told.contains("no golden files yet") && told.contains("`weir golden --accept` makes them"),
        "{told}"
    );
    assert!(!lab.path().join("golden").exists());
    lab.run("golden --accept", 0);
    let golden = lab.path().join("golden");
    assert_eq!(names(&golden), FILES);
    // What is kept is what a build writes, one circuit a line; of the address table a listing that names its digest.
    lab.run("build --out out", 0);
    let read = |file: &str| fs::read(lab.path().join(file)).expect("a file");
    for name in FILES.iter().filter(|name| **name != "classifier.txt") {
        assert_eq!(
            read(&format!("golden/{name}")),
            read(&format!("out/{name}")),
            "{name}"
        );
    }
    let listing = String::from_utf8(read("golden/classifier.txt")).expect("text");
    let digest = weir_compiler::emit::sha256(&read("out/classifier.bin"));
    assert!(
        listing.starts_with(&format!("file classifier.bin weir.classifier/1 {digest}\n")),
        "{listing}"
    );
    assert_eq!(listing.lines().filter(|l| l.contains("100.64.")).count(), 4);
    let tree = fs::read_to_string(golden.join("tree.json")).expect("a file");
    assert_eq!(tree.lines().filter(|l| l.contains("100.64.")).count(), 4);
    // It stands nowhere but in golden/: no store, and no second look is needed.
    assert_eq!(lab.run("golden", 0), "ok\n");
    let same = lab.json("golden", 0);
    assert_eq!(
        (&same["equal"], &same["accepted"]),
        (&true.into(), &false.into())
    );

    lab.network(4, 60_000);
    let said = lab.run("golden", 6);
    assert!(said.contains("4 circuits get other rates"), "{said}");
    assert!(
        said.contains("ShapedDevices.csv differs in line 2\n  - "),
        "{said}"
    );
    assert!(said.contains("weir golden --accept"), "{said}");
    let found = lab.json("golden", 6);
    assert_eq!(found["diff"]["counts"]["rerated"], 4);
    assert_eq!(found["files"][0]["state"], "differs");
    assert_eq!(found["files"][0]["line"], 2);
    // Looking changed nothing; accepting does.
    let said = lab.run("golden --accept", 0);
    assert!(said.contains("4 circuits get other rates"), "{said}");
    assert_eq!(lab.run("golden", 0), "ok\n");
    assert_eq!(names(&golden), FILES);
    let again = lab.json("golden --accept", 0);
    assert_eq!(again["accepted"], false);

    // Damage is a difference too.
    fs::remove_file(golden.join("tree.json")).expect("removed");
    let said = lab.run("golden", 6);
    assert!(said.contains("tree.json is missing"), "{said}");
    let csv = fs::read_to_string(golden.join("ShapedDevices.csv")).expect("a file");
    fs::write(golden.join("ShapedDevices.csv"), csv.replace('\n', "\r\n")).expect("written");
    let said = lab.run("golden", 6);
    assert!(
        said.contains("ShapedDevices.csv has other line ends"),
        "{said}"
    );
}

/// Neither the clock nor what production runs decides; `golden/previous/` does.
#[test]
fn no_day_passes_and_only_golden_previous_is_followed() {
    let lab = Lab::new("");
    let text = "[[circuit]]\nid = \"c1\"\nreason = \"r\"\nexpires = 2001-01-01\nname = \"Other\"\n";
    fs::write(lab.path().join("overrides.toml"), text).expect("written");
    lab.run("golden --accept", 0);
    let csv = || fs::read_to_string(lab.path().join("golden/ShapedDevices.csv")).expect("a file");
    assert!(csv().contains("c1,Other,"));
    lab.run("golden --as-of 2000-12-31", 0);
    lab.run("golden --as-of 2001-01-01", 6);
    fs::remove_file(lab.path().join("overrides.toml")).expect("removed");

    lab.network(1, 50_000);
    let first = lab.build();
    lab.run(&format!("promote {first} --to production"), 0);
    lab.network(4, 50_000);
    lab.run("golden --accept", 0);
    let previous = |out: &str| lab.json(out, 0)["artifact"]["digest"].clone();
    assert_eq!(
        lab.json("golden", 0)["digest"],
        previous("build --previous none")
    );
    // A directory with what production ran: its numbers are kept.
    lab.network(1, 70_000);
    lab.run("build --out golden/previous", 0);
    lab.network(4, 50_000);
    let follows = lab.json("golden --accept", 0);
    assert_eq!(
        follows["digest"],
        previous("build --previous golden/previous")
    );
    assert_eq!(
        names(&lab.path().join("golden")).len(),
        FILES.len() + 1,
        "previous/ stays"
    );
    lab.run("golden", 0);
}

#[test]
fn what_cannot_be_built_is_not_compared() {
    let lab = Lab::new("");
    lab.run("golden --accept", 0);
    let before = fs::read(lab.path().join("golden/tree.json")).expect("a file");
    fs::write(lab.path().join("export/inventory.json"), "{").expect("written");
    for args in ["golden", "golden --accept"] {
        let told = lab.told(args, 5);
        assert!(told.contains("nothing was compared"), "{told}");
    }
    let after = fs::read(lab.path().join("golden/tree.json")).expect("a file");
    assert_eq!(before, after);
}
