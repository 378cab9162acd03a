//! How many system calls PID 1 makes while a container runs and stops: for each service that is stopped, for each orphan, and
//! from the crash of a service to its next start. Counted, because a clock would tell of the machine.

use crate::boot_calls::{begun, traced};
use crate::support::bare_container::BareContainer;
use crate::support::try_container::possible;

/// For each service that is stopped, besides its message and what an iteration of the event loop makes for all that have exited:
/// TERM, CONT, two to reap it, two for the pidfd of its group. With pipes for its output each is read to its end, taken out of
/// its set and closed.
const STOPPED: usize = 7;
const STOPPED_WITH_PIPES: usize = 13;
/// For each process that has lost its parent and exits, one at a time.
const ORPHAN: usize = 5;
/// From the signal that ends a service to the fork of its next run.
const RESTART: usize = 32;

/// Runs a shell script beside PID 1, as root.
fn beside(container: BareContainer, script: &str) -> BareContainer {
    container.inside(&format!("({script}) </dev/null >/dev/null 2>&1 &"))
}

/// PID 1's calls after the first line that `from` accepts.
fn of_pid_one(trace: &str, from: impl Fn(&str) -> bool) -> Vec<&str> {
    let (first, _) =
        begun(trace).find(|(_, call)| call.starts_with("execve(\"/stepdown\"")).expect("PID 1 is executed");
    let after = begun(trace).skip_while(|(_, call)| !from(call));
    let calls = after.filter(|(pid, _)| *pid == first).map(|(_, call)| call);
    // With debug assertions std checks each descriptor that it owns.
    calls.filter(|call| !call.contains("F_GETFD")).collect()
}

fn names(calls: &[&str]) -> String {
    calls.join("\n")
}

/// Ends the container once that many services run, and returns PID 1's calls from then on.
fn stopped(services: usize, format: &str) -> (usize, String) {
    let script =
        format!("until [ \"$(pgrep -fxc 'sleep 1000')\" = {services} ]; do sleep 0.2; done; sleep 0.2; kill -TERM 1");
    let container = (0..services).fold(BareContainer::new().app(), |container, at| {
        container.etc(&format!("services.d/s{at}.toml"), "command = [\"sleep\", \"1000\"]\n")
    });
    let trace = traced(beside(container.env("STEPDOWN_LOG_FORMAT", format), &script));
    let calls = of_pid_one(&trace, |call| call.starts_with("kill(1, SIGTERM"));
    // Signals are read into 1,024 bytes.
    let of_an_iteration = ["epoll_wait(", "pread64(", "write(", "ioctl("];
    let finds_none = |call: &str| call.starts_with("waitid(") && (call.contains(", {}, ") || call.contains("ECHILD"));
    let is_of_it = |call: &&&str| {
        of_an_iteration.iter().any(|name| call.starts_with(name))
            || call.contains("GETPIPE_SZ")
            || call.contains(", 1024)")
    };
    let count = calls.iter().filter(|call| !is_of_it(call) && !finds_none(call)).count();
    (count, names(&calls))
}

#[test]
fn a_stop_makes_few_system_calls_for_each_service() {
    if !possible() {
        return;
    }
    for (format, budget) in [("inherit", STOPPED), ("tagged", STOPPED_WITH_PIPES)] {
        let ((few, _), (many, calls)) = (stopped(2, format), stopped(22, format));
        let each = many.saturating_sub(few).div_ceil(20);
        assert!(each <= budget, "{format}: {each} calls for each, {budget} are allowed: {calls}");
        let is_of_another = |call: &str| call.contains("/task") && !call.contains("\"/proc/1/task");
        assert!(!calls.lines().any(is_of_another), "{format}: nobody's descendants are looked for: {calls}");
    }
}

/// Lets so many processes lose their parent and exit, and returns how many calls PID 1 made until it ended.
fn orphaned(count: usize) -> (usize, String) {
    let script = format!("i=0; while [ $i -lt {count} ]; do (sleep 0.01 & exit 0); sleep 0.03; i=$((i + 1)); done");
    let trace = traced(BareContainer::new().app().command(&["sh", "-c", &script]));
    let calls = of_pid_one(&trace, |call| call.starts_with("execve(\"/stepdown\""));
    (calls.len(), names(&calls))
}

#[test]
fn an_orphan_costs_few_system_calls() {
    if !possible() {
        return;
    }
    let ((few, _), (many, calls)) = (orphaned(2), orphaned(42));
    let each = many.saturating_sub(few).div_ceil(40);
    assert!(each <= ORPHAN, "{each} calls for each, {ORPHAN} are allowed: {calls}");
}

#[test]
fn few_system_calls_come_between_a_crash_and_the_next_start() {
    if !possible() {
        return;
    }
    let script = "until old=$(pgrep -fx 'sleep 1000'); do sleep 0.2; done; sleep 1.5; kill -KILL $old; \
                  until new=$(pgrep -fx 'sleep 1000') && [ $new != $old ]; do sleep 0.2; done; kill -TERM 1";
    let container = BareContainer::new().app().env("STEPDOWN_LOG_FORMAT", "inherit");
    let container = container.etc("services.d/web.toml", "command = [\"sleep\", \"1000\"]\n");
    let trace = traced(beside(container, script));
    let calls = of_pid_one(&trace, |call| call.starts_with("kill(") && call.contains(", SIGKILL"));
    let is_fork = |call: &&str| ["fork(", "vfork(", "clone(", "clone3("].iter().any(|name| call.starts_with(name));
    let until = calls.iter().position(is_fork).expect("it starts again");
    assert!(until <= RESTART, "{until} calls, {RESTART} are allowed: {}", names(&calls[..until]));
}
