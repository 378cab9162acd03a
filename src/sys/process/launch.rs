//! [`Launch`]: everything that a child needs, prepared before the fork, so that between fork and exec nothing is looked up
//! and nothing is allocated. Exception: what may be on a disk that hangs is looked up by the child.

use std::ffi::{CStr, CString, NulError, OsStr, OsString};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::config::service::Limit;
use crate::plan::Credentials;
use crate::sys::executable::Executable;
use crate::sys::process::environment_file::EnvironmentFile;
use crate::sys::process::filter::Filter;

/// A process to start.
pub struct Launch {
    /// The program to execute.
    pub program: Program,
    /// Later matches in PATH: PID 1 found the first one with its own rights, and the service's user may not be allowed to
    /// execute it (execvp(3) continues after EACCES).
    pub fallbacks: Vec<CString>,
    /// Its arguments, the first being its name.
    pub argv: Vec<CString>,
    /// Its environment, `NAME=value`.
    pub env: Vec<CString>,
    /// A file with more variables, which the child reads: its disk may hang.
    pub environment_file: Option<EnvironmentFile>,
    /// What is executed in place of a script whose interpreter does nothing else; where that fails, the script itself is executed.
    pub shortcut: Option<Shortcut>,
    /// Its working directory; `None`: that of PID 1.
    pub directory: Option<CString>,
    /// Its ids, groups and capabilities.
    pub credentials: Credentials,
    /// The privilege of PID 1, so that unnecessary system calls are skipped.
    pub parent: Parent,
    /// Its umask.
    pub umask: u32,
    /// Its niceness; `None`: as PID 1's.
    pub nice: Option<i32>,
    /// Its limits.
    pub limits: Vec<Limit>,
    /// Its session.
    pub session: Session,
    /// The tag of its run ([`crate::sys::process::run_tag`]).
    pub tag: Option<u64>,
    /// The seccomp filter that keeps it from changing PID 1.
    pub filter: Option<Filter>,
    /// Its descriptors 0, 1 and 2; `None`: the container's own.
    pub stdio: [Option<RawFd>; 3],
    /// The readiness descriptor: ours, and its number in the child.
    pub notify: Option<(RawFd, RawFd)>,
}

/// Returns what a program, executed with these arguments and this environment, would execute in its place and nothing else;
/// `None` if it does something else, or nobody can know. Called by the child, as the service's user.
pub type Shortcut = fn(&CStr, &[CString], &[CString]) -> Option<Executable>;

/// A program to execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Program {
    /// At this path.
    Path(CString),
    /// The program that execvp(3) would find by this name. The child searches it, as the service's user and in the service's
    /// PATH: a directory of PATH may hang, and PID 1 may have other rights.
    Search(CString),
}

/// The privilege of the forking process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent {
    /// The app user: ids are right already, only the private saved gid must be dropped.
    App,
    /// Still root, before the drop or for good: all ids are set.
    Root,
    /// The app user with SETUID, SETGID in *permitted*: raised in the child only.
    AppWithCapabilities,
}

/// The session of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Session {
    /// A new session without a terminal (CVE-2016-2779 and similar: no TIOCSTI).
    Own,
    /// A new session whose controlling terminal is descriptor 0.
    OwnWithTerminal,
    /// A process group in our session, in the terminal's foreground: we do not lead the terminal's session.
    ForegroundGroup,
}

/// Returns arguments as C strings.
///
/// # Errors
/// When one contains a NUL byte.
pub fn c_strings<'a>(all: impl IntoIterator<Item = &'a OsString>) -> Result<Vec<CString>, NulError> {
    all.into_iter().map(|word| c_string(word)).collect()
}

/// Returns an argument as a C string.
///
/// # Errors
/// When it contains a NUL byte.
pub fn c_string(word: &OsStr) -> Result<CString, NulError> {
    CString::new(word.as_bytes())
}

/// Returns a path as a C string.
///
/// # Errors
/// When it contains a NUL byte.
pub fn c_path(path: &Path) -> Result<CString, NulError> {
    c_string(path.as_os_str())
}
