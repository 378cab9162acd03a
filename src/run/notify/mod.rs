//! The receiving end of sd_notify(3): one datagram socket per service. Any process can send to it; the credentials that the
//! kernel attaches decide whose messages are accepted (DESIGN §3.3). Must not know what a message leads to.
#![allow(unsafe_code)] // recvmsg(2): nix's wrapper loses the descriptors of a message with truncated control data

mod parse;

use std::ffi::{CString, OsString};
use std::fmt;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::sync::Arc;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::PassCred;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, UnixAddr, bind, getsockname, setsockopt, socket};
use nix::unistd::{UnlinkatFlags, unlinkat};

pub use parse::{Notification, parse};

use crate::config::values::{ServiceName, Uid};
use crate::control::directory_lock::DirectoryLock;
use crate::control::runtime_dir::RuntimeDir;
use crate::error::Refused;
use crate::sys::files::socket::bind_at;

/// The variable by which a service finds its socket.
pub const VARIABLE: &str = "NOTIFY_SOCKET";
/// The longest message (as in systemd).
pub const MAX_MESSAGE: usize = 4096;
/// The most messages that wait in a socket (`net.unix.max_dgram_qlen`, 10 to 512).
const MAX_WAITING: usize = 4096;
/// Messages read in one iteration: a service that sends many delays no other.
const AT_ONCE: usize = 16;

/// One service's socket.
#[derive(Debug)]
pub struct Receiver {
    socket: OwnedFd,
    /// Whose messages are accepted, besides root's.
    uid: Uid,
    /// Removed with it, its directory and its name there; `None`: its address is an abstract one.
    place: Option<(Arc<DirectoryLock>, CString)>,
    rejected: u64,
    /// Reasons that were already returned.
    reported: Vec<mem::Discriminant<Rejection>>,
}

/// Why a message was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// Another user sent it.
    WrongUser(Uid),
    /// It came without credentials.
    NoCredentials,
    /// Descriptors came with it; they were closed.
    Descriptors,
    /// It is longer than [`MAX_MESSAGE`].
    TooLong,
}

impl fmt::Display for Rejection {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::WrongUser(uid) => write!(to, "uid {uid} sent it, who is not the service's user"),
            Self::NoCredentials => write!(to, "it came without credentials"),
            Self::Descriptors => write!(to, "descriptors came with it"),
            Self::TooLong => write!(to, "it is longer than {MAX_MESSAGE} bytes"),
        }
    }
}

/// Binds the socket of a service: `notify-NAME` in the runtime directory, or where there is none (or its path is too long
/// for a socket) an abstract address that the kernel chooses. Returns what [`VARIABLE`] is for the service.
///
/// # Errors
/// When it cannot be created, bound, or opened to others.
pub fn open(directory: Option<&RuntimeDir>, name: &ServiceName, uid: Uid) -> Result<(OsString, Receiver), Refused> {
    let refused = |cause: io::Error| Refused::new(format!("cannot create the notification socket of {name}"), cause);
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Datagram, flags, None).map_err(|errno| refused(errno.into()))?;
    // Before it is bound, so that no message comes without credentials.
    setsockopt(&socket, PassCred, &true).map_err(|errno| refused(errno.into()))?;
    let file = format!("notify-{name}");
    // The service finds it by its path.
    let there = directory.map(|directory| (directory, directory.path.join(&file)));
    let (address, place) = match there.filter(|(_, path)| UnixAddr::new(path).is_ok()) {
        Some((directory, path)) => {
            let place = bind_in(&socket, directory, file).map_err(refused)?;
            (path.into_os_string(), Some(place))
        }
        None => (autobind(&socket).map_err(|errno| refused(errno.into()))?, None),
    };
    Ok((address, Receiver { socket, uid, place, rejected: 0, reported: Vec::new() }))
}

fn bind_in(socket: &OwnedFd, directory: &RuntimeDir, name: String) -> io::Result<(Arc<DirectoryLock>, CString)> {
    let name = CString::new(name)?;
    match unlinkat(&*directory.handle, name.as_c_str(), UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno.into()),
    }
    bind_at(socket, directory.handle.as_fd(), &name)?;
    Ok((Arc::clone(&directory.handle), name))
}

/// Binds to an abstract address that the kernel chooses (unix(7), "autobind").
fn autobind(socket: &OwnedFd) -> Result<OsString, Errno> {
    bind(socket.as_raw_fd(), &UnixAddr::new_unnamed())?;
    let bound: UnixAddr = getsockname(socket.as_raw_fd())?;
    let name = bound.as_abstract().ok_or(Errno::EADDRNOTAVAIL)?;
    Ok(OsString::from_vec([b"@", name].concat()))
}

/// The result of one receive.
enum Datagram {
    Message(Vec<u8>),
    Rejected(Rejection),
    /// sd_notify_barrier(3): the sender waits until its descriptor is closed, which has happened.
    Barrier,
    /// No message waits.
    None,
}

impl Receiver {
    /// Returns the notifications since the last call, in order; at most as many as one iteration of the loop may take. Each
    /// reason for a rejection is returned once.
    pub fn receive(&mut self) -> Vec<Notification> {
        let mut all = Vec::new();
        for _ in 0..AT_ONCE {
            match self.next() {
                Datagram::Message(bytes) => all.extend(parse(&bytes)),
                Datagram::Rejected(why) => {
                    self.rejected += 1;
                    if !self.reported.contains(&mem::discriminant(&why)) {
                        self.reported.push(mem::discriminant(&why));
                        all.push(Notification::Rejected(why));
                    }
                }
                Datagram::Barrier => {}
                Datagram::None => break,
            }
        }
        all
    }

    /// Accepts only this user from now on.
    pub fn accept_only(&mut self, uid: Uid) {
        self.uid = uid;
    }

    /// Returns how many messages were rejected.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Discards what waits: an earlier process sent it.
    pub fn clear(&mut self) {
        // Bounded: a process may keep sending. The queue of a socket is far shorter.
        for _ in 0..MAX_WAITING {
            if let Datagram::None = self.next() {
                return;
            }
        }
    }

    fn next(&self) -> Datagram {
        let mut bytes = [0; MAX_MESSAGE + 1];
        let mut control = Control([0; CREDENTIALS]);
        let mut piece = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
        // SAFETY: a msghdr is plain numbers and pointers, and zeroes are an empty one.
        let mut head: libc::msghdr = unsafe { mem::zeroed() };
        head.msg_iov = &raw mut piece;
        head.msg_iovlen = 1;
        head.msg_control = control.0.as_mut_ptr().cast();
        // Room for the credentials and no more: descriptors that do not fit are closed by the kernel.
        head.msg_controllen = CREDENTIALS;
        let length = loop {
            // SAFETY: the head and all that it points to outlive the call, with the lengths that it gives.
            let result = unsafe { libc::recvmsg(self.socket.as_raw_fd(), &raw mut head, libc::MSG_CMSG_CLOEXEC) };
            match Errno::result(result) {
                Ok(length) => break usize::try_from(length).unwrap_or_default(),
                Err(Errno::EINTR) => {}
                Err(_) => return Datagram::None,
            }
        };
        let sender = sender(&head);
        let message = bytes.get(..length).unwrap_or_default();
        let is_accepted = |uid: Uid| uid == self.uid || uid == Uid::ROOT;
        match sender {
            None => Datagram::Rejected(Rejection::NoCredentials),
            Some(uid) if !is_accepted(uid) => Datagram::Rejected(Rejection::WrongUser(uid)),
            Some(_) if head.msg_flags & libc::MSG_TRUNC != 0 || length > MAX_MESSAGE => {
                Datagram::Rejected(Rejection::TooLong)
            }
            Some(_) if head.msg_flags & libc::MSG_CTRUNC != 0 => match message.trim_ascii_end() {
                b"BARRIER=1" => Datagram::Barrier,
                _ => Datagram::Rejected(Rejection::Descriptors),
            },
            Some(_) => Datagram::Message(message.to_vec()),
        }
    }
}

/// Control data that the credentials fill by themselves.
// SAFETY: arithmetic only.
#[allow(clippy::cast_possible_truncation)]
const CREDENTIALS: usize = unsafe { libc::CMSG_SPACE(mem::size_of::<libc::ucred>() as u32) } as usize;

/// Control data begins with a `cmsghdr`.
#[repr(C, align(8))]
struct Control([u8; CREDENTIALS]);

/// Returns who sent the message. Linux puts the credentials first, so that nothing else fits; should another kernel do it
/// differently, descriptors that came are closed.
fn sender(head: &libc::msghdr) -> Option<Uid> {
    let mut sender = None;
    // SAFETY: the kernel filled the control data that `head` points to, and set its length.
    let mut at = unsafe { libc::CMSG_FIRSTHDR(head) };
    while !at.is_null() {
        // SAFETY: CMSG_FIRSTHDR and CMSG_NXTHDR give null or a whole header inside the control data.
        let header = unsafe { &*at };
        // SAFETY: behind that header, inside the control data.
        let data = unsafe { libc::CMSG_DATA(at) };
        match (header.cmsg_level, header.cmsg_type) {
            (libc::SOL_SOCKET, libc::SCM_CREDENTIALS) => {
                // SAFETY: credentials are one ucred; whatever its alignment.
                let credentials = unsafe { data.cast::<libc::ucred>().read_unaligned() };
                sender = Some(Uid(credentials.uid));
            }
            (libc::SOL_SOCKET, libc::SCM_RIGHTS) => {
                // SAFETY: arithmetic only.
                let head_length = unsafe { libc::CMSG_LEN(0) } as usize;
                let count = header.cmsg_len.saturating_sub(head_length) / mem::size_of::<RawFd>();
                for place in 0..count {
                    // SAFETY: as many descriptors as the header's length says; whatever their alignment.
                    let fd = unsafe { data.cast::<RawFd>().add(place).read_unaligned() };
                    // SAFETY: the kernel just gave it to us, and it has no other owner.
                    drop(unsafe { OwnedFd::from_raw_fd(fd) });
                }
            }
            _ => {}
        }
        // SAFETY: as CMSG_FIRSTHDR.
        at = unsafe { libc::CMSG_NXTHDR(head, at) };
    }
    sender
}

impl AsFd for Receiver {
    /// Returns the socket: readable when a message waits.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some((directory, name)) = &self.place {
            let _gone = unlinkat(directory.as_ref(), name.as_c_str(), UnlinkatFlags::NoRemoveDir);
        }
    }
}
