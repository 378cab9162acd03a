//! Whether a script of an image made for s6-overlay gives more to whoever can write it than they have: such a script runs
//! without no_new_privs, so that it may execute setuid programs. Must not know who can write it.

use std::collections::{BTreeMap, BTreeSet};

use super::switch::RunsAs;
use super::trusted_writers::may_have_more;
use super::{BootPlan, DropLevel, Identity};
use crate::config::service::{Command, RunAs, Service};
use crate::config::values::{ServiceName, Uid};
use crate::config::{Config, suggest};

/// Whether a service has more than the app user besides setuid programs.
pub(super) fn adds_more_than_no_new_privs(service: &Service, runs: &RunsAs, app: &Identity) -> bool {
    runs.uid != app.uid || may_have_more(&Service { no_new_privileges: true, user: RunAs::App, ..service.clone() })
}

/// Whether no_new_privs keeps it from setuid programs: once it is compromised it would gain them by a script that it can write.
pub(super) fn is_kept_from_setuid(service: &Service, uid: Uid) -> bool {
    let runs_nothing = service.command == Command::Nothing && service.stop_command.is_none();
    service.no_new_privileges && uid != Uid::ROOT && !runs_nothing
}

/// Returns what to write so that no_new_privs keeps none of these from setuid programs.
pub(super) fn fix(kept: &[&ServiceName]) -> String {
    let is_main = |name: &&&ServiceName| name.as_str() == ServiceName::MAIN;
    let main = kept.iter().find(is_main).map(|_| "remove the main command".to_owned());
    let others: Vec<String> = kept.iter().filter(|name| !is_main(name)).map(|name| format!("`{name}`")).collect();
    let others = (!others.is_empty())
        .then(|| format!("write `no_new_privileges = false` for {}", suggest::list(others.iter().map(String::as_str))));
    main.into_iter().chain(others).collect::<Vec<_>>().join(" and ")
}

impl BootPlan {
    /// Returns the services that have more rights than another one that is not root: they run as another user than the app user,
    /// or without the no_new_privs of that other one.
    pub fn with_more_than_another(&self, config: &Config) -> BTreeSet<ServiceName> {
        let run = self.services.iter().chain(&self.main).filter(|plan| plan.skipped.is_none());
        let users: BTreeMap<&ServiceName, Uid> = run.map(|plan| (&plan.name, plan.credentials.uid)).collect();
        let main = config.main_service();
        let all = config.services.iter().chain(&main);
        let all: Vec<_> = all.filter_map(|service| Some((service, *users.get(&service.name)?))).collect();
        let can_switch = match self.privilege.drop {
            DropLevel::ToApp | DropLevel::StayRoot => self.identity.uid != Uid::ROOT,
            DropLevel::AlreadyUser | DropLevel::LimitedRoot => false,
        };
        let is_another_kept = can_switch && all.iter().any(|(service, uid)| is_kept_from_setuid(service, *uid));
        let has_more =
            |service: &Service, uid| uid != self.identity.uid || is_another_kept && !service.no_new_privileges;
        all.iter().filter(|(service, uid)| has_more(service, *uid)).map(|(service, _)| service.name.clone()).collect()
    }
}
