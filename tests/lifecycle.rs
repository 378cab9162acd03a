//! The engine's rules, one story each. Every scenario is also watched by the oracle of the properties.

mod consumers;
mod essential;
mod finish_script;
mod main_command;
mod nothing_left;
mod oneshot_timeout;
mod periodic;
mod probes;
mod process_groups;
mod readiness;
mod reload;
mod requests;
mod reread;
mod restarting;
mod scheduled;
mod start_limit;
mod starting;
mod stop_command;
mod stopping;
mod watchdog;

/// So many seconds.
pub fn seconds(count: u64) -> std::time::Duration {
    std::time::Duration::from_secs(count)
}
