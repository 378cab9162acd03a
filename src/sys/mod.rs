//! Touching the machine: all effects, and all `unsafe`. Reads it into plain values and carries plans and actions out;
//! decides nothing that the pure folders can decide.

pub mod access;
pub mod descriptors;
pub mod dev_null;
pub mod early_descriptors;
pub mod files;
pub mod host;
pub mod id_map;
pub mod instance;
pub mod interpreter;
pub mod obstacle;
pub mod plain_init;
pub mod privilege;
pub mod process;
pub mod read_file;
pub mod signals;
