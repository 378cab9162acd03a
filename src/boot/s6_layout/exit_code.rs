//! [`ExitCodeFile`]: the exit code that scripts of an image made for s6-overlay write for the container. The app may be able
//! to write it: it is read through the handle of its directory, never through a link, a few bytes at most. Must not know when
//! it counts.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::text::shown_bytes;

/// Longer than any number that is written there.
const MAX_SIZE: u64 = 64;

/// The file, by its directory.
#[derive(Debug)]
pub struct ExitCodeFile {
    directory: OwnedFd,
}

impl ExitCodeFile {
    /// Returns the file in that directory.
    pub fn new(directory: OwnedFd) -> Self {
        Self { directory }
    }

    /// Returns the number in it, of which exit(3) keeps the lowest eight bits.
    ///
    /// # Errors
    /// When it cannot be read, or contains no number.
    pub fn read(&self) -> io::Result<u8> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
        let file = File::from(openat(&self.directory, c"exitcode", flags, Mode::empty())?);
        if !file.metadata()?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        let mut bytes = Vec::new();
        file.take(MAX_SIZE).read_to_end(&mut bytes)?;
        number(&bytes).ok_or_else(|| io::Error::other(format!("it contains \"{}\"", shown_bytes(&bytes))))
    }
}

fn number(bytes: &[u8]) -> Option<u8> {
    let digits = bytes.trim_ascii();
    let is_number = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number: u32 = is_number.then(|| std::str::from_utf8(digits).ok()?.parse().ok()).flatten()?;
    u8::try_from(number % 256).ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use nix::errno::Errno;
    use nix::fcntl::open;
    use nix::unistd::mkfifo;

    use super::*;

    #[test]
    fn what_exit_would_make_of_a_number_is_the_code() {
        let of = |text: &str| number(text.as_bytes());
        assert_eq!(["0\n", "143", " 7 \n", "256", "4294967295"].map(of), [0, 143, 7, 0, 255].map(Some));
        assert_eq!(["", "\n", "-1", "+1", "1 2", "0x1", "4294967296", "\u{661}"].map(of), [None; 8]);
    }

    #[test]
    fn whatever_else_stands_in_its_place_is_neither_followed_nor_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("exitcode");
        let directory = open(dir.path(), OFlag::O_PATH | OFlag::O_DIRECTORY, Mode::empty()).unwrap();
        let file = ExitCodeFile::new(directory);
        let why = || file.read().unwrap_err();
        assert_eq!(why().raw_os_error(), Some(Errno::ENOENT as i32));
        fs::write(dir.path().join("other"), "3").unwrap();
        symlink("other", &at).unwrap();
        assert_eq!(why().raw_os_error(), Some(Errno::ELOOP as i32));
        fs::remove_file(&at).unwrap();
        mkfifo(&at, Mode::from_bits_truncate(0o600)).unwrap();
        assert_eq!(why().to_string(), "it is not a regular file");
        fs::remove_file(&at).unwrap();
        fs::write(&at, "1".repeat(1 << 20)).unwrap();
        assert!(why().to_string().len() < 200);
        fs::write(&at, "42\n").unwrap();
        assert_eq!(file.read().unwrap(), 42);
    }
}
