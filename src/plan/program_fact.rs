//! [`ProgramFact`]: what became of looking a program up, and what it is to who executes it. Plain values; must not know how
//! they are found out.

use std::ffi::OsString;
use std::path::PathBuf;

use super::obstacle::{FilePermissions, Obstacle};
use crate::config::values::{CapSet, Gid, Uid};

/// What became of looking a program up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProgramFact {
    /// Found and executable.
    Found(PathBuf),
    /// Found, but without an execute bit.
    NotExecutable(PathBuf),
    /// Found, on a mount from which nothing is executed.
    NoExec(PathBuf),
    /// Found and executable, but what it names after `#!`, or the loader that it was linked for, is not there. The
    /// kernel then says ENOENT, as if the program itself were missing (execve(2)).
    NoInterpreter {
        /// The program as found.
        program: PathBuf,
        /// What it needs, as written in it: `/usr/bin/with-contenv`, `/bin/sh\r`, `/lib64/ld-linux-x86-64.so.2`.
        interpreter: PathBuf,
    },
    /// Found, and the kernel will refuse it.
    Refused {
        /// The program as found.
        program: PathBuf,
        /// Why.
        why: Obstacle,
    },
    /// Nowhere.
    NotFound,
    /// We may not look there (a directory that only another user may search).
    Unknown(PathBuf),
}

impl ProgramFact {
    /// Returns the first that can be executed, as execvp(3) goes on after EACCES; else the first that is there at all.
    pub fn best(all: impl Iterator<Item = Self>) -> Self {
        let mut best = Self::NotFound;
        for fact in all {
            match fact {
                Self::NotFound => {}
                Self::Refused {
                    why:
                        Obstacle::ClosedDirectory(_)
                        | Obstacle::NotForThisUser(_)
                        | Obstacle::Directory
                        | Obstacle::NotAFile,
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

    /// Returns the program, where one is there or could be.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::Found(path) | Self::NotExecutable(path) | Self::NoExec(path) | Self::Unknown(path) => Some(path),
            Self::NoInterpreter { program, .. } | Self::Refused { program, .. } => Some(program),
            Self::NotFound => None,
        }
    }
}

/// A program that env(1) looks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvLookup {
    /// Its name.
    pub name: OsString,
    /// What is found in each directory of the service's PATH that has something of that name, by its place in it.
    pub found: Vec<(usize, ProgramFact)>,
}

/// What a program is to who executes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Executable {
    /// Itself and directories on the way, where not everybody may execute or search them.
    pub closed: Vec<FilePermissions>,
    /// What is executed in the end: itself, or its interpreter (`#!`), whose rights count.
    pub file: PathBuf,
    /// Its file capabilities.
    pub capabilities: CapSet,
    /// As whom it runs.
    pub setuid: Option<Uid>,
    /// In which group it runs.
    pub setgid: Option<Gid>,
}
