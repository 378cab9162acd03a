//! Runs a [`Probe`] in a child under the service's own identity, so that nothing it meets (a resolver, a dead mount, a
//! connection that never gets a response) can block PID 1, and it has no more rights than the service. Must not know when to probe,
//! nor what a result leads to.
//!
//! [`Probes`] holds the running probes: at most one for each key, none longer than its timeout, and whatever a probe's
//! command leaves in its process group or session is killed with it.

mod child;
mod connect;
mod http;
mod output;

use std::collections::HashMap;
use std::fmt;
use std::fs::File;
use std::hash::Hash;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{EpollEvent, EpollFlags};
use nix::unistd::pipe2;

use crate::config::probe::Probe;
use crate::config::units::show_duration;
use crate::config::values::Signal;
use crate::supervise::{Exit, Id, Pid, ProbeResult, SpawnError, SpawnStep, Target};
use crate::sys::lazy_epoll::LazyEpoll;
use crate::sys::process::child::ExecPointers;
use crate::sys::process::launch::{Launch, Program, Session, c_strings};
use crate::sys::process::session::{self, ProcessSnapshotCache};
use crate::sys::process::spawn::threads;
use crate::sys::process::{group, reap, spawn, spawn_message};
use child::PreparedProbe;
use http::CONNECTED;
use output::ProbeOutput;

/// Killed probes of one key that may be unreaped: usually that takes a moment, in uninterruptible sleep for ever.
const MAX_KILLED: usize = 3;
/// Bytes read from one probe in one iteration: a command that writes without end delays nothing else.
const READ_AT_ONCE: usize = 64 * 1024;
/// Probes read in one iteration.
const PROBES_AT_ONCE: usize = 16;

/// Who started a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeOwner {
    /// The engine.
    Engine(Id),
    /// A caller of the control socket, for the service's reload command.
    ReloadCommand(Id),
}

/// The running probes.
#[derive(Debug)]
pub struct Probes<K> {
    running: HashMap<Pid, RunningProbe<K>>,
    epoll: LazyEpoll,
    /// An empty standard input.
    null: Rc<File>,
    /// What is known of all processes.
    snapshots: ProcessSnapshotCache,
}

/// Why a probe could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeStartError {
    /// The previous one still runs, or too many that were killed are not reaped yet.
    InProgress,
    /// The service has nothing of the kind that can be probed.
    NothingToProbe,
    /// No process could be created.
    Spawn(SpawnError),
}

impl From<SpawnError> for ProbeStartError {
    fn from(why: SpawnError) -> Self {
        Self::Spawn(why)
    }
}

impl fmt::Display for ProbeStartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InProgress => out.write_str("the one before it is not over"),
            Self::NothingToProbe => out.write_str("cannot find what to probe"),
            Self::Spawn(why) => out.write_str(&spawn_message::message(why)),
        }
    }
}

#[derive(Debug)]
struct RunningProbe<K> {
    key: K,
    /// Whether it is a command, with output of its own; the others write what they do.
    is_command: bool,
    timeout: Duration,
    deadline: Instant,
    /// It was killed: its result is not needed any more.
    is_over: bool,
    pipe: Option<File>,
    output: ProbeOutput,
}

impl<K: Copy + Eq + Hash> Probes<K> {
    /// Returns an empty set; `null` is an empty standard input.
    pub fn new(null: Rc<File>) -> Self {
        Self { running: HashMap::new(), epoll: LazyEpoll::default(), null, snapshots: ProcessSnapshotCache::default() }
    }

    /// Starts a probe. `launch` is how the service's own command would be started: its identity, limits, environment and
    /// directory are the probe's, its program, session and descriptors are not.
    ///
    /// The process must have one thread (DESIGN §11): the child allocates.
    ///
    /// # Errors
    /// When no pipe or process can be created (EMFILE, EAGAIN, ENOMEM), or while an earlier probe of this key runs or
    /// too many killed ones are not reaped yet.
    pub fn start(
        &mut self,
        key: K,
        probe: &Probe,
        timeout: Duration,
        now: Instant,
        mut launch: Launch,
    ) -> Result<Pid, ProbeStartError> {
        let of_key = self.running.values().filter(|probe| probe.key == key);
        let (is_running, killed) = of_key
            .fold((false, 0), |(any, killed), probe| (any || !probe.is_over, killed + usize::from(probe.is_over)));
        if is_running || killed >= MAX_KILLED {
            return Err(ProbeStartError::InProgress);
        }
        debug_assert!(threads() == 1, "a probe is forked from a process with one thread");
        let prepared = prepare(probe, timeout, &mut launch)?;
        let no_pipe = |errno| refused(SpawnStep::Pipe, errno);
        let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(no_pipe)?;
        fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(no_pipe)?;
        launch.session = Session::Own;
        launch.stdio = [Some(self.null.as_raw_fd()), Some(write.as_raw_fd()), Some(write.as_raw_fd())];
        launch.notify = None;
        let pointers = ExecPointers::of(&launch);
        let pid = spawn::fork_child(|| child::run(&launch, &pointers, &prepared, write.as_raw_fd()))?;
        let running = RunningProbe {
            key,
            is_command: matches!(prepared, PreparedProbe::Command(_)),
            timeout,
            deadline: now + timeout,
            is_over: false,
            pipe: Some(self.watched(pid, read)),
            output: ProbeOutput::default(),
        };
        self.running.insert(pid, running);
        Ok(pid)
    }

    /// A pipe that cannot be watched is read when the probe ends.
    fn watched(&self, pid: Pid, read: OwnedFd) -> File {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::try_from(pid.0).unwrap_or_default());
        let _unwatched = self.epoll.add(&read, event);
        File::from(read)
    }

    /// Reads the output of probes, so that a command that writes much is not blocked. To be called when the set is readable.
    /// Returns whether there may be more.
    pub fn read_ready(&mut self) -> bool {
        let mut events = [EpollEvent::empty(); PROBES_AT_ONCE];
        let count = self.epoll.poll(&mut events).unwrap_or(0);
        for event in events.iter().take(count) {
            let pid = i32::try_from(event.data()).map(Pid);
            if let Some(probe) = pid.ok().and_then(|pid| self.running.get_mut(&pid)) {
                probe.read(&self.epoll);
            }
        }
        count > 0
    }

    /// Returns whether a process is a probe that is not reaped yet.
    pub fn has(&self, pid: Pid) -> bool {
        self.running.contains_key(&pid)
    }

    /// Records an exit and reaps the zombie, with what it leaves in its group, whose number is still its own before
    /// that, and in its session. Returns the result, if it is needed; `None` also for a pid that is no probe.
    pub fn exited(&mut self, pid: Pid, exit: Exit) -> Option<(K, ProbeResult)> {
        let Some(mut probe) = self.running.remove(&pid) else {
            reap::reap(pid);
            return None;
        };
        probe.read(&self.epoll);
        probe.close(&self.epoll);
        // Usually nobody is left.
        let _gone = group::signal(pid, Target::Group, Signal::KILL, &mut self.snapshots);
        reap::reap(pid);
        if session::is_number_in_use(pid, self.null.as_fd()) {
            let _gone = self.snapshots.signal_others(pid, false, Signal::KILL);
        }
        (!probe.is_over).then(|| (probe.key, probe.result(exit)))
    }

    /// Ends the probe of `key`, if there is one, without a result.
    pub fn cancel(&mut self, key: K) {
        for (pid, probe) in &mut self.running {
            if probe.key == key && !probe.is_over {
                probe.end(*pid, &self.epoll, &mut self.snapshots);
            }
        }
    }

    /// Ends all probes without results.
    pub fn cancel_all(&mut self) {
        for (pid, probe) in &mut self.running {
            probe.end(*pid, &self.epoll, &mut self.snapshots);
        }
    }

    /// Returns whether a probe of `key` runs.
    pub fn is_running(&self, key: K) -> bool {
        self.running.values().any(|probe| probe.key == key && !probe.is_over)
    }

    /// Returns when the next probe is out of time.
    pub fn deadline(&self) -> Option<Instant> {
        self.running.values().filter(|probe| !probe.is_over).map(|probe| probe.deadline).min()
    }

    /// Kills the probes that are out of time, with their groups, and returns their results without waiting for the exit, which
    /// never comes while a process is in uninterruptible sleep.
    pub fn expire(&mut self, now: Instant) -> Vec<(K, ProbeResult)> {
        let mut results = Vec::new();
        for (pid, probe) in &mut self.running {
            if !probe.is_over && probe.deadline <= now {
                probe.read(&self.epoll);
                results.push((probe.key, probe.timed_out()));
                probe.end(*pid, &self.epoll, &mut self.snapshots);
            }
        }
        results
    }

    /// Returns the set: readable when a probe has written. [`Probes::read_ready`] empties it.
    ///
    /// # Errors
    /// When no epoll descriptor is available.
    pub fn fd(&self) -> Result<BorrowedFd<'_>, Errno> {
        self.epoll.fd()
    }
}

impl<K> RunningProbe<K> {
    fn read(&mut self, epoll: &LazyEpoll) {
        let mut chunk = [0; 4096];
        let mut taken = 0;
        while taken < READ_AT_ONCE {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut chunk) {
                // Closed while the probe runs: without this the set would stay readable.
                Ok(0) => return self.close(epoll),
                Ok(length) => {
                    self.output.push(chunk.get(..length).unwrap_or_default());
                    taken += length;
                }
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return,
                Err(_) => return self.close(epoll),
            }
        }
    }

    fn close(&mut self, epoll: &LazyEpoll) {
        if let Some(pipe) = self.pipe.take() {
            // A copy in a child that has not executed yet would keep it in the set.
            let _gone = epoll.delete(&pipe);
        }
    }

    fn end(&mut self, pid: Pid, epoll: &LazyEpoll, snapshots: &mut ProcessSnapshotCache) {
        self.is_over = true;
        self.close(epoll);
        kill(pid, snapshots);
    }

    fn result(&self, exit: Exit) -> ProbeResult {
        if exit == Exit::Code(0) {
            return ProbeResult::Pass;
        }
        if let Some(refusal) = self.output.refusal() {
            return ProbeResult::Fail(refusal);
        }
        let end = match exit {
            // Our own code has written the whole reason.
            Exit::Code(_) if !self.is_command && !self.output.last().is_empty() => {
                return ProbeResult::Fail(self.output.last());
            }
            Exit::Code(code) => format!("exited with code {code}"),
            Exit::Signal(signal) => format!("killed by {signal}"),
        };
        ProbeResult::Fail(self.with_output(end))
    }

    fn timed_out(&self) -> ProbeResult {
        let timeout = show_duration(self.timeout);
        // The last step that our own code wrote.
        if !self.is_command && self.output.last() == CONNECTED {
            return ProbeResult::Fail(format!("{CONNECTED}, but no response within {timeout}"));
        }
        ProbeResult::Fail(self.with_output(format!("no response in {timeout}")))
    }

    fn with_output(&self, what: String) -> String {
        let last = self.output.last();
        if last.is_empty() { what } else { format!("{what}: {last}") }
    }
}

/// Kills a probe with its group and session. It is a child of ours and not reaped, so all these numbers are its own; before
/// it has made its group that is empty.
fn kill(pid: Pid, snapshots: &mut ProcessSnapshotCache) {
    // It may have ended.
    let _gone = match group::kill_all(pid, snapshots) {
        Err(Errno::ESRCH) => group::signal_child(pid, Signal::KILL),
        other => other,
    };
}

/// Prepares a probe before the fork, and adapts `launch` to it.
fn prepare(probe: &Probe, timeout: Duration, launch: &mut Launch) -> Result<PreparedProbe, SpawnError> {
    let nul = |_| refused(SpawnStep::NulByte, Errno::EINVAL);
    let prepared = match probe {
        Probe::Tcp(to) => PreparedProbe::Tcp(to.clone(), timeout),
        Probe::Http(http) => PreparedProbe::Http(http.clone(), timeout),
        Probe::Path(path) => PreparedProbe::Path(path.clone()),
        Probe::Socket(path) => PreparedProbe::Socket(path.clone()),
        Probe::Command(argv) => {
            launch.argv = c_strings(argv).map_err(nul)?;
            let name = launch.argv.first().ok_or_else(|| refused(SpawnStep::FindCommand, Errno::ENOENT))?;
            return Ok(PreparedProbe::Command(Program::Search(name.clone())));
        }
    };
    // Not the service's directory: that it is gone says nothing about what is probed.
    launch.directory = Some(c"/".to_owned());
    Ok(prepared)
}

fn refused(step: SpawnStep, errno: Errno) -> SpawnError {
    SpawnError::new(step, errno as i32)
}
