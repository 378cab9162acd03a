//! The steps before *prepare*, each with its verdict (DESIGN §3, step 4): one file for each kind. Must not know services.

pub(super) mod accounts;
mod directories;
mod own;
mod runtime;
mod stdio;

use super::Decision;
use super::Identity;
use super::Owner;
use super::Planned;
use super::Skipped;
use super::Step;
use super::facts::{Facts, PathFact, PathKind};
use super::fix::Fix;
use super::identity::ranges;
use super::notes::Notes;
use super::runs_as::{Resolver, SwitchAbility};
use crate::config::Config;
use crate::config::container::UserRef;
use crate::config::service::GroupRef;
use crate::config::values::{CapSet, Capability};
use crate::error::Place;

/// Everything that steps stand on.
pub(super) struct PlanInputs<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub identity: &'a Identity,
    pub resolver: &'a Resolver<'a>,
    /// The account files as they shall be; `None` where they stay as they are.
    pub accounts: Option<&'a accounts::Files>,
}

/// Returns every step, in the order of [`super::story()`].
pub(super) fn plan(ground: &PlanInputs<'_>, notes: &mut Notes) -> Vec<Planned> {
    let mut steps = Vec::new();
    if !ground.facts.pid_one {
        steps.push(Planned { step: Step::BecomeSubreaper, verdict: Decision::Do });
    }
    steps.extend(ground.accounts.iter().flat_map(|files| files.steps(ground)));
    steps.push(runtime::step(ground));
    steps.extend(directories::steps(ground, notes));
    steps.extend(own::steps(ground, notes));
    steps.extend(stdio::steps(ground));
    steps
}

impl PlanInputs<'_> {
    fn standing(&self) -> SwitchAbility {
        self.resolver.standing
    }

    fn has(&self, capability: Capability) -> bool {
        self.facts.effective.has(capability)
    }

    /// Returns the owner that is declared; names that lead nowhere are problems, except where no owner can be changed.
    fn owner(&self, user: Option<&UserRef>, group: Option<&GroupRef>, at: &Place, notes: &mut Notes) -> Owner {
        let (uid, users_gid) = match user {
            None => (self.identity.uid, self.identity.gid),
            Some(UserRef::Id(uid)) => {
                let account = super::accounts::passwd::by_uid(&self.resolver.names.passwd, *uid);
                (*uid, account.map_or(self.identity.gid, |account| account.gid))
            }
            Some(UserRef::Name(name)) => self.resolver.user(name).unwrap_or_else(|| {
                let what = format!("`user = \"{name}\"`: there is no such account in /etc/passwd");
                self.unknown(at, what, notes);
                (self.identity.uid, self.identity.gid)
            }),
        };
        let gid = match group {
            None => users_gid,
            Some(GroupRef::Id(gid)) => *gid,
            Some(GroupRef::Name(name)) => self.resolver.group(name).unwrap_or_else(|| {
                let what = format!("`group = \"{name}\"`: there is no such group in /etc/group");
                self.unknown(at, what, notes);
                self.identity.gid
            }),
        };
        let ids = [("uid", uid.0, &self.facts.uid_map), ("gid", gid.0, &self.facts.gid_map)];
        for (word, id, map) in ids.iter().filter(|(_, id, map)| map.outside(*id).is_none()) {
            let mapped = ranges(map);
            self.unknown(at, format!("{word} {id} is not mapped in this user namespace (mapped: {mapped})"), notes);
        }
        Owner { uid, gid }
    }

    fn unknown(&self, at: &Place, what: String, notes: &mut Notes) {
        match self.standing() {
            SwitchAbility::Root => {
                notes.problem(at, what, "create it in the image, or write a number that exists here")
            }
            SwitchAbility::Powerless | SwitchAbility::User => {}
        }
    }
}

/// Returns what a path's owner and mode are in words: `0:0 0755`.
fn as_found(fact: &PathFact) -> String {
    match fact {
        PathFact::Found { uid, gid, mode, .. } => format!("{uid}:{gid} {mode:04o}"),
        PathFact::Missing(_) => "missing".to_owned(),
        PathFact::Unknown(_) => "out of reach".to_owned(),
    }
}

fn kind_word(kind: PathKind) -> &'static str {
    match kind {
        PathKind::File => "a file",
        PathKind::Directory => "a directory",
        PathKind::Link => "a symbolic link",
        PathKind::Other => "a device, FIFO or socket",
    }
}

fn skip(cause: impl Into<String>, consequence: impl Into<String>, fix: impl Into<Fix>) -> Decision {
    Decision::Skip(Skipped { cause: cause.into(), consequence: consequence.into(), fix: fix.into() })
}

fn cap_fix(capability: Capability) -> Fix {
    Fix::capabilities(CapSet::EMPTY.with(capability))
}
