//! A PID 1 in fresh PID and mount namespaces, in a root of its own, from its exec to its end. Knows namespaces and the times
//! that programs write; nothing of who is compared.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with
#![allow(unsafe_code)] // pidfd_open(2)

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::os::fd::{AsFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::libc;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

use super::rootfs::Rootfs;
use super::{Outcome, interrupt};

/// `struct timespec` on 64-bit Linux.
const STAMP: usize = 16;
/// Nothing that is waited for takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// How PID 1 is started.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// PID 1 and its arguments.
    pub argv: Vec<String>,
    /// `NAME=value`.
    pub variables: Vec<String>,
    /// Written before each start.
    pub files: Vec<(&'static str, String)>,
    /// What stands before all: a tracer.
    pub wrapper: Vec<String>,
}

/// A PID 1 that was started; ended when dropped.
pub struct Container {
    unshare: Child,
    stdout: ChildStdout,
    stderr: File,
    began: Duration,
    init: Option<Pid>,
}

impl Boot {
    /// PID 1 and its arguments.
    pub fn new(argv: &[&str]) -> Self {
        Self { argv: argv.iter().map(|&word| word.to_owned()).collect(), ..Self::default() }
    }

    /// With these variables, `NAME=value`.
    pub fn env(mut self, variables: &[&str]) -> Self {
        self.variables.extend(variables.iter().map(|&word| word.to_owned()));
        self
    }

    /// As this user.
    pub fn user(self, id: &str) -> Self {
        self.env(&[&format!("STAMP_USER={id}")])
    }

    /// With these files as they are now, each time.
    pub fn with<const N: usize>(mut self, files: [(&'static str, String); N]) -> Self {
        self.files.extend(files);
        self
    }
}

impl Container {
    /// Starts it, and returns when the time just before the exec of PID 1 is known.
    pub fn start(rootfs: &Rootfs, boot: &Boot) -> Outcome<Self> {
        boot.files.iter().try_for_each(|(path, text)| rootfs.write(path, text))?;
        let mut words = boot.wrapper.iter().map(String::as_str).chain(["unshare"]);
        let mut command = Command::new(words.next().ok_or("nothing to run")?);
        command.args(words).args(["--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "--wd=/", "--root"]);
        command.arg(rootfs.root()).args(["--", "/stamp"]).args(&boot.argv).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(boot.variables.iter().filter_map(|word| word.split_once('=')));
        let stderr = tempfile::tempfile_in(rootfs.root().parent().ok_or("it is below the workplace")?)?;
        // A file, that nobody has to read in time. A group of its own: Ctrl-C is for the harness, which ends this.
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr.try_clone()?).process_group(0);
        let mut unshare = command.spawn()?;
        let Some(stdout) = unshare.stdout.take() else { return Err("a pipe".into()) };
        let mut container = Self { unshare, stdout, stderr, began: Duration::ZERO, init: None };
        container.began = container.stamps(1)?.first().copied().ok_or("one was asked for")?;
        container.init = children(container.unshare_pid()).first().copied();
        Ok(container)
    }

    /// Waits until so many more programs have written the time, and returns what the last one wrote, since PID 1's exec.
    pub fn last_of(&mut self, programs: usize) -> Outcome<Duration> {
        let stamps = self.stamps(programs)?;
        self.last(stamps)
    }

    /// The same of programs that write the time to another file.
    pub fn last_in(&mut self, file: &mut (impl Read + AsFd), programs: usize) -> Outcome<Duration> {
        let stamps = stamps(file, programs).map_err(|error| self.with_printed(error))?;
        self.last(stamps)
    }

    /// Waits until so many more programs have written the time, and returns these times.
    pub fn stamps(&mut self, count: usize) -> Outcome<Vec<Duration>> {
        stamps(&mut self.stdout, count).map_err(|error| self.with_printed(error))
    }

    fn last(&self, stamps: Vec<Duration>) -> Outcome<Duration> {
        let last = stamps.into_iter().max().ok_or("no program was started")?;
        // Text that something else has written would be some other time.
        let took = last.checked_sub(self.began).filter(|took| *took < LIMIT);
        took.ok_or_else(|| "what was written is no time".into())
    }

    fn with_printed(&self, error: Box<dyn Error>) -> Box<dyn Error> {
        format!("{error}: {}", self.printed()).into()
    }

    /// Returns PID 1, as this namespace sees it.
    pub fn init(&self) -> Outcome<Pid> {
        self.init.ok_or_else(|| format!("PID 1 has ended: {}", self.printed()).into())
    }

    /// Returns its standard output, to read what is no time.
    pub fn output(&mut self) -> &mut ChildStdout {
        &mut self.stdout
    }

    /// Asks PID 1 to end, and returns how long it took, until nothing of the container is left.
    pub fn stop(self, signal: Signal) -> Outcome<Duration> {
        let init = self.init()?;
        let handle = pidfd(init)?;
        let began = now()?;
        kill(init, signal)?;
        if !wait(&handle, Instant::now() + LIMIT)? {
            return Err(format!("it does not stop: {}", self.printed()).into());
        }
        Ok(now()?.saturating_sub(began))
    }

    /// Runs a command inside, and returns how long it took from its exec.
    pub fn inside(&self, argv: &[&str]) -> Outcome<Duration> {
        let mut command = Command::new("nsenter");
        command.arg(format!("--target={}", self.init()?)).args(["--mount", "--pid", "--root", "--wd=/", "--"]);
        let output = command.arg("/stamp").args(argv).env_clear().stdin(Stdio::null()).output()?;
        let ended = now()?;
        let stamp = output.stdout.first_chunk::<STAMP>().map(time).ok_or("no stamp was written")?;
        if !output.status.success() {
            return Err(format!("{argv:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(ended.saturating_sub(stamp))
    }

    /// Returns what was written to its standard error: the end of it.
    fn printed(&self) -> String {
        let mut bytes = Vec::new();
        let file = &mut &self.stderr;
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).ok();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let lines: Vec<_> = text.lines().rev().take(3).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    fn unshare_pid(&self) -> Pid {
        Pid::from_raw(self.unshare.id().cast_signed())
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Not left to `--kill-child`: the kernel forgets that signal when PID 1 changes its user (PR_SET_PDEATHSIG(2const)).
        let mut left = children(self.unshare_pid());
        // Below a tracer.
        left.extend(left.clone().into_iter().flat_map(children));
        for &pid in left.iter().rev() {
            kill(pid, Signal::SIGKILL).ok();
        }
        self.unshare.kill().ok();
        self.unshare.wait().ok();
    }
}

/// Waits until there is something to read, or the end; `false` when it took too long.
pub fn wait(file: impl AsFd, until: Instant) -> Outcome<bool> {
    let left = PollTimeout::try_from(until.saturating_duration_since(Instant::now()))?;
    Ok(poll(&mut [PollFd::new(file.as_fd(), PollFlags::POLLIN)], left)? > 0)
}

/// Returns the time that the programs write.
pub fn now() -> Outcome<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_MONOTONIC)?.into())
}

/// Returns the children of a process.
pub fn children(pid: Pid) -> Vec<Pid> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().filter_map(|word| word.parse().ok()).map(Pid::from_raw).collect()
}

fn stamps(file: &mut (impl Read + AsFd), count: usize) -> Outcome<Vec<Duration>> {
    let until = Instant::now() + LIMIT;
    let mut bytes = vec![0; count * STAMP];
    let mut length = 0;
    while length < bytes.len() {
        interrupt::check()?;
        let is_ready = wait(&*file, until)?;
        let read = if is_ready { file.read(bytes.get_mut(length..).unwrap_or_default())? } else { 0 };
        if read == 0 {
            let end = if is_ready { "it ended" } else { "none in a minute" };
            return Err(format!("{} of {count} times were written, then {end}", length / STAMP).into());
        }
        length += read;
    }
    Ok(bytes.as_chunks().0.iter().map(time).collect())
}

fn pidfd(pid: Pid) -> Outcome<OwnedFd> {
    // SAFETY: takes numbers; what it returns is ours alone.
    let number = unsafe { libc::syscall(libc::SYS_pidfd_open, pid.as_raw(), 0) };
    let number = i32::try_from(nix::errno::Errno::result(number)?)?;
    // SAFETY: open, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

fn time(bytes: &[u8; STAMP]) -> Duration {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
    let seconds = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
    let nanoseconds = u64::from_ne_bytes([i, j, k, l, m, n, o, p]);
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}
