//! The engine's rules, one story each. Every scene is also watched by the oracle of the properties.

mod support;

#[path = "lifecycle/ending.rs"]
mod ending;
#[path = "lifecycle/essential.rs"]
mod essential;
#[path = "lifecycle/finishing.rs"]
mod finishing;
#[path = "lifecycle/groups.rs"]
mod groups;
#[path = "lifecycle/main_command.rs"]
mod main_command;
#[path = "lifecycle/readiness.rs"]
mod readiness;
#[path = "lifecycle/restarting.rs"]
mod restarting;
#[path = "lifecycle/starting.rs"]
mod starting;
#[path = "lifecycle/stopping.rs"]
mod stopping;

/// So many seconds.
pub fn seconds(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count)
}
