//! Programs at the egress of interfaces: attached, replaced and told, at tcx where the kernel has it (6.6), else as
//! a clsact filter. Whatever else hangs there is left alone.

use std::os::fd::AsRawFd;
use std::os::fd::{AsFd, OwnedFd};

use weir_abi::maps;
use weir_plan::kernel::Program;

use super::Error;
use super::object::Object;
use super::pins::{self, Pins};
use super::sys;
use crate::netlink::{Socket, filter};

/// Name of a program in the object.
pub fn name(program: Program) -> &'static str {
    match program {
        Program::Download => maps::PROGRAM_DOWNLOAD,
        Program::Upload => maps::PROGRAM_UPLOAD,
        Program::Stick => maps::PROGRAM_STICK,
    }
}

const PROGRAMS: [Program; 3] = [Program::Download, Program::Upload, Program::Stick];

/// Which hook programs are attached at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hooks {
    Tcx,
    Clsact,
}

impl Hooks {
    /// tcx where the kernel has it.
    pub fn of_this_kernel() -> Self {
        // The loopback interface is there in every namespace; asking changes nothing.
        match sys::attached(1, sys::ATTACH_TCX_EGRESS) {
            Err(error) if error.raw_os_error() == Some(libc::EINVAL) => Hooks::Clsact,
            _ => Hooks::Tcx,
        }
    }
}

/// Our program at an interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attached {
    /// `None`: it cannot be told which.
    pub program: Option<Program>,
    pub tcx: bool,
    /// Zero where it is not known.
    pub tag: [u8; 8],
}

/// Attaches a program to an interface, in one step in place of another one of ours.
pub fn attach(
    pins: &Pins,
    object: &mut Object,
    socket: &mut Socket,
    hooks: Hooks,
    index: u32,
    program: Program,
) -> Result<(), Error> {
    let name = name(program);
    let (fd, _) = object.program(name)?;
    match hooks {
        Hooks::Tcx => {
            let path = pins.link(index);
            match live_link(pins, index)? {
                Some((link, _)) => sys::link_update(link.as_fd(), fd).map_err(Error::os(
                    format!("replace the program at interface {index}"),
                ))?,
                None => {
                    let link = sys::link_create(fd, index, sys::ATTACH_TCX_EGRESS, 0)
                        .map_err(Error::os(format!("attach a program to interface {index}")))?;
                    pins::put(&link, &path)?;
                }
            }
        }
        Hooks::Clsact => {
            filter::ensure_clsact(socket, index)?;
            filter::put(socket, index, fd.as_raw_fd(), name)?;
        }
    }
    // For whoever comes next: by it he knows which program a link holds.
    pins::put(&fd, &pins.named(name))
}

/// Takes our program away from an interface; that there is none is no error.
pub fn detach(pins: &Pins, socket: &mut Socket, index: u32) -> Result<(), Error> {
    if let Some((link, _)) = live_link(pins, index)? {
        sys::link_detach(link.as_fd()).map_err(Error::os(format!(
            "detach the program of interface {index}"
        )))?;
    }
    pins::remove(&pins.link(index))?;
    if ours(socket, index)?.is_some() {
        filter::delete(socket, index)?;
    }
    Ok(())
}

/// Our program at an interface.
pub fn attached(pins: &Pins, socket: &mut Socket, index: u32) -> Result<Option<Attached>, Error> {
    if let Some((_, id)) = live_link(pins, index)? {
        for program in PROGRAMS {
            let Some(fd) = pins::get(&pins.named(name(program)))? else {
                continue;
            };
            let info = sys::program_info(fd.as_fd()).map_err(|error| Error::Foreign {
                path: pins.named(name(program)),
                detail: error.to_string(),
            })?;
            if info.id == id {
                return Ok(Some(Attached {
                    program: Some(program),
                    tcx: true,
                    tag: info.tag,
                }));
            }
        }
        return Ok(Some(Attached {
            program: None,
            tcx: true,
            tag: [0; 8],
        }));
    }
    let Some(filter) = ours(socket, index)? else {
        return Ok(None);
    };
    let program = PROGRAMS.into_iter().find(|p| name(*p) == filter.name);
    Ok(Some(Attached {
        program,
        tcx: false,
        tag: filter.tag,
    }))
}

/// The link that is pinned for an interface, and the program in it, if it holds on to this very interface: numbers
/// of interfaces are used again, and are the same in other network namespaces.
fn live_link(pins: &Pins, index: u32) -> Result<Option<(OwnedFd, u32)>, Error> {
    let path = pins.link(index);
    let Some(link) = pins::get(&path)? else {
        return Ok(None);
    };
    let info = sys::link_info(link.as_fd()).map_err(|error| Error::Foreign {
        path: path.clone(),
        detail: error.to_string(),
    })?;
    if info.kind != sys::LINK_TCX {
        return Err(Error::Foreign {
            path,
            detail: format!("a link of type {}", info.kind),
        });
    }
    if info.index != index {
        return Ok(None);
    }
    let there = match sys::attached(index, sys::ATTACH_TCX_EGRESS) {
        Ok(there) => there,
        Err(error) if error.raw_os_error() == Some(libc::ENODEV) => return Ok(None),
        Err(source) => {
            return Err(Error::Os {
                doing: format!("ask what is at interface {index}"),
                source,
            });
        }
    };
    Ok(there
        .iter()
        .any(|&(_, id)| id == info.id)
        .then_some((link, info.program)))
}

/// Our filter: by its place and by its name, which nobody else uses together.
fn ours(socket: &mut Socket, index: u32) -> Result<Option<filter::BpfFilter>, Error> {
    Ok(filter::all(socket, index)?.into_iter().find(|f| {
        f.priority == filter::PRIORITY
            && f.handle == filter::HANDLE
            && PROGRAMS.into_iter().any(|p| name(p) == f.name)
    }))
}
