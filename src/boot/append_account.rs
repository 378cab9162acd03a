//! Appends a line to `/etc/passwd` itself, if no file can be created next to it: on OpenShift the file has mode 0664 and
//! group 0, so that any uid may write it, in a directory of root's. Must not know what the line means.
//!
//! Unlike a rename this is not atomic; it is as safe as possible:
//! - `O_APPEND` and one write(2): no old byte is changed, even if another process writes, and the kernel appends the
//!   line atomically. It is far shorter than a page, and copied page by page, so a kill can cut it only at a page boundary.
//! - A kill may then leave the line's beginning without a newline. With less than four fields it is not a record to any
//!   reader; with four or more it is our own record with a shorter home. The next boot finds it by its uid, or ends it with
//!   a newline and appends a whole one: every reader skips an invalid line.
//! - A line that does not fit (a full disk) is truncated away again.
//! - A bind-mounted file is the host's, a link may point to another file, a hard link may be another user's: none is
//!   written.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;

use crate::error::Refused;
use crate::plan::facts::AccountFile;
use crate::sys::files::stat::{FileKind, Stat, mount_of};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::sys::read_file;

/// Appends the part of `contents` that follows the file's present contents.
///
/// # Errors
/// If the file has changed since the plan, or cannot be written. It is unchanged then.
pub fn append_to(file: AccountFile, contents: &[u8]) -> Result<(), Refused> {
    append_at(Path::new(file.path()), contents).map_err(|cause| {
        let fix = match cause.raw_os_error() {
            Some(libc::ENOSPC | libc::EDQUOT) => "free some space on the file system of /etc",
            _ => "add the account in the image, or start as one of its users",
        };
        Refused::new(format!("cannot append to {}", file.path()), cause).fix(fix)
    })
}

fn append_at(path: &Path, contents: &[u8]) -> io::Result<()> {
    // NONBLOCK: a FIFO must not block us.
    let flags = OFlag::O_RDWR | OFlag::O_APPEND | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let mut file = File::from(open(path, flags | OFlag::O_CLOEXEC, Mode::empty())?);
    let length = appendable(&file, path)?;
    let old = read_file::read_regular(&file, length, contents.len())?;
    let Some(line) = contents.strip_prefix(old.as_slice()) else {
        return Err(io::Error::other("it has changed since it was read"));
    };
    let written = file.write(line)?;
    if written < line.len() {
        file.set_len(u64::try_from(old.len()).map_err(io::Error::other)?)?;
        return Err(Errno::ENOSPC.into());
    }
    file.sync_all()
}

/// Returns its length, if it is a regular file of the container's own, with one link.
fn appendable(file: &File, path: &Path) -> io::Result<usize> {
    let syscalls = SyscallSupport::probe();
    let stat = Stat::of(syscalls, file.as_fd())?;
    if stat.kind != FileKind::Regular {
        return Err(io::Error::other("it is not a regular file"));
    }
    if stat.links != 1 {
        return Err(io::Error::other("it has more than one link"));
    }
    let parent = open(
        path.parent().unwrap_or(Path::new("/")),
        OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC,
        Mode::empty(),
    )?;
    // Not possible without /proc on an old kernel; the facts were read with the same check.
    if let (Ok(around), Ok(its)) = (mount_of(syscalls, &parent), mount_of(syscalls, file))
        && around != its
    {
        return Err(io::Error::other("it is bind-mounted and belongs to the host"));
    }
    usize::try_from(file.metadata()?.len()).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn message_of(path: &Path, contents: &str) -> String {
        append_at(path, contents.as_bytes()).map_or_else(|cause| cause.to_string(), |()| "done".to_owned())
    }

    #[test]
    fn only_the_end_of_a_plain_file_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("passwd");
        fs::write(&path, "root:x:0:0\n").unwrap();
        assert_eq!(message_of(&path, "root:x:0:0\napp:x:5:0\n"), "done");
        assert_eq!(fs::read_to_string(&path).unwrap(), "root:x:0:0\napp:x:5:0\n");
        assert_eq!(message_of(&path, "root:x:0:0\nother\n"), "it has changed since it was read");
        assert_eq!(message_of(&path, "root:x:0:0\n"), "it has changed since it was read");
        fs::hard_link(&path, dir.path().join("second")).unwrap();
        assert_eq!(message_of(&path, "root:x:0:0\napp:x:5:0\nx"), "it has more than one link");
        symlink("passwd", dir.path().join("link")).unwrap();
        assert!(message_of(&dir.path().join("link"), "").contains("symbolic links"));
        nix::unistd::mkfifo(&dir.path().join("fifo"), Mode::S_IRWXU).unwrap();
        assert_eq!(message_of(&dir.path().join("fifo"), "x"), "it is not a regular file");
        assert_eq!(fs::read_to_string(&path).unwrap(), "root:x:0:0\napp:x:5:0\n");
    }

    #[test]
    fn what_a_kill_can_leave_is_ended_and_followed_by_a_whole_line() {
        use crate::config::values::{Gid, Uid, UserName};
        use crate::plan::accounts::passwd;
        let user = UserName::new("app").unwrap();
        let wanted = passwd::DesiredAccount {
            user: &user,
            uid: Uid(4242),
            gid: Gid(0),
            home: Some(Path::new("/data")),
            shell: None,
        };
        let old = b"root:x:0:0:::\n";
        let whole = passwd::append(old, &wanted).contents;
        for cut in old.len()..whole.len() {
            let torn = whole.get(..cut).unwrap();
            match passwd::by_uid(torn, Uid(4242)) {
                Some(account) => assert_eq!(account.name, "app"),
                None => {
                    let healed = passwd::append(torn, &wanted).contents;
                    assert_eq!(passwd::by_uid(&healed, Uid(4242)).unwrap().home, Path::new("/data"));
                    assert!(healed.starts_with(torn));
                }
            }
        }
    }
}
