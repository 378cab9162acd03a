//! What PID 1 does before the first program runs, counted instead of timed: system calls (strace) and page faults.

use std::fs;

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::container::{Boot, Container};
use super::super::peers::{Setup, Supervisor, commands, stepdown};
use super::super::process::page_faults;
use super::super::race::Race;
use super::super::results::Case;
use super::super::rootfs::installed;
use super::super::workplace::Medium;

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let as_user = |made: Outcome<Setup>| made.map(|Setup { rootfs, boot }| Setup { rootfs, boot: boot.user("1234") });
    let mut race = Race::default();
    let mut faults = Race::default();
    for (name, argv) in commands::INITS {
        let init = || commands::init(bench, name, argv, &["/stays"]);
        race.one(name, init(), |setup| traced(bench, setup));
        faults.one(name, init(), |setup| faults_of(setup));
    }
    let mut both = |row: &str, make: &dyn Fn() -> Outcome<Setup>| {
        race.one(row, make(), |setup| traced(bench, setup));
        faults.one(row, make(), |setup| faults_of(setup));
    };
    let command = |bench: &Bench| stepdown::command(bench, &["/stays"]);
    for (row, bench) in bench.versions("stepdown, bare command") {
        both(&row, &|| command(&bench));
    }
    for (row, bench) in bench.versions("stepdown, bare command, --user") {
        both(&row, &|| as_user(command(&bench)));
    }
    for (row, bench) in bench.versions("stepdown, one service, PUID") {
        both(&row, &|| service(&bench));
    }
    both("dinit, one service", &|| Supervisor::Dinit.services(bench, 1));
    let title = "system calls of PID 1 and its child, from its exec to the first exec of a program";
    let [calls] = race.run(1, [Case::new(title, "calls")])?;
    let [faults] = faults.run(bench.rounds(5), [Case::new("page faults of PID 1 when its program runs", "faults")])?;
    let calls = calls.against("tini").budget("stepdown, bare command, --user", &Limit::AtMost(80.0));
    Ok(vec![calls.budget("stepdown, one service, PUID", &Limit::AtMost(150.0)), faults.against("tini")])
}

/// The accounts are right already.
fn service(bench: &Bench) -> Outcome<Setup> {
    let setup = stepdown::services(bench, 1)?;
    setup.rootfs.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\napp:x:1234:2345::/:/sbin/nologin\n")?;
    setup.rootfs.write("etc/group", "root:x:0:\napp:x:2345:\n")?;
    Ok(Setup { boot: setup.boot.env(&["PUID=1234", "PGID=2345"]), ..setup })
}

fn faults_of(setup: &Setup) -> Outcome<f64> {
    let mut container = setup.start()?;
    container.stamps(1)?;
    page_faults(container.init()?)
}

fn traced(bench: &Bench, setup: &Setup) -> Outcome<f64> {
    installed("strace").ok_or("strace is not installed (apt-get install strace)")?;
    let file = bench.place.path(Medium::Tmpfs);
    let wrapper = ["strace", "-f", "-qq", "-o", &file.to_string_lossy()].map(str::to_owned).to_vec();
    Container::start(&setup.rootfs, &Boot { wrapper, ..setup.boot.clone() })?.stamps(1)?;
    let first = setup.boot.argv.first().ok_or("PID 1 has a path")?;
    count(&fs::read_to_string(file)?, first)
}

/// Counts the lines that begin a call, after the exec of PID 1 up to the exec of the program.
fn count(trace: &str, first: &str) -> Outcome<f64> {
    let calls = trace.lines().filter_map(|line| line.split_once(' ')).map(|(_, call)| call.trim_start());
    let calls = calls.filter(|call| !call.starts_with(['<', '+', '-']));
    let after = calls.skip_while(|call| !call.starts_with(&format!("execve(\"{first}\""))).skip(1);
    let (mut count, mut is_whole) = (0_u32, false);
    for call in after {
        count += 1;
        if call.starts_with("execve(\"/stays\"") {
            is_whole = true;
            break;
        }
    }
    if is_whole { Ok(f64::from(count)) } else { Err("the trace has no exec of the program".into()) }
}
