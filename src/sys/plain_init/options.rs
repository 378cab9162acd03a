//! The options of the replaced inits. Must not know how they are implemented.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::values::Signal;

/// Which init to behave like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// tini, `docker-init`.
    Tini,
    /// dumb-init.
    DumbInit,
    /// catatonit, `podman-init`.
    Catatonit,
}

/// A minimal init and its options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlainInit {
    /// Which init to behave like.
    pub flavor: Flavor,
    /// Whether signals are sent to the child's process group.
    pub to_group: bool,
    /// Whether to become a child subreaper.
    pub subreaper: bool,
    /// The parent-death signal.
    pub parent_death: Option<Signal>,
    /// Exit codes that are replaced by 0.
    pub success_codes: BTreeSet<u8>,
    /// Signals that are forwarded as another one; 0: not at all.
    pub rewrites: BTreeMap<i32, i32>,
    /// Whether each reaped orphan is logged.
    pub warns_on_reap: bool,
    /// How much is logged.
    pub verbosity: u8,
    /// No child: wait for TERM or INT.
    pub pauses: bool,
    /// Lines that are logged first, if anything is logged.
    pub first_lines: Vec<&'static str>,
}

impl PlainInit {
    /// Returns one without any flag.
    pub fn of(flavor: Flavor) -> Self {
        Self {
            flavor,
            to_group: false,
            subreaper: false,
            parent_death: None,
            success_codes: BTreeSet::new(),
            rewrites: BTreeMap::new(),
            warns_on_reap: false,
            verbosity: 0,
            pauses: false,
            first_lines: Vec::new(),
        }
    }
}
