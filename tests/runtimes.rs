//! runc bundles, for what Docker's flags cannot say: user namespaces with few ids, `setgroups` denied, hidden processes, odd
//! users and capability sets, seccomp profiles that are older than a system call.
//!
//! Not here: a container without `/proc` (runc cannot start one: "error closing exec fds: open /proc/self/fd").

mod bundle;
mod cases;
