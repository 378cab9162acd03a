//! A TCP connection to a name or address: every address that the name has is tried, each with its share of the time, so
//! that a dead IPv6 route does not hide an IPv4 server. Only in the probe's child: the resolver may hang.
#![allow(clippy::disallowed_methods)] // the probe's own clock: it divides its time among addresses

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::output::cause_text;
use crate::config::probe::HostPort;

/// The kernel accepts no shorter timeout.
const MIN_TIMEOUT: Duration = Duration::from_millis(1);

/// Connects, and reports each step.
///
/// # Errors
/// The reason, as text.
pub fn tcp(to: &HostPort, timeout: Duration, report_progress: &mut dyn FnMut(&str)) -> Result<TcpStream, String> {
    let until = Instant::now() + timeout;
    report_progress(&format!("resolving {}", to.host));
    let resolved = (to.host.as_str(), to.port).to_socket_addrs();
    let addresses: Vec<SocketAddr> = resolved.map_err(|cause| unresolved(&to.host, &cause_text(&cause)))?.collect();
    let mut last = unresolved(&to.host, "it has no address");
    for (at, address) in addresses.iter().enumerate() {
        report_progress(&format!("connecting to {address}"));
        let remaining = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let share = until.saturating_duration_since(Instant::now()) / remaining;
        // The last one ends by the parent's timeout, whose message says what was being done.
        let more = if remaining == 1 { timeout } else { MIN_TIMEOUT };
        match TcpStream::connect_timeout(address, share + more) {
            // If nothing listens on a port of the ephemeral range, the kernel may connect the socket to itself.
            Ok(stream) if stream.local_addr().ok() == Some(*address) => last = "connection refused".to_owned(),
            Ok(stream) => return Ok(stream),
            Err(cause) => last = cause_text(&cause),
        }
    }
    Err(last)
}

fn unresolved(host: &str, cause: &str) -> String {
    let cause = cause.strip_prefix("failed to lookup address information: ").unwrap_or(cause);
    format!("cannot resolve {host}: {cause}")
}
