//! Rootless Podman from Debian's packages, as a user that exists for the test alone (`rootless.rs`): the usual user
//! namespaces, readiness reported to the host, and a pod of Kubernetes' restricted kind. What runs elsewhere only stands in
//! tests/README.md.

mod cases;
mod documents;
mod init;
mod notify;
mod pod;
mod rootless;
