//! `run::probe` against targets that are well, wrong, refusing, hanging, or answering rubbish. Each test looks from a
//! child of its own, which has one thread as PID 1 has; the targets live in threads of the test.

mod targets;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::child;
use crate::support::child::{bind, in_child, in_mount_namespace, root};
use crate::support::skip::skipped;
use nix::errno::Errno;
use stepdown::config::probe::Probe;
use stepdown::run::probe::ProbeStartError;
use stepdown::supervise::{ProbeResult, SpawnError, SpawnStep};
use targets::{ProbeLoop, fail, http, http_over, launch, launch_as, serve, slow_server, tcp};

const LONG: Duration = Duration::from_secs(30);
const SHORT: Duration = Duration::from_millis(300);

/// A port on which nothing listens.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

fn command(words: &[&str]) -> Probe {
    Probe::Command(words.iter().map(Into::into).collect())
}

#[test]
fn a_port_accepts_by_address_and_by_name() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        assert_eq!(probe_loop.run(&tcp("127.0.0.1", port), LONG), ProbeResult::Pass);
        assert_eq!(probe_loop.run(&tcp("localhost", port), LONG), ProbeResult::Pass);
    });
}

#[test]
fn ipv6_is_spoken_where_there_is_any() {
    let Ok(listener) = TcpListener::bind("[::1]:0") else {
        skipped("no IPv6");
        return;
    };
    let port = listener.local_addr().unwrap().port();
    in_child(|| assert_eq!(ProbeLoop::new().run(&tcp("::1", port), LONG), ProbeResult::Pass));
}

#[test]
fn a_refused_connection_and_an_unknown_host_are_distinguished() {
    let port = free_port();
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        assert_eq!(probe_loop.run(&tcp("127.0.0.1", port), LONG), fail("connection refused"));
        assert_eq!(probe_loop.run(&tcp("localhost", port), LONG), fail("connection refused"));
        let ProbeResult::Fail(words) = probe_loop.run(&tcp("nobody.invalid.", port), LONG) else { panic!("is nobody") };
        assert!(words.contains("nobody.invalid."), "{words}");
    });
}

#[test]
fn a_port_that_never_answers_is_given_up_in_time() {
    let (full, _held) = targets::full_backlog();
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        let expected = format!("no response in 300ms: connecting to {full}");
        assert_eq!(probe_loop.run(&tcp(&full.ip().to_string(), full.port()), SHORT), fail(&expected));
    });
}

#[test]
fn a_resolver_that_never_answers_holds_nobody_up() {
    in_mount_namespace(|_| {
        // Nobody reads from it.
        let silent = UdpSocket::bind("127.0.0.77:53");
        let Ok(_silent) = silent else {
            skipped("port 53 is taken");
            return;
        };
        fs::write("/mnt/resolv.conf", "nameserver 127.0.0.77\noptions timeout:30\n").unwrap();
        bind(Path::new("/mnt/resolv.conf"), Path::new("/etc/resolv.conf"));
        let answer = ProbeLoop::new().run(&tcp("db.example", 1), SHORT);
        assert_eq!(answer, fail("no response in 300ms: resolving db.example"));
    });
}

#[test]
fn an_http_answer_is_judged_by_its_status() {
    let well = serve("HTTP/1.1 204 No Content\r\n\r\n");
    let wrong = serve("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 9\r\n\r\nnot today");
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        assert_eq!(probe_loop.run(&http(well.address), LONG), ProbeResult::Pass);
        assert_eq!(probe_loop.run(&http(wrong.address), LONG), fail("answered 503"));
    });
    let requested = well.request();
    let lines: Vec<_> = requested.split("\r\n").collect();
    assert_eq!(lines[0], "GET /ping?full=1 HTTP/1.1");
    assert!(lines.contains(&format!("Host: {}", well.address).as_str()), "{requested}");
    assert!(lines.contains(&"Connection: close"), "{requested}");
    assert!(requested.ends_with("\r\n\r\n"), "{requested}");
}

#[test]
fn http_is_asked_over_a_unix_socket_too() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("web");
    let listener = UnixListener::bind(&path).unwrap();
    let _server = targets::serve_unix(listener, "HTTP/1.0 200 OK\r\n\r\n");
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        assert_eq!(probe_loop.run(&http_over(&path), LONG), ProbeResult::Pass);
        let missing = place.path().join("none");
        assert_eq!(probe_loop.run(&http_over(&missing), LONG), fail(&format!("{} is not there", missing.display())));
    });
}

#[test]
fn rubbish_hugeness_and_silence_have_words_of_their_own() {
    let rubbish = serve("220 mail.example ESMTP\r\n");
    let closes = serve("");
    let torn = serve("HTTP/1.1 2");
    let huge = serve(&format!("HTTP/1.1 100 Continue\r\n{}", "X-Header: value\r\n".repeat(50_000)));
    let endless = serve(&"H".repeat(1_000_000));
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = free_port();
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        assert_eq!(probe_loop.run(&http(rubbish.address), LONG), fail("answered something that is not HTTP"));
        assert_eq!(probe_loop.run(&http(endless.address), LONG), fail("answered something that is not HTTP"));
        assert_eq!(probe_loop.run(&http(closes.address), LONG), fail("closed the connection without a response"));
        let middle = fail("closed the connection in the middle of its response");
        assert_eq!(probe_loop.run(&http(torn.address), LONG), middle);
        assert_eq!(probe_loop.run(&http(huge.address), LONG), fail("answered with too many headers"));
        let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        assert_eq!(probe_loop.run(&http(nobody), LONG), fail("connection refused"));
        let hangs = probe_loop.run(&http(silent.local_addr().unwrap()), SHORT);
        assert_eq!(hangs, fail("connected, but no response within 300ms"));
    });
}

#[test]
fn a_slow_drip_is_given_up_in_time() {
    let drip = slow_server("HTTP/1.1 200 OK");
    in_child(|| {
        assert_eq!(ProbeLoop::new().run(&http(drip.address), SHORT), fail("connected, but no response within 300ms"));
    });
}

#[test]
fn a_good_answer_does_not_wait_for_its_body() {
    let drip = slow_server("HTTP/1.1 200 OK\r\n\r\nendless body");
    in_child(|| assert_eq!(ProbeLoop::new().run(&http(drip.address), LONG), ProbeResult::Pass));
}

#[test]
fn paths_and_sockets_appear() {
    let place = tempfile::tempdir().unwrap();
    let path_of = |name: &str| place.path().join(name);
    File::create(path_of("file")).unwrap();
    let _stream = UnixListener::bind(path_of("stream")).unwrap();
    let _datagram = UnixDatagram::bind(path_of("datagram")).unwrap();
    drop(UnixListener::bind(path_of("dead")).unwrap());
    let missing = format!("{} is not there", path_of("none").display());
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        assert_eq!(probe_loop.run(&Probe::Path(path_of("file")), LONG), ProbeResult::Pass);
        assert_eq!(probe_loop.run(&Probe::Path(path_of("none")), LONG), fail(&missing));
        assert_eq!(probe_loop.run(&Probe::Path(path_of("file/below")), LONG), fail("not a directory"));
        assert_eq!(probe_loop.run(&Probe::Socket(path_of("stream")), LONG), ProbeResult::Pass);
        assert_eq!(probe_loop.run(&Probe::Socket(path_of("datagram")), LONG), ProbeResult::Pass);
        assert_eq!(probe_loop.run(&Probe::Socket(path_of("none")), LONG), fail(&missing));
        assert_eq!(probe_loop.run(&Probe::Socket(path_of("dead")), LONG), fail("connection refused"));
        assert_eq!(probe_loop.run(&Probe::Socket(path_of("file")), LONG), fail("connection refused"));
    });
}

#[test]
fn a_command_answers_with_its_code_and_its_last_words() {
    let place = tempfile::tempdir().unwrap();
    let plain = place.path().join("plain");
    fs::write(&plain, "not a program").unwrap();
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        let mut ask = |words: &[&str]| probe_loop.run(&command(words), LONG);
        assert_eq!(ask(&["true"]), ProbeResult::Pass);
        assert_eq!(ask(&["false"]), fail("exited with code 1"));
        assert_eq!(
            ask(&["sh", "-c", "echo one; echo \"no such \\\"db\\\"\" >&2; exit 3"]),
            fail("exited with code 3: no such \"db\"")
        );
        assert_eq!(ask(&["sh", "-c", "printf 'a\\033[2Jb'; exit 1"]), fail("exited with code 1: a\\u{1b}[2Jb"));
        assert_eq!(ask(&["sh", "-c", "kill -9 $$"]), fail("killed by SIGKILL"));
        assert_eq!(ask(&["no-such-program"]), fail("cannot execute `no-such-program`: No such file or directory"));
        let plain = plain.to_str().unwrap();
        assert_eq!(
            ask(&[plain]),
            fail(&format!(
                "cannot execute `{plain}`: Permission denied; it has no execute bit; `RUN chmod +x {plain}` in the Dockerfile"
            ))
        );
        assert_eq!(ask(&["sh", "-c", "cat; pwd; exit 1"]), fail("exited with code 1: /tmp"));
    });
}

#[test]
fn a_command_that_writes_much_is_not_held_up() {
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        let much = command(&["sh", "-c", "head -c 3000000 /dev/zero; echo; echo done; exit 1"]);
        assert_eq!(probe_loop.run(&much, LONG), fail("exited with code 1: done"));
        let endless = probe_loop.run(&command(&["yes"]), SHORT);
        assert_eq!(endless, fail("no response in 300ms: y"));
        // Closing its output early is no end, and no busy loop either: the set is quiet.
        let quiet = command(&["sh", "-c", "exec >&- 2>&-; sleep 0.2; exit 4"]);
        let before = probe_loop.wakeups;
        assert_eq!(probe_loop.run(&quiet, LONG), fail("exited with code 4"));
        assert!(probe_loop.wakeups - before < 10, "{} wakeups", probe_loop.wakeups - before);
    });
}

#[test]
fn what_a_command_leaves_in_its_group_is_killed_with_it() {
    let place = tempfile::tempdir().unwrap();
    let fifo = place.path().join("held");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let held = |rest: &str| {
        let script = format!("exec 3>{}; sleep 1000 & {rest}", fifo.display());
        (command(&["sh", "-c", &script]), fifo.clone())
    };
    for (rest, timeout, expected) in [("exit 5", LONG, "exited with code 5"), ("wait", SHORT, "no response in 300ms")] {
        let (probe, fifo) = held(rest);
        in_child(move || {
            // Held open from this side as well until the look is there, so that neither waits for the other.
            let mut end = nonblocking(&fifo);
            let mut probe_loop = ProbeLoop::new();
            assert_eq!(probe_loop.run(&probe, timeout), fail(expected));
            targets::wait_for_end(&mut end);
        });
    }
}

fn nonblocking(path: &Path) -> File {
    use std::os::unix::fs::OpenOptionsExt;
    File::options().read(true).custom_flags(nix::libc::O_NONBLOCK).open(path).unwrap()
}

#[test]
fn one_look_at_a_time_and_a_cancelled_one_says_nothing() {
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        let hang = command(&["sleep", "1000"]);
        let pid = probe_loop.start(7, &hang, LONG).unwrap();
        assert!(probe_loop.probes.is_running(7) && !probe_loop.probes.is_running(8));
        assert_eq!(probe_loop.start(7, &hang, LONG), Err(ProbeStartError::InProgress));
        let other = probe_loop.start(8, &command(&["false"]), LONG).unwrap();
        assert_eq!(probe_loop.wait_for_exit(other), Some((8, fail("exited with code 1"))));
        probe_loop.probes.cancel(7);
        assert!(!probe_loop.probes.is_running(7));
        assert_eq!(probe_loop.probes.deadline(), None);
        assert_eq!(probe_loop.wait_for_exit(pid), None);
        let again = probe_loop.start(7, &command(&["true"]), LONG).unwrap();
        assert_eq!(probe_loop.wait_for_exit(again), Some((7, ProbeResult::Pass)));
    });
}

#[test]
fn time_runs_out_for_each_by_itself() {
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        let hang = command(&["sleep", "1000"]);
        let now = Instant::now();
        let first = probe_loop.start(1, &hang, Duration::from_secs(1000)).unwrap();
        let second = probe_loop.start(2, &hang, Duration::from_secs(2000)).unwrap();
        let deadline = probe_loop.probes.deadline().unwrap();
        assert!(deadline >= now + Duration::from_secs(1000) && deadline < now + Duration::from_secs(1900));
        assert_eq!(probe_loop.probes.expire(now + Duration::from_secs(999)), []);
        let message = probe_loop.probes.expire(deadline);
        assert_eq!(message, [(1, fail("no response in 1000s"))]);
        assert_eq!(probe_loop.wait_for_exit(first), None, "it has been told");
        probe_loop.probes.cancel_all();
        assert_eq!(probe_loop.wait_for_exit(second), None);
    });
}

#[test]
fn a_look_is_the_services_user_and_has_no_more_rights() {
    if root().is_none() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).unwrap();
    let secret: PathBuf = place.path().join("secret");
    File::create(&secret).unwrap();
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        assert_eq!(probe_loop.run(&Probe::Path(secret.clone()), LONG), ProbeResult::Pass, "root sees it");
        probe_loop.as_user = Some(4242);
        assert_eq!(probe_loop.run(&Probe::Path(secret.clone()), LONG), fail("permission denied"));
        let ids = command(&["sh", "-c", "echo $(id -u) $(id -G) $(grep -c . /proc/self/fd/0); exit 1"]);
        assert_eq!(probe_loop.run(&ids, LONG), fail("exited with code 1: 4242 4242 0"));
        // As PID 1 does first of all. The directory that the shell reads is the fourth.
        stepdown::sys::descriptors::close_on_exec();
        let open = command(&["sh", "-c", "cd /proc/self/fd; echo *; exit 1"]);
        assert_eq!(probe_loop.run(&open, LONG), fail("exited with code 1: 0 1 2 3"));
        let status = command(&["sh", "-c", "grep NoNewPrivs /proc/self/status; exit 1"]);
        assert_eq!(probe_loop.run(&status, LONG), fail("exited with code 1: NoNewPrivs:\\t1"));
    });
}

#[test]
fn a_look_that_cannot_become_the_service_says_why() {
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        let mut wrong = launch();
        wrong.directory = Some(c"/nowhere/at/all".to_owned());
        let requested = probe_loop.run_with(&command(&["true"]), LONG, wrong);
        assert_eq!(requested, fail("cannot change to the directory /nowhere/at/all: No such file or directory"));
        // Where nothing is executed, the directory does not matter.
        let mut wrong = launch();
        wrong.directory = Some(c"/nowhere/at/all".to_owned());
        assert_eq!(probe_loop.run_with(&Probe::Path("/".into()), LONG, wrong), ProbeResult::Pass);
    });
    if root().is_some() {
        in_child(|| {
            let groups = vec![stepdown::config::values::Gid(u32::MAX)];
            let mut wrong = launch_as(4242);
            wrong.credentials.groups = Some(groups);
            let requested = ProbeLoop::new().run_with(&Probe::Path("/".into()), LONG, wrong);
            assert_eq!(requested, fail("cannot set the supplementary groups: Invalid argument"));
        });
    }
}

#[test]
fn no_process_and_no_descriptor_are_refusals_that_leave_nothing_behind() {
    in_child(|| {
        let mut probe_loop = ProbeLoop::new();
        let before = fs::read_dir("/proc/self/fd").unwrap().count();
        let (soft, hard) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE).unwrap();
        nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, 3, hard).unwrap();
        let refused = probe_loop.start(1, &command(&["true"]), LONG).unwrap_err();
        assert_eq!(refused, SpawnError::new(SpawnStep::Pipe, Errno::EMFILE as i32).into());
        nix::sys::resource::setrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE, soft, hard).unwrap();
        child::forbid(&[
            child::Forbidden::all(nix::libc::SYS_clone, Errno::EAGAIN as i32),
            child::Forbidden::all(nix::libc::SYS_clone3, Errno::EAGAIN as i32),
        ]);
        let refused = probe_loop.start(1, &command(&["true"]), LONG).unwrap_err();
        assert_eq!(refused, SpawnError::new(SpawnStep::Fork, Errno::EAGAIN as i32).into());
        assert!(!probe_loop.probes.is_running(1) && probe_loop.probes.deadline().is_none());
        assert_eq!(fs::read_dir("/proc/self/fd").unwrap().count(), before);
    });
}
