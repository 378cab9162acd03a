//! The main command: its exit code, its signals, its orphans.

use crate::support::docker::{DOCKER_TIMEOUT, Docker, Image, Run, wait_for};

#[test]
fn the_containers_exit_code_is_the_commands() {
    let Some(docker) = Docker::available() else { return };
    let plain = Image::plain(&docker);
    for (script, code) in
        [("exit 0", 0), ("exit 3", 3), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -SEGV $$", 139)]
    {
        let ended = Run::new(&plain).script(script).ended();
        assert_eq!(ended.code, code, "{script}: {}", ended.output);
    }
}

#[test]
fn a_command_that_cannot_run_is_126_and_one_that_is_missing_127() {
    let Some(docker) = Docker::available() else { return };
    let plain = Image::plain(&docker);
    let ended = Run::new(&plain).command(["/etc/hostname"]).ended();
    ended.expect_code(126);
    ended.expect_words(&["/etc/hostname"]);
    let ended = Run::new(&plain).command(["no-such-program", "--flag"]).ended();
    ended.expect_code(127);
    ended.expect_words(&["no-such-program"]);
}

#[test]
fn no_verb_of_ours_hides_a_command() {
    let Some(docker) = Docker::available() else { return };
    let ended = Run::new(&Image::plain(&docker)).command(["status"]).ended();
    ended.expect_code(127);
}

#[test]
fn signals_reach_the_command() {
    let Some(docker) = Docker::available() else { return };
    let plain = Run::new(&Image::plain(&docker)).start();
    plain.wait_for_log("I am uid");
    plain.kill("USR1");
    plain.wait_for_log("still here");
    let (code, took) = plain.stop();
    assert_eq!(code, 7, "{}", plain.logs());
    assert!(took.as_secs() < 10, "{took:?}");
    assert!(plain.logs().contains("good-bye"), "{}", plain.logs());
}

#[test]
fn every_orphan_is_reaped() {
    let Some(docker) = Docker::available() else { return };
    let script = "for n in $(seq 200); do (sleep 0.1 &) ; done; echo ready; exec sleep 3600";
    let plain = Run::new(&Image::plain(&docker)).script(script).start();
    plain.wait_for_log("ready");
    let left = || plain.top();
    wait_for(
        "200 orphans to be gone",
        DOCKER_TIMEOUT,
        || format!("{:?}", left()),
        || (left().len() == 2).then_some(()),
    );
    assert!(left().iter().all(|process| !process.state.starts_with('Z')), "{:?}", left());
}

#[test]
fn the_command_is_the_app_user_and_its_environment_fits() {
    let Some(docker) = Docker::available() else { return };
    let script = "id -un; id -gn; echo \"$USER $LOGNAME\"; cd ~ && echo home works; umask";
    let run = Run::new(&Image::plain(&docker)).env("PUID", "1234").env("PGID", "1235").env("UMASK", "027");
    let ended = run.script(script).ended();
    let words: Vec<_> = ended.expect_code(0).split_whitespace().collect();
    let ours = words.windows(4).any(|words| words == ["app"; 4]);
    assert!(ours && words.contains(&"0027"), "{}", ended.output);
    ended.expect_words(&["home works"]);
}

#[test]
fn its_stdout_can_be_opened_again_by_name() {
    let Some(docker) = Docker::available() else { return };
    let script = "echo one >/dev/stdout; echo two >/dev/stderr; echo three >/proc/self/fd/1";
    let ended = Run::new(&Image::plain(&docker)).env("PUID", "1234").script(script).ended();
    ended.expect_code(0);
    ended.expect_words(&["one", "two", "three"]);
}

#[test]
fn an_oom_kill_is_reported_as_that() {
    let Some(docker) = Docker::available() else { return };
    // By itself, and as the last thing that a shell did, which then ends with 137.
    for script in ["exec tail /dev/zero", "tail /dev/zero; exit $?"] {
        let run = Run::new(&Image::plain(&docker)).options("--memory 48m --memory-swap 48m").env("PUID", "1234");
        let ended = run.script(script).ended();
        ended.expect_code(137);
        ended.expect_words(&["the container ends with code 137: the main command", "(out of memory)"]);
    }
    let ended = Run::new(&Image::plain(&docker)).options("--memory 48m").script("kill -KILL $$").ended();
    assert!(!ended.expect_code(137).contains("out of memory"), "{}", ended.output);
}

#[test]
fn run_as_takes_the_place_of_gosu() {
    let Some(docker) = Docker::available() else { return };
    let plain = Run::new(&Image::plain(&docker)).env("PUID", "1234").start();
    plain.wait_for_log("I am uid 1234");
    let output = plain.as_root("stepdown run-as daemon id -un");
    assert_eq!(output.trim(), "daemon");
    let output = plain.as_root("stepdown run-as 77:88 sh -c 'echo $(id -u) $(id -g) $(id -G)'");
    assert_eq!(output.trim(), "77 88 88");
}
