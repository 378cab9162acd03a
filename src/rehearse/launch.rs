//! The last steps before the exec: terminal, working directory, environment, ids and capabilities as Docker gives them.
#![allow(clippy::disallowed_methods)] // acts as the container runtime, which sets the user

use std::convert::Infallible;
use std::ffi::{CString, OsStr, OsString};
use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::pty::{posix_openpt, ptsname_r, unlockpt};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, chdir, execve, fchown, setgroups, setresgid, setresuid};

use super::hidden_paths::is_program;
use super::process_user::{self, ProcessUser};
use super::report::Reporter;
use super::{NamespaceSupport, Rehearsal, TREE_ORIGIN, guard, mounts, terminal};
use crate::config::search_path::{DEFAULT_PATH, directories};
use crate::error::{Error, Problems, Refused};
use crate::sys::{descriptors, exec_failure};
use crate::text::shown;

/// The first process inside, and everything it needs.
#[derive(Debug)]
pub(super) struct ContainerProcess<'a> {
    pub(super) rehearsal: &'a Rehearsal,
    pub(super) support: &'a NamespaceSupport,
    pub(super) stdio: ContainerStdio,
    pub(super) reporter: Reporter,
}

/// Standard input and output inside.
#[derive(Debug)]
pub(super) enum ContainerStdio {
    /// Pipes; no input: `/dev/null`.
    Pipes { input: Option<OwnedFd>, output: OwnedFd, errors: OwnedFd },
    /// A terminal, created inside.
    Terminal,
}

/// Executes the container's first program: `binary` is the path of ours inside, `host_path` its path on the host.
pub(super) fn launch(process: &ContainerProcess<'_>, binary: &Path, host_path: &Path) -> Result<Infallible, Error> {
    let rehearsal = process.rehearsal;
    let process_user = process_user(rehearsal, process.support)?;
    stdio(process, &process_user)?;
    let directory = &rehearsal.directory;
    chdir(directory)
        .map_err(|cause| Refused::new(format!("cannot change to the directory {}", shown(directory)), cause))?;
    umask(Mode::from_bits_truncate(0o022));
    let environment = environment(rehearsal, &process_user);
    credentials(rehearsal, process.support, &process_user)?;
    if rehearsal.init {
        guard::become_minimal_init()?;
    }
    let argv = rehearsal.entrypoint.clone().unwrap_or_else(|| {
        let start = [binary.as_os_str(), OsStr::new("init"), OsStr::new("--")].map(OsStr::to_owned);
        start.into_iter().chain(rehearsal.command.iter().cloned()).collect()
    });
    let program = argv.first().map(|name| find_program(name)).unwrap_or_default();
    let refused = |cause: Errno| Refused::new(format!("cannot execute {}", shown(&program)), cause);
    let c_strings = |all: &[OsString]| -> Result<Vec<CString>, Errno> {
        all.iter().map(|word| CString::new(word.as_bytes()).map_err(|_| Errno::EINVAL)).collect()
    };
    let (argv, environment) = (c_strings(&argv).map_err(refused)?, c_strings(&environment).map_err(refused)?);
    let path = CString::new(program.as_os_str().as_bytes()).map_err(|_| refused(Errno::EINVAL))?;
    descriptors::close_on_exec();
    guard::reset_signals()?;
    let explained = |errno: Errno| {
        let failure = match errno {
            Errno::E2BIG => {
                let lengths: Vec<_> = argv.iter().map(|word| word.as_bytes().len()).collect();
                exec_failure::too_long(&lengths, environment.iter().map(|word| word.as_bytes()))
            }
            errno => exec_failure::explain(errno, &program),
        };
        match failure.cause_and_fix(&program) {
            // Not a file of an image that a Dockerfile could change.
            Some((what, _)) if program == binary && errno == Errno::EACCES => {
                let fix =
                    format!("{what}; it is the binary that `try` was called as: `chmod a+rx {}`", shown(host_path));
                refused(errno).fix(fix)
            }
            Some((what, fix)) => refused(errno).fix(format!("{what}; {fix}")),
            None => refused(errno),
        }
    };
    Ok(execve(&path, &argv, &environment).map_err(explained)?)
}

/// A name without a slash is looked up in Docker's PATH.
fn find_program(name: &OsStr) -> PathBuf {
    let given = PathBuf::from(name);
    if name.as_bytes().contains(&b'/') {
        return given;
    }
    let mut all = directories(OsStr::new(DEFAULT_PATH)).map(|place| place.join(name));
    all.find(|path| is_program(path)).unwrap_or(given)
}

fn process_user(rehearsal: &Rehearsal, support: &NamespaceSupport) -> Result<ProcessUser, Error> {
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let group = fs::read("/etc/group").unwrap_or_default();
    // With a single id no other user is possible, not even root.
    let single = match support {
        NamespaceSupport::SingleId { .. } => Some(nix::unistd::geteuid().to_string()),
        NamespaceSupport::Root | NamespaceSupport::MappedIds(_) => None,
    };
    let user = rehearsal.user.clone().or_else(|| single.clone()).unwrap_or_default();
    let mut process_user = process_user::resolve(&passwd, &group, &user, &rehearsal.groups).map_err(Problems::from)?;
    if single.is_some() {
        if process_user.uid != nix::unistd::geteuid().as_raw() {
            let fix = "run it as root, or add lines for this user to /etc/subuid and /etc/subgid";
            let what = format!("cannot run as `{user}`: only this user's own id is mapped");
            return Err(Refused::new(what, Errno::EINVAL).fix(fix).into());
        }
        process_user.gid = nix::unistd::getegid().as_raw();
    }
    Ok(process_user)
}

fn stdio(process: &ContainerProcess<'_>, process_user: &ProcessUser) -> Result<(), Refused> {
    let owner = Some(Uid::from_raw(process_user.uid));
    match &process.stdio {
        ContainerStdio::Pipes { input, output, errors } => {
            let null = open("/dev/null", OFlag::O_RDWR | OFlag::O_CLOEXEC, Mode::empty())
                .map_err(|cause| Refused::new("cannot open /dev/null", cause))?;
            for pipe in input.iter().chain([output, errors]) {
                // runc's fixStdioPermissions: the container's user can reopen /dev/stdout.
                let _unmapped = fchown(pipe, owner, None);
            }
            guard::duplicate_to(input.as_ref().unwrap_or(&null), 0)?;
            guard::duplicate_to(output, 1)?;
            guard::duplicate_to(errors, 2)
        }
        ContainerStdio::Terminal => {
            let refused = |cause: Errno| Refused::new("cannot create a terminal", cause);
            let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).map_err(refused)?;
            unlockpt(&master).map_err(refused)?;
            let name = ptsname_r(&master).map_err(refused)?;
            let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
            let slave = open(name.as_str(), flags, Mode::empty()).map_err(refused)?;
            let _unmapped = fchown(&slave, owner, None);
            fs::File::create("/dev/console").map_err(|cause| Refused::new("cannot create /dev/console", cause))?;
            mounts::bind(Path::new(&name), Path::new("/dev/console"))?;
            terminal::set_controlling(&slave).map_err(refused)?;
            process.reporter.terminal(&master);
            (0..3).try_for_each(|fd| guard::duplicate_to(&slave, fd))
        }
    }
}

/// Docker's variables: PATH, HOSTNAME, with a terminal TERM, and HOME; then the requested ones.
fn environment(rehearsal: &Rehearsal, process_user: &ProcessUser) -> Vec<OsString> {
    let mut all: Vec<(OsString, OsString)> = vec![
        ("PATH".into(), DEFAULT_PATH.into()),
        ("HOSTNAME".into(), rehearsal.hostname.clone().into()),
        ("HOME".into(), process_user.home.clone().into()),
    ];
    if rehearsal.stdio == super::Stdio::Terminal {
        all.push(("TERM".into(), "xterm".into()));
    }
    for (name, value) in &rehearsal.environment {
        all.retain(|(other, _)| other != name);
        all.push((name.clone(), value.clone()));
    }
    if let (Some(tree), None) = (&rehearsal.tree, &rehearsal.entrypoint) {
        all.push((TREE_ORIGIN.into(), tree.services.clone().into()));
    }
    let join = |(mut name, value): (OsString, OsString)| {
        name.push("=");
        name.push(value);
        name
    };
    all.into_iter().map(join).collect()
}

/// Groups, gid, uid, capabilities: in runc's order. After the exec it is as in Docker's containers: root with
/// exactly the set (bounding, permitted, effective), other users with nothing but the bounding set.
fn credentials(rehearsal: &Rehearsal, support: &NamespaceSupport, process_user: &ProcessUser) -> Result<(), Refused> {
    let keep = |capability: &caps::Capability| rehearsal.capabilities.0 >> capability.index() & 1 == 1;
    let refused = |cause: caps::errors::CapsError| {
        Refused::new("cannot set capabilities", std::io::Error::other(cause.to_string()))
    };
    for capability in caps::all().into_iter().filter(|capability| !keep(capability)) {
        // A capability that this kernel does not know cannot be dropped.
        if caps::has_cap(None, caps::CapSet::Bounding, capability).unwrap_or(false) {
            caps::drop(None, caps::CapSet::Bounding, capability).map_err(refused)?;
        }
    }
    let fix = |cause: Errno| {
        let refused = Refused::new(format!("cannot switch to {}:{}", process_user.uid, process_user.gid), cause);
        if support.user_namespace() {
            refused.fix("choose ids that are mapped here, or run it as root")
        } else {
            refused
        }
    };
    let (uid, gid) = (Uid::from_raw(process_user.uid), Gid::from_raw(process_user.gid));
    match support {
        NamespaceSupport::SingleId { .. } => {}
        NamespaceSupport::Root | NamespaceSupport::MappedIds(_) => {
            let groups: Vec<Gid> = process_user.groups.iter().copied().map(Gid::from_raw).collect();
            setgroups(&groups).map_err(fix)?;
            setresgid(gid, gid, gid).map_err(fix)?;
        }
    }
    let root = uid.is_root();
    if !root {
        setresuid(uid, uid, uid).map_err(fix)?;
    }
    let present = caps::read(None, caps::CapSet::Permitted).map_err(refused)?;
    let set = present.into_iter().filter(|capability| root && keep(capability)).collect();
    caps::clear(None, caps::CapSet::Ambient).map_err(refused)?;
    caps::set(None, caps::CapSet::Effective, &set).map_err(refused)?;
    caps::set(None, caps::CapSet::Permitted, &set).map_err(refused)?;
    caps::clear(None, caps::CapSet::Inheritable).map_err(refused)?;
    if rehearsal.no_new_privileges {
        nix::sys::prctl::set_no_new_privs().map_err(|cause| Refused::new("cannot set no_new_privs", cause))?;
    }
    Ok(())
}

pub(super) use loopback::up as loopback_up;

mod loopback {
    //! The loopback of an empty network.
    #![allow(unsafe_code)] // SIOCSIFFLAGS is not wrapped

    use std::os::fd::AsRawFd;

    use nix::errno::Errno;
    use nix::libc;
    use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

    use crate::error::Refused;

    /// Brings `lo` up.
    pub(in super::super) fn up() -> Result<(), Refused> {
        let refused = |cause| Refused::new("cannot bring up the loopback device", cause);
        let socket = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).map_err(refused)?;
        // SAFETY: an `ifreq` is numbers and arrays of numbers, for which zero is a value.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(c"lo".to_bytes_with_nul()) {
            *to = libc::c_char::from_ne_bytes([*from]);
        }
        request.ifr_ifru.ifru_flags = libc::c_short::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or_default();
        // SAFETY: SIOCSIFFLAGS reads an `ifreq`, which outlives the call.
        let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw const request) };
        Errno::result(result).map(|_| ()).map_err(refused)
    }
}
