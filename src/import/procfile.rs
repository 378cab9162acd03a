//! A Procfile → [`Imported`]: a service for each line `NAME: COMMAND`. Must not know where the file lies.

use std::path::Path;

use super::native::Omission;
use super::shell_command;
use super::{Imported, ImportedService};
use crate::config::service::{Command, Kind, Service};
use crate::config::values::ServiceName;
use crate::error::{Place, Problem, Problems};

/// The process that is run to its end before the others start.
const RELEASE: &str = "release";

/// Returns whether every line of a text is one of a Procfile.
pub fn is_procfile(text: &str) -> bool {
    let mut lines = entries(text).peekable();
    lines.peek().is_some() && lines.all(|(_, line)| entry(line).is_some())
}

/// Returns the services of a Procfile.
///
/// # Errors
/// Lines that are none of a Procfile.
pub fn import(path: &Path, text: &str) -> Result<Imported, Problems> {
    let mut problems = Problems::default();
    let mut imported = Imported::default();
    for (number, line) in entries(text) {
        let at = Place::File { path: path.to_owned(), line: Some(number) };
        let found = entry(line).and_then(|(name, command)| Some((ServiceName::new(name)?, command)));
        let Some((name, command)) = found else {
            problems.push(Problem::new(at, "this is no process", "write NAME: COMMAND"));
            continue;
        };
        if imported.services.iter().any(|other| other.service.name == name) {
            problems.push(Problem::new(at, format!("{name} is there twice"), "give one of them another name"));
            continue;
        }
        imported.services.push(service(name, command, at));
    }
    let has_release = imported.services.iter().any(|it| it.service.name.as_str() == RELEASE);
    if let Some(release) = ServiceName::new(RELEASE).filter(|_| has_release) {
        let others = imported.services.iter_mut().filter(|it| it.service.name != release);
        others.for_each(|it| it.service.requires.push(release.clone()));
    }
    problems.or(imported)
}

/// The lines that say something, with their numbers.
fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn entry(line: &str) -> Option<(&str, &str)> {
    let (name, command) = line.split_once(':')?;
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | '-');
    let command = command.trim();
    (!name.is_empty() && name.chars().all(is_name) && !command.is_empty()).then_some((name, command))
}

fn service(name: ServiceName, command: &str, at: Place) -> ImportedService {
    let is_release = name.as_str() == RELEASE;
    let argv = shell_command::only_command(command);
    let command_of = |argv: Vec<String>| Command::Argv(argv.into_iter().map(Into::into).collect());
    let mut service = Service::plain(name, argv.map_or_else(|| Command::Script(script(command)), command_of));
    service.at = at;
    // The managers of such files end everything when one process ends.
    service.essential = true;
    if is_release {
        service.kind = Kind::Oneshot;
    }
    let mut imported = ImportedService::new(service);
    if command.contains("$PORT") || command.contains("${PORT") {
        let why = "the managers of Procfiles give each process another port: set it in `environment`";
        imported.omissions.push(Omission::new("PORT", why));
    }
    imported
}

/// The shell is replaced by a single program, so that signals reach it.
fn script(command: &str) -> String {
    let has_several = [";", "&", "|", "\n"].iter().any(|end| command.contains(end));
    let is_built_in =
        ["cd ", "exec ", "export ", "set ", "if ", "while ", "for "].iter().any(|it| command.starts_with(it));
    let has_assignment = command.split_whitespace().next().is_some_and(|word| word.contains('='));
    match has_several || is_built_in || has_assignment {
        true => format!("{command}\n"),
        false => format!("exec {command}\n"),
    }
}
