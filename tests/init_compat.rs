//! Called by the names of the inits that it replaces: compared with tini and dumb-init themselves, argument by argument.

mod catatonit;
mod differences;
mod dumb_init;
mod run_both;
mod tini;

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::support::skip::skipped;
use crate::support::try_container;
use run_both::ORPHAN;

/// What is seen of a run: exit code, standard output, standard error without process ids.
type RunResult = (Option<i32>, String, String);

fn result_of(output: Output, program: &Path) -> RunResult {
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap().replace(program.to_str().unwrap(), "INIT");
        text.chars().filter(|letter| !letter.is_ascii_digit()).collect()
    };
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn run(program: &Path, words: &[&str], variables: &[(&str, &str)]) -> RunResult {
    let mut command = Command::new(program);
    command.args(words).env_clear().env("PATH", "/usr/bin:/bin").envs(variables.iter().copied()).stdin(Stdio::null());
    result_of(command.output().unwrap(), program)
}

/// Arguments and variables.
type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)]);

/// Runs both with each of these, and names every difference.
fn as_the_original(name: &str, cases: &[Case<'_>]) {
    let original = PathBuf::from("/usr/bin").join(name);
    if !original.exists() {
        skipped(&format!("there is no {}: install {name}", original.display()));
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let ours = place.path().join(name);
    symlink(try_container::program(), &ours).unwrap();
    let differ = |(words, variables): &Case<'_>| {
        let (expected, found) = (run(&original, words, variables), run(&ours, words, variables));
        (expected != found).then(|| format!("{name} {words:?} {variables:?}\n  {expected:?}\n  {found:?}"))
    };
    let differences: Vec<_> = cases.iter().filter_map(differ).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Says which signals it gets, sends the one in its first argument to the init, waits for it unless it is to be lost, and
/// ends with 3 after TERM.
const SAYS: &str = "exec 2> /dev/null; got=; for s in HUP INT QUIT USR1 USR2 WINCH TERM; do trap \"got=1; echo $s; [ $s != TERM ] || exit 3\" $s; \
    done; kill -$1 $PPID; until [ \"$got$2\" ]; do sleep 0.01; done; kill -TERM $PPID; while :; do sleep 0.01; done";
/// Leaves an orphan and waits until it was reaped.
const REAPED: &str = "p=$(sh -c \"$0\"); while kill -0 $p 2> /dev/null; do sleep 0.01; done";
/// Ends by a signal of its own.
const KILLED: &str = "kill -TERM $$";
/// Is told in its process group: a child of the child says it.
const GROUP: &str = "exec 2> /dev/null; trap 'wait; exit 4' USR1; (trap 'echo child; exit' USR1; kill -USR1 $1; sleep 2; echo late) & wait";

#[test]
fn tini_s_arguments_do_what_they_do_there() {
    let cases: &[Case<'_>] = &[
        (&[], &[]),
        (&["-h"], &[]),
        (&["--version"], &[]),
        (&["-z", "true"], &[]),
        (&["--nope", "true"], &[]),
        (&["-e", "300", "true"], &[]),
        (&["-e", "x", "true"], &[]),
        (&["-p", "SIGFOO", "true"], &[]),
        (&["-p", "TERM", "true"], &[]),
        (&["-e"], &[]),
        (&["sh", "-c", "exit 3"], &[]),
        (&["true"], &[]),
        (&["-s", "nosuchprogram"], &[]),
        (&["-s", "/etc/passwd"], &[]),
        (&["-s", "--", "sh", "-c", "exit 3"], &[]),
        (&["-s", "-e", "3", "--", "sh", "-c", "exit 3"], &[]),
        (&["-s", "-e3", "-e", "4", "--", "sh", "-c", "exit 4"], &[]),
        (&["-s", "--", "sh", "-c", KILLED], &[]),
        (&["-s", "-e", "143", "--", "sh", "-c", KILLED], &[]),
        (&["-s", "-p", "SIGKILL", "--", "sh", "-c", "exit 5"], &[]),
        (&["-s", "-w", "--", "sh", "-c", REAPED, ORPHAN], &[]),
        (&["-w", "--", "sh", "-c", REAPED, ORPHAN], &[("TINI_SUBREAPER", "")]),
        (&["sh"], &[("TINI_VERBOSITY", "0")]),
        (&["-s", "--", "sh", "-c", SAYS, "x", "HUP"], &[]),
        (&["-s", "--", "sh", "-c", SAYS, "x", "INT"], &[]),
        (&["-s", "--", "sh", "-c", SAYS, "x", "QUIT"], &[]),
        (&["-s", "--", "sh", "-c", SAYS, "x", "WINCH"], &[]),
        (&["-sg", "--", "sh", "-c", "exec sh -c \"$0\" x $PPID", GROUP], &[]),
        (&["-s", "--", "sh", "-c", "exec sh -c \"$0\" x $PPID", GROUP], &[("TINI_KILL_PROCESS_GROUP", "1")]),
    ];
    as_the_original("tini", cases);
}

#[test]
fn dumb_init_s_arguments_do_what_they_do_there() {
    let cases: &[Case<'_>] = &[
        (&[], &[]),
        (&["-h"], &[]),
        (&["-V"], &[]),
        (&["--help"], &[]),
        (&["-z", "true"], &[]),
        (&["--nope", "true"], &[]),
        (&["--version=1"], &[]),
        (&["-r", "15", "true"], &[]),
        (&["-r", "15:99", "true"], &[]),
        (&["-r"], &[]),
        (&["--rewrite"], &[]),
        (&["nosuchprogram"], &[]),
        (&["/etc/passwd"], &[]),
        (&["sh", "-c", "exit 3"], &[]),
        (&["--", "sh", "-c", "exit 3"], &[]),
        (&["-c", "sh", "-c", KILLED], &[]),
        (&["sh", "-c", SAYS, "x", "HUP"], &[]),
        (&["-c", "sh", "-c", SAYS, "x", "QUIT"], &[]),
        (&["-r", "10:12", "sh", "-c", SAYS, "x", "USR1"], &[]),
        (&["--rewrite", "2:0", "sh", "-c", SAYS, "x", "INT", "lost"], &[]),
        (&["--rew=2:10", "sh", "-c", SAYS, "x", "INT"], &[]),
        (&["sh", "-c", "exec sh -c \"$0\" x $PPID", GROUP], &[]),
    ];
    as_the_original("dumb-init", cases);
}

/// catatonit is no package of the test machine: what its source says.
#[test]
fn catatonit_and_podman_init_take_its_arguments() {
    let place = tempfile::tempdir().unwrap();
    for name in ["catatonit", "podman-init"] {
        let ours = place.path().join(name);
        symlink(try_container::program(), &ours).unwrap();
        let usage = "usage: catatonit [-ghLPV] [--] <progname> [<arguments>...]\n";
        let missing = format!("ERROR (catatonit:): missing program name\n{usage}");
        let cases: &[(&[&str], i32, &str, &str)] = &[
            (&[], 1, "", &missing),
            (&["-x", "true"], 1, "", &format!("INIT: invalid option -- 'x'\n{usage}")),
            (&["-V"], 0, "tini version .._catatonit\n", ""),
            (&["--version"], 0, "tini version .._catatonit\n", ""),
            (&["nosuchprogram"], 1, "", "ERROR (catatonit:): failed to exec pid: No such file or directory\n"),
            (&["--", "sh", "-c", "exit 3"], 3, "", ""),
            (&["-g", "--", "sh", "-c", SAYS, "x", "HUP"], 3, "HUP\nTERM\n", ""),
            (&["--", "sh", "-c", SAYS, "x", "TTIN", "lost"], 3, "TERM\n", ""),
        ];
        for (words, code, out, err) in cases {
            let expected = (Some(*code), (*out).to_owned(), (*err).to_owned());
            assert_eq!(run(&ours, words, &[]), expected, "{name} {words:?}");
        }
        // Blocked before it is executed, so that it cannot come too early.
        let mut pausing = Command::new("env").arg("--block-signal=TERM").arg(&ours).arg("-P").spawn().unwrap();
        let pid = nix::unistd::Pid::from_raw(i32::try_from(pausing.id()).unwrap());
        let comm = format!("/proc/{pid}/comm");
        while std::fs::read_to_string(&comm).unwrap().trim() != name {
            std::thread::yield_now();
        }
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).unwrap();
        assert_eq!(pausing.wait().unwrap().code(), Some(0));
    }
}
