//! Privileged ports: which services bind them follows from `ready`, `health` and `capabilities`. Must not know other keys of
//! services.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::access_requirements::ProbedUser;
use super::observations::Observations;
use crate::config::probe::Probe;
use crate::config::service::{Ready, Service};
use crate::config::values::{CapSet, Capability};
use crate::plan::finding::{Area, CauseKind, Check, Issue};
use crate::plan::fix::Fix;
use crate::plan::{Credentials, DropLevel};

/// The kernel's default for privileged ports (ip(7)).
const PRIVILEGED_BELOW: u16 = 1024;

/// A port that a service will want to bind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The service's name.
    pub service: String,
    /// The port; `None` if only `NET_BIND_SERVICE` shows that there is one.
    pub port: Option<u16>,
    /// The user that binds it.
    pub who: ProbedUser,
    /// Whether the service has `NET_BIND_SERVICE`.
    pub has: bool,
    /// Whether the capability is declared.
    pub declared: bool,
    /// Whether the container runs as root, so that the runtime can grant it.
    pub root: bool,
}

/// Returns the ports on which something listens, by the text of `/proc/net/tcp` (or `tcp6`).
pub fn listening(text: &str) -> BTreeSet<u16> {
    let port = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (_, port) = words.next()?.rsplit_once(':')?;
        (words.nth(1)? == "0A").then(|| u16::from_str_radix(port, 16).ok()).flatten()
    };
    text.lines().filter_map(port).collect()
}

/// Returns the privileged ports of a service.
pub(super) fn privileged_ports(
    service: &Service,
    credentials: &Credentials,
    who: &ProbedUser,
    drop: DropLevel,
) -> Vec<Port> {
    let needed = Capability::NET_BIND_SERVICE;
    let ready = match &service.ready {
        Ready::Probe { probe, .. } => Some(&**probe),
        Ready::Executed | Ready::Fd { .. } | Ready::Notify { .. } | Ready::Delay(_) => None,
    };
    let probes = ready.into_iter().chain(service.health.as_ref().map(|health| &health.probe));
    let low: BTreeSet<u16> = probes.filter_map(own_port).filter(|port| *port < PRIVILEGED_BELOW).collect();
    let declared = service.capabilities.has(needed);
    let root = drop != DropLevel::AlreadyUser;
    let has = credentials.ambient.has(needed);
    let port = |port| Port { service: service.name.to_string(), port, who: who.clone(), has, declared, root };
    if low.is_empty() && declared { vec![port(None)] } else { low.into_iter().map(|it| port(Some(it))).collect() }
}

/// Returns the port if it is the container's own.
fn own_port(probe: &Probe) -> Option<u16> {
    let to = match probe {
        Probe::Tcp(to) => to,
        Probe::Http(http) if http.socket.is_none() => &http.to,
        Probe::Http(_) | Probe::Path(_) | Probe::Socket(_) | Probe::Command(_) => return None,
    };
    let own = to.host == "localhost" || to.host == "::1" || to.host.starts_with("127.");
    own.then_some(to.port)
}

pub(super) fn evaluate(port: &Port, seen: &Observations) -> Check {
    let (service, who) = (&port.service, port.who.shown());
    let subject = match port.port {
        Some(number) => format!("`{service}`: port {number}"),
        None => format!("`{service}`: low ports"),
    };
    let free = seen.unprivileged_port_start.unwrap_or(PRIVILEGED_BELOW);
    let is_free = port.port.map_or(free <= 1, |number| number >= free);
    if port.port.is_some_and(|number| seen.listening.contains(&number)) {
        return Check::ok(Area::Port, subject, "something listens there");
    }
    if is_free {
        let from = if free <= 1 { "any port".to_owned() } else { format!("ports from {free} on") };
        return Check::ok(Area::Port, subject, format!("{who} may bind {from} here"));
    }
    if port.has {
        return Check::ok(Area::Port, subject, "it is given NET_BIND_SERVICE");
    }
    let granting = Fix::capabilities(CapSet::EMPTY.with(Capability::NET_BIND_SERVICE));
    let opening = Fix::settings(
        "--sysctl net.ipv4.ip_unprivileged_port_start=0",
        "sysctls: [net.ipv4.ip_unprivileged_port_start=0]",
        "securityContext: { sysctls: [{ name: net.ipv4.ip_unprivileged_port_start, value: \"0\" }] }   # of the pod",
    );
    let declaring = Fix::text(format!("in the file of `{service}`: `capabilities = [\"NET_BIND_SERVICE\"]`"));
    let (what, fix) = match (port.declared, port.root) {
        (_, false) => ("there is no root to give NET_BIND_SERVICE", opening),
        (true, true) => ("NET_BIND_SERVICE is not granted", granting.or(opening)),
        (false, true) => ("it is not given NET_BIND_SERVICE", declaring.or(opening)),
    };
    let issue = Issue {
        why: CauseKind::Capability,
        ..Issue::new(
            format!("ports below {free} are privileged here, and {what}"),
            format!("{who} cannot listen there"),
            fix,
        )
    };
    Check::degraded(Area::Port, subject, issue)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_count() {
        let text = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n   \
            0: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 11 1\n   \
            1: 0100007F:1F90 0100007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 12 1\n";
        assert_eq!(listening(text), BTreeSet::from([80]));
        let six = "   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0:0\nrubbish\n";
        assert_eq!(listening(six), BTreeSet::from([443]));
    }
}
