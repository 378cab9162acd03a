//! A log writer: a process of PID 1's own for the files of one service, so that a disk that hangs holds up that service's
//! lines and nobody else. PID 1 sends it bytes over a socket and keeps them until it says that they are written.
//!
//! It runs with PID 1's ids and rights, as a copy of it: what it does to files it does with those of the service's user
//! ([`Store`]). It hears no signal but KILL and STOP, and ends when PID 1 closes its side.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{AddressFamily, MsgFlags, Shutdown, SockFlag, SockType, recv, send, shutdown, socketpair};

use super::clock::Now;
use super::store::Store;
use crate::supervise::{Pid, SpawnError};
use crate::sys::process::spawn;

/// Bytes of one message: a few fit into a socket's buffer.
pub const MESSAGE: usize = 32 * 1024;

/// What a writer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The directory and `current` are open, or will be once what is wrong has gone away.
    Opened,
    /// These files can never be written, and why; it ends.
    Never(String),
    /// So many bytes more are written.
    Done(u64),
    /// Which file cannot be written and why; `None`: it can.
    Trouble(Option<String>),
    /// A line of ours: a warning.
    Warning(String),
    /// A line of ours: an error.
    Error(String),
}

impl Note {
    fn encoded(&self) -> Vec<u8> {
        let (kind, text) = match self {
            Self::Opened => (b'o', Vec::new()),
            Self::Never(why) => (b'n', why.clone().into_bytes()),
            Self::Done(count) => (b'd', count.to_ne_bytes().to_vec()),
            Self::Trouble(None) => (b'c', Vec::new()),
            Self::Trouble(Some(what)) => (b't', what.clone().into_bytes()),
            Self::Warning(text) => (b'w', text.clone().into_bytes()),
            Self::Error(text) => (b'e', text.clone().into_bytes()),
        };
        let mut all = vec![kind];
        all.extend(text);
        all.truncate(MESSAGE);
        all
    }

    fn decoded(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let text = || String::from_utf8_lossy(rest).into_owned();
        match kind {
            b'o' => Some(Self::Opened),
            b'n' => Some(Self::Never(text())),
            b'd' => Some(Self::Done(u64::from_ne_bytes(rest.try_into().ok()?))),
            b'c' => Some(Self::Trouble(None)),
            b't' => Some(Self::Trouble(Some(text()))),
            b'w' => Some(Self::Warning(text())),
            b'e' => Some(Self::Error(text())),
            _ => None,
        }
    }
}

/// PID 1's side of a writer.
#[derive(Debug)]
pub struct Writer {
    socket: OwnedFd,
    /// The process.
    pub pid: Pid,
}

/// What came of listening.
#[derive(Debug)]
pub enum Heard {
    /// It says this.
    Note(Note),
    /// Nothing now.
    Nothing,
    /// It has ended.
    End,
}

impl Writer {
    /// Forks a writer for these files; `again`: they were open before, and what is wrong now is waited for.
    ///
    /// # Errors
    /// When no socket or process can be had.
    pub fn start(store: Store, again: bool) -> Result<Self, SpawnError> {
        let refused = |errno: Errno| SpawnError::new("cannot make a socket", errno as i32);
        let flags = SockFlag::SOCK_CLOEXEC;
        let (ours, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags).map_err(refused)?;
        let pid = spawn::helper(theirs, |socket| {
            let _ended = serve(store, socket.as_fd(), again);
        })?;
        Ok(Self { socket: ours, pid })
    }

    /// Sends bytes as far as they go at once; returns how many.
    pub fn send(&self, bytes: &[u8]) -> usize {
        let mut sent = 0;
        for message in bytes.chunks(MESSAGE) {
            match send(self.socket.as_raw_fd(), message, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL) {
                Ok(length) => sent += length,
                // Full, for now; or it has ended, which is heard.
                Err(_) => break,
            }
        }
        sent
    }

    /// Returns the next thing that it says.
    pub fn listen(&self) -> Heard {
        let mut message = [0; MESSAGE];
        match recv(self.socket.as_raw_fd(), &mut message, MsgFlags::MSG_DONTWAIT) {
            Ok(0) => Heard::End,
            Ok(length) => Note::decoded(message.get(..length).unwrap_or_default()).map_or(Heard::Nothing, Heard::Note),
            Err(Errno::EAGAIN | Errno::EINTR) => Heard::Nothing,
            Err(_) => Heard::End,
        }
    }

    /// Nothing more comes: it writes what it has, says what is lost, and ends.
    pub fn close(&self) {
        let _gone = shutdown(self.socket.as_raw_fd(), Shutdown::Write);
    }
}

impl AsFd for Writer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Writes what comes until PID 1 closes its side.
fn serve(mut store: Store, socket: BorrowedFd<'_>, again: bool) -> io::Result<()> {
    let tell = |note: &Note| -> io::Result<()> {
        loop {
            match send(socket.as_raw_fd(), &note.encoded(), MsgFlags::MSG_NOSIGNAL) {
                Err(Errno::EINTR) => {}
                done => return Ok(done.map(drop)?),
            }
        }
    };
    if again {
        store.open(Now::read());
    } else if let Err(why) = store.begin(Now::read()) {
        return tell(&Note::Never(why));
    }
    tell(&Note::Opened)?;
    let (mut taken, mut done) = (0_u64, 0_u64);
    let mut trouble = None;
    let mut message = vec![0; MESSAGE];
    loop {
        for note in store.take_notes() {
            tell(&note)?;
        }
        let now = store.trouble().map(str::to_owned);
        if now != trouble {
            tell(&Note::Trouble(now.clone()))?;
            trouble = now;
        }
        let written = taken.saturating_sub(store.pending() as u64);
        if written > done {
            tell(&Note::Done(written - done))?;
            done = written;
        }
        // The end is heard while there is no room, too.
        let wanted = if store.has_room() { PollFlags::POLLIN } else { PollFlags::from_bits_retain(libc::POLLRDHUP) };
        let mut wanted = [PollFd::new(socket, wanted)];
        let ready = poll(&mut wanted, wait_of(&store)).unwrap_or(0) > 0;
        let now = Now::read();
        if ready {
            match recv(socket.as_raw_fd(), &mut message, MsgFlags::empty()) {
                Ok(0) => break,
                Ok(length) => {
                    taken += length as u64;
                    store.append(message.get(..length).unwrap_or_default());
                    store.flush(now);
                }
                Err(Errno::EINTR) => {}
                Err(_) => break,
            }
        } else if store.is_packing() {
            store.pack();
        }
        if store.deadline().is_some_and(|deadline| deadline <= now.at) {
            store.tick(now);
        }
    }
    store.finish(Now::read());
    let lost = |note: &Note| matches!(note, Note::Error(_));
    // What is not done is PID 1's to count: more may have come since.
    for note in store.take_notes().iter().filter(|note| !lost(note)) {
        tell(note)?;
    }
    if let Some(what) = store.trouble() {
        tell(&Note::Trouble(Some(what.to_owned())))?;
    }
    tell(&Note::Done(taken.saturating_sub(store.pending() as u64) - done))
}

fn wait_of(store: &Store) -> PollTimeout {
    if store.is_packing() {
        return PollTimeout::ZERO;
    }
    let Some(deadline) = store.deadline() else { return PollTimeout::NONE };
    // Up to the next millisecond: not a little before the deadline, again and again.
    let left = deadline.saturating_duration_since(Now::read().at) + std::time::Duration::from_millis(1);
    PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_is_heard() {
        let text = || "x".to_owned();
        for note in [
            Note::Opened,
            Note::Never(text()),
            Note::Done(u64::MAX),
            Note::Trouble(None),
            Note::Trouble(Some(text())),
            Note::Warning(text()),
            Note::Error(text()),
        ] {
            assert_eq!(Note::decoded(&note.encoded()), Some(note));
        }
        assert_eq!(Note::decoded(b""), None);
        assert_eq!(Note::decoded(b"d123"), None);
    }
}
