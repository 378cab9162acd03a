//! `halt`, `poweroff`, `reboot`: end the container. Finish scripts call them by `/run/s6/basedir/bin`.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::failed;
use crate::control::client::{ClientError, send_request};
use crate::control::protocol::ControlRequest;
use crate::control::responses::Accepted;
use crate::s6_commands::call::{Call, CommandResult};

/// Requests an orderly stop, with the exit code that scripts have written. A container cannot be halted, powered off or
/// rebooted otherwise: all three do the same.
pub(in crate::s6_commands) fn halt(mut call: Call) -> CommandResult {
    call.options("hprnwdfiqm:", "halt [ -h | -p | -r ] [ -n ] [ -d | -w ] [ -f ] [ -i ] [ -q ] [ -m message ]")?;
    match send_request::<Accepted>(&ControlRequest::Shutdown { code: None }) {
        Ok(Accepted {}) => Ok(0),
        // No control socket could be created: PID 1, or the init above it, takes the signal for the same.
        Err(ClientError::NoServer(_)) if kill(Pid::from_raw(1), Signal::SIGTERM).is_ok() => Ok(0),
        Err(error) => Err(failed("end the container", &error)),
    }
}
