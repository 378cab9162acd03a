//! From the exec of PID 1 to the first instruction of the last program that it starts, in fresh PID and mount namespaces:
//! stepdown beside other inits and supervisors, the usual shell entrypoint, and the least that a PID 1 can be. Run by hand, as
//! root: `cargo bench --bench boot [-- ROUNDS]`. dinit is measured if `BENCH_DINIT` is the path of its binary.
//!
//! All take turns within one run, so that the machine's mood hits them alike; the ratios are what counts. Nothing here
//! is a test: there is no limit that could fail.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

mod candidates;
mod room;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use candidates::Candidate;

/// Enough for medians that stay within a few percent from run to run.
const ROUNDS: usize = 200;
/// Not counted: the first boot writes the accounts, page caches fill.
const WARM_UP: usize = 3;
/// A boot of this many programs is not repeated as often.
const MANY: usize = 100;
const ROUNDS_OF_MANY: usize = 20;

fn main() -> ExitCode {
    if !nix::unistd::geteuid().is_root() {
        println!("SKIPPED (fresh PID and mount namespaces with a root of their own need root)");
        return ExitCode::SUCCESS;
    }
    match bench() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("cannot measure: {error}");
            ExitCode::FAILURE
        }
    }
}

fn bench() -> Result<(), Box<dyn Error>> {
    let rounds = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(ROUNDS);
    let all = candidates::all()?;
    let mut times = vec![Vec::new(); all.len()];
    for round in 0..WARM_UP + rounds {
        for place in 0..all.len() {
            // Each comes first, second … equally often.
            let at = (place + round) % all.len();
            let (Some(candidate), Some(times)) = (all.get(at), times.get_mut(at)) else { continue };
            if candidate.boot.programs >= MANY && round >= WARM_UP + ROUNDS_OF_MANY {
                continue;
            }
            let time = candidate.room.boot(&candidate.boot).map_err(|error| format!("{}: {error}", candidate.name))?;
            if round >= WARM_UP {
                times.push(time);
            }
        }
    }
    report(rounds, &all, &mut times);
    Ok(())
}

fn report(rounds: usize, all: &[Candidate], times: &mut [Vec<Duration>]) {
    times.iter_mut().for_each(|times| times.sort_unstable());
    let quantile = |times: &[Duration], percent: usize| {
        times.get(times.len().saturating_sub(1) * percent / 100).map(|time| time.as_secs_f64() * 1e3)
    };
    let median_of = |name: &str| {
        let at = all.iter().position(|candidate| candidate.name == name)?;
        quantile(times.get(at)?, 50)
    };
    let (floor, tini) = (median_of("floor: static C"), median_of("tini"));
    println!(
        "exec of PID 1 to the first instruction of its last program, {rounds} interleaved boots each, milliseconds"
    );
    println!("{:<44} {:>8} {:>8} {:>8} {:>9} {:>8}", "", "median", "p10", "p90", "÷ floor", "÷ tini");
    for (Candidate { name, .. }, times) in all.iter().zip(&*times) {
        let [Some(median), Some(low), Some(high)] = [50, 10, 90].map(|percent| quantile(times, percent)) else {
            continue;
        };
        let ratio = |base: Option<f64>| base.map_or_else(|| "-".to_owned(), |base| format!("{:.2}", median / base));
        println!("{name:<44} {median:>8.3} {low:>8.3} {high:>8.3} {:>9} {:>8}", ratio(floor), ratio(tini));
    }
}
