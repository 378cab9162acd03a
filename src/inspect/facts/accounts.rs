//! The account files' bytes, and whether they may be replaced. Must not understand their lines: `plan::accounts` does.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag};
use nix::unistd::AccessFlags;

use crate::config::values::Gid;
use crate::plan::facts::{AccountFile, AccountState};
use crate::sys::files::attributes::Attributes;
use crate::sys::{access, read_file};

/// A larger file is not read: account files of containers are smaller, and all of it is kept in memory.
const MAX_SIZE: u64 = 16 * 1024 * 1024;

/// The account files.
pub(super) struct AccountFiles {
    pub(super) states: BTreeMap<AccountFile, AccountState>,
    /// Group and permission bits of those that are regular files.
    pub(super) modes: BTreeMap<AccountFile, (Gid, u32)>,
}

/// Reads all four.
pub(super) fn read() -> AccountFiles {
    let mount = mount_of_etc();
    let mut found = AccountFiles { states: BTreeMap::new(), modes: BTreeMap::new() };
    for file in AccountFile::ALL {
        let path = Path::new(file.path());
        let (state, attributes) = state(path, mount);
        // Without root, shadow files cannot be opened for reading.
        let attributes = match state {
            AccountState::Unfit(_) => attributes.or_else(|| attributes_of(path)),
            AccountState::Missing | AccountState::File(_) | AccountState::Fixed(..) => attributes,
        };
        if let Some(stat) = attributes.filter(|stat| is_regular(stat.mode)) {
            found.modes.insert(file, (Gid(stat.gid), stat.mode & 0o7777));
        }
        found.states.insert(file, state);
    }
    found
}

/// Reads one for lookups only, also through links; empty if it is not a regular file. Does not block on a FIFO.
pub fn bytes(file: AccountFile) -> Vec<u8> {
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let Ok(fd) = open(file.path(), flags, Mode::empty()) else { return Vec::new() };
    let regular = Attributes::of(fd.as_fd()).ok().filter(|stat| is_regular(stat.mode));
    regular.and_then(|stat| contents(fd, stat.size)).unwrap_or_default()
}

fn attributes_of(path: &Path) -> Option<Attributes> {
    let handle = open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty()).ok()?;
    Attributes::of(handle.as_fd()).ok()
}

fn is_regular(mode: u32) -> bool {
    SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFREG
}

fn mount_of_etc() -> Option<u64> {
    Attributes::of_path(c"/etc").ok().and_then(|stat| stat.mount)
}

/// Returns whether we may write to the file itself. Whether it is a file that may be changed is in [`AccountState`].
pub(super) fn can_append(file: AccountFile) -> bool {
    access::check(Path::new(file.path()), AccessFlags::W_OK).is_ok()
}

/// Returns the state of the file at `path`, whose directory is on `mount` (if the kernel reports it), and its attributes, if
/// it could be opened.
///
/// A file with several links may be replaced: the rename does not change the other names of the old file (images made from
/// ostree or deduplicated layers have such files).
fn state(path: &Path, mount: Option<u64>) -> (AccountState, Option<Attributes>) {
    let unfit = |why: &str| AccountState::Unfit(why.into());
    let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let fd = match open(path, flags, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::ENOENT) => return (AccountState::Missing, None),
        Err(Errno::ELOOP) => return (unfit("a symbolic link"), None),
        Err(Errno::ENXIO) => return (unfit("a socket or device"), None),
        Err(errno) => return (unfit(errno.desc()), None),
    };
    let stat = match Attributes::of(fd.as_fd()) {
        Ok(stat) => stat,
        Err(errno) => return (unfit(errno.desc()), None),
    };
    if !is_regular(stat.mode) {
        return (unfit("not a regular file"), Some(stat));
    }
    let Some(bytes) = contents(fd, stat.size) else {
        return (unfit(&format!("larger than {} MiB, or unreadable", MAX_SIZE / 1024 / 1024)), Some(stat));
    };
    let state = if is_mounted(path, stat.mount, mount) {
        AccountState::Fixed(bytes, "bind-mounted from the host")
    } else if stat.immutable {
        AccountState::Fixed(bytes, "immutable (chattr +i or +a)")
    } else {
        AccountState::File(bytes)
    };
    (state, Some(stat))
}

fn contents(fd: OwnedFd, size: u64) -> Option<Vec<u8>> {
    if size > MAX_SIZE {
        return None;
    }
    let most = usize::try_from(MAX_SIZE).ok()?;
    let bytes = read_file::read_regular(&File::from(fd), usize::try_from(size).ok()?, most).ok()?;
    (bytes.len() <= most).then_some(bytes)
}

/// A file on another mount than its directory is a mount point. `st_dev` is not enough: a bind mount of the same filesystem
/// has the same one (SECURITY 1.1).
fn is_mounted(path: &Path, file: Option<u64>, directory: Option<u64>) -> bool {
    match (file, directory) {
        (Some(file), Some(directory)) => file != directory,
        // Before Linux 5.8 only the list of mounts shows it.
        (None, Some(_) | None) | (Some(_), None) => {
            std::fs::read("/proc/self/mountinfo").is_ok_and(|text| is_mount_point(&text, path))
        }
    }
}

/// Returns whether `path` is a mount point in this `mountinfo` (proc_pid_mountinfo(5), field 5).
fn is_mount_point(mountinfo: &[u8], path: &Path) -> bool {
    use std::os::unix::ffi::OsStrExt;
    let wanted = path.as_os_str().as_bytes();
    mountinfo.split(|byte| *byte == b'\n').any(|line| line.split(|byte| *byte == b' ').nth(4) == Some(wanted))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn state_of(path: &Path, mount: Option<u64>) -> AccountState {
        state(path, mount).0
    }

    #[test]
    fn only_a_regular_file_is_read_and_the_rest_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let here = Attributes::of(File::open(dir.path()).unwrap().as_fd()).unwrap().mount;
        fs::write(at("passwd"), b"root:x:0:0\n\xff\n").unwrap();
        fs::hard_link(at("passwd"), at("second")).unwrap();
        symlink("passwd", at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        nix::unistd::mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        assert_eq!(state_of(&at("passwd"), here), AccountState::File(b"root:x:0:0\n\xff\n".to_vec()));
        assert_eq!(state_of(&at("second"), here), state_of(&at("passwd"), here));
        assert_eq!(state_of(&at("none"), here), AccountState::Missing);
        assert_eq!(state_of(&at("link"), here), AccountState::Unfit("a symbolic link".into()));
        assert_eq!(state_of(&at("folder"), here), AccountState::Unfit("not a regular file".into()));
        assert_eq!(state_of(&at("fifo"), here), AccountState::Unfit("not a regular file".into()));
    }

    #[test]
    fn a_file_on_another_mount_than_its_directory_is_the_hosts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwd");
        fs::write(&path, "x").unwrap();
        let here = Attributes::of(File::open(dir.path()).unwrap().as_fd()).unwrap().mount;
        let elsewhere = here.map(|id| id + 1);
        assert_eq!(state_of(&path, elsewhere), AccountState::Fixed(b"x".to_vec(), "bind-mounted from the host"));
    }

    #[test]
    fn an_old_kernel_is_asked_for_its_list_of_mounts() {
        let text = b"21 1 0:19 / / rw - overlay overlay rw\n36 21 8:1 /etc/passwd /etc/passwd ro - ext4 /dev/sda1 rw\n";
        assert!(is_mount_point(text, Path::new("/etc/passwd")));
        assert!(!is_mount_point(text, Path::new("/etc/group")));
        assert!(!is_mount_point(b"", Path::new("/")));
    }
}
