//! The modes of DESIGN §2 on the demo image and on a bare command.

use super::assert_nobody_is_root;
use crate::support::docker::{Docker, Image, Run};

/// A set of capabilities with none in it.
const NOTHING: u64 = 0;

/// Writes who it is: uid, gid, groups, and the variables that a program without a passwd line depends on.
const WHO: &str =
    "echo \"uid=$(id -u) gid=$(id -g) groups=$(id -G | tr ' ' ,) HOME=$HOME USER=$USER LOGNAME=$LOGNAME\"";

#[test]
fn root_mode_prepares_as_root_and_leaves_no_root_process() {
    let Some(docker) = Docker::available() else { return };
    let demo = Run::new(&Image::demo(&docker)).env("PUID", "1234").env("PGID", "1235").start();
    let log = demo.wait_for_log("step 1 of 4");

    let place = |text: &str| log.find(text).unwrap_or_else(|| panic!("no {text:?} in:\n{log}"));
    assert!(place("I am uid 0 and come first") < place("I am uid 1234; PID 1 is uid 1234"), "{log}");
    assert!(place("I am uid 1234; PID 1 is uid 1234") < place("the note says: written by uid 0"), "{log}");
    assert_nobody_is_root(&demo, 1234, 3);

    let first = demo.status_of(1);
    assert_eq!(first.words("Uid"), ["1234"; 4]);
    let [real, effective, saved, _] = first.words("Gid")[..] else { panic!("four gids") };
    assert_eq!([real, effective], ["1235"; 2]);
    assert_ne!(saved, "1235", "PID 1 has a saved gid of its own (DESIGN §3, step 6)");
    for set in ["CapPrm", "CapEff", "CapInh", "CapAmb"] {
        assert_eq!(first.set(set), NOTHING, "{set}");
    }
    assert_eq!(first.words("NoNewPrivs"), ["1"]);
    assert_eq!(first.words("Threads").len(), 1);
    assert!(demo.as_root("getent passwd 1234").starts_with("app:x:1234:1235:"));
}

#[test]
fn the_same_image_runs_as_a_known_user_and_says_once_that_puid_is_ignored() {
    let Some(docker) = Docker::available() else { return };
    let demo = Run::new(&Image::demo(&docker)).options("--user 1:1").env("PUID", "2000").start();
    let log = demo.wait_for_log("step 1 of 4");
    assert_nobody_is_root(&demo, 1, 3);
    let about_puid = log.lines().filter(|line| line.contains("PUID")).count();
    assert_eq!(about_puid, 1, "one line about PUID in:\n{log}");
    assert!(log.contains("I am uid 1;"), "{log}");
}

#[test]
fn the_same_image_runs_as_1000_and_as_a_uid_that_nobody_knows() {
    let Some(docker) = Docker::available() else { return };
    for user in ["1000:1000", "4242:4242"] {
        let uid = user.split(':').next().and_then(|uid| uid.parse().ok()).expect("a number");
        let demo = Run::new(&Image::demo(&docker)).options("--user").options(user).start();
        demo.wait_for_log("step 1 of 4");
        assert_nobody_is_root(&demo, uid, 3);
        let (code, took) = demo.stop();
        assert_eq!(code, 0, "{}", demo.logs());
        assert!(took.as_secs() < 10, "{took:?}");
    }
}

#[test]
fn an_unknown_user_gets_home_and_name_from_the_environment() {
    let Some(docker) = Docker::available() else { return };
    let plain = Image::plain(&docker);
    for hardened in ["", "--read-only", "--read-only --cap-drop ALL --security-opt no-new-privileges"] {
        let ended = Run::new(&plain).options("--user 4242:0").options(hardened).script(WHO).ended();
        let output = ended.expect_code(0);
        let line = output.lines().find(|line| line.contains("uid=4242")).expect("it says who it is");
        for variable in ["HOME=", "USER=", "LOGNAME="] {
            let value = line.split_whitespace().find_map(|word| word.strip_prefix(variable));
            assert!(value.is_some_and(|value| !value.is_empty()), "{variable} in {line:?} ({hardened})");
        }
    }
}

#[test]
fn a_read_only_root_drops_by_numbers_and_says_what_was_skipped() {
    let Some(docker) = Docker::available() else { return };
    let run =
        Run::new(&Image::plain(&docker)).options("--read-only").env("PUID", "1234").env("PGID", "1235").script(WHO);
    let ended = run.ended();
    ended.expect_code(0);
    ended.expect_words(&["uid=1234 gid=1235 groups=1235 ", "/etc/passwd", "read-only"]);
}

#[test]
fn a_read_only_root_boots_the_whole_demo() {
    let Some(docker) = Docker::available() else { return };
    let demo = Run::new(&Image::demo(&docker)).options("--read-only").env("PUID", "1234").start();
    demo.wait_for_log("step 1 of 4");
    assert_nobody_is_root(&demo, 1234, 3);
}

#[test]
fn three_capabilities_are_enough_for_everything() {
    let Some(docker) = Docker::available() else { return };
    let least = "--cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add CHOWN";
    let demo = Run::new(&Image::demo(&docker)).options(least).env("PUID", "1234").start();
    demo.wait_for_log("the note says: written by uid 0");
    assert_nobody_is_root(&demo, 1234, 3);
    assert_eq!(demo.status_of(1).set("CapPrm"), NOTHING);
    assert!(demo.as_root("cat /etc/passwd").contains("app:x:1234:"), "CHOWN is enough to write the account");
    let (code, took) = demo.stop();
    assert_eq!(code, 0, "{}", demo.logs());
    assert!(took.as_secs() < 10, "{took:?}");
}

#[test]
fn root_that_stays_with_three_capabilities_stops_the_app_users_services_in_time() {
    let Some(docker) = Docker::available() else { return };
    let script = "script = '''\ntrap 'echo heard; exit 0' TERM\necho ready\nwhile :; do sleep 0.1; done\n'''\n";
    let tree = super::files(&[("web.toml", script)]);
    let container_file = super::files(&[("stepdown.toml", "drop = \"root\"\n")]);
    let least = "--cap-drop ALL --cap-add SETUID --cap-add SETGID --cap-add CHOWN --entrypoint /usr/bin/stepdown";
    let run = Run::new(&Image::plain(&docker)).options(least).env("PUID", "1234").file(tree.path(), "/etc/services.d");
    let run = run.file(&container_file.path().join("stepdown.toml"), "/etc/stepdown.toml").command(["init"]);
    let container = run.start();
    container.wait_for_log("ready");
    let (code, _) = container.stop();
    let log = container.logs();
    assert!(code == 0 && log.contains("heard") && !log.contains("SIGKILL"), "{code}: {log}");
}

#[test]
fn root_without_capabilities_refuses_with_the_line_to_paste() {
    let Some(docker) = Docker::available() else { return };
    let ended = Run::new(&Image::plain(&docker)).options("--cap-drop ALL").env("PUID", "1234").script(WHO).ended();
    ended.expect_code(111);
    ended.expect_words(&["cap_add", "SETUID", "SETGID"]);
    assert!(!ended.output.contains("uid=0"), "nothing may run:\n{}", ended.output);
}

#[test]
fn root_without_capabilities_runs_on_where_that_is_asked_for() {
    let Some(docker) = Docker::available() else { return };
    let run = Run::new(&Image::plain(&docker)).options("--cap-drop ALL").env("STEPDOWN_WITHOUT_DROP", "run");
    let ended = run.script(WHO).ended();
    ended.expect_code(0);
    ended.expect_words(&["uid=0 "]);
}

#[test]
fn no_new_privileges_changes_nothing() {
    let Some(docker) = Docker::available() else { return };
    let run = Run::new(&Image::demo(&docker)).options("--security-opt no-new-privileges").env("PUID", "1234");
    let demo = run.start();
    demo.wait_for_log("the note says: written by uid 0");
    assert_nobody_is_root(&demo, 1234, 3);
}

#[test]
fn under_dockers_own_init_it_supervises_as_a_child() {
    let Some(docker) = Docker::available() else { return };
    let demo = Run::new(&Image::demo(&docker)).options("--init").env("PUID", "1234").start();
    demo.wait_for_log("step 1 of 4");
    let roots: Vec<_> = demo.top().into_iter().filter(|process| process.uid == 0).collect();
    assert!(roots.len() == 1 && roots[0].command.contains("init"), "only the engine's own helper: {roots:?}");
    let (code, took) = demo.stop();
    assert_eq!(code, 0, "{}", demo.logs());
    assert!(took.as_secs() < 10, "{took:?}");

    let ended = Run::new(&Image::plain(&docker)).options("--init").env("PUID", "1234").script("exit 3").ended();
    ended.expect_code(3);
}

#[test]
fn in_a_shared_pid_namespace_it_leaves_the_neighbours_alone() {
    let Some(docker) = Docker::available() else { return };
    let plain = Image::plain(&docker);
    let neighbour = Run::new(&plain).env("PUID", "1234").start();
    neighbour.wait_for_log("I am uid 1234");
    let guest = Run::new(&plain).options(&format!("--pid container:{}", neighbour.name())).env("PUID", "1234").start();
    guest.wait_for_log("I am uid 1234");
    let (code, _) = guest.stop();
    assert_eq!(code, 7, "{}", guest.logs());
    assert!(neighbour.runs(), "{}", neighbour.logs());
    neighbour.kill("USR1");
    neighbour.wait_for_log("still here");
}

#[test]
fn a_container_file_can_refuse_to_start_without_root() {
    let Some(docker) = Docker::available() else { return };
    let tree = super::files(&[("stepdown.toml", "without_root = \"refuse\"\n")]);
    let file = tree.path().join("stepdown.toml");
    let run = Run::new(&Image::plain(&docker)).options("--user 1000:1000").file(&file, "/etc/stepdown.toml");
    let ended = run.script("echo it ran").ended();
    assert!([100, 111].contains(&ended.code), "{}: {}", ended.code, ended.output);
    assert!(!ended.output.contains("it ran"), "{}", ended.output);
    ended.expect_words(&["without_root"]);
}

#[test]
fn the_bases_own_cmd_is_forgotten() {
    let Some(docker) = Docker::available() else { return };
    let image = Image::demo(&docker);
    let config = crate::support::docker::must([
        "image",
        "inspect",
        "--format",
        "{{json .Config.Cmd}} {{.Config.StopSignal}}",
        image.tag(),
    ]);
    assert_eq!(config.trim(), "null SIGTERM");
}
