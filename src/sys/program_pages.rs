//! The pages of our own program's file that are mapped into this process. They count as its memory although the page cache
//! has them; PID 1 uses most of them once, at the start. Must not know when they are not needed.
#![allow(unsafe_code)] // dl_iterate_phdr(3), madvise(2)

use std::ffi::c_void;

use nix::libc;

use crate::sys::host;

/// The parts of the address space that nobody writes to, machine code and constants: where each begins, and its length.
type Parts = Vec<(usize, usize)>;

/// Unmaps the pages until they are used again: that costs a fault each, and reads the file only where the page cache has lost
/// them, as it would under memory pressure in any case.
pub fn release() {
    for (start, length) in parts() {
        let start = std::ptr::without_provenance_mut::<c_void>(start);
        // SAFETY: a private mapping of a file that is not writable has no contents of its own (madvise(2), MADV_DONTNEED): what
        // is read there again is the same.
        let result = unsafe { libc::madvise(start, length, libc::MADV_DONTNEED) };
        debug_assert_eq!(result, 0, "whole pages that are mapped");
    }
}

fn parts() -> Parts {
    let mut found = Parts::new();
    // SAFETY: `add_program` is called with a valid header and with `found`, which outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(add_program), (&raw mut found).cast()) };
    found
}

/// Adds the segments of the first object, which is the program itself, that are mapped without the right to write.
unsafe extern "C" fn add_program(info: *mut libc::dl_phdr_info, _: libc::size_t, found: *mut c_void) -> libc::c_int {
    // SAFETY: the loader's own header, valid during the call; the headers follow each other.
    let (info, headers) = unsafe {
        let info = &*info;
        (info, std::slice::from_raw_parts(info.dlpi_phdr, usize::from(info.dlpi_phnum)))
    };
    // SAFETY: `parts` passes a pointer to its own value.
    let found = unsafe { &mut *found.cast::<Parts>() };
    let page = usize::try_from(host::page_size()).unwrap_or(4096);
    let base = usize::try_from(info.dlpi_addr).unwrap_or_default();
    for header in headers.iter().filter(|header| header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_W == 0) {
        let (at, length) =
            (usize::try_from(header.p_vaddr).unwrap_or_default(), usize::try_from(header.p_memsz).unwrap_or_default());
        let start = (base + at) & !(page - 1);
        let end = (base + at + length).next_multiple_of(page);
        found.push((start, end - start));
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the mappings of this process that the parts lie in: their rights and how much of them is mapped, in KiB.
    fn mapped(parts: &Parts) -> Vec<(String, u64)> {
        let all = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut found = Vec::new();
        let mut rights = None;
        for line in all.lines() {
            if let Some((range, rest)) = line.split_once(' ').filter(|(word, _)| word.contains('-')) {
                let (start, end) = range.split_once('-').unwrap();
                let (start, end) = (usize::from_str_radix(start, 16).unwrap(), usize::from_str_radix(end, 16).unwrap());
                let is_part = |&(at, length): &(usize, usize)| at < end && start < at + length;
                rights = parts.iter().any(is_part).then(|| rest[..4].to_owned());
            } else if let (Some(rights), Some(size)) = (&rights, line.strip_prefix("Rss:")) {
                found.push((rights.clone(), size.trim().strip_suffix(" kB").unwrap().parse().unwrap()));
            }
        }
        found
    }

    #[test]
    fn code_and_constants_are_unmapped_and_used_again() {
        let parts = parts();
        assert!(parts.len() >= 2, "{parts:?}");
        let before = mapped(&parts);
        assert!(before.iter().all(|(rights, _)| !rights.contains('w')), "{before:?}");
        release();
        let after = mapped(&parts);
        let sum = |all: &[(String, u64)]| all.iter().map(|(_, size)| size).sum::<u64>();
        assert!(sum(&after) < sum(&before), "{before:?} {after:?}");
    }
}
