//! Keys, values and sections of systemd, compose, supervisord, s6 and cron in our files: each is answered with the system that
//! it belongs to and the line to write.

use super::sources_builder::{PLAIN, empty_sources, web};

/// Each text below a command, and what is said of it without the file's name.
#[track_caller]
fn assert_said(cases: &[(&str, &[&str])]) {
    for (text, expected) in cases {
        web(text).assert_web_problems(expected);
    }
}

/// The same of the container file.
#[track_caller]
fn assert_said_of_container(text: &str, expected: &[&str]) {
    let printed = empty_sources().toml("db", PLAIN).container(text).problems();
    let printed: Vec<_> = printed.iter().map(|line| line.trim_start_matches("/etc/stepdown.toml:")).collect();
    assert_eq!(printed, expected, "{text}");
}

#[test]
fn a_key_of_systemd_is_answered_with_ours_and_its_value() {
    assert_said(&[
        (
            "WorkingDirectory = \"/data\"",
            &["2: unknown key `WorkingDirectory` (systemd); write `directory = \"/data\"`"],
        ),
        (
            "working_directory = \"/data\"",
            &["2: unknown key `working_directory` (systemd); write `directory = \"/data\"`"],
        ),
        ("After = \"db.service network.target\"", &["2: unknown key `After` (systemd); write `after = [\"db\"]`"]),
        ("AFTER = [\"db\"]", &["2: unknown key `AFTER`; did you mean `after`?"]),
        ("User = \"www-data\"", &["2: unknown key `User` (systemd); write `user = \"www-data\"`"]),
        ("Restart = \"no\"", &["2: unknown key `Restart` (systemd); write `restart = \"never\"`"]),
        ("Restart = \"on-failure\"", &["2: unknown key `Restart` (systemd); write `restart = \"on-failure\"`"]),
        (
            "NoNewPrivileges = \"yes\"",
            &["2: unknown key `NoNewPrivileges` (systemd); write `no_new_privileges = true`"],
        ),
        (
            "EnvironmentFile = \"-/etc/x\"",
            &["2: unknown key `EnvironmentFile` (systemd); write for example `environment_file = \"/config/web.env\"`"],
        ),
        ("TimeoutStopSec = 90", &["2: unknown key `TimeoutStopSec` (systemd); write `stop = { timeout = \"90s\" }`"]),
        (
            "SuccessExitStatus = 143",
            &["2: unknown key `SuccessExitStatus` (systemd); write `success_codes = [0, 143]`"],
        ),
        (
            "OnCalendar = \"Mon..Fri 04:00\"",
            &["2: unknown key `OnCalendar` (systemd); write `at = \"Mon..Fri 04:00\"`"],
        ),
        (
            "ReloadSignal = \"SIGUSR1\"",
            &["2: unknown key `ReloadSignal` (systemd); write `reload = { signal = \"USR1\" }`"],
        ),
        (
            "Wants = \"cache.service\"",
            &[
                "2: unknown key `Wants` (systemd); write `after = [\"cache\"]`: what lies in the tree is started at boot, so \
                 that only the order is left",
            ],
        ),
        (
            "ConditionFileNotEmpty = \"/x\"",
            &[
                "2: unknown key `ConditionFileNotEmpty` (systemd); write a oneshot with a file of its own, and require it: \
                 `requires = [\"db\"]`",
            ],
        ),
        (
            "RestartForceExitStatus = 1",
            &[
                "2: unknown key `RestartForceExitStatus` (systemd); write for example `restart = { policy = \"on-failure\" }`",
            ],
        ),
        ("[stop]\nkill_signal = 2", &["3: unknown key `kill_signal` in `stop` (systemd); write `signal = \"INT\"`"]),
        (
            "type = \"forking\"",
            &[
                "2: `type` cannot be \"forking\"; run the program in the foreground, where its main process stays (`nginx -g \
                 \"daemon off;\"`), and write `type = \"longrun\"`",
            ],
        ),
    ]);
}

#[test]
fn a_key_of_compose_is_answered_with_ours_and_its_value() {
    assert_said(&[
        (
            "stop_grace_period = \"7s\"",
            &["2: unknown key `stop_grace_period` (compose); write `stop = { timeout = \"7s\" }`"],
        ),
        (
            "stopGracePeriod = \"7s\"",
            &["2: unknown key `stopGracePeriod` (compose); write `stop = { timeout = \"7s\" }`"],
        ),
        ("depends_on = [\"a\", \"b\"]", &["2: unknown key `depends_on` (compose); write `requires = [\"a\", \"b\"]`"]),
        (
            "[depends_on.cache]\ncondition = \"service_healthy\"",
            &["2: unknown key `depends_on` (compose); write `requires = [\"cache\"]`"],
        ),
        (
            "[healthcheck]\ntest = [\"x\"]",
            &[
                "2: unknown key `healthcheck` (compose); write for example `health = { http = \"http://127.0.0.1/ping\" }`",
            ],
        ),
        (
            "health = { tcp = 80, start_period = \"1s\" }",
            &[
                "2: unknown key `start_period` in `health` (compose); write for example `ready = { fd = 3 }`: its health checks begin once \
                 it is ready",
            ],
        ),
        ("init = true", &["2: unknown key `init` (compose); remove it: stepdown is the init"]),
        (
            "restart = \"unless-stopped\"",
            &[
                "2: `restart` cannot be \"unless-stopped\"; write `restart = \"always\"`: stopped manually, it stays stopped",
            ],
        ),
    ]);
}

#[test]
fn a_key_of_supervisord_or_s6_is_answered_with_ours_and_its_value() {
    assert_said(&[
        (
            "autostart = true",
            &[
                "2: unknown key `autostart` (supervisord); remove it where it is true; otherwise write `enabled = false`",
            ],
        ),
        ("autorestart = true", &["2: unknown key `autorestart` (supervisord); write `restart = \"always\"`"]),
        (
            "autorestart = \"unexpected\"",
            &["2: unknown key `autorestart` (supervisord); write `restart = \"on-failure\"`"],
        ),
        ("startsecs = 1", &["2: unknown key `startsecs` (supervisord); write `ready = { delay = \"1s\" }`"]),
        ("startSecs = 1", &["2: unknown key `startSecs` (supervisord); write `ready = { delay = \"1s\" }`"]),
        ("stopwaitsecs = 10", &["2: unknown key `stopwaitsecs` (supervisord); write `stop = { timeout = \"10s\" }`"]),
        ("stopsignal = \"INT\"", &["2: unknown key `stopsignal`; write `stop = { signal = \"INT\" }`"]),
        (
            "stdout_logfile = \"/dev/stdout\"",
            &["2: unknown key `stdout_logfile` (supervisord); remove it: what it writes goes to the log"],
        ),
        ("notification-fd = 4", &["2: unknown key `notification-fd` (s6); write `ready = { fd = 4 }`"]),
        ("timeout-kill = 7000", &["2: unknown key `timeout-kill` (s6); write `stop = { timeout = \"7s\" }`"]),
        ("down-signal = \"INT\"", &["2: unknown key `down-signal` (s6); write `stop = { signal = \"INT\" }`"]),
        (
            "with-contenv = true",
            &["2: unknown key `with-contenv` (s6); remove it: a service has the container's environment"],
        ),
        (
            "s6-setuidgid = \"abc\"",
            &["2: unknown key `s6-setuidgid` (s6); write `user = \"abc\"`: without it, it runs as the app user"],
        ),
        (
            "execlineb = \"-P\"",
            &[
                "2: unknown key `execlineb` (s6); write for example `command = [\"nginx\", \"-g\", \"daemon off;\"]`: a script of execline may \
                 stay in a file `run`, in a directory of the service's name",
            ],
        ),
        (
            "fix-attrs.d = \"/config\"",
            &["2: unknown key `fix-attrs` (s6); write `[[own]]` into the container file /etc/stepdown.toml"],
        ),
        ("env = 1", &["2: unknown key `env`; write for example `environment = { MODE = \"prod\" }`"]),
    ]);
}

#[test]
fn a_value_that_says_something_else_here_is_not_repeated() {
    assert_said(&[
        (
            "before = [\"x\"]",
            &["2: unknown key `before`; write for example `after = [\"db\"]` in the file of the other service"],
        ),
        (
            "OnFailure = \"x.service\"",
            &["2: unknown key `OnFailure` (systemd); write for example `finish = [\"/usr/bin/cleanup\"]`"],
        ),
        (
            "stdout_logfile = \"/var/log/x.log\"",
            &[
                "2: unknown key `stdout_logfile` (supervisord); write for example `log = { directory = \"/var/log/web\" }`",
            ],
        ),
        (
            "disabled = true",
            &["2: unknown key `disabled`; remove it where it is false; otherwise write `enabled = false`"],
        ),
    ]);
}

/// What is said of a file, without its name.
fn said_of(text: &str) -> Vec<String> {
    let printed = empty_sources().toml("web", text).problems();
    printed.iter().map(|line| line.trim_start_matches("/etc/services.d/web.toml:").to_owned()).collect()
}

#[test]
fn each_key_of_a_systemd_unit_is_explained() {
    let unit = "[Unit]\nDescription = \"x\"\nAfter = \"db.service\"\n[Service]\nType = \"forking\"\nExecStart = \"x\"\n\
        User = \"www\"\n[Install]\nWantedBy = \"multi-user.target\"\n";
    let section = "is a section of a systemd unit; write its keys at the top of this file, in our words";
    assert_eq!(
        said_of(unit),
        [
            &format!("1: `[Unit]` {section}"),
            "2: `Description` is a key of systemd; write it as a comment: `# …`",
            "3: `After` is a key of systemd; write `after = [\"db\"]`",
            &format!("4: `[Service]` {section}"),
            "5: `Type` is a key of systemd; run the program in the foreground, where its main process stays (`nginx -g \
             \"daemon off;\"`), and write `type = \"longrun\"`",
            "6: `ExecStart` is a key of systemd; write `command = [\"x\"]`",
            "7: `User` is a key of systemd; write `user = \"www\"`",
            &format!("8: `[Install]` {section}"),
            "9: `WantedBy` is a key of systemd; remove it: what lies in the tree is started at boot",
        ]
    );
}

#[test]
fn a_key_in_a_section_is_said_to_be_of_its_own_system() {
    let unit = "[Service]\nExecStart = \"x\"\ndepends_on = [\"db\"]\nautostart = true\nstartsecs = 1\ncwd = \"/x\"\n";
    assert_eq!(
        said_of(unit),
        [
            "1: `[Service]` is a section of a systemd unit; write its keys at the top of this file, in our words",
            "2: `ExecStart` is a key of systemd; write `command = [\"x\"]`",
            "3: `depends_on` is a key of compose; write `requires = [\"db\"]`",
            "4: `autostart` is a key of supervisord; remove it where it is true; otherwise write `enabled = false`",
            "5: `startsecs` is a key of supervisord; write `ready = { delay = \"1s\" }`",
            "6: unknown key `cwd`; write `directory = \"/x\"`",
        ]
    );
}

#[test]
fn sections_of_compose_and_supervisord_are_known() {
    let file = "at the top of a service's file, such as /etc/services.d/NAME.toml, in our words";
    let import = "`stepdown import supervisord.conf` translates such a file; or write its keys";
    let compose = "[services.web]\ncommand = \"x\"\ndepends_on = [\"db\"]\nimage = \"x\"\n";
    assert_eq!(
        said_of(compose),
        [
            &format!("1: `[services]` is a section of a compose file; write its keys {file}"),
            "3: `depends_on` is a key of compose; write `requires = [\"db\"]`",
            "4: `image` is a key of compose; it belongs in the compose file: remove it here",
        ]
    );
    for (text, name) in [("[\"program:web\"]", "program:web"), ("[program.web]", "program")] {
        assert_eq!(
            said_of(&format!("{text}\ncommand = \"x\"\nstartsecs = 5\n")),
            [
                &format!("1: `[{name}]` is a section of a supervisord.conf; {import} {file}"),
                "3: `startsecs` is a key of supervisord; write `ready = { delay = \"5s\" }`",
            ]
        );
    }
    // As it stands in a supervisord.conf, it is no TOML.
    let conf = "[program:web]\ncommand=/usr/bin/x\n";
    assert_eq!(said_of(conf), [format!("1: `[program:web]` is a section of a supervisord.conf; {import} {file}")]);
    // A key of ours with that name is none of a section's.
    assert_eq!(said_of(&format!("{PLAIN}services = 1\n")).len(), 1);
}

#[test]
fn in_the_container_file_the_place_is_named_too() {
    let file = "into the file of a service, such as /etc/services.d/NAME.toml";
    for (text, expected) in [
        ("stop_grace_period = \"25s\"", "unknown key `stop_grace_period` (compose); write `stop_timeout = \"25s\"`"),
        ("UMASK = \"027\"", "unknown key `UMASK`; write `app = { umask = \"027\" }`"),
        ("PUID = 1001", "unknown key `PUID`; write `app = { uid = 1001 }`"),
        ("fix-attrs.d = \"x\"", "unknown key `fix-attrs` (s6); write for example `own = [{ path = \"/config\" }]`"),
        ("init = true", "unknown key `init` (compose); remove it: stepdown is the init"),
    ] {
        assert_said_of_container(text, &[&format!("1: {expected}")]);
    }
    assert_said_of_container(
        "depends_on = [\"x\"]",
        &[&format!("1: unknown key `depends_on` (compose); write `requires = [\"x\"]` {file}")],
    );
    assert_said_of_container(
        "ExecStart = \"x\"",
        &[&format!("1: unknown key `ExecStart` (systemd); write `command = [\"x\"]` {file}")],
    );
    assert_said_of_container(
        "[Service]\nUser = \"x\"",
        &[
            "1: `[Service]` is a section of a systemd unit; write its keys at the top of a service's file, such as \
             /etc/services.d/NAME.toml, in our words",
            "2: `User` is a key of systemd; write `user = \"x\"`",
        ],
    );
}

#[test]
fn a_period_of_crons_and_a_time_in_the_place_of_a_period_are_translated() {
    let job = |text: &str, expected: &str| {
        web(&format!("type = \"oneshot\"\n{text}")).assert_web_problems(&[&format!("3: {expected}")]);
    };
    for (written, fix) in [
        ("0 3 * * *", "write `at = \"03:00\"`"),
        ("*/5 * * * *", "write `at = \"*:*/5\"`"),
        ("*/15 9-17 * * 1-5", "write `at = \"Mon..Fri 9..17:*/15\"`"),
        ("0 3 13 * 5", "it means either day: write two oneshots, `at = \"*-*-13 03:00\"` and `at = \"Fri 03:00\"`"),
        ("@hourly", "write `at = \"*:00\"`"),
        ("@every 90s", "write `every = \"90s\"`"),
        ("@reboot", "leave both out: a oneshot runs at the start"),
        (
            "0 3 * * * root /usr/bin/backup",
            "write `at = \"03:00\"`; what follows the times is a command: write it into `command`",
        ),
        ("TZ=Europe/Berlin 0 3 * * *", "write `at = \"03:00\"`; the zone is that of the container's TZ"),
        (
            "0 0 L * *",
            "write a time such as `at = \"03:00\"` or `at = \"Mon..Fri 03:00\"`, or a period such as `every = \"1h\"`",
        ),
    ] {
        for key in ["every", "at"] {
            job(
                &format!("{key} = \"{written}\""),
                &format!("`{key}` cannot be \"{written}\"; this is cron syntax; {fix}"),
            );
        }
        for key in ["schedule", "cron"] {
            job(&format!("{key} = \"{written}\""), &format!("unknown key `{key}`; {fix}"));
        }
    }
    job("every = \"daily\"", "`every` cannot be \"daily\"; this is a time, not a period; write `at = \"daily\"`");
    job("at = \"1h\"", "`at` cannot be \"1h\"; this is a period, not a time; write `every = \"1h\"`");
}
