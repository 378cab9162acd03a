//! What a run has found, as it stands in the JSON file. Knows no table and no measurement.

use serde::{Deserialize, Serialize};

use super::budget::{Limit, Verdict};
use super::samples::quantile;

/// A whole run.
#[derive(Debug, Serialize, Deserialize)]
pub struct Results {
    /// Where and when.
    pub machine: Machine,
    /// Whether sizes were small: such numbers are rough.
    pub quick: bool,
    /// How long the run took.
    pub seconds: f64,
    /// What was measured.
    pub groups: Vec<Group>,
}

/// The machine, and what was compared on it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Machine {
    /// UTC.
    pub date: String,
    /// As `/proc/version` names it.
    pub kernel: String,
    /// Model and number of processors.
    pub processors: String,
    /// In GiB.
    pub memory: String,
    /// The file system that counts as the real disk.
    pub disk: String,
    /// One minute's, at the beginning.
    pub load_before: f64,
    /// … and at the end.
    pub load_after: f64,
    /// Names and versions, the measured binary first.
    pub versions: Vec<(String, String)>,
}

/// Cases that belong together.
#[derive(Debug, Serialize, Deserialize)]
pub struct Group {
    /// By which it is chosen.
    pub name: String,
    /// What it measures.
    pub title: String,
    /// How long it took.
    pub seconds: f64,
    /// One comparison each.
    pub cases: Vec<Case>,
}

/// One comparison: the same work by several.
#[derive(Debug, Serialize, Deserialize)]
pub struct Case {
    /// The work.
    pub title: String,
    /// Of all its numbers.
    pub unit: String,
    /// The row that the others are divided by.
    pub reference: Option<String>,
    /// Who was measured.
    pub rows: Vec<Row>,
    /// Who was not.
    pub missing: Vec<Missing>,
    /// What DESIGN §12 asks for.
    pub verdicts: Vec<Verdict>,
}

/// One contestant's numbers.
#[derive(Debug, Serialize, Deserialize)]
pub struct Row {
    /// The contestant.
    pub who: String,
    /// The middle one.
    pub median: f64,
    /// A tenth is below.
    pub p10: f64,
    /// A tenth is above.
    pub p90: f64,
    /// How many.
    pub samples: usize,
}

/// A contestant that could not be measured.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Missing {
    /// The contestant.
    pub who: String,
    /// The reason.
    pub why: String,
}

impl Case {
    /// Begins an empty one.
    pub fn new(title: impl Into<String>, unit: &str) -> Self {
        let (title, unit) = (title.into(), unit.to_owned());
        Self { title, unit, reference: None, rows: Vec::new(), missing: Vec::new(), verdicts: Vec::new() }
    }

    /// Adds one contestant's samples; none are no row.
    pub fn row(&mut self, who: impl Into<String>, samples: &[f64]) {
        let quantiles = [50, 10, 90].map(|percent| quantile(samples, percent));
        if let [Some(median), Some(p10), Some(p90)] = quantiles {
            self.rows.push(Row { who: who.into(), median, p10, p90, samples: samples.len() });
        }
    }

    /// Adds one that could not be measured.
    pub fn missing(&mut self, who: impl Into<String>, why: impl ToString) {
        self.missing.push(Missing { who: who.into(), why: why.to_string().trim_end().to_owned() });
    }

    /// Divides the others by this row.
    pub fn against(mut self, who: &str) -> Self {
        self.reference = Some(who.to_owned());
        self
    }

    /// Judges one row; nothing where it was not measured.
    pub fn budget(mut self, who: &str, limit: &Limit) -> Self {
        if let Some(value) = self.median(who) {
            self.verdicts.push(limit.judge(who, value, |other| self.median(other)));
        }
        self
    }

    /// Returns a contestant's median.
    pub fn median(&self, who: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.who == who).map(|row| row.median)
    }
}
