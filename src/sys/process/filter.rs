//! A seccomp filter for services: system calls that change limits, priorities and CPU affinity are refused for PID 1 only.
//! The kernel allows them to processes of the same uid: under `--user` all of them, after a step down all but prlimit(2),
//! which PID 1's saved gid prevents. One `prlimit(1, RLIMIT_AS, …)` ends the container.
//!
//! A classic BPF program (seccomp(2)), prepared before the fork. PID 1 has one thread, so that its pid is the only one to
//! check; a service sees the same pid, as it is in the same PID namespace. In a PID namespace of a service's own our PID 1
//! has no pid, and the calls are refused for the process that has the number there.
//!
//! It costs 40 ns a call (`.ci/bench filter`, Linux 6.18 on x86-64, a loaded machine: getpid 169 → 209 ns, prlimit of itself
//! 462 → 513 ns, open and close 3.19 → 3.33 µs, fork, exec and wait 654 → 676 µs).
#![allow(unsafe_code)] // getpgrp(2), getuid(2), seccomp(2): not all have a wrapper in nix

use std::sync::atomic::{AtomicI32, Ordering};

use nix::errno::Errno;
use nix::libc;

use crate::config::values::{CapSet, Capability, Uid};
use crate::plan::Credentials;
use crate::sys::process::raw::call;

/// The errno of the first failed installation; 0: none failed. Global, because the reason is: the kernel, or a filter of the
/// container.
static REFUSED: AtomicI32 = AtomicI32::new(0);

/// Records a failed installation. Returns whether it is the first one.
pub fn record_refused(errno: Errno) -> bool {
    REFUSED.compare_exchange(0, errno as i32, Ordering::Relaxed, Ordering::Relaxed).is_ok()
}

/// Returns the errno of the first failed installation; `None`: none failed.
pub fn refused() -> Option<Errno> {
    Some(REFUSED.load(Ordering::Relaxed)).filter(|errno| *errno != 0).map(Errno::from_raw)
}

/// The BPF program.
#[derive(Debug)]
pub struct Filter(Vec<libc::sock_filter>);

/// The process that the filter protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProtectedProcess {
    pid: u32,
    group: u32,
    uid: u32,
}

/// The system call numbers of one architecture: x86-64 and i386, or arm64 and 32-bit ARM (`asm/unistd.h`).
struct SyscallNumbers {
    /// `AUDIT_ARCH_…` (linux/audit.h).
    arch: u32,
    /// Bits of the number for the calling convention: those of x32.
    convention: u32,
    /// System calls whose first argument is a pid.
    first_is_pid: &'static [u32],
    prlimit64: u32,
    setpriority: u32,
    ioprio_set: u32,
}

/// sched_setattr, sched_setscheduler, sched_setparam, sched_setaffinity, migrate_pages.
#[cfg(target_arch = "x86_64")]
const ARCHITECTURES: [SyscallNumbers; 2] = [
    SyscallNumbers {
        arch: 0xc000_003e,
        convention: 0x4000_0000,
        first_is_pid: &[314, 144, 142, 203, 256],
        prlimit64: 302,
        setpriority: 141,
        ioprio_set: 251,
    },
    SyscallNumbers {
        arch: 0x4000_0003,
        convention: 0,
        first_is_pid: &[351, 156, 154, 241, 294],
        prlimit64: 340,
        setpriority: 97,
        ioprio_set: 289,
    },
];
/// sched_setattr, sched_setscheduler, sched_setparam, sched_setaffinity, migrate_pages.
#[cfg(target_arch = "aarch64")]
const ARCHITECTURES: [SyscallNumbers; 2] = [
    SyscallNumbers {
        arch: 0xc000_00b7,
        convention: 0,
        first_is_pid: &[274, 119, 118, 122, 238],
        prlimit64: 261,
        setpriority: 140,
        ioprio_set: 30,
    },
    SyscallNumbers {
        arch: 0x4000_0028,
        convention: 0,
        first_is_pid: &[380, 156, 154, 241, 400],
        prlimit64: 369,
        setpriority: 97,
        ioprio_set: 314,
    },
];
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCHITECTURES: [SyscallNumbers; 0] = [];

const NR: u32 = 0;
const ARCH: u32 = 4;

/// The offset of the lower half of an argument in `struct seccomp_data`, on a little-endian machine. A pid has 32 bits.
const fn argument(at: u32) -> u32 {
    16 + 8 * at
}

/// For `setpriority` and `ioprio_set`: the values of `which` for a process, a group and a user.
const PRIORITY: [u32; 3] = [libc::PRIO_PROCESS, libc::PRIO_PGRP, libc::PRIO_USER];
/// linux/ioprio.h.
const IO_PRIORITY: [u32; 3] = [1, 2, 3];

impl ProtectedProcess {
    /// Returns the present process.
    pub fn this() -> Self {
        // SAFETY: both take nothing, and cannot fail.
        let (group, uid) = unsafe { (libc::getpgrp(), libc::getuid()) };
        Self { pid: std::process::id(), group: u32::try_from(group).unwrap_or_default(), uid }
    }

    /// Returns whether a process with these credentials could change it, and can have a filter: that needs no_new_privs.
    pub fn is_reached_by(&self, credentials: &Credentials) -> bool {
        let capabilities: CapSet = [Capability::SYS_NICE, Capability::SYS_RESOURCE].into_iter().collect();
        let same = credentials.uid == Uid(self.uid);
        let may = same || !credentials.ambient.intersection(capabilities).is_empty();
        may && credentials.no_new_privs
    }
}

impl Filter {
    /// Returns the program.
    pub fn new(of: ProtectedProcess) -> Self {
        let mut program = vec![load(ARCH)];
        let mut jumps = Vec::new();
        for numbers in &ARCHITECTURES {
            let block = calls(numbers);
            program.push(unless(numbers.arch, block.len()));
            for (at, (instruction, rule)) in (program.len()..).zip(block) {
                program.push(instruction);
                jumps.extend(rule.map(|rule| (at, rule)));
            }
        }
        program.push(allow());
        for rule in [Rule::FirstIsPid, Rule::Limit, Rule::Priority, Rule::IoPriority] {
            let start = program.len();
            for at in jumps.iter().filter(|(_, to)| *to == rule).map(|(at, _)| *at) {
                let distance = u8::try_from(start - at - 1).unwrap_or(u8::MAX);
                program.get_mut(at).into_iter().for_each(|instruction| instruction.jt = distance);
            }
            program.extend(rule.body(of));
        }
        Self(program)
    }

    /// Installs it for this thread. Between fork and exec: allocates nothing, leaves errno alone.
    ///
    /// # Errors
    /// The kernel's: EACCES without no_new_privs, EINVAL where it has no filters.
    pub fn install(&self) -> Result<(), Errno> {
        let length = u16::try_from(self.0.len()).unwrap_or_default();
        let program = libc::sock_fprog { len: length, filter: self.0.as_ptr().cast_mut() };
        // SAFETY: the program outlives the call, which only reads it.
        let install = |flags: libc::c_ulong| unsafe {
            call!(seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program).map(drop)
        };
        // Before 5.16 a filter enables a slow Spectre v4 mitigation, which is not needed for one that only checks pids.
        match install(libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW) {
            Err(Errno::EINVAL) => install(0),
            done => done,
        }
    }
}

/// What is checked of a call: the same for all architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    FirstIsPid,
    Limit,
    Priority,
    IoPriority,
}

impl Rule {
    fn body(self, of: ProtectedProcess) -> Vec<libc::sock_filter> {
        match self {
            Self::FirstIsPid => vec![load(argument(0)), unless(of.pid, 1), refuse(), allow()],
            Self::Limit => {
                let of_it = [load(argument(0)), when(of.pid, 1), allow()];
                // Reading is allowed: refuse only if the pointer to the new limit is not null, in either half.
                let pointer = [load(argument(2)), unless(0, 3), load(argument(2) + 4), unless(0, 1), allow(), refuse()];
                [&of_it[..], &pointer[..]].concat()
            }
            Self::Priority => match_target(PRIORITY, of),
            Self::IoPriority => match_target(IO_PRIORITY, of),
        }
    }
}

/// The program for one architecture, with the rules to which it jumps. All calls below and above those that have one are
/// allowed at once: when a filter is installed the kernel runs it for every call that there is, twice, to find those.
fn calls(numbers: &SyscallNumbers) -> Vec<(libc::sock_filter, Option<Rule>)> {
    let first = numbers.first_is_pid.iter().map(|number| (*number, Rule::FirstIsPid));
    let others = [
        (numbers.prlimit64, Rule::Limit),
        (numbers.setpriority, Rule::Priority),
        (numbers.ioprio_set, Rule::IoPriority),
    ];
    let all: Vec<_> = first.chain(others).collect();
    let least = all.iter().map(|(number, _)| *number).min().unwrap_or_default();
    let most = all.iter().map(|(number, _)| *number).max().unwrap_or_default();
    let count = u8::try_from(all.len()).unwrap_or(u8::MAX);
    let mut block = vec![(load(NR), None)];
    if numbers.convention != 0 {
        block.push((statement(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, !numbers.convention), None));
    }
    // To the last instruction.
    block.push((jump(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, least, 0, count + 1), None));
    block.push((jump(libc::BPF_JMP | libc::BPF_JGT | libc::BPF_K, most, count, 0), None));
    block.extend(all.into_iter().map(|(number, rule)| (when(number, 0), Some(rule))));
    block.push((allow(), None));
    block
}

/// A process, a group or a user, as the first argument says; 0 as the second one means the caller's own, which for a user
/// includes PID 1 if it has the same uid.
fn match_target([process, group, user]: [u32; 3], of: ProtectedProcess) -> Vec<libc::sock_filter> {
    let is = |kind: u32, refused: Vec<u32>| {
        let mut body = vec![load(argument(1))];
        for value in refused {
            body.extend([unless(value, 1), refuse()]);
        }
        body.push(allow());
        [vec![unless(kind, body.len())], body].concat()
    };
    let users = vec![0, of.uid];
    [vec![load(argument(0))], is(process, vec![of.pid]), is(group, vec![of.group]), is(user, users), vec![allow()]]
        .concat()
}

fn statement(code: u32, k: u32) -> libc::sock_filter {
    jump(code, k, 0, 0)
}

fn jump(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: u16::try_from(code).unwrap_or_default(), jt, jf, k }
}

fn load(offset: u32) -> libc::sock_filter {
    statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset)
}

const EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;

/// Skips `over` instructions unless the loaded value is `value`. No block here is longer than a jump can be.
fn unless(value: u32, over: usize) -> libc::sock_filter {
    jump(EQUAL, value, 0, u8::try_from(over).unwrap_or(u8::MAX))
}

fn when(value: u32, over: u8) -> libc::sock_filter {
    jump(EQUAL, value, over, 0)
}

fn allow() -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW)
}

fn refuse() -> libc::sock_filter {
    statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ERRNO | libc::EPERM as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel's interpreter does with the instructions that are used here (linux/filter.h).
    fn run(filter: &Filter, arch: u32, nr: u32, arguments: [u64; 3]) -> &'static str {
        let mut data = [0_u8; 64];
        data[0..4].copy_from_slice(&nr.to_le_bytes());
        data[4..8].copy_from_slice(&arch.to_le_bytes());
        for (at, value) in arguments.into_iter().enumerate() {
            data[16 + 8 * at..24 + 8 * at].copy_from_slice(&value.to_le_bytes());
        }
        let (mut at, mut loaded) = (0, 0_u32);
        loop {
            let it = filter.0[at];
            at += 1;
            match u32::from(it.code) & 7 {
                libc::BPF_LD => {
                    let from = it.k as usize;
                    loaded = u32::from_le_bytes(data[from..from + 4].try_into().unwrap());
                }
                libc::BPF_ALU => loaded &= it.k,
                libc::BPF_JMP => {
                    let holds = match u32::from(it.code) & 0xf0 {
                        libc::BPF_JEQ => loaded == it.k,
                        libc::BPF_JGE => loaded >= it.k,
                        libc::BPF_JGT => loaded > it.k,
                        other => panic!("no comparison of ours: {other}"),
                    };
                    at += usize::from(if holds { it.jt } else { it.jf });
                }
                libc::BPF_RET if it.k == libc::SECCOMP_RET_ALLOW => return "allowed",
                libc::BPF_RET => return "refused",
                other => panic!("no instruction of ours: {other}"),
            }
        }
    }

    const OF: ProtectedProcess = ProtectedProcess { pid: 1, group: 9, uid: 1000 };

    #[test]
    fn what_changes_pid_1_is_refused_and_nothing_else() {
        let filter = Filter::new(OF);
        for numbers in &ARCHITECTURES {
            let decide = |nr: u32, arguments: [u64; 3]| run(&filter, numbers.arch, nr, arguments);
            for nr in numbers.first_is_pid {
                assert_eq!([0, 1, 2].map(|pid| decide(*nr, [pid, 0, 0])), ["allowed", "refused", "allowed"], "{nr}");
                // The kernel takes a pid's 32 bits and no more.
                assert_eq!(decide(*nr, [1 << 32 | 1, 0, 0]), "refused");
            }
            let limit = |pid, new| decide(numbers.prlimit64, [pid, 7, new]);
            assert_eq!([limit(1, 0), limit(0, 5), limit(2, 5)], ["allowed"; 3]);
            assert_eq!([limit(1, 5), limit(1, 5 << 32)], ["refused"; 2]);
            for (nr, [process, group, user]) in [(numbers.setpriority, PRIORITY), (numbers.ioprio_set, IO_PRIORITY)] {
                let of = |which: u32, who: u64| decide(nr, [u64::from(which), who, 0]);
                assert_eq!([of(process, 1), of(group, 9), of(user, 0), of(user, 1000)], ["refused"; 4]);
                assert_eq!([of(process, 0), of(process, 9), of(group, 0), of(group, 1), of(user, 1)], ["allowed"; 5]);
                assert_eq!(of(7, 1), "allowed");
            }
            let checked = [numbers.prlimit64, numbers.setpriority, numbers.ioprio_set];
            let others = (0..1000).filter(|nr| !numbers.first_is_pid.contains(nr) && !checked.contains(nr));
            others.for_each(|nr| assert_eq!(decide(nr, [1, 1, 1]), "allowed", "{nr}"));
        }
        assert_eq!(run(&filter, 0x1234, 302, [1, 7, 5]), "allowed", "an architecture that there is not");
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn the_calls_of_x32_are_refused_as_well() {
        let numbers = &ARCHITECTURES[0];
        let nr = numbers.prlimit64 | numbers.convention;
        assert_eq!(run(&Filter::new(OF), numbers.arch, nr, [1, 7, 5]), "refused");
    }

    #[test]
    fn the_program_is_short() {
        // The kernel translates it to machine code at each start of a service.
        let filter = Filter::new(OF);
        assert!(filter.0.len() <= 80, "{}", filter.0.len());
    }

    #[test]
    fn only_who_could_change_anything_and_can_be_filtered_is() {
        let of = |uid, ambient: CapSet, no_new_privs| {
            let it =
                Credentials { uid: Uid(uid), gid: crate::config::values::Gid(1), groups: None, ambient, no_new_privs };
            OF.is_reached_by(&it)
        };
        let nice = CapSet::EMPTY.with(Capability::SYS_NICE);
        assert!(of(1000, CapSet::EMPTY, true) && of(7, nice, true));
        assert!(!of(7, CapSet::EMPTY, true) && !of(1000, CapSet::EMPTY, false));
    }
}
