//! From the request to stop until nothing of the container is left; services obey.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::peers::{Supervisor, commands};
use super::super::race::Race;
use super::super::results::Case;
use nix::sys::signal::Signal;

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    bench.size([1, 100, 500], [1, 10, 30]).map(|count| size(bench, count)).into_iter().collect()
}

fn size(bench: &Bench, count: usize) -> Outcome<Case> {
    let mut race = Race::default();
    if count == 1 {
        // The C loop passes no signal on.
        for (name, argv) in commands::INITS.into_iter().skip(1) {
            race.one(name, commands::init(bench, name, argv, &["/stays"]), |setup| {
                let mut container = setup.start()?;
                container.stamps(1)?;
                Ok(container.stop(Signal::SIGTERM)?.as_secs_f64() * 1e3)
            });
        }
    }
    for peer in Supervisor::FAST {
        for (row, made) in peer.rows(bench, count) {
            let row = if peer == Supervisor::Runit { "runsvdir (does not wait)" } else { &row };
            race.one(row, made, move |setup| {
                let mut container = setup.start()?;
                container.stamps(count)?;
                Ok(container.stop(peer.stop_signal())?.as_secs_f64() * 1e3)
            });
        }
    }
    let rounds = bench.rounds(if count < 500 { 15 } else { 5 });
    let [case] = race.run(rounds, [Case::new(format!("stop of {count} services"), "ms")])?;
    Ok(case.against("dinit").budget("stepdown", &Limit::Times(1.0, "dinit")))
}
