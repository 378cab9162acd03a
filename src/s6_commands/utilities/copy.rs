//! `s6-hiercopy`: copies a tree with owners and modes. What cannot be copied below the top is skipped, as the original
//! does.

use std::fs::{self, File, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown, symlink};
use std::path::Path;

use nix::sys::stat::{Mode, SFlag, mknod, umask};

use crate::s6_commands::call::{Call, CommandResult};
use crate::s6_commands::failure::Failure;
use crate::text::shown;

/// Copies a file or a tree.
pub(in crate::s6_commands) fn s6_hiercopy(call: Call) -> CommandResult {
    let [from, to, ..] = call.arguments.as_slice() else { return Err(Failure::usage("s6-hiercopy src dst")) };
    let (from, to) = (Path::new(std::ffi::OsStr::from_bytes(from)), Path::new(std::ffi::OsStr::from_bytes(to)));
    umask(Mode::empty());
    copy(from, to).map_err(|error| {
        let errno = nix::errno::Errno::from_raw(error.raw_os_error().unwrap_or_default());
        Failure::unable(format!("copy hierarchy from {} to {}", shown(from), shown(to)), errno)
    })?;
    Ok(0)
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let meta = from.symlink_metadata()?;
    let kind = meta.file_type();
    if kind.is_dir() {
        copy_directory(from, to)?;
    } else if kind.is_symlink() {
        symlink(from.read_link()?, to)?;
    } else if kind.is_file() {
        io::copy(&mut File::open(from)?, &mut File::create(to)?)?;
    } else {
        copy_special(&meta, to)?;
    }
    // Without root the owner is who copies.
    let _own = lchown(to, Some(meta.uid()), Some(meta.gid()));
    if !kind.is_symlink() {
        fs::set_permissions(to, fs::Permissions::from_mode(meta.mode() & 0o7777))?;
    }
    Ok(())
}

fn copy_directory(from: &Path, to: &Path) -> io::Result<()> {
    let names = fs::read_dir(from)?.collect::<io::Result<Vec<_>>>()?;
    match fs::create_dir(to) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists || !to.is_dir() => return Err(error),
        Ok(()) | Err(_) => {}
    }
    for entry in names {
        let _left_out = copy(&entry.path(), &to.join(entry.file_name()));
    }
    Ok(())
}

fn copy_special(meta: &Metadata, to: &Path) -> io::Result<()> {
    let kind = meta.file_type();
    let kind = if kind.is_fifo() {
        SFlag::S_IFIFO
    } else if kind.is_socket() {
        SFlag::S_IFSOCK
    } else if kind.is_block_device() {
        SFlag::S_IFBLK
    } else {
        SFlag::S_IFCHR
    };
    Ok(mknod(to, kind, Mode::from_bits_truncate(meta.mode() & 0o7777), meta.rdev())?)
}
