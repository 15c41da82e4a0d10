//! The archive of a release: programs and what a machine without a package needs beside them, below one directory. The
//! same files make the same bytes: `tar` in its oldest format, in order of names, with one time and no owner. It does not
//! know how programs are built.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use flate2::{Compression, GzBuilder};

/// A file of the archive.
pub struct Entry {
    /// Below the directory of the archive; at most 90 bytes.
    path: String,
    mode: u32,
    bytes: Vec<u8>,
}

impl Entry {
    pub fn program(path: &str, bytes: Vec<u8>) -> Entry {
        Entry {
            path: path.to_owned(),
            mode: 0o755,
            bytes,
        }
    }

    pub fn text(path: &str, text: impl Into<Vec<u8>>) -> Entry {
        Entry {
            path: path.to_owned(),
            mode: 0o644,
            bytes: text.into(),
        }
    }
}

/// What is not built: licences, changes, the runtime's settings and the files of systemd.
pub fn beside(root: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for name in ["CHANGELOG.md", "LICENSE", "LICENSE-APACHE", "LICENSE-MIT"] {
        entries.push(Entry::text(name, fs::read(root.join(name))?));
    }
    let settings = fs::read(root.join("packaging/deb/runtime.toml"))?;
    entries.push(Entry::text("runtime.toml", settings));
    for entry in fs::read_dir(root.join("packaging/systemd"))? {
        let entry = entry?;
        let path = format!("systemd/{}", entry.file_name().to_string_lossy());
        entries.push(Entry::text(&path, fs::read(entry.path())?));
    }
    Ok(entries)
}

/// Writes `entries` to a file, below a directory `top`, as of `epoch` in seconds.
pub fn write(file: &Path, top: &str, epoch: &str, mut entries: Vec<Entry>) -> io::Result<()> {
    let epoch: u64 = epoch.parse().map_err(io::Error::other)?;
    entries.sort_by(|a, b| a.path.cmp(&b.path));
    // No name and no time in its head.
    let mut archive = GzBuilder::new().write(fs::File::create(file)?, Compression::best());
    for entry in entries {
        archive.write_all(&header(top, &entry, epoch)?)?;
        archive.write_all(&entry.bytes)?;
        let rest = entry.bytes.len() % BLOCK;
        if rest != 0 {
            archive.write_all(&[0; BLOCK][rest..])?;
        }
    }
    archive.write_all(&[0; 2 * BLOCK])?;
    archive.finish()?.sync_all()
}

const BLOCK: usize = 512;

/// As POSIX describes `ustar`: numbers are octal text that ends in a zero byte.
fn header(top: &str, entry: &Entry, epoch: u64) -> io::Result<[u8; BLOCK]> {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, length: usize, text: &str| {
        let field = header.get_mut(at..at + length);
        let field = field.and_then(|field| field.get_mut(..text.len()));
        let field = field.ok_or_else(|| io::Error::other(format!("{text} is too long for tar")))?;
        field.copy_from_slice(text.as_bytes());
        Ok::<(), io::Error>(())
    };
    put(0, 100, &format!("{top}/{}", entry.path))?;
    put(100, 8, &format!("{:07o}", entry.mode))?;
    put(108, 8, "0000000")?;
    put(116, 8, "0000000")?;
    put(124, 12, &format!("{:011o}", entry.bytes.len()))?;
    put(136, 12, &format!("{epoch:011o}"))?;
    // The sum is made as if it were spaces itself.
    put(148, 8, "        ")?;
    put(156, 1, "0")?;
    put(257, 6, "ustar")?;
    put(263, 2, "00")?;
    put(265, 32, "root")?;
    put(297, 32, "root")?;
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn entries() -> Vec<Entry> {
        vec![
            Entry::text("systemd/weir.service", "[Service]\n"),
            Entry::program("weir", vec![7; 1300]),
            Entry::program("empty", Vec::new()),
            Entry::text("block", vec![b'x'; BLOCK]),
        ]
    }

    #[test]
    fn tar_unpacks_it_as_it_was() {
        let dir = tempfile::tempdir().expect("a directory");
        let file = dir.path().join("archive.tar.gz");
        write(&file, "weir-1", "1700000000", entries()).expect("it writes");
        let tar = |args: &[&str]| {
            let mut tar = Command::new("tar");
            tar.args(args).arg(&file).current_dir(dir.path());
            let output = tar.output().expect("tar runs");
            assert!(output.status.success(), "{output:?}");
            String::from_utf8(output.stdout).expect("text")
        };
        let listed = tar(&["--utc", "--full-time", "-tvzf"]);
        assert_eq!(listed.lines().count(), 4, "{listed}");
        assert!(listed.contains("-rwxr-xr-x root/root"), "{listed}");
        assert!(
            listed.contains("2023-11-14 22:13:20 weir-1/weir\n"),
            "{listed}"
        );
        tar(&["-xzf"]);
        for entry in entries() {
            let there = fs::read(dir.path().join("weir-1").join(&entry.path)).expect("a file");
            assert_eq!(there, entry.bytes, "{}", entry.path);
        }
    }

    #[test]
    fn the_same_files_make_the_same_bytes() {
        let dir = tempfile::tempdir().expect("a directory");
        let (one, other) = (dir.path().join("one"), dir.path().join("other"));
        let mut turned = entries();
        turned.reverse();
        write(&one, "weir-1", "0", entries()).expect("it writes");
        write(&other, "weir-1", "0", turned).expect("it writes");
        assert_eq!(fs::read(one).expect("it"), fs::read(other).expect("it"));
    }

    #[test]
    fn a_name_that_tar_cannot_hold_is_told() {
        let dir = tempfile::tempdir().expect("a directory");
        let long = vec![Entry::text(&"x".repeat(120), "")];
        let said = write(&dir.path().join("a"), "weir-1", "0", long).expect_err("too long");
        assert!(said.to_string().contains("too long for tar"), "{said}");
    }

    #[test]
    fn what_is_beside_programs_is_there() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let beside = beside(&root).expect("files");
        for path in [
            "LICENSE-MIT",
            "runtime.toml",
            "systemd/weir-runtime.service",
        ] {
            assert!(
                beside.iter().any(|e| e.path == path && !e.bytes.is_empty()),
                "{path}"
            );
        }
    }
}
