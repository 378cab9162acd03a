//! Children that share the memory of the test's process, which has several threads: nothing in them may notice.
#![allow(clippy::disallowed_methods)] // waitpid(2) for the tests' own children

use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, OwnedFd};

use nix::fcntl::OFlag;
use nix::sys::wait::waitpid;
use nix::unistd::{Pid as Number, getgid, getuid, pipe2};

use super::*;
use crate::config::values::CapSet;
use crate::plan::Credentials;
use crate::sys::process::filter::{Filter, ProtectedProcess};
use crate::sys::process::launch::Session;
use crate::sys::process::spawn::{ExecPipe, ExecResult};

fn launch(program: &str) -> Launch {
    let word = |word: &str| CString::new(word).unwrap();
    let ids = (Uid(getuid().as_raw()), Gid(getgid().as_raw()));
    Launch {
        program: Program::Path(word(program)),
        fallbacks: Vec::new(),
        argv: vec![word("a"), word("b")],
        env: vec![word("C=d")],
        environment_file: None,
        shortcut: None,
        directory: Some(word("/")),
        credentials: Credentials { uid: ids.0, gid: ids.1, groups: None, no_new_privs: true, ambient: CapSet::EMPTY },
        parent: Parent::App,
        umask: 0o022,
        nice: None,
        limits: Vec::new(),
        session: Session::Own,
        tag: None,
        filter: None,
        stdio: [None; 3],
        notify: None,
    }
}

/// Starts it, with a pipe for its report.
fn start(memory: &mut SharedMemory, program: &str) -> Option<(Pid, OwnedFd)> {
    let (read, write) = pipe2(OFlag::O_CLOEXEC).unwrap();
    Some((memory.spawn(Box::new(launch(program)), write.as_raw_fd()).ok()?, read))
}

/// Reads the report until all copies of the pipe are closed, and reaps.
fn report(pid: Pid, pipe: OwnedFd) -> Vec<u8> {
    let mut said = Vec::new();
    File::from(pipe).read_to_end(&mut said).unwrap();
    waitpid(Number::from_raw(pid.0), None).unwrap();
    said
}

#[test]
fn children_execute_and_leave_the_memory() {
    let mut memory = SharedMemory::default();
    for _ in 0..3 {
        let running: Vec<_> = (0..MOST).map_while(|_| start(&mut memory, "/bin/true")).collect();
        assert_eq!(running.len(), MOST, "each is started in the memory");
        for (pid, pipe) in running {
            assert_eq!(report(pid, pipe), b"", "it was executed");
        }
        assert!(memory.slots.iter().all(Slot::is_free) && memory.slots.len() <= MOST);
    }
    memory.release_free();
    assert_eq!(memory.slots.len(), 0);
}

#[test]
fn a_program_that_cannot_be_executed_is_reported_and_costs_the_parent_nothing() {
    let mut memory = SharedMemory::default();
    for _ in 0..200 {
        let (pid, pipe) = start(&mut memory, "/nonexistent/program").unwrap();
        // What a child that wrote errno, or the heap, would break.
        for number in 0..200 {
            Errno::set_raw(number);
            std::hint::black_box(vec![number; 100]);
            assert_eq!(Errno::last_raw(), number);
        }
        let said = report(pid, pipe);
        assert_eq!(said, encode_unexplained(Errno::ENOENT));
    }
}

#[test]
fn a_child_whose_explanation_does_not_come_is_refused_when_it_has_ended() {
    let mut memory = SharedMemory::default();
    let (read, write) = pipe2(OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).unwrap();
    let pid = memory.spawn(Box::new(launch("/nonexistent/program")), write.as_raw_fd()).ok().unwrap();
    waitpid(Number::from_raw(pid.0), None).unwrap();
    let mut pipe = ExecPipe::new(read);
    assert_eq!(pipe.read(), ExecResult::Pending, "another child may have a copy of the pipe");
    let ExecResult::Refused(why) = pipe.read_to_end() else { panic!("it was not executed") };
    assert_eq!(why.errno, Errno::ENOENT as i32);
    drop(write);
}

#[test]
fn what_a_child_may_still_read_is_kept() {
    let mut memory = SharedMemory::default();
    let (pid, pipe) = start(&mut memory, "/bin/true").unwrap();
    report(pid, pipe);
    let word = &raw const memory.slots[0].child.as_ref().unwrap().1.is_here;
    // As a kernel leaves it where a signal has ended the child.
    memory.slots[0].child.as_ref().unwrap().1.is_here.store(1, Ordering::Relaxed);
    memory.release_free();
    assert_eq!(memory.slots.len(), 1);
    let (other, pipe) = start(&mut memory, "/bin/true").unwrap();
    assert_eq!(memory.slots.len(), 2, "its stack is not used again");
    report(other, pipe);
    memory.reaped(other);
    assert!(!memory.slots[0].is_free());

    drop(memory);
    // SAFETY: it was not freed.
    assert_eq!(unsafe { &*word }.load(Ordering::Relaxed), 1);
}

#[test]
fn a_reaped_child_needs_nothing() {
    let mut memory = SharedMemory::default();
    let (pid, pipe) = start(&mut memory, "/bin/true").unwrap();
    report(pid, pipe);
    memory.slots[0].child.as_ref().unwrap().1.is_here.store(1, Ordering::Relaxed);
    memory.reaped(pid);
    assert!(memory.slots[0].is_free());
}

#[test]
fn what_needs_more_than_the_memory_allows_is_forked() {
    let of = |uid, gid| Credentials { uid: Uid(uid), gid: Gid(gid), ..launch("/bin/true").credentials };
    let other_user = Launch { parent: Parent::Root, credentials: of(1234, 0), ..launch("/bin/true") };
    let other_group = Launch { parent: Parent::Root, credentials: of(0, getgid().as_raw() + 1), ..launch("/bin/true") };
    let more_rights = Launch { parent: Parent::AppWithCapabilities, ..launch("/bin/true") };
    let searched = Launch { program: Program::Search(CString::new("true").unwrap()), ..launch("/bin/true") };
    let long = Launch { env: vec![CString::new(vec![b'x'; MOST_WORDS]).unwrap()], ..launch("/bin/true") };
    let with_shortcut = Launch { shortcut: Some(|_, _, _| None), ..launch("/bin/true") };
    let small = Limit { resource: Resource::As, soft: Some(1 << 20), hard: Some(1 << 20) };
    let without_room = Launch { limits: vec![small], ..launch("/bin/true") };
    let all = [other_user, other_group, more_rights, searched, long, with_shortcut, without_room];
    for (number, launch) in all.into_iter().enumerate() {
        let mut memory = SharedMemory::default();
        assert!(memory.spawn(Box::new(launch), 2).is_err(), "{number}");
        assert_eq!(memory.slots.len(), 0);
    }
}

#[test]
fn kernels_whose_core_dumps_end_all_sharers_are_known() {
    let is_safe = |release| version(release).is_some_and(|version| version >= KERNEL);
    assert_eq!(["6.18.44-fc", "5.16.0", "5.16-rc1", "10.0"].map(is_safe), [true; 4]);
    assert_eq!(["5.15.200-generic", "4.19.0-23-amd64", "5", "", "x.y"].map(is_safe), [false; 5]);
}

/// All steps that a child without more rights takes, and a program that cannot be executed: the longest way there is.
#[test]
fn the_stack_is_many_times_what_a_child_needs() {
    let limit = |resource| Limit { resource, soft: Some(5), hard: Some(u64::MAX - 1) };
    let ours = ProtectedProcess::this();
    let (read, write) = pipe2(OFlag::O_CLOEXEC).unwrap();
    let null = File::open("/dev/null").unwrap();
    let launch = Launch {
        fallbacks: vec![CString::new("/nonexistent/other").unwrap()],
        // It is refused with EACCES, so that the fallbacks are tried.
        program: Program::Path(CString::new("/dev/null").unwrap()),
        nice: Some(1),
        limits: vec![limit(Resource::Core), limit(Resource::Memlock)],
        tag: Some(1 << 60),
        filter: Some(Filter::new(ours)),
        stdio: [Some(null.as_raw_fd()), None, None],
        ..launch("/bin/true")
    };
    let mut memory = SharedMemory::default();
    let pid = memory.spawn(Box::new(launch), write.as_raw_fd()).ok().unwrap();
    drop(write);
    assert_eq!(report(pid, read), encode_unexplained(Errno::EACCES));
    let Stack { start, length } = &memory.slots[0].stack;
    let page = usize::try_from(sysconf(SysconfVar::PAGE_SIZE).unwrap().unwrap()).unwrap();
    // SAFETY: the mapping without the page that cannot be read; the child has ended.
    let bytes = unsafe { std::slice::from_raw_parts(start.as_ptr().byte_add(page).cast::<u8>(), length.get() - page) };
    let untouched = bytes.iter().take_while(|byte| **byte == 0).count();
    let used = bytes.len() - untouched;
    assert!(used > 0 && used * 8 < STACK, "{used} bytes");
}
