//! Tests access as another user: a child changes to that user, with all its groups, tries, and reports through a pipe. It
//! only opens files, and the file that it creates to test writing has no name. Must not evaluate the results.
#![allow(unsafe_code)] // fork(2), and changing the user in the child
#![allow(clippy::disallowed_methods)] // a child of a command: no engine waits for it

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

use crate::plan::checks::observations::{AccessResult, Denial, PathStat};
use crate::plan::checks::{AccessKind, AccessRequirement, ProbedUser};

/// Most entries of a tree that are checked: enough to find files of another user.
const MAX_ENTRIES: usize = 20_000;
/// Devices that may be opened to test access: opening others has an effect (it starts a watchdog).
const SAFE_TO_OPEN: [&str; 5] = ["/dev/dri/", "/dev/kfd", "/dev/fuse", "/dev/net/tun", "/dev/kvm"];

/// What a user sees of one path.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct UserObservation {
    pub access: AccessResult,
    /// The state of the path, as that user sees it.
    pub found: Option<PathStat>,
}

/// Answers all questions as that user. If we cannot change to it they are answered for ourselves, with a remark.
pub(super) fn as_user(
    user: &ProbedUser,
    requirements: &[&AccessRequirement],
) -> (Vec<UserObservation>, Option<String>) {
    let ours = || requirements.iter().map(|requirement| observe(requirement)).collect::<Vec<_>>();
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let same = (uid, gid) == (user.uid, user.gid);
    if same && has_same_groups(user) {
        return (ours(), None);
    }
    if let Some(results) = in_child(user, requirements).filter(|results| results.len() == requirements.len()) {
        return (results, None);
    }
    let remark = if same {
        format!("tested as {} with the groups of this call, not with all of PID 1's", user.shown())
    } else {
        format!(
            "tested as {uid}:{gid}, who cannot switch to {}: call it as root, or with `docker exec --user {}:{}`",
            user.shown(),
            user.uid,
            user.gid
        )
    };
    (ours(), Some(remark))
}

/// `None`: changing to the user failed.
fn in_child(user: &ProbedUser, requirements: &[&AccessRequirement]) -> Option<Vec<UserObservation>> {
    let (from, to) = pipe().ok()?;
    // SAFETY: a verb has one thread, so the child may do everything that we may.
    match unsafe { fork() }.ok()? {
        ForkResult::Child => {
            drop(from);
            send_observations(user, requirements, to);
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

fn send_observations(user: &ProbedUser, requirements: &[&AccessRequirement], to: OwnedFd) {
    let results: Option<Vec<UserObservation>> =
        become_user(user).then(|| requirements.iter().map(|requirement| observe(requirement)).collect());
    let text = serde_json::to_vec(&results).unwrap_or_default();
    // An error means that the parent has exited.
    let _gone = File::from(to).write_all(&text);
}

/// Runs in the child, which has one thread.
fn become_user(user: &ProbedUser) -> bool {
    // SAFETY: the groups are as many as told; the rest are integers.
    unsafe {
        libc::setgroups(user.groups.len(), user.groups.as_ptr()) == 0
            && libc::setresgid(user.gid, user.gid, user.gid) == 0
            && libc::setresuid(user.uid, user.uid, user.uid) == 0
    }
}

fn observe(requirement: &AccessRequirement) -> UserObservation {
    let path = &requirement.path;
    let access = match first_unsearchable_directory(path) {
        Some(access) => access,
        None => match fs::metadata(path) {
            Ok(meta) => check_existing(requirement, &meta),
            Err(error) => match Errno::from_raw(error.raw_os_error().unwrap_or_default()) {
                Errno::ENOENT => AccessResult::Missing,
                errno => AccessResult::NotRead(denied(errno)),
            },
        },
    };
    UserObservation { access, found: stat_path(path) }
}

/// The first parent directory that may not be searched or does not exist.
fn first_unsearchable_directory(path: &Path) -> Option<AccessResult> {
    let mut above: Vec<_> = path.ancestors().skip(1).collect();
    above.reverse();
    above.into_iter().find_map(|directory| match access(directory, AccessFlags::X_OK) {
        Ok(()) => None,
        Err(Errno::ENOENT) => Some(AccessResult::Missing),
        Err(Errno::EACCES) => Some(AccessResult::Unsearchable(directory.to_owned(), stat_path(directory))),
        Err(errno) => Some(AccessResult::NotRead(denied(errno))),
    })
}

fn check_existing(requirement: &AccessRequirement, meta: &fs::Metadata) -> AccessResult {
    let path = &requirement.path;
    let may = |flags| access(path, flags).map_err(denied);
    let (read, write, search) = (AccessFlags::R_OK, AccessFlags::W_OK, AccessFlags::X_OK);
    let result = match requirement.want {
        AccessKind::Enter if !meta.is_dir() => Err(AccessResult::NotRead(Denial::Other(libc::ENOTDIR))),
        AccessKind::Enter | AccessKind::Execute => may(search).map_err(AccessResult::NotRead),
        AccessKind::Read => may(read).and_then(|()| try_open(path, meta)).map_err(AccessResult::NotRead),
        AccessKind::Device => may(read | write).and_then(|()| try_device(path, meta)).map_err(AccessResult::NotRead),
        AccessKind::Use => {
            let reading = if meta.is_dir() { read | search } else { read };
            let read = may(reading).and_then(|()| try_open(path, meta)).map_err(AccessResult::NotRead);
            read.and_then(|()| may(write).and_then(|()| try_create(path, meta)).map_err(AccessResult::NotWritten))
        }
    };
    match result {
        Err(access) => access,
        Ok(()) if requirement.recursive && meta.is_dir() => check_contents(path, meta.dev()),
        Ok(()) => AccessResult::Allowed,
    }
}

/// Opens it: path-based security modules are not checked by access(2).
fn try_open(path: &Path, meta: &fs::Metadata) -> Result<(), Denial> {
    if !meta.is_dir() && !meta.is_file() {
        return Ok(());
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    File::options().read(true).custom_flags(flags).open(path).map(drop).map_err(|error| denied_by(&error))
}

fn try_device(path: &Path, meta: &fs::Metadata) -> Result<(), Denial> {
    let kind = meta.file_type();
    let may_open = SAFE_TO_OPEN.iter().any(|prefix| path.to_string_lossy().starts_with(prefix));
    if !may_open || !(kind.is_char_device() || kind.is_block_device()) {
        return Ok(());
    }
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    match File::options().read(true).write(true).custom_flags(flags).open(path) {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => Err(Denial::NotPermitted),
        // A missing device behind the node, or a busy one, is not a matter of access.
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Checks free space, and creates a file without a name (O_TMPFILE) if the file system supports it.
fn try_create(path: &Path, meta: &fs::Metadata) -> Result<(), Denial> {
    if let Ok(space) = statvfs(path) {
        let no_inode = space.files() > 0 && space.files_available() == 0;
        if space.blocks() > 0 && (space.blocks_available() == 0 || no_inode) {
            return Err(Denial::Full);
        }
    }
    if !meta.is_dir() {
        return Ok(());
    }
    let made = File::options().write(true).mode(0o600).custom_flags(libc::O_TMPFILE).open(path);
    match made.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or_default())) {
        Err(errno @ (Errno::EACCES | Errno::EPERM | Errno::EROFS | Errno::ENOSPC | Errno::EDQUOT | Errno::ESTALE)) => {
            Err(denied(errno))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// The first entry of another user that may not be read and written. Own files may be read-only intentionally.
fn check_contents(top: &Path, device: u64) -> AccessResult {
    let own_uid = geteuid().as_raw();
    let mut left = MAX_ENTRIES;
    let mut directories = vec![top.to_owned()];
    while let Some(directory) = directories.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            left = match left.checked_sub(1) {
                Some(left) => left,
                None => return AccessResult::Allowed,
            };
            let Ok(meta) = entry.metadata() else { continue };
            if meta.is_symlink() || meta.dev() != device {
                continue;
            }
            let path = entry.path();
            let flags = AccessFlags::R_OK | AccessFlags::W_OK;
            let flags = if meta.is_dir() { flags | AccessFlags::X_OK } else { flags };
            if meta.uid() != own_uid
                && let Err(errno) = access(&path, flags)
            {
                return AccessResult::Below(path.to_string_lossy().into_owned().into(), denied(errno));
            }
            if meta.is_dir() {
                directories.push(path);
            }
        }
    }
    AccessResult::Allowed
}

fn denied_by(error: &std::io::Error) -> Denial {
    denied(Errno::from_raw(error.raw_os_error().unwrap_or_default()))
}

fn denied(errno: Errno) -> Denial {
    match errno {
        Errno::EACCES => Denial::Denied,
        Errno::EPERM => Denial::NotPermitted,
        Errno::EROFS => Denial::ReadOnly,
        Errno::ENOSPC | Errno::EDQUOT => Denial::Full,
        other => Denial::Other(other as i32),
    }
}

/// Returns the state of a path.
pub(super) fn stat_path(path: &Path) -> Option<PathStat> {
    let meta = fs::metadata(path).ok()?;
    Some(PathStat { uid: meta.uid(), gid: meta.gid(), mode: meta.mode() & 0o7777, is_directory: meta.is_dir() })
}

/// Returns whether the user's groups are ours.
fn has_same_groups(user: &ProbedUser) -> bool {
    let wanted: BTreeSet<u32> = user.groups.iter().copied().chain([user.gid]).collect();
    let ours = nix::unistd::getgroups().unwrap_or_default();
    let ours: BTreeSet<u32> = ours.into_iter().map(|gid| gid.as_raw()).chain([user.gid]).collect();
    wanted == ours
}
