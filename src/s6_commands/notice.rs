//! What is said once in the life of a container, however many processes see it. Must not know who says it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;

use nix::unistd::geteuid;

use crate::control::locate;
use crate::s6_commands::call::print_error;

/// Says that the ids stay as they are. A file in the runtime directory remembers it; where none can be made it is said each
/// time.
pub(super) fn already_that_user(name: &str) {
    let uid = geteuid();
    let mark = locate::runtime_directory().map(|runtime| runtime.join(format!("said-already-user-{uid}")));
    let is_said = mark.is_some_and(|mark| {
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(mark);
        made.is_err_and(|error| error.kind() == ErrorKind::AlreadyExists)
    });
    if !is_said {
        print_error(&format!(
            "{name}: info: already running as uid {uid}, which cannot change its user or groups: executing the program as it \
             is (said once)\n"
        ));
    }
}
