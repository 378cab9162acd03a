//! What a service finds in its environment: the container's, its user's HOME, USER and LOGNAME, its file, its own.

use std::collections::BTreeMap;
use std::ffi::{CString, NulError, OsStr, OsString};
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::libc;

use crate::config::MAX_FILE;
use crate::config::service::Service;
use crate::error::shown;
use crate::plan::inherited::{Inherited, names_code};
use crate::plan::{ServicePlan, Trust};
use crate::sys::privilege::{FilesOf, with_files_of};
use crate::sys::source::whose;

/// Where programs are looked for when nobody says (Docker's own default).
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Addressed to us, not to services: podman's socket for our own readiness.
const OURS: [&str; 1] = ["NOTIFY_SOCKET"];

/// The environment that the container was given.
#[derive(Clone, Debug, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

impl Environment {
    /// Returns what services get of `given`.
    pub fn new(mut given: BTreeMap<OsString, OsString>) -> Self {
        for name in OURS {
            given.remove(OsStr::new(name));
        }
        given.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
        Self(given)
    }

    /// Returns the whole environment of a service.
    ///
    /// # Errors
    /// When its `environment_file` cannot be read.
    pub fn of(&self, service: &Service, plan: &ServicePlan) -> io::Result<BTreeMap<OsString, OsString>> {
        let mut all = if service.clear_environment { BTreeMap::new() } else { self.0.clone() };
        if let Inherited::Safe { path } = &plan.inherited {
            all.retain(|name, value| !names_code(name, value));
            all.insert("PATH".into(), path.clone());
        }
        all.insert("HOME".into(), plan.home.clone().into());
        all.insert("USER".into(), plan.user.clone().into());
        all.insert("LOGNAME".into(), plan.user.clone().into());
        all.entry("PATH".into()).or_insert_with(|| DEFAULT_PATH.into());
        if let Some(file) = &service.environment_file {
            let user = FilesOf::from(&plan.credentials);
            let bytes = with_files_of(&user, || judged(file, plan.variables).and_then(|()| read(file)));
            all.extend(entries(&bytes.and_then(|bytes| bytes).map_err(|cause| about(file, &cause))?));
        }
        all.extend(service.environment.iter().map(|(name, value)| (name.into(), value.into())));
        Ok(all)
    }
}

fn about(file: &Path, cause: &io::Error) -> io::Error {
    io::Error::new(cause.kind(), format!("{}: {cause}", file.display()))
}

/// Returns the variables as execve(2) takes them.
///
/// # Errors
/// When one contains a NUL byte.
pub fn as_words(all: &BTreeMap<OsString, OsString>) -> Result<Vec<CString>, NulError> {
    all.iter()
        .map(|(name, value)| {
            let mut word = name.as_bytes().to_vec();
            word.push(b'=');
            word.extend_from_slice(value.as_bytes());
            CString::new(word)
        })
        .collect()
}

/// Refuses what others than root could have written, where the service has more rights than they. Only root can change what
/// passed, so that it is the same file that is read.
fn judged(file: &Path, trust: Trust) -> io::Result<()> {
    let stranger = match trust {
        Trust::Anybody => None,
        Trust::Root { .. } => whose::way(file).into_iter().find(|found| !trust.allows(found)),
    };
    let Some(stranger) = stranger else { return Ok(()) };
    let path = shown(stranger.path.as_os_str());
    let what = format!(
        "others than root could have written it, and this service has more rights than the app user: {stranger}; \
         move it to where only root can write, such as /etc, or `chown 0:0 {path} && chmod go-w {path}`"
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, what))
}

/// Reads a file that may lie in a place that the app can write: never waits for a FIFO, never reads without end.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAX_FILE { Err(io::Error::other("larger than 256 KiB")) } else { Ok(bytes) }
}

/// `NAME=value` lines, as `docker run --env-file` reads them: blank lines and `#` comments are passed over, values are
/// taken as they stand.
fn entries(bytes: &[u8]) -> Vec<(OsString, OsString)> {
    let lines =
        bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line).trim_ascii_start());
    lines
        .filter(|line| !line.is_empty() && !line.starts_with(b"#"))
        .filter_map(|line| {
            let at = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
            let (name, value) = line.split_at(at);
            Some((OsString::from_vec(name.to_vec()), OsString::from_vec(value.get(1..).unwrap_or_default().to_vec())))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_file_is_read_as_docker_reads_one() {
        let got = entries(b"# note\n\n  A=1\nB=two words # kept\r\nEMPTY=\n=nothing\nnot-a-pair\nC=a=b");
        let expected = [("A", "1"), ("B", "two words # kept"), ("EMPTY", ""), ("C", "a=b")];
        assert_eq!(got, expected.map(|(name, value)| (name.into(), value.into())));
    }

    #[test]
    fn a_fifo_in_place_of_the_file_makes_nobody_wait() {
        let place = tempfile::tempdir().unwrap();
        let fifo = place.path().join("env");
        nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(read(&fifo).unwrap_err().to_string(), "not a regular file");
    }
}
