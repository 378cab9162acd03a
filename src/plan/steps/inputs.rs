//! [`PlanInputs`]: the inputs of the steps, and functions that several of them use. Must not know a particular step.

use crate::config::Config;
use crate::config::container::UserRef;
use crate::config::values::{CapSet, Capability, GroupRef};
use crate::error::Place;
use crate::plan::accounts::passwd;
use crate::plan::boot_plan::{Decision, Identity};
use crate::plan::facts::{Facts, PathFact, PathKind};
use crate::plan::finding::Issue;
use crate::plan::fix::Fix;
use crate::plan::identity::ranges;
use crate::plan::notes::Notes;
use crate::plan::owner::Owner;
use crate::plan::runs_as::UserResolver;
use crate::plan::switch::SwitchAbility;
use crate::plan::trust_check::TrustCheck;

/// The inputs of the steps.
pub(in crate::plan) struct PlanInputs<'a> {
    pub config: &'a Config,
    pub facts: &'a Facts,
    pub identity: &'a Identity,
    pub resolver: &'a UserResolver<'a>,
    pub trust: &'a TrustCheck<'a>,
}

impl PlanInputs<'_> {
    pub(super) fn switch_ability(&self) -> SwitchAbility {
        self.resolver.switch_ability
    }

    pub(super) fn has(&self, capability: Capability) -> bool {
        self.facts.effective.has(capability)
    }

    /// Returns the declared owner; unknown names are problems, unless no owner can be changed.
    pub(super) fn owner(
        &self,
        user: Option<&UserRef>,
        group: Option<&GroupRef>,
        at: &Place,
        notes: &mut Notes,
    ) -> Owner {
        let (uid, users_gid) = match user {
            None => (self.identity.uid, self.identity.gid),
            Some(UserRef::Id(uid)) => {
                let account = passwd::by_uid(&self.resolver.names.passwd, *uid);
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

    /// Returns whether these are in the account files, as far as they are names.
    pub(super) fn knows(&self, user: Option<&UserRef>, group: Option<&GroupRef>) -> bool {
        let user = match user {
            Some(UserRef::Name(name)) => self.resolver.user(name).is_some(),
            Some(UserRef::Id(_)) | None => true,
        };
        let group = match group {
            Some(GroupRef::Name(name)) => self.resolver.group(name).is_some(),
            Some(GroupRef::Id(_)) | None => true,
        };
        user && group
    }

    fn unknown(&self, at: &Place, what: String, notes: &mut Notes) {
        match self.switch_ability() {
            SwitchAbility::Root => {
                notes.problem(at, what, "create it in the image, or write a number that exists here")
            }
            SwitchAbility::LimitedRoot | SwitchAbility::User => {}
        }
    }
}

/// Returns a path's owner and mode in words: `0:0 0755`.
pub(super) fn as_found(fact: &PathFact) -> String {
    match fact {
        PathFact::Found { uid, gid, mode, .. } => format!("{uid}:{gid} {mode:04o}"),
        PathFact::Missing(_) => "missing".to_owned(),
        PathFact::Unknown(_) => "out of reach".to_owned(),
    }
}

pub(super) fn kind_word(kind: PathKind) -> &'static str {
    match kind {
        PathKind::File => "a file",
        PathKind::Directory => "a directory",
        PathKind::Link => "a symbolic link",
        PathKind::Other => "a device, FIFO or socket",
    }
}

pub(super) fn skip(cause: impl Into<String>, consequence: impl Into<String>, fix: impl Into<Fix>) -> Decision {
    Decision::Skip(Issue::new(cause, consequence, fix))
}

/// Returns that a step is skipped because a capability is missing.
pub(super) fn lacking(capability: Capability, consequence: impl Into<String>, fix: Fix) -> Decision {
    Decision::Skip(Issue::lacking(capability, consequence, fix))
}

pub(super) fn cap_fix(capability: Capability) -> Fix {
    Fix::capabilities(CapSet::EMPTY.with(capability))
}
