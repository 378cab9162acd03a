//! A tree of s6 or s6-overlay → [`Imported`]: the loader's services, with the paths of the image. Must not know how the
//! tree is read.

use std::path::Path;

use super::image_paths::{ImagePaths, SERVICES};
use super::{Imported, ImportedService};
use crate::config::service::{Command, Service};
use crate::config::{self, Sources};
use crate::error::{Place, Problems};

/// Returns the services of the tree that are not native yet.
///
/// # Errors
/// Every problem that the loader finds.
pub fn import(sources: &Sources) -> Result<Imported, Problems> {
    let config = config::read(sources)?;
    let tree = sources.trees.first().map_or(Path::new(SERVICES), |tree| &tree.path);
    let image = ImagePaths::of_tree(tree);
    let mut imported = Imported::default();
    imported.container.is_not_s6 = config.s6.is_some();
    for service in config.services.into_iter().filter(|service| !is_native(service)) {
        let at = service.at.clone();
        let mut service = ImportedService { at, ..ImportedService::new(in_image(service, &image)) };
        service.has_directory = uses_own_directory(&service.service);
        imported.container.allow(&service.service);
        imported.services.push(service);
    }
    Ok(imported)
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
        Command::Argv(words) => Command::Argv(words.iter().map(|word| image.word(word)).collect()),
        other @ (Command::Script(_) | Command::Nothing) => other,
    };
    service.command = command(service.command);
    service.stop_command = service.stop_command.map(command);
    if let Some(finish) = &mut service.finish {
        finish.command = command(finish.command.clone());
    }
    service
}

/// Whether it uses files in its own directory of the services tree: the directory then stays, with a `service.toml` in it.
fn uses_own_directory(service: &Service) -> bool {
    let own = Path::new(SERVICES).join(service.name.as_str());
    let commands =
        [Some(&service.command), service.stop_command.as_ref(), service.finish.as_ref().map(|it| &it.command)];
    let in_command = commands.into_iter().flatten().any(|command| match command {
        Command::Argv(words) => words.iter().any(|word| Path::new(word).starts_with(&own)),
        Command::File(path) => path.starts_with(&own),
        Command::Script(_) | Command::Nothing => false,
    });
    in_command || service.directory.as_ref().is_some_and(|path| path.starts_with(&own))
}
