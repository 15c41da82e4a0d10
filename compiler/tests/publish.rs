//! `weir publish` from the outside: the pair, the modes, edited files, and what an interrupted run leaves.

mod lab;

use std::fs;
use std::path::PathBuf;

use lab::Lab;

const FILES: [&str; 2] = ["network.json", "ShapedDevices.csv"];
const STATE: &str = ".weir-published.json";

/// A lab with a directory of LibreQoS, and what production runs.
struct Isp {
    lab: Lab,
    digest: String,
}

impl Isp {
    fn new(overwrite: &str) -> Isp {
        let lab = Lab::new(&format!(
            "[publish]\nto = \"libreqos\"\noverwrite = \"{overwrite}\"\n"
        ));
        fs::create_dir(lab.path().join("libreqos")).expect("made");
        let mut isp = Isp {
            lab,
            digest: String::new(),
        };
        isp.promote(50_000);
        isp
    }

    fn promote(&mut self, kbps: u32) {
        self.lab.network(4, kbps);
        // Both files change.
        let export = self.lab.path().join("export/inventory.json");
        let text = fs::read_to_string(&export).expect("an export");
        let capacity = (900_000 - kbps).to_string();
        fs::write(&export, text.replace("900000", &capacity)).expect("written");
        self.digest = self.lab.build();
        let promote = format!("promote {} --to production", self.digest);
        self.lab.run(&promote, 0);
    }

    fn at(&self, name: &str) -> PathBuf {
        self.lab.path().join("libreqos").join(name)
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.at(name), text).expect("written");
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.at("")).expect("a directory");
        let mut names: Vec<String> = entries
            .map(|e| {
                e.expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("UTF-8")
            })
            .collect();
        names.sort();
        names
    }

    /// Both files are those of what production runs.
    #[track_caller]
    fn is_published(&self) {
        for name in FILES {
            let stored = self
                .lab
                .store()
                .join("artifacts")
                .join(&self.digest)
                .join(name);
            let stored = fs::read_to_string(stored).expect("stored");
            assert_eq!(self.read(name), stored, "{name}");
        }
    }
}

#[test]
fn the_pair_is_written_once_and_the_one_before_is_kept() {
    let mut isp = Isp::new("always");
    let first = isp.lab.json("publish", 0);
    assert_eq!(
        (&first["outcome"], &first["artifact"]),
        (&"published".into(), &isp.digest.as_str().into())
    );
    isp.is_published();
    assert_eq!(isp.names(), [STATE, "ShapedDevices.csv", "network.json"]);
    let written = |isp: &Isp| {
        FILES.map(|f| {
            fs::metadata(isp.at(f))
                .expect("there")
                .modified()
                .expect("a time")
        })
    };
    let before = written(&isp);
    assert_eq!(isp.lab.json("publish", 0)["outcome"], "unchanged");
    assert_eq!(written(&isp), before);

    let old = FILES.map(|f| isp.read(f));
    isp.promote(60_000);
    let said = isp.lab.run("publish", 0);
    assert!(said.contains("network.json.previous"), "{said}");
    isp.is_published();
    for (name, old) in FILES.iter().zip(&old) {
        assert_eq!(isp.read(&format!("{name}.previous")), *old);
    }
    assert_ne!(isp.read("ShapedDevices.csv"), old[1]);
    // Another artifact by its digest, elsewhere.
    fs::create_dir(isp.lab.path().join("other")).expect("made");
    let other = isp.lab.build_with(4, 70_000);
    isp.lab.run(&format!("publish {other} --to other"), 0);
    let csv = fs::read_to_string(isp.lab.path().join("other/ShapedDevices.csv")).expect("there");
    assert!(csv.contains(",70,10,"), "{csv}");
    isp.is_published();
}

#[test]
fn an_edited_file_is_saved_and_reported_in_every_mode() {
    for (mode, code) in [("always", 0), ("when-unedited", 4), ("never", 4)] {
        for name in FILES {
            let mut isp = Isp::new(mode);
            isp.lab.run("publish", 0);
            let edited = format!("{} ", isp.read(name));
            isp.write(name, &edited);
            isp.promote(60_000);
            let found = isp.lab.json("publish", code);
            let at = usize::from(name == FILES[1]);
            assert_eq!(found["files"][at]["was"], "edited", "{mode} {name}");
            let saved = found["files"][at]["saved_as"].as_str().expect("saved");
            assert!(saved.starts_with(&format!("{name}.edited-")), "{saved}");
            assert_eq!(isp.read(saved), edited);
            if code == 0 {
                isp.is_published();
                assert_eq!(isp.read(&format!("{name}.previous")), edited);
                continue;
            }
            // Neither file was touched, and saying it again saves nothing more.
            assert_eq!(isp.read(name), edited);
            let names = isp.names();
            let said = isp.lab.run("publish", 4);
            assert!(
                said.contains("was edited") && said.contains("refused"),
                "{said}"
            );
            assert_eq!(isp.names(), names);
            isp.lab.run("publish --overwrite always", 0);
            isp.is_published();
            assert_eq!(isp.read(saved), edited);
        }
    }
}

/// Files that were there before Weir are somebody's work.
#[test]
fn files_of_others_are_edited_files() {
    for (mode, code) in [("always", 0), ("when-unedited", 4), ("never", 4)] {
        let isp = Isp::new(mode);
        isp.write("network.json", "{}\n");
        let found = isp.lab.json("publish", code);
        let saved = found["files"][0]["saved_as"].as_str().expect("saved");
        assert_eq!(isp.read(saved), "{}\n");
        assert_eq!(isp.at("ShapedDevices.csv").exists(), code == 0);
    }
    // A state that cannot be read claims nothing.
    let mut isp = Isp::new("when-unedited");
    isp.lab.run("publish", 0);
    isp.write(STATE, "{");
    isp.promote(60_000);
    isp.lab.run("publish", 4);
}

#[test]
fn never_replaces_nothing_and_when_unedited_what_is_ours() {
    for (mode, code) in [("when-unedited", 0), ("never", 4)] {
        let mut isp = Isp::new(mode);
        isp.lab.run("publish", 0);
        let old = isp.read("ShapedDevices.csv");
        isp.promote(60_000);
        isp.lab.run("publish", code);
        assert_eq!(isp.read("ShapedDevices.csv") == old, code == 4);
    }
}

/// Killed between the two renames: one file of each, and the state that says what was being written.
#[test]
fn the_next_run_repairs_what_an_interrupted_one_left() {
    for mode in ["always", "when-unedited"] {
        let mut isp = Isp::new(mode);
        isp.lab.run("publish", 0);
        let old = [STATE, FILES[0], FILES[1]].map(|f| isp.read(f));
        isp.promote(60_000);
        isp.lab.run("publish", 0);
        let new = isp.read(STATE);
        // As it stands on the disk at that point.
        let mut state: serde_json::Value = serde_json::from_str(&old[0]).expect("JSON");
        let mut writing: serde_json::Value = serde_json::from_str(&new).expect("JSON");
        writing.as_object_mut().expect("an object").remove("schema");
        state["writing"] = writing;
        isp.write(STATE, &state.to_string());
        isp.write("ShapedDevices.csv", &old[2]);
        // Nobody edited anything, whatever is published next.
        isp.promote(70_000);
        let found = isp.lab.json("publish", 0);
        assert_eq!(
            (&found["outcome"], &found["repaired"]),
            (&"published".into(), &true.into())
        );
        assert!(
            found["files"]
                .as_array()
                .expect("files")
                .iter()
                .all(|f| f["was"] == "published")
        );
        isp.is_published();
        // What was whole before is what is kept.
        assert_eq!(isp.read("network.json.previous"), old[1]);
        assert_eq!(isp.read("ShapedDevices.csv.previous"), old[2]);
        assert_eq!(isp.lab.json("publish", 0)["outcome"], "unchanged");
        assert!(
            !isp.names()
                .iter()
                .any(|n| n.contains("edited") || n.contains("partial"))
        );
    }
}

#[test]
fn what_cannot_be_published_is_said_before_anything_is_written() {
    let lab = Lab::new("");
    let digest = lab.build();
    assert!(lab.told("publish", 2).contains("nobody said where"));
    fs::create_dir(lab.path().join("to")).expect("made");
    lab.run("publish --to to", 4);
    lab.run("publish nothing --to to", 2);
    lab.run(&format!("promote {digest} --to production"), 0);
    let told = lab.told("publish --to nowhere", 1);
    assert!(told.contains("nowhere"), "{told}");
    let csv = lab
        .store()
        .join("artifacts")
        .join(&digest)
        .join("ShapedDevices.csv");
    let mut permissions = fs::metadata(&csv).expect("there").permissions();
    #[expect(clippy::permissions_set_readonly_false, reason = "a file of this test")]
    permissions.set_readonly(false);
    fs::set_permissions(&csv, permissions).expect("set");
    fs::write(&csv, "damaged").expect("written");
    let told = lab.told("publish --to to", 4);
    assert!(told.contains("not what was stored"), "{told}");
    assert_eq!(
        fs::read_dir(lab.path().join("to"))
            .expect("a directory")
            .count(),
        0
    );
}
