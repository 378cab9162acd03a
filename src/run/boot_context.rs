//! [`BootContext`]: the configuration, facts and plan of a boot, and the two stages that are run with them: *prepare* before
//! the drop, *serve* after.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Instant;

use crate::boot::s6_layout::S6State;
use crate::boot::steps::{self, BootEnded, StepContext};
use crate::config::container::LogFormat;
use crate::config::s6_overlay::{HOOK, S6Overlay};
use crate::config::service::{Limit, Service};
use crate::config::values::{Capability, Gid, ServiceName};
use crate::config::zone::Zone;
use crate::config::{Config, S6Sources};
use crate::control::event_history::EarlierEvents;
use crate::control::runtime_dir::RuntimeDir;
use crate::control::server::ControlContext;
use crate::control::snapshot;
use crate::control::timings::Moments;
use crate::error::{Error, Refused};
use crate::inspect::zone_file;
use crate::log::own_messages::with_outputs;
use crate::plan::facts::Facts;
use crate::plan::{self, BootPlan, DropLevel};
use crate::rehearse::ServicesTree;
use crate::run::notify_sockets::{self, Sockets};
use crate::run::step_timer::StepTimer;
use crate::run::{
    self, Environment, HostReporting, LaunchContext, LeftoverPolicy, OpenPipe, ServiceEntry, Stage, StageResult,
    terminal,
};
use crate::supervise::{Setup, Start, StopReason};
use crate::sys::privilege::{Dropped, EffectiveUser};
use crate::sys::process::filter::ProtectedProcess;
use crate::sys::process::launch::Parent;
use crate::sys::signals::Signals;

/// Everything that both stages need.
pub struct BootContext {
    /// When the boot began, and how long its steps took.
    pub step_timer: StepTimer,
    /// The configuration.
    pub config: Config,
    /// The machine's facts, as the plan was made with them.
    pub facts: Facts,
    /// The plan.
    pub plan: BootPlan,
    /// The main command that the container was given.
    pub given_main: Vec<OsString>,
    /// The tree of a rehearsal, whose files are elsewhere for its user.
    pub origin: Option<ServicesTree>,
    /// The environment that the container was given.
    pub given: BTreeMap<OsString, OsString>,
    /// The scripts of `cont-init.d` that this boot runs: later ones are not run, and removed ones were. `None`: the hook of
    /// s6-overlay, which may write some, is yet to run.
    pub init_scripts: Option<S6Sources>,
    /// What services find in their environment.
    pub environment: Environment,
    /// The state of s6-overlay, in an image made for it.
    pub s6: Option<S6State>,
    /// Limits that services get back, because PID 1 has raised its own.
    pub limits: Vec<Limit>,
    /// Oneshots that *prepare* has done.
    pub done: BTreeSet<ServiceName>,
    /// Oneshots that *prepare* could not do: failed from the beginning of *serve*.
    pub prepare_failed: BTreeSet<ServiceName>,
    /// What processes that *prepare* has left still write to.
    pub open_pipes: Vec<OpenPipe>,
    /// The times of *prepare*.
    pub prepare_moments: Vec<(ServiceName, Moments)>,
    /// The events of *prepare*.
    pub prepare_events: EarlierEvents,
}

/// The programs of an image made for s6-overlay after which its configuration is read again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Author {
    /// The hook: s6-overlay has read no definition before.
    Hook,
    /// The scripts of `cont-init.d`: it copies `services.d` alone after them.
    Scripts,
}

impl fmt::Display for Author {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Hook => HOOK,
            Self::Scripts => "the scripts of cont-init.d",
        })
    }
}

/// Oneshots that run before the drop, and how.
pub(super) struct EarlyStage<'a> {
    /// The oneshots.
    pub services: &'a [Rc<Service>],
    /// The plan that contains them.
    pub plan: &'a BootPlan,
    /// What PID 1 is.
    pub parent: Parent,
    /// What becomes of processes that they leave.
    pub leftovers: LeftoverPolicy,
    /// The limit of its start, in an image made for s6-overlay.
    pub overlay: Option<&'a S6Overlay>,
    /// The bound control socket.
    pub listener: Option<&'a UnixListener>,
    /// The handlers.
    pub signals: &'a mut Signals,
}

impl BootContext {
    /// Runs the root oneshots and those that they require, ends what they leave, plans again with what they changed, and
    /// does what that plan says besides the first one. Returns a code and the deadline for the last lines only
    /// if the container ends.
    ///
    /// # Errors
    /// When no event loop can be set up, or what they left behind cannot be planned with, or a required step is refused.
    pub fn prepare(
        &mut self,
        user: &EffectiveUser,
        listener: Option<&UnixListener>,
        signals: &mut Signals,
    ) -> Result<Option<(u8, Instant)>, Error> {
        if self.plan.prepare.is_empty() {
            return Ok(None);
        }
        let prepare_names: BTreeSet<_> = self.plan.prepare.iter().cloned().collect();
        let services: Vec<_> =
            self.config.services.iter().filter(|service| prepare_names.contains(&service.name)).collect();
        let services: Vec<Rc<Service>> = services.into_iter().cloned().collect();
        let reads_again = services.iter().any(|service| service.is_init_script());
        let early = EarlyStage {
            services: &services,
            plan: &self.plan,
            parent: Parent::Root,
            // Whether PID 1 stays root is known when the definitions were read again.
            leftovers: if reads_again { LeftoverPolicy::Keep } else { LeftoverPolicy::End },
            overlay: self.config.s6.as_ref(),
            listener,
            signals,
        };
        let result = self.run_early(early)?;
        if result.stop_reason != StopReason::NothingLeft {
            return Ok(Some((result.code, result.output_deadline)));
        }
        self.prepare_failed = prepare_names.difference(&result.done).cloned().collect();
        self.done = result.done;
        self.prepare_moments = result.moments;
        self.prepare_events = result.events;
        self.open_pipes = result.open_pipes;
        let previous_plan = match reads_again {
            true => {
                let previous = self.read_again(Author::Scripts)?;
                if self.plan.privilege.drop != DropLevel::StayRoot {
                    // As under s6-overlay a daemon of such a script goes on, unless it would be the only process of root.
                    self.open_pipes.clear();
                    self.end_leftovers()?;
                }
                previous
            }
            false => self.replan(None, "after the root oneshots")?,
        };
        if let Some((why, code)) = plan::main_is_still_missing(&self.plan, &self.facts) {
            tracing::error!("main command: {why}; nothing was started after the root oneshots");
            return Ok(Some((code, result.output_deadline)));
        }
        self.perform_again(&previous_plan, (user, signals), result.output_deadline)
    }

    /// Does what the present plan says besides the previous one. Returns a code and the deadline for the last lines only if a
    /// signal ended the boot.
    ///
    /// # Errors
    /// When a required step is refused.
    pub fn perform_again(
        &mut self,
        previous: &BootPlan,
        (user, signals): (&EffectiveUser, &Signals),
        output_deadline: Instant,
    ) -> Result<Option<(u8, Instant)>, Error> {
        let context = StepContext { user, signals, environment: self.environment.all() };
        match steps::perform_again(previous, &self.plan, context) {
            Ok(secrets) => {
                self.environment.add_secrets(secrets);
                Ok(None)
            }
            Err(BootEnded::Stopped(signal)) => {
                tracing::info!("got {signal} during the boot: no service was started");
                Ok(Some((0, output_deadline)))
            }
            Err(BootEnded::Refused(refused)) => Err(refused.into()),
        }
    }

    /// Runs oneshots before the drop.
    ///
    /// # Errors
    /// When no event loop can be set up.
    pub(super) fn run_early(&self, early: EarlyStage<'_>) -> Result<StageResult, Refused> {
        let EarlyStage { services, plan, parent, leftovers, overlay, listener, signals } = early;
        let stop_timeout = self.config.container.stop_timeout;
        let groups = (parent == Parent::Root).then(|| plan.identity.groups.clone());
        run::run(Stage {
            setup: Setup::new(services, &self.done, &BTreeSet::new(), None, stop_timeout)
                .with_overlay(services, overlay),
            stop_timeout,
            entries: service_entries(services, None, plan),
            launch_context: self.launch_context(parent, groups),
            sockets: Sockets::new(),
            signals,
            control: listener.and_then(|listener| listener.try_clone().ok()),
            control_context: ControlContext { later: later(plan, services), ..self.control_context() },
            preparing: true,
            open_pipes: Vec::new(),
            leftovers,
            started_at: self.step_timer.started_at(),
            tty: self.facts.tty,
            reloader: None,
            host_reporting: HostReporting::default(),
            signal_rules: Vec::new(),
            main_receives_signals: false,
        })
    }

    /// Runs everything else until the container ends.
    ///
    /// # Errors
    /// When no event loop can be set up.
    pub fn serve(
        &mut self,
        _dropped: &Dropped,
        listener: Option<UnixListener>,
        sockets: Sockets,
        host_reporting: HostReporting,
        signals: &mut Signals,
    ) -> Result<StageResult, Refused> {
        let skipped = self.plan.services.iter().filter(|plan| plan.skipped.is_some()).map(|plan| plan.name.clone());
        let skipped = skipped.collect();
        let main = self.plan.main.as_ref().map(|_| &self.config.container.main);
        let services = &self.config.services;
        let mut setup = Setup::new(services, &self.done, &skipped, main, self.config.container.stop_timeout)
            .with_overlay(services, self.config.s6.as_ref());
        for spec in setup.specs.iter_mut().filter(|spec| self.prepare_failed.contains(&spec.name)) {
            spec.start = Start::Failed;
        }
        let setup = setup
            .with_held_back(&self.plan.held_back(), self.config.s6.as_ref())
            .with_rereading(services, self.config.s6.as_ref());
        let mut launch_context = self.launch_context(self.parent(), self.groups());
        if !services.is_empty() {
            // Read now, so that the loop never waits for a disk: a reload may bring what runs at times of the day.
            launch_context.zone = zone_file::read(self.given.get(OsStr::new("TZ")).map(OsString::as_os_str));
        }
        if main.is_some() && self.facts.tty {
            launch_context.terminal = Some(terminal::hand_over(signals));
        }
        let main = self.config.main_service();
        let entries = service_entries(services, main.as_ref(), &self.plan);
        let control_context = self.control_context();
        let open_pipes = std::mem::take(&mut self.open_pipes);
        let (started_at, tty) = (self.step_timer.started_at(), self.facts.tty);
        let main_receives_signals = self.config.s6.as_ref().is_some_and(|s6| s6.main_receives_signals);
        let signal_rules = self.config.container.signals.clone();
        run::run(Stage {
            setup,
            stop_timeout: self.config.container.stop_timeout,
            entries,
            launch_context,
            sockets,
            signals,
            control: listener,
            control_context,
            preparing: false,
            open_pipes,
            leftovers: LeftoverPolicy::End,
            started_at,
            tty,
            reloader: Some(self),
            host_reporting,
            signal_rules,
            main_receives_signals,
        })
    }

    /// Opens the notification sockets of services, before the drop.
    pub fn sockets(&self, directory: Option<&RuntimeDir>) -> Sockets {
        let main = self.config.main_service().zip(self.plan.main.as_ref());
        let services = self.config.services.iter().zip(&self.plan.services);
        notify_sockets::open(services.chain(main.as_ref().map(|(service, plan)| (service, *plan))), directory)
    }

    fn control_context(&self) -> ControlContext {
        ControlContext {
            app: self.plan.identity.uid,
            plan_status: snapshot::from_plan(&self.plan),
            steps: self.step_timer.steps(),
            earlier_moments: self.prepare_moments.clone(),
            earlier_events: self.prepare_events.clone(),
            later: BTreeSet::new(),
        }
    }

    pub(super) fn launch_context(&self, parent: Parent, groups: Option<Vec<Gid>>) -> LaunchContext {
        LaunchContext {
            environment: self.environment.clone(),
            parent,
            s6: self.s6.clone(),
            groups,
            umask: self.plan.identity.umask,
            limits: self.limits.clone(),
            terminal: None,
            log: self.plan.log,
            tag_width: tag_width(&self.plan),
            zone: Zone::default(),
            directory: (!self.facts.cwd_exists).then(|| PathBuf::from("/")),
            protected: self.config.container.pid1_filter.then(ProtectedProcess::this),
        }
    }

    fn parent(&self) -> Parent {
        let kept = self.plan.privilege.kept;
        match self.plan.privilege.drop {
            DropLevel::StayRoot => Parent::Root,
            DropLevel::ToApp
                if kept.has(Capability::SETUID)
                    || kept.has(Capability::SETGID)
                    || kept.has(Capability::SYS_RESOURCE)
                    || kept.has(Capability::SYS_NICE) =>
            {
                Parent::AppWithCapabilities
            }
            DropLevel::ToApp | DropLevel::AlreadyUser | DropLevel::LimitedRoot => Parent::App,
        }
    }

    fn groups(&self) -> Option<Vec<Gid>> {
        (self.parent() == Parent::Root).then(|| self.plan.identity.groups.clone())
    }
}

/// Returns the entries in the order of the engine's ids: the services as they are, then the main command.
pub fn service_entries(services: &[Rc<Service>], main: Option<&Rc<Service>>, plan: &BootPlan) -> Vec<ServiceEntry> {
    let plans: HashMap<_, _> = plan.services.iter().chain(&plan.main).map(|plan| (&plan.name, plan)).collect();
    let all = services.iter().chain(main).filter_map(|service| {
        plans.get(&service.name).map(|plan| ServiceEntry {
            service: Rc::clone(service),
            plan: Rc::clone(plan),
            notify_variables: Vec::new(),
        })
    });
    all.collect()
}

/// Writes our own messages as the container's format has it.
pub fn format_own_messages(plan: &BootPlan) {
    let width = tag_width(plan);
    with_outputs(|outputs| match plan.log {
        LogFormat::Auto | LogFormat::Inherit => {}
        LogFormat::Tagged => outputs.set_tag(&format!("{:width$}", ServiceName::OWN)),
        LogFormat::Json => outputs.set_json(),
    });
}

/// Returns the width of tags.
fn tag_width(plan: &BootPlan) -> usize {
    let names = plan.services.iter().chain(&plan.main).map(|plan| plan.name.as_str().len());
    names.chain([ServiceName::OWN.len()]).max().unwrap_or_default().min(MAX_WIDTH)
}

/// A tag is padded to the longest name, up to this width; a longer name is not.
const MAX_WIDTH: usize = 20;

/// The names of what is started after these services.
fn later(plan: &BootPlan, services: &[Rc<Service>]) -> BTreeSet<String> {
    let early: BTreeSet<&ServiceName> = services.iter().map(|service| &service.name).collect();
    let names = plan.services.iter().chain(&plan.main).map(|plan| &plan.name);
    names.filter(|name| !early.contains(name)).map(|name| name.as_str().to_owned()).collect()
}
