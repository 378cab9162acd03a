//! The user of each service: names to ids, and what happens to services of other users if the user cannot be changed. Must
//! not know capabilities or programs.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::accounts::{group, passwd};
use super::facts::Facts;
use super::finding::{Area, Issue};
use super::fix::Fix;
use super::identity::ranges;
use super::notes::{Notes, S6_OVERLAY};
use super::switch::{self, PlannedAccounts, RunsAs, SwitchAbility};
use super::{Identity, groups, home, printable};
use crate::config::service::{GroupRef, RunAs, Service, WithoutRoot};
use crate::config::values::{Gid, GroupName, Uid, UserName};

/// Resolves the users of services.
pub(super) struct UserResolver<'a> {
    /// The machine.
    pub facts: &'a Facts,
    /// The app user.
    pub identity: &'a Identity,
    /// The account files.
    pub names: &'a PlannedAccounts,
    /// Whether we can change user.
    pub switch_ability: SwitchAbility,
}

impl UserResolver<'_> {
    /// Returns the user of the service.
    pub(super) fn service(&self, service: &Service, notes: &mut Notes) -> RunsAs {
        let Some(requested) = self.configured(service, notes) else { return RunsAs::app(self.identity) };
        match self.switch_ability {
            SwitchAbility::Root => requested,
            SwitchAbility::LimitedRoot | SwitchAbility::User => self.without_switch(service, requested, notes),
        }
    }

    /// Returns the uid of a name; the app's own also if it is in no file.
    pub(super) fn user(&self, name: &UserName) -> Option<(Uid, Gid)> {
        if self.is_app(name) {
            return Some((self.identity.uid, self.identity.gid));
        }
        passwd::by_name(&self.names.passwd, name).map(|account| (account.uid, account.gid))
    }

    /// Returns the gid of a name; the app's own also if it is in no file.
    pub(super) fn group(&self, name: &GroupName) -> Option<Gid> {
        if self.names.app.as_ref().is_some_and(|(_, app)| app == name) && self.switch_ability == SwitchAbility::Root {
            return group::by_name(&self.names.group, name).or(Some(self.identity.gid));
        }
        group::by_name(&self.names.group, name)
    }

    fn is_app(&self, name: &UserName) -> bool {
        self.names.app.as_ref().is_some_and(|(app, _)| app == name)
    }

    fn configured(&self, service: &Service, notes: &mut Notes) -> Option<RunsAs> {
        let mut runs = match &service.user {
            RunAs::App => RunsAs::app(self.identity),
            RunAs::Account(name) if self.is_app(name) => RunsAs::app(self.identity),
            RunAs::Root => self.root(),
            RunAs::Account(name) => {
                let Some(account) = passwd::by_name(&self.names.passwd, name) else {
                    notes.problem_of(
                        &["user"],
                        &service.at,
                        format!("`user = \"{name}\"`: there is no such account in /etc/passwd"),
                        "create it in the image (`RUN useradd …`), or write `user = \"uid:gid\"`",
                    );
                    return None;
                };
                let groups = groups::of_account(self.facts, &self.names.group, name, account.gid);
                let groups = (account.uid != Uid::ROOT).then_some(groups);
                let home = home::of_other(self.facts, account.home);
                RunsAs { uid: account.uid, gid: account.gid, groups, home, user: account.name, skipped: None }
            }
            RunAs::Ids(uid, gid) => {
                let account = passwd::by_uid(&self.names.passwd, *uid);
                let (user, home) = account.map_or((uid.to_string(), PathBuf::from("/")), |it| (it.name, it.home));
                let home = home::of_other(self.facts, home);
                RunsAs { uid: *uid, gid: *gid, groups: Some(vec![*gid]), home, user, skipped: None }
            }
        };
        if let Some(wanted) = &service.groups {
            runs.groups = Some(self.explicit(service, wanted, runs.gid, notes));
        }
        if self.switch_ability == SwitchAbility::Root {
            self.check_mapped(service, &runs, notes);
        }
        Some(runs)
    }

    fn root(&self) -> RunsAs {
        let account = passwd::by_uid(&self.names.passwd, Uid::ROOT);
        let (user, home) = account.map_or(("root".to_owned(), PathBuf::from("/root")), |it| (it.name, it.home));
        let home = if home.as_os_str().is_empty() { PathBuf::from("/") } else { home };
        RunsAs { uid: Uid::ROOT, gid: Gid::ROOT, groups: None, home, user, skipped: None }
    }

    fn explicit(&self, service: &Service, wanted: &[GroupRef], gid: Gid, notes: &mut Notes) -> Vec<Gid> {
        let mut all = BTreeSet::from([gid]);
        for group in wanted {
            match group {
                GroupRef::Id(gid) => all.extend([*gid]),
                GroupRef::Name(name) => match self.group(name) {
                    Some(gid) => all.extend([gid]),
                    None => notes.problem_of(
                        &["groups"],
                        &service.at,
                        format!("`groups`: there is no group `{name}` in /etc/group"),
                        "create it in the image or write its number",
                    ),
                },
            }
        }
        all.into_iter().collect()
    }

    fn check_mapped(&self, service: &Service, runs: &RunsAs, notes: &mut Notes) {
        let lost = |what: &str, id: u32, map| {
            let (name, mapped) = (&service.name, ranges(map));
            let lost = format!("{what} {id} of `{name}` is not mapped in this user namespace (mapped: {mapped})");
            (lost, format!("choose a {what} of that range, or map more (/etc/sub{what})"))
        };
        if self.facts.uid_map.outside(runs.uid.0).is_none() {
            let (what, fix) = lost("uid", runs.uid.0, &self.facts.uid_map);
            notes.problem_of(&["user"], &service.at, what, fix);
        }
        let gids = runs.groups.iter().flatten().chain([&runs.gid]);
        if let Some(gid) = gids.into_iter().find(|gid| self.facts.gid_map.outside(gid.0).is_none()) {
            let (what, fix) = lost("gid", gid.0, &self.facts.gid_map);
            notes.problem_of(&["groups", "user"], &service.at, what, fix);
        }
    }

    /// The user cannot be changed here: `without_root` says what happens to a service that is configured for another.
    fn without_switch(&self, service: &Service, requested: RunsAs, notes: &mut Notes) -> RunsAs {
        let (name, current) = (&service.name, format!("{}:{}", self.facts.uid, self.facts.gid));
        let mut runs = RunsAs::app(self.identity);
        if requested.uid == self.facts.uid {
            if service.groups.is_some() {
                notes.notice(format!("`{name}` keeps the groups of PID 1: its own `groups` need root"));
            }
            return runs;
        }
        let user = if requested.uid == Uid::ROOT {
            "root".to_owned()
        } else {
            format!("{} ({})", requested.user, requested.uid)
        };
        let fix = match self.switch_ability {
            SwitchAbility::Root | SwitchAbility::User => {
                Fix::text("start the container as root: without `user:` and `--user`")
            }
            SwitchAbility::LimitedRoot => Fix::capabilities(switch::needed()),
        };
        match service.without_root {
            // An image may have dozens of them: once for all.
            WithoutRoot::Run if service.s6.is_some() => {
                let cause = "made to run as root, but this container cannot change user";
                let issue = Issue::new(cause, format!("all of it runs as {current}, its scripts too"), fix);
                notes.degraded(Area::Service, S6_OVERLAY, issue);
            }
            WithoutRoot::Run => {
                let cause = format!("configured to run as {user}, but this container cannot change user");
                let issue = Issue::new(cause, format!("it runs as {current}"), fix);
                notes.degraded(Area::Service, printable::subject(service), issue);
            }
            WithoutRoot::Skip => {
                runs.skipped = Some(Issue::new(
                    format!("`{name}` needs {user} and this container runs as {current}"),
                    format!("`{name}` is skipped, and what requires it cannot start"),
                    fix,
                ));
            }
            WithoutRoot::Fail => {
                let cause = format!("it needs {user} and this container runs as {current}");
                notes.refuse(format!("cannot start `{name}` ({})", service.at), cause, fix);
            }
        }
        runs
    }
}
