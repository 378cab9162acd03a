//! `try`'s own loop: bytes between its standard descriptors and the container's, signals to it, its exit code back.
//! Nothing is buffered beyond one read: a slow reader outside slows the writers inside, and never this loop.
#![allow(clippy::disallowed_methods)] // the stop timeout of `try`, outside the engine

use std::io::{IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{pipe2, read, write};

use super::guard::{self, Guard};
use super::launch::{ContainerProcess, ContainerStdio};
use super::report::{self, InsideReport, Reports};
use super::terminal::{self, RawMode};
use super::{NamespaceSupport, Rehearsal, Stdio};
use crate::config::units::duration_text;
use crate::error::{Error, Refused};

/// A pipe that poll(2) calls writable takes this much without blocking (PIPE_BUF).
const CHUNK: usize = 4096;

/// Prints one line of our own.
pub(super) fn print_line(line: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "stepdown: {line}");
}

/// Runs a rehearsal to its end; returns its exit code.
pub(super) fn run_container(rehearsal: &Rehearsal, support: &NamespaceSupport) -> Result<u8, Error> {
    let signals = BlockedSignals::block()?;
    let (reporter, reports) = report::pair()?;
    let (inner, mut streams) = stdio(rehearsal.stdio)?;
    let inside = ContainerProcess { rehearsal, support, stdio: inner, reporter };
    let mut guard = Guard::start(support.user_namespace(), move || inside.exec())?;
    support.map(guard.pid())?;
    guard.release()?;
    let master = match wait_for_exec(&reports, &signals, rehearsal.quiet)? {
        StartResult::Interrupted(signal) => return Ok(u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)),
        StartResult::Executed(master) => master,
    };
    let raw = match &master {
        None => None,
        Some(master) => {
            terminal::resize(master);
            streams.push(ByteStream::new(copy(master)?, copy(std::io::stdout())?, Flow::Out));
            streams.push(ByteStream::new(copy(std::io::stdin())?, copy(master)?, Flow::In));
            Some(RawMode::enter().map_err(|cause| Refused::new("cannot set this terminal to raw mode", cause))?)
        }
    };
    let mut relay = Relay { signals, guard, streams, master, stop_timeout: rehearsal.stop_timeout, kill_at: None };
    let (code, end) = relay.run()?;
    drop(raw);
    if end == ContainerEnd::Killed {
        let after = duration_text(rehearsal.stop_timeout);
        print_line(&format!("it did not stop within {after} and was killed, as `docker stop` would do"));
    }
    Ok(code)
}

/// How the container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ContainerEnd {
    /// It exited by itself, or after a signal.
    Exited,
    /// It was killed after the stop timeout.
    Killed,
}

#[derive(Debug)]
struct Relay {
    signals: BlockedSignals,
    guard: Guard,
    streams: Vec<ByteStream>,
    master: Option<OwnedFd>,
    stop_timeout: Duration,
    kill_at: Option<Instant>,
}

impl Relay {
    fn run(&mut self) -> Result<(u8, ContainerEnd), Refused> {
        let mut end = ContainerEnd::Exited;
        loop {
            if let Some(code) = self.guard.try_wait() {
                // All processes inside have exited: the pipes contain the last output.
                self.streams.retain(|stream| stream.flow == Flow::Out);
                if self.streams.is_empty() {
                    return Ok((code, end));
                }
            } else if self.kill_at.is_some_and(|at| at <= Instant::now()) {
                self.kill_at = None;
                end = ContainerEnd::Killed;
                self.guard.signal(Signal::SIGKILL);
            }
            self.wait()?;
            while let Some(signal) = self.signals.next() {
                self.forward_signal(signal);
            }
        }
    }

    /// Sleeps until something can be done, and moves what bytes can be moved.
    fn wait(&mut self) -> Result<(), Refused> {
        let mut watched = vec![PollFd::new(self.signals.descriptor.as_fd(), PollFlags::POLLIN)];
        watched.extend(self.streams.iter().map(ByteStream::watched));
        let timeout = match self.kill_at.map(|at| at.saturating_duration_since(Instant::now())) {
            // Rounded up: waking early would spin until the deadline.
            Some(left) => PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(cause) => return Err(Refused::new("cannot wait for the rehearsal", cause)),
        }
        let due: Vec<bool> = watched.iter().skip(1).map(|watched| watched.any().unwrap_or(false)).collect();
        let mut due = due.into_iter();
        self.streams.retain_mut(|stream| !due.next().unwrap_or(false) || stream.advance() == StreamState::Open);
        Ok(())
    }

    fn forward_signal(&mut self, signal: Signal) {
        if signal == Signal::SIGWINCH {
            if let Some(master) = &self.master {
                terminal::resize(master);
            }
            return;
        }
        // The developer closed the window: the rehearsal ends with it, instead of reading its services again.
        let hung_up = signal == Signal::SIGHUP && std::io::stdin().is_terminal();
        let signal = if hung_up { Signal::SIGTERM } else { signal };
        if stops(signal) && self.kill_at.is_none() {
            self.kill_at = Instant::now().checked_add(self.stop_timeout);
        }
        if signal != Signal::SIGCHLD {
            self.guard.signal(signal);
        }
    }
}

fn stops(signal: Signal) -> bool {
    matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT)
}

/// The result of the start.
enum StartResult {
    /// The first program was executed; with this terminal, if it has one.
    Executed(Option<OwnedFd>),
    /// A signal came before.
    Interrupted(Signal),
}

/// Follows the process inside until its exec.
fn wait_for_exec(reports: &Reports, signals: &BlockedSignals, quiet: bool) -> Result<StartResult, Error> {
    let mut master = None;
    loop {
        let mut watched = [
            PollFd::new(reports.as_fd(), PollFlags::POLLIN),
            PollFd::new(signals.descriptor.as_fd(), PollFlags::POLLIN),
        ];
        match poll(&mut watched, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(cause) => return Err(Refused::new("cannot wait for the process inside", cause).into()),
        }
        if watched[0].any().unwrap_or(false) {
            match reports.next()? {
                None => return Ok(StartResult::Executed(master)),
                Some(InsideReport::Terminal(terminal)) => master = Some(terminal),
                Some(InsideReport::Failed(error)) => return Err(error),
                Some(InsideReport::Notice(notice)) if quiet => drop(notice),
                Some(InsideReport::Notice(notice)) => print_line(&notice),
            }
        } else if let Some(signal) = signals.next().filter(|signal| stops(*signal) || *signal == Signal::SIGHUP) {
            return Ok(StartResult::Interrupted(signal));
        }
    }
}

/// Our signals, blocked and read one by one; dropping this restores the mask.
#[derive(Debug)]
struct BlockedSignals {
    descriptor: SignalFd,
    previous_mask: SigSet,
}

impl BlockedSignals {
    fn block() -> Result<Self, Refused> {
        let refused = |cause| Refused::new("cannot listen to signals", cause);
        let previous_mask = SigSet::thread_get_mask().map_err(refused)?;
        let mut blocked_signals = guard::blocked_signals();
        blocked_signals.add(Signal::SIGWINCH);
        blocked_signals.thread_block().map_err(refused)?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self { descriptor: SignalFd::with_flags(&blocked_signals, flags).map_err(refused)?, previous_mask })
    }

    fn next(&self) -> Option<Signal> {
        let info = self.descriptor.read_signal().ok().flatten()?;
        i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        let _kept = self.previous_mask.thread_set_mask();
    }
}

/// The direction of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// From the container.
    Out,
    /// To the container.
    In,
}

/// A stream between our descriptors and the container's.
#[derive(Debug)]
struct ByteStream {
    from: OwnedFd,
    to: OwnedFd,
    buffer: Vec<u8>,
    flow: Flow,
}

/// Whether a stream is still open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum StreamState {
    Open,
    Ended,
}

impl ByteStream {
    fn new(from: OwnedFd, to: OwnedFd, flow: Flow) -> Self {
        Self { from, to, buffer: Vec::new(), flow }
    }

    fn watched(&self) -> PollFd<'_> {
        if self.buffer.is_empty() {
            PollFd::new(self.from.as_fd(), PollFlags::POLLIN)
        } else {
            PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)
        }
    }

    /// Reads once or writes once. Dropping an ended stream closes both ends: if the reader outside is gone, the
    /// writer inside gets EPIPE.
    fn advance(&mut self) -> StreamState {
        let done = if self.buffer.is_empty() {
            let mut bytes = [0; CHUNK];
            read(&self.from, &mut bytes).inspect(|length| {
                self.buffer.extend_from_slice(bytes.get(..*length).unwrap_or_default());
            })
        } else {
            write(&self.to, &self.buffer).inspect(|length| {
                self.buffer.drain(..(*length).min(self.buffer.len()));
            })
        };
        match done {
            Ok(0) => StreamState::Ended,
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => StreamState::Open,
            // EIO: the last process closed the terminal; EPIPE: there is no reader.
            Err(_) => StreamState::Ended,
        }
    }
}

fn stdio(stdio: Stdio) -> Result<(ContainerStdio, Vec<ByteStream>), Refused> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|cause| Refused::new("cannot create a pipe", cause));
    match stdio {
        Stdio::Terminal => Ok((ContainerStdio::Terminal, Vec::new())),
        Stdio::Pipes { input } => {
            let ((from_output, output), (from_errors, errors)) = (pipe()?, pipe()?);
            let mut streams = vec![
                ByteStream::new(from_output, copy(std::io::stdout())?, Flow::Out),
                ByteStream::new(from_errors, copy(std::io::stderr())?, Flow::Out),
            ];
            let mut inner_input = None;
            if input {
                let (from, to) = pipe()?;
                inner_input = Some(from);
                streams.push(ByteStream::new(copy(std::io::stdin())?, to, Flow::In));
            }
            Ok((ContainerStdio::Pipes { input: inner_input, output, errors }, streams))
        }
    }
}

fn copy(descriptor: impl AsFd) -> Result<OwnedFd, Refused> {
    descriptor.as_fd().try_clone_to_owned().map_err(|cause| Refused::new("cannot copy a descriptor", cause))
}
