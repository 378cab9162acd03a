//! [`Reloader`]: what a reload reads again, and [`ReloadPlan`]: what comes of it. Must not know the loop.

use std::collections::BTreeSet;

use super::service_entry::ServiceEntry;
use crate::config::values::ServiceName;
use crate::error::Error;
use crate::plan::checks::Examination;
use crate::supervise::Setup;

/// What comes of reading the configuration again.
#[derive(Debug)]
pub struct ReloadPlan {
    /// Every service as it is to be, without the main command.
    pub setup: Setup,
    /// Those of them that are new or changed, for starting them.
    pub entries: Vec<ServiceEntry>,
    /// Those that were not there.
    pub new: BTreeSet<ServiceName>,
    /// Those that were there with another definition.
    pub changed: BTreeSet<ServiceName>,
    /// Those that are not there any more.
    pub gone: BTreeSet<ServiceName>,
    /// What is to be said besides.
    pub notices: Vec<String>,
}

/// What the loop was made from: the configuration and the plan.
pub trait Reloader {
    /// Reads the configuration's files again, in a process of their own: nothing of what it changes is seen here.
    fn read(&self) -> Vec<u8>;

    /// Makes of what [`Self::read`] has returned what the configuration is to be.
    ///
    /// # Errors
    /// Everything that is wrong with it, or what it would need that was given up.
    fn reread(&mut self, read: &[u8]) -> Result<ReloadPlan, Error>;

    /// Returns what the boot came to, for `doctor`.
    fn examine(&self) -> Examination;
}

impl ReloadPlan {
    /// Returns what is new, changed and gone, in words.
    pub(super) fn told(&self) -> String {
        let list = |what: &str, names: &BTreeSet<ServiceName>| {
            let names: Vec<_> = names.iter().map(ServiceName::as_str).collect();
            (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
        };
        let lists = [list("new", &self.new), list("changed", &self.changed), list("gone", &self.gone)];
        let lists: Vec<_> = lists.into_iter().flatten().collect();
        if lists.is_empty() { "nothing has changed".to_owned() } else { lists.join("; ") }
    }
}
