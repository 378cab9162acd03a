//! s6-style service directories.

use std::path::PathBuf;
use std::time::Duration;

use stepdown::config::restart::{RestartPause, RestartPolicy};
use stepdown::config::service::{Command, Kind, Ready, RunAs, Service};
use stepdown::config::{Content, LINK_OUT};
use stepdown::error::Place;

use super::sources_builder::{PLAIN, SourcesBuilder, dir, empty_sources, file, longrun, program, s6_image};

fn web(content: Content) -> SourcesBuilder {
    empty_sources().entry("web", content)
}

fn oneshot<'n>(more: impl IntoIterator<Item = (&'n str, Content)>) -> Content {
    dir([("type", file("oneshot\n"))].into_iter().chain(more))
}

#[track_caller]
fn assert_problems(content: Content, expected: &[&str]) {
    let printed: Vec<String> = web(content).problems();
    let printed: Vec<String> = printed.iter().map(|text| text.replace("/etc/services.d/web", "W")).collect();
    assert_eq!(printed, expected);
}

#[test]
fn a_run_script_is_a_longrun_of_the_app_user() {
    let service = web(longrun([])).service();
    assert_eq!(service.kind, Kind::Longrun);
    assert_eq!(service.command, Command::File(PathBuf::from("/etc/services.d/web/run")));
    assert_eq!(service.directory, Some(PathBuf::from("/etc/services.d/web")));
    assert_eq!(service.at, Place::file("/etc/services.d/web/run"));
    assert_eq!((service.user, service.essential, service.enabled), (RunAs::App, false, true));
    assert_eq!(service.restart.policy, RestartPolicy::Always);
    assert_eq!(service.restart.pause, RestartPause::StartInterval(Duration::from_secs(1)));
    assert_eq!(service.restart.limit, None);
    assert_eq!((service.stop.signal.number(), service.stop.timeout, service.stop.group), (15, None, false));
    assert_eq!((service.ready, service.finish), (Ready::Executed, None));
    assert_eq!(*service.success_codes, [0]);
}

#[test]
fn every_file_that_is_understood_has_its_effect() {
    let config = web(longrun([
        ("type", file("longrun\n")),
        ("finish", program("#!/bin/sh\n")),
        ("notification-fd", file("3\n")),
        ("timeout-kill", file("5000\n")),
        ("timeout-finish", file("10000")),
        ("down-signal", file("sigquit\n")),
        ("max-death-tally", file("7")),
        ("flag-essential", file("")),
        ("flag-timeout-killpg", file("")),
        ("timeout-up", file("0")),
        ("data", dir([("check", program("#!/bin/sh\n"))])),
        ("README", file("")),
    ]))
    .config();
    assert_eq!(config.notices, [""; 0]);
    let service = &config.services[0];
    let finish = service.finish.as_ref().expect("there is one");
    assert_eq!(finish.command, Command::File(PathBuf::from("/etc/services.d/web/finish")));
    assert_eq!(finish.timeout, Some(Duration::from_secs(10)));
    assert_eq!(service.ready, Ready::Fd { fd: 3, timeout: None });
    assert_eq!((service.stop.signal.number(), service.stop.timeout), (3, Some(Duration::from_secs(5))));
    assert_eq!((service.restart.limit, service.essential), (Some(7), true));
}

#[test]
fn a_finish_script_has_five_seconds_and_0_is_no_limit() {
    let timeout = |more: Vec<(&'static str, Content)>| {
        let all = more.into_iter().chain([("finish", program("#!/bin/sh\n"))]);
        web(longrun(all)).service().finish.expect("there is one").timeout
    };
    assert_eq!(timeout(vec![]), Some(Duration::from_secs(5)));
    assert_eq!(timeout(vec![("timeout-finish", file("0"))]), None);
    assert_eq!(web(longrun([("timeout-kill", file("0"))])).service().stop.timeout, None);
}

#[test]
fn a_down_file_keeps_a_service_from_starting_and_is_remarked() {
    let config = web(longrun([("down", file(""))])).config();
    assert!(!config.services[0].enabled);
    assert_eq!(config.notices, ["web: not started at boot: /etc/services.d/web/down exists"]);
}

#[test]
fn a_stop_timeout_written_for_s6_is_noted_and_no_problem() {
    let config = web(longrun([("timeout-kill", file("295000"))])).config();
    assert_eq!(config.notices, ["web: may take 295s to stop, and the whole stop has 8s"]);
}

#[test]
fn a_slip_in_a_files_name_is_remarked() {
    let config = web(longrun([("notification_fd", file("3"))])).config();
    assert_eq!(config.notices, ["web: \"notification_fd\" is ignored; did you mean notification-fd?"]);
    for (slip, meant) in [("dwon", "down"), ("tpye", "type"), ("timeout-kil", "timeout-kill")] {
        let config = web(longrun([(slip, file("")), ("data", dir([])), ("logs", dir([]))])).config();
        assert_eq!(config.notices, [format!("web: \"{slip}\" is ignored; did you mean {meant}?")]);
    }
}

#[test]
fn files_of_s6_beside_a_service_toml_are_remarked_unless_it_names_them() {
    let toml = ("service.toml", file("command = [\"web\"]"));
    let sources = |more: &[&'static str]| web(dir(more.iter().map(|name| (*name, file("9"))).chain([toml.clone()])));
    let config = sources(&["notification-fd", "timeout-kil", "run", "web-data"]).config();
    assert_eq!(
        config.notices,
        [
            "web: \"notification-fd\", \"run\", \"timeout-kil\" are ignored next to `service.toml`: write the keys for it \
          there"
        ]
    );
    assert_eq!(
        sources(&["run", "down", "data"]).config().notices,
        ["web: \"down\", \"run\" are ignored next to `service.toml`: write `command`, `enabled = false` there"]
    );
    assert_eq!(
        sources(&["down"]).config().notices,
        ["web: \"down\" is ignored next to `service.toml`: write `enabled = false` there"]
    );
    let logger = ("log", longrun([]));
    let toml = |text: &str| ("service.toml", file(text));
    let notices = |entries: Vec<(&'static str, Content)>| web(dir(entries)).config().notices;
    assert_eq!(
        notices(vec![logger.clone(), toml("command = [\"web\"]")]),
        ["web: \"log\" is ignored next to `service.toml`: write `log` there"]
    );
    for text in ["command = [\"/etc/services.d/web/run\"]", "script = \"exec ./run\"", "command = [\"sh\", \"run\"]"] {
        assert_eq!(notices(vec![("run", program("#!/bin/sh\n")), toml(text)]), [""; 0], "{text}");
    }
    assert_eq!(notices(vec![("log", dir([])), ("data", dir([])), toml("command = [\"web\"]")]), [""; 0]);
}

#[test]
fn a_run_that_changes_the_user_is_remarked_with_its_line() {
    let run = |text: &str| web(dir([("run", program(text))])).config().notices;
    assert_eq!(
        run("#!/bin/sh\nexec 2>&1\nexec s6-setuidgid app web\n"),
        [
            "/etc/services.d/web/run:3: `s6-setuidgid`: the service runs as the app user already and cannot become another; \
          leave it out, or write a `service.toml` with `command` and `user`"
        ]
    );
    assert_eq!(run("#!/bin/sh\n# gosu app\nexec web --user sudo\n"), [""; 0]);
    let in_image = s6_image().entry("web", dir([("run", program("#!/bin/sh\nexec s6-setuidgid app web\n"))]));
    let notices = in_image.config().notices;
    assert!(!notices.iter().any(|notice| notice.contains("setuidgid")), "{notices:?}");
}

#[test]
fn programs_must_be_executable() {
    let chmod = |name: &str| {
        format!("W/{name}: is not executable; chmod +x /etc/services.d/web/{name}")
            .replace("; chmod +x /etc/services.d/web", "; chmod +x W")
    };
    assert_problems(dir([("run", file("#!/bin/sh\n"))]), &[&chmod("run")]);
    assert_problems(longrun([("finish", file("#!/bin/sh\n"))]), &[&chmod("finish")]);
    assert_problems(
        dir([("run", program("echo hi\n"))]),
        &["W/run: does not begin with `#!`, so that nothing can execute it; begin it with `#!/bin/sh`"],
    );
    for (name, text, line) in [
        ("run", "#!/bin/sh\r\necho\r\n", 1),
        ("run", "#!/bin/sh\n# a web server\nexec web\r\n", 3),
        ("finish", "#!/usr/bin/with-contenv bash\n\r\nexit 0\n", 2),
    ] {
        let expected = format!(
            "W/{name}:{line}: has Windows line endings (CRLF); save the file with Unix ones: `sed -i 's/\\r$//' W/{name}`"
        );
        assert_problems(longrun([(name, program(text))]), &[&expected]);
    }
    for text in ["#!/usr/bin/python3\nprint()\r\n", "#!/bin/sh\nprintf 'PING\r\n' | nc localhost 6379\n"] {
        web(dir([("run", program(text))])).config();
    }
    assert_problems(dir([("run", dir([]))]), &["W/run: is a directory; put a regular file there, or remove it"]);
    assert_problems(
        dir([("run", Content::Other("dangling link"))]),
        &["W/run: is not a regular file (dangling link); put a regular file there, or remove it"],
    );
    for name in ["run", "finish"] {
        web(longrun([(name, Content::Other(LINK_OUT))])).config();
    }
    web(dir([("run", Content::TooLarge(9_000_000))])).config();
    web(dir([("run", program(b"\x7fELF\xff\0"))])).config();
}

#[test]
fn numbers_are_numbers_within_their_range() {
    assert_problems(
        longrun([("notification-fd", file("2\n"))]),
        &["W/notification-fd: cannot be \"2\"; write a number from 3 to 1023"],
    );
    assert_problems(
        longrun([("notification-fd", file("three"))]),
        &["W/notification-fd: cannot be \"three\"; write a number from 3 to 1023"],
    );
    assert_problems(
        longrun([("max-death-tally", file("4097"))]),
        &["W/max-death-tally: cannot be \"4097\"; write a number from 0 to 4096"],
    );
    assert_problems(
        longrun([("timeout-kill", file("-1"))]),
        &["W/timeout-kill: cannot be \"-1\"; write a number from 0 to 4294967295"],
    );
    assert_problems(
        longrun([("timeout-kill", file(b"\xff"))]),
        &["W/timeout-kill:1: is not UTF-8 text (byte 0xff); save it as UTF-8"],
    );
    assert_problems(
        longrun([("down-signal", file("FOO"))]),
        &["W/down-signal: cannot be \"FOO\"; write a name such as \"TERM\", or a number from 1 to 64"],
    );
}

#[test]
fn dependencies_are_a_directory_or_a_file() {
    let requires = |content: Content| -> Vec<String> {
        let config = empty_sources().entry("web", content).toml("a", PLAIN).toml("b", PLAIN).config();
        let web: &Service = &config.services[2];
        web.requires.iter().map(|name| name.as_str().to_owned()).collect()
    };
    assert_eq!(
        requires(longrun([("dependencies.d", dir([("b", file("")), ("a", file("")), (".keep", file(""))]))])),
        ["a", "b"]
    );
    assert_eq!(requires(longrun([("dependencies", file("# first\n  b\n\na\n"))])), ["b", "a"]);
    assert_eq!(requires(longrun([("dependencies", file("b")), ("dependencies.d", dir([("a", file(""))]))])), ["a"]);
    empty_sources()
        .entry("web", longrun([("dependencies", file("a\nbb\n"))]))
        .toml("a", PLAIN)
        .toml("b", PLAIN)
        .assert_problems(&[
            "/etc/services.d/web/dependencies:2: there is no service `bb`; did you mean `b`? services are: a, b",
        ]);
    empty_sources()
        .entry("web", longrun([("dependencies.d", dir([("base", file(""))]))]))
        .toml("a", PLAIN)
        .assert_problems(&["/etc/services.d/web/dependencies.d: there is no service `base`; services are: a"]);
}

#[test]
fn an_up_line_is_a_path_a_script_or_nothing() {
    let command = |up: Content| web(oneshot([("up", up)])).service().command;
    assert_eq!(command(file("/etc/init/run\n")), Command::Argv(vec!["/etc/init/run".into()]));
    assert_eq!(command(file("/bin/cp -a /a /b")), Command::Argv(["/bin/cp", "-a", "/a", "/b"].map(Into::into).into()));
    assert_eq!(command(file("# nothing\n")), Command::Nothing);
    assert_eq!(command(program("#!/bin/sh\necho hi\n")), Command::File(PathBuf::from("/etc/services.d/web/up")));
    let service = web(oneshot([])).service();
    assert_eq!(service.command, Command::Nothing);
    assert_eq!((service.kind, service.essential, service.restart.policy), (Kind::Oneshot, true, RestartPolicy::Never));
}

#[test]
fn an_up_file_is_execline_unless_its_interpreter_is_another() {
    let command = |up: Content| web(oneshot([("up", up)])).service().command;
    let argv = |words: &[&str]| Command::Argv(words.iter().map(Into::into).collect());
    assert_eq!(command(file("echo \"hi you\"\n")), argv(&["echo", "hi you"]));
    assert_eq!(command(file("foreground { true }\n/bin/x $y\n")), argv(&["foreground", " true", "", "/bin/x", "$y"]));
    assert_eq!(command(file("#!/bin/execlineb -P\nexec /bin/x\n")), argv(&["/bin/x"]));
    assert_problems(oneshot([("up", file("#!/bin/sh\necho \"hi\"\n"))]), &["W/up: is not executable; chmod +x W/up"]);
    assert_problems(
        oneshot([("up", file("\n# comment\nif { true\n"))]),
        &["W/up:3: this `{` is not closed; correct it: s6-rc reads execline here, not a shell script"],
    );
}

#[test]
fn service_types_that_do_not_fit_are_reported() {
    assert_problems(longrun([("type", file("daemon"))]), &["W/type: cannot be \"daemon\"; write longrun or oneshot"]);
    assert_problems(
        longrun([("type", file("oneshot"))]),
        &["W: is a oneshot and has no `up`; rename `run` to `up`, or write longrun into `type`"],
    );
    assert_problems(
        dir([("type", file("bundle"))]),
        &["W/type: a bundle is only read in an image made for s6-overlay; require the services themselves"],
    );
    assert_problems(
        dir([("type", file("longrun"))]),
        &["W: is a longrun and has no `run`; write an executable file `run` there"],
    );
    assert_problems(
        dir([("up", file("/bin/true"))]),
        &["W: has `up` and no `type`; write `oneshot` into a file `type` there"],
    );
}

#[test]
fn what_is_not_available_is_refused_by_its_name() {
    for name in ["flag-newpidns", "lock-fd", "instance", "instances", "contents.d", "reload", "reload-signal"] {
        let printed = web(longrun([(name, dir([]))])).problems();
        assert_eq!(printed.len(), 1, "{printed:?}");
        assert!(printed[0].starts_with(&format!("/etc/services.d/web/{name}: is not available; ")), "{}", printed[0]);
    }
    // A directory of the script's own, which s6 only leaves where it is.
    web(longrun([("env", dir([("MODE", file("prod\n"))]))])).config();
    assert_problems(
        longrun([("timeout-down", file("5000"))]),
        &["W/timeout-down: is not available; remove it: the whole stop has a budget (`stop_timeout`)"],
    );
}

#[test]
fn a_oneshot_has_its_times_and_a_longrun_one_for_its_readiness() {
    let service = web(oneshot([("up", file("/bin/true")), ("timeout-up", file("5000")), ("timeout-down", file("7"))]));
    let service = service.config().services.remove(0);
    let times = (service.timeout, service.stop.timeout);
    assert_eq!(times, (Some(Duration::from_secs(5)), Some(Duration::from_millis(7))));
    let service =
        web(longrun([("notification-fd", file("3")), ("timeout-up", file("5000"))])).config().services.remove(0);
    assert_eq!(service.ready, Ready::Fd { fd: 3, timeout: Some(Duration::from_secs(5)) });
    assert_problems(
        longrun([("timeout-up", file("5000"))]),
        &[
            "W/timeout-up: means nothing without `notification-fd`: the service is up at once; remove it, or write that file too",
        ],
    );
}

#[test]
fn what_has_no_effect_on_the_other_kind_is_remarked() {
    let config = web(oneshot([("up", file("/bin/true")), ("notification-fd", file("3"))])).config();
    assert_eq!(config.notices, ["`notification-fd` is ignored: it is a file of a longrun (web)"]);
    let config = web(longrun([("up", file("/bin/true"))])).config();
    assert_eq!(config.notices, ["`up` is ignored: a longrun has `run` (web)"]);
}

#[test]
fn a_log_directory_is_a_service_that_reads_what_the_other_writes() {
    let config = web(longrun([("log", longrun([("down-signal", file("HUP"))]))])).config();
    let [writer, logger] = &config.services[..] else { panic!("two services") };
    assert_eq!((writer.name.as_str(), logger.name.as_str()), ("web", "web-log"));
    assert_eq!(writer.pipe_to, Some(logger.name.clone()));
    assert_eq!(writer.after, std::slice::from_ref(&logger.name));
    assert_eq!(logger.command, Command::File(PathBuf::from("/etc/services.d/web/log/run")));
    assert_eq!(logger.directory, Some(PathBuf::from("/etc/services.d/web/log")));
    assert_eq!((logger.kind, logger.stop.signal.number(), logger.pipe_to.is_none()), (Kind::Longrun, 1, true));

    assert_problems(
        longrun([("log", file(""))]),
        &["W/log: is not a directory; make it a directory with an executable file `run`, or remove it"],
    );
    assert_problems(
        longrun([("log", dir([]))]),
        &["W/log: is a longrun and has no `run`; write an executable file `run` there"],
    );
    empty_sources().entry("web", longrun([("log", longrun([]))])).toml("web-log", PLAIN).assert_problems(&[
        "/etc/services.d/web-log.toml: service `web-log` is declared twice, here and in /etc/services.d/web/log; \
         keep one of them, or rename one",
    ]);
    let config = web(oneshot([("log", longrun([]))])).config();
    assert_eq!(config.services.len(), 1);
    assert_eq!(config.notices, ["`log` is ignored: it is a file of a longrun (web)"]);
}

#[test]
fn a_producer_pipes_to_its_consumer() {
    let producer = longrun([("producer-for", file("logger\n"))]);
    let consumer = || longrun([("consumer-for", file("web\n")), ("pipeline-name", file("web-pipeline\n"))]);
    let config = web(producer).entry("logger", consumer()).config();
    assert_eq!(config.services[1].pipe_to.as_ref().map(|name| name.as_str()), Some("logger"));
    assert_eq!(config.notices, ["`pipeline-name` is ignored: require the services themselves (logger)"]);
    web(longrun([]))
        .entry("logger", consumer())
        .assert_problems(&["/etc/services.d/logger/consumer-for:1: `web` does not pipe to `logger`; \
         write logger into its `producer-for`, or remove it here"]);
    empty_sources()
        .entry("logger", consumer())
        .assert_problems(&["/etc/services.d/logger/consumer-for:1: there is no service `web`; \
         there is no other service: remove it, or add that service"]);
    assert_problems(
        longrun([("producer-for", file("a\nb\n"))]),
        &["W/producer-for: names another one on line 2; name one service: it has one output"],
    );
    assert_problems(
        longrun([("producer-for", file("\n"))]),
        &["W/producer-for: names nobody; write a service's name into it, or remove it"],
    );
    assert_problems(
        longrun([("producer-for", file("a\n")), ("log", longrun([]))]),
        &["W/producer-for: there is a `log` too, and it has one output; remove one of them"],
    );
}

#[test]
fn a_down_file_becomes_the_stop_command_of_a_oneshot() {
    let down = |down: Content| {
        let service = web(oneshot([("up", file("/bin/do")), ("down", down)])).service();
        service.stop_command.map(|command| *command)
    };
    assert_eq!(down(file("/bin/undo -x\n")), Some(Command::Argv(["/bin/undo", "-x"].map(Into::into).into())));
    assert_eq!(down(program("#!/bin/sh\n")), Some(Command::File(PathBuf::from("/etc/services.d/web/down"))));
    assert_eq!(down(file("# nothing\n")), None);
}
