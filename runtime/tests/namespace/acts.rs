//! Single acts on the live kernel, and what tests look at after them.

use std::collections::BTreeSet;
use std::path::Path;

use weir_abi::table::{self, Builder, Entry, Prefix, Queue};
use weir_plan::Action;
use weir_plan::kernel::{Observation, ProgramSeen, Tables};
use weir_runtime::live::Live;
use weir_runtime::swap::{Generation, Kernel, KernelError};

/// Payload digest of the n-th generation.
pub fn digest(n: u8) -> String {
    format!("{n:02x}").repeat(32)
}

/// A table of so many circuits, a /32 each.
pub fn table(circuits: u32) -> Vec<u8> {
    let queues = [Queue {
        major_down: 1,
        major_up: 1,
        tx_down: 0,
        tx_up: 0,
    }];
    let mut builder = Builder::new(&queues, circuits);
    for circuit in 0..circuits {
        let minor = 3 + (circuit % 60_000) as u16;
        let address = 0x0a00_0000 + circuit * 3;
        builder.add(
            Prefix::V4 { address, len: 32 },
            Entry {
                minor,
                queue: 0,
                circuit,
            },
        );
    }
    table::to_bytes(&builder.finish().expect("a table"))
}

pub fn load(live: &mut Live, slot: u32, n: u8, table: &[u8]) -> Result<(), KernelError> {
    let digest = digest(n);
    let generation = Generation {
        digest: &digest,
        table,
    };
    live.apply(
        &[Action::LoadTable {
            slot,
            digest: digest.clone(),
        }],
        Some(&generation),
    )
    .remove(0)
}

pub fn act(live: &mut Live, action: Action) -> Result<(), KernelError> {
    live.apply(&[action], None).remove(0)
}

pub fn tables(live: &mut Live) -> Tables {
    live.observe(&[]).unwrap_or_else(|e| panic!("{e}")).tables
}

pub fn program(live: &mut Live, device: &str) -> Option<ProgramSeen> {
    let Observation { interfaces, .. } = live
        .observe(&[device.to_owned()])
        .unwrap_or_else(|e| panic!("{e}"));
    interfaces[0].program
}

pub fn pinned(directory: &Path) -> BTreeSet<String> {
    std::fs::read_dir(directory)
        .map(|all| {
            all.map(|e| {
                e.expect("an entry")
                    .file_name()
                    .into_string()
                    .expect("text")
            })
            .collect()
        })
        .unwrap_or_default()
}
