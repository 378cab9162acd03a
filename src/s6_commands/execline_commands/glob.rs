//! `elglob`: the files that a pattern matches, in the order of their directories. Must not know what they are for.

use std::ffi::{CString, OsStr};
use std::fs;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use nix::errno::Errno;

use crate::s6_commands::call::Argument;
use crate::sys::fnmatch::{self, Matching};

/// How a pattern is matched.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::s6_commands) struct Globbing {
    /// A backslash is a letter.
    pub has_no_escapes: bool,
    /// Directories get a slash behind their names.
    pub marks: bool,
    /// A directory that cannot be read is an error.
    pub is_strict: bool,
}

/// Returns the files that match; `failed` is told of directories that cannot be read.
///
/// # Errors
/// The first such directory's, if that is wanted.
pub(in crate::s6_commands) fn matches(
    pattern: &[u8],
    globbing: Globbing,
    failed: impl Fn(&[u8], Errno),
) -> Result<Vec<Argument>, Errno> {
    let mut found = vec![Argument::new()];
    let mut is_pattern = false;
    for part in pattern.split_inclusive(|byte| *byte == b'/') {
        let (name, slash) = match part.strip_suffix(b"/") {
            Some(name) => (name, &b"/"[..]),
            None => (part, &b""[..]),
        };
        is_pattern = has_pattern(name, globbing);
        let mut next = Vec::new();
        for place in &found {
            if !is_pattern {
                next.push([place.as_slice(), &unescaped(name, globbing), slash].concat());
                continue;
            }
            match names_in(place, name, globbing) {
                Ok(names) => next.extend(names.into_iter().map(|name| [place.as_slice(), &name, slash].concat())),
                Err(Errno::ENOTDIR) => {}
                Err(errno) => {
                    failed(if place.is_empty() { b"." } else { place.strip_suffix(b"/").unwrap_or(place) }, errno);
                    if globbing.is_strict {
                        return Err(errno);
                    }
                }
            }
        }
        found = next;
    }
    let path = |file: &Argument| Path::new(OsStr::from_bytes(file)).to_owned();
    // What was read from a directory exists.
    found.retain(|file| is_pattern && !file.ends_with(b"/") || path(file).symlink_metadata().is_ok());
    if globbing.marks {
        // One that has a slash gets another, as from glob(3).
        let is_directory = |file: &Argument| path(file).is_dir();
        found.iter_mut().filter(|file| is_directory(file)).for_each(|file| file.push(b'/'));
    }
    Ok(found)
}

fn names_in(directory: &[u8], pattern: &[u8], globbing: Globbing) -> Result<Vec<Argument>, Errno> {
    let place = if directory.is_empty() { b"." } else { directory };
    let pattern = CString::new(pattern).map_err(|_| Errno::EINVAL)?;
    let matching = Matching { has_no_escapes: globbing.has_no_escapes, hides_dot_files: true, knows_paths: false };
    let mut found = Vec::new();
    let failed = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or_default());
    // They have no entries in what std reads.
    let dots = [b".".to_vec(), b"..".to_vec()].map(Ok);
    let entries = fs::read_dir(OsStr::from_bytes(place)).map_err(failed)?;
    for name in dots.into_iter().chain(entries.map(|entry| Ok(entry.map_err(failed)?.file_name().into_vec()))) {
        let name: Argument = name?;
        let text = CString::new(name.as_slice()).map_err(|_| Errno::EINVAL)?;
        if fnmatch::matches(&pattern, &text, matching) == Some(true) {
            found.push(name);
        }
    }
    Ok(found)
}

/// Whether a name is a pattern: it has a `*`, a `?`, or a set.
fn has_pattern(name: &[u8], globbing: Globbing) -> bool {
    let (mut at, mut opens_set) = (0, false);
    while let Some(byte) = name.get(at) {
        match byte {
            b'*' | b'?' => return true,
            b'\\' if !globbing.has_no_escapes => at += 1,
            b'[' => opens_set = true,
            b']' if opens_set => return true,
            _ => {}
        }
        at += 1;
    }
    false
}

fn unescaped(name: &[u8], globbing: Globbing) -> Argument {
    if globbing.has_no_escapes {
        return name.to_vec();
    }
    let mut bytes = name.iter();
    let mut out = Argument::new();
    while let Some(byte) = bytes.next() {
        out.extend(if *byte == b'\\' { bytes.next() } else { Some(byte) });
    }
    out
}
