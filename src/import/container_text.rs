//! What imported services need of the container file, and its text. Must not know where they come from.

use std::time::Duration;

use super::toml_values as values;
use crate::config::service::Service;
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
    }

    /// Returns the text of the file; empty: none is needed.
    pub fn text(&self) -> String {
        let mut text = String::new();
        if self.is_not_s6 {
            text.push_str(
                "# The directories of s6-overlay stay for the scripts in them; services.d replaces them.\ns6 = false\n",
            );
        }
        if let Some(timeout) = self.stop_timeout {
            let timeout = values::duration(timeout);
            text.push_str(&format!(
                "# `docker stop` waits 10 s: raise that too (-t, stop_grace_period).\nstop_timeout = {timeout}\n"
            ));
        }
        if let Some(user) = &self.app_user {
            text.push_str(&format!("\n[app]\nuser = {}\n", values::string(user.as_str())));
        }
        text
    }
}
