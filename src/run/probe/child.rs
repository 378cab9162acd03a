//! The probe itself, in the forked child: takes the service's identity, probes, writes a line to descriptor 1 and exits with
//! 0 or 1.
//!
//! Unlike a service's child it may allocate: the parent had one thread, so no other thread held a lock at the fork. It must never return or unwind into the parent's code: there it would be a second PID 1.
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

use super::output::{REFUSAL, cause_text};
use super::{connect, http};
use crate::config::probe::{HostPort, Http};
use crate::supervise::{SpawnError, SpawnStep};
use crate::sys::descriptors;
use crate::sys::process::child::{self, ExecPointers};
use crate::sys::process::environment_file::Unreadable;
use crate::sys::process::launch::{Launch, Program};
use crate::sys::process::spawn_message::message;
use crate::sys::process::{program, spawn_record};
use crate::text::shown;

/// A probe, prepared before the fork.
pub enum PreparedProbe {
    /// Connects.
    Tcp(HostPort, Duration),
    /// Sends a GET.
    Http(Http, Duration),
    /// Looks up a path.
    Path(PathBuf),
    /// Connects to a socket.
    Socket(PathBuf),
    /// Executes a program.
    Command(Program),
}

/// Runs a probe to its end. `output` is the pipe's write end, which the service's stages make descriptors 1 and 2.
pub fn run(launch: &Launch, pointers: &ExecPointers, probe: &PreparedProbe, output: RawFd) -> ! {
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        if let Err(record) = child::set_up(launch, pointers) {
            let object = launch.directory.as_ref().map(|directory| OsStr::from_bytes(directory.as_bytes()).into());
            let why = spawn_record::parse(&record);
            let object = object.filter(|_| why.step == SpawnStep::Directory);
            return report_refusal(output, &message(&SpawnError { object, ..why }));
        }
        if let PreparedProbe::Command(wanted) = probe {
            let (errno, program) = match program::environment(launch) {
                Ok(env) => program::execute(wanted, launch, &env),
                Err(Unreadable { words: more, errno }) => {
                    let object = launch.environment_file.as_ref().map(|file| file.path.clone());
                    let explanation = more.unwrap_or_default();
                    let why = SpawnError::new(SpawnStep::EnvironmentFile, errno as i32);
                    return report_refusal(output, &message(&SpawnError { object, explanation, ..why }));
                }
            };
            let object = launch.argv.first().map(|name| OsStr::from_bytes(name.as_bytes()).into());
            let explanation = program.map(|program| program::explanation(errno, &program, launch)).unwrap_or_default();
            let why = SpawnError::new(SpawnStep::Exec, errno as i32);
            return report_refusal(output, &message(&SpawnError { object, explanation, ..why }));
        }
        close_inherited();
        match check(probe) {
            Ok(()) => 0,
            Err(words) => {
                write_line(1, words.as_bytes());
                1
            }
        }
    }));
    let code = result.unwrap_or_else(|_| report_refusal(output, "internal error"));
    // SAFETY: ends this process without running the parent's exit handlers.
    unsafe { libc::_exit(code) }
}

/// This process has PID 1's memory under the service's uid: the service must not read it (SECURITY fact 3). What PID 1 has
/// open must not stay open because of a probe.
fn close_inherited() {
    // SAFETY: takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    // SAFETY: nothing above 2 is used by this process from here on, and none of the owners is ever dropped: it leaves by
    // _exit.
    unsafe { descriptors::close(3, libc::c_int::MAX) };
}

fn check(probe: &PreparedProbe) -> Result<(), String> {
    match probe {
        PreparedProbe::Tcp(to, timeout) => connect::tcp(to, *timeout, &mut report_progress).map(drop),
        PreparedProbe::Http(http, timeout) => http::get(http, *timeout, &mut report_progress),
        PreparedProbe::Path(path) => fs::metadata(path).map(drop).map_err(|cause| match cause.kind() {
            ErrorKind::NotFound => not_there(path),
            _ => cause_text(&cause),
        }),
        PreparedProbe::Socket(path) => socket(path),
        PreparedProbe::Command(_) => Ok(()),
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
        _ => cause_text(&cause),
    })
}

/// The reason is shown alone in a line, so it names the path.
fn not_there(path: &Path) -> String {
    format!("{} is not there", shown(path))
}

/// Writes what is being done: the reason if the time runs out.
fn report_progress(what: &str) {
    write_line(1, what.as_bytes());
}

fn report_refusal(output: RawFd, words: &str) -> i32 {
    write_line(output, &[&[REFUSAL], words.as_bytes()].concat());
    1
}

fn write_line(to: RawFd, words: &[u8]) {
    let mut line = words.to_vec();
    line.push(b'\n');
    // SAFETY: `line` is valid for its length; shorter than a pipe's buffer, so the write does not block.
    unsafe { libc::write(to, line.as_ptr().cast(), line.len().min(libc::PIPE_BUF)) };
}
