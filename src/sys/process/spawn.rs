//! The start of a process. The child reports the step that failed through a pipe that closes at exec; the parent never waits
//! for it, because a program on a mount that hangs must block only its own service.
#![allow(unsafe_code)] // fork(2)
#![allow(clippy::disallowed_methods)] // the only place that starts services

use std::convert::Infallible;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{ForkResult, fork, pipe2};

use crate::supervise::{Pid, SpawnError, SpawnStep};
use crate::sys::descriptors;
use crate::sys::process::environment_file::Unreadable;
use crate::sys::process::launch::{Launch, Program};
use crate::sys::process::shared_memory::SharedMemory;
use crate::sys::process::spawn_record::{self, MAX_REPORT, RECORD_SIZE, Record, encode};
use crate::sys::process::{child, program, raw};

/// A forked child that has not reported yet whether it could execute its program.
#[derive(Debug)]
pub struct SpawnedChild {
    /// Its pid.
    pub pid: Pid,
    /// The pipe for its report.
    pub exec_pipe: ExecPipe,
}

/// The pipe that closes at exec.
#[derive(Debug)]
pub struct ExecPipe {
    pipe: File,
    unfiltered: Option<Errno>,
    /// The program could not be executed, and an explanation is to come.
    unexplained: Option<SpawnError>,
}

/// The report of the pipe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecResult {
    /// Nothing yet.
    Pending,
    /// The program was executed.
    Executed,
    /// A step failed; the child exits.
    Refused(SpawnError),
}

impl ExecPipe {
    pub(super) fn new(pipe: OwnedFd) -> Self {
        Self { pipe: File::from(pipe), unfiltered: None, unexplained: None }
    }

    /// Returns what the child has reported so far; never blocks.
    pub fn read(&mut self) -> ExecResult {
        let mut said = [0; 2 * RECORD_SIZE + MAX_REPORT];
        loop {
            match self.pipe.read(&mut said) {
                Ok(0) => return self.at_end(),
                Ok(length) => {
                    if let Some(error) = self.take_in(said.get(..length).unwrap_or_default()) {
                        return ExecResult::Refused(error);
                    }
                }
                Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return ExecResult::Pending;
                }
                Err(_) => return self.at_end(),
            }
        }
    }

    /// The same of a child that has ended: nothing is to come, also if the pipe is open, as a copy in a child that has not
    /// executed its program yet keeps it.
    pub fn read_to_end(&mut self) -> ExecResult {
        match self.read() {
            ExecResult::Pending => self.at_end(),
            result => result,
        }
    }

    fn at_end(&mut self) -> ExecResult {
        self.unexplained.take().map_or(ExecResult::Executed, ExecResult::Refused)
    }

    /// Returns the error if the report has one that is all there is to say.
    fn take_in(&mut self, said: &[u8]) -> Option<SpawnError> {
        let mut rest = said;
        while !rest.is_empty() {
            let record = spawn_record::first(rest);
            if let Some(known) = self.unexplained.take() {
                return Some(explained(known, record));
            }
            rest = match record {
                Record::Unfiltered(errno, rest) => {
                    self.unfiltered = Some(errno);
                    rest
                }
                Record::Unexplained(error, rest) => {
                    self.unexplained = Some(error);
                    rest
                }
                Record::Refused(error) => return Some(error),
            };
        }
        None
    }

    /// Returns why the child has no filter, if it failed to install one and has reported that by now.
    pub fn unfiltered(&self) -> Option<Errno> {
        self.unfiltered
    }
}

impl AsFd for ExecPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Returns the error with its explanation. That is written after an exec ([`super::exec_refusal`]): until that program has
/// made itself undumpable, whoever has the service's uid can take its pipe. So no more than words for this one error is
/// accepted, once; who wrote on would otherwise keep PID 1 reading, or choose what it does.
fn explained(known: SpawnError, record: Record<'_>) -> SpawnError {
    match record {
        Record::Refused(error) if (error.step, error.errno) == (known.step, known.errno) => error,
        Record::Refused(_) | Record::Unfiltered(..) | Record::Unexplained(..) => known,
    }
}

/// Starts services.
#[derive(Default)]
pub struct Spawner {
    shared_memory: SharedMemory,
}

impl Spawner {
    /// Makes a child that becomes `launch`.
    ///
    /// # Errors
    /// When no pipe or no process can be created (EMFILE, EAGAIN, ENOMEM). Errors in the child come through the pipe.
    pub fn spawn(&mut self, launch: Launch) -> Result<SpawnedChild, SpawnError> {
        let refused = |step| move |errno: Errno| SpawnError::new(step, errno as i32);
        let (read, mut write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(refused(SpawnStep::Pipe))?;
        if let Some((_, target)) = launch.notify {
            // The readiness descriptor gets a fixed number in the child, which must not be that of the exec pipe.
            let above = fcntl(&write, FcntlArg::F_DUPFD_CLOEXEC(target.saturating_add(1)));
            let above = above.map_err(refused(SpawnStep::NotifyFd))?;
            // SAFETY: fcntl just made it, and nobody else owns it.
            write = unsafe { OwnedFd::from_raw_fd(above) };
        }
        let exec_pipe = write.as_raw_fd();
        let pid = without_signals(|| {
            let launch = match self.shared_memory.spawn(Box::new(launch), exec_pipe) {
                Ok(pid) => return Ok(pid),
                Err(launch) => launch,
            };
            let pointers = child::ExecPointers::of(&launch);
            fork_now(|| become_service(&launch, &pointers, exec_pipe))
        })?;
        Ok(SpawnedChild { pid, exec_pipe: ExecPipe::new(read) })
    }

    /// Must be called for each process that was reaped.
    pub fn reaped(&mut self, pid: Pid) {
        self.shared_memory.reaped(pid);
    }

    /// Releases what no start needs.
    pub fn release_free(&mut self) {
        self.shared_memory.release_free();
    }
}

/// Returns how many threads this process has. Without /proc it cannot be known, and counts as one.
pub fn threads() -> usize {
    const TASKS: &str = "/proc/self/task";
    // A directory has a link for itself, for its name, and for each directory in it.
    match fs::metadata(TASKS) {
        Ok(tasks) if tasks.nlink() == 3 => 1,
        Ok(_) => fs::read_dir(TASKS).map_or(1, Iterator::count),
        Err(_) => 1,
    }
}

/// Forks a worker process of PID 1 that runs `job` and exits. It keeps only `own` open: descriptors of PID 1 must not stay
/// open because of a worker.
///
/// # Errors
/// As [`fork_child`].
pub fn fork_worker(own: OwnedFd, job: impl FnOnce(OwnedFd)) -> Result<Pid, SpawnError> {
    fork_child(move || {
        let lived = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: this process has nothing to do but `job`, whose descriptor stays, and leaves by _exit.
            unsafe { descriptors::keep_only(own.as_fd()) };
            job(own);
        }));
        // SAFETY: ends this process without running the parent's exit handlers.
        unsafe { libc::_exit(i32::from(lived.is_err())) }
    })
}

/// Becomes the service; on an error writes the record to `exec_pipe` and exits.
fn become_service(launch: &Launch, pointers: &child::ExecPointers, exec_pipe: RawFd) -> ! {
    let is_set_up = child::set_up_or_report(launch, pointers, exec_pipe);
    match (&launch.program, &launch.environment_file) {
        _ if !is_set_up => {}
        (Program::Path(program), None) => {
            // As below; after a panic the script itself is executed.
            let _panicked = catch_unwind(AssertUnwindSafe(|| {
                program::execute_by_shortcut(program, launch, &launch.env);
            }));
            let errno = child::execute_first(program, launch, pointers);
            // It must never unwind into the parent's code: there it would be a second PID 1.
            let why = catch_unwind(AssertUnwindSafe(|| program::explanation(errno, program, launch)));
            child::write_report(exec_pipe, encode((SpawnStep::Exec, errno)), why.unwrap_or_default().as_bytes());
        }
        (Program::Path(_) | Program::Search(_), _) => {
            // Nor must this.
            let done = catch_unwind(AssertUnwindSafe(|| find_and_execute(launch, exec_pipe)));
            if done.is_err() {
                child::write_report(exec_pipe, encode((SpawnStep::Exec, Errno::EINVAL)), b"internal error");
            }
        }
    }
    raw::exit(child::EXIT_REFUSED)
}

/// Looks up what is not prepared, then executes. Returns only on an error, which it has reported.
fn find_and_execute(launch: &Launch, exec_pipe: RawFd) {
    match program::environment(launch) {
        Ok(env) => {
            let (errno, program) = program::execute(&launch.program, launch, &env);
            let why = match program {
                Some(program) => program::explanation(errno, &program, launch),
                None => "there is no such program in PATH".to_owned(),
            };
            child::write_report(exec_pipe, encode((SpawnStep::Exec, errno)), why.as_bytes());
        }
        Err(Unreadable { words, errno }) => {
            child::write_report(
                exec_pipe,
                encode((SpawnStep::EnvironmentFile, errno)),
                words.unwrap_or_default().as_bytes(),
            );
        }
    }
}

/// Forks; the child is `child`, with every signal blocked until it has reset its dispositions.
///
/// Only one thread is copied: `child` may allocate and take locks only if this process has no other (as PID 1, DESIGN §11),
/// and must leave by `_exit`.
///
/// # Errors
/// When no process can be created (EAGAIN, ENOMEM).
pub fn fork_child(child: impl FnOnce() -> Infallible) -> Result<Pid, SpawnError> {
    without_signals(|| fork_now(child))
}

/// Does it with all signals blocked: one that reached a child before its dispositions are reset would be handled by our
/// handlers.
fn without_signals(make: impl FnOnce() -> Result<Pid, SpawnError>) -> Result<Pid, SpawnError> {
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))
        .map_err(|errno| SpawnError::new(SpawnStep::BlockSignals, errno as i32))?;
    let made = make();
    let restored = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    debug_assert!(restored.is_ok(), "restoring a mask that the kernel gave");
    made
}

fn fork_now(child: impl FnOnce() -> Infallible) -> Result<Pid, SpawnError> {
    // SAFETY: this process has one thread (DESIGN §11), so the child may use all that the parent may, and `child` never
    // returns.
    let forked = unsafe { fork() };
    if let Ok(ForkResult::Child) = forked {
        child();
    }
    match forked {
        Ok(ForkResult::Parent { child }) => Ok(Pid(child.as_raw())),
        Ok(ForkResult::Child) => unreachable!("the child does not return"),
        Err(errno) => Err(SpawnError::new(SpawnStep::Fork, errno as i32)),
    }
}

#[cfg(test)]
#[path = "spawn_tests.rs"]
mod tests;
