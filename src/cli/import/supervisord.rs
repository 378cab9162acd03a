//! Reads a supervisord.conf and the files that it includes. Must not know what they mean.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{Place, Problem, Problems};
use crate::import::Imported;
use crate::import::native::Omission;
use crate::import::supervisord::{self, ConfigurationFile};
use crate::text::shown;

/// The directory of the file in the image, where its path does not tell.
const HERE: &str = "/etc";

/// What stands for that directory.
const NAME_OF_HERE: &str = "%(here)s";

/// Reads and translates.
pub(super) fn read(path: &Path) -> Result<Imported, Problems> {
    let main = file(path)?;
    let beside = path.parent().unwrap_or(Path::new("/"));
    // What is above `etc` is the image's root.
    let root = path.ancestors().skip(1).find(|above| above.file_name().is_some_and(|name| name == "etc"));
    let root = root.and_then(Path::parent);
    let here = root.map_or_else(|| HERE.to_owned(), |root| supervisord::here(path, root));
    let mut files = vec![main];
    let mut missing = Vec::new();
    for pattern in files.first().map_or(Ok(Vec::new()), |main| supervisord::includes(main, &here))? {
        let found = matches(&pattern, beside, root).into_iter().filter(|found| found != path).collect::<Vec<_>>();
        if found.is_empty() {
            missing.push(Omission::new("[include]", format!("{pattern}: there is no such file here")));
        }
        for included in found {
            files.push(file(&included)?);
        }
    }
    if root.is_none() && files.iter().any(|file| file.text.contains(NAME_OF_HERE)) {
        let why = format!("the file's place in the image is not known: {HERE} is assumed");
        missing.push(Omission::new(NAME_OF_HERE, why));
    }
    let mut imported = supervisord::import(&files, &here)?;
    imported.omissions.extend(missing.into_iter().map(|omission| (Place::file(path), omission)));
    Ok(imported)
}

/// Reads a text file.
pub(super) fn file(path: &Path) -> Result<ConfigurationFile, Problems> {
    let unreadable = |cause: &dyn std::fmt::Display| {
        let what = format!("cannot read it: {cause}");
        Problem::new(Place::file(path), what, "give a text file that can be read")
    };
    if !path.is_file() {
        return Err(unreadable(&"it is not a file").into());
    }
    let bytes = fs::read(path).map_err(|error| unreadable(&crate::error::cause_text(&error)))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable(&"it is not UTF-8"))?;
    Ok(ConfigurationFile { path: path.to_owned(), text })
}

/// Returns the files of a pattern, in their order: below the image's root, else as much of its end as lies beside the main
/// file.
fn matches(pattern: &str, beside: &Path, root: Option<&Path>) -> Vec<PathBuf> {
    let pattern = Path::new(pattern);
    let inner = pattern.strip_prefix("/").unwrap_or(pattern);
    let parts: Vec<_> = inner.components().collect();
    let ends = (0..parts.len()).filter_map(|from| Some(beside.join(parts.get(from..)?.iter().collect::<PathBuf>())));
    let below = root.filter(|_| pattern.is_absolute()).map(|root| root.join(inner));
    let mut found = below.into_iter().chain(ends).map(|path| of_directory(&path));
    found.find(|found| !found.is_empty()).unwrap_or_default()
}

/// Returns the files whose names are like that of a path.
fn of_directory(path: &Path) -> Vec<PathBuf> {
    let (Some(directory), Some(like)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Vec::new();
    };
    let entries = directory.read_dir().into_iter().flatten().flatten();
    let is_like = |path: &PathBuf| path.file_name().is_some_and(|name| is_like(&shown(name), like));
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_file() && is_like(path)).collect();
    found.sort();
    found
}

/// Returns whether a name is like a pattern with `*` and `?`.
fn is_like(name: &str, pattern: &str) -> bool {
    let mut letters = name.chars();
    match pattern.chars().next() {
        None => name.is_empty(),
        Some('*') => {
            let rest = pattern.get(1..).unwrap_or_default();
            name.char_indices()
                .map(|(at, _)| at)
                .chain([name.len()])
                .any(|at| is_like(name.get(at..).unwrap_or_default(), rest))
        }
        Some(first) => {
            let is_same = letters.next().is_some_and(|letter| first == '?' || letter == first);
            is_same && is_like(letters.as_str(), pattern.get(first.len_utf8()..).unwrap_or_default())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_stars_and_question_marks() {
        for (name, pattern) in [("a.conf", "*.conf"), ("a.conf", "?.conf"), ("a.conf", "*"), ("é", "?"), ("ab", "a*b*")]
        {
            assert!(is_like(name, pattern), "{name} {pattern}");
        }
        for (name, pattern) in [("a.conf", "*.ini"), ("ab.conf", "?.conf"), ("a", ""), ("", "?"), ("ba", "a*")] {
            assert!(!is_like(name, pattern), "{name} {pattern}");
        }
    }
}
