//! `doctor`: finds problems with this container, running or fresh, and prints the fix. Changes nothing.

use std::ffi::OsString;
use std::io::IsTerminal;

use super::args::DoctorArgs;
use super::output;
use crate::config::{self, Config, Sources};
use crate::control::client::{ClientError, send_request};
use crate::control::doctor::DoctorReport;
use crate::control::protocol::ControlRequest;
use crate::error::Problems;
use crate::inspect::source::ConfigPaths;
use crate::inspect::{doctor, facts};
use crate::plan::checks::{self, Area, Check, Examination, Issue};
use crate::plan::show::{self, ColorMode};
use crate::sys::host;

/// Asks PID 1 for the findings of its boot, or plans a boot; observes the machine; prints what is wrong.
pub(super) fn run(args: DoctorArgs) -> u8 {
    let (examination, running) = match send_request::<DoctorReport>(&ControlRequest::Doctor {}) {
        Ok(report) => (report.into_examination(), true),
        Err(why) => match (doctor::pid_one(), why) {
            (Some(first), why) => (without_response(args.command, first, &why), true),
            (None, ClientError::NoServer(_)) => match host::refuse_on_host() {
                Ok(()) => (before_boot(args.command), false),
                Err(error) => return output::failed(&error),
            },
            (None, why) => return super::control::report_client_error(&why),
        },
    };
    let examination = examination.with_secrets(&doctor::secrets());
    let seen = doctor::observe(&examination);
    let diagnosis = checks::conclude(examination, &seen, running);
    let text = match args.json {
        true => output::json(&diagnosis),
        false => {
            let colours = output::is_colourful() && std::io::stdout().is_terminal();
            show::diagnosis(&diagnosis, if colours { ColorMode::Coloured } else { ColorMode::Plain })
        }
    };
    output::out(&text);
    diagnosis.verdict.exit_code()
}

/// The findings of a boot that has not happened.
fn before_boot(command: Vec<OsString>) -> Examination {
    let sources = super::source::sources(&ConfigPaths::installed(), command);
    let problems = match config::read(&sources) {
        Ok(config) => return checks::examine(&config, &facts::read(&config)),
        Err(problems) => problems,
    };
    let wrong = checks::of_problems(problems);
    if !is_empty(&sources) {
        return wrong;
    }
    // Reports that nothing would be run, and the findings about the container, too.
    match without_services(sources) {
        Ok(config) => {
            let rest = checks::examine(&config, &facts::read(&config));
            Examination { checks: wrong.checks.into_iter().chain(rest.checks).collect(), ..rest }
        }
        Err(_) => wrong,
    }
}

/// Whether there is neither a service nor a main command.
fn is_empty(sources: &Sources) -> bool {
    sources.main.is_empty() && sources.trees.iter().all(|tree| tree.entries.is_empty())
}

/// Returns the configuration of a container in which nothing runs yet.
fn without_services(sources: Sources) -> Result<Config, Problems> {
    // A placeholder for the command, which is not known.
    let main = vec!["true".into()];
    let config = config::read(&Sources { main, ..sources })?;
    Ok(Config { main: Vec::new(), ..config })
}

/// Reads the configuration of a PID 1 whose main command is not known here.
fn read(command: Vec<OsString>) -> Result<Config, Problems> {
    let sources = super::source::sources(&ConfigPaths::installed(), command);
    if is_empty(&sources) { without_services(sources) } else { config::read(&sources) }
}

/// The findings if PID 1 runs and does not respond: its ids are known, the skipped steps of its boot are not.
fn without_response(
    command: Vec<OsString>,
    first: (crate::config::values::Uid, crate::config::values::Gid, Vec<crate::config::values::Gid>),
    why: &ClientError,
) -> Examination {
    let issue = Issue::new(
        format!("PID 1 cannot tell what its boot could not do: {}", super::control::message(why)),
        "this report covers only what can be examined from outside; `stepdown status` and the other control commands do not work",
        "call it as root or as the app user (`docker exec --user 0`); read the first lines of the container's log",
    );
    let check = Check::degraded(Area::RuntimeDirectory, "control socket", issue);
    match read(command) {
        Ok(config) => {
            let facts = doctor::facts_of(facts::read(&config), first);
            let looked = checks::examine(&config, &facts).after_boot();
            let checks = looked.checks.into_iter().filter(|each| each.area == Area::Identity).chain([check]).collect();
            Examination { checks, ..looked }
        }
        Err(problems) => {
            let wrong = checks::of_problems(problems);
            Examination { checks: wrong.checks.into_iter().chain([check]).collect(), ..wrong }
        }
    }
}
