//! Reads the kernel's counters for the board, beside whoever swaps: with sockets of its own, and changing nothing.

use std::path::PathBuf;

use weir_abi::maps::{MAX_FLOWS, MAX_UNKNOWN};
use weir_plan::kernel::{Active, Device};

use super::traffic::Reading;
use crate::bpf::{Maps, Pins};
use crate::netlink::{Socket, link, tc};

/// Reads counters of a live kernel.
pub struct Meter {
    socket: Socket,
    pins: PathBuf,
}

impl Meter {
    pub fn open(pins: PathBuf) -> Result<Meter, String> {
        Ok(Meter {
            socket: Socket::open().map_err(|e| e.to_string())?,
            pins,
        })
    }

    /// Everything that is counted, of these interfaces.
    pub fn read(&mut self, devices: &[Device]) -> Result<Reading, String> {
        let mut reading = Reading {
            at_ns: monotonic_ns(),
            ..Reading::default()
        };
        let links = link::all(&mut self.socket).map_err(|e| e.to_string())?;
        for link in links.iter().filter(|l| devices.contains(&l.name)) {
            let classes =
                tc::classes(&mut self.socket, link.index, None).map_err(|e| e.to_string())?;
            let stats = classes.into_iter().map(|c| (c.id, c.stats)).collect();
            reading.classes.insert(link.name.clone(), stats);
        }
        let pins = Pins::at(&self.pins).map_err(|e| e.to_string())?;
        let Some(maps) = Maps::open(&pins).map_err(|e| e.to_string())? else {
            return Ok(reading);
        };
        let told = |e: crate::bpf::Error| e.to_string();
        reading.slot = match maps.active().map_err(told)? {
            Active::Nothing => None,
            Active::Slot(slot) => Some(slot),
        };
        reading.totals = maps.totals().map_err(told)?;
        reading.unknown = maps.unknown(MAX_UNKNOWN as usize).map_err(told)?;
        reading.sample_every = maps.settings().map_err(told)?.sample_every;
        if reading.sample_every > 0 {
            reading.flows = maps.flows(MAX_FLOWS as usize).map_err(told)?;
        }
        Ok(reading)
    }
}

/// The clock that the programs stamp with.
fn monotonic_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(u64::try_from(time.tv_nsec).unwrap_or(0))
}
