//! The environment: ids, mask, time zone and `STEPDOWN_*`, each checked as bytes before it is used
//! (SECURITY 1.2). Must not know where the variables come from.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::container::{Container, VariableValue};
use super::container_toml::{ContainerFile, FORMATS, LEVELS, WITHOUT, quoted_choices};
use super::quote::{quoted_os, shown_value};
use super::units::{self, IdError};
use super::values::{Gid, Uid};
use super::variables::VARIABLES;
use super::{secrets, suggest};
use crate::error::{Place, Problem, Problems};
use crate::text::shown;

/// Names more services trees, separated by colons.
pub const MORE_TREES: &str = "STEPDOWN_SERVICES";

/// The prefix of all our variables, so that a misspelt one is detected.
const PREFIX: &str = "STEPDOWN_";

type Env = BTreeMap<OsString, OsString>;

/// Returns the container with the settings of the environment, which override the file.
pub fn apply(env: &Env, file: ContainerFile, problems: &mut Problems, notices: &mut Vec<String>) -> Container {
    let ContainerFile { mut container, uid_from, gid_from, secrets, says: _ } = file;
    notice_ignored(env, "PUID", "uid_from", &uid_from, notices);
    notice_ignored(env, "PGID", "gid_from", &gid_from, notices);
    let app = &mut container.app;
    app.env_uid =
        id_from_env(env, &uid_from, IdVariable::User, problems, notices).map(|requested| map_value(requested, Uid));
    app.env_gid =
        id_from_env(env, &gid_from, IdVariable::Group, problems, notices).map(|requested| map_value(requested, Gid));
    if let Some(umask) = read(env, "UMASK", problems, &UMASK, |text| units::octal(text, 0o777)) {
        app.umask = Some(umask);
    }
    check_zone(env, problems);
    check_trees(env, problems);
    if let Some(budget) = read(env, "STEPDOWN_STOP_TIMEOUT", problems, &DURATION, |text| units::duration(text).ok()) {
        container.stop_timeout = budget;
    }
    container.without_drop = choice(env, "STEPDOWN_WITHOUT_DROP", &WITHOUT, problems).unwrap_or(container.without_drop);
    container.level = choice(env, "STEPDOWN_LOG", &LEVELS, problems).unwrap_or(container.level);
    container.log = choice(env, "STEPDOWN_LOG_FORMAT", &FORMATS, problems).unwrap_or(container.log);
    container.secrets = secrets::with_variables(secrets, env, notices);
    refuse_unknown(env, &[uid_from, gid_from].concat(), problems);
    container
}

#[derive(Clone, Copy)]
enum IdVariable {
    User,
    Group,
}

fn map_value<T, U>(requested: VariableValue<T>, wrap: impl Fn(T) -> U) -> VariableValue<U> {
    VariableValue { value: wrap(requested.value), at: requested.at }
}

/// Returns the id in the first of these variables that is set.
fn id_from_env(
    env: &Env,
    names: &[String],
    id: IdVariable,
    problems: &mut Problems,
    notices: &mut Vec<String>,
) -> Option<VariableValue<u32>> {
    let mut set = names.iter().filter_map(|name| Some((name, env.get(OsStr::new(name))?)));
    let (name, value) = set.next()?;
    for (other, ignored) in set {
        if ignored != value {
            notices.push(format!("{other}={} is ignored: {name} is set", shown_value(ignored)));
        }
    }
    let what = match id {
        IdVariable::User => "user id",
        IdVariable::Group => "group id",
    };
    let at = place(name, value);
    match units::id(value.as_bytes()) {
        Ok(value) => Some(VariableValue { value, at }),
        Err(why) => {
            problems.push(Problem::new(at, why_no_id(why), format!("give a {what} such as {name}=1000, or unset it")));
            None
        }
    }
}

/// Reports a usual variable that is set and that this image does not use.
fn notice_ignored(env: &Env, name: &str, key: &str, names: &[String], notices: &mut Vec<String>) {
    if let Some(value) = env.get(OsStr::new(name)).filter(|_| !names.iter().any(|other| other == name)) {
        let names = suggest::list(names.iter().map(String::as_str));
        notices.push(format!("{name}={} is ignored: `{key}` of this image is [{names}]", shown_value(value)));
    }
}

fn why_no_id(why: IdError) -> String {
    match why {
        IdError::Empty => "is empty".to_owned(),
        IdError::NotDecimal => "is not a plain decimal number".to_owned(),
        IdError::LeadingZero => "has a leading zero".to_owned(),
        IdError::TooLarge => format!("is above {}, the highest id", units::MAX_ID),
    }
}

/// What a variable must contain: the noun, and the fix.
struct Expected<'a> {
    noun: &'a str,
    fix: &'a str,
}

const UMASK: Expected<'static> =
    Expected { noun: "an octal mask", fix: "give up to three digits from 0 to 7, such as UMASK=022" };
const DURATION: Expected<'static> = Expected {
    noun: "a duration",
    fix: "give a whole number and its unit (ms, s, m, h or d), at most 365d, such as STEPDOWN_STOP_TIMEOUT=8s",
};

/// Parses one variable as text with `parse`; an invalid value is a problem.
fn read<T>(
    env: &Env,
    name: &str,
    problems: &mut Problems,
    expected: &Expected<'_>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = env.get(OsStr::new(name))?;
    let parsed = value.to_str().and_then(parse);
    if parsed.is_none() {
        let what = match value.is_empty() {
            true => "is empty".to_owned(),
            false => format!("{} is not {}", quoted_os(value), expected.noun),
        };
        problems.push(Problem::new(place(name, value), what, format!("{}, or unset it", expected.fix)));
    }
    parsed
}

fn choice<T: Copy>(env: &Env, name: &str, choices: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    let fix = format!("give one of {}", quoted_choices(choices));
    let expected = Expected { noun: "one of its values", fix: &fix };
    read(env, name, problems, &expected, |text| choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value))
}

/// `TZ` becomes part of a path in every libc, so it must not leave the directory of zone files.
fn check_zone(env: &Env, problems: &mut Problems) {
    let Some(value) = env.get(OsStr::new("TZ")) else { return };
    let fits = value.to_str().is_some_and(|text| {
        let zone = text.strip_prefix(':').unwrap_or(text);
        let inside = !zone.starts_with('/') || zone.starts_with("/usr/share/zoneinfo/") || zone == "/etc/localtime";
        inside && !zone.split('/').any(|part| part == "..") && !zone.chars().any(char::is_control)
    });
    if !fits {
        let fix = "give a zone such as TZ=Europe/Berlin, or unset it";
        problems.push(Problem::new(place("TZ", value), "is not a time zone", fix));
    }
}

/// A tree must not depend on the working directory: relative paths are problems.
fn check_trees(env: &Env, problems: &mut Problems) {
    for word in trees(env).filter(|word| !word.starts_with(b"/")) {
        let what = format!("{} is a relative path", quoted_os(OsStr::from_bytes(word)));
        let value = env.get(OsStr::new(MORE_TREES)).map_or(OsStr::new(""), OsString::as_os_str);
        let fix = format!("give absolute paths such as {MORE_TREES}=/opt/services.d");
        problems.push(Problem::new(place(MORE_TREES, value), what, fix));
    }
}

fn trees(env: &Env) -> impl Iterator<Item = &[u8]> {
    let value = env.get(OsStr::new(MORE_TREES)).map_or(&b""[..], |value| value.as_bytes());
    value.split(|byte| *byte == b':').filter(|word| !word.is_empty())
}

/// Returns the place of the variable that names this tree, if one does.
pub fn of_tree(env: &Env, tree: &Path) -> Option<Place> {
    let named = trees(env).any(|word| word == tree.as_os_str().as_bytes());
    env.get(OsStr::new(MORE_TREES)).filter(|_| named).map(|value| place(MORE_TREES, value))
}

/// A misspelt variable would be silently ignored.
fn refuse_unknown(env: &Env, aliases: &[String], problems: &mut Problems) {
    for (name, value) in env {
        let bytes = name.as_bytes();
        let known = |word: &str| bytes == word.as_bytes();
        if !bytes.starts_with(PREFIX.as_bytes())
            || VARIABLES.iter().any(|(word, _)| known(word))
            || aliases.iter().any(|word| known(word))
            || is_service_link(bytes)
        {
            continue;
        }
        let ours = || VARIABLES.iter().map(|(word, _)| *word).filter(|word| word.starts_with(PREFIX));
        // The common prefix does not help to find the intended one.
        let name_of = |word: &str| word.strip_prefix(PREFIX).unwrap_or_default().to_owned();
        let known: Vec<String> = ours().map(name_of).collect();
        let written = name_of(&name.to_string_lossy());
        let fix = match suggest::nearest(&written, known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{PREFIX}{meant}`?"),
            None => format!("the variables are: {}", suggest::list(ours())),
        };
        let at = Place::Variable { name: shown(name), value: shown_value(value) };
        problems.push(Problem::new(at, format!("unknown variable {}", quoted_os(name)), fix));
    }
}

/// Kubernetes and `docker --link` set `NAME_SERVICE_HOST`, `NAME_PORT_80_TCP` … for other services, one of which may be
/// called `stepdown-demo`.
fn is_service_link(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name);
    let ends = ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"].iter().any(|end| name.ends_with(end));
    ends || ["_SERVICE_PORT_", "_PORT_", "_ENV_"].iter().any(|inner| name.contains(inner))
}

fn place(name: &str, value: &OsStr) -> Place {
    Place::Variable { name: name.to_owned(), value: shown_value(value) }
}
