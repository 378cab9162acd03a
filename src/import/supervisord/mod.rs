//! supervisord.conf → [`Imported`]. Must not know where its files lie; the caller reads those that it includes.

mod expand;
mod ini;
mod program;
mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::native::Omission;
use super::{Imported, ImportedService};
use crate::config::service::RunAs;
use crate::config::values::{ServiceName, UserName};
use crate::error::{Problem, Problems};
use ini::Section;
use program::{ImportedProcess, PRIORITY, ProgramDefaults};
use reader::SectionReader;

/// A file of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigurationFile {
    /// Its path here, for messages.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
}

/// Sections that only supervisord's own commands need: `stepdown status` and the like take their place.
const CONTROL: [&str; 2] = ["supervisorctl", "unix_http_server"];
/// Values of supervisord itself that concern its own files and output.
const OWN: [&str; 17] = [
    "logfile",
    "logfile_maxbytes",
    "logfile_backups",
    "loglevel",
    "pidfile",
    "nodaemon",
    "silent",
    "childlogdir",
    "identifier",
    "strip_ansi",
    "nocleanup",
    "user",
    "environment",
    "minfds",
    "minprocs",
    "directory",
    "umask",
];

/// Returns whether a text is a supervisord.conf.
pub fn is_configuration(text: &str) -> bool {
    let heads = ["[supervisord]", "[program:", "[include]", "[group:", "[eventlistener:"];
    text.lines().any(|line| heads.iter().any(|head| line.trim_start().starts_with(head)))
}

/// Returns the patterns of the files that a file includes; `here`: its directory in the image.
///
/// # Errors
/// What is wrong with the file.
pub fn includes(file: &ConfigurationFile, here: &str) -> Result<Vec<String>, Problems> {
    let mut problems = Problems::default();
    let sections = ini::sections(&file.path, &file.text, &mut problems);
    let mut patterns = Vec::new();
    for section in sections.iter().filter(|section| section.name == "include") {
        let mut reader = SectionReader::new(section, BTreeMap::from([("here", here.to_owned())]));
        let files = reader.text("files").unwrap_or_default();
        patterns.extend(files.split_whitespace().map(str::to_owned));
        problems.extend(reader.problems);
    }
    problems.or(patterns)
}

/// Returns the services of a main file and those that it includes; `here`: the main file's directory in the image.
///
/// # Errors
/// Every problem of every file.
pub fn import(files: &[ConfigurationFile], here: &str) -> Result<Imported, Problems> {
    let mut problems = Problems::default();
    let sections = merged(files.iter().flat_map(|file| ini::sections(&file.path, &file.text, &mut problems)).collect());
    let mut imported = Imported::default();
    let groups = groups(&sections, here, &mut problems);
    let defaults = defaults(&sections, here, &mut imported, &mut problems);
    let mut processes = Vec::new();
    for section in &sections {
        let (kind, name) = section.name.split_once(':').unwrap_or((&section.name, ""));
        let omission = |why: &str| (section.at.clone(), Omission::new(format!("[{}]", section.name), why));
        match kind {
            "program" => {
                let group = groups.iter().find(|group| group.programs.iter().any(|program| program == name));
                let group = group.map(|group| (group.name.as_str(), group.priority));
                processes.extend(program::processes(section, name, group, &defaults, &mut problems));
            }
            "supervisord" | "group" | "include" => {}
            _ if CONTROL.contains(&kind) || section.name == "rpcinterface:supervisor" => {}
            "eventlistener" => imported
                .omissions
                .push(omission("there are no event listeners: `health` and `essential` are keys of a service")),
            "fcgi-program" => {
                imported.omissions.push(omission("no socket is opened for a service: have the program open it itself"))
            }
            "inet_http_server" => {
                imported.omissions.push(omission("nothing listens on a port: `stepdown status` uses a unix socket"))
            }
            _ => imported.omissions.push(omission("it has no equivalent here")),
        }
    }
    twice(&processes, &mut problems);
    order(&mut processes);
    imported.services = processes.into_iter().map(|process| process.imported).collect();
    shared_logs(&mut imported.services);
    for service in &imported.services {
        imported.container.allow(&service.service);
    }
    problems.or(imported)
}

/// Sections of the same name are one, as for supervisord.
fn merged(sections: Vec<Section>) -> Vec<Section> {
    let mut all: Vec<Section> = Vec::new();
    for section in sections {
        match all.iter_mut().find(|other| other.name == section.name) {
            Some(first) => first.values.extend(section.values),
            None => all.push(section),
        }
    }
    all
}

/// A `[group:x]`.
struct Group {
    name: String,
    programs: Vec<String>,
    priority: i64,
}

fn groups(sections: &[Section], here: &str, problems: &mut Problems) -> Vec<Group> {
    let mut groups = Vec::new();
    for section in sections {
        let Some(name) = section.name.strip_prefix("group:") else { continue };
        let mut reader = SectionReader::new(section, BTreeMap::from([("here", here.to_owned())]));
        let programs: Vec<String> =
            reader.text("programs").unwrap_or_default().split(',').map(|name| name.trim().to_owned()).collect();
        let priority = reader.number("priority").unwrap_or(PRIORITY);
        let is_program = |name: &String| sections.iter().any(|section| section.name == format!("program:{name}"));
        let others = ["fcgi-program", "eventlistener"];
        let is_other =
            |name: &String| others.iter().any(|kind| sections.iter().any(|it| it.name == format!("{kind}:{name}")));
        if programs.iter().any(|name| !is_program(name) && !is_other(name)) {
            reader.refuse("programs", "name programs that are there, separated by commas");
        }
        problems.extend(reader.problems);
        groups.push(Group { name: name.to_owned(), programs, priority });
    }
    groups
}

fn defaults(sections: &[Section], here: &str, imported: &mut Imported, problems: &mut Problems) -> ProgramDefaults {
    let mut defaults = ProgramDefaults { user: RunAs::Root, environment: BTreeMap::new(), here: here.to_owned() };
    let Some(section) = sections.iter().find(|section| section.name == "supervisord") else { return defaults };
    let mut reader = SectionReader::new(section, BTreeMap::from([("here", here.to_owned())]));
    defaults.environment = reader.pairs("environment");
    match reader.text("user").as_deref() {
        None | Some("root" | "0") => {}
        Some(name) => match UserName::new(name) {
            Some(name) => defaults.user = RunAs::Account(name),
            None => reader.refuse("user", "write the name of an account"),
        },
    }
    for value in section.values.iter().filter(|value| !OWN.contains(&value.key.as_str())) {
        reader.omit(&value.key, "it has no equivalent here");
    }
    imported.omissions.extend(reader.omissions.into_iter().map(|omission| (section.at.clone(), omission)));
    problems.extend(reader.problems);
    defaults
}

fn twice(processes: &[ImportedProcess], problems: &mut Problems) {
    let mut names = BTreeSet::new();
    for ImportedProcess { imported, .. } in processes {
        let name = &imported.service.name;
        if !names.insert(name) {
            let what = format!("there are two processes `{name}`");
            problems.push(Problem::new(imported.at.clone(), what, "give each a `process_name` of its own"));
        }
    }
}

/// Each process comes after those of the next lower priority that are started at all.
fn order(processes: &mut [ImportedProcess]) {
    let mut levels: BTreeMap<(i64, i64), Vec<ServiceName>> = BTreeMap::new();
    for ImportedProcess { imported, order } in processes.iter().filter(|process| process.imported.service.enabled) {
        levels.entry(*order).or_default().push(imported.service.name.clone());
    }
    for ImportedProcess { imported, order } in processes {
        let before = levels.range(..*order).next_back().map(|(_, names)| names.clone());
        imported.service.after = before.unwrap_or_default();
    }
}

/// Two services cannot write into one directory.
fn shared_logs(services: &mut [ImportedService]) {
    let mut seen: BTreeSet<PathBuf> = BTreeSet::new();
    for ImportedService { service, omissions, .. } in services {
        let path = service.log.directory.as_ref().map(|directory| directory.path.clone());
        if let Some(path) = path.filter(|path| !seen.insert(path.clone())) {
            service.log.directory = None;
            let why = "another service writes there: its lines go to the container's output";
            omissions.push(Omission::new(path.to_string_lossy(), why));
        }
    }
}

/// Returns the directory of a file in the image; `root`: what is the image's `/` here.
pub fn here(file: &Path, root: &Path) -> String {
    let inside = file.strip_prefix(root).map_or_else(|_| file.to_owned(), |rest| Path::new("/").join(rest));
    inside.parent().unwrap_or(Path::new("/")).to_string_lossy().into_owned()
}
