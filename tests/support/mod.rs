//! What several tests share.

pub mod cell;
pub mod docker;
pub mod engine;
pub mod environments;
pub mod facts;
pub mod hosted;
pub mod jail;
pub mod own_support;
pub mod probe_path;
pub mod program;
pub mod record;
pub mod rootfs;
pub mod skip;
