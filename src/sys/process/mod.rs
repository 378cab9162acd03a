//! Processes: prepared ([`launch`]), started ([`spawn`], [`shared_memory`]), set up until exec ([`child`]), reaped in one place ([`reap`]), and
//! signalled by group ([`group`]), session ([`session`]) and run ([`detached`], [`run_tag`]), whoever's they are
//! ([`permission`]); the OOM score ([`oom_score`]); the filter that protects PID 1 from services ([`filter`]); `/proc/PID/stat` ([`stat`]) and limits
//! ([`resource`]). Knows pids and descriptors, not services.

pub mod capset;
pub mod child;
pub mod children;
pub mod detached;
pub mod environment_file;
pub mod exec_refusal;
pub mod filter;
pub mod group;
pub mod launch;
pub mod oom_score;
pub mod permission;
pub(in crate::sys) mod pidfd;
pub mod program;
pub(in crate::sys) mod raw;
pub mod reap;
pub mod resource;
pub mod run_tag;
pub mod session;
pub mod shared_memory;
pub mod spawn;
pub mod spawn_message;
pub mod spawn_record;
pub mod stat;
mod translated;
