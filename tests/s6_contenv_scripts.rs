//! Scripts whose interpreter is `with-contenv`: what they find must not depend on whether PID 1's child executes it, or does
//! its work itself. The same scripts run both ways: by a link to the running program, and by a copy of it, which is another
//! file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::Value;

use crate::support::bare_container::BareContainer;
use crate::support::record_comparison::compare;
use crate::support::try_container::{Ended, INSIDE, LIMIT, TryContainer, possible, program};

/// Where the scripts' `with-contenv` is, inside.
const INTERPRETER: &str = "/contenv/with-contenv";

/// What a shell sees of itself, and what it was given, in their order.
const SHOW: &str = "show() { echo \"$1 $(tr '\\0' '|' < /proc/$$/$1)\"; }\nshow cmdline; show environ; show comm\n\
                    echo \"arguments $0 $# $*\"; echo exe $(readlink /proc/$$/exe) in $(pwd) umask $(umask)\n\
                    while read -r name value; do case $name in SigBlk:|SigIgn:|SigCgt:|Uid:|Gid:|Groups:|Cap*|NoNewPrivs:|\
                    Seccomp_filters:) echo \"$name $value\";; esac; done < /proc/$$/status\n\
                    for fd in /proc/$$/fd/*; do echo \"fd ${fd##*/} $(readlink $fd | tr -d 0-9)\"; done\n\
                    echo complaint >&2\n";

/// Which file the interpreter is.
#[derive(Clone, Copy, Debug)]
enum Interpreter {
    Link,
    Copy,
}

/// A container with that interpreter.
fn with(interpreter: Interpreter, container: TryContainer) -> TryContainer {
    let directory = container.services().with_file_name("contenv");
    fs::create_dir(&directory).unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let path = directory.join("with-contenv");
    match interpreter {
        Interpreter::Link => symlink(INSIDE, path).unwrap(),
        Interpreter::Copy => drop(fs::copy(program(), path).unwrap()),
    }
    container.volume(&directory, "/contenv")
}

/// Runs a container both ways, and returns what its services printed, and its records.
fn both(container: impl Fn() -> TryContainer, code: i32) -> [(Vec<String>, Vec<Value>); 2] {
    [Interpreter::Link, Interpreter::Copy].map(|interpreter| {
        let ended = with(interpreter, container()).run().expect(code);
        (printed(&ended), ended.records())
    })
}

/// Returns what services printed.
fn printed(ended: &Ended) -> Vec<String> {
    let lines = ended.lines.iter().filter(|line| !line.text.starts_with("stepdown ") && !line.text.contains("RECORD"));
    // A finish script gets a process group, whose number may differ; standard output and error come by two pipes.
    let mut lines: Vec<_> = lines.map(|line| format!("{:?} {}", line.origin, line.text)).collect();
    lines.sort_by_key(|line| line.starts_with("Err"));
    lines.retain(|line| !line.contains("/svc/finish"));
    lines
}

fn assert_same(container: impl Fn() -> TryContainer, code: i32, expected: &[&str]) {
    let [link, copy] = both(container, code);
    assert_eq!(link.0, copy.0);
    for text in expected {
        assert!(link.0.iter().any(|line| line.contains(text)), "{text}: {:#?}", link.0);
    }
    let mut differences = Vec::new();
    compare("", &Value::from(copy.1), &Value::from(link.1), &mut differences);
    assert!(differences.is_empty(), "{differences:#?}");
}

fn script(line: &str, text: &str) -> String {
    format!("#!{INTERPRETER} {line}\n{text}")
}

/// A oneshot that runs a script with one argument, after the one that fills the container environment.
fn oneshot(container: TryContainer, name: &str, text: &str, mode: u32) -> TryContainer {
    let up = format!("/etc/s6-overlay/s6-rc.d/{name}/run \"an argument\"\n");
    let container = container.s6_service(name, &[("type", "oneshot\n"), ("up", &up), ("dependencies.d/init-env", "")]);
    container.s6_with_mode(&format!("s6-rc.d/{name}/run"), text, mode)
}

fn container() -> TryContainer {
    let fill = "#!/bin/sh\ncd /run/s6/container_environment 2> /dev/null && printf 'two\\n\\n' > LINES && printf 'a\\0b' > NUL && \
                : > EMPTY && printf x > .hidden && printf later > WRITTEN && umask 077 && : > CLOSED; exit 0\n";
    let container =
        TryContainer::new().env("STEPDOWN_LOG_FORMAT", "tagged").env("EMPTY", "not yet").env("GIVEN", "a b");
    container.s6_service(
        "init-env",
        &[("type", "oneshot\n"), ("up", "/etc/s6-overlay/s6-rc.d/init-env/run\n"), ("run", fill)],
    )
}

#[test]
fn a_script_finds_the_same_whoever_reads_the_container_environment() {
    if !possible() {
        return;
    }
    let expected = [
        "|PATH=/command:",
        "WRITTEN=later|",
        "LINES=two",
        "NUL=a",
        "arguments /etc/s6-overlay/s6-rc.d/show/run 1 an argument",
        "cmdline sh|/etc/s6-overlay/s6-rc.d/show/run|an argument|",
        "comm sh",
        "Err show",
    ];
    let show = || oneshot(container(), "show", &script("sh", SHOW), 0o755);
    assert_same(show, 0, &expected);
    assert_same(|| show().env("S6_KEEP_ENV", "1").env("KEPT", "x"), 0, &["KEPT=x|"]);
    assert_same(|| oneshot(container(), "show", &script("\t sh\t ", SHOW), 0o755), 0, &expected);
    // Run by its interpreter, which the plan names.
    assert_same(|| oneshot(container(), "show", &script("sh", SHOW), 0o644), 0, &expected);
}

#[test]
fn it_finds_the_same_as_another_user_and_with_fewer_rights() {
    if !possible() {
        return;
    }
    let show = || oneshot(container(), "show", &script("sh", SHOW), 0o755);
    let run = "/run:uid=1234,gid=1234,mode=0755";
    assert_same(|| show().user("1234:1234").tmpfs(run), 0, &["WRITTEN=later", "1234"]);
    let dropped = || show().env("PUID", "1234").env("PGID", "1234").container_toml("drop = \"app\"\n");
    assert_same(dropped, 0, &["WRITTEN=later", "1234"]);
    assert_same(|| show().no_new_privileges().read_only().tmpfs("/run:noexec,mode=0755"), 0, &["WRITTEN=later"]);
    // The state lies in the runtime directory, which only the environment names.
    let elsewhere = || {
        let container = TryContainer::new()
            .env("STEPDOWN_LOG_FORMAT", "tagged")
            .user("1234:1234")
            .tmpfs("/run:mode=0755")
            .env("GIVEN", "a b");
        container.env("XDG_RUNTIME_DIR", "/tmp/mine").tmpfs("/tmp/mine:uid=1234,gid=1234,mode=0700").s6_service(
            "show",
            &[("type", "oneshot\n"), ("up", "/etc/s6-overlay/s6-rc.d/show/run\n"), ("run", &script("sh", SHOW))],
        )
    };
    assert_same(elsewhere, 0, &["GIVEN=a b"]);
}

#[test]
fn the_recorder_sees_the_same_of_itself_and_of_pid_one() {
    if !possible() {
        return;
    }
    let record = || oneshot(container(), "record", &script("recorder", ""), 0o755);
    assert_same(record, 0, &[]);
}

#[test]
fn a_longrun_and_its_finish_script_are_started_with_the_same_arguments() {
    if !possible() {
        return;
    }
    let run = script("sh", "echo up $0 $# $*\nexec sleep 600\n");
    let finish = script("sh", &format!("echo finish $1 $2 $3 in $(pwd)\n{SHOW}"));
    let ends = [Interpreter::Link, Interpreter::Copy].map(|interpreter| {
        let container = container().s6_service("svc", &[("type", "longrun\n"), ("run", &run), ("finish", &finish)]);
        let running = with(interpreter, container.s6("s6-rc.d/svc/dependencies.d/init-env", "")).start();
        running.wait_for_line(|line| line.contains("| up /etc/s6-overlay/s6-rc.d/svc/run 1 svc"), LIMIT);
        printed(&running.stop().expect(0))
    });
    assert!(ends[0].iter().any(|line| line.contains("finish 256 15 svc")), "{:#?}", ends[0]);
    assert_eq!(ends[0], ends[1]);
}

#[test]
fn what_fails_on_the_ordinary_way_fails_with_the_same_message() {
    if !possible() {
        return;
    }
    let failing = |line: &'static str, mode| move || oneshot(container(), "show", &script(line, SHOW), mode);
    assert_same(
        failing("no-such-shell", 0o755),
        0,
        &["with-contenv: fatal: unable to exec no-such-shell: No such file"],
    );
    assert_same(failing("sh -e", 0o755), 0, &["with-contenv: fatal: unable to exec sh -e"]);
}

/// Boots a tree of one script under strace(1), and returns which files were executed after PID 1.
fn executed(interpreter: &str) -> Vec<String> {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("trace");
    let words = ["strace", "-f", "-qq", "-e", "trace=execve", "-o", file.to_str().unwrap()];
    let ended = BareContainer::new()
        .etc("s6-overlay/s6-rc.d/show/type", "oneshot\n")
        .etc("s6-overlay/s6-rc.d/show/up", "/etc/s6-overlay/s6-rc.d/show/run\n")
        .etc("s6-overlay/s6-rc.d/show/run", "#!/etc/with-contenv sh\n:\n")
        .etc("s6-overlay/s6-rc.d/user/type", "bundle\n")
        .etc("s6-overlay/s6-rc.d/user/contents.d/show", "")
        .broken(&format!("chmod 0755 etc/s6-overlay/s6-rc.d/show/run; {interpreter}"))
        .wrapped_in(&words)
        .run();
    assert_eq!(ended.code, Some(0), "{ended:#?}");
    let trace = fs::read_to_string(&file).unwrap();
    let files = trace.lines().filter(|line| !line.contains("ENOENT")).filter_map(|line| line.split_once("execve(\""));
    let files = files.filter_map(|(_, rest)| Some(rest.split_once('"')?.0.to_owned()));
    files.skip_while(|file| file != "/stepdown").skip(1).collect()
}

#[test]
fn only_another_program_of_that_name_is_executed_for_a_script() {
    if !possible() {
        return;
    }
    let shell = |file: &str| file.ends_with("/sh");
    let by_link = executed("ln -s /stepdown etc/with-contenv");
    assert!(matches!(by_link.as_slice(), [one] if shell(one)), "{by_link:?}");
    let by_copy =
        executed("mount -t tmpfs tmpfs tmp; cp \"$1\" tmp/with-contenv; ln -s /tmp/with-contenv etc/with-contenv");
    let script = "/etc/s6-overlay/s6-rc.d/show/run";
    assert!(matches!(by_copy.as_slice(), [first, second] if first == script && shell(second)), "{by_copy:?}");
}
