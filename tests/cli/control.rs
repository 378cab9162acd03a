//! The verbs that talk to PID 1, against a socket of this test, in place of PID 1's.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};

use super::*;

/// A runtime directory in which one request is answered.
pub(super) struct FakeServer {
    place: tempfile::TempDir,
    request: JoinHandle<String>,
}

impl FakeServer {
    pub(super) fn new(answer: impl Into<String>) -> Self {
        let answer = answer.into();
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("stepdown");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o711)).unwrap();
        let listener = UnixListener::bind(directory.join("control")).unwrap();
        let request = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            line
        });
        Self { place, request }
    }

    pub(super) fn run(self, arguments: &[&str]) -> (CommandOutput, String) {
        let output = output_of(stepdown(arguments).env("XDG_RUNTIME_DIR", self.place.path()));
        (output, self.request.join().unwrap())
    }
}

const WELL: &str = concat!(
    r#"{"ok":{"mode":"root","identity":{"name":"app","uid":1000,"gid":1000,"groups":[1000]},"kept":[],"reasons":[],"#,
    r#""uptime_ms":61000,"stopping":false,"revision":5,"services":[{"name":"web","kind":"longrun","state":"up","#,
    r#""wanted":true,"skipped":false,"pid":42,"paused":false,"since_ms":1200,"uptime_ms":1250,"restarts":0,"last_exit":null,"#,
    r#""why":null,"waits_for":[],"healthy":null,"status_text":null,"usage":null}]}}"#,
    "\n"
);
const FAILED: &str = concat!(
    r#"{"ok":{"mode":"user","identity":{"name":"1000","uid":1000,"gid":0,"groups":[0]},"kept":[],"reasons":[],"#,
    r#""uptime_ms":5,"stopping":false,"revision":6,"services":[{"name":"web","kind":"longrun","state":"failed","#,
    r#""wanted":false,"skipped":false,"pid":null,"user":null,"paused":false,"since_ms":1200,"uptime_ms":null,"restarts":10,"#,
    r#""last_exit":{"code":3},"why":{"limit":{"failures":10,"last":{"ended":{"code":3}}}},"waits_for":[],"next_run":null,"healthy":null,"health_result":null,"status_text":null,"log_trouble":null,"#,
    r#""usage":null}]}}"#,
    "\n"
);

#[test]
fn status_prints_a_table_without_colours_off_a_terminal() {
    let (output, request) = FakeServer::new(WELL).run(&["status"]);
    assert_eq!(request, "{\"request\":\"status\"}\n");
    assert_eq!(
        output,
        CommandOutput {
            code: 0,
            out: "root mode, app (1000:1000, groups 1000), up for 1m 1s; PID 1 keeps nothing\n\
                  \n\
                  SERVICE  STATE  PID  FOR   RESTARTS  LAST EXIT  MEMORY  CPU  NOTE\n\
                  web      up     42   1.2s  0         -          -       -\n"
                .into(),
            err: String::new()
        }
    );
}

#[test]
fn status_ends_with_1_while_something_wanted_is_not_up() {
    let (output, _) = FakeServer::new(FAILED).run(&["status"]);
    assert_eq!(output.code, 1);
    assert!(
        output.out.contains(
            "web      failed  -    1.2s  10        3          -       -    10 consecutive failures, last: exited with code 3\n"
        ),
        "{}",
        output.out
    );
}

#[test]
fn status_as_json_is_the_answer() {
    let (output, _) = FakeServer::new(FAILED).run(&["status", "--json"]);
    let printed: serde_json::Value = serde_json::from_str(&output.out).unwrap();
    let mut answered: serde_json::Value = serde_json::from_str(FAILED).unwrap();
    answered["ok"]["version"] = 1.into();
    assert_eq!((output.code, &printed), (1, &answered["ok"]));
}

#[test]
fn shutdown_hands_its_code_over() {
    let (output, request) = FakeServer::new("{\"ok\":{}}\n").run(&["shutdown", "--code", "3"]);
    assert_eq!(request, "{\"request\":\"shutdown\",\"code\":3}\n");
    assert_eq!(output, CommandOutput { code: 0, out: String::new(), err: String::new() });
    let (_, request) = FakeServer::new("{\"ok\":{}}\n").run(&["shutdown"]);
    assert_eq!(request, "{\"request\":\"shutdown\"}\n");
}

#[test]
fn status_asks_for_those_that_are_named() {
    let (_, request) = FakeServer::new(WELL).run(&["status", "web", "db"]);
    assert_eq!(request, "{\"request\":\"status\",\"services\":[\"web\",\"db\"]}\n");
}

#[test]
fn health_is_silent_or_names_who_is_not_well() {
    let (output, request) = FakeServer::new("{\"ok\":{\"problems\":[]}}\n").run(&["health"]);
    assert_eq!(request, "{\"request\":\"health\"}\n");
    assert_eq!(output, CommandOutput { code: 0, out: String::new(), err: String::new() });
    let problems =
        r#"[{"kind":"unhealthy","service":"web"},{"kind":"not-up","service":"db","state":"backoff","why":null}]"#;
    let (output, _) = FakeServer::new(format!("{{\"ok\":{{\"problems\":{problems}}}}}\n")).run(&["health"]);
    assert_eq!(output, CommandOutput { code: 1, out: "web: unhealthy\ndb: backoff\n".into(), err: String::new() });
}

#[test]
fn health_asks_for_what_a_probe_wants_to_know() {
    let (output, request) = FakeServer::new("{\"ok\":{\"problems\":[]}}\n").run(&["health", "--live"]);
    assert_eq!(request, "{\"request\":\"health\",\"criterion\":\"live\"}\n");
    assert_eq!((output.code, output.out.as_str()), (0, "live\n"));
    let problems = r#"[{"kind":"unhealthy","service":"web"},{"kind":"container-stopping"}]"#;
    let server = FakeServer::new(format!("{{\"ok\":{{\"problems\":{problems}}}}}\n"));
    let (output, request) = server.run(&["health", "web", "--ready"]);
    assert_eq!(request, "{\"request\":\"health\",\"services\":[\"web\"],\"criterion\":\"ready\"}\n");
    assert_eq!((output.code, output.out.as_str()), (1, "not ready: web: unhealthy; the container is stopping\n"));
}

#[test]
fn a_probe_that_nobody_answers_is_not_well() {
    let output = output_of(stepdown(["health"]).env("XDG_RUNTIME_DIR", "/none/of/ours"));
    assert_eq!((output.code, output.out.as_str()), (1, ""));
}

#[test]
fn a_change_waits_unless_no_wait_is_given() {
    let answer = "{\"ok\":{\"services\":[{\"name\":\"web\",\"state\":\"up\",\"pid\":7,\"reached\":true,\"why\":null},\
                  {\"name\":\"db\",\"state\":\"failed\",\"pid\":null,\"reached\":false,\"why\":\"failed-before\"}]}}\n";
    let (output, request) = FakeServer::new(answer).run(&["restart", "web", "db", "--timeout", "2s"]);
    assert_eq!(request, "{\"request\":\"restart\",\"services\":[\"web\",\"db\"],\"wait_ms\":2000}\n");
    assert_eq!(
        output,
        CommandOutput {
            code: 1,
            out: "web: up, pid 7\n".into(),
            err: "db: failed: failed before the step down\n".into()
        }
    );
    let (output, request) = FakeServer::new(answer).run(&["stop", "web", "--no-wait"]);
    assert_eq!(request, "{\"request\":\"stop\",\"services\":[\"web\"]}\n");
    assert_eq!(output, CommandOutput { code: 0, out: String::new(), err: String::new() });
}

#[test]
fn wait_asks_for_what_its_flag_says() {
    for (flag, until) in
        [(None, "ready"), (Some("--ready"), "ready"), (Some("--down"), "down"), (Some("--done"), "done")]
    {
        let words: Vec<_> = ["wait", "db"].into_iter().chain(flag).collect();
        let (_, request) = FakeServer::new("{\"ok\":{\"services\":[]}}\n").run(&words);
        let expected = format!("\"services\":[\"db\"],\"until\":\"{until}\",\"timeout_ms\":60000");
        assert!(request.contains(&expected), "{request}");
    }
}

#[test]
fn a_server_that_is_gone_before_the_response_is_distinguished() {
    let (output, _) = FakeServer::new("").run(&["wait", "db"]);
    assert_eq!((output.code, output.err.as_str()), (111, "stepdown: the container has ended\n"));
}

#[test]
fn an_unknown_service_name_is_a_wrong_argument() {
    let answer = "{\"wrong\":\"there is no service `wbe`; did you mean `web`?\"}\n";
    for words in
        [&["start", "wbe"][..], &["reload", "wbe"], &["signal", "wbe", "HUP"], &["logs", "wbe"], &["env", "wbe"]]
    {
        let (output, _) = FakeServer::new(answer).run(words);
        assert_eq!(output.code, 100, "{words:?}: {output:?}");
        assert_eq!(output.err, "stepdown: there is no service `wbe`; did you mean `web`?\n");
    }
}

#[test]
fn lines_go_where_the_service_wrote_them() {
    let answer = "{\"ok\":{\"line\":{\"service\":\"web\",\"time\":\"T\",\"stream\":\"stdout\",\"text\":\"a\",\"more\":false}}}\n\
                  {\"ok\":{\"line\":{\"service\":\"web\",\"time\":\"T\",\"stream\":\"stderr\",\"text\":\"b\",\"more\":false}}}\n";
    let (output, request) = FakeServer::new(answer).run(&["logs", "-n", "2", "web"]);
    assert_eq!(request, "{\"request\":\"logs\",\"services\":[\"web\"],\"lines\":2,\"follow\":false}\n");
    assert_eq!(output, CommandOutput { code: 0, out: "a\n".into(), err: "b\n".into() });
}

#[test]
fn a_hidden_value_is_not_printed() {
    let answer = "{\"ok\":{\"variables\":[{\"name\":\"A\",\"value\":\"1\"},{\"name\":\"TOKEN\",\"value\":null}]}}\n";
    let (output, _) = FakeServer::new(answer).run(&["env", "web"]);
    assert_eq!((output.code, output.out.as_str()), (0, "A=1\nTOKEN=(hidden)\n"));
    assert!(output.err.contains("--show-secrets"), "{}", output.err);
}

#[test]
fn a_refusal_is_printed_without_what_a_terminal_could_obey() {
    let (output, _) = FakeServer::new("{\"error\":\"only root\\u001b[2J may\"}\n").run(&["shutdown"]);
    assert_eq!(
        output,
        CommandOutput { code: 111, out: String::new(), err: "stepdown: only root\\u{1b}[2J may\n".into() }
    );
}

#[test]
fn without_a_server_every_path_is_printed() {
    for verb in ["status", "shutdown"] {
        let output = output_of(stepdown([verb]).env("XDG_RUNTIME_DIR", "/none/of/ours"));
        assert_eq!(
            output,
            CommandOutput {
                code: 111,
                out: String::new(),
                err: "stepdown: no stepdown responds at /run/stepdown/control, /none/of/ours/stepdown/control, \
                      /dev/shm/stepdown/control, /tmp/stepdown/control\n  fix: call it in a container whose PID 1 is stepdown: \
                      docker exec CONTAINER stepdown status\n"
                    .into()
            }
        );
    }
}
