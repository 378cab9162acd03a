//! What the seccomp filter of services (`pid1_filter`) costs: the same work with and without it, by turns, in one run. Run by
//! hand:
//!
//! ```text
//! cargo bench --bench filter -- [ROUNDS]
//! ```
//!
//! Processor time, of the children too; the fastest of all rounds counts: whatever else runs here only makes one slower.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)] // measures
#![allow(unsafe_code)] // getpid(2) itself, fork

use std::io::{Write, stdout};
use std::process::Command;

use nix::libc;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, pipe, read, write};
use stepdown::sys::process::filter::{Filter, ProtectedProcess};

/// A piece of work, and how often it is done in a round.
type Work = (&'static str, u32, fn());

const WORK: [Work; 4] = [
    ("getpid", 200_000, || {
        // SAFETY: takes nothing.
        unsafe { libc::syscall(libc::SYS_getpid) };
    }),
    ("open, close", 50_000, || drop(std::fs::File::open("/dev/null").unwrap())),
    ("prlimit of itself", 50_000, || {
        getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    }),
    ("fork, exec, wait", 200, || {
        assert!(Command::new("/bin/true").status().unwrap().success());
    }),
];

fn main() {
    let given = std::env::args().skip(1).find(|word| !word.starts_with("--"));
    let rounds = given.map_or(7, |word| word.parse().expect("a number"));
    for (name, times, work) in WORK {
        let (mut without, mut with) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..rounds {
            without = without.min(nanoseconds(times, work, false));
            with = with.min(nanoseconds(times, work, true));
        }
        let ratio = with / without;
        let line = format!("{name:18} {without:>10.1} ns without, {with:>10.1} ns with: {ratio:.3}\n");
        stdout().write_all(line.as_bytes()).unwrap();
    }
}

/// The seconds that this process and its children were busy.
fn busy() -> f64 {
    let usage_of = |who: UsageWho| {
        let usage = getrusage(who).unwrap();
        (usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6
    };
    usage_of(UsageWho::RUSAGE_SELF) + usage_of(UsageWho::RUSAGE_CHILDREN)
}

/// Returns how long one such piece takes in a process of its own.
fn nanoseconds(times: u32, work: fn(), filtered: bool) -> f64 {
    let (reader, writer) = pipe().unwrap();
    // SAFETY: this process has one thread.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            if filtered {
                nix::sys::prctl::set_no_new_privs().unwrap();
                Filter::new(ProtectedProcess::this()).install().unwrap();
            }
            let began = busy();
            (0..times).for_each(|_| work());
            let took = (busy() - began) * 1e9 / f64::from(times);
            write(&writer, &took.to_ne_bytes()).unwrap();
            // SAFETY: ends this process, without what its parent would do at the end.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            drop(writer);
            waitpid(child, None).unwrap();
            let mut took = [0; 8];
            read(&reader, &mut took).unwrap();
            f64::from_ne_bytes(took)
        }
    }
}
