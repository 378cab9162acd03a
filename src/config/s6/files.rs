//! The files of an s6-style service directory, parsed by type: a number, a word, a flag, a program. Must not know what they
//! mean for a service.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config::file_report::FileReport;
use crate::config::quote::{quoted, quoted_os};
use crate::config::{Content, LINK_OUT, bytes, line_endings, shebang};
use crate::error::{FileCommand, Place, Problem, ProblemFix, Problems};

/// A service directory and the problems found in it.
pub struct ServiceDir<'c> {
    path: PathBuf,
    entries: &'c BTreeMap<OsString, Content>,
    problems: Problems,
    /// What s6-overlay would do with a program that cannot be executed, where it would start.
    instead: &'static str,
    /// Files of which Windows line endings were cut.
    windows: BTreeSet<String>,
}

impl<'c> ServiceDir<'c> {
    /// Returns the directory at that path.
    pub fn new(path: PathBuf, entries: &'c BTreeMap<OsString, Content>) -> Self {
        Self { path, entries, problems: Problems::default(), instead: "", windows: BTreeSet::new() }
    }

    /// Sets what s6-overlay would do with a program that cannot be executed, as the end of a sentence.
    pub fn set_instead(&mut self, instead: &'static str) {
        self.instead = instead;
    }

    /// Returns the path of an entry.
    pub fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Returns the path of the directory, which is the working directory of its programs.
    pub fn directory(&self) -> PathBuf {
        self.path.clone()
    }

    /// Returns whether an entry of that name exists, whatever it is.
    pub fn has(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Returns an entry.
    pub fn entry(&self, name: &str) -> Option<&'c Content> {
        self.entries.get(OsStr::new(name))
    }

    /// Returns the names of all entries.
    pub fn names(&self) -> impl Iterator<Item = &'c OsString> {
        self.entries.keys()
    }

    /// Adds a problem of one entry.
    pub fn problem(&mut self, name: &str, what: impl Into<String>, fix: impl Into<ProblemFix>) {
        self.problems.push(Problem::new(Place::file(self.path(name)), what, fix));
    }

    /// Adds a problem of one place.
    pub fn problem_at(&mut self, at: Place, what: impl Into<String>, fix: impl Into<ProblemFix>) {
        self.problems.push(Problem::new(at, what, fix));
    }

    /// Adds a problem of the whole directory.
    pub fn problem_of_all(&mut self, what: impl Into<String>, fix: impl Into<ProblemFix>) {
        self.problems.push(Problem::new(Place::file(&self.path), what, fix));
    }

    /// Returns the problems.
    pub fn finish(self) -> Problems {
        self.problems
    }

    /// Returns the text of a file; `None` if there is none, or if it is unreadable, which is reported.
    pub fn text(&mut self, name: &str) -> Option<&'c str> {
        let content = self.entry(name)?;
        let path = self.path(name);
        let mut report = FileReport::new(&path);
        let text = bytes::text(content, &mut report);
        self.problems.extend(report.finish());
        text
    }

    fn note_line_endings(&mut self, name: &str, text: &str) {
        if text.contains("\r\n") {
            self.windows.insert(name.to_owned());
        }
    }

    /// Returns the files whose values were read without their Windows line endings, which s6 does not cut.
    pub fn with_windows_line_endings(&self) -> impl Iterator<Item = &str> {
        self.windows.iter().map(String::as_str)
    }

    /// Returns a file's one word, without the blanks around it.
    pub fn word(&mut self, name: &str) -> Option<&'c str> {
        let text = self.text(name)?;
        self.note_line_endings(name, text);
        Some(text.trim())
    }

    /// Returns the names in a file, one for each line, with their line numbers; `None` as for any text.
    pub fn names_in(&mut self, name: &str) -> Option<Vec<(usize, &'c str)>> {
        let text = self.text(name)?;
        self.note_line_endings(name, text);
        let lines = text.lines().zip(1..).map(|(line, at)| (at, line.trim()));
        Some(lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect())
    }

    /// Returns the names of a list, each with its place: those of the files in `NAME.d`, else the lines of `NAME` (only read if
    /// the directory is missing, as s6-rc does); `None`: there is neither.
    pub fn list(&mut self, name: &str) -> Option<Vec<(String, Place)>> {
        let directory = format!("{name}.d");
        match self.entry(&directory) {
            Some(Content::Dir(entries)) => {
                let path = self.path(&directory);
                let visible = entries.keys().filter(|name| !name.as_encoded_bytes().starts_with(b"."));
                let (names, others): (Vec<_>, Vec<_>) = visible.partition(|name| name.to_str().is_some());
                for name in others {
                    let what = format!("{} cannot be a service's name: it is not UTF-8", quoted_os(name));
                    self.problem(&directory, what, "rename it in plain letters, or remove it");
                }
                let names = names.into_iter().map(|name| name.to_string_lossy().into_owned());
                Some(names.map(|name| (name, Place::file(&path))).collect())
            }
            Some(Content::Unreadable(why)) => {
                let fix = "make it readable for the user that starts the container";
                self.problem(&directory, format!("cannot read it: {why}"), fix);
                Some(Vec::new())
            }
            Some(Content::File { .. } | Content::TooLarge(_) | Content::Other(_)) => {
                let fix = "make it a directory of empty files, one for each service";
                self.problem(&directory, "is not a directory", fix);
                Some(Vec::new())
            }
            None if self.has(name) => {
                let path = self.path(name);
                let names = self.names_in(name).unwrap_or_default();
                Some(names.into_iter().map(|(at, name)| (name.to_owned(), Place::line(&path, at))).collect())
            }
            None => None,
        }
    }

    /// Returns a file's number, within the range.
    pub fn number(&mut self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let word = self.word(name)?;
        let plain = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
        let number = plain.then(|| word.parse().ok()).flatten().filter(|number| range.contains(number));
        if number.is_none() {
            let fix = format!("write a number from {} to {}", range.start(), range.end());
            self.problem(name, wrong_value(word), fix);
        }
        number
    }

    /// Returns a time in milliseconds; 0 means none.
    pub fn millis(&mut self, name: &str) -> Option<Option<Duration>> {
        let number = self.number(name, 0..=u32::MAX)?;
        Some((number > 0).then(|| Duration::from_millis(u64::from(number))))
    }

    /// Runs a check, such as [`Self::check_program`], for any file name.
    pub fn check_os(&mut self, name: &OsStr, check: fn(&mut Self, &str)) {
        match name.to_str() {
            Some(name) => check(self, name),
            None => {
                let what = format!("{}: is not a name in UTF-8", quoted_os(name));
                self.problem_of_all(what, "rename it in plain letters");
            }
        }
    }

    /// Returns whether a file is a program that no interpreter runs, and only lacks its execute bit.
    pub fn lacks_only_bit(&self, name: &str) -> bool {
        let is_one = |bytes: &[u8]| shebang::is_program(bytes) && !shebang::is_script(bytes);
        matches!(self.entry(name), Some(Content::File { bytes, executable: false }) if is_one(bytes))
    }

    /// Checks a program that may lack its execute bit, because it is a script: its interpreter can run it.
    pub fn check_script(&mut self, name: &str) {
        match self.entry(name) {
            // An execute bit would not help what is no program.
            Some(Content::File { bytes, executable: false })
                if shebang::argv(bytes).is_some() || !shebang::is_program(bytes) =>
            {
                self.check_first_line(name, bytes);
            }
            Some(_) | None => self.check_program(name),
        }
    }

    /// Checks whether a file can be executed as it is: an execute bit, and a first line that names its interpreter.
    pub fn check_program(&mut self, name: &str) {
        let path = self.path(name);
        match self.entry(name) {
            None => {}
            Some(Content::File { executable: false, .. }) => {
                let what = format!("is not executable{}", self.instead);
                self.problem(name, what, make_executable("", path));
            }
            Some(Content::File { bytes, executable: true }) => self.check_first_line(name, bytes),
            // It is checked when it is looked up: one larger than a configuration file, or a link to a program elsewhere
            // (`finish` to /bin/true), which the kernel follows.
            Some(Content::TooLarge(_) | Content::Other(LINK_OUT)) => {}
            Some(content @ (Content::Dir(_) | Content::Unreadable(_) | Content::Other(_))) => {
                let mut report = FileReport::new(&path);
                bytes::text(content, &mut report);
                self.problems.extend(report.finish());
            }
        }
    }

    /// The kernel executes ELF and `#!`; anything else is ENOEXEC at each start, `#!/bin/sh\r` is "not found", and a shell
    /// fails on a carriage return further down.
    fn check_first_line(&mut self, name: &str, bytes: &[u8]) {
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if bytes.starts_with(b"\x7fELF") {
            return;
        }
        let Some(interpreter) = first.strip_prefix(b"#!") else {
            let what = format!("does not begin with `#!`, so that nothing can execute it{}", self.instead);
            self.problem(name, what, "begin it with `#!/bin/sh`");
            return;
        };
        let interpreter = String::from_utf8_lossy(interpreter);
        let is_shell = interpreter.split_whitespace().any(line_endings::is_shell);
        let bad = match first.ends_with(b"\r") {
            true => Some(1),
            false if is_shell => line_endings::first_bad_line(&String::from_utf8_lossy(bytes)),
            false => None,
        };
        if let Some(line) = bad {
            let path = self.path(name);
            let fix = line_endings::to_unix(&path);
            self.problems.push(Problem::new(Place::line(path, line), "has Windows line endings (CRLF)", fix));
        }
    }
}

/// Says what is wrong with the word in a file.
pub fn wrong_value(word: &str) -> String {
    if word.is_empty() { "is empty".to_owned() } else { format!("cannot be {}", quoted(word)) }
}

/// Returns whether a script's interpreter is execlineb.
pub fn is_execline(bytes: &[u8]) -> bool {
    let words = shebang::argv(bytes).unwrap_or_default();
    words.first().is_some_and(|program| Path::new(program).file_name() == Some(OsStr::new("execlineb")))
}

/// Returns the fix for a script that lacks its execute bit, after these words.
pub fn make_executable(before: impl Into<String>, path: PathBuf) -> FileCommand {
    FileCommand { before: before.into(), command: "chmod +x", path, after: "" }
}

/// Returns whether a directory in a service's directory is read: `*.d` and `log` have a meaning in s6, and `env` in scripts,
/// which read its variables by s6-envdir. `data`,
/// `supervise`, `event` and others may be large, and are the service's own.
pub fn is_read_directory(name: Option<&OsStr>) -> bool {
    name.is_some_and(|name| name == "env" || name == "log" || name.as_bytes().ends_with(b".d"))
}

/// Returns whether only the names in such a directory have a meaning, as in [`ServiceDir::list`]: what is in its files is not
/// read, by s6-rc neither.
pub fn is_list_directory(name: Option<&OsStr>) -> bool {
    name.is_some_and(|name| name == "dependencies.d" || name == "contents.d")
}
