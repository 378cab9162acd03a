//! A TCP connection to a name or address: every address that the name has is tried, each with its share of the time, so
//! that a dead IPv6 route does not hide an IPv4 server. In the probe's child only: the resolver may hang.
#![allow(clippy::disallowed_methods)] // the probe's own clock: it shares its time out among addresses

use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use super::output::why;
use crate::config::probe::HostPort;

/// The kernel takes no shorter one.
const SHORTEST: Duration = Duration::from_millis(1);

/// Connects, and says what it does meanwhile.
///
/// # Errors
/// In words.
pub fn tcp(to: &HostPort, timeout: Duration, doing: &mut dyn FnMut(&str)) -> Result<TcpStream, String> {
    let until = Instant::now() + timeout;
    doing(&format!("resolving {}", to.host));
    let resolved = (to.host.as_str(), to.port).to_socket_addrs();
    let addresses: Vec<SocketAddr> = resolved.map_err(|cause| unresolved(&to.host, &why(&cause)))?.collect();
    let mut last = unresolved(&to.host, "it has no address");
    for (at, address) in addresses.iter().enumerate() {
        doing(&format!("connecting to {address}"));
        let left = u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        let share = until.saturating_duration_since(Instant::now()) / left;
        // The last one is left to the parent's clock, which also says what was waited for.
        let more = if left == 1 { timeout } else { SHORTEST };
        match TcpStream::connect_timeout(address, share + more) {
            // Where nobody listens on a port of the ephemeral range, the kernel may connect the socket to itself.
            Ok(stream) if stream.local_addr().ok() == Some(*address) => last = "connection refused".to_owned(),
            Ok(stream) => return Ok(stream),
            Err(cause) => last = why(&cause),
        }
    }
    Err(last)
}

fn unresolved(host: &str, cause: &str) -> String {
    let cause = cause.strip_prefix("failed to lookup address information: ").unwrap_or(cause);
    format!("cannot resolve {host}: {cause}")
}
