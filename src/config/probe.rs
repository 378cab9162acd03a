//! [`Probe`]: something that can be asked whether it is there, or well. Values only; must not know how one is asked.

use std::ffi::OsString;
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use crate::text::shown;

/// The longest pause between two looks at a service that is not ready yet; the first ones come faster.
pub const READY_INTERVAL: Duration = Duration::from_millis(500);
/// How long one look may take, unless the service says otherwise.
pub const PROBE_TIMEOUT: Duration = Duration::from_secs(5);
/// Between two health checks (Docker's HEALTHCHECK default).
pub const HEALTH_INTERVAL: Duration = Duration::from_secs(30);
/// So many failures in a row make a service unhealthy (Docker's HEALTHCHECK default).
pub const HEALTH_FAILURES: u32 = 3;
/// So many successes in a row make it healthy again.
pub const HEALTH_SUCCESSES: u32 = 1;
/// What an HTTP probe takes for an answer that is well, as curl's `--fail` and Kubernetes do.
pub const HTTP_WELL: RangeInclusive<u16> = 200..=399;

/// One question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// A TCP port that accepts a connection.
    Tcp(HostPort),
    /// A URL that answers with a status in the range.
    Http(Http),
    /// A path that exists.
    Path(PathBuf),
    /// A unix socket that accepts a connection.
    Socket(PathBuf),
    /// A command that exits with 0.
    Command(Vec<OsString>),
}

/// Where a TCP connection goes.
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
    /// Where it goes, and the `Host` header.
    pub to: HostPort,
    /// A unix socket to send it over instead.
    pub socket: Option<PathBuf>,
    /// Path and query; begins with `/`, holds no blank or control character.
    pub target: String,
    /// Which answers are well.
    pub status: RangeInclusive<u16>,
}

/// What a longrun is asked while it is up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The question.
    pub probe: Probe,
    /// From one look to the next.
    pub interval: Duration,
    /// How long one look may take.
    pub timeout: Duration,
    /// So many failures in a row are too many.
    pub failures: u32,
    /// So many successes in a row make it healthy again.
    pub successes: u32,
    /// What then happens.
    pub then: Then,
}

/// What happens to a service that is unhealthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Then {
    /// It is stopped and started again; that counts as a failure of its restart rule.
    Restart,
    /// The container ends.
    StopContainer,
    /// It is said.
    Report,
}

impl Probe {
    /// Returns the command that it runs, if it does.
    pub fn command(&self) -> Option<Vec<OsString>> {
        match self {
            Self::Command(words) => Some(words.clone()),
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

/// As `wait_for` has it: `tcp://db:5432`, `http://web/ping`, `path:/run/x`, `socket:/run/x`.
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
            Self::Command(words) => {
                let words: Vec<_> = words.iter().map(|word| word.to_string_lossy()).collect();
                write!(to, "`{}`", words.join(" "))
            }
        }
    }
}
