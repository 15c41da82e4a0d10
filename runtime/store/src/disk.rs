//! Writing that survives a power cut, and the lock of the store.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::{Result, StoreError};

/// SHA-256 as every file of Weir has it: lower-case hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    format!("{:x}", Sha256::digest(bytes))
}

/// Turns an I/O error into ours: `fs::read(&p).map_err(doing("read", &p))`.
pub(crate) fn doing(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    let path = path.to_owned();
    move |cause| StoreError::Io {
        action,
        path,
        cause,
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(doing("read", path))
}

/// A file's bytes, or `None` where there is no such file.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(doing("read", path)(error)),
    }
}

/// Bytes that are read at a time: few enough to be in a cache still when they are digested.
const PIECE: usize = 256 * 1024;

/// SHA-256 of a file, or `None` where there is no such file. Its bytes are appended to `keep`; without that it is never
/// whole in memory.
pub(crate) fn sha256_if_there(path: &Path, keep: Option<&mut Vec<u8>>) -> Result<Option<String>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(doing("read", path))?,
    };
    let digest = match keep {
        Some(keep) => digest_and_keep(&mut file, keep),
        None => digest(&mut file),
    };
    digest.map(Some).map_err(doing("read", path))
}

fn digest(file: &mut File) -> io::Result<String> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; PIECE];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(format!("{:x}", hash.finalize())),
            Ok(read) => hash.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

fn digest_and_keep(file: &mut File, keep: &mut Vec<u8>) -> io::Result<String> {
    let mut hash = Sha256::new();
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(0);
    // What cannot be had at once grows while it is read.
    let _ = keep.try_reserve_exact(size.saturating_add(1));
    loop {
        let start = keep.len();
        match file.take(PIECE as u64).read_to_end(keep)? {
            0 => return Ok(format!("{:x}", hash.finalize())),
            _ => hash.update(&keep[start..]),
        }
    }
}

/// A new directory with these files, all of them on the disk.
pub(crate) fn write_dir<'f>(
    dir: &Path,
    files: impl IntoIterator<Item = (&'f str, &'f [u8])>,
) -> Result<()> {
    fs::create_dir(dir).map_err(doing("make", dir))?;
    // One thread a file: they are few and large, and most of the time is the disk's.
    thread::scope(|scope| {
        let writing: Vec<_> = files
            .into_iter()
            .map(|(name, bytes)| {
                let path = dir.join(name);
                scope.spawn(move || write_file(&path, bytes).map_err(doing("write", &path)))
            })
            .collect();
        (writing.into_iter())
            .try_for_each(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic)))
    })?;
    sync_dir(dir)
}

fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        // Nobody edits an artifact: neither do its owner's editors.
        .mode(0o444)
        .open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// Replaces a file as a whole, and puts it on the disk: it has its old bytes or the new ones. `tmp` is on the same
/// file system; nothing is left there when it fails.
pub(crate) fn replace(tmp: &Path, path: &Path, bytes: &[u8]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = tmp.join([&name, ".partial"].concat());
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    let written = write()
        .map_err(doing("write", &partial))
        .and_then(|()| rename(&partial, path));
    if written.is_err() {
        // What is left is removed by the next writer anyway.
        let _ = fs::remove_file(&partial);
    }
    written
}

/// Moves a file or directory, and puts the move on the disk.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(doing("write", to))?;
    to.parent().map_or(Ok(()), sync_dir)
}

pub(crate) fn sync_dir(dir: &Path) -> Result<()> {
    File::open(dir)
        .and_then(|dir| dir.sync_all())
        .map_err(doing("write", dir))
}

/// The lock of a store, held until dropped. The kernel lets go of it when the process dies.
#[derive(Debug)]
pub(crate) struct Lock(#[expect(dead_code, reason = "held, not read")] File);

impl Lock {
    /// Waits for every other reader and writer.
    pub fn exclusive(path: &Path) -> Result<Lock> {
        let file = Self::file(path)?;
        file.lock().map_err(doing("lock", path))?;
        Ok(Lock(file))
    }

    /// `None` when another process holds it.
    pub fn try_exclusive(path: &Path) -> Result<Option<Lock>> {
        let file = Self::file(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Lock(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(doing("lock", path)(error)),
        }
    }

    /// Waits for a writer. `None` where there is no lock to take: nobody has written here, or may.
    pub fn shared(path: &Path) -> Result<Option<Lock>> {
        let Ok(file) = File::open(path) else {
            return Ok(None);
        };
        file.lock_shared().map_err(doing("lock", path))?;
        Ok(Some(Lock(file)))
    }

    fn file(path: &Path) -> Result<File> {
        OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .map_err(doing("lock", path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_any_length_is_digested_and_kept_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE + 17] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            fs::write(&path, &bytes).unwrap();
            let mut kept = Vec::new();
            let found = sha256_if_there(&path, Some(&mut kept)).unwrap();
            assert_eq!(found, Some(sha256(&bytes)), "{length}");
            assert_eq!(sha256_if_there(&path, None).unwrap(), found, "{length}");
            assert!(kept == bytes, "{length}");
        }
        let missing = dir.path().join("missing");
        assert_eq!(
            sha256_if_there(&missing, Some(&mut Vec::new())).unwrap(),
            None
        );
    }
}
