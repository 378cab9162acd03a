//! A container that runs: its lines as they come, signals, the end. Kills only what it started, by a pid that nobody else can
//! have: its own child, not yet reaped.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::Child;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::LIMIT;

/// Where a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Out,
    Err,
}

/// A line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub origin: Origin,
    pub text: String,
}

#[derive(Debug, Default)]
struct OutputLines {
    lines: Vec<Line>,
    ended: usize,
}

type Shared = Arc<(Mutex<OutputLines>, Condvar)>;

fn reader(from: impl Read + Send + 'static, origin: Origin, output: &Shared) -> std::thread::JoinHandle<()> {
    let output = Arc::clone(output);
    std::thread::spawn(move || {
        for line in BufReader::new(from).split(b'\n') {
            let Ok(line) = line else { break };
            let text = String::from_utf8_lossy(&line).into_owned();
            output.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).lines.push(Line { origin, text });
            output.1.notify_all();
        }
        output.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).ended += 1;
        output.1.notify_all();
    })
}

/// A running container. Dropped, it is killed, and with it everything inside.
#[derive(Debug)]
pub struct Running {
    child: Child,
    output: Shared,
    readers: Vec<std::thread::JoinHandle<()>>,
    home: Option<tempfile::TempDir>,
}

impl Running {
    /// Reads what `child` says from now on.
    pub fn watch(mut child: Child, home: tempfile::TempDir) -> Self {
        let output = Arc::new((Mutex::new(OutputLines::default()), Condvar::new()));
        let readers = [
            reader(child.stdout.take().expect("it is piped"), Origin::Out, &output),
            reader(child.stderr.take().expect("it is piped"), Origin::Err, &output),
        ];
        Self { home: Some(home), child, output, readers: readers.into() }
    }

    /// Returns the first line that `wanted` accepts, whether it was said already or comes within `limit`.
    pub fn wait_for_line(&self, wanted: impl Fn(&str) -> bool, limit: Duration) -> String {
        let until = Instant::now() + limit;
        let mut output = self.output.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        loop {
            if let Some(line) = output.lines.iter().find(|line| wanted(&line.text)) {
                return line.text.clone();
            }
            let left = until.saturating_duration_since(Instant::now());
            let over = output.ended == 2;
            assert!(
                !over && !left.is_zero(),
                "the line did not come{}; all that came:\n{}",
                if over { ": the container ended" } else { " in time" },
                listing(&output.lines)
            );
            output = self.output.1.wait_timeout(output, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Waits until what was said satisfies `wanted`.
    pub fn wait_until(&self, wanted: impl Fn(&[Line]) -> bool, limit: Duration) {
        let until = Instant::now() + limit;
        let mut output = self.output.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while !wanted(&output.lines) {
            let left = until.saturating_duration_since(Instant::now());
            assert!(
                output.ended < 2 && !left.is_zero(),
                "it did not come to that; all that came:\n{}",
                listing(&output.lines)
            );
            output = self.output.1.wait_timeout(output, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
    }

    /// Returns the first record of a recorder.
    pub fn record(&self) -> serde_json::Value {
        parse(&self.wait_for_line(|line| line.contains("RECORD {"), LIMIT))
    }

    /// Sends a signal to `try`, which passes it on.
    pub fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).expect("our child is not reaped yet");
    }

    /// The pid of `try`.
    pub fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).expect("a pid is an i32"))
    }

    /// The container's PID 1 as it is numbered here: of all that are PID 1 somewhere below `try`, the one in the innermost
    /// namespace.
    pub fn pid_one(&self) -> i32 {
        let depth = |pid: &i32| status(*pid, "NSpid:").split_whitespace().count();
        let firsts = descendants(self.pid().as_raw()).into_iter().filter(|pid| status(*pid, "NSpid:").ends_with("\t1"));
        firsts.max_by_key(depth).expect("the container runs")
    }

    /// What was said until now.
    pub fn lines(&self) -> Vec<Line> {
        self.output.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).lines.clone()
    }

    /// Asks it to stop, and waits.
    pub fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        self.wait(LIMIT)
    }

    /// Waits for the end.
    pub fn wait(self, limit: Duration) -> Ended {
        self.wait_keeping(limit).0
    }

    /// Waits for the end, and hands over the directory that it lived in.
    pub fn wait_keeping(mut self, limit: Duration) -> (Ended, Option<tempfile::TempDir>) {
        let until = Instant::now() + limit;
        let mut output = self.output.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        while output.ended < 2 {
            let left = until.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "the container did not end in time; all that came:\n{}", listing(&output.lines));
            output = self.output.1.wait_timeout(output, left).unwrap_or_else(std::sync::PoisonError::into_inner).0;
        }
        let lines = std::mem::take(&mut output.lines);
        drop(output);
        // Its output is closed: it is about to exit.
        let status = self.child.wait().expect("it is our child");
        (Ended { code: status.code(), lines }, self.home.take())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Who has stepped down outlives whoever started it (a change of ids clears PR_SET_PDEATHSIG), and holds our pipes.
        if matches!(self.child.try_wait(), Ok(None)) {
            let first = |pid: &i32| status(*pid, "NSpid:").ends_with("\t1");
            for pid in descendants(self.pid().as_raw()).into_iter().filter(first) {
                let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
        // Both do nothing if it was reaped: `Child` remembers.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        for reader in self.readers.drain(..) {
            let _panicked = reader.join();
        }
    }
}

/// A container that has ended.
#[derive(Debug)]
pub struct Ended {
    /// `None`: `try` itself was killed.
    pub code: Option<i32>,
    pub lines: Vec<Line>,
}

impl Ended {
    /// The records of all probes, in order.
    pub fn records(&self) -> Vec<serde_json::Value> {
        self.lines.iter().filter(|line| line.text.contains("RECORD {")).map(|line| parse(&line.text)).collect()
    }

    /// What was said on one stream, as one text.
    pub fn text(&self, origin: Origin) -> String {
        self.lines.iter().filter(|line| line.origin == origin).map(|line| format!("{}\n", line.text)).collect()
    }

    /// Fails unless a line contains this text.
    #[track_caller]
    pub fn assert_line(&self, text: &str) {
        assert!(self.has_line(text), "no line contains {text:?}: {self:#?}");
    }

    /// Fails if a line contains this text.
    #[track_caller]
    pub fn assert_no_line(&self, text: &str) {
        assert!(!self.has_line(text), "a line contains {text:?}: {self:#?}");
    }

    fn has_line(&self, text: &str) -> bool {
        self.lines.iter().any(|line| line.text.contains(text))
    }

    /// Fails with all lines unless the code is this one.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "all that came:\n{}", listing(&self.lines));
        self
    }
}

fn listing(lines: &[Line]) -> String {
    lines.iter().map(|line| format!("  {:?} {}\n", line.origin, line.text)).collect()
}

fn parse(line: &str) -> serde_json::Value {
    let (_, json) = line.split_once("RECORD ").expect("it is the recorder's line");
    serde_json::from_str(json).unwrap_or_else(|cause| panic!("not a record ({cause}): {line}"))
}

/// The pids of everybody below `pid`, as they are numbered here.
pub fn descendants(pid: i32) -> Vec<i32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .flat_map(|pid| [vec![pid], descendants(pid)].concat())
        .collect()
}

/// A field of `/proc/PID/status`.
pub fn status(pid: i32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    text.lines().find_map(|line| line.strip_prefix(field)).unwrap_or_default().trim().to_owned()
}
