//! `logutil-service`: s6-log as `nobody` with the script that S6_LOGGING_SCRIPT has, for a directory.

use nix::unistd::geteuid;

use super::command::s6_log;
use crate::execline::transform::Transform;
use crate::s6_commands::call::{Argument, Call, CommandResult};
use crate::s6_commands::container_environment::value_of;
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::s6_commands::{execline_commands, ids};
use crate::text::shown_bytes;

const SCRIPT: &[u8] = b"n20 s1000000 T";
const SCRIPT_VARIABLE: &[u8] = b"S6_LOGGING_SCRIPT";

/// Logs standard input, or a FIFO, into a directory.
pub(in crate::s6_commands) fn logutil_service(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "logutil-service [ -f fifo ] dir";
    let fifo = call.options("f:", SYNOPSIS)?.pop().map(|(_, fifo)| fifo).filter(|fifo| !fifo.is_empty());
    let directory = call.argument(SYNOPSIS)?;
    if let Some(fifo) = fifo {
        execline_commands::descriptors::open_fifo(&fifo)
            .map_err(|errno| Failure::unable(format!("open {}", shown_bytes(&fifo)), errno))?;
    }
    let text = value_of(&call.environment, SCRIPT_VARIABLE).unwrap_or_else(|| SCRIPT.to_vec());
    let split = Transform { crunch: true, split: true, delimiters: b" \t".to_vec(), ..Transform::default() };
    let script = split.values(&text).unwrap_or_default().into_iter().filter(|word| !word.is_empty());
    // Without root the directory is this user's, as everything is.
    if geteuid().is_root() {
        ids::become_account(&call, b"nobody")?;
    }
    let argv: Vec<Argument> = [b"-b".to_vec(), b"--".to_vec()].into_iter().chain(script).chain([directory]).collect();
    s6_log(call.next("s6-log", argv, Environment::default())).map_err(|failure| failure.by("s6-log"))
}
