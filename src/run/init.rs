//! The life of PID 1 in order: signals → facts and configuration → plan → root steps → prepare → step down
//! → serve → exit (DESIGN §3). Each step is a module of its own; this one is their order.
#![allow(clippy::disallowed_methods)] // the start of the engine's clock; the environment's one way in

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Instant;

use crate::boot::steps::{self, BootEnded, Created, StepContext};
use crate::config::container::Level;
use crate::config::{self, Config, key_lines};
use crate::control::event_history::EarlierEvents;
use crate::error::{EXIT_REFUSED, Error};
use crate::inspect::source::readable;
use crate::inspect::{doctor, facts, source};
use crate::log::own_messages::{self, with_outputs};
use crate::plan::checks::locate_all;
use crate::plan::show::{LineKind, ReportLine};
use crate::plan::{self, BootPlan};
use crate::rehearse::{ServicesTree, TREE_ORIGIN};
use crate::run::boot_context::{self, BootContext};
use crate::run::host_notify::HostNotify;
use crate::run::stage2_hook::Stage2Hook;
use crate::run::step_timer::StepTimer;
use crate::run::termination_log::{self, TerminationLog};
use crate::run::{Environment, HostReporting, LAST_LINES, notify, panic_message};
use crate::sys::privilege::{self, EffectiveUser};
use crate::sys::signals::{self, Signals};
use crate::sys::{descriptors, host, instance};

/// Runs the container from start to end and returns its exit code (DESIGN §8).
pub fn run(main: Vec<OsString>) -> u8 {
    panic_message::install_hook();
    // The event loop catches panics itself, and stops services in order; outside of it no service runs.
    let result = std::panic::catch_unwind(AssertUnwindSafe(|| boot(main)));
    // An error may come before the configuration, and so the log level, is known.
    let (code, output_deadline) = result.map_or_else(
        |_| {
            own_messages::install(Level::Info);
            tracing::error!("{}", panic_message::take());
            ended_early(EXIT_REFUSED)
        },
        |booted| {
            booted.unwrap_or_else(|error| {
                own_messages::install(Level::Info);
                tracing::error!("{error}");
                ended_early(error.exit_code())
            })
        },
    );
    with_outputs(|outputs| outputs.sinks().for_each(|sink| sink.drain(output_deadline)));
    code
}

/// The result of a run in which no service was started: its exit code, and the deadline for its last lines.
fn ended_early(code: u8) -> (u8, Instant) {
    (code, Instant::now() + LAST_LINES)
}

fn boot(main: Vec<OsString>) -> Result<(u8, Instant), Error> {
    let mut step_timer = StepTimer::start();
    host::refuse_on_host()?;
    let _only_one = instance::lock()?;
    let mut signals = Signals::install()?;
    descriptors::close_on_exec();
    let mut environment: BTreeMap<_, _> = std::env::vars_os().collect();
    let origin = environment.remove(OsStr::new(TREE_ORIGIN)).map(ServicesTree::copied_from);
    #[cfg(debug_assertions)]
    panic_message::inject_faults(&environment);
    let sources = source::read(&source::ConfigPaths::installed(), environment.clone(), main.clone());
    let on_host = |path: &Path| origin.as_ref().and_then(|tree: &ServicesTree| tree.on_host(path));
    let config = config::read(&sources).map_err(|problems| problems.files_at(on_host))?;
    own_messages::install(config.container.level);
    step_timer.done("configuration");
    let facts = facts::read(&config);
    step_timer.done("facts");
    let mut plan = plan::boot(&config, &facts).map_err(|error| key_lines::placed(error, &sources).files_at(on_host))?;
    locate_all(&mut plan, doctor::host_context);
    boot_context::format_own_messages(&plan);
    report(&config, &plan);
    let hook = Stage2Hook::plan(&config).map_err(|error| error.files_at(on_host))?;
    if hook.is_none() && config.services.is_empty() && config.main.is_empty() {
        config::read_after_hook(&sources)?;
    }
    // The hook may provide the main command.
    if let Some((why, code)) = plan::main_is_missing(&plan, &facts).filter(|_| hook.is_none()) {
        tracing::error!("main command: {why}; nothing was done or started");
        return Ok(ended_early(code));
    }
    let user = privilege::detect();
    if matches!(user, EffectiveUser::Root(_)) && plan.privilege.drop == plan::DropLevel::ToApp && !sources.open_to_all {
        for path in readable::unreadable_by(&sources.found(), Some(&plan.identity)) {
            tracing::warn!("{}", readable::message(&path));
        }
    }
    step_timer.done("plan");
    let given = environment;
    let mut environment = Environment::new(given.clone(), config.s6.as_ref());
    let context = StepContext { user: &user, signals: &signals, environment: environment.all() };
    let Created { endpoint, s6, secrets } = match steps::perform(&plan, context) {
        Ok(created) => created,
        Err(BootEnded::Stopped(signal)) => {
            tracing::info!("got {signal} during the boot: nothing was started");
            return Ok(ended_early(0));
        }
        Err(BootEnded::Refused(refused)) => return Err(refused.into()),
    };
    environment.add_secrets(secrets);
    if let Some(s6) = &s6 {
        environment.add_runtime_directory(&s6.base);
    }
    let host_reporting = host_reporting(&given);
    let (listener, directory) = endpoint.map(|endpoint| (endpoint.listener, endpoint.directory)).unzip();
    step_timer.done("root steps");
    let (done, prepare_failed, prepare_moments) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    // Before *prepare*, whose programs need them as well.
    let mut limits = descriptors::raise_limit(config.services.len() + usize::from(plan.main.is_some()));
    limits.extend(signals::limit_queue());
    let mut boot = BootContext {
        step_timer,
        config,
        facts,
        plan,
        given_main: main,
        origin,
        given,
        init_scripts: hook.is_none().then(|| sources.s6.fixed_by_start()),
        environment,
        s6,
        limits,
        done,
        prepare_failed,
        open_pipes: Vec::new(),
        prepare_moments,
        prepare_events: EarlierEvents::default(),
    };
    // The bytes of every file: nothing asks for them again.
    drop(sources);
    if let Some(hook) = &hook {
        if let Some(ended_early) = boot.run_hook(hook, &user, listener.as_ref(), &mut signals)? {
            return Ok(ended_early);
        }
        boot.step_timer.done("stage 2 hook");
    }
    if matches!(user, EffectiveUser::Root(_)) {
        if let Some(ended_early) = boot.prepare(&user, listener.as_ref(), &mut signals)? {
            return Ok(ended_early);
        }
        boot.step_timer.done("prepare");
    }
    let sockets = boot.sockets(directory.as_ref());
    let dropped = match user {
        EffectiveUser::Root(root) => root.step_down(&boot.plan.identity, &boot.plan.privilege)?,
        EffectiveUser::Unprivileged => privilege::lock_down_unprivileged(&boot.plan.identity, &boot.plan.privilege)?,
    };
    boot.step_timer.done("step down");
    let result = boot.serve(&dropped, listener, sockets, host_reporting, &mut signals);
    if let Some(directory) = directory.filter(|_| std::process::id() != 1) {
        directory.remove();
    }
    let result = result?;
    if boot.config.s6.as_ref().is_some_and(|s6| s6.sync_disks) {
        // Nothing runs any more that it could keep waiting.
        nix::unistd::sync();
    }
    Ok((result.code, result.output_deadline))
}

/// Opens NOTIFY_SOCKET and the termination log: as root, because they may be root's.
fn host_reporting(environment: &BTreeMap<OsString, OsString>) -> HostReporting {
    let address = environment.get(OsStr::new(notify::VARIABLE));
    let host_notify = address.and_then(|address| match HostNotify::open(address) {
        Ok(host_notify) => Some(host_notify),
        Err(refused) => {
            tracing::warn!("{refused}");
            None
        }
    });
    HostReporting {
        host_notify: host_notify.unwrap_or_default(),
        termination_log: TerminationLog::open(Path::new(termination_log::PATH)),
    }
}

/// Logs what the boot will do. With only a main command, like tini, PID 1 logs nothing while all is well: only what differs
/// from the configuration, or from other containers.
fn report(config: &Config, plan: &BootPlan) {
    for ReportLine { level, about, text } in plan::show::report(plan) {
        let all_is_well = level == Level::Info && config.services.is_empty() && about == LineKind::Plan;
        own_messages::say(if all_is_well { Level::Debug } else { level }, &text);
    }
}
