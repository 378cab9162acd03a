//! A standard input with nothing in it: `/dev/null`, or, where that is missing or something else (a `> /dev/null` where
//! there was no device leaves a file), a pipe that nobody writes to.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::pipe2;

const PATH: &str = "/dev/null";

/// What Linux gives it everywhere (devices.txt).
pub const NUMBER: libc::dev_t = libc::makedev(1, 3);

/// Whether the device is there.
pub fn is_there() -> bool {
    fs::symlink_metadata(PATH).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == NUMBER)
}

/// Opens it for reading.
///
/// # Errors
/// When no descriptor can be had.
pub fn input() -> io::Result<File> {
    // Looked at before it is opened: a FIFO would hold us. Only root could change it in between.
    if is_there()
        && let Ok(device) = File::open(PATH)
    {
        return Ok(device);
    }
    let (read, _closed) = pipe2(OFlag::O_CLOEXEC)?;
    Ok(read.into())
}
