//! tini's own suites by behaviour (`test/run_inner_tests.py`, `ci/run_build.sh`, `test/run_outer_tests.py`). Not here: its
//! packages, valgrind, its compiler flags, and the builds without options.

use std::process::Stdio;

use super::run_both::{Init, ORPHAN, both, lines, state};
use crate::support::skip::skipped;
use crate::support::wait::wait_until;

/// Leaves two orphans; ends when it is the only child of the init.
const REAPING: &str = "sh -c \"$0\" > /dev/null; sh -c \"$0\" > /dev/null; \
    until [ \"$(cat /proc/$PPID/task/$PPID/children)\" = \"$$ \" ]; do sleep 0.01; done";

fn as_a_reaper(scenario: impl Fn(&Init, &[&str])) {
    both("tini", |tini| {
        scenario(tini, &["-s"]);
        scenario(&tini.with(&[("TINI_SUBREAPER", "")]), &[]);
    });
}

#[test]
fn each_exit_code_can_be_made_0_and_the_others_stay() {
    both("tini", |tini| {
        for code in (0..256).step_by(15) {
            let (exit, word) = (format!("exit {code}"), code.to_string());
            assert_eq!(tini.code(&["-s", "-e", &word, "--", "sh", "-c", &exit]), Some(0), "{code}");
            let others: Vec<String> =
                (0..256).filter(|other| *other != code).map(|other| format!("-e{other}")).collect();
            let words: Vec<&str> = others.iter().map(String::as_str).chain(["sh", "-c", &exit]).collect();
            // Without it the C library looks for options behind the program too.
            let posix = tini.with(&[("POSIXLY_CORRECT", "1"), ("TINI_SUBREAPER", "1")]);
            assert_eq!(posix.code(&words), Some(code), "{code}");
        }
    });
}

#[test]
fn orphans_are_reaped_silently_and_reported_with_w() {
    as_a_reaper(|tini, flags| {
        let silent =
            tini.behind(&[], &[flags, &["--", "sh", "-c", REAPING, ORPHAN]].concat()).stderr(Stdio::piped()).output();
        let silent = silent.unwrap();
        assert_eq!((silent.status.code(), silent.stderr), (Some(0), Vec::new()));
        let telling = [flags, &["-w", "--", "sh", "-c", REAPING, ORPHAN]].concat();
        let telling = tini.behind(&[], &telling).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(telling.status.code(), Some(0));
        assert_eq!(lines(&telling.stderr), ["[WARN  tini (N)] Reaped zombie process with pid=N"; 2]);
    });
}

/// As where the engine, or whoever executes it, has registered it.
#[test]
fn a_subreaper_by_inheritance_reaps_without_a_warning() {
    both("tini", |tini| {
        let proxy = ["perl", "-e", "syscall(157, 36, 1, 0, 0, 0) == 0 or die; exec @ARGV"]; // prctl(PR_SET_CHILD_SUBREAPER)
        let ended = tini.behind(&proxy, &["--", "sh", "-c", REAPING, ORPHAN]).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((ended.status.code(), ended.stderr), (Some(0), Vec::new()));
    });
}

#[test]
fn who_reaps_nothing_is_warned() {
    both("tini", |tini| {
        for (level, warned) in [("1", true), ("0", false), ("1x", true), ("x", false)] {
            let ended = tini.with(&[("TINI_VERBOSITY", level)]).run(&["true"]);
            let says = String::from_utf8_lossy(&ended.stderr).contains("zombie reaping won't work");
            assert_eq!((ended.status.code(), says), (Some(0), warned), "{level}");
        }
    });
}

#[test]
fn a_child_that_a_signal_ends_is_128_and_its_number() {
    as_a_reaper(|tini, flags| {
        for number in [15, 10, 12] {
            let mut started = tini.start(&[flags, &["--", "sh", "-c", "echo ready $$; exec sleep 60"]].concat());
            started.ready();
            started.signal(number);
            assert_eq!(started.wait(), Some(128 + number));
        }
    });
}

#[test]
fn the_whole_process_group_gets_it_with_g() {
    // It ignores the signal, its child does not.
    let script =
        "trap '' USR1; perl -e '$SIG{USR1} = \"DEFAULT\"; print \"ready $$\\n\"; $| = 1; print \"\"; sleep 60'; exit 4";
    both("tini", |tini| {
        for (tini, flags) in [(tini, "-sg"), (&tini.with(&[("TINI_KILL_PROCESS_GROUP", "1")]), "-s")] {
            let mut started = tini.start(&[flags, "--", "sh", "-c", script]);
            started.ready();
            started.signal(10);
            assert_eq!(started.wait(), Some(4));
        }
    });
}

#[test]
fn ignored_and_blocked_signals_stay_so_for_the_child() {
    let before = ["env", "--ignore-signal=TTOU,SEGV,INT", "--block-signal=TTIN,ILL,TERM"];
    both("tini", |tini| {
        let ended = tini.behind(&before, &["-s", "cat", "/proc/self/status"]).output().unwrap();
        let status = String::from_utf8(ended.stdout).unwrap();
        let mask = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            u64::from_str_radix(line.trim(), 16).unwrap()
        };
        let bits = |numbers: &[u32]| numbers.iter().fold(0_u64, |bits, number| bits | 1 << (number - 1));
        assert_eq!(mask("SigIgn:") & bits(&[22, 11, 2]), bits(&[22, 11, 2]), "{status}");
        assert_eq!(mask("SigBlk:"), bits(&[21, 4, 15]), "{status}");
    });
}

#[test]
fn the_parent_s_death_is_a_signal_with_p() {
    both("tini", |tini| {
        let script = "trap 'echo told; exit' USR1; kill -KILL $0; while :; do sleep 0.01; done";
        let parent = ["sh", "-c", "\"$@\" $$ & wait", "sh"];
        let ended = tini.behind(&parent, &["-s", "-p", "SIGUSR1", "--", "sh", "-c", script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "told\n");
    });
}

#[test]
fn what_the_build_s_own_checks_ask_for() {
    both("tini", |tini| {
        let tini = &tini.with(&[("TINI_SUBREAPER", "")]);
        let text = |output: &[u8]| String::from_utf8_lossy(output).into_owned();
        assert!(text(&tini.run(&["--version"]).stdout).starts_with("tini version"));
        let usage = tini.run(&[]);
        assert_eq!(usage.status.code(), Some(1));
        for part in ["supervision of a valid init process", "more verbose"] {
            assert!(text(&usage.stderr).contains(part), "{usage:?}");
        }
        for (words, code) in [
            (&["-h"][..], 0),
            (&["-l"], 0),
            (&["-z"], 1),
            (&["-vvv", "true"], 0),
            (&["-vvv", "false"], 1),
            (&["-vvv", "--", "true"], 0),
            (&["-vvv", "--", "--", "true"], 127),
            (&["foobar123"], 127),
            (&["/etc"], 126),
        ] {
            assert_eq!(tini.code(words), Some(code), "{words:?}");
        }
        let mut piped = tini.behind(&["sh", "-c", "echo exit 7 | \"$0\" \"$@\""], &["sh"]);
        assert_eq!(piped.status().unwrap().code(), Some(7));
    });
}

/// The lines of each level; without the child's about the terminal, which the original loses in its buffer but on a terminal.
#[test]
fn each_v_tells_more() {
    const ALL: [(usize, &str); 6] = [
        (4, "[TRACE tini (N)] Registered as child subreaper"),
        (2, "[INFO  tini (N)] Spawned child process 'sh' with pid 'N'"),
        (3, "[DEBUG tini (N)] Passing signal: 'User defined signal N'"),
        (3, "[DEBUG tini (N)] Reaped child with pid: 'N'"),
        (2, "[INFO  tini (N)] Main child exited with signal (with signal 'User defined signal N')"),
        (4, "[TRACE tini (N)] Exiting: child has exited"),
    ];
    both("tini", |tini| {
        for (level, word) in (1..=4).zip(["1", "2", "3", "4"]) {
            let tini = tini.with(&[("TINI_VERBOSITY", word)]);
            let ended = tini.run(&["-s", "--", "sh", "-c", "kill -USR1 $PPID; exec sleep 60"]);
            assert_eq!(ended.status.code(), Some(138));
            // How often it looks for children is a matter of its clock, and so is whether the death is seen before it is told.
            let looks = ["No child to reap", "No child to wait", "Received SIGCHLD", "tcsetpgrp failed"];
            let output = lines(&ended.stdout).into_iter().filter(|line| !looks.iter().any(|look| line.contains(look)));
            let mut expected: Vec<_> = ALL.iter().filter(|(least, _)| *least <= level).map(|(_, line)| *line).collect();
            expected.sort_unstable();
            assert_eq!(output.collect::<Vec<_>>(), expected, "{level}");
        }
        let normal = tini.with(&[("TINI_VERBOSITY", "3")]).run(&["-s", "true"]);
        for line in
            ["[INFO  tini (N)] Main child exited normally (with status 'N')", "[DEBUG tini (N)] Received SIGCHLD"]
        {
            assert!(lines(&normal.stdout).iter().any(|found| found == line), "{normal:?}");
        }
    });
}

/// As the entry point of a container.
#[test]
fn as_pid_1_it_reaps_and_passes_on() {
    if !nix::unistd::geteuid().is_root() {
        skipped("a PID namespace needs root");
        return;
    }
    let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    both("tini", |tini| {
        let code = |words: &[&str]| tini.behind(&namespace, words).output().unwrap().status.code();
        assert_eq!(code(&["--", "sh", "-c", REAPING, ORPHAN]), Some(0));
        for number in [15, 10, 12] {
            let script = format!("kill -{number} 1; exec sleep 60");
            assert_eq!(code(&["--", "sh", "-c", &script]), Some(128 + number));
        }
        for (words, expected) in [(&["-z"][..], 1), (&["-h"], 0), (&["zzzz"], 127)] {
            assert_eq!(code(words), Some(expected), "{words:?}");
        }
    });
}

#[test]
fn the_terminal_is_the_child_s() {
    both("tini", |tini| {
        let mut started = tini.in_a_terminal("-s -- sh");
        started.type_in("exit 0\n");
        assert_eq!(started.remaining_output().1, Some(0));
        let mut started = tini.in_a_terminal("-s -- sh -c 'echo ready $$; exec sleep 60'");
        started.ready();
        started.type_in("\x03");
        assert_eq!(started.remaining_output().1, Some(130));
    });
}

/// Stopped as a background job, it must go on.
#[test]
fn it_is_not_stopped_from_the_terminal() {
    both("tini", |tini| {
        let mut started = tini.start(&["-s", "--", "perl", "-e", super::run_both::SAYS]);
        let child = started.ready();
        for stop in [21, 22] {
            started.signal(stop);
        }
        started.signal(1);
        assert_eq!(started.line(), "1");
        assert_ne!(state(started.pid()), 'T');
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), nix::sys::signal::Signal::SIGKILL).unwrap();
        assert_eq!(started.wait(), Some(137));
        wait_until("gone", || state(child) == 'X');
    });
}
