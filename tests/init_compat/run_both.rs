//! One scenario for an original and for ours under its name.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Output, Stdio};
use std::rc::Rc;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::skip::skipped;
use crate::support::try_container;

/// Says `ready PID`, then the number of each signal that comes, for a minute. (Perl handles faults at once, amid
/// a `print`, whose buffer would then be written twice.)
pub const SAYS: &str = "use Config; my @names = split ' ', $Config{sig_name}; $| = 1; \
    for my $number (1 .. 31) { next if grep { $_ == $number } 9, 17, 19; \
        $SIG{$names[$number]} = sub { syswrite STDOUT, \"$number\\n\" } } \
    print \"ready $$\\n\"; my $end = time + 60; select(undef, undef, undef, 1) while time < $end";

/// A script that leaves an orphan, which ends with 3 once it is one, and says its pid.
pub const ORPHAN: &str = "(while kill -0 $$; do :; done; exit 3) > /dev/null 2>&1 & echo $!";

/// An init that is called by its name.
pub struct Init {
    program: PathBuf,
    environment: Vec<(&'static str, &'static str)>,
    /// Where its name is.
    place: Option<Rc<tempfile::TempDir>>,
}

/// Runs a scenario with the original, which proves the scenario, and with ours.
pub fn both(name: &str, scenario: impl Fn(&Init)) {
    let original = PathBuf::from("/usr/bin").join(name);
    if original.exists() {
        scenario(&Init { program: original, environment: Vec::new(), place: None });
    } else {
        skipped(&format!("there is no {}: install {name}", original.display()));
    }
    scenario(&ours(name));
}

/// Returns ours under that name.
pub fn ours(name: &str) -> Init {
    let place = tempfile::tempdir().unwrap();
    let program = place.path().join(name);
    symlink(try_container::program(), &program).unwrap();
    Init { program, environment: Vec::new(), place: Some(Rc::new(place)) }
}

impl Init {
    pub fn path(&self) -> &Path {
        &self.program
    }

    /// Returns it with these variables.
    pub fn with(&self, environment: &[(&'static str, &'static str)]) -> Self {
        Self { program: self.program.clone(), environment: environment.to_vec(), place: self.place.clone() }
    }

    /// Returns a command that runs it, behind the words of another that executes it.
    pub fn behind(&self, before: &[&str], words: &[&str]) -> Command {
        let mut all = before.iter().map(PathBuf::from).chain([self.program.clone()]);
        let mut command = Command::new(all.next().unwrap());
        command.args(all).args(words).env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        command.envs(self.environment.iter().copied()).stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    pub fn run(&self, words: &[&str]) -> Output {
        self.behind(&[], words).output().unwrap()
    }

    pub fn code(&self, words: &[&str]) -> Option<i32> {
        self.run(words).status.code()
    }

    pub fn start(&self, words: &[&str]) -> Started {
        Started::spawn(&mut self.behind(&[], words))
    }

    /// Runs it in a terminal of its own, as the leader of a session.
    pub fn in_a_terminal(&self, words: &str) -> Started {
        let line = format!("exec {} {words}", self.program.display());
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("SHELL", "/bin/sh").envs(self.environment.iter().copied());
        Started::spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))
    }
}

/// One that runs.
pub struct Started {
    child: Child,
    out: BufReader<ChildStdout>,
}

impl Started {
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let out = BufReader::new(child.stdout.take().unwrap());
        Self { child, out }
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    /// Returns the next line of its output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    /// Returns the process id behind `ready`.
    pub fn ready(&mut self) -> i32 {
        let line = self.line();
        line.strip_prefix("ready ").and_then(|pid| pid.parse().ok()).unwrap_or_else(|| panic!("{line:?}"))
    }

    pub fn signal(&self, number: i32) {
        kill(Pid::from_raw(self.pid()), Signal::try_from(number).unwrap()).unwrap();
    }

    pub fn type_in(&mut self, text: &str) {
        self.child.stdin.as_mut().unwrap().write_all(text.as_bytes()).unwrap();
    }

    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Returns what is left of the output, and the code.
    pub fn remaining_output(&mut self) -> (String, Option<i32>) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).unwrap();
        (rest, self.wait())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Returns the letter of its state; `X`: there is none.
pub fn state(pid: i32) -> char {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).unwrap_or('X')
}

/// Returns the lines of a standard error, with `N` for every number, sorted: parent and child write at once.
pub fn lines(text: &[u8]) -> Vec<String> {
    let numberless = |line: &str| {
        let letters = line.chars().map(|letter| if letter.is_ascii_digit() { 'N' } else { letter });
        let mut text: String = letters.collect();
        while text.contains("NN") {
            text = text.replace("NN", "N");
        }
        text
    };
    let mut lines: Vec<String> = String::from_utf8_lossy(text).lines().map(numberless).collect();
    lines.sort();
    lines
}
