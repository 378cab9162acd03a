//! The scripts of `cont-init.d` and `cont-finish.d`, and those of the user of a LinuxServer image → oneshots, one for each.
//! Must not know the machine.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::files::ServiceDir;
use super::image::Image;
use super::version_two::SETS_BIT;
use crate::config::draft::{Dependency, Draft, DraftSource, Relation};
use crate::config::quote::quoted_os;
use crate::config::s6_overlay::{OnFailure, OverlayVersion, S6Origin};
use crate::config::service::{Command, Kind, Service};
use crate::config::tree::{self, TreeContents};
use crate::config::values::ServiceName;
use crate::config::{Content, Tree, shebang};
use crate::error::{Place, Problems};
use crate::text::shown;

/// A shell executes a script without `#!` by itself, which the kernel does not.
const SHELL: &str = "/bin/sh";
/// LinuxServer's images run their users' scripts by bash.
const BASH: &str = "/bin/bash";
/// The longest name of a service.
const MAX_NAME: usize = 64;
/// The name under which s6-rc runs the scripts of the start and of the stop.
const LEGACY: &str = "legacy-cont-init";

/// Reads the scripts of the start: each is started when the one before it has ended, well or not. Returns their names.
pub fn init(image: &Image, tree: &Tree, found: &mut TreeContents, problems: &mut Problems) -> Vec<ServiceName> {
    let mut names: Vec<ServiceName> = Vec::new();
    for (file, command) in commands(image, tree, SHELL, found, problems) {
        let Some(mut draft) = draft(image, tree, "cont-init-", &file, found, problems) else { continue };
        draft.service.command = command;
        draft.dependencies.extend(names.last().map(|before| after(before, &draft.service)));
        names.push(draft.service.name.clone());
        adopt(image, draft, S6Origin::InitScript, found);
    }
    names
}

/// Reads the scripts of the stop: nothing to do at the start, and a command for the end. Each runs when the one before it
/// has ended, after everything else. Returns their names, the last one first.
pub fn finish(image: &Image, tree: &Tree, found: &mut TreeContents, problems: &mut Problems) -> Vec<ServiceName> {
    let mut names: Vec<ServiceName> = Vec::new();
    let all = commands(image, tree, SHELL, found, problems);
    // What is stopped first depends on what is stopped later.
    for (file, command) in all.into_iter().rev() {
        let Some(mut draft) = draft(image, tree, "cont-finish-", &file, found, problems) else { continue };
        draft.service.stop_command = Some(Box::new(command));
        draft.service.stop.timeout = image.overlay.finish_timeout;
        draft.dependencies.extend(names.last().map(|next| after(next, &draft.service)));
        names.push(draft.service.name.clone());
        adopt(image, draft, S6Origin::Script, found);
    }
    names
}

/// Reads the scripts of the user of a LinuxServer image; they run after the others. Returns their names.
pub fn custom(
    image: &Image,
    tree: &Tree,
    before: Option<&ServiceName>,
    found: &mut TreeContents,
    problems: &mut Problems,
) -> Vec<ServiceName> {
    let mut names: Vec<ServiceName> = Vec::new();
    for (file, content) in &tree.entries {
        let path = tree.path.join(file);
        let command = match content {
            Content::File { executable: true, bytes } if shebang::is_program(bytes) => alone(path),
            Content::File { .. } => Command::Argv(vec![BASH.into(), path.into()]),
            Content::TooLarge(_) | Content::Other(_) => alone(path),
            Content::Dir(_) | Content::Unreadable(_) => continue,
        };
        let Some(mut draft) = draft(image, tree, "custom-cont-init-", file, found, problems) else { continue };
        draft.service.command = command;
        draft.dependencies.extend(names.last().or(before).map(|before| after(before, &draft.service)));
        names.push(draft.service.name.clone());
        adopt(image, draft, S6Origin::Script, found);
    }
    names
}

/// Scripts get no arguments.
fn alone(path: PathBuf) -> Command {
    Command::Argv(vec![path.into()])
}

/// Returns how each script is executed, in their order. What cannot be executed fails under s6-overlay, and the start goes
/// on without it, unless a failure ends the container.
fn commands(
    image: &Image,
    tree: &Tree,
    shell: &str,
    found: &mut TreeContents,
    problems: &mut Problems,
) -> Vec<(OsString, Command)> {
    let mut dir = ServiceDir::new(tree.path.clone(), &tree.entries);
    let version = image.overlay.version;
    let check = match version {
        OverlayVersion::Two => ServiceDir::check_script,
        OverlayVersion::Three => ServiceDir::check_program,
    };
    let mut skipped = Vec::new();
    let mut all = Vec::new();
    for (file, content) in &tree.entries {
        let path = tree.path.join(file);
        let command = match content {
            Content::File { executable: true, bytes } if shebang::is_program(bytes) => {
                dir.check_os(file, check);
                alone(path)
            }
            // Run by its interpreter: s6-overlay 2 sets its execute bit.
            Content::File { executable: false, bytes }
                if version == OverlayVersion::Two && shebang::argv(bytes).is_some() =>
            {
                dir.check_os(file, check);
                alone(path)
            }
            // Nothing but that bit makes it run.
            Content::File { executable: false, bytes }
                if version == OverlayVersion::Two && shebang::is_program(bytes) =>
            {
                dir.set_instead(SETS_BIT);
                dir.check_os(file, ServiceDir::check_program);
                dir.set_instead("");
                continue;
            }
            Content::File { executable: true, .. } => Command::Argv(vec![shell.into(), path.into()]),
            // Looked at where it is executed: a link may lead anywhere.
            Content::TooLarge(_) | Content::Other(_) => alone(path),
            Content::File { executable: false, .. } if image.overlay.on_failure == OnFailure::Stop => {
                dir.check_os(file, check);
                continue;
            }
            Content::File { executable: false, .. } | Content::Dir(_) | Content::Unreadable(_) => {
                skipped.push(quoted_os(file));
                continue;
            }
        };
        all.push((file.clone(), command));
    }
    problems.extend(dir.finish());
    if !skipped.is_empty() {
        let (names, path) = (skipped.join(", "), shown(&tree.path));
        let why = match version {
            OverlayVersion::Two => "no script, not run; s6-overlay 2 fails to execute it, and continues",
            OverlayVersion::Three => "not executable, not run, as under s6-overlay",
        };
        found.s6_notices.push(format!("{path}: {names}: {why}"));
    }
    all
}

fn draft(
    image: &Image,
    tree: &Tree,
    prefix: &str,
    file: &OsStr,
    found: &mut TreeContents,
    problems: &mut Problems,
) -> Option<Draft> {
    let path = tree.path.join(file);
    let name = service_name(prefix, file)?;
    if !tree::declare(&name, &path, found, problems) {
        return None;
    }
    let mut service = Service {
        at: Place::file(&path),
        kind: Kind::Oneshot,
        essential: image.overlay.on_failure == OnFailure::Stop,
        ..Service::plain(name, Command::Nothing)
    };
    service.environment.insert("RC_NAME".to_owned(), LEGACY.to_owned());
    let (dependencies, notices, rows) = (Vec::new(), Vec::new(), Vec::new());
    Some(Draft { service, dependencies, stop_timeout_at: None, notices, rows, source: DraftSource::Tree })
}

fn adopt(image: &Image, mut draft: Draft, origin: S6Origin, found: &mut TreeContents) {
    image.adopt(&mut draft.service, origin);
    found.anything = true;
    found.drafts.push(draft);
}

fn after(name: &ServiceName, service: &Service) -> Dependency {
    Dependency { relation: Relation::After, to: name.to_string(), at: service.at.clone(), written: "order".to_owned() }
}

/// Returns a service's name for a file: letters that it cannot have become `_`.
pub fn service_name(prefix: &str, file: &OsStr) -> Option<ServiceName> {
    let is_fit = |letter: char| letter.is_ascii_alphanumeric() || "_-.@:+".contains(letter);
    let text = file.to_string_lossy();
    let name = prefix.chars().chain(text.chars()).map(|letter| if is_fit(letter) { letter } else { '_' });
    ServiceName::new(&name.take(MAX_NAME).collect::<String>())
}
