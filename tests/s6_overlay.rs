//! The real binary as PID 1 of an image made for s6-overlay (DESIGN §10): what its scripts find at run time, in every mode;
//! the hook; the exit code.

use serde_json::Value;

use crate::support::try_container;
use crate::support::try_container::{LIMIT, Origin, Running, TryContainer, possible};
use crate::support::wait::wait_until;

fn container() -> TryContainer {
    TryContainer::new().env("STEPDOWN_LOG_FORMAT", "tagged")
}

/// A longrun that writes down what it sees.
const RECORDER: &[(&str, &str)] = &[
    ("type", "longrun\n"),
    ("run", "#!/bin/sh\nexec recorder --stay\n"),
    ("notification-fd", "3\n"),
    ("data/check", "#!/bin/sh\ntrue\n"),
];

fn recorder() -> TryContainer {
    // Without readiness, which the recorder does not announce.
    let files: Vec<_> = RECORDER.iter().filter(|(name, _)| *name != "notification-fd").copied().collect();
    container().env("SECRET", "x y").s6_service("svc-recorder", &files)
}

/// A oneshot that runs this script.
fn script(container: TryContainer, name: &str, text: &str) -> TryContainer {
    let path = format!("/etc/s6-overlay/scripts/{name}");
    container
        .s6(&format!("scripts/{name}"), &format!("#!/bin/sh\n{text}\n"))
        .s6_service(name, &[("type", "oneshot\n"), ("up", &format!("{path}\n"))])
}

fn directory(record: &Value) -> &str {
    record["directory"].as_str().unwrap()
}

fn variables(record: &Value) -> Vec<String> {
    // A shell exports PWD.
    record["environment"].as_object().unwrap().keys().filter(|name| *name != "PWD").cloned().collect()
}

fn stopped(running: Running, code: i32) -> String {
    let ended = running.stop().expect(code);
    ended.text(Origin::Err)
}

#[test]
fn a_longrun_runs_as_root_with_path_alone_in_a_directory_of_its_own_below_run() {
    if !possible() {
        return;
    }
    let running = recorder().start();
    let record = running.record();
    assert_eq!(record["self"]["uids"][0], 0, "{record}");
    assert_eq!(directory(&record), "/run/s6-rc/servicedirs/svc-recorder");
    assert_eq!(variables(&record), ["PATH"]);
    assert_eq!(record["environment"]["PATH"].as_str().unwrap().split(':').next(), Some("/command"));
    stopped(running, 0);
}

#[test]
fn scripts_find_the_layout_of_s6_overlay_and_what_those_before_them_wrote() {
    if !possible() {
        return;
    }
    let first = "cd /run/s6/container_environment && cat SECRET && printf later > WRITTEN && stat -c '%a %U' .";
    let second = "cat /var/run/s6/container_environment/WRITTEN; echo; readlink /run/service/svc-recorder; \
                  cat /run/s6-linux-init-container-results/exitcode; readlink /run/s6/basedir/bin/halt; \
                  cd /run/service/svc-recorder && ./data/check && ls";
    let container = script(script(recorder(), "init-a", first), "init-b", second)
        .s6("s6-rc.d/init-b/dependencies.d/init-a", "")
        .s6("s6-rc.d/svc-recorder/dependencies.d/init-b", "");
    let running = container.start();
    running.record();
    let lines: Vec<_> = running.lines().into_iter().filter(|line| line.origin == Origin::Out).collect();
    let text: String =
        lines.iter().filter(|line| !line.text.contains("RECORD")).map(|line| line.text.clone() + "\n").collect();
    for expected in
        ["x y755 root", "| later", "/run/s6-rc/servicedirs/svc-recorder", "| 0\n", "/usr/bin/stepdown", "| run"]
    {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    stopped(running, 0);
}

#[test]
fn s6_keep_env_gives_services_everything_and_a_native_service_beside_them_has_it_anyway() {
    if !possible() {
        return;
    }
    let running = recorder().env("S6_KEEP_ENV", "1").start();
    let record = running.record();
    assert!(variables(&record).contains(&"SECRET".to_owned()), "{record}");
    stopped(running, 0);
    let native = container().env("SECRET", "x").s6("s6-rc.d/user/type", "bundle\n");
    let running = native.service("web.toml", "command = [\"recorder\", \"--stay\"]\n").start();
    let record = running.record();
    assert!(variables(&record).contains(&"SECRET".to_owned()), "{record}");
    assert_ne!(record["self"]["uids"][0], 0, "a native service is the app user's");
    stopped(running, 0);
}

#[test]
fn the_main_command_has_the_whole_environment() {
    if !possible() {
        return;
    }
    let ended = script(container().env("SECRET", "x"), "init", "true").command(&["recorder", "--exit", "5"]).run();
    let ended = ended.expect(5);
    assert!(variables(&ended.records()[0]).contains(&"SECRET".to_owned()), "{ended:#?}");
}

#[test]
fn without_root_all_of_it_is_the_users_in_a_run_of_its_own() {
    if !possible() {
        return;
    }
    let running = recorder().user("1234:1234").tmpfs("/run:uid=1234,gid=1234,mode=0755").start();
    let record = running.record();
    assert_eq!(
        (record["self"]["uids"][0].clone(), directory(&record)),
        (1234.into(), "/run/s6-rc/servicedirs/svc-recorder")
    );
    stopped(running, 0);
}

#[test]
fn without_root_and_without_run_it_lies_in_the_runtime_directory_and_the_missing_paths_are_named() {
    if !possible() {
        return;
    }
    let running = recorder().user("1234:1234").tmpfs("/run:mode=0755").start();
    let record = running.record();
    assert!(directory(&record).ends_with("/stepdown/s6-rc/servicedirs/svc-recorder"), "{record}");
    assert_eq!(record["self"]["uids"][0], 1234);
    let message = stopped(running, 0);
    assert!(
        message.contains("/run/s6/container_environment") && message.contains("--tmpfs /run:uid=1234"),
        "{message}"
    );
}

#[test]
fn read_only_noexec_no_new_privileges_few_capabilities_and_an_init_above_it_change_nothing() {
    if !possible() {
        return;
    }
    let modes = [
        recorder().read_only().tmpfs("/run:noexec,mode=0755"),
        recorder().no_new_privileges(),
        recorder().cap_drop("ALL").cap_add("SETUID").cap_add("SETGID").cap_add("CHOWN"),
        recorder().init(),
    ];
    for container in modes {
        let running = container.start();
        let record = running.record();
        let seen = (record["self"]["uids"][0].clone(), directory(&record));
        assert_eq!(seen, (0.into(), "/run/s6-rc/servicedirs/svc-recorder"), "{record}");
        stopped(running, 0);
    }
}

#[test]
fn drop_app_runs_it_as_the_app_user_who_owns_what_scripts_write() {
    if !possible() {
        return;
    }
    let write =
        "id -u; echo 3 > /run/s6-linux-init-container-results/exitcode; echo x > /run/s6/container_environment/X";
    let container = script(recorder(), "init-a", write).s6("s6-rc.d/svc-recorder/dependencies.d/init-a", "");
    let running = container.env("PUID", "1234").env("PGID", "1234").container_toml("drop = \"app\"\n").start();
    let record = running.record();
    assert_eq!(record["self"]["uids"][0], 1234);
    assert_eq!(record["starter"]["uids"][0], 1234, "{record}");
    stopped(running, 3);
}

/// Whatever the boot has found out about the account, which a script of the image may have changed since.
#[test]
fn status_shows_whom_a_process_runs_as_by_now() {
    if !possible() {
        return;
    }
    let run = format!("#!/bin/sh\necho web starts; exec {} run-as 1234:1235 sleep 600\n", try_container::INSIDE);
    let container = container().s6_service("svc-web", &[("type", "longrun\n"), ("run", &run)]);
    let running = container.start();
    running.wait_for_line(|line| line.ends_with("| web starts"), LIMIT);
    let status = || {
        let target = running.pid_one().to_string();
        let words = ["--target", &target, "--mount", "--pid", "--", try_container::INSIDE, "status", "--json"];
        let output = std::process::Command::new("nsenter").args(words).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    wait_until("it runs as another user", || {
        status()["services"][0]["user"] == serde_json::json!({ "uid": 1234, "gid": 1235 })
    });
    stopped(running, 0);
}

#[test]
fn a_requested_stop_ends_with_the_code_that_a_finish_script_wrote() {
    if !possible() {
        return;
    }
    let finish = "#!/bin/sh\necho $((128 + $2)) > /run/s6-linux-init-container-results/exitcode\n";
    let running = recorder().s6("s6-rc.d/svc-recorder/finish", finish).start();
    running.record();
    let message = stopped(running, 143);
    assert!(message.contains("code 143, as written into /run/s6-linux-init-container-results/exitcode"), "{message}");
}

#[test]
fn an_exit_code_that_is_none_is_reported_and_does_not_count() {
    if !possible() {
        return;
    }
    let finish = "#!/bin/sh\ncd /run/s6-linux-init-container-results && rm exitcode && mkfifo exitcode\n";
    let running = recorder().s6("s6-rc.d/svc-recorder/finish", finish).start();
    running.record();
    assert!(stopped(running, 0).contains("cannot read the exit code in /run/s6-linux-init-container-results/exitcode"));
}

#[test]
fn s6_cmd_receive_signals_has_the_main_command_end_the_container() {
    if !possible() {
        return;
    }
    let container = script(container(), "init", "true").env("S6_CMD_RECEIVE_SIGNALS", "1");
    let running = container.command(&["recorder", "--until-term", "9"]).start();
    running.record();
    stopped(running, 9);
}

#[test]
fn the_hook_adds_services_before_the_tree_is_final() {
    if !possible() {
        return;
    }
    let hook = "#!/bin/sh\nid -u\ncd /etc/s6-overlay/s6-rc.d\nmkdir svc-mod && echo longrun > svc-mod/type\n\
                printf '#!/bin/sh\\nexec recorder --stay\\n' > svc-mod/run && touch user/contents.d/svc-mod\n\
                printf 1 > /run/s6/container_environment/MODDED\n";
    let container = script(container(), "init", "cat /run/s6/container_environment/MODDED");
    let running = container.s6("hook", hook).env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook with words").start();
    let record = running.record();
    assert_eq!(directory(&record), "/run/s6-rc/servicedirs/svc-mod");
    running.wait_for_line(|line| line.starts_with("init ") && line.ends_with("| 1"), LIMIT);
    running.wait_for_line(|line| line.contains("stage2-hook") && line.ends_with("| 0"), LIMIT);
    stopped(running, 0);
}

#[test]
fn what_is_wrong_after_the_hook_names_the_files_as_what_is_wrong_before_it() {
    if !possible() {
        return;
    }
    let broken = "#!/bin/sh\ncd /etc/services.d && mkdir web && echo '#!/bin/sh' > web/run\n";
    let container = script(container(), "init", "true").s6("hook", broken);
    let container = container.env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook");
    let services = container.services();
    let ended = container.run().expect(100);
    let what =
        "/etc/services.d/web/run: is not executable; s6-overlay would try to execute it again and again; chmod +x";
    ended.assert_line(&format!("{what} {}/web/run", services.display()));
}

#[test]
fn what_planning_finds_after_the_hook_names_the_users_files() {
    if !possible() {
        return;
    }
    // An execute bit alone makes a difference to planning: the script that `up` names lies in the tree.
    let broken = "#!/bin/sh\ncd /etc/s6-overlay/s6-rc.d && echo /etc/s6-overlay/work > init/up\n";
    let container =
        script(container(), "init", "true").s6("hook", broken).s6_with_mode("work", "not a script\n", 0o644);
    let container = container.env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook");
    let tree = container.services().parent().unwrap().to_owned();
    let ended = container.run().expect(100);
    let what = "/etc/s6-overlay/s6-rc.d/init/up: cannot execute `/etc/s6-overlay/work`: it has no execute bit; s6-overlay would \
                go on without it and without what depends on it; chmod +x";
    ended.assert_line(&format!("{what} {}/s6-overlay/work", tree.display()));
}

#[test]
fn a_hook_may_write_every_service_and_an_image_in_which_it_writes_none_is_refused_after_it() {
    if !possible() {
        return;
    }
    let with_hook = |text: &str| {
        let container = container().s6("hook", &format!("#!/bin/sh\necho hooked\n{text}"));
        container.env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook")
    };
    let writes = "cd /etc/s6-overlay && mkdir -p s6-rc.d/svc-mod user-bundles.d/user/contents.d && cd s6-rc.d\n\
                  echo longrun > svc-mod/type && printf '#!/bin/sh\\nexec recorder --stay\\n' > svc-mod/run\n\
                  touch ../user-bundles.d/user/contents.d/svc-mod\n";
    let running = with_hook(writes).start();
    assert_eq!(directory(&running.record()), "/run/s6-rc/servicedirs/svc-mod");
    stopped(running, 0);
    let refused = with_hook("").run().expect(100);
    refused.assert_line("hooked");
    refused.assert_line(
        "/etc/services.d: holds no service, S6_STAGE2_HOOK has written none, and there is no main command; let it write \
         services there or into s6-overlay/s6-rc.d, or give a command: `docker run IMAGE COMMAND`",
    );
    // It cannot be run: there is nothing to wait for.
    let without = container().s6("other", "").env("S6_STAGE2_HOOK", "/etc/s6-overlay/none").run().expect(100);
    without.assert_line("holds no service");
    without.assert_line(
        "S6_STAGE2_HOOK is not run: cannot find the program `/etc/s6-overlay/none`; s6-overlay would go on",
    );
}

#[test]
fn check_in_the_image_looks_at_the_program_of_the_hook() {
    if !possible() {
        return;
    }
    let asks = "check() { S6_STAGE2_HOOK=\"/etc/s6-overlay/$1\" S6_BEHAVIOUR_IF_STAGE2_FAILS=$2 stepdown check; echo \"$1: $?\"; }\n\
                check 'hook now' 2; check none 1; check 'text now' 2";
    let container = script(container(), "init", "true").s6("hook", "#!/bin/sh\n").s6_with_mode("text", "", 0o644);
    let ended = container.command(&["/bin/sh", "-c", asks]).run().expect(0);
    ended.assert_line("hook now: 0");
    ended.assert_line("none: 0");
    ended.assert_line(
        "note: S6_STAGE2_HOOK is not run: cannot find the program `/etc/s6-overlay/none`; s6-overlay would go on without it;",
    );
    ended.assert_line("text now: 100");
    ended.assert_line("1 problem");
    ended.assert_line(
        "S6_STAGE2_HOOK=/etc/s6-overlay/text now: cannot execute `/etc/s6-overlay/text`: it has no execute bit;",
    );
}

#[test]
fn s6_keep_env_hands_secrets_on_to_scripts_and_to_nobody_else() {
    if !possible() {
        return;
    }
    let show =
        "echo password of ${#PASSWORD}; ls /run/s6/basedir/env; tr '\\0' '\\n' < /proc/1/environ | grep -c hunter2";
    let container = script(container(), "init-a", show).s6("password", "hunter2\n");
    let container = container.env("FILE__PASSWORD", "/etc/s6-overlay/password").env("S6_KEEP_ENV", "1");
    let root = "user = \"root\"\ntype = \"oneshot\"\nscript = \"echo native root has ${#PASSWORD}\"\n";
    let ended = container.service("native.toml", root).run().expect(0);
    ended.assert_line("| password of 7");
    ended.assert_line("| FILE__PASSWORD");
    ended.assert_line("| native root has 0");
    assert!(!ended.lines.iter().any(|line| line.text.ends_with("| PASSWORD")), "{ended:#?}");
    ended.assert_no_line("hunter2");
}

#[test]
fn install_links_refuses_a_read_only_root_with_the_path() {
    if !possible() {
        return;
    }
    let ended = TryContainer::new().read_only().command(&["/usr/bin/stepdown", "install-links"]).run().expect(111);
    ended.assert_line("cannot create the link /init: Read-only file system");
}

#[test]
fn a_secret_file_is_a_variable_of_scripts_unless_the_image_reads_it_itself() {
    if !possible() {
        return;
    }
    let show = "cd /run/s6/container_environment; ls | grep PASSWORD; cat PASSWORD 2>/dev/null | wc -c";
    let container = |name: &str| {
        let container = script(container(), name, show).s6("password", "hunter2\n");
        container.env("FILE__PASSWORD", "/etc/s6-overlay/password")
    };
    let ended = container("init-a").run().expect(0);
    ended.assert_line("| PASSWORD");
    ended.assert_line("| 7");
    ended.assert_no_line("hunter2");
    let own = container("init-envfile").run().expect(0);
    own.assert_line("| 0");
    own.assert_line("| FILE__PASSWORD");
    let user = container("init-a").user("1234:1234").tmpfs("/run:uid=1234,gid=1234,mode=0755").run().expect(0);
    user.assert_line("| 7");
}

#[test]
fn a_hook_that_fails_is_a_warning_unless_the_image_stops_then() {
    if !possible() {
        return;
    }
    let failing = |behaviour| {
        recorder()
            .s6("hook", "#!/bin/sh\nexit 7\n")
            .env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook")
            .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", behaviour)
    };
    let running = failing("1").start();
    running.record();
    assert!(stopped(running, 0).contains("S6_STAGE2_HOOK exited with code 7"));
    let ended = failing("2").run().expect(7);
    assert!(ended.records().is_empty(), "{ended:#?}");
}

#[test]
fn a_hook_that_the_user_may_only_read_runs_through_its_interpreter() {
    if !possible() {
        return;
    }
    let container = recorder().s6_with_mode("hook", "#!/bin/sh -e\necho hooked $1\n", 0o744);
    let run = "/run:uid=1234,gid=1234,mode=0755";
    let running = container.env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook now").user("1234:1234").tmpfs(run).start();
    running.wait_for_line(|line| line.ends_with("| hooked now"), LIMIT);
    running.record();
    stopped(running, 0);
}

/// A image in which every script is root's and 0744, as LinuxServer's are, or has no execute bit where s6-rc needs none.
fn closed() -> TryContainer {
    let echo = |text: &str| format!("#!/bin/sh -e\necho {text} $# $1 as $(id -u)\n");
    let finish = "#!/bin/sh\necho finish got $1 $2 $3\n";
    let up = "/etc/s6-overlay/s6-rc.d/init-closed/run now\n";
    let down = "/etc/s6-overlay/s6-rc.d/init-closed/bye\n";
    recorder()
        .s6_service("init-closed", &[("type", "oneshot\n"), ("up", up), ("down", down)])
        .s6_with_mode("s6-rc.d/init-closed/run", &echo("up"), 0o744)
        .s6_with_mode("s6-rc.d/init-closed/bye", &echo("down"), 0o744)
        .s6("s6-rc.d/svc-recorder/dependencies.d/init-closed", "")
        .s6_with_mode("s6-rc.d/svc-recorder/run", "#!/bin/sh\nexec recorder --stay\n", 0o644)
        .s6_with_mode("s6-rc.d/svc-recorder/finish", finish, 0o644)
        .image_file_with_mode("cont-init.d/01-closed", &echo("cont-init"), 0o744)
        .image_file_with_mode("services.d/old/run", "#!/bin/sh\necho old as $(id -u)\nexec sleep 1000\n", 0o744)
}

#[test]
fn scripts_that_the_user_may_only_read_run_through_their_interpreters() {
    if !possible() {
        return;
    }
    let run = "/run:uid=1234,gid=1234,mode=0755";
    let as_user = closed().user("1234:1234").tmpfs(run);
    let dropped = closed().env("PUID", "1234").env("PGID", "1234").container_toml("drop = \"app\"\n");
    for container in [as_user, dropped] {
        let running = container.start();
        running.record();
        running.wait_for_line(|line| line.ends_with("| old as 1234"), LIMIT);
        let ended = running.stop().expect(0);
        ended.assert_line("| up 1 now as 1234");
        ended.assert_line("| cont-init 0 as 1234");
        ended.assert_line("| finish got 256 15 svc-recorder");
        ended.assert_line("| down 0 as 1234");
    }
}

#[test]
fn a_script_without_any_execute_bit_that_an_up_file_names_is_run_and_reported() {
    if !possible() {
        return;
    }
    let path = "s6-rc.d/init/run";
    let up = format!("/etc/s6-overlay/{path}\n");
    let container = container().s6_service("init", &[("type", "oneshot\n"), ("up", &up)]);
    let ended = container.s6_with_mode(path, "#!/bin/sh\necho as $(id -u)\n", 0o644).run().expect(0);
    ended.assert_line("| as 0");
    ended.assert_line(
        "has no execute bit and is run by its interpreter; s6-overlay would fail to execute it: `RUN chmod",
    );
    // What cannot be read cannot be run by its interpreter either.
    let closed = recorder().s6_service("init", &[("type", "oneshot\n"), ("up", &up)]);
    let closed = closed.s6_with_mode(path, "#!/bin/sh\n", 0o700).user("1234:1234").run().expect(100);
    closed.assert_line("this user cannot execute it");
}

#[test]
fn a_logger_of_services_d_runs_in_the_directory_log_of_its_service() {
    if !possible() {
        return;
    }
    let status = "#!/bin/sh\nln -s /usr/bin/stepdown /tmp/s6-svstat\ncd /run/service/old/log && ls\n\
                  /tmp/s6-svstat -o up,ready .; /tmp/s6-svstat -o up /run/service/old\nexec sleep 1000\n";
    let container = container()
        .image_file("cont-init.d/01", "#!/bin/sh\n")
        .script("old/run", "#!/bin/sh\necho said\nexec sleep 1000\n")
        .script("old/log/run", "#!/bin/sh\necho in $(pwd)\nread line; echo got $line\nexec sleep 1000\n")
        .script("status/run", status);
    let running = container.start();
    running.wait_for_line(|line| line.ends_with("| in /run/s6/legacy-services/old/log"), LIMIT);
    running.wait_for_line(|line| line.starts_with("old-log") && line.ends_with("| got said"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| run"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| true false"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| true"), LIMIT);
    stopped(running, 0);
}

#[test]
fn s6_setuidgid_goes_on_as_the_user_that_the_whole_container_runs_as() {
    if !possible() {
        return;
    }
    let run = "#!/bin/sh\nln -s /usr/bin/stepdown /tmp/s6-setuidgid\nexec /tmp/s6-setuidgid nobody recorder --stay\n";
    let service = || container().s6_service("svc-recorder", &[("type", "longrun\n"), ("run", run)]);
    let running = service().user("1234:1234").start();
    assert_eq!(running.record()["self"]["uids"][0], 1234);
    running.wait_for_line(|line| line.contains("s6-setuidgid: info: this container runs as uid 1234,"), LIMIT);
    stopped(running, 0);
    let running = service().start();
    assert_eq!(running.record()["self"]["uids"][0], 65534);
    stopped(running, 0);
}

#[test]
fn a_finish_script_that_halts_ends_the_container_with_its_code() {
    if !possible() {
        return;
    }
    // As Home Assistant's and frigate's finish scripts: only the first failure counts.
    let finish = "#!/bin/sh\ncode=/run/s6-linux-init-container-results/exitcode\n\
                  [ \"$(cat $code)\" = 0 ] && [ $1 -ne 0 ] && echo $1 > $code\nexec /run/s6/basedir/bin/halt\n";
    let failing = [("type", "longrun\n"), ("run", "#!/bin/sh\nexit 42\n"), ("finish", finish)];
    let ended = recorder().s6_service("svc-failing", &failing).run().expect(42);
    assert!(ended.text(Origin::Err).contains("code 42, as written into"), "{ended:#?}");
    let run = "/run:uid=1234,gid=1234,mode=0755";
    recorder().s6_service("svc-failing", &failing).user("1234:1234").tmpfs(run).run().expect(42);
}

#[test]
fn s6_cmd_arg0_is_put_before_the_main_command() {
    if !possible() {
        return;
    }
    let container =
        script(container(), "init", "true").env("S6_CMD_ARG0", "/bin/echo before").env("S6_SYNC_DISKS", "1");
    let ended = container.command(&["the command"]).run().expect(0);
    assert!(ended.text(Origin::Out).contains("before the command"), "{ended:#?}");
}

#[test]
fn scripts_control_services_by_s6_svc_and_its_like() {
    if !possible() {
        return;
    }
    let commands = "s6-svc s6-svok s6-svstat s6-svwait s6-rc s6-svscanctl";
    let run = format!(
        "#!/bin/bash\nmkdir /run/bin\nfor name in {commands}; do ln -s /usr/bin/stepdown /run/bin/$name; done\n\
         PATH=/run/bin:$PATH\nrecorder=/run/service/svc-recorder\n\
         s6-svwait -U -t 20000 $recorder; echo waited $?\n\
         s6-svok $recorder; echo known $?; s6-svok /run/service/none; echo unknown $?\n\
         echo fields $(s6-svstat -o up,wantedup,ready,exitcode /var/run/service/svc-recorder)\n\
         s6-svstat $recorder\ncd $recorder\nbefore=$(s6-svstat -p .)\n\
         s6-svc -wr -T 20000 -t .; echo restarted $? $([ $before = $(s6-svstat -p .) ] && echo same)\n\
         s6-svc -wD -T 20000 -d .; echo stopped $?; s6-svstat .\n\
         s6-rc -da list | grep recorder; s6-rc -t 20000 -u change svc-recorder; echo changed $?\n\
         s6-rc -a list | tr '\\n' ' '; echo; s6-rc list none; echo list $?; s6-svc -t /run/service/none; echo svc $?\n\
         s6-svwait -d -t 10 .; echo late $?\n\
         echo 4 > /run/s6-linux-init-container-results/exitcode; s6-svscanctl -t /run/service; exec sleep 600\n"
    );
    let ended = recorder().s6_service("svc-ctl", &[("type", "longrun\n"), ("run", &run)]).run().expect(4);
    let lines: Vec<_> = ended.lines.iter().filter_map(|line| Some(line.text.split_once("| ")?.1.to_owned())).collect();
    let has = |line: &str| lines.iter().any(|found| found == line);
    for line in [
        "waited 0",
        "known 0",
        "unknown 1",
        "fields true true false -1",
        "restarted 0",
        "stopped 0",
        "svc-recorder",
        "changed 0",
        "svc-ctl svc-recorder ",
        "s6-rc: fatal: none is not a recognized identifier",
        "list 3",
        "s6-svc: fatal: unable to control /run/service/none: supervisor not listening",
        "svc 102",
        "s6-svwait: fatal: timed out",
        "late 99",
    ] {
        assert!(has(line), "{line}: {ended:#?}");
    }
    assert!(lines.iter().any(|line| line.starts_with("up (pid ") && line.contains(" seconds")), "{ended:#?}");
    let down =
        |line: &String| line.starts_with("down (signal SIGTERM) ") && line.contains(" seconds, normally up, ready ");
    assert!(lines.iter().any(down), "{ended:#?}");
}
