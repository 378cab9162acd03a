//! `/etc/shadow` and `/etc/gshadow`: adds a locked line if there is none. Existing lines are never changed, so that a
//! password set by the image stays. Must not know passwd or group.

use super::Rewrite;
use super::line::{LinePosition, Record, assemble, is_nis, split};
use crate::config::values::{GroupName, UserName};

/// `!` is not a valid hash: the account is locked. The age fields are empty: no ageing, and no date that would differ at a
/// later boot (0 in the third field would require a new password at the first login, shadow(5)).
const LOCKED_USER: &str = ":!:::::::\n";
/// gshadow(5): password, administrators, members.
const LOCKED_GROUP: &str = ":!::\n";

/// Returns `/etc/shadow` with a locked line of that user, if it had none.
pub fn lock_user(bytes: &[u8], user: &UserName) -> Rewrite {
    lock(bytes, user.as_str(), LOCKED_USER)
}

/// Returns `/etc/gshadow` with a locked line of that group, if it had none.
pub fn lock_group(bytes: &[u8], group: &GroupName) -> Rewrite {
    lock(bytes, group.as_str(), LOCKED_GROUP)
}

fn lock(bytes: &[u8], name: &str, fields: &str) -> Rewrite {
    let lines = split(bytes);
    let there = lines.iter().any(|line| Record::parse(line, 2).is_some_and(|it| it.field(0) == name.as_bytes()));
    if there {
        return Rewrite::nothing(bytes);
    }
    let put = lines.iter().position(|line| is_nis(line)).map_or(LinePosition::Last, LinePosition::Before);
    let ours = format!("{name}{fields}");
    let changes = vec![format!("locked line of {name} added")];
    Rewrite { contents: assemble(&lines, ours.as_bytes(), &put), changes, shared_with: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locked_line_without_dates_is_added_once() {
        let app = UserName::new("app").unwrap();
        let once = lock_user(b"root:*:19000:0:99999:7:::", &app).contents;
        assert_eq!(once, b"root:*:19000:0:99999:7:::\napp:!:::::::\n");
        assert_eq!(once.iter().rev().skip(1).take_while(|byte| **byte == b':').count(), 7);
        assert_eq!(lock_user(&once, &app), Rewrite::nothing(&once));
    }

    #[test]
    fn an_existing_line_is_never_touched() {
        let app = UserName::new("app").unwrap();
        for line in ["app:$6$hash:1:::::", "app:", " app::\n"] {
            assert_eq!(lock_user(line.as_bytes(), &app).contents, line.as_bytes());
        }
    }

    #[test]
    fn the_group_has_its_own_fields() {
        let app = GroupName::new("app").unwrap();
        assert_eq!(lock_group(b"root:*::\n+:::\n", &app).contents, b"root:*::\napp:!::\n+:::\n");
    }
}
