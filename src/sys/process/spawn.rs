//! The fork. The child reports the step that failed through a pipe that closes at exec; the parent never waits for it,
//! because a program on a mount that hangs must block only its own service.
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
use crate::sys::process::spawn_record::{self, MAX_REPORT, RECORD_SIZE, encode, encode_filter_error};
use crate::sys::process::{child, program};

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
    /// Returns what the child has reported so far; never blocks.
    pub fn read(&mut self) -> ExecResult {
        let mut said = [0; RECORD_SIZE + MAX_REPORT];
        loop {
            let length = match self.pipe.read(&mut said) {
                Ok(0) => return ExecResult::Executed,
                Ok(length) => length,
                Err(cause) if matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    return ExecResult::Pending;
                }
                Err(_) => return ExecResult::Executed,
            };
            let (unfiltered, rest) = spawn_record::split_filter_error(said.get(..length).unwrap_or_default());
            self.unfiltered = self.unfiltered.or(unfiltered);
            if unfiltered.is_none() || !rest.is_empty() {
                return ExecResult::Refused(spawn_record::parse(rest));
            }
        }
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

/// Forks and lets the child become `launch`.
///
/// # Errors
/// When no pipe or no process can be created (EMFILE, EAGAIN, ENOMEM). Errors in the child come through the pipe.
pub fn spawn(launch: &Launch) -> Result<SpawnedChild, SpawnError> {
    let refused = |step| move |errno: Errno| SpawnError::new(step, errno as i32);
    let (read, mut write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).map_err(refused(SpawnStep::Pipe))?;
    if let Some((_, target)) = launch.notify {
        // The readiness descriptor gets a fixed number in the child, which must not be that of the exec pipe.
        let above = fcntl(&write, FcntlArg::F_DUPFD_CLOEXEC(target.saturating_add(1)));
        let above = above.map_err(refused(SpawnStep::NotifyFd))?;
        // SAFETY: fcntl just made it, and nobody else owns it.
        write = unsafe { OwnedFd::from_raw_fd(above) };
    }
    let pointers = child::ExecPointers::of(launch);
    let exec_pipe = write.as_raw_fd();
    let pid = fork_child(|| become_service(launch, &pointers, exec_pipe))?;
    Ok(SpawnedChild { pid, exec_pipe: ExecPipe { pipe: File::from(read), unfiltered: None } })
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
    let become_it = || {
        let unfiltered = child::set_up(launch, pointers)?;
        if let Some(errno) = unfiltered {
            write_report(exec_pipe, encode_filter_error(errno), b"");
        }
        Ok(())
    };
    match (become_it(), &launch.program, &launch.environment_file) {
        (Err(record), _, _) => write_report(exec_pipe, record, b""),
        (Ok(()), Program::Path(program), None) => {
            // As below; after a panic the script itself is executed.
            let _panicked = catch_unwind(AssertUnwindSafe(|| {
                program::execute_by_shortcut(program, launch, &launch.env);
            }));
            let errno = child::execute_first(program, launch, pointers);
            // It must never unwind into the parent's code: there it would be a second PID 1.
            let why = catch_unwind(AssertUnwindSafe(|| program::explanation(errno, program, launch)));
            write_report(exec_pipe, encode((SpawnStep::Exec, errno)), why.unwrap_or_default().as_bytes());
        }
        (Ok(()), Program::Path(_) | Program::Search(_), _) => {
            // Nor must this.
            let done = catch_unwind(AssertUnwindSafe(|| find_and_execute(launch, exec_pipe)));
            if done.is_err() {
                write_report(exec_pipe, encode((SpawnStep::Exec, Errno::EINVAL)), b"internal error");
            }
        }
    }
    // SAFETY: ends this process without running the parent's exit handlers.
    unsafe { libc::_exit(111) }
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
            write_report(exec_pipe, encode((SpawnStep::Exec, errno)), why.as_bytes());
        }
        Err(Unreadable { words, errno }) => {
            write_report(exec_pipe, encode((SpawnStep::EnvironmentFile, errno)), words.unwrap_or_default().as_bytes());
        }
    }
}

/// Writes a record and an explanation with one write(2), so that they are read at once.
fn write_report(exec_pipe: RawFd, record: [u8; RECORD_SIZE], words: &[u8]) {
    let mut said = [0; MAX_REPORT];
    let length = RECORD_SIZE + words.len().min(MAX_REPORT - RECORD_SIZE);
    for (to, from) in said.iter_mut().zip(record.iter().chain(words)) {
        *to = *from;
    }
    // SAFETY: `said` is valid for that length; a failing write leaves nothing to be done.
    unsafe { libc::write(exec_pipe, said.as_ptr().cast(), length) };
}

/// Forks; the child is `child`, with every signal blocked until it has reset its dispositions.
///
/// Only one thread is copied: `child` may allocate and take locks only if this process has no other (as PID 1, DESIGN §11),
/// and must leave by `_exit`.
///
/// # Errors
/// When no process can be created (EAGAIN, ENOMEM).
pub fn fork_child(child: impl FnOnce() -> Infallible) -> Result<Pid, SpawnError> {
    let refused = |step, errno: Errno| SpawnError::new(step, errno as i32);
    // A signal that reaches the child before its dispositions are reset would be handled by our handlers.
    let mut before = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), Some(&mut before))
        .map_err(|errno| refused(SpawnStep::BlockSignals, errno))?;
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
        Err(errno) => Err(refused(SpawnStep::Fork, errno)),
    }
}
