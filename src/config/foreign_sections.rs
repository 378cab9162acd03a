//! Sections of other systems' files in ours. Must not know what their keys mean.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::keys::ConfigFile;

/// A section of another system's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForeignSection {
    /// `[Service]` (systemd.syntax(7)).
    Systemd,
    /// `services`, with a table for each.
    Compose,
    /// `[program:web]`, which TOML takes only in quotes.
    Supervisord,
    /// `[program.web]`, as somebody writes it who knows that.
    Programs,
}

/// Sections of systemd's units.
const OF_UNITS: [&str; 6] = ["Unit", "Service", "Install", "Timer", "Socket", "Path"];
/// Those that nobody means otherwise if they are written small.
const OF_UNITS_SMALL: [&str; 4] = ["unit", "service", "install", "timer"];
/// What stands before the colon of a section of supervisord.
const OF_SUPERVISORD: [&str; 4] = ["program", "group", "eventlistener", "fcgi-program"];

impl ForeignSection {
    /// Returns the section, if a table of this name at the top of a file is one.
    pub fn of(name: &str) -> Option<Self> {
        match name.split_once(':') {
            Some((kind, _)) if OF_SUPERVISORD.contains(&kind) => Some(Self::Supervisord),
            None if name == "program" => Some(Self::Programs),
            None if name == "services" => Some(Self::Compose),
            None if name == "supervisord" => Some(Self::Supervisord),
            None if OF_UNITS.contains(&name) || OF_UNITS_SMALL.contains(&name) => Some(Self::Systemd),
            Some(_) | None => None,
        }
    }

    /// Returns what it is a section of.
    pub fn whole(self) -> &'static str {
        match self {
            Self::Systemd => "a systemd unit",
            Self::Compose => "a compose file",
            Self::Supervisord | Self::Programs => "a supervisord.conf",
        }
    }

    /// Returns what to do with it in a file of that kind.
    pub fn fix(self, file: ConfigFile) -> &'static str {
        match (self, file) {
            (Self::Systemd, ConfigFile::Service) => "write its keys at the top of this file, in our words",
            (Self::Supervisord | Self::Programs, _) => {
                "`stepdown import supervisord.conf` translates such a file; or write its keys at the top of a service's file, \
                 such as /etc/services.d/NAME.toml, in our words"
            }
            (Self::Compose, _) | (Self::Systemd, ConfigFile::Container) => {
                "write its keys at the top of a service's file, such as /etc/services.d/NAME.toml, in our words"
            }
        }
    }

    /// Returns the tables whose keys are those of services.
    pub fn tables<'t>(self, section: &'t DeTable<'t>) -> Vec<&'t DeTable<'t>> {
        match self {
            Self::Systemd | Self::Supervisord => vec![section],
            Self::Compose | Self::Programs => {
                section.values().map(Spanned::get_ref).filter_map(DeValue::as_table).collect()
            }
        }
    }
}
