//! The command line of the benchmarks. Knows the groups by name, and measures nothing.

use std::path::PathBuf;

use super::groups::{GROUPS, Kind};
use super::{Outcome, walk};

/// What the command line asks for.
pub enum Wish {
    /// This text.
    Help(String),
    /// One ownership walk: what this very program starts.
    Walk(Vec<String>),
    /// Measurements.
    Run(Args),
}

/// What is measured, and how.
pub struct Args {
    /// In this order.
    pub groups: Vec<&'static Kind>,
    /// Few rounds of small sizes: shows that it works.
    pub quick: bool,
    /// With what takes many minutes.
    pub long: bool,
    /// Rounds of each comparison, instead of its own number.
    pub rounds: Option<usize>,
    /// Where the results go.
    pub json: PathBuf,
    /// Results that are shown again, instead of measuring.
    pub from: Option<PathBuf>,
    /// Where the page of the book goes.
    pub page: Option<PathBuf>,
    /// A directory on a real disk.
    pub disk: PathBuf,
}

const USAGE: &str = "\
Compares stepdown with other inits and supervisors, each as PID 1 in fresh namespaces. Needs root.

usage: .ci/bench [OPTIONS] [GROUP...]            builds the static binary and everything, then runs
       cargo bench --bench compare -- [OPTIONS] [GROUP...]

  --quick        few rounds of small sizes: shows that it works; its numbers are rough, and no budget is judged
  --long         also what takes long: the memory after 100,000 restarts, 10,000 reloads, 10,000,000 lines
  --rounds N     rounds of each comparison (default: as many as its medians need)
  --json FILE    where the results go (default: target/bench/results.json)
  --from FILE    measure nothing: print the tables of such a file, and write the page
  --page FILE    write the book's page too (docs/src/reference/benchmarks.md)
  --disk DIR     a directory on a real disk (default: /var/tmp)
  --help

What is not installed is listed as missing, with its package. BENCH_DINIT=PATH names a dinit (Debian 12 has none).
BENCH_S6_OVERLAY=DIR names a directory in which the release tarballs of s6-overlay are unpacked (noarch and x86_64).
STEPDOWN_TEST_BINARY=PATH names the stepdown; the default is the static release build, then cargo's own build.
BENCH_BEFORE=PATH names an older one, which gets rows of its own in boot, identity, image, memory, idle, stop, restart,
orphans, calls and size.
All groups take some 12 minutes on two quiet cores, with --quick two; --long adds some five.
Ctrl-C ends the run and removes namespaces, mounts, processes and files.

groups (default: all):
";

impl Args {
    /// Reads the words after the program's name.
    pub fn parse(words: impl Iterator<Item = String>) -> Outcome<Wish> {
        let mut args = Self {
            groups: Vec::new(),
            quick: false,
            long: false,
            rounds: None,
            json: PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/bench/results.json"),
            from: None,
            page: None,
            disk: PathBuf::from("/var/tmp"),
        };
        let mut words = words.peekable();
        if words.next_if(|word| word == walk::WORD).is_some() {
            return Ok(Wish::Walk(words.collect()));
        }
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--help" | "-h" => return Ok(Wish::Help(help())),
                "--quick" => args.quick = true,
                "--long" => args.long = true,
                "--rounds" => args.rounds = Some(value()?.parse()?),
                "--json" => args.json = value()?.into(),
                "--from" => args.from = Some(value()?.into()),
                "--page" => args.page = Some(value()?.into()),
                "--disk" => args.disk = value()?.into(),
                // Added by `cargo bench`.
                "--bench" => {}
                name => args.groups.push(group(name)?),
            }
        }
        if args.groups.is_empty() {
            args.groups = GROUPS.iter().collect();
        }
        Ok(Wish::Run(args))
    }
}

fn group(name: &str) -> Outcome<&'static Kind> {
    GROUPS.iter().find(|kind| kind.name == name).ok_or_else(|| {
        let names: Vec<_> = GROUPS.iter().map(|kind| kind.name).collect();
        format!("there is no group `{name}`; groups are: {}", names.join(", ")).into()
    })
}

fn help() -> String {
    let rows: Vec<String> = GROUPS.iter().map(|kind| format!("  {:<13}  {}", kind.name, kind.title)).collect();
    format!("{USAGE}{}", rows.join("\n"))
}
