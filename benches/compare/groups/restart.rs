//! From the kill of a service to the first instruction of its next run, after it ran long and after it ran briefly.

use std::collections::BTreeMap;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::container::{Container, now};
use super::super::process::programs;
use super::super::results::Case;
use super::many::{Many, pause};

/// What has run for a shorter time has not run long.
const YOUNG: Duration = Duration::from_secs(1);

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let many = bench.size(1000, 20);
    let mut cases = Vec::new();
    for (count, lived, rounds) in [(1, 3000, 5), (1, 50, 5), (many, 3000, 3)] {
        cases.push(restarts(bench, count, Duration::from_millis(lived), bench.rounds(rounds))?);
    }
    Ok(cases)
}

fn restarts(bench: &Bench, count: usize, lived: Duration, rounds: usize) -> Outcome<Case> {
    let mut many = Many::supervisors(bench, count);
    let mut samples: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for _ in 0..rounds {
        for (who, container) in many.start(lived)?.iter_mut() {
            if lived < YOUNG {
                // It has lived longer than that by now, and the next run does not.
                restart(container)?;
                pause(lived)?;
            }
            samples.entry(who.clone()).or_default().push(restart(container)?);
        }
    }
    let mut cases = [Case::new(format!("restart of what ran {} ms, {count} services", lived.as_millis()), "ms")];
    samples.iter().for_each(|(who, samples)| cases.iter_mut().for_each(|case| case.row(who, samples)));
    many.name_missing(&mut cases);
    let [case] = cases;
    Ok(case.against("dinit").budget("stepdown", &Limit::Times(1.0, "dinit")))
}

/// Kills a service, and returns the milliseconds until it runs again.
fn restart(container: &mut Container) -> Outcome<f64> {
    let service = *programs(container)?.last().ok_or("no service runs")?;
    let began = now()?;
    kill(service, Signal::SIGKILL)?;
    let again = container.stamps(1)?.into_iter().max().unwrap_or_default();
    Ok(again.saturating_sub(began).as_secs_f64() * 1e3)
}
