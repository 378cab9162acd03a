//! [`HostNotify`]: the sending end of sd_notify(3), for the runtime that started the container (podman `--sdnotify=container`,
//! quadlet). Connected before the drop, because the socket may be root's; never blocks, and a missing listener is no error.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use crate::config::quote::{printable, quoted_os};
use crate::error::Refused;

/// The longest status, in characters.
const STATUS: usize = 400;

/// The connection; by default there is none.
#[derive(Debug, Default)]
pub struct HostNotify {
    socket: Option<UnixDatagram>,
    /// READY=1 is to be sent: the queue was full.
    is_ready_due: bool,
    /// READY=1 was sent or is due.
    is_ready: bool,
}

impl HostNotify {
    /// Connects to what `NOTIFY_SOCKET` was for us: a path, or an abstract address `@name`.
    ///
    /// # Errors
    /// When it is neither, or nothing listens there. The boot goes on with [`HostNotify::default`].
    pub fn open(address: &OsStr) -> Result<Self, Refused> {
        let connect = || {
            let to = match address.as_bytes() {
                [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
                [b'/', ..] => SocketAddr::from_pathname(address)?,
                _ => return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is neither a path nor an @name")),
            };
            let socket = UnixDatagram::unbound()?;
            socket.set_nonblocking(true)?;
            socket.connect_addr(&to)?;
            Ok(socket)
        };
        match connect() {
            Ok(socket) => Ok(Self { socket: Some(socket), ..Self::default() }),
            Err(cause) => Err(Refused::new(format!("cannot tell NOTIFY_SOCKET={}", quoted_os(address)), cause)),
        }
    }

    /// Sends how many services are up of how many are wanted, and once READY=1. `count` visits every service, so it is not
    /// called without a listener.
    pub fn progress(&mut self, count: impl FnOnce() -> (usize, usize)) {
        if self.socket.is_none() {
            return;
        }
        let (up, wanted) = count();
        self.status(&format!("{up} of {wanted} up"));
        if up == wanted && !std::mem::replace(&mut self.is_ready, true) {
            self.ready();
        }
    }

    /// Sends READY=1.
    pub fn ready(&mut self) {
        self.is_ready_due = true;
        self.send("");
    }

    /// Sends a status.
    pub fn status(&mut self, text: &str) {
        self.send(&format!("STATUS={}\n", printable(text.trim(), STATUS)));
    }

    /// Sends STOPPING=1.
    pub fn stopping(&mut self) {
        self.send("STOPPING=1\n");
    }

    fn send(&mut self, line: &str) {
        let Some(socket) = &self.socket else { return };
        let ready = if self.is_ready_due { "READY=1\n" } else { "" };
        match socket.send(format!("{ready}{line}").as_bytes()) {
            Ok(_) => self.is_ready_due = false,
            // Its queue is full: a status is lost, READY=1 is sent with the next line.
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
            // Nothing listens any more.
            Err(_) => self.socket = None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 4096];
        let length = socket.recv(&mut bytes).unwrap();
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    #[test]
    fn a_path_and_an_abstract_address_are_reported() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify.sock");
        let name = format!("@stepdown-{}", std::process::id());
        let listeners = [
            (path.as_os_str().to_owned(), UnixDatagram::bind(&path).unwrap()),
            (
                name.clone().into(),
                UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name[1..]).unwrap()).unwrap(),
            ),
        ];
        for (address, listener) in listeners {
            let mut host_notify = HostNotify::open(&address).unwrap();
            host_notify.status("starting\nweb");
            host_notify.ready();
            host_notify.stopping();
            assert_eq!(received(&listener), "STATUS=starting\\nweb\n");
            assert_eq!(received(&listener), "READY=1\n");
            assert_eq!(received(&listener), "STOPPING=1\n");
        }
    }

    #[test]
    fn a_full_queue_holds_nobody_up_and_loses_no_readiness() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify.sock");
        let listener = UnixDatagram::bind(&path).unwrap();
        let mut host_notify = HostNotify::open(path.as_os_str()).unwrap();
        (0..10_000).for_each(|number| host_notify.status(&number.to_string()));
        host_notify.ready();
        listener.set_nonblocking(true).unwrap();
        let mut bytes = [0; 64];
        while listener.recv(&mut bytes).is_ok() {}
        host_notify.status("late");
        assert_eq!(received(&listener), "READY=1\nSTATUS=late\n");
    }

    #[test]
    fn nothing_is_counted_without_a_listener_and_all_up_is_sent_once() {
        HostNotify::default().progress(|| panic!("nobody listens"));
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify.sock");
        let listener = UnixDatagram::bind(&path).unwrap();
        let mut host_notify = HostNotify::open(path.as_os_str()).unwrap();
        [(1, 2), (2, 2), (1, 2), (2, 2)].into_iter().for_each(|counted| host_notify.progress(|| counted));
        let all = ["STATUS=1 of 2 up\n", "STATUS=2 of 2 up\n", "READY=1\n", "STATUS=1 of 2 up\n", "STATUS=2 of 2 up\n"];
        assert_eq!(all.map(|_| received(&listener)), all);
        drop(listener);
        host_notify.progress(|| (2, 2));
        host_notify.progress(|| panic!("it is gone, and that is known now"));
    }

    #[test]
    fn who_is_not_there_is_no_problem() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("notify.sock");
        let listener = UnixDatagram::bind(&path).unwrap();
        let mut host_notify = HostNotify::open(path.as_os_str()).unwrap();
        drop(listener);
        host_notify.ready();
        host_notify.stopping();
        HostNotify::default().ready();
        for address in ["", "vsock:2:1", "relative", "/nowhere/notify", "@", &"/x".repeat(200)] {
            let opened = HostNotify::open(OsStr::new(address));
            // Another process may listen on the abstract address "".
            assert!(address == "@" || opened.is_err(), "{address}");
        }
    }
}
