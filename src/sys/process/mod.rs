//! Processes: prepared ([`launch`]), forked ([`spawn`]), set up until exec ([`child`]), reaped in one place ([`reap`]),
//! and signalled by group ([`group`]) and session ([`session`]). Knows pids and descriptors, not services.

pub mod child;
pub mod group;
pub mod launch;
pub mod reap;
pub mod session;
pub mod spawn;
