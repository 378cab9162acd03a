//! `s6-log` and `logutil-service`: lines from standard input to directories of rotated files, as a script of directives says.
//! The directories are those of s6-log itself, so that either program goes on where the other one stopped.

mod command;
mod directory;
mod rotation;
mod script;
mod service;
mod stamp;

pub(super) use command::s6_log;
pub(super) use service::logutil_service;
