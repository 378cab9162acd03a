//! `s6-envdir`, and how a directory of variables is read: a file for each, its name the variable's. Must not know whose
//! variables they are.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use nix::dir::Type;
use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::libc;
use nix::sys::stat::Mode;

use crate::s6_commands::call::{Argument, Call, CommandResult};
use crate::s6_commands::failure::Failure;
use crate::sys::files::listing::Listing;
use crate::text::shown_bytes;

/// What one file yields without `-L`.
const CLAMPED: usize = 4095;

/// How the files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ReadOptions {
    /// The whole file, not the first line alone.
    pub is_whole: bool,
    /// The newline at the end is cut; of a line all blanks at the end.
    pub is_cut: bool,
    /// At most [`CLAMPED`] bytes.
    pub is_clamped: bool,
    /// What a NUL becomes.
    pub nul: u8,
    /// EINVAL where something is there that is no plain file, and ELOOP where a link has come in its place: opening it may wait.
    pub is_plain: bool,
}

impl ReadOptions {
    /// As s6-envdir reads without options.
    const DEFAULT: Self = Self { is_whole: false, is_cut: true, is_clamped: true, nul: b'\n', is_plain: false };
    /// As s6-overlay 3.2.2 reads the container environment.
    pub const CONTAINER: Self = Self { is_whole: true, is_clamped: false, ..Self::DEFAULT };
}

/// Executes a program with the variables of a directory.
pub(super) fn s6_envdir(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-envdir [ -I | -i ] [ -n ] [ -f ] [ -L ] [ -c nullchar ] dir prog...";
    let mut insists = true;
    let mut reading = ReadOptions::DEFAULT;
    for (letter, value) in call.options("IinfFLc:", SYNOPSIS)? {
        match letter {
            b'I' => insists = false,
            b'i' => insists = true,
            b'n' => reading.is_cut = false,
            b'f' => reading.is_whole = true,
            b'F' => reading.is_whole = false,
            b'L' => reading.is_clamped = false,
            b'c' => reading.nul = value.first().copied().unwrap_or_default(),
            _ => return Err(Failure::usage(SYNOPSIS)),
        }
    }
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let directory = call.argument(SYNOPSIS)?;
    let mut environment = call.environment.clone();
    match read(&directory, reading) {
        Ok(variables) => variables.into_iter().for_each(|(name, value)| environment.put(&name, value.as_deref())),
        Err(Errno::ENOENT) if !insists => {}
        Err(errno) => return Err(Failure::unable(format!("envdir {}", shown_bytes(&directory)), errno)),
    }
    call.exec_with(&environment)
}

/// Returns the variables of a directory; one without a value is to be removed. Names that begin with a dot or contain a `=`
/// are skipped.
///
/// # Errors
/// The directory or one of its files cannot be read.
pub(super) fn read(directory: &[u8], reading: ReadOptions) -> Result<Vec<(Argument, Option<Argument>)>, Errno> {
    if reading.nul == 0 {
        return Err(Errno::EINVAL);
    }
    let opened =
        open(OsStr::from_bytes(directory), OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?;
    let mut found = Vec::new();
    let mut listing = Listing::small();
    while listing.read(opened.as_fd()).map_err(errno)? {
        for entry in listing.entries() {
            let name = entry.name.to_bytes();
            if name.starts_with(b".") || name.contains(&b'=') {
                continue;
            }
            let path = [directory, b"/", name].concat();
            if reading.is_plain && !is_listed_as_file(&path, entry.kind)? {
                return Err(Errno::EINVAL);
            }
            let value = match value(&path, reading) {
                // The directory is there, a file in it is not any more: another error than that of a missing directory.
                Err(Errno::ENOENT) => return Err(Errno::EIDRM),
                result => result?,
            };
            found.push((name.to_vec(), value));
        }
    }
    Ok(found)
}

/// Returns whether an entry of a directory is a plain file; some file systems do not list what their entries are.
fn is_listed_as_file(path: &[u8], kind: Option<Type>) -> Result<bool, Errno> {
    match kind {
        Some(kind) => Ok(kind == Type::File),
        None => Ok(fs::symlink_metadata(OsStr::from_bytes(path)).map_err(errno)?.is_file()),
    }
}

/// Returns the value of one file; `None` if it is empty.
///
/// # Errors
/// It cannot be read.
pub(super) fn value(path: &[u8], reading: ReadOptions) -> Result<Option<Argument>, Errno> {
    // Whoever may write the directory can put a FIFO there after its entry was read.
    let flags = if reading.is_plain { libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_NOFOLLOW } else { 0 };
    let mut file = OpenOptions::new().read(true).custom_flags(flags).open(OsStr::from_bytes(path)).map_err(errno)?;
    let size = match reading.is_plain.then(|| file.metadata()).transpose().map_err(errno)? {
        Some(found) if !found.is_file() => return Err(Errno::EINVAL),
        found => found.map_or(0, |found| found.len()),
    };
    // `read_to_end` asks for the size and the position before; most values fit into the first of two reads.
    let mut chunk = [0; CLAMPED];
    let mut bytes = Vec::new();
    // A file that is being written is read to its end, like one whose size is not known: with the size of a moment ago comes all
    // that it had then.
    while bytes.is_empty() || bytes.len() as u64 != size {
        match file.read(&mut chunk) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(errno(error)),
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(chunk.get(..length).unwrap_or_default()),
        }
        if reading.is_clamped && bytes.len() >= CLAMPED {
            bytes.truncate(CLAMPED);
            break;
        }
    }
    Ok(value_of(bytes, reading))
}

fn value_of(mut bytes: Vec<u8>, reading: ReadOptions) -> Option<Argument> {
    if bytes.is_empty() {
        return None;
    }
    if reading.is_whole {
        if reading.is_cut && bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
    } else {
        let line = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        bytes.truncate(line);
        while reading.is_cut && bytes.last().is_some_and(|byte| b" \t\r".contains(byte)) {
            bytes.pop();
        }
    }
    bytes.iter_mut().filter(|byte| **byte == 0).for_each(|byte| *byte = reading.nul);
    Some(bytes)
}

fn errno(error: io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, reading: ReadOptions) -> Option<String> {
        value_of(text.as_bytes().to_vec(), reading).map(|value| String::from_utf8(value).unwrap())
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // files that the test has created
    fn what_is_no_plain_file_is_refused_where_nothing_may_wait() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("LONG"), "x".repeat(9000) + "\n").unwrap();
        let path = place.path().as_os_str().as_bytes();
        let plain = ReadOptions { is_plain: true, ..ReadOptions::CONTAINER };
        let long = vec![(b"LONG".to_vec(), Some(vec![b'x'; 9000]))];
        assert_eq!([read(path, plain), read(path, ReadOptions::CONTAINER)], [Ok(long.clone()), Ok(long)]);
        assert_eq!(read(path, ReadOptions::DEFAULT), Ok(vec![(b"LONG".to_vec(), Some(vec![b'x'; CLAMPED]))]));
        nix::unistd::mkfifo(&place.path().join("FIFO"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read(path, plain), Err(Errno::EINVAL));
    }

    /// What its entry in the directory has said does not count: another may be there by now.
    #[test]
    #[allow(clippy::disallowed_methods)] // files that the test has created
    fn what_is_opened_is_a_plain_file_itself_where_nothing_may_wait() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::fs::write(at("FILE"), "x\n").unwrap();
        std::os::unix::fs::symlink("FILE", at("LINK")).unwrap();
        nix::unistd::mkfifo(&at("FIFO"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let read = |name: &str, is_plain| {
            super::value(at(name).as_os_str().as_bytes(), ReadOptions { is_plain, ..ReadOptions::CONTAINER })
        };
        let some = || Ok(Some(b"x".to_vec()));
        assert_eq!([read("FILE", true), read("FILE", false), read("LINK", false)], [some(), some(), some()]);
        assert_eq!([read("LINK", true), read("FIFO", true)], [Err(Errno::ELOOP), Err(Errno::EINVAL)]);
    }

    /// Such as those of /proc, and one that is being written.
    #[test]
    fn a_file_with_more_than_its_size_says_is_read_to_its_end() {
        let plain = ReadOptions { is_plain: true, ..ReadOptions::CONTAINER };
        assert_eq!(super::value(b"/proc/sys/kernel/ostype", plain), Ok(Some(b"Linux".to_vec())));
    }

    #[test]
    fn of_a_file_the_first_line_counts_or_all_of_it() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(value("a b \t\r\nc\n", ReadOptions::DEFAULT), some("a b"));
        assert_eq!(value("a b \nc\n", ReadOptions { is_cut: false, ..ReadOptions::DEFAULT }), some("a b "));
        assert_eq!(value("a\n\n", ReadOptions::CONTAINER), some("a\n"));
        assert_eq!(value("a\n", ReadOptions { is_cut: false, ..ReadOptions::CONTAINER }), some("a\n"));
        assert_eq!(value("\n", ReadOptions::CONTAINER), some(""));
        assert_eq!(value("a\0b", ReadOptions::CONTAINER), some("a\nb"));
        assert_eq!(value("a\0b", ReadOptions { nul: b'x', ..ReadOptions::CONTAINER }), some("axb"));
        assert_eq!(value("", ReadOptions::CONTAINER), None);
    }
}
