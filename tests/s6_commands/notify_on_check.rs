//! `s6-notifyoncheck`. The original insists on s6-supervise in the same directory, so it is not run beside.

use super::both::{CallResult, Case, run_ours};

/// Waits until the notification has come, in a service.
const UNTIL_READY: &str = "until [ -s notified ]; do sleep 0.01; done; cat notified | wc -l";

fn run(script: &str) -> CallResult {
    let files = &[("notification-fd", "3\n"), ("data/check", "")];
    run_ours(&Case { argv: &["sh", "-c", script], files, ..Case::default() })
}

#[test]
fn the_service_is_ready_when_the_check_succeeds() {
    for options in ["", "-d"] {
        let result = run(&format!(
            "exec s6-notifyoncheck {options} -s 5 -w 5 -n 0 -c 'redirfd -w 1 /dev/null test -e ready' sh -c 'echo $$ > pid; \
             test ! -s notified; touch ready; {UNTIL_READY}' 3> notified"
        ));
        assert_eq!((result.code, result.out.trim(), result.err.as_str()), (Some(0), "1", ""), "{options}");
    }
}

#[test]
fn the_check_of_the_directory_is_run_and_its_program_is_the_same_process() {
    let result = run(&format!(
        "printf '#!/bin/sh\\ntest -e ready' > data/check; chmod 755 data/check; echo $$; exec s6-notifyoncheck -s 1 -w 1 -n 0 \
         sh -c 'echo $$; touch ready; {UNTIL_READY}' 3> notified"
    ));
    let lines: Vec<_> = result.out.split_whitespace().collect();
    assert_eq!((result.code, lines[0] == lines[1], lines[2]), (Some(0), true, "1"), "{}", result.err);
}

#[test]
fn a_service_that_is_never_ready_runs_on() {
    let result = run(
        "mkfifo done; exec s6-notifyoncheck -d -s 1 -w 1 -n 2 -c 'redirfd -a 1 tries foreground { echo try } exit 1' sh -c \
                    'until [ \"$(cat tries 2> /dev/null | wc -l)\" = 2 ]; do sleep 0.01; done; sleep 0.05; cat tries' 3> notified",
    );
    assert_eq!((result.code, result.out.as_str()), (Some(0), "try\ntry\n"), "{}", result.err);
    assert_eq!(result.files["notified"].1, "");
}

#[test]
fn the_checks_end_with_the_service() {
    let result =
        run("s6-notifyoncheck -s 1 -w 1 -n 0 -c 'redirfd -w 1 pid foreground { getpid -EP p echo $p } exit 1' sh -c \
                    'until [ -s pid ]; do sleep 0.01; done' 3> notified; p=$(cat pid); \
                    n=0; while kill -0 $p 2> /dev/null && [ $n -lt 500 ]; do sleep 0.01; n=$((n + 1)); done; \
                    kill -0 $p 2> /dev/null && echo alive");
    assert_eq!(result.out, "", "{}", result.err);
}

#[test]
fn what_is_missing_is_said() {
    let wrong = |script: &str| {
        let result = run(script);
        (result.code.unwrap(), result.err)
    };
    assert_eq!(wrong("s6-notifyoncheck").0, 100);
    let closed = "s6-notifyoncheck: fatal: notification-fd sanity check failed: Bad file descriptor\n";
    assert_eq!(wrong("exec s6-notifyoncheck -3 77 true"), (111, closed.into()));
    let missing = "s6-notifyoncheck: fatal: unable to read ./notification-fd: No such file or directory\n";
    assert_eq!(wrong("cd data && exec s6-notifyoncheck true"), (111, missing.into()));
    let invalid = "s6-notifyoncheck: fatal: invalid ./notification-fd\n";
    assert_eq!(wrong("echo x > notification-fd; exec s6-notifyoncheck true"), (100, invalid.into()));
}
