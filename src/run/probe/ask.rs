//! The probe itself, in the forked child: becomes the service, asks, says one line to descriptor 1 and exits with 0 or 1.
//!
//! Unlike a service's child it may allocate: the parent had one thread, so no lock was held at the fork by anybody who
//! is not here. It must never return or unwind into the parent's code: there it would be a second PID 1.
#![allow(unsafe_code)] // what stands between fork and exit

use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind;
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::libc;

use super::words::{REFUSAL, why};
use super::{connect, http};
use crate::config::probe::{HostPort, Http};
use crate::supervise::{SpawnError, SpawnStage};
use crate::sys::descriptors;
use crate::sys::process::child::{self, ExecPointers};
use crate::sys::process::environment_file::Unreadable;
use crate::sys::process::launch::{Launch, Program};
use crate::sys::process::spawn_words::words;
use crate::sys::process::{program, spawn_record};
use crate::text::shown;

/// What is asked, laid out before the fork.
pub enum Question {
    /// Does it accept a connection?
    Tcp(HostPort, Duration),
    /// Does it answer well?
    Http(Http, Duration),
    /// Is it there?
    Path(PathBuf),
    /// Does it accept a connection?
    Socket(PathBuf),
    /// Does it exit with 0?
    Command(Program),
}

/// Runs a probe to its end. `answer` is the pipe's write end, which the service's stages make descriptors 1 and 2.
pub fn live(launch: &Launch, pointers: &ExecPointers, question: &Question, answer: RawFd) -> ! {
    let lived = panic::catch_unwind(AssertUnwindSafe(|| {
        if let Err(record) = child::set_up(launch, pointers) {
            let object = launch.directory.as_ref().map(|directory| OsStr::from_bytes(directory.as_bytes()).into());
            let why = spawn_record::parse(&record);
            let object = object.filter(|_| why.stage == SpawnStage::Directory);
            return refuse(answer, &words(&SpawnError { object, ..why }));
        }
        if let Question::Command(wanted) = question {
            let (errno, program) = match program::environment(launch) {
                Ok(env) => program::execute(wanted, launch, &env),
                Err(Unreadable { words: more, errno }) => {
                    let object = launch.environment_file.as_ref().map(|file| file.path.clone());
                    let explanation = more.unwrap_or_default();
                    let why = SpawnError::new(SpawnStage::EnvironmentFile, errno as i32);
                    return refuse(answer, &words(&SpawnError { object, explanation, ..why }));
                }
            };
            let object = launch.argv.first().map(|name| OsStr::from_bytes(name.as_bytes()).into());
            let explanation = program.map(|program| program::explanation(errno, &program, launch)).unwrap_or_default();
            let why = SpawnError::new(SpawnStage::Exec, errno as i32);
            return refuse(answer, &words(&SpawnError { object, explanation, ..why }));
        }
        close_up();
        match ask(question) {
            Ok(()) => 0,
            Err(words) => {
                say(1, words.as_bytes());
                1
            }
        }
    }));
    let code = lived.unwrap_or_else(|_| refuse(answer, "internal error"));
    // SAFETY: ends this process without running the parent's exit handlers.
    unsafe { libc::_exit(code) }
}

/// It goes on with PID 1's memory under the service's uid: not for the service to look at (SECURITY fact 3). What PID 1
/// has open is not its business, and must not stay open because of it.
fn close_up() {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    // SAFETY: nothing above 2 is used by this process from here on, and none of the owners is ever dropped: it leaves by
    // _exit.
    unsafe { descriptors::close(3, libc::c_int::MAX) };
}

fn ask(question: &Question) -> Result<(), String> {
    match question {
        Question::Tcp(to, timeout) => connect::tcp(to, *timeout, &mut doing).map(drop),
        Question::Http(http, timeout) => http::get(http, *timeout, &mut doing),
        Question::Path(path) => fs::metadata(path).map(drop).map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => not_there(path),
            _ => why(&cause),
        }),
        Question::Socket(path) => socket(path),
        Question::Command(_) => Ok(()),
    }
}

fn socket(path: &Path) -> Result<(), String> {
    let connected = UnixStream::connect(path).map(drop).or_else(|cause| match cause.raw_os_error() {
        // A socket of datagrams, such as /dev/log.
        Some(libc::EPROTOTYPE) => UnixDatagram::unbound()?.connect(path),
        _ => Err(cause),
    });
    connected.map_err(|cause| match cause.kind() {
        ErrorKind::NotFound => not_there(path),
        _ => why(&cause),
    })
}

/// A reason stands alone in a line: it names the path.
fn not_there(path: &Path) -> String {
    format!("{} is not there", shown(path))
}

/// Says what is being done, for the case that time runs out.
fn doing(what: &str) {
    say(1, what.as_bytes());
}

fn refuse(answer: RawFd, words: &str) -> i32 {
    say(answer, &[&[REFUSAL], words.as_bytes()].concat());
    1
}

fn say(to: RawFd, words: &[u8]) {
    let mut line = words.to_vec();
    line.push(b'\n');
    // SAFETY: `line` is valid for its length; shorter than a pipe's buffer, so that nobody waits.
    unsafe { libc::write(to, line.as_ptr().cast(), line.len().min(libc::PIPE_BUF)) };
}
