//! Steering: programs at XDP that hand a packet to the CPU which works on its CPU queue, before anything else is
//! done with it. An accelerator only: what is shaped does not depend on it.
//!
//! In the driver where it can (native), else behind it (generic), which costs most of what steering saves.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use weir_abi::maps::{self, QUEUE_ROOM};
use weir_plan::kernel::Program;

use super::maps::Maps;
use super::object::Object;
use super::pins::{self, Pins};
use super::{Error, sys};

/// Packets that may wait for a CPU.
const WAITING: u32 = 2048;

/// Name of the program that steers what arrives at an interface, by the program at its egress: from the side that
/// downloads leave to, uploads arrive.
fn name(egress: Program) -> &'static str {
    match egress {
        Program::Download => maps::PROGRAM_STEER_UPLOAD,
        Program::Upload => maps::PROGRAM_STEER_DOWNLOAD,
        Program::Stick => maps::PROGRAM_STEER_STICK,
    }
}

/// Steers what arrives at an interface, in one step in place of another one of ours, which keeps its mode. Refused
/// (EBUSY) where another XDP program is.
pub fn start(pins: &Pins, object: &mut Object, index: u32, egress: Program) -> Result<(), Error> {
    let (fd, _) = object.program(name(egress))?;
    if let Some(link) = live_link(pins, index)? {
        return sys::link_update(link.as_fd(), fd).map_err(Error::os(format!(
            "replace the XDP program at interface {index}"
        )));
    }
    let link = create(fd, index).map_err(Error::os(format!(
        "attach an XDP program to interface {index}"
    )))?;
    pins::put(&link, &pins.steering(index))
}

/// In the driver; where it says that it cannot, in whatever words, behind it.
fn create(program: BorrowedFd<'_>, index: u32) -> std::io::Result<OwnedFd> {
    let attach = |mode| sys::link_create(program, index, sys::ATTACH_XDP, mode);
    match attach(sys::XDP_NATIVE) {
        Err(error) if !is_final(&error) => attach(sys::XDP_GENERIC),
        done => done,
    }
}

/// Errors that say nothing of the driver: another program is there, the interface is gone, there is no room or no
/// right.
fn is_final(error: &std::io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EBUSY | libc::ENODEV | libc::ENOMEM | libc::EPERM)
    )
}

/// Steers no more; that nothing did is no error.
pub fn stop(pins: &Pins, index: u32) -> Result<(), Error> {
    if let Some(link) = live_link(pins, index)? {
        sys::link_detach(link.as_fd()).map_err(Error::os(format!(
            "detach the XDP program of interface {index}"
        )))?;
    }
    pins::remove(&pins.steering(index))
}

/// Whether what arrives at an interface is steered.
pub fn is_on(pins: &Pins, index: u32) -> Result<bool, Error> {
    Ok(live_link(pins, index)?.is_some())
}

/// The link that is pinned for an interface, if it holds on to an interface of this number. One of the same number
/// in another network namespace cannot be told from it: a directory of pins is of one namespace.
fn live_link(pins: &Pins, index: u32) -> Result<Option<OwnedFd>, Error> {
    let path = pins.steering(index);
    let Some(link) = pins::get(&path)? else {
        return Ok(None);
    };
    let info = sys::link_info(link.as_fd()).map_err(|error| Error::Foreign {
        path: path.clone(),
        detail: error.to_string(),
    })?;
    if info.kind != sys::LINK_XDP {
        return Err(Error::Foreign {
            path,
            detail: format!("a link of type {}", info.kind),
        });
    }
    Ok((info.index == index).then_some(link))
}

impl Maps {
    /// Which CPU works on each CPU queue, by its number; `None`, or no entry: packets of the queue stay where they
    /// arrive. At most [`QUEUE_ROOM`] queues; further ones are not steered. CPUs that are named no more are let go.
    pub fn set_queue_cpus(&self, cpus: &[Option<u32>]) -> Result<(), Error> {
        for cpu in cpus.iter().flatten() {
            let mut value = [0; 8];
            value[..4].copy_from_slice(&WAITING.to_ne_bytes());
            sys::map_update(self.cpus.as_fd(), &cpu.to_ne_bytes(), &value)
                .map_err(Error::os(format!("let packets be handed to CPU {cpu}")))?;
        }
        for queue in 0..QUEUE_ROOM {
            let cpu = cpus.get(queue as usize).copied().flatten();
            let word = cpu.map_or(0, |cpu| cpu + 1);
            sys::map_update(
                self.queue_cpus.as_fd(),
                &queue.to_ne_bytes(),
                &word.to_ne_bytes(),
            )
            .map_err(Error::os(format!("set the CPU of queue {queue}")))?;
        }
        // No queue names them any more: what waits there is let through, and their thread ends.
        let mut key = [0; 4];
        let mut known: Option<[u8; 4]> = None;
        let mut others = Vec::new();
        let doing = "list the CPUs that packets are handed to";
        while sys::map_next_key(
            self.cpus.as_fd(),
            known.as_ref().map(|k| k.as_slice()),
            &mut key,
        )
        .map_err(Error::os(doing))?
        {
            known = Some(key);
            let cpu = u32::from_ne_bytes(key);
            if !cpus.contains(&Some(cpu)) {
                others.push(cpu);
            }
        }
        for cpu in others {
            // Every number is a key of this map; most have nothing.
            match sys::map_delete(self.cpus.as_fd(), &cpu.to_ne_bytes()) {
                Err(error) if error.raw_os_error() != Some(libc::ENOENT) => {
                    return Err(Error::os(format!("hand no packets to CPU {cpu}"))(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
