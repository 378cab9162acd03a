//! Reads whole files with as few system calls as possible: one per file at every container start adds up. Must not know what
//! is in them.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::FileExt;

/// The usual size of a file in `/proc`, at most.
const PROC_SIZE: usize = 4096;

/// Reads a regular file of `size` bytes; if it grows meanwhile, up to a little more than `most`.
///
/// # Errors
/// The kernel's.
pub fn read_regular(mut file: &File, size: usize, most: usize) -> io::Result<Vec<u8>> {
    // One byte more than expected: a read that does not fill it has reached the end.
    let mut bytes = vec![0; size.saturating_add(1)];
    let mut length = 0;
    loop {
        let read = match file.read(bytes.get_mut(length..).unwrap_or_default()) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        length = length.saturating_add(read);
        if read == 0 || length == size || length > most {
            bytes.truncate(length);
            return Ok(bytes);
        }
        if length == bytes.len() {
            bytes.resize(length.saturating_mul(2).saturating_add(PROC_SIZE), 0);
        }
    }
}

/// Reads a file of `/proc`; empty if it does not exist.
pub fn read_proc(path: &str) -> Vec<u8> {
    try_read_proc(path).unwrap_or_default()
}

/// Reads a file of `/proc`; `None` if it does not exist or cannot be read.
pub fn try_read_proc(path: &str) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let mut bytes = vec![0; PROC_SIZE];
    let mut length = 0;
    loop {
        let read = file.read(bytes.get_mut(length..).unwrap_or_default()).ok()?;
        length = length.saturating_add(read);
        // The kernel returns whole records up to a page: if half of one is free there is no more.
        if read == 0 || length <= PROC_SIZE / 2 {
            bytes.truncate(length);
            return Some(bytes);
        }
        bytes.resize(length.saturating_add(PROC_SIZE), 0);
    }
}

/// Reads a file of `/proc` that is kept open, from its beginning: the kernel writes it anew each time. `None` on an error.
pub fn read_again(file: &File) -> Option<Vec<u8>> {
    let mut bytes = vec![0; PROC_SIZE];
    let mut length = 0_usize;
    loop {
        let at = u64::try_from(length).ok()?;
        let read = file.read_at(bytes.get_mut(length..).unwrap_or_default(), at).ok()?;
        length = length.saturating_add(read);
        if read == 0 || bytes.len() - length >= PROC_SIZE / 2 {
            bytes.truncate(length);
            return Some(bytes);
        }
        bytes.resize(length.saturating_add(PROC_SIZE), 0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_read_whole_whatever_its_stated_size() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        file.write_all(&content).unwrap();
        let read = |size, most| read_regular(&File::open(file.path()).unwrap(), size, most).unwrap();
        assert_eq!(read(100_000, usize::MAX), content);
        assert_eq!(read(0, usize::MAX), content);
        assert_eq!(read(200_000, usize::MAX), content);
        let much = read(10, 50_000);
        assert!(much.len() > 50_000 && content.starts_with(&much));
    }

    #[test]
    fn proc_is_read_whole() {
        for path in ["/proc/self/status", "/proc/self/uid_map", "/proc/self/mountinfo", "/proc/filesystems"] {
            let (ours, theirs) = (read_proc(path), std::fs::read(path).unwrap());
            assert_eq!(ours.len(), theirs.len(), "{path}");
            let file = File::open(path).unwrap();
            for _ in 0..2 {
                assert_eq!(read_again(&file).unwrap().len(), theirs.len(), "{path}");
            }
        }
        assert_eq!(read_proc("/proc/none"), b"");
    }
}
