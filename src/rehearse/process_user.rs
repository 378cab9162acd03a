//! The user of `--user`: `uid`, `uid:gid`, `name`, `name:group`, looked up in the account files inside, as runc does.
//! Bytes in, ids out.

use std::path::PathBuf;

use crate::error::{Place, Problem};
use crate::text::shown;

/// The last uid and gid that Docker takes.
const MAX_ID: u32 = 2_147_483_647;

/// The user that the first process is started as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ProcessUser {
    /// All three user ids.
    pub(super) uid: u32,
    /// All three group ids.
    pub(super) gid: u32,
    /// Supplementary groups; including the primary one (CVE-2022-2989 and similar).
    pub(super) groups: Vec<u32>,
    /// For HOME.
    pub(super) home: PathBuf,
}

/// Returns the user of `user` (empty: root) and `--group-add`.
///
/// # Errors
/// When a user or group cannot be found.
pub(super) fn resolve(passwd: &[u8], group: &[u8], user: &str, more: &[String]) -> Result<ProcessUser, Problem> {
    let argument = format!("--user {user}");
    let wrong = |what: String| {
        let fix = "write a name from that file, or numbers such as `--user 1000:1000`";
        Problem::new(Place::Argument(argument.clone()), what, fix)
    };
    let (who, own_group) = match user.split_once(':') {
        Some((who, group)) => (who, Some(group)),
        None => (user, None),
    };
    let who = if who.is_empty() { "0" } else { who };
    let line = lines(passwd).find(|fields| field(fields, 0) == who || field(fields, 2) == who);
    let name = line.as_ref().map(|fields| field(fields, 0));
    let uid = match (&line, who.parse()) {
        (Some(fields), _) => number(fields, 2).ok_or_else(|| wrong("its line in /etc/passwd has no uid".to_owned()))?,
        (None, Ok(uid)) => uid,
        (None, Err(_)) => {
            return Err(wrong(format!("there is no user `{}` in /etc/passwd of the container", shown(who))));
        }
    };
    let by_name = |wanted: &str| -> Option<u32> {
        let found = lines(group).find(|fields| field(fields, 0) == wanted).and_then(|fields| number(&fields, 2));
        let numbered = || wanted.parse().ok();
        found.or_else(numbered)
    };
    if uid > MAX_ID {
        return Err(wrong(format!("uids end at {MAX_ID}, as in Docker")));
    }
    let gid = match own_group {
        Some(wanted) => by_name(wanted)
            .ok_or_else(|| wrong(format!("there is no group `{}` in /etc/group of the container", shown(wanted))))?,
        None => line.as_ref().and_then(|fields| number(fields, 3)).unwrap_or(0),
    };
    if gid > MAX_ID {
        return Err(wrong(format!("gids end at {MAX_ID}, as in Docker")));
    }
    let mut groups = vec![gid];
    if let (None, Some(name)) = (own_group, &name) {
        let member = |fields: &Vec<String>| field(fields, 3).split(',').any(|member| member == *name);
        groups.extend(lines(group).filter(member).filter_map(|fields| number(&fields, 2)));
    }
    for wanted in more {
        groups.push(by_name(wanted).ok_or_else(|| {
            let at = Place::Argument(format!("--group-add {wanted}"));
            Problem::new(
                at,
                "there is no such group in /etc/group of the container",
                "write the name of an existing group, or a number",
            )
        })?);
    }
    groups.sort_unstable();
    groups.dedup();
    let home = line.as_ref().map(|fields| field(fields, 5)).filter(|home| !home.is_empty());
    Ok(ProcessUser { uid, gid, groups, home: home.map_or_else(|| PathBuf::from("/"), PathBuf::from) })
}

/// Returns the name of `uid`.
pub(super) fn name_of(passwd: &[u8], uid: u32) -> Option<String> {
    lines(passwd).find(|fields| number(fields, 2) == Some(uid)).map(|fields| field(&fields, 0).to_owned())
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = Vec<String>> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .map(|line| line.split(|byte| *byte == b':').map(|field| String::from_utf8_lossy(field).into_owned()).collect())
}

fn field(fields: &[String], at: usize) -> &str {
    fields.get(at).map_or("", String::as_str)
}

fn number(fields: &[String], at: usize) -> Option<u32> {
    field(fields, at).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\n# x\napp:x:999:998::/srv/app:/bin/false\n";
    const GROUP: &[u8] = b"root:x:0:\nvideo:x:44:other,app\napp:x:998:\n";

    fn found(user: &str, more: &[&str]) -> ProcessUser {
        let more: Vec<String> = more.iter().map(|word| (*word).to_owned()).collect();
        resolve(PASSWD, GROUP, user, &more).unwrap()
    }

    #[test]
    fn nobody_asked_is_root() {
        assert_eq!(found("", &[]), ProcessUser { uid: 0, gid: 0, groups: vec![0], home: "/root".into() });
    }

    #[test]
    fn a_name_brings_its_group_its_memberships_and_its_home() {
        let app = ProcessUser { uid: 999, gid: 998, groups: vec![44, 998], home: "/srv/app".into() };
        assert_eq!(found("app", &[]), app);
        assert_eq!(found("999", &[]), app);
    }

    #[test]
    fn a_group_that_is_named_takes_the_memberships_place() {
        assert_eq!(
            found("app:video", &["7"]),
            ProcessUser { uid: 999, gid: 44, groups: vec![7, 44], home: "/srv/app".into() }
        );
    }

    #[test]
    fn an_unknown_number_has_group_zero_and_no_home() {
        assert_eq!(found("4242", &[]), ProcessUser { uid: 4242, gid: 0, groups: vec![0], home: "/".into() });
    }

    #[test]
    fn numbers_end_where_they_end_for_docker() {
        for user in ["2147483648", "1:2147483648"] {
            let said = resolve(PASSWD, GROUP, user, &[]).unwrap_err().to_string();
            assert!(said.contains("end at 2147483647"), "{said}");
        }
        assert_eq!(found("2147483647:7", &[]).uid, 2_147_483_647);
    }

    #[test]
    fn an_unknown_name_is_named() {
        let said = |user: &str, more: &[String]| resolve(PASSWD, GROUP, user, more).unwrap_err().to_string();
        let fix = "write a name from that file, or numbers such as `--user 1000:1000`";
        assert_eq!(
            said("web", &[]),
            format!("`--user web`: there is no user `web` in /etc/passwd of the container; {fix}")
        );
        assert_eq!(
            said("app:web", &[]),
            format!("`--user app:web`: there is no group `web` in /etc/group of the container; {fix}")
        );
        assert_eq!(
            said("app", &["web".to_owned()]),
            "`--group-add web`: there is no such group in /etc/group of the container; write the name of an existing group, or a number"
        );
    }
}
