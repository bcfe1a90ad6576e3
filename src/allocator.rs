//! Where the program's memory comes from: a part of the program, since a library leaves that to whoever uses it.

use std::ffi::{c_int, c_long};

/// Indexing allocates and frees small strings by the million: 15 to 20 % less CPU than with the
/// system's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What is freed goes back to the system after 10 ms. After a second, as mimalloc 3 has it, a server whose docs are edited
/// holds on to what some of its last commits took, half as much again, and more each time that it is cut up otherwise.
/// The environment variable `MIMALLOC_PURGE_DELAY` goes first.
#[expect(unsafe_code, reason = "the allocator has no other way to be told")]
pub(crate) fn give_memory_back_soon() {
    unsafe extern "C" {
        fn mi_option_set_default(option: c_int, value: c_long);
    }
    // SAFETY: it writes a number of the allocator's, and no other thread is there yet.
    unsafe { mi_option_set_default(PURGE_DELAY, 10) }
}

/// Of `mi_option_t` in mimalloc.h.
const PURGE_DELAY: c_int = 15;

#[cfg(test)]
mod tests {
    use super::*;

    /// The number of an option is that of this version of mimalloc: no other has this default.
    #[test]
    #[expect(unsafe_code, reason = "as above")]
    fn the_allocator_is_told_what_is_meant() {
        unsafe extern "C" {
            fn mi_option_get(option: c_int) -> c_long;
        }
        // SAFETY: it reads a number.
        let delay = || unsafe { mi_option_get(PURGE_DELAY) };
        assert_eq!(delay(), 1000);
        give_memory_back_soon();
        assert_eq!(delay(), 10);
    }
}
