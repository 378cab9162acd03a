//! `/custom-services.d` of a LinuxServer image → longruns, as its own script creates them. Must not know the machine.

use super::format::START_INTERVAL;
use super::image::Image;
use super::scripts;
use crate::config::draft::{Dependency, Draft, Relation};
use crate::config::quote::quoted_os;
use crate::config::restart::{Restart, RestartPause, RestartPolicy};
use crate::config::s6_overlay::S6Origin;
use crate::config::service::{Command, Kind, Service};
use crate::config::tree::{self, TreeContents};
use crate::config::values::ServiceName;
use crate::config::{Content, Tree, shebang};
use crate::error::{Place, Problems};
use crate::text::shown;

/// What LinuxServer's own script calls them.
const PREFIX: &str = "custom-svc-";
/// The last oneshot of a LinuxServer image, which every service of it is started after.
const LAST_INIT: &str = "init-services";

/// Reads the services. One that the image's script has created already, at an earlier start, is left to that definition.
pub fn read(image: &Image, tree: &Tree, found: &mut TreeContents, problems: &mut Problems) {
    let mut skipped = Vec::new();
    for (file, content) in &tree.entries {
        let path = tree.path.join(file);
        let Some(name) = scripts::service_name(PREFIX, file).filter(|name| !found.declared.contains_key(name)) else {
            continue;
        };
        let command = match content {
            Content::File { bytes, .. } if !shebang::is_program(bytes) => {
                skipped.push(quoted_os(file));
                continue;
            }
            Content::File { .. } | Content::TooLarge(_) | Content::Other(_) => Command::File(path.clone()),
            Content::Dir(_) | Content::Unreadable(_) => {
                skipped.push(quoted_os(file));
                continue;
            }
        };
        if tree::declare(&name, &path, found, problems) {
            let service = service(name, Place::file(&path), command);
            add(image, service, S6Origin::Longrun(tree.path.clone()), found);
        }
    }
    if !skipped.is_empty() {
        let (names, path) = (skipped.join(", "), shown(&tree.path));
        found.s6_notices.push(format!("{path}: {names}: not a program, not started; begin a script with `#!/bin/sh`"));
    }
}

fn service(name: ServiceName, at: Place, command: Command) -> Service {
    let pause = RestartPause::StartInterval(START_INTERVAL);
    let restart = Restart { policy: RestartPolicy::Always, pause, limit: None };
    Service { at, kind: Kind::Longrun, restart, ..Service::plain(name, command) }
}

fn add(image: &Image, mut service: Service, origin: S6Origin, found: &mut TreeContents) {
    image.adopt(&mut service, origin);
    let has_init = ServiceName::new(LAST_INIT).is_some_and(|name| found.declared.contains_key(&name));
    let to = if has_init { LAST_INIT } else { "base" };
    let at = service.at.clone();
    let dependencies =
        vec![Dependency { relation: Relation::Requires, to: to.to_owned(), at, written: "order".to_owned() }];
    found.anything = true;
    found.drafts.push(Draft { dependencies, ..Draft::of_tree(service) });
}
