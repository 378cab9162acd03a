//! The fork. The child reports the stage that was refused through a pipe that closes at exec; the parent never waits
//! for it, because a program on a dead mount must hang alone.
#![allow(unsafe_code)] // fork(2)
#![allow(clippy::disallowed_methods)] // the one place that starts services

use std::convert::Infallible;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::libc;
use nix::sys::signal::{SigSet, SigmaskHow, sigprocmask};
use nix::unistd::{ForkResult, fork, pipe2};

use crate::supervise::{Pid, SpawnError, SpawnStage};
use crate::sys::descriptors;
use crate::sys::process::child;
use crate::sys::process::environment_file::Unreadable;
use crate::sys::process::launch::{Launch, Program};
use crate::sys::process::program;
use crate::sys::process::record::{self, MOST_SAID, RECORD, record_of, record_of_filter};

/// A forked child that has not said yet whether it could execute its program.
#[derive(Debug)]
pub struct Started {
    /// Its id.
    pub pid: Pid,
    /// Where it will say so.
    pub exec_pipe: ExecPipe,
}

/// The pipe that closes at exec.
#[derive(Debug)]
pub struct ExecPipe {
    pipe: File,
    unfiltered: Option<Errno>,
}

/// What the pipe said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecResult {
    /// Nothing yet.
    Pending,
    /// The program was executed.
    Executed,
    /// A stage was refused; the child is gone or about to be.
    Refused(SpawnError),
}

impl ExecPipe {
    /// Returns what the child has said so far; never blocks.
    pub fn read(&mut self) -> ExecResult {
        let mut said = [0; RECORD + MOST_SAID];
        loop {
            let length = match self.pipe.read(&mut said) {
                Ok(0) => return ExecResult::Executed,
                Ok(length) => length,
                Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return ExecResult::Pending;
                }
                Err(_) => return ExecResult::Executed,
            };
            let (unfiltered, rest) = record::split(said.get(..length).unwrap_or_default());
            self.unfiltered = self.unfiltered.or(unfiltered);
            if unfiltered.is_none() || !rest.is_empty() {
                return ExecResult::Refused(record::refusal(rest));
            }
        }
    }

    /// Returns why the child has no filter, where it was to have one and has said so by now.
    pub fn unfiltered(&self) -> Option<Errno> {
        self.unfiltered
    }
}

impl AsFd for ExecPipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

/// Forks and lets the child become `launch`.
///
/// # Errors
/// When no pipe or no process can be had (EMFILE, EAGAIN, ENOMEM). What fails in the child comes through the pipe.
pub fn spawn(launch: &Launch) -> Result<Started, SpawnError> {
    let refused = |stage| move |errno: Errno| SpawnError::new(stage, errno as i32);
    let (read, mut write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(refused(SpawnStage::Pipe))?;
    if let Some((_, target)) = launch.notify {
        // The readiness descriptor is placed by number in the child and must not land on the exec pipe.
        let above = fcntl(&write, FcntlArg::F_DUPFD_CLOEXEC(target.saturating_add(1)));
        let above = above.map_err(refused(SpawnStage::NotifyFd))?;
        // SAFETY: fcntl just made it, and nobody else owns it.
        write = unsafe { OwnedFd::from_raw_fd(above) };
    }
    let pointers = child::Pointers::of(launch);
    let verdict = write.as_raw_fd();
    let pid = forked(|| become_service(launch, &pointers, verdict))?;
    Ok(Started { pid, exec_pipe: ExecPipe { pipe: File::from(read), unfiltered: None } })
}

/// Forks a process of PID 1's own, a copy of it, that does `job` and ends. It has `own` open and nothing else: what PID 1
/// has open is not a helper's business, and must not stay open because of it.
///
/// # Errors
/// As [`forked`].
pub fn helper(own: OwnedFd, job: impl FnOnce(OwnedFd)) -> Result<Pid, SpawnError> {
    forked(move || {
        let lived = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: this process has nothing to do but `job`, whose descriptor stays, and leaves by _exit.
            unsafe { descriptors::keep_only(own.as_fd()) };
            job(own);
        }));
        // SAFETY: ends this process without running the parent's exit handlers.
        unsafe { libc::_exit(i32::from(lived.is_err())) }
    })
}

/// Becomes the service; on a refusal writes the record to `verdict` and exits.
fn become_service(launch: &Launch, pointers: &child::Pointers, verdict: RawFd) -> ! {
    let become_it = || {
        let unfiltered = child::become_identity(launch, pointers)?;
        if let Some(errno) = unfiltered {
            say(verdict, record_of_filter(errno), b"");
        }
        Ok(())
    };
    match (become_it(), &launch.program, &launch.file) {
        (Err(record), _, _) => say(verdict, record, b""),
        (Ok(()), Program::Path(program), None) => {
            let errno = child::execute_first(program, launch, pointers);
            // It must never unwind into the parent's code: there it would be a second PID 1.
            let why = catch_unwind(AssertUnwindSafe(|| program::explanation(errno, program, launch)));
            say(verdict, record_of((SpawnStage::Exec, errno)), why.unwrap_or_default().as_bytes());
        }
        (Ok(()), Program::Path(_) | Program::Search(_), _) => {
            // Nor must this.
            let done = catch_unwind(AssertUnwindSafe(|| find_and_execute(launch, verdict)));
            if done.is_err() {
                say(verdict, record_of((SpawnStage::Exec, Errno::EINVAL)), b"internal error");
            }
        }
    }
    // SAFETY: ends this process without running the parent's exit handlers.
    unsafe { libc::_exit(111) }
}

/// Looks for what is not laid out, then executes. Returns only if that was refused, and has said so.
fn find_and_execute(launch: &Launch, verdict: RawFd) {
    match program::environment(launch) {
        Ok(env) => {
            let (errno, program) = program::execute(&launch.program, launch, &env);
            let why = match program {
                Some(program) => program::explanation(errno, &program, launch),
                None => "there is no such program in PATH".to_owned(),
            };
            say(verdict, record_of((SpawnStage::Exec, errno)), why.as_bytes());
        }
        Err(Unreadable { words, errno }) => {
            say(verdict, record_of((SpawnStage::EnvironmentFile, errno)), words.unwrap_or_default().as_bytes());
        }
    }
}

/// Writes a record and words at once, so that they are read at once.
fn say(verdict: RawFd, record: [u8; RECORD], words: &[u8]) {
    let mut said = [0; MOST_SAID];
    let length = RECORD + words.len().min(MOST_SAID - RECORD);
    for (to, from) in said.iter_mut().zip(record.iter().chain(words)) {
        *to = *from;
    }
    // SAFETY: `said` is valid for that length; a failing write leaves nothing to be done.
    unsafe { libc::write(verdict, said.as_ptr().cast(), length) };
}

/// Forks; the child is `child`, with every signal blocked until it has reset its dispositions.
///
/// Copies one thread: `child` may allocate and take locks only where this process has no other (as PID 1 has none,
/// DESIGN §11), and must leave by `_exit`.
///
/// # Errors
/// When no process can be had (EAGAIN, ENOMEM).
pub fn forked(child: impl FnOnce() -> Infallible) -> Result<Pid, SpawnError> {
    let refused = |stage, errno: Errno| SpawnError::new(stage, errno as i32);
    // A signal that reaches the child before its dispositions are reset would be eaten by our handlers.
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))
        .map_err(|errno| refused(SpawnStage::BlockSignals, errno))?;
    // SAFETY: this process has one thread (DESIGN §11), so the child may use all that the parent may, and `child` never
    // returns.
    let forked = unsafe { fork() };
    if let Ok(ForkResult::Child) = forked {
        child();
    }
    let restored = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&before), None);
    debug_assert!(restored.is_ok(), "restoring a mask that the kernel gave");
    match forked {
        Ok(ForkResult::Parent { child }) => Ok(Pid(child.as_raw())),
        Ok(ForkResult::Child) => unreachable!("the child does not return"),
        Err(errno) => Err(refused(SpawnStage::Fork, errno)),
    }
}
