//! What the seccomp filter of services (`pid1_filter`) costs: the same work with and without it, in processor time, that of
//! the children too.
#![allow(clippy::disallowed_methods)] // measures
#![allow(unsafe_code)] // getpid(2) itself, fork

use std::process::Command;

use nix::libc;
use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike;
use nix::sys::wait::waitpid;
use nix::unistd::{ForkResult, fork, pipe, read, write};
use stepdown::sys::process::filter::{Filter, ProtectedProcess};

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::race::Race;
use super::super::results::Case;

/// A piece of work, and how often it is done in a round.
type Work = (&'static str, u32, fn() -> Outcome<()>);

const WORK: [Work; 4] = [
    ("getpid", 200_000, || {
        // SAFETY: takes nothing.
        unsafe { libc::syscall(libc::SYS_getpid) };
        Ok(())
    }),
    ("open, close", 50_000, || Ok(std::fs::File::open("/dev/null").map(drop)?)),
    ("prlimit of itself", 50_000, || Ok(getrlimit(Resource::RLIMIT_NOFILE).map(drop)?)),
    ("fork, exec, wait", 200, || Ok(Command::new("/bin/true").status().map(drop)?)),
];

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let mut cases = Vec::new();
    for (name, times, work) in WORK {
        let times = bench.size(times, times / 100);
        let mut race = Race::default();
        race.one("without the filter", Ok(()), move |()| nanoseconds(times, work, false));
        race.one("with it", Ok(()), move |()| nanoseconds(times, work, true));
        let [case] = race.run(bench.rounds(7), [Case::new(name, "ns of processor time")])?;
        cases.push(case.against("without the filter"));
    }
    Ok(cases)
}

/// The seconds that this process and its children were busy.
fn busy() -> Outcome<f64> {
    let usage_of = |who: UsageWho| -> Outcome<f64> {
        let usage = getrusage(who)?;
        Ok((usage.user_time() + usage.system_time()).num_microseconds() as f64 / 1e6)
    };
    Ok(usage_of(UsageWho::RUSAGE_SELF)? + usage_of(UsageWho::RUSAGE_CHILDREN)?)
}

/// Returns how long one such piece takes in a process of its own.
fn nanoseconds(times: u32, work: fn() -> Outcome<()>, filtered: bool) -> Outcome<f64> {
    let (reader, writer) = pipe()?;
    // SAFETY: this process has one thread.
    match unsafe { fork() }? {
        ForkResult::Child => {
            let took = in_child(times, work, filtered).unwrap_or(f64::NAN);
            write(&writer, &took.to_ne_bytes()).ok();
            // SAFETY: ends this process, without what its parent would do at the end.
            unsafe { libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            drop(writer);
            waitpid(child, None)?;
            let mut took = [0; 8];
            read(&reader, &mut took)?;
            let took = f64::from_ne_bytes(took);
            if took.is_nan() { Err("the work cannot be done".into()) } else { Ok(took) }
        }
    }
}

fn in_child(times: u32, work: fn() -> Outcome<()>, filtered: bool) -> Outcome<f64> {
    if filtered {
        nix::sys::prctl::set_no_new_privs()?;
        Filter::new(ProtectedProcess::this()).install()?;
    }
    let began = busy()?;
    (0..times).try_for_each(|_| work())?;
    Ok((busy()? - began) * 1e9 / f64::from(times))
}
