//! [`Image`]: what holds for every service of an image made for s6-overlay (DESIGN §10). Must not know files.

use std::ffi::OsStr;

use super::version_two;
use crate::config::Sources;
use crate::config::container::Container;
use crate::config::container_toml::FileSays;
use crate::config::s6_overlay::{OnFailure, S6Origin, S6Overlay};
use crate::config::service::{Command, Kind, RunAs, Service};
use crate::config::values::{GroupName, UserName};
use crate::text::shown;

/// The account of LinuxServer's images.
const LINUXSERVER: &str = "abc";
/// The variable of ours that wins against s6-overlay's.
const STOP_TIMEOUT_VARIABLE: &str = "STEPDOWN_STOP_TIMEOUT";

/// An image made for s6-overlay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What it expects of the container.
    pub overlay: S6Overlay,
    user: RunAs,
}

impl Image {
    /// Returns the image, if it is one: by its directories, or by the container file.
    pub fn recognise(sources: &Sources, container: &Container, notices: &mut Vec<String>) -> Option<Self> {
        let identifying_directories: Vec<_> = sources.s6.identifying_directories.iter().map(shown).collect();
        match container.s6 {
            Some(false) => {
                if !identifying_directories.is_empty() {
                    let (identifying_directories, verb) = (
                        identifying_directories.join(", "),
                        if identifying_directories.len() == 1 { "is" } else { "are" },
                    );
                    notices
                        .push(format!("{identifying_directories} {verb} not read: `s6 = false` in the container file"));
                }
                None
            }
            Some(true) => Some(Self::of(sources, container, notices)),
            None => (!identifying_directories.is_empty()).then(|| Self::of(sources, container, notices)),
        }
    }

    fn of(sources: &Sources, container: &Container, notices: &mut Vec<String>) -> Self {
        let version = version_two::version(&sources.s6);
        let overlay = S6Overlay { version, ..S6Overlay::from_env(&sources.env, notices) };
        Self { overlay, user: container.drop.s6_user() }
    }

    /// Sets what neither the container file nor a variable of ours says: the app user of LinuxServer's images, and a budget
    /// of the stop within which s6-overlay's own times fit. Nothing waits until they are over.
    pub fn set_defaults(&self, sources: &Sources, says: FileSays, container: &mut Container) {
        if let (false, true) = (says.user, sources.s6.has_linuxserver_account)
            && let (Some(user), Some(group)) = (UserName::new(LINUXSERVER), GroupName::new(LINUXSERVER))
        {
            (container.app.user, container.app.group) = (user, group);
        }
        if !says.stop_timeout && !sources.env.contains_key(OsStr::new(STOP_TIMEOUT_VARIABLE)) {
            container.stop_timeout = container.stop_timeout.max(self.overlay.stop_time);
        }
    }

    /// Makes a service one of this image: as root, with PATH alone in its environment, and free to use setuid programs, as
    /// under s6-overlay.
    pub fn adopt(&self, service: &mut Service, origin: S6Origin) {
        service.s6 = Some(origin);
        let is_nothing = service.command == Command::Nothing && service.stop_command.is_none();
        service.user = if is_nothing { RunAs::App } else { self.user.clone() };
        // Whatever is never executed asks for nothing.
        service.no_new_privileges = is_nothing;
        service.clear_environment = !self.overlay.keep_env;
        service.essential = service.kind == Kind::Oneshot && self.overlay.on_failure == OnFailure::Stop;
        if service.kind == Kind::Oneshot {
            let name = service.name.to_string();
            service.environment.entry("RC_NAME".to_owned()).or_insert(name);
        }
    }
}
