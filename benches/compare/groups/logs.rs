//! Lines of services on their way to the container's output and to files: bytes a second of processor time. How late a
//! single line is while others write without end: `log_latency`.

use std::fs;
use std::io::Read;
use std::time::{Duration, Instant};

use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::container::{Boot, wait};
use super::super::peers::{Setup, stepdown};
use super::super::process::processor_time;
use super::super::race::Race;
use super::super::results::Case;
use super::super::{Outcome, interrupt};
use super::log_latency;
use super::loggers::{Logger, Pipeline};

const LIMIT: Duration = Duration::from_secs(60);
const UNIT: &str = "MB/s of processor time";

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let mut cases = Vec::new();
    for (length, megabytes) in [(10, 20), (100, 100), (10_000, 200)] {
        for writers in [1, 20] {
            let work = Work { length, writers, bytes: bench.size(megabytes, 2) * 1_000_000 };
            cases.extend(throughput(bench, &work)?);
        }
    }
    cases.extend(log_latency::run(bench)?);
    Ok(cases)
}

/// Lines to write.
#[derive(Clone, Copy)]
pub struct Work {
    /// With the newline.
    pub length: usize,
    /// How many write at the same time.
    pub writers: usize,
    /// Of all of them.
    pub bytes: usize,
}

impl Work {
    fn rate(&self, milliseconds: f64) -> f64 {
        self.bytes as f64 / 1e3 / milliseconds
    }
}

fn throughput(bench: &Bench, work: &Work) -> Outcome<[Case; 2]> {
    let work = *work;
    let title = format!("lines of {} bytes by {}", work.length, work.writers);
    let mut output = Race::default();
    let mut files = Race::default();
    for (who, target) in [("stepdown, tagged", Target::Output), ("stepdown, directory", Target::Files)] {
        let race = if target == Target::Output { &mut output } else { &mut files };
        // The boot itself, with one line each, does not count.
        let one_line = Work { bytes: work.length * work.writers, ..work };
        let made = ours(bench, &one_line, target).and_then(|least| Ok((least, ours(bench, &work, target)?)));
        race.one(who, made, move |(least, whole)| Ok(work.rate(busy(whole)? - busy(least)?)));
    }
    let others =
        [("s6-log 1 (no tag)", Logger::S6Output), ("s6-log n2 s10485760", Logger::S6Files), ("svlogd", Logger::Svlogd)];
    for (who, logger) in others {
        let race = if logger == Logger::S6Output { &mut output } else { &mut files };
        race.one(who, Pipeline::new(bench, logger, work), move |pipeline| Ok(work.rate(pipeline.run()?)));
    }
    let [output] = output.run(bench.rounds(3), [Case::new(format!("{title}, to the output"), UNIT)])?;
    let [files] = files.run(bench.rounds(3), [Case::new(format!("{title}, to files"), UNIT)])?;
    let output = output.against("s6-log 1 (no tag)");
    let output = if work.length == 100 { output.budget("stepdown, tagged", &Limit::AtLeast(500.0)) } else { output };
    Ok([output, files.against("s6-log n2 s10485760")])
}

/// Where the lines go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    Output,
    Files,
}

/// Oneshots that write, and a service that writes after all of them.
fn ours(bench: &Bench, work: &Work, target: Target) -> Outcome<Setup> {
    let log = |at| match target {
        Target::Output => String::new(),
        Target::Files => format!("log = {{ directory = \"/log/s{at}\", max_size = \"10M\", keep = 2 }}\n"),
    };
    let (share, length) = (work.bytes / work.writers, work.length);
    let text = |at| format!("type = \"oneshot\"\ncommand = [\"/flood\", \"{share}\", \"{length}\"]\n{}", log(at));
    let names: Vec<_> = (0..work.writers).map(|at| format!("\"s{at}\"")).collect();
    let last = format!("command = [\"/flood\", \"pulse\"]\nrequires = [{}]\n", names.join(", "));
    let writers = (0..work.writers).map(|at| (format!("s{at}"), text(at)));
    let Setup { rootfs, .. } = stepdown::tree(bench, writers.chain([("last".to_owned(), last)]))?;
    fs::create_dir(rootfs.path("log"))?;
    fs::set_permissions(rootfs.path("log"), std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    Ok(Setup { rootfs, boot: Boot::new(&stepdown::INIT).env(&["STEPDOWN_LOG_FORMAT=tagged"]) })
}

/// Lets all lines pass, and returns the milliseconds that PID 1 was busy.
fn busy(setup: &Setup) -> Outcome<f64> {
    let mut container = setup.start()?;
    let init = container.init()?;
    let mut chunk = vec![0; 1 << 20];
    let until = Instant::now() + LIMIT;
    loop {
        interrupt::check()?;
        if !wait(&*container.output(), until)? {
            return Err("the last line does not come".into());
        }
        let length = container.output().read(&mut chunk)?;
        let read = chunk.get(..length).filter(|read| !read.is_empty()).ok_or("the container ended")?;
        if memchr::memmem::find(read, b"PULSE").is_some() {
            return processor_time(init);
        }
    }
}
