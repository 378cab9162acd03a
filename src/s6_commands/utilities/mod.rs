//! The small programs of s6-portable-utils and s6-linux-utils that scripts of images call, and execline's `eltest`.

pub(super) mod copy;
pub(super) mod eltest;
pub(super) mod files;
pub(super) mod text;
