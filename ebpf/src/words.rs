//! Values on the stack, zeroed word by word. Left to itself the compiler calls a `memset` that is a loop over bytes: it
//! would run for every packet, and the verifier would follow every round of it.

use core::mem::MaybeUninit;

/// What can be all zeros, and is made of whole aligned words.
///
/// # Safety
/// Both must be so.
pub unsafe trait Words: Copy {}

// SAFETY: integers only, aligned to 8 bytes, of a multiple of 8 bytes.
unsafe impl Words for crate::frame::Packet {}
// SAFETY: the same.
unsafe impl Words for weir_abi::maps::FlowKey {}
// SAFETY: the same.
unsafe impl Words for weir_abi::maps::Flow {}
// SAFETY: the same.
unsafe impl Words for weir_abi::maps::Unknown {}

#[inline(always)]
pub fn zeroed<T: Words>(place: &mut MaybeUninit<T>) -> &mut T {
    const { assert!(size_of::<T>() % 8 == 0 && align_of::<T>() == 8) };
    let word = place.as_mut_ptr().cast::<u64>();
    let mut n = 0;
    while n < size_of::<T>() / 8 {
        // SAFETY: within the value, and aligned.
        unsafe { word.add(n).write_volatile(0) };
        n += 1;
    }
    // SAFETY: every word was written, and zeros are a value of the type.
    unsafe { place.assume_init_mut() }
}
