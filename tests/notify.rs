//! `run::notify` with real senders: the service, root, strangers, and whoever sends too much or too odd.

use std::ffi::OsString;
use std::fs;
use std::io::{IoSlice, Read};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;
use nix::sys::socket::{ControlMessage, MsgFlags, UnixCredentials, sendmsg};
use nix::unistd::{geteuid, getpid, pipe};
use stepdown::config::values::{ServiceName, Uid};
use stepdown::control::runtime_dir::{RuntimeDir, make};
use stepdown::run::notify::{MAX_MESSAGE, Notification, Receiver, Rejection, open};

use crate::support::skip::skipped;

fn me() -> Uid {
    Uid(geteuid().as_raw())
}

/// A runtime directory in there, and its path.
fn directory(place: &Path) -> (RuntimeDir, PathBuf) {
    let path = place.join("stepdown");
    (make(std::slice::from_ref(&path), Uid(geteuid().as_raw())).unwrap(), path)
}

fn opened(directory: Option<&RuntimeDir>, uid: Uid) -> (UnixDatagram, Receiver, OsString) {
    let name = ServiceName::new("web").unwrap();
    let (address, receiver) = open(directory, &name, uid).unwrap();
    let to = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name).unwrap(),
        _ => SocketAddr::from_pathname(&address).unwrap(),
    };
    let sender = UnixDatagram::unbound().unwrap();
    sender.connect_addr(&to).unwrap();
    // A test whose queue is full has failed.
    sender.set_write_timeout(Some(Duration::from_secs(30))).unwrap();
    (sender, receiver, address)
}

#[test]
fn notifications_arrive_by_path_and_by_abstract_address() {
    let place = tempfile::tempdir().unwrap();
    let (runtime, path) = directory(place.path());
    for directory in [Some(&runtime), None] {
        let (sender, mut receiver, address) = opened(directory, me());
        assert_eq!(receiver.receive(), []);
        sender.send(b"STATUS=half way").unwrap();
        sender.send(b"READY=1\nMAINPID=1").unwrap();
        assert_eq!(
            receiver.receive(),
            [Notification::Status("half way".into()), Notification::Ready, Notification::MainPid]
        );
        assert_eq!(receiver.receive(), []);
        if directory.is_some() {
            assert_eq!(Path::new(&address), path.join("notify-web"));
            assert_eq!(fs::metadata(&address).unwrap().permissions().mode() & 0o7777, 0o666);
            drop(receiver);
            assert!(!Path::new(&address).exists(), "it is removed");
        } else {
            assert!(address.as_bytes().starts_with(b"@"), "{}", address.display());
        }
    }
}

#[test]
fn what_an_earlier_life_left_is_replaced() {
    let place = tempfile::tempdir().unwrap();
    let (runtime, path) = directory(place.path());
    drop(UnixDatagram::bind(path.join("notify-web")).unwrap());
    let (sender, mut receiver, _) = opened(Some(&runtime), me());
    sender.send(b"READY=1").unwrap();
    assert_eq!(receiver.receive(), [Notification::Ready]);
}

#[test]
fn a_path_that_is_too_long_for_a_socket_is_no_reason_to_do_without() {
    let place = tempfile::tempdir().unwrap();
    let deep = place.path().join("x".repeat(120));
    fs::create_dir(&deep).unwrap();
    let (runtime, _) = directory(&deep);
    let (sender, mut receiver, address) = opened(Some(&runtime), me());
    assert!(address.as_bytes().starts_with(b"@"));
    sender.send(b"READY=1").unwrap();
    assert_eq!(receiver.receive(), [Notification::Ready]);
}

#[test]
fn a_directory_that_is_gone_is_reported() {
    let name = ServiceName::new("web").unwrap();
    let place = tempfile::tempdir().unwrap();
    let (runtime, path) = directory(place.path());
    fs::remove_file(path.join("container")).unwrap();
    fs::remove_dir(&path).unwrap();
    let refused = open(Some(&runtime), &name, me()).unwrap_err();
    assert_eq!(refused.what, "cannot create the notification socket of web");
}

#[test]
fn notifications_of_strangers_are_ignored_and_those_of_root_are_not() {
    if !geteuid().is_root() {
        skipped("needs root");
        return;
    }
    let (sender, mut receiver, _) = opened(None, Uid(4242));
    let send_as = |uid| {
        let credentials = UnixCredentials::from(libc::ucred { pid: getpid().as_raw(), uid, gid: 7 });
        let piece = [IoSlice::new(b"READY=1")];
        let control = [ControlMessage::ScmCredentials(&credentials)];
        sendmsg::<()>(sender.as_raw_fd(), &piece, &control, MsgFlags::empty(), None).unwrap();
    };
    send_as(4243);
    send_as(4244);
    assert_eq!(receiver.receive(), [Notification::Rejected(Rejection::WrongUser(Uid(4243)))], "said once");
    assert_eq!(receiver.rejected(), 2);
    send_as(4242);
    send_as(0);
    assert_eq!(receiver.receive(), [Notification::Ready, Notification::Ready]);
    let words = Rejection::WrongUser(Uid(4243)).to_string();
    assert_eq!(words, "uid 4243 sent it, who is not the service's user");
}

/// Sends a message with that many write ends of a pipe, and returns the read end.
fn send_with_descriptors(sender: &UnixDatagram, message: &[u8], count: usize) -> OwnedFd {
    let (read, write) = pipe().unwrap();
    let ends = vec![write.as_raw_fd(); count];
    let control = [ControlMessage::ScmRights(&ends)];
    sendmsg::<()>(sender.as_raw_fd(), &[IoSlice::new(message)], &control, MsgFlags::empty(), None).unwrap();
    read
}

#[test]
fn descriptors_are_closed_however_many_and_the_barrier_falls() {
    let (sender, mut receiver, _) = opened(None, me());
    let mut ends = Vec::new();
    for (message, count) in [(&b"READY=1"[..], 1), (b"FDSTORE=1\nREADY=1", 253), (b"BARRIER=1", 1), (b"BARRIER=1\n", 2)]
    {
        ends.push(send_with_descriptors(&sender, message, count));
    }
    assert_eq!(receiver.receive(), [Notification::Rejected(Rejection::Descriptors)]);
    assert_eq!(receiver.rejected(), 2, "a barrier is none");
    for end in ends {
        let mut rest = Vec::new();
        fs::File::from(end).read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"", "nobody holds the other end: the barrier has fallen");
    }
    sender.send(b"READY=1").unwrap();
    assert_eq!(receiver.receive(), [Notification::Ready], "what follows is heard");
}

#[test]
fn a_message_may_be_so_long_and_no_longer() {
    let (sender, mut receiver, _) = opened(None, me());
    let message = |length: usize| [b"READY=1\n".as_slice(), &vec![b'x'; length - 8]].concat();
    sender.send(&message(MAX_MESSAGE)).unwrap();
    sender.send(&message(MAX_MESSAGE + 1)).unwrap();
    sender.send(&message(100_000)).unwrap();
    sender.send(b"").unwrap();
    assert_eq!(receiver.receive(), [Notification::Ready, Notification::Rejected(Rejection::TooLong)]);
    assert_eq!(receiver.rejected(), 2);
}

#[test]
fn a_flood_is_read_in_bounded_batches_and_old_messages_can_be_discarded() {
    let (sender, mut receiver, _) = opened(None, me());
    sender.set_nonblocking(true).unwrap();
    let mut sent = 0;
    let mut heard = 0;
    for _ in 0..100 {
        while sender.send(b"WATCHDOG=1").is_ok() {
            sent += 1;
        }
        let turn = receiver.receive().len();
        assert!(turn <= 16, "{turn}");
        heard += turn;
    }
    while let turn @ 1.. = receiver.receive().len() {
        heard += turn;
    }
    assert_eq!(heard, sent);
    sender.send(b"READY=1").unwrap();
    receiver.clear();
    assert_eq!(receiver.receive(), []);
}
