//! `s6-log` beside the original: what it prints, and the directories that it leaves.

use std::path::Path;
use std::process::{Command, Stdio};

use super::both::{Case, as_the_originals, calls, original, own_commands, run_ours};

fn lines(count: usize) -> String {
    (0..count).map(|number| format!("this is line number {number:05} of the input\n")).collect()
}

#[test]
fn lines_go_where_the_script_says() {
    let argvs: &[&[&str]] = &[
        &["s6-log"],
        &["s6-log", "n5"],
        &["s6-log", "x", "1"],
        &["s6-log", "t5", "1"],
        &["s6-log", "1", "n5"],
        &["s6-log", "-q", "1", "n5"],
        &["s6-log", "-d", "2", "1"],
        &["s6-log", "-d", "77", "1"],
        &["s6-log", "1"],
        &["s6-log", "-b", "1"],
        &["s6-log", "2"],
        &["s6-log", "E5", "2"],
        &["s6-log", "pprefix:", "1", "p", "1"],
        &["s6-log", "- +^a", "1"],
        &["s6-log", "-", "+^a", "1"],
        &["s6-log", "-b$", "1", "f", "2"],
        &["s6-log", "-", "+a|c", "-c", "1"],
        &["s6-log", "+(", "1"],
        &["s6-log", "=status"],
        &["s6-log", "^5", "=status"],
        &["s6-log", "^0", "=status"],
        &["s6-log", "=missing/status"],
        &["s6-log", "-l", "50", "1"],
        &["s6-log", "-l", "5", "1"],
        &["s6-log", "-l", "x", "1"],
        &["s6-log", "./dir"],
        &["s6-log", "-b", "./dir", "1"],
        &["s6-log", "n0", "./dir"],
        &["s6-log", "./missing/dir"],
        &["s6-log", "s5000", "l4000", "./dir"],
        &["sh", "-c", "s6-log ./dir; echo more | s6-log ./dir"],
        &["sh", "-c", "umask 077; s6-log ./dir"],
        &["sh", "-c", "mkdir dir; echo interrupted > dir/current; s6-log ./dir"],
        &["sh", "-c", "mkdir dir; echo p > dir/previous; s6-log ./dir"],
        &[
            "sh",
            "-c",
            "mkdir dir; echo p > dir/processed; chmod 744 dir/processed; echo x > dir/previous; s6-log ./dir",
        ],
        &[
            "sh",
            "-c",
            "mkfifo in out; s6-setlock dir.lock true; s6-log ./dir < in & exec 3> in; echo a >&3; until [ -s \
                       dir/current ]; do sleep 0.01; done; echo b | s6-log ./dir; echo $?",
        ],
    ];
    let long = format!("a b\nb\nc\n{}\nabc\n", "x".repeat(120));
    let cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { input: &long, ..case }).collect();
    as_the_originals(&cases);
}

#[test]
fn files_that_are_full_are_archived() {
    let argvs: &[&[&str]] = &[
        &["s6-log", "-b", "n3", "s4096", "./dir"],
        &["s6-log", "-b", "n100", "s8192", "l100", "./dir"],
        &["s6-log", "-b", "n100", "s4096", "S9000", "./dir"],
        &["s6-log", "-b", "n100", "s4096", "?tr a-z A-Z", "./dir"],
        &["s6-log", "-b", "n100", "s4096", "!pipeline { tr a-z A-Z } head -2", "./dir"],
        &["s6-log", "-b", "n100", "s4096", "./a", "s8192", "./b"],
    ];
    let input = lines(700);
    let cases: Vec<_> = calls(argvs).into_iter().map(|case| Case { input: &input, ..case }).collect();
    as_the_originals(&cases);
}

#[test]
fn a_processor_has_a_state_and_what_is_not_ended_is_kept() {
    let argv = ["s6-log", "-b", "n1", "s4096", "?read n <&4; n=$((n + 1)); echo $n >&5; echo rotation $n", "./dir"];
    let input = lines(700) + "last";
    let files = run_ours(&Case { argv: &argv, input: &input, ..Case::default() }).files;
    let rotations: u32 = files["dir/state"].1.trim().parse().unwrap();
    assert!(rotations > 1, "{files:?}");
    assert_eq!(files["dir/@1.s"].1, format!("rotation {rotations}\n"));
    assert!(files["dir/current"].1.ends_with("last\n"));
}

#[test]
fn a_service_logs_as_nobody_by_the_script_of_a_variable() {
    let script = "chmod 755 .; mkdir dir; chown nobody dir; (echo a; echo b) | logutil-service ./dir; stat -c %U dir/current; cat \
                  dir/current";
    let run = |variables: &[(&str, &str)]| {
        let result = run_ours(&Case { argv: &["sh", "-c", script], variables, ..Case::default() });
        (result.out, result.err)
    };
    let none = String::new();
    assert_eq!(run(&[("S6_LOGGING_SCRIPT", " -a  pp ")]), ("nobody\np b\n".into(), none.clone()));
    let (out, err) = run(&[("TZ", "UTC")]);
    assert!(out.starts_with("nobody\n2") && out.ends_with("  b\n") && err == none, "{out}{err}");
}

#[test]
fn a_stamp_is_in_front_where_it_is_wanted() {
    let stamped = |argv: &[&str]| {
        let variables = &[("TZ", "UTC")];
        let result = run_ours(&Case { argv, variables, input: "line\n", ..Case::default() });
        result.out.chars().map(|letter| if letter.is_ascii_hexdigit() { '0' } else { letter }).collect::<String>()
    };
    assert_eq!(stamped(&["s6-log", "t", "1"]), "@000000000000000000000000 lin0\n");
    assert_eq!(stamped(&["s6-log", "T", "1"]), "0000-00-00 00:00:00.000000000  lin0\n");
    assert_eq!(stamped(&["s6-log", "T", "t", "px", "1", "1"]).lines().count(), 2);
}

/// Starts a program that logs into `dir`, with a pipe to it.
fn started(program: &Path, place: &Path, arguments: &[&str]) -> std::process::Child {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(place).stdin(Stdio::piped());
    command.spawn().unwrap()
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !holds() {
        assert!(std::time::Instant::now() < end, "{what}");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

#[test]
fn signals_end_it_after_the_present_line_and_rotate() {
    use std::io::Write;
    let Some(theirs) = original("s6-log") else { return };
    for program in [theirs, own_commands().join("s6-log")] {
        let place = tempfile::tempdir().unwrap();
        let read = |name: &str| std::fs::read_to_string(place.path().join("dir").join(name)).unwrap_or_default();
        let archives = || {
            let entries = std::fs::read_dir(place.path().join("dir")).unwrap();
            entries.filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('@')).count()
        };
        let mut child = started(&program, place.path(), &["-p", "./dir"]);
        let pid = nix::unistd::Pid::from_raw(child.id().cast_signed());
        let mut pipe = child.stdin.take().unwrap();
        pipe.write_all(b"one\n").unwrap();
        until("the first line", || read("current") == "one\n");
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGALRM).unwrap();
        until("the rotation", || archives() == 1 && read("current").is_empty());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        pipe.write_all(b"two\nthr").unwrap();
        until("a line after TERM, which -p ignores", || read("current") == "two\n");
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGHUP).unwrap();
        pipe.write_all(b"ee\n").unwrap();
        assert!(child.wait().unwrap().success());
        assert_eq!(read("current"), "two\nthree\n", "{}", program.display());
    }
}

#[test]
fn a_line_that_is_never_ended_is_ended_by_the_last_line_timeout() {
    use std::io::Write;
    let place = tempfile::tempdir().unwrap();
    let current = || std::fs::read_to_string(place.path().join("dir/current")).unwrap_or_default();
    let mut child = started(&own_commands().join("s6-log"), place.path(), &["-t", "1", "./dir"]);
    let mut pipe = child.stdin.take().unwrap();
    pipe.write_all(b"one\npart").unwrap();
    until("the first line, with which the second one was read", || current() == "one\n");
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id().cast_signed()), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(current(), "one\npart\n");
    drop(pipe);
}

#[test]
fn each_goes_on_in_a_directory_of_the_other() {
    use std::io::Write;
    let Some(theirs) = original("s6-log") else { return };
    let ours = own_commands().join("s6-log");
    let place = tempfile::tempdir().unwrap();
    for (program, line) in [(&theirs, "one\n"), (&ours, "two\n"), (&theirs, "three\n"), (&ours, "four\n")] {
        let mut child = started(program, place.path(), &["./dir"]);
        child.stdin.take().unwrap().write_all(line.as_bytes()).unwrap();
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(std::fs::read_to_string(place.path().join("dir/current")).unwrap(), "one\ntwo\nthree\nfour\n");
}
