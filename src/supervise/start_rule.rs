//! [`StartLimit`]: how long a start may take, as plain values. Must not know what starts.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{EngineTime, Id};

/// How long the services may take until the main command starts, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartLimit {
    /// From the beginning on.
    pub timeout: Duration,
    /// What follows if not every service has been up, done or failed by then.
    pub then: StartTimeoutAction,
}

/// What follows when the start takes too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTimeoutAction {
    /// The main command starts without the services that are missing; these go on starting.
    StartMain,
    /// The container ends.
    StopContainer,
}

/// A start with a limit, until every service has been up, done or failed.
#[derive(Clone, Debug)]
pub(super) struct StartInProgress {
    pub(super) until: EngineTime,
    pub(super) limit: StartLimit,
    /// Those that have not been.
    pub(super) unsettled: BTreeSet<Id>,
}
