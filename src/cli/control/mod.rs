//! The commands that send a request to PID 1: the request, and the exit code for its response.

mod boot_chart;
mod change;
mod client_error;
mod events;
mod health;
mod logs;
mod metrics;
mod screen;
mod table;
mod timings;
mod watch;

use super::args::{EnvArgs, ShutdownArgs, SignalArgs, StatusArgs};
use super::output;
use super::query_args::TimingsArgs;
use crate::control::client::send_request;
use crate::control::protocol::ControlRequest;
use crate::control::responses::{Accepted, EnvResponse, Snapshot, Timings};
use crate::text::shown;

pub(super) use change::{reload, restart, start, stop, wait};
use client_error::EXIT_NOT_REACHED;
pub(super) use client_error::{message, report_client_error};
pub(super) use events::events;
pub(super) use health::health;
pub(super) use logs::logs;
pub(super) use metrics::metrics;

/// Prints the services; 0 if all are as wanted, 1 if not, 111 if PID 1 does not respond.
pub(super) fn status(args: &StatusArgs) -> u8 {
    if args.watch {
        return watch::run(args);
    }
    match send_request::<Snapshot>(&ControlRequest::Status { services: args.services.clone(), after: None }) {
        Ok(snapshot) => {
            output::out(&printed(&snapshot, args.json));
            if snapshot.all_as_wanted() { 0 } else { EXIT_NOT_REACHED }
        }
        Err(why) => report_client_error(&why),
    }
}

fn printed(snapshot: &Snapshot, as_json: bool) -> String {
    if as_json { output::json(snapshot) } else { table::status(snapshot, output::is_colourful()) }
}

/// Begins the stop in dependency order; 0 if it began.
pub(super) fn shutdown(args: &ShutdownArgs) -> u8 {
    send_command(&ControlRequest::Shutdown { code: args.code })
}

/// Sends a signal; 0 if it was sent.
pub(super) fn signal(args: &SignalArgs) -> u8 {
    let SignalArgs { service, signal, group } = args;
    send_command(&ControlRequest::Signal { service: service.clone(), signal: signal.to_string(), group: *group })
}

fn send_command(request: &ControlRequest) -> u8 {
    match send_request::<Accepted>(request) {
        Ok(Accepted {}) => 0,
        Err(why) => report_client_error(&why),
    }
}

/// Prints a service's environment, by name.
pub(super) fn env(args: &EnvArgs) -> u8 {
    let request = ControlRequest::Env { service: args.service.clone(), show_secrets: args.show_secrets };
    let EnvResponse { variables } = match send_request(&request) {
        Ok(variables) => variables,
        Err(why) => return report_client_error(&why),
    };
    for variable in &variables {
        let value = variable.value.as_deref().map_or_else(|| "(hidden)".to_owned(), shown);
        output::out(&format!("{}={value}\n", shown(&variable.name)));
    }
    match (variables.iter().any(|variable| variable.value.is_none()), args.show_secrets) {
        (true, true) => output::err("stepdown: values of secrets that were read from files are never shown\n"),
        (true, false) => {
            output::err("stepdown: values that look like secrets are hidden; `--show-secrets` shows them\n");
        }
        (false, _) => {}
    }
    0
}

/// Prints how long the boot took, and which services it waited for.
pub(super) fn timings(args: &TimingsArgs) -> u8 {
    match send_request::<Timings>(&ControlRequest::Timings {}) {
        Ok(all) => {
            output::out(&match (args.json, args.svg) {
                (true, _) => output::json(&all),
                (false, true) => boot_chart::svg(&all),
                (false, false) => timings::text(&all),
            });
            0
        }
        Err(why) => report_client_error(&why),
    }
}
