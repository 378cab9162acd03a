//! What the app user can write must not become more than the app user: files that PID 1 reads for a service, variables, trees
//! (SECURITY A1, A5, B2).

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

use crate::support::try_container;
use crate::support::try_container::{TryContainer, possible};
use tempfile::TempDir;

const APP: u32 = 1234;
const ROOT: u32 = 0;

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "1234")
}

/// A volume of that user's.
fn volume(owner: u32) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    chown(place.path(), Some(owner), Some(owner)).unwrap();
    place
}

/// A file, with the directories that it needs.
fn put(volume: &TempDir, name: &str, text: &str, owner: u32, mode: u32) {
    let path = volume.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let below = path.ancestors().take_while(|path| *path != volume.path());
    below.for_each(|path: &Path| chown(path, Some(owner), Some(owner)).unwrap());
}

/// Variables that only root and its group may read.
fn secret() -> TempDir {
    let place = volume(ROOT);
    put(&place, "secret", "SECRET=leaked\n", ROOT, 0o640);
    place
}

const SHOW: &str = "command = [\"/bin/sh\", \"-c\", \"env; id -u\"]\n";

#[test]
fn a_link_to_a_file_of_roots_group_is_read_with_no_group_of_pid_1() {
    if !possible() {
        return;
    }
    let (config, secret) = (volume(APP), secret());
    symlink("/secret/secret", config.path().join("web.env")).unwrap();
    let file = "environment_file = \"/config/web.env\"\nrestart = { limit = 1 }\n";
    let container = || app().volume(config.path(), "/config").volume(secret.path(), "/secret");
    // PID 1 that stays root; and before the drop.
    let stays = container().container_toml("drop = \"root\"\n").service("web.toml", &format!("{SHOW}{file}"));
    let before = format!("{SHOW}type = \"oneshot\"\nenvironment_file = \"/config/web.env\"\nessential = false\n");
    let root =
        "command = [\"/bin/true\"]\ntype = \"oneshot\"\nuser = \"root\"\nafter = [\"web\"]\nrequires = [\"web\"]\n";
    let prepares = container().service("web.toml", &before).service("first.toml", root);
    for container in [stays, prepares] {
        let ended = container.run();
        ended.assert_no_line("leaked");
        ended.assert_line("cannot read environment_file /config/web.env");
    }
    // Another user, whose own variables may be its own, has the groups of nobody but itself.
    let other = volume(1);
    symlink("/secret/secret", other.path().join("web.env")).unwrap();
    let toml = format!("{SHOW}{file}user = \"daemon\"\n");
    let app = app().group_add("0").volume(other.path(), "/config").volume(secret.path(), "/secret");
    let ended = app.container_toml("[app]\ngroups = [0]\n").service("web.toml", &toml).run();
    ended.assert_no_line("leaked");
}

#[test]
fn variables_that_the_app_could_have_written_do_not_reach_a_service_of_root() {
    if !possible() {
        return;
    }
    let config = volume(APP);
    put(&config, "web.env", "LD_PRELOAD=/config/evil.so\n", APP, 0o644);
    let toml = format!(
        "{SHOW}user = \"root\"\nenvironment_file = \"/config/web.env\"\nrestart = {{ limit = 3, delay = \"100ms\" }}\n"
    );
    let container = |toml: &str| app().volume(config.path(), "/config").service("web.toml", toml);
    let ended = container(&toml).run().expect(100);
    ended.assert_line("`web` runs as root, and users other than root could have written its `environment_file` /config/web.env: /config is",
    );
    ended.assert_no_line("LD_PRELOAD");

    // It comes to be while the container runs.
    fs::remove_file(config.path().join("web.env")).unwrap();
    let writes =
        "command = [\"/bin/sh\", \"-c\", \"echo LD_PRELOAD=/config/evil.so > /config/web.env\"]\ntype = \"oneshot\"\n";
    let ended = container(&format!("{toml}requires = [\"app\"]\n")).service("app.toml", writes).run();
    ended.assert_line("users other than root could have written it, and this service has more rights");
    ended.assert_no_line("LD_PRELOAD=/config/evil.so");

    let root = volume(ROOT);
    put(&root, "web.env", "GIVEN=all is well\n", ROOT, 0o600);
    let ended = app().volume(root.path(), "/config").service("web.toml", &toml).run();
    ended.assert_line("GIVEN=all is well");
}

#[test]
fn a_tree_that_the_app_could_have_written_makes_nothing_run_as_root() {
    if !possible() {
        return;
    }
    let once = "command = [\"/bin/sh\", \"-c\", \"echo ran as $(id -u)\"]\ntype = \"oneshot\"\n";
    let root = format!("{once}user = \"root\"\n");
    let tree = |owner: u32, toml: &str, mode: u32| {
        let place = volume(owner);
        put(&place, "tree/evil.toml", toml, ROOT, mode);
        place
    };
    let container = |place: &TempDir| app().env("STEPDOWN_SERVICES", "/config/tree").volume(place.path(), "/config");
    let refused = |place: &TempDir, what: &str| {
        let ended = container(place).run().expect(100);
        ended.assert_line(what);
        ended.assert_no_line("ran as");
    };
    let file = tree(ROOT, &root, 0o644);
    chown(file.path().join("tree/evil.toml"), Some(APP), Some(APP)).unwrap();
    refused(&file, "/config/tree/evil.toml is 1234:1234 0644; `COPY --chown=0:0`");
    refused(&tree(ROOT, &root, 0o666), "/config/tree/evil.toml is 0:0 0666");
    refused(
        &tree(APP, &root, 0o644),
        "/config is 1234:1234 0755; move it to where only root can write, such as /etc/services.d",
    );

    // What it runs out of its own directory counts as well.
    let script = tree(ROOT, "", 0o644);
    fs::remove_file(script.path().join("tree/evil.toml")).unwrap();
    let toml = "command = [\"/config/tree/evil/job\"]\ntype = \"oneshot\"\nuser = \"root\"\n";
    put(&script, "tree/evil/service.toml", toml, ROOT, 0o644);
    put(&script, "tree/evil/job", "#!/bin/sh\necho ran as $(id -u)\n", ROOT, 0o777);
    refused(&script, "/config/tree/evil/job is 0:0 0777");

    // A bind mount of the host user's, without anything of root's; and a tree of root's, as `COPY` under a umask of 002 has it.
    let mine = tree(APP, once, 0o644);
    chown(mine.path().join("tree/evil.toml"), Some(APP), Some(APP)).unwrap();
    container(&mine).run().expect(0).assert_line("ran as 1234");
    container(&tree(ROOT, &root, 0o664)).run().expect(0).assert_line("ran as 0");
}

#[test]
fn a_service_of_root_in_a_developers_own_tree_is_rehearsed_as_from_an_image() {
    if !possible() {
        return;
    }
    let running =
        app().service("web.toml", "command = [\"/usr/local/bin/recorder\", \"--stay\"]\nuser = \"root\"\n").start();
    assert_eq!(running.record()["self"]["uids"][0], 0);
    running.stop().expect(0);
}

/// A volume of the app user's with programs that say who ran them, by these names.
fn programs(names: &[&str]) -> TempDir {
    let place = volume(APP);
    for name in names {
        let text = format!("#!/bin/sh\necho the app\\'s {name} ran as $(/usr/bin/id -u)\n");
        put(&place, &format!("bin/{name}"), &text, APP, 0o755);
    }
    place
}

const PATH: &str = "/data/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

#[test]
fn nothing_that_runs_as_root_is_found_in_a_directory_of_the_apps_in_path() {
    if !possible() {
        return;
    }
    let data = programs(&["id", "mkdir", "true", "sleep", "expr"]);
    let container = || app().env("PATH", PATH).volume(data.path(), "/data");
    let once = "type = \"oneshot\"\nuser = \"root\"\n";
    // Before the drop, and beside a PID 1 that stays root; found by us, and by a shell.
    let prepares = container()
        .service("a.toml", &format!("{once}command = [\"mkdir\", \"/run/a\"]\nstop_command = [\"true\"]\n"))
        .service("b.toml", &format!("{once}script = \"mkdir /run/b; id -u\"\nrequires = [\"a\"]\n"));
    let ended = prepares.run().expect(0);
    ended.assert_no_line("the app's");
    ended.assert_line(
        "`a` and `b` have more rights than the app user: PATH is without /data/bin (users other than root decide",
    );
    ended.assert_line("write `trust = [\"/data\"]` into /etc/stepdown.toml");

    // The probe, the finish script and what reloads of a service that runs as root.
    let web = "command = [\"/bin/sh\", \"-c\", \"sleep 0; exec sleep 1000\"]\nuser = \"root\"\n\
        ready = { command = [\"id\"] }\nfinish = [\"expr\", \"1\"]\nstop = { timeout = \"1s\" }\n";
    let running = container().service("web.toml", web).command(&["/bin/sh", "-c", "exec /usr/bin/sleep 0.2"]).start();
    let ended = running.wait(try_container::LIMIT);
    ended.assert_no_line("the app's");
    ended.assert_line("PATH is without /data/bin");

    // The app user's own services find what it has; and the author may answer for it.
    let ended = container().service("own.toml", "type = \"oneshot\"\ncommand = [\"mkdir\"]\n").run().expect(0);
    ended.assert_line("the app's mkdir ran as 1234");
    ended.assert_no_line("PATH is without");
    let vouched = container().container_toml("trust = [\"/data\"]\n");
    let ended = vouched.service("a.toml", &format!("{once}command = [\"mkdir\"]\n")).run().expect(0);
    ended.assert_line("the app's mkdir ran as 0");
}

#[test]
fn scripts_of_s6_overlay_that_run_as_root_search_no_directory_of_the_apps() {
    if !possible() {
        return;
    }
    let data = programs(&["id"]);
    // By itself, and with the container environment, as by with-contenv.
    let run = "#!/bin/sh\nid\nPATH=$(cat /run/s6/container_environment/PATH); id\necho PATH is $PATH\n";
    let container = || app().env("PATH", PATH).volume(data.path(), "/data");
    let up = "/etc/s6-overlay/s6-rc.d/init/run";
    let oneshot = [("type", "oneshot\n"), ("up", up), ("run", run)];
    let ended = container().s6_service("init", &oneshot).run().expect(0);
    ended.assert_no_line("the app's");
    ended.assert_line("`init` has more rights than the app user: PATH is without /data/bin");
    ended.assert_line("PATH is /command:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

    // What the hook adds finds no more.
    let hook = format!(
        "#!/bin/sh\nid\ncd /etc/s6-overlay/s6-rc.d\nmkdir init\necho oneshot > init/type\necho {up} > init/up\n\
                        cp ../run init\ntouch user/contents.d/init\n"
    );
    let hooked = container().s6("hook", &hook).s6("run", run).s6("s6-rc.d/user/contents.d/.empty", "");
    let ended = hooked.env("S6_STAGE2_HOOK", "/etc/s6-overlay/hook").run().expect(0);
    ended.assert_no_line("the app's");
    ended.assert_line("PATH is /command:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");

    let trusted = container().container_toml("trust = [\"/data\"]\n").s6_service("init", &oneshot).run().expect(0);
    trusted.assert_line("the app's id ran as 0");
}

#[test]
fn variables_that_name_code_reach_nothing_that_has_more_than_the_app_user() {
    if !possible() {
        return;
    }
    let data = volume(APP);
    put(&data, "evil.sh", "echo evil ran as $(id -u)\n", APP, 0o755);
    let names = ["LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "ENV", "GCONV_PATH", "PYTHONPATH", "PERL5LIB", "NODE_OPTIONS"];
    let container = || {
        let container = app().volume(data.path(), "/data").env("LANGUAGE", "kept");
        names.iter().fold(container, |container, name| container.env(name, "/data/evil.sh"))
    };
    let shows = "type = \"oneshot\"\ncommand = [\"/bin/bash\", \"-c\", \"/usr/bin/env\"]\n";
    let ended = container().service("a.toml", &format!("{shows}user = \"root\"\n")).run().expect(0);
    names.iter().for_each(|name| ended.assert_no_line(&format!("{name}=")));
    ended.assert_no_line("evil ran");
    ended.assert_line("LANGUAGE=kept");
    ended.assert_line("`a` has more rights than the app user: what can name code to run is not passed on");
    ended.assert_line("(BASH_ENV, ENV, GCONV_PATH, LD_AUDIT, LD_PRELOAD, NODE_OPTIONS, PERL5LIB, PYTHONPATH)");

    let declared = format!("{shows}user = \"root\"\nenvironment = {{ PERL5LIB = \"/opt/perl\" }}\n");
    container().service("a.toml", &declared).run().expect(0).assert_line("PERL5LIB=/opt/perl");
    // The app user's own services have all of it.
    container().service("a.toml", shows).run().expect(0).assert_line("evil ran as 1234");
}

#[test]
fn a_program_that_the_app_can_write_does_not_run_as_root_wherever_it_lies() {
    if !possible() {
        return;
    }
    let data = programs(&["hook"]);
    let container = |toml: &str| {
        app().volume(data.path(), "/data").service("a.toml", &format!("type = \"oneshot\"\nuser = \"root\"\n{toml}"))
    };
    let refused = |toml: &str, what: &str| {
        let ended = container(toml).run().expect(100);
        ended.assert_line(what);
        ended.assert_no_line("the app's hook ran");
    };
    let what = "could have written its program /data/bin/hook: /data is 1234:1234";
    refused("command = [\"/data/bin/hook\"]\n", what);
    refused("command = [\"bin/hook\"]\ndirectory = \"/data\"\n", "could have written its program /data/bin/hook");
    refused("command = [\"hook\"]\nenvironment = { PATH = \"/data/bin\" }\n", what);
    refused("command = [\"/bin/true\"]\nstop_command = [\"/data/bin/hook\"]\n", "its `stop_command` /data/bin/hook");
    let vouched = container("command = [\"/data/bin/hook\"]\n").container_toml("trust = [\"/data\"]\n");
    vouched.run().expect(0).assert_line("the app's hook ran as 0");

    // The main command, where it is declared for root.
    let main = app().volume(data.path(), "/data").env("PATH", PATH).container_toml("[main]\nuser = \"root\"\n");
    let ended = main.command(&["/data/bin/hook"]).run().expect(100);
    ended.assert_line("`main` runs as root, and users other than root could have written its program /data/bin/hook");
    ended.assert_no_line("the app's hook ran");

    // A program of root's that the app's interprets; and what the boot gives to the app before anything runs.
    let root = volume(ROOT);
    put(&root, "hook", "#!/data/bin/hook\n", ROOT, 0o755);
    let interpreted = container("command = [\"/hooks/hook\"]\n").volume(root.path(), "/hooks");
    interpreted.run().expect(100).assert_line("could have written /data/bin/hook, which /hooks/hook needs");
    let fresh = volume(ROOT);
    put(&fresh, "hook", "#!/bin/sh\necho ran\n", ROOT, 0o755);
    let given = container("command = [\"/fresh/hook\"]\n").volume(fresh.path(), "/fresh");
    let ended = given.container_toml("own = [{ path = \"/fresh\" }]\n").run().expect(100);
    ended.assert_line("could have written its program /fresh/hook: `own` gives /fresh away");
}

/// A program does with its arguments what it wants: said, not refused.
#[test]
fn what_a_root_program_is_given_to_run_is_reported_where_the_app_can_write_it() {
    if !possible() {
        return;
    }
    let data = programs(&["hook"]);
    let container = |toml: &str| {
        app().volume(data.path(), "/data").service("a.toml", &format!("type = \"oneshot\"\nuser = \"root\"\n{toml}"))
    };
    let what = "`a`: runs as root, and users other than root could have written /data/bin/hook, which ";
    for (toml, tells) in [
        ("command = [\"/bin/sh\", \"/data/bin/hook\"]\n", "/bin/sh"),
        ("command = [\"env\", \"X=1\", \"/data/bin/hook\"]\n", "/usr/bin/env"),
        (
            "command = [\"/bin/true\"]\nstop_command = [\"/bin/sh\", \"-e\", \"bin/hook\"]\ndirectory = \"/data\"\n",
            "/bin/sh",
        ),
    ] {
        let ended = container(toml).run().expect(0);
        ended.assert_line(&format!(
            "{what}{tells} is told to run: /data is 1234:1234 0755; everyone who can write /data has its"
        ));
        ended.assert_line("move it to where only root can write, such as /usr/local/bin, or remove `user = \"root\"`");
        let vouched = container(toml).container_toml("trust = [\"/data\"]\n").run().expect(0);
        vouched.assert_no_line("is told to run");
    }
    // It warns of the first, and the second is still refused.
    let both = container("command = [\"/bin/sh\", \"/data/bin/hook\"]\n");
    let second = "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"/data/bin/hook\"]\n";
    both.service("b.toml", second).run().expect(100).assert_line("could have written its program /data/bin/hook");
    // What it reads is no program, and what root alone can write is nobody's.
    container("command = [\"cat\", \"/data/bin/hook\"]\n").run().expect(0).assert_no_line("is told to run");
    container("command = [\"/bin/sh\", \"/etc/profile\"]\n").run().expect(0).assert_no_line("is told to run");
}

#[test]
fn a_program_that_root_may_not_look_at_yet_is_judged_by_the_way_to_it() {
    if !possible() {
        return;
    }
    let data = programs(&["hook"]);
    fs::set_permissions(data.path(), Permissions::from_mode(0o700)).unwrap();
    let toml = "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"/data/bin/hook\"]\n";
    let container = app().cap_drop("DAC_OVERRIDE").cap_drop("DAC_READ_SEARCH").volume(data.path(), "/data");
    let ended = container.service("a.toml", toml).run().expect(100);
    ended.assert_line("could have written its program /data/bin/hook: /data is 1234:1234 0700");
}

#[test]
fn what_the_boot_gives_to_the_app_is_known_by_every_link_that_leads_there() {
    if !possible() {
        return;
    }
    let (data, links) = (volume(ROOT), volume(ROOT));
    put(&data, "tools/hook", "#!/bin/sh\necho ran\n", ROOT, 0o755);
    symlink("/data/tools", links.path().join("tools")).unwrap();
    symlink("/data", links.path().join("data")).unwrap();
    let toml = |word: &str| format!("type = \"oneshot\"\nuser = \"root\"\ncommand = [\"{word}\"]\n");
    let container = |own: &str, word: &str| {
        let container = app().volume(data.path(), "/data").volume(links.path(), "/links");
        container.container_toml(&format!("own = [{{ path = \"{own}\" }}]\n")).service("a.toml", &toml(word))
    };
    let ended = container("/data", "/links/tools/hook").run().expect(100);
    ended.assert_line("could have written its program /links/tools/hook: `own` gives /data away");
    let ended = container("/links/data", "/data/tools/hook").run().expect(100);
    ended.assert_line("could have written its program /data/tools/hook: `own` gives /links/data away");
    let ended = container("/data", "true").env("PATH", "/links/tools:/usr/bin:/bin").run().expect(0);
    ended.assert_line(
        "PATH is without /links/tools (users other than root decide what is found there: `own` gives /data away)",
    );
}

#[test]
fn what_is_relative_to_the_working_directory_is_judged_there() {
    if !possible() {
        return;
    }
    let data = programs(&["mkdir", "echo"]);
    let container = |toml: &str| {
        let toml = format!("type = \"oneshot\"\nuser = \"root\"\n{toml}");
        app().volume(data.path(), "/data").service("a.toml", &toml)
    };
    let searched = container("directory = \"/data/bin\"\nscript = \"mkdir /run/x\"\n");
    let ended = searched.env("PATH", "/proc/self/cwd:/usr/bin:/bin").run().expect(0);
    ended.assert_no_line("the app's");
    ended.assert_line("PATH is without /proc/self/cwd (relative to wherever a program stands)");

    let root = volume(ROOT);
    put(&root, "tool", "#!bin/echo\n", ROOT, 0o755);
    let interpreted = container("directory = \"/data\"\ncommand = [\"/hooks/tool\"]\n").volume(root.path(), "/hooks");
    let ended = interpreted.run().expect(100);
    ended.assert_line("could have written /data/bin/echo, which /hooks/tool needs");
}

#[test]
fn a_main_command_with_more_rights_is_not_brought_by_the_app() {
    if !possible() {
        return;
    }
    let data = programs(&["hook"]);
    let brings = "type = \"oneshot\"\ncommand = [\"/bin/cp\", \"/data/bin/hook\", \"/data/late\"]\n";
    let first = "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"/bin/true\"]\n";
    let container =
        app().volume(data.path(), "/data").container_toml("[main]\nuser = \"root\"\n").command(&["/data/late"]);
    let ended = container.service("a.toml", first).service("b.toml", brings).run().expect(127);
    ended.assert_line("main command: cannot find the program `/data/late`");
    ended.assert_no_line("the app's hook ran");
}

#[test]
fn a_root_directory_that_somebody_unpacked_is_judged_as_the_image_that_it_stands_for() {
    if !possible() {
        return;
    }
    let top = volume(4321);
    for place in ["usr", "etc", "proc", "dev", "run", "tmp"] {
        fs::create_dir(top.path().join(place)).unwrap();
    }
    let copy = |from: &str, to: &str| {
        let to = top.path().join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    };
    copy("/bin/sh", "/bin/sh");
    for program in ["/bin/sh", try_container::program().to_str().unwrap()] {
        let libraries = std::process::Command::new("ldd").arg(program).output().unwrap();
        let text = String::from_utf8_lossy(&libraries.stdout).into_owned();
        text.split_whitespace().filter(|word| word.starts_with('/')).for_each(|library| copy(library, library));
    }
    let all = std::process::Command::new("chown").args(["-R", "4321:4321"]).arg(top.path()).status().unwrap();
    assert!(all.success());
    let toml = "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"/bin/sh\", \"-c\", \"echo ran\"]\n";
    let ended = app().root(top.path()).service("a.toml", toml).run();
    ended.assert_no_line("users other than root");
    ended.assert_line("ran");
}

#[test]
fn an_interpreter_that_env_would_find_in_a_directory_of_the_apps_does_not_run_as_root() {
    if !possible() {
        return;
    }
    let (data, image) = (programs(&["stepdown-tool"]), volume(ROOT));
    put(&image, "hook", "#!/usr/bin/env stepdown-tool\n", ROOT, 0o755);
    put(&image, "plain", "#!/usr/bin/env sh\necho plain as $(id -u)\n", ROOT, 0o755);
    let once = |program: &str| format!("command = [\"/image/{program}\"]\ntype = \"oneshot\"\nuser = \"root\"\n");
    let jail = || app().env("PATH", PATH).volume(data.path(), "/data").volume(image.path(), "/image");
    let ended = jail().service("hook.toml", &once("hook")).run().expect(100);
    ended.assert_line(
        "`hook` runs as root, and env(1) finds no `stepdown-tool` for /image/hook in what is left of PATH",
    );
    ended.assert_no_line("ran as");
    let ended = jail().service("hook.toml", &once("plain")).command(&["/bin/true"]).run().expect(0);
    ended.assert_line("plain as 0");
    // Declared by the service's own file, it is searched, and what is found is judged.
    let declared = format!("{}environment = {{ PATH = \"/data/bin:/usr/bin:/bin\" }}\n", once("hook"));
    let ended = jail().service("hook.toml", &declared).run().expect(100);
    ended.assert_line("could have written /data/bin/stepdown-tool, which /image/hook needs: /data");
    ended.assert_no_line("ran as");
}
