//! The rehearsal itself: what is inside is what Docker would give, and nothing on the host changes.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

use crate::support::try_container;
use crate::support::try_container::terminal::Screen;
use crate::support::try_container::{LIMIT, Origin, TryContainer, possible};
use nix::sys::signal::Signal;
use nix::sys::termios::tcgetattr;

/// Somebody who is in no passwd file and no subuid file.
const STRANGER: (u32, u32) = (61_234, 61_234);

/// Runs a script as PID 1's main command, as root all the way: what is tested here is the world around it.
fn shell(container: TryContainer, script: &str) -> try_container::Ended {
    container
        .container_toml("drop = \"root\"\n[app]\nuser = \"root\"\nallow_root = true\nuid = 0\ngid = 0\n")
        .command(&["/bin/sh", "-c", script])
        .run()
}

/// Everything about a tree that a rehearsal must leave as it was.
fn snapshot(top: &Path) -> Vec<String> {
    let mut all = Vec::new();
    let mut queue = vec![top.to_owned()];
    while let Some(path) = queue.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let content = if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
        let (uid, gid, mode, changed) = (meta.uid(), meta.gid(), meta.mode(), (meta.ctime(), meta.ctime_nsec()));
        all.push(format!("{path:?} {uid}:{gid} {mode:o} {changed:?} {content:?}"));
        if meta.is_dir() {
            queue.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    all.sort();
    all
}

/// A host directory with a file in it.
fn data() -> tempfile::TempDir {
    let top = tempfile::tempdir().unwrap();
    fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(top.path().join("kept"), "as it was").unwrap();
    top
}

#[test]
fn nothing_that_is_done_inside_reaches_the_host() {
    if !possible() {
        return;
    }
    let data = data();
    let accounts = || ["/etc/passwd", "/etc/group", "/etc/shadow"].map(|path| snapshot(Path::new(path)));
    let mounts =
        || fs::read_to_string("/proc/self/mountinfo").unwrap().lines().filter(|line| line.contains("stepdown")).count();
    let before = (snapshot(data.path()), accounts(), mounts());
    let host_name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let script = "set -e; echo x >> /etc/passwd; echo x > /data/kept; chown 7:7 /data /data/kept; rm /etc/group; \
        mkdir /data/new; chmod 700 /data; touch /usr/bin/new /new /run/new; echo x >> /single; echo done";
    let single = data.path().join("kept");
    let ended = shell(TryContainer::new().volume(data.path(), "/data").volume(&single, "/single"), script);
    assert!(ended.text(Origin::Out).contains("done"), "{ended:#?}");
    ended.expect(0);
    assert_eq!(before, (snapshot(data.path()), accounts(), mounts()));
    assert_eq!(fs::read_to_string("/proc/sys/kernel/hostname").unwrap(), host_name);
    assert!(!Path::new("/new").exists() && !Path::new("/usr/bin/new").exists());
}

#[test]
fn what_a_container_may_not_change_cannot_be_changed_by_its_root() {
    if !possible() {
        return;
    }
    // Each line that succeeds says so.
    let script = "for path in /proc/sys/kernel/hostname /proc/sysrq-trigger /sys/kernel/uevent_helper /usr/bin/stepdown; do \
          (echo x >> $path) 2>/dev/null && echo wrote $path; done; \
        chown 7 /usr/bin/stepdown 2>/dev/null && echo took the binary; \
        for at in /tmp/disk /dev/disk /disk; do mknod $at b 7 0 2>/dev/null; (: < $at) 2>/dev/null && echo opened $at; done; \
        mount -o remount,rw /sys 2>/dev/null && echo remounted; head -c 1 /proc/kcore 2>/dev/null; echo end";
    let ended = shell(TryContainer::new(), script);
    assert_eq!(ended.text(Origin::Out), "end\n");
}

#[test]
fn an_own_network_is_as_docker_makes_it_and_the_hosts_stays() {
    if !possible() {
        return;
    }
    let paths = ["ip_unprivileged_port_start", "ping_group_range"].map(|name| format!("/proc/sys/net/ipv4/{name}"));
    let hosts = || paths.each_ref().map(|path| fs::read_to_string(path).unwrap());
    let before = hosts();
    let script = format!("cat {0} {1}; (echo 1 > {0}) 2>/dev/null && echo wrote; echo end", paths[0], paths[1]);
    assert_eq!(shell(TryContainer::new().flag("--network=none"), &script).text(Origin::Out), "0\n0\t2147483647\nend\n");
    assert_eq!(shell(TryContainer::new(), &script).text(Origin::Out), before.concat() + "end\n");
    assert_eq!(hosts(), before);
}

#[test]
fn a_read_only_root_is_writable_only_where_it_was_asked_for() {
    if !possible() {
        return;
    }
    let data = data();
    let script = "for at in / /etc /usr /run /tmp /var /data /scratch /dev/shm; do \
        (: > $at/new) 2>/dev/null && echo $at; done; stat -c '%a' /scratch";
    let container = TryContainer::new().read_only().volume(data.path(), "/data").tmpfs("/scratch:mode=0711");
    assert_eq!(shell(container, script).text(Origin::Out), "/data\n/scratch\n/dev/shm\n711\n");
}

#[test]
fn a_tree_arrives_as_an_image_would_have_it_whoever_owns_it_here() {
    if !possible() {
        return;
    }
    let script =
        "stat -c 'stat: %n %u:%g %a' /etc/services.d /etc/services.d/a.toml /etc/services.d/b/run /etc/stepdown.toml";
    let container = TryContainer::new()
        .service("a.toml", "command = [\"true\"]\ntype = \"oneshot\"\n")
        .script("b/run", "#!/bin/sh\nexec sleep 60\n");
    let ended = shell(container, script);
    // Two programs: each line is tagged.
    let found: Vec<&str> = ended.lines.iter().filter_map(|line| Some(line.text.split_once("stat: ")?.1)).collect();
    let expected = ["", "/a.toml", "/b/run"].map(|path| format!("/etc/services.d{path}"));
    let expected = expected.into_iter().zip(["755", "644", "755"]).map(|(path, mode)| format!("{path} 0:0 {mode}"));
    assert_eq!(found, expected.chain(["/etc/stepdown.toml 0:0 644".to_owned()]).collect::<Vec<_>>(), "{ended:#?}");
}

#[test]
fn killing_try_kills_everything_inside_even_what_stepped_down() {
    if !possible() {
        return;
    }
    let marker = format!("6{}", std::process::id());
    let running = TryContainer::new()
        .env("PUID", "1234")
        .command(&["/bin/sh", "-c", &format!("echo begun; exec sleep {marker}")])
        .start();
    running.wait_for_line(|line| line.ends_with("begun"), LIMIT);
    wait_for("the program did not start", || alive(&marker));
    running.signal(Signal::SIGKILL);
    let ended = running.wait(LIMIT);
    assert_eq!(ended.code, None);
    wait_for("a process outlived `try`", || !alive(&marker));
}

fn wait_for(or_else: &str, condition: impl Fn() -> bool) {
    let until = std::time::Instant::now() + LIMIT;
    while !condition() {
        assert!(std::time::Instant::now() < until, "{or_else}");
        std::thread::yield_now();
    }
}

/// Whether a `sleep` with this argument runs anywhere.
fn alive(marker: &str) -> bool {
    fs::read_dir("/proc").unwrap().flatten().any(|entry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        line == format!("sleep\0{marker}\0").as_bytes()
    })
}

#[test]
fn a_container_that_does_not_stop_is_killed_after_its_stop_timeout() {
    if !possible() {
        return;
    }
    let running = TryContainer::new()
        .stop_timeout(1)
        .flag("--init")
        .command(&["/bin/sh", "-c", "trap '' TERM; echo begun; while :; do sleep 1; done"])
        .env("STEPDOWN_STOP_TIMEOUT", "60s")
        .start();
    running.wait_for_line(|line| line.ends_with("begun"), LIMIT);
    let ended = running.stop();
    assert!(ended.text(Origin::Err).contains("did not stop within 1s"), "{ended:#?}");
    ended.expect(137);
}

#[test]
fn an_init_of_the_runtime_is_pid_one_and_ours_its_child() {
    if !possible() {
        return;
    }
    let ended = TryContainer::new().init().command(&["/usr/local/bin/recorder", "--exit", "4"]).run();
    let record = ended.records().remove(0);
    // The minimal init stays what Docker started it as: root.
    assert_eq!(record["pid_one"]["is"]["uids"], serde_json::json!([0, 0, 0, 0]));
    assert_eq!(record["session"]["parent"], 2);
    ended.expect(4);
}

#[test]
fn another_root_filesystem_is_seen_copy_on_write_too() {
    if !possible() {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    // A root of its own: the host's programs, nothing else.
    for directory in ["etc", "run", "data", "proc", "dev"] {
        fs::create_dir(root.path().join(directory)).unwrap();
    }
    for link in ["bin", "sbin", "lib", "lib64"] {
        if let Ok(target) = fs::read_link(Path::new("/").join(link)) {
            std::os::unix::fs::symlink(target, root.path().join(link)).unwrap();
        }
    }
    fs::write(root.path().join("etc/passwd"), "root:x:0:0::/:/bin/sh\n").unwrap();
    fs::write(root.path().join("etc/group"), "root:x:0:\n").unwrap();
    fs::write(root.path().join("run/of-the-image"), "").unwrap();
    fs::write(root.path().join("etc/hosts"), "").unwrap(); // as `docker export` leaves it
    let before = snapshot(root.path());
    let container = TryContainer::new()
        .root(root.path())
        .volume(Path::new("/usr"), "/usr")
        .env("PUID", "1234")
        .flag("--workdir=/new/place");
    let ended = container
        .command(&["/bin/sh", "-c", "ls /run/of-the-image /etc; id -u; cat /etc/passwd /etc/hosts; pwd"])
        .run();
    let output = ended.text(Origin::Out);
    assert!(output.contains("/run/of-the-image") && output.contains("1234"), "{ended:#?}");
    assert!(output.contains("app:x:1234"), "{ended:#?}");
    assert!(output.contains("localhost") && output.contains("\trehearsal\n"), "{ended:#?}");
    assert!(output.ends_with("/new/place\n"), "the working directory is created, as Docker does it: {ended:#?}");
    assert_eq!(before, snapshot(root.path()));
}

#[test]
fn a_stranger_rehearses_the_user_mode() {
    if !possible() {
        return;
    }
    let running =
        TryContainer::new().caller(STRANGER.0, STRANGER.1).command(&["/usr/local/bin/recorder", "--exit", "5"]).start();
    let record = running.record();
    assert_eq!(record["self"]["uids"], serde_json::json!([STRANGER.0, STRANGER.0, STRANGER.0, STRANGER.0]));
    assert_eq!(record["self"]["permitted"], "0000000000000000");
    assert_eq!(record["self"]["bounding"], "00000000a80425fb");
    running.wait(LIMIT).expect(5);
}

#[test]
fn a_binary_that_the_user_inside_may_not_execute_is_explained() {
    if !possible() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let closed = place.path().join("stepdown");
    fs::copy(try_container::program(), &closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let tree = tempfile::tempdir().unwrap();
    let mut command = Command::new(&closed);
    let output = command.args(["try", "--user", "1234:2345"]).arg(tree.path()).arg("--").arg("true").output().unwrap();
    let printed = String::from_utf8(output.stderr).unwrap();
    let help =
        "this user cannot execute it: /usr/bin/stepdown is 0:0 0700; it is the binary that `try` was called as: ";
    assert!(printed.contains("cannot execute /usr/bin/stepdown: "), "{printed}");
    assert!(printed.contains(help) && printed.contains(&format!("`chmod a+rx {}`", closed.display())), "{printed}");
}

#[test]
fn a_stranger_meets_the_permissions_of_an_image() {
    if !possible() {
        return;
    }
    let script = "for at in / /etc /etc/passwd /usr /usr/bin /var /var/lib /run /tmp /dev/shm; do [ -w $at ] && echo $at; done; \
        echo end";
    let ended = TryContainer::new().caller(STRANGER.0, STRANGER.1).command(&["/bin/sh", "-c", script]).run();
    assert_eq!(ended.text(Origin::Out), "/tmp\n/dev/shm\nend\n", "{ended:#?}");
}

#[test]
fn with_subordinate_ids_a_stranger_rehearses_everything() {
    if !possible() || !try_container::subordinate_ids_possible() {
        return;
    }
    let running = TryContainer::new()
        .subordinate_ids()
        .env("PUID", "1234")
        .env("PGID", "2345")
        .service("web.toml", "command = [\"/usr/local/bin/recorder\", \"--stay\"]\n")
        .start();
    let record = running.record();
    let ids = |four: [u32; 4]| serde_json::json!(four);
    assert_eq!(record["self"]["uids"], ids([1234; 4]));
    assert_eq!(record["self"]["gids"], ids([2345; 4]));
    assert_eq!(record["self"]["groups"], serde_json::json!([2345]));
    assert_eq!(record["pid_one"]["is"]["uids"], ids([1234; 4]));
    assert_eq!(record["pid_one"]["prlimit"], "EPERM");
    assert_eq!(record["environment"]["USER"], "app");
    running.stop().expect(0);
}

#[test]
fn a_terminal_inside_is_another_one_and_ours_is_as_it_was_afterwards() {
    if !possible() {
        return;
    }
    let size = nix::pty::Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 };
    let ours = nix::pty::openpty(&size, None).unwrap();
    let before = (tcgetattr(&ours.slave).unwrap(), fs::metadata(tty_of(&ours.slave)).unwrap());
    let script = "tty; stty size; read line; echo \"got $line\"; trap 'echo interrupted; exit 3' INT; echo begun; \
        while :; do sleep 0.05; done";
    let mut child = std::process::Command::new(try_container::program())
        .args(["try", "--quiet", "-e", "PUID=1234", "--", "/bin/sh", "-c", script])
        .env_clear() // `try` takes STEPDOWN_* from its caller, and the test script exports its own
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .current_dir("/")
        .stdin(ours.slave.try_clone().unwrap())
        .stdout(ours.slave.try_clone().unwrap())
        .stderr(ours.slave.try_clone().unwrap())
        .spawn()
        .unwrap();
    let output = Screen::watch(&ours.master);
    output.wait_for("33 77");
    assert_ne!(tcgetattr(&ours.slave).unwrap().local_flags, before.0.local_flags, "it is raw meanwhile");
    nix::unistd::write(&ours.master, b"hello\r").unwrap();
    output.wait_for("got hello");
    output.wait_for("begun");
    nix::unistd::write(&ours.master, &[3]).unwrap();
    output.wait_for("interrupted");
    assert_eq!(child.wait().unwrap().code(), Some(3));
    assert!(output.text().contains("/dev/pts/0"), "{}", output.text());
    let after = fs::metadata(tty_of(&ours.slave)).unwrap();
    assert_eq!(tcgetattr(&ours.slave).unwrap(), before.0);
    assert_eq!((after.uid(), after.gid(), after.mode()), (before.1.uid(), before.1.gid(), before.1.mode()));
}

fn tty_of(slave: &std::os::fd::OwnedFd) -> std::path::PathBuf {
    nix::unistd::ttyname(slave).unwrap()
}

#[test]
fn capabilities_that_would_reach_the_host_are_refused() {
    let ended = TryContainer::new().cap_add("SYS_ADMIN").command(&["true"]).run();
    assert!(ended.text(Origin::Err).contains("SYS_ADMIN would let the rehearsal change this host"), "{ended:#?}");
    ended.expect(100);
}

#[test]
fn it_does_not_matter_where_the_checkout_lies() {
    if possible() {
        try_container::pass_elsewhere(&[
            "rehearse::a_stranger_rehearses_the_user_mode",
            "rehearse::an_init_of_the_runtime_is_pid_one_and_ours_its_child",
            "rehearse::nothing_that_is_done_inside_reaches_the_host",
        ]);
    }
}

#[test]
fn a_command_to_paste_names_the_file_that_the_user_has() {
    if !possible() {
        return;
    }
    let container = TryContainer::new().service("web.toml", "script = \"\"\"\r\nexec web\r\n\"\"\"\r\n");
    let given = container.services();
    let ended = container.run().expect(100);
    let fix = format!("`sed -i 's/\\r$//' {}/web.toml`", given.display());
    assert!(ended.lines.iter().any(|line| line.text.contains(&fix)), "{ended:#?}");
}
