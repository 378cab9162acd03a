//! Reading the machine: configuration sources, facts, and the observations of `doctor`. Into plain values; changes nothing.

pub mod doctor;
pub mod facts;
pub mod source;
pub mod usage;
pub mod wire;
pub mod zone_file;
