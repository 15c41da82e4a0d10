//! A disk with a volatile cache, for a virtual machine: an NBD server in memory. What is written reaches the medium when
//! it is flushed; when the power goes, each block that was not is there or not, as chance has it.
//!
//! That is harder than losing only what the machine had not yet sent: a file system that forgets a flush is found out.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use crate::r#gen::rng::Rng;

/// What a disk writes whole or not at all.
const BLOCK: usize = 4096;

/// The longest request that is answered; QEMU sends at most 32 MiB.
const LONGEST: u32 = 64 << 20;

/// Contents, and what of them is in the cache only.
pub struct Disk {
    medium: Vec<u8>,
    cache: BTreeMap<usize, Vec<u8>>,
    pub flushes: u64,
}

impl Disk {
    /// `image` is on the medium.
    pub fn new(mut image: Vec<u8>) -> Disk {
        image.resize(image.len().next_multiple_of(BLOCK), 0);
        Disk {
            medium: image,
            cache: BTreeMap::new(),
            flushes: 0,
        }
    }

    fn is_inside(&self, offset: u64, length: u32) -> bool {
        offset
            .checked_add(u64::from(length))
            .is_some_and(|end| end <= self.medium.len() as u64)
    }

    fn on_medium(&self, block: usize) -> &[u8] {
        &self.medium[block * BLOCK..][..BLOCK]
    }

    fn read(&self, offset: usize, into: &mut [u8]) {
        let mut at = offset;
        let mut rest = into;
        while !rest.is_empty() {
            let (block, skip) = (at / BLOCK, at % BLOCK);
            let from = self
                .cache
                .get(&block)
                .map_or(self.on_medium(block), |cached| cached);
            let n = rest.len().min(BLOCK - skip);
            rest[..n].copy_from_slice(&from[skip..skip + n]);
            rest = &mut rest[n..];
            at += n;
        }
    }

    fn write(&mut self, offset: usize, mut bytes: &[u8]) {
        let mut at = offset;
        while !bytes.is_empty() {
            let (block, skip) = (at / BLOCK, at % BLOCK);
            let n = bytes.len().min(BLOCK - skip);
            let medium = &self.medium;
            let cached = self
                .cache
                .entry(block)
                .or_insert_with(|| medium[block * BLOCK..][..BLOCK].to_vec());
            cached[skip..skip + n].copy_from_slice(&bytes[..n]);
            bytes = &bytes[n..];
            at += n;
        }
    }

    fn flush(&mut self) {
        self.flushes += 1;
        for (block, bytes) in std::mem::take(&mut self.cache) {
            self.medium[block * BLOCK..][..BLOCK].copy_from_slice(&bytes);
        }
    }

    /// The power goes. Gives how many blocks were lost.
    pub fn cut(&mut self, rng: &mut Rng) -> u64 {
        let mut lost = 0;
        for (block, bytes) in std::mem::take(&mut self.cache) {
            if rng.percent(50) {
                self.medium[block * BLOCK..][..BLOCK].copy_from_slice(&bytes);
            } else {
                lost += 1;
            }
        }
        lost
    }
}

/// Serves a disk to one machine; ends when the machine does.
pub fn serve(disk: &Arc<Mutex<Disk>>, socket: &Path) -> io::Result<JoinHandle<io::Result<()>>> {
    let listener = UnixListener::bind(socket)?;
    let disk = Arc::clone(disk);
    Ok(thread::spawn(move || {
        let (stream, _) = listener.accept()?;
        match session(&disk, &stream) {
            // A machine without power says no goodbye.
            Err(error) if gone(&error) => Ok(()),
            result => result,
        }
    }))
}

fn gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | UnexpectedEof)
}

fn u32_of(stream: &mut impl Read) -> io::Result<u32> {
    let mut bytes = [0; 4];
    stream.read_exact(&mut bytes)?;
    Ok(u32::from_be_bytes(bytes))
}

fn u64_of(stream: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes)?;
    Ok(u64::from_be_bytes(bytes))
}

/// The protocol, as far as QEMU speaks it: fixed newstyle negotiation, then simple replies.
fn session(disk: &Mutex<Disk>, mut stream: &UnixStream) -> io::Result<()> {
    const OPTION: u64 = u64::from_be_bytes(*b"IHAVEOPT");
    const REPLY: u64 = 0x0003_e889_0455_65a9;
    const ACK: u32 = 1;
    const INFO: u32 = 3;
    const UNSUPPORTED: u32 = 0x8000_0001;
    let size = lock(disk).medium.len() as u64;
    // Has flags, flushes, and takes writes that go to the medium at once.
    let flags: u16 = 1 | 1 << 2 | 1 << 3;
    stream.write_all(b"NBDMAGICIHAVEOPT")?;
    stream.write_all(&3u16.to_be_bytes())?;
    u32_of(&mut stream)?;
    loop {
        if u64_of(&mut stream)? != OPTION {
            return Err(io::Error::other("no option of NBD"));
        }
        let option = u32_of(&mut stream)?;
        let length = u32_of(&mut stream)?;
        let mut data = vec![0; length.min(LONGEST) as usize];
        stream.read_exact(&mut data)?;
        let mut reply = |kind: u32, data: &[u8]| {
            let mut bytes = REPLY.to_be_bytes().to_vec();
            bytes.extend(option.to_be_bytes());
            bytes.extend(kind.to_be_bytes());
            bytes.extend((data.len() as u32).to_be_bytes());
            bytes.extend(data);
            stream.write_all(&bytes)
        };
        match option {
            // Abort.
            2 => return reply(ACK, &[]),
            // Info, go.
            6 | 7 => {
                let mut export = 0u16.to_be_bytes().to_vec();
                export.extend(size.to_be_bytes());
                export.extend(flags.to_be_bytes());
                reply(INFO, &export)?;
                reply(ACK, &[])?;
                if option == 7 {
                    break;
                }
            }
            _ => reply(UNSUPPORTED, &[])?,
        }
    }
    requests(disk, stream)
}

fn requests(disk: &Mutex<Disk>, mut stream: &UnixStream) -> io::Result<()> {
    const INVALID: u32 = 22;
    loop {
        if u32_of(&mut stream)? != 0x2560_9513 {
            return Err(io::Error::other("no request of NBD"));
        }
        let kind = u32_of(&mut stream)?;
        let (to_medium, kind) = (kind >> 16 & 1 == 1, kind & 0xffff);
        let handle = u64_of(&mut stream)?;
        let offset = u64_of(&mut stream)?;
        let length = u32_of(&mut stream)?;
        if length > LONGEST {
            return Err(io::Error::other("a request too long"));
        }
        let mut data = vec![0; if kind < 2 { length as usize } else { 0 }];
        if kind == 1 {
            stream.read_exact(&mut data)?;
        }
        let mut disk = lock(disk);
        let mut error = 0;
        match kind {
            0 | 1 if !disk.is_inside(offset, length) => error = INVALID,
            0 => disk.read(offset as usize, &mut data),
            1 => {
                disk.write(offset as usize, &data);
                if to_medium {
                    disk.flush();
                }
            }
            2 => return Ok(()),
            3 => disk.flush(),
            _ => error = INVALID,
        }
        drop(disk);
        let mut reply = 0x6744_6698u32.to_be_bytes().to_vec();
        reply.extend(error.to_be_bytes());
        reply.extend(handle.to_be_bytes());
        if kind == 0 && error == 0 {
            reply.extend(data);
        }
        stream.write_all(&reply)?;
    }
}

pub fn lock(disk: &Mutex<Disk>) -> std::sync::MutexGuard<'_, Disk> {
    disk.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_flushed_stays_and_of_the_rest_some_is_lost() {
        let mut disk = Disk::new(vec![0; 100 * BLOCK]);
        disk.write(10, &[1; 3 * BLOCK]);
        disk.flush();
        disk.write(0, &vec![2; 100 * BLOCK]);
        let mut seen = vec![0; 100 * BLOCK];
        disk.read(0, &mut seen);
        assert!(seen.iter().all(|b| *b == 2), "what was written is read");
        let lost = disk.cut(&mut Rng::new(1, 2, 3));
        assert!((20..80).contains(&lost), "{lost}");
        disk.read(0, &mut seen);
        for (at, block) in seen.chunks(BLOCK).enumerate() {
            let new = block.iter().all(|b| *b == 2);
            let mut old = vec![u8::from((1..3).contains(&at)); BLOCK];
            if at == 0 {
                old[10..].fill(1);
            } else if at == 3 {
                old[..10].fill(1);
            }
            assert!(new || block == old, "block {at} is torn");
        }
        assert_eq!(disk.cut(&mut Rng::new(1, 2, 3)), 0);
    }

    #[test]
    fn requests_outside_of_the_disk_are_refused() {
        let disk = Disk::new(vec![0; BLOCK]);
        assert!(disk.is_inside(0, 4096) && !disk.is_inside(1, 4096));
        assert!(!disk.is_inside(u64::MAX, 1));
    }
}
