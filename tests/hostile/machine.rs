//! Machines that lack what every container has, or have something else in its place.

use super::{BareContainer, hello, says, text};
use crate::support::try_container::possible;

const RUNS: &str = "it runs as 1234:2345";

#[test]
fn what_is_no_account_file_is_named_and_the_drop_is_by_number() {
    if !possible() {
        return;
    }
    let cases = [
        ("mkdir etc/passwd etc/group", "is not a regular file"),
        ("mkfifo etc/passwd etc/group", "is not a regular file"),
        ("ln -s passwd.other etc/passwd; ln -s group.other etc/group", "is a symbolic link"),
        ("ln -s passwd etc/passwd; ln -s group etc/group", "is a symbolic link"),
    ];
    for (broken, why) in cases {
        let ended = hello().broken("rm etc/passwd etc/group").broken(broken).run();
        let message = ["/etc/passwd", "/etc/group"].map(|path| {
            format!(
                "skipped {path}: {path} {why}; the app is 1234:2345 by number; HOME, USER and LOGNAME are set; fix: "
            )
        });
        says(broken, &ended, 0, &[RUNS, &message[0], &message[1]]);
    }
}

#[test]
fn without_an_etc_the_drop_is_by_number_and_a_file_there_is_refused() {
    if !possible() {
        return;
    }
    let plain = || {
        BareContainer::new().app().command(&["/bin/sh", "-c", "touch /out/made; stat -c 'it runs as %u:%g' /out/made"])
    };
    says("none", &plain().broken("rm -r etc").run(), 0, &[RUNS, "skipped /etc/group, /etc/passwd: there is no /etc; "]);
    let file = "/etc/services.d: cannot read the services tree: Not a directory; put the directory there, readable";
    says("file", &plain().broken("rm -r etc; touch etc").run(), 100, &[file]);
}

#[test]
fn where_run_is_no_directory_another_place_serves_and_is_named() {
    if !possible() {
        return;
    }
    let elsewhere = "the control socket is in /tmp/stepdown; make /run a directory of root's";
    let cases = [
        (
            "rmdir run; touch run",
            vec!["/run is not a directory, or holds something that belongs to somebody else: ", elsewhere],
        ),
        ("rmdir run; mkfifo run", vec!["/run is not a directory", elsewhere]),
        ("rmdir run", vec!["/run is missing: ", elsewhere]),
        ("rmdir run; ln -s nowhere run", vec!["/run is missing: ", elsewhere]),
        ("rmdir run; ln -s run run", vec!["/run is not a directory", elsewhere]),
        // A link that root has placed is where root wants it.
        ("rmdir run; mkdir -p var/run; ln -s var/run run", vec![]),
        (
            "rmdir run; touch run; rmdir tmp; touch tmp",
            vec![
                "skipped runtime directory: no directory for the control socket can be written (/run, /dev/shm, /tmp); \
                  supervision works; `stepdown status`, `health` and the other control commands do not; fix: ",
            ],
        ),
    ];
    for (broken, message) in cases {
        says(broken, &hello().broken(broken).run(), 0, &[vec![RUNS], message].concat());
    }
}

#[test]
fn without_proc_or_with_a_hidden_one_it_boots_and_stops_what_it_started() {
    if !possible() {
        return;
    }
    let stubborn = "command = [\"/bin/sh\", \"-c\", \"sleep 600 & trap '' TERM; echo serves; wait; sleep 600\"]\n\
        stop = { timeout = \"300ms\", group = true }\n";
    let of_another = "command = [\"sleep\", \"600\"]\nuser = \"7:7\"\n";
    let cases = [
        ("umount proc", Some("/proc is not mounted: ")),
        ("umount proc; mount -t proc -o hidepid=2 proc proc", None),
        ("umount proc; mount -t proc -o subset=pid proc proc", None),
    ];
    for (broken, message) in cases {
        let container =
            hello().etc("services.d/web.toml", stubborn).etc("services.d/other.toml", of_another).broken(broken);
        let running = container.start();
        running.wait_for_line(|line| line.contains("| serves"), crate::support::try_container::LIMIT);
        running.wait_for_line(|line| line.contains("| other: up"), crate::support::try_container::LIMIT);
        running.wait_for_line(|line| line.contains("| hello: done"), crate::support::try_container::LIMIT);
        let first = running.pid_one();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), nix::sys::signal::Signal::SIGTERM).unwrap();
        let ended = running.wait(crate::support::try_container::LIMIT);
        says(
            broken,
            &ended,
            0,
            &[
                RUNS,
                "web: did not exit within 3",
                "web: stopped, killed by SIGKILL",
                "other: stopped, killed by SIGTERM",
            ],
        );
        message.into_iter().for_each(|message| says(broken, &ended, 0, &[message]));
    }
}

/// Children that share PID 1's memory have it explained by an execution of this program.
#[test]
fn where_this_program_cannot_be_executed_again_a_refused_program_is_still_explained() {
    if !possible() {
        return;
    }
    let remove = "type = \"oneshot\"\ncommand = [\"rm\", \"/out/web\"]\n";
    let web = "command = [\"/out/web\"]\nrequires = [\"remove\"]\nrestart = { limit = 1 }\n";
    let program = "printf '#!/bin/sh\\n' > out/web; chmod 0755 out/web";
    let closed = "cp stepdown closed; umount stepdown; mv closed stepdown; chmod 0700 stepdown";
    for broken in [":", "umount proc", closed] {
        let container = BareContainer::new().app().size("size=300m").broken(program).broken(broken);
        let ended = container.etc("services.d/remove.toml", remove).etc("services.d/web.toml", web).run();
        let why = "web: cannot execute `/out/web`: No such file or directory; it is not there; ";
        assert!(text(&ended).contains(why), "{broken}: {}", text(&ended));
    }
}

#[test]
fn without_the_null_device_services_get_an_empty_input() {
    if !possible() {
        return;
    }
    let reads = "type = \"oneshot\"\ncommand = [\"/bin/sh\", \"-c\", \"cat; echo read to the end\"]\n";
    let health = "command = [\"sleep\", \"600\"]\n[health]\ncommand = [\"cat\"]\ninterval = \"10ms\"\nfailures = 1\nthen = \"stop-container\"\n";
    for broken in [
        "rm dev/null",
        "rm -r dev",
        "rm dev/null; touch dev/null",
        "rm dev/null; mkdir dev/null",
        "rm dev/null; mkfifo dev/null",
        "rm dev/null; ln -s null dev/null",
        "rm dev/null; mknod dev/null c 1 5",
    ] {
        let ended = hello().etc("services.d/reads.toml", reads).broken("umount dev/null").broken(broken).run();
        let message = "/dev/null is not the null device: services get an empty pipe as standard input";
        says(broken, &ended, 0, &[RUNS, "| read to the end", message]);
    }
    let requested = hello().etc("services.d/asked.toml", health).broken("umount dev/null; rm dev/null").start();
    requested.wait_for_line(|line| line.contains("asked: up"), crate::support::try_container::LIMIT);
}

#[test]
fn a_working_directory_that_is_gone_is_the_top() {
    if !possible() {
        return;
    }
    let container = BareContainer::new().app().inside("mkdir /gone\ncd /gone\nrmdir /gone").command(&["/bin/pwd"]);
    let ended = container.run();
    says("gone", &ended, 0, &["the working directory is gone: the main command starts in /"]);
    assert!(ended.lines.iter().any(|line| line.text == "/"), "{ended:#?}");
    // One that only root may enter is inherited, as gosu and tini leave it.
    let closed = BareContainer::new().app().broken("mkdir -m 0700 root").inside("cd /root").command(&["/bin/pwd"]);
    says("closed", &closed.run(), 0, &["/root\n"]);
}

#[test]
fn no_environment_and_a_megabyte_of_it_both_arrive() {
    if !possible() {
        return;
    }
    let ended = BareContainer::new().command(&["/usr/bin/env"]).run();
    let mut lines: Vec<_> = ended.lines.iter().map(|line| line.text.as_str()).collect();
    lines.sort_unstable();
    let path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    assert_eq!((ended.code, lines), (Some(0), vec!["HOME=/tmp", "LOGNAME=app", path, "USER=app"]));
    let big = (0..11).fold(hello(), |container, at| container.env(&format!("BIG_{at}"), &"x".repeat(100_000)));
    let counts = "type = \"oneshot\"\ncommand = [\"/bin/sh\", \"-c\", \"env | wc -c\"]\n";
    let ended = big.etc("services.d/counts.toml", counts).run();
    says("a megabyte", &ended, 0, &["it runs as 1234:2345"]);
    let count = ended.lines.iter().find_map(|line| line.text.strip_prefix("counts   | ")?.trim().parse::<usize>().ok());
    assert!(count.is_some_and(|count| count > 1_100_000), "{:?}", ended.lines.iter().map(|line| line.text.get(..100)));
}

#[test]
fn a_panic_before_the_loop_is_reported_and_has_a_documented_exit_code() {
    if !possible() || !cfg!(debug_assertions) {
        return;
    }
    let ended = hello().env("PANIC_ON_PURPOSE", "1").run();
    let text = super::text(&ended);
    assert!(ended.code == Some(111) && text.contains("stepdown: error: internal error: "), "{:?}: {text}", ended.code);
}

#[test]
fn account_files_that_others_can_write_are_reported() {
    if !possible() {
        return;
    }
    let broken =
        "chmod 666 etc/passwd; chown 0:44 etc/group; chmod 664 etc/group; touch etc/shadow; chmod 644 etc/shadow";
    let message = [
        "/etc/passwd has mode 0666, which is kept: anybody can write it, and so become root; `RUN chmod 644 /etc/passwd`",
        "/etc/group has mode 0664, which is kept: group 44 can write it, and so become root; `RUN chmod 644 /etc/group`",
        "/etc/shadow has mode 0644, which is kept: anybody can read the passwords in it; `RUN chmod 600 /etc/shadow`",
    ];
    says("loose", &hello().broken(broken).run(), 0, &[&[RUNS], &message[..]].concat());
}

/// As the volume of an app that has run before: it owns `/vol`, and has moved root's directory to the place of its own.
#[test]
fn a_restart_gives_away_nothing_that_the_app_has_moved_into_a_declared_place() {
    if !possible() {
        return;
    }
    let container = "[[directory]]\npath = \"/vol/made\"\nclean = [\"*\"]\n[[own]]\npath = \"/vol/data\"\n";
    let broken = "mkdir -p vol/data vol/made; touch vol/data/secret vol/made/secret; chmod 700 vol/data vol/made; \
        chown 1234:2345 vol";
    let looks = "type = \"oneshot\"\nuser = \"root\"\n\
        command = [\"/bin/sh\", \"-c\", \"stat -c '%n %u:%g' /vol/*/secret\"]\n";
    let container = hello().etc("stepdown.toml", container).etc("services.d/looks.toml", looks).broken(broken);
    let message = [
        "/vol/data: left 1 entry as found: belongs to uid 0, and users other than root can replace it (/vol/data)",
        "write `take_over = true` below this [[own]]",
        "cannot give /vol/made to 1234:2345: it belongs to uid 0, and users other than root can replace it",
        "/vol/data/secret 0:0",
        "/vol/made/secret 0:0",
    ];
    says("moved", &container.run(), 0, &message);
}

/// The first boot of an image: what lies below a directory that becomes the app's in this boot was put there by root.
#[test]
fn what_the_image_has_below_a_directory_that_becomes_the_apps_becomes_so_too() {
    if !possible() {
        return;
    }
    let container = "[[directory]]\npath = \"/vol\"\n[[own]]\npath = \"/vol/data\"\n";
    let container = hello().etc("stepdown.toml", container).broken("mkdir -p vol/data; touch vol/data/file");
    let looks = "command = [\"/bin/sh\", \"-c\", \"stat -c '%n %u:%g' /vol/data/file\"]\ntype = \"oneshot\"\n";
    says("image", &container.etc("services.d/looks.toml", looks).run(), 0, &["/vol/data/file 1234:2345"]);
}
