//! Files replaced together: all of them are on the disk before the first is visible, so a full disk changes nothing
//! and only a crash between two renames can leave some of each.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Puts files into a directory, in this order. What one replaces keeps its permissions.
pub fn together(dir: &Path, files: &[(&str, &[u8])]) -> io::Result<()> {
    let partial = |name: &str| -> PathBuf { dir.join(format!(".{name}.partial")) };
    let write = |(name, bytes): &(&str, &[u8])| -> io::Result<()> {
        let partial = partial(name);
        let mut file = fs::File::create(&partial)?;
        file.write_all(bytes)?;
        if let Ok(before) = fs::metadata(dir.join(name)) {
            file.set_permissions(before.permissions())?;
        }
        file.sync_all()
    };
    let done = files.iter().try_for_each(write).and_then(|()| {
        let show = |(name, _): &(&str, &[u8])| fs::rename(partial(name), dir.join(name));
        files.iter().try_for_each(show)
    });
    if let Err(error) = done {
        for (name, _) in files {
            // On a full disk they would only be in the way.
            let _ = fs::remove_file(partial(name));
        }
        return Err(error);
    }
    // The renames are on the disk when the directory is.
    fs::File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_replaced_when_one_cannot_be_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let at = |name: &str| dir.path().join(name);
        fs::write(at("a"), "old").expect("written");
        // What stands in the way of the second file.
        fs::create_dir(at(".b.partial")).expect("made");
        let files: [(&str, &[u8]); 2] = [("a", b"new"), ("b", b"new")];
        assert!(together(dir.path(), &files).is_err());
        assert_eq!(fs::read(at("a")).expect("read"), b"old");
        assert!(!at(".a.partial").exists());
        fs::remove_dir(at(".b.partial")).expect("removed");
        together(dir.path(), &files).expect("written");
        assert_eq!(fs::read(at("b")).expect("read"), b"new");
    }
}
