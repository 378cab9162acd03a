//! The account files: their wanted contents, and whether they can be written. Must not know their format.

use super::inputs::{PlanInputs, cap_fix, skip};
use crate::config::container::App;
use crate::config::service::GroupRef;
use crate::config::values::{Capability, Uid, UserName};
use crate::plan::accounts::{Rewrite, group, passwd, shadow};
use crate::plan::facts::{Access, AccountFile, AccountState, Facts, IdMap};
use crate::plan::fix::Fix;
use crate::plan::groups::bytes;
use crate::plan::identity::DropTarget;
use crate::plan::notes::Notes;
use crate::plan::switch::{PlannedAccounts, SwitchAbility};
use crate::plan::{AccountWrite, Decision, Identity, PlannedStep, Step};
use crate::text::shown;

/// The wanted account files, in the order in which they are written.
pub(in crate::plan) struct AccountFiles(Vec<(AccountFile, Rewrite)>, AccountWrite);

impl AccountFiles {
    /// Returns the files for a drop: the account, its group, its memberships, and locked shadow lines.
    pub(in crate::plan) fn for_root(app: &App, target: &DropTarget, facts: &Facts, notes: &mut Notes) -> Self {
        let identity = &target.identity;
        let wanted = passwd::DesiredAccount {
            user: &app.user,
            uid: identity.uid,
            gid: identity.gid,
            // A new line gets the services' values; an old one keeps the image's.
            home: app.home.as_deref().or(target.is_new.then_some(identity.home.as_path())),
            shell: app.shell.as_deref(),
        };
        let mut files = Vec::new();
        for file in AccountFile::ALL {
            let state = facts.accounts.get(&file);
            let old = bytes(facts, file);
            let rewrite = match file {
                AccountFile::Group => {
                    let own = if target.own_group {
                        group::rewrite(old, &app.group, identity.gid)
                    } else {
                        Rewrite::nothing(old)
                    };
                    if let Some(other) = &own.shared_with {
                        let first = will_contain(&own, file, facts);
                        notes.notice(clash("gid", identity.gid.0, other, first.then_some(app.group.as_str())));
                    }
                    joined(own, app)
                }
                AccountFile::Passwd => {
                    let rewrite = passwd::rewrite(old, &wanted);
                    if let Some(other) = &rewrite.shared_with {
                        let first = will_contain(&rewrite, file, facts);
                        notes.notice(clash("uid", identity.uid.0, other, first.then_some(app.user.as_str())));
                    }
                    rewrite
                }
                AccountFile::Shadow if is_there(state) => shadow::lock_user(old, &app.user),
                AccountFile::Gshadow if is_there(state) && target.own_group => {
                    joined(shadow::lock_group(old, &app.group), app)
                }
                AccountFile::Gshadow if is_there(state) => joined(Rewrite::nothing(old), app),
                AccountFile::Shadow | AccountFile::Gshadow => continue,
            };
            files.push((file, rewrite));
        }
        Self(files, AccountWrite::Replace)
    }

    /// Returns the passwd line for our own uid, if it has none (OpenShift).
    pub(in crate::plan) fn for_unknown(app: &App, identity: &Identity, facts: &Facts) -> Self {
        let named = UserName::new(&identity.name);
        let wanted = passwd::DesiredAccount {
            user: named.as_ref().unwrap_or(&app.user),
            uid: identity.uid,
            gid: identity.gid,
            home: Some(&identity.home),
            shell: app.shell.as_deref(),
        };
        let old = bytes(facts, AccountFile::Passwd);
        let is_a_file = matches!(facts.accounts.get(&AccountFile::Passwd), Some(AccountState::File(_)));
        if facts.passwd_appendable && is_a_file {
            return Self(vec![(AccountFile::Passwd, passwd::append(old, &wanted))], AccountWrite::Append);
        }
        Self(vec![(AccountFile::Passwd, passwd::rewrite(old, &wanted))], AccountWrite::Replace)
    }

    /// Returns the names as they will be, whether they can be written or not.
    pub(in crate::plan) fn names(&self, facts: &Facts) -> PlannedAccounts {
        let get = |wanted| match self.0.iter().find(|(file, _)| *file == wanted) {
            Some((_, rewrite)) => rewrite.contents.clone(),
            None => bytes(facts, wanted).to_vec(),
        };
        PlannedAccounts { passwd: get(AccountFile::Passwd), group: get(AccountFile::Group), app: None }
    }

    /// Returns a step for each file.
    pub(super) fn steps(&self, inputs: &PlanInputs<'_>) -> Vec<PlannedStep> {
        self.0.iter().map(|(file, rewrite)| step(*file, rewrite, self.1, inputs)).collect()
    }
}

fn step(file: AccountFile, rewrite: &Rewrite, how: AccountWrite, inputs: &PlanInputs<'_>) -> PlannedStep {
    let decision = if rewrite.contents == bytes(inputs.facts, file) && !rewrite.contents.is_empty() {
        Decision::AlreadyDone("already right".to_owned())
    } else {
        match how {
            AccountWrite::Append => Decision::Perform,
            AccountWrite::Replace => decision(file, rewrite, inputs),
        }
    };
    let (contents, changes) = (rewrite.contents.clone(), rewrite.changes.clone());
    PlannedStep { step: Step::WriteAccounts { file, contents, changes, how }, decision }
}

fn decision(file: AccountFile, rewrite: &Rewrite, inputs: &PlanInputs<'_>) -> Decision {
    let path = file.path();
    let Identity { name, uid, gid, .. } = inputs.identity;
    let consequence = match inputs.switch_ability() {
        SwitchAbility::User => format!("uid {uid} has no name; HOME, USER and LOGNAME are set"),
        SwitchAbility::Root | SwitchAbility::LimitedRoot => {
            format!("the app is {uid}:{gid} by number; HOME, USER and LOGNAME are set")
        }
    };
    let known = passwd::by_uid(bytes(inputs.facts, AccountFile::Passwd), *uid);
    let in_image = match known.is_some_and(|account| account.name == *name && account.gid == *gid) {
        // It is that already: what is left are other fields, or another file.
        true => format!("have it in the image: {}", rewrite.changes.join(", ")),
        false => format!("make `{name}` {uid}:{gid} in the image"),
    };
    let state = inputs.facts.accounts.get(&file).unwrap_or(&AccountState::Missing);
    let (cause, fix) = match (state, inputs.facts.etc) {
        (AccountState::Fixed(_, why), _) => {
            (format!("{path} is {why}"), format!("remove the mount of {path}, or {in_image}").into())
        }
        (AccountState::Unfit(why), _) => {
            (format!("{path} is {why}"), format!("put a regular file there, or {in_image}").into())
        }
        (AccountState::File(_) | AccountState::Missing, Access::Yes) => return Decision::Perform,
        (AccountState::File(_) | AccountState::Missing, Access::ReadOnly) => {
            ("/etc is read-only".to_owned(), format!("remove `read_only: true`, or {in_image}").into())
        }
        (AccountState::File(_) | AccountState::Missing, Access::Denied) => match inputs.switch_ability() {
            SwitchAbility::User => (format!("{uid}:{gid} cannot write /etc"), named_without_root(*uid)),
            // Capabilities apply only to files of mapped ids.
            SwitchAbility::Root | SwitchAbility::LimitedRoot
                if inputs.has(Capability::DAC_OVERRIDE) && inputs.facts.uid_map != IdMap::whole() =>
            {
                (
                    "the owner of /etc is not mapped in this user namespace".to_owned(),
                    Fix::text(format!("map the ids that own the image's files, or {in_image}")),
                )
            }
            SwitchAbility::Root | SwitchAbility::LimitedRoot => {
                ("root cannot write /etc".to_owned(), cap_fix(Capability::DAC_OVERRIDE))
            }
        },
        (AccountState::File(_) | AccountState::Missing, Access::Missing) => {
            ("there is no /etc".to_owned(), "`RUN mkdir /etc` in the Dockerfile".into())
        }
        (AccountState::File(_) | AccountState::Missing, Access::Unfit) => {
            ("/etc is not a directory".to_owned(), "fix the image".into())
        }
    };
    skip(cause, consequence, fix)
}

/// How to give a uid a name if /etc cannot be written: some programs need it and exit without it (initdb: "could not look up
/// effective user ID").
fn named_without_root(uid: Uid) -> Fix {
    Fix::text("start as a user of the image (`--user NAME`), or with `user: \"0\"` and PUID/PGID")
        .or(Fix::text(format!(
            "for programs that need the line: `RUN chgrp 0 /etc/passwd && chmod g+w /etc/passwd` in the Dockerfile, and \
             `--user {uid}:0`"
        )))
        .or(Fix::text(
            "with libnss_wrapper in the image, a copy of /etc/passwd that has the line, and for the service `environment = { \
             LD_PRELOAD = \"libnss_wrapper.so\", NSS_WRAPPER_PASSWD = \"/tmp/passwd\", NSS_WRAPPER_GROUP = \"/etc/group\" }`",
        ))
}

fn is_there(state: Option<&AccountState>) -> bool {
    match state {
        Some(AccountState::File(_) | AccountState::Fixed(..)) => true,
        Some(AccountState::Missing | AccountState::Unfit(_)) | None => false,
    }
}

/// The declared groups by name; the app's own group needs no member line.
fn joined(mut so_far: Rewrite, app: &App) -> Rewrite {
    for wanted in &app.groups {
        match wanted {
            GroupRef::Name(name) if *name != app.group => {
                let next = group::join(&so_far.contents, name, &app.user);
                so_far.contents = next.contents;
                so_far.changes.extend(next.changes);
            }
            GroupRef::Name(_) | GroupRef::Id(_) => {}
        }
    }
    so_far
}

/// Whether the file will contain these lines: it does already, or it can be written.
fn will_contain(rewrite: &Rewrite, file: AccountFile, facts: &Facts) -> bool {
    let writable = match facts.accounts.get(&file) {
        Some(AccountState::File(_) | AccountState::Missing) | None => facts.etc == Access::Yes,
        Some(AccountState::Fixed(..) | AccountState::Unfit(_)) => false,
    };
    writable || rewrite.contents == bytes(facts, file)
}

/// Describes which name a lookup by id returns; `ours` only if our line will be before the other.
fn clash(word: &str, id: u32, other: &str, ours: Option<&str>) -> String {
    let other = shown(&other);
    match ours {
        Some(ours) if id != 0 => format!("{word} {id} also belongs to `{other}`: looking up the number gives `{ours}`"),
        Some(_) | None => format!("{word} {id} also belongs to `{other}`: looking up the number still gives `{other}`"),
    }
}
