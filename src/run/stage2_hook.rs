//! `S6_STAGE2_HOOK`: the program that an image made for s6-overlay runs before its definitions are final (FIELD §2.2).
//! LinuxServer's `/docker-mods` adds services there. It runs by the engine, like *prepare*; afterwards configuration and facts
//! are read again. Must not know what it does.

use std::ffi::OsStr;
use std::os::unix::net::UnixListener;
use std::rc::Rc;
use std::time::Instant;

use super::boot_context::{Author, BootContext, EarlyStage};
use super::stage::LeftoverPolicy;
use crate::config::Config;
use crate::config::s6_overlay::{HOOK, OnFailure, S6Origin, S6Overlay};
use crate::config::service::{Command, Kind, RunAs, Service};
use crate::config::values::ServiceName;
use crate::error::{Error, Place, Problem};
use crate::inspect::facts;
use crate::plan::{self, BootPlan};
use crate::supervise::StopReason;
use crate::sys::privilege::EffectiveUser;
use crate::sys::process::launch::Parent;
use crate::sys::signals::Signals;

/// How a message about a hook that cannot be run begins.
pub const NOT_RUN: &str = "S6_STAGE2_HOOK is not run";
/// The name under which it runs.
const NAME: &str = "stage2-hook";

/// The hook of an image, planned before anything is touched.
pub struct Stage2Hook {
    service: Rc<Service>,
    plan: BootPlan,
}

impl Stage2Hook {
    /// Plans the hook, as the user of all scripts. `None`: there is none, or it cannot be run, which is reported.
    ///
    /// # Errors
    /// When it cannot be run, and the image asks to stop then.
    pub fn plan(config: &Config) -> Result<Option<Self>, Error> {
        let Some((s6, service, config)) = alone(config) else { return Ok(None) };
        match (plan::boot(&config, &facts::read(&config)), s6.on_failure) {
            (Ok(plan), _) => Ok(Some(Self { service, plan })),
            (Err(error), OnFailure::Stop) => Err(error),
            (Err(Error::Wrong(problems)), OnFailure::Continue | OnFailure::Warn) => {
                for Problem { what, fix, .. } in problems.into_sorted() {
                    tracing::warn!("{NOT_RUN}: {what}; {fix}");
                }
                Ok(None)
            }
            (Err(Error::Refused(refused)), OnFailure::Continue | OnFailure::Warn) => {
                tracing::warn!("{NOT_RUN}: {refused}");
                Ok(None)
            }
        }
    }
}

/// Returns what is wrong with the program of the hook in this image, and whether the container would end because of that.
/// Empty if nothing is, or if there is no hook.
pub fn problems(config: &Config) -> (Vec<Problem>, bool) {
    let Some((s6, service, config)) = alone(config) else { return (Vec::new(), false) };
    let Err(Error::Wrong(problems)) = plan::preview(&config, &facts::read(&config)) else { return (Vec::new(), false) };
    // The others are those of the whole configuration.
    let of_hook = problems.into_sorted().into_iter().filter(|problem| problem.at == service.at);
    (of_hook.collect(), s6.on_failure == OnFailure::Stop)
}

/// Returns the hook of an image, as its only service.
fn alone(config: &Config) -> Option<(&S6Overlay, Rc<Service>, Config)> {
    let s6 = config.s6.as_ref()?;
    let service = Rc::new(service(s6, config.container.drop.s6_user())?);
    let alone = Config { services: vec![Rc::clone(&service)], main: Vec::new(), ..config.clone() };
    Some((s6, service, alone))
}

/// Returns the hook as a oneshot of that user; `None`: there is none.
fn service(s6: &S6Overlay, user: RunAs) -> Option<Service> {
    if s6.hook.is_empty() {
        return None;
    }
    let value = s6.hook.join(OsStr::new(" ")).to_string_lossy().into_owned();
    Some(Service {
        at: Place::Variable { name: HOOK.to_owned(), value },
        kind: Kind::Oneshot,
        user,
        no_new_privileges: false,
        clear_environment: !s6.keep_env,
        s6: Some(S6Origin::Script),
        ..Service::plain(ServiceName::new(NAME)?, Command::Argv(s6.hook.clone()))
    })
}

impl BootContext {
    /// Runs the hook, reads the configuration again, plans again, and does what that plan says besides the first one. Returns
    /// a code and the deadline for the last lines only if the container ends.
    ///
    /// # Errors
    /// When no event loop can be set up; when what the hook left is wrong, or a required step is refused.
    pub fn run_hook(
        &mut self,
        hook: &Stage2Hook,
        user: &EffectiveUser,
        listener: Option<&UnixListener>,
        signals: &mut Signals,
    ) -> Result<Option<(u8, Instant)>, Error> {
        let parent = match user {
            EffectiveUser::Root(_) => Parent::Root,
            EffectiveUser::Unprivileged => Parent::App,
        };
        let services = std::slice::from_ref(&hook.service);
        let result = self.run_early(EarlyStage {
            services,
            plan: &hook.plan,
            parent,
            leftovers: LeftoverPolicy::End,
            overlay: None,
            listener,
            signals,
        })?;
        if result.stop_reason != StopReason::NothingLeft {
            return Ok(Some((result.code, result.output_deadline)));
        }
        let stops = self.config.s6.as_ref().is_some_and(|s6| s6.on_failure == OnFailure::Stop);
        match (result.code, stops) {
            (0, _) => {}
            (code, true) => {
                tracing::error!(
                    "S6_STAGE2_HOOK exited with code {code}: the container ends (S6_BEHAVIOUR_IF_STAGE2_FAILS)"
                );
                return Ok(Some((code, result.output_deadline)));
            }
            (code, false) => tracing::warn!("S6_STAGE2_HOOK exited with code {code}"),
        }
        let first = self.read_again(Author::Hook)?;
        if let Some((why, code)) = plan::main_is_missing(&self.plan, &self.facts) {
            tracing::error!("main command: {why}; nothing was started after S6_STAGE2_HOOK");
            return Ok(Some((code, result.output_deadline)));
        }
        self.perform_again(&first, (user, signals), result.output_deadline)
    }
}
