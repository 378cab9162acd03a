//! The commands that images made for s6-overlay call: s6's, execline's and some of s6-overlay's and LinuxServer's own. Called
//! by such a name (a link to this program), it is that command. Each does what the original does, with its exit codes and
//! messages, and most of them then execute the rest of their arguments. Must not know how a container is run: they are
//! programs of its scripts. No argument parser, no runtime and no configuration on this way: they run hundreds of times.
#![allow(clippy::disallowed_methods)] // these processes are not PID 1: they change ids, wait for their children, read clocks

mod call;
mod chain;
mod container_environment;
pub mod contenv_script;
mod control;
pub mod differences;
mod envdir;
mod environment;
mod execline_commands;
mod failure;
mod fix_attrs;
mod ids;
pub mod links;
mod lock;
mod log;
mod logutil_newfifo;
mod lsiown;
pub mod not_provided;
mod notice;
mod notify_on_check;
mod options;
mod package;
mod table;
mod utilities;
mod waiting;
mod with_retries;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use crate::error::EXIT_NOT_FOUND;

pub use call::HelperCommand;
use environment::Environment;
pub use package::Package;
pub use table::COMMANDS;

/// Returns the command that is called by the first word of an argument vector.
pub fn called_as(argv0: &OsStr) -> Option<&'static HelperCommand> {
    chain::find(COMMANDS, Path::new(argv0).file_name()?.to_str()?)
}

/// Refuses to be a program of s6 that stepdown does not have: says what to use in its place, and returns the exit code.
/// `None` if the first word of an argument vector names none.
pub fn refuse(argv0: &OsStr) -> Option<u8> {
    let text = not_provided::refusal(argv0)?;
    call::print_error(&text);
    Some(EXIT_NOT_FOUND)
}

/// Runs a command with its argument vector; returns its exit code if it executes no other program.
pub fn main(command: &'static HelperCommand, argv: Vec<OsString>) -> u8 {
    crate::sys::exec_chain::close_placeholders_on_exec();
    let argv = argv.into_iter().map(OsString::into_vec).collect();
    chain::run(command, argv, Environment::inherited(), COMMANDS)
}
