//! What the replaced inits can be asked for. Must not know how they do it.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::values::Signal;

/// Whose ways it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// tini, `docker-init`.
    Tini,
    /// dumb-init.
    DumbInit,
    /// catatonit, `podman-init`.
    Catatonit,
}

/// What it was asked to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainInit {
    /// Whose ways.
    pub flavor: Flavor,
    /// Signals go to the child's process group.
    pub to_group: bool,
    /// Orphans come to us although we are not PID 1.
    pub subreaper: bool,
    /// What we get when our parent ends.
    pub parent_death: Option<Signal>,
    /// Exit codes that become 0.
    pub as_success: BTreeSet<u8>,
    /// Signals that are passed on as another one; 0: not at all.
    pub rewrites: BTreeMap<i32, i32>,
    /// Each orphan that is reaped is told.
    pub warns_of_reaped: bool,
    /// How much is told.
    pub verbosity: u8,
    /// No child: wait for TERM or INT.
    pub pauses: bool,
    /// What is said before anything else, if anything is told.
    pub first_words: Vec<&'static str>,
}

impl PlainInit {
    /// Returns one without any flag.
    pub fn of(flavor: Flavor) -> Self {
        Self {
            flavor,
            to_group: false,
            subreaper: false,
            parent_death: None,
            as_success: BTreeSet::new(),
            rewrites: BTreeMap::new(),
            warns_of_reaped: false,
            verbosity: 0,
            pauses: false,
            first_words: Vec::new(),
        }
    }
}
