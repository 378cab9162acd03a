//! dumb-init's own suite by behaviour (its `tests/`), in both of its modes, with and without `--single-child`.

use std::process::Stdio;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::run_both::{Init, ORPHAN, SAYS, both, lines, state};
use crate::support::skip::skipped;
use crate::support::wait::wait_until;

const TOLD: [&str; 2] = ["0", "1"];

/// `setsid`: the whole session is told, `None`: in both ways.
fn in_each_way(setsid: Option<bool>, scenario: impl Fn(&Init)) {
    let ways: &[&'static str] = match setsid {
        Some(true) => &["1"],
        Some(false) => &["0"],
        None => &["1", "0"],
    };
    both("dumb-init", |init| {
        for (message, way) in TOLD.into_iter().flat_map(|message| ways.iter().map(move |way| (message, *way))) {
            scenario(&init.with(&[("DUMB_INIT_DEBUG", message), ("DUMB_INIT_SETSID", way)]));
        }
    });
}

/// Starts what says its signals, without what is told of them.
fn says(init: &Init, options: &[&str]) -> super::run_both::Started {
    let words = [options, &["sh", "-c", "exec perl -e \"$0\" 2> /dev/null", SAYS]].concat();
    init.start(&words)
}

fn end(pid: i32) {
    let _ended = kill(Pid::from_raw(pid), Signal::SIGKILL);
}

/// Two children of the child that say who they are.
const PIPELINE: &str = "perl -e \"$0\" & perl -e \"$0\" & wait";

#[test]
fn the_whole_session_is_signalled_or_the_child_alone() {
    // TERM's default ends each that gets it.
    let script = "$| = 1; print \"ready $$\\n\"; sleep 60";
    for whole in [true, false] {
        in_each_way(Some(whole), |init| {
            let mut started = init.start(&["sh", "-c", PIPELINE, script]);
            let pids = [started.ready(), started.ready()];
            started.signal(15);
            assert_eq!(started.wait(), Some(143));
            if whole {
                wait_until("they end", || pids.iter().all(|pid| "XZ".contains(state(*pid))));
            } else {
                pids.iter().for_each(|pid| assert!(!"XZ".contains(state(*pid)), "{whole}"));
                pids.into_iter().for_each(end);
            }
        });
    }
}

#[test]
fn what_the_child_leaves_is_signalled_only_with_the_session() {
    for whole in [true, false] {
        in_each_way(Some(whole), |init| {
            // The child ends when its own is ready, which a file tells.
            let says = SAYS.replace("my $end", "open(my $file, '>', \"$ARGV[0]/ready\"); my $end");
            let script = "perl -e \"$0\" $1 & until [ -e $1/ready ]; do sleep 0.01; done";
            let place = tempfile::tempdir().unwrap();
            let mut started = init.start(&["sh", "-c", script, &says, place.path().to_str().unwrap()]);
            let left = started.ready();
            if whole {
                assert_eq!(started.line(), "15");
            } else {
                assert_eq!(started.wait(), Some(0));
                for number in [1, 2, 3] {
                    kill(Pid::from_raw(left), Signal::try_from(number).unwrap()).unwrap();
                    assert_eq!(started.line(), number.to_string());
                }
            }
            end(left);
            assert_eq!(started.wait(), Some(0));
        });
    }
}

#[test]
fn mistakes_and_questions_are_answered_with_its_words() {
    const REWRITE: &str = "Usage: -r option takes <signum>:<signum>, where <signum> is between 1 and 31.\n\
        This option can be specified multiple times.\nUse --help for full usage.\n";
    in_each_way(None, |init| {
        let printed = |words: &[&str]| {
            let ended = init.behind(&[], words).stderr(Stdio::piped()).output().unwrap();
            let text = String::from_utf8(ended.stderr).unwrap().replace(init.path().to_str().unwrap(), "dumb-init");
            (ended.status.code(), text)
        };
        for words in [&["/none"][..], &["--", "/none"], &["-c", "/none"], &["--single-child", "--", "/none"]] {
            let (code, text) = printed(words);
            assert_eq!(code, Some(2));
            assert!(text.contains("[dumb-init] /none: No such file or directory\n"), "{text}");
        }
        let usage = "Usage: dumb-init [option] program [args]\nTry dumb-init --help for full usage.\n";
        assert_eq!(printed(&[]), (Some(1), usage.to_owned()));
        assert_eq!(
            printed(&["--yolo", "/bin/true"]),
            (Some(1), "dumb-init: unrecognized option '--yolo'\n".to_owned())
        );
        for flag in ["-h", "--help"] {
            let (code, text) = printed(&[flag]);
            assert!(
                code == Some(0) && text.starts_with("dumb-init v1.2.5\nUsage: dumb-init [option] command"),
                "{text}"
            );
        }
        for flag in ["-V", "--version"] {
            assert_eq!(printed(&[flag]), (Some(0), "dumb-init v1.2.5\n".to_owned()));
        }
        let wrong: [&[&str]; 9] = [
            &["-r", ""],
            &["-r", "herp"],
            &["-r", "herp:derp"],
            &["-r", "15"],
            &["-r", "15::12"],
            &["-r", "15:derp"],
            &["-r", "15:12", "-r"],
            &["-r", "15:12", "-r", "0"],
            &["-r", "15:12", "-r", "1:32"],
        ];
        for words in wrong.into_iter().chain([&["-r"][..]]) {
            assert_eq!(printed(&[words, &["echo", "oh,", "hi"]].concat()), (Some(1), REWRITE.to_owned()), "{words:?}");
        }
    });
}

#[test]
fn with_v_it_tells_each_step() {
    let alone = [
        "[dumb-init] A child with PID N exited with exit status N.",
        "[dumb-init] Child exited with status N. Goodbye.",
        "[dumb-init] Child spawned with PID N.",
        "[dumb-init] Forwarded signal N to children.",
        "[dumb-init] Received signal N.",
    ];
    let session = [
        "[dumb-init] Unable to attach to controlling tty (errno=N Inappropriate ioctl for device).",
        "[dumb-init] Unable to detach from controlling tty (errno=N Inappropriate ioctl for device).",
        "[dumb-init] setsid complete.",
    ];
    both("dumb-init", |init| {
        let printed = |init: &Init, flags: &[&str]| {
            let words = [flags, &["echo", "oh,", "hi"]].concat();
            let ended = init.behind(&[], &words).stderr(Stdio::piped()).output().unwrap();
            assert_eq!((ended.status.code(), &*ended.stdout), (Some(0), &b"oh, hi\n"[..]));
            lines(&ended.stderr)
        };
        for verbose in ["-v", "--verbose"] {
            assert_eq!(printed(init, &[verbose]), [&alone[..], &session].concat());
            for single in ["-c", "--single-child"] {
                assert_eq!(printed(init, &[verbose, single]), alone);
            }
        }
        let message = init.with(&[("DUMB_INIT_DEBUG", "1"), ("DUMB_INIT_SETSID", "0")]);
        let first = ["[dumb-init] Not running in setsid mode.", "[dumb-init] Running in debug mode."];
        let mut expected = [&alone[..], &first].concat();
        expected.sort_unstable();
        assert_eq!(printed(&message, &[]), expected);
        expected.retain(|line| !line.contains("Forwarded"));
        expected.extend([
            "[dumb-init] Not forwarding signal N to children (ignored).",
            "[dumb-init] Translating signal N to N.",
        ]);
        expected.sort_unstable();
        assert_eq!(printed(&message, &["-r", "15:0"]), expected);
    });
}

#[test]
fn the_child_keeps_the_directory_that_the_init_leaves() {
    in_each_way(None, |init| {
        let script = "readlink /proc/$PPID/cwd; readlink /proc/$$/cwd";
        // It leaves it after the child has begun.
        let script = format!("until [ \"$(readlink /proc/$PPID/cwd)\" = / ]; do sleep 0.01; done; {script}");
        let ended = init.behind(&["env", "--chdir=/tmp"], &["sh", "-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stdout), "/\n/tmp\n");
    });
}

#[test]
fn the_child_s_end_is_its_own() {
    in_each_way(None, |init| {
        for code in [0, 1, 2, 32, 64, 127, 254, 255] {
            assert_eq!(init.code(&["sh", "-c", &format!("exit {code}")]), Some(code));
        }
        for number in [15, 1, 3, 9] {
            assert_eq!(init.code(&["perl", "-e", &format!("kill {number}, $$; sleep 60")]), Some(128 + number));
        }
    });
}

#[test]
fn stops_from_the_terminal_stop_both_until_they_go_on() {
    in_each_way(Some(true), |init| {
        let mut started = says(init, &[]);
        let child = started.ready();
        for stop in [20, 22, 21] {
            started.signal(stop);
            wait_until("both stop", || state(started.pid()) == 'T' && state(child) == 'T');
            started.signal(18);
            assert_eq!(started.line(), "18");
            wait_until("both go on", || state(started.pid()) != 'T' && state(child) != 'T');
        }
        end(child);
    });
    in_each_way(Some(false), |init| {
        let mut started = says(init, &[]);
        let child = started.ready();
        for stop in [20, 22, 21] {
            started.signal(stop);
            assert_eq!(started.line(), stop.to_string());
            wait_until("it stops", || state(started.pid()) == 'T');
            started.signal(18);
            assert_eq!(started.line(), "18");
        }
        end(child);
    });
}

#[test]
fn signals_are_passed_on_as_they_are_rewritten() {
    let rewrites: [(&[&str], &[i32], &[i32]); 5] = [
        (&[], &[15, 3, 18, 2], &[15, 3, 18, 2]),
        (&["-r", "15:2"], &[15, 3, 18, 2], &[2, 3, 18, 2]),
        (&["-r", "15:2", "-r", "2:15", "-r", "3:3"], &[15, 3, 18, 2], &[2, 3, 18, 15]),
        (&["-r", "1:31", "-r", "31:1"], &[1, 31], &[31, 1]),
        // 0: not at all.
        (&["-r", "15:3", "-r", "2:0", "-r", "28:0"], &[15, 2, 28, 1], &[3, 1]),
    ];
    in_each_way(None, |init| {
        let mut started = says(init, &[]);
        let child = started.ready();
        for number in (1..32).filter(|number| ![9, 17, 19, 20, 21, 22].contains(number)) {
            started.signal(number);
            assert_eq!(started.line(), number.to_string(), "{} {number}", init.path().display());
        }
        end(child);
        for (options, sent, came) in rewrites {
            let mut started = says(init, options);
            let child = started.ready();
            let mut came = came.iter();
            for number in sent {
                started.signal(*number);
                if !options.contains(&&*format!("{number}:0")) {
                    assert_eq!(Some(started.line()), came.next().map(ToString::to_string), "{options:?} {number}");
                }
            }
            end(child);
        }
    });
}

#[test]
fn a_rewritten_stop_still_stops_the_init() {
    in_each_way(Some(true), |init| {
        let mut started = says(init, &["-r", "21:15", "-r", "22:2", "-r", "20:1"]);
        let child = started.ready();
        for (stop, came) in [(21, 15), (22, 2), (20, 1)] {
            started.signal(stop);
            assert_eq!(started.line(), came.to_string());
            wait_until("it stops", || state(started.pid()) == 'T');
            started.signal(18);
            assert_eq!(started.line(), "18");
        }
        end(child);
    });
}

#[test]
fn the_child_has_the_terminal_and_what_its_loss_sends_is_ignored_once() {
    both("dumb-init", |init| {
        let mut started = init.with(&[("DUMB_INIT_DEBUG", "0")]).in_a_terminal("tac");
        started.type_in("1\n2\n3\n\x04");
        let (output, code) = started.remaining_output();
        assert_eq!((code, output.ends_with("3\r\n2\r\n1\r\n")), (Some(0), true), "{output:?}");
    });
    in_each_way(None, |init| {
        let mut started = init.in_a_terminal("bash -m");
        started.type_in("echo \"flags are: [[$-]]\"\nexit 0\n");
        let (output, code) = started.remaining_output();
        let flags = output.split("flags are: [[").filter_map(|text| text.split_once("]]")).map(|(flags, _)| flags);
        assert_eq!((code, flags.last().is_some_and(|flags| flags.contains('m'))), (Some(0), true), "{output:?}");
    });
    both("dumb-init", |init| {
        // It leads the session that `script` makes: the kernel sends both for the terminal that is let go. Ours
        // come after it.
        let script = "while :; do kill -HUP $PPID; sleep 0.01; done";
        let words = format!("-v sh -c '{script}' 2>&1");
        let (output, code) = init.in_a_terminal(&words).remaining_output();
        assert_eq!(code, Some(129), "{output}");
        for (number, forwarded) in [(1, true), (18, false)] {
            assert!(output.contains(&format!("Ignoring tty hand-off signal {number}.")), "{output}");
            assert_eq!(output.contains(&format!("Forwarded signal {number} to children.")), forwarded, "{output}");
        }
    });
}

#[test]
fn as_pid_1_it_leaves_no_zombie() {
    if !nix::unistd::geteuid().is_root() {
        skipped("a PID namespace needs root");
        return;
    }
    let namespace = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
    let script = "p=$(sh -c \"$0\"); until ! [ -e /proc/$p ]; do sleep 0.01; done";
    both("dumb-init", |init| {
        let ended = init.behind(&namespace, &["sh", "-c", script, ORPHAN]).output().unwrap();
        assert_eq!(ended.status.code(), Some(0));
    });
}
