//! `s6-log`: reads standard input line by line, and carries out what the script says for each. Ends at the end of its input,
//! or after the present line when it is told to.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::poll::{PollFd, PollFlags};
use nix::sys::signal::Signal;
use nix::unistd::{read, write};

use super::directory::errno;
use super::rotation::RotatedDirectory;
use super::script::{LogAction, LogScript, LogTarget};
use super::stamp::{Stamp, zone};
use crate::config::zone::Zone;
use crate::error::EXIT_WRONG;
use crate::s6_commands::call::{Argument, Call, CommandResult, number, print_error};
use crate::s6_commands::failure::{Failure, errno_text};
use crate::s6_commands::waiting::{self, BlockedSignals, Moment};
use crate::sys::descriptors::standard;
use crate::sys::exec_chain::{close_fd, inherited, wait};
use crate::text::shown_bytes;

const SYNOPSIS: &str = "s6-log [ -d notif ] [ -q | -v ] [ -b ] [ -p ] [ -l linelimit ] [ -t lastlinetimeout ] [ -- ] \
                        logging_script";
const MIN_LIMIT: usize = 48;
/// How long the rest of a line is waited for after a signal to end, in milliseconds; since s6 2.12.
const LAST_LINE_TIMEOUT: u32 = 2000;
/// What is read at once, and what a pipe that is ready takes without blocking (pipe(7), PIPE_BUF).
const CHUNK: usize = 4096;

struct Logger {
    script: LogScript,
    directories: Vec<RotatedDirectory>,
    zone: Option<Zone>,
    /// For standard output; `None` after it could not be written.
    output: Option<Vec<u8>>,
    /// The line that is not ended.
    line: Vec<u8>,
    line_limit: usize,
    /// In milliseconds; 0: without an end.
    last_line_timeout: u32,
    is_quiet: bool,
    reading: InputState,
}

/// How far the input is read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum InputState {
    On,
    /// To the end of the present line, or until this moment.
    LastLine(Moment),
    Over,
}

/// Reads lines until there are none.
pub(in crate::s6_commands) fn s6_log(mut call: Call) -> CommandResult {
    let (mut verbosity, mut is_blocking, mut is_protected, mut line_limit) = (1_u32, false, false, 8192);
    let (mut last_line_timeout, mut notify) = (LAST_LINE_TIMEOUT, None);
    for (letter, value) in call.options("qvbpl:d:t:", SYNOPSIS)? {
        let value = || number(&value).ok_or_else(|| Failure::usage(SYNOPSIS));
        match letter {
            b'q' => verbosity = verbosity.saturating_sub(1),
            b'v' => verbosity += 1,
            b'b' => is_blocking = true,
            b'p' => is_protected = true,
            b'l' => line_limit = usize::try_from(value()?).unwrap_or(usize::MAX),
            b't' => last_line_timeout = value()?,
            _ => notify = Some(notification(value()?)?),
        }
    }
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    if line_limit > 0 {
        line_limit = line_limit.max(MIN_LIMIT);
    }
    let is_quiet = verbosity == 0;
    let script = LogScript::read(&call.arguments, is_quiet)?;
    let open = |settings: &super::script::LogSettings| RotatedDirectory::open(settings.clone(), is_quiet);
    let directories = script.directories.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let waits = [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGALRM, Signal::SIGCHLD, Signal::SIGPIPE];
    let signals = BlockedSignals::block(&waits).map_err(|errno| Failure::unable("selfpipe_trapset", errno))?;
    if let Some(fd) = notify {
        let _closed = write(inherited(fd), b"\n");
        close_fd(fd);
    }
    let zone = Some(zone(&call.environment));
    let mut logger = Logger {
        script,
        directories,
        zone,
        output: Some(Vec::new()),
        line: Vec::new(),
        line_limit,
        last_line_timeout,
        is_quiet,
        reading: InputState::On,
    };
    logger.run(&call, &signals, is_blocking, is_protected).map_err(|errno| Failure::unable("iopause", errno))?;
    logger.finish().map_err(|errno| Failure::unable("iopause", errno))?;
    Ok(0)
}

fn notification(number: u32) -> Result<i32, Failure> {
    let fd = i32::try_from(number).map_err(|_| Failure::usage(SYNOPSIS))?;
    if fd < 3 {
        return Err(Failure::wrong("notification fd must be 3 or more"));
    }
    match fcntl(inherited(fd), FcntlArg::F_GETFD) {
        Ok(_) => Ok(fd),
        Err(errno) => Err(Failure::fatal(EXIT_WRONG, format!("invalid notification fd: {}", errno_text(errno)))),
    }
}

impl Logger {
    fn run(
        &mut self,
        call: &Call,
        signals: &BlockedSignals,
        is_blocking: bool,
        is_protected: bool,
    ) -> Result<(), Errno> {
        loop {
            let now = waiting::now()?;
            self.directories.iter_mut().for_each(|directory| {
                directory.rotate_when_due(now);
                directory.advance(call, signals);
            });
            let is_busy = self.directories.iter().any(RotatedDirectory::is_busy) || self.has_output();
            if self.reading == InputState::Over && !is_busy {
                return Ok(());
            }
            let reads = self.reading != InputState::Over && !(is_blocking && is_busy);
            let mut moment = self.directories.iter().map(RotatedDirectory::next_moment).fold(None, waiting::earlier);
            if let InputState::LastLine(end) = self.reading {
                moment = waiting::earlier(moment, end);
            }
            let mut polled = vec![PollFd::new(signals.descriptor(), PollFlags::POLLIN)];
            if reads {
                polled.push(PollFd::new(standard(0), PollFlags::POLLIN));
            }
            if self.has_output() {
                polled.push(PollFd::new(standard(1), PollFlags::POLLOUT));
            }
            waiting::ready(&mut polled, moment)?;
            let is_ready = |at: usize| polled.get(at).and_then(PollFd::any).unwrap_or_default();
            let (has_signal, has_input, takes_output) =
                (is_ready(0), reads && is_ready(1), self.has_output() && is_ready(1 + usize::from(reads)));
            if has_signal {
                self.take_signals(signals, is_protected)?;
            }
            if takes_output {
                self.write_output();
            }
            if has_input && self.reading != InputState::Over {
                self.read_input();
            }
            if let InputState::LastLine(Some(end)) = self.reading
                && waiting::now()? >= end
            {
                self.end_line();
            }
        }
    }

    fn has_output(&self) -> bool {
        self.output.as_ref().is_some_and(|output| !output.is_empty())
    }

    fn take_signals(&mut self, signals: &BlockedSignals, is_protected: bool) -> Result<(), Errno> {
        while let Some(signal) = signals.next()? {
            match signal {
                Signal::SIGALRM => self.directories.iter_mut().for_each(RotatedDirectory::force_rotation),
                Signal::SIGTERM if is_protected => {}
                Signal::SIGTERM | Signal::SIGHUP if self.reading == InputState::On => {
                    self.reading = match (self.line.is_empty(), self.last_line_timeout) {
                        (true, _) => InputState::Over,
                        (false, 0) => InputState::LastLine(None),
                        (false, timeout) => InputState::LastLine(waiting::after(timeout.into())?),
                    };
                }
                // SIGCHLD, and SIGPIPE, which the failed write reports.
                _ => {}
            }
        }
        while let Ok(Some((pid, ended))) = wait(-1, false) {
            self.directories.iter_mut().for_each(|directory| directory.child_ended(pid, ended));
        }
        Ok(())
    }

    fn write_output(&mut self) {
        let Some(output) = &mut self.output else { return };
        let next = output.get(..output.len().min(CHUNK)).unwrap_or_default();
        match write(standard(1), next) {
            Ok(written) => {
                output.drain(..written);
            }
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => {
                self.output = None;
                self.warn(&format!("unable to write to stdout, closing the stream - error was: {}", errno_text(errno)));
            }
        }
    }

    fn read_input(&mut self) {
        let mut chunk = [0; 2 * CHUNK];
        // After the last line nothing is taken that another reader may want.
        let space = if matches!(self.reading, InputState::LastLine(_)) { 1 } else { chunk.len() };
        let length = match read(standard(0), &mut chunk[..space]) {
            Err(Errno::EAGAIN | Errno::EINTR) => return,
            Err(errno) => {
                self.warn(&format!("unable to read from stdin: {}", errno_text(errno)));
                0
            }
            Ok(length) => length,
        };
        if length == 0 {
            self.reading = InputState::Over;
            if !self.line.is_empty() {
                self.end_line();
            }
            return;
        }
        for byte in &chunk[..length] {
            if *byte == b'\n' {
                self.end_line();
                continue;
            }
            if self.line_limit > 0 && self.line.len() >= self.line_limit {
                if matches!(self.reading, InputState::LastLine(_)) {
                    self.warn("input line too long, stopping before the end");
                }
                self.end_line();
            }
            self.line.push(*byte);
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.line);
        let now = Stamp::now();
        let actions: Vec<LogAction> = self.script.actions(&line).into_iter().cloned().collect();
        for action in actions {
            self.act(&action, &line, now);
        }
        if matches!(self.reading, InputState::LastLine(_)) {
            self.reading = InputState::Over;
        }
    }

    fn act(&mut self, action: &LogAction, line: &[u8], now: Stamp) {
        let mut text = Argument::new();
        if action.has_label {
            text.extend(now.label().into_bytes());
            text.push(b' ');
        }
        if let Some(zone) = self.zone.as_ref().filter(|_| action.has_local_time) {
            text.extend(now.local(zone).into_bytes());
            text.extend(b"  ");
        }
        if let Some(prefix) = &action.prefix {
            text.extend(prefix);
            text.push(b' ');
        }
        match &action.target {
            LogTarget::Output => {
                if let Some(output) = &mut self.output {
                    output.extend([&text, line, b"\n"].concat());
                }
            }
            LogTarget::Directory(index) => {
                if let Some(directory) = self.directories.get_mut(*index) {
                    directory.put(&[&text, line, b"\n"].concat());
                }
            }
            LogTarget::Alert(limit) => {
                let is_cut = *limit > 0 && limit.saturating_add(3) < line.len();
                let (shown, end) =
                    if is_cut { (line.get(..*limit).unwrap_or(line), &b"...\n"[..]) } else { (line, &b"\n"[..]) };
                let _closed = write(standard(2), &[b"s6-log: alert: ", text.as_slice(), shown, end].concat());
            }
            LogTarget::Status(file, size) => self.write_status(file, &[&text, line, b"\n"].concat(), *size),
        }
    }

    /// The new file takes the place of the old one in one step.
    fn write_status(&self, file: &[u8], text: &[u8], size: usize) {
        let mut text = text.to_vec();
        if size > 0 {
            text.resize(size, b'\n');
        }
        let path = OsStr::from_bytes(file);
        let new = [file, b".new"].concat();
        let new = OsStr::from_bytes(&new);
        if let Err(error) = fs::write(new, &text).and_then(|()| fs::rename(new, path)) {
            self.warn(&format!("unable to write status file {}: {}", shown_bytes(file), errno_text(errno(&error))));
        }
    }

    /// Marks every `current` as whole; what is refused is tried again.
    fn finish(&mut self) -> Result<(), Errno> {
        let mut left: Vec<&mut RotatedDirectory> = self.directories.iter_mut().collect();
        loop {
            left.retain_mut(|directory| !directory.finish());
            if left.is_empty() {
                return Ok(());
            }
            let moment = left.iter().fold(None, |one, directory| waiting::earlier(one, directory.retry));
            waiting::until([], moment).map(drop)?;
        }
    }

    fn warn(&self, what: &str) {
        if !self.is_quiet {
            print_error(&format!("s6-log: warning: {what}\n"));
        }
    }
}
