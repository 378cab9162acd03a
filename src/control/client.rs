//! The client of the control socket: finds the socket of the running PID 1, makes sure that it is not one that another user
//! planted in a world-writable directory, sends one line and reads the responses. Must not know what requests mean.
#![allow(clippy::disallowed_methods)] // deadlines outside the engine

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::sockopt::{PeerCredentials, SendTimeout};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, setsockopt, socket};
use nix::sys::time::TimeVal;
use serde::de::DeserializeOwned;

use super::protocol::{ControlRequest, MAX_RESPONSE, SOCKET};
use super::responses::Response;
use crate::config::units::duration_text;
use crate::control::locate::{directories, is_of_another_container, is_trusted, open_directory};
use crate::inspect::facts::alternatives;

/// PID 1 responds between two events: if it takes seconds it is stopped or swapped out.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The message for an unexpected end of file.
const CLOSED_EARLY: &str = "it closed the connection without a response";

/// Why there is no response to a request.
#[derive(Debug)]
pub enum ClientError {
    /// No socket at any of these paths.
    NoServer(Vec<PathBuf>),
    /// A socket that may be another user's.
    Untrusted(PathBuf),
    /// The socket of another container's stepdown, which shares the directory.
    Foreign(PathBuf),
    /// The connection failed.
    Io(PathBuf, io::Error),
    /// No response in time, or one that is not of this protocol.
    Protocol(PathBuf, String),
    /// The server refused the request, or it failed.
    Refused(String),
    /// The request is wrong, such as an unknown service name.
    BadRequest(String),
}

/// Sends a request to the first socket found, in the order of DESIGN §3.3, and returns the response.
///
/// # Errors
/// No response, or a refusal.
pub fn send_request<T: DeserializeOwned>(request: &ControlRequest) -> Result<T, ClientError> {
    send_request_to(&directories(), request)
}

/// The same with other runtime directories.
///
/// # Errors
/// As above.
pub fn send_request_to<T: DeserializeOwned>(
    directories: &[PathBuf],
    request: &ControlRequest,
) -> Result<T, ClientError> {
    let mut connection = open_connection_at(directories, request)?;
    match connection.next(TIMEOUT)? {
        Incoming::Response(response) => Ok(response),
        Incoming::TimedOut => Err(connection.protocol_error(format!("no response within {}", duration_text(TIMEOUT)))),
        Incoming::EndOfFile => Err(connection.protocol_error(CLOSED_EARLY)),
    }
}

/// Sends a request that is answered later or with many lines.
///
/// # Errors
/// As above.
pub fn open_connection(request: &ControlRequest) -> Result<Connection, ClientError> {
    open_connection_at(&directories(), request)
}

fn open_connection_at(directories: &[PathBuf], request: &ControlRequest) -> Result<Connection, ClientError> {
    let mut error = None;
    for directory in directories.iter().cloned().chain(directories.iter().flat_map(|directory| alternatives(directory)))
    {
        let path = directory.join(SOCKET);
        match connect_in(&directory) {
            Ok(Server::Trusted(stream)) => return Connection::send(stream, path, request),
            Ok(Server::Untrusted) => error = error.or(Some(ClientError::Untrusted(path))),
            Ok(Server::Foreign) => error = error.or(Some(ClientError::Foreign(path))),
            // A leftover of an earlier boot, or nothing at all.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ECONNREFUSED | Errno::ELOOP) => {}
            Err(errno) => return Err(ClientError::Io(path, errno.into())),
        }
    }
    Err(error
        .unwrap_or_else(|| ClientError::NoServer(directories.iter().map(|directory| directory.join(SOCKET)).collect())))
}

/// Who listens on the socket in a directory.
#[derive(Debug)]
enum Server {
    Trusted(UnixStream),
    /// It may be another user's.
    Untrusted,
    /// The link in the directory names another container.
    Foreign,
}

/// Connects to the socket in this directory. Trusted are directories that only root or we could create, and sockets that
/// PID 1 itself listens on.
fn connect_in(directory: &Path) -> Result<Server, Errno> {
    let handle = open_directory(directory)?;
    let is_ours = is_trusted(&handle, directory)?;
    let stream = UnixStream::from(connected(&handle, directory)?);
    let listener = getsockopt(&stream, PeerCredentials)?;
    if is_of_another_container(&handle) {
        return Ok(Server::Foreign);
    }
    Ok(if is_ours || listener.pid() == 1 { Server::Trusted(stream) } else { Server::Untrusted })
}

fn connected(handle: &OwnedFd, directory: &Path) -> Result<OwnedFd, Errno> {
    let socket = socket(AddressFamily::Unix, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
    // Before connect: it blocks while the listener's queue is full.
    setsockopt(&socket, SendTimeout, &TimeVal::new(TIMEOUT.as_secs().cast_signed(), 0))?;
    // Through the handle, so that it is the checked directory even if its name was replaced since.
    let pinned = PathBuf::from(format!("/proc/self/fd/{}", handle.as_raw_fd())).join(SOCKET);
    let response = connect(socket.as_raw_fd(), &UnixAddr::new(pinned.as_os_str().as_bytes())?);
    match response {
        Err(Errno::ENOENT) if !Path::new("/proc/self/fd").exists() => {
            connect(socket.as_raw_fd(), &UnixAddr::new(directory.join(SOCKET).as_os_str().as_bytes())?)?;
        }
        response => response?,
    }
    Ok(socket)
}

/// The next response.
#[derive(Debug)]
pub enum Incoming<T> {
    /// A response.
    Response(T),
    /// No response in time.
    TimedOut,
    /// The server closed the connection.
    EndOfFile,
}

/// A connection over which a request was sent.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    path: PathBuf,
    read: Vec<u8>,
    /// How much of `read` contains no newline.
    searched: usize,
}

impl Connection {
    fn send(mut stream: UnixStream, path: PathBuf, request: &ControlRequest) -> Result<Self, ClientError> {
        let said = serde_json::to_vec(request).map_err(io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            match stream.write_all(&line) {
                // A server that rejected the connection has sent the reason.
                Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
                Ok(()) | Err(_) => Ok(()),
            }
        });
        said.map_err(|error| ClientError::Io(path.clone(), error))?;
        Ok(Self { stream, path, read: Vec::new(), searched: 0 })
    }

    /// Waits for the next response, at most `timeout` in all, however slowly its bytes come.
    ///
    /// # Errors
    /// A refusal, an invalid response, or a failed connection.
    pub fn next<T: DeserializeOwned>(&mut self, timeout: Duration) -> Result<Incoming<T>, ClientError> {
        let line = match self.line(Instant::now().checked_add(timeout)) {
            Ok(Some(line)) if line.is_empty() => return Ok(Incoming::EndOfFile),
            Ok(Some(line)) => line,
            Ok(None) => return Ok(Incoming::TimedOut),
            Err(error) => return Err(ClientError::Io(self.path.clone(), error)),
        };
        match serde_json::from_slice(&line) {
            Ok(Response::Ok(response)) => Ok(Incoming::Response(response)),
            Ok(Response::Error(why)) => Err(ClientError::Refused(why)),
            Ok(Response::Wrong(why)) => Err(ClientError::BadRequest(why)),
            Err(_) => Err(self.protocol_error("not a response of stepdown")),
        }
    }

    /// Returns the descriptor that is readable when a response has come.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }

    /// Returns the error for a response that does not belong to the request.
    pub fn protocol_error(&self, what: impl Into<String>) -> ClientError {
        ClientError::Protocol(self.path.clone(), what.into())
    }

    /// Returns the next line; an empty one at the end of file; `None` after the deadline.
    fn line(&mut self, end: Option<Instant>) -> io::Result<Option<Vec<u8>>> {
        let mut chunk = [0; 4096];
        loop {
            let new = self.read.get(self.searched..).unwrap_or_default();
            if let Some(at) = new.iter().position(|byte| *byte == b'\n') {
                let rest = self.read.split_off(self.searched + at + 1);
                self.searched = 0;
                return Ok(Some(std::mem::replace(&mut self.read, rest)));
            }
            self.searched = self.read.len();
            if self.read.len() > MAX_RESPONSE {
                return Err(io::Error::other("it has no end"));
            }
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(None);
            }
            self.stream.set_read_timeout(left)?;
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    self.searched = 0;
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

    use super::super::responses::Accepted;
    use super::*;
    use crate::sys::instance::mount_namespace;

    /// A directory with a socket on which a server sends `response` to every request, and the request that it got.
    fn responding(response: &'static str) -> (tempfile::TempDir, thread::JoinHandle<String>) {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
        let request = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            stream.write_all(response.as_bytes()).unwrap();
            line
        });
        (dir, request)
    }

    fn shutdown(directories: &[PathBuf]) -> Result<Accepted, ClientError> {
        send_request_to(directories, &ControlRequest::Shutdown { code: Some(3) })
    }

    #[test]
    fn the_first_place_that_answers_is_request() {
        let (dir, request) = responding("{\"ok\":{}}\n");
        let stale = tempfile::tempdir().unwrap();
        drop(UnixListener::bind(stale.path().join(SOCKET)).unwrap());
        let directories = ["/none/at/all".into(), stale.path().to_owned(), dir.path().to_owned()];
        assert_eq!(shutdown(&directories).unwrap(), Accepted {});
        assert_eq!(request.join().unwrap(), "{\"request\":\"shutdown\",\"code\":3}\n");
    }

    #[test]
    fn a_refusal_and_an_invalid_response_are_distinguished() {
        let (dir, _request) = responding("{\"error\":\"only root may\"}\n");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(ClientError::Refused(why)) if why == "only root may"));
        let (dir, _request) = responding("{\"wrong\":\"nobody\"}\n");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(ClientError::BadRequest(why)) if why == "nobody"));
        let (dir, _request) = responding("hello\n");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(ClientError::Protocol(..))));
        let (dir, _request) = responding("");
        assert!(matches!(shutdown(&[dir.path().into()]), Err(ClientError::Protocol(..))));
    }

    #[test]
    fn a_socket_where_anybody_could_have_put_one_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        let _listener = UnixListener::bind(dir.path().join(SOCKET)).unwrap();
        let untrusted = || matches!(connect_in(dir.path()), Ok(Server::Untrusted));
        let mode = |mode| fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode)).unwrap();
        // What is around it, /tmp, is open to all.
        mode(0o711);
        assert!(!untrusted());
        mode(0o1777);
        assert!(untrusted());
        assert!(matches!(shutdown(&[dir.path().into()]), Err(ClientError::Untrusted(_))));
        mode(0o711);
        let link = tempfile::tempdir().unwrap();
        symlink(dir.path(), link.path().join("stepdown")).unwrap();
        assert!(matches!(shutdown(&[link.path().join("stepdown")]), Err(ClientError::NoServer(_))));
    }

    #[test]
    fn the_stepdown_of_another_container_is_passed_over() {
        let (other, _) = responding("{\"ok\":{}}\n");
        symlink("mnt:[1]", other.path().join("container")).unwrap();
        assert!(matches!(shutdown(&[other.path().into()]), Err(ClientError::Foreign(_))));
        let (ours, request) = responding("{\"ok\":{}}\n");
        symlink(mount_namespace().unwrap(), ours.path().join("container")).unwrap();
        assert_eq!(shutdown(&[other.path().into(), ours.path().into()]).unwrap(), Accepted {});
        assert!(request.join().unwrap().contains("shutdown"));
    }

    #[test]
    fn responses_are_read_one_by_one_until_the_end() {
        let (dir, _request) = responding("{\"ok\":{}}\n{\"ok\":{}}\n");
        let mut connection = open_connection_at(&[dir.path().into()], &ControlRequest::Doctor {}).unwrap();
        let mut next = || connection.next::<Accepted>(TIMEOUT).unwrap();
        assert!(matches!(
            (next(), next(), next()),
            (Incoming::Response(_), Incoming::Response(_), Incoming::EndOfFile)
        ));
    }

    #[test]
    fn without_a_server_every_path_is_named() {
        let Err(ClientError::NoServer(directories)) = shutdown(&["/none/a".into(), "/none/b".into()]) else {
            panic!("nobody")
        };
        assert_eq!(directories, [PathBuf::from("/none/a/control"), PathBuf::from("/none/b/control")]);
    }
}
