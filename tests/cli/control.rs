//! `status` and `shutdown` against a socket of this test, in place of PID 1's.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixListener;
use std::thread::{self, JoinHandle};

use super::*;

/// A runtime directory in which one request is answered.
struct Answering {
    place: tempfile::TempDir,
    asked: JoinHandle<String>,
}

impl Answering {
    fn with(answer: &'static str) -> Self {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("stepdown");
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o711)).unwrap();
        let listener = UnixListener::bind(directory.join("control")).unwrap();
        let asked = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(stream.try_clone().unwrap()).read_line(&mut line).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            line
        });
        Self { place, asked }
    }

    fn run(self, arguments: &[&str]) -> (Said, String) {
        let said = said(stepdown(arguments).env("XDG_RUNTIME_DIR", self.place.path()));
        (said, self.asked.join().unwrap())
    }
}

const WELL: &str = concat!(
    r#"{"ok":{"mode":"root","identity":{"name":"app","uid":1000,"gid":1000,"groups":[1000]},"kept":[],"reasons":[],"#,
    r#""uptime_ms":61000,"stopping":false,"services":[{"name":"web","state":"up","wanted":true,"pid":42,"#,
    r#""since_ms":1200,"restarts":0,"last_exit":null,"why":null}]}}"#,
    "\n"
);
const FAILED: &str = concat!(
    r#"{"ok":{"mode":"user","identity":{"name":"1000","uid":1000,"gid":0,"groups":[0]},"kept":[],"reasons":[],"#,
    r#""uptime_ms":5,"stopping":false,"services":[{"name":"web","state":"failed","wanted":true,"pid":null,"#,
    r#""since_ms":1200,"restarts":10,"last_exit":{"code":3},"why":"10 failures in a row"}]}}"#,
    "\n"
);

#[test]
fn status_prints_a_table_without_colours_off_a_terminal() {
    let (said, asked) = Answering::with(WELL).run(&["status"]);
    assert_eq!(asked, "{\"ask\":\"status\"}\n");
    assert_eq!(
        said,
        Said {
            code: 0,
            out: "root mode, app (1000:1000, groups 1000), up for 1m 1s; PID 1 keeps nothing\n\
                  \n\
                  SERVICE  STATE  PID  FOR   RESTARTS  LAST EXIT  WHY\n\
                  web      up     42   1.2s  0         -\n"
                .into(),
            err: String::new()
        }
    );
}

#[test]
fn status_ends_with_1_while_something_wanted_is_not_up() {
    let (said, _) = Answering::with(FAILED).run(&["status"]);
    assert_eq!(said.code, 1);
    assert!(
        said.out.contains("web      failed  -    1.2s  10        3          10 failures in a row\n"),
        "{}",
        said.out
    );
}

#[test]
fn status_as_json_is_the_answer() {
    let (said, _) = Answering::with(FAILED).run(&["status", "--json"]);
    let printed: serde_json::Value = serde_json::from_str(&said.out).unwrap();
    let answered: serde_json::Value = serde_json::from_str(FAILED).unwrap();
    assert_eq!((said.code, &printed), (1, &answered["ok"]));
}

#[test]
fn shutdown_hands_its_code_over() {
    let (said, asked) = Answering::with("{\"ok\":{}}\n").run(&["shutdown", "--code", "3"]);
    assert_eq!(asked, "{\"ask\":\"shutdown\",\"code\":3}\n");
    assert_eq!(said, Said { code: 0, out: String::new(), err: String::new() });
    let (_, asked) = Answering::with("{\"ok\":{}}\n").run(&["shutdown"]);
    assert_eq!(asked, "{\"ask\":\"shutdown\"}\n");
}

#[test]
fn a_refusal_is_printed_without_what_a_terminal_could_obey() {
    let (said, _) = Answering::with("{\"error\":\"only root\\u001b[2J may\"}\n").run(&["shutdown"]);
    assert_eq!(said, Said { code: 111, out: String::new(), err: "stepdown: only root\\u{1b}[2J may\n".into() });
}

#[test]
fn where_nobody_answers_every_place_is_named() {
    for verb in ["status", "shutdown"] {
        let said = said(stepdown([verb]).env("XDG_RUNTIME_DIR", "/none/of/ours"));
        assert_eq!(
            said,
            Said {
                code: 111,
                out: String::new(),
                err: "stepdown: no stepdown answers at /run/stepdown/control, /none/of/ours/stepdown/control, \
                      /dev/shm/stepdown/control, /tmp/stepdown/control\n  help: is it PID 1 of this container? From outside: \
                      docker exec CONTAINER stepdown status\n"
                    .into()
            }
        );
    }
}
