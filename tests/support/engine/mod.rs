//! The engine in simulated worlds, and the oracle that judges what it does there.

pub mod draft;
pub mod lived;
pub mod natures;
pub mod oracle;
pub mod oracle_asks;
pub mod oracle_checks;
pub mod oracle_constants;
pub mod oracle_events;
pub mod oracle_judge;
pub mod oracle_reload;
pub mod oracle_stop;
pub mod processes;
pub mod reloads;
pub mod rng;
pub mod scene;
pub mod transitions;
pub mod world;
