//! The real binary as the real PID 1, and what a service sees then: the recorder's record, compared whole. Only what differs from
//! run to run is masked: the number of the private gid, and limits, niceness, `oom_score_adj`, seccomp and cgroups that come
//! from the user who runs the tests.

use std::fs;

use serde_json::{Value, json};

use crate::support::record_comparison::{compare, merge};
use crate::support::try_container::{LIMIT, Origin, TryContainer, possible};

/// One service, nothing special declared.
const WEB: &str = "command = [\"/usr/local/bin/recorder\", \"--stay\"]\n";
/// Docker's default set.
const DOCKER: &str = "00000000a80425fb";
const NONE: &str = "0000000000000000";

/// What a service of the app user 1234:2345 sees when nothing special is declared. The other tests say what differs.
fn plain() -> Value {
    json!({
        "self": {
            "uids": [1234, 1234, 1234, 1234],
            "gids": [2345, 2345, 2345, 2345],
            "groups": [2345],
            "inheritable": NONE,
            "permitted": NONE,
            "effective": NONE,
            "bounding": DOCKER,
            "ambient": NONE,
            "no_new_privs": "1",
            "threads": "1",
        },
        "descriptors": { "0": "/dev/null", "1": "pipe", "2": "pipe" },
        "umask": "022",
        "securebits": 0,
        "dumpable": 1,
        "signals": { "blocked": NONE, "ignored": NONE },
        "environment": {
            "HOME": "/tmp",
            "HOSTNAME": "rehearsal",
            "LOGNAME": "app",
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "PGID": "2345",
            "PUID": "1234",
            "USER": "app",
        },
        "directory": "/",
        "files": {},
        "session": { "parent": 1, "group": "self", "session": "self", "tty": "ENXIO" },
        "limits": "inherited",
        "nice": "inherited",
        "oom_score_adj": "inherited",
        "pid_one": {
            "is": {
                "uids": [1234, 1234, 1234, 1234],
                "gids": [2345, 2345, "private", 2345],
                "groups": [2345],
                "inheritable": NONE,
                "permitted": NONE,
                "effective": NONE,
                "bounding": DOCKER,
                "ambient": NONE,
                "no_new_privs": "1",
            },
            "environ": "EACCES",
            "mem": "EACCES",
            "maps": "EACCES",
            "fd": "EACCES",
            "prlimit": "EPERM",
            "ptrace": "EPERM",
            "kill": "allowed",
        },
    })
}

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345")
}

/// Starts, compares the first record with [`plain`] changed by `differs` (a JSON merge patch), and stops cleanly.
fn sees(container: TryContainer, differs: Value) {
    let running = container.start();
    let record = mask(running.record());
    let mut expected = plain();
    merge(&mut expected, differs);
    let mut differences = Vec::new();
    compare("", &expected, &record, &mut differences);
    let output = running.stop();
    assert!(differences.is_empty(), "{}\nall that came:\n{output:#?}", differences.join("\n"));
    output.expect(0);
}

#[test]
fn as_root_everything_becomes_the_app_user_and_pid_one_cannot_be_touched() {
    if possible() {
        sees(app().service("web.toml", WEB), json!({}));
    }
}

#[test]
fn a_read_only_root_changes_nothing_for_the_service() {
    if possible() {
        sees(app().read_only().service("web.toml", WEB), json!({ "environment": { "HOME": "/dev/shm" } }));
    }
}

#[test]
fn no_new_privileges_from_the_runtime_changes_nothing_for_the_service() {
    if possible() {
        sees(app().no_new_privileges().service("web.toml", WEB), json!({}));
    }
}

#[test]
fn a_declared_capability_is_ambient_in_its_service_and_only_permitted_in_pid_one() {
    if possible() {
        let bind = "0000000000000400";
        sees(
            app().service("web.toml", &format!("{WEB}capabilities = [\"NET_BIND_SERVICE\"]\n")),
            json!({
                "self": { "inheritable": bind, "permitted": bind, "effective": bind, "ambient": bind },
                "pid_one": { "is": { "permitted": bind } },
            }),
        );
    }
}

#[test]
fn a_service_of_another_user_is_that_user_and_pid_one_keeps_what_starts_and_stops_it() {
    if possible() {
        sees(
            app().service("web.toml", &format!("{WEB}user = \"daemon\"\n")),
            json!({
                "self": { "uids": [1, 1, 1, 1], "gids": [1, 1, 1, 1], "groups": [1] },
                "environment": { "HOME": "/usr/sbin", "USER": "daemon", "LOGNAME": "daemon" },
                // KILL, SETGID, SETUID.
                "pid_one": { "is": { "permitted": "00000000000000e0" }, "kill": "EPERM" },
            }),
        );
    }
}

#[test]
fn a_service_that_stays_root_makes_pid_one_stay_root() {
    if possible() {
        let root = json!({
            "uids": [0, 0, 0, 0], "gids": [0, 0, 0, 0], "groups": [0], "permitted": DOCKER, "effective": DOCKER,
        });
        sees(
            app().service("web.toml", &format!("{WEB}user = \"root\"\n")),
            json!({
                "self": root,
                "environment": { "HOME": "/root", "USER": "root", "LOGNAME": "root" },
                // Root may list the numbers of PID 1's descriptors, and open none of them.
                "pid_one": { "is": root, "prlimit": "allowed", "fd": "open" },
            }),
        );
    }
}

#[test]
fn without_root_everything_is_the_user_that_there_is() {
    if possible() {
        sees(
            app().user("1:1").service("web.toml", WEB),
            json!({
                "self": { "uids": [1, 1, 1, 1], "gids": [1, 1, 1, 1], "groups": [1] },
                "environment": { "HOME": "/usr/sbin", "USER": "daemon", "LOGNAME": "daemon" },
                // No second gid to hide behind: limits can be changed (SECURITY fact 2), memory and environment not read.
                "pid_one": {
                    "is": { "uids": [1, 1, 1, 1], "gids": [1, 1, 1, 1], "groups": [1] },
                    "prlimit": "allowed",
                },
            }),
        );
    }
}

#[test]
fn an_unknown_user_still_has_a_home_and_a_name() {
    if possible() {
        let unknown = json!({ "uids": [4242, 4242, 4242, 4242], "gids": [4242, 4242, 4242, 4242], "groups": [4242] });
        sees(
            app().user("4242:4242").service("web.toml", WEB),
            json!({
                "self": unknown,
                "environment": { "HOME": "/tmp" },
                "pid_one": { "is": unknown, "prlimit": "allowed" },
            }),
        );
    }
}

#[test]
fn groups_of_the_runtime_are_kept() {
    if possible() {
        sees(
            app().group_add("44").service("web.toml", WEB),
            json!({ "self": { "groups": [44, 2345] }, "pid_one": { "is": { "groups": [44, 2345] } } }),
        );
    }
}

#[test]
fn the_main_commands_exit_code_is_the_containers() {
    if possible() {
        let ended = app().command(&["/usr/local/bin/recorder", "--exit", "7"]).run();
        let records = ended.records();
        // As tini: a command that ends with a code of its own is nothing to talk about.
        assert!(!ended.text(Origin::Err).contains("stepdown: "), "{ended:#?}");
        ended.expect(7);
        assert_eq!(records.len(), 1);
        assert_eq!(records[0]["self"]["uids"], json!([1234, 1234, 1234, 1234]));
    }
}

#[test]
fn a_main_command_that_cannot_run_is_reported_before_anything_runs() {
    if !possible() {
        return;
    }
    for (command, code, why) in [
        ("nosuch", 127, "main command: cannot find the program `nosuch` in PATH; nothing was done or started"),
        ("/etc/passwd", 126, "main command: cannot execute `/etc/passwd`: it has no execute bit"),
    ] {
        let ended = app().service("web.toml", WEB).command(&[command]).run();
        assert!(ended.records().is_empty());
        assert!(ended.text(Origin::Err).contains(why), "{ended:#?}");
        ended.expect(code);
    }
}

#[test]
fn a_flag_in_the_place_of_the_main_command_is_refused_with_where_it_belongs() {
    if possible() {
        let ended = app().command(&["--help"]).run();
        let message = "cannot find the program `--help` in PATH; it is a flag, not a program: what follows the image's name \
            replaces CMD as a whole; write `docker run IMAGE PROGRAM --help`, or for stepdown's own help `docker run \
            --entrypoint stepdown IMAGE --help`; nothing was done or started";
        assert!(ended.text(Origin::Err).contains(message), "{ended:#?}");
        ended.expect(127);
    }
}

#[test]
fn a_wrong_uid_ends_with_100_before_anything_runs() {
    if possible() {
        let ended = TryContainer::new().env("PUID", "1000x").service("web.toml", WEB).run();
        assert!(ended.records().is_empty());
        assert!(ended.text(Origin::Err).contains("PUID=1000x"), "{ended:#?}");
        ended.expect(100);
    }
}

#[test]
fn a_crashed_service_is_started_again_in_the_same_way() {
    if possible() {
        let running = app().service("web.toml", "command = [\"/usr/local/bin/recorder\", \"--exit\", \"3\"]\n").start();
        running.wait_until(|lines| lines.iter().filter(|line| line.text.contains("RECORD {")).count() >= 2, LIMIT);
        let records = running.stop().records();
        // What tells the processes of one run from those of another.
        assert_ne!(run_mark(&records[0]), run_mark(&records[1]));
        assert_eq!(mask(records[0].clone()), mask(records[1].clone()));
    }
}

/// Puts words in the place of what differs from run to run.
fn mask(mut record: Value) -> Value {
    // The one limit that is ours (the book, "Services"): looked at, then put back to what the tests have.
    assert_ne!(run_mark(&record), 0);
    record["limits"][MARKED] = own_limits()[MARKED].take();
    if record["limits"] == own_limits() {
        record["limits"] = json!("inherited");
    }
    if record["nice"] == json!(own_nice()) {
        record["nice"] = json!("inherited");
    }
    if record["oom_score_adj"] == fs::read_to_string("/proc/self/oom_score_adj").unwrap_or_default().trim() {
        record["oom_score_adj"] = json!("inherited");
    }
    if let Some(whole) = record.as_object_mut() {
        whole.remove("seccomp");
        whole.remove("cgroup");
        // Nobody but PID 1 starts anything.
        let starter = whole.remove("starter");
        assert_eq!(starter.as_ref(), whole.get("pid_one").and_then(|first| first.get("is")));
    }
    if let Some(first) = record["pid_one"]["is"].as_object_mut() {
        // Its log pump may have one of its own.
        first.remove("threads");
        if first["gids"][2] != first["gids"][0] && first["gids"][2] != json!(0) {
            first["gids"][2] = json!("private");
        }
    }
    record
}

#[test]
fn a_raised_oom_score_is_set_however_close_to_the_exec_it_comes() {
    if !possible() {
        return;
    }
    // Without root, where PID 1 can write it only once the program is dumpable.
    let file = "type = \"oneshot\"\ncommand = [\"cat\", \"/proc/self/oom_score_adj\"]\noom_score_adj = 500\n";
    let container = (0..64).fold(TryContainer::new().user("1000:1000"), |container, number| {
        container.service(&format!("s{number}.toml"), file)
    });
    let ended = container.run();
    assert!(!ended.text(Origin::Err).contains("oom_score_adj"), "{}", ended.text(Origin::Err));
    ended.expect(0);
}

/// The limit that says of which run a process is; no kernel looks at it.
const MARKED: &str = "Max file locks";

/// Returns the number of the run, counted down from PID 1's own limit: soft and hard are one, and below the tests' own.
fn run_mark(record: &Value) -> u64 {
    let (ours, per_run) = (1_u64 << 62, 1_u64 << 32);
    let written = record["limits"][MARKED].as_str().unwrap();
    let (soft, hard) = written.split_once(' ').unwrap();
    assert_eq!(soft, hard);
    let below = ours - soft.parse::<u64>().unwrap();
    assert_eq!(below % per_run, 0, "{written}");
    below / per_run
}

fn own_limits() -> Value {
    let text = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let lines = text.lines().skip(1).filter_map(|line| {
        let (name, rest) = line.split_at_checked(26)?;
        let mut words = rest.split_whitespace();
        Some((name.trim().to_owned(), json!(format!("{} {}", words.next()?, words.next()?))))
    });
    Value::Object(lines.collect())
}

/// The 19th field of proc_pid_stat(5), counted behind the name, which may hold anything.
fn own_nice() -> i32 {
    let text = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind = text.rsplit_once(')').map_or("", |(_, behind)| behind);
    behind.split_whitespace().nth(16).and_then(|word| word.parse().ok()).unwrap_or_default()
}
