//! The files of descriptors 0, 1 and 2. Changes nothing.

use nix::libc::stat;
use nix::sys::stat::SFlag;

use crate::config::values::Uid;
use crate::plan::facts::{StdioFact, StdioKind};
use crate::sys::{descriptors, dev_null, stdio_at_start};

/// Reads all three.
pub(super) fn read() -> [StdioFact; 3] {
    [0, 1, 2].map(|fd| match stdio_at_start::state_of(fd).filter(|_| !stdio_at_start::was_closed(fd)) {
        Some(stat) => StdioFact {
            kind: kind(&stat, || descriptors::is_terminal(fd)),
            uid: Uid(stat.st_uid),
            mode: stat.st_mode & 0o7777,
        },
        None => StdioFact { kind: StdioKind::Closed, uid: Uid::ROOT, mode: 0 },
    })
}

fn kind(stat: &stat, is_terminal: impl FnOnce() -> bool) -> StdioKind {
    match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
        SFlag::S_IFIFO => StdioKind::Fifo,
        SFlag::S_IFCHR if stat.st_rdev != dev_null::NUMBER && is_terminal() => StdioKind::Terminal,
        SFlag::S_IFCHR | SFlag::S_IFBLK => StdioKind::Device,
        SFlag::S_IFSOCK => StdioKind::Socket,
        // A directory as standard input is not changed either, like a file.
        _ => StdioKind::File,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn each_kind_is_told_apart() {
        let of = |fd: i32| descriptors::stat_of(fd).map(|stat| kind(&stat, || descriptors::is_terminal(fd)));
        let (pipe, _other) = nix::unistd::pipe().unwrap();
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        assert_eq!(of(pipe.as_raw_fd()), Some(StdioKind::Fifo));
        assert_eq!(of(socket.as_raw_fd()), Some(StdioKind::Socket));
        assert_eq!(of(File::open("/dev/null").unwrap().as_raw_fd()), Some(StdioKind::Device));
        assert_eq!(of(tempfile::tempfile().unwrap().as_raw_fd()), Some(StdioKind::File));
        assert_eq!(of(File::open("/dev/ptmx").unwrap().as_raw_fd()), Some(StdioKind::Terminal));
        assert_eq!(of(999_999), None);
    }
}
