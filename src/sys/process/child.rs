//! Between fork and exec: one step after the other, each named so that an error can be reported in words. Allocates
//! nothing, takes no lock, uses only what [`Launch`] prepared (signal-safety(7)). Exceptions: what `program` looks up at
//! the end, if a launch needs that, and a child whose program could not be executed: it finds out why, with its user's
//! rights, and without PID 1 waiting for the disk.
#![allow(unsafe_code)] // the raw calls between fork and exec

use std::ffi::{CStr, c_char};
use std::ptr;

use nix::errno::Errno;
use nix::libc;

use crate::config::service::Resource;
use crate::config::values::{CapSet, Capability, Signal, Uid};
use crate::plan::Credentials;
use crate::supervise::SpawnStep;
use crate::sys::process::capset::{capset, permitted};
use crate::sys::process::launch::{Launch, Parent, Session};
use crate::sys::process::resource::kernel_resource;
use crate::sys::process::spawn_record::{RECORD_SIZE, encode};
use crate::sys::signals;

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
    unsafe { libc::execve(program.as_ptr(), pointers.argv.as_ptr(), pointers.env.as_ptr()) };
    Errno::last()
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
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) }).map_err(at_step(SpawnStep::NoNewPrivs))?;
    }
    // A kernel without seccomp filters, or an outer filter that forbids them.
    let unfiltered = launch.filter.as_ref().and_then(|filter| filter.install().err());
    // As the service's user: a directory that root may not enter (NFS root_squash) may be the user's own.
    if let Some(directory) = &launch.directory {
        // SAFETY: a NUL-terminated string that outlives the call.
        check(unsafe { libc::chdir(directory.as_ptr()) }).map_err(at_step(SpawnStep::Directory))?;
    }
    // SAFETY: takes a number only.
    unsafe { libc::umask(launch.umask) };
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
    for number in (1..=Signal::MAX).filter(|number| which & (1 << (number - 1)) != 0) {
        // SAFETY: SIG_DFL is no code of ours; KILL, STOP and glibc's own two are refused, which changes nothing.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

fn unblock_signals() {
    let mut none = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset initialises the set that sigprocmask then reads.
    unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
    }
}

fn session(session: Session) -> Result<(), (SpawnStep, Errno)> {
    match session {
        // SAFETY: takes nothing; a forked child is no group leader, so it is not refused.
        Session::Own => check(unsafe { libc::setsid() }).map_err(at_step(SpawnStep::Session)),
        Session::OwnWithTerminal => {
            // SAFETY: as above.
            check(unsafe { libc::setsid() }).map_err(at_step(SpawnStep::Session))?;
            // SAFETY: takes numbers only. Where another session holds the terminal, the command runs without job control.
            unsafe { libc::ioctl(0, libc::TIOCSCTTY, 0) };
            Ok(())
        }
        Session::ForegroundGroup => {
            // SAFETY: takes numbers only.
            check(unsafe { libc::setpgid(0, 0) }).map_err(at_step(SpawnStep::Session))?;
            // SAFETY: takes numbers only; TTOU is blocked until exec, so the call cannot stop us.
            unsafe { libc::tcsetpgrp(0, libc::getpid()) };
            Ok(())
        }
    }
}

fn descriptors(launch: &Launch) -> Result<(), (SpawnStep, Errno)> {
    for (target, source) in (0..).zip(launch.stdio) {
        if let Some(source) = source {
            // SAFETY: takes numbers only; every source lies above 2 (std opens 0 to 2 at the start of a process).
            check(unsafe { libc::dup2(source, target) }).map_err(at_step(SpawnStep::Descriptors))?;
        }
    }
    if let Some((source, target)) = launch.notify {
        let placed = if source == target {
            // SAFETY: takes numbers only; clears FD_CLOEXEC.
            unsafe { libc::fcntl(target, libc::F_SETFD, 0) }
        } else {
            // SAFETY: takes numbers only; the parent keeps the verdict pipe above `target`.
            unsafe { libc::dup2(source, target) }
        };
        check(placed).map_err(at_step(SpawnStep::Descriptors))?;
    }
    Ok(())
}

fn limits(launch: &Launch) -> Result<(), (SpawnStep, Errno)> {
    for limit in &launch.limits {
        let value = libc::rlimit {
            rlim_cur: limit.soft.unwrap_or(libc::RLIM_INFINITY),
            rlim_max: limit.hard.unwrap_or(libc::RLIM_INFINITY),
        };
        // SAFETY: `value` outlives the call.
        let set = check(unsafe { libc::setrlimit(resource_number(limit.resource), &raw const value) });
        if set == Err(Errno::EPERM) {
            // SYS_RESOURCE was not granted; the plan has reported that: the limit is set as high as possible.
            set_capped(limit.resource, value).map_err(at_step(SpawnStep::Limits))?;
        } else {
            set.map_err(at_step(SpawnStep::Limits))?;
        }
    }
    if let Some(nice) = launch.nice {
        // SAFETY: takes numbers only.
        match check(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) }) {
            // SYS_NICE was not granted; the plan has reported that the service runs without it.
            Ok(()) | Err(Errno::EPERM | Errno::EACCES) => {}
            Err(errno) => return Err((SpawnStep::Nice, errno)),
        }
    }
    Ok(())
}

/// Sets a limit, at most to the present hard limit.
fn set_capped(resource: Resource, wanted: libc::rlimit) -> Result<(), Errno> {
    let mut there = wanted;
    // SAFETY: `there` outlives the call.
    check(unsafe { libc::getrlimit(resource_number(resource), &raw mut there) })?;
    let hard = wanted.rlim_max.min(there.rlim_max);
    let value = libc::rlimit { rlim_cur: wanted.rlim_cur.min(hard), rlim_max: hard };
    // SAFETY: `value` outlives the call.
    check(unsafe { libc::setrlimit(resource_number(resource), &raw const value) })
}

/// Groups before gid before uid: each needs a privilege that the next one drops.
fn identity(launch: &Launch, pointers: &ExecPointers) -> Result<(), (SpawnStep, Errno)> {
    let Credentials { uid, gid, groups, ambient, .. } = &launch.credentials;
    if groups.is_some() {
        // SAFETY: the array outlives the call and holds that many ids.
        check(unsafe { libc::setgroups(pointers.groups.len(), pointers.groups.as_ptr()) })
            .map_err(at_step(SpawnStep::Groups))?;
    }
    // All three, always: PID 1's private saved gid must not reach a service (SECURITY fact 2).
    // SAFETY: takes numbers only.
    check(unsafe { libc::setresgid(gid.0, gid.0, gid.0) }).map_err(at_step(SpawnStep::Gid))?;
    let keep = !ambient.is_empty() && launch.parent == Parent::Root && *uid != Uid::ROOT;
    if keep {
        // SAFETY: takes numbers only. Without it, leaving uid 0 empties *permitted* (capabilities(7)).
        check(unsafe { libc::prctl(libc::PR_SET_KEEPCAPS, 1, 0, 0, 0) }).map_err(at_step(SpawnStep::Capabilities))?;
    }
    // SAFETY: takes numbers only.
    check(unsafe { libc::setresuid(uid.0, uid.0, uid.0) }).map_err(at_step(SpawnStep::Uid))?;
    if *uid == Uid::ROOT {
        return Ok(());
    }
    let ambient = ambient.intersection(permitted());
    if launch.parent != Parent::App || !ambient.is_empty() {
        capset(CapSet::EMPTY, ambient, ambient).map_err(at_step(SpawnStep::Capabilities))?;
    }
    for capability in ambient.iter() {
        let number = libc::c_ulong::from(capability.number());
        // SAFETY: takes numbers only; the capability is in *permitted* and *inheritable*.
        let raised = unsafe { libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_RAISE, number, 0, 0) };
        check(raised).map_err(at_step(SpawnStep::Capabilities))?;
    }
    Ok(())
}

fn resource_number(resource: Resource) -> libc::__rlimit_resource_t {
    kernel_resource(resource) as libc::__rlimit_resource_t
}

fn check(result: libc::c_int) -> Result<(), Errno> {
    if result < 0 { Err(Errno::last()) } else { Ok(()) }
}

fn at_step(step: SpawnStep) -> impl Fn(Errno) -> (SpawnStep, Errno) {
    move |errno| (step, errno)
}
