//! Ownership of a tree: ours against `chown -R` and against a bare walk of two threads that only lists and reads the metadata. Run by
//! hand, as root, on the file system that matters:
//!
//! ```text
//! cargo bench --bench own -- [FILES [FILES_PER_DIRECTORY [PARENT_DIRECTORY [ROUNDS]]]]
//! ```
//!
//! Prints ratios of one run: the contestants take turns on the same tree, and medians are compared. What a page cache
//! holds is the same for all of them. (DESIGN §12: nothing wrong ≥ 2.5 × faster than `chown -R` and within 1.2 × of the
//! bare walk; all wrong ≥ 1.2 × faster than `chown -R`; memory ≤ 8 MiB for 200,000 files.)
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)] // measures, and runs others to compare with

mod bare;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use stepdown::boot::chown_policy::ChownPolicy;
use stepdown::boot::own;
use stepdown::config::container::OwnOptions;
use stepdown::config::values::{Gid, Uid};
use stepdown::plan::{Identity, OwnTree, Owner};
use stepdown::sys::privilege::{self, EffectiveUser, Root};

fn main() {
    // `cargo bench` adds `--bench`.
    let mut given = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let mut number = |default| given.next().map_or(default, |word| word.parse::<usize>().expect("a number"));
    let (files, per_directory) = (number(100_000), number(50));
    let parent = given.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let rounds = given.next().map_or(5, |word| word.parse::<usize>().expect("a number"));
    let EffectiveUser::Root(root) = privilege::detect() else {
        println!("SKIPPED (needs root)");
        return;
    };
    let directory = tempfile::tempdir_in(parent).expect("a directory to work in");
    let top = directory.path().join("tree");
    let directories = grow(&top, files, per_directory);
    println!("{files} files in {directories} directories, medians of {rounds} rounds");

    let mut nothing = Race::new("nothing wrong");
    ours(&root, &top, 1000);
    for _ in 0..rounds {
        nothing.run("bare walk", || bare::walk(&top, 2));
        nothing.run("chown -R", || chown(&top, 1000));
        nothing.run("stepdown", || ours(&root, &top, 1000));
    }
    nothing.print();

    let mut all = Race::new("all wrong");
    for round in 0..rounds {
        // Each takes the tree over from the other.
        let id = 2000 + 2 * u32::try_from(round).expect("few rounds");
        all.run("chown -R", || chown(&top, id));
        all.run("stepdown", || ours(&root, &top, id + 1));
    }
    all.print();
    println!("peak memory of this process: {}", peak());
}

fn grow(top: &Path, files: usize, per_directory: usize) -> usize {
    fs::create_dir(top).unwrap();
    let directories = files.div_ceil(per_directory);
    let mut left = files;
    for number in 0..directories {
        let directory = top.join(format!("{:02}", number % 40)).join(format!("directory {number}"));
        fs::create_dir_all(&directory).unwrap();
        for file in 0..per_directory.min(left) {
            File::create(directory.join(format!("file {file}"))).unwrap();
        }
        left -= per_directory.min(left);
    }
    directories + directories.min(40)
}

fn chown(top: &Path, id: u32) {
    let done = Command::new("chown").arg("-R").arg(format!("{id}:{id}")).arg(top).status().unwrap();
    assert!(done.success());
}

fn ours(root: &Root, top: &Path, id: u32) {
    let owner = Owner { uid: Uid(id), gid: Gid(id) };
    let tree = OwnTree { path: top.to_owned(), owner, options: OwnOptions::default() };
    let app = Identity {
        name: "app".to_owned(),
        uid: Uid(id),
        gid: Gid(id),
        groups: vec![Gid(id)],
        home: "/".into(),
        shell: "/sbin/nologin".into(),
        umask: 0o022,
    };
    let report = own::apply(root, &tree, &app, &ChownPolicy::default(), &AtomicBool::new(false), &mut |_| {})
        .expect("nothing is required");
    assert!(report.failed.is_empty() && report.skipped.is_empty(), "{report:?}");
}

struct Race {
    title: &'static str,
    /// For each contestant, what each round took: elapsed, and processor time of all its threads.
    times: Vec<(&'static str, Vec<(Duration, Duration)>)>,
}

impl Race {
    fn new(title: &'static str) -> Self {
        Self { title, times: Vec::new() }
    }

    fn run(&mut self, who: &'static str, work: impl FnOnce()) {
        let (began, before) = (Instant::now(), processor_time());
        work();
        let took = (began.elapsed(), processor_time() - before);
        match self.times.iter_mut().find(|(name, _)| *name == who) {
            Some((_, times)) => times.push(took),
            None => self.times.push((who, vec![took])),
        }
    }

    fn print(&self) {
        println!("\n{:13} elapsed           processor time", self.title);
        let ours = self.median("stepdown");
        for (who, _) in &self.times {
            let (elapsed, processor) = self.median(who);
            println!(
                "  {who:10} {:8.1} ms {:5.2} ×  {:8.1} ms {:5.2} ×",
                elapsed.as_secs_f64() * 1e3,
                elapsed.as_secs_f64() / ours.0.as_secs_f64(),
                processor.as_secs_f64() * 1e3,
                processor.as_secs_f64() / ours.1.as_secs_f64(),
            );
        }
    }

    fn median(&self, who: &str) -> (Duration, Duration) {
        let (_, times) = self.times.iter().find(|(name, _)| *name == who).expect("it ran");
        let middle = |mut all: Vec<Duration>| {
            all.sort();
            all[all.len() / 2]
        };
        let (elapsed, processor) = times.iter().copied().unzip();
        (middle(elapsed), middle(processor))
    }
}

/// Of this process with all its threads, and of the children that it has waited for.
fn processor_time() -> Duration {
    let usage_of = |who| {
        let usage = getrusage(who).unwrap();
        [usage.user_time(), usage.system_time()]
    };
    let all = [usage_of(UsageWho::RUSAGE_SELF), usage_of(UsageWho::RUSAGE_CHILDREN)].concat();
    all.iter().map(|time| Duration::from_micros(u64::try_from(time.num_microseconds()).unwrap())).sum()
}

fn peak() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "unknown".to_owned(), |value| value.trim().to_owned())
}
