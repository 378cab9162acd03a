//! `run-as`: becoming another user for good and executing one program (what gosu, su-exec and s6-setuidgid do). For a
//! command inside a running container, not for PID 1's own drop. Must not know configuration files.
#![allow(clippy::disallowed_methods)] // drops for good, verifies, and becomes the command: no PID 1 of ours

mod target;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::errno::Errno;
use nix::unistd::{self, getgroups, getresgid, getresuid, setgroups, setresgid, setresuid};

pub use target::{Caller, Who, find};

use crate::config::values::{Gid, Uid};
use crate::error::{EXIT_NOT_EXECUTABLE, EXIT_NOT_FOUND, EXIT_REFUSED, Refused};
use crate::inspect::facts;
use crate::plan::facts::ProgramFact;
use crate::sys::obstacle;
use crate::text::shown;

/// Why the program does not run.
#[derive(Debug)]
pub enum NotRun {
    /// The kernel did not let us become that user: exit 111.
    Refused(Refused),
    /// There is no such program: exit 127.
    NotFound(String),
    /// There is, and it cannot be executed: exit 126.
    NotExecutable(String),
}

impl NotRun {
    /// Returns the exit code that DESIGN §8 gives it.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Refused(_) => EXIT_REFUSED,
            Self::NotFound(_) => EXIT_NOT_FOUND,
            Self::NotExecutable(_) => EXIT_NOT_EXECUTABLE,
        }
    }
}

impl fmt::Display for NotRun {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refused) => refused.fmt(out),
            Self::NotFound(what) | Self::NotExecutable(what) => out.write_str(what),
        }
    }
}

/// Becomes `who` and executes the program in the place of this process, so that it only returns if that failed. HOME,
/// USER and LOGNAME are the user's, also where it is that user already, as gosu has it. Two things differ then: without root
/// nothing else is changed, so that the same line works under `--user`; and where no account says which HOME it has, the one
/// that there is stays.
pub fn exec(who: &Who, program: &OsString, arguments: &[OsString]) -> NotRun {
    let is_change = match is_other(who) {
        Ok(is_other) => is_other,
        Err(errno) => return NotRun::Refused(Refused::new("cannot read our own ids", errno)),
    };
    let has_root = unistd::geteuid().is_root();
    match become_user_if(is_change || has_root, who) {
        // Root without SETGID keeps the groups that it has.
        Err(refused) if is_change => return NotRun::Refused(refused),
        Ok(()) | Err(_) => {}
    }
    // std's exec: no process is started, and it gives SIGPIPE, which Rust ignores, its default back.
    let mut command = Command::new(program);
    command.args(arguments);
    if is_change || who.has_account {
        command.env("HOME", &who.home).env("USER", &who.name).env("LOGNAME", &who.name);
    }
    not_executed(program, &command.exec())
}

fn is_other(who: &Who) -> Result<bool, Errno> {
    let (uids, gids) = (getresuid()?, getresgid()?);
    let (uid, gid) = (unistd::Uid::from_raw(who.uid.0), unistd::Gid::from_raw(who.gid.0));
    Ok([uids.real, uids.effective, uids.saved] != [uid; 3] || [gids.real, gids.effective, gids.saved] != [gid; 3])
}

/// Returns who calls us.
pub fn caller() -> Caller {
    Caller { uid: Uid(unistd::geteuid().as_raw()), gid: Gid(unistd::getegid().as_raw()) }
}

fn become_user_if(wanted: bool, who: &Who) -> Result<(), Refused> {
    if wanted { become_user(who) } else { Ok(()) }
}

/// Groups, then gid, then uid: each needs what the next one gives away (SECURITY 1.3). Then proof.
fn become_user(who: &Who) -> Result<(), Refused> {
    let refused = |errno: Errno| {
        let us = unistd::geteuid();
        let help = if us.is_root() {
            "it needs the capabilities SETUID and SETGID: compose: `cap_add: [SETUID, SETGID]`; docker run: `--cap-add \
             SETUID --cap-add SETGID`"
                .to_owned()
        } else {
            format!("only root can become another user, and this is uid {us}; run the command as it is, without run-as")
        };
        Refused::new(format!("cannot become {who}"), errno).help(help)
    };
    let uid = unistd::Uid::from_raw(who.uid.0);
    let gid = unistd::Gid::from_raw(who.gid.0);
    if groups_now().ok().as_ref() != Some(&groups_of(who)) {
        let groups: Vec<_> = who.groups.iter().map(|gid| unistd::Gid::from_raw(gid.0)).collect();
        setgroups(&groups).map_err(refused)?;
    }
    setresgid(gid, gid, gid).map_err(refused)?;
    if !uid.is_root() {
        // Else an inheritable set would give file capabilities to whatever is executed later (CVE-2022-24769).
        caps::clear(None, caps::CapSet::Inheritable).map_err(|_| refused(Errno::EPERM))?;
    }
    setresuid(uid, uid, uid).map_err(refused)?;
    verify(who).map_err(|what| Refused::new(format!("cannot become {who}"), std::io::Error::other(what)))
}

/// Ids that read back as asked for, and no way back: setresuid(-1, -1, -1) answers "done" and changes nothing
/// (SECURITY fact 4), a secure bit keeps capabilities across the change.
fn verify(who: &Who) -> Result<(), &'static str> {
    if is_other(who) != Ok(false) {
        return Err("the ids read back are others");
    }
    if groups_now().ok() != Some(groups_of(who)) {
        return Err("the groups read back are others");
    }
    if who.uid.0 != 0 {
        let root = unistd::Uid::from_raw(0);
        if setresuid(root, root, root).is_ok() {
            return Err("the way back to root is open");
        }
        for set in [caps::CapSet::Effective, caps::CapSet::Permitted, caps::CapSet::Inheritable] {
            if caps::read(None, set).map_or(true, |left| !left.is_empty()) {
                return Err("capabilities are left");
            }
        }
    }
    Ok(())
}

fn groups_now() -> Result<BTreeSet<Gid>, Errno> {
    Ok(getgroups()?.into_iter().map(|gid| Gid(gid.as_raw())).collect())
}

fn groups_of(who: &Who) -> BTreeSet<Gid> {
    who.groups.iter().copied().collect()
}

fn not_executed(program: &OsString, error: &std::io::Error) -> NotRun {
    let path = std::env::var_os("PATH").unwrap_or_else(|| facts::DEFAULT_PATH.into());
    let what = format!("cannot execute `{}`", shown(program));
    match (facts::resolve(program, &path, Path::new("")), error.kind()) {
        (ProgramFact::NoInterpreter { program, .. } | ProgramFact::Refused { program, .. }, _) => {
            NotRun::NotExecutable(explained(&format!("cannot execute {}", shown(&program)), error, &program))
        }
        (_, ErrorKind::NotFound) => NotRun::NotFound(format!("{what}: there is no such program")),
        // EACCES may also come from a directory of PATH that this user cannot search.
        (ProgramFact::NotFound | ProgramFact::Unknown(_), _) if !program.as_encoded_bytes().contains(&b'/') => {
            NotRun::NotFound(format!("{what}: there is no such program in PATH"))
        }
        (fact, _) => {
            let path = fact.path().cloned().unwrap_or_else(|| program.into());
            NotRun::NotExecutable(explained(&what, error, &path))
        }
    }
}

fn explained(what: &str, error: &std::io::Error, program: &Path) -> String {
    let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
    match obstacle::behind(errno, program).words(program) {
        Some((cause, help)) => format!("{what}: {cause}; {help}"),
        None => format!("{what}: {error}"),
    }
}
