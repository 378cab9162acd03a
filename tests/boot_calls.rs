//! How many system calls a boot makes before it executes the first program: counted, because a clock would tell of the
//! machine. What is counted is what PID 1 does from its `main` on until the fork, and the child until its exec.

use std::collections::BTreeMap;
use std::fs;

use crate::support::bare_container::BareContainer;
use crate::support::try_container::possible;

/// Root, with PUID and one service, accounts as they should be.
const AS_ROOT: usize = 150;
/// Without root, a bare main command.
const AS_USER: usize = 125;

/// The calls of one boot, by their names.
type Calls = BTreeMap<String, usize>;

/// Boots under strace(1), and returns what it has written.
pub fn traced(container: BareContainer) -> String {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("trace");
    let words = ["strace", "-f", "-qq", "-o", file.to_str().unwrap()];
    let ended = container.wrapped_in(&words).run();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    fs::read_to_string(&file).unwrap()
}

/// Returns pid and call of each line that begins one; what is resumed was begun before.
pub fn begun(trace: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = trace.lines().filter_map(|line| line.split_once(' '));
    lines.map(|(pid, call)| (pid, call.trim_start())).filter(|(_, call)| !call.starts_with(['<', '+', '-']))
}

/// Counts from the first call of `main` to the exec of the first program.
fn before_the_first_program(trace: &str) -> Calls {
    let mut lines = begun(trace).skip_while(|(_, call)| !call.starts_with("execve(\"/stepdown\""));
    let (first, _) = lines.next().expect("PID 1 is executed");
    // What comes before is the loader's and the C library's. `main` looks first whether 0 to 2 are open.
    let is_first = |call: &str| ["newfstatat(0,", "fstat(0,"].iter().any(|begin| call.starts_with(begin));
    let lines = lines.skip_while(|(pid, call)| *pid != first || !is_first(call));
    let (mut calls, mut child, mut has_heap) = (Calls::new(), None, false);
    for (pid, call) in lines {
        let name = call.split('(').next().unwrap_or_default();
        let is_fork = ["fork", "vfork", "clone", "clone3"].contains(&name);
        match child {
            // Its lines may be mixed with PID 1's, which goes on.
            Some(None) if pid != first => child = Some(Some(pid)),
            None | Some(_) => {}
        }
        match child {
            None if pid == first && is_fork => child = Some(None),
            None if pid == first => {}
            Some(Some(child)) if pid == child => {}
            None | Some(_) => continue,
        }
        // With debug assertions std checks each descriptor that it owns.
        if call.contains("F_GETFD") {
            continue;
        }
        // The C library's allocator begins: in the static binary, before `main`.
        if call.starts_with("brk(NULL") || call.contains("GRND_NONBLOCK") {
            continue;
        }
        if name == "brk" && !std::mem::replace(&mut has_heap, true) {
            continue;
        }
        *calls.entry(name.to_owned()).or_default() += 1;
        if child == Some(Some(pid)) && name == "execve" {
            return calls;
        }
    }
    panic!("no program is executed: {calls:?}");
}

fn root() -> BareContainer {
    let service = "type = \"oneshot\"\ncommand = [\"/bin/true\"]\n";
    BareContainer::new().app().etc("services.d/web.toml", service)
}

#[test]
fn few_system_calls_come_before_the_first_program() {
    if !possible() {
        return;
    }
    let accounts = "echo app:x:1234:2345::/nonexistent:/usr/sbin/nologin >> etc/passwd; echo app:x:2345: >> etc/group";
    let user = BareContainer::new().user(1234, 2345, "").command(&["/bin/true"]);
    for (name, container, budget) in [("root", root().broken(accounts), AS_ROOT), ("user", user, AS_USER)] {
        let calls = before_the_first_program(&traced(container));
        let count: usize = calls.values().sum();
        assert!(count <= budget, "{name}: {count} calls, {budget} are allowed: {calls:#?}");
        assert_eq!((calls.get("fsync"), calls.get("renameat")), (None, None), "{name}: no account file is written");
    }
}

#[test]
fn no_thread_is_made_before_the_first_program() {
    if !possible() {
        return;
    }
    for container in [root(), BareContainer::new().user(1234, 2345, "").command(&["/bin/true"])] {
        let trace = traced(container);
        let boot = begun(&trace).skip_while(|(_, call)| !call.starts_with("execve(\"/stepdown\""));
        let boot = boot.take_while(|(_, call)| !call.starts_with("execve(\"/bin/true\""));
        let (calls, threads): (Vec<_>, Vec<_>) =
            boot.map(|(_, call)| call).partition(|call| !call.contains("CLONE_THREAD"));
        assert!(calls.iter().any(|call| call.starts_with("clone") || call.starts_with("vfork")), "the fork is seen");
        assert_eq!(threads, [""; 0]);
    }
}

#[test]
fn account_files_are_synced_once_each_and_their_directory_once_for_all() {
    if !possible() {
        return;
    }
    let shadows =
        "echo 'root:*:1::::::' > etc/shadow; echo 'root:*::' > etc/gshadow; chmod 0640 etc/shadow etc/gshadow";
    let calls = before_the_first_program(&traced(root().broken(shadows)));
    assert_eq!((calls.get("renameat"), calls.get("fsync")), (Some(&4), Some(&5)), "{calls:#?}");
}

/// Returns the call that has made the process of the last program.
fn made_by(trace: &str) -> String {
    let calls = begun(trace).filter(|(_, call)| call.starts_with("clone"));
    calls.last().expect("a process is made").1.to_owned()
}

#[test]
fn a_service_with_pid_1s_ids_shares_its_memory_until_its_exec_and_no_other_does() {
    if !possible() {
        return;
    }
    let service = |keys: &str| {
        let text = format!("type = \"oneshot\"\ncommand = [\"/bin/true\"]\n{keys}");
        BareContainer::new().app().etc("services.d/web.toml", &text)
    };
    let shares = |container| made_by(&traced(container)).contains("CLONE_VM|CLONE_CHILD_CLEARTID");
    assert!(shares(service("")));
    assert!(shares(service("user = \"root\"\n")), "PID 1 stays root for it");
    assert!(!shares(service("user = \"1235:1235\"\n")), "whoever may trace the service could write to PID 1");
    let with_file = service("environment_file = \"/etc/web.env\"\n").broken("echo A=b > etc/web.env");
    assert!(!shares(with_file), "the child allocates");
}
