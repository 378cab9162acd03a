//! Secrets: variables whose values are in files, named by `[secrets]` of the container file and by variables such as
//! `FILE__NAME`. Names and paths; must not know values, nor the machine.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use super::container::{NamedBy, Secret};
use super::file_report::FileReport;
use super::quote::{shown_value, ticked};
use super::toml_field::Field;
use super::toml_table::Table;
use super::variables::VARIABLES;
use super::{container_keys, paths, suggest};
use crate::error::Place;
use crate::text::shown;

/// As LinuxServer's images have it: `FILE__PASSWORD=/run/secrets/password` gives `PASSWORD`.
const PREFIX: &str = "FILE__";

/// `[secrets]`.
#[derive(Clone, Debug, Default)]
pub struct SecretsTable {
    /// Those of `from_files`.
    pub listed: Vec<Secret>,
    /// Ends of variables that name a file, as `FILE__` at their beginning does.
    pub suffixes: Vec<String>,
}

/// Reads `[secrets]`.
pub fn read(table: &Table<'_>, report: &mut FileReport<'_>) -> SecretsTable {
    let table = table.get("secrets").and_then(|field| field.table(&container_keys::SECRETS, report));
    let Some(table) = table else { return SecretsTable::default() };
    let mut listed = Vec::new();
    for (name, field) in table.get("from_files").and_then(|field| field.entries(report)).unwrap_or_default() {
        let at = Place::line(report.path(), field.line());
        if !is_variable(name) {
            report.line(field.line(), format!("{} cannot be a variable's name", ticked(name)), NAME_RULE);
        } else if let Some(path) = paths::absolute(&field, report) {
            listed.push(Secret { name: name.to_owned(), path, named_by: NamedBy::ContainerFile(at), is_listed: true });
        }
    }
    let mut suffixes = Vec::new();
    for (field, suffix) in table.get("suffixes").and_then(|field| field.strings(report)).unwrap_or_default() {
        match suffix.starts_with('_') && is_variable(suffix) {
            true => suffixes.push(suffix.to_owned()),
            false => field.refuse("write the end of a variable's name, such as \"_FILE\"", report),
        }
    }
    SecretsTable { listed, suffixes }
}

const NAME_RULE: &str = "write a name of letters, digits and `_` that begins with no digit";

/// Returns the names in `secrets` of a service.
pub fn names(field: &Field<'_>, report: &mut FileReport<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for (field, name) in field.strings(report).unwrap_or_default() {
        match is_variable(name) {
            true => names.push(name.to_owned()),
            false => field.refuse("write a variable's name, such as \"DB_PASSWORD\"", report),
        }
    }
    names
}

/// Returns every secret, by name: those of the container file, and those that variables name, which decide about the path.
pub fn with_variables(
    table: SecretsTable,
    env: &BTreeMap<OsString, OsString>,
    notices: &mut Vec<String>,
) -> Vec<Secret> {
    let SecretsTable { listed, suffixes } = table;
    let mut all: BTreeMap<String, Secret> = listed.into_iter().map(|it| (it.name.clone(), it)).collect();
    let prefixed = |variable: &str| variable.strip_prefix(PREFIX).map(str::to_owned);
    let suffixed = |variable: &str| {
        let ends = suffixes.iter().filter_map(|suffix| variable.strip_suffix(suffix.as_str()));
        ends.min_by_key(|name| name.len()).filter(|_| prefixed(variable).is_none()).map(str::to_owned)
    };
    // The prefix, which needs no key, wins.
    let named = |of: &dyn Fn(&str) -> Option<String>| -> Vec<(String, String, OsString)> {
        let named = |(variable, value): (&OsString, &OsString)| {
            let variable = variable.to_str()?;
            Some((of(variable)?, variable.to_owned(), value.clone()))
        };
        env.iter().filter_map(named).collect()
    };
    for (name, variable, value) in named(&suffixed).into_iter().chain(named(&prefixed)) {
        let path = PathBuf::from(&value);
        let ignored = if !is_variable(&name) {
            Some(format!("{} cannot be a variable's name", ticked(&name)))
        } else if VARIABLES.iter().any(|(ours, _)| *ours == name) {
            Some(format!("{name} is not read from a file"))
        } else if !value.as_bytes().starts_with(b"/") {
            Some("it is not the absolute path of a file".to_owned())
        } else {
            None
        };
        let shown_variable = shown(&variable);
        if let Some(why) = ignored {
            notices.push(format!("{shown_variable}={} is ignored: {why}", shown_value(&value)));
            continue;
        }
        if env.contains_key(OsStr::new(&name)) {
            notices.push(format!("{name} is set, and {shown_variable} too: services get what is in the file"));
        }
        let before = all.get(&name);
        if let Some(Secret { named_by: NamedBy::Variable(other), path: first, .. }) = before
            && *first != path
        {
            notices.push(format!("{other} is ignored: {shown_variable} is set"));
        }
        let is_listed = before.is_some_and(|secret| secret.is_listed);
        all.insert(name.clone(), Secret { name, path, named_by: NamedBy::Variable(variable), is_listed });
    }
    all.into_values().collect()
}

/// Returns a notice about the names in `secrets` of a service that are none.
pub fn unknown(service: &str, requested: &[String], secrets: &[Secret]) -> Option<String> {
    let known = || secrets.iter().map(|secret| secret.name.as_str());
    let unknown: Vec<_> = requested.iter().filter(|name| !known().any(|known| known == *name)).collect();
    let first = unknown.first()?;
    let fix = match suggest::nearest(first, known()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("name a file: `{PREFIX}{first}=/run/secrets/…`, or `[secrets]` in /etc/stepdown.toml"),
    };
    let names: Vec<_> = unknown.iter().map(|name| name.as_str()).collect();
    Some(format!("{service}: starts without the secret {}, which is not given; {fix}", names.join(", ")))
}

/// Returns whether a name is one that every shell passes on (POSIX, 3.231).
fn is_variable(name: &str) -> bool {
    let begins = name.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    begins && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(suffixes: &[&str], env: &[(&str, &str)]) -> (Vec<(String, String)>, Vec<String>) {
        let at = NamedBy::ContainerFile(Place::Machine);
        let listed = vec![Secret { name: "DB".into(), path: "/f/db".into(), named_by: at, is_listed: true }];
        let table = SecretsTable { listed, suffixes: suffixes.iter().map(|it| (*it).to_owned()).collect() };
        let env = env.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut notices = Vec::new();
        let all = with_variables(table, &env, &mut notices);
        (all.into_iter().map(|it| (it.name, it.path.display().to_string())).collect(), notices)
    }

    fn pairs(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(name, path)| ((*name).to_owned(), (*path).to_owned())).collect()
    }

    #[test]
    fn the_prefix_always_names_a_file_and_an_end_only_where_it_is_listed() {
        let env = [("FILE__API", "/s/api"), ("PG_FILE", "/s/pg"), ("MY__FILE", "/s/my"), ("HOME", "/root")];
        assert_eq!(secrets(&[], &env), (pairs(&[("API", "/s/api"), ("DB", "/f/db")]), vec![]));
        let all = pairs(&[("API", "/s/api"), ("DB", "/f/db"), ("MY", "/s/my"), ("PG", "/s/pg")]);
        assert_eq!(secrets(&["_FILE", "__FILE"], &env), (all, vec![]));
    }

    #[test]
    fn a_variable_decides_about_the_path_and_what_is_ignored_is_named() {
        let (all, notices) = secrets(&["_FILE"], &[("FILE__DB", "/v/db"), ("DB_FILE", "/w/db"), ("DB", "clear")]);
        assert_eq!(all, pairs(&[("DB", "/v/db")]));
        assert!(notices.contains(&"DB_FILE is ignored: FILE__DB is set".to_owned()), "{notices:?}");
        assert!(notices.contains(&"DB is set, and FILE__DB too: services get what is in the file".to_owned()));
        let (all, notices) = secrets(&[], &[("FILE__PUID", "/s/id"), ("FILE__A", "rel"), ("FILE__A-B", "/s")]);
        assert_eq!(all, pairs(&[("DB", "/f/db")]));
        assert_eq!(
            notices,
            [
                "FILE__A=rel is ignored: it is not the absolute path of a file",
                "FILE__A-B=/s is ignored: `A-B` cannot be a variable's name",
                "FILE__PUID=/s/id is ignored: PUID is not read from a file",
            ]
        );
    }

    #[test]
    fn what_is_asked_for_and_not_given_is_named() {
        let at = NamedBy::ContainerFile(Place::Machine);
        let given = [Secret { name: "DB_PASSWORD".into(), path: "/f".into(), named_by: at, is_listed: true }];
        let notice = |name: &str| unknown("web", &[name.to_owned()], &given).unwrap_or_default();
        assert_eq!(notice("DB_PASSWORD"), "");
        assert!(notice("DB_PASWORD").ends_with("did you mean `DB_PASSWORD`?"), "{}", notice("DB_PASWORD"));
        assert!(notice("API").contains("`FILE__API=/run/secrets/…`"), "{}", notice("API"));
    }
}
