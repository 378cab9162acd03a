//! Touching the machine: all effects, and all `unsafe`. Reads it into plain values and carries plans and actions out;
//! decides nothing that the pure folders can decide.

pub mod access;
pub mod before;
pub mod descriptors;
pub mod files;
pub mod host;
pub mod id_map;
pub mod instance;
pub mod interpreter;
pub mod null;
pub mod obstacle;
pub mod plain_init;
pub mod privilege;
pub mod process;
pub mod signals;
pub mod slurp;
