//! The line of a key, for problems that planning finds: it knows files and keys, and no lines. Text in, places out.

use std::ffi::OsStr;
use std::path::Path;

use super::Content;
use super::Sources;
use super::Tree;
use crate::error::{Error, Place, Problem};

/// Returns an error of the plan with each problem of a key at that key's line.
pub fn placed(error: Error, sources: &Sources) -> Error {
    match error {
        Error::Wrong(problems) => Error::Wrong(problems.placed(|problem| place(problem, sources))),
        refused @ Error::Refused(_) => refused,
    }
}

fn place(problem: &Problem, sources: &Sources) -> Option<Place> {
    let Place::File { path, line } = &problem.at else { return None };
    // A service has one place; in the container file each table has its own, and knows it.
    let is_container = sources.container.as_ref().is_some_and(|(container, _)| container == path);
    if is_container && line.is_some() {
        return None;
    }
    let keys = keys(&problem.what);
    let bytes = bytes(path, sources)?;
    let line = keys.iter().find_map(|key| line_of(key, bytes))?;
    Some(Place::line(path, line))
}

/// What it may be about: the word that stands in its first ticks or begins it, else the program.
fn keys(what: &str) -> Vec<&str> {
    let begin = what.strip_prefix('`').unwrap_or(what);
    let end = begin.find(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').unwrap_or(begin.len());
    let word = begin.get(..end).unwrap_or_default();
    match word {
        "cannot" => vec!["command", "script"],
        word => vec![word],
    }
}

fn bytes<'s>(path: &Path, sources: &'s Sources) -> Option<&'s [u8]> {
    let content = match &sources.container {
        Some((container, content)) if container == path => Some(content),
        _ => sources.trees.iter().find_map(|tree| within(tree, path)),
    };
    match content? {
        Content::File { bytes, .. } => Some(bytes),
        Content::Dir(_) | Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => None,
    }
}

fn within<'s>(tree: &'s Tree, path: &Path) -> Option<&'s Content> {
    let mut names = path.strip_prefix(&tree.path).ok()?.iter();
    let first = tree.entries.get(names.next()?)?;
    names.try_fold(first, |content, name: &OsStr| match content {
        Content::Dir(below) => below.get(name),
        Content::File { .. } | Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => None,
    })
}

/// `key = …`, `[key]` and `[app.key]`.
fn line_of(key: &str, bytes: &[u8]) -> Option<usize> {
    let text = std::str::from_utf8(bytes).ok().filter(|_| !key.is_empty())?;
    let is_it = |line: &str| {
        let line = line.trim_start().trim_start_matches('[');
        let rest = line.strip_prefix(key).map(str::trim_start);
        rest.is_some_and(|rest| rest.starts_with(['=', ']', '.']))
    };
    text.lines().position(is_it).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_with_its_line() {
        let text = b"command = [\"x\"]\n# user = 1\nusers = 1\n user=\"nobody\"\n[health]\ncommand = []\n";
        let line = |what: &str| keys(what).iter().find_map(|key| line_of(key, text));
        assert_eq!(line("`user = \"nobody\"`: there is no such account"), Some(4));
        assert_eq!(line("`health`: cannot find the program `y` in PATH"), Some(5));
        assert_eq!(line("cannot find the program `x` in PATH"), Some(1));
        assert_eq!(line("`finish`: cannot find"), None);
        assert_eq!(line("?"), None);
    }
}
