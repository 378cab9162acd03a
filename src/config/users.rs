//! Parses users and groups: a name, a number, `uid:gid`. Must not know whether the account exists.

use super::container::UserRef;
use super::file_report::FileReport;
use super::service::RunAs;
use super::toml_field::Field;
use super::units::{self, MAX_ID};
use super::values::{Gid, GroupName, GroupRef, Uid, UserName};

/// The name that means the app user, whatever its account is called.
pub const APP: &str = "app";

const NAMES: &str = "a name has letters, digits, `_`, `-` and `.`, begins with a letter or `_`, and is at most 32 long";

/// Returns an account's name.
pub fn user_name(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<UserName> {
    let name = UserName::new(field.string(report)?);
    if name.is_none() {
        field.refuse(NAMES, report);
    }
    name
}

/// Returns a group's name.
pub fn group_name(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<GroupName> {
    let name = GroupName::new(field.string(report)?);
    if name.is_none() {
        field.refuse(NAMES, report);
    }
    name
}

/// Returns an id of the container file.
pub fn id(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<u32> {
    field.integer(0..=i64::from(MAX_ID), report).and_then(|number| u32::try_from(number).ok())
}

/// Returns the user of a service.
pub fn run_as(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<RunAs> {
    if field.is_integer() {
        let fix = match field.written().as_str() {
            "0" => "write `user = \"root\"`".to_owned(),
            id if units::id(id.as_bytes()).is_ok() => format!("write uid and gid: `user = \"{id}:{id}\"`"),
            _ => field.paste(),
        };
        field.mistyped_as("a string", fix, report);
        return None;
    }
    let text = field.string(report)?;
    if text.contains('$') {
        let fix = match text.contains("PUID") {
            true => {
                "no variable is expanded here; leave it out: the app user, as it then runs, has the ids PUID and PGID"
            }
            false => "no variable is expanded here; write a name, or leave it out for the app user",
        };
        field.refuse(fix, report);
        return None;
    }
    match text {
        APP => return Some(RunAs::App),
        "root" | "0:0" => return Some(RunAs::Root),
        _ => {}
    }
    if let Some((uid, gid)) = text.split_once(':') {
        return match (units::id(uid.as_bytes()), units::id(gid.as_bytes())) {
            (Ok(0), Ok(_)) => {
                field.refuse("uid 0 is \"root\"; it runs with gid 0", report);
                None
            }
            (Ok(uid), Ok(gid)) => Some(RunAs::Ids(Uid(uid), Gid(gid))),
            _ => {
                field.refuse("write two numbers, such as \"1000:1000\", or a name alone", report);
                None
            }
        };
    }
    if units::id(text.as_bytes()).is_ok() {
        field.refuse(format!("write uid and gid, such as \"{text}:{text}\""), report);
        return None;
    }
    user_name(field, report).map(RunAs::Account)
}

/// Returns a group by name or number.
pub fn group_ref(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<GroupRef> {
    if field.is_integer() {
        return id(field, report).map(|gid| GroupRef::Id(Gid(gid)));
    }
    match units::id(field.string(report)?.as_bytes()) {
        Ok(gid) => Some(GroupRef::Id(Gid(gid))),
        Err(_) => group_name(field, report).map(GroupRef::Name),
    }
}

/// Returns the groups of a list.
pub fn group_refs(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<Vec<GroupRef>> {
    Some(field.elements(report)?.iter().filter_map(|group| group_ref(group, report)).collect())
}

/// Returns a user by name or number; `root` is always uid 0.
pub fn user_ref(field: &Field<'_>, report: &mut FileReport<'_>) -> Option<UserRef> {
    if field.is_integer() {
        return id(field, report).map(|uid| UserRef::Id(Uid(uid)));
    }
    let text = field.string(report)?;
    match units::id(text.as_bytes()) {
        Ok(uid) => Some(UserRef::Id(Uid(uid))),
        Err(_) if text == "root" => Some(UserRef::Id(Uid::ROOT)),
        Err(_) => user_name(field, report).map(UserRef::Name),
    }
}
