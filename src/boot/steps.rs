//! Carries the plan's steps out, in their order, and says what became of each. Decides nothing: what is not `Do` is not
//! done. A step that the kernel refuses although the plan thought otherwise is said and passed over, unless the user
//! called it required.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use crate::boot::accounts;
use crate::boot::append;
use crate::boot::directories;
use crate::boot::ownership;
use crate::boot::placement::Placement;
use crate::boot::stdio;
use crate::config::values::Signal;
use crate::control::runtime_dir::{self, Rejected, RuntimeDir};
use crate::control::server;
use crate::error::Refused;
use crate::plan::{BootPlan, Decision, MakeDirectory, Planned, Step, Write};
use crate::sys::descriptors;
use crate::sys::privilege::Power;
use crate::sys::signals::Signals;
use crate::text::shown;

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
    pub directory: RuntimeDir,
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
    let steps: Vec<_> = to_do(plan).map(|planned| &planned.step).collect();
    carry_out(&steps, plan, power, signals, &mut room)?;
    Ok(room)
}

/// Carries out what a plan made after *prepare* says and the first one did not: a root oneshot may have changed the app
/// user's account, or the directories that were made. What both say of a tree was done, and is not walked again.
///
/// # Errors
/// As [`perform`].
pub fn perform_again(first: &BootPlan, second: &BootPlan, power: &Power, signals: &Signals) -> Result<(), Ended> {
    let mut steps = Vec::new();
    for Planned { step, .. } in to_do(second) {
        match step {
            Step::BecomeSubreaper | Step::RuntimeDirectory { .. } => {}
            // The file is not as it should be, whatever was done before.
            Step::WriteAccounts { .. } | Step::GiveStdio { .. } => steps.push(step.clone()),
            Step::Own(_) => {
                if !to_do(first).any(|before| before.step == *step) {
                    steps.push(step.clone());
                }
            }
            // What is there by now is no leftover of an earlier boot.
            Step::MakeDirectory(make) => {
                steps.push(Step::MakeDirectory(MakeDirectory { clean: Vec::new(), ..make.clone() }));
            }
        }
    }
    carry_out(&steps.iter().collect::<Vec<_>>(), second, power, signals, &mut None)
}

fn to_do(plan: &BootPlan) -> impl Iterator<Item = &Planned> {
    plan.steps.iter().filter(|planned| planned.verdict == Decision::Do)
}

fn carry_out(
    steps: &[&Step],
    plan: &BootPlan,
    power: &Power,
    signals: &Signals,
    room: &mut Option<Room>,
) -> Result<(), Ended> {
    let placement = Placement::look(plan);
    for step in steps {
        if let Some(signal) = signals.stop_asked() {
            return Err(Ended::Asked(signal));
        }
        match (step, power) {
            (Step::RuntimeDirectory { candidates }, _) => *room = runtime_directory(candidates),
            (Step::Own(tree), Power::Root(root)) => {
                ownership::establish(root, tree, &plan.identity, &placement, signals.stop_flag())
                    .map_err(Ended::Refused)?;
            }
            (step, power) => {
                // Said, and gone on: what was planned differently is no reason to leave the app without its container.
                let _told = other(step, power, &placement).inspect_err(|refused| tracing::warn!("{refused}"));
            }
        }
    }
    match signals.stop_asked() {
        Some(signal) => Err(Ended::Asked(signal)),
        None => Ok(()),
    }
}

fn other(step: &Step, power: &Power, placement: &Placement) -> Result<(), Refused> {
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
        (Step::MakeDirectory(directory), _) => directories::make(directory, placement).map(drop),
        (Step::GiveStdio { fd, how }, Power::Root(root)) => {
            stdio::give(root, descriptors::standard(*fd), *how).map(drop)
        }
        (Step::Own(tree), Power::User) => {
            ownership::check(tree);
            Ok(())
        }
        // Without root nothing can be given; the others were performed by the caller.
        (Step::GiveStdio { .. }, Power::User) | (Step::RuntimeDirectory { .. } | Step::Own(_), _) => Ok(()),
    }
}

/// Makes the runtime directory and binds the control socket in it: now, because afterwards nobody may make a file there.
fn runtime_directory(candidates: &[PathBuf]) -> Option<Room> {
    let made = runtime_dir::make(candidates).map_err(|rejected| {
        let tried: Vec<_> = rejected.iter().map(|it| format!("{} ({})", shown(&it.path), it.why)).collect();
        Refused::new("cannot make a runtime directory", std::io::Error::other(tried.join(", ")))
            .help("`status` and `shutdown` do not answer; mount a tmpfs: `--tmpfs /run`")
    });
    let made = made.inspect(|made| {
        for Rejected { path, why } in &made.rejected {
            tracing::warn!("{} cannot be used: {why}; the control socket is in {}", shown(path), shown(&made.path));
        }
    });
    let bound = made.and_then(|directory| Ok(Room { control: server::bind(&directory)?, directory }));
    bound.inspect_err(|refused| tracing::warn!("{refused}")).ok()
}
