//! [`EventSources`]: the descriptors that the event loop waits for, and [`ReadySources`]: which of them have something. The kernel is
//! polled in each iteration, also while one source always has something: tokio's cached readiness says nothing about the
//! others. Must not know what the sources mean.

use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;

use super::async_fd::{has_pending_output, registered};
use super::process_manager::ProcessManager;
use crate::control::server::PendingRequest;
use crate::log::logs::OutputKind;
use crate::log::own_messages::with_outputs;
use crate::sys::signals::Signals;

/// All sources but callers and deadlines.
pub struct EventSources {
    signals: AsyncFd<OwnedFd>,
    fd_watcher: AsyncFd<OwnedFd>,
    probes: AsyncFd<OwnedFd>,
    logs: [(OutputKind, AsyncFd<OwnedFd>); 3],
    outputs: Vec<AsyncFd<OwnedFd>>,
}

/// Which sources have something. A flag stays set until its source was found empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReadySources {
    /// A signal came.
    pub signals: bool,
    /// There may be exited children that are not reaped.
    pub exits: bool,
    /// An exec pipe, a notification fd or a notification socket.
    pub fds: bool,
    /// A probe has written.
    pub probes: bool,
    /// There may be callers that are not answered.
    pub requests: bool,
    /// An output has space.
    pub output: bool,
    /// Logs for stdout, stderr and files.
    pub logs: [bool; 3],
}

impl EventSources {
    /// Registers all descriptors. Must be called inside the runtime.
    ///
    /// # Errors
    /// An epoll registration that the kernel refuses.
    pub fn new(signals: &Signals, processes: &ProcessManager) -> io::Result<Self> {
        let readable = Interest::READABLE;
        let pipe_group =
            |output| Ok::<_, io::Error>((output, registered(&processes.logs.pipe_group(output)?, readable)?));
        Ok(Self {
            signals: registered(signals, readable)?,
            fd_watcher: registered(&processes.fd_watcher.fd()?, readable)?,
            probes: registered(&processes.probes.fd()?, readable)?,
            logs: [pipe_group(OutputKind::Stdout)?, pipe_group(OutputKind::Stderr)?, pipe_group(OutputKind::Files)?],
            outputs: with_outputs(|outputs| {
                outputs.sinks().filter_map(|sink| registered(&sink.watch()?, Interest::WRITABLE).ok()).collect()
            }),
        })
    }

    /// Waits until there is something to do, or until `deadline`; adds to `ready` what has come, and returns a request that
    /// came. While there is something to do already, it polls the others and does not wait.
    pub async fn wait(
        &self,
        ready: &mut ReadySources,
        processes: &ProcessManager,
        requests: &mut Option<mpsc::Receiver<PendingRequest>>,
        deadline: Option<Instant>,
    ) -> Option<PendingRequest> {
        let busy = ready.is_any(processes);
        if busy {
            // Lets the runtime's driver (epoll) and the connections of callers run.
            tokio::task::yield_now().await;
        }
        let mut sleep = deadline.filter(|_| !busy).map(|at| Box::pin(tokio::time::sleep_until(at.into())));
        let mut pending = None;
        std::future::poll_fn(|context| {
            let before = *ready;
            self.poll(ready, context);
            if let Some(receiver) = requests.as_mut().filter(|_| !before.requests) {
                match receiver.poll_recv(context) {
                    Poll::Ready(Some(next)) => pending = Some(next),
                    Poll::Ready(None) => *requests = None,
                    Poll::Pending => {}
                }
            }
            let is_due = sleep.as_mut().is_some_and(|sleep| Pin::new(sleep).poll(context).is_ready());
            if busy || is_due || pending.is_some() || ready.is_any(processes) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        pending
    }

    fn poll(&self, ready: &mut ReadySources, context: &mut Context<'_>) {
        ready.signals |= is_ready(&self.signals, context);
        ready.fds |= is_ready(&self.fd_watcher, context);
        ready.probes |= is_ready(&self.probes, context);
        for (flag, (_, pipe_group)) in ready.logs.iter_mut().zip(&self.logs) {
            *flag |= is_ready(pipe_group, context);
        }
        if has_pending_output() {
            for output in &self.outputs {
                ready.output |= is_writable(output, context);
            }
        }
    }
}

impl ReadySources {
    /// Returns whether any source has something. Logs are read only while their output has space.
    fn is_any(&self, processes: &ProcessManager) -> bool {
        let Self { signals, exits, fds, probes, requests, output, logs } = *self;
        let outputs = [OutputKind::Stdout, OutputKind::Stderr, OutputKind::Files];
        let logs = outputs.into_iter().zip(logs).any(|(output, ready)| ready && processes.logs.may_read(output));
        signals || exits || fds || probes || requests || output || logs
    }
}

/// Clears tokio's cached readiness: a source that is not read to its end keeps its flag in [`ReadySources`].
fn is_ready(fd: &AsyncFd<OwnedFd>, context: &mut Context<'_>) -> bool {
    match fd.poll_read_ready(context) {
        Poll::Ready(Ok(mut guard)) => {
            guard.clear_ready();
            true
        }
        // The runtime is ending: nothing is ready any more.
        Poll::Ready(Err(_)) | Poll::Pending => false,
    }
}

/// The same for an output: a write that would block sets the readiness anew.
fn is_writable(fd: &AsyncFd<OwnedFd>, context: &mut Context<'_>) -> bool {
    match fd.poll_write_ready(context) {
        Poll::Ready(Ok(mut guard)) => {
            guard.clear_ready();
            true
        }
        Poll::Ready(Err(_)) | Poll::Pending => false,
    }
}
