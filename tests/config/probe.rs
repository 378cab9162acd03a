//! `ready`, `health` and `wait_for`: what each question becomes, and the exact text of every problem. Line 1 is the
//! command.

use std::path::PathBuf;
use std::time::Duration;

use stepdown::config::probe::{HTTP_SUCCESS, Health, HostPort, Http, Probe, UnhealthyAction};
use stepdown::config::service::Ready;

use super::sources_builder::web;

fn to(host: &str, port: u16) -> HostPort {
    HostPort { host: host.to_owned(), port }
}

fn ready(text: &str) -> Ready {
    web(&format!("ready = {{ {text} }}")).service().ready
}

/// The question of `ready` with nothing said about times.
fn probe_of(text: &str) -> Probe {
    match ready(text) {
        Ready::Probe { probe, interval, timeout: None } if interval == Duration::from_millis(500) => *probe,
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_problems(key: &str, text: &str, expected: &str) {
    web(&format!("{key} = {{ {text} }}")).assert_web_problems(&[&format!("2: {expected}")]);
}

#[test]
fn each_readiness_kind_is_read() {
    assert_eq!(ready("fd = 3"), Ready::Fd { fd: 3, timeout: None });
    let timeout = Some(Duration::from_secs(30));
    assert_eq!(ready("notify = true, timeout = \"30s\""), Ready::Notify { timeout, watchdog: None });
    let watchdog = Some(Duration::from_secs(9));
    assert_eq!(ready("notify = true, watchdog = \"9s\""), Ready::Notify { timeout: None, watchdog });
    assert_eq!(ready("delay = \"2s\""), Ready::Delay(Duration::from_secs(2)));
    let path = PathBuf::from("/run/x");
    assert_eq!(probe_of("path = \"/run//x/\""), Probe::Path(path.clone()));
    assert_eq!(probe_of("socket = \"/run/x\""), Probe::Socket(path.clone()));
    assert_eq!(probe_of("command = [\"pg_isready\", \"-q\"]"), Probe::Command(vec!["pg_isready".into(), "-q".into()]));
    let interval = Duration::from_secs(1);
    assert_eq!(
        ready("path = \"/run/x\", interval = \"1s\", timeout = \"30s\""),
        Ready::Probe { probe: Box::new(Probe::Path(path)), interval, timeout }
    );
}

#[test]
fn a_port_alone_is_the_containers_own() {
    for written in ["80", "\"80\"", "\":80\"", "\"127.0.0.1:80\""] {
        assert_eq!(probe_of(&format!("tcp = {written}")), Probe::Tcp(to("127.0.0.1", 80)), "{written}");
    }
    assert_eq!(probe_of("tcp = \"[::1]:80\""), Probe::Tcp(to("::1", 80)));
    assert_eq!(probe_of("tcp = \"db:5432\""), Probe::Tcp(to("db", 5432)));
}

#[test]
fn a_url_may_be_asked_over_a_socket_and_for_other_answers() {
    let plain = Http { to: to("127.0.0.1", 80), socket: None, target: "/ping".to_owned(), status: HTTP_SUCCESS };
    let url = "http = \"http://127.0.0.1/ping\"";
    assert_eq!(probe_of(url), Probe::Http(plain.clone()));
    let socket = Some(PathBuf::from("/run/x.sock"));
    assert_eq!(probe_of(&format!("{url}, socket = \"/run/x.sock\"")), Probe::Http(Http { socket, ..plain.clone() }));
    for (written, status) in [("204", 204..=204), ("\"204\"", 204..=204), ("\"200-499\"", 200..=499)] {
        let expected = Probe::Http(Http { status, ..plain.clone() });
        assert_eq!(probe_of(&format!("{url}, status = {written}")), expected, "{written}");
    }
}

#[test]
fn exactly_one_kind_of_target_must_be_given() {
    let ways = "write one of fd, notify, tcp, http, path, socket, command, delay";
    assert_problems("ready", "", &format!("`ready` does not say how; {ways}"));
    assert_problems("ready", "timeout = \"5s\"", &format!("`ready` does not say how; {ways}"));
    assert_problems("ready", "fd = 3, tcp = 80", "`ready` has both `fd` and `tcp`; keep one of them");
    assert_problems("ready", "tcp = 80, socket = \"/x\"", "`ready` has both `tcp` and `socket`; keep one of them");
    assert_problems(
        "health",
        "failures = 2",
        "`health` does not say how; write one of tcp, http, path, socket, command",
    );
    assert_problems(
        "health",
        "notify = true, tcp = 80",
        "unknown key `notify` in `health`; the keys are: tcp, http, path, socket, command, status, interval, timeout, \
         failures, successes, then",
    );
}

#[test]
fn keys_without_meaning_for_the_chosen_probe_are_refused() {
    assert_problems("ready", "fd = 3, interval = \"1s\"", "`ready.interval` means nothing with `fd`; remove it");
    assert_problems("ready", "notify = true, status = 200", "`ready.status` means nothing with `notify`; remove it");
    assert_problems(
        "ready",
        "delay = \"1s\", timeout = \"1s\"",
        "`ready.timeout` means nothing with `delay`; remove it",
    );
    assert_problems("ready", "tcp = 80, status = 200", "`ready.status` means nothing without `http`; remove it");
    assert_problems("health", "tcp = 80, status = 200", "`health.status` means nothing without `http`; remove it");
    assert_problems("ready", "notify = false", "`ready.notify` cannot be false; write true, or remove it");
}

#[test]
fn impossible_targets_are_refused_with_what_to_write() {
    let pair = "write host and port, such as \"127.0.0.1:80\" or \"[::1]:80\"";
    assert_problems("ready", "tcp = \"db\"", &format!("`ready.tcp` cannot be \"db\"; {pair}"));
    assert_problems("ready", "tcp = 0", "`ready.tcp` cannot be 0; write 1 to 65535");
    assert_problems("ready", "tcp = 65536", "`ready.tcp` cannot be 65536; write 1 to 65535");
    assert_problems("ready", "tcp = \"db:x\"", "`ready.tcp` cannot be \"db:x\"; a port is a number from 1 to 65535");
    assert_problems(
        "ready",
        "tcp = \"::1:80\"",
        "`ready.tcp` cannot be \"::1:80\"; write an IPv6 address in brackets, such as \"[::1]:80\"",
    );
    assert_problems(
        "ready",
        "tcp = true",
        "`ready.tcp` expects a host and a port, found a boolean; write for example `tcp = \"127.0.0.1:80\"`",
    );
    assert_problems(
        "health",
        "http = \"127.0.0.1/ping\"",
        "`health.http` cannot be \"127.0.0.1/ping\"; write a URL such as \"http://127.0.0.1/ping\"",
    );
    assert_problems(
        "health",
        "http = \"https://web/ping\"",
        "`health.http` cannot be \"https://web/ping\"; there is no TLS here; write `command = [\"curl\", \"-fsS\", \
         \"https://web/ping\"]` instead, with a curl in the image",
    );
    assert_problems(
        "health",
        "http = \"http://me:secret@web/\"",
        "`health.http` cannot be \"http://me:secret@web/\"; put no user and password into it: use a `command` that \
         has them",
    );
    assert_problems(
        "health",
        "http = \"http://web/a\\r\\nX: y\"",
        "`health.http` cannot be \"http://web/a\\r\\nX: y\"; write blanks and letters beyond ASCII percent-encoded, such as %20",
    );
    assert_problems(
        "ready",
        "path = \"run/x\"",
        "`ready.path` cannot be \"run/x\"; write an absolute path, beginning with `/`",
    );
    assert_problems(
        "ready",
        "command = []",
        "`ready.command` names no program; write for example `command = [\"pg_isready\", \"-q\"]`",
    );
    let range = "write a status from 200 to 599, or a range of them such as \"200-399\"";
    for status in ["\"399-200\"", "\"2xx\"", "\"200-\"", "\"+20\"", "99", "600", "\"200-300-400\""] {
        let text = format!("http = \"http://web\", status = {status}");
        assert_problems("ready", &text, &format!("`ready.status` cannot be {status}; {range}"));
    }
}

#[test]
fn times_that_are_over_at_once_are_refused() {
    for key in ["timeout", "interval"] {
        let expected = |table: &str| format!("`{table}.{key}` cannot be \"0s\"; write at least \"10ms\"");
        for table in ["ready", "health"] {
            assert_problems(table, &format!("tcp = 80, {key} = \"0s\""), &expected(table));
        }
    }
    assert_problems("health", "tcp = 80, failures = 0", "`health.failures` cannot be 0; write 1 to 4294967295");
}

#[test]
fn a_health_check_has_the_defaults_of_docker() {
    let health = |text: &str| {
        web(&format!("health = {{ tcp = 80{text} }}")).service().health.map(|health| *health).expect("there is one")
    };
    let plain = Health {
        probe: Probe::Tcp(to("127.0.0.1", 80)),
        interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        failures: 3,
        successes: 1,
        then: UnhealthyAction::Restart,
    };
    assert_eq!(health(""), plain);
    assert_eq!(health(", then = \"stop-container\"").then, UnhealthyAction::StopContainer);
    let full = health(", interval = \"1s\", timeout = \"2s\", failures = 4, successes = 5, then = \"report\"");
    let (interval, timeout) = (Duration::from_secs(1), Duration::from_secs(2));
    assert_eq!(full, Health { interval, timeout, failures: 4, successes: 5, then: UnhealthyAction::Report, ..plain });
    assert_problems(
        "health",
        "tcp = 80, then = \"halt\"",
        "`health.then` cannot be \"halt\"; write one of \"restart\", \"stop-container\", \"report\"",
    );
}

#[test]
fn what_is_awaited_is_printed_as_it_is_written() {
    let all = ["tcp://db:5432", "tcp://[::1]:80", "http://web:80/ping?x=1", "path:/run/x", "socket:/run/x.sock"];
    let service = web(&format!("wait_for = {all:?}")).service();
    let printed: Vec<String> = service.wait_for.iter().map(ToString::to_string).collect();
    assert_eq!(printed, all);
}

#[test]
fn impossible_wait_for_targets_are_refused_with_what_to_write() {
    for (text, fix) in [
        ("db:5432", "write tcp://HOST:PORT, http://HOST/PATH, path:/FILE or socket:/FILE"),
        ("tcp://db", "write host and port, such as \"127.0.0.1:80\" or \"[::1]:80\""),
        ("path:run/x", "write an absolute path, beginning with `/`"),
        ("socket:", "write an absolute path"),
        ("https://x", "there is no TLS here; write \"tcp://HOST:443\", or wait in the service's own command"),
    ] {
        let expected = format!("2: an element of `wait_for` cannot be \"{text}\"; {fix}");
        web(&format!("wait_for = [\"{text}\"]")).assert_web_problems(&[&expected]);
    }
}
