//! What a service can see of PID 1 and do to it, with the tools of a plain Debian (SECURITY.md T11, T16–T20, T23).

use crate::support::docker::{Docker, Image, Run};

/// Every way to look into PID 1 that a shell has; each must fail.
const PEEK: &str = "for file in environ mem maps exe cwd root fd/0 auxv stack; do
        if head -c 1 /proc/1/$file >/dev/null 2>&1 || readlink /proc/1/$file 2>/dev/null; then echo \"read $file\"; fi
    done
    ls /proc/1/fd >/dev/null 2>&1 && echo 'listed fd'
    echo peeked";

#[test]
fn groups_are_what_was_asked_for_and_never_roots() {
    let Some(docker) = Docker::available() else { return };
    let run = Run::new(&Image::plain(&docker))
        .options("--group-add 44 --group-add 109")
        .env("PUID", "1234")
        .env("PGID", "1235");
    let ended = run.script("echo groups: $(id -G | tr ' ' '\\n' | sort -n)").ended();
    ended.expect_code(0);
    ended.expect_words(&["groups: 44 109 1235\n"]);
}

#[test]
fn the_app_cannot_look_into_pid_1_in_either_mode() {
    let Some(docker) = Docker::available() else { return };
    let plain = Image::plain(&docker);
    for mode in ["-e PUID=1234 -e PGID=1234", "--user 1234:1234"] {
        let ended = Run::new(&plain).options(mode).env("SECRET", "x").script(PEEK).ended();
        let output = ended.expect_code(0);
        assert!(output.contains("peeked"), "{output}");
        assert!(!output.contains("read ") && !output.contains("listed"), "{mode}: {output}");
    }
}

#[test]
fn the_app_cannot_change_the_limits_of_pid_1() {
    let Some(docker) = Docker::available() else { return };
    let script = "prlimit --pid 1 --nofile=1:1 && echo changed; prlimit --pid 1 --cpu=1:1 && echo changed; echo tried";
    let ended = Run::new(&Image::plain(&docker)).env("PUID", "1234").script(script).ended();
    let output = ended.expect_code(0);
    assert!(output.contains("tried") && !output.contains("changed"), "{output}");
}

/// Returns what `ls` wrote of its own descriptors.
fn descriptors(output: &str) -> Vec<&str> {
    output.lines().filter(|line| !line.is_empty() && line.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

#[test]
fn only_the_three_standard_descriptors_reach_a_program() {
    let Some(docker) = Docker::available() else { return };
    let plain = Image::plain(&docker);
    // The fourth is ls's own, on the directory that it lists.
    let main = Run::new(&plain).env("PUID", "1234").command(["ls", "/proc/self/fd"]).ended();
    assert_eq!(descriptors(main.expect_code(0)), ["0", "1", "2", "3"], "{}", main.output);

    let tree = super::files(&[("probe.toml", "type = \"oneshot\"\ncommand = [\"ls\", \"/proc/self/fd\"]\n")]);
    let run = Run::new(&plain).file(tree.path(), "/etc/services.d").options("--entrypoint /usr/bin/stepdown");
    let service = run.command(["init"]).ended();
    assert_eq!(descriptors(service.expect_code(0)), ["0", "1", "2", "3"], "{}", service.output);
}

#[test]
fn no_signal_from_inside_ends_the_container_but_those_that_mean_stop() {
    let Some(docker) = Docker::available() else { return };
    let tree = super::files(&[("web.toml", "script = '''\necho up\nwhile :; do sleep 1; done\n'''\n")]);
    let run = Run::new(&Image::plain(&docker)).file(tree.path(), "/etc/services.d").env("PUID", "1234");
    let web = run.options("--entrypoint /usr/bin/stepdown").command(["init"]).start();
    web.wait_for_log("up");
    let (worked, output) = web.as_user(
        "1234:1000",
        // Not HUP, INT, QUIT, TERM, PWR and RTMIN+3, nor the two that glibc keeps for itself.
        "for n in $(seq 1 64); do case $n in 1|2|3|15|30|32|33|37) ;; *) kill -$n 1 2>&1 || : ;; esac; done; sleep 0.3; echo sent",
    );
    assert!(worked && output.contains("sent"), "{output}");
    assert!(web.runs(), "{}", web.logs());
    let first = web.status_of(1);
    assert!(first.words("State").first().is_some_and(|state| *state == "S"), "{:?}", first.words("State"));
    let (code, _) = web.stop();
    assert_eq!(code, 0, "{}", web.logs());
}

#[test]
fn a_taken_uid_is_answered_with_our_name_and_the_account_files_stay_sound() {
    let Some(docker) = Docker::available() else { return };
    let plain = Run::new(&Image::plain(&docker)).env("PUID", "1").env("PGID", "2").start();
    plain.wait_for_log("I am uid 1");
    assert_eq!(
        plain.as_root("id -un 1; getent group 2 | cut -d: -f1").split_whitespace().collect::<Vec<_>>(),
        ["app"; 2]
    );
    assert!(plain.as_root("grep -c ^daemon:x:1: /etc/passwd").trim() == "1", "the other account's line is untouched");
    // pwck also complains about homes that do not exist; names, fields and shadow are what counts here.
    let complaints = plain.as_root("pwck -qr; grpck -r; :");
    for word in ["duplicate", "invalid", "no matching"] {
        assert!(!complaints.contains(word), "{complaints}");
    }
    assert!(plain.as_root("grep ^app: /etc/shadow").starts_with("app:!"), "locked");
}
