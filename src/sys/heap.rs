//! The heap's free memory. The boot parses and plans in memory that it frees, in pieces between what stays; the C library keeps
//! them, and they count as this process's. Must not know when they are not needed.
#![allow(unsafe_code)] // malloc_trim(3)

/// Returns the pages of the heap that hold nothing to the kernel.
pub fn release_free() {
    #[cfg(target_env = "gnu")]
    // SAFETY: takes a number only; what is allocated stays where it is.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}

/// Returns how many bytes are allocated.
#[cfg(all(test, target_env = "gnu"))]
pub fn in_use() -> usize {
    // SAFETY: takes nothing, and returns numbers.
    let info = unsafe { nix::libc::mallinfo2() };
    info.uordblks + info.hblkhd
}

/// Counts how often this thread allocates, in unit tests.
#[cfg(test)]
mod counting {
    use std::alloc::{GlobalAlloc, Layout, System};
    use std::cell::Cell;

    thread_local! {
        static COUNT: Cell<usize> = const { Cell::new(0) };
    }

    #[global_allocator]
    static ALLOCATOR: Counting = Counting;

    struct Counting;

    // SAFETY: each call is the system's, with the same arguments. The counter allocates nothing itself.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count();
            // SAFETY: the caller's promise.
            unsafe { System.alloc(layout) }
        }

        unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            count();
            // SAFETY: the caller's promise.
            unsafe { System.realloc(start, layout, size) }
        }

        unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
            // SAFETY: the caller's promise.
            unsafe { System.dealloc(start, layout) }
        }
    }

    fn count() {
        // Also called where a thread's own values are gone already.
        let _gone = COUNT.try_with(|count| count.set(count.get() + 1));
    }

    /// Returns how often this thread has allocated.
    pub fn allocations() -> usize {
        COUNT.get()
    }
}
#[cfg(test)]
pub use counting::allocations;

#[cfg(test)]
mod tests {
    #[cfg(target_env = "gnu")]
    use super::*;

    #[cfg(target_env = "gnu")]
    /// Anonymous memory of this process in KiB.
    fn anonymous() -> u64 {
        let all = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
        let line = all.lines().find_map(|line| line.strip_prefix("Anonymous:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse().unwrap()
    }

    #[test]
    #[cfg(target_env = "gnu")]
    fn what_was_freed_between_pieces_that_stay_is_returned() {
        // Smaller than what malloc(3) takes from mmap(2), so that it is a part of the heap.
        let pieces: Vec<Vec<u8>> = (0..512).map(|_| vec![1; 64 << 10]).collect();
        let stays: Vec<Vec<u8>> =
            pieces.into_iter().enumerate().filter_map(|(at, it)| (at % 2 == 0).then_some(it)).collect();
        let before = anonymous();
        release_free();
        let after = anonymous();
        assert!(after + (8 << 10) < before, "{before} {after}");
        assert!(stays.iter().all(|piece| piece.iter().all(|byte| *byte == 1)));
    }
}
