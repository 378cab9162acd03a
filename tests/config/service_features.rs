//! What a service is beside its process: `log`, `pipe_to`, `reload`, `every`, `stop_command`; and `[signals]`, which name
//! services. Line 1 is the command.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use stepdown::config::container::LogFormat;
use stepdown::config::service::{Command, Log, LogDirectory, Reload, Service};
use stepdown::config::values::Signal;
use stepdown::error::Place;

use super::sources_builder::{PLAIN, SourcesBuilder, empty_sources, web};

fn piped(text: &str) -> SourcesBuilder {
    web(text).toml("db", PLAIN).toml("once", "command = [\"true\"]\ntype = \"oneshot\"")
}

fn called<'s>(services: &'s [Rc<Service>], name: &str) -> &'s Service {
    services.iter().find(|service| service.name.as_str() == name).expect("it is there")
}

#[test]
fn a_log_is_a_format_or_files() {
    let log = |text: &str| web(&format!("log = {{ {text} }}")).service().log;
    assert_eq!(log(""), Log::default());
    assert_eq!(log("format = \"json\""), Log { format: Some(LogFormat::Json), directory: None });
    let plain = LogDirectory {
        path: PathBuf::from("/var/log/web"),
        max_size: 10 << 20,
        keep: 10,
        max_age: None,
        compress: false,
    };
    assert_eq!(log("directory = \"/var/log/web/\"").directory.as_deref(), Some(&plain));
    let full =
        log("directory = \"/var/log/web\", max_size = \"1M\", keep = 0, max_age = \"7d\", compress = true").directory;
    let max_age = Some(Duration::from_secs(7 * 24 * 3600));
    assert_eq!(full.as_deref(), Some(&LogDirectory { max_size: 1 << 20, keep: 0, max_age, compress: true, ..plain }));
    assert_eq!(log("directory = \"/x\", max_size = 4096").directory.map(|directory| directory.max_size), Some(4096));
}

#[test]
fn an_impossible_log_is_reported() {
    let assert_problems =
        |text: &str, expected: &[&str]| web(&format!("log = {{ {text} }}")).assert_web_problems(expected);
    assert_problems(
        "format = \"auto\"",
        &["2: `log.format` cannot be \"auto\"; write one of \"inherit\", \"tagged\", \"json\""],
    );
    let size = "write a size such as \"10M\" (K, M, G, T), or a number of bytes";
    assert_problems(
        "directory = \"/x\", max_size = \"10MB\"",
        &[&format!("2: `log.max_size` cannot be \"10MB\"; {size}")],
    );
    assert_problems(
        "directory = \"/x\", max_size = 4095",
        &["2: `log.max_size` cannot be 4095; write at least \"4K\""],
    );
    assert_problems("directory = \"/x\", keep = -1", &["2: `log.keep` cannot be -1; write 0 to 10000"]);
    assert_problems(
        "directory = \"/x\", max_age = \"1s\"",
        &["2: `log.max_age` cannot be \"1s\"; write at least \"1m\""],
    );
    assert_problems(
        "directory = \"/var\"",
        &["2: `log.directory` cannot be \"/var\"; \"/var\" belongs to the system: declare a path below it"],
    );
    web("[log]\nkeep = 3\ncompress = true").assert_web_problems(&[
        "3: `log.keep` concerns files, and `log` names no directory; write `directory = \"/var/log/web\"` next to it, or remove it",
        "4: `log.compress` concerns files, and `log` names no directory; write `directory = \"/var/log/web\"` next to it, or remove it",
    ]);
}

#[test]
fn who_reads_a_pipe_starts_first() {
    let services = piped("pipe_to = \"db\"\nafter = [\"once\"]").config().services;
    let web = called(&services, "web");
    assert_eq!(web.pipe_to.as_ref().map(|to| to.as_str()), Some("db"));
    assert_eq!(web.after.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["once", "db"]);
    let services = piped("pipe_to = \"db\"\nafter = [\"db\"]").config().services;
    assert_eq!(called(&services, "web").after.len(), 1);
    let two = piped("pipe_to = \"db\"").toml("more", &format!("{PLAIN}pipe_to = \"db\"")).config().services;
    assert_eq!(called(&two, "web").pipe_to, called(&two, "more").pipe_to);
}

#[test]
fn a_log_directory_is_one_services_own() {
    let log = "log = { directory = \"/var/log/x\" }\n";
    web(log).toml("alog", &format!("{PLAIN}{log}")).assert_web_problems(&[
        "1: `log.directory`: `alog` writes its log there, too: /var/log/x; give each a `log.directory` of its own",
    ]);
}

#[test]
fn a_pipe_has_a_longrun_at_both_ends_and_no_circle() {
    piped("pipe_to = \"dbb\"")
        .assert_web_problems(&["2: `pipe_to`: there is no service `dbb`; did you mean `db`? services are: db, once"]);
    piped("pipe_to = \"web\"").assert_web_problems(&["2: `pipe_to`: `web` names itself; remove it"]);
    piped("pipe_to = \"once\"")
        .assert_web_problems(&["2: `pipe_to`: `once` is a oneshot: nothing is there to read; name a longrun"]);
    piped("type = \"oneshot\"\npipe_to = \"db\"")
        .assert_web_problems(&["3: `pipe_to` means nothing on a oneshot; write `type = \"longrun\"`, or remove it"]);
    web("pipe_to = \"db\"").toml("db", &format!("{PLAIN}requires = [\"web\"]")).assert_problems(&[
        "/etc/services.d/db.toml:2: dependency cycle: db → web → db; remove one of these `requires` and \
         `pipe_to`",
    ]);
}

#[test]
fn a_log_that_gets_less_than_it_seems_is_remarked() {
    let notices = |text: &str| piped(text).config().notices;
    assert_eq!(
        notices("pipe_to = \"db\"\nlog = { directory = \"/x\" }"),
        ["web: `log.directory` gets its standard error only: its output goes to db"]
    );
    assert_eq!(
        notices("log = { directory = \"/x\", format = \"json\" }"),
        ["web: `log.format` has no effect with `log.directory`"]
    );
    assert_eq!(notices("pipe_to = \"db\"\nlog = { format = \"json\" }"), [""; 0]);
}

#[test]
fn a_reload_is_a_signal_or_a_command() {
    let reload = |text: &str| web(&format!("reload = {{ {text} }}")).service().reload.map(|reload| *reload);
    assert_eq!(reload("signal = \"HUP\""), Some(Reload::Signal(Signal::HUP)));
    assert_eq!(
        reload("command = [\"nginx\", \"-s\", \"reload\"]"),
        Some(Reload::Command(["nginx", "-s", "reload"].map(Into::into).into()))
    );
    web("reload = {}")
        .assert_web_problems(&["2: `reload` has neither `signal` nor `command`; write `signal = \"HUP\"`"]);
    web("reload = { signal = \"HUP\", command = [\"x\"] }")
        .assert_web_problems(&["2: `reload` has both `signal` and `command`; keep one of them"]);
}

#[test]
fn a_oneshot_may_be_periodic_and_have_a_stop_command() {
    let service = web("type = \"oneshot\"\nevery = \"1h\"\nstop_command = [\"umount\", \"/x\"]").service();
    assert_eq!((service.every, service.essential), (Some(Duration::from_secs(3600)), false));
    assert_eq!(service.stop_command.as_deref(), Some(&Command::Argv(["umount", "/x"].map(Into::into).into())));
    assert_eq!(web("type = \"oneshot\"\ntimeout = \"5m\"").service().timeout, Some(Duration::from_secs(300)));
    web("type = \"oneshot\"\ntimeout = \"0s\"")
        .assert_web_problems(&["3: `timeout` cannot be \"0s\"; write at least \"10ms\""]);
    web("timeout = \"5m\"")
        .assert_web_problems(&["2: `timeout` means nothing on a longrun; write `type = \"oneshot\"`, or remove it"]);
    assert!(web("type = \"oneshot\"\nevery = \"1h\"\nessential = true").service().essential);
    web("type = \"oneshot\"\nevery = \"999ms\"")
        .assert_web_problems(&["3: `every` cannot be \"999ms\"; write at least \"1s\""]);
    web("every = \"1h\"\nstop_command = [\"x\"]").assert_web_problems(&[
        "2: `every` means nothing on a longrun; write `type = \"oneshot\"`, or remove it",
        "3: `stop_command` means nothing on a longrun; write `type = \"oneshot\"`, or remove it",
    ]);
}

#[test]
fn a_oneshot_may_run_at_a_time_of_day() {
    let service = web("type = \"oneshot\"\nat = \"Mon..Fri 03:00\"").service();
    assert_eq!(service.calendar.map(|calendar| calendar.to_string()).as_deref(), Some("Mon..Fri 03:00"));
    assert!(!service.essential);
    assert!(web("type = \"oneshot\"\nat = \"03:00\"\nessential = true").service().essential);
}

#[test]
fn a_time_of_day_that_is_none_is_reported_with_its_line_and_what_to_write() {
    let check_line =
        |line: &str, expected: &str| web(&format!("type = \"oneshot\"\n{line}")).assert_web_problems(&[expected]);
    let form = "write a time of day such as \"03:00\", with weekdays or a date before it such as \"Mon..Fri 03:00\" or \
                \"*-*-01 03:00\"";
    check_line("at = \"3\"", &format!("3: `at` cannot be \"3\"; {form}"));
    check_line("at = \"0 3 *\"", &format!("3: `at` cannot be \"0 3 *\"; {form}"));
    check_line("at = \"\"", &format!("3: `at` cannot be \"\"; {form}"));
    check_line(
        "at = 3",
        "3: `at` expects a time of day, with weekdays or a date, found an integer; write for example `at = \"03:00\"`",
    );
    check_line(
        "at = 03:00:00",
        "3: `at` expects a time of day, with weekdays or a date, found a date; write for example `at = \"03:00\"`",
    );
    check_line(
        "at = \"24:00\"",
        "3: `at` cannot be \"24:00\"; \
         the hour is a number from 0 to 23, a list (1,15), a range (1..7), a step (*/2) or `*`",
    );
    check_line(
        "at = \"03:00 Europe/Berlin\"",
        "3: `at` cannot be \"03:00 Europe/Berlin\"; \
         write weekdays first and no time zone: the zone is that of the container's TZ",
    );
    check_line(
        "at = \"*-02-30 03:00\"",
        "3: `at` cannot be \"*-02-30 03:00\"; \
         no such date ever comes: write one that the calendar has, such as \"*-02-28 03:00\"",
    );
    check_line("every = \"1h\"\nat = \"03:00\"", "4: both `every` and `at` are set; keep one of them");
    check_line(
        "at = \"03:00\"\nstop_command = [\"x\"]",
        "4: `stop_command` means nothing with `at`: between its times there is nothing to undo; \
         clear up at the end of the command itself, and remove it",
    );
    check_line("cron = \"0 3 * * *\"", "3: unknown key `cron`; write `at = \"03:00\"`");
    web("at = \"03:00\"")
        .assert_web_problems(&["2: `at` means nothing on a longrun; write `type = \"oneshot\"`, or remove it"]);
    web("requires = [\"backup\"]")
        .toml("backup", "type = \"oneshot\"\ncommand = [\"x\"]\nat = \"03:00\"\n")
        .assert_web_problems(&["2: `requires`: `backup` runs when its time comes (`at = \"03:00\"`); \
                     require a oneshot that runs at the start, or remove it"]);
}

fn signals(text: &str) -> SourcesBuilder {
    piped("").container(&format!("[signals]\n{text}"))
}

#[test]
fn a_signal_is_passed_on_as_it_is_or_as_another() {
    let rules =
        signals("USR1 = \"web\"\nHUP = { service = \"db\", signal = \"USR2\" }\nSIGWINCH = { service = \"db\" }\nQUIT = \"main\"")
            .config();
    let mut rules: Vec<_> = rules
        .container
        .signals
        .into_iter()
        .map(|rule| (rule.from.to_string(), rule.service.to_string(), rule.to.to_string(), rule.at))
        .collect();
    rules.sort_by_key(|(from, ..)| from.clone());
    let row = |from: &str, service: &str, to: &str, line| {
        (from.to_owned(), service.to_owned(), to.to_owned(), Place::line("/etc/stepdown.toml", line))
    };
    let expected = [
        row("SIGHUP", "db", "SIGUSR2", 3),
        row("SIGQUIT", "main", "SIGQUIT", 5),
        row("SIGUSR1", "web", "SIGUSR1", 2),
        row("SIGWINCH", "db", "SIGWINCH", 4),
    ];
    assert_eq!(rules, expected);
}

#[test]
fn a_signal_that_cannot_be_passed_on_is_reported() {
    let other = "remove it; HUP, QUIT, USR1, USR2, WINCH and the like can be";
    for (name, why) in [
        ("TERM", "it stops the container"),
        ("INT", "it stops the container"),
        ("CHLD", "it says that a process has ended"),
        ("KILL", "it cannot be caught"),
        ("STOP", "it cannot be caught"),
        ("SEGV", "it tells a process of its own faults"),
        ("TRAP", "it tells a process of its own faults"),
        ("SYS", "it tells a process of its own faults"),
    ] {
        signals(&format!("{name} = \"web\""))
            .assert_problems(&[&format!("/etc/stepdown.toml:2: `signals.{name}` cannot be forwarded: {why}; {other}")]);
    }
    for (text, expected) in [
        ("usr1 = \"web\"", "`signals.usr1` is not a signal; write a name such as USR1, in upper case"),
        (
            "USR1 = 5",
            "`signals.USR1` expects a service's name or a table, found an integer; write for example \
             `signals = { USR1 = \"db\" }`",
        ),
        ("USR1 = {}", "`signals.USR1` has no `service`; write `service = \"web\"`"),
        ("USR1 = \"-x\"", "`signals.USR1` cannot be \"-x\"; write a service's name, or `main` for the main command"),
        (
            "USR1 = \"wib\"",
            "`signals.USR1`: there is no service `wib`; did you mean `web`? services are: db, once, web",
        ),
        ("USR1 = \"once\"", "`signals.USR1`: `once` is a oneshot: nothing is there to get it; name a longrun"),
        (
            "USR1 = { service = \"web\", signal = \"usr2\" }",
            "`signals.USR1.signal` cannot be \"usr2\"; did you mean \"USR2\"?",
        ),
    ] {
        signals(text).assert_problems(&[&format!("/etc/stepdown.toml:2: {expected}")]);
    }
    signals("USR1 = \"web\"\nSIGUSR1 = \"db\"")
        .assert_problems(&["/etc/stepdown.toml:2: `signals.USR1` is forwarded already; keep one of them"]);
    empty_sources().container("[signals]\nUSR1 = \"web\"").main("true").assert_problems(&[
        "/etc/stepdown.toml:2: `signals.USR1`: there is no service `web`; add that service, or remove it",
    ]);
}
