//! Ownership of declared trees (DESIGN §3.2, SECURITY 1.1): reach the top safely, walk below it by handles, change only
//! what differs, then check whether the app user can use it. Must not know where the declaration came from.
//!
//! Decisions made here:
//! - A symbolic link in the tree gets the owner itself, as with `chown -h`; what it points to is never touched.
//! - The declared path may lead through links that root placed; see [`crate::sys::files::resolve`].
//! - `exclude` is relative to the declared path, exact, and covers everything below; nothing is read there.
//! - Modes are set on directories and regular files only.

mod apply;
mod declared_path;
mod directory;
mod host_ids;
mod open_directory;
mod progress_timer;
pub mod report;
mod rules;
mod threads;
pub mod usable;
mod walk;
mod worker;

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use nix::errno::Errno;
use nix::libc;

pub use report::{Operation, OwnReport, Paths, Summary, UnchangedCause, Usability, WalkProgress};

use crate::boot::chown_policy::ChownPolicy;
use crate::config::container::OwnWhen;
use crate::error::Refused;
use crate::plan::{Identity, OwnTree};
use crate::sys::files::beneath::{Beneath, MountPolicy};
use crate::sys::files::name::components;
use crate::sys::files::resolve::ResolvedFile;
use crate::sys::files::stat::FileKind;
use crate::sys::files::syscall_support::SyscallSupport;
use crate::sys::privilege::Root;
use crate::text::shown;
use apply::{apply_action, errno};
use report::Tally;
use rules::{EntryAction, Rules};
use threads::WalkOutcome;
use walk::Walk;

/// Establishes the ownership of a tree. `stop` ends the walk early, `progress` is called a few times a second.
///
/// All threads are joined when it returns. The process must have one thread when it is called.
///
/// # Errors
/// If the path must not be declared, or if it is `required` and the app user cannot use it in the end. Other errors are
/// counted in the report and do not stop the walk.
pub fn apply(
    _: &Root,
    tree: &OwnTree,
    app: &Identity,
    chown_policy: &ChownPolicy,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&WalkProgress),
) -> Result<OwnReport, Refused> {
    let shown = shown(&tree.path);
    if !tree.options.when.may_change() {
        let report = OwnReport { usable: usable::by_user(app, &tree.path, stop), ..OwnReport::empty() };
        if report.usable == Usability::Missing && tree.options.optional {
            return Ok(report);
        }
        return check_required(report, tree, app, &shown);
    }
    let syscalls = SyscallSupport::probe();
    let mut report = match declared_path::reach(syscalls, tree, chown_policy)? {
        declared_path::DeclaredPath::Found(found) => walk_tree(syscalls, tree, &shown, found, stop, progress),
        declared_path::DeclaredPath::Created(found) => {
            OwnReport { created: true, ..walk_tree(syscalls, tree, &shown, found, stop, progress) }
        }
        declared_path::DeclaredPath::Absent => {
            return Ok(OwnReport { usable: Usability::Missing, ..OwnReport::empty() });
        }
        declared_path::DeclaredPath::Unreachable { at, cause } => {
            let mut tally = Tally::default();
            tally.record(cause, || at);
            tally.into_report(&shown, tree.owner)
        }
    };
    let by_foreign_link = report.failed.iter().any(|summary| summary.cause == UnchangedCause::ForeignLink);
    if !by_foreign_link {
        report.usable = usable::by_user(app, &tree.path, stop);
    }
    check_required(report, tree, app, &shown)
}

/// Returns whether this process, which is the app user already, can use a declared path: the part
/// of [`apply()`] that is possible without root.
pub fn check(tree: &OwnTree) -> Usability {
    usable::by_this_process(&tree.path)
}

fn walk_tree(
    syscalls: SyscallSupport,
    tree: &OwnTree,
    shown: &str,
    found: ResolvedFile,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&WalkProgress),
) -> OwnReport {
    let ResolvedFile { handle, stat, .. } = found;
    let rules = Rules::of(tree, &stat);
    let action = rules.action_for(&stat, true);
    let walks = stat.kind == FileKind::Directory
        && tree.options.recursive
        && !(tree.options.when == OwnWhen::RootMismatch && action == EntryAction::None);
    if !walks {
        let mut tally = Tally::default();
        match action {
            EntryAction::None => {}
            EntryAction::Skip(cause) => tally.record(cause, || shown.to_owned()),
            EntryAction::Change { .. } => match apply_action(syscalls, handle.as_fd(), &stat, tree.owner, action) {
                Ok(()) => tally.changed = 1,
                Err((attempt, error)) => {
                    tally.record(UnchangedCause::Refused(attempt, errno(&error)), || shown.to_owned())
                }
            },
        }
        return OwnReport { entries: 1, ..tally.into_report(shown, tree.owner) };
    }
    let mounts = if tree.options.cross_mounts { MountPolicy::Cross } else { MountPolicy::Stay };
    let excludes = tree.options.exclude.iter().filter_map(|path| components(&Path::new("/").join(path)).ok()).collect();
    let walk = Walk::new(Beneath { syscalls, mounts }, rules, shown, excludes, stop);
    let WalkOutcome { tally, entries, interrupted } = walk.run(&handle, stat, progress);
    OwnReport { entries, interrupted, ..tally.into_report(shown, tree.owner) }
}

/// Fails if the tree is `required` and not usable.
fn check_required(report: OwnReport, tree: &OwnTree, app: &Identity, shown: &str) -> Result<OwnReport, Refused> {
    let cause = match report.usable {
        Usability::Usable => return Ok(report),
        _ if !tree.options.required || report.interrupted => return Ok(report),
        Usability::ReadOnly(errno) | Usability::Unusable(errno) => io::Error::from_raw_os_error(errno),
        Usability::Missing => Errno::ENOENT.into(),
        Usability::Unknown => match report.failed.first().map(|summary| summary.cause) {
            Some(cause) => io::Error::other(cause.to_string()),
            None => io::Error::other("access as that user could not be tested"),
        },
    };
    let what = format!("cannot give {shown} to {} ({}:{})", app.name, app.uid, app.gid);
    let own = UnchangedCause::Refused(Operation::Chown, cause.raw_os_error().unwrap_or(libc::EPERM));
    let fix = report
        .failed
        .first()
        .map_or_else(|| own.fix(shown, host_ids::on_host(tree.owner)), |summary| summary.fix.clone());
    Err(Refused::new(what, cause).fix(fix))
}
