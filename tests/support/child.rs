//! Children that call this library as root: with a mount namespace, with fewer capabilities, with system calls refused.
#![allow(unsafe_code)] // fork, seccomp

use std::io::Read;
use std::os::fd::AsRawFd;
use std::panic::{self, AssertUnwindSafe};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::libc;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork, getegid, geteuid, pipe};
use stepdown::boot::chown_policy::ChownPolicy;
use stepdown::boot::own::{self, OwnReport};
use stepdown::config::container::OwnOptions;
use stepdown::config::values::{CapSet, Gid, Uid};
use stepdown::error::Refused;
use stepdown::plan::{Credentials, Identity, OwnTree, Owner};
use stepdown::sys::privilege::{self, EffectiveUser, Root};

use crate::support::skip::skipped;

/// Where a child of [`in_mount_namespace`] has a tmpfs of its own, reached through root's directories only.
pub const HERE: &str = "/mnt";

/// The token, or `None` with the reason printed; a failure where nothing may be skipped.
pub fn root() -> Option<Root> {
    match privilege::detect() {
        EffectiveUser::Root(root) => Some(root),
        EffectiveUser::Unprivileged => {
            skipped("needs root");
            None
        }
    }
}

/// Runs a test in a child of its own, as root, with a private mount namespace and an empty tmpfs at [`HERE`].
pub fn in_mount_namespace(test: impl FnOnce(&Root)) {
    if root().is_none() {
        return;
    }
    in_child(|| {
        unshare(CloneFlags::CLONE_NEWNS).expect("a mount namespace");
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).expect("private mounts");
        tmpfs(Path::new(HERE), "mode=0755");
        let EffectiveUser::Root(root) = privilege::detect() else { panic!("root stays root") };
        test(&root);
    });
}

/// In a child: where its panic message goes.
static TOLD_TO: AtomicI32 = AtomicI32::new(-1);

/// Once, in the parent: a child must not change the hook, whose lock another thread may have held at the fork.
fn prepare_hook() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| match TOLD_TO.load(Ordering::Relaxed) {
            -1 => usual(info),
            number => {
                let text = info.to_string();
                // SAFETY: the pipe stays open until the child ends; the text is as long as given.
                unsafe { libc::write(number, text.as_ptr().cast(), text.len()) };
            }
        }));
    });
}

/// Runs `work` in a child; its panic becomes ours.
pub fn in_child(work: impl FnOnce()) {
    prepare_hook();
    let (read, write) = pipe().expect("a pipe");
    // SAFETY: the child runs `work` and leaves by _exit. glibc makes its allocator usable after a fork; nothing here
    // takes a lock of the harness (messages go to the pipe, not to the captured output).
    match unsafe { fork() }.expect("a child") {
        ForkResult::Child => {
            drop(read);
            TOLD_TO.store(write.as_raw_fd(), Ordering::Relaxed);
            let outcome = panic::catch_unwind(AssertUnwindSafe(work));
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(i32::from(outcome.is_err())) }
        }
        ForkResult::Parent { child } => {
            drop(write);
            let mut message = String::new();
            std::fs::File::from(read).read_to_string(&mut message).ok();
            let status = waitpid(child, None).expect("our child");
            assert_eq!(status, WaitStatus::Exited(child, 0), "{message}");
        }
    }
}

pub fn tmpfs(at: &Path, options: &str) {
    mount(Some("tmpfs"), at, Some("tmpfs"), MsFlags::empty(), Some(options)).expect("a tmpfs");
}

pub fn bind(from: &Path, at: &Path) {
    let none: Option<&str> = None;
    mount(Some(from), at, none, MsFlags::MS_BIND, none).expect("a bind mount");
}

pub fn read_only(at: &Path) {
    let none: Option<&str> = None;
    mount(none, at, none, MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY, none).expect("a remount");
}

pub fn app(id: u32) -> Identity {
    Identity {
        name: "app".to_owned(),
        uid: Uid(id),
        gid: Gid(id),
        groups: vec![Gid(id)],
        home: PathBuf::from("/"),
        shell: PathBuf::from("/sbin/nologin"),
        umask: 0o022,
    }
}

/// The ids of this test, without capabilities.
pub fn callers_credentials() -> Credentials {
    Credentials {
        uid: Uid(geteuid().as_raw()),
        gid: Gid(getegid().as_raw()),
        groups: None,
        ambient: CapSet::EMPTY,
        no_new_privs: false,
    }
}

pub fn tree(path: impl AsRef<Path>, id: u32) -> OwnTree {
    let owner = Owner { uid: Uid(id), gid: Gid(id) };
    OwnTree { path: path.as_ref().to_owned(), owner, options: OwnOptions::default() }
}

pub fn try_own(root: &Root, tree: &OwnTree) -> Result<OwnReport, Refused> {
    own::apply(root, tree, &app(tree.owner.uid.0), &ChownPolicy::default(), &AtomicBool::new(false), &mut |_| {})
}

pub fn own(root: &Root, tree: &OwnTree) -> OwnReport {
    try_own(root, tree).expect("nothing is required")
}

/// A system call to refuse; `flag` restricts it to calls whose given argument has this bit.
#[derive(Clone, Copy)]
pub struct Forbidden {
    pub call: libc::c_long,
    pub errno: i32,
    pub flag: Option<(u32, u32)>,
}

impl Forbidden {
    pub fn all(call: libc::c_long, errno: i32) -> Self {
        Self { call, errno, flag: None }
    }
}

/// Installs a seccomp filter for this process from here on.
pub fn forbid(calls: &[Forbidden]) {
    let statement = |code: u32, k: u32| libc::sock_filter { code: code as u16, jt: 0, jf: 0, k };
    let jump = |code: u32, k: u32, jt: u8, jf: u8| libc::sock_filter { code: code as u16, jt, jf, k };
    let (load, equal) = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K);
    let (set, answer) = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, libc::BPF_RET | libc::BPF_K);
    let mut program = Vec::new();
    for forbidden in calls {
        let number = u32::try_from(forbidden.call).unwrap();
        let refuse = statement(answer, libc::SECCOMP_RET_ERRNO | u32::try_from(forbidden.errno).unwrap());
        program.push(statement(load, 0));
        match forbidden.flag {
            None => program.extend([jump(equal, number, 0, 1), refuse]),
            // Arguments begin at 16 and have 8 bytes each, the low half first.
            Some((argument, bit)) => program.extend([
                jump(equal, number, 0, 3),
                statement(load, 16 + 8 * argument),
                jump(set, bit, 0, 1),
                refuse,
            ]),
        }
    }
    program.push(statement(answer, libc::SECCOMP_RET_ALLOW));
    let filter = libc::sock_fprog { len: u16::try_from(program.len()).unwrap(), filter: program.as_mut_ptr() };
    // SAFETY: the program outlives the call; the kernel checks and copies it.
    let done = unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter)
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
}

/// Gives up capabilities for this process, which has one thread.
pub fn without(capabilities: &[caps::Capability]) {
    for capability in capabilities {
        caps::drop(None, caps::CapSet::Effective, *capability).unwrap();
        caps::drop(None, caps::CapSet::Permitted, *capability).unwrap();
    }
}
