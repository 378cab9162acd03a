//! The real binary as the real PID 1: readiness and health of every kind, waiting outside, turns, pipes, stop commands,
//! reload (DESIGN §4, §7).

use std::os::linux::net::SocketAddrExt;
use std::process::{Command, Output};

use crate::support::try_container;
use crate::support::try_container::{Ended, LIMIT, Line, Running, TryContainer, possible};

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345").env("STEPDOWN_LOG_FORMAT", "tagged")
}

fn shell(script: &str, more: &str) -> String {
    format!("command = [\"/bin/sh\", \"-c\", '''{script}''']\n{more}\n")
}

/// Runs a shell command as root inside.
fn inside(running: &Running, script: &str) -> Output {
    let target = running.pid_one().to_string();
    let mut command = Command::new("nsenter");
    command.args(["--target", &target, "--mount", "--pid", "--net", "--", "sh", "-ec", script]);
    let output = command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap();
    assert!(output.status.success(), "{script}: {output:?}");
    output
}

/// What one service said, without its tag.
fn texts_of<'a>(lines: &'a [Line], service: &str) -> Vec<&'a str> {
    let tagged = |line: &'a Line| line.text.split_once(" | ").filter(|(tag, _)| tag.trim_end() == service);
    lines.iter().filter_map(|line| tagged(line).map(|(_, text)| text)).collect()
}

fn place(ended: &Ended, text: &str) -> usize {
    let found = ended.lines.iter().position(|line| line.text.contains(text));
    found.unwrap_or_else(|| panic!("no line has {text:?}: {ended:#?}"))
}

fn pid_of(running: &Running, service: &str) -> String {
    let up = running.wait_for_line(|line| line.contains(&format!("| {service}: up, pid ")), LIMIT);
    up.split("pid ").nth(1).unwrap().split(',').next().unwrap().to_owned()
}

/// A server that answers every request with the number that stands in a file.
const SERVER: &str = "import http.server,sys
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(open('/tmp/status').read())); self.end_headers()
    def log_message(self, *a): pass
http.server.ThreadingHTTPServer(('127.0.0.1', int(sys.argv[1])), H).serve_forever()";

fn server(port: u16, more: &str) -> String {
    format!("command = [\"python3\", \"-c\", '''{SERVER}''', \"{port}\"]\n{more}\n")
}

#[test]
fn dependents_wait_until_http_answers_well_and_a_sick_service_is_restarted() {
    if !possible() {
        return;
    }
    let asks = "http = \"http://127.0.0.1:18431/ping\"";
    let more =
        format!("ready = {{ {asks}, timeout = \"20s\" }}\nhealth = {{ {asks}, interval = \"50ms\", failures = 2 }}");
    let running = app()
        .service("status.toml", &shell("echo 503 > /tmp/status", "type = \"oneshot\""))
        .service("web.toml", &(server(18431, &more) + "requires = [\"status\"]\nrestart = { delay = \"100ms\" }\n"))
        .service("app.toml", &shell("echo runs; exec sleep 600", "requires = [\"web\"]"))
        .start();
    running.wait_for_line(|line| line.contains("status: done"), LIMIT);
    inside(&running, "sleep 0.5; echo 200 > /tmp/status");
    let first = pid_of(&running, "web");
    running.wait_for_line(|line| line.starts_with("app") && line.contains("runs"), LIMIT);
    inside(&running, "echo 500 > /tmp/status");
    running.wait_for_line(
        |line| line.contains("web: unhealthy, 2 consecutive failures, the last one: answered 500"),
        LIMIT,
    );
    inside(&running, "echo 204 > /tmp/status");
    let again = |line: &&Line| line.text.contains("| web: up, pid ") && !line.text.contains(&format!("pid {first},"));
    running.wait_until(|lines| lines.iter().any(|line| again(&line)), LIMIT);
    let ended = running.stop().expect(0);
    // Both are lines of one stream: between two there is no order.
    assert!(place(&ended, "web: up") < place(&ended, "app: up"), "{ended:#?}");
    assert_eq!(texts_of(&ended.lines, "app"), ["runs"], "it stays up meanwhile");
}

#[test]
fn a_service_that_speaks_is_up_when_it_says_so_and_is_stopped_when_it_falls_silent() {
    if !possible() {
        return;
    }
    let speaks = "import os,socket,time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(os.environ['NOTIFY_SOCKET'])
print(os.environ['WATCHDOG_USEC'], flush=True)
s.send(b'MAINPID=1'); s.send(b'READY=1')
for _ in range(3): time.sleep(0.2); s.send(b'WATCHDOG=1')
time.sleep(600)";
    let service = format!(
        "command = [\"python3\", \"-c\", '''{speaks}''']\nready = {{ notify = true, watchdog = \"1500ms\" }}\n"
    );
    let running = app()
        .service("db.toml", &service)
        .service("app.toml", &shell("echo runs; exec sleep 600", "requires = [\"db\"]"))
        .start();
    running.wait_for_line(|line| line.contains("db: sent no watchdog notification for 1.5s"), LIMIT);
    running.wait_for_line(|line| line.contains("db: stopped, killed by SIGABRT"), LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(texts_of(&ended.lines, "db")[0], "1500000");
    assert!(place(&ended, "db: up") < place(&ended, "app: up"), "{ended:#?}");
    place(&ended, "db: MAINPID= is not accepted");
}

#[test]
fn what_is_outside_is_waited_for_and_named() {
    if !possible() {
        return;
    }
    let running = app()
        .service(
            "web.toml",
            &shell("echo runs; exec sleep 600", "wait_for = [\"path:/tmp/go\", \"tcp://127.0.0.1:18432\"]"),
        )
        .start();
    running.wait_for_line(|line| line.contains("web: waiting for path:/tmp/go"), LIMIT);
    inside(&running, "touch /tmp/go");
    running.wait_for_line(
        |line| line.contains("web: waiting for tcp://127.0.0.1:18432") && line.contains("refused"),
        LIMIT,
    );
    running.stop().expect(0);
}

#[test]
fn the_stop_command_of_a_oneshot_runs_after_what_requires_it_has_stopped() {
    if !possible() {
        return;
    }
    let running = app()
        .service("mount.toml", &shell("echo done", "type = \"oneshot\"\nstop_command = [\"echo\", \"undone\"]"))
        .service(
            "web.toml",
            &shell("trap 'echo bye; exit 0' TERM; echo runs; while :; do sleep 0.05; done", "requires = [\"mount\"]"),
        )
        .start();
    running.wait_for_line(|line| line.contains("| runs"), LIMIT);
    let ended = running.stop().expect(0);
    assert!(place(&ended, "| bye") < place(&ended, "| undone"), "{ended:#?}");
    assert_eq!(texts_of(&ended.lines, "mount"), ["done", "undone"]);
}

#[test]
fn a_periodic_oneshot_comes_again_without_overlap() {
    if !possible() {
        return;
    }
    let running = app()
        .service("tick.toml", &shell("echo begin; sleep 0.2; echo end", "type = \"oneshot\"\nevery = \"1s\""))
        .start();
    running.wait_until(|lines| texts_of(lines, "tick").len() >= 6, LIMIT);
    let ended = running.stop().expect(0);
    let output = texts_of(&ended.lines, "tick");
    assert!(output.chunks(2).all(|turn| turn == ["begin", "end"] || turn == ["begin"]), "{output:?}");
}

#[test]
fn a_pipe_between_services_loses_nothing_when_either_is_started_again() {
    if !possible() {
        return;
    }
    // Each takes up where it (or the one before it) was; the reader dies after each hundred lines, the writer too.
    let writes = "i=$(cat /tmp/at 2>/dev/null || echo 0); n=0; while [ $i -lt 1050 ]; do i=$((i+1)); n=$((n+1)); \
        echo $i > /tmp/at; echo $i; [ $n = 170 ] && exit 1; done; exec sleep 600";
    let reads = "n=0; while read line; do echo \"got $line\"; n=$((n+1)); [ $n = 100 ] && exit 1; done; echo end";
    let restart = "restart = { delay = \"100ms\", max_delay = \"100ms\", limit = \"infinity\" }";
    let running = app()
        .service("writer.toml", &shell(writes, &format!("{restart}\npipe_to = \"reader\"")))
        .service("reader.toml", &shell(reads, restart))
        .start();
    running.wait_until(|lines| texts_of(lines, "reader").contains(&"got 1050"), LIMIT);
    let ended = running.stop().expect(0);
    let got: Vec<String> = texts_of(&ended.lines, "reader").iter().map(|line| (*line).to_owned()).collect();
    let expected: Vec<String> = (1..=1050).map(|index| format!("got {index}")).chain(["end".to_owned()]).collect();
    assert_eq!(got, expected, "it reads the end of its input before it is told to stop");
}

#[test]
fn a_reload_starts_what_is_new_stops_what_is_gone_restarts_what_changed_and_touches_nothing_else() {
    if !possible() {
        return;
    }
    let stays = |more: &str| shell("exec sleep 600", more);
    let running = app()
        .service("a.toml", &stays(""))
        .service("b.toml", &stays(""))
        .service("c.toml", &stays("requires = [\"a\"]"))
        .service("gone.toml", &stays(""))
        .start();
    let pids = ["a", "b", "c", "gone"].map(|name| pid_of(&running, name));
    inside(
        &running,
        "cd /etc/services.d; rm gone.toml; echo 'comand = [\"x\"]' > broken.toml; sed -i 's/600/601/' b.toml; kill -HUP 1",
    );
    running.wait_for_line(|line| line.contains("reload refused, nothing is changed: 1 problem:"), LIMIT);
    for pid in &pids {
        inside(&running, &format!("kill -0 {pid}"));
    }
    inside(
        &running,
        "cd /etc/services.d; printf 'command = [\"sleep\", \"602\"]\\nrequires = [\"b\"]\\n' > broken.toml; kill -HUP 1",
    );
    running.wait_for_line(|line| line.contains("reload: new: broken; changed: b; gone: gone"), LIMIT);
    running.wait_for_line(|line| line.contains("broken: up"), LIMIT);
    running.wait_for_line(|line| line.contains("gone: stopped"), LIMIT);
    for untouched in [&pids[0], &pids[2]] {
        inside(&running, &format!("kill -0 {untouched}"));
    }
    inside(&running, &format!("! kill -0 {} 2>/dev/null && ! kill -0 {} 2>/dev/null", pids[1], pids[3]));
    let ended = running.stop().expect(0);
    let stops = ["a", "b", "c"]
        .map(|name| ended.lines.iter().filter(|line| line.text.contains(&format!("| {name}: stopped"))).count());
    assert_eq!(stops, [1, 2, 1], "{ended:#?}");
}

#[test]
fn a_reload_that_only_changes_the_order_restarts_nothing() {
    if !possible() {
        return;
    }
    let stays = |more: &str| shell("exec sleep 600", more);
    let running = app()
        .service("a.toml", &stays(""))
        .service("b.toml", &stays(""))
        .service("c.toml", &stays("requires = [\"a\"]"))
        .start();
    let pids = ["a", "b", "c"].map(|name| pid_of(&running, name));
    inside(
        &running,
        "cd /etc/services.d; sed -i 's/requires = .*/requires = [\"b\"]/' c.toml; sed -i '1i after = [\"b\"]' a.toml; kill -HUP 1",
    );
    running.wait_for_line(|line| line.ends_with("reload: order changed: a, c"), LIMIT);
    for pid in &pids {
        inside(&running, &format!("kill -0 {pid}"));
    }
    inside(&running, "kill -HUP 1");
    running.wait_for_line(|line| line.contains("reload: nothing has changed"), LIMIT);
    let ended = running.stop().expect(0);
    let place = |name: &str| {
        let stopped = format!("| {name}: stopped");
        let mut found = ended.lines.iter().enumerate().filter(|(_, line)| line.text.contains(&stopped));
        let place = found.next().map(|(place, _)| place).expect("it stops");
        assert_eq!(found.next(), None, "{name}: {ended:#?}");
        place
    };
    assert!(place("b") > place("a").max(place("c")), "{ended:#?}");
}

#[test]
fn a_reload_that_needs_what_was_given_up_is_refused_whole() {
    if !possible() {
        return;
    }
    let running = app().service("a.toml", &shell("exec sleep 600", "")).start();
    pid_of(&running, "a");
    inside(
        &running,
        "cd /etc/services.d; printf 'command = [\"sleep\", \"1\"]\\nuser = \"daemon\"\\n' > b.toml; kill -HUP 1",
    );
    let line = running.wait_for_line(|line| line.contains("more privilege than PID 1 has kept"), LIMIT);
    assert!(line.contains("restart the container"), "{line}");
    running.stop().expect(0);
}

#[test]
fn the_last_lines_name_what_ended_the_container_and_its_last_output() {
    if !possible() {
        return;
    }
    let ended = app()
        .service(
            "db.toml",
            &shell("echo loading; sleep 0.2; echo cannot go on >&2; exit 9", "essential = true\nrestart = \"never\""),
        )
        .service("web.toml", &shell("exec sleep 600", "requires = [\"db\"]"))
        .run()
        .expect(9);
    let story = place(&ended, "error: the container ends with code 9: db exited with code 9, after ");
    let rest: Vec<_> = ended.lines[story + 1..].iter().map(|line| line.text.as_str()).collect();
    assert!(rest[0].ends_with("its last lines:") && rest[1].ends_with("  loading"), "{rest:?}");
    assert!(rest[2].ends_with("  cannot go on"), "{rest:?}");
}

#[test]
fn the_last_lines_tell_what_was_asked_of_a_service_that_was_ended_for_it() {
    if !possible() {
        return;
    }
    let once = "essential = true\nrestart = \"never\"";
    let ready = format!("{once}\nready = {{ path = \"/nowhere\", timeout = \"100ms\" }}");
    let ended = app().service("db.toml", &shell("exec sleep 600", &ready)).run().expect(1);
    let story = "the container ends with code 1: db was not ready within 100ms (`ready.timeout`); the last result: ";
    place(&ended, story);
    let health = "health = { path = \"/nowhere\", interval = \"10ms\", failures = 2, then = \"stop-container\" }";
    let ended = app().service("db.toml", &shell("exec sleep 600", health)).run().expect(1);
    place(&ended, "the container ends with code 1: db was unhealthy: ");
    let codes = format!("{once}\nsuccess_codes = [3]");
    let ended = app().service("db.toml", &shell("exit 0", &codes)).run().expect(1);
    place(&ended, "the container ends with code 1: db exited with code 0, which `success_codes` does not include");
}

#[test]
fn a_main_command_that_waits_for_a_failing_service_says_so_and_ends_with_its_code() {
    if !possible() {
        return;
    }
    let running = app()
        .service("db.toml", &shell("exit 3", "ready = { path = \"/nowhere\" }"))
        .command(&["echo", "runs"])
        .start();
    let line = running.wait_for_line(|line| line.contains("main: not started after "), LIMIT);
    assert!(
        line.contains("main: not started after 5s, waiting for db (failing: exited with code 3, next try in "),
        "{line}"
    );
    let ended = running.stop().expect(3);
    let story =
        "the container ends with code 3: the main command never ran: it waited for db, which exited with code 3";
    place(&ended, story);
    // Before anything has failed a stop is a stop.
    let running = app().service("db.toml", &shell("echo begun; exec sleep 600", "ready = { path = \"/nowhere\" }"));
    let running = running.command(&["echo", "runs"]).start();
    running.wait_for_line(|line| line.ends_with("| begun"), LIMIT);
    let ended = running.stop().expect(0);
    assert!(ended.lines.iter().any(|line| line.text.contains("the main command never ran")), "{ended:#?}");
}

#[test]
fn the_host_is_notified_when_all_is_up_and_when_it_stops() {
    if !possible() {
        return;
    }
    // An abstract one: a rehearsal sees the host's files as copies, and nobody listens at the copy of a socket.
    let name = format!("stepdown-test-{}", std::process::id());
    let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
    let socket = std::os::unix::net::UnixDatagram::bind_addr(&address).unwrap();
    socket.set_read_timeout(Some(LIMIT)).unwrap();
    let running = app()
        .env("NOTIFY_SOCKET", &format!("@{name}"))
        .service("slow.toml", &shell("sleep 0.3", "type = \"oneshot\""))
        .service("web.toml", &shell("env; exec sleep 600", "requires = [\"slow\"]"))
        .start();
    let mut message = String::new();
    let mut hear = |wanted: &str| {
        while !message.contains(wanted) {
            let mut bytes = [0; 4096];
            let length = socket.recv(&mut bytes).unwrap();
            message += &String::from_utf8_lossy(&bytes[..length]);
            message.push('\n');
        }
        message.clone()
    };
    let until_ready = hear("READY=1");
    assert!(until_ready.contains("STATUS=1 of 2 up") && until_ready.contains("STATUS=2 of 2 up"), "{until_ready}");
    running.signal(nix::sys::signal::Signal::SIGTERM);
    hear("STOPPING=1");
    let ended = running.wait(LIMIT).expect(0);
    assert!(
        !texts_of(&ended.lines, "web").iter().any(|line| line.contains("NOTIFY_SOCKET")),
        "it is ours, not the services'"
    );
}

#[test]
fn a_mapped_signal_reaches_its_service() {
    if !possible() {
        return;
    }
    let hears = "trap 'echo got HUP' HUP; trap 'exit 0' TERM; echo runs; while :; do sleep 0.05; done";
    let running = app()
        .container_toml("[signals]\nUSR1 = { service = \"web\", signal = \"HUP\" }\n")
        .service("web.toml", &shell(hears, ""))
        .start();
    running.wait_for_line(|line| line.contains("| runs"), LIMIT);
    inside(&running, "kill -USR1 1");
    running.wait_for_line(|line| line.contains("| got HUP"), LIMIT);
    running.stop().expect(0);
}

#[test]
fn an_s6_logger_reads_what_its_service_writes() {
    if !possible() {
        return;
    }
    let running = app()
        .script("web/run", "#!/bin/sh\nwhile :; do echo line; sleep 0.05; done\n")
        .script("web/log/run", "#!/bin/sh\nwhile read -r line; do echo \"logged $line\"; done\necho end\n")
        .start();
    running.wait_for_line(|line| line.starts_with("web-log") && line.contains("| logged line"), LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(texts_of(&ended.lines, "web-log").last(), Some(&"end"), "{ended:#?}");
    assert!(texts_of(&ended.lines, "web").is_empty(), "{ended:#?}");
}

#[test]
fn what_comes_through_a_pipe_reaches_the_main_command_whole_and_no_service() {
    if !possible() {
        return;
    }
    let input: String = (1..=20_000).map(|number| format!("{number}\n")).collect();
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join(".input"), &input).unwrap();
    // Were it to get anything, it would be missing in the sum.
    std::fs::write(place.path().join("greedy.toml"), "command = [\"cat\"]\nrestart = \"never\"\n").unwrap();
    let mut child = Command::new(try_container::program())
        .args(["try", "--quiet", "-i", "-e", "PUID=1234", "-e", "STEPDOWN_LOG_FORMAT=inherit"])
        .arg(place.path())
        .args(["--", "md5sum"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let expected = Command::new("md5sum").arg(place.path().join(".input")).output().unwrap();
    let sum = |text: &[u8]| String::from_utf8_lossy(text).split_whitespace().next().unwrap_or_default().to_owned();
    assert_eq!(sum(&output.stdout), sum(&expected.stdout));
}

#[test]
fn a_root_oneshot_after_a_periodic_one_keeps_no_boot_from_its_end() {
    if !possible() {
        return;
    }
    let running = app()
        .service("tick.toml", &shell("echo tick", "type = \"oneshot\"\nevery = \"1h\""))
        .service("mount.toml", &shell("echo mounted", "type = \"oneshot\"\nstop_command = [\"echo\", \"unmounted\"]"))
        .service(
            "fix.toml",
            &shell("echo fixed", "type = \"oneshot\"\nuser = \"root\"\nafter = [\"tick\"]\nrequires = [\"mount\"]"),
        )
        .service("web.toml", &shell("exec sleep 600", "requires = [\"fix\"]"))
        .start();
    running.wait_for_line(|line| line.contains("web: up"), LIMIT);
    let ended = running.stop().expect(0);
    assert_eq!(texts_of(&ended.lines, "mount"), ["mounted", "unmounted"], "undone once, at the end");
    assert_eq!(texts_of(&ended.lines, "fix"), ["fixed"]);
}

#[test]
fn an_essential_service_that_succeeded_ends_the_container_without_an_error() {
    if !possible() {
        return;
    }
    let ended = |code: u8| {
        let more = "restart = { policy = \"on-failure\", limit = 1 }\nessential = true\nsuccess_codes = [0, 3]";
        app().service("job.toml", &shell(&format!("exit {code}"), more)).env("STEPDOWN_LOG", "warn").run()
    };
    let well = ended(3).expect(3);
    assert!(!well.lines.iter().any(|line| line.text.contains("is essential")), "{well:#?}");
    let badly = ended(4).expect(4);
    assert!(badly.lines.iter().any(|line| line.text.contains("job is essential and has ended for good")), "{badly:#?}");
}
