//! `try`'s own loop: bytes between its standard descriptors and the container's, signals to it, its exit code back.
//! Nothing is buffered beyond one read: who reads slowly outside slows the writers inside, and never this loop.
#![allow(clippy::disallowed_methods)] // the patience of `try`, outside the engine

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
use super::inside::{Inner, Inside};
use super::report::{self, InsideReport, Reports};
use super::terminal::{self, Raw};
use super::{Power, Rehearsal, Stdio};
use crate::config::units::duration_words;
use crate::error::{Error, Refused};

/// A pipe that poll(2) calls writable takes this much without blocking (PIPE_BUF).
const AT_ONCE: usize = 4096;

/// Prints one line of our own.
pub(super) fn say(line: &str) {
    let _nobody_listens = writeln!(std::io::stderr(), "stepdown: {line}");
}

/// Lives through a rehearsal; returns its exit code.
pub(super) fn live(rehearsal: &Rehearsal, power: &Power) -> Result<u8, Error> {
    let signals = Signals::block()?;
    let (reporter, reports) = report::pair()?;
    let (inner, mut streams) = stdio(rehearsal.stdio)?;
    let inside = Inside { rehearsal, power, stdio: inner, reporter };
    let mut guard = Guard::start(power.user_namespace(), move || inside.live())?;
    power.map(guard.pid())?;
    guard.go()?;
    let master = match starting(&reports, &signals, rehearsal.quiet)? {
        Start::Interrupted(signal) => return Ok(u8::try_from(128 + signal as i32).unwrap_or(u8::MAX)),
        Start::Executed(master) => master,
    };
    let raw = match &master {
        None => None,
        Some(master) => {
            terminal::resize(master);
            streams.push(Stream::new(copy(master)?, copy(std::io::stdout())?, Flow::Out));
            streams.push(Stream::new(copy(std::io::stdin())?, copy(master)?, Flow::In));
            Some(Raw::enter().map_err(|cause| Refused::new("cannot set this terminal to raw mode", cause))?)
        }
    };
    let mut relay = Relay { signals, guard, streams, master, patience: rehearsal.stop_timeout, kill_at: None };
    let (code, end) = relay.run()?;
    drop(raw);
    if end == End::Killed {
        let after = duration_words(rehearsal.stop_timeout);
        say(&format!("it did not stop within {after} and was killed, as `docker stop` would do"));
    }
    Ok(code)
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// By itself, or when told to.
    Itself,
    /// Its patience was over.
    Killed,
}

#[derive(Debug)]
struct Relay {
    signals: Signals,
    guard: Guard,
    streams: Vec<Stream>,
    master: Option<OwnedFd>,
    patience: Duration,
    kill_at: Option<Instant>,
}

impl Relay {
    fn run(&mut self) -> Result<(u8, End), Refused> {
        let mut end = End::Itself;
        loop {
            if let Some(code) = self.guard.ended() {
                // Everybody inside is dead: what is left in the pipes is the last there is.
                self.streams.retain(|stream| stream.flow == Flow::Out);
                if self.streams.is_empty() {
                    return Ok((code, end));
                }
            } else if self.kill_at.is_some_and(|at| at <= Instant::now()) {
                self.kill_at = None;
                end = End::Killed;
                self.guard.signal(Signal::SIGKILL);
            }
            self.wait()?;
            while let Some(signal) = self.signals.next() {
                self.pass_on(signal);
            }
        }
    }

    /// Sleeps until something can be done, and moves what bytes can be moved.
    fn wait(&mut self) -> Result<(), Refused> {
        let mut watched = vec![PollFd::new(self.signals.descriptor.as_fd(), PollFlags::POLLIN)];
        watched.extend(self.streams.iter().map(Stream::watched));
        let timeout = match self.kill_at.map(|at| at.saturating_duration_since(Instant::now())) {
            // Rounded up: an early wake-up would spin until the time has come.
            Some(left) => PollTimeout::try_from(left + Duration::from_millis(1)).unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        match poll(&mut watched, timeout) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(cause) => return Err(Refused::new("cannot wait for the rehearsal", cause)),
        }
        let due: Vec<bool> = watched.iter().skip(1).map(|watched| watched.any().unwrap_or(false)).collect();
        let mut due = due.into_iter();
        self.streams.retain_mut(|stream| !due.next().unwrap_or(false) || stream.advance() == Progress::Open);
        Ok(())
    }

    fn pass_on(&mut self, signal: Signal) {
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
            self.kill_at = Instant::now().checked_add(self.patience);
        }
        if signal != Signal::SIGCHLD {
            self.guard.signal(signal);
        }
    }
}

fn stops(signal: Signal) -> bool {
    matches!(signal, Signal::SIGTERM | Signal::SIGINT | Signal::SIGQUIT)
}

/// How the beginning went.
enum Start {
    /// The first program runs; with this terminal, if it has one.
    Executed(Option<OwnedFd>),
    /// We were told to end before.
    Interrupted(Signal),
}

/// Follows the process inside until its exec.
fn starting(reports: &Reports, signals: &Signals, quiet: bool) -> Result<Start, Error> {
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
                None => return Ok(Start::Executed(master)),
                Some(InsideReport::Terminal(terminal)) => master = Some(terminal),
                Some(InsideReport::Failed(error)) => return Err(error),
                Some(InsideReport::Remark(remark)) if quiet => drop(remark),
                Some(InsideReport::Remark(remark)) => say(&remark),
            }
        } else if let Some(signal) = signals.next().filter(|signal| stops(*signal) || *signal == Signal::SIGHUP) {
            return Ok(Start::Interrupted(signal));
        }
    }
}

/// Our signals, held back and read one by one; as they were before when this is dropped.
#[derive(Debug)]
struct Signals {
    descriptor: SignalFd,
    before: SigSet,
}

impl Signals {
    fn block() -> Result<Self, Refused> {
        let refused = |cause| Refused::new("cannot listen to signals", cause);
        let before = SigSet::thread_get_mask().map_err(refused)?;
        let mut awaited = guard::awaited();
        awaited.add(Signal::SIGWINCH);
        awaited.thread_block().map_err(refused)?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self { descriptor: SignalFd::with_flags(&awaited, flags).map_err(refused)?, before })
    }

    fn next(&self) -> Option<Signal> {
        let info = self.descriptor.read_signal().ok().flatten()?;
        i32::try_from(info.ssi_signo).ok().and_then(|number| Signal::try_from(number).ok())
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let _kept = self.before.thread_set_mask();
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// From the container.
    Out,
    /// To it.
    In,
}

/// Bytes on their way.
#[derive(Debug)]
struct Stream {
    from: OwnedFd,
    to: OwnedFd,
    held: Vec<u8>,
    flow: Flow,
}

/// Whether a stream goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    Open,
    Ended,
}

impl Stream {
    fn new(from: OwnedFd, to: OwnedFd, flow: Flow) -> Self {
        Self { from, to, held: Vec::new(), flow }
    }

    fn watched(&self) -> PollFd<'_> {
        if self.held.is_empty() {
            PollFd::new(self.from.as_fd(), PollFlags::POLLIN)
        } else {
            PollFd::new(self.to.as_fd(), PollFlags::POLLOUT)
        }
    }

    /// Reads once or writes once. Dropping an ended stream closes both ends: a reader that is gone outside becomes a
    /// broken pipe inside.
    fn advance(&mut self) -> Progress {
        let done = if self.held.is_empty() {
            let mut bytes = [0; AT_ONCE];
            read(&self.from, &mut bytes).inspect(|length| {
                self.held.extend_from_slice(bytes.get(..*length).unwrap_or_default());
            })
        } else {
            write(&self.to, &self.held).inspect(|length| {
                self.held.drain(..(*length).min(self.held.len()));
            })
        };
        match done {
            Ok(0) => Progress::Ended,
            Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => Progress::Open,
            // EIO: the last process let go of the terminal; EPIPE: nobody reads.
            Err(_) => Progress::Ended,
        }
    }
}

fn stdio(stdio: Stdio) -> Result<(Inner, Vec<Stream>), Refused> {
    let pipe = || pipe2(OFlag::O_CLOEXEC).map_err(|cause| Refused::new("cannot make a pipe", cause));
    match stdio {
        Stdio::Terminal => Ok((Inner::Terminal, Vec::new())),
        Stdio::Pipes { input } => {
            let ((from_output, output), (from_errors, errors)) = (pipe()?, pipe()?);
            let mut streams = vec![
                Stream::new(from_output, copy(std::io::stdout())?, Flow::Out),
                Stream::new(from_errors, copy(std::io::stderr())?, Flow::Out),
            ];
            let mut inner_input = None;
            if input {
                let (from, to) = pipe()?;
                inner_input = Some(from);
                streams.push(Stream::new(copy(std::io::stdin())?, to, Flow::In));
            }
            Ok((Inner::Pipes { input: inner_input, output, errors }, streams))
        }
    }
}

fn copy(descriptor: impl AsFd) -> Result<OwnedFd, Refused> {
    descriptor.as_fd().try_clone_to_owned().map_err(|cause| Refused::new("cannot copy a descriptor", cause))
}
