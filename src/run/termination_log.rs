//! [`TerminationLog`]: the file `/dev/termination-log` that Kubernetes mounts into the container, for the exit report.
//! Opened before the drop, because it may be root's; written at the very end. Must not know the report.
//!
//! The write may wait for the node's disk: at most 4 KiB, once, when no service and no caller waits for PID 1 any more.

use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use nix::libc;

/// Kubernetes' default `terminationMessagePath`.
pub const PATH: &str = "/dev/termination-log";
/// Kubernetes shows no more.
const MAX_LENGTH: usize = 4096;

/// The open file.
#[derive(Debug)]
pub struct TerminationLog(File);

impl TerminationLog {
    /// Opens the file if there is one that we may write; `None` for whatever else is there. It is not changed yet.
    pub fn open(path: &Path) -> Option<Self> {
        let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
        let file = File::options().write(true).custom_flags(flags).open(path).ok()?;
        file.metadata().is_ok_and(|stat| stat.is_file()).then_some(Self(file))
    }

    /// Replaces what is in it by as many whole lines of `text` as fit.
    ///
    /// # Errors
    /// The kernel's (a full disk).
    pub fn write(self, text: &str) -> io::Result<()> {
        self.0.set_len(0)?;
        self.0.write_all_at(cut(text).as_bytes(), 0)
    }
}

/// The beginning of the text, up to the end of a line where there is one.
fn cut(text: &str) -> &str {
    if text.len() <= MAX_LENGTH {
        return text;
    }
    let mut end = MAX_LENGTH;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let fits = text.get(..end).unwrap_or_default();
    fits.rfind('\n').and_then(|newline| fits.get(..=newline)).unwrap_or(fits)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_was_there_is_replaced_at_the_end_only() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("termination-log");
        fs::write(&path, "of an earlier run, and longer").unwrap();
        let log = TerminationLog::open(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "of an earlier run, and longer");
        log.write("web exited with code 3\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "web exited with code 3\n");
    }

    #[test]
    fn a_long_story_is_cut_at_a_line() {
        assert_eq!(cut(&"1234567\n".repeat(512)).len(), 4096);
        assert_eq!(cut(&"12345678\n".repeat(512)).len(), 4095);
        assert_eq!(cut(&"x".repeat(5000)).len(), 4096);
        assert_eq!(cut(&format!("x{}", "ä".repeat(3000))).len(), 4095);
        assert_eq!(cut("short, without a newline"), "short, without a newline");
    }

    #[test]
    fn anything_but_a_regular_file_is_left_alone() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("file"), "kept").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _reader = File::options().read(true).custom_flags(libc::O_NONBLOCK).open(at("fifo")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        for name in ["link", "fifo", "socket", "none", "."] {
            assert!(TerminationLog::open(&at(name)).is_none(), "{name}");
        }
        assert!(TerminationLog::open(Path::new("/dev/null")).is_none());
        assert_eq!(fs::read_to_string(at("file")).unwrap(), "kept");
    }

    #[test]
    fn a_full_disk_is_reported() {
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        assert!(TerminationLog(full).write("story\n").is_err());
    }
}
