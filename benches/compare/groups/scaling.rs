//! How start, reload, status and stop grow with the number of services: 1 is linear.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;

use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::peers::{Supervisor, dinit};
use super::super::results::Case;
use super::super::samples::{exponent, quantile};
use super::super::{Outcome, interrupt};
use super::reload::Running;

/// A little above 1 is what medians of few rounds scatter.
const LINEAR: Limit = Limit::AtMost(1.1);
const WORK: [&str; 4] = ["start", "reload of one changed", "status", "stop"];

/// Milliseconds by work, supervisor and number of services.
type Samples = BTreeMap<(&'static str, &'static str), BTreeMap<usize, Vec<f64>>>;

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let sizes: &[usize] = bench.size(&[100, 300, 1000, 3000, 10_000], &[10, 30, 100]);
    let mut samples = Samples::new();
    let mut missing = BTreeMap::new();
    for &count in sizes {
        let rounds = bench.rounds(if count > 1000 { 1 } else { 3 });
        for peer in [Supervisor::Stepdown, Supervisor::Dinit] {
            for _ in 0..rounds {
                interrupt::check()?;
                if let Err(error) = measure(bench, peer, count, &mut samples) {
                    interrupt::check()?;
                    missing.insert(peer.name(), format!("with {count} services: {error}"));
                }
            }
        }
    }
    let mut cases = Vec::new();
    for work in WORK {
        let [Some(first), Some(last)] = [sizes.first(), sizes.last()] else { continue };
        let mut growth = Case::new(format!("growth of {work}, {first} to {last} services"), "exponent");
        let mut times = Case::new(format!("{work}, by number of services"), "ms");
        for peer in [Supervisor::Stepdown, Supervisor::Dinit] {
            let Some(by_size) = samples.get(&(work, peer.name())) else { continue };
            by_size.iter().for_each(|(count, samples)| times.row(format!("{}, {count}", peer.name()), samples));
            let median = |(count, samples): (&usize, &Vec<f64>)| Some((*count as f64, quantile(samples, 50)?));
            let points: Vec<_> = by_size.iter().filter_map(median).collect();
            growth.row(peer.name(), exponent(&points).as_slice());
        }
        missing.iter().for_each(|(who, why)| times.missing(*who, why));
        cases.extend([times, growth.budget("stepdown", &LINEAR)]);
    }
    Ok(cases)
}

fn measure(bench: &Bench, peer: Supervisor, count: usize, samples: &mut Samples) -> Outcome<()> {
    let mut note = |work: &'static str, milliseconds: f64| {
        samples.entry((work, peer.name())).or_default().entry(count).or_default().push(milliseconds);
    };
    let setup = peer.services(bench, count)?;
    note("start", setup.boot(count)?);
    let mut running = Running::start(setup, count)?;
    if peer == Supervisor::Stepdown {
        note("reload of one changed", running.change_one()?);
        note("status", running.inside(&["/stepdown", "status"])?);
    } else {
        note("status", running.inside(&["/dinitctl", "--socket-path", dinit::SOCKET, "list"])?);
    }
    note("stop", running.stop(Signal::SIGTERM)?);
    Ok(())
}
