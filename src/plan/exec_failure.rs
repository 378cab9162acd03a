//! [`ExecFailure`]: why the kernel does not execute a program (execve(2)), as far as that is known; and its message, which the
//! boot, `check`, the report of a start, probes and `run-as` use. Must not know how it is found.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use super::fix::Fix;
use super::printable;
use crate::config::s6;
use crate::config::values::{CapSet, Gid, Uid};

/// Why a program is not executed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecFailure {
    /// It does not exist.
    Missing,
    /// A dangling link.
    DanglingLink(PathBuf),
    /// A component of the path is not a directory.
    NotADirectory(PathBuf),
    /// A directory of the path may not be searched by this user.
    UnsearchableDirectory(FilePermissions),
    /// It is a directory.
    Directory,
    /// It is a device, a FIFO or a socket.
    NotAFile,
    /// Nobody may execute it.
    NoExecuteBit(FilePermissions),
    /// Others may execute it, and this user may not.
    NotForThisUser(FilePermissions),
    /// Its mount is noexec.
    NoExecMount,
    /// It is empty.
    Empty,
    /// A text file without `#!`: a shell runs it, the kernel does not.
    NoShebang,
    /// `#!` without a program.
    EmptyShebang,
    /// Built for another architecture.
    Architecture {
        /// That architecture, in Docker's words.
        built_for: String,
        /// This machine's architecture.
        here: &'static str,
    },
    /// Not a format that the kernel executes: damaged, or not a program.
    UnknownFormat,
    /// Its interpreter (`#!`) or loader cannot be executed.
    Needs {
        /// Its path as written in the program: `/usr/bin/with-contenv`, `/bin/sh\r`, `/lib64/ld-linux-x86-64.so.2`.
        path: PathBuf,
        /// The reason.
        why: Box<ExecFailure>,
    },
    /// It has effective file capabilities (setcap's `+e`), and the container does not have all of them.
    FileCapabilities {
        /// Its file capabilities.
        wants: CapSet,
        /// Those that the bounding set does not contain.
        missing: CapSet,
    },
    /// Its arguments and its environment together, or one of them, are too long.
    TooLong {
        /// The longest: "argument 2", "the variable DATA".
        longest: String,
        /// Its length in bytes.
        length: usize,
        /// The length of all in bytes.
        all: usize,
    },
    /// It is open for writing.
    Busy,
    /// Too many links, or interpreters of interpreters.
    Loop,
    /// A component has more than 255 bytes, or the path more than 4095.
    NameTooLong,
    /// Its user has as many processes as its limit allows.
    TooManyProcesses,
    /// No descriptor was left.
    TooManyFiles,
    /// No memory was left.
    OutOfMemory,
    /// The disk could not be read.
    ReadError,
    /// Not visible: a security module, or the runtime's seccomp profile.
    Policy {
        /// Our label in a security module.
        label: Option<String>,
    },
    /// Unknown.
    Unknown,
}

/// A file or directory with its owner and mode.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePermissions {
    /// Its path.
    pub path: PathBuf,
    /// Its owner.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
    /// Its permission bits.
    pub mode: u32,
}

impl Display for FilePermissions {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{} is {}:{} {:04o}", printable::path(&self.path), self.uid, self.gid, self.mode)
    }
}

impl ExecFailure {
    /// Returns the cause and the fix, as two halves of a sentence about `program`; `None` if nothing is known.
    pub fn cause_and_fix(&self, program: &Path) -> Option<(String, String)> {
        let path = printable::path(program);
        let text = |what: &str, fix: String| Some((what.to_owned(), fix));
        match self {
            Self::Missing => text("it is not there", "write the path of a program that is in the image".to_owned()),
            Self::DanglingLink(target) => {
                let what = format!("it is a link to {}, which is not there", printable::path(target));
                Some((what, "install that, or name another program".to_owned()))
            }
            Self::NotADirectory(place) => {
                let what = format!("{} is not a directory", printable::path(place));
                Some((what, "write the path of a program that is in the image".to_owned()))
            }
            Self::UnsearchableDirectory(seen) => {
                let what = format!("this user cannot search a directory on the way: {seen}");
                let place = printable::path(&seen.path);
                // Not to change its mode: /root or a home is closed intentionally.
                Some((
                    what,
                    format!("move the program out of {place}, such as to /usr/local/bin, or write another `user`"),
                ))
            }
            Self::Directory => text("it is a directory", "name the program".to_owned()),
            Self::NotAFile => text("it is not a regular file", "name the program".to_owned()),
            Self::NoExecuteBit(_) => text("it has no execute bit", format!("`RUN chmod +x {path}` in the Dockerfile")),
            Self::NotForThisUser(seen) => {
                let what = format!("this user cannot execute it: {seen}");
                Some((what, format!("`RUN chmod a+rx {path}` in the Dockerfile, or another `user`")))
            }
            Self::NoExecMount => text(
                "it lies on a mount that is noexec",
                "mount it with exec (`--tmpfs PLACE:exec`), or keep the program in the image".to_owned(),
            ),
            Self::Empty => text("the file is empty", "copy it again".to_owned()),
            Self::NoShebang => {
                let fix = format!(
                    "write `#!/bin/sh` as its first line, or name the shell: `command = [\"/bin/sh\", \"{path}\"]`"
                );
                text("it is a text file whose first line does not begin with `#!`", fix)
            }
            Self::EmptyShebang => {
                text("no program follows the `#!` of its first line", "write `#!/bin/sh` there".to_owned())
            }
            Self::Architecture { built_for, here } => {
                let what = format!("it is built for {built_for}, and this machine is {here}");
                Some((what, format!("build or pull the image for this one: `--platform linux/{here}`")))
            }
            Self::UnknownFormat => text(
                "its format is not one that this kernel executes, or it is damaged",
                "copy it again, or name the program that reads it".to_owned(),
            ),
            Self::Needs { path: needed, why } => needs(needed, why),
            Self::FileCapabilities { wants, missing } => {
                let what = format!(
                    "it has the file capabilities {wants} and does not run without them (`+e`), and the container is not \
                     granted {missing}"
                );
                let fix =
                    format!("{}; or remove them from the file: `RUN setcap -r {path}`", Fix::capabilities(*missing));
                Some((what, fix))
            }
            Self::TooLong { longest, length, all } => {
                let what = format!(
                    "its arguments and environment have {all} bytes, {longest} has {length}; the kernel takes 131071 for \
                     one and a quarter of the stack limit for all"
                );
                Some((what, "put what is long into a file".to_owned()))
            }
            Self::Busy => text("another process is writing it", "write it under another name and rename it".to_owned()),
            Self::Loop => {
                text("too many links, or interpreters of interpreters, lead to it", "name the program".to_owned())
            }
            Self::NameTooLong => text("its path is too long", "name it by a shorter one".to_owned()),
            Self::TooManyProcesses => text(
                "its user has as many processes as it may have",
                "raise `limits.nproc` or `--pids-limit`, or find out who starts that many".to_owned(),
            ),
            Self::TooManyFiles => {
                text("no file descriptor is left", "raise `limits.nofile` or `--ulimit nofile=`".to_owned())
            }
            Self::OutOfMemory => text("no memory is left", "raise `--memory`".to_owned()),
            Self::ReadError => text("it cannot be read from its disk", "look at the host's kernel log".to_owned()),
            Self::Policy { label } => {
                let who = label.as_ref().map(|label| format!(" (here: {label})")).unwrap_or_default();
                Some((
                    format!(
                        "owner, mode and mount allow it: a security module{who} or the runtime's seccomp profile does not"
                    ),
                    "look at the host's audit log; `--security-opt label=disable`, `apparmor=unconfined` or \
                     `seccomp=unconfined` shows which"
                        .to_owned(),
                ))
            }
            Self::Unknown => None,
        }
    }

    /// Returns both halves as one text, for the end of a line; empty if nothing is known.
    pub fn explanation(&self, program: &Path) -> String {
        self.cause_and_fix(program).map(|(what, fix)| format!("{what}; {fix}")).unwrap_or_default()
    }
}

/// The fix for a command of s6 or execline that is not in the image.
pub(super) const INSTALL_LINKS: &str = "`RUN stepdown install-links` in the Dockerfile creates it";

/// What is wrong with an interpreter or a loader.
fn needs(needed: &Path, why: &ExecFailure) -> Option<(String, String)> {
    let name = printable::path(needed);
    if *why == ExecFailure::Missing {
        let what = format!("it needs `{name}`, which is not in this image");
        let fix = match needed.as_os_str().as_encoded_bytes().ends_with(b"\r") {
            true => "write the file with Unix line endings (`sed -i 's/\\r$//'`)",
            false if s6::is_installed_by_links(needed) => INSTALL_LINKS,
            false => "install that, or write a program that this image can run",
        };
        return Some((what, fix.to_owned()));
    }
    let (what, fix) = why.cause_and_fix(needed)?;
    Some((format!("it needs `{name}`, and of that: {what}"), fix))
}

/// Returns an architecture of an ELF file (`e_machine`, elf(5)) in Docker's words.
pub fn architecture(machine: u16) -> String {
    let known = match machine {
        3 => "386",
        8 => "mips",
        20 => "ppc",
        21 => "ppc64le",
        22 => "s390x",
        40 => "arm",
        62 => "amd64",
        183 => "arm64",
        243 => "riscv64",
        258 => "loong64",
        other => return format!("a machine of ELF number {other}"),
    };
    known.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_an_interpreter_is_reported_of_the_interpreter() {
        let of = |path: &str, why| ExecFailure::Needs { path: path.into(), why: Box::new(why) };
        let said = |failure: ExecFailure| failure.explanation(Path::new("/x"));
        assert!(said(of("/bin/sh\r", ExecFailure::Missing)).contains("Unix line endings"));
        let shell = ExecFailure::Architecture { built_for: architecture(183), here: "amd64" };
        assert_eq!(
            said(of("/bin/sh", shell)),
            "it needs `/bin/sh`, and of that: it is built for arm64, and this machine is amd64; build or pull the image \
             for this one: `--platform linux/amd64`"
        );
        assert_eq!(said(ExecFailure::Unknown), "");
    }
}
