//! A tree of s6 or s6-overlay → [`Imported`]: the loader's services, with the paths of the image, and scripts that need no
//! file any more where they are a shell's. Must not know how the tree is read.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::image_paths::{ImagePaths, SERVICES};
use super::native::Omission;
use super::scripts::{self, ScriptRole, TranslatedScript};
use super::source_files::SourceFiles;
use super::{Imported, ImportedService};
use crate::config::container::{Own, UnknownOwner};
use crate::config::s6_overlay::{HOOK, container_path};
use crate::config::search_path::PathSource;
use crate::config::service::{Command, Kind, RunAs, Service};
use crate::config::values::{ServiceName, UserName};
use crate::config::{self, Config, Sources};
use crate::error::{Place, Problems};
use crate::text::shown;

/// The account of the app in images of LinuxServer.
const LINUXSERVER_APP: &str = "abc";

/// Of version 3 and of version 2.
const SETS_EXIT_CODE: &str = "it sets the exit code through s6-overlay: write `essential = true`, which ends the container with the service's own";

/// What a script of s6-overlay may do that has no effect in a native tree, and why.
const NO_EFFECT: [(&str, &str); 4] = [
    (
        "container_environment",
        "it writes variables for other scripts, which only s6-overlay hands on: set them in the image or in `environment_file`",
    ),
    ("s6-linux-init-container-results", SETS_EXIT_CODE),
    ("env-stage3", SETS_EXIT_CODE),
    (
        "/run/s6/basedir/bin/halt",
        "it ends the container through s6-overlay: write `essential = true`, or `stepdown shutdown`",
    ),
];

/// What a service is by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Defaults {
    /// As the loader of s6's trees has it.
    S6,
    /// As runit starts it: as root.
    Runit,
}

/// Returns the services of the tree that are not native yet.
///
/// # Errors
/// Every problem that the loader finds.
pub fn import(sources: &Sources) -> Result<Imported, Problems> {
    import_with(sources, Defaults::S6)
}

/// The same with the defaults of another supervisor.
///
/// # Errors
/// As above.
pub(super) fn import_with(sources: &Sources, defaults: Defaults) -> Result<Imported, Problems> {
    let Config { services, container, s6, passed_over, .. } = config::read(sources)?;
    let image = ImagePaths::of(sources);
    let files = SourceFiles::new(sources, &image);
    let mut imported = Imported::default();
    imported.container.is_not_s6 = s6.is_some();
    let declared_here = |own: &Own| sources.container.as_ref().is_some_and(|(path, _)| is_at(&own.at, path));
    imported.container.own = container.own.into_iter().filter(|own| !declared_here(own)).collect();
    // The container file has no word for another one.
    imported.container.own.iter_mut().for_each(|own| own.options.unknown_owner = UnknownOwner::Refuse);
    let given = sources.env.get(OsStr::new("PATH")).map(OsString::as_os_str);
    let path = container_path(given, s6.as_ref()).to_string_lossy().into_owned();
    let hook = s6.as_ref().filter(|s6| !s6.hook.is_empty()).map(|s6| s6.hook.join(OsStr::new(" ")));
    imported.omissions.extend(hook.map(|hook| {
        let value = shown(&hook);
        let why =
            "it runs before the services are read: run it while the image is built, or as a oneshot that they require";
        (Place::Variable { name: HOOK.to_owned(), value }, Omission::new("the hook", why))
    }));
    // What the loader passes over is lost in our files too.
    let tree = sources.trees.first().map_or(Place::Machine, |tree| Place::file(&tree.path));
    imported.omissions.extend(passed_over.into_iter().map(|notice| (tree.clone(), Omission::new("the tree", notice))));
    for service in services.into_iter().filter(|service| !is_native(service)) {
        let mut service = Rc::unwrap_or_clone(service);
        if defaults == Defaults::Runit && service.user == RunAs::App {
            service.user = RunAs::Root;
        }
        if service.clear_environment && service.path_source() == PathSource::Container {
            service.environment.insert("PATH".to_owned(), path.clone());
        }
        let at = service.at.clone();
        let (service, mut lost) = without_files(in_image(service, &image), &files);
        let mut service = ImportedService::new(as_app(service, &mut imported.container.app_user));
        lost.append(&mut service.omissions);
        (service.at, service.omissions) = (at, lost);
        service.has_directory = uses_own_directory(&service.service);
        service.replaces = directory_in_tree(&service.at, &image);
        imported.container.allow(&service.service);
        imported.services.push(service);
    }
    Ok(imported)
}

fn is_at(at: &Place, file: &Path) -> bool {
    matches!(at, Place::File { path, .. } if path == file)
}

fn is_native(service: &Service) -> bool {
    match &service.at {
        Place::File { path, .. } => path.extension().is_some_and(|end| end == "toml"),
        Place::Variable { .. } | Place::Argument(_) | Place::MainCommand | Place::Machine => false,
    }
}

fn in_image(mut service: Service, image: &ImagePaths) -> Service {
    service.directory = service.directory.map(|path| image.path(&path));
    let command = |command: Command| match command {
        Command::File(path) => Command::File(image.path(&path)),
        Command::Argv(arguments) => Command::Argv(arguments.iter().map(|word| image.word(word)).collect()),
        other @ (Command::Script(_) | Command::Nothing) => other,
    };
    service.command = command(service.command);
    service.stop_command = service.stop_command.map(|it| Box::new(command(*it)));
    if let Some(finish) = &mut service.finish {
        finish.command = command(finish.command.clone());
    }
    service
}

/// Puts scripts into the service, as far as they do not need their files.
fn without_files(mut service: Service, files: &SourceFiles<'_>) -> (Service, Vec<Omission>) {
    let mut scripts = ScriptTexts::default();
    // A finish script may need root: then it is the script that changes the user.
    let is_alone = service.finish.is_none() && service.stop_command.is_none();
    let role = if is_alone { ScriptRole::Alone } else { ScriptRole::Command };
    let name = service.name.clone();
    service.user = scripts.put(&mut service.command, &name, role, files).unwrap_or(service.user);
    if let Some(command) = &mut service.stop_command {
        scripts.put(command, &name, ScriptRole::StopCommand, files);
    }
    if let Some(finish) = &mut service.finish {
        scripts.put(&mut finish.command, &name, ScriptRole::Finish, files);
    }
    let ScriptTexts { texts, wants_variables, stays } = scripts;
    let is_any = |what: fn(&str) -> bool| texts.iter().any(|(_, text)| what(text));
    if wants_variables && service.s6.is_some() {
        service.clear_environment = false;
        service.environment.remove("PATH");
    }
    if !texts.is_empty() && !is_any(|text| text.contains("RC_NAME")) {
        service.environment.remove("RC_NAME");
    }
    // s6-rc runs oneshots in a directory of its own.
    let is_elsewhere = service.kind == Kind::Oneshot || (!texts.is_empty() && !is_any(names_working_directory));
    if !stays && is_elsewhere {
        service.directory = None;
    }
    let lost = NO_EFFECT.iter().filter_map(|(word, why)| {
        let (role, _) = texts.iter().find(|(_, text)| text.contains(word))?;
        let file = match role {
            ScriptRole::Alone | ScriptRole::Command => "",
            ScriptRole::StopCommand => "`down`: ",
            ScriptRole::Finish => "`finish`: ",
        };
        Some(Omission::new(format!("{file}{word}"), *why))
    });
    (service, lost.collect())
}

/// The scripts of a service while they are put into it.
#[derive(Default)]
struct ScriptTexts {
    texts: Vec<(ScriptRole, String)>,
    wants_variables: bool,
    /// Whether one of them stays a file.
    stays: bool,
}

impl ScriptTexts {
    /// Puts a script in the place of its file; returns the user that it becomes.
    fn put(
        &mut self,
        command: &mut Command,
        service: &ServiceName,
        role: ScriptRole,
        files: &SourceFiles<'_>,
    ) -> Option<RunAs> {
        let arguments = match (role, &*command) {
            (_, Command::Argv(argv)) => argv.get(1..).unwrap_or_default().to_vec(),
            // The service's name, which `run` alone gets.
            (ScriptRole::Alone | ScriptRole::Command, Command::File(_)) => vec![service.as_str().into()],
            (ScriptRole::Finish | ScriptRole::StopCommand, _) | (_, Command::Script(_) | Command::Nothing) => {
                Vec::new()
            }
        };
        let by_interpreter = files.by_interpreter(command).map(|argv| Command::Argv([argv, arguments].concat()));
        let Some(script) = files.script_of(command, service) else {
            self.stays |= matches!(command, Command::File(_));
            *command = by_interpreter.unwrap_or_else(|| command.clone());
            return None;
        };
        let arguments = match (role, &*command) {
            // Of a file, these are the service's name, which `run` alone gets.
            (ScriptRole::Finish | ScriptRole::StopCommand, Command::File(_)) => &[][..],
            _ => &script.arguments,
        };
        self.wants_variables |= calls_with_contenv(&script.text);
        let translated = scripts::translate(&script.text, &script.name, arguments, role);
        self.stays |= translated.is_none();
        self.texts.push((role, script.text));
        let Some(TranslatedScript { command: done, user, wants_variables }) = translated else {
            *command = by_interpreter.unwrap_or_else(|| command.clone());
            return None;
        };
        *command = done;
        self.wants_variables |= wants_variables;
        user
    }
}

/// Whether a script asks for the variables of the container, in its first line or as a word of execline.
fn calls_with_contenv(text: &str) -> bool {
    let mut words = text.strip_prefix("#!").unwrap_or(text).split_whitespace();
    words.any(|word| word.rsplit('/').next() == Some("with-contenv"))
}

/// Whether a script names a file of its own directory.
fn names_working_directory(text: &str) -> bool {
    // `s6-notifyoncheck` reads `notification-fd` and `data/check` there.
    let is_read = |word: &str| word.rsplit('/').next() == Some("s6-notifyoncheck");
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    body.split_whitespace().any(|word| {
        word == "." || word.starts_with("./") || word.starts_with("data/") || word.contains("$PWD") || is_read(word)
    })
}

/// The app user of a LinuxServer image has another name.
fn as_app(mut service: Service, app_user: &mut Option<UserName>) -> Service {
    if let RunAs::Account(name) = &service.user
        && name.as_str() == LINUXSERVER_APP
    {
        *app_user = Some(name.clone());
        service.user = RunAs::App;
    }
    service
}

/// Returns the directory of the services tree in the image that a service was read from.
fn directory_in_tree(at: &Place, image: &ImagePaths) -> Option<PathBuf> {
    let Place::File { path, .. } = at else { return None };
    let path = image.path(path);
    let name = path.strip_prefix(SERVICES).ok()?.iter().next()?;
    Some(Path::new(SERVICES).join(name))
}

/// Whether it uses files in its own directory of the services tree: the directory then stays, with a `service.toml` in it.
fn uses_own_directory(service: &Service) -> bool {
    let own = Path::new(SERVICES).join(service.name.as_str());
    let commands =
        [Some(&service.command), service.stop_command.as_deref(), service.finish.as_ref().map(|it| &it.command)];
    let in_command = commands.into_iter().flatten().any(|command| match command {
        Command::Argv(arguments) => arguments.iter().any(|word| Path::new(word).starts_with(&own)),
        Command::File(path) => path.starts_with(&own),
        Command::Script(_) | Command::Nothing => false,
    });
    in_command || service.directory.as_ref().is_some_and(|path| path.starts_with(&own))
}
