//! `s6-setuidgid`, `s6-envuidgid`, `s6-applyuidgid`: becoming another user in a chain. Accounts are looked up in the account
//! files, as everywhere here. Who cannot change and is that user already, or runs in a container that is one user's, is left
//! so: under `--user` the same scripts run.

use nix::errno::Errno;
use nix::sys::stat::stat;
use nix::unistd::{self, getegid, geteuid, setgid, setgroups, setuid};

use crate::config::values::{Gid, GroupName, Uid, UserName};
use crate::control::locate;
use crate::inspect::facts::account_bytes;
use crate::plan::accounts::{group as group_file, passwd};
use crate::plan::facts::AccountFile;
use crate::s6_commands::call::{Call, CommandResult, number};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::s6_commands::notice::{self, IdsStay};
use crate::text::shown_bytes;

const APPLY: &str = "s6-applyuidgid";
const APPLY_SYNOPSIS: &str = "s6-applyuidgid [ -z ] [ -u uid ] [ -g gid ] [ -G gidlist ] [ -U ] prog...";
/// As the kernel calls it (overflowuid).
const NOBODY: u32 = 65_534;
const UID: &[u8] = b"UID";
const GID: &[u8] = b"GID";
const GIDLIST: &[u8] = b"GIDLIST";

/// The ids to take; what is missing is left as it is, and so is what is 0, as in the original.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ids {
    uid: Option<u32>,
    gid: Option<u32>,
    groups: Option<Vec<u32>>,
}

/// Executes a program as another user: an account, or `uid:gid` in numbers.
pub(super) fn s6_setuidgid(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-setuidgid username prog...";
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let user = call.argument(SYNOPSIS)?;
    if user.is_empty() {
        return call.exec();
    }
    let mut environment = call.environment.clone();
    let ids = match user.iter().position(|byte| *byte == b':') {
        Some(colon) => {
            let wrong = || Failure::usage(APPLY_SYNOPSIS).by(APPLY);
            let part = |text: &[u8]| number(text).ok_or_else(wrong).map(Some);
            Ids { uid: part(&user[..colon])?, gid: part(&user[colon + 1..])?, groups: Some(Vec::new()) }
        }
        None => {
            [UID, GID, GIDLIST].iter().for_each(|name| environment.unset(name));
            account(&user).ok_or_else(|| unknown("user", &user).by("s6-envuidgid"))?
        }
    };
    // The original has that program in the chain.
    apply(&call, &ids).and_then(|()| call.exec_with(&environment)).map_err(|failure| failure.by(APPLY))
}

/// Becomes an account, or 65534 where there is none of that name.
pub(super) fn become_account(call: &Call, name: &[u8]) -> Result<(), Failure> {
    let none = Ids { uid: Some(NOBODY), gid: Some(NOBODY), groups: Some(Vec::new()) };
    apply(call, &account(name).unwrap_or(none))
}

/// Puts the ids of an account into the environment.
pub(super) fn s6_envuidgid(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str =
        "s6-envuidgid [ -i | -D defaultuid:defaultgid:defaultgidlist ] [ -u | -g | -B ] [ -n ] account prog...";
    let wrong = || Failure::usage(SYNOPSIS);
    let (mut wants, mut takes_numbers, mut default) = (Wants::Account, false, None);
    for (letter, value) in call.options("ugBniD:", SYNOPSIS)? {
        match letter {
            b'u' => wants = Wants::User,
            b'g' => wants = Wants::Group,
            b'B' => wants = Wants::Both,
            b'n' => {
                takes_numbers = true;
                wants = if wants == Wants::Account { Wants::Both } else { wants };
            }
            b'D' => default = Some(defaults(&value).ok_or_else(wrong)?),
            // `-i`: what happens without a default.
            _ => default = None,
        }
    }
    if call.arguments.len() < 2 {
        return Err(wrong());
    }
    let account_word = call.argument(SYNOPSIS)?;
    let (user, group) = match wants {
        Wants::Account | Wants::User => (Some(account_word.as_slice()), None),
        Wants::Group => (None, Some(account_word.as_slice())),
        Wants::Both => match account_word.iter().position(|byte| *byte == b':') {
            None => (Some(account_word.as_slice()), None),
            Some(colon) => {
                let filled = |word| if <[u8]>::is_empty(word) { None } else { Some(word) };
                (filled(&account_word[..colon]), filled(&account_word[colon + 1..]))
            }
        },
    };
    let mut ids = default.clone().unwrap_or_default();
    if let Some(word) = group {
        match group_id(word).or_else(|| number(word).filter(|_| takes_numbers)) {
            gid @ Some(_) => ids.gid = gid,
            None if default.is_none() => {
                return Err(unknown("group", word));
            }
            None => {}
        }
    }
    if let Some(word) = user {
        match (account(word), number(word).filter(|_| takes_numbers)) {
            (Some(found), _) if wants == Wants::Account => ids = found,
            (Some(found), _) => ids.uid = found.uid,
            (None, uid @ Some(_)) => ids.uid = uid,
            (None, None) if default.is_none() => {
                return Err(unknown("user", word));
            }
            (None, None) => {}
        }
    }
    let mut environment = call.environment.clone();
    if wants != Wants::Group {
        environment.set(UID, ids.uid.unwrap_or_default().to_string().as_bytes());
    }
    if wants != Wants::User {
        environment.set(GID, ids.gid.unwrap_or_default().to_string().as_bytes());
    }
    if wants == Wants::Account {
        let list: Vec<String> = ids.groups.unwrap_or_default().iter().map(u32::to_string).collect();
        environment.set(GIDLIST, list.join(",").as_bytes());
    }
    call.exec_with(&environment)
}

/// The failure of a name that the account files do not have.
pub(super) fn unknown(what: &str, name: &[u8]) -> Failure {
    Failure::fatal(1, format!("unknown {what}: {}", shown_bytes(name)))
}

/// What s6-envuidgid looks up.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Account,
    User,
    Group,
    /// `user:group`
    Both,
}

/// Takes ids from its options or from the environment.
pub(super) fn s6_applyuidgid(mut call: Call) -> CommandResult {
    let wrong = || Failure::usage(APPLY_SYNOPSIS);
    let mut ids = Ids::default();
    let mut removes = false;
    for (letter, value) in call.options("zUu:g:G:", APPLY_SYNOPSIS)? {
        match letter {
            b'z' => removes = true,
            b'u' => ids.uid = Some(number(&value).ok_or_else(wrong)?),
            b'g' => ids.gid = Some(number(&value).ok_or_else(wrong)?),
            b'G' => ids.groups = Some(list(&value).ok_or_else(wrong)?),
            _ => ids = from_environment(&call.environment)?,
        }
    }
    if call.arguments.is_empty() {
        return Err(wrong());
    }
    apply(&call, &ids)?;
    let mut environment = call.environment.clone();
    if removes {
        [UID, GID, GIDLIST].iter().for_each(|name| environment.unset(name));
    }
    call.exec_with(&environment)
}

fn from_environment(environment: &Environment) -> Result<Ids, Failure> {
    let value =
        |name: &[u8]| environment.get(name).ok_or_else(|| Failure::wrong(format!("{} not set", shown_bytes(name))));
    let invalid = |name: &[u8]| Failure::wrong(format!("invalid ${}", shown_bytes(name)));
    Ok(Ids {
        uid: Some(number(value(UID)?).ok_or_else(|| invalid(UID))?),
        gid: Some(number(value(GID)?).ok_or_else(|| invalid(GID))?),
        groups: Some(list(value(GIDLIST)?).ok_or_else(|| invalid(GIDLIST))?),
    })
}

/// What a change of ids changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Groups,
    Gid,
    Uid,
}

/// Changes the ids, or leaves them if they cannot be changed and are ours, or those of the whole container (`--user`,
/// `drop = "app"`): its scripts call this for each service.
fn apply(call: &Call, ids: &Ids) -> Result<(), Failure> {
    match change(ids) {
        // Nothing is gained: these are the rights that we have.
        Err((_, Errno::EPERM)) if is_already(ids) => {
            notice::ids_stay(call.name, IdsStay::AlreadyThatUser);
            Ok(())
        }
        // The first change: none is done by half.
        Err((Change::Groups, Errno::EPERM)) if is_users_container() => {
            notice::ids_stay(call.name, IdsStay::WholeContainer);
            Ok(())
        }
        Err((Change::Groups, errno)) => Err(Failure::unable("set supplementary group list", errno)),
        Err((Change::Gid, errno)) => Err(Failure::unable("setgid", errno)),
        Err((Change::Uid, errno)) => Err(Failure::unable("setuid", errno)),
        Ok(()) => Ok(()),
    }
}

/// Whether PID 1 itself runs as our user, the owner of its runtime directory: no program here can be another one.
fn is_users_container() -> bool {
    let owner = locate::runtime_directory().and_then(|runtime| stat(&runtime).ok()).map(|seen| seen.st_uid);
    let ours = geteuid();
    !ours.is_root() && owner == Some(ours.as_raw())
}

/// Groups, then gid, then uid: each needs a privilege that the next one drops.
fn change(ids: &Ids) -> Result<(), (Change, Errno)> {
    let raw = unistd::Gid::from_raw;
    let gid = ids.gid.filter(|gid| *gid != 0).map(raw);
    if let Some(groups) = &ids.groups {
        // The primary group is one of them, as setgroups_and_gid() of skalibs has it.
        let primary = gid.unwrap_or_else(getegid);
        let mut all = vec![primary];
        all.extend(groups.iter().map(|gid| raw(*gid)).filter(|gid| *gid != primary));
        setgroups(&all).map_err(|errno| (Change::Groups, errno))?;
    }
    if let Some(gid) = gid {
        setgid(gid).map_err(|errno| (Change::Gid, errno))?;
    }
    if let Some(uid) = ids.uid.filter(|uid| *uid != 0) {
        setuid(unistd::Uid::from_raw(uid)).map_err(|errno| (Change::Uid, errno))?;
    }
    Ok(())
}

/// Whether the user that is asked for is ours; without one, the group.
fn is_already(ids: &Ids) -> bool {
    match (ids.uid, ids.gid) {
        (Some(uid), _) => uid == geteuid().as_raw(),
        (None, Some(gid)) => gid == getegid().as_raw(),
        (None, None) => false,
    }
}

/// Looks an account up.
fn account(name: &[u8]) -> Option<Ids> {
    let name = UserName::new(std::str::from_utf8(name).ok()?)?;
    let found = passwd::by_name(&account_bytes(AccountFile::Passwd), &name)?;
    let groups = group_file::memberships(&account_bytes(AccountFile::Group), name.as_str());
    let (Uid(uid), Gid(gid)) = (found.uid, found.gid);
    Some(Ids { uid: Some(uid), gid: Some(gid), groups: Some(groups.into_iter().map(|gid| gid.0).collect()) })
}

/// Returns the uid and the gid of an account.
pub(super) fn ids_of_account(name: &[u8]) -> Option<(u32, u32)> {
    let found = account(name)?;
    Some((found.uid?, found.gid?))
}

/// Returns the uid of an account or of a number.
pub(super) fn user(word: &[u8]) -> Option<u32> {
    account(word).and_then(|found| found.uid).or_else(|| number(word))
}

/// Returns the gid of a group or of a number.
pub(super) fn group(word: &[u8]) -> Option<u32> {
    group_id(word).or_else(|| number(word))
}

fn group_id(name: &[u8]) -> Option<u32> {
    let name = GroupName::new(std::str::from_utf8(name).ok()?)?;
    group_file::by_name(&account_bytes(AccountFile::Group), &name).map(|gid| gid.0)
}

/// A list of ids with commas between them.
fn list(text: &[u8]) -> Option<Vec<u32>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    text.split(|byte| *byte == b',').map(number).collect()
}

/// `uid:gid:gid,gid`; each part may be empty or missing.
fn defaults(text: &[u8]) -> Option<Ids> {
    let mut parts = text.splitn(3, |byte| *byte == b':');
    let id = |part: Option<&[u8]>| match part {
        None | Some([]) => Some(Some(0)),
        Some(part) => number(part).map(Some),
    };
    let (uid, gid) = (id(parts.next())?, id(parts.next())?);
    Some(Ids { uid, gid, groups: Some(list(parts.next().unwrap_or_default())?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_may_leave_parts_out() {
        let ids =
            |uid, gid, groups: &[u32]| Some(Ids { uid: Some(uid), gid: Some(gid), groups: Some(groups.to_vec()) });
        assert_eq!(defaults(b"1:2:3,4"), ids(1, 2, &[3, 4]));
        assert_eq!(defaults(b"65534:65534"), ids(65_534, 65_534, &[]));
        assert_eq!(defaults(b"7"), ids(7, 0, &[]));
        assert_eq!(defaults(b":5"), ids(0, 5, &[]));
        for wrong in ["a", "1:b", "1:2:c", "1:2:3,"] {
            assert_eq!(defaults(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
