//! Signals to PID 1. All but faults are blocked and read from a descriptor. Blocked ones reach PID 1 although it has no
//! default dispositions (signal(7)), and none of them is handled, so that a child has nothing to reset but
//! [`to_reset`]. Only for a root step that may be long the three that stop a container have a handler, which it reads as a
//! flag: a `docker stop` during a long chown would not be noticed without it. Knows which signals came, not what they mean.
#![allow(unsafe_code)] // signal handlers

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::Duration;

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource as KernelResource, getrlimit, setrlimit};
use nix::sys::signal::{self, SigHandler, SigSet};
use nix::sys::signalfd::{SfdFlags, SignalFd, siginfo};

use crate::config::service::{Limit, Resource};
use crate::config::values::Signal;
use crate::error::Refused;
use crate::supervise::Pid;
use crate::sys::own_status;

/// The three that stop a container.
const STOPS: [signal::Signal; 3] = [signal::SIGTERM, signal::SIGINT, signal::SIGQUIT];

/// The signals of [`Faults::Watched`]: what the kernel sends for a fault of our own. Otherwise they are not blocked: PID 1
/// ignores them from others, and a real fault must end the process. PIPE is ignored since the start; our own writes raise
/// it.
const FAULTS: [signal::Signal; 7] =
    [signal::SIGILL, signal::SIGTRAP, signal::SIGBUS, signal::SIGFPE, signal::SIGSEGV, signal::SIGPIPE, signal::SIGSYS];

/// The first real-time signal. The two before it are used by glibc (nptl(7)).
const REALTIME: i32 = 34;
/// Blocked signals read in a turn of the event loop: those of a kind that is no real-time signal wait once.
const READS: usize = 64;
/// Blocked signals that one call reads. Most often there is one.
const AT_ONCE: usize = 8;

const NOT_INSTALLED: &str = "cannot install signal handlers";

/// The size of what signalfd(2) returns for a signal.
const INFO: usize = size_of::<siginfo>();

/// The code of signals that kill(2) sends, and that the kernel sends for a write.
const SI_USER: u32 = 0;

/// Whether the stop signals have a handler.
static HANDLED: AtomicBool = AtomicBool::new(false);
/// Whether a stop signal has come since the start.
static STOP: AtomicBool = AtomicBool::new(false);
/// The last one.
static LAST_STOP: AtomicI32 = AtomicI32::new(0);
/// Stop signals that the handler has caught and [`Signals::pending`] has not returned, one bit for each number.
static CAUGHT: AtomicU32 = AtomicU32::new(0);

/// What the event loop does with signals that the kernel also sends for faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Faults {
    /// They are not blocked.
    Unwatched,
    /// Those sent by others are like any other signal. A fault of our own still kills us, because the kernel does not allow
    /// it to be blocked (sigprocmask(2)).
    Watched,
}

/// Async-signal-safe: it only stores.
fn note_stop(number: i32) {
    LAST_STOP.store(number, Ordering::SeqCst);
    CAUGHT.fetch_or(1 << number, Ordering::SeqCst);
    STOP.store(true, Ordering::SeqCst);
}

/// Ignores SIGPIPE: a write to a pipe without a reader fails, and does not end this process.
pub fn ignore_broken_pipes() {
    // SAFETY: SIG_IGN is no code of ours.
    let _set = unsafe { signal::signal(signal::SIGPIPE, signal::SigHandler::SigIgn) };
}

/// The signals that come to this process.
pub struct Signals {
    held: Vec<Signal>,
    blocked: SignalFd,
    may_have_more: bool,
    /// The child of the last CHLD that the kernel sent for an exit, until it is asked for.
    exited: Option<Pid>,
}

impl Signals {
    /// Blocks every signal but faults. Real-time signals queue (signal(7)): a process that goes on sending one would keep us
    /// in a handler for good. Children are started with an empty mask.
    ///
    /// # Errors
    /// When no descriptor can be created.
    pub fn install() -> Result<Self, Refused> {
        let refused = |cause: nix::Error| Refused::new(NOT_INSTALLED, cause);
        // Were it ignored, as by some callers, the kernel would reap children itself (sigaction(2)).
        // SAFETY: SIG_DFL is no code of ours.
        unsafe { signal::signal(signal::SIGCHLD, SigHandler::SigDfl) }.map_err(refused)?;
        // The mask is inherited through exec (sigprocmask(2)): a caller that had blocked signals would have left us
        // without the handled ones.
        let mut blocked = read_signals();
        FAULTS.into_iter().for_each(|signal| blocked.remove(signal));
        blocked.thread_set_mask().map_err(refused)?;
        let blocked = SignalFd::with_flags(&read_signals(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK);
        Ok(Self { held: Vec::new(), blocked: blocked.map_err(refused)?, may_have_more: false, exited: None })
    }

    /// Installs the handler of stop signals, for what checks [`Self::stop_flag`].
    ///
    /// # Errors
    /// When it cannot be installed.
    pub fn handle_stops(&self) -> Result<(), Refused> {
        if HANDLED.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        for stop in STOPS.map(|stop| stop as i32) {
            // SAFETY: `note_stop` is async-signal-safe.
            let registered = unsafe { signal_hook::low_level::register(stop, move || note_stop(stop)) };
            registered.map_err(|cause| Refused::new(NOT_INSTALLED, cause))?;
        }
        STOPS.into_iter().collect::<SigSet>().thread_unblock().map_err(|cause| Refused::new(NOT_INSTALLED, cause))
    }

    /// Returns the stop signal that came since the start, if any. For the steps before the event loop.
    pub fn stop_requested(&self) -> Option<Signal> {
        if !HANDLED.load(Ordering::SeqCst)
            && let Some(waiting) = waiting_stop()
        {
            return Signal::from_number(waiting as i32);
        }
        STOP.load(Ordering::SeqCst).then(|| Signal::from_number(LAST_STOP.load(Ordering::SeqCst))).flatten()
    }

    /// Returns the flag that long root steps check: true when a stop signal has come, after [`Self::handle_stops`].
    pub fn stop_flag(&self) -> &'static AtomicBool {
        &STOP
    }

    /// Begins an event loop: from now on the descriptor becomes readable for stop signals as well, and for what `faults`
    /// says.
    ///
    /// # Errors
    /// The kernel's.
    pub fn begin_loop(&mut self, faults: Faults) -> io::Result<()> {
        let mut all = SigSet::empty();
        if HANDLED.load(Ordering::SeqCst) {
            all.extend(STOPS);
        }
        if faults == Faults::Watched {
            all.extend(FAULTS);
        }
        if all == SigSet::empty() { Ok(()) } else { Ok(all.thread_block()?) }
    }

    /// Ends it: stop signals are handled again, those that the loop has not read as well, if they were handled before.
    pub fn end_loop(&mut self) {
        if !HANDLED.load(Ordering::SeqCst) {
            return;
        }
        // Not faults: others could still end us with one before the container's exit code is ours.
        let stops: SigSet = STOPS.into_iter().collect();
        let unblocked = stops.thread_unblock();
        debug_assert!(unblocked.is_ok(), "a valid set can be unblocked");
    }

    /// Returns the signals that came since the last call, each once. Several of one kind coalesce, CHLD above all.
    ///
    /// Reading them does not clear [`Self::stop_requested`].
    pub fn pending(&mut self) -> Vec<Signal> {
        let mut came = std::mem::take(&mut self.held);
        let caught = CAUGHT.swap(0, Ordering::SeqCst);
        came.extend((1..32).filter(|number| caught & (1 << number) != 0).filter_map(Signal::from_number));
        let (blocked, may_have_more) = read_blocked(&self.blocked, &mut self.exited);
        for signal in blocked.iter().filter(|signal| STOPS.iter().any(|stop| *stop as i32 == signal.number())) {
            LAST_STOP.store(signal.number(), Ordering::SeqCst);
            STOP.store(true, Ordering::SeqCst);
        }
        came.extend(blocked);
        self.may_have_more = may_have_more;
        came
    }

    /// Returns whether the last call of [`Self::pending`] may have left some: others may send faster than we read.
    pub fn may_have_more(&self) -> bool {
        self.may_have_more
    }

    /// Returns one child that has exited since the last call, if the kernel has named one: CHLD coalesces.
    pub fn take_exited(&mut self) -> Option<Pid> {
        self.exited.take()
    }

    /// Discards `signal` if it came, because we caused it ourselves. All others stay for [`Self::pending`].
    pub fn discard(&mut self, signal: Signal) {
        self.held = self.pending();
        self.held.retain(|came| *came != signal);
    }
}

impl AsFd for Signals {
    /// Returns the descriptor that is readable when a signal came. [`Signals::pending`] empties it.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.blocked.as_fd()
    }
}

/// Returns whether reading gave nothing only because there is nothing now.
pub fn would_block(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

/// Lets no more signals queue for us than are read at a time; those beyond it coalesce (sigqueue(3), kill(2)). The kernel
/// searches the queue, which may hold some ten thousand, for each signal that is read. Returns the limit that services get
/// back.
pub fn limit_queue() -> Option<Limit> {
    let (soft, hard) = getrlimit(KernelResource::RLIMIT_SIGPENDING).ok()?;
    let most = u64::try_from(READS).unwrap_or_default();
    if soft <= most || setrlimit(KernelResource::RLIMIT_SIGPENDING, most, hard).is_err() {
        return None;
    }
    let value = |value| Some(value).filter(|value| *value != RLIM_INFINITY);
    Some(Limit { resource: Resource::Sigpending, soft: value(soft), hard: value(hard) })
}

/// Returns the signals whose dispositions a child has to reset, one bit for each number, the first for number 1: those that
/// have a handler, and those that are ignored, which exec(2) does not reset. Read before the fork.
pub fn to_reset() -> u64 {
    let bit = |signal: signal::Signal| 1 << (signal as u32 - 1);
    let handled = STOPS.into_iter().filter(|_| HANDLED.load(Ordering::SeqCst));
    handled.chain([signal::SIGPIPE]).fold(own_status::ignored_at_start(), |all, signal| all | bit(signal))
}

/// Returns a stop signal that is blocked and waits to be read.
fn waiting_stop() -> Option<signal::Signal> {
    let mut raw = *SigSet::empty().as_ref();
    // SAFETY: the kernel writes a set, which outlives the call.
    Errno::result(unsafe { libc::sigpending(&raw mut raw) }).ok()?;
    // SAFETY: as above, for reading.
    STOPS.into_iter().find(|stop| unsafe { libc::sigismember(&raw const raw, *stop as i32) } == 1)
}

/// Returns every signal but the two that cannot be blocked and the two of glibc.
fn read_signals() -> SigSet {
    let mut raw = *SigSet::empty().as_ref();
    for number in
        (1..32).filter(|number| ![libc::SIGKILL, libc::SIGSTOP].contains(number)).chain(REALTIME..=Signal::MAX)
    {
        // SAFETY: `raw` is an initialised set, and outlives the call.
        unsafe { libc::sigaddset(&raw mut raw, number) };
    }
    // SAFETY: sigaddset left it a valid set; nix names no real-time signals, and passes the set on as it is.
    unsafe { SigSet::from_sigset_t_unchecked(raw) }
}

/// Waits until a child has exited, a stop signal is handled, or so much time is over. An exit from before counts: reap first.
/// For the time after the event loop.
pub fn wait_for_exit(most: Duration) {
    let time = libc::timespec {
        tv_sec: libc::time_t::try_from(most.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: most.subsec_nanos().into(),
    };
    let exit: SigSet = [signal::SIGCHLD].into_iter().collect();
    // SAFETY: the set and the time outlive the call; what came is not asked for (sigtimedwait(2)).
    unsafe { libc::sigtimedwait(exit.as_ref(), std::ptr::null_mut(), &raw const time) };
}

/// Reads a bounded number of signals, and returns each kind once and whether there may be more. PIPE is left out where the
/// kernel has sent it for a write of our own, which says so itself. Nothing else is: who may queue signals for us chooses the
/// sender that they name (rt_sigqueueinfo(2)), and one that is pending takes all others of its kind in. `exited` is set where
/// the kernel has named a child that exited.
fn read_blocked(blocked: &SignalFd, exited: &mut Option<Pid>) -> (Vec<Signal>, bool) {
    let mut came = Vec::new();
    for _ in 0..READS / AT_ONCE {
        let mut bytes = [0; AT_ONCE * INFO];
        // The kernel writes whole structures, and as many as there are (signalfd(2)).
        let read = nix::unistd::read(blocked, &mut bytes).unwrap_or_default();
        for info in bytes[..read].chunks_exact(INFO) {
            let number = |at| info[at..].first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes));
            let signal = i32::try_from(number(std::mem::offset_of!(siginfo, ssi_signo))).unwrap_or_default();
            let is_ours = signal == libc::SIGPIPE
                && number(std::mem::offset_of!(siginfo, ssi_code)) == SI_USER
                && number(std::mem::offset_of!(siginfo, ssi_pid)) == std::process::id();
            let signal = Signal::from_number(signal);
            // Only the kernel sends these codes (rt_sigqueueinfo(2)).
            let code = i32::try_from(number(std::mem::offset_of!(siginfo, ssi_code))).unwrap_or_default();
            if signal == Some(Signal::CHLD) && [libc::CLD_EXITED, libc::CLD_KILLED, libc::CLD_DUMPED].contains(&code) {
                *exited = i32::try_from(number(std::mem::offset_of!(siginfo, ssi_pid))).ok().map(Pid);
            }
            came.extend(signal.filter(|signal| !is_ours && !came.contains(signal)));
        }
        if read < bytes.len() {
            return (came, false);
        }
    }
    (came, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The signals of this thread, blocked, and read by a descriptor.
    fn blocked_signals() -> SignalFd {
        let set = read_signals();
        set.thread_block().unwrap();
        SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).unwrap()
    }

    #[test]
    fn only_a_broken_pipe_of_our_own_is_left_out() {
        let blocked = blocked_signals();
        let (reader, writer) = nix::unistd::pipe().unwrap();
        drop(reader);
        assert!(nix::unistd::write(&writer, b"x").is_err());
        assert_eq!(read_blocked(&blocked, &mut None), (vec![], false));
    }

    #[test]
    fn a_signal_that_names_us_as_its_sender_is_not_left_out() {
        let blocked = blocked_signals();
        for queued in [signal::SIGTERM, signal::SIGHUP, signal::SIGPIPE, signal::SIGCHLD] {
            // SAFETY: a siginfo is plain numbers.
            let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
            info.si_signo = queued as i32;
            info.si_code = libc::SI_QUEUE;
            let pid = libc::pid_t::try_from(std::process::id()).unwrap();
            // SAFETY: `si_pid` lies behind the three numbers of the head, at the fourth on 64-bit machines; the structure has 128
            // bytes.
            unsafe { (&raw mut info).cast::<libc::pid_t>().add(4).write(pid) };
            let thread = nix::unistd::gettid().as_raw();
            // SAFETY: the kernel reads `info`, which outlives the call.
            let sent =
                unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, pid, thread, queued as i32, &raw const info) };
            assert_eq!(sent, 0);
            let came = Signal::from_number(queued as i32).unwrap();
            assert_eq!(read_blocked(&blocked, &mut None), (vec![came], false));
        }
    }

    #[test]
    fn waiting_for_an_exit_ends_with_it_and_with_its_time() {
        let _blocked = blocked_signals();
        wait_for_exit(Duration::from_millis(1));
        signal::raise(signal::SIGCHLD).unwrap();
        // Without the signal this would be the test's end.
        wait_for_exit(Duration::from_secs(3_600));
    }

    #[test]
    fn a_bounded_number_of_signals_is_read_whoever_goes_on_sending() {
        let blocked = blocked_signals();
        assert_eq!(read_blocked(&blocked, &mut None), (vec![], false));
        for _ in 0..=READS {
            // SAFETY: takes a number only; the signal is blocked.
            assert_eq!(unsafe { libc::raise(REALTIME) }, 0);
        }
        let realtime = vec![Signal::from_number(REALTIME).unwrap()];
        assert_eq!(read_blocked(&blocked, &mut None), (realtime.clone(), true));
        assert_eq!(read_blocked(&blocked, &mut None), (realtime, false));
    }
}
