//! Asking the running PID 1: finds its socket, makes sure that it is its own and not one that somebody planted in a
//! world-writable directory, says one line and reads one. Must not know what is asked.
#![allow(clippy::disallowed_methods)] // a deadline of its own, outside the engine; where the socket is

use std::env::var_os;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::socket::sockopt::{PeerCredentials, SendTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, setsockopt, socket};
use nix::sys::stat::{FileStat, Mode, fstat, stat};
use nix::sys::time::TimeVal;
use nix::unistd::geteuid;
use serde::de::DeserializeOwned;

use super::protocol::{Answer, Ask, MAX_ANSWER, SOCKET};
use crate::sys::facts::candidates;

/// PID 1 answers between two events: seconds mean that it is stopped or swapped out.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no answer.
#[derive(Debug)]
pub enum Unanswered {
    /// No socket at any of these places.
    Nobody(Vec<PathBuf>),
    /// A socket of somebody whom we need not believe.
    Untrusted(PathBuf),
    /// The kernel refused, or the line broke.
    Broken(PathBuf, std::io::Error),
    /// It answered no line in time, or one that is not of this protocol.
    Senseless(PathBuf, String),
    /// It answered that it does not do that.
    Declined(String),
}

/// Asks whoever answers first in the order of DESIGN §3.3.
///
/// # Errors
/// Nobody answered, or not with what was asked for.
pub fn ask<T: DeserializeOwned>(ask: Ask) -> Result<T, Unanswered> {
    ask_at(&candidates(var_os("XDG_RUNTIME_DIR")), ask)
}

/// The same with other places to look at.
///
/// # Errors
/// As above.
pub fn ask_at<T: DeserializeOwned>(places: &[PathBuf], ask: Ask) -> Result<T, Unanswered> {
    let mut untrusted = None;
    for place in places {
        let path = place.join(SOCKET);
        match reach(place) {
            Ok(Some(stream)) => return converse(stream, &path, ask),
            Ok(None) => untrusted = untrusted.or(Some(path)),
            // A leftover of an earlier life, or nothing at all.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ECONNREFUSED | Errno::ELOOP) => {}
            Err(errno) => return Err(Unanswered::Broken(path, errno.into())),
        }
    }
    Err(untrusted.map_or_else(
        || Unanswered::Nobody(places.iter().map(|place| place.join(SOCKET)).collect()),
        Unanswered::Untrusted,
    ))
}

/// Connects to the socket in this directory. `None`: it is there, and nobody vouches for it. Vouched for is what lies in
/// a directory that only root or we could make, and whatever PID 1 itself listens on.
fn reach(place: &Path) -> Result<Option<UnixStream>, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = open(place, flags, Mode::empty())?;
    let is_ours = is_closed_to_others(&fstat(&directory)?)
        // Root gave it to the app user, which PID 1 is by now: only root can have made it in /run.
        || place.parent().is_some_and(|around| stat(around).is_ok_and(|around| is_closed_to_others(&around)));
    let stream = UnixStream::from(connected(&directory, place)?);
    let listener = getsockopt(&stream, PeerCredentials)?;
    Ok((is_ours || listener.pid() == 1).then_some(stream))
}

fn is_closed_to_others(directory: &FileStat) -> bool {
    directory.st_mode & 0o022 == 0 && (directory.st_uid == 0 || directory.st_uid == geteuid().as_raw())
}

fn connected(directory: &OwnedFd, place: &Path) -> Result<OwnedFd, Errno> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    // Before connect: it blocks while the listener's queue is full.
    setsockopt(&socket, SendTimeout, &TimeVal::new(PATIENCE.as_secs().cast_signed(), 0))?;
    // Through the handle, so that it is the judged directory even if its name changed hands since.
    let pinned = PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(SOCKET);
    let answer = connect(socket.as_raw_fd(), &UnixAddr::new(pinned.as_os_str().as_bytes())?);
    match answer {
        Err(Errno::ENOENT) if !Path::new("/proc/self/fd").exists() => {
            connect(socket.as_raw_fd(), &UnixAddr::new(place.join(SOCKET).as_os_str().as_bytes())?)?;
        }
        answer => answer?,
    }
    Ok(socket)
}

fn converse<T: DeserializeOwned>(mut stream: UnixStream, path: &Path, ask: Ask) -> Result<T, Unanswered> {
    let broken = |error| Unanswered::Broken(path.to_owned(), error);
    let mut line = serde_json::to_vec(&ask).map_err(|error| broken(error.into()))?;
    line.push(b'\n');
    match stream.write_all(&line) {
        // Who is turned away at the door may still be told why.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(broken(error)),
        Ok(()) | Err(_) => {}
    }
    let answer = read_line(&mut stream).map_err(|error| match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::TimedOut => {
            Unanswered::Senseless(path.to_owned(), format!("no answer within {} s", PATIENCE.as_secs()))
        }
        _ => broken(error),
    })?;
    match serde_json::from_slice(&answer) {
        Ok(Answer::Ok(answer)) => Ok(answer),
        Ok(Answer::Error(why)) => Err(Unanswered::Declined(why)),
        Err(error) => Err(Unanswered::Senseless(path.to_owned(), format!("not an answer: {error}"))),
    }
}

/// Reads up to the end of the line, for [`PATIENCE`] in all, however slowly it drips.
fn read_line(stream: &mut UnixStream) -> std::io::Result<Vec<u8>> {
    let end = Instant::now() + PATIENCE;
    let mut line = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.set_read_timeout(Some(left))?;
        let length = match stream.read(&mut chunk) {
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let new = chunk.get(..length).unwrap_or_default();
        line.extend_from_slice(new);
        if length == 0 || new.contains(&b'\n') || line.len() > MAX_ANSWER {
            return Ok(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use super::super::protocol::Begun;
    use super::*;

    /// A directory with a socket on which somebody answers every request with `answer`, and what they were asked.
    fn answering(answer: &'static str) -> (tempfile::TempDir, thread::JoinHandle<String>) {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            line
        });
        (dir, asked)
    }

    fn shutdown(places: &[PathBuf]) -> Result<Begun, Unanswered> {
        ask_at(places, Ask::Shutdown { code: Some(3) })
    }

    #[test]
    fn the_first_place_that_answers_is_asked() {
        let (dir, asked) = answering("{\"ok\":{}}\n");
        let stale = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(stale.path().join(SOCKET)).unwrap());
        let places = ["/none/at/all".into(), stale.path().to_owned(), dir.path().to_owned()];
        assert_eq!(shutdown(&places).unwrap(), Begun {});
        assert_eq!(asked.join().unwrap(), "{\"ask\":\"shutdown\",\"code\":3}\n");
    }

    #[test]
    fn a_refusal_and_nonsense_are_told_apart() {
        let (dir, _asked) = answering("{\"error\":\"only root may\"}\n");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(Unanswered::Declined(why)) if why == "only root may"));
        let (dir, _asked) = answering("hello\n");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(Unanswered::Senseless(..))));
        let (dir, _asked) = answering("");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(Unanswered::Senseless(..))));
    }

    #[test]
    fn a_socket_where_anybody_could_have_put_one_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let _listener = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
        let untrusted = || matches!(reach(dir.path()), Ok(None));
        let mode = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        // What is around it, /tmp, is open to all.
        mode(0o711);
        assert!(!untrusted());
        mode(0o1777);
        assert!(untrusted());
        assert!(matches!(shutdown(&[dir.path().into()]), Err(Unanswered::Untrusted(_))));
        mode(0o711);
        let link = tempfile::tempdir().unwrap();
        symlink(dir.path(), link.path().join("stepdown")).unwrap();
        assert!(matches!(shutdown(&[link.path().join("stepdown")]), Err(Unanswered::Nobody(_))));
    }

    #[test]
    fn nobody_there_names_every_place() {
        let Err(Unanswered::Nobody(places)) = shutdown(&["/none/a".into(), "/none/b".into()]) else { panic!("nobody") };
        assert_eq!(places, [PathBuf::from("/none/a/control"), PathBuf::from("/none/b/control")]);
    }
}
