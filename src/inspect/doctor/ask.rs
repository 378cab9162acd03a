//! Asking for access as another user: a child becomes that user, with all its groups, tries, and tells through a pipe.
//! What it opens it only opens; the file that it makes to see whether it can has no name. Must not judge the answers.
#![allow(unsafe_code)] // fork(2), and becoming the user in the child
#![allow(clippy::disallowed_methods)] // a child of a verb: no engine waits here

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::libc;
use nix::sys::statvfs::statvfs;
use nix::sys::wait::waitpid;
use nix::unistd::{AccessFlags, ForkResult, access, fork, getegid, geteuid, pipe};
use serde::{Deserialize, Serialize};

use crate::plan::checks::seen::{AccessResult, Denial, PathStat};
use crate::plan::checks::{ProbedUser, Question, Want};

/// So many entries of a tree are looked at: enough to find what somebody else has left there.
const MOST_ENTRIES: usize = 20_000;
/// Devices that may be opened to see whether it is allowed: others do something then (a watchdog barks).
const HARMLESS: [&str; 5] = ["/dev/dri/", "/dev/kfd", "/dev/fuse", "/dev/net/tun", "/dev/kvm"];

/// What a user finds of one path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct UserObservation {
    pub told: AccessResult,
    /// What is there, as that user sees it.
    pub found: Option<PathStat>,
}

/// Asks all of these as that user. Where we cannot become it we are asked ourselves; the remark says so.
pub(super) fn as_user(who: &ProbedUser, questions: &[&Question]) -> (Vec<UserObservation>, Option<String>) {
    let ours = || questions.iter().map(|question| ask(question)).collect::<Vec<_>>();
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let same = (uid, gid) == (who.uid, who.gid);
    if same && are_ours(who) {
        return (ours(), None);
    }
    if let Some(answers) = as_other(who, questions).filter(|answers| answers.len() == questions.len()) {
        return (answers, None);
    }
    let remark = if same {
        format!("asked as {} with the groups of this call, not with all of PID 1's", who.shown())
    } else {
        format!(
            "asked as {uid}:{gid}, who cannot become {}: call it as root, or with `docker exec --user {}:{}`",
            who.shown(),
            who.uid,
            who.gid
        )
    };
    (ours(), Some(remark))
}

/// `None`: the user could not be become.
fn as_other(who: &ProbedUser, questions: &[&Question]) -> Option<Vec<UserObservation>> {
    let (from, to) = pipe().ok()?;
    // SAFETY: a verb has one thread, so the child may do everything that we may.
    match unsafe { fork() }.ok()? {
        ForkResult::Child => {
            drop(from);
            tell(who, questions, to);
            // SAFETY: ends the child without running anything of the parent's (exit handlers, destructors).
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            drop(to);
            let mut text = Vec::new();
            let read = File::from(from).read_to_end(&mut text);
            while waitpid(child, None) == Err(Errno::EINTR) {}
            read.ok()?;
            serde_json::from_slice(&text).ok()?
        }
    }
}

fn tell(who: &ProbedUser, questions: &[&Question], to: OwnedFd) {
    let answers: Option<Vec<UserObservation>> =
        become_user(who).then(|| questions.iter().map(|question| ask(question)).collect());
    let text = serde_json::to_vec(&answers).unwrap_or_default();
    // A parent that is gone needs no answer.
    let _gone = File::from(to).write_all(&text);
}

/// Runs in the child, whose one thread is all there is.
fn become_user(who: &ProbedUser) -> bool {
    // SAFETY: the groups are as many as told; the rest are integers.
    unsafe {
        libc::setgroups(who.groups.len(), who.groups.as_ptr()) == 0
            && libc::setresgid(who.gid, who.gid, who.gid) == 0
            && libc::setresuid(who.uid, who.uid, who.uid) == 0
    }
}

fn ask(question: &Question) -> UserObservation {
    let path = &question.path;
    let told = match on_the_way(path) {
        Some(told) => told,
        None => match fs::metadata(path) {
            Ok(meta) => there(question, &meta),
            Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
                Errno::ENOENT => AccessResult::Missing,
                errno => AccessResult::NotRead(no(errno)),
            },
        },
    };
    UserObservation { told, found: found(path) }
}

/// The first directory above that may not be entered, or is not there.
fn on_the_way(path: &Path) -> Option<AccessResult> {
    let mut above: Vec<_> = path.ancestors().skip(1).collect();
    above.reverse();
    above.into_iter().find_map(|directory| match access(directory, AccessFlags::X_OK) {
        Ok(()) => None,
        Err(Errno::ENOENT) => Some(AccessResult::Missing),
        Err(Errno::EACCES) => Some(AccessResult::Barred(directory.to_owned(), found(directory))),
        Err(errno) => Some(AccessResult::NotRead(no(errno))),
    })
}

fn there(question: &Question, meta: &fs::Metadata) -> AccessResult {
    let path = &question.path;
    let may = |flags| access(path, flags).map_err(no);
    let (read, write, search) = (AccessFlags::R_OK, AccessFlags::W_OK, AccessFlags::X_OK);
    let answer = match question.want {
        Want::Enter if !meta.is_dir() => Err(AccessResult::NotRead(Denial::Other(libc::ENOTDIR))),
        Want::Enter | Want::Execute => may(search).map_err(AccessResult::NotRead),
        Want::Read => may(read).and_then(|()| opened(path, meta)).map_err(AccessResult::NotRead),
        Want::Device => may(read | write).and_then(|()| device(path, meta)).map_err(AccessResult::NotRead),
        Want::Use => {
            let reading = if meta.is_dir() { read | search } else { read };
            let read = may(reading).and_then(|()| opened(path, meta)).map_err(AccessResult::NotRead);
            read.and_then(|()| may(write).and_then(|()| writable(path, meta)).map_err(AccessResult::NotWritten))
        }
    };
    match answer {
        Err(told) => told,
        Ok(()) if question.recursive && meta.is_dir() => below(path, meta.dev()),
        Ok(()) => AccessResult::Yes,
    }
}

/// Security modules that judge by path are not asked by access(2).
fn opened(path: &Path, meta: &fs::Metadata) -> Result<(), Denial> {
    if !meta.is_dir() && !meta.is_file() {
        return Ok(());
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    File::options().read(true).custom_flags(flags).open(path).map(drop).map_err(|error| errno_no(&error))
}

fn device(path: &Path, meta: &fs::Metadata) -> Result<(), Denial> {
    let kind = meta.file_type();
    let may_open = HARMLESS.iter().any(|prefix| path.to_string_lossy().starts_with(prefix));
    if !may_open || !(kind.is_char_device() || kind.is_block_device()) {
        return Ok(());
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    match File::options().read(true).write(true).custom_flags(flags).open(path) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => Err(Denial::NotPermitted),
        // That nothing is behind it, or that it is busy, is no matter of access.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Room, and a file without a name where the file system knows such.
fn writable(path: &Path, meta: &fs::Metadata) -> Result<(), Denial> {
    if let Ok(room) = statvfs(path) {
        let no_inode = room.files() > 0 && room.files_available() == 0;
        if room.blocks() > 0 && (room.blocks_available() == 0 || no_inode) {
            return Err(Denial::Full);
        }
    }
    if !meta.is_dir() {
        return Ok(());
    }
    let made = File::options().write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(path);
    match made.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default())) {
        Err(errno @ (Errno::EACCES | Errno::EPERM | Errno::EROFS | Errno::ENOSPC | Errno::EDQUOT | Errno::ESTALE)) => {
            Err(no(errno))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The first entry of another user's that may not be read and written. What is one's own may well be read-only.
fn below(top: &Path, device: u64) -> AccessResult {
    let me = geteuid().as_raw();
    let mut left = MOST_ENTRIES;
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            left = match left.checked_sub(1) {
                Some(left) => left,
                None => return AccessResult::Yes,
            };
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_symlink() || meta.dev() != device {
                continue;
            }
            let path = entry.path();
            let flags = AccessFlags::R_OK | AccessFlags::W_OK;
            let flags = if meta.is_dir() { flags | AccessFlags::X_OK } else { flags };
            if meta.uid() != me
                && let Err(errno) = access(&path, flags)
            {
                return AccessResult::Below(path.to_string_lossy().into_owned().into(), no(errno));
            }
            if meta.is_dir() {
                directories.push(path);
            }
        }
    }
    AccessResult::Yes
}

fn errno_no(error: &std::io::Error) -> Denial {
    no(Errno::from_raw(error.raw_os_error().unwrap_or_default()))
}

fn no(errno: Errno) -> Denial {
    match errno {
        Errno::EACCES => Denial::Denied,
        Errno::EPERM => Denial::NotPermitted,
        Errno::EROFS => Denial::ReadOnly,
        Errno::ENOSPC | Errno::EDQUOT => Denial::Full,
        other => Denial::Other(other as i32),
    }
}

/// Returns what everybody sees of a path who may look at it.
pub(super) fn found(path: &Path) -> Option<PathStat> {
    let meta = fs::metadata(path).ok()?;
    Some(PathStat { uid: meta.uid(), gid: meta.gid(), mode: meta.mode() & 0o7777, is_directory: meta.is_dir() })
}

/// Returns whether these are the groups that we have.
fn are_ours(who: &ProbedUser) -> bool {
    let wanted: BTreeSet<u32> = who.groups.iter().copied().chain([who.gid]).collect();
    let ours = nix::unistd::getgroups().unwrap_or_default();
    let ours: BTreeSet<u32> = ours.into_iter().map(|gid| gid.as_raw()).chain([who.gid]).collect();
    wanted == ours
}
