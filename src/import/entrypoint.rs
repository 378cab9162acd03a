//! A shell script that is the entry point of an image → what it comes to, as a suggestion: a script can do anything, so each line
//! that is recognised becomes a setting or a comment that says what takes its place, and the others are named. Must not know
//! where the file lies.

use std::path::{Path, PathBuf};

use super::Imported;
use super::native::Omission;
use crate::config::container::{Own, OwnOptions};
use crate::config::values::UserName;
use crate::config::{line_endings, paths};
use crate::error::Place;

/// Programs that only change accounts.
const ACCOUNTS: [&str; 9] =
    ["usermod", "groupmod", "useradd", "groupadd", "adduser", "addgroup", "deluser", "delgroup", "userdel"];
/// Programs that run another one as a user.
const SWITCHES: [&str; 6] = ["gosu", "su-exec", "setpriv", "runuser", "s6-setuidgid", "chpst"];
/// Programs that are PID 1 for another one.
const INITS: [&str; 4] = ["tini", "dumb-init", "catatonit", "tini-static"];
/// Words of a shell's structure, and commands without an effect that lasts.
const NO_EFFECT: [&str; 16] =
    ["if", "then", "else", "elif", "fi", "do", "done", "set", "echo", "printf", "case", "esac", ":", "{", "}", "exit"];

/// What a line is.
enum Line {
    Nothing,
    Accounts,
    Owner(Vec<String>),
    Switch(String),
    Init,
    Other,
}

/// Returns whether a text is a shell's script that does what entry points do.
pub fn is_entrypoint(text: &str) -> bool {
    let interpreter = text.lines().next().unwrap_or_default();
    let is_shell = interpreter.starts_with("#!") && interpreter.split([' ', '/']).any(line_endings::is_shell);
    is_shell && lines(text).any(|(_, line)| !matches!(kind(&line), Line::Nothing | Line::Other))
}

/// Returns the settings that take the place of lines, and what has none.
pub fn import(path: &Path, text: &str) -> Imported {
    let mut imported = Imported::default();
    let mut others = Vec::new();
    for (number, line) in lines(text) {
        let at = Place::File { path: path.to_owned(), line: Some(number) };
        let mut note = |why: &str| imported.omissions.push((at.clone(), Omission::new(line.clone(), why)));
        match kind(&line) {
            Line::Nothing => {}
            Line::Accounts => note("PUID and PGID change the account at boot: leave the line out"),
            Line::Init => note("stepdown is PID 1 itself, and reaps: leave the program out"),
            Line::Owner(targets) => {
                for target in targets {
                    match declared(&target) {
                        Some(path) => imported.container.own.push(Own {
                            path,
                            user: None,
                            group: None,
                            options: OwnOptions { optional: true, ..OwnOptions::default() },
                            at: at.clone(),
                        }),
                        None => note("write an `[[own]]` with the path that it has in the end"),
                    }
                }
            }
            Line::Switch(user) => {
                imported.container.app_user = imported.container.app_user.take().or_else(|| UserName::new(&user));
                note("every program runs as the app user: give what it runs as the image's CMD, or as a service");
            }
            Line::Other => others.push(number.to_string()),
        }
    }
    if !others.is_empty() {
        let what = format!("line{} {}", if others.len() == 1 { "" } else { "s" }, others.join(", "));
        let why =
            "put what must be done at each start into a oneshot: `services.d/prepare.toml` with `type = \"oneshot\"`";
        imported.omissions.push((Place::File { path: path.to_owned(), line: None }, Omission::new(what, why)));
    }
    imported
}

/// The commands, each with the number of its first line; a line that ends with a backslash goes on.
fn lines(text: &str) -> impl Iterator<Item = (usize, String)> {
    let mut open: Option<(usize, String)> = None;
    let mut done = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let (number, before) = open.take().unwrap_or((index + 1, String::new()));
        match line.strip_suffix('\\') {
            Some(start) => open = Some((number, format!("{before}{start} "))),
            None => done.push((number, format!("{before}{line}").trim().to_owned())),
        }
    }
    done.extend(open);
    done.into_iter().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn kind(line: &str) -> Line {
    let words: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';'])).collect();
    let base = |word: &str| word.rsplit('/').next().unwrap_or_default().to_owned();
    let at = |known: &[&str]| words.iter().position(|word| known.contains(&base(word).as_str()));
    if at(&ACCOUNTS).is_some() {
        return Line::Accounts;
    }
    if let Some(at) = at(&["chown"]) {
        let mut operands = words.get(at + 1..).unwrap_or_default().iter().filter(|word| !word.starts_with('-'));
        let _owner = operands.next();
        let targets = operands.take_while(|word| !matches!(**word, "||" | "&&" | "|" | ">" | "2>/dev/null"));
        return Line::Owner(targets.map(|word| (*word).to_owned()).collect());
    }
    if let Some(at) = at(&SWITCHES) {
        let mut operands = words.get(at + 1..).unwrap_or_default().iter().filter(|word| !word.starts_with('-'));
        return Line::Switch(operands.next().copied().unwrap_or_default().to_owned());
    }
    match words.first().copied() {
        _ if at(&INITS).is_some() => Line::Init,
        Some("exec") if words.get(1) == Some(&"$@") => Line::Nothing,
        Some(first) if NO_EFFECT.contains(&first) => Line::Nothing,
        Some(first) if first.contains('=') && words.len() == 1 => Line::Nothing,
        Some(_) | None => Line::Other,
    }
}

/// A path that can be declared.
fn declared(word: &str) -> Option<PathBuf> {
    let path = paths::normal(word).ok().filter(|_| !word.contains(['$', '*', '`']))?;
    (!paths::is_system_directory(&path)).then(|| path.into())
}
