//! The basic types of the configuration: ids, names, signals, capabilities. Parsed once into types that are always valid;
//! must not know where a value came from.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

pub use super::log_format::LogFormat;
use super::units;

/// A numeric user id. `4294967295` is never one: for the kernel it means "leave unchanged" (SECURITY fact 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub u32);

/// A numeric group id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Gid(pub u32);

impl Uid {
    /// The superuser of this user namespace.
    pub const ROOT: Self = Self(0);
}

impl Gid {
    /// The superuser's group.
    pub const ROOT: Self = Self(0);
}

impl fmt::Display for Uid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

impl fmt::Display for Gid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// An account's name in `/etc/passwd`: a letter or `_`, then letters, digits, `_`, `-`, `.`; at most 32 bytes
/// (useradd(8)). Nothing else may reach an account file (CVE-2011-0721).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// A group's name in `/etc/group`: the same letters as [`UserName`], but a type of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

fn is_account_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() <= 32
        && bytes.next().is_some_and(|first| first.is_ascii_alphabetic() || first == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

impl UserName {
    /// Returns the name, or `None` if it cannot be one.
    pub fn new(text: &str) -> Option<Self> {
        is_account_name(text).then(|| Self(text.to_owned()))
    }

    /// Returns its letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl GroupName {
    /// Returns the name, or `None` if it cannot be one.
    pub fn new(text: &str) -> Option<Self> {
        is_account_name(text).then(|| Self(text.to_owned()))
    }

    /// Returns its letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A service's name: letters, digits and `_ - . @ : +`, not starting with `-` or `.`, at most 64 bytes.
/// It becomes a tag in the log and a file name, so it contains no special characters. Its letters are shared by all copies.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

impl ServiceName {
    /// The name of the main command in reports, logs and `status`; no service may have it.
    pub const MAIN: &'static str = "main";
    /// The name of our own messages; no service may have it, so that they cannot be forged.
    pub const OWN: &'static str = "stepdown";

    /// Returns the name, or `None` if it cannot be one.
    pub fn new(text: &str) -> Option<Self> {
        let first = text.bytes().next()?;
        let fits = text.len() <= 64
            && (first.is_ascii_alphanumeric() || first == b'_')
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.@:+".contains(&byte))
            && text != Self::MAIN
            && text != Self::OWN;
        fits.then(|| Self(text.into()))
    }

    /// Returns the name of the main command in the engine.
    pub fn main() -> Self {
        Self(Self::MAIN.into())
    }

    /// Returns its letters.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// So that a name is found by its letters.
impl Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

/// A signal number, 1 to 64 (signal(7), Linux on x86-64 and arm64).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Signal(i32);

#[rustfmt::skip] // a table
const SIGNALS: [(&str, i32); 31] = [
    ("HUP", 1), ("INT", 2), ("QUIT", 3), ("ILL", 4), ("TRAP", 5), ("ABRT", 6), ("BUS", 7), ("FPE", 8),
    ("KILL", 9), ("USR1", 10), ("SEGV", 11), ("USR2", 12), ("PIPE", 13), ("ALRM", 14), ("TERM", 15), ("STKFLT", 16),
    ("CHLD", 17), ("CONT", 18), ("STOP", 19), ("TSTP", 20), ("TTIN", 21), ("TTOU", 22), ("URG", 23), ("XCPU", 24),
    ("XFSZ", 25), ("VTALRM", 26), ("PROF", 27), ("WINCH", 28), ("IO", 29), ("PWR", 30), ("SYS", 31),
];

impl Signal {
    /// Hang-up.
    pub const HUP: Self = Self(1);
    /// Interrupt, Ctrl-C.
    pub const INT: Self = Self(2);
    /// Quit, Ctrl-\.
    pub const QUIT: Self = Self(3);
    /// Cannot be caught.
    pub const KILL: Self = Self(9);
    /// Abort, with a core file if allowed.
    pub const ABRT: Self = Self(6);
    /// The usual request to stop.
    pub const TERM: Self = Self(15);
    /// A child changed state.
    pub const CHLD: Self = Self(17);
    /// Continue if stopped.
    pub const CONT: Self = Self(18);
    /// Power failure; as systemd and LXC use it: power off.
    pub const PWR: Self = Self(30);
    /// `SIGRTMIN+3`: halt, to systemd.
    pub const RTMIN_3: Self = Self(37);
    /// A terminal's Ctrl-Z.
    pub const TSTP: Self = Self(20);
    /// The window has another size.
    pub const WINCH: Self = Self(28);
    /// The highest number.
    pub const MAX: i32 = 64;

    /// Returns the signal of that number, if there is one.
    pub fn from_number(number: i32) -> Option<Self> {
        (1..=Self::MAX).contains(&number).then_some(Self(number))
    }

    /// Reads `TERM`, `SIGTERM`, `15`, `RTMIN+3`; upper case, as kill(1) prints them.
    pub fn parse(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("SIG").unwrap_or(text);
        let number = |text: &str| units::id(text.as_bytes()).ok().and_then(|number| i32::try_from(number).ok());
        if let Some((_, number)) = SIGNALS.iter().find(|(name, _)| *name == bare) {
            return Some(Self(*number));
        }
        if let Some(plus) = bare.strip_prefix("RTMIN") {
            let more = if plus.is_empty() { 0 } else { number(plus.strip_prefix('+')?)? };
            return Self::from_number(more.saturating_add(34));
        }
        number(text).and_then(Self::from_number)
    }

    /// Every name without `SIG`, but for those of real-time signals.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SIGNALS.iter().map(|(name, _)| *name)
    }

    /// Returns whether it stops a process by default, and is dropped by the kernel when CONT comes after it (signal(7)).
    pub fn is_stopping(self) -> bool {
        matches!(self.0, 19..=22) // STOP, TSTP, TTIN, TTOU
    }

    /// Returns whether images use it as STOPSIGNAL although PID 1 does not treat it as a stop: signals that programs handle
    /// as a stop (WINCH: Apache; USR1: HAProxy), as opposed to those that a terminal or the kernel sends.
    pub fn is_used_as_stop_signal(self) -> bool {
        matches!(self.0, 10 | 12 | 28 | 34..) // USR1, USR2, WINCH, real-time
    }

    /// Returns whether it is a stop request to an init, which programs do not handle: at a stop by it the main command gets its own
    /// stop signal. (A main command alone gets it, as under tini: [`crate::run`].)
    pub fn is_for_pid_one(self) -> bool {
        self == Self::PWR || self == Self::RTMIN_3
    }

    /// Returns the number that kill(2) takes.
    pub fn number(self) -> i32 {
        self.0
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIGNALS.iter().find(|(_, number)| *number == self.0) {
            Some((name, _)) => write!(out, "SIG{name}"),
            None if self.0 >= 34 => write!(out, "SIGRTMIN+{}", self.0 - 34),
            None => write!(out, "signal {}", self.0),
        }
    }
}

/// One Linux capability, by its number in capability.h.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Capability(u8);

#[rustfmt::skip] // a table
const CAPABILITIES: [&str; 41] = [
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP", "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
    "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
    "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM",
    "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF", "CHECKPOINT_RESTORE",
];

impl Capability {
    /// Change owners of files.
    pub const CHOWN: Self = Self(0);
    /// Bypass file permission checks.
    pub const DAC_OVERRIDE: Self = Self(1);
    /// Act as a file's owner.
    pub const FOWNER: Self = Self(3);
    /// Signal other users' processes.
    pub const KILL: Self = Self(5);
    /// Change groups.
    pub const SETGID: Self = Self(6);
    /// Change users.
    pub const SETUID: Self = Self(7);
    /// Bind ports below 1024.
    pub const NET_BIND_SERVICE: Self = Self(10);
    /// Mount, and much else.
    pub const SYS_ADMIN: Self = Self(21);
    /// Lower nice values.
    pub const SYS_NICE: Self = Self(23);
    /// Raise hard limits, lower oom_score_adj.
    pub const SYS_RESOURCE: Self = Self(24);

    /// Every name, for "did you mean".
    pub const NAMES: [&str; 41] = CAPABILITIES;

    /// Reads `NET_BIND_SERVICE` or `CAP_NET_BIND_SERVICE`, in any case, as Docker does.
    pub fn parse(text: &str) -> Option<Self> {
        let upper = text.to_ascii_uppercase();
        let bare = upper.strip_prefix("CAP_").unwrap_or(&upper);
        CAPABILITIES.iter().position(|name| *name == bare).and_then(|at| u8::try_from(at).ok()).map(Self)
    }

    /// Returns its number.
    pub fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CAPABILITIES.get(usize::from(self.0)) {
            Some(name) => out.write_str(name),
            None => write!(out, "CAP_{}", self.0),
        }
    }
}

/// A set of capabilities, one bit each, as `/proc/self/status` shows them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapSet(pub u64);

impl CapSet {
    /// No capability.
    pub const EMPTY: Self = Self(0);

    /// Returns the set with `capability` in it.
    #[must_use]
    pub fn with(self, capability: Capability) -> Self {
        Self(self.0 | 1 << capability.0)
    }

    /// Returns the union.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the intersection.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the difference.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns whether it is in the set.
    pub fn has(self, capability: Capability) -> bool {
        self.0 >> capability.0 & 1 == 1
    }

    /// Returns whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns each of them, by number.
    pub fn iter(self) -> impl Iterator<Item = Capability> {
        (0..64).map(Capability).filter(move |capability| self.has(*capability))
    }
}

impl FromIterator<Capability> for CapSet {
    fn from_iter<T: IntoIterator<Item = Capability>>(all: T) -> Self {
        all.into_iter().fold(Self::EMPTY, Self::with)
    }
}

impl fmt::Display for CapSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return out.write_str("none");
        }
        for (at, capability) in self.iter().enumerate() {
            if at > 0 {
                out.write_str(" ")?;
            }
            write!(out, "{capability}")?;
        }
        Ok(())
    }
}

/// A group by name or number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GroupRef {
    /// Looked up in `/etc/group`.
    Name(GroupName),
    /// As it is.
    Id(Gid),
}
