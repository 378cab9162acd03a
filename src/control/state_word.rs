//! A service's state as the word that the protocol has for it. Must not know which states there are.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::supervise::StatusState;

/// Writes the word.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(state: &StatusState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.word())
}

/// Reads the word.
///
/// # Errors
/// When it is no word of `status`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<StatusState, D::Error> {
    let word = String::deserialize(from)?;
    let state = StatusState::ALL.into_iter().find(|state| state.word() == word);
    state.ok_or_else(|| D::Error::custom(format!("no state is called `{}`", crate::text::shown(&word))))
}
