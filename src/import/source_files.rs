//! The scripts of the sources, by their paths in the image. Must not know what a script means.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::image_paths::ImagePaths;
use crate::config::service::Command;
use crate::config::values::ServiceName;
use crate::config::{Content, Sources};

/// How a script begins.
const MARK: &str = "#!";

/// Text files of the sources.
pub struct SourceFiles<'s>(BTreeMap<PathBuf, &'s str>);

/// A script that a command executes.
pub struct Script {
    /// Its text, which begins with `#!`.
    pub text: String,
    /// Its file's name.
    pub name: String,
    /// What it is called with.
    pub arguments: Vec<OsString>,
}

impl<'s> SourceFiles<'s> {
    /// Returns those of all trees.
    pub fn new(sources: &'s Sources, image: &ImagePaths) -> Self {
        let s6 = &sources.s6;
        let of_s6 = [&s6.definitions, &s6.user_bundles, &s6.init_scripts, &s6.finish_scripts];
        let mut files = BTreeMap::new();
        for tree in sources.trees.iter().chain(of_s6) {
            add(&image.path(&tree.path), &tree.entries, &mut files);
        }
        Self(files)
    }

    /// Returns the script that a service's command executes, if its text is known: by itself, by its own interpreter, or, if it
    /// names none, by the shell.
    pub fn script_of(&self, command: &Command, service: &ServiceName) -> Option<Script> {
        match command {
            Command::File(path) => {
                let text = self.0.get(path).filter(|text| text.starts_with(MARK))?;
                let arguments = vec![service.as_str().into()];
                Some(Script { text: (*text).to_owned(), name: name_of(path)?, arguments })
            }
            Command::Argv(arguments) => {
                let at = arguments.iter().position(|word| self.0.contains_key(Path::new(word)))?;
                let path = Path::new(arguments.get(at)?);
                let text = *self.0.get(path)?;
                let before: Vec<_> = arguments.iter().take(at).map(|word| word.to_string_lossy()).collect();
                let before = before.join(" ");
                let own = text.strip_prefix(MARK).map(|rest| rest.lines().next().unwrap_or_default().trim());
                let text = match own {
                    Some(own) if before.is_empty() || before == own => text.to_owned(),
                    None if !before.is_empty() => format!("{MARK}{before}\n{text}"),
                    Some(_) | None => return None,
                };
                Some(Script { text, name: name_of(path)?, arguments: arguments.iter().skip(at + 1).cloned().collect() })
            }
            Command::Script(_) | Command::Nothing => None,
        }
    }
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}

fn add<'s>(at: &Path, entries: &'s BTreeMap<OsString, Content>, files: &mut BTreeMap<PathBuf, &'s str>) {
    for (name, content) in entries {
        let path = at.join(name);
        match content {
            Content::File { bytes, .. } => files.extend(std::str::from_utf8(bytes).ok().map(|text| (path, text))),
            Content::Dir(inner) => add(&path, inner, files),
            Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => {}
        }
    }
}
