//! [`Launch`]: everything that a child needs, resolved and laid out before the fork, so that between fork and exec
//! nothing is looked up and nothing is allocated, but for what may lie on a disk that hangs: that is the child's to find.

use std::ffi::{CString, NulError, OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::config::service::Limit;
use crate::plan::Credentials;
use crate::sys::process::environment_file::EnvironmentFile;
use crate::sys::process::filter::Filter;

/// A process to be.
pub struct Launch {
    /// What is executed.
    pub program: Program,
    /// Later places of PATH with such a program: PID 1 found the first one with its own rights, and the service's user may
    /// not be let there (execvp(3) goes on after EACCES).
    pub instead: Vec<CString>,
    /// Its arguments, the first being its name.
    pub argv: Vec<CString>,
    /// Its environment, `NAME=value`.
    pub env: Vec<CString>,
    /// A file with more of it, which the child reads: the disk that it lies on may hang.
    pub file: Option<EnvironmentFile>,
    /// Its working directory; `None`: ours.
    pub directory: Option<CString>,
    /// Ids, groups, capabilities.
    pub credentials: Credentials,
    /// What PID 1 is, so that nothing is asked of the kernel that is so already.
    pub parent: Parent,
    /// Its umask.
    pub umask: u32,
    /// Its niceness; `None`: as PID 1's.
    pub nice: Option<i32>,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// Its session.
    pub session: Session,
    /// The mark of its run ([`crate::sys::process::mark`]).
    pub mark: Option<u64>,
    /// What keeps it from changing PID 1.
    pub filter: Option<Filter>,
    /// What becomes its descriptors 0, 1 and 2; `None`: the container's own.
    pub stdio: [Option<RawFd>; 3],
    /// The descriptor for readiness: ours, and the number that it has there.
    pub notify: Option<(RawFd, RawFd)>,
}

/// A program, as the child finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// At this path.
    Path(CString),
    /// Where execvp(3) would find this name. The child looks for it, as the service's user and by the service's PATH: a
    /// directory on the way may hang, and PID 1 may see what its user does not.
    Search(CString),
}

/// What the forking process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The app user: ids fit already, only the private saved gid is left behind.
    App,
    /// Still root, before the drop or for good: all ids are set.
    Root,
    /// The app user with SETUID, SETGID in *permitted*: raised in the child alone.
    AppWithPower,
}

/// The session of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// One of its own without a terminal (CVE-2016-2779 and its family: no TIOCSTI).
    Own,
    /// One of its own that takes the terminal on descriptor 0.
    OwnWithTerminal,
    /// A process group in our session, in the terminal's foreground: we do not lead the terminal's session.
    ForegroundGroup,
}

/// Returns the words as the kernel takes them.
///
/// # Errors
/// When one contains a NUL byte.
pub fn words<'a>(all: impl IntoIterator<Item = &'a OsString>) -> Result<Vec<CString>, NulError> {
    all.into_iter().map(|word| word_of(word)).collect()
}

/// Returns one word as the kernel takes it.
///
/// # Errors
/// When it contains a NUL byte.
pub fn word_of(word: &OsStr) -> Result<CString, NulError> {
    CString::new(word.as_bytes())
}

/// Returns a path as the kernel takes it.
///
/// # Errors
/// When it contains a NUL byte.
pub fn path_of(path: &Path) -> Result<CString, NulError> {
    word_of(path.as_os_str())
}
