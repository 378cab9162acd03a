//! What it costs an init to reap processes that others left: its processor time, and how long until none is left.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::container::{children, now};
use super::super::interrupt;
use super::super::peers::{Setup, commands, stepdown};
use super::super::process::processor_time;
use super::super::race::Race;
use super::super::results::Case;

const INITS: &[&str] = &["tini", "dumb-init", "catatonit"];

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let count = bench.size(20_000, 500);
    let mut cases = Vec::new();
    for mode in ["at-once", "stream"] {
        let mut race = Race::default();
        let command = ["/orphans", mode, &count.to_string()];
        for (name, argv) in commands::INITS {
            race.add(name, commands::init(bench, name, argv, &command), |setup| reap(setup));
        }
        for (row, bench) in bench.versions("stepdown") {
            race.add(&row, stepdown::command(&bench, &command), |setup| reap(setup));
        }
        let titles =
            [format!("processor time for {count} orphans, {mode}"), format!("until all {count} are reaped, {mode}")];
        let [time, elapsed] = race.run(bench.rounds(3), titles.map(|title| Case::new(title, "ms")))?;
        cases.extend([time.against("tini").budget("stepdown", &Limit::BestOf(INITS)), elapsed.against("tini")]);
    }
    Ok(cases)
}

fn reap(setup: &Setup) -> Outcome<Vec<f64>> {
    let mut container = setup.start()?;
    let began = container.stamps(1)?.into_iter().max().unwrap_or_default();
    let init = container.init()?;
    let before = processor_time(init)?;
    container.stamps(1)?;
    // The program itself stays.
    while children(init).len() > 1 {
        interrupt::check()?;
        std::thread::yield_now();
    }
    let elapsed = now()?.saturating_sub(began).as_secs_f64() * 1e3;
    Ok(vec![processor_time(init)? - before, elapsed])
}
