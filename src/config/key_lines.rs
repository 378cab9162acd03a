//! Finds the line of a key, for problems of planning, which knows files and keys but not lines. Text in, places out.

use std::ffi::OsStr;
use std::path::Path;

use super::{Content, Sources, Tree};
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
    // A service has one place; in the container file each table has its own.
    let is_container = sources.container.as_ref().is_some_and(|(container, _)| container == path);
    if is_container && line.is_some() {
        return None;
    }
    let bytes = bytes(path, sources)?;
    let line = problem.keys.iter().find_map(|key| line_of(key, bytes))?;
    Some(Place::line(path, line))
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
        assert_eq!(line_of("user", text), Some(4));
        assert_eq!(line_of("health", text), Some(5));
        assert_eq!(line_of("command", text), Some(1));
        assert_eq!(line_of("finish", text), None);
        assert_eq!(line_of("", text), None);
    }

    #[test]
    fn the_line_is_that_of_the_problems_key_and_not_of_a_word_in_its_message() {
        let path = Path::new("/etc/services.d/web.toml");
        let content = Content::File { bytes: b"script = \"x\"\nuser = \"root\"\n".to_vec(), executable: false };
        let tree =
            Tree { path: "/etc/services.d".into(), entries: [("web.toml".into(), content)].into(), unreadable: None };
        let sources = Sources { trees: vec![tree], ..Sources::default() };
        let problem = |what: &str, keys: &[&'static str]| {
            place(&Problem::new(Place::file(path), what, "x").about(keys), &sources)
        };
        assert_eq!(problem("cannot find it", &["command", "script"]), Some(Place::line(path, 1)));
        assert_eq!(problem("`script` needs root", &["user"]), Some(Place::line(path, 2)));
        assert_eq!(problem("`user` is the name of this service", &[]), None);
    }
}
