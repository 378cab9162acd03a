//! Signal handlers, installed before anything else: PID 1 has no default dispositions, so a `docker stop` during a long
//! chown would be ignored without them. Knows which signals came, not what they mean.
#![allow(unsafe_code)] // signal(2)

use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::libc;
use nix::sys::resource::{RLIM_INFINITY, Resource as KernelResource, getrlimit, setrlimit};
use nix::sys::signal::{self, SigSet};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use signal_hook::iterator::backend::SignalDelivery;
use signal_hook::iterator::exfiltrator::SignalOnly;

use crate::config::service::{Limit, Resource};
use crate::config::values::Signal;
use crate::error::Refused;

/// Signals that the kernel sends for a fault of our own, and the two that cannot be caught. Faults have no handler: PID 1
/// ignores them from others, and a real fault must end the process. See [`Signals::watch_faults`].
const NOT_HANDLED: [i32; 9] = [
    4,  // ILL
    5,  // TRAP
    7,  // BUS
    8,  // FPE
    9,  // KILL
    11, // SEGV
    13, // PIPE: ignored since the start; our own writes raise it
    19, // STOP
    31, // SYS
];

/// The signals of [`Signals::watch_faults`]: the same without the two that cannot be blocked.
const FAULTS: [signal::Signal; 7] =
    [signal::SIGILL, signal::SIGTRAP, signal::SIGBUS, signal::SIGFPE, signal::SIGSEGV, signal::SIGPIPE, signal::SIGSYS];

/// The first real-time signal. The two before it are used by glibc (nptl(7)).
const REALTIME: i32 = 34;
/// Blocked signals read at a time: those of a kind that is no real-time signal wait once.
const READS: usize = 64;

/// Ignores SIGPIPE: a write to a pipe without a reader fails, and does not end this process.
pub fn ignore_broken_pipes() {
    // SAFETY: SIG_IGN is no code of ours.
    let _set = unsafe { signal::signal(signal::SIGPIPE, signal::SigHandler::SigIgn) };
}

/// The installed handlers, and the signals that have none.
pub struct Signals {
    delivery: SignalDelivery<UnixStream, SignalOnly>,
    stop: Arc<AtomicBool>,
    last_stop: Arc<AtomicUsize>,
    held: Vec<Signal>,
    blocked: SignalFd,
    may_have_more: bool,
}

impl Signals {
    /// Installs a handler for every standard signal that can be caught and is not a fault. Blocks real-time signals and reads
    /// them from a descriptor: they queue (signal(7)), and a process that goes on sending one would keep us in its handler for good.
    /// Children are started with an empty mask.
    ///
    /// # Errors
    /// When no descriptor can be created or no handler installed.
    pub fn install() -> Result<Self, Refused> {
        let refused = |cause: io::Error| Refused::new("cannot install signal handlers", cause);
        // std's handlers for these two run on a small stack of their own, on which a burst of others would pile up and
        // overflow it; as PID 1 the default ignores them from others, and a real fault still ends the process.
        for fault in [signal::SIGSEGV, signal::SIGBUS] {
            // SAFETY: SIG_DFL is no code of ours.
            unsafe { signal::signal(fault, signal::SigHandler::SigDfl) }.map_err(|errno| refused(errno.into()))?;
        }
        let stop = Arc::new(AtomicBool::new(false));
        let last_stop = Arc::new(AtomicUsize::new(0));
        for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
            let number = usize::try_from(signal.number()).unwrap_or_default();
            // Actions run in the order of their registration: first which signal, then that one came.
            signal_hook::flag::register_usize(signal.number(), Arc::clone(&last_stop), number).map_err(refused)?;
            signal_hook::flag::register(signal.number(), Arc::clone(&stop)).map_err(refused)?;
        }
        let (read, write) = UnixStream::pair().map_err(refused)?;
        read.set_nonblocking(true).map_err(refused)?;
        let all = (1..32).filter(|number| !NOT_HANDLED.contains(number));
        let delivery = SignalDelivery::with_pipe(read, write, SignalOnly, all).map_err(refused)?;
        // The mask is inherited through exec (sigprocmask(2)): a caller that had blocked signals would have left us
        // without TERM and CHLD.
        let realtime = blockable(&[]);
        realtime.thread_set_mask().map_err(|errno| refused(errno.into()))?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        let blocked = SignalFd::with_flags(&realtime, flags).map_err(|errno| refused(errno.into()))?;
        Ok(Self { delivery, stop, last_stop, held: Vec::new(), blocked, may_have_more: false })
    }

    /// Returns the stop signal that came since the start, if any. For the steps before the event loop.
    pub fn stop_requested(&self) -> Option<Signal> {
        let requested = self.stop.load(Ordering::SeqCst);
        requested
            .then(|| i32::try_from(self.last_stop.load(Ordering::SeqCst)).ok().and_then(Signal::from_number))
            .flatten()
    }

    /// Returns the flag that long root steps check: true when a stop signal has come.
    pub fn stop_flag(&self) -> &AtomicBool {
        &self.stop
    }

    /// Blocks fault signals and PIPE too, so that those sent by others are like any other signal. A fault of our own still
    /// kills us, because the kernel does not allow it to be blocked (sigprocmask(2)).
    ///
    /// # Errors
    /// The kernel's.
    pub fn watch_faults(&mut self) -> io::Result<()> {
        let all = blockable(&FAULTS);
        self.blocked.set_mask(&all)?;
        Ok(all.thread_block()?)
    }

    /// Returns the descriptor that is readable when a blocked signal came. [`Signals::pending`] reads it.
    pub fn blocked(&self) -> BorrowedFd<'_> {
        self.blocked.as_fd()
    }

    /// Returns the signals that came since the last call, each once. Several of one kind coalesce, CHLD above all.
    ///
    /// Reading them does not clear [`Self::stop_requested`].
    pub fn pending(&mut self) -> Vec<Signal> {
        let mut came = std::mem::take(&mut self.held);
        came.extend(self.delivery.pending().filter_map(Signal::from_number));
        let (blocked, may_have_more) = read_blocked(&self.blocked);
        came.extend(blocked);
        self.may_have_more = may_have_more;
        came
    }

    /// Returns whether the last call of [`Self::pending`] may have left some: others may send faster than we read.
    pub fn may_have_more(&self) -> bool {
        self.may_have_more
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
        self.delivery.get_read().as_fd()
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

/// Returns the real-time signals and these.
fn blockable(more: &[signal::Signal]) -> SigSet {
    let more: SigSet = more.iter().copied().collect();
    let mut raw = *more.as_ref();
    for number in REALTIME..=Signal::MAX {
        // SAFETY: `raw` is an initialised set, and outlives the call.
        unsafe { libc::sigaddset(&raw mut raw, number) };
    }
    // SAFETY: sigaddset left it a valid set; nix names no real-time signals, and passes the set on as it is.
    unsafe { SigSet::from_sigset_t_unchecked(raw) }
}

/// Reads a bounded number of signals, and returns each kind once and whether there may be more. PIPE of our own is a write's,
/// which says so itself.
fn read_blocked(blocked: &SignalFd) -> (Vec<Signal>, bool) {
    let mut came = Vec::new();
    for _ in 0..READS {
        let Ok(Some(info)) = blocked.read_signal() else { return (came, false) };
        let number = i32::try_from(info.ssi_signo).ok().and_then(Signal::from_number);
        let is_new = |signal: &Signal| info.ssi_pid != std::process::id() && !came.contains(signal);
        if let Some(signal) = number.filter(is_new) {
            came.push(signal);
        }
    }
    (came, true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_signals_is_read_whoever_goes_on_sending() {
        let set = blockable(&FAULTS);
        set.thread_block().unwrap();
        let blocked = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK).unwrap();
        assert_eq!(read_blocked(&blocked), (vec![], false));
        FAULTS.into_iter().for_each(|fault| signal::raise(fault).unwrap());
        assert_eq!(read_blocked(&blocked), (vec![], false), "all of them are our own");
        for _ in 0..=READS {
            // SAFETY: takes a number only; the signal is blocked.
            assert_eq!(unsafe { libc::raise(REALTIME) }, 0);
        }
        assert_eq!(read_blocked(&blocked), (vec![], true));
        assert_eq!(read_blocked(&blocked), (vec![], false));
    }
}
