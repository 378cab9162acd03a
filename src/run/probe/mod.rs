//! One probe of something that can be asked whether it is there, or well ([`Probe`]): a child under the service's own
//! identity, so that nothing it meets (a resolver, a dead mount, a connection that never answers) can hold PID 1 up, and
//! nothing is asked with more rights than the service has. Must not know when to probe, nor what an answer leads to.
//!
//! [`Probes`] has the probes that are under way: at most one for each key, none longer than its timeout, and whatever a
//! probe's command leaves in its process group or session is killed with it.

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
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::unistd::pipe2;

use crate::config::probe::Probe;
use crate::config::units::show_duration;
use crate::config::values::{CapSet, Capability, Signal};
use crate::supervise::{Exit, Id, Pid, ProbeResult, SpawnError, SpawnStage, Target};
use crate::sys::dev_null;
use crate::sys::privilege::with_raised;
use crate::sys::process::child::ExecPointers;
use crate::sys::process::launch::{Launch, Program, Session, words as words_of};
use crate::sys::process::session::{self, CensusCache};
use crate::sys::process::spawn::threads;
use crate::sys::process::{group, reap, spawn, spawn_words};
use child::PreparedProbe;
use http::CONNECTED;
use output::ProbeOutput;

/// Killed probes of one key that are not reaped yet: the usual one takes a moment, one in uninterruptible sleep stays.
const MAX_DYING: usize = 3;
/// Bytes taken from one probe in one iteration: a command that writes without end keeps nobody else waiting.
const AT_ONCE: usize = 64 * 1024;
/// Probes read in one iteration.
const PROBES_AT_ONCE: usize = 16;

/// Who asks a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ProbeOwner {
    /// The engine.
    Engine(Id),
    /// Somebody over the control socket, by a command of the service's.
    Caller(Id),
}

/// The probes that are under way, by whose they are.
#[derive(Debug)]
pub struct Probes<K> {
    looks: HashMap<Pid, RunningProbe<K>>,
    epoll: Epoll,
    null: File,
    /// What is known of all processes.
    recent: CensusCache,
}

/// Why a probe could not be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeStartError {
    /// The one before it is not over, or too many that were killed are not reaped yet.
    InProgress,
    /// The service has nothing of the kind that can be probed.
    NothingToProbe,
    /// No process could be had.
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
            Self::NothingToProbe => out.write_str("cannot find what to ask"),
            Self::Spawn(why) => out.write_str(&spawn_words::words(why)),
        }
    }
}

#[derive(Debug)]
struct RunningProbe<K> {
    key: K,
    /// Whether it is a command: it has output of its own, the others say what they do.
    is_command: bool,
    timeout: Duration,
    deadline: Instant,
    /// Killed: nobody waits for its answer any more.
    over: bool,
    pipe: Option<File>,
    output: ProbeOutput,
}

impl<K: Copy + Eq + Hash> Probes<K> {
    /// Returns an empty set.
    ///
    /// # Errors
    /// When no descriptor can be had.
    pub fn new() -> std::io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { looks: HashMap::new(), epoll, null: dev_null::open_input()?, recent: CensusCache::default() })
    }

    /// Starts a probe. `launch` is how the service's own command would be started: its identity, limits, environment and
    /// directory are the probe's, its program, session and descriptors are not.
    ///
    /// The process must have one thread (DESIGN §11): the child allocates.
    ///
    /// # Errors
    /// When no pipe or process can be had (EMFILE, EAGAIN, ENOMEM), or while an earlier probe of this key is under way or
    /// too many killed ones are not reaped yet.
    pub fn start(
        &mut self,
        key: K,
        probe: &Probe,
        timeout: Duration,
        now: Instant,
        mut launch: Launch,
    ) -> Result<Pid, ProbeStartError> {
        let of_key = self.looks.values().filter(|look| look.key == key);
        let (under_way, dying) =
            of_key.fold((false, 0), |(any, dying), look| (any || !look.over, dying + usize::from(look.over)));
        if under_way || dying >= MAX_DYING {
            return Err(ProbeStartError::InProgress);
        }
        debug_assert!(threads() == 1, "a look is forked from a process with one thread");
        let question = question(probe, timeout, &mut launch)?;
        let no_pipe = |errno| refused(SpawnStage::Pipe, errno);
        let (read, write) = pipe2(OFlag::O_CLOEXEC).map_err(no_pipe)?;
        fcntl(&read, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(no_pipe)?;
        launch.session = Session::Own;
        launch.stdio = [Some(self.null.as_raw_fd()), Some(write.as_raw_fd()), Some(write.as_raw_fd())];
        launch.notify = None;
        let pointers = ExecPointers::of(&launch);
        let pid = spawn::fork_child(|| child::run(&launch, &pointers, &question, write.as_raw_fd()))?;
        let look = RunningProbe {
            key,
            is_command: matches!(question, PreparedProbe::Command(_)),
            timeout,
            deadline: now + timeout,
            over: false,
            pipe: Some(self.watched(pid, read)),
            output: ProbeOutput::default(),
        };
        self.looks.insert(pid, look);
        Ok(pid)
    }

    /// A pipe that cannot be watched is read when the probe ends.
    fn watched(&self, pid: Pid, read: OwnedFd) -> File {
        let event = EpollEvent::new(EpollFlags::EPOLLIN, u64::try_from(pid.0).unwrap_or_default());
        let _unwatched = self.epoll.add(&read, event);
        File::from(read)
    }

    /// Reads what probes say, so that a command that says much is not held up. To be called when the set is readable.
    /// Returns whether there may be more.
    pub fn listen(&mut self) -> bool {
        let mut events = [EpollEvent::empty(); PROBES_AT_ONCE];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        for event in events.iter().take(count) {
            let pid = i32::try_from(event.data()).map(Pid);
            if let Some(look) = pid.ok().and_then(|pid| self.looks.get_mut(&pid)) {
                look.read(&self.epoll);
            }
        }
        count > 0
    }

    /// Records an exit and reaps the zombie, with what it leaves in its group, whose number is still its own before
    /// that, and in its session. Returns the answer, if anybody waits for it; `None` also for a pid that is no probe.
    pub fn exited(&mut self, pid: Pid, exit: Exit) -> Option<(K, ProbeResult)> {
        let Some(mut look) = self.looks.remove(&pid) else {
            reap::reap(pid);
            return None;
        };
        look.read(&self.epoll);
        look.close(&self.epoll);
        raised(|| group::signal(pid, Target::Group, Signal::KILL));
        reap::reap(pid);
        if session::is_number_in_use(pid, self.null.as_fd()) {
            raised(|| self.recent.signal_others(pid, false, Signal::KILL));
        }
        (!look.over).then(|| (look.key, look.answer(exit)))
    }

    /// Ends the probe of `key`, if there is one; its answer will not come.
    pub fn cancel(&mut self, key: K) {
        for (pid, look) in &mut self.looks {
            if look.key == key && !look.over {
                look.end(*pid, &self.epoll, &mut self.recent);
            }
        }
    }

    /// Ends all probes; no answer of theirs will come.
    pub fn cancel_all(&mut self) {
        for (pid, look) in &mut self.looks {
            look.end(*pid, &self.epoll, &mut self.recent);
        }
    }

    /// Returns whether a probe of `key` is under way.
    pub fn is_looking(&self, key: K) -> bool {
        self.looks.values().any(|look| look.key == key && !look.over)
    }

    /// Returns when the next probe is out of time.
    pub fn deadline(&self) -> Option<Instant> {
        self.looks.values().filter(|look| !look.over).map(|look| look.deadline).min()
    }

    /// Kills the probes that are out of time, with all of their groups, and returns their answers: they do not wait for
    /// the death, which never comes to a process in uninterruptible sleep.
    pub fn expire(&mut self, now: Instant) -> Vec<(K, ProbeResult)> {
        let mut answers = Vec::new();
        for (pid, look) in &mut self.looks {
            if !look.over && look.deadline <= now {
                look.read(&self.epoll);
                answers.push((look.key, look.no_answer()));
                look.end(*pid, &self.epoll, &mut self.recent);
            }
        }
        answers
    }
}

impl<K> AsFd for Probes<K> {
    /// Returns the set: readable when a probe says something. [`Probes::listen`] empties it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.0.as_fd()
    }
}

impl<K> RunningProbe<K> {
    fn read(&mut self, epoll: &Epoll) {
        let mut chunk = [0; 4096];
        let mut taken = 0;
        while taken < AT_ONCE {
            let Some(pipe) = &mut self.pipe else { return };
            match pipe.read(&mut chunk) {
                // Closed while it lives: out of the set, which would be readable for ever.
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

    fn close(&mut self, epoll: &Epoll) {
        if let Some(pipe) = self.pipe.take() {
            // A copy in a child that has not executed yet would keep it in the set.
            let _gone = epoll.delete(&pipe);
        }
    }

    fn end(&mut self, pid: Pid, epoll: &Epoll, recent: &mut CensusCache) {
        self.over = true;
        self.close(epoll);
        kill(pid, recent);
    }

    fn answer(&self, exit: Exit) -> ProbeResult {
        if exit == Exit::Code(0) {
            return ProbeResult::Pass;
        }
        if let Some(refusal) = self.output.refusal() {
            return ProbeResult::Fail(refusal);
        }
        let end = match exit {
            // The piece of our own has said it all.
            Exit::Code(_) if !self.is_command && !self.output.last().is_empty() => {
                return ProbeResult::Fail(self.output.last());
            }
            Exit::Code(code) => format!("code {code}"),
            Exit::Signal(signal) => format!("ended by {signal}"),
        };
        ProbeResult::Fail(self.with_words(end))
    }

    fn no_answer(&self) -> ProbeResult {
        let timeout = show_duration(self.timeout);
        // The last thing that the piece of our own did.
        if !self.is_command && self.output.last() == CONNECTED {
            return ProbeResult::Fail(format!("{CONNECTED}, but no answer within {timeout}"));
        }
        ProbeResult::Fail(self.with_words(format!("no answer in {timeout}")))
    }

    fn with_words(&self, what: String) -> String {
        let last = self.output.last();
        if last.is_empty() { what } else { format!("{what}: {last}") }
    }
}

/// Kills a probe with its group and session. It is a child of ours and not reaped, so all these numbers are its own; before
/// it has made its group there is nobody in it.
fn kill(pid: Pid, recent: &mut CensusCache) {
    raised(|| match group::kill_all(pid, recent) {
        Err(Errno::ESRCH) => group::signal(pid, Target::Process, Signal::KILL),
        other => other,
    });
}

fn raised(mut kill: impl FnMut() -> Result<(), Errno>) {
    if kill() == Err(Errno::EPERM) {
        // Another user's: KILL is permitted and raised around this one call (DESIGN §3.4).
        let _refused = with_raised(CapSet::EMPTY.with(Capability::KILL), kill);
    }
}

/// Lays the question out before the fork, and makes `launch` its own.
fn question(probe: &Probe, timeout: Duration, launch: &mut Launch) -> Result<PreparedProbe, SpawnError> {
    let nul = |_| refused(SpawnStage::Words, Errno::EINVAL);
    let question = match probe {
        Probe::Tcp(to) => PreparedProbe::Tcp(to.clone(), timeout),
        Probe::Http(http) => PreparedProbe::Http(http.clone(), timeout),
        Probe::Path(path) => PreparedProbe::Path(path.clone()),
        Probe::Socket(path) => PreparedProbe::Socket(path.clone()),
        Probe::Command(argv) => {
            launch.argv = words_of(argv).map_err(nul)?;
            let name = launch.argv.first().ok_or_else(|| refused(SpawnStage::FindCommand, Errno::ENOENT))?;
            return Ok(PreparedProbe::Command(Program::Search(name.clone())));
        }
    };
    // Asked from here: a service's directory that is gone says nothing about what is asked.
    launch.directory = Some(c"/".to_owned());
    Ok(question)
}

fn refused(stage: SpawnStage, errno: Errno) -> SpawnError {
    SpawnError::new(stage, errno as i32)
}
