//! What PID 1 makes of a report, whoever has written it.

use std::os::fd::OwnedFd;

use super::*;
use crate::sys::process::spawn_record::{encode_filter_error, encode_unexplained};

/// A pipe, as PID 1 reads it, after a child has written that its program does not exist.
fn refused_pipe() -> (ExecPipe, OwnedFd) {
    let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
    child::write_report(write.as_raw_fd(), encode_unexplained(Errno::ENOENT), b"");
    (ExecPipe::new(read), write)
}

fn refused(explanation: &str) -> ExecResult {
    let why = SpawnError::new(SpawnStep::Exec, Errno::ENOENT as i32);
    ExecResult::Refused(SpawnError { explanation: explanation.to_owned(), ..why })
}

#[test]
fn the_explanation_of_a_refusal_may_come_later() {
    let (mut pipe, write) = refused_pipe();
    assert_eq!(pipe.read(), ExecResult::Pending);
    child::write_report(write.as_raw_fd(), encode((SpawnStep::Exec, Errno::ENOENT)), b"it is gone");
    assert_eq!(pipe.read(), refused("it is gone"));
}

/// Processes of the service's user can write to the pipe then (`explained`).
#[test]
fn nothing_but_words_for_it_is_taken_after_a_refusal() {
    let others = [
        &encode_unexplained(Errno::EACCES)[..],
        &encode_filter_error(Errno::EPERM),
        &encode((SpawnStep::Fork, Errno::ENOENT)),
        &encode((SpawnStep::Exec, Errno::EACCES)),
        b"x",
    ];
    for other in others {
        let (mut pipe, write) = refused_pipe();
        // More than the reader takes at once, as from somebody who writes without end.
        nix::unistd::write(&write, &other.repeat(4000)).unwrap();
        assert_eq!((pipe.read(), pipe.unfiltered()), (refused(""), None), "{other:?}");
    }
}

#[test]
fn an_explanation_begins_no_line() {
    let (mut pipe, write) = refused_pipe();
    child::write_report(
        write.as_raw_fd(),
        encode((SpawnStep::Exec, Errno::ENOENT)),
        b"it is gone\nstepdown | web: ready\x1b[2J",
    );
    assert_eq!(pipe.read(), refused("it is gone\\nstepdown | web: ready\\u{1b}[2J"));
}
