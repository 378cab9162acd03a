//! Where ours does something else intentionally, with the reason; each is shown to be so.

use std::process::Stdio;

use super::run_both::{Init, both, lines, ours};

fn is_original(init: &Init) -> bool {
    init.path().starts_with("/usr/bin")
}

/// The licence is that of the program that runs, and it names no file that an image may not have.
#[test]
fn l_tells_our_own_licence() {
    both("tini", |init| {
        let text = String::from_utf8(init.run(&["-l"]).stdout).unwrap();
        let ours =
            text.starts_with("This is stepdown") && text.contains(env!("CARGO_PKG_LICENSE")) && !text.contains(".toml");
        assert_eq!(ours, !is_original(init), "{text}");
    });
}

/// Without a standard input the original ends with 1 ("tcsetpgrp failed"). A program of Rust has one in any case, and a
/// container that starts is worth more than the same failure.
#[test]
fn a_closed_standard_input_ends_no_process() {
    both("tini", |init| {
        let closed = ["sh", "-c", "exec \"$0\" \"$@\" <&- 2> /dev/null"];
        let ended = init.behind(&closed, &["-s", "true"]).output().unwrap();
        assert_eq!(ended.status.code(), Some(i32::from(is_original(init))));
    });
}

/// Rust ignores PIPE before anything of ours runs, and nothing tells us what was so before; the child gets the default, as in
/// each container that an engine starts. (The original hands on what it was given.)
#[test]
fn pipe_is_never_ignored_for_the_child() {
    both("tini", |init| {
        let ended =
            init.behind(&["env", "--ignore-signal=PIPE"], &["-s", "cat", "/proc/self/status"]).output().unwrap();
        let status = String::from_utf8(ended.stdout).unwrap();
        let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).unwrap();
        let ignored = u64::from_str_radix(ignored.trim(), 16).unwrap();
        assert_eq!(ignored & (1 << 12) != 0, is_original(init), "{status}");
    });
}

/// The original keeps this line in its buffer, which the child's program then replaces; ours is told.
#[test]
fn that_there_is_no_terminal_is_logged_with_vv() {
    both("tini", |init| {
        let message = lines(&init.run(&["-svv", "true"]).stdout);
        let line = "[DEBUG tini (N)] tcsetpgrp failed: no tty (ok to proceed)";
        assert_eq!(message.iter().any(|found| found == line), !is_original(init), "{message:?}");
    });
}

/// Who may not signal the child (another user, without a capability) is an end with 1 in the original, which leaves the
/// child behind; ours says so and stays with it.
#[test]
fn a_signal_that_may_not_be_sent_ends_nobody() {
    if !nix::unistd::geteuid().is_root() {
        crate::support::skip::skipped("another user needs root");
        return;
    }
    // The child becomes another user with the one capability left to do so; the init has none to signal it.
    let script = "exec setpriv --reuid 4242 --clear-groups sh -c 'echo ready $$; exec sleep 60'";
    let before = ["setpriv", "--bounding-set=-kill", "--inh-caps=-kill"];
    both("tini", |init| {
        let mut command = init.behind(&before, &["-s", "--", "sh", "-c", script]);
        command.stderr(Stdio::null());
        let mut started = super::run_both::Started::spawn(&mut command);
        let child = nix::unistd::Pid::from_raw(started.ready());
        started.signal(10);
        if is_original(init) {
            assert_eq!(started.wait(), Some(1));
        }
        nix::sys::signal::kill(child, nix::sys::signal::Signal::SIGKILL).unwrap();
        if !is_original(init) {
            assert_eq!(started.wait(), Some(137));
        }
    });
}

/// catatonit's command has TSTP, TTIN and TTOU blocked, and all that it starts: a shell in it could not be stopped with the
/// keyboard. Ours hands on what was blocked before.
#[test]
fn catatonit_s_command_can_be_stopped() {
    let status = String::from_utf8(ours("catatonit").run(&["cat", "/proc/self/status"]).stdout).unwrap();
    let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
    assert_eq!(u64::from_str_radix(blocked.trim(), 16), Ok(0), "{status}");
}
