//! The commands that ask PID 1 for something by the control socket, as scripts know them from s6, s6-rc and s6-linux-init. Must
//! not know what PID 1 does about it.

mod halt;
mod rc;
mod rc_definitions;
mod supervised;
mod svc;
mod svstat;
mod svwait;

pub(super) use halt::halt;
pub(super) use rc::s6_rc;
pub(super) use svc::{s6_svc, s6_svscanctl};
pub(super) use svstat::{s6_svok, s6_svstat};
pub(super) use svwait::s6_svwait;

use crate::control::client::ClientError;
use crate::error::{EXIT_REFUSED, EXIT_WRONG};
use crate::s6_commands::failure::Failure;
use crate::text::shown;

/// Returns the failure of a request; `what` follows "unable to".
fn failed(what: &str, error: &ClientError) -> Failure {
    let (code, why) = match error {
        ClientError::NoServer(_) => (EXIT_WRONG, "stepdown does not respond".to_owned()),
        ClientError::Untrusted(path) => (EXIT_REFUSED, format!("{} may be another user's", shown(path))),
        ClientError::Foreign(path) => (EXIT_REFUSED, format!("{} is of another container", shown(path))),
        ClientError::Io(path, cause) => (EXIT_REFUSED, format!("{}: {}", shown(path), crate::error::cause_text(cause))),
        ClientError::Protocol(path, why) => (EXIT_REFUSED, format!("{}: {why}", shown(path))),
        ClientError::Refused(why) => (EXIT_REFUSED, why.clone()),
        ClientError::BadRequest(why) => (EXIT_WRONG, why.clone()),
    };
    Failure::fatal(code, format!("unable to {what}: {why}"))
}
