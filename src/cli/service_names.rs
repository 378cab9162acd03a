//! The names of services that a shell completes: those that the running PID 1 knows. Must not know which commands take one.

use std::ffi::OsStr;

use clap_complete::engine::CompletionCandidate;

use crate::control::client::send_request;
use crate::control::protocol::ControlRequest;
use crate::control::responses::Snapshot;

/// Returns the services that begin with what was typed. Without a running PID 1 there are none.
pub(super) fn complete(typed: &OsStr) -> Vec<CompletionCandidate> {
    let everything = ControlRequest::Status { services: Vec::new(), after: None };
    let Ok(snapshot) = send_request::<Snapshot>(&everything) else { return Vec::new() };
    let names = snapshot.services.into_iter().map(|service| service.name);
    names
        .filter(|name| typed.to_str().is_some_and(|typed| name.starts_with(typed)))
        .map(CompletionCandidate::new)
        .collect()
}
