//! `[[directory]]`: created at boot with owner and mode, leftovers removed (DESIGN §3.3). All through handles. Must not
//! know what the directory is for.

use std::ffi::CString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::libc;
use nix::unistd::{UnlinkatFlags, unlinkat};

use crate::boot::chown_policy::ChownPolicy;
use crate::error::Refused;
use crate::plan::{DeclaredBy, MakeDirectory};
use crate::sys::files::beneath::Beneath;
use crate::sys::files::change;
use crate::sys::files::listing::Listing;
use crate::sys::files::name::matches;
use crate::sys::files::resolve::{self, Resolved, Unreachable};
use crate::sys::files::stat::{FileKind, Stat};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::text::{shown, shown_bytes};

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryReport {
    /// Whether it was created.
    pub created: bool,
    /// Whether its owner or mode was changed.
    pub changed: bool,
    /// The number of leftovers that were removed.
    pub removed: u64,
    /// Matching names that were not removed: directories, devices, and those that could not be. Escaped names.
    pub not_removed: Vec<String>,
}

/// Creates a directory (its parents 0755 and root's), sets owner and mode, and removes leftovers directly in it: regular
/// files, sockets, FIFOs and links whose names match; never a directory, never through a link.
///
/// # Errors
/// If it cannot be created, or owner and mode cannot be set; if something else has its name, or a directory that another
/// user may have moved there. Leftovers that cannot be removed are only reported.
pub fn create(step: &MakeDirectory, chown_policy: &ChownPolicy) -> Result<DirectoryReport, Refused> {
    let shown = shown(&step.path);
    let syscalls = SyscallSupport::probe();
    let unreachable = |error: Unreachable| refused(&format!("cannot create {shown}: {}", error.at), error);
    let mut report = DirectoryReport::default();
    let found = match resolve::resolve(syscalls, &step.path).map_err(unreachable)? {
        Resolved::Found(found) => found,
        Resolved::Missing(parent, names) => {
            report.created = true;
            resolve::create_missing(syscalls, parent, &names).map_err(unreachable)?
        }
    };
    if found.stat.kind != FileKind::Directory {
        let fix = "remove what is there, or declare another path";
        return Err(Refused::new(format!("cannot create {shown}"), Errno::ENOTDIR).fix(fix));
    }
    let look = |cause| Refused::new(format!("cannot examine {shown}"), cause);
    if !step.take_over && !chown_policy.may_change_owner(&found, step.owner.uid).map_err(look)? {
        let what = format!("cannot give {shown} to {}:{}", step.owner.uid, step.owner.gid);
        let why = format!("it belongs to uid {}, and users other than root can replace it", found.stat.uid);
        let written = match step.declared_by {
            DeclaredBy::Directory => "`take_over = true` below this [[directory]]".to_owned(),
            DeclaredBy::Own => "`take_over = true` below this [[own]]".to_owned(),
            DeclaredBy::Log => {
                let owner = format!("user = {}, group = {}", step.owner.uid, step.owner.gid);
                format!("`directory = [{{ path = \"{shown}\", {owner}, take_over = true }}]` into /etc/stepdown.toml")
            }
        };
        let fix = format!("if it is the right one, write {written}; otherwise move it away");
        return Err(Refused::new(what, io::Error::other(why)).fix(fix));
    }
    if !step.clean.is_empty() && !report.created {
        clean(syscalls, found.handle.as_fd(), &step.clean, &mut report)
            .map_err(|cause| Refused::new(format!("cannot clean {shown}"), cause).fix(fix_for(None)))?;
    }
    let changed = change::directory(syscalls, found.handle.as_fd(), &found.stat, step.owner, Some(step.mode));
    report.changed = changed.map_err(|cause| {
        let what = format!("cannot give {shown} to {}:{} with mode {:04o}", step.owner.uid, step.owner.gid, step.mode);
        let fix = fix_for(cause.raw_os_error());
        Refused::new(what, cause).fix(fix)
    })?;
    Ok(report)
}

fn clean(
    syscalls: SyscallSupport,
    pin: BorrowedFd<'_>,
    patterns: &[String],
    report: &mut DirectoryReport,
) -> io::Result<()> {
    let handle = Beneath::list_pinned(pin)?;
    // All names are read first: removing while listing may skip some.
    let mut names: Vec<CString> = Vec::new();
    let mut listing = Listing::new();
    while listing.read(handle.as_fd())? {
        let wanted = listing
            .entries()
            .map(|entry| entry.name)
            .filter(|name| patterns.iter().any(|pattern| matches(pattern.as_bytes(), name.to_bytes())));
        names.extend(wanted.map(ToOwned::to_owned));
    }
    for name in names {
        let kind = match Stat::of_entry(syscalls, handle.as_fd(), &name) {
            Ok(stat) => stat.kind,
            Err(_) => continue, // gone
        };
        let removed = match kind {
            FileKind::Regular | FileKind::Link | FileKind::Fifo | FileKind::Socket => {
                // unlink(2) removes the name, whatever has it now, and cannot remove a directory.
                unlinkat(&handle, name.as_c_str(), UnlinkatFlags::NoRemoveDir).is_ok()
            }
            FileKind::Directory | FileKind::Block | FileKind::Character | FileKind::Unknown => false,
        };
        match removed {
            true => report.removed += 1,
            false => report.not_removed.push(shown_bytes(name.to_bytes())),
        }
    }
    Ok(())
}

fn refused(what: &str, error: Unreachable) -> Refused {
    let what = match error.why {
        Some(why) => format!("{what}: {why}"),
        None => what.to_owned(),
    };
    let fix = match error.why {
        Some(_) => "declare the real path, without links that others can replace".to_owned(),
        None => fix_for(error.cause.raw_os_error()).to_owned(),
    };
    Refused::new(what, error.cause).fix(fix)
}

fn fix_for(errno: Option<i32>) -> &'static str {
    match errno {
        Some(libc::EROFS) => "mount a tmpfs there: `tmpfs: [/run]`",
        Some(libc::EPERM) => "cap_add: [CHOWN, FOWNER]",
        Some(libc::EACCES) => "cap_add: [DAC_OVERRIDE]",
        Some(libc::ENOSPC | libc::EDQUOT) => "free some space there",
        Some(libc::ENOTDIR) => "remove what is there, or declare another path",
        _ => "declare another path",
    }
}
