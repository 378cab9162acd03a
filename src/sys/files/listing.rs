//! Reads directories in large chunks without an allocation for each name (getdents64(2)). Must not know what is done with
//! the names.
#![allow(unsafe_code)] // getdents64(2) is wrapped by neither nix nor std

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::dir::Type;
use nix::errno::Errno;
use nix::libc;

/// Bytes read at once: about 2,000 names. The memory of one thread of a walk, whatever the size of the directory.
pub const BUFFER: usize = 64 * 1024;

/// The same for a directory that should have few entries: about 100 names.
const SMALL_BUFFER: usize = 4 * 1024;

/// The entries of one read.
#[derive(Debug)]
pub struct Listing {
    buffer: Vec<u8>,
    filled: usize,
}

/// An entry of a directory. Its type is only a hint: another file may have the name by now.
#[derive(Clone, Copy, Debug)]
pub struct DirEntry<'a> {
    /// Its name; [`crate::sys::files::name::is_entry`] holds.
    pub name: &'a CStr,
    /// Its type, as the directory says; `None`: this file system does not report types.
    pub kind: Option<Type>,
}

impl Listing {
    /// Returns an empty one with its buffer.
    pub fn new() -> Self {
        Self { buffer: vec![0; BUFFER], filled: 0 }
    }

    /// Returns one for a directory that should have few entries: less memory is filled.
    pub fn small() -> Self {
        Self { buffer: vec![0; SMALL_BUFFER], filled: 0 }
    }

    /// Reads the next chunk of a directory; `false` at its end.
    pub fn read(&mut self, directory: BorrowedFd<'_>) -> io::Result<bool> {
        self.filled = 0;
        // SAFETY: the buffer is ours, as long as told, and outlives the call.
        let returned = unsafe {
            libc::syscall(libc::SYS_getdents64, directory.as_raw_fd(), self.buffer.as_mut_ptr(), self.buffer.len())
        };
        self.filled = usize::try_from(Errno::result(returned)?).unwrap_or(0).min(self.buffer.len());
        Ok(self.filled > 0)
    }

    /// Returns whether the last read filled so much of the buffer that there may be more.
    pub fn may_have_more(&self) -> bool {
        self.filled > self.buffer.len() / 2
    }

    /// Returns the entries of the last read, without `.` and `..` and invalid names.
    pub fn entries(&self) -> impl Iterator<Item = DirEntry<'_>> {
        Entries { rest: self.buffer.get(..self.filled).unwrap_or_default() }
    }
}

impl Default for Listing {
    fn default() -> Self {
        Self::new()
    }
}

struct Entries<'a> {
    rest: &'a [u8],
}

/// `struct linux_dirent64`: inode 8, offset 8, record length 2, type 1, then the name.
const LENGTH_AT: usize = 16;
const TYPE_AT: usize = 18;
const NAME_AT: usize = 19;

impl<'a> Iterator for Entries<'a> {
    type Item = DirEntry<'a>;

    fn next(&mut self) -> Option<DirEntry<'a>> {
        loop {
            let length = self.rest.get(LENGTH_AT..TYPE_AT)?;
            let length = usize::from(u16::from_ne_bytes(length.try_into().ok()?));
            let (record, rest) = self.rest.split_at_checked(length)?;
            self.rest = rest;
            let kind = *record.get(TYPE_AT)?;
            let name = CStr::from_bytes_until_nul(record.get(NAME_AT..)?).ok()?;
            if crate::sys::files::name::is_entry(name) {
                let kind = match kind {
                    libc::DT_DIR => Some(Type::Directory),
                    libc::DT_REG => Some(Type::File),
                    libc::DT_LNK => Some(Type::Symlink),
                    libc::DT_FIFO => Some(Type::Fifo),
                    libc::DT_SOCK => Some(Type::Socket),
                    libc::DT_CHR => Some(Type::CharacterDevice),
                    libc::DT_BLK => Some(Type::BlockDevice),
                    _ => None,
                };
                return Some(DirEntry { name, kind });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::os::fd::AsFd;

    #[test]
    fn every_name_comes_once_whatever_its_bytes() {
        use std::os::unix::ffi::OsStrExt;
        let directory = tempfile::tempdir().unwrap();
        let mut expected = BTreeSet::new();
        for number in 0..5000 {
            expected.insert(format!("file {number}").into_bytes());
        }
        expected.insert(b"\n\x1b\xff".to_vec());
        expected.insert(vec![b'x'; 255]);
        for name in &expected {
            std::fs::File::create(directory.path().join(std::ffi::OsStr::from_bytes(name))).unwrap();
        }
        let handle = std::fs::File::open(directory.path()).unwrap();
        let mut listing = Listing::new();
        let mut seen = Vec::new();
        while listing.read(handle.as_fd()).unwrap() {
            seen.extend(listing.entries().map(|entry| entry.name.to_bytes().to_vec()));
        }
        assert_eq!(seen.len(), expected.len());
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), expected);
    }

    #[test]
    fn a_broken_record_ends_the_piece() {
        let mut listing = Listing::new();
        listing.filled = 100;
        assert_eq!(listing.entries().count(), 0);
    }
}
