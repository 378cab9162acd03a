//! The budgets of DESIGN §12: limits in numbers or in multiples of what others need, and whether they are met.

use serde::{Deserialize, Serialize};

/// What a number may be.
pub enum Limit {
    /// So many times that of another row.
    Times(f64, &'static str),
    /// As much as the least of these rows.
    BestOf(&'static [&'static str]),
    /// This, in the unit of the case.
    AtMost(f64),
    /// This or more.
    AtLeast(f64),
}

/// A limit, applied.
#[derive(Debug, Serialize, Deserialize)]
pub struct Verdict {
    /// The row that it judges.
    pub who: String,
    /// The limit in words.
    pub budget: String,
    /// How much of the limit is used, 1 is all; above it is missed. `None`: whom it compares with was not measured.
    pub used: Option<f64>,
}

impl Limit {
    /// Judges a value.
    pub fn judge(&self, who: &str, value: f64, median: impl Fn(&str) -> Option<f64>) -> Verdict {
        let used = match self {
            Self::Times(factor, other) => median(other).map(|other| value / (factor * other)),
            Self::BestOf(others) => {
                others.iter().filter_map(|other| median(other)).reduce(f64::min).map(|best| value / best)
            }
            // What is zero and may be zero is within.
            Self::AtMost(limit) if *limit == 0.0 => Some(1.0 + value),
            Self::AtMost(limit) => Some(value / limit),
            Self::AtLeast(limit) => Some(limit / value),
        };
        Verdict { who: who.to_owned(), budget: self.text(), used }
    }

    fn text(&self) -> String {
        match self {
            Self::Times(factor, other) if *factor < 0.4 => format!("≥ {:.0} × better than {other}", 1.0 / factor),
            Self::Times(1.0, other) => format!("≤ {other}"),
            Self::Times(factor, other) => format!("≤ {factor} × {other}"),
            Self::BestOf(others) => format!("≤ best of {}", others.join(", ")),
            Self::AtMost(limit) => format!("≤ {limit}"),
            Self::AtLeast(limit) => format!("≥ {limit}"),
        }
    }
}

impl Verdict {
    /// Whether the limit is kept.
    pub fn is_met(&self) -> Option<bool> {
        self.used.map(|used| used <= 1.0)
    }

    /// Returns limit and judgement, as they stand beside the row.
    pub fn text(&self) -> String {
        let Some(used) = self.used else { return format!("{}: nothing to compare with", self.budget) };
        let word = if used <= 1.0 { "met" } else { "missed" };
        format!("{}: {word}, {used:.2} of it", self.budget)
    }
}
