//! A log writer: a child process that writes the log files of one service, so that a disk that hangs blocks only that
//! service's lines. PID 1 sends it bytes over a socket and keeps them until the writer confirms them.
//!
//! It is a fork of PID 1 with its ids and capabilities, and accesses files with those of the service's user ([`Store`]). It
//! blocks all signals, and exits when PID 1 closes its end of the socket.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, recv, send, shutdown, socketpair};

use super::clock::Now;
use super::store::Store;
use super::writer_report::{MAX_MESSAGE, WriterReport};
use crate::supervise::{Pid, SpawnError, SpawnStep};
use crate::sys::process::spawn;

/// PID 1's end of a writer's socket.
#[derive(Debug)]
pub struct Writer {
    socket: OwnedFd,
    /// The writer's pid.
    pub pid: Pid,
}

/// The result of [`Writer::receive`].
#[derive(Debug)]
pub enum Received {
    /// A report.
    Report(WriterReport),
    /// Nothing now.
    Nothing,
    /// The writer has exited.
    EndOfFile,
}

impl Writer {
    /// Forks a writer for these files; `reopening`: they were open before, so that an error is retried.
    ///
    /// # Errors
    /// When no socket or process can be created.
    pub fn start(store: Store, reopening: bool) -> Result<Self, SpawnError> {
        let refused = |errno: Errno| SpawnError::new(SpawnStep::Socket, errno as i32);
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).map_err(refused)?;
        let pid = spawn::fork_worker(theirs, |socket| {
            let _ended = run_writer(store, socket.as_fd(), reopening);
        })?;
        Ok(Self { socket: ours, pid })
    }

    /// Sends as many bytes as the socket takes without blocking; returns how many.
    pub fn send(&self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        for message in bytes.chunks(MAX_MESSAGE) {
            match send(self.socket.as_raw_fd(), message, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Ok(length) => sent += length,
                // Full for now, or the writer has exited, which `receive` reports.
                Err(_) => break,
            }
        }
        sent
    }

    /// Returns the next report, without blocking.
    pub fn receive(&self) -> Received {
        let mut message = [0; MAX_MESSAGE];
        match recv(self.socket.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Received::EndOfFile,
            Ok(length) => WriterReport::decoded(message.get(..length).unwrap_or_default())
                .map_or(Received::Nothing, Received::Report),
            Err(Errno::EAGAIN | Errno::EINTR) => Received::Nothing,
            Err(_) => Received::EndOfFile,
        }
    }

    /// Closes our end: the writer writes what it has, reports what is lost, and exits.
    pub fn close(&self) {
        let _gone = shutdown(self.socket.as_raw_fd(), Shutdown::Write);
    }
}

impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The writer process: writes what it receives until PID 1 closes its end.
fn run_writer(mut store: Store, socket: BorrowedFd<'_>, reopening: bool) -> io::Result<()> {
    let send_report = |report: &WriterReport| -> io::Result<()> {
        loop {
            match send(socket.as_raw_fd(), &report.encoded(), MsgFlags::MSG_NOSIGNAL) {
                Err(Errno::EINTR) => {}
                result => return Ok(result.map(drop)?),
            }
        }
    };
    if reopening {
        store.open(Now::read());
    } else if let Err(why) = store.open_first(Now::read()) {
        return send_report(&WriterReport::Unwritable(why));
    }
    send_report(&WriterReport::Opened)?;
    let (mut received, mut confirmed) = (0_u64, 0_u64);
    let mut write_error = None;
    let mut message = vec![0; MAX_MESSAGE];
    loop {
        // Before the line about it: a reader of that line who asks `health` finds it confirmed.
        let now = store.write_error().map(str::to_owned);
        if now != write_error {
            send_report(&WriterReport::WriteError(now.clone()))?;
            write_error = now;
        }
        for report in store.take_reports() {
            send_report(&report)?;
        }
        let written = received.saturating_sub(store.pending() as u64);
        if written > confirmed {
            send_report(&WriterReport::Written(written - confirmed))?;
            confirmed = written;
        }
        // The end of file must be noticed while there is no space, too.
        let wanted = if store.has_room() { PollFlags::POLLIN } else { PollFlags::from_bits_retain(libc::POLLRDHUP) };
        let mut wanted = [PollFd::new(socket, wanted)];
        let ready = poll(&mut wanted, poll_timeout(&store)).unwrap_or(0) > 0;
        let now = Now::read();
        if ready {
            match recv(socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
                Ok(0) => break,
                Ok(length) => {
                    received += length as u64;
                    store.append(message.get(..length).unwrap_or_default());
                    store.flush(now);
                }
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        } else if store.has_compression() {
            store.compress_piece();
        }
        if store.deadline().is_some_and(|deadline| deadline <= now.at) {
            store.on_deadline(now);
        }
    }
    store.finish(Now::read());
    let lost = |report: &WriterReport| matches!(report, WriterReport::Error(_));
    // PID 1 counts what is not confirmed: more may be in the socket.
    for report in store.take_reports().iter().filter(|report| !lost(report)) {
        send_report(report)?;
    }
    if let Some(what) = store.write_error() {
        send_report(&WriterReport::WriteError(Some(what.to_owned())))?;
    }
    send_report(&WriterReport::Written(received.saturating_sub(store.pending() as u64) - confirmed))
}

fn poll_timeout(store: &Store) -> PollTimeout {
    if store.has_compression() {
        return PollTimeout::ZERO;
    }
    let Some(deadline) = store.deadline() else { return PollTimeout::NONE };
    // Rounded up to a millisecond: rounding down would wake just before the deadline, again and again.
    let left = deadline.saturating_duration_since(Now::read().at) + std::time::Duration::from_millis(1);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}
