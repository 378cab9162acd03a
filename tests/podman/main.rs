//! Rootless Podman from Debian's packages, as a user that exists for the test alone (`rootless.rs`): the usual user
//! namespaces, readiness told outwards, and a pod of Kubernetes' restricted kind. What runs elsewhere only stands in
//! tests/README.md.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)] // a helper that cannot do its work fails its test

#[path = "../support/hosted.rs"]
mod hosted;
#[path = "../support/rootfs.rs"]
mod rootfs;
#[path = "../support/docker.rs"]
mod support;

mod cells;
mod init;
mod notify;
mod pod;
mod rootless;
