//! The lowest port that any user can bind. Must not know which port a service binds.

use crate::config::Config;
use crate::plan::facts::NamedFiles;
use crate::sys::read_file;

/// Returns the lowest port that can be bound without a capability, if a service or a program wants a capability.
pub(super) fn unprivileged_start(config: &Config, named: &NamedFiles) -> Option<u16> {
    let main = config.main_service();
    let mut services = config.services.iter().chain(&main);
    let mut programs = named.executables.values();
    if services.all(|service| service.capabilities.is_empty())
        && programs.all(|program| program.capabilities.is_empty())
    {
        return None;
    }
    let text = read_file::read_proc("/proc/sys/net/ipv4/ip_unprivileged_port_start");
    String::from_utf8_lossy(&text).trim().parse().ok()
}
