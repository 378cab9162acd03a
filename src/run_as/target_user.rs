//! The user of `run-as USER`: a name, a uid, `name:group` or `uid:gid`, looked up in the account files; an omitted part is
//! the caller's own, as with gosu: `:group` keeps the user, a uid without an account keeps the group; where both are
//! omitted (an empty word, `:`) it is refused. No NSS: a static binary has none, and PID 1 reads the same files (SECURITY 3).
//! Must not change anything.

use std::fmt;
use std::path::PathBuf;

use crate::config::values::{Gid, GroupName, Uid, UserName};
use crate::error::{Place, Problem};
use crate::plan::accounts::{group, passwd};
use crate::text::shown;

/// The user to become.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetUser {
    /// For USER and LOGNAME; the number if there is no account.
    pub name: String,
    /// User id.
    pub uid: Uid,
    /// Primary group.
    pub gid: Gid,
    /// All groups, including the primary one (CVE-2022-2989 and similar).
    pub groups: Vec<Gid>,
    /// For HOME; `/` if there is no account.
    pub home: PathBuf,
    /// Whether name and home come from an account.
    pub has_account: bool,
}

/// The ids of the caller.
#[derive(Clone, Copy, Debug)]
pub struct CallerIds {
    /// Its effective user.
    pub uid: Uid,
    /// Its effective group.
    pub gid: Gid,
}

impl fmt::Display for TargetUser {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} ({}:{})", self.name, self.uid, self.gid)
    }
}

/// Looks `user` up in these files. An explicit group is the only group, as with `docker run --user`.
///
/// # Errors
/// There is no such user or group.
pub fn find(user: &str, passwd: &[u8], group: &[u8], caller: CallerIds) -> Result<TargetUser, Problem> {
    let (name, group_word) = match user.split_once(':') {
        // `name:` is the same as `name`.
        Some((name, group)) => (name, Some(group).filter(|group| !group.is_empty())),
        None => (user, None),
    };
    let wrong = |what: String, fix: &str| Problem::new(Place::Argument(user.to_owned()), what, fix);
    if name.is_empty() && group_word.is_none() {
        // gosu would stay the user that calls it, which is root where a variable is not set.
        return Err(wrong(
            "it names neither a user nor a group (is a variable unset?)".to_owned(),
            "write a user, such as `app` or `1000:1000`; to stay the user that calls it, leave `run-as` out",
        ));
    }
    let number = if name.is_empty() { Some(caller.uid.0) } else { id(name) };
    let account = match number {
        Some(number) => passwd::by_uid(passwd, Uid(number)),
        None => UserName::new(name).and_then(|name| passwd::by_name(passwd, &name)),
    };
    let given = match group_word {
        None => None,
        Some(word) => {
            let by_name = || GroupName::new(word).and_then(|name| group::by_name(group, &name));
            let found = id(word).map(Gid).or_else(by_name);
            Some(found.ok_or_else(|| {
                wrong(
                    format!("there is no group `{}` in /etc/group", shown(word)),
                    "write the name of an existing group, or a number",
                )
            })?)
        }
    };
    match (account, number, given) {
        (Some(account), _, Some(gid)) => Ok(with_account(account, gid, vec![gid])),
        (Some(account), _, None) => {
            let mut groups = group::memberships(group, &account.name);
            let gid = account.gid;
            if let Err(at) = groups.binary_search(&gid) {
                groups.insert(at, gid);
            }
            Ok(with_account(account, gid, groups))
        }
        (None, Some(uid), Some(gid)) => Ok(without_account(uid, gid)),
        (None, Some(uid), None) if caller.gid != Gid::ROOT || uid == caller.uid.0 => {
            Ok(without_account(uid, caller.gid))
        }
        // gosu would keep root's group, so that the program could write root's files: never intended.
        (None, Some(uid), None) => Err(wrong(
            format!("uid {uid} has no account in /etc/passwd, and the group of this process is root's"),
            &format!("write the group too, such as `{uid}:{uid}`, or `{uid}:0` for root's group"),
        )),
        (None, None, _) => Err(wrong(
            format!("there is no user `{}` in /etc/passwd", shown(name)),
            "write an existing name, a number with its group such as `1000:1000`, or `app` for the app user",
        )),
    }
}

fn with_account(account: passwd::Account, gid: Gid, groups: Vec<Gid>) -> TargetUser {
    let home = if account.home.as_os_str().is_empty() { "/".into() } else { account.home };
    TargetUser { name: account.name, uid: account.uid, gid, groups, home, has_account: true }
}

fn without_account(uid: u32, gid: Gid) -> TargetUser {
    TargetUser { name: uid.to_string(), uid: Uid(uid), gid, groups: vec![gid], home: "/".into(), has_account: false }
}

/// ASCII digits, no leading zero, and not one of the two highest values, which are not ids
/// (SECURITY 1.2).
fn id(word: &str) -> Option<u32> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let plain = digits && (word == "0" || !word.starts_with('0'));
    plain.then(|| word.parse().ok()).flatten().filter(|id| *id < u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &[u8] = b"root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001::/config:/bin/sh\nodd:x:5:5:::\n";
    const GROUP: &[u8] = b"root:x:0:\napp:x:1001:\nvideo:x:44:other,app\naudio:x:2000:app\n";

    fn described(user: &str) -> String {
        by(user, CallerIds { uid: Uid::ROOT, gid: Gid::ROOT })
    }

    fn by(user: &str, caller: CallerIds) -> String {
        match find(user, PASSWD, GROUP, caller) {
            Ok(user) => {
                let groups: Vec<_> = user.groups.iter().map(Gid::to_string).collect();
                format!("{user} {} {}", groups.join(","), user.home.display())
            }
            Err(problem) => problem.to_string(),
        }
    }

    #[test]
    fn a_name_or_a_uid_brings_its_groups_and_a_group_stands_alone() {
        assert_eq!(described("app"), "app (1000:1001) 44,1001,2000 /config");
        assert_eq!(described("1000"), described("app"));
        assert_eq!(described("app:video"), "app (1000:44) 44 /config");
        assert_eq!(described("app:7"), "app (1000:7) 7 /config");
        assert_eq!(described("4242:4243"), "4242 (4242:4243) 4243 /");
        assert_eq!(described("root"), "root (0:0) 0 /root");
        assert_eq!(described("odd"), "odd (5:5) 5 /");
    }

    #[test]
    fn what_is_left_out_is_the_callers_own() {
        let nobody = CallerIds { uid: Uid(65_534), gid: Gid(65_533) };
        assert_eq!(by("4242", nobody), "4242 (4242:65533) 65533 /");
        assert_eq!(by(":0", nobody), "65534 (65534:0) 0 /");
        assert_eq!(by("0:", nobody), "root (0:0) 0 /root");
        assert_eq!(by("app:", nobody), described("app"));
        let app = CallerIds { uid: Uid(1000), gid: Gid(1001) };
        assert_eq!(by(":7", app), described("app:7"));
        // OpenShift's users are in group 0 and have no account.
        let openshift = CallerIds { uid: Uid(4242), gid: Gid::ROOT };
        assert_eq!(by("4242", openshift), "4242 (4242:0) 0 /");
    }

    #[test]
    fn a_word_that_names_nobody_is_refused_whoever_calls() {
        for caller in [CallerIds { uid: Uid::ROOT, gid: Gid::ROOT }, CallerIds { uid: Uid(1000), gid: Gid(1001) }] {
            for empty in ["", ":"] {
                let said = by(empty, caller);
                assert!(
                    said.starts_with(&format!(
                        "`{empty}`: it names neither a user nor a group (is a variable unset?); "
                    )),
                    "{said}"
                );
            }
        }
        // What a number or a name says is asked for.
        assert_eq!((described("0:"), described("root:")), (described("root"), described("root")));
    }

    #[test]
    fn an_unknown_user_is_refused_with_what_to_write_instead() {
        assert_eq!(
            described("nobody"),
            "`nobody`: there is no user `nobody` in /etc/passwd; write an existing name, a number with its group \
             such as `1000:1000`, or `app` for the app user"
        );
        assert!(described("4242").contains("write the group too, such as `4242:4242`"));
        assert!(described("app:none").contains("there is no group `none` in /etc/group"));
        for odd in [
            "-1",
            "+1",
            "01",
            "0day",
            "0:0day",
            "4294967295",
            "4294967294",
            "99999999999",
            "a b",
            "1000:4294967295",
            "a:b:c",
        ] {
            assert!(described(odd).contains("there is no "), "{odd}");
        }
    }
}
