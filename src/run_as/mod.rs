//! `run-as`: becoming another user for good and executing one program (what gosu, su-exec and s6-setuidgid do). For a
//! command inside a running container, not for PID 1's own drop. Must not know configuration files.
#![allow(clippy::disallowed_methods)] // changes ids and executes the command: this process is not PID 1

mod target_user;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::unistd::{self, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};

pub use target_user::{CallerIds, TargetUser, find};

use crate::config::search_path::DEFAULT_PATH;
use crate::config::values::{Gid, Uid};
use crate::error::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_REFUSED, Refused, cause_text};
use crate::inspect::facts;
use crate::plan::facts::ProgramFact;
use crate::sys::exec_failure;
use crate::text::shown;

/// Why the program was not executed.
#[derive(Debug)]
pub enum ExecError {
    /// The user could not be changed: exit 111.
    Refused(Refused),
    /// There is no such program: exit 127.
    NotFound(String),
    /// The program exists and cannot be executed: exit 126.
    NotExecutable(String),
}

impl ExecError {
    /// Returns the exit code that DESIGN §8 gives it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => EXIT_REFUSED,
            Self::NotFound(_) => EXIT_NOT_FOUND,
            Self::NotExecutable(_) => EXIT_NOT_EXECUTABLE,
        }
    }
}

impl fmt::Display for ExecError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(out),
            Self::NotFound(what) | Self::NotExecutable(what) => out.write_str(what),
        }
    }
}

/// Becomes `user` and executes the program in this process, so that it only returns if that failed. HOME, USER and LOGNAME
/// are set, also if we are that user already, as gosu does. Two things differ in that case: without root nothing else is
/// changed, so that the same command works under `--user`; and without an account HOME stays as it is.
pub fn exec(user: &TargetUser, program: &OsString, arguments: &[OsString]) -> ExecError {
    let is_change = match is_other(user) {
        Ok(is_other) => is_other,
        Err(errno) => return ExecError::Refused(Refused::new("cannot read the ids of this process", errno)),
    };
    let has_root = unistd::geteuid().is_root();
    let outcome = if is_change || has_root { become_user(user) } else { Ok(()) };
    match outcome {
        // Root without SETGID keeps the groups that it has.
        Err(refused) if is_change => return ExecError::Refused(refused),
        Ok(()) | Err(_) => {}
    }
    // std's `exec` starts no process, and resets SIGPIPE, which is ignored here, to its default.
    let mut command = Command::new(program);
    command.args(arguments);
    if is_change || user.has_account {
        command.env("HOME", &user.home).env("USER", &user.name).env("LOGNAME", &user.name);
    }
    not_executed(program, &command.exec())
}

fn is_other(user: &TargetUser) -> Result<bool, Errno> {
    let (uids, gids) = (getresuid()?, getresgid()?);
    let (uid, gid) = (unistd::Uid::from_raw(user.uid.0), unistd::Gid::from_raw(user.gid.0));
    Ok([uids.real, uids.effective, uids.saved] != [uid; 3] || [gids.real, gids.effective, gids.saved] != [gid; 3])
}

/// Returns our effective ids.
pub fn caller() -> CallerIds {
    CallerIds { uid: Uid(unistd::geteuid().as_raw()), gid: Gid(unistd::getegid().as_raw()) }
}

/// Groups, then gid, then uid: each needs a privilege that the next one drops (SECURITY 1.3). Then verification.
fn become_user(user: &TargetUser) -> Result<(), Refused> {
    let refused = |errno: Errno| {
        let us = unistd::geteuid();
        let fix = if us.is_root() {
            "it needs the capabilities SETUID and SETGID: compose: `cap_add: [SETUID, SETGID]`; docker run: `--cap-add \
             SETUID --cap-add SETGID`"
                .to_owned()
        } else {
            format!("only root can switch to another user, and this is uid {us}; run the command without run-as")
        };
        Refused::new(format!("cannot switch to {user}"), errno).fix(fix)
    };
    let uid = unistd::Uid::from_raw(user.uid.0);
    let gid = unistd::Gid::from_raw(user.gid.0);
    if groups_now().ok().as_ref() != Some(&groups_of(user)) {
        let groups: Vec<_> = user.groups.iter().map(|gid| unistd::Gid::from_raw(gid.0)).collect();
        setgroups(&groups).map_err(refused)?;
    }
    setresgid(gid, gid, gid).map_err(refused)?;
    if !uid.is_root() {
        // Else an inheritable set would give file capabilities to whatever is executed later (CVE-2022-24769).
        caps::clear(None, caps::CapSet::Inheritable).map_err(|_| refused(Errno::EPERM))?;
    }
    setresuid(uid, uid, uid).map_err(refused)?;
    if !uid.is_root() {
        // The kernel clears them only where root gives itself up: a service that was given SETUID is not root.
        for set in [caps::CapSet::Ambient, caps::CapSet::Effective, caps::CapSet::Permitted] {
            caps::clear(None, set).map_err(|_| refused(Errno::EPERM))?;
        }
    }
    verify(user).map_err(|what| Refused::new(format!("cannot switch to {user}"), std::io::Error::other(what)))
}

/// Checks that the ids are as requested and root cannot be regained: setresuid(-1, -1, -1) succeeds and changes nothing
/// (SECURITY fact 4), and a secure bit keeps capabilities across the change.
fn verify(user: &TargetUser) -> Result<(), &'static str> {
    if is_other(user) != Ok(false) {
        return Err("the kernel reports other ids");
    }
    if groups_now().ok() != Some(groups_of(user)) {
        return Err("the kernel reports other groups");
    }
    if user.uid.0 != 0 {
        let root = unistd::Uid::from_raw(0);
        if setresuid(root, root, root).is_ok() {
            return Err("it can still become root");
        }
        for set in [caps::CapSet::Effective, caps::CapSet::Permitted, caps::CapSet::Inheritable] {
            if caps::read(None, set).map_or(true, |left| !left.is_empty()) {
                return Err("capabilities remain");
            }
        }
    }
    Ok(())
}

fn groups_now() -> Result<BTreeSet<Gid>, Errno> {
    Ok(getgroups()?.into_iter().map(|gid| Gid(gid.as_raw())).collect())
}

fn groups_of(user: &TargetUser) -> BTreeSet<Gid> {
    user.groups.iter().copied().collect()
}

fn not_executed(program: &OsString, error: &std::io::Error) -> ExecError {
    let path = std::env::var_os("PATH").unwrap_or_else(|| DEFAULT_PATH.into());
    let what = format!("cannot execute `{}`", shown(program));
    match (facts::resolve(program, &path, Path::new("")), error.kind()) {
        (ProgramFact::NoInterpreter { program, .. } | ProgramFact::Refused { program, .. }, _) => {
            ExecError::NotExecutable(explained(&format!("cannot execute {}", shown(&program)), error, &program))
        }
        (_, ErrorKind::NotFound) => ExecError::NotFound(format!("{what}: there is no such program")),
        // EACCES may also come from a directory of PATH that this user cannot search.
        (ProgramFact::NotFound | ProgramFact::Unknown(_), _) if !program.as_encoded_bytes().contains(&b'/') => {
            ExecError::NotFound(format!("{what}: there is no such program in PATH"))
        }
        (fact, _) => {
            let path = fact.path().cloned().unwrap_or_else(|| program.into());
            ExecError::NotExecutable(explained(&what, error, &path))
        }
    }
}

fn explained(what: &str, error: &std::io::Error, program: &Path) -> String {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
    match exec_failure::explain(errno, program).cause_and_fix(program) {
        Some((cause, fix)) => format!("{what}: {cause}; {fix}"),
        None => format!("{what}: {}", cause_text(error)),
    }
}
