//! Docker daemons that are set up in another way than the one that is here: one that remaps user ids, one that is a swarm.
//! Each is the test's own, with everything below a directory of its own and in namespaces of its own, and ends with it.
//!
//! No bridge and no overlay network is made (they would be this machine's): containers have none, or the host's.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a helper that cannot do its work fails its test

#[path = "../support/hosted.rs"]
mod hosted;
#[path = "../support/rootfs.rs"]
mod rootfs;
#[path = "../support/docker.rs"]
#[allow(dead_code, unused_imports)] // these tests use a part of it
mod support;

mod daemon;
mod remap;
mod swarm;
