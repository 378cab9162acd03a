//! A service's state as the name that the protocol has for it. Must not know which states there are.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};

use crate::supervise::StatusState;

/// Writes the name.
///
/// # Errors
/// The serializer's.
pub fn serialize<S: Serializer>(state: &StatusState, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(state.name())
}

/// Reads the name.
///
/// # Errors
/// When it is no state of `status`.
pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<StatusState, D::Error> {
    let name = String::deserialize(from)?;
    let state = StatusState::ALL.into_iter().find(|state| state.name() == name);
    state.ok_or_else(|| D::Error::custom(format!("no state is called `{}`", crate::text::shown(&name))))
}
