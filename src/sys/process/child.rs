//! Between fork and exec: one step after the other, each named so that an error can be reported in words. Allocates
//! nothing, takes no lock, cannot panic, leaves errno alone, uses only what [`Launch`] prepared (signal-safety(7)): the
//! child may share PID 1's memory ([`super::shared_memory`]). What a child of its own memory may do beyond that is in
//! [`super::program`].
#![allow(unsafe_code)] // the raw calls between fork and exec

use std::ffi::{CStr, c_char};
use std::os::fd::RawFd;
use std::ptr;

use nix::errno::Errno;
use nix::libc;

use crate::config::service::Resource;
use crate::config::values::{CapSet, Capability, Signal, Uid};
use crate::plan::Credentials;
use crate::supervise::SpawnStep;
use crate::sys::process::capset::{capset, permitted};
use crate::sys::process::launch::{Launch, Parent, Session};
use crate::sys::process::raw::{self, ResourceLimit, call};
use crate::sys::process::resource::kernel_resource;
use crate::sys::process::spawn_record::{MAX_REPORT, RECORD_SIZE, encode, encode_filter_error};
use crate::sys::signals;

/// The exit code of a child that could not become its service; nobody sees it.
pub const EXIT_REFUSED: u8 = 111;
/// The bytes of the kernel's set of signals (`_NSIG / 8`).
const SIGNAL_SET_SIZE: usize = 8;

/// The arrays of pointers that execve(2) takes, and what else the child must not look up, made before the fork.
pub struct ExecPointers {
    argv: Vec<*const c_char>,
    env: Vec<*const c_char>,
    groups: Vec<libc::gid_t>,
    /// [`signals::to_reset`].
    dispositions: u64,
}

impl ExecPointers {
    /// Returns the pointers for `launch`, which must outlive them.
    pub fn of(launch: &Launch) -> Self {
        Self::with_env(launch, &launch.env)
    }

    /// The same with another environment, which must outlive them too.
    pub fn with_env(launch: &Launch, env: &[std::ffi::CString]) -> Self {
        let list = |words: &[std::ffi::CString]| {
            words.iter().map(|word| word.as_ptr()).chain(std::iter::once(ptr::null())).collect()
        };
        Self {
            argv: list(&launch.argv),
            env: list(env),
            groups: launch.credentials.groups.iter().flatten().map(|gid| gid.0).collect(),
            dispositions: signals::to_reset(),
        }
    }
}

/// Sets up the process for the service; what is left is [`execute`]. Returns the error of the seccomp filter, if it could
/// not be installed: the service runs without it.
///
/// # Errors
/// The record of the step that failed.
pub fn set_up(launch: &Launch, pointers: &ExecPointers) -> Result<Option<Errno>, [u8; RECORD_SIZE]> {
    run_steps(launch, pointers).map_err(encode)
}

/// Sets up the process, and writes to `exec_pipe` what went wrong. Returns whether it may execute the program.
pub fn set_up_or_report(launch: &Launch, pointers: &ExecPointers, exec_pipe: RawFd) -> bool {
    match set_up(launch, pointers) {
        Ok(None) => true,
        Ok(Some(errno)) => {
            write_report(exec_pipe, encode_filter_error(errno), b"");
            true
        }
        Err(record) => {
            write_report(exec_pipe, record, b"");
            false
        }
    }
}

/// Executes the program, or the first of its fallbacks that this user may execute. Returns the first error.
pub fn execute_first(program: &CStr, launch: &Launch, pointers: &ExecPointers) -> Errno {
    let refused = execute(program, pointers);
    if refused == Errno::EACCES {
        for program in &launch.fallbacks {
            execute(program, pointers);
        }
    }
    refused
}

/// Executes a program with the arguments and the environment of [`ExecPointers`]. Returns only on an error.
pub fn execute(program: &CStr, pointers: &ExecPointers) -> Errno {
    // SAFETY: NUL-terminated strings in NULL-terminated arrays, all of which outlive the call.
    unsafe { raw::execute(program.as_ptr(), pointers.argv.as_ptr(), pointers.env.as_ptr()) }
}

/// Writes a record and an explanation with one write(2), so that they are read at once.
pub fn write_report(exec_pipe: RawFd, record: [u8; RECORD_SIZE], words: &[u8]) {
    let mut said = [0; MAX_REPORT];
    let length = RECORD_SIZE + words.len().min(MAX_REPORT - RECORD_SIZE);
    for (to, from) in said.iter_mut().zip(record.iter().chain(words)) {
        *to = *from;
    }
    // SAFETY: `said` is valid for that length; a failing write leaves nothing to be done.
    let _written = unsafe { call!(write, exec_pipe, said.as_ptr(), length) };
}

fn run_steps(launch: &Launch, pointers: &ExecPointers) -> Result<Option<Errno>, (SpawnStep, Errno)> {
    reset_dispositions(pointers.dispositions);
    session(launch.session)?;
    descriptors(launch)?;
    let credentials = &launch.credentials;
    if launch.parent == Parent::AppWithCapabilities {
        capset(raised_capabilities(), raised_capabilities().union(credentials.ambient), CapSet::EMPTY)
            .map_err(at_step(SpawnStep::Capabilities))?;
    }
    limits(launch)?;
    if let Some(limit) = launch.tag {
        // On an error processes that leave the session are found by ancestry only.
        let _untagged = crate::sys::process::run_tag::set(limit);
    }
    identity(launch, pointers)?;
    if credentials.no_new_privs {
        // SAFETY: takes numbers only.
        unsafe { call!(prctl, libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }.map_err(at_step(SpawnStep::NoNewPrivs))?;
    }
    // A kernel without seccomp filters, or an outer filter that forbids them.
    let unfiltered = launch.filter.as_ref().and_then(|filter| filter.install().err());
    // As the service's user: a directory that root may not enter (NFS root_squash) may be the user's own.
    if let Some(directory) = &launch.directory {
        // SAFETY: a NUL-terminated string that outlives the call.
        unsafe { call!(chdir, directory.as_ptr()) }.map_err(at_step(SpawnStep::Directory))?;
    }
    // SAFETY: takes a number only; it cannot fail.
    let _before = unsafe { call!(umask, launch.umask) };
    unblock_signals();
    Ok(unfiltered)
}

/// The capabilities that a parent with SETUID in *permitted* raises in its child, as far as it has them.
fn raised_capabilities() -> CapSet {
    let wanted = [Capability::SETUID, Capability::SETGID, Capability::SYS_RESOURCE, Capability::SYS_NICE];
    CapSet::from_iter(wanted).intersection(permitted())
}

/// exec(2) resets handlers, but a signal that comes before it must already have the default action, and what is ignored
/// (SIGPIPE) would stay ignored.
fn reset_dispositions(which: u64) {
    // The kernel's `struct sigaction`: SIG_DFL, no flags, an empty mask.
    let default = [0_u64; 4];
    for number in (1..=Signal::MAX)
        .filter(|number| which.checked_shr(number.wrapping_sub(1) as u32).is_some_and(|bits| bits & 1 == 1))
    {
        // SAFETY: `default` is as large as the structure of each architecture, and SIG_DFL is no code of ours; KILL and STOP
        // are refused, which changes nothing.
        let _refused = unsafe { call!(rt_sigaction, number, default.as_ptr(), 0, SIGNAL_SET_SIZE) };
    }
}

fn unblock_signals() {
    let none = 0_u64;
    // SAFETY: the set has as many bytes as are named, and outlives the call, which cannot fail.
    let _unblocked = unsafe { call!(rt_sigprocmask, libc::SIG_SETMASK, &raw const none, 0, SIGNAL_SET_SIZE) };
}

fn session(session: Session) -> Result<(), (SpawnStep, Errno)> {
    // SAFETY: takes nothing; a child is no group leader, so it is not refused.
    let new = || unsafe { call!(setsid) }.map(drop).map_err(at_step(SpawnStep::Session));
    match session {
        Session::Own => new(),
        Session::OwnWithTerminal => {
            new()?;
            // SAFETY: takes numbers only. Where another session holds the terminal, the command runs without job control.
            let _held = unsafe { call!(ioctl, 0, libc::TIOCSCTTY, 0) };
            Ok(())
        }
        Session::ForegroundGroup => {
            // SAFETY: takes numbers only.
            unsafe { call!(setpgid, 0, 0) }.map_err(at_step(SpawnStep::Session))?;
            // SAFETY: takes nothing, and cannot fail.
            let group = unsafe { call!(getpid) }.map_or(0, |pid| pid as libc::pid_t);
            // SAFETY: `group` outlives the call, which reads it; TTOU is blocked until exec, so it cannot stop us.
            let _refused = unsafe { call!(ioctl, 0, libc::TIOCSPGRP, &raw const group) };
            Ok(())
        }
    }
}

fn descriptors(launch: &Launch) -> Result<(), (SpawnStep, Errno)> {
    for (target, source) in (0..).zip(launch.stdio) {
        if let Some(source) = source {
            place(source, target)?;
        }
    }
    // The parent keeps the exec pipe above `target`.
    launch.notify.map_or(Ok(()), |(source, target)| place(source, target))
}

/// Makes `target` a copy of a descriptor that stays open at exec.
fn place(source: RawFd, target: RawFd) -> Result<(), (SpawnStep, Errno)> {
    let placed = if source == target {
        // SAFETY: takes numbers only; clears FD_CLOEXEC.
        unsafe { call!(fcntl, target, libc::F_SETFD, 0) }
    } else {
        // SAFETY: takes numbers only; every source lies above 2 (descriptors 0 to 2 are opened at the start of a process).
        unsafe { call!(dup3, source, target, 0) }
    };
    placed.map(drop).map_err(at_step(SpawnStep::Descriptors))
}

fn limits(launch: &Launch) -> Result<(), (SpawnStep, Errno)> {
    for limit in &launch.limits {
        let value = ResourceLimit { soft: limit.soft.unwrap_or(u64::MAX), hard: limit.hard.unwrap_or(u64::MAX) };
        let set = set_limit(limit.resource, value);
        if set == Err(Errno::EPERM) {
            // SYS_RESOURCE was not granted; the plan has reported that: the limit is set as high as possible.
            set_capped(limit.resource, value).map_err(at_step(SpawnStep::Limits))?;
        } else {
            set.map_err(at_step(SpawnStep::Limits))?;
        }
    }
    if let Some(nice) = launch.nice {
        // SAFETY: takes numbers only.
        match unsafe { call!(setpriority, libc::PRIO_PROCESS, 0, nice) } {
            // SYS_NICE was not granted; the plan has reported that the service runs without it.
            Ok(_) | Err(Errno::EPERM | Errno::EACCES) => {}
            Err(errno) => return Err((SpawnStep::Nice, errno)),
        }
    }
    Ok(())
}

fn set_limit(resource: Resource, value: ResourceLimit) -> Result<(), Errno> {
    raw::set_limit(kernel_resource(resource) as u32, value)
}

/// Sets a limit, at most to the present hard limit.
fn set_capped(resource: Resource, wanted: ResourceLimit) -> Result<(), Errno> {
    let hard = wanted.hard.min(raw::limit(kernel_resource(resource) as u32)?.hard);
    set_limit(resource, ResourceLimit { soft: wanted.soft.min(hard), hard })
}

/// Groups before gid before uid: each needs a privilege that the next one drops.
fn identity(launch: &Launch, pointers: &ExecPointers) -> Result<(), (SpawnStep, Errno)> {
    let Credentials { uid, gid, groups, ambient, .. } = &launch.credentials;
    if groups.is_some() {
        // SAFETY: the array outlives the call and holds that many ids.
        unsafe { call!(setgroups, pointers.groups.len(), pointers.groups.as_ptr()) }
            .map_err(at_step(SpawnStep::Groups))?;
    }
    // All three, always: PID 1's private saved gid must not reach a service (SECURITY fact 2).
    // SAFETY: takes numbers only.
    unsafe { call!(setresgid, gid.0, gid.0, gid.0) }.map_err(at_step(SpawnStep::Gid))?;
    let keep = !ambient.is_empty() && launch.parent == Parent::Root && *uid != Uid::ROOT;
    if keep {
        // SAFETY: takes numbers only. Without it, leaving uid 0 empties *permitted* (capabilities(7)).
        unsafe { call!(prctl, libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) }.map_err(at_step(SpawnStep::Capabilities))?;
    }
    // SAFETY: takes numbers only.
    unsafe { call!(setresuid, uid.0, uid.0, uid.0) }.map_err(at_step(SpawnStep::Uid))?;
    if *uid == Uid::ROOT {
        return Ok(());
    }
    let ambient = if ambient.is_empty() { CapSet::EMPTY } else { ambient.intersection(permitted()) };
    if launch.parent != Parent::App || !ambient.is_empty() {
        capset(CapSet::EMPTY, ambient, ambient).map_err(at_step(SpawnStep::Capabilities))?;
    }
    for capability in ambient.iter() {
        // SAFETY: takes numbers only; the capability is in *permitted* and *inheritable*.
        unsafe { call!(prctl, libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, capability.number(), 0, 0) }
            .map_err(at_step(SpawnStep::Capabilities))?;
    }
    Ok(())
}

fn at_step(step: SpawnStep) -> impl Fn(Errno) -> (SpawnStep, Errno) {
    move |errno| (step, errno)
}
