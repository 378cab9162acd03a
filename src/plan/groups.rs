//! The supplementary groups of the app user (DESIGN §3.1). Must not know how the uid is chosen, nor privileges.
//!
//! They are its `/etc/group` memberships, the declared ones, the groups of declared devices and those that the runtime gave
//! PID 1 (`--group-add`). Root's own memberships in `/etc/group` are removed from the last: Docker gives them to every root
//! container (Alpine's root is in `disk`, `adm` and eight more), and the app must not get them by accident. Gid 0 is
//! included only if it is declared.

use std::collections::BTreeSet;

use super::accounts::{group, passwd};
use super::facts::{AccountFile, AccountState, Facts, PathFact, PathKind};
use super::finding::{Area, CauseKind, Issue};
use super::notes::Notes;
use super::notice::Restriction;
use crate::config::container::App;
use crate::config::service::GroupRef;
use crate::config::values::{Gid, Uid, UserName};

/// The gid that unmapped groups are shown as (`/proc/sys/kernel/overflowgid`).
const OVERFLOW: Gid = Gid(65534);

/// Returns the bytes of an account file; empty if they were not read.
pub(super) fn bytes(facts: &Facts, file: AccountFile) -> &[u8] {
    facts.accounts.get(&file).map_or(&[], AccountState::bytes)
}

/// Returns the app user's groups for a drop, sorted, including the primary one (CVE-2022-2989).
pub(super) fn of_app(app: &App, gid: Gid, facts: &Facts, notes: &mut Notes) -> Vec<Gid> {
    let file = bytes(facts, AccountFile::Group);
    let declared = declared(app, gid, file, notes);
    let wants_root_group = gid == Gid::ROOT || declared.contains(&Gid::ROOT);
    let members = group::memberships(file, app.user.as_str());
    if members.contains(&Gid::ROOT) && !wants_root_group {
        notes.notice(format!(
            "{} is a member of group 0 in /etc/group and does not join it; write `groups = [0]` under [app] if it should",
            app.user
        ));
    }
    let devices = devices(app, facts, wants_root_group, notes);
    let mut all: BTreeSet<Gid> = members.into_iter().chain(from_runtime(facts, file)).chain(devices).collect();
    all.remove(&Gid::ROOT);
    all.extend(declared);
    all.insert(gid);
    all.into_iter().filter(|gid| is_mapped(*gid, facts, notes)).collect()
}

/// Returns the groups that are declared, in the container file or by a device, and that a container without root lacks.
pub(super) fn lacking(app: &App, facts: &Facts) -> Vec<Gid> {
    let file = bytes(facts, AccountFile::Group);
    let mut quiet = Notes::default();
    let wanted = declared(app, facts.gid, file, &mut quiet).into_iter().chain(devices(app, facts, true, &mut quiet));
    let all: BTreeSet<Gid> = wanted.collect();
    all.into_iter().filter(|gid| *gid != facts.gid && *gid != Gid::ROOT && !facts.groups.contains(gid)).collect()
}

fn declared(app: &App, gid: Gid, file: &[u8], notes: &mut Notes) -> BTreeSet<Gid> {
    let mut gids = BTreeSet::new();
    for wanted in &app.groups {
        match wanted {
            GroupRef::Id(gid) => gids.extend([*gid]),
            GroupRef::Name(name) if *name == app.group => gids.extend([gid]),
            GroupRef::Name(name) => match group::by_name(file, name) {
                Some(gid) => gids.extend([gid]),
                None => notes.problem_of(
                    &["groups"],
                    &app.at,
                    format!("`groups`: there is no group `{name}` in /etc/group"),
                    "create it in the image or write its number",
                ),
            },
        }
    }
    gids
}

fn from_runtime(facts: &Facts, file: &[u8]) -> Vec<Gid> {
    let roots = passwd::by_uid(bytes(facts, AccountFile::Passwd), Uid::ROOT).map(|account| account.name);
    let mut by_image = group::memberships(file, "root");
    by_image.extend(roots.iter().flat_map(|name| group::memberships(file, name)));
    facts.groups.iter().copied().filter(|gid| !by_image.contains(gid)).collect()
}

/// A declared directory (`/dev/dri`) means every device in it that the facts contain.
fn devices(app: &App, facts: &Facts, zero_is_fine: bool, notes: &mut Notes) -> BTreeSet<Gid> {
    let mut gids = BTreeSet::new();
    for declared in &app.device_groups {
        for (path, fact) in facts.paths.range(declared.clone()..).take_while(|(path, _)| path.starts_with(declared)) {
            let PathFact::Found { kind, gid, .. } = fact else { continue };
            if *kind == PathKind::Directory && path == declared && *gid == Gid::ROOT {
                continue;
            }
            if *gid == Gid::ROOT && !zero_is_fine {
                // `doctor` checks whether it can still be used; likewise below.
                notes.checked_elsewhere(Restriction::DeviceOfGroupZero(path.clone()));
            } else if *gid == OVERFLOW && facts.gid_map != super::facts::IdMap::whole() {
                notes.checked_elsewhere(Restriction::DeviceOfUnmappedGroup(path.clone()));
            } else {
                gids.insert(*gid);
            }
        }
    }
    gids
}

fn is_mapped(gid: Gid, facts: &Facts, notes: &mut Notes) -> bool {
    let mapped = facts.gid_map.outside(gid.0).is_some();
    if !mapped {
        let fix = "map it (/etc/subgid), or remove it from the groups";
        let lost = "what is open to this group alone stays closed";
        let issue =
            Issue { why: CauseKind::NotMapped, ..Issue::new("it is not mapped in this user namespace", lost, fix) };
        notes.degraded(Area::Identity, format!("group {gid}"), issue);
    }
    mapped
}

/// Returns the groups of another account: its memberships and its primary group.
pub(super) fn of_account(facts: &Facts, group_file: &[u8], user: &UserName, gid: Gid) -> Vec<Gid> {
    let mut gids: BTreeSet<Gid> = group::memberships(group_file, user.as_str()).into_iter().collect();
    gids.insert(gid);
    gids.into_iter().filter(|gid| facts.gid_map.outside(gid.0).is_some()).collect()
}
