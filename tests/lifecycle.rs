//! The engine's rules, one story each. Every scene is also watched by the oracle of the properties.

mod ending;
mod essential;
mod fed;
mod finishing;
mod groups;
mod looking;
mod main_command;
mod periodic;
mod readiness;
mod reloading;
mod requests;
mod restarting;
mod scheduled;
mod starting;
mod stopping;
mod undoing;
mod watchdog;

/// So many seconds.
pub fn seconds(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count)
}
