//! [`Millis`]: a duration as the protocol and `--json` have it. Must not know what it measures.

use std::fmt;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::config::units::duration_text;

/// A duration, on the wire a number of milliseconds whose fraction has its microseconds. Fields of this type end with `_ms`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Millis(pub Duration);

/// Above this many milliseconds (31 years) a number of that type does not tell single microseconds apart.
const MAX: f64 = 1e12;

impl Millis {
    /// Returns whole microseconds.
    pub fn micros(self) -> u64 {
        u64::try_from(self.0.as_micros()).unwrap_or(u64::MAX)
    }

    /// Returns that many microseconds.
    pub fn from_micros(micros: u64) -> Self {
        Self(Duration::from_micros(micros))
    }

    /// Returns the time from `earlier` to this; nothing if that is later.
    pub fn since(self, earlier: Self) -> Self {
        Self(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&duration_text(self.0))
    }
}

impl Serialize for Millis {
    #[allow(clippy::cast_precision_loss)] // see MAX
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.micros() as f64 / 1000.0)
    }
}

impl<'de> Deserialize<'de> for Millis {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = f64::deserialize(deserializer)?;
        if !(0.0..=MAX).contains(&millis) {
            return Err(D::Error::custom("not a duration in milliseconds"));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // it was looked at
        Ok(Self::from_micros((millis * 1000.0).round() as u64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_was_written() {
        for micros in [0, 1, 250, 999_999, 1_000_000, 86_400_000_001] {
            let written = serde_json::to_string(&Millis::from_micros(micros)).unwrap();
            assert_eq!(serde_json::from_str::<Millis>(&written).unwrap(), Millis::from_micros(micros), "{written}");
        }
        assert_eq!(serde_json::to_string(&Millis::from_micros(1_250)).unwrap(), "1.25");
        assert_eq!(serde_json::from_str::<Millis>("3").unwrap(), Millis::from_micros(3_000));
    }

    #[test]
    fn what_is_no_duration_is_refused() {
        for text in ["-1", "1e300", "\"1\"", "null"] {
            assert!(serde_json::from_str::<Millis>(text).is_err(), "{text}");
        }
    }
}
