//! A large file that stays on the disk: it is read once from its start to its end, in pieces, and again only where
//! somebody looks. What is read again is proved to be what was read first; a file that changed in between gives no
//! bytes at all, and says so. Knows nothing of what is in the file.
//!
//! The first pass keeps the state of the file's SHA-256 at every block: from two of them in a row it follows whether
//! the block between them is still the same.

use std::borrow::Cow;
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};

/// What is proved at once: a multiple of what SHA-256 takes at once.
const BLOCK: usize = 64 * 1024;

/// How much of a file is read at once where it is read for its digest alone.
const PIECE: usize = 512 * 1024;

/// Why a file gives no bytes any more, in words that follow its name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    #[error("changed while it was being read")]
    Changed,
    #[error("cannot be read to its end: {0}")]
    Unreadable(String),
}

/// Of the file when it was opened. A name that leads to another file meanwhile does not matter: this one stays open.
pub struct Left {
    file: File,
    len: usize,
    stamp: Option<SystemTime>,
    sums: OnceLock<Sums>,
    /// The first thing that went wrong. From then on there are no bytes.
    fault: OnceLock<Fault>,
    whole: OnceLock<Vec<u8>>,
}

struct Sums {
    /// Lower-case hexadecimal.
    digest: String,
    /// The hash of everything before each block.
    before: Vec<Sha256>,
    proved: Vec<AtomicBool>,
}

impl Left {
    pub fn open(file: File) -> io::Result<Left> {
        let now = file.metadata()?;
        Ok(Left {
            len: usize::try_from(now.len()).map_err(io::Error::other)?,
            stamp: stamp(&now),
            file,
            sums: OnceLock::new(),
            fault: OnceLock::new(),
            whole: OnceLock::new(),
        })
    }

    /// In bytes.
    pub fn size(&self) -> usize {
        self.len
    }

    pub fn fault(&self) -> Option<&Fault> {
        self.fault.get()
    }

    /// From the first byte to the last.
    pub fn pass(&self) -> Pass<'_> {
        Pass {
            left: self,
            at: 0,
            hash: Sha256::new(),
            before: Vec::with_capacity(self.len / BLOCK + 1),
        }
    }

    /// SHA-256 of the file, lower-case hexadecimal; nothing where there is a fault.
    pub fn digest(&self) -> &str {
        self.sums().map_or("", |sums| sums.digest.as_str())
    }

    /// Bytes as they were when the file was read first.
    pub fn range(&self, range: Range<usize>) -> Result<Vec<u8>, Fault> {
        let sums = self.sums()?;
        let range = range.start.min(self.len)..range.end.min(self.len);
        for block in range.start / BLOCK..range.end.div_ceil(BLOCK) {
            if !sums.proved[block].load(Ordering::Relaxed) {
                self.prove(sums, block)?;
                sums.proved[block].store(true, Ordering::Relaxed);
            }
        }
        let mut bytes = vec![0; range.len()];
        self.read(range.start, &mut bytes)?;
        // A block that was proved before is only watched: whoever writes into a file moves its time.
        self.unchanged()?;
        Ok(bytes)
    }

    /// Bytes of which nothing is shown and nothing is made. They are not proved, only watched.
    pub fn glance(&self, range: Range<usize>, into: &mut Vec<u8>) -> Result<(), Fault> {
        into.resize(range.len(), 0);
        self.read(range.start, into)?;
        self.unchanged()
    }

    /// All of it, for whoever cannot do with pieces; it stays in memory from then on.
    pub fn whole(&self) -> Result<&[u8], Fault> {
        if let Some(whole) = self.whole.get() {
            return Ok(whole);
        }
        let mut bytes = Vec::with_capacity(self.len);
        let mut pass = self.pass();
        while !pass.is_done() {
            pass.read(&mut bytes, PIECE)?;
        }
        pass.finish()?;
        Ok(self.whole.get_or_init(|| bytes))
    }

    fn sums(&self) -> Result<&Sums, Fault> {
        if let Some(sums) = self.sums.get() {
            return Ok(sums);
        }
        let mut piece = Vec::with_capacity(PIECE);
        let mut pass = self.pass();
        while !pass.is_done() {
            piece.clear();
            pass.read(&mut piece, PIECE)?;
        }
        pass.finish()
    }

    fn prove(&self, sums: &Sums, block: usize) -> Result<(), Fault> {
        let start = block * BLOCK;
        let mut bytes = vec![0; BLOCK.min(self.len - start)];
        self.read(start, &mut bytes)?;
        let mut hash = sums.before[block].clone();
        hash.update(&bytes);
        let same = match sums.before.get(block + 1) {
            Some(next) => hash.finalize() == next.clone().finalize(),
            None => format!("{:x}", hash.finalize()) == sums.digest,
        };
        match same {
            true => Ok(()),
            false => Err(self.failed(Fault::Changed)),
        }
    }

    fn read(&self, at: usize, into: &mut [u8]) -> Result<(), Fault> {
        if let Some(fault) = self.fault.get() {
            return Err(fault.clone());
        }
        self.file
            .read_exact_at(into, at as u64)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => self.failed(Fault::Changed),
                _ => self.failed(Fault::Unreadable(error.to_string())),
            })
    }

    fn unchanged(&self) -> Result<(), Fault> {
        let now = (self.file.metadata())
            .map_err(|error| self.failed(Fault::Unreadable(error.to_string())))?;
        match now.len() == self.len as u64 && stamp(&now) == self.stamp {
            true => Ok(()),
            false => Err(self.failed(Fault::Changed)),
        }
    }

    fn failed(&self, fault: Fault) -> Fault {
        self.fault.get_or_init(|| fault).clone()
    }
}

fn stamp(file: &Metadata) -> Option<SystemTime> {
    file.modified().ok()
}

impl fmt::Debug for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Left")
            .field("len", &self.len)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}

/// One reading of a file, in order.
pub struct Pass<'a> {
    left: &'a Left,
    at: usize,
    hash: Sha256,
    before: Vec<Sha256>,
}

impl<'a> Pass<'a> {
    pub fn is_done(&self) -> bool {
        self.at == self.left.len
    }

    /// Appends the next bytes, as many as asked for where there are so many.
    pub fn read(&mut self, into: &mut Vec<u8>, most: usize) -> Result<(), Fault> {
        let from = into.len();
        into.resize(from + most.min(self.left.len - self.at), 0);
        self.left.read(self.at, &mut into[from..])?;
        let mut rest = &into[from..];
        while !rest.is_empty() {
            if self.at.is_multiple_of(BLOCK) {
                self.before.push(self.hash.clone());
            }
            let (piece, after) = rest.split_at(rest.len().min(BLOCK - self.at % BLOCK));
            self.hash.update(piece);
            self.at += piece.len();
            rest = after;
        }
        Ok(())
    }

    /// After the last byte. A file that is read once more must be what it was the first time.
    fn finish(self) -> Result<&'a Sums, Fault> {
        self.left.unchanged()?;
        let digest = format!("{:x}", self.hash.finalize());
        let sums = self.left.sums.get_or_init(|| Sums {
            digest: digest.clone(),
            proved: self.before.iter().map(|_| AtomicBool::new(false)).collect(),
            before: self.before,
        });
        match sums.digest == digest {
            true => Ok(sums),
            false => Err(self.left.failed(Fault::Changed)),
        }
    }

    /// The same, for whoever wants to know no more than that.
    pub fn done(self) -> Result<(), Fault> {
        self.finish().map(|_| ())
    }
}

/// What a file holds: in memory, or left where it is.
#[derive(Clone, Debug)]
pub enum Content {
    Held(Arc<Vec<u8>>),
    Left(Arc<Left>),
}

impl Content {
    pub fn len(&self) -> usize {
        match self {
            Content::Held(bytes) => bytes.len(),
            Content::Left(left) => left.size(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Every byte, in memory from now on. Empty where the file does not give them any more ([`Content::fault`]).
    pub fn whole(&self) -> &[u8] {
        match self {
            Content::Held(bytes) => bytes,
            Content::Left(left) => left.whole().unwrap_or_default(),
        }
    }

    /// Some bytes. Fewer where there are not so many; none where the file does not give them any more.
    pub fn range(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        match self {
            Content::Held(bytes) => {
                let end = range.end.min(bytes.len());
                Cow::Borrowed(&bytes[range.start.min(end)..end])
            }
            Content::Left(left) => Cow::Owned(left.range(range).unwrap_or_default()),
        }
    }

    /// The same bytes, to find something in them of which nothing is shown: they are watched, and not proved.
    pub fn glance(&self, range: Range<usize>) -> Cow<'_, [u8]> {
        match self {
            Content::Held(_) => self.range(range),
            Content::Left(left) => {
                let end = range.end.min(left.size());
                let mut bytes = Vec::new();
                match left.glance(range.start.min(end)..end, &mut bytes) {
                    Ok(()) => Cow::Owned(bytes),
                    Err(_) => Cow::default(),
                }
            }
        }
    }

    /// Why there are no bytes any more.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            Content::Held(_) => None,
            Content::Left(left) => left.fault(),
        }
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content::Held(Arc::new(bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use super::*;

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|i| (i * 7 + i / 251) as u8).collect()
    }

    fn written(bytes: &[u8]) -> (File, Left) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let left = Left::open(file.try_clone().unwrap()).unwrap();
        (file, left)
    }

    /// Writes, and hides that from whoever looks at the time.
    fn write_unseen(file: &File, at: usize, bytes: &[u8]) {
        let before = file.metadata().unwrap().modified().unwrap();
        file.write_all_at(bytes, at as u64).unwrap();
        file.set_modified(before).unwrap();
    }

    #[test]
    fn ranges_and_the_digest_are_those_of_the_file() {
        for len in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, PIECE + 5] {
            let bytes = text(len);
            let (_, left) = written(&bytes);
            // Asked for before the first pass, and after it.
            for range in [
                0..len,
                0..0,
                len..len,
                len / 2..len + 9,
                BLOCK - 3..BLOCK + 3,
                len + 5..len + 7,
            ] {
                let (start, end) = (range.start.min(len), range.end.min(len));
                assert_eq!(left.range(range).unwrap(), bytes[start..end]);
            }
            assert_eq!(left.digest(), weir_store::sha256(&bytes));
            assert_eq!(left.whole().unwrap(), bytes);
            assert_eq!(left.fault(), None);
        }
    }

    #[test]
    fn a_block_that_changed_gives_no_bytes_and_neither_does_anything_after() {
        let bytes = text(3 * BLOCK + 7);
        for at in [0, BLOCK + 1, 3 * BLOCK, 3 * BLOCK + 6] {
            let (file, left) = written(&bytes);
            let digest = left.digest().to_owned();
            write_unseen(&file, at, &[bytes[at] ^ 1]);
            let other = if at < BLOCK { 2 * BLOCK } else { 0 };
            assert_eq!(
                left.range(other..other + 5).unwrap(),
                bytes[other..other + 5]
            );
            assert_eq!(left.range(at..at + 1), Err(Fault::Changed));
            assert_eq!(left.range(other..other + 5), Err(Fault::Changed));
            assert_eq!(left.whole(), Err(Fault::Changed));
            assert_eq!(left.digest(), digest, "what was built from is still told");
        }
    }

    #[test]
    fn a_second_pass_must_find_what_the_first_one_found() {
        let bytes = text(2 * BLOCK);
        let (file, left) = written(&bytes);
        left.digest();
        write_unseen(&file, 5, b"x");
        assert_eq!(left.whole(), Err(Fault::Changed));
    }

    #[test]
    fn a_file_that_is_written_to_or_cut_is_noticed_wherever_it_is_looked_at() {
        let bytes = text(2 * BLOCK);
        let (file, left) = written(&bytes);
        left.range(0..9).unwrap();
        file.set_modified(SystemTime::now() + Duration::from_secs(9))
            .unwrap();
        assert_eq!(left.range(0..9), Err(Fault::Changed));
        assert_eq!(left.fault(), Some(&Fault::Changed));

        let (file, left) = written(&bytes);
        file.set_len(9).unwrap();
        assert_eq!(left.glance(0..20, &mut Vec::new()), Err(Fault::Changed));
        assert_eq!(left.digest(), "");
        let content = Content::Left(Arc::new(left));
        assert_eq!(*content.range(0..9), *b"");
        assert_eq!(content.whole(), b"");
        assert_eq!(
            content.fault().unwrap().to_string(),
            "changed while it was being read"
        );
    }

    #[test]
    fn another_file_in_its_place_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&old, "first").unwrap();
        std::fs::write(&new, "other").unwrap();
        let left = Left::open(File::open(&old).unwrap()).unwrap();
        std::fs::rename(&new, &old).unwrap();
        assert_eq!(left.range(0..5).unwrap(), b"first");
    }
}
