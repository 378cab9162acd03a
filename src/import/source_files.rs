//! The scripts of the sources, by their paths in the image. Must not know what a script means.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::image_paths::ImagePaths;
use crate::config::service::Command;
use crate::config::values::ServiceName;
use crate::config::{Content, Sources, shebang};

/// How a script begins.
const MARK: &str = "#!";

/// Text files of the sources.
#[derive(Default)]
pub struct SourceFiles<'s> {
    texts: BTreeMap<PathBuf, &'s str>,
    /// The interpreters of scripts without an execute bit.
    closed: BTreeMap<PathBuf, Vec<OsString>>,
}

/// A script that a command executes.
pub struct ScriptFile {
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
        let mut files = Self::default();
        for tree in sources.trees.iter().chain(of_s6) {
            files.add(&image.path(&tree.path), &tree.entries);
        }
        files
    }

    /// Returns the interpreter, its argument and the script, if that has no execute bit; `None`: the command executes none.
    pub fn by_interpreter(&self, command: &Command) -> Option<Vec<OsString>> {
        let path = match command {
            Command::File(path) => path,
            Command::Argv(argv) => Path::new(argv.first()?),
            Command::Script(_) | Command::Nothing => return None,
        };
        Some(self.closed.get(path)?.iter().cloned().chain([path.into()]).collect())
    }

    fn add(&mut self, at: &Path, entries: &'s BTreeMap<OsString, Content>) {
        for (name, content) in entries {
            let path = at.join(name);
            match content {
                Content::File { bytes, executable } => {
                    let argv = shebang::argv(bytes).filter(|_| !executable);
                    self.closed.extend(argv.map(|argv| (path.clone(), argv)));
                    self.texts.extend(std::str::from_utf8(bytes).ok().map(|text| (path, text)));
                }
                Content::Dir(inner) => self.add(&path, inner),
                Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => {}
            }
        }
    }

    /// Returns the script that a service's command executes, if its text is known: by itself, by its own interpreter, or, if it
    /// names none, by the shell.
    pub fn script_of(&self, command: &Command, service: &ServiceName) -> Option<ScriptFile> {
        match command {
            Command::File(path) => {
                let text = self.texts.get(path).filter(|text| text.starts_with(MARK))?;
                let arguments = vec![service.as_str().into()];
                Some(ScriptFile { text: (*text).to_owned(), name: name_of(path)?, arguments })
            }
            Command::Argv(arguments) => {
                let at = arguments.iter().position(|word| self.texts.contains_key(Path::new(word)))?;
                let path = Path::new(arguments.get(at)?);
                let text = *self.texts.get(path)?;
                let before: Vec<_> = arguments.iter().take(at).map(|word| word.to_string_lossy()).collect();
                let before = before.join(" ");
                let own = text.strip_prefix(MARK).map(|rest| rest.lines().next().unwrap_or_default().trim());
                let text = match own {
                    Some(own) if before.is_empty() || before == own => text.to_owned(),
                    None if !before.is_empty() => format!("{MARK}{before}\n{text}"),
                    Some(_) | None => return None,
                };
                Some(ScriptFile {
                    text,
                    name: name_of(path)?,
                    arguments: arguments.iter().skip(at + 1).cloned().collect(),
                })
            }
            Command::Script(_) | Command::Nothing => None,
        }
    }
}

fn name_of(path: &Path) -> Option<String> {
    path.file_name()?.to_str().map(str::to_owned)
}
