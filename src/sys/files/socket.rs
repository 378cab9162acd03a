//! Binds a unix socket in an open directory: bind(2) takes only paths, and a path may be another directory by then. Must not
//! know what the socket is for.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, openat};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, socket};
use nix::sys::stat::Mode;
use nix::unistd::fchdir;

use crate::sys::files::change::by_proc;
use crate::sys::files::umask::Umask;

/// Creates a socket and binds it to a name in this directory, which must not exist. Its mode is 0666: peers are identified
/// by their credentials.
///
/// # Errors
/// The kernel's error.
pub fn bind_new(directory: BorrowedFd<'_>, name: &CStr, kind: SockType, flags: SockFlag) -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::Unix, kind, flags | SockFlag::SOCK_CLOEXEC, None)?;
    bind_at(&socket, directory, name)?;
    Ok(socket)
}

/// As [`bind_new`], for an existing socket.
///
/// # Errors
/// As [`bind_new`].
pub fn bind_at(socket: &OwnedFd, directory: BorrowedFd<'_>, name: &CStr) -> io::Result<()> {
    let _mode = Umask::without_execute();
    if let Ok(path) = by_proc(directory)
        && let Ok(address) = UnixAddr::new(path.join(std::ffi::OsStr::from_bytes(name.to_bytes())).as_path())
    {
        return Ok(bind(socket.as_raw_fd(), &address)?);
    }
    // Without /proc, or if the path is too long: from within the directory.
    let _inside = WorkingDirectory::enter(directory)?;
    Ok(bind(socket.as_raw_fd(), &UnixAddr::new(name.to_bytes())?)?)
}

/// The previous working directory; dropping this restores it.
struct WorkingDirectory(OwnedFd);

impl WorkingDirectory {
    fn enter(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let before = openat(AT_FDCWD, c".", OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
        // The main command is started there: it is not changed if it cannot be restored.
        fchdir(before.as_fd())?;
        fchdir(directory)?;
        Ok(Self(before))
    }
}

impl Drop for WorkingDirectory {
    fn drop(&mut self) {
        // It worked a moment ago.
        let _back = fchdir(self.0.as_fd());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_lies_in_the_held_directory_whatever_its_name_leads_to_by_then() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::create_dir(at("ours")).unwrap();
        let held = fs::File::open(at("ours")).unwrap();
        fs::rename(at("ours"), at("moved")).unwrap();
        fs::create_dir(at("ours")).unwrap();
        let long = std::ffi::CString::new("x".repeat(90)).unwrap();
        for name in [c"control", long.as_c_str()] {
            let socket = bind_new(held.as_fd(), name, SockType::Stream, SockFlag::empty()).unwrap();
            nix::sys::socket::listen(&socket, nix::sys::socket::Backlog::new(1).unwrap()).unwrap();
            let path = at("moved").join(name.to_str().unwrap());
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o666);
            if name == c"control" {
                UnixStream::connect(&path).unwrap();
            }
            assert!(
                bind_new(held.as_fd(), name, SockType::Stream, SockFlag::empty()).is_err(),
                "it stands there already"
            );
        }
        assert!(fs::read_dir(at("ours")).unwrap().next().is_none());
    }
}
