//! [`Identity`]: the app user (DESIGN §3.1). Must not know steps or services.

use std::path::PathBuf;

use super::accounts::{group, passwd};
use super::facts::{AccountFile, Facts, IdMap};
use super::finding::{Area, Issue};
use super::fix::Fix;
use super::groups::{self, bytes};
use super::notes::Notes;
use super::{Identity, home};
use crate::config::Config;
use crate::config::container::{App, Container};
use crate::config::paths::is_passwd_field;
use crate::config::values::{Gid, Uid, UserName};
use crate::error::Place;

/// The default: the first ordinary user of Debian and Alpine.
const DEFAULT_ID: u32 = 1000;

/// The app user of a step down, and how it appears in the account files.
pub(super) struct DropTarget {
    /// The identity itself.
    pub identity: Identity,
    /// Whether the app's group gets a line of its own; not if the account keeps its present primary group.
    pub own_group: bool,
    /// Whether the account is new.
    pub is_new: bool,
}

/// Returns the app user of a step down.
pub(super) fn of_root(config: &Config, facts: &Facts, notes: &mut Notes) -> DropTarget {
    let app = &config.container.app;
    let passwd_file = bytes(facts, AccountFile::Passwd);
    let group_file = bytes(facts, AccountFile::Group);
    let account = passwd::by_name(passwd_file, &app.user);
    let named = group::by_name(group_file, &app.group);
    let default_name = app.group.as_str() == app.user.as_str();

    let (uid, uid_at) = match (&app.env_uid, app.uid) {
        (Some(requested), _) => (requested.value, &requested.at),
        (None, declared) => {
            let own = account.as_ref().map(|account| account.uid);
            (declared.or(own).unwrap_or(Uid(DEFAULT_ID)), &app.at)
        }
    };
    // A group declared by name takes precedence over the account's; the group with the app user's name does not.
    let accounts_own = account.as_ref().map(|account| account.gid);
    let own = if default_name { accounts_own.or(named) } else { named.or(accounts_own) };
    let (gid, gid_at) = match (&app.env_gid, app.gid) {
        (Some(requested), _) => (requested.value, &requested.at),
        (None, declared) => (declared.or(own).unwrap_or(Gid(DEFAULT_ID)), &app.at),
    };
    let kept = app.env_gid.is_none() && app.gid.is_none() && default_name && accounts_own == Some(gid);
    let own_group = !(kept && group::by_gid(group_file, gid).is_some());

    check(RequestedId { word: "uid", number: uid.0, at: uid_at, map: &facts.uid_map }, app.allow_root, notes);
    check(RequestedId { word: "gid", number: gid.0, at: gid_at, map: &facts.gid_map }, app.allow_root, notes);
    let shell = account.as_ref().map(|account| account.shell.clone()).filter(|path| !path.as_os_str().is_empty());
    let mut identity = Identity {
        name: app.user.to_string(),
        uid,
        gid,
        groups: groups::of_app(app, gid, facts, notes),
        home: PathBuf::from("/"),
        shell: app.shell.clone().or(shell).unwrap_or_else(|| PathBuf::from("/sbin/nologin")),
        umask: app.umask.unwrap_or(facts.umask),
    };
    identity.home = home::of_root(config, facts, &identity, account.as_ref(), notes);
    DropTarget { identity, own_group, is_new: account.is_none() }
}

/// Checks that the declared home and shell are valid in an account file; in every mode, because the image is the same.
pub(super) fn check_fields(app: &App, notes: &mut Notes) {
    for (key, path) in [("home", &app.home), ("shell", &app.shell)] {
        if path.as_ref().is_some_and(|path| !is_passwd_field(path)) {
            let fix = "write an absolute path without `:`, line breaks and other control characters";
            notes.problem_of(&[key], &app.at, format!("`{key}` cannot stand in /etc/passwd"), fix);
        }
    }
}

/// Returns our own identity if the user cannot be changed: under `--user`, or as root without SETUID and SETGID. Reports
/// that PUID and PGID are ignored.
pub(super) fn without_switch(container: &Container, facts: &Facts, notes: &mut Notes) -> Identity {
    let app = &container.app;
    let account = passwd::by_uid(bytes(facts, AccountFile::Passwd), facts.uid);
    let requested: Vec<_> = [app.env_uid.as_ref().map(|it| &it.at), app.env_gid.as_ref().map(|it| &it.at)]
        .into_iter()
        .flatten()
        .map(ToString::to_string)
        .collect();
    if !requested.is_empty() {
        let verb = if requested.len() == 1 { "is" } else { "are" };
        let who = format!("{}:{}", facts.uid, facts.gid);
        notes.notice(format!(
            "{} {verb} ignored: this container runs as {who} and cannot change that",
            requested.join(" and ")
        ));
    }
    let lacking = groups::lacking(app, facts);
    if !lacking.is_empty() {
        let list: Vec<_> = lacking.iter().map(ToString::to_string).collect();
        let (list, fix) = (list.join(" "), Fix::groups(&lacking));
        let cause = "the runtime did not give them, and only root can join any";
        let issue = Issue::new(cause, "what is open to these groups alone stays closed", fix);
        notes.degraded(Area::Identity, format!("groups {list}"), issue);
    }
    let mut gids = [facts.groups.as_slice(), &[facts.gid]].concat();
    gids.sort_unstable();
    gids.dedup();
    let mut identity = Identity {
        name: account.as_ref().map_or_else(|| name_for_unknown(app, facts), |account| account.name.clone()),
        uid: facts.uid,
        gid: facts.gid,
        groups: gids,
        home: PathBuf::from("/"),
        shell: account.as_ref().map_or_else(|| PathBuf::from("/sbin/nologin"), |account| account.shell.clone()),
        umask: app.umask.unwrap_or(facts.umask),
    };
    identity.home = home::find(container, facts, &identity, account.as_ref(), notes);
    identity
}

/// The app user's name. If a line can only be appended and the name is used already, another one: a lookup by name must
/// return the right uid.
fn name_for_unknown(app: &App, facts: &Facts) -> String {
    let file = bytes(facts, AccountFile::Passwd);
    let is_taken = |name: &UserName| passwd::by_name(file, name).is_some();
    if !facts.passwd_appendable || !is_taken(&app.user) {
        return app.user.to_string();
    }
    UserName::new(&format!("{}-{}", app.user, facts.uid)).map_or_else(|| facts.uid.to_string(), |name| name.to_string())
}

struct RequestedId<'a> {
    word: &'static str,
    number: u32,
    at: &'a Place,
    map: &'a IdMap,
}

fn check(id: RequestedId<'_>, allow_root: bool, notes: &mut Notes) {
    let RequestedId { word, number, at, map } = id;
    match map.outside(number) {
        None => notes.problem_of(
            &[word],
            at,
            format!("{word} {number} is not mapped in this user namespace (mapped: {})", ranges(map)),
            format!("choose a {word} of that range, or map more (/etc/sub{word}; podman: `--userns=keep-id`)"),
        ),
        Some(0) if number == 0 && !allow_root => notes.problem_of(
            &[word],
            at,
            format!("{word} 0 is root"),
            format!(
                "choose another {word} such as 1000; if the app must be root, write `allow_root = true` under [app] in \
                 the container file; in a user namespace (rootless podman), where 0 is an ordinary user of the host, 0 \
                 is fine as it is"
            ),
        ),
        Some(_) => {}
    }
}

/// Returns the ids of a map: `0-65535`.
pub(super) fn ranges(map: &IdMap) -> String {
    let all: Vec<_> = map
        .0
        .iter()
        .filter(|range| range.count > 0)
        .map(|range| match range.inside.saturating_add(range.count - 1) {
            last if last == range.inside => last.to_string(),
            last => format!("{}-{last}", range.inside),
        })
        .collect();
    if all.is_empty() { "none".to_owned() } else { all.join(", ") }
}
