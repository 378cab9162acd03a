//! The mount operations that a rehearsal needs, each with an error message. Decides nothing.
#![allow(unsafe_code)] // mount_setattr(2) is not wrapped
#![allow(clippy::disallowed_methods)] // files of the rehearsed machine, which no other process can access yet

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sys::stat::Mode;

use crate::error::Refused;
use crate::text::shown;

/// A handle of a file or directory, whatever is mounted over its path later.
#[derive(Debug)]
pub(super) struct Handle(OwnedFd);

impl Handle {
    /// Opens it without reading, following links.
    pub(super) fn open(path: &Path) -> Result<Self, Refused> {
        open(path, OFlag::O_PATH | OFlag::O_CLOEXEC, Mode::empty())
            .map(Self)
            .map_err(|cause| Refused::new(format!("cannot open {}", shown(path)), cause))
    }

    /// Returns the path that leads to it for as long as it is open and a `/proc` is mounted.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.0.as_raw_fd()))
    }

    /// Returns what it is, its owner and mode.
    pub(super) fn metadata(&self) -> Result<fs::Metadata, Refused> {
        fs::metadata(self.path()).map_err(|cause| Refused::new("cannot examine an open file", cause))
    }
}

/// Mounts a filesystem that has no device: tmpfs, proc, devpts, mqueue.
pub(super) fn mount_new(kind: &str, at: &Path, flags: MsFlags, data: &str) -> Result<(), Refused> {
    mount(Some(kind), at, Some(kind), flags, Some(data))
        .map_err(|cause| Refused::new(format!("cannot mount a fresh {kind} at {}", shown(at)), cause))
}

/// Creates a directory with a mode that the umask does not change.
pub(super) fn create_directory(at: &Path, mode: u32) -> Result<(), Refused> {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir_all(at)
        .and_then(|()| fs::set_permissions(at, fs::Permissions::from_mode(mode)))
        .map_err(|cause| Refused::new(format!("cannot create the directory {}", shown(at)), cause))
}

/// Binds a file, or a directory with all that is mounted below it.
pub(super) fn bind(source: &Path, at: &Path) -> Result<(), Refused> {
    let none: Option<&str> = None;
    mount(Some(source), at, none, MsFlags::MS_BIND | MsFlags::MS_REC, none)
        .map_err(|cause| Refused::new(format!("cannot bind {} at {}", shown(source), shown(at)), cause))
}

/// Mounts `lower` copy-on-write at `at`. The upper directory is in `layer`, which is used for this mount only; it gets
/// owner and mode of the lower one, because an overlay shows the upper's.
///
/// Device nodes do not work in it: nodes created with MKNOD would be the host's devices.
pub(super) fn overlay(lower: &Handle, layer: &Path, at: &Path, extra: &str) -> Result<(), Refused> {
    let (upper, work) = (layer.join("upper"), layer.join("work"));
    let prepare = |meta: &fs::Metadata| -> io::Result<()> {
        fs::create_dir_all(&upper)?;
        fs::create_dir_all(&work)?;
        take_owner_and_mode(&upper, meta)
    };
    prepare(&lower.metadata()?).map_err(|cause| Refused::new("cannot prepare the upper side of an overlay", cause))?;
    let mut data = OsString::from("lowerdir=");
    for part in [
        lower.path().as_os_str(),
        ",upperdir=".as_ref(),
        upper.as_ref(),
        ",workdir=".as_ref(),
        work.as_ref(),
        extra.as_ref(),
    ] {
        data.push(part);
    }
    mount(Some("overlay"), at, Some("overlay"), MsFlags::MS_NODEV, Some(data.as_os_str()))
        .map_err(|cause| Refused::new(format!("cannot mount an overlay at {}", shown(at)), cause))
}

/// Gives `path` the owner (where it is mapped) and the mode in `meta`.
pub(super) fn take_owner_and_mode(path: &Path, meta: &fs::Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt, chown};
    // In a user namespace the owner may not be mapped: then it is ours.
    let _unmapped = chown(path, Some(meta.uid()), Some(meta.gid()));
    fs::set_permissions(path, meta.permissions())
}

/// Makes the mount at `at`, and all below it, read-only and without devices.
pub(super) fn read_only(at: &Path) -> Result<(), Refused> {
    set(at, MountScope::Recursive, READ_ONLY | NO_DEVICES)
}

/// Makes the mount at `at` read-only, not the mounts below it.
pub(super) fn read_only_single(at: &Path) -> Result<(), Refused> {
    set(at, MountScope::Single, READ_ONLY)
}

/// Makes the mount at `at` read-only; devices can still be used, but their owners and modes not changed.
pub(super) fn read_only_device(at: &Path) -> Result<(), Refused> {
    set(at, MountScope::Single, READ_ONLY)
}

/// `MOUNT_ATTR_RDONLY` of mount_setattr(2).
const READ_ONLY: u64 = 0x1;
/// `MOUNT_ATTR_NODEV`.
const NO_DEVICES: u64 = 0x4;

/// Which mounts a change applies to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MountScope {
    /// One mount.
    Single,
    /// It and all below it.
    Recursive,
}

/// The kernel's `struct mount_attr` (mount_setattr(2)).
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

fn set(at: &Path, scope: MountScope, set: u64) -> Result<(), Refused> {
    let refused = |cause: Errno| Refused::new(format!("cannot make {} read-only", shown(at)), cause);
    let path = std::ffi::CString::new(at.as_os_str().as_bytes()).map_err(|_| refused(Errno::EINVAL))?;
    let attr = MountAttr { set, clear: 0, propagation: 0, user_namespace: 0 };
    let flags = if scope == MountScope::Recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: `path` is a C string and `attr` a mount_attr of the size given; both outlive the call, which keeps neither.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            flags,
            &raw const attr,
            size_of::<MountAttr>(),
        )
    };
    match Errno::result(result) {
        Ok(_) => Ok(()),
        // Before Linux 5.12, or with a seccomp filter that does not know it: remount each one.
        Err(Errno::ENOSYS) => remount_each(at, scope, set).map_err(refused),
        Err(cause) => Err(refused(cause)),
    }
}

fn remount_each(at: &Path, scope: MountScope, set: u64) -> Result<(), Errno> {
    let mountinfo = fs::read("/proc/self/mountinfo").map_err(|_| Errno::ENOSYS)?;
    let below = if scope == MountScope::Recursive { submounts(&mountinfo, at) } else { Vec::new() };
    let below = below.into_iter().map(|mount| (mount.at, mount.flags));
    let itself = options_of(&mountinfo, at);
    for (path, flags) in std::iter::once((at.to_owned(), itself)).chain(below) {
        let mut flags = flags | MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
        flags.set(MsFlags::MS_NODEV, flags.contains(MsFlags::MS_NODEV) || set & NO_DEVICES != 0);
        let none: Option<&str> = None;
        mount(none, &path, none, flags, none)?;
    }
    Ok(())
}

/// A mount below some path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Submount {
    /// Its mount point.
    pub(super) at: PathBuf,
    /// Its filesystem.
    pub(super) kind: String,
    /// nosuid, nodev, noexec as they are: a remount must repeat them.
    pub(super) flags: MsFlags,
}

/// Returns the mounts strictly below `under`, in the order in which they were made, from `/proc/self/mountinfo`'s bytes.
pub(super) fn submounts(mountinfo: &[u8], under: &Path) -> Vec<Submount> {
    let mut all: Vec<Submount> = Vec::new();
    for mount in mountinfo.split(|byte| *byte == b'\n').filter_map(parse_line) {
        if mount.at != under && mount.at.starts_with(under) {
            all.retain(|other| other.at != mount.at);
            all.push(mount);
        }
    }
    all
}

fn options_of(mountinfo: &[u8], at: &Path) -> MsFlags {
    let mut lines = mountinfo.rsplit(|byte| *byte == b'\n').filter_map(parse_line);
    lines.find(|mount| mount.at == at).map_or(MsFlags::empty(), |mount| mount.flags)
}

/// `22 27 0:21 / /proc rw,relatime shared:1 - proc proc rw` (proc_pid_mountinfo(5)).
fn parse_line(line: &[u8]) -> Option<Submount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = fields.iter().position(|field| *field == b"-")?;
    let mut flags = MsFlags::empty();
    for option in fields.get(5)?.split(|byte| *byte == b',') {
        match option {
            b"nosuid" => flags |= MsFlags::MS_NOSUID,
            b"nodev" => flags |= MsFlags::MS_NODEV,
            b"noexec" => flags |= MsFlags::MS_NOEXEC,
            b"noatime" => flags |= MsFlags::MS_NOATIME,
            b"nodiratime" => flags |= MsFlags::MS_NODIRATIME,
            b"relatime" => flags |= MsFlags::MS_RELATIME,
            _ => {}
        }
    }
    let kind = String::from_utf8_lossy(fields.get(dash + 1)?).into_owned();
    Some(Submount { at: unescape(fields.get(4)?), kind, flags })
}

/// Blanks, tabs, newlines and backslashes are written `\040`, `\011`, `\012`, `\134`.
fn unescape(field: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|_| *first == b'\\');
        let octal = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match octal.and_then(|octal| u8::from_str_radix(octal, 8).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    PathBuf::from(std::ffi::OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    const INFO: &[u8] = b"22 27 0:21 / /proc rw,nosuid,relatime - proc proc rw\n\
        27 1 254:0 / / rw - ext4 /dev/vda rw\n\
        28 27 0:25 / /mnt/a\\040b ro,nosuid,nodev shared:3 master:1 - tmpfs x ro\n\
        29 27 0:26 / /mnt/a\\040b rw,noexec - tmpfs y rw\n\
        30 27 0:27 / /mnt2 rw - tmpfs y rw\n";

    #[test]
    fn only_what_lies_below_counts_and_the_last_mount_at_a_place() {
        let found = submounts(INFO, Path::new("/mnt"));
        let flags = MsFlags::MS_NOEXEC;
        assert_eq!(found, [Submount { at: "/mnt/a b".into(), kind: "tmpfs".into(), flags }]);
    }

    #[test]
    fn the_root_is_not_below_itself() {
        let found: Vec<PathBuf> = submounts(INFO, Path::new("/")).into_iter().map(|mount| mount.at).collect();
        assert_eq!(found, [Path::new("/proc"), Path::new("/mnt/a b"), Path::new("/mnt2")]);
    }

    #[test]
    fn half_lines_and_odd_escapes_are_survived() {
        assert!(submounts(b"1 2 3\n\n- -\n1 2 3 / /a\n", Path::new("/")).is_empty());
        assert_eq!(unescape(b"/a\\04"), Path::new("/a\\04"));
        assert_eq!(unescape(b"/a\\999\\"), Path::new("/a\\999\\"));
    }
}
