//! The loop that runs probes, and their targets.

use std::fs::File;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::child;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::socket::{Backlog, listen};
use stepdown::config::probe::{HTTP_SUCCESS, HostPort, Http, Probe};
use stepdown::config::values::{CapSet, Gid, Uid};
use stepdown::plan::Credentials;
use stepdown::run::probe::{ProbeStartError, Probes};
use stepdown::supervise::{Pid, ProbeResult};
use stepdown::sys::dev_null;
use stepdown::sys::process::launch::{Launch, Parent, Program, Session};
use stepdown::sys::process::reap::{self, WaitResult};

/// A test that waits this long has failed.
const LIMIT: Duration = Duration::from_secs(60);

pub fn fail(words: &str) -> ProbeResult {
    ProbeResult::Fail(words.to_owned())
}

/// Runs probes as PID 1 does: one thread, one poll(2).
pub struct ProbeLoop {
    pub probes: Probes<usize>,
    /// How often poll(2) returned.
    pub wakeups: usize,
    pub as_user: Option<u32>,
    children: SignalFd,
}

impl ProbeLoop {
    pub fn new() -> Self {
        let mut mask = SigSet::empty();
        mask.add(Signal::SIGCHLD);
        mask.thread_block().unwrap();
        let children = SignalFd::with_flags(&mask, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).unwrap();
        Self { probes: Probes::new(Rc::new(dev_null::open_input().unwrap())), wakeups: 0, as_user: None, children }
    }

    pub fn start(&mut self, key: usize, probe: &Probe, timeout: Duration) -> Result<Pid, ProbeStartError> {
        let launch = self.as_user.map_or_else(launch, launch_as);
        self.probes.start(key, probe, timeout, Instant::now(), launch)
    }

    pub fn run(&mut self, probe: &Probe, timeout: Duration) -> ProbeResult {
        let launch = self.as_user.map_or_else(launch, launch_as);
        self.run_with(probe, timeout, launch)
    }

    pub fn run_with(&mut self, probe: &Probe, timeout: Duration, launch: Launch) -> ProbeResult {
        let pid = self.probes.start(0, probe, timeout, Instant::now(), launch).unwrap();
        let (key, answer) = self.wait_for_exit(pid).expect("an answer");
        assert_eq!(key, 0);
        answer
    }

    /// Runs the loop until `pid` is reaped, and returns the result of its probe.
    pub fn wait_for_exit(&mut self, pid: Pid) -> Option<(usize, ProbeResult)> {
        let limit = Instant::now() + LIMIT;
        let mut answer = None;
        loop {
            answer = answer.or(self.probes.expire(Instant::now()).pop());
            if let WaitResult::Exited(dead, exit) = reap::peek() {
                let message = self.probes.exited(dead, exit);
                reap::reap(dead);
                answer = answer.or(message);
                if dead == pid {
                    return answer;
                }
                continue;
            }
            let until = self.probes.deadline().unwrap_or(limit).min(limit);
            assert!(Instant::now() < limit, "no process has ended");
            wait(&[self.children.as_fd(), self.probes.fd().unwrap()], until);
            while let Ok(Some(_)) = self.children.read_signal() {}
            self.probes.read_ready();
            self.wakeups += 1;
        }
    }
}

fn wait(fds: &[BorrowedFd<'_>], until: Instant) {
    let mut fds: Vec<_> = fds.iter().map(|fd| PollFd::new(*fd, PollFlags::POLLIN)).collect();
    let left = until.saturating_duration_since(Instant::now()) + Duration::from_millis(1);
    poll(&mut fds, PollTimeout::try_from(left).unwrap()).unwrap();
}

/// Waits until all who could write are gone.
pub fn wait_for_end(pipe: &mut File) {
    let limit = Instant::now() + LIMIT;
    while !matches!(pipe.read(&mut [0; 16]), Ok(0)) {
        assert!(Instant::now() < limit, "somebody still holds it");
        wait(&[pipe.as_fd()], limit);
    }
}

/// A service that runs as the caller.
pub fn launch() -> Launch {
    Launch {
        fallbacks: Vec::new(),
        program: Program::Path(c"/nowhere".to_owned()),
        argv: vec![c"service".to_owned()],
        env: vec![c"A=1".to_owned(), c"PATH=/nowhere:/usr/bin:/bin".to_owned()],
        environment_file: None,
        shortcut: None,
        directory: Some(c"/tmp".to_owned()),
        credentials: child::callers_credentials(),
        parent: Parent::App,
        umask: 0o022,
        nice: None,
        limits: Vec::new(),
        session: Session::ForegroundGroup,
        tag: None,
        filter: None,
        stdio: [None, None, None],
        notify: None,
    }
}

/// A service that runs as another user, started by root.
pub fn launch_as(id: u32) -> Launch {
    let credentials = Credentials {
        uid: Uid(id),
        gid: Gid(id),
        groups: Some(vec![Gid(id)]),
        ambient: CapSet::EMPTY,
        no_new_privs: true,
    };
    Launch { credentials, parent: Parent::Root, ..launch() }
}

pub fn tcp(host: &str, port: u16) -> Probe {
    Probe::Tcp(HostPort { host: host.to_owned(), port })
}

pub fn http(address: SocketAddr) -> Probe {
    let to = HostPort { host: address.ip().to_string(), port: address.port() };
    Probe::Http(Http { to, socket: None, target: "/ping?full=1".to_owned(), status: HTTP_SUCCESS })
}

pub fn http_over(socket: &Path) -> Probe {
    let to = HostPort { host: "localhost".to_owned(), port: 80 };
    Probe::Http(Http { to, socket: Some(socket.into()), target: "/".to_owned(), status: HTTP_SUCCESS })
}

/// Answers whoever asks.
pub struct Server {
    pub address: SocketAddr,
    requests: mpsc::Receiver<String>,
}

impl Server {
    /// What it was first asked.
    pub fn request(&self) -> String {
        self.requests.recv_timeout(LIMIT).unwrap()
    }
}

pub fn serve(answer: &str) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let (sender, requests) = mpsc::channel();
    let address = listener.local_addr().unwrap();
    let answer = answer.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            sender.send(converse(stream.unwrap(), &answer)).ok();
        }
    });
    Server { address, requests }
}

pub fn serve_unix(listener: UnixListener, answer: &str) -> thread::JoinHandle<()> {
    let answer = answer.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            converse(stream.unwrap(), &answer);
        }
    })
}

fn converse(mut stream: impl Read + Write, answer: &str) -> String {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => request.extend(byte),
            _ => break,
        }
    }
    // The client may have read enough before all of it is sent.
    stream.write_all(answer.as_bytes()).ok();
    String::from_utf8_lossy(&request).into_owned()
}

/// Says `begin` and then, as long as anybody listens, a byte now and then.
pub fn slow_server(begin: &str) -> Server {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (_, requests) = mpsc::channel();
    let begin = begin.to_owned();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
            let mut output = stream.write_all(begin.as_bytes());
            while output.is_ok() {
                // Listening is the pause.
                let _asked = stream.read(&mut [0; 64]);
                output = stream.write_all(b" ");
            }
        }
    });
    Server { address, requests }
}

/// A port whose queue of connections is full: the kernel drops what more comes, and who connects waits.
pub fn full_backlog() -> (SocketAddr, Vec<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // Again, with a shorter queue.
    listen(&listener, Backlog::new(0).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        held.push(stream);
        assert!(held.len() < 64, "the queue has no end");
    }
    std::mem::forget(listener);
    (address, held)
}
