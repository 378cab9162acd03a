//! What catatonit does by its README and its source; it is no package of the test machine, so ours alone is looked at.

use std::process::Stdio;

use super::run_both::{ORPHAN, Started, lines, ours, state};

/// Compares what is printed with `CATATONIT_DEBUG`, in this order without numbers.
#[test]
fn it_tells_each_step_where_that_is_asked_for() {
    let init = ours("catatonit").with(&[("CATATONIT_DEBUG", "")]);
    let orphan = "p=$(sh -c \"$0\"); while [ -e /proc/$p ]; do sleep 0.01; done; exit 4";
    let ended = init.behind(&[], &["--", "sh", "-c", orphan, ORPHAN]).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(ended.status.code(), Some(4));
    let expected = [
        "DEBUG (catatonit:N): child process N exited with code N",
        "DEBUG (catatonit:N): got ECHILD: no children left to monitor",
        "DEBUG (catatonit:N): pidN (N) spawned: sh",
        "DEBUG (catatonit:N): setting foreground process failed: no tty present: Inappropriate ioctl for device",
    ];
    assert_eq!(lines(&ended.stderr), expected);
    assert!(ours("catatonit").run(&["--", "sh", "-c", orphan, ORPHAN]).stderr.is_empty());
}

/// So that an engine can unmount what they lie on.
#[test]
fn it_keeps_no_directory_and_no_file() {
    let script = "until [ \"$(readlink /proc/$PPID/cwd)\" = / ] && ! [ -e /proc/$PPID/fd/7 ]; do sleep 0.01; done; \
        readlink /proc/$$/cwd; readlink /proc/$$/fd/7";
    let before = ["sh", "-c", "cd /tmp && exec \"$0\" \"$@\" 7< /dev/null"];
    let ended = ours("catatonit").behind(&before, &["--", "sh", "-c", script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&ended.stdout), "/tmp\n/dev/null\n");
}

/// Socket activation (`podman` passes sockets on): their receiver is the command, not the init.
#[test]
fn sockets_that_were_handed_to_it_are_the_command_s() {
    let script = "echo $LISTEN_PID $$";
    for (given, taken) in [("$$", true), ("1", false)] {
        let before = format!("export LISTEN_PID={given} LISTEN_FDS=1; exec \"$0\" \"$@\"");
        let ended = ours("podman-init").behind(&["sh", "-c", &before], &["--", "sh", "-c", script]).output().unwrap();
        let printed = String::from_utf8(ended.stdout).unwrap();
        let (listener, own) = printed.trim().split_once(' ').unwrap();
        assert_eq!(listener == own, taken, "{printed}");
    }
}

#[test]
fn the_command_or_with_g_its_group_is_signalled_and_nothing_is_stopped() {
    let script = "trap '' USR1; perl -e '$| = 1; $SIG{USR1} = sub { print \"told\\n\"; exit }; print \"ready $$\\n\"; sleep 60'; exit 4";
    let mut started = ours("catatonit").start(&["-g", "--", "sh", "-c", script]);
    started.ready();
    for number in [20, 21, 22] {
        started.signal(number);
    }
    started.signal(10);
    assert_eq!(started.remaining_output(), ("told\n".to_owned(), Some(4)));

    let script = "trap 'exit 5' USR1; perl -e '$| = 1; $SIG{USR1} = sub { print \"told\\n\"; exit }; print \"ready $$\\n\"; sleep 60' & wait";
    let mut started: Started = ours("catatonit").start(&["--", "sh", "-c", script]);
    let left = started.ready();
    started.signal(10);
    assert_eq!(started.wait(), Some(5));
    assert!(!"XZ".contains(state(left)));
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(left), nix::sys::signal::Signal::SIGUSR1).unwrap();
    assert_eq!(started.remaining_output().0, "told\n");
}
