//! `environment_file`, read by the child that needs it: with that service's rights, so that a disk that hangs blocks only
//! that service. Its contents are returned to PID 1 through shared memory ([`SharedBytes`]).
#![allow(unsafe_code)] // mmap(2)

use std::ffi::{CString, OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::ptr::{self, NonNull};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nix::errno::Errno;
use nix::libc;

use crate::config::MAX_FILE;
use crate::plan::TrustedWriters;
use crate::sys::files::owners;
use crate::text::shown;

/// Variables that the child reads.
#[derive(Clone, Debug)]
pub struct EnvironmentFile {
    /// The path of the file.
    pub path: PathBuf,
    /// Who may own the file.
    pub writers: TrustedWriters,
    /// How many of the launch's own variables come before those of the file; the others override it.
    pub before: usize,
    /// Where the child writes a copy of the file, for processes that are started beside it.
    pub copy: Option<Rc<SharedBytes>>,
}

/// A variable and its value.
pub type Assignment = (OsString, OsString);

/// Why a file is not used.
#[derive(Debug)]
pub struct Unreadable {
    /// The reason in words, if the errno does not say it.
    pub words: Option<String>,
    /// The errno, or the nearest.
    pub errno: Errno,
}

impl From<io::Error> for Unreadable {
    fn from(cause: io::Error) -> Self {
        match cause.raw_os_error() {
            Some(errno) => Self { words: None, errno: Errno::from_raw(errno) },
            None => Self { words: Some(cause.to_string()), errno: Errno::EINVAL },
        }
    }
}

/// Reads the file, if it may be used, with the rights of this process.
///
/// # Errors
/// The kernel's, or who else could have written it.
pub fn read(file: &EnvironmentFile) -> Result<Vec<u8>, Unreadable> {
    check_owners(&file.path, file.writers)?;
    read_bytes(&file.path)
}

/// Returns `env` with the variables of the file between those before it and those that override it.
pub fn merged(env: &[CString], before: usize, bytes: &[u8]) -> Vec<CString> {
    let (before, after) = env.split_at(before.min(env.len()));
    let name_of = |word: &CString| word.to_bytes().split(|byte| *byte == b'=').next().unwrap_or_default().to_vec();
    let mut file = variables(bytes);
    // The last one of a name wins.
    let mut seen = std::collections::BTreeSet::new();
    file.reverse();
    file.retain(|(name, _)| seen.insert(name.clone()));
    file.reverse();
    let after_names: Vec<Vec<u8>> = after.iter().map(name_of).collect();
    file.retain(|(name, _)| !after_names.iter().any(|known| known == name.as_bytes()));
    let kept = before.iter().filter(|word| !seen.contains(OsStr::from_bytes(&name_of(word))));
    // A variable cannot contain a NUL byte.
    let of_file = file.iter().filter_map(|(name, value)| assignment(name, value));
    kept.cloned().chain(of_file).chain(after.iter().cloned()).collect()
}

fn assignment(name: &OsStr, value: &OsStr) -> Option<CString> {
    CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()).ok()
}

/// Returns the `NAME=value` lines as `docker run --env-file` reads them: blank lines and `#` comments are skipped,
/// values are not interpreted.
pub fn variables(bytes: &[u8]) -> Vec<Assignment> {
    let lines =
        bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start());
    lines
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
            let (name, value) = line.split_at(at);
            Some((OsString::from_vec(name.to_vec()), OsString::from_vec(value.get(1..).unwrap_or_default().to_vec())))
        })
        .collect()
}

/// Refuses a file that users other than root could have written, if the service has more rights than they. Only root can change a
/// path that passed, so that the same file is read.
fn check_owners(file: &Path, writers: TrustedWriters) -> Result<(), Unreadable> {
    let stranger = match writers {
        TrustedWriters::Anybody => None,
        TrustedWriters::Root { .. } => owners::follow(file).found.into_iter().find(|found| !writers.allows(found)),
    };
    let Some(stranger) = stranger else { return Ok(()) };
    let path = shown(&stranger.path);
    let words = format!(
        "users other than root could have written it, and this service has more rights than the app user: {stranger}; \
         move it to where only root can write, such as /etc, or `chown 0:0 {path} && chmod go-w {path}`"
    );
    Err(Unreadable { words: Some(words), errno: Errno::EACCES })
}

/// Reads a file that may be in a directory that the app can write: never blocks on a FIFO, never reads without limit.
fn read_bytes(path: &Path) -> Result<Vec<u8>, Unreadable> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file").into());
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE { Err(io::Error::other("larger than 256 KiB").into()) } else { Ok(bytes) }
}

/// Memory that a child writes once and its parent reads afterwards. Unlike a pipe or a memfd it needs no descriptor and is
/// not subject to the child's RLIMIT_FSIZE; it costs only the pages that are written.
#[derive(Debug)]
pub struct SharedBytes(NonNull<u8>);

/// The length plus one (0: not written yet), then the bytes.
const HEADER: usize = size_of::<AtomicUsize>();
const SIZE: usize = HEADER + MAX_FILE;

impl SharedBytes {
    /// Returns memory for one file.
    ///
    /// # Errors
    /// ENOMEM.
    pub fn new() -> Result<Self, Errno> {
        let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at a place of the kernel's choosing; it is unmapped once, in `drop`.
        let memory = unsafe { libc::mmap(ptr::null_mut(), SIZE, protection, flags, -1, 0) };
        if memory == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        NonNull::new(memory.cast()).map(Self).ok_or(Errno::ENOMEM)
    }

    /// Writes the bytes; in the child, once.
    pub fn put(&self, bytes: &[u8]) {
        let bytes = bytes.get(..bytes.len().min(MAX_FILE)).unwrap_or_default();
        // SAFETY: the mapping has MAX_FILE bytes behind its header, and nobody reads them before the length is there.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.as_ptr().add(HEADER), bytes.len()) };
        self.length().store(bytes.len() + 1, Ordering::Release);
    }

    /// Returns the bytes, when the child has written them.
    pub fn get(&self) -> Option<Vec<u8>> {
        let length = self.length().load(Ordering::Acquire).checked_sub(1)?.min(MAX_FILE);
        let mut bytes = vec![0; length];
        // SAFETY: as above; the child has written them before the length, and writes no more.
        unsafe { ptr::copy_nonoverlapping(self.0.as_ptr().add(HEADER), bytes.as_mut_ptr(), length) };
        Some(bytes)
    }

    fn length(&self) -> &AtomicUsize {
        // SAFETY: the mapping begins at a page, is zeroed, and lives as long as `self`.
        unsafe { self.0.cast().as_ref() }
    }
}

impl Drop for SharedBytes {
    fn drop(&mut self) {
        // SAFETY: the mapping that `new` made; nobody has a reference into it any more.
        unsafe { libc::munmap(self.0.as_ptr().cast(), SIZE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_docker_reads_one() {
        let got = variables(b"# note\n\n  A=1\nB=two words # kept\r\nEMPTY=\n=nothing\nnot-a-pair\nC=a=b");
        let expected = [("A", "1"), ("B", "two words # kept"), ("EMPTY", ""), ("C", "a=b")];
        assert_eq!(got, expected.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn a_fifo_in_place_of_the_file_makes_nobody_wait() {
        let place = tempfile::tempdir().unwrap();
        let fifo = place.path().join("env");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read_bytes(&fifo).unwrap_err().words.unwrap(), "not a regular file");
    }

    #[test]
    fn the_file_wins_over_the_container_and_the_service_over_the_file() {
        let env = [c"A=container".to_owned(), c"B=container".to_owned(), c"C=service".to_owned()];
        let got = merged(&env, 2, b"B=first\nB=file\nC=file\nD=file\n");
        let expected = [c"A=container", c"B=file", c"D=file", c"C=service"];
        assert_eq!(got, expected.map(ToOwned::to_owned));
    }

    #[test]
    fn what_a_child_leaves_is_there_once_it_is_whole() {
        let memory = SharedBytes::new().unwrap();
        assert_eq!(memory.get(), None);
        memory.put(b"A=1\n");
        assert_eq!(memory.get().as_deref(), Some(&b"A=1\n"[..]));
        let empty = SharedBytes::new().unwrap();
        empty.put(b"");
        assert_eq!(empty.get(), Some(Vec::new()));
    }
}
