//! `check`: exact texts for good and bad trees.

use super::*;

const WEB: &str = "command = [\"web\"]\n";

fn good(directory: &WorkDirectory, text: &str) {
    assert_eq!(directory.run(&["check"]), CommandOutput { code: 0, out: text.into(), err: String::new() });
}

fn bad(directory: &WorkDirectory, text: &str) {
    assert_eq!(directory.run(&["check"]), CommandOutput { code: 100, out: text.into(), err: String::new() });
}

#[test]
fn a_good_tree_says_what_privilege_is_kept() {
    good(
        &WorkDirectory::new()
            .with_file("services.d/web.toml", WEB)
            .with_file("services.d/db.toml", "command = [\"db\"]\n"),
        "services.d: 2 services, no problems\n\
         privilege: started as root with Docker's default capabilities, PID 1 becomes app and keeps nothing\n\
         note: the image's programs, accounts and paths were not checked; `RUN stepdown check` in the \
         Dockerfile checks them\n",
    );
    good(
        &WorkDirectory::new()
            .with_file("stepdown.toml", "[app]\nuser = \"www-data\"\n")
            .with_file("services.d/web.toml", &format!("{WEB}capabilities = [\"NET_BIND_SERVICE\"]\n")),
        "services.d: 1 service, no problems\n\
         privilege: started as root with Docker's default capabilities, PID 1 becomes www-data and keeps NET_BIND_SERVICE\n\
         \x20 because `web` is given NET_BIND_SERVICE\n\
         note: the image's programs, accounts and paths were not checked; `RUN stepdown check` in the \
         Dockerfile checks them\n",
    );
}

#[test]
fn what_is_as_good_as_root_is_called_so() {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", &format!("{WEB}user = \"www-data\"\n"));
    let output = directory.run(&["check"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.contains("PID 1 becomes app and keeps KILL SETGID SETUID\n"), "{}", output.out);
    assert!(output.out.contains("  because `web` runs as www-data"), "{}", output.out);
    assert!(output.out.contains("as good as root"), "{}", output.out);
    assert!(output.out.contains("runs as www-data: "), "no number is known: {}", output.out);

    let directory = WorkDirectory::new().with_file("services.d/web.toml", &format!("{WEB}user = \"root\"\n"));
    let output = directory.run(&["check"]);
    assert!(output.out.contains("PID 1 stays root"), "{}", output.out);
    assert!(output.out.contains("  because `web` runs as root for good"), "{}", output.out);
}

#[test]
fn a_directory_without_a_services_tree_is_said_once() {
    let directory = WorkDirectory::new()
        .with_file("app/hello", "")
        .with_file("app/Dockerfile", "FROM scratch\n")
        .with_file("app/src/main.c", "");
    for verb in ["check", "plan", "try"] {
        let output = directory.run(&[verb, "app"]);
        let message = "`app`: there is no services tree: no `services.d`, and no entry is a service; give a directory that holds \
                    `services.d`, or a services tree itself";
        assert!(output.code == 100 && output.out.is_empty() && output.err.contains(message), "{verb}: {output:?}");
        assert!(!output.err.contains("is not a service;"), "{output:?}");
    }
    // A tree with a mistake beside a service is a tree.
    let directory = directory.with_file("app/web/run", "#!/bin/sh\n");
    assert!(directory.run(&["check", "app"]).out.contains("\"hello\" is not a service"));
}

#[test]
fn every_problem_comes_at_once_sorted_by_place() {
    let directory = WorkDirectory::new()
        .with_file("stepdown.toml", "stop_timout = \"8s\"\n")
        .with_file("services.d/web.toml", "command = [\"nginx\"]\nrestrat = \"always\"\nafter = [\"dbb\"]\n")
        .with_file("services.d/db.toml", "type = \"longrun\"\n");
    let output = output_of(stepdown(["check"]).current_dir(directory.path()).env("PUID", "abc"));
    assert_eq!((output.code, output.err.as_str()), (100, ""));
    let lines: Vec<_> = output.out.lines().collect();
    let starts =
        ["PUID=abc: ", "services.d/db.toml", "services.d/web.toml:2: ", "services.d/web.toml:3: ", "stepdown.toml:1: "];
    assert_eq!(lines.len(), starts.len() + 1, "{}", output.out);
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line} should start with {start}");
        assert!(line.contains("; "), "{line} says what to write instead");
    }
    assert!(lines[2].contains("restart"), "{}", lines[2]);
    assert_eq!(lines.last(), Some(&"5 problems"));
}

#[test]
fn a_service_that_drop_app_cannot_run_is_a_problem() {
    let directory = WorkDirectory::new()
        .with_file("stepdown.toml", "drop = \"app\"\n")
        .with_file("services.d/web.toml", &format!("{WEB}user = \"root\"\n"));
    let output = directory.run(&["check"]);
    assert_eq!(output.code, 100, "{output:?}");
    assert!(output.out.ends_with("1 problem\n") && output.out.contains("drop = \"app\""), "{}", output.out);
}

#[test]
fn programs_and_accounts_of_a_tree_for_another_machine_are_not_looked_up() {
    let directory = WorkDirectory::new()
        .with_file("stepdown.toml", "[[own]]\npath = \"/none/here\"\nuser = \"nobody-here\"\n")
        .with_file(
            "services.d/web.toml",
            "command = [\"/none/here/either\"]\nuser = \"nobody-here\"\ngroups = [\"none-here\"]\n",
        );
    let output = directory.run(&["check"]);
    assert_eq!(output.code, 0, "{output:?}");
}

#[test]
fn what_cannot_block_is_named() {
    let directory = WorkDirectory::new();
    nix::unistd::mkfifo(&directory.path().join("services.d/web.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", directory.path().join("services.d/db.toml")).unwrap();
    let output = directory.run(&["check"]);
    assert_eq!(output.code, 100);
    assert!(output.out.contains("services.d/web.toml: ") && output.out.contains("FIFO"), "{}", output.out);
    assert!(output.out.contains("link that leads out of its tree"), "{}", output.out);
}

#[test]
fn an_empty_tree_is_a_problem_unless_there_is_a_main_command() {
    let directory = WorkDirectory::new();
    bad(
        &directory,
        "services.d: holds no service, and there is no main command; put NAME.toml there with `command = [\"…\"]`, or give \
         a command: `docker run IMAGE COMMAND`, `stepdown check -- COMMAND`, `stepdown doctor -- COMMAND`\n1 problem\n",
    );
    let output = directory.run(&["check", "--", "nginx", "-g", "daemon off;"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.out.starts_with("services.d: 0 services and a main command, no problems\n"), "{}", output.out);
}

#[test]
fn a_path_may_be_the_directory_around_or_the_tree_and_must_be_there() {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", WEB).with_file("file", "");
    for path in [".", "services.d", "./services.d/"] {
        assert_eq!(directory.run(&["check", path]).code, 0, "{path}");
    }
    let fix = "give a directory that holds `services.d`, or a services tree itself";
    let output = directory.run(&["check", "none"]);
    assert_eq!((output.code, output.err), (100, format!("stepdown: `none`: there is no such directory; {fix}\n")));
    let output = directory.run(&["check", "file"]);
    assert_eq!((output.code, output.err), (100, format!("stepdown: `file`: it is not a directory; {fix}\n")));
}

#[test]
fn a_log_that_goes_to_pid_ones_descriptor_is_remarked() {
    let directory = WorkDirectory::new();
    directory.put("services.d/web/run", "#!/bin/sh\nexec web >/proc/1/fd/1\n", 0o755);
    let output = directory.run(&["check"]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(
        output.out.contains(
            "note: services.d/web/run:2: `/proc/1/fd/1` cannot be opened, because PID 1 is protected; write to /dev/stdout instead; in a cron job, "
        ),
        "{}",
        output.out
    );
}

/// An image's `COPY` makes it root's.
#[test]
fn owners_in_a_tree_for_another_machine_are_not_a_problem() {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", "command = [\"sh\"]\nuser = \"root\"\n");
    let file = directory.put("services.d/job.toml", "command = [\"sh\"]\ntype = \"oneshot\"\nuser = \"root\"\n", 0o666);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(file, Some(1234), Some(1234)).unwrap();
    }
    for verb in ["check", "plan"] {
        let output = directory.run(&[verb]);
        assert!(output.code == 0 && !output.out.contains("users other than root"), "{verb}: {output:?}");
    }
}

#[test]
fn what_only_root_can_read_makes_reload_impossible_and_is_noted() {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", WEB);
    let file = directory.path().join("services.d/web.toml");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let output = directory.run(&["check"]);
    let note = "note: only root can read services.d/web.toml, and PID 1 will no longer be root: `reload` will not work; `chmod \
        a+rX services.d/web.toml`\n";
    assert!(output.code == 0 && output.out.ends_with(note), "{}", output.out);
}

#[test]
fn a_variables_name_holds_no_blank() {
    let directory =
        WorkDirectory::new().with_file("services.d/web.toml", &format!("{WEB}environment = {{ \"A B\" = \"x\" }}\n"));
    let output = directory.run(&["check"]);
    assert!(
        output.code == 100 && output.out.contains("web.toml:2: `A B` cannot be a variable's name; "),
        "{}",
        output.out
    );
}

#[test]
fn an_image_made_for_s6_overlay_is_read_beside_its_services_tree_or_without_one() {
    let directory = WorkDirectory::new()
        .with_file("s6-overlay/s6-rc.d/web/type", "longrun\n")
        .with_file("s6-overlay/s6-rc.d/web/run", "#!/bin/sh\n")
        .with_file("s6-overlay/s6-rc.d/user/contents.d/web", "");
    let output = directory.run(&["check"]);
    assert!(output.code == 0 && output.out.starts_with("services.d: 1 service, no problems\n"), "{}", output.out);
    assert!(output.out.contains("s6-overlay: honoured: run, type\n"), "{}", output.out);
    let why = "  because this image was made for s6-overlay and runs as root, unless `drop = \"app\"`: web\n";
    assert!(output.out.contains(why), "{}", output.out);
    let directory = directory.with_file("services.d/native.toml", WEB).with_file("stepdown.toml", "s6 = false\n");
    let output = directory.run(&["check"]);
    let message = "note: s6-overlay is not read: `s6 = false` in the container file\n";
    assert!(output.code == 0 && output.out.contains(message), "{}", output.out);
}

#[test]
fn curly_quotes_are_not_suggested_back() {
    let output = WorkDirectory::new().with_file("services.d/web.toml", "command = [“nginx”]\n").run(&["check"]);
    let fix = output.out.split_once("; ").map(|(_, fix)| fix).unwrap_or_default();
    assert!(output.code == 100 && !fix.contains('“') && !fix.contains('”'), "{}", output.out);
}

#[test]
fn the_main_command_for_another_machine_is_not_looked_up_and_a_flag_is_no_program() {
    let directory = WorkDirectory::new();
    let output = directory.run(&["check", "--", "nosuch"]);
    let note = "note: the image's programs (the main command's too), accounts and paths were not checked; `RUN stepdown check` \
        in the Dockerfile checks them\n";
    assert!(output.code == 0 && output.out.contains(note), "{output:?}");
    let flag = "the main command: cannot find the program `--help` in PATH; it is a flag, not a program: what follows the \
        image's name replaces CMD as a whole; write `docker run IMAGE PROGRAM --help`, or for stepdown's own help `docker run \
        --entrypoint stepdown IMAGE --help`";
    bad_with(&directory, &["check", "--", "--help"], &format!("{flag}\n1 problem\n"));
    let output = directory.run(&["plan", "--", "--help"]);
    assert_eq!((output.code, output.err), (100, format!("stepdown: cannot start, 1 problem:\n  {flag}\n")));
}

fn bad_with(directory: &WorkDirectory, arguments: &[&str], text: &str) {
    assert_eq!(directory.run(arguments), CommandOutput { code: 100, out: text.into(), err: String::new() });
}

#[test]
fn the_main_command_of_this_image_is_judged_as_a_services_command_is() {
    let directory = WorkDirectory::new();
    let plain = directory.put("plain", "#!/bin/sh\n", 0o644).display().to_string();
    let lost = directory.put("lost", "#!/none/sh\n", 0o755).display().to_string();
    for (command, what) in [
        ("nosuch", "cannot find the program `nosuch` in PATH; write the path of a program that is in".to_owned()),
        (&plain, format!("cannot execute `{plain}`: it has no execute bit; `RUN chmod +x {plain}`")),
        (&lost, format!("cannot execute `{lost}`: it needs `/none/sh`, which is not in this image; install that")),
    ] {
        // Where no tree lies, `/etc` is meant.
        let output = output_of(stepdown(["check", "--", command]).current_dir("/"));
        assert!(output.code == 100 && output.out.starts_with(&format!("the main command: {what}")), "{output:?}");
        let output = directory.run(&["plan", "--", command]);
        let message = format!("stepdown: cannot start, 1 problem:\n  the main command: {what}");
        assert!(output.code == 100 && output.out.is_empty() && output.err.starts_with(&message), "{output:?}");
        let output = run(&["doctor", "--", command]);
        let (what, fix) = what.split_once("; ").unwrap();
        assert!(output.code == 2 && output.out.contains("FATAL     `main`"), "{output:?}");
        assert!(output.out.contains(what) && output.out.contains(fix), "{output:?}");
    }
}

#[test]
fn a_directory_around_the_one_that_holds_services_d_says_which_to_give() {
    let directory = WorkDirectory::new();
    directory.put("all/app/services.d/web.toml", "command = [\"true\"]\n", 0o644);
    let output = directory.run(&["check", "all"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""), "{output:?}");
    assert!(output.err.contains("no entry is a service; give all/app, which holds `services.d`"), "{}", output.err);
    // Beside a service.
    directory.put("all/db.toml", "command = [\"true\"]\n", 0o644);
    let output = directory.run(&["check", "all"]);
    let expected =
        "all/app: holds neither `service.toml` nor `run`; it holds `services.d`, a tree of its own: give all/app\n";
    assert!(output.out.contains(expected), "{output:?}");
}

#[test]
fn what_a_shell_or_another_system_would_read_is_a_note_with_what_to_write() {
    let directory = WorkDirectory::new()
        .with_file("services.d/a.toml", "command = [\"web -x 'a b'\"]\n")
        .with_file("services.d/b.toml", "command = [\"web\", \"$PORT\"]\nenvironment = { DATA = \"~/data\" }\n")
        .with_file("services.d/c.toml", "command = [\"web\", \"&&\", \"more\"]\n")
        .with_file("services.d/d.toml", "command = [\"gosu\", \"app\", \"web\"]\n")
        .with_file(
            "services.d/e.toml",
            "command = [\"nginx\"]\nstop_command = [\"nginx\", \"-s\", \"stop\"]\ntype = \"oneshot\"\n",
        )
        .with_file("services.d/f.toml", "command = [\"nginx\"]\nreload = { command = [\"web\", \"~/x\"] }\n")
        .with_file("services.d/g.toml", "script = \"exec sudo web $PORT && web\"\n");
    let notes = [
        "a: `command`: \"web -x 'a b'\" is taken for the name of one program; write `command = [\"web\", \"-x\", \"a b\"]`",
        "b: `environment`: no shell expands `~` in `DATA`: it is passed on as written; write the value itself, or `export` \
         it in a `script`",
        "b: `command`: no shell expands `$PORT`: the program gets \"$PORT\" as written; write `script = \"exec web \
         \\\"$PORT\\\"\"`",
        "c: `command`: no shell reads `&&` here: `web` gets it as an argument; write `script = \"web && exec more\"`",
        "d: `command`: `gosu`: the service runs as the app user already and cannot become another; leave it out: \
         `command = [\"web\"]`",
        "f: `reload.command`: no shell expands `~`: the program gets \"~/x\" as written; write the whole path, or \
         `[\"/bin/sh\", \"-c\", \"exec web ~/x\"]`",
        "g: line 1 of `script`: `sudo`: the service runs as the app user already and cannot become another; leave it out, \
         or write `user` where it must be another user",
        "main: `gosu`: the service runs as the app user already and cannot become another; leave it out: `[\"web\"]`",
        "f: `command`: `nginx` goes into the background, so that the service ends at once, unless its configuration says \
         `daemon off;`; add `\"-g\", \"daemon off;\"` to `command`, or write that setting, not both",
    ];
    let output = directory.run(&["check", "--", "gosu", "app", "web"]);
    let printed: Vec<_> = output.out.lines().filter_map(|line| line.strip_prefix("note: ")).skip(1).collect();
    assert_eq!((output.code, printed), (0, notes.to_vec()));
    let json = directory.run(&["check", "--json", "--", "gosu", "app", "web"]);
    let json: serde_json::Value = serde_json::from_str(&json.out).unwrap();
    let printed: Vec<_> = json["notes"].as_array().unwrap().iter().skip(1).map(|note| note.as_str().unwrap()).collect();
    assert_eq!(printed, notes);
    // The notices of a plan are those of a boot, which does not know what a configuration file decides, and prints no value.
    let text = "command = [\"/bin/true\", \"$PORT\"]\nenvironment = { URL = \"postgres://a:hunter2@${HOST}/\" }\n";
    let directory = WorkDirectory::new().with_file("services.d/web.toml", text);
    let plan = directory.run(&["plan"]);
    assert!(plan.out.contains("web: `command`: no shell expands `$PORT`"), "{plan:?}");
    assert!(plan.out.contains("no shell expands `${HOST}` in `URL`") && !plan.out.contains("hunter2"), "{plan:?}");
    // A line is no program either.
    let directory = WorkDirectory::new().with_file("services.d/web.toml", "command = [\"web -x 'a b'\"]\n");
    let plan = directory.run(&["plan"]);
    let problem = "cannot find the program `web -x 'a b'` in PATH; write `command = [\"web\", \"-x\", \"a b\"]`";
    assert!(plan.err.contains(problem), "{plan:?}");
}

#[test]
fn notes_that_are_known_are_printed_beside_problems() {
    let directory = WorkDirectory::new()
        .with_file("services.d/a.toml", "script = \"exec web >/proc/1/fd/1\"\n")
        .with_file("services.d/b.toml", "command = [\"web\"]\nuser = 1000\n");
    let output = directory.run(&["check"]);
    let lines: Vec<_> = output.out.lines().collect();
    assert!(output.code == 100 && lines.len() == 3, "{output:?}");
    assert!(lines[0].contains("`user` expects a string") && lines[1].starts_with("note: "), "{lines:?}");
    assert_eq!(lines[2], "1 problem");
    let json: serde_json::Value = serde_json::from_str(&directory.run(&["check", "--json"]).out).unwrap();
    assert_eq!((&json["notes"][0], json["problems"].as_array().map(Vec::len)), (&lines[1][6..].into(), Some(1)));
}
