//! `status` and `shutdown`: what is asked of the running PID 1, and what its answer means for the exit code.

use std::io::IsTerminal;

use super::args::{ShutdownArgs, StatusArgs};
use super::{output, table, words};
use crate::error::EXIT_REFUSED;
use crate::sys::control::client::{Unanswered, ask};
use crate::sys::control::protocol::{Ask, Begun, Snapshot};

/// Something that shall run is not up.
const EXIT_NOT_WELL: u8 = 1;

/// Prints the services; 0 if all is well, 1 if not, 111 if nobody answers.
pub(super) fn status(args: &StatusArgs) -> u8 {
    let snapshot: Snapshot = match ask(Ask::Status {}) {
        Ok(snapshot) => snapshot,
        Err(why) => return unanswered(&why),
    };
    let json = args.json.then(|| serde_json::to_string_pretty(&snapshot).ok()).flatten();
    output::out(&json.map_or_else(|| table::status(&snapshot, is_colourful()), |json| json + "\n"));
    if snapshot.is_well() { 0 } else { EXIT_NOT_WELL }
}

/// Begins the ordered stop; 0 if it began.
pub(super) fn shutdown(args: &ShutdownArgs) -> u8 {
    match ask::<Begun>(Ask::Shutdown { code: args.code }) {
        Ok(Begun {}) => 0,
        Err(why) => unanswered(&why),
    }
}

/// <https://no-color.org>
#[allow(clippy::disallowed_methods)] // how we print is ours to read
fn is_colourful() -> bool {
    std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn unanswered(why: &Unanswered) -> u8 {
    let text = match why {
        Unanswered::Nobody(places) => {
            let places: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
            format!(
                "no stepdown answers at {}\n  help: is it PID 1 of this container? From outside: docker exec CONTAINER \
                 stepdown status",
                places.join(", ")
            )
        }
        Unanswered::Untrusted(path) => format!(
            "cannot trust {}: others than root and this user can write to its directory\n  help: ask as root, or as the \
             app user",
            path.display()
        ),
        Unanswered::Broken(path, error) => format!("cannot ask at {}: {error}", path.display()),
        Unanswered::Senseless(path, what) => format!("cannot understand who answers at {}: {what}", path.display()),
        Unanswered::Declined(why) => words::plain(why),
    };
    output::err(&format!("stepdown: {text}\n"));
    EXIT_REFUSED
}
