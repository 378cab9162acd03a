//! Processes: prepared ([`launch`]), forked ([`spawn`]), set up until exec ([`child`]), reaped in one place ([`reap`]),
//! and signalled by group ([`group`]), session ([`session`]) and run ([`detached`], [`mark`]); what only PID 1 may set of them
//! ([`score`]); what they may not set of PID 1 ([`filter`]); what `/proc` says of them ([`stat`]); which limits
//! they have ([`resource`]). Knows pids and descriptors, not services.

mod capset;
pub mod child;
pub mod children;
pub mod detached;
pub mod environment_file;
pub mod filter;
pub mod group;
pub mod launch;
pub mod mark;
mod pidfd;
pub mod program;
pub mod reap;
pub mod record;
pub mod resource;
pub mod score;
pub mod session;
pub mod spawn;
pub mod spawn_words;
pub mod stat;
