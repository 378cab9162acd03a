//! The messages of client errors. Must not know the request.

use super::super::output;
use crate::control::client::ClientError;
use crate::error::{EXIT_REFUSED, EXIT_WRONG, cause_text};
use crate::text::shown;

/// A service is not in the state it should be in, or that was waited for.
pub(super) const EXIT_NOT_REACHED: u8 = 1;

/// Prints a client error, and returns the exit code.
pub(in super::super) fn report_client_error(why: &ClientError) -> u8 {
    output::err(&format!("stepdown: {}\n", message(why)));
    if matches!(why, ClientError::BadRequest(_)) { EXIT_WRONG } else { EXIT_REFUSED }
}

/// Returns the message of a client error.
pub(in super::super) fn message(why: &ClientError) -> String {
    match why {
        ClientError::NoServer(places) => {
            let places: Vec<_> = places.iter().map(shown).collect();
            format!(
                "no stepdown responds at {}\n  fix: call it in a container whose PID 1 is stepdown: docker exec \
                 CONTAINER stepdown status",
                places.join(", ")
            )
        }
        ClientError::Untrusted(path) => format!(
            "cannot trust {}: users other than root and this one can write to its directory\n  fix: call it as root, or as the \
             app user",
            shown(path)
        ),
        ClientError::Foreign(path) => format!(
            "{} belongs to the stepdown of another container, which shares that directory\n  fix: give each container a \
             /run of its own",
            shown(path)
        ),
        ClientError::Io(path, error) => format!("cannot talk to PID 1 at {}: {}", shown(path), cause_text(error)),
        ClientError::Protocol(path, what) => format!("cannot understand the response at {}: {what}", shown(path)),
        // Every problem of a configuration has its own line.
        ClientError::Refused(why) | ClientError::BadRequest(why) => {
            why.lines().map(shown).collect::<Vec<_>>().join("\n")
        }
    }
}
