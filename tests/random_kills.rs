//! The real binary as the real PID 1 under 2,000 random kills of anybody but itself, as fast as they can be delivered, with
//! what must hold looked at from outside after each burst (DESIGN §4): at most one first process per service, no zombie
//! for longer than a moment, nobody root, dependents in order, and PID 1 none the worse.
//!
//! `STEPDOWN_TEST_SEED=N` repeats a run's choices (not the kernel's).
#![allow(unsafe_code)] // pidfd_open(2), pidfd_send_signal(2): a number that was somebody else's meanwhile is never signalled

#[allow(dead_code)] // every test file uses its own part
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::engine::rng::Rng;
use crate::support::try_container;
use crate::support::try_container::{Ended, LIMIT, Line, Running, TryContainer, descendants, possible, status};
use crate::support::wait::wait_until_or_show;
use nix::libc;

const BINARY: &str = try_container::INSIDE;
const KILLS: usize = 2000;
/// After so many there is a calm, in which everything must come up again: without one the end of a chain never would.
const CALM: usize = 250;
/// The dead are waited for at once; a machine under load may take its time.
const MOMENT: Duration = Duration::from_secs(5);

const RESTART: &str = "restart = { delay = \"100ms\", max_delay = \"100ms\", limit = \"infinity\" }\n";
/// Outlives the deaths of its children.
const LOOP: &str = "while :; do sleep 600 & wait; done";
const FORKS: &str = "for i in 1 2 3 4 5 6; do (while :; do sleep 600; done) & done; setsid sleep 3 & wait";
const SPEAKS: &str = "socket(my $s, PF_UNIX, SOCK_DGRAM, 0); my $to = $ENV{NOTIFY_SOCKET}; $to =~ s/^@/\\0/; \
    connect($s, sockaddr_un($to)) or die $!; send($s, \"READY=1\\nSTATUS=well\", 0) or die $!; sleep 600";
const SERVES: &str = "socket(my $s, PF_INET, SOCK_STREAM, 0); setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1); \
    bind($s, sockaddr_in($ARGV[1], INADDR_LOOPBACK)) or die $!; listen($s, 50); \
    while (accept(my $c, $s)) { sysread($c, my $asked, 4096); syswrite($c, \"HTTP/1.1 204 Fine\\r\\n\\r\\n\"); close $c }";

/// Which service requires which.
const REQUIRES: [(&str, &str); 7] = [
    ("cache", "config"),
    ("db", "cache"),
    ("web", "db"),
    ("app", "web"),
    ("app", "speaks"),
    ("worker", "app"),
    ("other", "db"),
];
/// What is up when all is well; oneshots are not.
const LONGRUNS: [&str; 10] = ["app", "db", "feed", "forks", "other", "reader", "slow", "speaks", "web", "worker"];

/// `first:NAME` marks the first process of a service on its command line.
fn shell(name: &str, script: &str, more: &str) -> (String, String) {
    toml(name, &format!("[\"/bin/sh\", \"-c\", '''{script}''', \"first:{name}\"]"), more)
}

fn toml(name: &str, command: &str, more: &str) -> (String, String) {
    let requires: Vec<_> = REQUIRES.iter().filter(|(who, _)| *who == name).map(|(_, required)| required).collect();
    let restart = if more.contains("oneshot") { "" } else { RESTART };
    (format!("{name}.toml"), format!("command = {command}\nrequires = {requires:?}\n{restart}{more}\n"))
}

fn tree(port: u16) -> Vec<(String, String)> {
    let asks = format!("{{ http = \"http://127.0.0.1:{port}/\", interval = \"200ms\"");
    let perl = |script: &str, name: &str| {
        format!("[\"perl\", \"-MSocket\", \"-e\", '''{script}''', \"first:{name}\", \"{port}\"]")
    };
    vec![
        shell("config", "true", "type = \"oneshot\""),
        shell("cache", "true", "type = \"oneshot\"\nstop_command = [\"true\"]"),
        shell("db", &format!("echo >&3; exec 3>&-; {LOOP}"), "ready = { fd = 3 }"),
        toml("speaks", &perl(SPEAKS, "speaks"), "ready = { notify = true }"),
        toml("web", &perl(SERVES, "web"), &format!("ready = {asks} }}\nhealth = {asks}, failures = 2 }}")),
        shell("app", LOOP, "stop = { timeout = \"2s\" }"),
        shell("worker", LOOP, "finish = [\"true\"]"),
        shell("feed", "while :; do echo line; sleep 0.05; done", "pipe_to = \"reader\""),
        shell("reader", "while read line; do :; done", "ready = { delay = \"50ms\" }"),
        shell("tick", "sleep 0.2", "type = \"oneshot\"\nevery = \"1s\""),
        shell("forks", FORKS, ""),
        shell("other", LOOP, "user = \"daemon\""),
        shell(
            "slow",
            &format!("trap '' HUP; {LOOP}"),
            "ready = { command = [\"true\"] }\nhealth = { command = [\"true\"], interval = \"100ms\" }",
        ),
    ]
}

/// A process as `/proc` shows it.
#[derive(Clone, Debug)]
struct Process {
    pid: i32,
    state: char,
    parent: i32,
    session: i32,
    began: u64,
    uids: String,
    words: String,
}

impl Process {
    /// `None`: it is gone.
    fn read(pid: i32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse().ok();
        Some(Self {
            pid,
            state: fields.first()?.chars().next()?,
            parent: number(1)?,
            session: number(3)?,
            began: fields.get(19)?.parse().ok()?,
            uids: status(pid, "Uid:"),
            words: fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?.replace('\0', " "),
        })
    }

    fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Whose first process it is: not a child that was forked from one and has its command line still.
    fn first_of(&self, pid_one: i32) -> Option<&str> {
        let name = self.words.split_once("first:")?.1.split_whitespace().next();
        name.filter(|_| self.parent == pid_one && self.session == self.pid)
    }

    fn still_lives(&self) -> bool {
        Self::read(self.pid).is_some_and(|now| now.began == self.began && !now.is_dead())
    }

    /// Sends a signal, if it is (still) a process of that pid namespace. Returns whether it was sent.
    fn send(&self, signal: i32, namespace: &Path) -> bool {
        // SAFETY: takes numbers only.
        let answer = unsafe { libc::syscall(libc::SYS_pidfd_open, self.pid, 0) };
        let Some(fd) = i32::try_from(answer).ok().filter(|fd| *fd >= 0) else { return false };
        // SAFETY: the kernel just made it, and nobody else owns it.
        let pin = unsafe { OwnedFd::from_raw_fd(fd) };
        if fs::read_link(format!("/proc/{}/ns/pid", self.pid)).ok().as_deref() != Some(namespace) {
            return false;
        }
        let none = std::ptr::null::<libc::siginfo_t>();
        // SAFETY: a descriptor that we own, numbers, and no siginfo.
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pin.as_raw_fd(), signal, none, 0) == 0 }
    }
}

/// What is remembered from one look to the next.
struct Watch {
    pid_one: i32,
    zombies: BTreeMap<(i32, u64), Instant>,
    most_fds: usize,
    /// Descriptors of PID 1 when all is well.
    at_rest: usize,
}

impl Watch {
    /// Returns the living processes, after checking what must hold at any time.
    fn look(&mut self) -> Vec<Process> {
        let all: Vec<Process> = descendants(self.pid_one).into_iter().filter_map(Process::read).collect();
        let first = Process::read(self.pid_one).expect("PID 1 lives");
        assert!(!first.is_dead(), "{first:?}");
        let mut firsts: BTreeMap<&str, &Process> = BTreeMap::new();
        let mut zombies = BTreeMap::new();
        for process in all.iter().chain([&first]) {
            assert!(!process.uids.split_whitespace().any(|uid| uid == "0"), "it is root: {process:?}");
            if process.is_dead() && process.parent == self.pid_one {
                let key = (process.pid, process.began);
                let since = *self.zombies.get(&key).unwrap_or(&Instant::now());
                assert!(since.elapsed() < MOMENT, "nobody reaps it: {process:?}");
                zombies.insert(key, since);
            }
            if let Some(name) = process.first_of(self.pid_one).filter(|_| !process.is_dead())
                && let Some(other) = firsts.insert(name, process)
            {
                // The look takes its time: both must live at this one moment.
                assert!(!(other.still_lives() && process.still_lives()), "two of {name}: {other:?}, {process:?}");
            }
        }
        self.zombies = zombies;
        self.most_fds = self.most_fds.max(fds(self.pid_one));
        all.into_iter().filter(|process| !process.is_dead()).collect()
    }

    /// Waits until all that is wanted is up; then each service has one first process, and no zombie is left.
    /// Returns the KiB of PID 1's own memory.
    fn calm(&mut self, running: &Running) -> u64 {
        let mut looks = 0;
        wait_until("all is up", running, || {
            self.look();
            answers(self.pid_one)
        });
        wait_until("each has one first process, nobody is a zombie", running, || {
            let all = self.look();
            let firsts: BTreeSet<_> = all.iter().filter_map(|process| process.first_of(self.pid_one)).collect();
            self.zombies.is_empty() && LONGRUNS.iter().all(|name| firsts.contains(name))
        });
        // Whoever asks or is asked has descriptors for a moment, and what left its session (`setsid`) has its output until it
        // ends: the fewest of some looks, and of more looks while they are too many. One left open would stay.
        let mut fewest = usize::MAX;
        wait_until("no descriptor is left open", running, || {
            fewest = fewest.min(fds(self.pid_one));
            looks += 1;
            looks >= 20 && fewest <= self.at_rest
        });
        self.at_rest = self.at_rest.min(fewest);
        let memory = status(self.pid_one, "RssAnon:");
        memory.trim_end_matches("kB").trim().parse().unwrap()
    }
}

fn fds(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// `stepdown status` inside: whether all that is wanted is up.
fn answers(pid_one: i32) -> bool {
    let mut command = Command::new("nsenter");
    command.args(["--target", &pid_one.to_string(), "--mount", "--pid", "--", BINARY, "status"]);
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap().status.success()
}

fn wait_until(what: &str, running: &Running, is_met: impl FnMut() -> bool) {
    wait_until_or_show(what, is_met, || {
        let lines = running.lines();
        format!("; the last lines: {:#?}", &lines[lines.len().saturating_sub(60)..])
    });
}

/// Delivers the next burst of signals, of which so many are KILL at most; returns how many KILL were.
fn burst(rng: &mut Rng, all: Vec<Process>, most: usize, stopped: &mut Vec<Process>, watch: &Watch) -> usize {
    let namespace = fs::read_link(format!("/proc/{}/ns/pid", watch.pid_one)).unwrap();
    let mut left = all;
    let mut kills = 0;
    for _ in 0..rng.between(1, 8) {
        if left.is_empty() || kills == most {
            break;
        }
        let victim = left.swap_remove(usize::try_from(rng.below(left.len() as u64)).unwrap());
        match rng.below(100) {
            0..3 if victim.send(libc::SIGSTOP, &namespace) => stopped.push(victim),
            3..8 if victim.first_of(watch.pid_one).is_none() => _ = victim.send(libc::SIGHUP, &namespace),
            _ => kills += usize::from(victim.send(libc::SIGKILL, &namespace)),
        }
    }
    if rng.percent(10) || stopped.len() > 4 {
        go_on(stopped, &namespace);
    }
    kills
}

fn go_on(stopped: &mut Vec<Process>, namespace: &Path) {
    for process in stopped.drain(..) {
        process.send(libc::SIGCONT, namespace);
    }
}

#[test]
fn two_thousand_random_kills_break_nothing_that_must_hold() {
    if !possible() {
        return;
    }
    let seed = std::env::var("STEPDOWN_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("STEPDOWN_TEST_SEED={seed}");
    let mut rng = Rng::new(seed);
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let container = TryContainer::new().env("PUID", "1234").env("PGID", "2345").env("STEPDOWN_LOG", "debug");
    let running = tree(port).iter().fold(container, |container, (name, text)| container.service(name, text)).start();
    running.wait_for_line(|line| line.contains("| worker: up, pid "), LIMIT);
    let mut watch = Watch { pid_one: running.pid_one(), zombies: BTreeMap::new(), most_fds: 0, at_rest: usize::MAX };
    let mut calms = vec![watch.calm(&running)];
    let (mut kills, mut stopped) = (0, Vec::new());
    while kills < KILLS {
        let all = watch.look();
        let until_calm = CALM - kills % CALM;
        let delivered = burst(&mut rng, all, until_calm, &mut stopped, &watch);
        kills += delivered;
        if delivered == until_calm {
            let namespace = fs::read_link(format!("/proc/{}/ns/pid", watch.pid_one)).unwrap();
            go_on(&mut stopped, &namespace);
            calms.push(watch.calm(&running));
        }
    }
    assert!(watch.most_fds <= watch.at_rest + 60, "{} descriptors of {}", watch.most_fds, watch.at_rest);
    // The first rounds fill what is bounded: rings of lines, the allocator's pools.
    let [early, .., late] = calms[2..] else { panic!("{calms:?}") };
    assert!(late <= early + 512, "its memory grows: {calms:?}");
    let ended = running.stop().expect(0);
    println!("descriptors: {}; KiB: {calms:?}", watch.at_rest);
    assert_in_order(&ended);
}

/// What PID 1 said in passing, service by service: whoever starts had ended before, and what it requires is up; in the end
/// whoever requires another stops before it.
fn assert_in_order(ended: &Ended) {
    let level = |text: &str| {
        ["debug: ", "warning: ", "error: "].iter().find_map(|level| text.strip_prefix(level).map(str::to_owned))
    };
    let ours = |line: &Line| {
        let (_, text) = line.text.split_once("stepdown | ")?;
        Some(level(text).unwrap_or_else(|| text.to_owned()))
    };
    let lines: Vec<String> = ended.lines.iter().filter_map(ours).collect();
    assert!(!lines.iter().any(|line| line.contains("messages lost")), "this needs all of them");
    let (mut lives, mut up) = (BTreeSet::new(), BTreeSet::new());
    let mut starts = 0;
    for (at, line) in lines.iter().enumerate() {
        let Some((name, what)) = line.split_once(": ") else { continue };
        let before = || lines[at.saturating_sub(30)..=at].join("\n");
        if what.starts_with("started, pid ") {
            starts += 1;
            assert!(lives.insert(name), "it lives:\n{}", before());
            for (_, required) in REQUIRES.iter().filter(|(who, _)| *who == name) {
                assert!(up.contains(required), "{required} is not up:\n{}", before());
            }
        } else if what.starts_with("up, pid ") {
            assert!(lives.contains(name) && up.insert(name), "how can it be up?\n{}", before());
        } else if what.starts_with("done after ") {
            lives.remove(name);
            up.insert(name);
        } else if ["exited with ", "killed by ", "stopped, "].iter().any(|end| what.starts_with(end)) {
            lives.remove(name);
            up.remove(name);
        } else if what.starts_with("unhealthy, ") {
            up.remove(name);
        }
    }
    assert!(starts > KILLS / 10, "{starts} starts only");
    assert!(lives.is_empty(), "{lives:?} live after the end");
    let stopping = lines.iter().rposition(|line| line.contains("got SIGTERM: stopping")).unwrap();
    let stopped =
        |name: &str| lines[stopping..].iter().position(|line| line.starts_with(&format!("{name}: stopped, ")));
    for (who, required) in REQUIRES {
        if LONGRUNS.contains(&required) {
            assert!(stopped(who).unwrap() < stopped(required).unwrap(), "{required} stopped before {who}");
        }
    }
}
