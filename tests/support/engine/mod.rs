//! The engine in simulations, and the oracle that judges its actions.

pub mod behaviour;
pub mod external_events;
pub mod oracle;
pub mod processes;
pub mod reloads;
pub mod result_cache;
pub mod rng;
pub mod scenario;
pub mod simulation;
pub mod spec_builder;
pub mod transitions;
