//! Ownership of declared trees (DESIGN §3.2, SECURITY 1.1): reach the top safely, walk below it by handles, change only
//! what is wrong, then ask whether the app user can use it. Must not know where the declaration came from.
//!
//! What is decided here:
//! - A symbolic link in the tree gets the owner itself, as with `chown -h`; what it points to is never touched.
//! - The declared path may lead through links that root placed; see [`crate::sys::files::resolve`].
//! - `exclude` is relative to the declared path, exact, and covers all below; nothing is looked at there.
//! - Modes are given to directories and regular files only.

mod apply;
mod dir;
mod enter;
mod host_ids;
mod progress_timer;
pub mod report;
mod rules;
mod threads;
mod top;
pub mod usable;
mod walk;
mod worker;

use std::io;
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use nix::errno::Errno;
use nix::libc;

pub use report::{Attempt, Cause, OwnReport, Paths, Progress, Summary, Usability};

use crate::boot::placement::Placement;
use crate::config::container::OwnWhen;
use crate::error::Refused;
use crate::plan::{Identity, OwnTree};
use crate::sys::files::beneath::{Beneath, Mounts};
use crate::sys::files::kernel::Kernel;
use crate::sys::files::name::components;
use crate::sys::files::resolve::Found;
use crate::sys::files::stat::Kind;
use crate::sys::privilege::Root;
use crate::text::shown;
use apply::{apply_to, errno};
use report::Tally;
use rules::{EntryAction, Rules};
use threads::Outcome;
use walk::Walk;

/// Establishes the ownership of a tree. `stop` ends the walk early, `progress` is called a few times a second.
///
/// All threads are joined when it returns. The process must have one thread when it is called.
///
/// # Errors
/// If the path is one that must not be declared, or if it is `required` and the app user cannot use it in the end.
/// Whatever else the system refuses is counted in the report and stops nothing.
pub fn apply(
    _: &Root,
    tree: &OwnTree,
    app: &Identity,
    placement: &Placement,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> Result<OwnReport, Refused> {
    let shown = shown(&tree.path);
    if tree.when == OwnWhen::Never {
        let report = OwnReport { usable: usable::by(app, &tree.path, stop), ..OwnReport::empty() };
        if report.usable == Usability::Missing && tree.optional {
            return Ok(report);
        }
        return decided(report, tree, app, &shown);
    }
    let kernel = Kernel::probe();
    let mut report = match top::reach(kernel, tree, placement)? {
        top::Top::Found(found) => establish(kernel, tree, &shown, found, stop, progress),
        top::Top::Made(found) => OwnReport { made: true, ..establish(kernel, tree, &shown, found, stop, progress) },
        top::Top::Absent => return Ok(OwnReport { usable: Usability::Missing, ..OwnReport::empty() }),
        top::Top::Lost { at, cause } => {
            let mut tally = Tally::default();
            tally.left(cause, || at);
            tally.into_report(&shown, tree.owner)
        }
    };
    let by_foreign_link = report.failed.iter().any(|summary| summary.cause == Cause::ForeignLink);
    if !by_foreign_link {
        report.usable = usable::by(app, &tree.path, stop);
    }
    decided(report, tree, app, &shown)
}

/// Returns whether this process, which is the app user already, can use a declared path: what is left of [`apply`]
/// without root.
pub fn check(tree: &OwnTree) -> Usability {
    usable::by_us(&tree.path)
}

fn establish(
    kernel: Kernel,
    tree: &OwnTree,
    shown: &str,
    found: Found,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(&Progress),
) -> OwnReport {
    let Found { handle, stat, .. } = found;
    let rules = Rules::of(tree, &stat);
    let verdict = rules.judge(&stat, true);
    let walks = stat.kind == Kind::Directory
        && tree.recursive
        && !(tree.when == OwnWhen::RootMismatch && verdict == EntryAction::Right);
    if !walks {
        let mut tally = Tally::default();
        match verdict {
            EntryAction::Right => {}
            EntryAction::Leave(cause) => tally.left(cause, || shown.to_owned()),
            EntryAction::Change { .. } => match apply_to(kernel, handle.as_fd(), &stat, tree.owner, verdict) {
                Ok(()) => tally.changed = 1,
                Err((attempt, error)) => tally.left(Cause::Refused(attempt, errno(&error)), || shown.to_owned()),
            },
        }
        return OwnReport { entries: 1, ..tally.into_report(shown, tree.owner) };
    }
    let mounts = if tree.cross_mounts { Mounts::Cross } else { Mounts::Stay };
    let excludes = tree.exclude.iter().filter_map(|path| components(&Path::new("/").join(path)).ok()).collect();
    let walk = Walk::new(Beneath { kernel, mounts }, rules, shown, excludes, stop);
    let Outcome { tally, entries, interrupted } = walk.run(&handle, stat, progress);
    OwnReport { entries, interrupted, ..tally.into_report(shown, tree.owner) }
}

/// Stops the boot if the declaration says that this must not be.
fn decided(report: OwnReport, tree: &OwnTree, app: &Identity, shown: &str) -> Result<OwnReport, Refused> {
    let cause = match report.usable {
        Usability::Usable => return Ok(report),
        _ if !tree.required || report.interrupted => return Ok(report),
        Usability::ReadOnly(errno) | Usability::Unusable(errno) => io::Error::from_raw_os_error(errno),
        Usability::Missing => Errno::ENOENT.into(),
        Usability::Unknown => match report.failed.first().map(|summary| summary.cause) {
            Some(cause) => io::Error::other(cause.to_string()),
            None => io::Error::other("it could not be asked as that user"),
        },
    };
    let what = format!("cannot give {shown} to {} ({}:{})", app.name, app.uid, app.gid);
    let own = Cause::Refused(Attempt::Chown, cause.raw_os_error().unwrap_or(libc::EPERM));
    let help = report
        .failed
        .first()
        .map_or_else(|| own.fix(shown, host_ids::outside(tree.owner)), |summary| summary.fix.clone());
    Err(Refused::new(what, cause).help(help))
}
