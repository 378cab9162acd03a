//! One stepdown for each container: the first `init` binds an abstract socket address, which is released when it exits; a
//! later one finds it in use. An abstract address needs no file, so nothing is left behind and nothing has to be writable;
//! binding is atomic, so that of two started at once one succeeds. Must not know what it does then.
//!
//! Abstract addresses belong to the network namespace, which containers may share (a pod, `--network host`). So the name
//! contains what identifies a container: its mount and PID namespaces and its root directory. A process that binds another
//! container's name is detected by the credentials of the listener (`SO_PEERCRED`), or, if its queue is full, by the owner
//! in the kernel's list of sockets (sock_diag(7)).
#![allow(clippy::disallowed_methods)] // compares namespaces and `/` by their identity

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::sockopt::PeerCredentials;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, UnixAddr, connect, getsockopt, recv, send, socket,
};
use nix::unistd::{geteuid, getpid};

use crate::error::{Error, Place, Problem};
use crate::sys::host;

/// The lock of the `init` of this container, held while it runs.
#[derive(Debug)]
pub struct InstanceLock {
    _name: Option<UnixListener>,
}

/// Locks this container.
///
/// # Errors
/// When another one runs: exit 100, with its pid and what to do instead.
pub fn lock() -> Result<InstanceLock, Error> {
    let name = name();
    let bound = SocketAddr::from_abstract_name(&name).and_then(|address| UnixListener::bind_addr(&address));
    match bound {
        Ok(listener) => Ok(InstanceLock { _name: Some(listener) }),
        Err(cause) if cause.kind() == io::ErrorKind::AddrInUse => match holder(&name) {
            Holder::Stepdown(pid) => Err(refused(pid)),
            Holder::Other => Ok(InstanceLock { _name: None }),
        },
        // No unix sockets, or a security module forbids this one: no other process can have it either.
        Err(_) => Ok(InstanceLock { _name: None }),
    }
}

fn refused(pid: Option<i32>) -> Error {
    let pid = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    let what = format!("stepdown is already running in this container{pid}; nothing was changed or started");
    let fix = "call `stepdown status`; run a command next to it with \
                  `docker exec CONTAINER stepdown run-as USER COMMAND`, start a service with `stepdown start SERVICE`";
    Error::Wrong(Problem::new(Place::Argument("init".to_owned()), what, fix).into())
}

/// Returns the mount namespace of this process, as `/proc` names it. Looked at once: no process of ours changes it and then
/// asks again, it executes a program there.
pub fn mount_namespace() -> Option<&'static Path> {
    static NAMESPACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    NAMESPACE.get_or_init(|| fs::read_link("/proc/self/ns/mnt").ok()).as_deref()
}

fn name() -> Vec<u8> {
    let text = |link: Option<&Path>| link.map_or("-".into(), Path::to_string_lossy).into_owned();
    let pids = fs::read_link("/proc/self/ns/pid").ok();
    let root = host::root_directory().map_or_else(|| "-".to_owned(), |root| format!("{}:{}", root.dev(), root.ino()));
    format!("stepdown/init/{}/{}/{root}", text(mount_namespace()), text(pids.as_deref())).into_bytes()
}

/// Who has bound the name.
#[derive(Debug, PartialEq, Eq)]
enum Holder {
    /// The stepdown of this container; its pid, if the kernel reports it.
    Stepdown(Option<i32>),
    /// A process of another container, or of a user who cannot be this container's stepdown.
    Other,
}

fn holder(name: &[u8]) -> Holder {
    match peer_of(name) {
        // Pid 0: it is in a PID namespace that we cannot see.
        Ok((pid, uid)) if pid > 0 && may_belong_to(uid) && !is_in_other_container(pid) => Holder::Stepdown(Some(pid)),
        Ok(_) => Holder::Other,
        // The listener accepts no connections and its queue is full: only its owner is known. If we are PID 1 no process
        // of this container ran before.
        Err(Errno::EAGAIN) if getpid().as_raw() != 1 => match owner(name) {
            Ok(uid) if may_belong_to(uid) => Holder::Stepdown(None),
            Ok(_) | Err(_) => Holder::Other,
        },
        Err(_) => Holder::Other,
    }
}

/// Whether the stepdown of this container may run as that user: root, the calling user, or, if the container runs without
/// root and root calls, the user of PID 1 (the container runtime's init under `--init`).
fn may_belong_to(uid: u32) -> bool {
    let is_first = getpid().as_raw() == 1;
    uid == 0 || uid == geteuid().as_raw() || (!is_first && !is_in_other_container(1) && process_user(1) == Some(uid))
}

/// Returns the effective user of a process; any user may read that.
fn process_user(pid: i32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().nth(1)?.parse().ok()
}

/// Returns the user of a listener from the kernel's list of sockets.
fn owner(name: &[u8]) -> Result<u32, Errno> {
    let protocol = SockProtocol::NetlinkSockDiag;
    let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    let bytes_of = |all: &[u32]| all.iter().flat_map(|word| word.to_ne_bytes()).collect::<Vec<_>>();
    let halves = |all: [u16; 2]| all.map(u16::to_ne_bytes).concat();
    let is_dump = u16::try_from(libc::NLM_F_REQUEST | libc::NLM_F_DUMP).unwrap_or_default();
    // A nlmsghdr (netlink(7)) and a unix_diag_req: listeners, with their names and users.
    let header = [bytes_of(&[40]), halves([SOCK_DIAG_BY_FAMILY, is_dump]), bytes_of(&[0, 0])].concat();
    let family = u8::try_from(libc::AF_UNIX).unwrap_or_default();
    let requested =
        [vec![family, 0, 0, 0], bytes_of(&[1 << TCP_LISTEN, 0, SHOW_NAME | SHOW_UID, u32::MAX, u32::MAX])].concat();
    send(socket.as_raw_fd(), &[header, requested].concat(), MsgFlags::empty())?;
    let mut response = vec![0; 32 * 1024];
    loop {
        let length = recv(socket.as_raw_fd(), &mut response, MsgFlags::empty())?;
        let mut rest = response.get(..length).unwrap_or_default();
        while let Some((message, behind)) = chunk(rest, u32_at(rest, 0)) {
            match i32::from(u16_at(message, 4).unwrap_or_default()) {
                libc::NLMSG_DONE => return Err(Errno::ENOENT),
                libc::NLMSG_ERROR => return Err(Errno::EOPNOTSUPP),
                _ => {}
            }
            // After the header and a unix_diag_msg, 16 bytes each.
            if let Some(uid) = user_of(message.get(32..).unwrap_or_default(), name) {
                return Ok(uid);
            }
            rest = behind;
        }
        if length == 0 {
            return Err(Errno::EPROTO);
        }
    }
}

/// Returns the user in the attributes of a socket (rtnetlink(7)), if it has this abstract name.
fn user_of(mut attributes: &[u8], name: &[u8]) -> Option<u32> {
    let (mut is_named, mut user) = (false, None);
    while let Some((attribute, behind)) = chunk(attributes, u16_at(attributes, 0).map(u32::from)) {
        match u16_at(attribute, 2)? {
            DIAG_NAME => is_named = attribute.get(4..)?.strip_prefix(b"\0") == Some(name),
            DIAG_UID => user = u32_at(attribute, 4),
            _ => {}
        }
        attributes = behind;
    }
    user.filter(|_| is_named)
}

/// Splits off the first element of a list whose lengths are rounded up to 4 (netlink(3)).
fn chunk(bytes: &[u8], length: Option<u32>) -> Option<(&[u8], &[u8])> {
    let length = usize::try_from(length?).ok().filter(|length| *length >= 4)?;
    Some((bytes.get(..length)?, bytes.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().map(u32::from_ne_bytes).ok()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().map(u16::from_ne_bytes).ok()
}

// linux/sock_diag.h, linux/unix_diag.h, net/tcp_states.h
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const TCP_LISTEN: u32 = 10;
const SHOW_NAME: u32 = 0x01;
const SHOW_UID: u32 = 0x40;
const DIAG_NAME: u16 = 0;
const DIAG_UID: u16 = 7;

/// Returns pid and user of the listener. Never blocks.
fn peer_of(name: &[u8]) -> Result<(i32, u32), Errno> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    connect(socket.as_raw_fd(), &UnixAddr::new_abstract(name)?)?;
    let credentials = getsockopt(&socket, PeerCredentials)?;
    Ok((credentials.pid(), credentials.uid()))
}

/// Whether that process has another mount namespace. Compares the id of its root mount, which differs between mount
/// namespaces and is readable by everybody: the link to its namespace needs SYS_PTRACE.
fn is_in_other_container(pid: i32) -> bool {
    root_mount(&pid.to_string()).is_some_and(|theirs| Some(theirs) != root_mount("self"))
}

fn root_mount(pid: &str) -> Option<u64> {
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok()?;
    let root = mounts.lines().map(|line| line.split_whitespace()).find(|line| line.clone().nth(4) == Some("/"))?;
    root.clone().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_is_known_by_its_process_and_its_user() {
        let name = format!("stepdown/test/{}", std::process::id()).into_bytes();
        assert_eq!(peer_of(&name), Err(Errno::ECONNREFUSED));
        let _held = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        assert_eq!(holder(&name), Holder::Stepdown(Some(getpid().as_raw())));
    }

    #[test]
    fn an_address_that_can_no_longer_be_queried_is_still_in_use() {
        let name = format!("stepdown/test/full/{}", std::process::id()).into_bytes();
        let held = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        nix::sys::socket::listen(&held, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        while peer_of(&name).is_ok() {}
        assert_eq!(holder(&name), Holder::Stepdown(None));
    }

    #[test]
    fn an_address_of_another_user_that_cannot_be_queried_belongs_to_a_stranger() {
        if !geteuid().is_root() {
            return;
        }
        let name = format!("stepdown/test/stranger/{}", std::process::id()).into_bytes();
        // A socket is whose rights to files its maker has.
        let previous = nix::unistd::setfsuid(nix::unistd::Uid::from_raw(1234));
        let held = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        nix::unistd::setfsuid(previous);
        nix::sys::socket::listen(&held, nix::sys::socket::Backlog::new(0).unwrap()).unwrap();
        while peer_of(&name).is_ok() {}
        assert_eq!((owner(&name), holder(&name)), (Ok(1234), Holder::Other));
    }

    #[test]
    fn the_name_is_of_this_container() {
        let name = String::from_utf8(name()).unwrap();
        assert!(name.contains("/mnt:[") && name.contains("/pid:["), "{name}");
    }
}
