//! Extended attributes from one open file to another (xattr(7)): labels and ACLs that a replaced file must keep. Must
//! not know which files.
#![allow(unsafe_code)] // the fxattr calls are wrapped by neither nix nor std

use std::ffi::{CStr, CString};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use nix::errno::Errno;
use nix::libc;

use crate::config::values::CapSet;

/// Attributes that the kernel computes from the contents; copied to a new file they would be wrong.
const CONTENT_DEPENDENT: [&[u8]; 2] = [b"security.ima", b"security.evm"];

/// Copies every attribute of `from` to `to`.
///
/// # Errors
/// The name of the attribute that cannot be copied, and the system call's error.
pub fn copy(from: BorrowedFd<'_>, to: BorrowedFd<'_>) -> Result<(), (CString, io::Error)> {
    let names = match list(from) {
        Ok(names) => names,
        Err(Errno::ENOTSUP | Errno::ENOSYS) => return Ok(()), // this file system has none
        Err(cause) => return Err((CString::default(), cause.into())),
    };
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty() && !CONTENT_DEPENDENT.contains(name)) {
        let name = CString::new(name).map_err(|_| (CString::default(), Errno::EINVAL.into()))?;
        let kept = get(from, &name).and_then(|value| match set(to, &name, &value) {
            // A label that the new file already has (SELinux, from its directory) need not be set.
            Err(_) if get(to, &name).is_ok_and(|now| now == value) => Ok(()),
            result => result,
        });
        kept.map_err(|cause| (name, cause.into()))?;
    }
    Ok(())
}

/// Returns whether an access control list names more users or groups for the file itself (acl(5)); a link is not followed.
pub fn has_acl(path: &Path) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    // SAFETY: both are NUL-terminated; null and 0 read for the size only.
    let size = unsafe { libc::lgetxattr(path.as_ptr(), c"system.posix_acl_access".as_ptr(), ptr::null_mut(), 0) };
    size > 0
}

/// Returns the capabilities that a program is permitted by its file (capabilities(7), `vfs_cap_data`), and whether they are
/// effective at once; a link is followed. `None`: it has none.
pub fn file_capabilities(path: &Path) -> Option<(CapSet, bool)> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // Version 3, the longest, has two words of 32 bits for each of two sets between its magic and its root's uid.
    let mut value = [0_u8; 24];
    // SAFETY: both are NUL-terminated; the buffer is as long as told.
    let size = unsafe {
        libc::getxattr(path.as_ptr(), c"security.capability".as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    let value = value.get(..usize::try_from(size).ok()?)?;
    let word = |at: usize| Some(u32::from_le_bytes(value.get(at..at + 4)?.try_into().ok()?));
    let (magic, low) = (word(0)?, word(4)?);
    let high = word(12).unwrap_or_default();
    Some((CapSet(u64::from(high) << 32 | u64::from(low)), magic & 1 == 1))
}

fn list(file: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    read_sized(|buffer, size| {
        // SAFETY: `read_sized` gives a buffer of that size, or null and 0, which asks for the size.
        unsafe { libc::flistxattr(file.as_raw_fd(), buffer.cast(), size) }
    })
}

fn get(file: BorrowedFd<'_>, name: &CStr) -> Result<Vec<u8>, Errno> {
    read_sized(|buffer, size| {
        // SAFETY: as in `list`; the name is NUL-terminated.
        unsafe { libc::fgetxattr(file.as_raw_fd(), name.as_ptr(), buffer.cast(), size) }
    })
}

fn set(file: BorrowedFd<'_>, name: &CStr, value: &[u8]) -> Result<(), Errno> {
    // SAFETY: the value is as long as told, the name NUL-terminated; both outlive the call.
    let returned = unsafe { libc::fsetxattr(file.as_raw_fd(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0) };
    Errno::result(returned).map(drop)
}

/// Reads the size, then the bytes; again if they grew in between.
fn read_sized(mut read: impl FnMut(*mut u8, usize) -> isize) -> Result<Vec<u8>, Errno> {
    loop {
        let size = usize::try_from(Errno::result(read(ptr::null_mut(), 0))?).unwrap_or(0);
        if size == 0 {
            return Ok(Vec::new());
        }
        let mut buffer = vec![0; size];
        match Errno::result(read(buffer.as_mut_ptr(), size)) {
            Ok(filled) => {
                buffer.truncate(usize::try_from(filled).unwrap_or(0));
                return Ok(buffer);
            }
            Err(Errno::ERANGE) => {}
            Err(cause) => return Err(cause),
        }
    }
}
