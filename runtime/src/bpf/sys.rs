//! `bpf(2)`, as far as aya has no public way to it: inner maps with a BTF of their own, freezing, memory maps, pins,
//! links and queries. One function a command; nothing here decides anything.
//!
//! `union bpf_attr` is written as bytes at the offsets of `linux/bpf.h`, which are part of the kernel's interface.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Commands: `enum bpf_cmd`.
mod cmd {
    pub const MAP_CREATE: u32 = 0;
    pub const MAP_LOOKUP_ELEM: u32 = 1;
    pub const MAP_UPDATE_ELEM: u32 = 2;
    pub const MAP_DELETE_ELEM: u32 = 3;
    pub const MAP_GET_NEXT_KEY: u32 = 4;
    pub const OBJ_PIN: u32 = 6;
    pub const OBJ_GET: u32 = 7;
    pub const OBJ_GET_INFO_BY_FD: u32 = 15;
    pub const PROG_QUERY: u32 = 16;
    pub const BTF_LOAD: u32 = 18;
    pub const MAP_FREEZE: u32 = 22;
    pub const LINK_CREATE: u32 = 28;
    pub const LINK_UPDATE: u32 = 29;
    pub const LINK_DETACH: u32 = 34;
}

pub const MAP_TYPE_ARRAY: u32 = 2;
pub const MAP_TYPE_PERCPU_ARRAY: u32 = 6;
pub const MAP_TYPE_LRU_HASH: u32 = 9;
pub const MAP_TYPE_ARRAY_OF_MAPS: u32 = 12;
pub const MAP_TYPE_CPUMAP: u32 = 16;

pub const MMAPABLE: u32 = 1 << 10;
pub const INNER_MAP: u32 = 1 << 12;

pub const LINK_XDP: u32 = 6;
pub const LINK_TCX: u32 = 11;

pub const ATTACH_XDP: u32 = 37;
pub const ATTACH_TCX_EGRESS: u32 = 47;

/// `XDP_FLAGS_SKB_MODE`: by the kernel, once it has made a packet of the frame.
pub const XDP_GENERIC: u32 = 1 << 1;
/// `XDP_FLAGS_DRV_MODE`: by the driver.
pub const XDP_NATIVE: u32 = 1 << 2;

/// `union bpf_attr`: larger than all that is used of it. What is not written is zero, as the kernel demands.
#[repr(C, align(8))]
struct Attr([u8; 144]);

impl Attr {
    fn new() -> Self {
        Self([0; 144])
    }

    fn u32(mut self, at: usize, value: u32) -> Self {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn u64(mut self, at: usize, value: u64) -> Self {
        self.0[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn fd(self, at: usize, fd: BorrowedFd<'_>) -> Self {
        self.u32(at, fd.as_raw_fd() as u32)
    }

    fn bytes(mut self, at: usize, value: &[u8]) -> Self {
        self.0[at..at + value.len()].copy_from_slice(value);
        self
    }

    fn read_u32(&self, at: usize) -> u32 {
        word(&self.0, at)
    }

    /// Calls with the first `size` bytes; EINTR and EAGAIN (a verifier that was interrupted) are tried again.
    ///
    /// Every pointer in the attribute must be to memory that outlives the call and is as large as the command
    /// takes it to be: all callers are in this file, and each takes its pointers from slices it holds.
    fn call(&mut self, command: u32, size: usize) -> io::Result<i64> {
        loop {
            // SAFETY: the attribute is a live buffer of at least `size` bytes; what its pointers refer to is held by
            // the caller, see above.
            let result = unsafe {
                libc::syscall(
                    libc::SYS_bpf,
                    command,
                    self.0.as_mut_ptr(),
                    size as libc::c_uint,
                )
            };
            if result >= 0 {
                return Ok(result);
            }
            let error = io::Error::last_os_error();
            if !matches!(error.raw_os_error(), Some(libc::EINTR | libc::EAGAIN)) {
                return Err(error);
            }
        }
    }

    fn call_fd(&mut self, command: u32, size: usize) -> io::Result<OwnedFd> {
        let fd = self.call(command, size)?;
        // SAFETY: the commands that this is called with return a new descriptor, which nobody else has.
        Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(std::array::from_fn(|i| bytes[at + i]))
}

/// What a new map is to be.
#[derive(Clone, Copy, Debug)]
pub struct NewMap<'a> {
    pub kind: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub flags: u32,
    /// For a map of maps: what its values are like.
    pub inner: Option<BorrowedFd<'a>>,
    /// BTF, type of the key, type of the value.
    pub btf: Option<(BorrowedFd<'a>, u32, u32)>,
    /// At most 15 bytes.
    pub name: &'a str,
}

pub fn map_create(map: &NewMap<'_>) -> io::Result<OwnedFd> {
    let name = &map.name.as_bytes()[..map.name.len().min(15)];
    let mut attr = Attr::new()
        .u32(0, map.kind)
        .u32(4, map.key_size)
        .u32(8, map.value_size)
        .u32(12, map.max_entries)
        .u32(16, map.flags)
        .bytes(28, name);
    if let Some(inner) = map.inner {
        attr = attr.fd(20, inner);
    }
    if let Some((fd, key, value)) = map.btf {
        attr = attr.fd(48, fd).u32(52, key).u32(56, value);
    }
    attr.call_fd(cmd::MAP_CREATE, 72)
}

/// Reads the value of `key` into `value`, which must be as long as the map's values are (for a map per CPU: all of
/// them, each rounded up to 8 bytes); `false` when there is none.
pub fn map_lookup(map: BorrowedFd<'_>, key: &[u8], value: &mut [u8]) -> io::Result<bool> {
    let mut attr = Attr::new()
        .fd(0, map)
        .u64(8, key.as_ptr() as u64)
        .u64(16, value.as_mut_ptr() as u64);
    match attr.call(cmd::MAP_LOOKUP_ELEM, 32) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

pub fn map_update(map: BorrowedFd<'_>, key: &[u8], value: &[u8]) -> io::Result<()> {
    Attr::new()
        .fd(0, map)
        .u64(8, key.as_ptr() as u64)
        .u64(16, value.as_ptr() as u64)
        .call(cmd::MAP_UPDATE_ELEM, 32)
        .map(drop)
}

/// That there is no such key is no error.
pub fn map_delete(map: BorrowedFd<'_>, key: &[u8]) -> io::Result<()> {
    match Attr::new()
        .fd(0, map)
        .u64(8, key.as_ptr() as u64)
        .call(cmd::MAP_DELETE_ELEM, 32)
    {
        Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
        _ => Ok(()),
    }
}

/// The key after `key`, the first after `None`; `false` at the end.
pub fn map_next_key(map: BorrowedFd<'_>, key: Option<&[u8]>, next: &mut [u8]) -> io::Result<bool> {
    let key = key.map_or(0, |k| k.as_ptr() as u64);
    let mut attr = Attr::new()
        .fd(0, map)
        .u64(8, key)
        .u64(16, next.as_mut_ptr() as u64);
    match attr.call(cmd::MAP_GET_NEXT_KEY, 32) {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(false),
        Err(error) => Err(error),
    }
}

/// From now on no process writes to it any more; programs in the kernel still could.
pub fn map_freeze(map: BorrowedFd<'_>) -> io::Result<()> {
    Attr::new().fd(0, map).call(cmd::MAP_FREEZE, 4).map(drop)
}

fn c_path(path: &Path) -> io::Result<CString> {
    CString::new(path.as_os_str().as_bytes())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "a path with a zero byte"))
}

pub fn pin(object: BorrowedFd<'_>, path: &Path) -> io::Result<()> {
    let path = c_path(path)?;
    Attr::new()
        .u64(0, path.as_ptr() as u64)
        .fd(8, object)
        .call(cmd::OBJ_PIN, 16)
        .map(drop)
}

/// What is pinned there; `None` when nothing is.
pub fn get(path: &Path) -> io::Result<Option<OwnedFd>> {
    let path = c_path(path)?;
    match Attr::new()
        .u64(0, path.as_ptr() as u64)
        .call_fd(cmd::OBJ_GET, 16)
    {
        Ok(fd) => Ok(Some(fd)),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

fn info(object: BorrowedFd<'_>, buffer: &mut [u8; 256]) -> io::Result<()> {
    Attr::new()
        .fd(0, object)
        .u32(4, buffer.len() as u32)
        .u64(8, buffer.as_mut_ptr() as u64)
        .call(cmd::OBJ_GET_INFO_BY_FD, 16)
        .map(drop)
}

/// `struct bpf_map_info`, as far as it is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MapInfo {
    pub kind: u32,
    pub id: u32,
    pub key_size: u32,
    pub value_size: u32,
    pub max_entries: u32,
    pub flags: u32,
}

/// Fails when it is no map.
pub fn map_info(map: BorrowedFd<'_>) -> io::Result<MapInfo> {
    expect(map, "map")?;
    let mut bytes = [0; 256];
    info(map, &mut bytes)?;
    let at = |at| word(&bytes, at);
    Ok(MapInfo {
        kind: at(0),
        id: at(4),
        key_size: at(8),
        value_size: at(12),
        max_entries: at(16),
        flags: at(20),
    })
}

/// `struct bpf_prog_info`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProgramInfo {
    pub id: u32,
    pub tag: [u8; 8],
}

/// Fails when it is no program.
pub fn program_info(program: BorrowedFd<'_>) -> io::Result<ProgramInfo> {
    expect(program, "prog")?;
    let mut bytes = [0; 256];
    info(program, &mut bytes)?;
    Ok(ProgramInfo {
        id: word(&bytes, 4),
        tag: std::array::from_fn(|i| bytes[8 + i]),
    })
}

/// `struct bpf_link_info` of a link at an interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkInfo {
    pub kind: u32,
    pub id: u32,
    pub program: u32,
    /// 0 when the interface is gone.
    pub index: u32,
}

/// Fails when it is no link.
pub fn link_info(link: BorrowedFd<'_>) -> io::Result<LinkInfo> {
    expect(link, "link")?;
    let mut bytes = [0; 256];
    info(link, &mut bytes)?;
    Ok(LinkInfo {
        kind: word(&bytes, 0),
        id: word(&bytes, 4),
        program: word(&bytes, 8),
        index: word(&bytes, 16),
    })
}

/// Objects of all kinds are pinned alike, so what came from a pin is asked what it is before it is used.
/// The kernel says `bpf-map`, `bpf-prog`, and `bpf-link` or `bpf_link`.
fn expect(object: BorrowedFd<'_>, kind: &str) -> io::Result<()> {
    let link = std::fs::read_link(format!("/proc/self/fd/{}", object.as_raw_fd()))?;
    let found = link.to_string_lossy();
    if found.trim_end_matches(']').ends_with(kind) {
        return Ok(());
    }
    let what = format!("it is {found}, not a {kind} of BPF");
    Err(io::Error::new(io::ErrorKind::InvalidData, what))
}

pub fn btf_load(btf: &[u8]) -> io::Result<OwnedFd> {
    Attr::new()
        .u64(0, btf.as_ptr() as u64)
        .u32(16, btf.len() as u32)
        .call_fd(cmd::BTF_LOAD, 28)
}

/// A program at a hook of an interface, behind whatever is there. `flags`: of the hook, 0 for tcx.
pub fn link_create(
    program: BorrowedFd<'_>,
    index: u32,
    hook: u32,
    flags: u32,
) -> io::Result<OwnedFd> {
    Attr::new()
        .fd(0, program)
        .u32(4, index)
        .u32(8, hook)
        .u32(12, flags)
        .call_fd(cmd::LINK_CREATE, 48)
}

/// Another program in the same place, in one step.
pub fn link_update(link: BorrowedFd<'_>, program: BorrowedFd<'_>) -> io::Result<()> {
    Attr::new()
        .fd(0, link)
        .fd(4, program)
        .call(cmd::LINK_UPDATE, 16)
        .map(drop)
}

pub fn link_detach(link: BorrowedFd<'_>) -> io::Result<()> {
    Attr::new().fd(0, link).call(cmd::LINK_DETACH, 4).map(drop)
}

/// What is attached to a hook of an interface: ids of programs, and of the links that hold them (0 = none).
pub fn attached(index: u32, hook: u32) -> io::Result<Vec<(u32, u32)>> {
    const ROOM: usize = 64;
    let mut programs = [0u32; ROOM];
    let mut links = [0u32; ROOM];
    let mut attr = Attr::new()
        .u32(0, index)
        .u32(4, hook)
        .u64(16, programs.as_mut_ptr() as u64)
        .u32(24, ROOM as u32)
        .u64(40, links.as_mut_ptr() as u64);
    attr.call(cmd::PROG_QUERY, 64)?;
    let count = (attr.read_u32(24) as usize).min(ROOM);
    Ok(programs.into_iter().zip(links).take(count).collect())
}

/// A map's values in memory.
pub struct Mapped {
    start: *mut libc::c_void,
    length: usize,
}

impl Mapped {
    /// `writable`: not possible once the map is frozen. All pages are there when this returns.
    pub fn new(map: &impl AsFd, length: usize, writable: bool) -> io::Result<Self> {
        let access = libc::PROT_READ | if writable { libc::PROT_WRITE } else { 0 };
        // SAFETY: the kernel chooses an unused place; the mapping is owned by this value and unmapped once.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                length,
                access,
                libc::MAP_SHARED | libc::MAP_POPULATE,
                map.as_fd().as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self { start, length })
    }

    /// Fills it from the start. Only for a writable mapping of a map that no program can reach yet.
    pub fn write(&mut self, bytes: &[u8]) {
        let length = bytes.len().min(self.length);
        // SAFETY: the mapping is `self.length` bytes long, and `bytes` is not in it: it is borrowed from elsewhere.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.cast::<u8>(), length);
        }
    }

    /// The bytes, of a map that nothing writes to any more.
    pub fn frozen(&self) -> &[u8] {
        // SAFETY: the mapping is as long as it says and lives as long as this borrow. The map is frozen and its
        // programs only read it, so the bytes do not change.
        unsafe { std::slice::from_raw_parts(self.start.cast::<u8>(), self.length) }
    }

    /// The 64-bit word at a place counted in words, of a map that programs count in meanwhile.
    pub fn word(&self, place: usize) -> Option<u64> {
        if place >= self.length / 8 {
            return None;
        }
        // SAFETY: within the mapping, which starts on a page; read as an atomic, since programs write it.
        let word = unsafe { &*self.start.cast::<std::sync::atomic::AtomicU64>().add(place) };
        Some(word.load(std::sync::atomic::Ordering::Relaxed))
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and no borrow of it is left.
        unsafe {
            libc::munmap(self.start, self.length);
        }
    }
}
