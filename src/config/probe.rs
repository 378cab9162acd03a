//! [`Probe`]: a check whether something is available or healthy. Values only; must not know how probes are run.

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::text::shown;

/// The longest interval between two readiness probes; the first ones are more frequent.
pub const READY_INTERVAL: Duration = Duration::from_millis(500);
/// The default timeout of one probe.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// The default interval of health checks (Docker's HEALTHCHECK default).
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(30);
/// Consecutive failures that make a service unhealthy (Docker's HEALTHCHECK default).
pub const HEALTH_FAILURES: u32 = 3;
/// Consecutive successes that make it healthy again.
pub const HEALTH_SUCCESSES: u32 = 1;
/// The HTTP statuses that count as success, as for curl's `--fail` and Kubernetes.
pub const HTTP_SUCCESS: RangeInclusive<u16> = 200..=399;

/// One probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A TCP port that accepts a connection.
    Tcp(HostPort),
    /// A URL that responds with a status in the range.
    Http(Http),
    /// A path that exists.
    Path(PathBuf),
    /// A unix socket that accepts a connection.
    Socket(PathBuf),
    /// A command that exits with 0.
    Command(Vec<OsString>),
}

/// The target of a TCP connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPort {
    /// A name, or an address as it is written (an IPv6 one without brackets).
    pub host: String,
    /// The port.
    pub port: u16,
}

/// An HTTP request, without TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Http {
    /// The target, and the `Host` header.
    pub to: HostPort,
    /// A unix socket to use instead.
    pub socket: Option<PathBuf>,
    /// Path and query; begins with `/`, contains no blank or control character.
    pub target: String,
    /// The statuses that count as success.
    pub status: RangeInclusive<u16>,
}

/// The health check of a longrun.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The probe.
    pub probe: Probe,
    /// From one probe to the next.
    pub interval: Duration,
    /// The timeout of one probe.
    pub timeout: Duration,
    /// Consecutive failures that make it unhealthy.
    pub failures: u32,
    /// Consecutive successes that make it healthy again.
    pub successes: u32,
    /// What to do if it is unhealthy.
    pub then: UnhealthyAction,
}

/// What to do with an unhealthy service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnhealthyAction {
    /// Restart it, which counts as a failure for its restart limit.
    Restart,
    /// Stop the container.
    StopContainer,
    /// Only report it.
    Report,
}

impl Probe {
    /// Returns the command that it runs, if it does.
    pub fn command(&self) -> Option<Vec<OsString>> {
        match self {
            Self::Command(argv) => Some(argv.clone()),
            Self::Tcp(_) | Self::Http(_) | Self::Path(_) | Self::Socket(_) => None,
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(to, "[{}]:{}", self.host, self.port)
        } else {
            write!(to, "{}:{}", self.host, self.port)
        }
    }
}

/// In the syntax of `wait_for`: `tcp://db:5432`, `http://web/ping`, `path:/run/x`, `socket:/run/x`.
impl fmt::Display for Probe {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(target) => write!(to, "tcp://{target}"),
            Self::Http(http) => match &http.socket {
                Some(socket) => write!(to, "http://{}{} over {}", http.to, http.target, shown(socket)),
                None => write!(to, "http://{}{}", http.to, http.target),
            },
            Self::Path(path) => write!(to, "path:{}", shown(path)),
            Self::Socket(path) => write!(to, "socket:{}", shown(path)),
            Self::Command(argv) => {
                let argv: Vec<_> = argv.iter().map(|word| word.to_string_lossy()).collect();
                write!(to, "`{}`", argv.join(" "))
            }
        }
    }
}
