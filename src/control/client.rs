//! Asking the running PID 1: finds its socket, makes sure that it is its own and not one that somebody planted in a
//! world-writable directory, says one line and reads what comes. Must not know what is asked.
#![allow(clippy::disallowed_methods)] // a deadline of its own, outside the engine; where the socket is

use std::env::var_os;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open, readlinkat};
use nix::sys::socket::sockopt::{PeerCredentials, SendTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, setsockopt, socket};
use nix::sys::stat::{FileStat, Mode, fstat, stat};
use nix::sys::time::TimeVal;
use nix::unistd::geteuid;
use serde::de::DeserializeOwned;

use super::answers::Response;
use super::protocol::{MAX_ANSWER, Query, SOCKET};
use crate::config::units::duration_words;
use crate::control::runtime_dir::OF_CONTAINER;
use crate::inspect::facts::{alternatives, candidates};
use crate::sys::instance::mount_namespace;

/// PID 1 answers between two events: seconds mean that it is stopped or swapped out.
const PATIENCE: Duration = Duration::from_secs(5);
/// What it means that nothing more comes.
const HUNG_UP: &str = "it hung up without an answer";

/// Why there is no answer.
#[derive(Debug)]
pub enum NoReply {
    /// No socket at any of these places.
    Nobody(Vec<PathBuf>),
    /// A socket of somebody whom we need not believe.
    Untrusted(PathBuf),
    /// The stepdown of another container, which shares the directory.
    Foreign(PathBuf),
    /// The kernel refused, or the line broke.
    Broken(PathBuf, io::Error),
    /// It answered no line in time, or one that is not of this protocol.
    Senseless(PathBuf, String),
    /// It answered that it does not do that.
    Declined(String),
    /// It answered that something asked for does not exist.
    Wrong(String),
}

/// Asks whoever answers first in the order of DESIGN §3.3.
///
/// # Errors
/// Nobody answered, or not with what was asked for.
pub fn ask<T: DeserializeOwned>(ask: &Query) -> Result<T, NoReply> {
    ask_at(&places(), ask)
}

/// The same with other places to look at.
///
/// # Errors
/// As above.
pub fn ask_at<T: DeserializeOwned>(places: &[PathBuf], ask: &Query) -> Result<T, NoReply> {
    let mut conversation = begin_at(places, ask)?;
    match conversation.next(PATIENCE)? {
        Received::Response(answer) => Ok(answer),
        Received::Nothing => Err(conversation.senseless(format!("no answer within {}", duration_words(PATIENCE)))),
        Received::End => Err(conversation.senseless(HUNG_UP)),
    }
}

/// Asks what is answered later, or with many lines.
///
/// # Errors
/// As above.
pub fn begin(ask: &Query) -> Result<Connection, NoReply> {
    begin_at(&places(), ask)
}

fn places() -> Vec<PathBuf> {
    candidates(var_os("XDG_RUNTIME_DIR"))
}

fn begin_at(places: &[PathBuf], ask: &Query) -> Result<Connection, NoReply> {
    let mut instead = None;
    for place in places.iter().cloned().chain(places.iter().flat_map(|place| alternatives(place))) {
        let path = place.join(SOCKET);
        match reach(&place) {
            Ok(Reached::Ours(stream)) => return Connection::begin(stream, path, ask),
            Ok(Reached::Untrusted) => instead = instead.or(Some(NoReply::Untrusted(path))),
            Ok(Reached::Foreign) => instead = instead.or(Some(NoReply::Foreign(path))),
            // A leftover of an earlier life, or nothing at all.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ECONNREFUSED | Errno::ELOOP) => {}
            Err(errno) => return Err(NoReply::Broken(path, errno.into())),
        }
    }
    Err(instead.unwrap_or_else(|| NoReply::Nobody(places.iter().map(|place| place.join(SOCKET)).collect())))
}

/// Who listens in a directory.
#[derive(Debug)]
enum Reached {
    Ours(UnixStream),
    /// Nobody vouches for it.
    Untrusted,
    /// The mark in the directory says that it is another container's.
    Foreign,
}

/// Connects to the socket in this directory. Vouched for is what lies in a directory that only root or we could make, and
/// whatever PID 1 itself listens on.
fn reach(place: &Path) -> Result<Reached, Errno> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let directory = open(place, flags, Mode::empty())?;
    let is_ours = is_closed_to_others(&fstat(&directory)?)
        // Root gave it to the app user, which PID 1 is by now: only root can have made it in /run.
        || place.parent().is_some_and(|around| stat(around).is_ok_and(|around| is_closed_to_others(&around)));
    let stream = UnixStream::from(connected(&directory, place)?);
    let listener = getsockopt(&stream, PeerCredentials)?;
    if is_of_another_container(&directory) {
        return Ok(Reached::Foreign);
    }
    Ok(if is_ours || listener.pid() == 1 { Reached::Ours(stream) } else { Reached::Untrusted })
}

fn is_of_another_container(directory: &OwnedFd) -> bool {
    let theirs = readlinkat(directory, OF_CONTAINER).ok().map(PathBuf::from);
    theirs.is_some_and(|theirs| mount_namespace().is_some_and(|ours| ours != theirs))
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

/// What came.
#[derive(Debug)]
pub enum Received<T> {
    /// An answer.
    Response(T),
    /// None in the time given.
    Nothing,
    /// None will come any more.
    End,
}

/// A connection over which something was asked.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    path: PathBuf,
    read: Vec<u8>,
    /// Up to where no newline is.
    looked_at: usize,
}

impl Connection {
    fn begin(mut stream: UnixStream, path: PathBuf, ask: &Query) -> Result<Self, NoReply> {
        let said = serde_json::to_vec(ask).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            match stream.write_all(&line) {
                // Who is turned away at the door may still be told why.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
                Ok(()) | Err(_) => Ok(()),
            }
        });
        said.map_err(|error| NoReply::Broken(path.clone(), error))?;
        Ok(Self { stream, path, read: Vec::new(), looked_at: 0 })
    }

    /// Waits for the next answer, for so long in all, however slowly it drips.
    ///
    /// # Errors
    /// A refusal, or what is no answer; the line broke.
    pub fn next<T: DeserializeOwned>(&mut self, patience: Duration) -> Result<Received<T>, NoReply> {
        let line = match self.line(Instant::now().checked_add(patience)) {
            Ok(Some(line)) if line.is_empty() => return Ok(Received::End),
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Received::Nothing),
            Err(error) => return Err(NoReply::Broken(self.path.clone(), error)),
        };
        match serde_json::from_slice(&line) {
            Ok(Response::Ok(answer)) => Ok(Received::Response(answer)),
            Ok(Response::Error(why)) => Err(NoReply::Declined(why)),
            Ok(Response::Wrong(why)) => Err(NoReply::Wrong(why)),
            Err(error) => Err(self.senseless(format!("not an answer: {error}"))),
        }
    }

    /// Returns that this is no answer to what was asked.
    pub fn senseless(&self, what: impl Into<String>) -> NoReply {
        NoReply::Senseless(self.path.clone(), what.into())
    }

    /// Returns the next line; an empty one at the end; `None` when time is over.
    fn line(&mut self, end: Option<Instant>) -> io::Result<Option<Vec<u8>>> {
        let mut chunk = [0; 4096];
        loop {
            let new = self.read.get(self.looked_at..).unwrap_or_default();
            if let Some(at) = new.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(self.looked_at + at + 1);
                self.looked_at = 0;
                return Ok(Some(std::mem::replace(&mut self.read, rest)));
            }
            self.looked_at = self.read.len();
            if self.read.len() > MAX_ANSWER {
                return Err(io::Error::other("an answer without end"));
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.stream.set_read_timeout(left)?;
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    self.looked_at = 0;
                    return Ok(Some(std::mem::take(&mut self.read)));
                }
                Ok(length) => self.read.extend_from_slice(chunk.get(..length).unwrap_or_default()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return Ok(None),
                Err(error) => return Err(error),
            }
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

    use super::super::answers::Accepted;
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

    fn shutdown(places: &[PathBuf]) -> Result<Accepted, NoReply> {
        ask_at(places, &Query::Shutdown { code: Some(3) })
    }

    #[test]
    fn the_first_place_that_answers_is_asked() {
        let (dir, asked) = answering("{\"ok\":{}}\n");
        let stale = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(stale.path().join(SOCKET)).unwrap());
        let places = ["/none/at/all".into(), stale.path().to_owned(), dir.path().to_owned()];
        assert_eq!(shutdown(&places).unwrap(), Accepted {});
        assert_eq!(asked.join().unwrap(), "{\"ask\":\"shutdown\",\"code\":3}\n");
    }

    #[test]
    fn a_refusal_and_nonsense_are_told_apart() {
        let (dir, _asked) = answering("{\"error\":\"only root may\"}\n");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(NoReply::Declined(why)) if why == "only root may"));
        let (dir, _asked) = answering("{\"wrong\":\"nobody\"}\n");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(NoReply::Wrong(why)) if why == "nobody"));
        let (dir, _asked) = answering("hello\n");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(NoReply::Senseless(..))));
        let (dir, _asked) = answering("");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(NoReply::Senseless(..))));
    }

    #[test]
    fn a_socket_where_anybody_could_have_put_one_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let _listener = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
        let untrusted = || matches!(reach(dir.path()), Ok(Reached::Untrusted));
        let mode = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        // What is around it, /tmp, is open to all.
        mode(0o711);
        assert!(!untrusted());
        mode(0o1777);
        assert!(untrusted());
        assert!(matches!(shutdown(&[dir.path().into()]), Err(NoReply::Untrusted(_))));
        mode(0o711);
        let link = tempfile::tempdir().unwrap();
        symlink(dir.path(), link.path().join("stepdown")).unwrap();
        assert!(matches!(shutdown(&[link.path().join("stepdown")]), Err(NoReply::Nobody(_))));
    }

    #[test]
    fn the_stepdown_of_another_container_is_passed_over() {
        let (other, _) = answering("{\"ok\":{}}\n");
        symlink("mnt:[1]", other.path().join("container")).unwrap();
        assert!(matches!(shutdown(&[other.path().into()]), Err(NoReply::Foreign(_))));
        let (ours, asked) = answering("{\"ok\":{}}\n");
        symlink(mount_namespace().unwrap(), ours.path().join("container")).unwrap();
        assert_eq!(shutdown(&[other.path().into(), ours.path().into()]).unwrap(), Accepted {});
        assert!(asked.join().unwrap().contains("shutdown"));
    }

    #[test]
    fn answers_are_read_one_by_one_until_the_end() {
        let (dir, _asked) = answering("{\"ok\":{}}\n{\"ok\":{}}\n");
        let mut conversation = begin_at(&[dir.path().into()], &Query::Health {}).unwrap();
        let mut next = || conversation.next::<Accepted>(PATIENCE).unwrap();
        assert!(matches!((next(), next(), next()), (Received::Response(_), Received::Response(_), Received::End)));
    }

    #[test]
    fn nobody_there_names_every_place() {
        let Err(NoReply::Nobody(places)) = shutdown(&["/none/a".into(), "/none/b".into()]) else { panic!("nobody") };
        assert_eq!(places, [PathBuf::from("/none/a/control"), PathBuf::from("/none/b/control")]);
    }
}
