//! Sleeping until a signal comes, a descriptor is ready or a moment is there. Must not know what is waited for.

use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::time::{ClockId, clock_gettime};

/// Signals that are blocked and read from a descriptor, until this is dropped.
pub struct BlockedSignals {
    descriptor: SignalFd,
    before: SigSet,
}

impl BlockedSignals {
    /// Blocks these signals.
    ///
    /// # Errors
    /// The kernel's.
    pub fn block(signals: &[Signal]) -> Result<Self, Errno> {
        let before = SigSet::thread_get_mask()?;
        let set: SigSet = signals.iter().copied().collect();
        set.thread_block()?;
        let descriptor = SignalFd::with_flags(&set, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
        Ok(Self { descriptor, before })
    }

    /// Returns the descriptor that is readable when one came.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Returns the next one that came.
    ///
    /// # Errors
    /// The kernel's.
    pub fn next(&self) -> Result<Option<Signal>, Errno> {
        let found = self.descriptor.read_signal()?;
        Ok(found.and_then(|info| Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()))
    }

    /// Returns the signals that were blocked before.
    pub fn blocked_before(&self) -> &SigSet {
        &self.before
    }

    /// Unblocks them, for a child that executes another program.
    ///
    /// # Errors
    /// The kernel's.
    pub fn restore(&self) -> Result<(), Errno> {
        self.before.thread_set_mask()
    }
}

impl Drop for BlockedSignals {
    fn drop(&mut self) {
        let _restored = self.restore();
    }
}

/// A moment, in milliseconds of a clock that no step of the system's moves; `None` never comes.
pub type Moment = Option<u64>;

/// Returns the present moment.
///
/// # Errors
/// The kernel has no such clock.
pub fn now() -> Result<u64, Errno> {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    let number = |value: i64| u64::try_from(value).unwrap_or_default();
    Ok(number(time.tv_sec()) * 1000 + number(time.tv_nsec()) / 1_000_000)
}

/// Returns the moment after so many milliseconds.
///
/// # Errors
/// As [`now`].
pub fn after(milliseconds: u64) -> Result<Moment, Errno> {
    Ok(Some(now()?.saturating_add(milliseconds)))
}

/// Returns the earlier one.
pub fn earlier(one: Moment, other: Moment) -> Moment {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (moment, None) | (None, moment) => moment,
    }
}

/// Waits until one of these is ready or the moment is there; returns for each whether it is.
///
/// # Errors
/// The kernel's.
pub fn until<const N: usize>(fds: [(BorrowedFd<'_>, PollFlags); N], moment: Moment) -> Result<[bool; N], Errno> {
    let mut polled = fds.map(|(fd, flags)| PollFd::new(fd, flags));
    ready(&mut polled, moment)?;
    Ok(polled.map(|fd| fd.any().unwrap_or_default()))
}

/// The same for any number of descriptors.
///
/// # Errors
/// As above.
pub fn ready(polled: &mut [PollFd<'_>], moment: Moment) -> Result<(), Errno> {
    let timeout = match moment {
        None => PollTimeout::NONE,
        Some(moment) => PollTimeout::try_from(moment.saturating_sub(now()?)).unwrap_or(PollTimeout::MAX),
    };
    match poll(polled, timeout) {
        Ok(_) | Err(Errno::EINTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}
