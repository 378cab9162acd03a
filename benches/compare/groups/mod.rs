//! What is measured, by the names that the command line takes. A file for each.

mod boot;
mod calls;
mod filter;
mod growth;
mod helpers;
mod identity;
mod idle;
mod image;
mod log_latency;
mod loggers;
mod logs;
mod many;
mod memory;
mod orphans;
mod ownership;
mod reload;
mod restart;
mod scaling;
mod size;
mod stop;

use super::Outcome;
use super::bench::Bench;
use super::results::Case;

/// A group of comparisons.
pub struct Kind {
    /// By which it is chosen.
    pub name: &'static str,
    /// What it measures.
    pub title: &'static str,
    /// Measures.
    pub run: fn(&Bench) -> Outcome<Vec<Case>>,
}

/// All groups, in the order of a whole run.
pub const GROUPS: &[Kind] = &[
    Kind { name: "boot", title: "exec of PID 1 to the first instruction of its last program", run: boot::run },
    Kind {
        name: "identity",
        title: "the same with PUID and PGID, five groups, /run and 100 files, beside a shell entrypoint",
        run: identity::run,
    },
    Kind { name: "image", title: "boot of an image made for s6-overlay, beside s6-overlay", run: image::run },
    Kind { name: "memory", title: "memory of an init with its helpers, at rest", run: memory::run },
    Kind { name: "idle", title: "wake-ups of an init with its helpers while nothing happens", run: idle::run },
    Kind { name: "stop", title: "request to stop to the end of the container", run: stop::run },
    Kind { name: "restart", title: "kill of a service to its next first instruction", run: restart::run },
    Kind { name: "reload", title: "one of many services changed, one more, status of all", run: reload::run },
    Kind { name: "scaling", title: "growth of start, reload, status and stop", run: scaling::run },
    Kind { name: "orphans", title: "reaping of processes that others left", run: orphans::run },
    Kind { name: "ownership", title: "owners of many files, beside chown -R", run: ownership::run },
    Kind { name: "logs", title: "lines of services, to the output and to files", run: logs::run },
    Kind { name: "helpers", title: "helper commands of s6 and execline, beside the originals", run: helpers::run },
    Kind { name: "filter", title: "the seccomp filter of services", run: filter::run },
    Kind { name: "growth", title: "memory of PID 1 after much work", run: growth::run },
    Kind { name: "calls", title: "system calls and page faults before the first program", run: calls::run },
    Kind { name: "size", title: "size of the binaries", run: size::run },
];
