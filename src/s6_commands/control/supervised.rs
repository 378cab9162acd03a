//! [`Supervised`]: the service that a service directory belongs to: `/run/service/NAME`, the working directory of a service,
//! or the directory of its definition. Its last component is the service's name, whether it exists or not: where `/run` is not
//! ours there is nothing.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::control::client::{ClientError, Incoming, open_connection, send_request};
use crate::control::protocol::ControlRequest;
use crate::control::responses::{ServiceStatus, Snapshot};
use crate::supervise::StatusState;

/// A service as a directory names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Supervised {
    /// The directory as it was written.
    pub directory: PathBuf,
    /// The service's name.
    pub name: String,
}

impl Supervised {
    /// Returns the service of a directory.
    pub(super) fn of(word: &[u8]) -> Self {
        let directory = PathBuf::from(OsStr::from_bytes(word));
        let name = fs::canonicalize(&directory).map_or_else(|_| last(&directory), |found| last(&found));
        Self { directory, name }
    }

    /// Returns whether it tells when it is ready, as s6 has it; a service without a directory of s6 may tell otherwise.
    pub(super) fn announces_readiness(&self) -> bool {
        self.directory.join("notification-fd").exists() || !self.directory.join("run").exists()
    }

    /// Returns its state.
    ///
    /// # Errors
    /// No response, or there is no such service.
    pub(super) fn status(&self) -> Result<ServiceStatus, ClientError> {
        let services = vec![self.name.clone()];
        let snapshot = send_request::<Snapshot>(&ControlRequest::Status { services, after: None })?;
        let unknown = || ClientError::BadRequest(format!("there is no service `{}`", self.name));
        snapshot.services.into_iter().next().ok_or_else(unknown)
    }
}

/// The logger of a service of services.d is its directory `log`.
fn last(directory: &Path) -> String {
    let part = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    match (part(directory), directory.parent()) {
        (name, Some(above)) if name == "log" && above.file_name().is_some() => format!("{}-log", part(above)),
        (name, _) => name,
    }
}

/// Returns whether its process runs, and not only its finish script.
pub(super) fn is_up(status: &ServiceStatus) -> bool {
    match status.state {
        StatusState::Starting | StatusState::Up | StatusState::Stopping => status.pid.is_some(),
        // A oneshot of s6-rc is up when it is done.
        StatusState::Done => true,
        StatusState::Scheduled | StatusState::Down | StatusState::Waiting => false,
        StatusState::Finishing | StatusState::Backoff | StatusState::Failed => false,
    }
}

/// Waits until `reached` is true for the states of these services; `false`: not within the timeout.
///
/// # Errors
/// No response, or one of them does not exist.
pub(super) fn wait(
    names: &[String],
    timeout: Option<Duration>,
    mut reached: impl FnMut(&[ServiceStatus]) -> bool,
) -> Result<bool, ClientError> {
    let end = timeout.map(|timeout| std::time::Instant::now() + timeout);
    let mut after = None;
    loop {
        let mut connection = open_connection(&ControlRequest::Status { services: names.to_vec(), after })?;
        let left = end.map_or(FOR_EVER, |end| end.saturating_duration_since(std::time::Instant::now()));
        let snapshot: Snapshot = match connection.next(left)? {
            Incoming::Response(snapshot) => snapshot,
            Incoming::TimedOut => return Ok(false),
            Incoming::EndOfFile => return Err(connection.protocol_error("it closed the connection without a response")),
        };
        if reached(&snapshot.services) {
            return Ok(true);
        }
        after = Some(snapshot.revision);
    }
}

/// Longer than any container runs; an `Instant` can be that far away.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_the_directory_itself_and_one_that_is_missing_name_the_service() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("servicedirs/svc-web");
        fs::create_dir_all(own.join("log")).unwrap();
        symlink(&own, dir.path().join("link")).unwrap();
        let name = |path: &Path| Supervised::of(path.as_os_str().as_bytes()).name;
        assert_eq!(name(&dir.path().join("link")), "svc-web");
        assert_eq!(name(&own.join("..").join("svc-web/")), "svc-web");
        assert_eq!(name(&own.join("log")), "svc-web-log");
        assert_eq!(name(Path::new("/run/service/none/")), "none");
        assert_eq!(name(Path::new("/")), "");
    }
}
