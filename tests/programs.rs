//! A program that the kernel does not execute is explained, and so is one that has less than its file says (execve(2),
//! capabilities(7)): before the boot where the image shows it, and in the report of the start.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::try_container::{TryContainer, possible};

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "1234")
}

/// A volume of root's, as an image has its programs.
fn image() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).unwrap();
    place
}

fn put(place: &TempDir, name: &str, bytes: &[u8], mode: u32) {
    let path = place.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
}

/// This machine's `true`, for another one: `e_machine` of elf(5).
fn foreign() -> Vec<u8> {
    let mut bytes = fs::read("/bin/true").unwrap();
    let other: u16 = if cfg!(target_arch = "aarch64") { 62 } else { 183 };
    bytes[0x12..0x14].copy_from_slice(&other.to_le_bytes());
    bytes
}

fn foreign_name() -> &'static str {
    if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" }
}

fn single_try(program: &str) -> String {
    format!("command = [\"{program}\"]\nrestart = {{ limit = 1 }}\n")
}

#[test]
fn a_start_that_the_kernel_refuses_tells_the_cause_and_what_helps() {
    if !possible() {
        return;
    }
    let image = image();
    put(&image, "closed", &fs::read("/bin/true").unwrap(), 0o700);
    put(&image, "private/tool", &fs::read("/bin/true").unwrap(), 0o755);
    fs::set_permissions(image.path().join("private"), Permissions::from_mode(0o700)).unwrap();
    put(&image, "foreign", &foreign(), 0o755);
    put(&image, "damaged", b"\x01\x02\x03", 0o755);
    put(&image, "by-closed", b"#!/image/closed\n", 0o755);
    let container = || app().volume(image.path(), "/image");
    let refused = |program: &str, why: &str| {
        let ended = container().service("web.toml", &single_try(&format!("/image/{program}"))).run();
        ended.assert_line(&format!("cannot execute `/image/{program}`: {why}"));
        ended
    };
    let closed = "this user cannot execute it: /image/closed is 0:0 0700; `RUN chmod a+rx /image/closed`";
    let ended = refused("closed", &format!("Permission denied; {closed}"));
    ended.assert_line(
        "`web`: /image/closed: this user cannot execute it: /image/closed is 0:0 0700; app (1234:1234) cannot",
    );
    let directory = "this user cannot search a directory on the way: /image/private is 0:0 0700; move the program \
        out of /image/private, such as to /usr/local/bin, or write another `user`";
    let ended = refused("private/tool", &format!("Permission denied; {directory}"));
    ended.assert_line(
        "`web`: /image/private/tool: this user cannot search a directory on the way: /image/private is 0:0 0700",
    );
    refused("by-closed", &format!("Permission denied; it needs `/image/closed`, and of that: {closed}"));
    let ended = refused("foreign", &format!("Exec format error; it is built for {}, and this", foreign_name()));
    ended.assert_line("unless this kernel emulates that machine");
    refused("damaged", "Exec format error; its format is not one that this kernel executes");

    let long = format!("command = [\"/bin/true\", \"{}\"]\nrestart = {{ limit = 1 }}\n", "x".repeat(131_072));
    let ended = container().service("web.toml", &long).run();
    ended.assert_line("cannot execute `/bin/true`: Argument list too long; its arguments and environment have ");
    ended.assert_line("argument 1 has 131072");

    // What is asked about a service, and what follows it.
    let asks = "command = [\"/bin/sleep\", \"1000\"]\nready = { command = [\"/image/foreign\"], timeout = \"1s\" }\n\
        restart = { limit = 1 }\n";
    container()
        .service("web.toml", asks)
        .run()
        .assert_line("cannot execute `/image/foreign`: Exec format error; it is built for");
}

#[test]
fn a_program_that_cannot_be_executed_is_refused_before_anything_is_done() {
    if !possible() {
        return;
    }
    let image = image();
    put(&image, "text", b"echo hello\n", 0o755);
    put(&image, "empty", b"", 0o755);
    put(&image, "nothing", b"#!\n", 0o755);
    put(&image, "capable", &fs::read("/bin/true").unwrap(), 0o755);
    put(&image, "by-capable", b"#!/image/capable\n", 0o755);
    let set = Command::new("setcap").arg("cap_sys_time=+ep").arg(image.path().join("capable")).status();
    assert!(set.is_ok_and(|status| status.success()), "libcap2-bin has setcap");
    let container = || app().volume(image.path(), "/image");
    for (program, what) in [
        ("text", "it is a text file whose first line does not begin with `#!`"),
        ("empty", "the file is empty"),
        ("nothing", "no program follows the `#!` of its first line"),
        ("capable", "it has the file capabilities SYS_TIME and does not run without them (`+e`), and the container"),
        ("by-capable", "it needs `/image/capable`, and of that: it has the file capabilities SYS_TIME"),
    ] {
        let what = format!("cannot execute `/image/{program}`: {what}");
        let ended = container().service("web.toml", &single_try(&format!("/image/{program}"))).run().expect(100);
        ended.assert_line(&what);
        container().command(&[&format!("/image/{program}")]).run().expect(126).assert_line(&what);
    }
    let granted = container().cap_add("SYS_TIME").service("web.toml", &single_try("/image/capable")).run();
    granted.assert_no_line("cannot execute");
}

/// Programs with rights of their file: two of `cat`, with capabilities, and one that is setuid.
fn with_rights() -> TempDir {
    let image = image();
    let program = fs::read("/bin/cat").unwrap();
    for (name, capability) in [("raw", "cap_net_raw=+ep"), ("binds", "cap_net_bind_service=+ep")] {
        put(&image, name, &program, 0o755);
        let set = Command::new("setcap").arg(capability).arg(image.path().join(name)).status();
        assert!(set.is_ok_and(|status| status.success()), "libcap2-bin has setcap");
    }
    put(&image, "setuid", &program, 0o4755);
    image
}

/// A oneshot that shows the rights which it has.
fn show_rights(program: &str, more: &str) -> String {
    format!("type = \"oneshot\"\ncommand = [\"/image/{program}\", \"/proc/self/status\"]\n{more}\n")
}

#[test]
fn rights_of_a_file_that_no_new_privs_makes_void_are_reported_with_the_line_that_brings_them_back() {
    if !possible() {
        return;
    }
    let image = with_rights();
    let container = || app().volume(image.path(), "/image");
    let service =
        |program: &str, more: &str| container().service("web.toml", &show_rights(program, more)).run().expect(0);
    let void = "/image/raw has file capabilities (NET_RAW), which have no effect under no_new_privs";
    let ended = service("raw", "");
    ended.assert_line(&format!("`web`: {void}; it has only what app has; write `capabilities = [\"NET_RAW\"]`"));
    service("raw", "capabilities = [\"NET_RAW\"]").assert_no_line("no effect under");
    service("raw", "no_new_privileges = false").assert_no_line("no effect under");
    let ended = service("setuid", "");
    ended.assert_line("`web`: /image/setuid is setuid (user 0), which has no effect under no_new_privs");
    ended.assert_line("write `no_new_privileges = false` into the service's file");
    service("setuid", "user = \"root\"").assert_no_line("no effect under");
    // Where anybody may bind any port, as in Docker, it needs no capability for that.
    service("binds", "").assert_line("(NET_BIND_SERVICE), which have no effect under no_new_privs");
    let free = container().flag("--network").flag("none").service("web.toml", &show_rights("binds", ""));
    free.run().expect(0).assert_no_line("no effect under");

    let ended = container().command(&["/image/raw", "/dev/null"]).run().expect(0);
    ended.assert_line(&format!("`main`: {void}"));
    ended.assert_line("make it a service of the tree, with `capabilities = [\"NET_RAW\"]` in its file");
}

/// Under `--user` PID 1 has no capability to give away.
#[test]
fn the_line_that_is_printed_for_rights_of_a_file_brings_them_back_with_root_and_without() {
    if !possible() {
        return;
    }
    let image = with_rights();
    let as_user = || TryContainer::new().user("1234:1234");
    for container in [&app as &dyn Fn() -> TryContainer, &as_user] {
        for (program, rights) in [("raw", "CapEff:\t0000000000002000"), ("setuid", "Uid:\t1234\t0\t0\t0")] {
            let boot = |more: &str| {
                container().volume(image.path(), "/image").service("web.toml", &show_rights(program, more)).run()
            };
            let before = boot("").expect(0);
            before.assert_no_line(rights);
            let line = before.lines.iter().find(|line| line.text.contains("no effect under")).unwrap();
            let (_, key) = line.text.split_once("write `").unwrap();
            let (key, _) = key.split_once("` into the service's file").unwrap();
            let after = boot(key).expect(0);
            after.assert_no_line("no effect under");
            after.assert_line(rights);
        }
    }
    let both = as_user().no_new_privileges().volume(image.path(), "/image");
    let ended = both.service("web.toml", &show_rights("raw", "")).run().expect(0);
    let ways =
        "remove `no-new-privileges` from the runtime's `security_opt`, and write `no_new_privileges = false` into";
    ended.assert_line(ways);
}

#[test]
fn variables_that_a_script_may_not_see_are_reported_once() {
    if !possible() {
        return;
    }
    let container = || app().env("spring.port", "1").env("FINE_1", "2");
    let script = "type = \"oneshot\"\nscript = \"env\"\n";
    let ended = container().service("a.toml", script).service("b.toml", script).run().expect(0);
    let what =
        "`a`, `b`: a `script` may not see spring.port: shells drop variables whose names are not valid in a shell";
    assert_eq!(ended.lines.iter().filter(|line| line.text.contains(what)).count(), 1, "{ended:#?}");
    container()
        .service("a.toml", "type = \"oneshot\"\ncommand = [\"env\"]\n")
        .run()
        .expect(0)
        .assert_no_line("may not see");
}

/// The words of `check` are those of the boot.
#[test]
fn check_in_the_image_says_the_same() {
    if !possible() {
        return;
    }
    let image = image();
    put(&image, "text", b"echo hello\n", 0o755);
    put(&image, "foreign", &foreign(), 0o755);
    put(&image, "tree/bad.toml", b"command = [\"/image/text\"]\n", 0o644);
    put(&image, "tree/other.toml", b"command = [\"/image/foreign\"]\n", 0o644);
    let asks = ["/bin/sh", "-c", "cp /image/tree/$WHICH.toml /etc/services.d/; stepdown check; true"];
    let root = "drop = \"root\"\n[app]\nuser = \"root\"\nallow_root = true\nuid = 0\ngid = 0\n";
    let check = |which: &str| {
        TryContainer::new()
            .container_toml(root)
            .volume(Path::new(image.path()), "/image")
            .env("WHICH", which)
            .command(&asks)
            .run()
    };
    check("bad")
        .assert_line("cannot execute `/image/text`: it is a text file whose first line does not begin with `#!`");
    check("other").assert_line(&format!("cannot execute `/image/foreign`: it is built for {}", foreign_name()));
}

#[test]
fn a_main_command_without_a_slash_is_looked_for_in_path_alone() {
    if !possible() {
        return;
    }
    let put = |place: &str| {
        let script = format!("printf '#!/bin/sh\\necho ran $0\\n' > {place}/brought; chmod 755 {place}/brought");
        format!("type = \"oneshot\"\nuser = \"root\"\ncommand = [\"sh\", \"-c\", \"{script}\"]\n")
    };
    // The working directory is `/`. What the oneshots before the step down bring is not there when the program is looked for.
    let ended = app().service("put.toml", &put("/")).command(&["brought"]).run().expect(127);
    ended.assert_line("main: cannot execute `brought`: No such file or directory; there is no such program in PATH");
    ended.assert_no_line("ran ");
    let ended = app().service("put.toml", &put("/usr/local/bin")).command(&["brought"]).run().expect(0);
    ended.assert_line("ran /usr/local/bin/brought");
}
