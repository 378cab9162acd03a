//! How often an init with its helpers wakes up while nothing happens, and what that costs.

use std::time::Duration;

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::process::{of_the_init, processor_time, waits};
use super::super::results::Case;
use super::many::{Many, pause};

const SETTLE: Duration = Duration::from_secs(3);

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let sizes = bench.size([100, 1000], [1, 20]);
    let mut cases = Vec::new();
    for count in sizes {
        cases.extend(size(bench, count)?);
    }
    Ok(cases)
}

fn size(bench: &Bench, count: usize) -> Outcome<[Case; 2]> {
    let seconds = bench.size(20, 5);
    let mut many = Many::new(bench, count);
    let read = |containers: &mut [(String, _)]| -> Outcome<Vec<(f64, f64)>> {
        let one = |(_, container): &(String, _)| {
            let pids = of_the_init(container)?;
            Ok((waits(&pids), pids.iter().map(|&pid| processor_time(pid)).sum::<Outcome<f64>>()?))
        };
        containers.iter().map(one).collect()
    };
    let containers = many.start(SETTLE)?;
    let before = read(containers)?;
    pause(Duration::from_secs(seconds))?;
    let after = read(containers)?;
    let mut cases = [
        Case::new(format!("wake-ups in {seconds} s, {count} services"), "voluntary switches"),
        Case::new(format!("processor time in {seconds} s, {count} services"), "ms"),
    ];
    for (((who, _), before), after) in containers.iter().zip(before).zip(after) {
        let [wake_ups, time] = &mut cases;
        wake_ups.row(who, &[after.0 - before.0]);
        time.row(who, &[after.1 - before.1]);
    }
    many.name_missing(&mut cases);
    let [wake_ups, time] = cases;
    Ok([wake_ups.budget("stepdown", &Limit::AtMost(0.0)), time])
}
