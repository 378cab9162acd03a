//! Looking at the machine: configuration sources, facts, and what `doctor` examines. Reads into plain values; changes nothing.

pub mod doctor;
pub mod facts;
pub mod source;
pub mod usage;
pub mod wire;
pub mod zone_file;
