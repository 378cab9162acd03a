//! The engine's rules, one story each. Every scene is also watched by the oracle of the properties.

mod support;

#[path = "lifecycle/ending.rs"]
mod ending;
#[path = "lifecycle/essential.rs"]
mod essential;
#[path = "lifecycle/fed.rs"]
mod fed;
#[path = "lifecycle/finishing.rs"]
mod finishing;
#[path = "lifecycle/groups.rs"]
mod groups;
#[path = "lifecycle/looking.rs"]
mod looking;
#[path = "lifecycle/main_command.rs"]
mod main_command;
#[path = "lifecycle/periodic.rs"]
mod periodic;
#[path = "lifecycle/readiness.rs"]
mod readiness;
#[path = "lifecycle/reloading.rs"]
mod reloading;
#[path = "lifecycle/requests.rs"]
mod requests;
#[path = "lifecycle/restarting.rs"]
mod restarting;
#[path = "lifecycle/scheduled.rs"]
mod scheduled;
#[path = "lifecycle/starting.rs"]
mod starting;
#[path = "lifecycle/stopping.rs"]
mod stopping;
#[path = "lifecycle/undoing.rs"]
mod undoing;
#[path = "lifecycle/watchdog.rs"]
mod watchdog;

/// So many seconds.
pub fn seconds(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count)
}
