//! `import`: the files of other supervisors, printed or written.

use super::*;

const RUN: &str = "#!/bin/sh\nexec nginx -g 'daemon off;'\n";

fn tree() -> WorkDirectory {
    let directory = WorkDirectory::new();
    directory.put("rootfs/etc/services.d/web/run", RUN, 0o755);
    directory.put("rootfs/etc/services.d/db/run", RUN, 0o755);
    directory.put("rootfs/etc/services.d/web/dependencies.d/db", "", 0o644);
    directory
}

#[test]
fn what_is_printed_is_written_by_to_and_passes_check() {
    let directory = tree();
    let printed = directory.run(&["import", "rootfs"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""), "{printed:?}");
    let web = "# services.d/web.toml\ncommand = [\"nginx\", \"-g\", \"daemon off;\"]\nrequires = [\"db\"]\n";
    assert!(printed.out.contains(web), "{}", printed.out);
    let written = directory.run(&["import", "rootfs/etc", "--to", "new"]);
    assert_eq!((written.code, written.err.as_str()), (0, ""));
    assert_eq!(
        written.out,
        "new/services.d/db.toml\nnew/services.d/web.toml\nnext: `stepdown check new`, `stepdown try new`; in the Dockerfile, with \
         new as context: `RUN rm -r /etc/services.d/db /etc/services.d/web`, then `COPY services.d /etc/services.d`\n"
    );
    let text = fs::read_to_string(directory.path().join("new/services.d/web.toml")).unwrap();
    assert!(printed.out.contains(&text) && text.starts_with("command = "));
    assert!(directory.run(&["check", "new"]).out.starts_with("new/services.d: 2 services, no problems\n"));
}

#[test]
fn what_to_do_next_names_the_directory_as_a_shell_takes_it_and_the_container_file() {
    let directory = tree();
    directory.put("rootfs/etc/fix-attrs.d/01", "/data true app 0644 0755\n", 0o644);
    directory.put("rootfs/etc/cont-init.d/01", "#!/bin/sh\n", 0o755);
    let written = directory.run(&["import", "rootfs", "--to", "my new"]);
    let next = "next: `stepdown check 'my new'`, `stepdown try 'my new'`; in the Dockerfile, with 'my new' as context: `RUN rm -r \
                /etc/services.d/db /etc/services.d/web`, then `COPY services.d /etc/services.d` and `COPY stepdown.toml /etc/`";
    assert_eq!(written.out.lines().last(), Some(next), "{written:?}");
}

#[test]
fn directories_of_the_image_that_declare_a_service_once_more_are_named_for_removal() {
    let directory = tree();
    directory.put("rootfs/etc/services.d/own/run", "#!/usr/bin/python3\nprint()\n", 0o755);
    let written = directory.run(&["import", "rootfs", "--to", "new"]);
    // What stays a program of its own has its file beside it.
    assert!(directory.path().join("new/services.d/own/service.toml").exists(), "{written:?}");
    let removal =
        "as context: `RUN rm -r /etc/services.d/db /etc/services.d/web`, then `COPY services.d /etc/services.d`";
    assert!(written.out.contains(removal), "{}", written.out);
}

#[test]
fn no_file_is_replaced() {
    let directory = tree();
    let mine = directory.put("new/services.d/web.toml", "command = [\"mine\"]\n", 0o644);
    let output = directory.run(&["import", "rootfs", "--to", "new"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""));
    assert!(output.err.contains("new/services.d/web.toml: exists already; move it away"), "{}", output.err);
    assert_eq!(fs::read_to_string(mine).unwrap(), "command = [\"mine\"]\n");
    assert!(!directory.path().join("new/services.d/db.toml").exists());
}

#[test]
fn what_is_left_out_is_said_with_its_place_and_ends_with_1() {
    let directory = tree();
    directory.put("rootfs/etc/services.d/web/finish", RUN, 0o755);
    directory.put("rootfs/etc/services.d/web/timeout-finish", "10000\n", 0o644);
    let output = directory.run(&["import", "rootfs"]);
    assert_eq!(output.code, 1);
    assert!(
        output.err.contains("rootfs/etc/services.d/web/run: timeout-finish: not translated: `finish` has 5s"),
        "{output:?}"
    );
    assert!(output.out.contains("\n# not translated: timeout-finish: "), "{}", output.out);
}

#[test]
fn wrong_sources_and_wrong_arguments_end_with_100() {
    let directory = tree();
    directory.put("rootfs/etc/services.d/web/notification-fd", "x\n", 0o644);
    let output = directory.run(&["import", "rootfs", "none"]);
    assert_eq!((output.code, output.out.as_str()), (100, ""));
    assert!(output.err.contains("/none`: there is no such directory"), "{}", output.err);
    assert!(output.err.contains("rootfs/etc/services.d/web/notification-fd: cannot be \"x\"; "), "{}", output.err);
    for arguments in [&["import"][..], &["import", "--too", "x"]] {
        let output = directory.run(arguments);
        assert_eq!((output.code, output.out.as_str()), (100, ""), "{output:?}");
    }
}

#[test]
fn a_tree_that_is_native_already_is_said_so() {
    let directory = WorkDirectory::new().with_file("services.d/web.toml", "command = [\"nginx\"]\n");
    let output = directory.run(&["import", "."]);
    assert_eq!(output.code, 100);
    assert!(output.err.contains("every service here has a TOML file already"), "{}", output.err);
}

#[test]
fn a_supervisord_conf_comes_with_what_it_includes() {
    let directory = WorkDirectory::new();
    let conf = "[supervisord]\n[include]\nfiles = /etc/supervisor/conf.d/*.conf none/*.conf\n";
    directory.put("rootfs/etc/supervisor/supervisord.conf", conf, 0o644);
    directory.put("rootfs/etc/supervisor/conf.d/web.conf", "[program:web]\ncommand=nginx\n", 0o644);
    directory.put("rootfs/etc/supervisor/conf.d/db.conf", "[program:db]\ncommand=db\npriority=1\n", 0o644);
    directory.put("rootfs/etc/supervisor/conf.d/other.ini", "[program:other]\ncommand=other\n", 0o644);
    let output = directory.run(&["import", "rootfs/etc/supervisor/supervisord.conf", "--to", "new"]);
    assert_eq!((output.code, output.out.lines().count()), (1, 4), "{output:?}");
    assert!(output.err.contains("supervisord.conf: [include]: not translated: none/*.conf: "), "{}", output.err);
    assert_eq!(output.err.lines().count(), 1, "{}", output.err);
    assert!(fs::read_to_string(directory.path().join("new/services.d/web.toml")).unwrap().contains("after = [\"db\"]"));
    assert_eq!(directory.run(&["check", "new"]).code, 0);
}

#[test]
fn a_procfile_an_entry_point_and_a_tree_of_runit_are_recognised() {
    let directory = WorkDirectory::new()
        .with_file("Procfile", "web: nginx -g 'daemon off;'\n")
        .with_file("start", "#!/bin/sh\nchown -R app /config\nexec gosu app \"$@\"\n");
    directory.put("rootfs/etc/sv/web/run", RUN, 0o755);
    let output = directory.run(&["import", "Procfile"]);
    assert!(output.code == 0 && output.out.contains("essential = true"), "{output:?}");
    let output = directory.run(&["import", "start"]);
    assert!(
        output.code == 1 && output.out.contains("path = \"/config\"") && output.out.contains("user = \"app\""),
        "{output:?}"
    );
    for arguments in [&["import", "rootfs"][..], &["import", "--from", "runit", "rootfs/etc/sv"]] {
        let output = directory.run(arguments);
        assert!(output.code == 0 && output.out.contains("user = \"root\""), "{output:?}");
    }
}

#[test]
fn scripts_of_version_2_of_s6_overlay_need_no_execute_bit() {
    let directory = tree();
    directory.put("rootfs/etc/s6/init/init-stage2-fixattrs.txt", "", 0o644);
    directory.put("rootfs/etc/s6/services/puppet/run", RUN, 0o755);
    directory.put("rootfs/etc/cont-init.d/10-first", "#!/bin/sh\necho first\nexit 0\n", 0o644);
    directory.put("rootfs/etc/services.d/other/run", "#!/usr/bin/execlineb -P\nweb\n", 0o644);
    let finish = "#!/bin/sh\necho 3 > /var/run/s6/env-stage3/S6_STAGE2_EXITED\nexit 0\n";
    directory.put("rootfs/etc/services.d/other/finish", finish, 0o644);
    let output = directory.run(&["import", "rootfs"]);
    assert!(output.out.contains("echo first"), "{output:?}");
    let by_interpreter = "command = [\"/usr/bin/execlineb\", \"-P\", \"/etc/services.d/other/run\", \"other\"]";
    assert!(output.out.contains(by_interpreter), "{output:?}");
    assert!(output.code == 1 && output.err.contains("`/etc/s6/services` is ignored: not started"), "{output:?}");
    assert!(output.err.contains("`finish`: env-stage3: not translated: it sets the exit code"), "{output:?}");
}

#[test]
fn what_the_loader_passes_over_is_named() {
    let directory = tree();
    directory.put("rootfs/etc/cont-init.d/10-notes", "#!/bin/sh\ntrue\n", 0o644);
    let output = directory.run(&["import", "rootfs"]);
    assert!(
        output.code == 1 && output.err.contains("\"10-notes\": not executable, not run, as under s6-overlay"),
        "{output:?}"
    );
    assert!(output.out.contains("# not translated: the tree: "), "{}", output.out);
}

#[test]
fn a_kind_is_recognised_or_given() {
    let directory =
        WorkDirectory::new().with_file("notes", "nothing\n").with_file("part.conf", "[program:web]\ncommand = nginx\n");
    let output = directory.run(&["import", "notes"]);
    assert!(output.code == 100 && output.err.contains("notes: no kind of source is recognised in it; "), "{output:?}");
    let output = directory.run(&["import", "notes", "--from", "supervisord"]);
    assert!(output.code == 100 && output.err.contains("notes:1: \"nothing\" is no section and no value"), "{output:?}");
    assert_eq!(directory.run(&["import", "part.conf"]).code, 0);
    assert_eq!(directory.run(&["import", "part.conf", "--from", "runit-of-old"]).code, 100);
    assert_eq!(directory.run(&["import", "none.conf", "--from", "supervisord"]).code, 100);
}
