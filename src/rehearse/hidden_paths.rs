//! Paths that a tree names, that exist on this host and not in the rehearsal, because `/run` and `/tmp` are empty in it or
//! a tmpfs covers it: the program, its arguments, the words of a script, `directory`, `environment_file`. Reported before
//! the boot, with the flag that adds them; a boot itself can only say that there is no such file.
#![allow(clippy::disallowed_methods)] // looks at this host's files by path; changes nothing

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::{NamespaceSupport, Rehearsal, root};
use crate::config::search_path::directories;
use crate::config::service::{Command, Service};
use crate::config::{self, Config, s6_overlay};
use crate::inspect::source::{self, ConfigPaths};
use crate::text::shown;

/// What ends a word of a shell script, for a look at the paths in it.
const SHELL_BREAKS: &[u8] = b" \t\n;|&()<>\"'`=!";

/// Returns a line for each path that is hidden; nothing if the tree cannot be read, which the boot will report.
pub(super) fn notices(rehearsal: &Rehearsal, support: &NamespaceSupport) -> Vec<String> {
    let place = match &rehearsal.tree {
        Some(tree) => ConfigPaths {
            container_file: tree.container.clone().unwrap_or_default(),
            trees: vec![tree.services.clone()],
            is_explicit: true,
        },
        // The files of an image are in that image.
        None if rehearsal.root.is_some() => return Vec::new(),
        None => ConfigPaths::installed(),
    };
    let variables: BTreeMap<OsString, OsString> = rehearsal.environment.iter().cloned().collect();
    let given = variables.get(OsStr::new("PATH")).cloned();
    let sources = source::read(&place, variables, rehearsal.command.clone());
    let Ok(config) = config::read(&sources) else { return Vec::new() };
    let path = s6_overlay::container_path(given.as_deref(), config.s6.as_ref());
    let hidden = HiddenPaths { covered: covered_directories(rehearsal, support), volumes: volumes(rehearsal), path };
    hidden.all(&config, &rehearsal.directory)
}

/// Which directories of this host are covered, and why.
fn covered_directories(rehearsal: &Rehearsal, support: &NamespaceSupport) -> Vec<(PathBuf, &'static str)> {
    let mut all = Vec::new();
    if rehearsal.root.is_none() {
        let top = Path::new("/");
        all.extend(root::LIVE_DIRECTORIES.iter().map(|name| (top.join(name), "is empty in a rehearsal")));
        all.push((PathBuf::from("/dev/shm"), "is empty in a rehearsal"));
        if support.user_namespace() {
            all.push((PathBuf::from("/var/tmp"), "is empty in a rehearsal"));
        }
    }
    all.extend(rehearsal.tmpfs.iter().map(|tmpfs| (tmpfs.at.clone(), "is covered by a `--tmpfs`")));
    all
}

fn volumes(rehearsal: &Rehearsal) -> Vec<PathBuf> {
    rehearsal.volumes.iter().map(|volume| volume.at.clone()).collect()
}

struct HiddenPaths {
    covered: Vec<(PathBuf, &'static str)>,
    /// Mount points of volumes: their files are not this host's.
    volumes: Vec<PathBuf>,
    path: OsString,
}

impl HiddenPaths {
    fn all(&self, config: &Config, directory: &Path) -> Vec<String> {
        let mut lines = Vec::new();
        for service in &config.services {
            self.of_service(service, &mut lines);
        }
        let mut found = BTreeSet::new();
        self.of_argv(&config.main, &self.path, directory, &mut found);
        self.push_lines("the main command names", &found, &mut lines);
        lines
    }

    fn of_service(&self, service: &Service, lines: &mut Vec<String>) {
        let name = &service.name;
        let directory = service.directory.as_deref().unwrap_or(Path::new("/"));
        let path = service.path_source().path(&self.path);
        let key = match &service.command {
            Command::Script(_) => "script",
            Command::Argv(_) | Command::File(_) | Command::Nothing => "command",
        };
        for (key, command) in std::iter::once((key, service.command.clone())).chain(service.auxiliary_commands()) {
            let mut found = BTreeSet::new();
            match &command {
                Command::Argv(argv) => self.of_argv(argv, path, directory, &mut found),
                Command::Script(text) => self.of_script(text.as_bytes(), &mut found),
                Command::File(file) => self.of_script(&fs::read(file).unwrap_or_default(), &mut found),
                Command::Nothing => {}
            }
            self.push_lines(&format!("`{name}`: `{key}` names"), &found, lines);
        }
        // An s6-style service runs in its own directory, which nobody wrote: the tree is brought into the rehearsal.
        let own = match &service.command {
            Command::File(run) => run.parent(),
            Command::Argv(_) | Command::Script(_) | Command::Nothing => None,
        };
        let directory = service.directory.clone().filter(|directory| own != Some(directory));
        for (key, path) in [("directory", &directory), ("environment_file", &service.environment_file)] {
            let found = path.iter().filter(|path| path.exists() && self.covering(path).is_some()).cloned().collect();
            self.push_lines(&format!("`{name}`: `{key}` names"), &found, lines);
        }
    }

    /// Checks the program as it would be found, and arguments that are programs or files of a project.
    fn of_argv(&self, argv: &[OsString], path: &OsStr, directory: &Path, found: &mut BTreeSet<PathBuf>) {
        let Some((program, arguments)) = argv.split_first() else { return };
        let program = match program.as_bytes().contains(&b'/') {
            true => Some(directory.join(program)),
            false => {
                let mut all = directories(path).map(|place| place.join(program));
                all.find(|path| is_program(path))
            }
        };
        found.extend(program.filter(|path| path.is_file() && self.covering(path).is_some()));
        for word in arguments {
            // `sh -c "exec /tmp/x"`: an argument may be a script.
            self.of_script(word.as_bytes(), found);
        }
    }

    fn of_script(&self, text: &[u8], found: &mut BTreeSet<PathBuf>) {
        let words = text.split(|byte| SHELL_BREAKS.contains(byte)).filter(|word| word.starts_with(b"/"));
        let paths = words.map(|word| Path::new(OsStr::from_bytes(word)));
        found.extend(paths.filter(|path| self.must_exist(path)).map(Path::to_owned));
    }

    /// Whether an argument must exist before the start: a program anywhere, any file below `/tmp`. A service creates its
    /// own pid files and sockets below `/run`.
    fn must_exist(&self, path: &Path) -> bool {
        path.is_file() && self.covering(path).is_some() && (path.starts_with("/tmp") || is_program(path))
    }

    /// Returns the covered directory that contains it, links resolved.
    fn covering(&self, path: &Path) -> Option<&(PathBuf, &'static str)> {
        let real = fs::canonicalize(path).ok()?;
        let brought = |at: &PathBuf| path.starts_with(at) || real.starts_with(at);
        if self.volumes.iter().any(brought) {
            return None;
        }
        // `/tmp` itself exists inside; what the boot creates in it is not known here.
        self.covered.iter().find(|(place, _)| real.starts_with(place) && real != *place)
    }

    fn push_lines(&self, subject: &str, found: &BTreeSet<PathBuf>, lines: &mut Vec<String>) {
        for path in found {
            let Some((place, why)) = self.covering(path) else { continue };
            let real = fs::canonicalize(path).unwrap_or_else(|_| path.clone());
            // Its parent directory contains what else it needs, unless that is the covered directory itself.
            let around = real.parent().filter(|parent| !real.is_dir() && parent != place).unwrap_or(&real);
            let fix = match around.as_os_str().as_bytes().contains(&b':') {
                true => "move it elsewhere: `-v` cannot take a path with a colon".to_owned(),
                false => format!("add `-v {}`", shell_word(&format!("{0}:{0}", shown(around)))),
            };
            let path = shown(path);
            lines.push(format!("{subject} {path}, which is not there: {} {why}; {fix}", shown(place)));
        }
    }
}

/// Returns whether it is a file that somebody may execute.
pub(super) fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

/// A word as a shell reads it.
fn shell_word(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+:@%,".contains(letter);
    if text.chars().all(plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) }
}
