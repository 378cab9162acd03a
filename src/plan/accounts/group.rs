//! `/etc/group`: lookups, the line of the app user's group, and its memberships. Must not know passwd or shadow.

use super::line::{LinePosition, Record, assemble, is_nis, split};
use super::{MAX_LINE, Rewrite};
use crate::config::values::{Gid, GroupName, UserName};
use crate::text::{shown, shown_bytes};

/// glibc wants name, password and gid; the members may be missing.
const MIN_FIELDS: usize = 3;
const GID: usize = 2;
const MEMBERS: usize = 3;

/// Returns the gid of the first group of that name.
pub fn by_name(bytes: &[u8], name: &GroupName) -> Option<Gid> {
    groups(bytes).find(|(record, _)| record.field(0) == name.as_str().as_bytes()).map(|(_, gid)| gid)
}

/// Returns the name of the first group with that gid; bytes that are not UTF-8 are replaced.
pub fn by_gid(bytes: &[u8], gid: Gid) -> Option<String> {
    let (record, _) = groups(bytes).find(|(_, number)| *number == gid)?;
    Some(String::from_utf8_lossy(record.field(0)).into_owned())
}

/// Returns the groups that list that user, sorted and without repeats: every line counts, as in getgrouplist(3).
pub fn memberships(bytes: &[u8], user: &str) -> Vec<Gid> {
    let mut gids: Vec<_> = groups(bytes)
        .filter(|(record, _)| is_member(&record.rest(MEMBERS), user.as_bytes()))
        .map(|(_, gid)| gid)
        .collect();
    gids.sort_unstable();
    gids.dedup();
    gids
}

fn groups(bytes: &[u8]) -> impl Iterator<Item = (Record<'_>, Gid)> {
    bytes.split_inclusive(|byte| *byte == b'\n').filter_map(|line| {
        let record = Record::parse(line, MIN_FIELDS)?;
        let gid = Gid(record.number(GID)?);
        Some((record, gid))
    })
}

fn is_member(members: &[u8], user: &[u8]) -> bool {
    members.split(|byte| *byte == b',').any(|member| member.trim_ascii_start() == user)
}

/// Returns the file with the wanted group: the number is changed in place. If another group has the gid, ours is put before
/// it; only gid 0 keeps the name `root`.
pub fn rewrite(bytes: &[u8], group: &GroupName, gid: Gid) -> Rewrite {
    let lines = split(bytes);
    let mut ours = None;
    let mut other = None;
    for (at, line) in lines.iter().enumerate() {
        let Some(record) = Record::parse(line, MIN_FIELDS) else { continue };
        if record.field(0) == group.as_str().as_bytes() {
            ours = ours.or(Some((at, record)));
        } else if other.is_none() && record.number(GID) == Some(gid.0) {
            other = Some((at, String::from_utf8_lossy(record.field(0)).into_owned()));
        }
    }
    let shared_with = other.as_ref().map(|(_, name)| name.clone());
    let ahead_of = other.filter(|_| gid != Gid::ROOT);
    let mut changes = Vec::new();
    let (text, put) = match ours {
        Some((at, mut record)) => {
            if record.number(GID) != Some(gid.0) {
                changes.push(format!("gid of group {group}: {} → {gid}", shown_bytes(record.field(GID))));
                record.set(GID, gid.to_string().as_bytes());
            }
            let text = record.bytes();
            if text.len() > MAX_LINE {
                return Rewrite { shared_with, ..Rewrite::nothing(bytes) };
            }
            match &ahead_of {
                Some((before, _)) if *before < at => (text, LinePosition::Move(at, *before)),
                Some(_) | None => (text, LinePosition::At(at)),
            }
        }
        None => {
            changes.push(format!("group {group} ({gid}) added"));
            let nis = lines.iter().position(|line| is_nis(line));
            let before = ahead_of.iter().map(|(at, _)| *at).chain(nis).min();
            (format!("{group}:x:{gid}:\n").into_bytes(), before.map_or(LinePosition::Last, LinePosition::Before))
        }
    };
    if let (LinePosition::Move(..) | LinePosition::Before(_), Some((_, other))) = (&put, &ahead_of) {
        changes.push(format!("group {group} placed before {}, which has gid {gid} too", shown(&other)));
    }
    Rewrite { contents: assemble(&lines, &text, &put), changes, shared_with }
}

/// Returns the file with the user among the members of the first group of that name; nothing changes if there is no
/// such group. Serves `/etc/gshadow` as well, whose members are the fourth field too.
pub fn join(bytes: &[u8], group: &GroupName, user: &UserName) -> Rewrite {
    let lines = split(bytes);
    let found = lines.iter().enumerate().find_map(|(at, line)| {
        let record = Record::parse(line, MIN_FIELDS)?;
        (record.field(0) == group.as_str().as_bytes()).then_some((at, record))
    });
    let Some((at, mut record)) = found else { return Rewrite::nothing(bytes) };
    let members = record.rest(MEMBERS);
    if is_member(&members, user.as_str().as_bytes()) {
        return Rewrite::nothing(bytes);
    }
    if members.is_empty() {
        record.set(MEMBERS, user.as_str().as_bytes());
    } else {
        if !members.ends_with(b",") {
            record.append(b",");
        }
        record.append(user.as_str().as_bytes());
    }
    let text = record.bytes();
    if text.len() > MAX_LINE {
        return Rewrite::nothing(bytes);
    }
    let changes = vec![format!("{user} added to group {group}")];
    Rewrite { contents: assemble(&lines, &text, &LinePosition::At(at)), changes, shared_with: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(name: &str) -> GroupName {
        GroupName::new(name).unwrap()
    }

    fn to(gid: u32, bytes: &str) -> String {
        String::from_utf8(rewrite(bytes.as_bytes(), &group("app"), Gid(gid)).contents).unwrap()
    }

    fn joined(bytes: &str) -> String {
        let rewrite = join(bytes.as_bytes(), &group("video"), &UserName::new("app").unwrap());
        String::from_utf8(rewrite.contents).unwrap()
    }

    #[test]
    fn a_group_is_made_renumbered_or_placed_before_the_one_that_has_its_gid() {
        assert_eq!(to(5, "root:x:0:"), "root:x:0:\napp:x:5:\n");
        assert_eq!(to(5, "app:x:4:me\r\n"), "app:x:5:me\r\n");
        assert_eq!(to(100, "users:x:100:\n"), "app:x:100:\nusers:x:100:\n");
        assert_eq!(to(100, "users:x:100:\nx\napp:!:7:a,b"), "app:!:100:a,b\nusers:x:100:\nx\n");
        assert_eq!(to(0, "root:x:0:\n"), "root:x:0:\napp:x:0:\n");
        assert_eq!(to(5, "+:::\n"), "app:x:5:\n+:::\n");
    }

    #[test]
    fn a_member_is_added_once_and_the_rest_of_the_line_stays() {
        assert_eq!(joined("video:x:44:\n"), "video:x:44:app\n");
        assert_eq!(joined("video:x:44\n"), "video:x:44:app\n");
        assert_eq!(joined("video:x:44:a,b\r\n"), "video:x:44:a,b,app\r\n");
        assert_eq!(joined("video:x:44:a,"), "video:x:44:a,app");
        assert_eq!(joined("video:x:44:a, app,b\n"), "video:x:44:a, app,b\n");
        assert_eq!(joined("video:x:44:application\n"), "video:x:44:application,app\n");
        assert_eq!(joined("audio:x:29:\n"), "audio:x:29:\n");
    }

    #[test]
    fn memberships_are_looked_up_as_glibc_does() {
        let file =
            b"app:x:5:\nvideo:x:44:a,app\nbad:x:no:app\n#c:x:9:app\nrender:x:109: app\nvideo:x:45:app\n+x:x:7:app";
        assert_eq!(memberships(file, "app"), [Gid(44), Gid(45), Gid(109)]);
        assert_eq!(by_name(file, &group("video")), Some(Gid(44)));
        assert_eq!(by_gid(file, Gid(5)).as_deref(), Some("app"));
        assert_eq!(by_name(file, &group("bad")), None);
    }
}
