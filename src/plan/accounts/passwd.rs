//! `/etc/passwd`: lookups, and the line of the app user. Must not know groups or shadow.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::line::{LinePosition, Record, assemble, is_nis, split};
use super::{MAX_LINE, Rewrite};
use crate::config::values::{Gid, Uid, UserName};
use crate::text::{shown, shown_bytes};

/// glibc wants name, password, uid and gid; what follows may be missing.
const MIN_FIELDS: usize = 4;
const UID: usize = 2;
const GID: usize = 3;
const HOME: usize = 5;
const SHELL: usize = 6;

/// A line of `/etc/passwd`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its name; bytes that are not UTF-8 are replaced, so that it can be printed and used for USER.
    pub name: String,
    /// User id.
    pub uid: Uid,
    /// Primary group.
    pub gid: Gid,
    /// Home; may be empty.
    pub home: PathBuf,
    /// Shell; may be empty.
    pub shell: PathBuf,
}

/// The desired fields of the app user's line.
#[derive(Clone, Copy, Debug)]
pub struct DesiredAccount<'a> {
    /// Its name.
    pub user: &'a UserName,
    /// User id.
    pub uid: Uid,
    /// Primary group.
    pub gid: Gid,
    /// The declared home; `None`: as it is, and `/` in a new line. Checked before: no `:` and no control bytes.
    pub home: Option<&'a Path>,
    /// The declared shell; `None`: as it is, and `/sbin/nologin` in a new line.
    pub shell: Option<&'a Path>,
}

/// Returns the first account of that name.
pub fn by_name(bytes: &[u8], name: &UserName) -> Option<Account> {
    accounts(bytes).find(|(_, record)| record.field(0) == name.as_str().as_bytes()).map(|(account, _)| account)
}

/// Returns the first account with that uid.
pub fn by_uid(bytes: &[u8], uid: Uid) -> Option<Account> {
    accounts(bytes).map(|(account, _)| account).find(|account| account.uid == uid)
}

fn accounts(bytes: &[u8]) -> impl Iterator<Item = (Account, Record<'_>)> {
    bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| {
        let record = Record::parse(line, MIN_FIELDS)?;
        let account = Account {
            name: String::from_utf8_lossy(record.field(0)).into_owned(),
            uid: Uid(record.number(UID)?),
            gid: Gid(record.number(GID)?),
            home: PathBuf::from(OsStr::from_bytes(record.field(HOME))),
            shell: PathBuf::from(OsStr::from_bytes(record.field(SHELL))),
        };
        Some((account, record))
    })
}

/// Returns the file with the desired account: only fields that differ are changed, in place. If another account has the uid,
/// ours is put before it, so that lookups by uid return our name; only uid 0 keeps the name `root`, because programs look
/// up root by its number.
pub fn rewrite(bytes: &[u8], desired: &DesiredAccount<'_>) -> Rewrite {
    let name = desired.user.as_str();
    let lines = split(bytes);
    let mut ours = None;
    let mut other = None;
    for (at, line) in lines.iter().enumerate() {
        let Some(record) = Record::parse(line, MIN_FIELDS) else { continue };
        if record.field(0) == name.as_bytes() {
            ours = ours.or(Some((at, record)));
        } else if other.is_none() && record.number(UID) == Some(desired.uid.0) && record.number(GID).is_some() {
            other = Some((at, String::from_utf8_lossy(record.field(0)).into_owned()));
        }
    }
    let shared_with = other.as_ref().map(|(_, name)| name.clone());
    let ahead_of = other.filter(|_| desired.uid != Uid::ROOT);
    let (text, put, mut changes) = match ours {
        Some((at, record)) => {
            let (text, changes) = edited(record, desired);
            if text.len() > MAX_LINE {
                return Rewrite { shared_with, ..Rewrite::nothing(bytes) };
            }
            match &ahead_of {
                Some((before, _)) if *before < at => (text, LinePosition::Move(at, *before), changes),
                Some(_) | None => (text, LinePosition::At(at), changes),
            }
        }
        None => {
            let nis = lines.iter().position(|line| is_nis(line));
            let before = ahead_of.iter().map(|(at, _)| *at).chain(nis).min();
            let added = format!("account {name} ({}:{}) added", desired.uid, desired.gid);
            (fresh(desired), before.map_or(LinePosition::Last, LinePosition::Before), vec![added])
        }
    };
    if let (LinePosition::Move(..) | LinePosition::Before(_), Some((_, other))) = (&put, &ahead_of) {
        changes.push(format!("{name} placed before {}, which has uid {} too", shown(&other), desired.uid));
    }
    Rewrite { contents: assemble(&lines, &text, &put), changes, shared_with }
}

/// Returns the file with a new line for the account at its end.
pub fn append(bytes: &[u8], desired: &DesiredAccount<'_>) -> Rewrite {
    let added = format!("account {} ({}:{}) appended", desired.user, desired.uid, desired.gid);
    Rewrite {
        contents: assemble(&split(bytes), &fresh(desired), &LinePosition::Last),
        changes: vec![added],
        shared_with: None,
    }
}

fn edited(mut record: Record<'_>, desired: &DesiredAccount<'_>) -> (Vec<u8>, Vec<String>) {
    let mut changes = Vec::new();
    let numbers = [(UID, "uid", desired.uid.0), (GID, "gid", desired.gid.0)];
    for (at, what, number) in numbers {
        if record.number(at) != Some(number) {
            let new = number.to_string();
            changes.push(change(what, desired.user, record.field(at), new.as_bytes()));
            record.set(at, new.as_bytes());
        }
    }
    for (at, what, path) in [(HOME, "home", desired.home), (SHELL, "shell", desired.shell)] {
        if let Some(new) = path.map(|path| path.as_os_str().as_bytes()).filter(|new| record.field(at) != *new) {
            changes.push(change(what, desired.user, record.field(at), new));
            record.set(at, new);
        }
    }
    (record.bytes(), changes)
}

fn change(what: &str, user: &UserName, old: &[u8], new: &[u8]) -> String {
    let old = if old.is_empty() { "nothing".to_owned() } else { shown_bytes(old) };
    format!("{what} of {user}: {old} → {}", shown_bytes(new))
}

/// Locked by `x`: it is not a valid hash, so no password matches, with shadow or without.
fn fresh(desired: &DesiredAccount<'_>) -> Vec<u8> {
    let home = desired.home.unwrap_or(Path::new("/")).as_os_str().as_bytes();
    let shell = desired.shell.unwrap_or(Path::new("/sbin/nologin")).as_os_str().as_bytes();
    let ids = format!("{}:x:{}:{}::", desired.user, desired.uid, desired.gid);
    [ids.as_bytes(), home, b":", shell, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn app() -> UserName {
        UserName::new("app").unwrap()
    }

    fn to(uid: u32, gid: u32, bytes: &str) -> (String, Rewrite) {
        let user = app();
        let desired = DesiredAccount { user: &user, uid: Uid(uid), gid: Gid(gid), home: None, shell: None };
        let rewrite = rewrite(bytes.as_bytes(), &desired);
        (String::from_utf8(rewrite.contents.clone()).unwrap(), rewrite)
    }

    #[test]
    fn a_missing_account_is_appended_locked() {
        let (text, rewrite) = to(1000, 1000, "root:x:0:0:root:/root:/bin/sh\n");
        assert_eq!(text, "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1000::/:/sbin/nologin\n");
        assert_eq!(rewrite.changes, ["account app (1000:1000) added"]);
        assert_eq!(rewrite.shared_with, None);
    }

    #[test]
    fn only_the_fields_that_differ_change() {
        let (text, rewrite) = to(1000, 5, "app:hash:999:5:A. P. P.:/srv:/bin/zsh\r\nnext:x:7:7:::\n");
        assert_eq!(text, "app:hash:1000:5:A. P. P.:/srv:/bin/zsh\r\nnext:x:7:7:::\n");
        assert_eq!(rewrite.changes, ["uid of app: 999 → 1000"]);
    }

    #[test]
    fn a_taken_uid_is_placed_behind_ours() {
        let (text, rewrite) = to(1, 1, "root:x:0:0:::\ndaemon:x:1:1:::\napp:x:9:9:::");
        assert_eq!(text, "root:x:0:0:::\napp:x:1:1:::\ndaemon:x:1:1:::\n");
        assert_eq!(rewrite.shared_with.as_deref(), Some("daemon"));
        assert_eq!(by_uid(text.as_bytes(), Uid(1)).unwrap().name, "app");
        let (text, _) = to(1, 1, "daemon:x:1:1:::\n");
        assert_eq!(text, "app:x:1:1::/:/sbin/nologin\ndaemon:x:1:1:::\n");
    }

    #[test]
    fn uid_zero_keeps_answering_root() {
        let (text, rewrite) = to(0, 0, "root:x:0:0:::\n");
        assert_eq!(text, "root:x:0:0:::\napp:x:0:0::/:/sbin/nologin\n");
        assert_eq!(rewrite.shared_with.as_deref(), Some("root"));
        assert_eq!(by_uid(text.as_bytes(), Uid(0)).unwrap().name, "root");
    }

    #[test]
    fn nis_lines_stay_behind_ours() {
        assert_eq!(to(5, 5, "a:x:1:1:::\n+::::::").0, "a:x:1:1:::\napp:x:5:5::/:/sbin/nologin\n+::::::");
    }

    #[test]
    fn the_separator_is_added_only_where_ours_is_appended() {
        assert_eq!(to(5, 5, "a:x:1:1:::").0, "a:x:1:1:::\napp:x:5:5::/:/sbin/nologin\n");
        assert_eq!(to(5, 5, "app:x:4:5:::\n# end").0, "app:x:5:5:::\n# end");
        assert_eq!(to(5, 5, "").0, "app:x:5:5::/:/sbin/nologin\n");
    }

    #[test]
    fn odd_lines_come_through() {
        let odd =
            "# comment\n\n   \nbroken\nalso:broken\nshort:x:7:7\napp:x\n:::::::::\ndup:x:3:3:::\ndup:x:4:4:::\n\t#x\n";
        assert_eq!(to(5, 5, odd).0, format!("{odd}app:x:5:5::/:/sbin/nologin\n"));
    }

    #[test]
    fn the_first_of_two_lines_of_ours_is_the_one() {
        let (text, _) = to(5, 5, "app:x:1:5:::\napp:x:2:5:::\n");
        assert_eq!(text, "app:x:5:5:::\napp:x:2:5:::\n");
        assert_eq!(by_name(text.as_bytes(), &app()).unwrap().uid, Uid(5));
    }

    #[test]
    fn a_broken_number_in_our_line_is_healed() {
        assert_eq!(to(5, 5, "app:x:+7::a:b:c\n").0, "app:x:5:5:a:b:c\n");
    }

    #[test]
    fn missing_fields_are_filled_only_for_what_is_declared() {
        let user = app();
        let desired =
            DesiredAccount { user: &user, uid: Uid(5), gid: Gid(5), home: None, shell: Some(Path::new("/bin/sh")) };
        assert_eq!(rewrite(b"app:x:5:5", &desired).contents, b"app:x:5:5:::/bin/sh");
        assert_eq!(to(5, 5, "app:x:5:5").0, "app:x:5:5");
    }

    #[test]
    fn a_line_of_ours_without_end_is_left_alone() {
        let long = format!("app:x:1:1:{}:/:/\n", "a".repeat(MAX_LINE));
        assert_eq!(to(5, 5, &long).0, format!("{long}app:x:5:5::/:/sbin/nologin\n"));
    }

    #[test]
    fn twice_is_once() {
        for start in ["", "a:x:5:5", "a:x:5:5:::\napp:x:9:9:::", "+::::::\napp:x:9:9:::\n"] {
            let (once, _) = to(5, 6, start);
            let (twice, rewrite) = to(5, 6, &once);
            assert_eq!(once, twice);
            assert!(rewrite.changes.is_empty(), "{start:?}: {:?}", rewrite.changes);
        }
    }
}
