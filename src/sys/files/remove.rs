//! Removes leftovers of an earlier boot: everything below an open directory, by handles, never through a link, never on
//! another mount (RUSTSEC-2023-0018). Must not know whose it is: the caller has decided that.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::sys::files::beneath::Beneath;
use crate::sys::files::listing::Listing;
use crate::sys::files::stat::mount_of;

/// Our leftovers are a few levels deep; deeper trees are not ours. Also bounds descriptors.
const MAX_DEPTH: usize = 16;

/// Removes the contents of a directory that is open for listing.
pub fn remove_contents(beneath: Beneath, directory: BorrowedFd<'_>) -> io::Result<()> {
    contents(beneath, directory, mount_of(beneath.syscalls, directory)?, 1)
}

fn contents(beneath: Beneath, directory: BorrowedFd<'_>, mount: u64, depth: usize) -> io::Result<()> {
    if depth > MAX_DEPTH {
        return Err(Errno::ENAMETOOLONG.into());
    }
    // All names are read first: removing while listing may skip some.
    let mut names: Vec<CString> = Vec::new();
    let mut listing = Listing::small();
    while listing.read(directory)? {
        names.extend(listing.entries().map(|entry| entry.name.to_owned()));
    }
    drop(listing);
    for name in names {
        match unlinkat(directory, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => continue,
            Err(Errno::EISDIR | Errno::EPERM) => {}
            Err(cause) => return Err(cause.into()),
        }
        let below: OwnedFd = beneath.list(directory, Some(mount), &name)?;
        contents(beneath, below.as_fd(), mount, depth + 1)?;
        unlinkat(directory, name.as_c_str(), UnlinkatFlags::RemoveDir)?;
    }
    Ok(())
}
