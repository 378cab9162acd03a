//! [`ProgramFact`]: the result of looking up a program, and its permissions and capabilities. Plain values; must not know
//! how they are read.

use std::ffi::OsString;
use std::path::PathBuf;

use super::exec_failure::{ExecFailure, FilePermissions};
use crate::config::values::{CapSet, Gid, Uid};

/// The result of looking up a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramFact {
    /// Found and executable.
    Found(PathBuf),
    /// Found, but without an execute bit.
    NotExecutable(PathBuf),
    /// Found, on a noexec mount.
    NoExec(PathBuf),
    /// Found and executable, but its interpreter after `#!`, or its loader, does not exist. The kernel then returns ENOENT,
    /// as if the program itself were missing (execve(2)).
    NoInterpreter {
        /// The program as found.
        program: PathBuf,
        /// Its interpreter, as written in it: `/usr/bin/with-contenv`, `/bin/sh\r`, `/lib64/ld-linux-x86-64.so.2`.
        interpreter: PathBuf,
    },
    /// Found, and the kernel will not execute it.
    Refused {
        /// The program as found.
        program: PathBuf,
        /// The reason.
        why: ExecFailure,
    },
    /// Not found.
    NotFound,
    /// Unknown: a directory that only another user may search.
    Unknown(PathBuf),
}

impl ProgramFact {
    /// Returns the first that can be executed, as execvp(3) continues after EACCES; otherwise the first that exists.
    pub fn best(all: impl Iterator<Item = Self>) -> Self {
        let mut best = Self::NotFound;
        for fact in all {
            match fact {
                Self::NotFound => {}
                Self::Refused {
                    why:
                        ExecFailure::UnsearchableDirectory(_)
                        | ExecFailure::NotForThisUser(_)
                        | ExecFailure::Directory
                        | ExecFailure::NotAFile,
                    ..
                }
                | Self::NotExecutable(_)
                | Self::NoExec(_)
                | Self::Unknown(_) => {
                    if best == Self::NotFound {
                        best = fact;
                    }
                }
                Self::Found(_) | Self::NoInterpreter { .. } | Self::Refused { .. } => return fact,
            }
        }
        best
    }

    /// Returns the path of the program, if it exists or may exist.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Found(path) | Self::NotExecutable(path) | Self::NoExec(path) | Self::Unknown(path) => Some(path),
            Self::NoInterpreter { program, .. } | Self::Refused { program, .. } => Some(program),
            Self::NotFound => None,
        }
    }
}

/// A program that env(1) looks up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvLookup {
    /// Its name.
    pub name: OsString,
    /// The results in each directory of the service's PATH that contains that name, by index.
    pub found: Vec<(usize, ProgramFact)>,
}

/// A script that not everybody may execute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestrictedScript {
    /// What the kernel puts before its path: the interpreter, and its argument.
    pub argv: Vec<OsString>,
    /// The result of looking up the interpreter.
    pub interpreter: ProgramFact,
}

/// Permissions and rights of a program.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executable {
    /// The program and directories of its path that not everybody may execute or search.
    pub restricted: Vec<FilePermissions>,
    /// The file that is executed: itself, or its interpreter (`#!`), whose rights apply.
    pub file: PathBuf,
    /// Its file capabilities.
    pub capabilities: CapSet,
    /// The user of a setuid program.
    pub setuid: Option<Uid>,
    /// The group of a setgid program.
    pub setgid: Option<Gid>,
}
