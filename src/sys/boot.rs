//! Carries the plan's steps out, in their order, and says what became of each. Decides nothing: what is not `Do` is not
//! done. A step that the kernel refuses although the plan thought otherwise is said and passed over, unless the user
//! called it required.
#![allow(unsafe_code)] // borrowing descriptors 0 to 2

use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use super::control::server;
use super::privilege::Power;
use super::runtime_dir::{self, RuntimeDir};
use super::signals::Signals;
use super::{accounts, append, directories, ownership, stdio};
use crate::config::values::Signal;
use crate::error::Refused;
use crate::plan::{BootPlan, Step, Verdict, Write};

/// Why the boot did not come to its end.
pub enum Ended {
    /// PID 1 was told to stop: a polite end, with the code of a requested stop.
    Asked(Signal),
    /// A required step was refused.
    Refused(Refused),
}

/// What services and callers reach us by.
pub struct Room {
    /// The bound control socket.
    pub control: UnixListener,
    /// The runtime directory.
    pub directory: PathBuf,
}

/// Carries out every step that the plan says to do. Returns what is in the runtime directory, where there is one.
///
/// # Errors
/// When a stop was asked for in between, or a required step was refused.
pub fn perform(plan: &BootPlan, power: &Power, signals: &Signals) -> Result<Option<Room>, Ended> {
    let mut room = None;
    if let Power::Root(root) = power {
        accounts::remove_leftovers(root);
    }
    for planned in plan.steps.iter().filter(|planned| planned.verdict == Verdict::Do) {
        if let Some(signal) = signals.stop_asked() {
            return Err(Ended::Asked(signal));
        }
        match (&planned.step, power) {
            (Step::RuntimeDirectory { candidates }, _) => room = runtime_directory(candidates),
            (Step::Own(tree), Power::Root(root)) => {
                ownership::establish(root, tree, &plan.identity, signals.stop_flag()).map_err(Ended::Refused)?;
            }
            (step, power) => {
                // Said, and gone on: what was planned differently is no reason to leave the app without its container.
                let _told = other(step, power).inspect_err(|refused| tracing::warn!("{refused}"));
            }
        }
    }
    match signals.stop_asked() {
        Some(signal) => Err(Ended::Asked(signal)),
        None => Ok(room),
    }
}

fn other(step: &Step, power: &Power) -> Result<(), Refused> {
    match (step, power) {
        (Step::BecomeSubreaper, _) => nix::sys::prctl::set_child_subreaper(true)
            .map_err(|errno| Refused::new("cannot become a child subreaper", errno)),
        (Step::WriteAccounts { file, contents, changes, how }, _) => {
            let written = match how {
                Write::Replace => accounts::replace(*file, contents),
                Write::Append => append::to(*file, contents),
            };
            match written {
                Ok(()) => tracing::debug!("{}: {}", file.path(), changes.join("; ")),
                Err(refused) => {
                    // What the report has promised of it does not hold.
                    let not_done = changes.join("; ");
                    tracing::warn!("{refused}");
                    tracing::warn!("{} stays as it was, lookups answer as before; not done: {not_done}", file.path());
                }
            }
            Ok(())
        }
        (Step::MakeDirectory(directory), _) => directories::make(directory).map(drop),
        (Step::GiveStdio { fd, how }, Power::Root(root)) => stdio::give(root, inherited(*fd), *how).map(drop),
        (Step::Own(tree), Power::User) => {
            ownership::check(tree);
            Ok(())
        }
        // Without root nothing can be given; the others were performed by the caller.
        (Step::GiveStdio { .. }, Power::User) | (Step::RuntimeDirectory { .. } | Step::Own(_), _) => Ok(()),
    }
}

fn inherited(fd: i32) -> BorrowedFd<'static> {
    // SAFETY: std opens 0 to 2 at the start where they were closed, and nothing here closes them.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// Makes the runtime directory and binds the control socket in it: now, because afterwards nobody may make a file there.
fn runtime_directory(candidates: &[PathBuf]) -> Option<Room> {
    let made = runtime_dir::make(candidates).map_err(|rejected| {
        let tried: Vec<_> = rejected.iter().map(|it| format!("{} ({})", it.path.display(), it.why)).collect();
        Refused::new("cannot make a runtime directory", std::io::Error::other(tried.join(", ")))
            .help("`status` and `shutdown` do not answer; mount a tmpfs: `--tmpfs /run`")
    });
    let bound = made.and_then(|RuntimeDir { path, .. }| Ok(Room { control: server::bind(&path)?, directory: path }));
    bound.inspect_err(|refused| tracing::warn!("{refused}")).ok()
}
