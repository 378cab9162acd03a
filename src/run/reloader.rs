//! [`Reloader`]: reads the configuration again and makes a [`ReloadPlan`] of it. Must not know the loop.

use std::collections::BTreeSet;
use std::fmt;

use super::service_entry::ServiceEntry;
use crate::config::values::ServiceName;
use crate::control::server::PendingRequest;
use crate::error::Error;
use crate::plan::S6Directory;
use crate::plan::checks::Examination;
use crate::supervise::Setup;

/// Who has requested a reload.
pub enum ReloadRequest {
    /// A caller on the control socket.
    Caller(PendingRequest),
    /// The engine ([`crate::supervise::Action::Reread`]): the scripts of `cont-init.d` have ended.
    Engine,
}

/// What a reload follows, as the log has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Occasion {
    /// A request, or HUP.
    Request,
    /// The end of the scripts of `cont-init.d`: the second reading.
    Scripts,
}

impl Occasion {
    /// Returns what a reload follows that these have requested.
    pub(super) fn of(requests: &[ReloadRequest]) -> Self {
        let of_engine = |request: &ReloadRequest| matches!(request, ReloadRequest::Engine);
        if requests.iter().any(of_engine) { Self::Scripts } else { Self::Request }
    }
}

impl fmt::Display for Occasion {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Request => "reload",
            Self::Scripts => "after the scripts of cont-init.d",
        })
    }
}

/// What a reload changes.
#[derive(Debug)]
pub struct ReloadPlan {
    /// Every service as it is to be, without the main command.
    pub setup: Setup,
    /// How those of them are started that are new or changed.
    pub entries: Vec<ServiceEntry>,
    /// The directories of those that were made for s6-overlay, and of all services of `/etc/services.d` in s6's format.
    pub s6_directories: Vec<S6Directory>,
    /// Services that did not exist before.
    pub new: BTreeSet<ServiceName>,
    /// Services whose definition has changed.
    pub changed: BTreeSet<ServiceName>,
    /// Services of which only what they depend on has changed.
    pub reordered: BTreeSet<ServiceName>,
    /// Services that do not exist any more.
    pub gone: BTreeSet<ServiceName>,
    /// What is logged besides.
    pub notices: Vec<String>,
}

/// The configuration and the plan that the loop was made from.
pub trait Reloader {
    /// Reads the configuration's files, in a process of its own: what it changes in memory is not seen here.
    fn read_sources(&self, occasion: Occasion) -> Vec<u8>;

    /// Plans the reload with what [`Self::read_sources`] has returned, which is the configuration from now on.
    ///
    /// # Errors
    /// Everything that is wrong with it, or which privilege it needs that was dropped.
    fn plan_reload(&mut self, read: &[u8]) -> Result<ReloadPlan, Error>;

    /// Plans the second reading with what [`Self::read_sources`] has returned; `None`: nothing. Whatever is wrong, services are
    /// held back whose definitions others than root can write by now, and the rest starts: as it was, where an error is returned
    /// or nothing was read.
    fn plan_rereading(&mut self, read: Option<&[u8]>) -> (ReloadPlan, Option<Error>);

    /// Returns the result of the boot, for `doctor`.
    fn examine(&self) -> Examination;
}

impl ReloadPlan {
    /// Returns what is new, changed, in another order and gone, in words; `None`: nothing.
    pub(super) fn summary(&self) -> Option<String> {
        let list = |what: &str, names: &BTreeSet<ServiceName>| {
            let names: Vec<_> = names.iter().map(ServiceName::as_str).collect();
            (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
        };
        let lists = [
            list("new", &self.new),
            list("changed", &self.changed),
            list("order changed", &self.reordered),
            list("gone", &self.gone),
        ];
        let lists: Vec<_> = lists.into_iter().flatten().collect();
        (!lists.is_empty()).then(|| lists.join("; "))
    }
}
