//! Programs that print, wait or do nothing: `s6-echo`, `s6-cat`, `s6-basename`, `s6-dirname`, `s6-printenv`, `s6-hostname`,
//! `s6-sleep`, `s6-pause`, `s6-true`, `s6-false`.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::sys::signal::{SigSet, Signal};
use nix::unistd::{gethostname, pause, read, sethostname};

use crate::s6_commands::call::{Call, CommandResult, number, print};
use crate::s6_commands::failure::Failure;
use crate::s6_commands::waiting;
use crate::sys::descriptors::standard;

pub(in crate::s6_commands) fn s6_true(_: Call) -> CommandResult {
    Ok(0)
}

pub(in crate::s6_commands) fn s6_false(_: Call) -> CommandResult {
    Ok(1)
}

pub(in crate::s6_commands) fn s6_echo(mut call: Call) -> CommandResult {
    let (mut separator, mut end) = (b" ".to_vec(), &b"\n"[..]);
    for (letter, value) in call.options("ns:", "s6-echo [ -n ] [ -s sep ] args...")? {
        match letter {
            b'n' => end = b"",
            _ => separator = vec![value.first().copied().unwrap_or_default()],
        }
    }
    print(&[call.arguments.join(separator.as_slice()).as_slice(), end].concat()).map(|()| 0)
}

/// Copies standard input to standard output.
pub(in crate::s6_commands) fn s6_cat(_: Call) -> CommandResult {
    let mut chunk = [0; 65_536];
    loop {
        match read(standard(0), &mut chunk) {
            Ok(0) => return Ok(0),
            Ok(length) => print(chunk.get(..length).unwrap_or_default())?,
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(Failure::unable("fd_cat", errno)),
        }
    }
}

pub(in crate::s6_commands) fn s6_basename(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-basename [ -n ] file [ suffix ]";
    let end = if call.options("n", SYNOPSIS)?.is_empty() { &b"\n"[..] } else { b"" };
    let path = call.argument(SYNOPSIS)?;
    let mut name = base_name(&path);
    if let Some(shorter) = call.arguments.first().and_then(|suffix| name.strip_suffix(suffix.as_slice())) {
        name = if shorter.is_empty() { name } else { shorter };
    }
    print(&[name, end].concat()).map(|()| 0)
}

pub(in crate::s6_commands) fn s6_dirname(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-dirname [ -n ] file";
    let end = if call.options("n", SYNOPSIS)?.is_empty() { &b"\n"[..] } else { b"" };
    let path = call.argument(SYNOPSIS)?;
    let trimmed = without_slashes(&path);
    let directory = match trimmed.iter().rposition(|byte| *byte == b'/') {
        _ if path.is_empty() => &b"."[..],
        _ if trimmed.is_empty() => b"/",
        None => b".",
        Some(0) => b"/",
        Some(at) => &trimmed[..at],
    };
    print(&[directory, end].concat()).map(|()| 0)
}

/// Returns the last name of a path.
pub(super) fn base_name(path: &[u8]) -> &[u8] {
    match without_slashes(path) {
        [] if path.is_empty() => b".",
        [] => b"/",
        trimmed => trimmed.rsplit(|byte| *byte == b'/').next().unwrap_or(trimmed),
    }
}

fn without_slashes(path: &[u8]) -> &[u8] {
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    &path[..end]
}

pub(in crate::s6_commands) fn s6_printenv(mut call: Call) -> CommandResult {
    let (mut delimiter, mut is_ended) = (b'\n', true);
    for (letter, value) in call.options("nd:0", "s6-printenv [ -n ] [ -0 | -d delimchar ]")? {
        match letter {
            b'n' => is_ended = false,
            b'd' => delimiter = value.first().copied().unwrap_or_default(),
            _ => delimiter = 0,
        }
    }
    let mut text = call.environment.entries().join(&delimiter);
    if is_ended && !text.is_empty() {
        text.push(delimiter);
    }
    print(&text).map(|()| 0)
}

/// Prints the host's name, or sets it.
pub(in crate::s6_commands) fn s6_hostname(mut call: Call) -> CommandResult {
    call.options("", "s6-hostname [ hostname ]")?;
    match call.arguments.first() {
        Some(name) => {
            sethostname(OsStr::from_bytes(name)).map_err(|errno| Failure::unable("set hostname", errno))?;
            Ok(0)
        }
        None => {
            let name = gethostname().map_err(|errno| Failure::unable("get hostname", errno))?;
            print(&[name.as_bytes(), b"\n"].concat()).map(|()| 0)
        }
    }
}

/// Waits, then executes the rest.
pub(in crate::s6_commands) fn s6_sleep(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-sleep [ -m ] duration prog...";
    let is_milliseconds = !call.options("m", SYNOPSIS)?.is_empty();
    let time = number(&call.argument(SYNOPSIS)?).map(u64::from).ok_or_else(|| Failure::usage(SYNOPSIS))?;
    let time = if is_milliseconds { time } else { time.saturating_mul(1000) };
    let refused = |errno| Failure::unable("sleep", errno);
    let end = waiting::after(time).map_err(refused)?;
    while end.is_some_and(|end| waiting::now().is_ok_and(|now| now < end)) {
        waiting::until([], end).map(drop).map_err(refused)?;
    }
    call.exec()
}

/// Waits for a signal that is not ignored.
pub(in crate::s6_commands) fn s6_pause(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-pause [ -t ] [ -h ] [ -a ] [ -q ] [ -b ] [ -i ] [ -p signal,signal... ]";
    let mut ignored = SigSet::empty();
    for (letter, value) in call.options("thaqbip:", SYNOPSIS)? {
        ignored.add(match letter {
            b't' => Signal::SIGTERM,
            b'h' => Signal::SIGHUP,
            b'a' => Signal::SIGALRM,
            b'q' => Signal::SIGQUIT,
            b'b' => Signal::SIGABRT,
            b'i' => Signal::SIGINT,
            _ => {
                for word in value.split(|byte| *byte == b',') {
                    let signal = number(word).and_then(|number| Signal::try_from(i32::try_from(number).ok()?).ok());
                    ignored.add(signal.ok_or_else(|| Failure::usage(SYNOPSIS))?);
                }
                continue;
            }
        });
    }
    // Nobody takes them, which is the same while nothing else is done.
    ignored.thread_block().map_err(|errno| Failure::unable("ignore signals", errno))?;
    pause();
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_name_of_a_path_is_found() {
        let cases = [("a/b", "b"), ("a/b//", "b"), ("a", "a"), ("/", "/"), ("//", "/"), ("", "."), ("/a", "a")];
        for (path, name) in cases {
            assert_eq!(base_name(path.as_bytes()), name.as_bytes(), "{path}");
        }
    }
}
