//! [`Rereading`]: how far the second reading of the definitions is, as a plain value. Must not know what it waits for.

use std::collections::BTreeSet;

use super::Id;

/// How far the second reading is.
#[derive(Clone, Debug, Default)]
pub(super) enum Rereading {
    /// Nothing comes before it, so that there is none; or it is over.
    #[default]
    Over,
    /// These come before it and have not been up, done or failed yet.
    Awaits(BTreeSet<Id>),
    /// It was requested ([`super::Action::Reread`]).
    UnderWay,
}
