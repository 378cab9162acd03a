//! How late a single line is, from its write to the reader of the container's output, while 20 others write without end.

use std::io::Read;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::super::bench::Bench;
use super::super::container::{Boot, now, wait};
use super::super::peers::{Setup, stepdown};
use super::super::results::Case;
use super::super::samples::quantile;
use super::super::{Outcome, interrupt};
use super::loggers::{Logger, Pipeline};
use super::logs::Work;

const WRITERS: usize = 20;
const LENGTH: usize = 100;
const LIMIT: Duration = Duration::from_secs(30);

/// Measures.
pub fn run(bench: &Bench) -> Outcome<[Case; 2]> {
    let lines = bench.size(500, 30);
    let title = format!("a line while {WRITERS} others write without end");
    let mut cases = ["p50", "p99"].map(|name| Case::new(format!("{title}, {name}"), "ms"));
    let work = Work { length: LENGTH, writers: WRITERS, bytes: 0 };
    let piped = |logger| -> Outcome<Vec<f64>> {
        let (_children, reader) = Pipeline::new(bench, logger, work)?.endless()?;
        latencies(reader, lines)
    };
    let found = [
        ("no logger", piped(Logger::Nobody)),
        ("s6-log 1 (no tag)", piped(Logger::S6Output)),
        ("stepdown, tagged", ours(bench, lines)),
    ];
    for (who, found) in found {
        interrupt::check()?;
        for (case, percent) in cases.iter_mut().zip([50, 99]) {
            match &found {
                Ok(samples) => case.row(who, quantile(samples, percent).as_slice()),
                Err(error) => case.missing(who, error),
            }
        }
    }
    Ok(cases.map(|case| case.against("s6-log 1 (no tag)")))
}

fn ours(bench: &Bench, lines: usize) -> Outcome<Vec<f64>> {
    let writer = |at| (format!("s{at}"), format!("command = [\"/flood\", \"0\", \"{LENGTH}\"]\n"));
    let pulse = ("pulse".to_owned(), "command = [\"/flood\", \"pulse\"]\n".to_owned());
    let setup = stepdown::tree(bench, (0..WRITERS).map(writer).chain([pulse]))?;
    let boot = Boot::new(&stepdown::INIT).env(&["STEPDOWN_LOG_FORMAT=tagged"]);
    let setup = Setup { boot, ..setup };
    let mut container = setup.start()?;
    latencies(container.output(), lines)
}

/// Reads until so many lines with a time have come, and returns their ages in milliseconds.
fn latencies(mut reader: impl Read + AsFd, lines: usize) -> Outcome<Vec<f64>> {
    let until = Instant::now() + LIMIT;
    let mut found = Vec::new();
    let mut chunk = vec![0; 1 << 18];
    while found.len() < lines {
        interrupt::check()?;
        if !wait(&reader, until)? {
            return Err(format!("{} of {lines} lines came", found.len()).into());
        }
        let length = reader.read(&mut chunk)?;
        let now = now()?.as_nanos() as f64;
        let read = chunk.get(..length).filter(|read| !read.is_empty()).ok_or("the writers ended")?;
        // One that is torn between two reads is passed over.
        for at in memchr::memmem::find_iter(read, b"PULSE ") {
            let text = read.get(at + 6..).and_then(|rest| rest.split(|&byte| byte == b'.').next());
            let text = text.and_then(|text| std::str::from_utf8(text).ok()).filter(|text| !text.contains('\n'));
            let written = text.filter(|_| at + 32 < length).and_then(|text| text.parse::<f64>().ok());
            written.into_iter().for_each(|written| found.push((now - written) / 1e6));
        }
    }
    Ok(found)
}
