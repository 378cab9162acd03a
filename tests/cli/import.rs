//! `import`: the files of other supervisors, printed or written.

use super::*;

const RUN: &str = "#!/bin/sh\nexec nginx -g 'daemon off;'\n";

fn tree() -> Here {
    let here = Here::new();
    here.put("rootfs/etc/services.d/web/run", RUN, 0o755);
    here.put("rootfs/etc/services.d/db/run", RUN, 0o755);
    here.put("rootfs/etc/services.d/web/dependencies.d/db", "", 0o644);
    here
}

#[test]
fn what_is_printed_is_written_by_to_and_passes_check() {
    let here = tree();
    let printed = here.run(&["import", "rootfs"]);
    assert_eq!((printed.code, printed.err.as_str()), (0, ""), "{printed:?}");
    let web = "# services.d/web.toml\ncommand = [\"nginx\", \"-g\", \"daemon off;\"]\nrequires = [\"db\"]\n";
    assert!(printed.out.contains(web), "{}", printed.out);
    let written = here.run(&["import", "rootfs/etc", "--to", "new"]);
    assert_eq!((written.code, written.err.as_str()), (0, ""));
    assert_eq!(written.out, "new/services.d/db.toml\nnew/services.d/web.toml\n");
    let text = fs::read_to_string(here.path().join("new/services.d/web.toml")).unwrap();
    assert!(printed.out.contains(&text) && text.starts_with("command = "));
    assert!(here.run(&["check", "new"]).out.starts_with("new/services.d: 2 services, no problems\n"));
}

#[test]
fn no_file_is_replaced() {
    let here = tree();
    let mine = here.put("new/services.d/web.toml", "command = [\"mine\"]\n", 0o644);
    let said = here.run(&["import", "rootfs", "--to", "new"]);
    assert_eq!((said.code, said.out.as_str()), (100, ""));
    assert!(said.err.contains("new/services.d/web.toml: exists already; move it away"), "{}", said.err);
    assert_eq!(fs::read_to_string(mine).unwrap(), "command = [\"mine\"]\n");
    assert!(!here.path().join("new/services.d/db.toml").exists());
}

#[test]
fn what_is_left_out_is_said_with_its_place_and_ends_with_1() {
    let here = tree();
    here.put("rootfs/etc/services.d/web/finish", RUN, 0o755);
    here.put("rootfs/etc/services.d/web/timeout-finish", "10000\n", 0o644);
    let said = here.run(&["import", "rootfs"]);
    assert_eq!(said.code, 1);
    assert!(
        said.err.contains("rootfs/etc/services.d/web/run: timeout-finish: not translated: `finish` has 5s"),
        "{said:?}"
    );
    assert!(said.out.contains("\n# not translated: timeout-finish: "), "{}", said.out);
}

#[test]
fn wrong_sources_end_with_100_and_wrong_arguments_with_2() {
    let here = tree();
    here.put("rootfs/etc/services.d/web/notification-fd", "x\n", 0o644);
    let said = here.run(&["import", "rootfs", "none"]);
    assert_eq!((said.code, said.out.as_str()), (100, ""));
    assert!(said.err.contains("/none`: there is no such directory"), "{}", said.err);
    assert!(said.err.contains("rootfs/etc/services.d/web/notification-fd: cannot be \"x\"; "), "{}", said.err);
    for arguments in [&["import"][..], &["import", "--too", "x"]] {
        let said = here.run(arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    }
}

#[test]
fn a_tree_that_is_native_already_is_said_so() {
    let here = Here::new().with("services.d/web.toml", "command = [\"nginx\"]\n");
    let said = here.run(&["import", "."]);
    assert_eq!(said.code, 100);
    assert!(said.err.contains("every service here has a TOML file already"), "{}", said.err);
}

#[test]
fn a_supervisord_conf_comes_with_what_it_includes() {
    let here = Here::new();
    let conf = "[supervisord]\n[include]\nfiles = /etc/supervisor/conf.d/*.conf none/*.conf\n";
    here.put("rootfs/etc/supervisor/supervisord.conf", conf, 0o644);
    here.put("rootfs/etc/supervisor/conf.d/web.conf", "[program:web]\ncommand=nginx\n", 0o644);
    here.put("rootfs/etc/supervisor/conf.d/db.conf", "[program:db]\ncommand=db\npriority=1\n", 0o644);
    here.put("rootfs/etc/supervisor/conf.d/other.ini", "[program:other]\ncommand=other\n", 0o644);
    let said = here.run(&["import", "rootfs/etc/supervisor/supervisord.conf", "--to", "new"]);
    assert_eq!((said.code, said.out.lines().count()), (1, 3), "{said:?}");
    assert!(said.err.contains("supervisord.conf: [include]: not translated: none/*.conf: "), "{}", said.err);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
    assert!(fs::read_to_string(here.path().join("new/services.d/web.toml")).unwrap().contains("after = [\"db\"]"));
    assert_eq!(here.run(&["check", "new"]).code, 0);
}

#[test]
fn a_kind_is_recognised_or_given() {
    let here = Here::new().with("notes", "nothing\n").with("part.conf", "[program:web]\ncommand = nginx\n");
    let said = here.run(&["import", "notes"]);
    assert!(said.code == 100 && said.err.contains("notes: no kind of source is recognised in it; "), "{said:?}");
    let said = here.run(&["import", "notes", "--from", "supervisord"]);
    assert!(said.code == 100 && said.err.contains("notes:1: \"nothing\" is no section and no value"), "{said:?}");
    assert_eq!(here.run(&["import", "part.conf"]).code, 0);
    assert_eq!(here.run(&["import", "part.conf", "--from", "runit-of-old"]).code, 2);
    assert_eq!(here.run(&["import", "none.conf", "--from", "supervisord"]).code, 100);
}
