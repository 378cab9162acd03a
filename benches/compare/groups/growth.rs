//! Whether the memory of PID 1 grows with what it has done: after a tenth of the work and after all of it. None is expected;
//! the limit is what an allocator scatters.

use std::io::Read;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};

use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::container::{Boot, wait};
use super::super::peers::{Setup, stepdown};
use super::super::process::{Memory, programs};
use super::super::results::Case;
use super::super::{Outcome, interrupt};
use super::many::pause;
use super::reload::Running;

/// PID 1 gives pages back a second after its work.
const SETTLE: Duration = Duration::from_secs(3);
/// However often it is killed, it comes back soon.
const RESTARTED: &str = "restart = { delay = \"100ms\", max_delay = \"100ms\", limit = \"infinity\" }\n";
const LIMIT: Duration = Duration::from_secs(60);
/// In KiB.
const SCATTER: Limit = Limit::AtMost(64.0);

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let [restarts, reloads, lines] = match (bench.quick, bench.long) {
        (true, _) => [200, 20, 10_000],
        (false, true) => [100_000, 10_000, 10_000_000],
        (false, false) => [10_000, 300, 1_000_000],
    };
    let done = [
        (format!("memory growth over {restarts} restarts"), after_restarts(bench, restarts)),
        (format!("memory growth over {reloads} reloads"), after_reloads(bench, reloads)),
        (format!("memory growth over {lines} lines"), after_lines(bench, lines)),
    ];
    interrupt::check()?;
    let mut cases = Vec::new();
    for (title, growth) in done {
        let mut case = Case::new(title, "KiB");
        match growth {
            Ok(growth) => case.row("stepdown", &[growth]),
            Err(error) => case.missing("stepdown", error),
        }
        cases.push(case.budget("stepdown", &SCATTER));
    }
    Ok(cases)
}

/// Kills all of its services again and again.
fn after_restarts(bench: &Bench, count: usize) -> Outcome<f64> {
    let services = bench.size(100, 20);
    let text = format!("{}{RESTARTED}", stepdown::SERVICE);
    let setup = stepdown::tree(bench, (0..services).map(|at| (format!("s{at}"), text.clone())))?;
    let mut running = Running::start(setup, services)?;
    let mut rounds = |share: usize| -> Outcome<f64> {
        for _ in 0..share.div_ceil(services) {
            interrupt::check()?;
            for service in programs(running.container())? {
                kill(service, Signal::SIGKILL)?;
            }
            running.container().stamps(services)?;
        }
        memory(&mut running)
    };
    let before = rounds(count / 10)?;
    Ok(rounds(count - count / 10)? - before)
}

/// Changes one of ten services again and again.
fn after_reloads(bench: &Bench, count: usize) -> Outcome<f64> {
    const SERVICES: usize = 10;
    let mut running = Running::start(stepdown::services(bench, SERVICES)?, SERVICES)?;
    let mut reloads = |share: usize| -> Outcome<f64> {
        (0..share).try_for_each(|_| running.change_one().map(drop))?;
        memory(&mut running)
    };
    let before = reloads(count / 10)?;
    Ok(reloads(count - count / 10)? - before)
}

fn memory(running: &mut Running) -> Outcome<f64> {
    pause(SETTLE)?;
    Ok(Memory::of(&[running.container().init()?])?.private())
}

/// Lets lines pass: a tenth in one container, all in another.
fn after_lines(bench: &Bench, count: usize) -> Outcome<f64> {
    Ok(passed(bench, count)? - passed(bench, count / 10)?)
}

fn passed(bench: &Bench, count: usize) -> Outcome<f64> {
    const LENGTH: usize = 20;
    let writer = format!("type = \"oneshot\"\ncommand = [\"/flood\", \"{}\", \"{LENGTH}\"]\n", count * LENGTH);
    let last = "command = [\"/orphans\", \"stream\", \"0\"]\nrequires = [\"writer\"]\n".to_owned();
    let setup = stepdown::tree(bench, [("writer".to_owned(), writer), ("last".to_owned(), last)])?;
    let boot = Boot::new(&stepdown::INIT).env(&["STEPDOWN_LOG_FORMAT=tagged"]);
    let setup = Setup { boot, ..setup };
    let mut container = setup.start()?;
    let mut lines = 0;
    let mut chunk = vec![0; 1 << 20];
    while lines < count {
        interrupt::check()?;
        let is_ready = wait(&*container.output(), Instant::now() + LIMIT)?;
        let length = if is_ready { container.output().read(&mut chunk)? } else { 0 };
        let read = chunk.get(..length).filter(|read| !read.is_empty()).ok_or("not all lines came")?;
        lines += memchr::memchr_iter(b'\n', read).count();
    }
    pause(SETTLE)?;
    Ok(Memory::of(&[container.init()?])?.private())
}
