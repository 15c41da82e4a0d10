//! Writing an artifact's files into a directory of somebody's choice. Whoever reads the directory meanwhile sees
//! the old file or the new one, never half of one.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use weir_compiler::emit::ArtifactSet;

use crate::cli::stop::Stop;

/// Writes every file beside its old version and then renames it over that. Other files in the directory stay.
pub fn write(dir: &Path, artifact: &ArtifactSet) -> Result<(), Stop> {
    fs::create_dir_all(dir).map_err(|e| Stop::cannot("create", dir, &e))?;
    // All of it is on the disk before the first name changes.
    let mut written = Written::default();
    for (name, bytes) in &artifact.files {
        let temporary = dir.join(format!(".{name}.weir-{}", std::process::id()));
        written.0.push(temporary.clone());
        store(&temporary, bytes).map_err(|e| Stop::cannot("write", &dir.join(name), &e))?;
    }
    for ((name, _), temporary) in artifact.files.iter().zip(&written.0) {
        let path = dir.join(name);
        fs::rename(temporary, &path).map_err(|e| Stop::cannot("replace", &path, &e))?;
    }
    File::open(dir)
        .and_then(|d| d.sync_all())
        .map_err(|e| Stop::cannot("write", dir, &e))
}

fn store(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Temporary files; what was not renamed is removed.
#[derive(Default)]
struct Written(Vec<std::path::PathBuf>);

impl Drop for Written {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn artifact(text: &str) -> ArtifactSet {
        ArtifactSet {
            files: vec![
                ("network.json", text.as_bytes().to_vec()),
                ("tree.json", b"{}".to_vec()),
            ],
            digest: String::new(),
        }
    }

    fn names(dir: &Path) -> Vec<String> {
        let entries = fs::read_dir(dir).unwrap();
        let mut names: Vec<String> = entries
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn old_files_are_replaced_and_strangers_stay() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("a/b");
        write(&out, &artifact("1")).unwrap_or_else(|_| panic!("it can be written"));
        fs::write(out.join("lqos.conf"), "mine").unwrap();
        write(&out, &artifact("2")).unwrap_or_else(|_| panic!("it can be written again"));
        assert_eq!(names(&out), ["lqos.conf", "network.json", "tree.json"]);
        assert_eq!(fs::read(out.join("network.json")).unwrap(), b"2");
    }

    #[test]
    fn a_failure_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("network.json")).unwrap();
        fs::write(dir.path().join("network.json/x"), "").unwrap();
        assert!(write(dir.path(), &artifact("1")).is_err());
        assert_eq!(names(dir.path()), ["network.json"]);
    }
}
