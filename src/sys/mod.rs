//! Touching the machine: all effects, and all `unsafe`. Reads it into plain values and carries plans and actions out;
//! decides nothing that the pure folders can decide.

pub mod accounts;
pub mod boot;
pub mod control;
pub mod descriptors;
pub mod directories;
pub mod facts;
pub mod files;
mod host;
pub mod init;
pub mod life;
pub mod log;
pub mod own;
pub mod ownership;
pub mod privilege;
pub mod process;
pub mod rehearse;
pub mod run;
pub mod run_as;
pub mod runtime_dir;
pub mod signals;
mod slurp;
pub mod source;
pub mod stdio;
pub mod terminal;
