//! The eBPF object that was built with this runtime: its maps are made and pinned, or taken up where they are
//! pinned, and its programs are loaded against them.

use std::os::fd::AsFd;
use std::os::fd::BorrowedFd;

use aya::programs::Program;
use aya::{Ebpf, EbpfLoader};

use super::maps::{self, Maps};
use super::pins::{MAPS, Pins};
use super::sys::ProgramInfo;
use super::{Error, sys};

/// The checked-in object, `ebpf/weir.bpf.o`.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/../ebpf/weir.bpf.o"));

/// The object, with its maps in the kernel. Programs are loaded when they are first asked for.
pub struct Object {
    ebpf: Ebpf,
}

impl Object {
    /// Makes the maps that are not pinned yet, with nothing active, and takes up those that are. What is pinned and
    /// not as ours are is refused before anything is made.
    pub fn load(pins: &Pins) -> Result<Self, Error> {
        maps::check_pins(pins)?;
        pins.make()?;
        maps::make_outer(pins)?;
        let mut loader = EbpfLoader::new();
        // Programs look at no structure of the kernel, so its own description is not needed.
        loader.btf(None);
        let cpus = aya::util::nr_cpus().map_err(|(what, source)| Error::Os {
            doing: format!("read {what}"),
            source,
        })?;
        loader.map_max_entries(weir_abi::maps::CPUS, cpus as u32);
        for name in MAPS {
            loader.map_pin_path(name, pins.named(name));
        }
        let ebpf = loader
            .load(OBJECT)
            .map_err(|error| Error::Object(chain(&error)))?;
        // What was just made is as the table of maps says, or that table is wrong: better seen here.
        maps::check_pins(pins)?;
        Ok(Self { ebpf })
    }

    /// A program, loaded, and what the kernel says of it.
    pub fn program(&mut self, name: &str) -> Result<(BorrowedFd<'_>, ProgramInfo), Error> {
        let Some(program) = self.ebpf.program_mut(name) else {
            return Err(Error::Object(format!("it has no program {name}")));
        };
        let failed = |error| {
            let why = chain(&error);
            // What the verifier says to whoever lacks CAP_PERFMON.
            let hint = if why.contains("prohibited for !root") {
                "give the runtime CAP_PERFMON, without which the kernel trusts no program of this kind; "
            } else {
                ""
            };
            Error::Object(format!("program {name}: {hint}{why}"))
        };
        let fd = match program {
            Program::SchedClassifier(program) => {
                if program.fd().is_err() {
                    program.load().map_err(failed)?;
                }
                program.fd().map_err(failed)?
            }
            Program::Xdp(program) => {
                if program.fd().is_err() {
                    program.load().map_err(failed)?;
                }
                program.fd().map_err(failed)?
            }
            _ => return Err(Error::Object(format!("program {name} is of another kind"))),
        };
        let fd = fd.as_fd();
        let info = sys::program_info(fd).map_err(Error::os(format!("ask about program {name}")))?;
        Ok((fd, info))
    }

    /// Its maps.
    pub fn maps(&self, pins: &Pins) -> Result<Maps, Error> {
        Maps::open(pins)?.ok_or_else(|| Error::Object("its maps are not pinned".to_owned()))
    }
}

/// An error with everything it was caused by, on one line. The verifier's log is in there: its end says why.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        next = error.source();
    }
    const LONG: usize = 2000;
    if text.len() > LONG {
        let mut cut = text.len() - LONG;
        while !text.is_char_boundary(cut) {
            cut += 1;
        }
        text = format!("... {}", &text[cut..]);
    }
    text.replace('\n', "; ")
}
