//! What s6-overlay does with a program that cannot be executed, where it would start all the same: the end of a message that
//! the loader and the plan share. Must not know why it cannot.

use std::path::Path;

use crate::config::s6_overlay::{OnFailure, S6Origin, S6Overlay};
use crate::config::service::{Command, Service};
use crate::error::Place;

/// Of `run`: s6-supervise executes it again after each failure.
pub const AGAIN: &str = "; s6-overlay would try to execute it again and again";
/// Of `finish`, of a script of the start or of the stop.
pub const WITHOUT_IT: &str = "; s6-overlay would go on without it";
/// Of a oneshot: s6-rc does not start what depends on it.
const WITHOUT_DEPENDENTS: &str = "; s6-overlay would go on without it and without what depends on it";

/// Returns the words for a program of a service; `key`: its key, `""` for the command. Empty if s6-overlay would end the
/// container too.
pub fn instead(service: &Service, key: &str, overlay: Option<&S6Overlay>) -> &'static str {
    let stops = overlay.is_some_and(|overlay| overlay.on_failure == OnFailure::Stop);
    match (&service.s6, key) {
        (None, _) => "",
        (Some(_), "finish" | "stop_command") => WITHOUT_IT,
        (Some(S6Origin::Longrun(_) | S6Origin::Legacy(_) | S6Origin::LegacyLog(_)), _) => AGAIN,
        (Some(S6Origin::InitScript | S6Origin::Script), _) if stops => "",
        // The hook, which nothing depends on.
        (Some(S6Origin::Script), _) if matches!(service.at, Place::Variable { .. }) => WITHOUT_IT,
        (Some(S6Origin::InitScript), _) => WITHOUT_IT,
        (Some(S6Origin::Script), _) => WITHOUT_DEPENDENTS,
    }
}

/// Returns whether that file has the text of an execline script, whose first word is the program.
pub fn is_execline(file: &Place, command: &Command) -> bool {
    let has = |path: &Path| ["up", "down"].iter().any(|name| path.file_name().is_some_and(|file| file == *name));
    matches!(command, Command::Argv(_)) && matches!(file, Place::File { path, .. } if has(path))
}

/// Returns the file that has a program of a service, if its definition has one for it.
pub fn file_of(service: &Service, key: &str) -> Place {
    let (Some(origin), Place::File { path, .. }) = (&service.s6, &service.at) else { return service.at.clone() };
    let has = |name: &str| path.file_name().is_some_and(|file| file == name);
    match (origin, key) {
        (S6Origin::Longrun(_) | S6Origin::Legacy(_) | S6Origin::LegacyLog(_), "finish") if has("run") => {
            Place::file(path.with_file_name("finish"))
        }
        (S6Origin::Script, "stop_command") if has("up") => Place::file(path.with_file_name("down")),
        (
            S6Origin::Longrun(_)
            | S6Origin::Legacy(_)
            | S6Origin::LegacyLog(_)
            | S6Origin::InitScript
            | S6Origin::Script,
            _,
        ) => service.at.clone(),
    }
}
