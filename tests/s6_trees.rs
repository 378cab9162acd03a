//! The real binary as PID 1 of whole trees in the styles of images made for s6-overlay: what is started, in which order, as
//! whom, and what the stop runs.

use std::os::unix::fs::PermissionsExt;

use crate::support::try_container::{LIMIT, Origin, Running, TryContainer, possible};
use crate::support::wait::wait_until;

fn container() -> TryContainer {
    TryContainer::new().env("STEPDOWN_LOG_FORMAT", "tagged")
}

/// A oneshot with a script of its own beside `up`, as LinuxServer's images have them; without one nothing is run.
fn init(container: TryContainer, name: &str, script: Option<&str>, after: &[&str]) -> TryContainer {
    let run = script.map(|script| format!("#!/bin/sh\n{script}\n"));
    let up = match script {
        Some(_) => format!("/etc/s6-overlay/s6-rc.d/{name}/run\n"),
        None => "# This file doesn't do anything\n".to_owned(),
    };
    let mut files = vec![("type", "oneshot\n"), ("up", up.as_str())];
    files.extend(run.as_deref().map(|run| ("run", run)));
    let container = container.s6_service(name, &files);
    after.iter().fold(container, |container, on| container.s6(&format!("s6-rc.d/{name}/dependencies.d/{on}"), ""))
}

/// A base of a dozen oneshots, half of which run nothing, and a service.
fn linuxserver() -> TryContainer {
    let chain: [(&str, Option<&str>, &[&str]); 12] = [
        ("init-migrations", Some("echo migrations"), &["base"]),
        ("init-adduser", Some("echo adduser $RC_NAME"), &["init-migrations"]),
        ("init-envfile", Some("echo envfile"), &["base"]),
        ("init-os-end", None, &["init-adduser", "init-envfile"]),
        ("init-config", None, &["init-os-end"]),
        ("init-crontab-config", Some("echo crontab"), &["init-config"]),
        ("init-app-config", Some("echo config as $(id -u)"), &["init-config"]),
        ("init-config-end", None, &["init-crontab-config", "init-app-config"]),
        ("init-mods", None, &["init-config-end"]),
        ("init-mods-end", None, &["init-mods"]),
        ("init-custom-files", Some("echo custom"), &["init-mods-end"]),
        ("init-services", None, &["init-custom-files"]),
    ];
    let add = |container, (name, script, after): &(&str, Option<&str>, &[&str])| init(container, name, *script, after);
    let run = "#!/bin/sh\ntrap 'exit 0' TERM; echo app as $(id -u) with $1; while :; do sleep 1; done\n";
    chain
        .iter()
        .fold(container(), add)
        .s6_service("svc-app", &[("type", "longrun\n"), ("finish", "#!/bin/sh\necho finished $1 $2 $3\n")])
        .s6_with_mode("s6-rc.d/svc-app/run", run, 0o644)
        .s6("s6-rc.d/svc-app/dependencies.d/init-services", "")
}

/// What the services of a container have said, each with its tag.
fn outputs(running: &Running) -> Vec<String> {
    let lines = running.lines().into_iter().filter(|line| line.origin == Origin::Out);
    lines.map(|line| line.text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn a_base_image_of_linuxservers_runs_its_chain_in_order_and_then_its_service() {
    if !possible() {
        return;
    }
    let running = linuxserver().start();
    running.wait_for_line(|line| line.contains("app as 0 with svc-app"), LIMIT);
    let output = outputs(&running);
    let place =
        |text: &str| output.iter().position(|line| line == text).unwrap_or_else(|| panic!("{text}: {output:?}"));
    let order = [
        "init-migrations | migrations",
        "init-adduser | adduser init-adduser",
        "init-app-config | config as 0",
        "init-custom-files | custom",
        "svc-app | app as 0 with svc-app",
    ];
    assert!(order.map(place).is_sorted(), "{output:?}");
    assert!(place("init-envfile | envfile") < place("init-crontab-config | crontab"), "{output:?}");
    let ended = running.stop().expect(0);
    assert!(ended.text(Origin::Out).contains("finished 0 0 svc-app"), "{ended:#?}");
}

#[test]
fn the_same_tree_runs_as_the_user_of_the_container() {
    if !possible() {
        return;
    }
    let running = linuxserver().user("1234:1234").tmpfs("/run:uid=1234,gid=1234,mode=0755").start();
    running.wait_for_line(|line| line.contains("app as 1234 with svc-app"), LIMIT);
    assert!(outputs(&running).contains(&"init-app-config | config as 1234".to_owned()));
    running.stop().expect(0);
}

#[test]
fn legacy_scripts_and_services_have_their_order_at_the_start_and_at_the_stop() {
    if !possible() {
        return;
    }
    let script = |text: &str| format!("#!/bin/sh\n{text}\n");
    let run = "#!/bin/sh\ntrap 'echo ends; exit 0' TERM; echo runs; while :; do sleep 1; done\n";
    let container = container()
        .image_file("cont-init.d/02-second", &script("echo second"))
        .image_file("cont-init.d/01-first", &script("echo first; exit 3"))
        .image_file("cont-finish.d/1-bye", &script("echo bye"))
        .image_file("cont-finish.d/2-last", &script("echo last"))
        .script("old/run", run);
    let running = container.start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    let output = outputs(&running);
    let message: Vec<_> = output.iter().filter_map(|line| line.split_once(" | ")).map(|(_, text)| text).collect();
    assert_eq!(message, ["first", "second", "runs"]);
    let ended = running.stop().expect(0);
    let text = ended.text(Origin::Out);
    let place = |word: &str| text.find(&format!("| {word}\n")).unwrap_or_else(|| panic!("{word}: {text}"));
    assert!(place("ends") < place("bye") && place("bye") < place("last"), "{text}");
}

/// Scripts of `cont-init.d` write services, as rtorrent-rutorrent's do, or turn them off: s6-overlay copies `services.d` after
/// them.
fn with_services_of_a_script(container: TryContainer) -> TryContainer {
    let script = "#!/bin/sh\n\
                  mkdir -p /etc/services.d/late\n\
                  printf '#!/bin/sh\\ntrap \"exit 0\" TERM\\nkill -0 $(cat /tmp/daemon) && echo daemon lives\\n\
                  echo late as $(id -u); while :; do sleep 1; done\\n' > /etc/services.d/late/run\n\
                  chmod 755 /etc/services.d/late/run\n\
                  [ ! -d /etc/services.d/off ] || : > /etc/services.d/off/down\n\
                  mkdir -p /etc/services.d/late/data; echo made > /etc/services.d/late/data/file\n\
                  [ ! -d /etc/services.d/old ] || cp -r /etc/services.d/late/data /etc/services.d/old/data\n\
                  (while :; do echo tick; sleep 0.1; done) & echo $! > /tmp/daemon\n";
    container.image_file("cont-init.d/01-services", script)
}

#[test]
fn services_that_a_script_of_cont_init_writes_are_started_and_those_it_turns_off_are_not() {
    if !possible() {
        return;
    }
    let run = |name: &str| {
        format!("#!/bin/sh\ntrap 'exit 0' TERM\necho {name} runs, $(cat data/file); while :; do sleep 1; done\n")
    };
    let container =
        with_services_of_a_script(container()).script("old/run", &run("old")).script("off/run", &run("off"));
    let running = container.start();
    running.wait_for_line(|line| line.ends_with("| late as 0"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| old runs, made"), LIMIT);
    let before = running.lines().len();
    wait_until("a line of the daemon", || {
        running.lines().iter().skip(before).any(|line| line.text.ends_with("| tick"))
    });
    let ended = running.stop().expect(0);
    ended.assert_line("| daemon lives");
    ended.assert_no_line("off runs");
}

#[test]
fn an_image_whose_services_are_all_written_by_its_scripts_keeps_root_for_them() {
    if !possible() {
        return;
    }
    let running = with_services_of_a_script(container()).start();
    running.wait_for_line(|line| line.ends_with("| late as 0"), LIMIT);
    running.stop().expect(0).assert_line("| daemon lives");
}

#[test]
fn a_finish_that_is_a_link_to_a_program_of_the_image_is_executed() {
    if !possible() {
        return;
    }
    let running = container()
        .image_file("cont-init.d/01-link", "#!/bin/sh\nln -s /bin/echo /etc/services.d/old/finish\n")
        .script("old/run", "#!/bin/sh\ntrap 'exit 0' TERM; echo runs; while :; do sleep 1; done\n")
        .start();
    running.wait_for_line(|line| line.ends_with("| runs"), LIMIT);
    running.stop().expect(0).assert_line("| 0 0 old");
}

/// With a longrun beside the scripts, and where PID 1 is no root, the scripts have no stage of their own: their services are
/// read while the others run on.
fn with_a_longrun_beside(container: TryContainer) -> TryContainer {
    let run = "#!/bin/sh\ntrap 'exit 0' TERM\necho beside runs as $(id -u); while :; do sleep 0.1; done\n";
    let old = "#!/bin/sh\ntrap 'exit 0' TERM\necho old runs, $(cat data/file); while :; do sleep 1; done\n";
    let off = "#!/bin/sh\necho off runs; exec sleep 1000\n";
    let after = "#!/bin/sh\n[ -e /run/service/late/run ] && echo after late; while :; do sleep 1; done\n";
    with_services_of_a_script(container)
        .s6_service("svc-beside", &[("type", "longrun\n"), ("run", run)])
        .s6("s6-rc.d/svc-last/type", "longrun\n")
        .s6("s6-rc.d/svc-last/run", after)
        .s6("s6-rc.d/svc-last/dependencies.d/legacy-services", "")
        .s6("s6-rc.d/user2/type", "bundle\n")
        .s6("s6-rc.d/user2/contents.d/svc-last", "")
        .script("old/run", old)
        .script("off/run", off)
}

/// Lets scripts of any user write services.
fn writable_by_all(container: TryContainer) -> TryContainer {
    let services = container.services();
    let below = std::fs::read_dir(&services).unwrap().map(|entry| entry.unwrap().path());
    for directory in below.chain([services.clone()]) {
        std::fs::set_permissions(directory, PermissionsExt::from_mode(0o777)).unwrap();
    }
    container.volume(&services, "/etc/services.d")
}

#[track_caller]
fn reads_services_of_scripts(container: TryContainer, uid: u32) {
    let running = container.start();
    running.wait_for_line(|line| line.ends_with(&format!("| late as {uid}")), LIMIT);
    running.wait_for_line(|line| line.ends_with("| old runs, made"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| after late"), LIMIT);
    let ended = running.stop().expect(0);
    ended.assert_line("| daemon lives");
    ended.assert_no_line("off runs");
    ended.assert_line("after the scripts of cont-init.d: new: late");
    let text = ended.text(Origin::Out);
    assert_eq!(text.matches(&format!("beside runs as {uid}")).count(), 1, "{text}");
}

#[test]
fn services_of_scripts_are_read_while_a_longrun_runs_beside_the_scripts() {
    if !possible() {
        return;
    }
    reads_services_of_scripts(with_a_longrun_beside(container()), 0);
}

#[test]
fn services_of_scripts_are_read_without_root() {
    if !possible() {
        return;
    }
    let container = writable_by_all(with_a_longrun_beside(container()));
    reads_services_of_scripts(container.user("1234:1234").tmpfs("/run:uid=1234,gid=1234,mode=0755"), 1234);
}

#[test]
fn services_of_scripts_are_read_where_pid_1_has_stepped_down_for_good() {
    if !possible() {
        return;
    }
    // Not one in s6's format, which is without no_new_privs: of those only root may be the author.
    let script =
        "#!/bin/sh\nprintf 'script = \"echo late as $(id -u); exec sleep 600\"\\n' > /etc/services.d/late.toml\n";
    let container = container()
        .image_file("cont-init.d/01-late", script)
        .s6_service("svc-beside", &[("type", "longrun\n"), ("run", "#!/bin/sh\nexec sleep 1000\n")]);
    let container = writable_by_all(container).env("PUID", "1234").env("PGID", "1234");
    let running = container.container_toml("drop = \"app\"\n").start();
    running.wait_for_line(|line| line.ends_with("| late as 1234"), LIMIT);
    running.stop().expect(0);
}

#[test]
fn scripts_that_write_all_services_of_a_container_keep_it_alive_without_root() {
    if !possible() {
        return;
    }
    let container = writable_by_all(with_services_of_a_script(container()));
    let running = container.user("1234:1234").tmpfs("/run:uid=1234,gid=1234,mode=0755").start();
    running.wait_for_line(|line| line.ends_with("| late as 1234"), LIMIT);
    running.stop().expect(0);
}

/// Scripts that remove and turn off themselves, write a script, and give away a file that nobody executes.
fn with_scripts_that_change_scripts(container: TryContainer) -> TryContainer {
    let new = "printf '#!/bin/sh\\necho new ran\\n' > /etc/cont-init.d/30-new; chmod 755 /etc/cont-init.d/30-new";
    let run = "#!/bin/sh\ntrap 'exit 0' TERM\necho old ran; while :; do sleep 0.1; done\n";
    let first = format!("#!/bin/sh\necho first ran; rm \"$0\"; {new}\nchown 1234 /etc/cont-init.d/README\n");
    with_services_of_a_script(container)
        .image_file_with_mode("cont-init.d/README", "Scripts.\n", 0o644)
        .image_file("cont-init.d/02-first", &first)
        .image_file("cont-init.d/03-second", "#!/bin/sh\necho second ran; chmod -x \"$0\"\n")
        .image_file("cont-init.d/04-third", "#!/bin/sh\necho third ran\n")
        .s6("s6-rc.d/init-own/type", "oneshot\n")
        .s6("s6-rc.d/init-own/up", "echo own ran\n")
        .s6("s6-rc.d/init-own/dependencies.d/base", "")
        .s6("s6-rc.d/user/contents.d/init-own", "")
        .script("old/run", run)
}

/// s6-overlay lists the scripts before it runs the first one.
#[track_caller]
fn runs_each_script_once(container: TryContainer) {
    let running = container.start();
    running.wait_for_line(|line| line.ends_with("| late as 0"), LIMIT);
    running.wait_for_line(|line| line.ends_with("| old ran"), LIMIT);
    let ended = running.stop().expect(0);
    ended.assert_no_line("| new ran");
    ended.assert_no_line("reload refused");
    let text = ended.text(Origin::Out);
    for name in ["first", "second", "third", "own", "old"] {
        assert_eq!(text.matches(&format!("| {name} ran\n")).count(), 1, "{name}: {text}");
    }
}

#[test]
fn scripts_that_remove_turn_off_or_write_scripts_change_nothing_in_the_scripts_of_this_start() {
    if !possible() {
        return;
    }
    runs_each_script_once(with_scripts_that_change_scripts(container()));
}

#[test]
fn neither_do_they_where_a_longrun_runs_beside_them() {
    if !possible() {
        return;
    }
    let beside = [("type", "longrun\n"), ("run", "#!/bin/sh\nexec sleep 1000\n")];
    runs_each_script_once(with_scripts_that_change_scripts(container().s6_service("svc-beside", &beside)));
}

#[test]
fn a_file_of_ours_that_scripts_have_broken_is_named_and_the_services_start_as_they_were() {
    if !possible() {
        return;
    }
    let script = "#!/bin/sh\necho 'command = 3' > /etc/services.d/broken.toml\n";
    let run = "#!/bin/sh\ntrap 'exit 0' TERM\necho old runs; while :; do sleep 1; done\n";
    let running = container()
        .image_file("cont-init.d/01-broken", script)
        .s6_service("svc-beside", &[("type", "longrun\n"), ("run", "#!/bin/sh\nexec sleep 1000\n")])
        .script("old/run", run)
        .start();
    running.wait_for_line(|line| line.ends_with("| old runs"), LIMIT);
    let ended = running.stop().expect(0);
    ended.assert_line("after the scripts of cont-init.d: reload refused, nothing is changed: 1 problem:");
    ended.assert_line("/etc/services.d/broken.toml:1");
}

/// Else a process of root would live beside a PID 1 that has stepped down and may not signal it.
#[test]
fn what_a_script_of_cont_init_leaves_is_ended_where_no_service_of_root_is_left() {
    if !possible() {
        return;
    }
    let script = "#!/bin/sh\nrm -r /etc/services.d/off\nsleep 1000 > /dev/null 2>&1 &\n";
    let running = container()
        .image_file("cont-init.d/01-off", script)
        .script("off/run", "#!/bin/sh\nexec sleep 1000\n")
        .command(&["/bin/sh", "-c", "echo $(cat /proc/[0-9]*/comm | grep -c sleep) sleep; exec sleep 2000"])
        .start();
    running.wait_for_line(|line| line.ends_with("| 0 sleep"), LIMIT);
    running.stop().expect(0).assert_line("the oneshots before the step down left");
}

#[test]
fn the_limit_of_the_start_counts_for_scripts_of_cont_init_too() {
    if !possible() {
        return;
    }
    let ended = container()
        .image_file("cont-init.d/01-hangs", "#!/bin/sh\nexec sleep 1000\n")
        .script("web/run", "#!/bin/sh\nexec sleep 1000\n")
        .env("S6_BEHAVIOUR_IF_STAGE2_FAILS", "2")
        .env("S6_CMD_WAIT_FOR_SERVICES_MAXTIME", "300")
        .run();
    ended.expect(2).assert_no_line("web: up");
}
