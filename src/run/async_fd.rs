//! Descriptors registered with tokio. Each is watched through a duplicate, so that the order of closing does not matter.
#![allow(unsafe_code)] // AsyncFd::register_with_interest

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::log::own_messages::with_outputs;

/// Registers a duplicate of a descriptor. Must be called inside the runtime.
///
/// # Errors
/// When it cannot be duplicated or registered.
pub fn registered(fd: &impl AsFd, interest: Interest) -> io::Result<AsyncFd<OwnedFd>> {
    let own = fd.as_fd().try_clone_to_owned()?;
    // SAFETY: an OwnedFd stays open, and the same, for as long as the AsyncFd owns it.
    Ok(unsafe { AsyncFd::register_with_interest(own, interest) }?)
}

/// Returns whether any output has bytes that could not be written yet.
pub fn has_pending_output() -> bool {
    with_outputs(|outputs| outputs.sinks().any(|sink| sink.pending() > 0))
}
