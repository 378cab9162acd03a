//! The engine in simulated worlds, and the oracle that judges what it does there.

pub mod behaviour;
pub mod oracle;
pub mod processes;
pub mod reloads;
pub mod result_cache;
pub mod rng;
pub mod scenario;
pub mod spec_builder;
pub mod transitions;
pub mod world;
