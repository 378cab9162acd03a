//! `[main]` of the container file: the main command, described like a service and parsed with the same functions. Must
//! not know what the command is.

use super::container::MainCommand;
use super::file_report::FileReport;
use super::probe_toml::{self, HealthKeys};
use super::service::{Kind, RunAs};
use super::toml_table::Table;
use super::{container_keys, secrets, service_parts, users};
use crate::config::probe::UnhealthyAction;
use crate::error::Place;

/// Its exit ends the container, so it is never restarted.
const HEALTH: HealthKeys = HealthKeys {
    doc: &container_keys::MAIN_HEALTH,
    then: &[("stop-container", UnhealthyAction::StopContainer), ("report", UnhealthyAction::Report)],
    default: UnhealthyAction::StopContainer,
    not_here: Some((
        "restart",
        "the container ends with its main command: write \"stop-container\" (the container runtime's restart policy starts it again) \
         or \"report\"; what is to be restarted in here is a service",
    )),
};

/// Parses the table; without one it is a plain command of the app user.
pub fn read(table: &Table<'_>, report: &mut FileReport<'_>) -> MainCommand {
    let mut main = MainCommand::default();
    let Some(field) = table.get("main") else { return main };
    main.at = Some(Place::line(report.path(), field.line()));
    let Some(table) = field.table(&container_keys::MAIN, report) else { return main };
    main.user = table.get("user").and_then(|field| users::run_as(&field, report)).unwrap_or(RunAs::App);
    main.secrets = table.get("secrets").map(|field| secrets::names(&field, report));
    main.success_codes = service_parts::success_codes(&table, report);
    let stop = service_parts::stop_table(&table, &container_keys::MAIN_STOP, report);
    main.forwards_stop_signal = stop.as_ref().is_none_or(|stop| stop.get("signal").is_none());
    main.stop_timeout_at =
        stop.as_ref().and_then(|stop| stop.get("timeout")).map(|field| Place::line(report.path(), field.line()));
    main.stop = service_parts::stop(stop.as_ref(), report);
    main.ready = probe_toml::ready(&table, &container_keys::MAIN_READY, Kind::Longrun, report);
    main.health = probe_toml::health(&table, &HEALTH, Kind::Longrun, report);
    main
}
