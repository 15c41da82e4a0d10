//! Steering: programs at XDP that hand a packet to the CPU which works on its CPU queue, before anything else is
//! done with it. An accelerator only: what is shaped does not depend on it.

use std::os::fd::{AsFd, OwnedFd};

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

/// Steers what arrives at an interface, in one step in place of another one of ours. Refused (EBUSY) where another
/// XDP program is.
pub fn start(pins: &Pins, object: &mut Object, index: u32, egress: Program) -> Result<(), Error> {
    let (fd, _) = object.program(name(egress))?;
    if let Some(link) = live_link(pins, index)? {
        return sys::link_update(link.as_fd(), fd).map_err(Error::os(format!(
            "replace the XDP program at interface {index}"
        )));
    }
    let link = sys::link_create(fd, index, sys::ATTACH_XDP).map_err(Error::os(format!(
        "attach an XDP program to interface {index}"
    )))?;
    pins::put(&link, &pins.steering(index))
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
    /// arrive. At most [`QUEUE_ROOM`] queues; further ones are not steered.
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
        Ok(())
    }
}
