//! The real binary as the real PID 1 where the kernel refuses it processes, descriptors, memory; where services say that
//! they are ready in odd ways; and where what is asked answers badly: a line that names it, a pause, and the loop goes on.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::try_container;
use crate::support::try_container::{LIMIT, Line, Running, TryContainer, descendants, possible};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const BINARY: &str = try_container::INSIDE;
const RESTART: &str = "restart = { delay = \"100ms\", max_delay = \"100ms\", limit = \"infinity\" }";

fn app() -> TryContainer {
    TryContainer::new().env("PUID", "1234").env("PGID", "2345").env("STEPDOWN_LOG_FORMAT", "tagged")
}

fn shell(script: &str, more: &str) -> String {
    format!("command = [\"/bin/sh\", \"-c\", '''{script}''']\n{more}\n")
}

fn python(script: &str, more: &str) -> String {
    format!("command = [\"python3\", \"-c\", '''{script}''']\n{more}\n")
}

fn count(lines: &[Line], text: &str) -> usize {
    lines.iter().filter(|line| line.text.contains(text)).count()
}

/// Waits for a line of ours about a service.
fn wait_for_message(running: &Running, text: &str) -> String {
    running.wait_for_line(|line| line.contains("stepdown") && line.contains(text), LIMIT)
}

/// A command inside, as root, as `docker exec` runs it.
fn inside(running: &Running, words: &[&str]) -> Command {
    let mut command = Command::new("nsenter");
    command.args(["--target", &running.pid_one().to_string(), "--mount", "--pid", "--"]).args(words);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").stdin(Stdio::null());
    command
}

fn all_is_up(running: &Running) -> bool {
    inside(running, &[BINARY, "status"]).output().unwrap().status.success()
}

/// Ends the sleeping of `web` from inside, where its number is nobody else's.
fn kill_sleep(running: &Running) {
    let killed = inside(running, &["pkill", "-KILL", "-f", "sleep 612"]).status().unwrap();
    assert!(killed.success());
}

/// The processor time of PID 1, in ticks of 10 ms.
fn ticks(running: &Running) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", running.pid_one())).unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// Has system calls of PID 1 refused until it is dropped. (A limit of PID 1 could not be changed from outside: root may lack
/// SYS_RESOURCE, and without that nobody can, which is what its private saved gid is for.)
struct SystemCallFault(Child);

impl SystemCallFault {
    fn start(running: &Running, calls: &str, error: &str) -> Self {
        let pid = running.pid_one().to_string();
        let mut strace = Command::new("strace");
        strace.args(["-p", &pid, "-e", &format!("trace={calls}"), "-e", &format!("inject={calls}:error={error}")]);
        let child = strace.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let fault = Self(child.expect("strace is installed by .ci/packages"));
        let until = Instant::now() + LIMIT;
        while try_container::status(running.pid_one(), "TracerPid:") == "0" {
            assert!(Instant::now() < until, "strace does not trace PID 1");
            std::thread::sleep(Duration::from_millis(10));
        }
        fault
    }
}

impl Drop for SystemCallFault {
    fn drop(&mut self) {
        // Requested to, it lets go between two calls, not within one.
        let pid = Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        kill(pid, Signal::SIGTERM).expect("our child is not reaped yet");
        let _reaped = self.0.wait();
    }
}

const FORKS: &str = "clone,clone3,fork,vfork";
const OPENS: &str = "pipe2,accept4,openat,socket,pidfd_open";

/// `web`, which is killed while the kernel refuses; `asked`, of which nobody can be asked then; `orphan`s come all the time.
fn start_scene() -> Running {
    let running = app()
        .service("web.toml", &shell("exec sleep 612", RESTART))
        .service(
            "asked.toml",
            &shell(
                "(trap '' TERM; sleep 0.5) & sleep 600",
                "health = { command = [\"true\"], interval = \"100ms\", failures = 2, then = \"report\" }",
            ),
        )
        .start();
    wait_for_message(&running, "web: up");
    wait_for_message(&running, "asked: up");
    running
}

/// What is refused has been said, with a pause each time; after the refusal all is as it was.
fn recovers(running: Running, error: &str) {
    let again = |lines: &[Line]| {
        let attempts = lines.iter().filter(|line| line.text.contains("web: ") && line.text.contains(error)).count();
        attempts >= 3 && count(lines, "web: starts again in 100ms") >= 3
    };
    assert!(again(&running.lines()), "{:#?}", running.lines());
    wait_for_message(&running, "asked: healthy again");
    let until = Instant::now() + LIMIT;
    while !all_is_up(&running) {
        assert!(Instant::now() < until, "{:#?}", running.lines());
        std::thread::sleep(Duration::from_millis(50));
    }
    let ended = running.stop().expect(0);
    assert_eq!(count(&ended.lines, "| web: up"), 2, "{ended:#?}");
}

fn wait_for_refusals(running: &Running, error: &str) {
    wait_for_message(running, &format!("web: {error}"));
    wait_for_message(running, &format!("asked: unhealthy, 2 consecutive failures, the last one: {error}"));
    let refused = format!("web: {error}");
    running.wait_until(|lines| count(lines, &refused) >= 3 && count(lines, "web: starts again") >= 4, LIMIT);
}

#[test]
fn where_no_process_can_be_had_it_says_so_and_tries_again() {
    if !possible() {
        return;
    }
    let running = start_scene();
    let fault = SystemCallFault::start(&running, FORKS, "EAGAIN");
    kill_sleep(&running);
    wait_for_refusals(&running, "cannot fork: Try again");
    let output = inside(&running, &[BINARY, "status"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.code() == Some(1) && words.contains("web"), "the loop goes on: {words}");
    drop(fault);
    recovers(running, "cannot fork: Try again");
}

#[test]
fn where_no_descriptor_can_be_had_it_says_so_and_tries_again_and_is_not_busy() {
    if !possible() {
        return;
    }
    let running = start_scene();
    let fault = SystemCallFault::start(&running, OPENS, "EMFILE");
    kill_sleep(&running);
    wait_for_refusals(&running, "cannot create a pipe: Too many open files");
    // A caller that cannot be accepted waits, and is no reason to turn and turn.
    let before = ticks(&running);
    let mut caller = inside(&running, &[BINARY, "status"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(1));
    assert!(ticks(&running) - before < 50, "{} ticks in a second", ticks(&running) - before);
    drop(fault);
    caller.wait().unwrap();
    recovers(running, "cannot create a pipe: Too many open files");
}

#[test]
fn where_no_memory_can_be_had_it_says_so_and_tries_again() {
    if !possible() {
        return;
    }
    let running = start_scene();
    let fault = SystemCallFault::start(&running, FORKS, "ENOMEM");
    kill_sleep(&running);
    wait_for_refusals(&running, "cannot fork: Out of memory");
    drop(fault);
    recovers(running, "cannot fork: Out of memory");
}

#[test]
fn misuse_of_the_notification_fd_is_reported_and_affects_no_other_service() {
    if !possible() {
        return;
    }
    let ready = "ready = { fd = 3, timeout = \"600ms\" }\nrestart = { delay = \"100ms\", limit = 2 }";
    let patient = "ready = { fd = 3 }";
    let needs = |required: &str| shell("echo runs; exec sleep 600", &format!("requires = [\"{required}\"]"));
    let running = app()
        .service("closes.toml", &shell("exec 3>&-; exec sleep 600", ready))
        .service("dies.toml", &shell("exit 7", &format!("{patient}\nrestart = \"never\"")))
        .service("mute.toml", &shell("printf ready >&3; exec sleep 600", ready))
        .service("pieces.toml", &shell("printf rea >&3; sleep 0.1; echo dy >&3; exec sleep 600", patient))
        .service("twice.toml", &shell("printf \"\\n\\n\" >&3; exec sleep 600", patient))
        .service(
            "later.toml",
            &shell("trap \"\" PIPE; echo >&3; sleep 0.3; echo >&3 || echo nobody listens; exec sleep 600", patient),
        )
        .service("child.toml", &shell("(sleep 0.1; echo >&3) & exec 3>&-; exec sleep 600", patient))
        .service("after-mute.toml", &needs("mute"))
        .service("after-twice.toml", &needs("twice"))
        .service("after-child.toml", &needs("child"))
        .service("after-pieces.toml", &needs("pieces"))
        .start();
    wait_for_message(&running, "closes: closed its notification fd without a newline: it is not ready");
    for name in ["closes", "mute"] {
        wait_for_message(&running, &format!("{name}: not ready within"));
        wait_for_message(&running, &format!("{name}: starts again in 100ms"));
        wait_for_message(&running, &format!("{name}: failed: 2 consecutive failures"));
    }
    wait_for_message(&running, "after-mute: failed: requires mute, which is failed");
    for name in ["after-twice", "after-child", "after-pieces"] {
        running.wait_for_line(|line| line.starts_with(name) && line.ends_with("| runs"), LIMIT);
    }
    running.wait_for_line(|line| line.contains("| nobody listens"), LIMIT);
    wait_for_message(&running, "dies: exited with code 7");
    let ended = running.stop().expect(0);
    for name in ["twice", "later", "child", "pieces"] {
        assert_eq!(count(&ended.lines, &format!("| {name}: up")), 1, "{name}: {ended:#?}");
        assert_eq!(count(&ended.lines, &format!("{name}: closed")), 0, "{name}: {ended:#?}");
    }
    // The end of the process closes it too, and is reported as an end.
    assert_eq!(count(&ended.lines, "dies: closed"), 0, "{ended:#?}");
}

/// Sends messages to a notification socket, and stays.
fn messages_to(messages: &str, to: &str) -> String {
    format!(
        "import os,socket,time
def say(*all):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    for message in all: s.sendto(message, {to})
{messages}
time.sleep(600)"
    )
}

#[test]
fn misuse_of_sd_notify_is_reported_and_affects_no_other_service() {
    if !possible() {
        return;
    }
    let own = "os.environ['NOTIFY_SOCKET']";
    let ready = "ready = { notify = true }";
    let short = "ready = { notify = true, timeout = \"1500ms\" }\nrestart = { delay = \"100ms\", limit = 1 }";
    let running = app()
        .service("twice.toml", &python(&messages_to("say(b'READY=1'); say(b'READY=1\\nREADY=1')", own), ready))
        .service(
            "child.toml",
            &python(&messages_to("if os.fork() == 0:\n    say(b'READY=1')\n    os._exit(0)\nos.wait()", own), ready),
        )
        .service(
            "odd.toml",
            &python(&messages_to("say(b'READY=0', b'\\xff\\0=', b'', b'READY'); say(b'x' * 5000)", own), short),
        )
        .service("victim.toml", &shell("exec sleep 600", ready))
        .service(
            "stranger.toml",
            &python(
                &messages_to("say(b'READY=1')", "'/run/stepdown/notify-victim'"),
                "user = \"daemon\"\nrequires = [\"twice\"]",
            ),
        )
        .service("waits.toml", &shell("echo too early", "requires = [\"victim\"]"))
        .start();
    wait_for_message(&running, "twice: up");
    wait_for_message(&running, "child: up");
    wait_for_message(&running, "odd: a message to its notification socket was ignored: it is longer than 4096 bytes");
    wait_for_message(&running, "odd: not ready within 1.5s (`ready.timeout`), stopping it");
    wait_for_message(&running, "odd: failed: 1 consecutive failure");
    wait_for_message(
        &running,
        "victim: a message to its notification socket was ignored: uid 1 sent it, who is not the service's",
    );
    let ended = running.stop().expect(0);
    assert_eq!([count(&ended.lines, "| twice: up"), count(&ended.lines, "| child: up")], [1, 1], "{ended:#?}");
    assert_eq!([count(&ended.lines, "victim: up"), count(&ended.lines, "too early")], [0, 0], "{ended:#?}");
}

#[test]
fn a_failed_probe_is_reported_with_its_answer() {
    if !possible() {
        return;
    }
    let free = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    // Accepted by the kernel, answered by nobody.
    let silent = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let hangs = silent.local_addr().unwrap();
    let rubbish = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let babbles = rubbish.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in rubbish.incoming() {
            let _gone = std::io::Write::write_all(&mut stream.unwrap(), b"SSH-2.0-OpenSSH_9.2\r\n");
        }
    });
    let cases = [
        ("refuses", format!("tcp = \"127.0.0.1:{free}\""), "connection refused"),
        ("nobody", "tcp = \"nobody.invalid.:80\"".to_owned(), "cannot resolve nobody.invalid."),
        ("babbles", format!("http = \"http://{babbles}/\""), "answered something that is not HTTP"),
        ("missing", "path = \"/missing\"".to_owned(), "is not there"),
        ("absent", "socket = \"/missing\"".to_owned(), "is not there"),
        ("code", "command = [\"/bin/sh\", \"-c\", \"echo too bad; exit 3\"]".to_owned(), "exited with code 3: too bad"),
    ];
    let rule = "restart = { delay = \"100ms\", limit = 1 }";
    let sleeps = "command = [\"sleep\", \"600\"]\n";
    let mut container = app();
    for (name, asks, _) in &cases {
        let ready = format!("{sleeps}ready = {{ {asks}, timeout = \"2s\" }}\n{rule}\n");
        let health = format!("{sleeps}health = {{ {asks}, interval = \"50ms\", failures = 2, then = \"report\" }}\n");
        container = container.service(&format!("r-{name}.toml"), &ready).service(&format!("h-{name}.toml"), &health);
    }
    let hanging = format!("http = \"http://{hangs}/\"");
    let running = container
        .service("r-hangs.toml", &format!("{sleeps}ready = {{ {hanging}, timeout = \"1s\" }}\n{rule}\n"))
        .service(
            "h-hangs.toml",
            &format!(
                "{sleeps}health = {{ {hanging}, interval = \"50ms\", timeout = \"200ms\", failures = 2, then = \"report\" }}\n"
            ),
        )
        .service("patient.toml", &format!("{sleeps}ready = {{ tcp = \"127.0.0.1:{free}\" }}\n"))
        .start();
    for (name, _, why) in &cases {
        let line = wait_for_message(&running, &format!("r-{name}: not ready within"));
        assert!(line.contains("stopping it; the last result: ") && line.contains(why), "{line}");
        let line = wait_for_message(&running, &format!("h-{name}: unhealthy, 2 consecutive failures, the last one: "));
        assert!(line.contains(why), "{line}");
    }
    wait_for_message(
        &running,
        "r-hangs: not ready within 1s (`ready.timeout`), stopping it; the last result: no result yet",
    );
    let line = wait_for_message(
        &running,
        "h-hangs: unhealthy, 2 consecutive failures, the last one: connected, but no response within 200ms",
    );
    assert!(!line.is_empty());
    // Without a timeout it is waited for, and said now and then.
    wait_for_message(&running, "patient: not ready after 5");
    let line = wait_for_message(&running, "patient: not ready after ");
    assert!(line.ends_with("connection refused"), "{line}");
    // Nobody asks any more of those that failed, and nothing piles up for those that hang.
    let looks = descendants(running.pid_one())
        .into_iter()
        .filter(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default().contains("stepdown"));
    assert!(looks.count() <= 2 * cases.len() + 3);
    drop(silent);
    running.stop().expect(0);
}
