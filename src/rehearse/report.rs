//! What the process inside reports to `try` until it executes its program: notices, the other end of its terminal, or an
//! error. End of file means success: the descriptor is closed on exec.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, UnixAddr, recvmsg, sendmsg,
    socketpair,
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Place, Problem, Refused, cause_text};

/// Longer than any message: paths are at most 4 KiB.
const MAX_MESSAGE: usize = 32 * 1024;

/// The writing end, inside.
#[derive(Debug)]
pub(super) struct Reporter(OwnedFd);

/// The reading end.
#[derive(Debug)]
pub(super) struct Reports(OwnedFd);

/// What the process inside reports.
#[derive(Debug)]
pub(super) enum InsideReport {
    /// Something to know, such as a mount that could only be bound read-only.
    Notice(String),
    /// The terminal inside, this end.
    Terminal(OwnedFd),
    /// It cannot continue.
    Failed(Error),
}

#[derive(Debug, Serialize, Deserialize)]
enum WireReport {
    Notice(String),
    Terminal,
    Problem { argument: String, what: String, fix: String },
    Failed { what: String, errno: Option<i32>, text: String, fix: Option<String> },
}

/// Returns both ends. A packet socket: a message is read whole or not at all, and a descriptor stays with its message.
pub(super) fn pair() -> Result<(Reporter, Reports), Refused> {
    let (a, b) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)
        .map_err(|cause| Refused::new("cannot create a pair of sockets", cause))?;
    Ok((Reporter(a), Reports(b)))
}

impl Reporter {
    /// Sends a notice.
    pub(super) fn notice(&self, text: impl Into<String>) {
        self.send(&WireReport::Notice(text.into()), &[]);
    }

    /// Sends the terminal.
    pub(super) fn terminal(&self, master: impl AsFd) {
        self.send(&WireReport::Terminal, &[master.as_fd().as_raw_fd()]);
    }

    /// Sends the error that ends the process.
    pub(super) fn failed(&self, error: &Error) {
        let report = match error {
            Error::Refused(refused) => Some(WireReport::Failed {
                what: refused.what.clone(),
                errno: refused.cause.raw_os_error(),
                text: cause_text(&refused.cause),
                fix: refused.fix.clone(),
            }),
            // The only problem that can be found this late is one argument.
            Error::Wrong(problems) => {
                problems.clone().into_sorted().into_iter().next().map(|problem| WireReport::Problem {
                    argument: match problem.at {
                        Place::Argument(word) => word,
                        other => other.to_string(),
                    },
                    what: problem.what,
                    fix: problem.fix.to_string(),
                })
            }
        };
        if let Some(report) = report {
            self.send(&report, &[]);
        }
    }

    /// Sends a message. An error means that `try` has exited, and we are about to be killed.
    fn send(&self, report: &WireReport, descriptors: &[RawFd]) {
        let Ok(bytes) = serde_json::to_vec(report) else { return };
        let rights = [ControlMessage::ScmRights(descriptors)];
        let control = if descriptors.is_empty() { &[] } else { &rights[..] };
        let parts = [io::IoSlice::new(&bytes)];
        let _gone = sendmsg::<UnixAddr>(self.0.as_raw_fd(), &parts, control, MsgFlags::MSG_NOSIGNAL, None);
    }
}

impl Reports {
    /// Returns the next message; `None`: the program was executed, or all processes inside have exited.
    pub(super) fn next(&self) -> Result<Option<InsideReport>, Refused> {
        let broken = |cause: io::Error| Refused::new("cannot read the report of the process inside", cause);
        let mut bytes = vec![0; MAX_MESSAGE];
        let mut space = nix::cmsg_space!(RawFd);
        let (length, descriptor) = {
            let mut parts = [io::IoSliceMut::new(&mut bytes)];
            let read = loop {
                match recvmsg::<UnixAddr>(self.0.as_raw_fd(), &mut parts, Some(&mut space), MsgFlags::MSG_CMSG_CLOEXEC)
                {
                    Err(nix::errno::Errno::EINTR) => {}
                    other => break other.map_err(|cause| broken(cause.into()))?,
                }
            };
            let mut descriptor = None;
            for message in read.cmsgs().map_err(|cause| broken(cause.into()))? {
                if let ControlMessageOwned::ScmRights(raw) = message {
                    descriptor = raw.into_iter().map(owned_fd).next_back();
                }
            }
            (read.bytes, descriptor)
        };
        if length == 0 {
            return Ok(None);
        }
        let report =
            serde_json::from_slice(bytes.get(..length).unwrap_or_default()).map_err(|cause| broken(cause.into()))?;
        Ok(Some(match (report, descriptor) {
            (WireReport::Notice(text), _) => InsideReport::Notice(text),
            (WireReport::Terminal, Some(master)) => InsideReport::Terminal(master),
            (WireReport::Terminal, None) => return Err(broken(io::ErrorKind::InvalidData.into())),
            (WireReport::Problem { argument, what, fix }, _) => {
                let problem = Problem::new(Place::Argument(argument), what, fix);
                InsideReport::Failed(Error::Wrong(problem.into()))
            }
            (WireReport::Failed { what, errno, text, fix }, _) => {
                let cause = errno.map_or_else(|| io::Error::other(text), io::Error::from_raw_os_error);
                InsideReport::Failed(Error::Refused(Refused { what, cause, fix }))
            }
        }))
    }
}

impl AsFd for Reports {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[allow(unsafe_code)] // a received descriptor comes as a number
fn owned_fd(raw: RawFd) -> OwnedFd {
    // SAFETY: the kernel just installed this descriptor for us in recvmsg; nobody else knows its number.
    unsafe { OwnedFd::from_raw_fd(raw) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_and_in_order_and_the_end_is_the_end() {
        let (reporter, reports) = pair().unwrap();
        reporter.notice("one");
        reporter.terminal(std::fs::File::open("/dev/null").unwrap());
        reporter.failed(&Refused::new("cannot mount /x", io::Error::from_raw_os_error(1)).fix("be root").into());
        reporter.failed(&Error::Wrong(Problem::new(Place::Argument("--user x".into()), "nobody", "write app").into()));
        drop(reporter);
        assert!(matches!(reports.next().unwrap(), Some(InsideReport::Notice(text)) if text == "one"));
        assert!(matches!(reports.next().unwrap(), Some(InsideReport::Terminal(_))));
        let Some(InsideReport::Failed(refused)) = reports.next().unwrap() else { panic!("expected a failure") };
        assert_eq!(refused.to_string(), "cannot mount /x: Operation not permitted\n  fix: be root");
        let Some(InsideReport::Failed(wrong)) = reports.next().unwrap() else { panic!("expected a failure") };
        assert_eq!(wrong.exit_code(), 100);
        assert!(wrong.to_string().ends_with("`--user x`: nobody; write app"), "{wrong}");
        assert!(reports.next().unwrap().is_none());
    }
}
