//! From the exec of PID 1 to the first instruction of the last program that it starts.

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::peers::{Setup, Supervisor, commands, dinit, stepdown};
use super::super::race::Race;
use super::super::results::Case;

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let mut cases = vec![bare(bench)?, user(bench)?];
    let sizes: &[usize] = bench.size(&[1, 10, 100, 1000], &[1, 10, 50]);
    for &count in sizes {
        cases.push(services(bench, count)?);
    }
    cases.extend([chain(bench, dinit::LONGEST_CHAIN)?, chain(bench, 100)?]);
    Ok(cases)
}

fn bare(bench: &Bench) -> Outcome<Case> {
    let mut race = Race::default();
    for (name, argv) in commands::INITS {
        race.one(name, commands::init(bench, name, argv, &["/payload"]), |setup| setup.boot(1));
    }
    for (row, bench) in bench.versions("stepdown") {
        race.one(&row, stepdown::command(&bench, &["/payload"]), |setup| setup.boot(1));
    }
    let case = Case::new("bare command, as root", "ms");
    let [case] = race.run(bench.rounds(100), [case])?;
    Ok(case
        .against("tini")
        .budget("stepdown", &Limit::Times(0.8, "tini"))
        .budget("stepdown", &Limit::Times(1.0, "catatonit")))
}

fn user(bench: &Bench) -> Outcome<Case> {
    let as_user = |made: Outcome<Setup>| made.map(|Setup { rootfs, boot }| Setup { rootfs, boot: boot.user("1234") });
    let mut race = Race::default();
    for (name, argv) in commands::INITS {
        race.one(name, as_user(commands::init(bench, name, argv, &["/payload"])), |setup| setup.boot(1));
    }
    for (row, bench) in bench.versions("stepdown") {
        race.one(&row, as_user(stepdown::command(&bench, &["/payload"])), |setup| setup.boot(1));
    }
    let case = Case::new("bare command, --user", "ms");
    let [case] = race.run(bench.rounds(100), [case])?;
    Ok(case.against("tini").budget("stepdown", &Limit::Times(0.8, "tini")))
}

fn services(bench: &Bench, count: usize) -> Outcome<Case> {
    let mut race = Race::default();
    let (case, rounds) = match count {
        1 => (Case::new("one service of a tree", "ms"), bench.rounds(60)),
        2..=10 => (Case::new(format!("{count} services"), "ms"), bench.rounds(30)),
        11..=100 => (Case::new(format!("{count} services"), "ms"), bench.rounds(15)),
        _ => (Case::new(format!("{count} services"), "ms"), bench.rounds(5)),
    };
    if count == 1 {
        let tini = commands::init(bench, "tini", &["/tini", "--"], &["/stays"]);
        race.one("tini", tini, |setup| setup.boot(1));
    }
    for (row, made) in Supervisor::FAST.into_iter().flat_map(|peer| peer.rows(bench, count)) {
        race.one(&row, made, move |setup| setup.boot(count));
    }
    let [mut case] = race.run(rounds, [case])?;
    // Takes a second each time, whatever the size.
    if count <= 100 {
        let peer = Supervisor::Supervisord;
        let mut alone = Race::default();
        alone.one(peer.name(), peer.services(bench, count), move |setup| setup.boot(count));
        let [other] = alone.run(bench.rounds(3), [Case::new("", "ms")])?;
        case.rows.extend(other.rows);
        case.missing.extend(other.missing);
    }
    Ok(match count {
        1 => case.against("tini").budget("stepdown", &Limit::Times(1.2, "tini")),
        2..=10 => case.against("dinit"),
        _ => case.against("dinit").budget("stepdown", &Limit::Times(0.6, "dinit")),
    })
}

fn chain(bench: &Bench, length: usize) -> Outcome<Case> {
    let mut race = Race::default();
    for (row, bench) in bench.versions("stepdown") {
        race.one(&row, stepdown::chain(&bench, length), move |setup| setup.boot(length));
    }
    if length <= dinit::LONGEST_CHAIN {
        race.one("dinit", dinit::chain(bench, length), move |setup| setup.boot(length));
    }
    let [mut case] = race.run(bench.rounds(15), [Case::new(format!("chain of {length} oneshots"), "ms")])?;
    if length > dinit::LONGEST_CHAIN {
        case.missing("dinit", format!("it loads no chain that is longer than {}", dinit::LONGEST_CHAIN));
    }
    Ok(case.against("dinit"))
}
