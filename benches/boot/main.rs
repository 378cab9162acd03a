//! From the exec of PID 1 to the first instruction of what it starts, in fresh PID and mount namespaces: stepdown beside
//! tini, dumb-init and the least that a PID 1 can be. Run by hand, as root: `cargo bench --bench boot [-- ROUNDS]`.
//!
//! All take turns within one run, so that the machine's mood hits them alike; the ratios are what counts. Nothing here
//! is a test: there is no limit that could fail.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

mod room;

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use room::Room;

/// Enough for medians that stay within a few percent from run to run.
const ROUNDS: usize = 300;
/// Not counted: the first boot writes the accounts, page caches fill.
const WARM_UP: usize = 5;

/// One PID 1 under test.
struct Candidate {
    name: &'static str,
    /// Where it boots.
    room: usize,
    /// PID 1 and its arguments.
    argv: Vec<&'static str>,
}

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
    let (rooms, candidates) = prepared()?;
    let mut times: BTreeMap<&str, Vec<Duration>> = BTreeMap::new();
    for round in 0..WARM_UP + rounds {
        for place in 0..candidates.len() {
            // Each comes first, second … equally often.
            let Some(candidate) = candidates.get((place + round) % candidates.len()) else { continue };
            let Some(room) = rooms.get(candidate.room) else { continue };
            let time = room.boot(&candidate.argv).map_err(|error| format!("{}: {error}", candidate.name))?;
            if round >= WARM_UP {
                times.entry(candidate.name).or_default().push(time);
            }
        }
    }
    report(rounds, &candidates, times);
    Ok(())
}

/// Makes the rooms and lists who boots in them; who is not installed is left out, and named.
fn prepared() -> Result<(Vec<Room>, Vec<Candidate>), Box<dyn Error>> {
    let commands = Room::new()?;
    let services = Room::new()?;
    for room in [&commands, &services] {
        let (binary, linkage) = room::stepdown();
        room.take(&binary, "stepdown")?;
        if linkage == room::Linkage::Dynamic {
            println!("note: {} is linked dynamically; images get the static build (.ci/static)", binary.display());
        }
    }
    services.write("etc/services.d/payload.toml", "command = [\"/payload\"]\nrestart = \"never\"\n")?;

    let mut candidates = vec![Candidate { name: "floor: static C", room: 0, argv: vec!["/floor", "/payload"] }];
    for (name, argv) in [("tini", vec!["/tini", "--", "/payload"]), ("dumb-init", vec!["/dumb-init", "/payload"])] {
        match room::installed(name) {
            Some(path) => {
                commands.take(&path, name)?;
                candidates.push(Candidate { name, room: 0, argv });
            }
            None => println!("SKIPPED ({name} is not installed; .ci/packages installs it)"),
        }
    }
    let command = vec!["/stepdown", "init", "--", "/payload"];
    candidates.push(Candidate { name: "stepdown, main command", room: 0, argv: command });
    candidates.push(Candidate { name: "stepdown, one service", room: 1, argv: vec!["/stepdown", "init"] });
    Ok((vec![commands, services], candidates))
}

fn report(rounds: usize, candidates: &[Candidate], mut times: BTreeMap<&str, Vec<Duration>>) {
    let mut quantile = |name: &str, percent: usize| -> Option<f64> {
        let all = times.get_mut(name)?;
        all.sort_unstable();
        all.get((all.len() - 1) * percent / 100).map(|time| time.as_secs_f64() * 1e3)
    };
    let floor = quantile("floor: static C", 50);
    let tini = quantile("tini", 50);
    println!("exec of PID 1 to the first instruction of its payload, {rounds} interleaved boots each, milliseconds");
    println!("{:<24} {:>8} {:>8} {:>8} {:>9} {:>8}", "", "median", "p10", "p90", "÷ floor", "÷ tini");
    for Candidate { name, .. } in candidates {
        let [Some(median), Some(low), Some(high)] = [50, 10, 90].map(|percent| quantile(name, percent)) else {
            continue;
        };
        let ratio = |base: Option<f64>| base.map_or_else(|| "-".to_owned(), |base| format!("{:.2}", median / base));
        println!("{name:<24} {median:>8.3} {low:>8.3} {high:>8.3} {:>9} {:>8}", ratio(floor), ratio(tini));
    }
}
