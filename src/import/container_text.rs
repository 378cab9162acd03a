//! What imported services need of the container file, and its text. Must not know where they come from.

use std::time::Duration;

use super::toml_values as values;
use crate::config::container::{Own, UserRef};
use crate::config::service::{GroupRef, Service};
use crate::config::values::UserName;

/// The budget of the whole stop without a container file.
const STOP_TIMEOUT: Duration = Duration::from_secs(8);
/// What the budget has to have beyond the longest stop: the end of the container, and other layers of the stop order.
const STOP_RESERVE: Duration = Duration::from_secs(2);

/// Settings of the container; `None`: nothing to write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContainerSettings {
    /// The directories of s6-overlay are not read, although they stay in the image.
    pub is_not_s6: bool,
    /// The app user.
    pub app_user: Option<UserName>,
    /// The budget of the whole stop.
    pub stop_timeout: Option<Duration>,
    /// Paths whose owner is established.
    pub own: Vec<Own>,
}

impl ContainerSettings {
    /// Lets the whole stop have the time that a service wants for its own.
    pub fn allow(&mut self, service: &Service) {
        let Some(timeout) = service.stop.timeout.filter(|timeout| *timeout > STOP_TIMEOUT) else { return };
        self.stop_timeout = self.stop_timeout.max(Some(timeout + STOP_RESERVE));
    }

    /// Adds those of other sources.
    pub fn extend(&mut self, more: Self) {
        self.is_not_s6 |= more.is_not_s6;
        self.app_user = self.app_user.take().or(more.app_user);
        self.stop_timeout = self.stop_timeout.max(more.stop_timeout);
        self.own.extend(more.own);
    }

    /// Returns the text of the file; empty: none is needed.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.is_not_s6 {
            let why = "services.d replaces s6-overlay's directories; they may stay for the scripts in them.";
            text.push_str(&format!("# {why}\ns6 = false\n"));
        }
        if let Some(timeout) = self.stop_timeout {
            let why = "`docker stop` waits 10 s: raise that too (-t, stop_grace_period).";
            text.push_str(&format!("# {why}\nstop_timeout = {}\n", values::duration(timeout)));
        }
        if let Some(user) = &self.app_user {
            text.push_str(&format!("\n[app]\nuser = {}\n", values::string(user.as_str())));
        }
        text.extend(self.own.iter().map(own));
        text
    }
}

/// As far as other supervisors can say it.
fn own(own: &Own) -> String {
    let mut text = format!("\n[[own]]\npath = {}\n", values::string(&own.path.to_string_lossy()));
    let mut key = |key: &str, value: String| text.push_str(&format!("{key} = {value}\n"));
    match &own.user {
        None => {}
        Some(UserRef::Id(uid)) => key("user", uid.to_string()),
        Some(UserRef::Name(name)) => key("user", values::string(name.as_str())),
    }
    match &own.group {
        None => {}
        Some(GroupRef::Id(gid)) => key("group", gid.to_string()),
        Some(GroupRef::Name(name)) => key("group", values::string(name.as_str())),
    }
    if !own.options.recursive {
        key("recursive", "false".to_owned());
    }
    for (name, mode) in [("mode", own.options.mode), ("dir_mode", own.options.dir_mode)] {
        if let Some(mode) = mode {
            key(name, values::string(&format!("{mode:04o}")));
        }
    }
    if own.options.optional {
        key("optional", "true".to_owned());
    }
    text
}
