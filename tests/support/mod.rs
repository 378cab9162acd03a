//! What several tests share.

pub mod bare_container;
pub mod child;
pub mod docker;
pub mod engine;
pub mod environments;
pub mod hang;
pub mod host_processes;
pub mod plan_inputs;
pub mod programs;
pub mod record_comparison;
pub mod rootfs;
pub mod skip;
pub mod try_container;
pub mod wait;
