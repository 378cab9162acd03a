//! What every group gets: where to work, how much to do, and which binary is measured.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::Outcome;
use super::args::Args;
use super::workplace::Workplace;

/// The run of the benchmarks.
#[derive(Clone)]
pub struct Bench {
    /// Where root file systems lie.
    pub place: Rc<Workplace>,
    /// The binary under test.
    pub stepdown: PathBuf,
    /// An older one, for rows of its own.
    before: Option<PathBuf>,
    /// Small sizes.
    pub quick: bool,
    /// Large ones too.
    pub long: bool,
    rounds: Option<usize>,
}

impl Bench {
    /// Prepares the work.
    pub fn new(args: &Args) -> Outcome<Self> {
        let place = Rc::new(Workplace::new(&args.disk)?);
        let before = std::env::var_os("BENCH_BEFORE").map(PathBuf::from);
        Ok(Self { place, stepdown: stepdown(), before, quick: args.quick, long: args.long, rounds: args.rounds })
    }

    /// Returns what the row of each binary is called, and the run with it.
    pub fn versions(&self, row: &str) -> Vec<(String, Self)> {
        let before = self
            .before
            .iter()
            .map(|path| (format!("{row}, before"), Self { stepdown: path.clone(), before: None, ..self.clone() }));
        std::iter::once((row.to_owned(), self.clone())).chain(before).collect()
    }

    /// Returns how often something is repeated that needs this many rounds for a steady median.
    pub fn rounds(&self, full: usize) -> usize {
        match self.rounds {
            Some(rounds) => rounds.min(full),
            None if self.quick => full.min(3),
            None => full,
        }
    }

    /// Returns one of two sizes.
    pub fn size<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Returns the static build if there is one, else the one that cargo just made for this benchmark.
fn stepdown() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let given = std::env::var_os("STEPDOWN_TEST_BINARY").map(PathBuf::from);
    let fixed = given.unwrap_or_else(|| target.join(triple).join("release/stepdown"));
    if fixed.exists() { fixed } else { PathBuf::from(env!("CARGO_BIN_EXE_stepdown")) }
}
