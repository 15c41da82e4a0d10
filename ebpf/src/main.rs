//! Weir's programs in the kernel: they look up whose packet it is and say which class it goes to. They do not shape
//! (HTB and its leaves do), they do not forward (a bridge or a router does), and they drop nothing: what they do
//! not understand passes as if they were not there.
//!
//! | file | what |
//! |---|---|
//! | `programs/` | one program a file: where it is attached, and the direction that follows |
//! | `egress.rs` | what the three at tc do: set class and transmit queue, and count |
//! | `steer.rs` | what the three at XDP do: choose the CPU |
//! | `frame.rs` | from the first byte to the address: Ethernet, VLANs, PPPoE, IP |
//! | `classify.rs` | from the address to the class |
//! | `count.rs`, `sample.rs` | what is counted of every packet, and of a sample |
//! | `maps.rs` | the maps |
//! | `words.rs` | values on the stack, as the verifier likes them |
//!
//! Names and layouts are those of `weir_abi::maps`, the address table is read by `weir_abi::table`: the same code
//! that user space proves it with.

#![no_std]
#![no_main]
#![allow(internal_features)]
#![feature(core_intrinsics)]

mod classify;
mod count;
mod egress;
mod frame;
mod maps;
mod programs;
mod sample;
mod steer;
mod words;

/// The kernel lets only GPL-compatible programs call some of its helpers.
#[unsafe(no_mangle)]
#[unsafe(link_section = "license")]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

/// Nothing panics: every index is masked and no arithmetic is checked. Were it otherwise, the verifier would refuse
/// this loop.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
