//! What another system's key and value mean here: a line to paste says the same and is accepted, and one that does not is
//! said to be an example, or not said at all.

use super::sources_builder::{PLAIN, empty_sources, web};

/// What is said of a service with that line, without the place and the key.
#[track_caller]
fn fix_of(line: &str) -> String {
    let problems = web(line).problems();
    assert_eq!(problems.len(), 1, "{line}: {problems:?}");
    let (_, fix) = problems[0].split_once("; ").unwrap();
    fix.to_owned()
}

#[track_caller]
fn assert_fixes(cases: &[(&str, &str)]) {
    for (line, fix) in cases {
        assert_eq!(fix_of(line), *fix, "{line}");
    }
}

#[test]
fn nobody_who_names_another_user_is_told_to_write_root() {
    assert_fixes(&[
        ("user = 1000", "write uid and gid: `user = \"1000:1000\"`"),
        ("user = \"1000\"", "write uid and gid, such as \"1000:1000\""),
        ("User = 1000", "write `user = \"1000:1000\"`"),
        ("User = \"1000\"", "write `user = \"1000:1000\"`"),
        ("User = \"1000:100\"", "write `user = \"1000:100\"`"),
        ("User = \"www-data:www-data\"", "write `user = \"www-data\"`"),
        ("User = \"www-data:users\"", "write for example `user = \"www-data\"`"),
        ("User = \"%i\"", "write for example `user = \"www-data\"`"),
        ("s6-setuidgid = 911", "write `user = \"911:911\"`: without it, it runs as the app user"),
        ("user = true", "write for example `user = \"www-data\"`"),
        // Who names root means it.
        ("User = \"root\"", "write `user = \"root\"`"),
        ("User = 0", "write `user = \"root\"`"),
        ("user = 0", "write `user = \"root\"`"),
    ]);
    let problems = empty_sources().toml("web", &format!("{PLAIN}[Service]\nUser = \"1000\"\n")).problems();
    assert!(problems[1].ends_with("write `user = \"1000:1000\"`"), "{problems:?}");
}

#[test]
fn what_restricts_a_service_is_not_translated_into_a_right_nor_said_to_be_needless() {
    for (line, fix) in [
        (
            "CapabilityBoundingSet = \"CAP_NET_ADMIN\"",
            "remove it: the container runtime restricts the capabilities (compose `cap_drop`)",
        ),
        ("bounding_set = [\"x\"]", "remove it: the container runtime restricts the capabilities (compose `cap_drop`)"),
        (
            "SystemCallFilter = \"@system-service\"",
            "not available here: remove it; the container runtime filters system calls (compose `security_opt: \
             [\"seccomp=FILE\"]`)",
        ),
    ] {
        assert_eq!(fix_of(line), fix);
    }
    for (line, part) in [
        (
            "ProtectSystem = \"strict\"",
            "not available here: remove it, and write `read_only: true` into the compose file",
        ),
        ("ReadOnlyPaths = \"/etc\"", "`read_only: true`"),
        ("PrivateTmp = true", "share /tmp"),
        ("PrivateDevices = true", "its own /dev"),
        ("RestrictAddressFamilies = \"AF_UNIX\"", "seccomp"),
        ("ProtectKernelModules = true", "the container runtime does this"),
    ] {
        let problem = web(line).problems().remove(0);
        assert!(problem.contains("(systemd); ") && problem.contains(part), "{problem}");
        assert!(!problem.contains("not needed"), "{problem}");
    }
}

#[test]
fn a_value_that_means_no_limit_is_not_translated_into_none_at_all() {
    let never = "remove it: it means no limit there, which is so here without the key";
    let stop = "remove it: it means no limit there, and here without the key only the whole stop's holds";
    assert_fixes(&[
        ("timeout-kill = 0", "remove it: 0 means never to s6, and here it would kill at once"),
        ("timeout-up = 0", never),
        ("TimeoutStopSec = 0", stop),
        ("TimeoutStopSec = \"infinity\"", stop),
        ("TimeoutStartSec = 0", never),
        ("TimeoutStartSec = \"infinity\"", never),
        ("WatchdogSec = 0", "remove it: it means no watchdog"),
        ("startsecs = 0", "remove it: without `ready`, it counts as ready once its program runs"),
        ("RestartSec = 0", "write `restart = { delay = \"100ms\" }`, the shortest"),
        // These kill at once there, too.
        ("stopwaitsecs = 0", "write `stop = { timeout = \"0s\" }`"),
        ("stop_grace_period = \"0s\"", "write `stop = { timeout = \"0s\" }`"),
    ]);
}

#[test]
fn what_can_be_translated_is_and_the_rest_is_called_an_example() {
    assert_fixes(&[
        ("TimeoutStopSec = \"1min 30s\"", "write `stop = { timeout = \"90s\" }`"),
        ("TimeoutStopSec = \"5min\"", "write `stop = { timeout = \"5m\" }`"),
        ("TimeoutStopSec = 0.5", "write `stop = { timeout = \"500ms\" }`"),
        ("TimeoutStopSec = \"soon\"", "write for example `stop = { timeout = \"5s\" }`"),
        ("stop_signal = 15", "write `stop = { signal = \"TERM\" }`"),
        ("stop_signal = \"15\"", "write `stop = { signal = \"TERM\" }`"),
        ("stop_signal = \"HALT\"", "write for example `stop = { signal = \"QUIT\" }`"),
        ("notification-fd = 1", "write for example `ready = { fd = 3 }`"),
        ("ulimits = { nofile = 10 }", "write `limits = { nofile = 10 }`"),
        ("ulimits = { nofile = { soft = 1, hard = 2 } }", "write `limits = { nofile = { soft = 1, hard = 2 } }`"),
        ("env_file = \".env\"", "write for example `environment_file = \"/config/web.env\"`"),
        ("env_file = [\"/x.env\"]", "write `environment_file = \"/x.env\"`"),
        ("Environment = \"A=b\"", "write `environment = { A = \"b\" }`"),
        ("Environment = [\"A=b\", \"C=d e\"]", "write `environment = { A = \"b\", C = \"d e\" }`"),
        ("Environment = \"A=$B\"", "write for example `environment = { MODE = \"prod\" }`"),
        ("env = { A = \"b\" }", "write `environment = { A = \"b\" }`"),
        (
            "cap_add = [\"ALL\"]",
            "name those that it needs, for example `capabilities = [\"NET_BIND_SERVICE\"]`: no word means all of them",
        ),
        ("After = \"network.target\"", "remove it: there are no such units here"),
        ("After = \"a.socket db.service\"", "write `after = [\"db\"]`"),
        ("StandardOutput = \"journal\"", "remove it: what it writes goes to the log"),
        ("healthcheck = { disable = true }", "remove it: without `health`, nothing is checked"),
        ("ExecReload = \"/bin/kill -HUP $MAINPID\"", "write `reload = { signal = \"HUP\" }`"),
        ("ExecReload = \"kill -s USR1 ${MAINPID}\"", "write `reload = { signal = \"USR1\" }`"),
        (
            "ExecReload = \"/usr/sbin/nginx -s reload\"",
            "write `reload = { command = [\"/usr/sbin/nginx\", \"-s\", \"reload\"] }`",
        ),
        // `startretries` does not count the first start; `import` has the same.
        ("startretries = 3", "write `restart = { limit = 4 }`"),
        ("dependencies.d = [\"db\"]", "write `requires = [\"db\"]`"),
        ("restart = { policy = \"no\", delay = \"5s\" }", "write `policy = \"never\"`"),
    ]);
}

#[test]
fn what_is_to_be_written_is_accepted() {
    for line in [
        "User = \"1000\"",
        "WatchdogSec = 30",
        "RestartSec = 0",
        "startretries = 0",
        "ulimits = { nofile = { soft = 1, hard = 2 } }",
        "Environment = \"A=b\"",
        "stop_signal = 40",
        "TimeoutStopSec = 0.5",
    ] {
        let fix = fix_of(line);
        let pasted = fix.split('`').nth(1).unwrap();
        empty_sources().toml("web", &format!("{PLAIN}{pasted}\n")).config();
    }
    assert_eq!(fix_of("WatchdogSec = 30"), "write `ready = { notify = true, watchdog = \"30s\" }`");
}

#[test]
fn a_variable_in_a_value_is_said_not_to_be_expanded() {
    for (line, parts) in [
        ("user = \"$PUID\"", ["no variable is expanded here", "leave it out"]),
        ("user = \"${NAME}\"", ["no variable is expanded here", "write a name"]),
        ("wait_for = [\"tcp://${DB_HOST}:5432\"]", ["no variable is expanded here", "write the value itself"]),
        ("ready = { http = \"http://127.0.0.1:$PORT/\" }", ["no variable is expanded here", "write the value itself"]),
        ("ready = { tcp = \"$PORT\" }", ["no variable is expanded here", "write the value itself"]),
    ] {
        let fix = fix_of(line);
        assert!(parts.iter().all(|part| fix.contains(part)), "{fix}");
    }
}
