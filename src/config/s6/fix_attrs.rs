//! `fix-attrs.d` of s6-overlay → the paths whose owner is established at boot, as `[[own]]` has them. Must not know whether
//! they exist.

use std::path::PathBuf;

use crate::config::container::{App, Container, Own, OwnOptions, UnknownOwner, UserRef};
use crate::config::file_report::FileReport;
use crate::config::quote::quoted;
use crate::config::values::{Gid, GroupName, GroupRef, Uid, UserName};
use crate::config::{Content, Tree, bytes, paths, units};
use crate::error::{Place, Problems};

/// The largest mode; setuid, setgid and sticky bits are never set on files.
const FILE_MODES: u32 = 0o777;
/// Directories may have the sticky and setgid bits.
const DIRECTORY_MODES: u32 = 0o3777;

/// Adds the paths of all files. What s6-overlay would accept and this does not is passed over with a notice: there, too, the
/// start goes on.
pub fn read(tree: &Tree, container: &mut Container, problems: &mut Problems, notices: &mut Vec<String>) {
    for (name, content) in &tree.entries {
        let path = tree.path.join(name);
        let mut report = FileReport::new(&path);
        if let Content::Dir(_) = content {
            continue;
        }
        let text = bytes::text(content, &mut report).unwrap_or_default();
        for (line, number) in text.lines().zip(1..) {
            let at = Place::line(&path, number);
            match own(line, &at, &container.app) {
                Ok(None) => {}
                Ok(Some(own)) if container.own.iter().any(|other| other.path == own.path) => {
                    notices.push(format!("{at}: {} is declared already: ignored", quoted(&own.path.to_string_lossy())));
                }
                Ok(Some(own)) => container.own.push(own),
                Err(why) => notices.push(format!("{at}: {why}: not applied; write `[[own]]` in the container file")),
            }
        }
        problems.extend(report.finish());
    }
}

/// Returns what a line declares: `PATH RECURSE ACCOUNT FILE_MODE DIRECTORY_MODE`.
fn own(line: &str, at: &Place, app: &App) -> Result<Option<Own>, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [path, recursive, account, mode, dir_mode] = words[..] else {
        return match words.first() {
            None => Ok(None),
            Some(first) if first.starts_with('#') => Ok(None),
            Some(_) => Err("is not a path, true or false, an account and two modes".to_owned()),
        };
    };
    if path.starts_with('#') {
        return Ok(None);
    }
    if path.contains(['*', '?', '[']) {
        return Err(format!("{} is a pattern", quoted(path)));
    }
    let path = paths::normal(path).map_err(|_| format!("{} is not an absolute path", quoted(path)))?;
    if paths::is_system_directory(&path) || path.starts_with("/proc") || path.starts_with("/sys") {
        return Err(format!("{} belongs to the system", quoted(&path)));
    }
    let (user, group) = owner(account, app).ok_or_else(|| format!("{} is not an account", quoted(account)))?;
    let octal = |text: &str, most| units::octal(text, most).ok_or_else(|| format!("{} is not a mode", quoted(text)));
    let options = OwnOptions {
        recursive: recursive == "true",
        mode: Some(octal(mode, FILE_MODES)?),
        dir_mode: Some(octal(dir_mode, DIRECTORY_MODES)?),
        optional: true,
        unknown_owner: default_owner(account),
        ..OwnOptions::default()
    };
    Ok(Some(Own { path: PathBuf::from(path), user, group, options, at: at.clone() }))
}

/// The ids of `ACCOUNT,UID:GID`, for an account that does not exist.
fn default_owner(account: &str) -> UnknownOwner {
    let ids = account.split_once(',').and_then(|(_, ids)| ids.split_once(':'));
    let ids = ids.and_then(|(uid, gid)| Some((units::id(uid.as_bytes()).ok()?, units::id(gid.as_bytes()).ok()?)));
    ids.map_or(UnknownOwner::Skip, |(uid, gid)| UnknownOwner::Ids(Uid(uid), Gid(gid)))
}

/// `USER`, `USER:GROUP` or `UID:GID`, each with `,UID:GID` for a missing account.
fn owner(account: &str, app: &App) -> Option<(Option<UserRef>, Option<GroupRef>)> {
    let account = account.split_once(',').map_or(account, |(account, _)| account);
    let (user, group) = match account.split_once(':') {
        Some((user, group)) => (user, Some(group)),
        None => (account, None),
    };
    let user = match units::id(user.as_bytes()) {
        Ok(uid) => Some(UserRef::Id(Uid(uid))),
        Err(_) if user == "root" => Some(UserRef::Id(Uid::ROOT)),
        Err(_) => Some(UserRef::Name(UserName::new(user)?)).filter(|_| user != app.user.as_str()),
    };
    let group = match group {
        None => None,
        Some(group) => match units::id(group.as_bytes()) {
            Ok(gid) => Some(GroupRef::Id(Gid(gid))),
            Err(_) => Some(GroupRef::Name(GroupName::new(group)?)),
        },
    };
    Some((user, group))
}
