//! `check`: exact texts for good and bad trees.

use super::*;

const WEB: &str = "command = [\"nginx\"]\n";

fn good(here: &Here, text: &str) {
    assert_eq!(here.run(&["check"]), Said { code: 0, out: text.into(), err: String::new() });
}

fn bad(here: &Here, text: &str) {
    assert_eq!(here.run(&["check"]), Said { code: 100, out: text.into(), err: String::new() });
}

#[test]
fn a_good_tree_says_what_privilege_is_kept() {
    good(
        &Here::new().with("services.d/web.toml", WEB).with("services.d/db.toml", "command = [\"db\"]\n"),
        "services.d: 2 services, no problems\n\
         privilege: started as root with Docker's default capabilities, PID 1 becomes app and keeps nothing\n\
         note: the image's programs, accounts and paths were not checked; `RUN stepdown check` in the \
         Dockerfile checks them\n",
    );
    good(
        &Here::new()
            .with("stepdown.toml", "[app]\nuser = \"www-data\"\n")
            .with("services.d/web.toml", &format!("{WEB}capabilities = [\"NET_BIND_SERVICE\"]\n")),
        "services.d: 1 service, no problems\n\
         privilege: started as root with Docker's default capabilities, PID 1 becomes www-data and keeps NET_BIND_SERVICE\n\
         \x20 because `web` is given NET_BIND_SERVICE\n\
         note: the image's programs, accounts and paths were not checked; `RUN stepdown check` in the \
         Dockerfile checks them\n",
    );
}

#[test]
fn what_is_as_good_as_root_is_called_so() {
    let here = Here::new().with("services.d/web.toml", &format!("{WEB}user = \"www-data\"\n"));
    let said = here.run(&["check"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.contains("PID 1 becomes app and keeps KILL SETGID SETUID\n"), "{}", said.out);
    assert!(said.out.contains("  because `web` runs as www-data"), "{}", said.out);
    assert!(said.out.contains("as good as root"), "{}", said.out);
    assert!(said.out.contains("runs as www-data: "), "no number is known: {}", said.out);

    let here = Here::new().with("services.d/web.toml", &format!("{WEB}user = \"root\"\n"));
    let said = here.run(&["check"]);
    assert!(said.out.contains("PID 1 stays root"), "{}", said.out);
    assert!(said.out.contains("  because `web` runs as root for good"), "{}", said.out);
}

#[test]
fn a_directory_without_a_services_tree_is_said_once() {
    let here = Here::new().with("app/hello", "").with("app/Dockerfile", "FROM scratch\n").with("app/src/main.c", "");
    for verb in ["check", "plan", "try"] {
        let said = here.run(&[verb, "app"]);
        let told = "`app`: there is no services tree: no `services.d`, and no entry is a service; give a directory that holds \
                    `services.d`, or a services tree itself";
        assert!(said.code == 100 && said.out.is_empty() && said.err.contains(told), "{verb}: {said:?}");
        assert!(!said.err.contains("is not a service;"), "{said:?}");
    }
    // A tree with a mistake beside a service is a tree.
    let here = here.with("app/web/run", "#!/bin/sh\n");
    assert!(here.run(&["check", "app"]).out.contains("\"hello\" is not a service"));
}

#[test]
fn every_problem_comes_at_once_sorted_by_place() {
    let here = Here::new()
        .with("stepdown.toml", "stop_timout = \"8s\"\n")
        .with("services.d/web.toml", "command = [\"nginx\"]\nrestrat = \"always\"\nafter = [\"dbb\"]\n")
        .with("services.d/db.toml", "type = \"longrun\"\n");
    let said = said(stepdown(["check"]).current_dir(here.path()).env("PUID", "abc"));
    assert_eq!((said.code, said.err.as_str()), (100, ""));
    let lines: Vec<_> = said.out.lines().collect();
    let starts =
        ["PUID=abc: ", "services.d/db.toml", "services.d/web.toml:2: ", "services.d/web.toml:3: ", "stepdown.toml:1: "];
    assert_eq!(lines.len(), starts.len() + 1, "{}", said.out);
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(start), "{line} should start with {start}");
        assert!(line.contains("; "), "{line} says what to write instead");
    }
    assert!(lines[2].contains("restart"), "{}", lines[2]);
    assert_eq!(lines.last(), Some(&"5 problems"));
}

#[test]
fn a_service_that_drop_app_cannot_run_is_a_problem() {
    let here = Here::new()
        .with("stepdown.toml", "drop = \"app\"\n")
        .with("services.d/web.toml", &format!("{WEB}user = \"root\"\n"));
    let said = here.run(&["check"]);
    assert_eq!(said.code, 100, "{said:?}");
    assert!(said.out.ends_with("1 problem\n") && said.out.contains("drop = \"app\""), "{}", said.out);
}

#[test]
fn programs_and_accounts_of_a_tree_for_another_machine_are_not_looked_up() {
    let here = Here::new().with("stepdown.toml", "[[own]]\npath = \"/none/here\"\nuser = \"nobody-here\"\n").with(
        "services.d/web.toml",
        "command = [\"/none/here/either\"]\nuser = \"nobody-here\"\ngroups = [\"none-here\"]\n",
    );
    let said = here.run(&["check"]);
    assert_eq!(said.code, 0, "{said:?}");
}

#[test]
fn what_cannot_block_is_named() {
    let here = Here::new();
    nix::unistd::mkfifo(&here.path().join("services.d/web.toml"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/etc/shadow", here.path().join("services.d/db.toml")).unwrap();
    let said = here.run(&["check"]);
    assert_eq!(said.code, 100);
    assert!(said.out.contains("services.d/web.toml: ") && said.out.contains("FIFO"), "{}", said.out);
    assert!(said.out.contains("link that leads out of its tree"), "{}", said.out);
}

#[test]
fn an_empty_tree_is_a_problem_unless_there_is_a_main_command() {
    let here = Here::new();
    bad(
        &here,
        "services.d: holds no service, and there is no main command; put NAME.toml there with `command = [\"…\"]`, or give \
         a command: `docker run IMAGE COMMAND`, `stepdown check -- COMMAND`, `stepdown doctor -- COMMAND`\n1 problem\n",
    );
    let said = here.run(&["check", "--", "nginx", "-g", "daemon off;"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(said.out.starts_with("services.d: 0 services and a main command, no problems\n"), "{}", said.out);
}

#[test]
fn a_path_may_be_the_directory_around_or_the_tree_and_must_be_there() {
    let here = Here::new().with("services.d/web.toml", WEB).with("file", "");
    for path in [".", "services.d", "./services.d/"] {
        assert_eq!(here.run(&["check", path]).code, 0, "{path}");
    }
    let fix = "give a directory that holds `services.d`, or a services tree itself";
    let said = here.run(&["check", "none"]);
    assert_eq!((said.code, said.err), (100, format!("stepdown: `none`: there is no such directory; {fix}\n")));
    let said = here.run(&["check", "file"]);
    assert_eq!((said.code, said.err), (100, format!("stepdown: `file`: it is not a directory; {fix}\n")));
}

#[test]
fn a_log_that_goes_to_pid_ones_descriptor_is_remarked() {
    let here = Here::new();
    here.put("services.d/web/run", "#!/bin/sh\nexec web >/proc/1/fd/1\n", 0o755);
    let said = here.run(&["check"]);
    assert_eq!(said.code, 0, "{said:?}");
    assert!(
        said.out.contains(
            "note: services.d/web/run:2: `/proc/1/fd/1` cannot be opened, because PID 1 is protected; write to /dev/stdout instead; in a cron job, "
        ),
        "{}",
        said.out
    );
}

/// An image's `COPY` makes it root's.
#[test]
fn owners_in_a_tree_for_another_machine_are_not_a_problem() {
    let here = Here::new().with("services.d/web.toml", "command = [\"sh\"]\nuser = \"root\"\n");
    let file = here.put("services.d/job.toml", "command = [\"sh\"]\ntype = \"oneshot\"\nuser = \"root\"\n", 0o666);
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(file, Some(1234), Some(1234)).unwrap();
    }
    for verb in ["check", "plan"] {
        let said = here.run(&[verb]);
        assert!(said.code == 0 && !said.out.contains("users other than root"), "{verb}: {said:?}");
    }
}

#[test]
fn what_only_root_can_read_makes_reload_impossible_and_is_noted() {
    let here = Here::new().with("services.d/web.toml", WEB);
    let file = here.path().join("services.d/web.toml");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let said = here.run(&["check"]);
    let note = "note: only root can read services.d/web.toml, and PID 1 will no longer be root: `reload` will not work; `chmod \
        a+rX services.d/web.toml`\n";
    assert!(said.code == 0 && said.out.ends_with(note), "{}", said.out);
}

#[test]
fn a_variables_name_holds_no_blank() {
    let here = Here::new().with("services.d/web.toml", &format!("{WEB}environment = {{ \"A B\" = \"x\" }}\n"));
    let said = here.run(&["check"]);
    assert!(said.code == 100 && said.out.contains("web.toml:2: `A B` cannot be a variable's name; "), "{}", said.out);
}

#[test]
fn an_image_made_for_s6_overlay_is_read_beside_its_services_tree_or_without_one() {
    let here = Here::new()
        .with("s6-overlay/s6-rc.d/web/type", "longrun\n")
        .with("s6-overlay/s6-rc.d/web/run", "#!/bin/sh\n")
        .with("s6-overlay/s6-rc.d/user/contents.d/web", "");
    let said = here.run(&["check"]);
    assert!(said.code == 0 && said.out.starts_with("services.d: 1 service, no problems\n"), "{}", said.out);
    assert!(said.out.contains("s6-overlay: honoured: run, type\n"), "{}", said.out);
    let why = "  because this image was made for s6-overlay and runs as root, unless `drop = \"app\"`: web\n";
    assert!(said.out.contains(why), "{}", said.out);
    let here = here.with("services.d/native.toml", WEB).with("stepdown.toml", "s6 = false\n");
    let said = here.run(&["check"]);
    let told = "note: s6-overlay is not read: `s6 = false` in the container file\n";
    assert!(said.code == 0 && said.out.contains(told), "{}", said.out);
}

#[test]
fn curly_quotes_are_not_suggested_back() {
    let said = Here::new().with("services.d/web.toml", "command = [“nginx”]\n").run(&["check"]);
    let fix = said.out.split_once("; ").map(|(_, fix)| fix).unwrap_or_default();
    assert!(said.code == 100 && !fix.contains('“') && !fix.contains('”'), "{}", said.out);
}

#[test]
fn the_main_command_for_another_machine_is_not_looked_up_and_a_flag_is_no_program() {
    let here = Here::new();
    let said = here.run(&["check", "--", "nosuch"]);
    let note = "note: the image's programs (the main command's too), accounts and paths were not checked; `RUN stepdown check` \
        in the Dockerfile checks them\n";
    assert!(said.code == 0 && said.out.contains(note), "{said:?}");
    let flag = "the main command: cannot find the program `--help` in PATH; it is a flag, not a program: what follows the \
        image's name replaces CMD as a whole; write `docker run IMAGE PROGRAM --help`, or for stepdown's own help `docker run \
        --entrypoint stepdown IMAGE --help`";
    bad_with(&here, &["check", "--", "--help"], &format!("{flag}\n1 problem\n"));
    let said = here.run(&["plan", "--", "--help"]);
    assert_eq!((said.code, said.err), (100, format!("stepdown: cannot start, 1 problem:\n  {flag}\n")));
}

fn bad_with(here: &Here, arguments: &[&str], text: &str) {
    assert_eq!(here.run(arguments), Said { code: 100, out: text.into(), err: String::new() });
}

#[test]
fn the_main_command_of_this_image_is_judged_as_a_services_command_is() {
    let here = Here::new();
    let plain = here.put("plain", "#!/bin/sh\n", 0o644).display().to_string();
    let lost = here.put("lost", "#!/none/sh\n", 0o755).display().to_string();
    for (command, what) in [
        ("nosuch", "cannot find the program `nosuch` in PATH; write the path of a program that is in".to_owned()),
        (&plain, format!("cannot execute `{plain}`: it has no execute bit; `RUN chmod +x {plain}`")),
        (&lost, format!("cannot execute `{lost}`: it needs `/none/sh`, which is not in this image; install that")),
    ] {
        // Where no tree lies, `/etc` is meant.
        let said = said(stepdown(["check", "--", command]).current_dir("/"));
        assert!(said.code == 100 && said.out.starts_with(&format!("the main command: {what}")), "{said:?}");
        let said = here.run(&["plan", "--", command]);
        let told = format!("stepdown: cannot start, 1 problem:\n  the main command: {what}");
        assert!(said.code == 100 && said.out.is_empty() && said.err.starts_with(&told), "{said:?}");
        let said = run(&["doctor", "--", command]);
        let (what, fix) = what.split_once("; ").unwrap();
        assert!(said.code == 2 && said.out.contains("FATAL     `main`"), "{said:?}");
        assert!(said.out.contains(what) && said.out.contains(fix), "{said:?}");
    }
}
