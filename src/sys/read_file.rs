//! Whole files with as few system calls as can be: one for each file at every container start adds up. Must not know
//! what is in them.

use std::fs::File;
use std::io::{self, ErrorKind, Read};

/// What a file of `/proc` holds, mostly.
const PROC: usize = 4096;

/// Reads a regular file that said to be `size` bytes long; one that grows meanwhile, up to a little more than `most`.
///
/// # Errors
/// The kernel's.
pub fn regular(mut file: &File, size: usize, most: usize) -> io::Result<Vec<u8>> {
    // One byte more than there should be: a read that leaves it free has seen the end.
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
            bytes.resize(length.saturating_mul(2).saturating_add(PROC), 0);
        }
    }
}

/// Reads a file of `/proc`; empty where there is none.
pub fn proc(path: &str) -> Vec<u8> {
    let Ok(mut file) = File::open(path) else { return Vec::new() };
    let mut bytes = vec![0; PROC];
    let mut length = 0;
    loop {
        let Ok(read) = file.read(bytes.get_mut(length..).unwrap_or_default()) else { return Vec::new() };
        length = length.saturating_add(read);
        // The kernel fills whole records up to a page: half of one left free means that there was no more.
        if read == 0 || length <= PROC / 2 {
            bytes.truncate(length);
            return bytes;
        }
        bytes.resize(length.saturating_add(PROC), 0);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_file_is_read_whole_whatever_it_said_of_its_size() {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let content: Vec<u8> = (0..100_000_u32).map(|at| at.to_le_bytes()[0]).collect();
        file.write_all(&content).unwrap();
        let read = |size, most| regular(&File::open(file.path()).unwrap(), size, most).unwrap();
        assert_eq!(read(100_000, usize::MAX), content);
        assert_eq!(read(0, usize::MAX), content);
        assert_eq!(read(200_000, usize::MAX), content);
        let much = read(10, 50_000);
        assert!(much.len() > 50_000 && content.starts_with(&much));
    }

    #[test]
    fn proc_is_read_whole() {
        for path in ["/proc/self/status", "/proc/self/uid_map", "/proc/self/mountinfo", "/proc/filesystems"] {
            let (ours, theirs) = (proc(path), std::fs::read(path).unwrap());
            assert_eq!(ours.len(), theirs.len(), "{path}");
        }
        assert_eq!(proc("/proc/none"), b"");
    }
}
