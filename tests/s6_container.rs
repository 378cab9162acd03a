//! The container of an image made for s6-overlay by the real binary: a stop during its hook, disks that are synchronized at the end,
//! and a start that finds what the one before it has left.

use std::fs;

use crate::support::bare_container::BareContainer;
use crate::support::try_container::{LIMIT, Origin, TryContainer, possible};

#[test]
fn a_stop_during_the_hook_reaches_the_hook_and_nothing_is_started_after_it() {
    if !possible() {
        return;
    }
    let hook = "#!/bin/sh\ntrap 'echo told; exit 3' TERM; echo hooking; while :; do sleep 0.05; done\n";
    for behaviour in ["0", "2"] {
        let container = TryContainer::new().env("STEPDOWN_LOG_FORMAT", "tagged").s6("hook", hook);
        let container = container.s6_service("svc-web", &[("type", "longrun\n"), ("run", "#!/bin/sh\necho started\n")]);
        let container = container.env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook");
        let running = container.env("S6_BEHAVIOUR_IF_STAGE2_FAILS", behaviour).command(&["echo", "main"]).start();
        running.wait_for_line(|line| line.ends_with("| hooking"), LIMIT);
        let ended = running.stop().expect(0);
        ended.assert_line("stage2-hook | told");
        let output = ended.text(Origin::Out);
        assert!(!output.contains("started") && !output.contains("main"), "{output}");
    }
}

#[test]
fn a_hook_that_ignores_the_stop_is_killed_in_time() {
    if !possible() {
        return;
    }
    let hook = "#!/bin/sh\ntrap '' TERM; echo hooking; while :; do sleep 0.05; done\n";
    let container = TryContainer::new().s6("hook", hook).env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook");
    let running = container.env("STEPDOWN_STOP_TIMEOUT", "2s").command(&["echo", "main"]).start();
    running.wait_for_line(|line| line.ends_with("hooking"), LIMIT);
    let ended = running.stop().expect(0);
    ended.assert_line("sending SIGKILL");
    ended.assert_no_line("main");
}

/// An image with nothing but its bundle.
fn bare() -> BareContainer {
    let bundle = BareContainer::new().etc("s6-overlay/s6-rc.d/user/type", "bundle\n");
    bundle.etc("s6-overlay/s6-rc.d/user/contents.d/init", "").env("PATH", "/usr/bin:/bin")
}

#[test]
fn disks_are_synchronized_at_the_end_only_if_that_is_asked_for() {
    if !possible() {
        return;
    }
    for (value, synchronized) in [("0", false), ("1", true)] {
        let container = bare().etc("s6-overlay/s6-rc.d/init/type", "oneshot\n").etc("s6-overlay/s6-rc.d/init/up", "");
        let trace = tempfile::NamedTempFile::new().unwrap();
        let trace_path = trace.path().to_str().unwrap();
        let strace = ["strace", "-f", "-qq", "-o", trace_path, "-e", "trace=sync,execve"];
        container.env("S6_SYNC_DISKS", value).command(&["true"]).wrapped_in(&strace).run().expect(0);
        let calls = fs::read_to_string(trace.path()).unwrap();
        let (execs, sync) = (calls.rfind("execve("), calls.find("sync()"));
        assert_eq!(sync.is_some(), synchronized, "{calls}");
        assert!(sync.is_none_or(|sync| Some(sync) > execs), "before everything has ended: {calls}");
    }
}

/// What a oneshot finds of the life before, and leaves for the next one.
const INIT: &str = "
echo code $(cat /run/s6-linux-init-container-results/exitcode), env $(ls /run/s6/container_environment), services $(ls \
     /run/service), rc $(ls -d /run/s6-rc*).
echo 7 > /run/s6-linux-init-container-results/exitcode
echo old > /run/s6/container_environment/OLD
mkdir -p /run/service/stale /run/s6-rc:s6-rc-init:AbCdEf
";

#[test]
fn a_start_after_a_kill_finds_nothing_of_the_life_before() {
    if !possible() {
        return;
    }
    let definitions = bare()
        .etc("init.sh", INIT)
        .etc("s6-overlay/s6-rc.d/init/type", "oneshot\n")
        .etc("s6-overlay/s6-rc.d/init/up", "/bin/sh /etc/init.sh\n")
        .etc("s6-overlay/s6-rc.d/user/contents.d/svc-web", "")
        .etc("s6-overlay/s6-rc.d/svc-web/type", "longrun\n")
        .etc("s6-overlay/s6-rc.d/svc-web/run", "#!/bin/sh\npwd > /tmp/pwd\nexec sleep 600\n")
        .etc("s6-overlay/s6-rc.d/svc-web/dependencies.d/init", "");
    // `docker restart` after `docker kill`: no process is left, and all files are.
    let first = "env -i PATH=/usr/bin:/bin ONE=1 /stepdown init -- sleep 600 &\n\
                 until [ -d /run/s6-rc:s6-rc-init:AbCdEf ] && [ -S /run/stepdown/control ]; do sleep 0.05; done\n\
                 kill -KILL -1\nwait || true\nrm -f /tmp/pwd\necho killed\n";
    let second = "until [ -s /tmp/pwd ]; do sleep 0.05; done; cat /tmp/pwd; /stepdown status; exit 5";
    let ended = definitions.env("TWO", "2").inside(first).command(&["sh", "-c", second]).run().expect(5);
    let output = ended.text(Origin::Out);
    let (before, after) = output.split_once("killed\n").unwrap_or_else(|| panic!("{ended:#?}"));
    let found = |env| format!("code 0, env {env}, services svc-web, rc /run/s6-rc.");
    assert!(before.contains(&found("ONE PATH")), "{before}");
    assert!(after.contains(&found("PATH TWO")), "{after}");
    assert!(after.contains("/run/s6-rc/servicedirs/svc-web"), "{after}");
}
