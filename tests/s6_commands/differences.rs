//! The differences that are meant, each shown by a script that both run: what the original prints and what ours prints. All
//! other comparisons fail at any difference.

use stepdown::s6_commands::COMMANDS;
use stepdown::s6_commands::differences::DIFFERENCES;
use stepdown::s6_commands::not_provided::NOT_PROVIDED;

use super::both::{CallResult, Case, original, run_original, run_ours};
use crate::support::skip::skipped;

/// What shows a difference.
struct Demonstration {
    command: &'static str,
    /// What the case of the difference begins with.
    case: &'static str,
    script: &'static str,
    /// What the original prints, with its exit code.
    original: (&'static str, i32),
    /// What ours prints.
    ours: (&'static str, i32),
}

const DEMONSTRATIONS: &[Demonstration] = &[
    Demonstration {
        command: "s6-setuidgid",
        case: "the process has these ids already",
        script: "s6-applyuidgid -u 5 -g 6 -G 6 s6-setuidgid 5:6 echo a",
        original: ("s6-applyuidgid: fatal: unable to set supplementary group list: Operation not permitted\n", 111),
        ours: (
            "a\ns6-setuidgid: info: already running as uid 5, which cannot change its user or groups: executing the program as \
             it is (said once)\n",
            0,
        ),
    },
    Demonstration {
        command: "s6-setuidgid",
        case: "another user, in a container that runs as one user",
        // The owner of the runtime directory tells who PID 1 is.
        script: "exec unshare --mount sh -c 'mount -t tmpfs tmpfs /run && mkdir -m 711 /run/stepdown && chown 5 /run/stepdown && \
                 exec setpriv --reuid 5 --regid 6 --clear-groups s6-setuidgid 7:8 echo a'",
        original: ("s6-applyuidgid: fatal: unable to set supplementary group list: Operation not permitted\n", 111),
        ours: (
            "a\ns6-setuidgid: info: this container runs as uid 5, which cannot change its user or groups: executing the program \
             as it is (said once)\n",
            0,
        ),
    },
    Demonstration {
        command: "s6-setuidgid",
        case: "an account that `/etc/nsswitch.conf`",
        script: "echo 'passwd: none' > conf; exec unshare --mount sh -c 'mount --bind conf /etc/nsswitch.conf && exec \
                 s6-setuidgid nobody id -u'",
        original: ("s6-envuidgid: fatal: unknown user: nobody\n", 1),
        ours: ("65534\n", 0),
    },
    Demonstration {
        command: "s6-applyuidgid",
        case: "`-G` with a list that is none",
        script: "s6-applyuidgid -G 7x id -G",
        original: ("0 7\n", 0),
        ours: (
            "s6-applyuidgid: usage: s6-applyuidgid [ -z ] [ -u uid ] [ -g gid ] [ -G gidlist ] [ -U ] prog...\n",
            100,
        ),
    },
    Demonstration {
        command: "s6-envdir",
        case: "`-L` without `-f`",
        script: "mkdir e; printf value > e/A; s6-envdir -L e sh -c 'echo $A'",
        original: ("\n", 0),
        ours: ("value\n", 0),
    },
    Demonstration {
        command: "posix-umask",
        case: "`g=`",
        script: "posix-umask u=rwx,g=rwx,o=rwx posix-umask g= posix-umask -S",
        original: ("u=rwx,g=rwx,o=rwx\n", 0),
        ours: ("u=rwx,g=,o=rwx\n", 0),
    },
    Demonstration {
        command: "homeof",
        case: "an account that is not there",
        script: "homeof no-such",
        original: ("homeof: fatal: : unable to get passwd entry for no-such: no such user\n", 111),
        ours: ("homeof: fatal: unable to get passwd entry for no-such: no such user\n", 111),
    },
    Demonstration {
        command: "shift",
        case: "a block that is not there",
        script: "execlineb -c 'shift -b 1 env'",
        original: ("shift: fatal: : unable to shift block : too few arguments (0)\n", 100),
        ours: ("shift: fatal: unable to shift block 0: too few arguments (1)\n", 100),
    },
    Demonstration {
        command: "envfile",
        case: "the number of the line",
        script: "printf 'A=b \\nB=\"\\n' | envfile - true",
        original: ("envfile: fatal: in standard input: syntax error line 1\n", 1),
        ours: ("envfile: fatal: in standard input: syntax error line 2\n", 1),
    },
    Demonstration {
        command: "execlineb",
        case: "`-e`",
        script: "execlineb -e -c 'echo a'",
        original: (
            "execlineb: usage: execlineb [ -p | -P | -S nmin | -s nmin ] [ -q | -w | -W ] [ -c commandline ] script args\n",
            100,
        ),
        ours: ("a\n", 0),
    },
    Demonstration {
        command: "importas",
        case: "`-S`",
        script: "V=value importas -S -D other V sh -c 'echo $0' '<${V}>'",
        original: (
            "importas: usage: importas [ -i | -D default ] [ -u ] [ -N | -n ] [ -s ] [ -C | -c ] [ -d delim ] key var prog...\n",
            100,
        ),
        ours: ("<value>\n", 0),
    },
    Demonstration {
        command: "elglob",
        case: "`-d`",
        script: "mkdir d; touch d/a d/b; elglob -s -d, A 'd/*' echo '<${A}>'; elglob -sn -d, A 'd/*' echo '<${A}>'; elglob -sn -d \
                 '' A 'd/*' echo '<${A}>'; elglob -sn A 'd/*' echo '<${A}>'; elglob -0 -d, A 'no*' echo '<${A}>'; elglob -n -d, A \
                 'no*' echo '<${A}>'",
        original: (
            concat!(
                "elglob: usage: elglob [ -v ] [ -w ] [ -s ] [ -m ] [ -e ] [ -0 ] key pattern prog...\n",
                "elglob: usage: elglob [ -v ] [ -w ] [ -s ] [ -m ] [ -e ] [ -0 ] key pattern prog...\n",
                "elglob: usage: elglob [ -v ] [ -w ] [ -s ] [ -m ] [ -e ] [ -0 ] key pattern prog...\n",
                "elglob: usage: elglob [ -v ] [ -w ] [ -s ] [ -m ] [ -e ] [ -0 ] key pattern prog...\n",
                "elglob: usage: elglob [ -v ] [ -w ] [ -s ] [ -m ] [ -e ] [ -0 ] key pattern prog...\n",
                "elglob: usage: elglob [ -v ] [ -w ] [ -s ] [ -m ] [ -e ] [ -0 ] key pattern prog...\n",
            ),
            100,
        ),
        ours: ("<d/a,d/b,>\n<d/a,d/b>\n<3:d/a,3:d/b,>\n<d/a> <d/b>\n<>\n<no*>\n", 0),
    },
    Demonstration {
        command: "forx",
        case: "`-P`",
        // The first two run at the same time, and the third one when one of them has ended.
        script: "mkfifo a b; exec execlineb -c 'foreground { forx -P2 X { 1 2 3 } sh -c \"case $X in 1) : > a; : < b; echo >> \
                 done;; 2) : < a; : > b; echo >> done;; 3) test -s done && echo 3;; esac\" } foreground { pipeline { printf 4,4, } \
                 forstdin -P 2 -d, X printenv X } forbacktickx -P 1 -x 5 X { echo 1 } exit 5'",
        original: (
            concat!(
                "forx: usage: forx [ -E | -e ] [ -p ] [ -o okcode,okcode,... | -x breakcode,breakcode,... ] var { values... } \
                 command...\n",
                "forstdin: usage: forstdin [ -E | -e ] [ -p | -o okcode,okcode,... | -x breakcode,breakcode,... ] [ -N | -n ] [ \
                 -C | -c ] [ -0 | -d delim ] var command...\n",
                "forbacktickx: usage: forbacktickx [ -p | -o okcode,okcode,... | -x breakcode,breakcode,... ] [ -E | -e ] [ -N | \
                 -n ] [ -C | -c ] [ -0 | -d delim ] var { backtickcmd... } command...\n",
            ),
            100,
        ),
        ours: ("3\n4\n4\n", 5),
    },
    Demonstration {
        command: "emptyenv",
        case: "`-l`",
        script: "export A=1 LD_LIBRARY_PATH=/l PATH; exec emptyenv -l /usr/bin/env",
        original: ("emptyenv: usage: emptyenv [ -p | -c | -o | -P ] prog...\n", 100),
        ours: ("LD_LIBRARY_PATH=/l\n", 0),
    },
    Demonstration {
        command: "redirfd",
        case: "`-N`",
        script: "exec redirfd -wnN -f -E FD out sh -c 'echo a >&$0; readlink /proc/self/fd/$0 | grep -o /out; cat out' '${FD}'",
        original: ("redirfd: usage: redirfd -[ r | w | u | a | x ] [ -n ] [ -b ] fd file prog...\n", 100),
        ours: ("/out\na\n", 0),
    },
    Demonstration {
        command: "wait",
        case: "long options",
        script: "echo old > f; exec execlineb -c 'foreground { redirfd --write --append --no-read 1 f echo new } foreground { cat f } \
                 foreground { emptyenv --keep-path env } wait --all --timeout=5000 { } echo waited'",
        original: (
            concat!(
                "old\n",
                "redirfd: usage: redirfd -[ r | w | u | a | x ] [ -n ] [ -b ] fd file prog...\n",
                "emptyenv: usage: emptyenv [ -p | -c | -o | -P ] prog...\n",
                "wait: usage: wait [ -I | -i ] [ -a | -o ] [ -r | -t timeout ] { pids... } [ prog... ]\n",
            ),
            100,
        ),
        ours: ("old\nnew\nPATH=THE_PATH\nwaited\n", 0),
    },
    Demonstration {
        command: "exec",
        case: "no PATH",
        script: "mkdir r; cp -L \"${PATH%%:*}/exec\" exec; exec unshare --mount sh -c \
                 'mount -t tmpfs tmpfs r && cp exec r && cd r && mkdir command usr && mount --rbind /usr usr && ln -s usr/bin usr/lib \
                 usr/lib64 . && printf \"#!/bin/sh\\necho found\\n\" > command/only && chmod +x command/only && exec /usr/sbin/chroot . \
                 /usr/bin/env -i /exec only'",
        original: ("exec: fatal: unable to exec only: No such file or directory\n", 127),
        ours: ("found\n", 0),
    },
    Demonstration {
        command: "trap",
        case: "real-time signals",
        script: "execlineb -c 'trap { 40 { true } } echo a'",
        original: ("a\n", 0),
        ours: ("trap: fatal: unrecognized directive: 40\n", 100),
    },
    Demonstration {
        command: "foreground",
        case: "the name of a process",
        script: "fdmove -c 2 1 foreground ' sh' ' -c' ' cat /proc/$PPID/comm' '' true",
        original: ("foreground\n", 0),
        ours: ("fdmove\n", 0),
    },
    Demonstration {
        command: "s6-log",
        case: "the input ends with a line",
        script: "printf last | s6-log ./dir; cat dir/current",
        original: ("", 0),
        ours: ("last\n", 0),
    },
    Demonstration {
        command: "s6-log",
        case: "`current` and `previous`",
        script: "mkdir dir; echo p > dir/previous; echo c > dir/current; chmod 644 dir/current; echo a | s6-log -b ./dir && cat \
                 dir/@*.u dir/current",
        original: ("s6-log: fatal: unable to finish current .u for logdir ./dir: File exists\n", 111),
        ours: ("p\nc\na\n", 0),
    },
    Demonstration {
        command: "s6-log",
        case: "the first run of a processor",
        script: "seq 1200 | s6-log -b s4096 '?echo new >&5; cat' ./dir; cat dir/state",
        original: ("/bin/sh: 1: 5: Bad file descriptor\n", 0),
        ours: ("new\n", 0),
    },
    Demonstration {
        command: "s6-log",
        case: "`-t`",
        script: "echo a | s6-log -t 5 1",
        original: (
            "s6-log: usage: s6-log [ -d notif ] [ -q | -v ] [ -b ] [ -p ] [ -l linelimit ] [ -- ] logging_script\n",
            100,
        ),
        ours: ("a\n", 0),
    },
    Demonstration {
        command: "s6-log",
        case: "the directive `R`",
        script: "echo a | s6-log R3600 1 ./dir",
        original: ("s6-log: fatal: unrecognized directive: R3600\n", 100),
        ours: ("a\n", 0),
    },
    Demonstration {
        command: "s6-setlock",
        case: "`-d`",
        script: "s6-setlock -d 9 f readlink /proc/self/fd/9 | grep -o /f",
        original: ("s6-setlock: usage: s6-setlock [ -r | -w ] [ -n | -N | -t timeout ] lockfile prog...\n", 1),
        ours: ("/f\n", 0),
    },
    Demonstration {
        command: "s6-svc",
        case: "several service",
        script: "mkdir a b; exec s6-svc -u a b",
        original: (
            "s6-svc: warning: ignoring extra arguments\ns6-svc: fatal: : unable to control a: supervisor not listening\n",
            100,
        ),
        ours: (
            "s6-svc: fatal: unable to control a: supervisor not listening\ns6-svc: fatal: unable to control b: supervisor not \
             listening\n",
            102,
        ),
    },
    Demonstration {
        command: "s6-svc",
        case: "a directory that nobody",
        script: "mkdir a; exec s6-svc -u a",
        original: ("s6-svc: fatal: : unable to control a: supervisor not listening\n", 100),
        ours: ("s6-svc: fatal: unable to control a: supervisor not listening\n", 102),
    },
    Demonstration {
        command: "s6-notifyoncheck",
        case: "no s6-supervise",
        script: "s6-notifyoncheck -3 3 -c true echo a 3> /dev/null",
        original: ("s6-notifyoncheck: fatal: s6-supervise not running.\n", 100),
        ours: ("a\n", 0),
    },
    Demonstration {
        command: "s6-notifyoncheck",
        case: "a check that takes longer",
        // The original is refused here, by the difference above.
        script: "echo 3 > notification-fd; touch pids; s6-notifyoncheck -s 1 -w 1 -n 2 -t 500 -c 'foreground { redirfd -a 1 pids \
                 getpid -EP p echo ${p} } sleep 600' sh -c 'until [ \"$(wc -l < pids)\" = 2 ]; do sleep 0.01; done; p=$(head -n 1 \
                 pids); n=0; while kill -0 $p 2> /dev/null && [ $n -lt 500 ]; do sleep 0.01; n=$((n + 1)); done; kill $(cat pids) \
                 2> /dev/null; [ $n -lt 500 ] && echo ended' 3> out",
        original: ("s6-notifyoncheck: fatal: s6-supervise not running.\n", 100),
        ours: ("ended\n", 0),
    },
    Demonstration {
        command: "s6-svstat",
        case: "the process group",
        script: "mkdir s; s6-svstat -o pgid s",
        original: ("s6-svstat: fatal: invalid option field: pgid\n", 100),
        ours: ("s6-svstat: fatal: unable to read status for s: s6-supervise not running\n", 1),
    },
];

/// Commands whose originals no package of Debian has, so that their differences are shown by a test of ours alone.
const WITHOUT_ORIGINAL: &[(&str, &str)] = &[("s6-rc", "s6_rc_prints_and_ends_as_the_original_does")];

/// What a call prints on both streams, and its exit code.
fn printed(result: CallResult) -> (String, i32) {
    (result.out + &result.err, result.code.unwrap())
}

#[test]
fn each_difference_that_is_listed_is_one() {
    if ["execlineb", "s6-log"].iter().any(|name| original(name).is_none()) {
        return;
    }
    if !nix::unistd::geteuid().is_root() {
        skipped("it needs root");
        return;
    }
    let mut problems = Vec::new();
    let has_no_original = |command: &str| WITHOUT_ORIGINAL.iter().any(|(name, _)| *name == command);
    let listed = DIFFERENCES.iter().filter(|difference| !has_no_original(difference.command));
    for difference in listed.clone() {
        let is_of = |it: &&Demonstration| it.command == difference.command && difference.case.starts_with(it.case);
        let [shown] = DEMONSTRATIONS.iter().filter(is_of).collect::<Vec<_>>()[..] else {
            problems.push(format!("{}: {}: not shown, or shown twice", difference.command, difference.case));
            continue;
        };
        let case = Case { argv: &["sh", "-c", shown.script], ..Case::default() };
        let owned = |(text, code): (&str, i32)| (text.to_owned(), code);
        let (theirs, ours) = (printed(run_original(&case)), printed(run_ours(&case)));
        if theirs == ours || theirs != owned(shown.original) || ours != owned(shown.ours) {
            problems.push(format!("{}: {}: original {theirs:?}, ours {ours:?}", shown.command, shown.case));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert_eq!(DEMONSTRATIONS.len(), listed.count(), "a demonstration of no difference");
    let tests = include_str!("../s6_control.rs");
    assert!(WITHOUT_ORIGINAL.iter().all(|(_, test)| tests.contains(&format!("fn {test}()"))));
}

#[test]
fn what_is_not_provided_is_no_command_and_is_said_to_have_another_way() {
    for program in NOT_PROVIDED {
        assert!(COMMANDS.iter().all(|command| command.name != program.name), "{}", program.name);
        assert_eq!(NOT_PROVIDED.iter().filter(|it| it.name == program.name).count(), 1, "{}", program.name);
    }
    let run = |script: &str| printed(run_ours(&Case { argv: &["sh", "-c", script], ..Case::default() }));
    let link = |name: &str| format!("ln -s \"$(command -v execlineb)\" {name}; ./{name} -t 5 program");
    let refused = "s6-ipcserver: fatal: stepdown does not provide it; instead: a service that listens by itself\n";
    assert_eq!(run(&link("s6-ipcserver")), (refused.to_owned(), 127));
    let unknown = "s6-from-the-future: fatal: stepdown has no command of this name\n";
    assert_eq!(run(&link("s6-from-the-future")), (unknown.to_owned(), 127));
    // In a script, which has no link of that name.
    let missing = "execlineb: fatal: unable to exec s6-overlay-stat: No such file or directory (stepdown does not provide it; \
                   instead: `stat`)\n";
    assert_eq!(run("execlineb -c 's6-overlay-stat x'"), (missing.to_owned(), 127));
}

/// The programs of s6-overlay 3.2.3, by package: execline 2.9.9.2, s6 2.15.1.0, s6-rc 0.7.0.0, s6-linux-init 1.2.0.2,
/// s6-portable-utils 2.3.1.2, s6-linux-utils 2.6.4.1, s6-overlay-helpers 0.1.2.2, and its own.
const SHIPPED: &str = include_str!("shipped_programs.txt");

#[test]
fn every_program_that_s6_overlay_ships_is_a_command_or_listed() {
    let known = |name: &str| {
        COMMANDS.iter().any(|command| command.name == name) || NOT_PROVIDED.iter().any(|program| program.name == name)
    };
    let shipped: Vec<_> = SHIPPED.lines().collect();
    assert!(shipped.len() > 180, "{}", shipped.len());
    let missing: Vec<_> = shipped.iter().filter(|name| !known(name)).collect();
    assert!(missing.is_empty(), "neither commands nor listed: {missing:?}");
    let invented: Vec<_> = NOT_PROVIDED.iter().filter(|program| !shipped.contains(&program.name)).collect();
    assert!(invented.is_empty(), "not of s6-overlay: {invented:?}");
}
