//! What is said once in the life of a container, however many processes see it. Must not know who says it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;

use nix::unistd::geteuid;

use crate::control::locate;
use crate::s6_commands::call::print_error;

/// Why ids stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdsStay {
    /// They are those that were asked for.
    AlreadyThatUser,
    /// PID 1 and everything else here runs as this user.
    WholeContainer,
}

/// Says that the ids stay as they are. A file in the runtime directory remembers it; where none can be created it is said each
/// time.
pub(super) fn ids_stay(name: &str, why: IdsStay) {
    let uid = geteuid();
    let mark = locate::runtime_directory().map(|runtime| runtime.join(format!("said-already-user-{uid}")));
    let is_said = mark.is_some_and(|mark| {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(mark);
        made.is_err_and(|error| error.kind() == ErrorKind::AlreadyExists)
    });
    if !is_said {
        let runs = match why {
            IdsStay::AlreadyThatUser => "already running",
            IdsStay::WholeContainer => "this container runs",
        };
        print_error(&format!(
            "{name}: info: {runs} as uid {uid}, which cannot change its user or groups: executing the program as it is (said \
             once)\n"
        ));
    }
}
