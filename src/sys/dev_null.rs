//! An empty standard input: `/dev/null`, or, if that is missing or not the device (`> /dev/null` without the device creates
//! a file), a pipe without a writer.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::fcntl::OFlag;
use nix::libc;
use nix::unistd::pipe2;

const PATH: &str = "/dev/null";

/// Its device number (devices.txt).
pub const NUMBER: libc::dev_t = libc::makedev(1, 3);

/// Whether the device exists.
pub fn exists() -> bool {
    fs::symlink_metadata(PATH).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == NUMBER)
}

/// Opens it for reading.
///
/// # Errors
/// When no descriptor can be opened.
pub fn open_input() -> io::Result<File> {
    // Checked before it is opened: a FIFO would block us. Only root could change it in between.
    if exists()
        && let Ok(device) = File::open(PATH)
    {
        return Ok(device);
    }
    let (read, _closed) = pipe2(OFlag::O_CLOEXEC)?;
    Ok(read.into())
}
