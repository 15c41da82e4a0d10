//! The SHA-256 of a file that was read, worked out beside other work: reading hundreds of megabytes is followed by
//! stages that do not keep every core busy, and nobody asks for a digest before they are done.

use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;

use sha2::{Digest as _, Sha256};

use crate::source_map::left::Left;

/// How much is digested between two looks at whether somebody waits: a millisecond or less.
const PIECE: usize = 1 << 20;

/// With less, a thread takes longer to start than the digests do.
const WORTH_A_THREAD: usize = 4 << 20;

/// Lower-case hexadecimal. Whoever reads it has it worked out, if need be.
#[derive(Clone)]
pub struct Digest(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// Empty where the digest was known, and where the file was left on the disk.
    bytes: Arc<Vec<u8>>,
    /// Digests itself while it is read.
    left: Option<Arc<Left>>,
    working: Mutex<Working>,
    /// Somebody cannot go on without it: it is theirs to work out now, as fast as they can.
    wanted: AtomicBool,
    sum: OnceLock<String>,
}

/// The hash of what comes before `done`.
#[derive(Default)]
struct Working {
    hash: Sha256,
    done: usize,
}

impl Digest {
    /// Of these bytes. Nothing is worked out yet.
    pub fn of(bytes: Arc<Vec<u8>>) -> Self {
        Digest(Arc::new(Inner {
            bytes,
            ..Inner::default()
        }))
    }

    /// Of a file that is not in memory: known once it was read, and if it was not yet, it is read for that.
    pub fn of_left(left: Arc<Left>) -> Self {
        Digest(Arc::new(Inner {
            left: Some(left),
            ..Inner::default()
        }))
    }

    pub fn as_str(&self) -> &str {
        if let Some(left) = &self.0.left {
            return left.digest();
        }
        if let Some(sum) = self.0.sum.get() {
            return sum;
        }
        self.0.wanted.store(true, Ordering::Relaxed);
        self.0.advance(usize::MAX);
        // Set by the line above, or by whoever was before it.
        self.0.sum.get().map_or("", String::as_str)
    }
}

/// Works them out, one after the other, on a thread that lets all others go first.
pub fn begin(digests: Vec<Digest>) {
    let bytes: usize = digests.iter().map(|digest| digest.0.bytes.len()).sum();
    if bytes < WORTH_A_THREAD {
        return;
    }
    let work = move || {
        // Of this thread on Linux, of the whole process elsewhere. Asking for less is never refused.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::setpriority_process(None, 19);
        for Digest(one) in digests {
            while one.left.is_none() {
                if one.wanted.load(Ordering::Relaxed) || one.advance(PIECE) {
                    break;
                }
            }
        }
    };
    // Where no thread can be had, they are worked out when somebody asks.
    let _ = thread::Builder::new()
        .name("digests".to_owned())
        .spawn(work);
}

impl Inner {
    /// Goes on for some bytes; whether it came to the end.
    fn advance(&self, bytes: usize) -> bool {
        if self.sum.get().is_some() {
            return true;
        }
        let mut working = self.working.lock().unwrap_or_else(PoisonError::into_inner);
        let end = working.done.saturating_add(bytes).min(self.bytes.len());
        let piece = working.done..end;
        working.hash.update(&self.bytes[piece]);
        working.done = end;
        let whole = end == self.bytes.len();
        if whole {
            self.sum
                .get_or_init(|| format!("{:x}", working.hash.clone().finalize()));
        }
        whole
    }
}

impl From<String> for Digest {
    fn from(known: String) -> Self {
        Digest(Arc::new(Inner {
            sum: OnceLock::from(known),
            ..Inner::default()
        }))
    }
}

impl Deref for Digest {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl std::fmt::Debug for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_digest_of_the_file_whoever_works_it_out() {
        for len in [0, 1, PIECE - 1, PIECE, PIECE + 1, 9 * PIECE + 7] {
            let bytes: Vec<u8> = (0..len).map(|i| (i * 7 + i / 251) as u8).collect();
            let want = weir_store::sha256(&bytes);
            let bytes = Arc::new(bytes);
            assert_eq!(*Digest::of(bytes.clone()), want, "asked for at once");
            let begun = Digest::of(bytes.clone());
            begin(vec![begun.clone()]);
            assert_eq!(begun.as_str(), want, "asked for while it is worked out");
            let alone = Digest::of(bytes.clone());
            begin(vec![alone.clone()]);
            while len >= WORTH_A_THREAD && alone.0.sum.get().is_none() {
                thread::yield_now();
            }
            assert_eq!(alone.as_str(), want, "worked out before it is asked for");
            let half = Digest::of(bytes);
            half.0.advance(PIECE / 2);
            assert_eq!(half.as_str(), want, "asked for in the middle");
        }
        assert_eq!(&*Digest::from("ab".to_owned()), "ab");
    }
}
