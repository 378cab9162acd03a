//! Carries the plan's steps out in order, and logs their results. Decides nothing: only steps with `Decision::Perform` are done. A step
//! that the kernel refuses, although the plan expected otherwise, is reported and skipped, unless it is required.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use nix::unistd::geteuid;

use crate::boot::chown_policy::ChownPolicy;
use crate::boot::s6_layout::{self, S6State};
use crate::boot::secrets::Secrets;
use crate::boot::{account_files, append_account, directories, ownership_log, stdio};
use crate::config::values::{Signal, Uid};
use crate::control::runtime_dir::{self, Rejected, RuntimeDir};
use crate::control::server;
use crate::error::Refused;
use crate::plan::facts::AccountFile;
use crate::plan::{AccountWrite, BootPlan, Decision, MakeDirectory, PlannedStep, Step};
use crate::sys::descriptors;
use crate::sys::privilege::EffectiveUser;
use crate::sys::signals::Signals;
use crate::text::shown;

/// Why the boot was not completed.
pub enum BootEnded {
    /// PID 1 received a stop signal: a stop with the code of a requested one.
    Stopped(Signal),
    /// A required step was refused.
    Refused(Refused),
}

/// The control socket and its directory.
pub struct ControlEndpoint {
    /// The bound control socket.
    pub listener: UnixListener,
    /// The runtime directory.
    pub directory: RuntimeDir,
}

/// What the steps created for what comes after them.
#[derive(Default)]
pub struct Created {
    /// The control socket; `None` without a runtime directory.
    pub endpoint: Option<ControlEndpoint>,
    /// The state of s6-overlay, in an image made for it.
    pub s6: Option<S6State>,
    /// The values of secrets.
    pub secrets: Secrets,
}

/// What the steps are carried out with.
#[derive(Clone, Copy)]
pub struct StepContext<'a> {
    /// The user of this process.
    pub user: &'a EffectiveUser,
    /// The handlers: a stop signal ends the boot.
    pub signals: &'a Signals,
    /// The container's environment.
    pub environment: &'a BTreeMap<OsString, OsString>,
}

/// Carries out every step that the plan says to do.
///
/// # Errors
/// When a stop signal came in between, or a required step was refused.
pub fn perform(plan: &BootPlan, context: StepContext<'_>) -> Result<Created, BootEnded> {
    let mut created = Created::default();
    if let EffectiveUser::Root(root) = context.user {
        account_files::remove_leftovers(root);
    }
    let steps: Vec<_> = planned_steps(plan).map(|planned| &planned.step).collect();
    carry_out(&steps, plan, context, &mut created)?;
    Ok(created)
}

/// Carries out the steps that the plan made after *prepare* contains and the first one did not: a root oneshot may have
/// changed the app user's account, or directories. A tree that is the same in both is not walked again. Returns secrets
/// whose files a oneshot has created.
///
/// # Errors
/// As [`perform`].
pub fn perform_again(first: &BootPlan, second: &BootPlan, context: StepContext<'_>) -> Result<Secrets, BootEnded> {
    let mut steps = Vec::new();
    for PlannedStep { step, .. } in planned_steps(second) {
        match step {
            // What scripts have written into the state of s6-overlay stays.
            Step::BecomeSubreaper | Step::RuntimeDirectory { .. } | Step::S6Layout(_) => {}
            // The file is not as planned, whatever was done before.
            Step::WriteAccounts { .. } | Step::SetStdioAccess { .. } => steps.push(step.clone()),
            Step::Own(_) | Step::ReadSecret(_) => {
                if !planned_steps(first).any(|before| before.step == *step) {
                    steps.push(step.clone());
                }
            }
            // Files that exist by now are not leftovers of an earlier boot.
            Step::MakeDirectory(make) => {
                steps.push(Step::MakeDirectory(MakeDirectory { clean: Vec::new(), ..make.clone() }));
            }
        }
    }
    let mut created = Created::default();
    carry_out(&steps.iter().collect::<Vec<_>>(), second, context, &mut created)?;
    Ok(created.secrets)
}

fn planned_steps(plan: &BootPlan) -> impl Iterator<Item = &PlannedStep> {
    plan.steps.iter().filter(|planned| planned.decision == Decision::Perform)
}

fn carry_out(
    steps: &[&Step],
    plan: &BootPlan,
    context: StepContext<'_>,
    created: &mut Created,
) -> Result<(), BootEnded> {
    let StepContext { user, signals, environment } = context;
    let chown_policy = ChownPolicy::read(plan);
    // What replaces account files is done together.
    for group in steps.chunk_by(|one, next| is_replacement(one) && is_replacement(next)) {
        let Some(step) = group.first() else { continue };
        // The other steps take no time that anybody would notice.
        if matches!(step, Step::Own(_))
            && let Some(signal) = signals.stop_requested()
        {
            return Err(BootEnded::Stopped(signal));
        }
        match (step, user) {
            (Step::RuntimeDirectory { candidates }, _) => created.endpoint = runtime_directory(candidates, user),
            (Step::S6Layout(layout), _) => {
                let runtime = created.endpoint.as_ref().map(|endpoint| &endpoint.directory);
                let made = s6_layout::create(layout, environment, runtime);
                created.s6 = made.inspect_err(|refused| tracing::warn!("{refused}")).ok();
            }
            (Step::ReadSecret(secret), _) => match created.secrets.read(secret, &plan.identity) {
                Err(refused) if secret.is_required => return Err(BootEnded::Refused(refused)),
                Err(refused) => tracing::warn!("{refused}; services start without `{}`", shown(&secret.name)),
                Ok(()) => {}
            },
            (Step::Own(tree), EffectiveUser::Root(root)) => {
                signals.handle_stops().map_err(BootEnded::Refused)?;
                ownership_log::establish(root, tree, &plan.identity, &chown_policy, signals.stop_flag())
                    .map_err(BootEnded::Refused)?;
            }
            (Step::WriteAccounts { how: AccountWrite::Replace, .. }, _) => replace_accounts(group),
            (step, user) => {
                // Logged, and continued: a step that fails unexpectedly is no reason not to start the container.
                let _logged =
                    carry_out_other(step, user, &chown_policy).inspect_err(|refused| tracing::warn!("{refused}"));
            }
        }
    }
    // They are read after the state of s6-overlay was created.
    if let Some(s6) = &created.s6 {
        let layouts = steps.iter().filter_map(|step| match step {
            Step::S6Layout(layout) => Some(layout),
            _ => None,
        });
        layouts.for_each(|layout| s6.add_secrets(&layout.secrets, &created.secrets));
    }
    match signals.stop_requested() {
        Some(signal) => Err(BootEnded::Stopped(signal)),
        None => Ok(()),
    }
}

fn carry_out_other(step: &Step, user: &EffectiveUser, chown_policy: &ChownPolicy) -> Result<(), Refused> {
    match (step, user) {
        (Step::BecomeSubreaper, _) => nix::sys::prctl::set_child_subreaper(true)
            .map_err(|errno| Refused::new("cannot become a child subreaper", errno)),
        (Step::WriteAccounts { file, contents, changes, .. }, _) => {
            report_accounts(*file, changes, append_account::append_to(*file, contents));
            Ok(())
        }
        (Step::MakeDirectory(directory), _) => directories::create(directory, chown_policy).map(drop),
        (Step::SetStdioAccess { fd, access }, EffectiveUser::Root(root)) => {
            stdio::set_access(root, descriptors::standard(*fd), *access).map(drop)
        }
        (Step::Own(tree), EffectiveUser::Unprivileged) => {
            ownership_log::check(tree);
            Ok(())
        }
        // Without root no owner can be changed; the others were done by the caller.
        (Step::SetStdioAccess { .. }, EffectiveUser::Unprivileged) => Ok(()),
        (Step::RuntimeDirectory { .. } | Step::ReadSecret(_) | Step::S6Layout(_) | Step::Own(_), _) => Ok(()),
    }
}

/// Replaces account files together: the steps follow each other in the plan.
fn replace_accounts(steps: &[&Step]) {
    let writes = steps.iter().filter_map(|step| match step {
        Step::WriteAccounts { file, contents, changes, .. } => Some((*file, contents.as_slice(), changes)),
        _ => None,
    });
    let writes: Vec<_> = writes.collect();
    let files: Vec<_> = writes.iter().map(|(file, contents, _)| (*file, *contents)).collect();
    for ((file, _, changes), replaced) in writes.iter().zip(account_files::replace_all(&files)) {
        report_accounts(*file, changes, replaced);
    }
}

fn is_replacement(step: &Step) -> bool {
    matches!(step, Step::WriteAccounts { how: AccountWrite::Replace, .. })
}

fn report_accounts(file: AccountFile, changes: &[String], written: Result<(), Refused>) {
    match written {
        Ok(()) => tracing::debug!("{}: {}", file.path(), changes.join("; ")),
        Err(refused) => {
            // The boot report has announced it, which is wrong now.
            let not_done = changes.join("; ");
            tracing::warn!("{refused}");
            tracing::warn!("{} is unchanged; not done: {not_done}", file.path());
        }
    }
}

/// Creates the runtime directory and binds the control socket in it now: after the drop PID 1 may not create files there.
fn runtime_directory(candidates: &[PathBuf], user: &EffectiveUser) -> Option<ControlEndpoint> {
    let uid = match user {
        EffectiveUser::Root(_) => Uid::ROOT,
        EffectiveUser::Unprivileged => Uid(geteuid().as_raw()),
    };
    let made = runtime_dir::make(candidates, uid).map_err(|rejected| {
        let tried: Vec<_> = rejected.iter().map(|it| format!("{} ({})", shown(&it.path), it.why)).collect();
        Refused::new("cannot create a runtime directory", std::io::Error::other(tried.join(", ")))
            .fix("`status` and the other control commands do not work; mount a tmpfs: `--tmpfs /run`")
    });
    let made = made.inspect(|made| {
        for Rejected { path, why } in &made.rejected {
            tracing::warn!("{} cannot be used: {why}; the control socket is in {}", shown(path), shown(&made.path));
        }
    });
    let bound = made.and_then(|directory| Ok(ControlEndpoint { listener: server::bind(&directory)?, directory }));
    bound.inspect_err(|refused| tracing::warn!("{refused}")).ok()
}
