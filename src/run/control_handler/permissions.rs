//! Which caller may send which request to the control socket: one rule for all verbs.
//!
//! - root and the app user: about all services and the container;
//! - the user of a service: about its own services, unless another user's stop with them;
//! - the app user sends a signal only where it could itself, or where the container declares that signal for the service
//!   (`stop.signal`, `reload.signal`, `[signals]`): PID 1 may have kept the capability to signal other users, which the app
//!   user has not;
//! - variables are for root and the service's own user.
//!
//! Others are refused before they send a request ([`crate::control::server`]).

use std::collections::BTreeSet;

use super::super::event_loop::EventLoop;
use crate::config::service::Reload;
use crate::config::values::{Signal, Uid};
use crate::control::protocol::ControlRequest;
use crate::control::service_index::RequestRefused;
use crate::supervise::Id;

impl EventLoop<'_> {
    /// Checks whether a caller may send this request.
    ///
    /// # Errors
    /// The reason why it may not.
    pub(super) fn permit(&self, caller: Uid, request: &ControlRequest) -> Result<(), RequestRefused> {
        if caller == Uid::ROOT {
            return Ok(());
        }
        if let ControlRequest::Signal { service, signal, .. } = request {
            return self.permit_signal(caller, service, signal);
        }
        if caller == self.control_handler.app {
            return Ok(());
        }
        match request {
            // The response is limited to its own services.
            ControlRequest::Metrics {} => Ok(()),
            ControlRequest::Logs { services, .. } if services.is_empty() => Ok(()),
            ControlRequest::Status { services, .. } if services.is_empty() => Ok(()),
            ControlRequest::Health { services, .. } | ControlRequest::Events { services, .. }
                if services.is_empty() =>
            {
                Ok(())
            }
            ControlRequest::Status { services, .. }
            | ControlRequest::Health { services, .. }
            | ControlRequest::Events { services, .. }
            | ControlRequest::Logs { services, .. }
            | ControlRequest::Wait { services, .. } => self.permit_own(caller, services),
            ControlRequest::Start { services, .. } | ControlRequest::Restart { services, .. } => {
                self.permit_own(caller, services)
            }
            ControlRequest::Reload { services } if !services.is_empty() => self.permit_own(caller, services),
            ControlRequest::Stop { services, .. } => {
                self.permit_own(caller, services)?;
                let ids = self.control_handler.service_index.resolve(services)?;
                match self.supervisor.stops_with(&ids).iter().find(|(id, _)| self.owner(*id) != Some(caller)) {
                    None => Ok(()),
                    Some((id, on)) => {
                        let (with, on) = (
                            self.control_handler.service_index.name(*id),
                            self.control_handler.service_index.name(*on),
                        );
                        Err(RequestRefused::Refused(format!(
                            "user {caller} may not stop `{on}`: `{with}`, which is another user's, requires it; \
                             `stepdown restart {on}`, or call it as root or user {}",
                            self.control_handler.app
                        )))
                    }
                }
            }
            ControlRequest::Env { service, .. } | ControlRequest::Once { service, .. } => {
                self.permit_own(caller, std::slice::from_ref(service))
            }
            ControlRequest::Signal { .. } => Ok(()),
            ControlRequest::Shutdown { .. }
            | ControlRequest::Reload { .. }
            | ControlRequest::Timings {}
            | ControlRequest::Doctor {} => Err(RequestRefused::Refused(format!(
                "user {caller} may send requests about its own services only; root and user {} may send this one",
                self.control_handler.app
            ))),
        }
    }

    /// Returns whether a caller sees all services.
    pub(super) fn sees_all(&self, caller: Uid) -> bool {
        caller == Uid::ROOT || caller == self.control_handler.app
    }

    /// Returns the services that a caller sees if it names none.
    pub(super) fn visible(&self, caller: Uid) -> Vec<Id> {
        let all = self.sees_all(caller);
        self.supervisor.ids().into_iter().filter(|id| all || self.owner(*id) == Some(caller)).collect()
    }

    /// Returns the users that are answered besides root.
    pub(in super::super) fn find_allowed_users(&self) -> BTreeSet<Uid> {
        let services = self.supervisor.ids().into_iter().filter_map(|id| self.owner(id));
        services.chain([self.control_handler.app]).collect()
    }

    fn owner(&self, id: Id) -> Option<Uid> {
        self.processes.records.entry(id).map(|entry| entry.plan.credentials.uid)
    }

    fn permit_own(&self, caller: Uid, names: &[String]) -> Result<(), RequestRefused> {
        let not_own = |name: &&String| self.resolve_one(name).ok().and_then(|id| self.owner(id)) != Some(caller);
        match names.iter().find(not_own) {
            None => Ok(()),
            Some(name) => Err(RequestRefused::Refused(format!(
                "`{name}` does not run as user {caller}, who may send requests about its own services only; root and user {} may",
                self.control_handler.app
            ))),
        }
    }

    fn permit_signal(&self, caller: Uid, name: &str, signal: &str) -> Result<(), RequestRefused> {
        if caller != self.control_handler.app {
            return self.permit_own(caller, &[name.to_owned()]);
        }
        let id = self.resolve_one(name)?;
        let (owner, signal) = (self.owner(id), Signal::parse(signal));
        // An unknown signal is refused when it is sent.
        let Some(signal) = signal.filter(|_| owner != Some(caller)) else { return Ok(()) };
        if self.declares(id, signal) {
            return Ok(());
        }
        let owner = owner.map_or_else(|| "another user".to_owned(), |owner| format!("user {owner}"));
        Err(RequestRefused::Refused(format!(
            "user {caller} may not send {signal} to `{name}`, which runs as {owner}: call it as root or {owner}, or declare it \
             in its file: `reload = {{ signal = \"{signal}\" }}`"
        )))
    }

    fn declares(&self, id: Id, signal: Signal) -> bool {
        let Some(service) = self.processes.records.entry(id).map(|entry| &entry.service) else {
            return false;
        };
        let reloads = matches!(service.reload.as_deref(), Some(Reload::Signal(declared)) if *declared == signal);
        let signal_rules = self.signal_rules.iter().any(|rule| rule.service == service.name && rule.to == signal);
        reloads || signal_rules || service.stop.signal == signal
    }
}
