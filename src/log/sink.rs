//! [`Sink`]: one of the container's own outputs, written without ever waiting and without O_NONBLOCK on the inherited
//! descriptor (it is shared with every service and with the runtime).
#![allow(unsafe_code)] // ioctl(2) FIONREAD
#![allow(clippy::disallowed_methods)] // deadlines for draining

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Instant;

use nix::fcntl::{FcntlArg, OFlag, SpliceFFlags, fcntl, open, splice};
use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{MsgFlags, send};
use nix::sys::stat::{Mode, SFlag};
use nix::unistd::{isatty, pipe2, write};

use crate::sys::{descriptors, dev_null};

/// Back-pressure: services' pipes are not read while more than this waits to be written.
pub const HIGH_WATER: usize = 256 * 1024;
/// Our own messages may wait up to this much more; beyond it they are counted and dropped.
const OWN_MESSAGE_SPACE: usize = 64 * 1024;

/// How a descriptor is written without waiting.
#[derive(Debug)]
enum WriteMethod {
    /// A pipe or terminal, opened again: an open file description of our own, with O_NONBLOCK.
    Reopened(OwnedFd),
    /// A regular file or a device such as `/dev/null`: writes never return EAGAIN, and a disk that hangs blocks PID 1. No
    /// runtime uses a file as the container's output; redirecting to one on a network file system is the user's choice.
    Direct,
    /// A socket: MSG_DONTWAIT.
    Socket,
    /// A pipe that cannot be opened again (another user's). write(2) could block if another process filled it after
    /// poll(2), so bytes are moved from a pipe of our own by splice(2), which can be non-blocking.
    Spliced(Staging),
    /// A terminal that cannot be opened again: poll(2), then a small write.
    PolledTerminal,
}

/// A pipe of our own that holds what a splice(2) moves next.
#[derive(Debug)]
struct Staging {
    read: OwnedFd,
    write: OwnedFd,
    /// Bytes in it: the start of `waiting`. At most PIPE_BUF, in one page: moved as a whole or not at all.
    staged: usize,
}

/// One output and the bytes that wait for it.
#[derive(Debug)]
pub struct Sink {
    fd: BorrowedFd<'static>,
    method: WriteMethod,
    waiting: Vec<u8>,
    written: usize,
    dropped: u64,
    /// No other process writes to it.
    exclusive: bool,
}

impl Sink {
    /// Returns the sink for descriptor 1 or 2, which stay open for the life of this process.
    #[cfg(test)]
    pub fn of(fd: RawFd) -> Self {
        Self::with_state(fd, descriptors::stat_of(fd).as_ref())
    }

    /// Returns the sink for descriptor 1 or 2, which stay open for the life of this process, with its state, if there is one.
    pub fn with_state(fd: RawFd, stat: Option<&libc::stat>) -> Self {
        let fd = descriptors::standard(fd);
        Self { fd, method: write_method(fd, stat), waiting: Vec::new(), written: 0, dropped: 0, exclusive: false }
    }

    /// Returns whether two descriptors are the same object: then one sink must serve both, or lines would be torn.
    pub fn is_same_object(one: Option<&libc::stat>, other: Option<&libc::stat>) -> bool {
        let identity = |stat: &libc::stat| (stat.st_dev, stat.st_ino, stat.st_rdev);
        one.is_some_and(|one| other.map(identity) == Some(identity(one)))
    }

    /// Sets whether this process is the only writer of the output. Then large writes tear no line.
    pub fn set_exclusive(&mut self, exclusive: bool) {
        self.exclusive = exclusive;
    }

    /// Returns where to append lines of services.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.waiting
    }

    /// Appends one of our own lines, or counts it as dropped if too much waits; `lost` formats that count.
    pub fn push_own_message(&mut self, line: &[u8], lost: impl FnOnce(u64) -> Vec<u8>) {
        if self.pending() > HIGH_WATER + OWN_MESSAGE_SPACE {
            self.dropped += 1;
            return;
        }
        if self.dropped > 0 {
            self.waiting.extend_from_slice(&lost(self.dropped));
            self.dropped = 0;
        }
        self.waiting.extend_from_slice(line);
    }

    /// Returns how many bytes wait.
    pub fn pending(&self) -> usize {
        self.waiting.len().saturating_sub(self.written)
    }

    /// Returns whether services may add more.
    pub fn has_room(&self) -> bool {
        self.pending() < HIGH_WATER
    }

    /// Writes as much as goes without waiting. What cannot be written at all (EPIPE, EIO) is discarded: PID 1 goes on.
    pub fn flush(&mut self) {
        while self.pending() > 0 {
            match self.try_write() {
                Ok(length) => self.written += length,
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return self.compact(),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(_) => self.written = self.waiting.len(),
            }
        }
        self.compact();
    }

    /// Writes what waits, at most until `until`. Blocks: only for the end, when nothing else is left to do.
    pub fn drain(&mut self, until: Instant) {
        self.flush();
        while self.pending() > 0 && Instant::now() < until {
            self.wait_writable(20);
            self.flush();
        }
    }

    /// Returns the descriptor to poll for POLLOUT, if polling it makes sense.
    pub fn watch(&self) -> Option<BorrowedFd<'_>> {
        match &self.method {
            WriteMethod::Reopened(own) => Some(own.as_fd()),
            WriteMethod::Direct => None,
            WriteMethod::Socket | WriteMethod::Spliced(_) | WriteMethod::PolledTerminal => Some(self.fd),
        }
    }

    fn compact(&mut self) {
        if self.written == self.waiting.len() {
            self.waiting.clear();
            // Give the memory of a burst back.
            if self.waiting.capacity() > HIGH_WATER {
                self.waiting = Vec::new();
            }
        } else {
            self.waiting.drain(..self.written);
        }
        self.written = 0;
    }

    fn try_write(&mut self) -> io::Result<usize> {
        let bytes = self.waiting.get(self.written..).unwrap_or_default();
        if let WriteMethod::Spliced(staging) = &mut self.method {
            return Ok(staging.splice_to(bytes, self.fd)?);
        }
        match &self.method {
            WriteMethod::Reopened(own) => Ok(write(own, whole_lines(bytes, atomic_write_size(own, self.exclusive)))?),
            WriteMethod::Direct => Ok(write(self.fd, bytes)?),
            WriteMethod::Socket => {
                Ok(send(self.fd.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_NOSIGNAL)?)
            }
            WriteMethod::PolledTerminal if self.wait_writable(0) => {
                Ok(write(self.fd, whole_lines(bytes, libc::PIPE_BUF))?)
            }
            WriteMethod::Spliced(_) | WriteMethod::PolledTerminal => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn wait_writable(&self, milliseconds: u16) -> bool {
        let Some(fd) = self.watch() else { return true };
        let mut polled = [PollFd::new(fd, PollFlags::POLLOUT)];
        poll(&mut polled, PollTimeout::from(milliseconds)).is_ok_and(|ready| ready > 0)
    }
}

impl Staging {
    fn new() -> io::Result<Self> {
        let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK)?;
        Ok(Self { read, write, staged: 0 })
    }

    /// Moves the start of `bytes` on, or what is already staged of them. EAGAIN: there is no space.
    fn splice_to(&mut self, bytes: &[u8], to: BorrowedFd<'_>) -> nix::Result<usize> {
        if self.staged == 0 {
            self.staged = write(&self.write, whole_lines(bytes, libc::PIPE_BUF))?;
        }
        let moved = splice(&self.read, None, to, None, self.staged, SpliceFFlags::SPLICE_F_NONBLOCK)?;
        self.staged -= moved;
        Ok(moved)
    }
}

/// Returns how much a pipe takes as a whole or not at all, so that no line is torn, neither by other writers nor by a reader
/// that stops reading: PIPE_BUF (pipe(7)), or the pipe's size while it is empty and nobody else writes to it.
fn atomic_write_size(own: &OwnedFd, exclusive: bool) -> usize {
    let mut queued: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int, which outlives the call.
    let known = exclusive && unsafe { libc::ioctl(own.as_raw_fd(), libc::FIONREAD, &raw mut queued) } == 0;
    if !known || queued > 0 {
        return libc::PIPE_BUF;
    }
    let size = fcntl(own, FcntlArg::F_GETPIPE_SZ).unwrap_or_default();
    usize::try_from(size).unwrap_or_default().max(libc::PIPE_BUF)
}

/// Returns as many whole lines as fit into `space`; a longer line is cut.
fn whole_lines(bytes: &[u8], space: usize) -> &[u8] {
    let Some(fitting) = bytes.get(..space) else { return bytes };
    let end = memchr::memrchr(b'\n', fitting).map_or(fitting.len(), |at| at + 1);
    fitting.get(..end).unwrap_or(fitting)
}

fn write_method(fd: BorrowedFd<'_>, stat: Option<&libc::stat>) -> WriteMethod {
    let Some(stat) = stat else { return WriteMethod::Direct };
    let kind = SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits());
    let terminal = kind == SFlag::S_IFCHR && stat.st_rdev != dev_null::NUMBER && isatty(fd) == Ok(true);
    if kind == SFlag::S_IFSOCK {
        return WriteMethod::Socket;
    }
    if kind != SFlag::S_IFIFO && !terminal {
        return WriteMethod::Direct;
    }
    let flags = OFlag::O_WRONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY;
    match open(format!("/proc/self/fd/{}", fd.as_raw_fd()).as_str(), flags, Mode::empty()) {
        Ok(own) if own.as_raw_fd() > 2 => WriteMethod::Reopened(own),
        Ok(_) | Err(_) if terminal => WriteMethod::PolledTerminal,
        Ok(_) | Err(_) => Staging::new().map_or(WriteMethod::PolledTerminal, WriteMethod::Spliced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn method_of_fd(fd: BorrowedFd<'_>) -> WriteMethod {
        write_method(fd, descriptors::stat_of(fd.as_raw_fd()).as_ref())
    }
    use nix::unistd::{pipe, read};

    /// A pipe whose write end is never given back, as descriptor 1 is not.
    fn pipe_sink(method_of: impl Fn(BorrowedFd<'_>) -> WriteMethod) -> (OwnedFd, Sink) {
        let (reader, writer) = pipe().unwrap();
        let writer: &'static OwnedFd = Box::leak(Box::new(writer));
        let fd = writer.as_fd();
        (reader, Sink { fd, method: method_of(fd), waiting: Vec::new(), written: 0, dropped: 0, exclusive: false })
    }

    fn careful(_: BorrowedFd<'_>) -> WriteMethod {
        WriteMethod::PolledTerminal
    }

    fn spliced(_: BorrowedFd<'_>) -> WriteMethod {
        WriteMethod::Spliced(Staging::new().unwrap())
    }

    #[test]
    fn whoever_else_writes_there_and_nobody_reads_writing_never_waits() {
        let (reader, mut sink) = pipe_sink(spliced);
        let other = sink.fd.try_clone_to_owned().unwrap();
        // Full but for less than a page: poll(2) says that there is space, and a write of PIPE_BUF would wait.
        sink.buffer().extend_from_slice(&[b'a'; 64 * 1024 - libc::PIPE_BUF]);
        sink.flush();
        write(&other, b"b").unwrap();
        sink.buffer().extend_from_slice(&[b'c'; libc::PIPE_BUF]);
        sink.flush(); // with write(2) the test ends here, for ever
        assert_eq!(sink.pending(), libc::PIPE_BUF);
        let mut got = vec![0; 64 * 1024];
        while sink.pending() > 0 {
            assert!(read(&reader, &mut got).unwrap() > 0);
            sink.flush();
        }
    }

    #[test]
    fn a_full_pipe_keeps_what_waits_and_loses_nothing() {
        for method_of in [method_of_fd, careful, spliced] {
            let (reader, mut sink) = pipe_sink(method_of);
            let sent: Vec<u8> = (0..HIGH_WATER).map(|at| b'a' + u8::try_from(at % 26).unwrap()).collect();
            sink.buffer().extend_from_slice(&sent);
            sink.flush();
            assert!(sink.pending() > 0, "a pipe holds 64 KiB");
            let mut got = Vec::new();
            let mut chunk = [0; 5000];
            while got.len() < sent.len() {
                let length = read(&reader, &mut chunk).unwrap();
                got.extend_from_slice(&chunk[..length]);
                sink.flush();
            }
            assert!(got == sent && sink.pending() == 0);
        }
    }

    #[test]
    fn where_nobody_reads_to_the_end_whole_lines_are_cut_off() {
        for (method_of, exclusive) in [
            (method_of_fd as fn(BorrowedFd<'_>) -> WriteMethod, true),
            (method_of_fd, false),
            (careful, false),
            (spliced, false),
        ] {
            let (reader, mut sink) = pipe_sink(method_of);
            sink.set_exclusive(exclusive);
            for number in 0..5000 {
                let line = format!("line {number} {}\n", "x".repeat(number % 150));
                sink.buffer().extend_from_slice(line.as_bytes());
            }
            sink.drain(Instant::now());
            assert!(sink.pending() > 0, "a pipe holds 64 KiB");
            fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
            let mut got = Vec::new();
            let mut chunk = [0; 65536];
            while let Ok(length) = read(&reader, &mut chunk) {
                got.extend_from_slice(&chunk[..length]);
            }
            assert!(got.len() > 50_000 && got.ends_with(b"x\n"), "{}", got.len());
        }
    }

    #[test]
    fn own_messages_are_bounded_and_their_loss_is_reported() {
        let (reader, mut sink) = pipe_sink(method_of_fd);
        let line = [b'x'; 1000];
        let lost = |count: u64| format!("{count} own messages lost\n").into_bytes();
        for _ in 0..1000 {
            sink.push_own_message(&line, lost);
            sink.flush();
        }
        assert!(sink.pending() <= HIGH_WATER + OWN_MESSAGE_SPACE + line.len() && sink.dropped > 0);
        let mut chunk = [0; 65536];
        while sink.pending() > 0 {
            read(&reader, &mut chunk).unwrap();
            sink.flush();
        }
        sink.push_own_message(b"after\n", lost);
        let waiting = String::from_utf8(sink.waiting.clone()).unwrap();
        assert!(waiting.contains("own messages lost") && waiting.ends_with("after\n"));
    }

    #[test]
    fn the_inherited_descriptor_is_not_switched_to_nonblocking() {
        let (_reader, sink) = pipe_sink(method_of_fd);
        assert!(matches!(sink.method, WriteMethod::Reopened(_)));
        let flags = fcntl(sink.fd, FcntlArg::F_GETFL).unwrap();
        assert!(!OFlag::from_bits_truncate(flags).contains(OFlag::O_NONBLOCK));
    }

    #[test]
    fn a_reader_that_is_gone_costs_nothing() {
        let (reader, mut sink) = pipe_sink(method_of_fd);
        drop(reader);
        sink.push_own_message(b"to nobody\n", |_| Vec::new());
        sink.flush();
        assert_eq!(sink.pending(), 0);
    }
}
