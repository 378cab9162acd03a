//! Containers and volumes that remove themselves.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use super::{DOCKER_TIMEOUT, Image, docker, label, limited, must, stdout_and_stderr, unique, wait_for};

/// How a container is to be run: `docker run`'s options, then the main command.
pub struct Run {
    name: String,
    image: String,
    options: Vec<String>,
    command: Vec<String>,
}

impl Run {
    /// Returns a run of `image` with nothing special.
    pub fn new(image: &Image) -> Self {
        Self { name: unique("box"), image: image.tag().to_owned(), options: Vec::new(), command: Vec::new() }
    }

    /// Adds options of `docker run`, separated by blanks.
    pub fn options(mut self, options: &str) -> Self {
        self.options.extend(options.split_whitespace().map(str::to_owned));
        self
    }

    /// Adds an environment variable, whatever bytes it has.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.options.extend(["-e".to_owned(), format!("{name}={value}")]);
        self
    }

    /// Mounts a volume.
    pub fn volume(self, volume: &Volume, at: &str) -> Self {
        self.options(&format!("-v {}:{at}", volume.name))
    }

    /// Mounts a file or directory of this machine, read-only.
    pub fn file(self, from: &std::path::Path, at: &str) -> Self {
        self.options(&format!("-v {}:{at}:ro", from.display()))
    }

    /// Mounts a directory of this machine.
    pub fn directory(self, from: &std::path::Path, at: &str) -> Self {
        self.options(&format!("-v {}:{at}", from.display()))
    }

    /// Sets the main command.
    pub fn command<const N: usize>(mut self, words: [&str; N]) -> Self {
        self.command = words.map(str::to_owned).to_vec();
        self
    }

    /// Sets the main command to a shell script.
    pub fn script(self, script: &str) -> Self {
        self.command(["sh", "-c", script])
    }

    /// Sets the main command to these words, separated by blanks.
    pub fn words_of_command(mut self, words: &str) -> Self {
        self.command = words.split_whitespace().map(str::to_owned).collect();
        self
    }

    /// Runs it to its end.
    pub fn ended(self) -> Ended {
        let container = Container { name: self.name.clone() };
        let output = docker(self.words(&[])).expect("docker was executed before");
        let code = output.status.code().expect("docker returns a code");
        Ended { code, output: stdout_and_stderr(&output), container }
    }

    /// Starts it in the background.
    pub fn start(self) -> Container {
        let container = Container { name: self.name.clone() };
        must(self.words(&["-d"]));
        container
    }

    /// Starts it with a terminal, the client's side of which is held by script(1).
    pub fn with_terminal(self) -> (Container, Child) {
        let container = Container { name: self.name.clone() };
        let words: Vec<String> = self.words(&["-it"]).iter().map(|word| quoted(word)).collect();
        let line = format!("docker {}", words.join(" "));
        let child = limited("script", DOCKER_TIMEOUT)
            .args(["--quiet", "--return", "--command", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("script(1) is in every Debian");
        (container, child)
    }

    fn words(&self, first: &[&str]) -> Vec<String> {
        let mut words = vec!["run".to_owned()];
        words.extend(first.iter().map(|&word| word.to_owned()));
        words.extend(["--name", &self.name, "--label", &label()].map(str::to_owned));
        words.extend(self.options.iter().cloned());
        words.push(self.image.clone());
        words.extend(self.command.iter().cloned());
        words
    }
}

/// One word as a shell reads it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A container that ran to its end; gone when dropped.
pub struct Ended {
    /// Its exit code (125: `docker run` itself failed).
    pub code: i32,
    /// Both of its streams.
    pub output: String,
    container: Container,
}

impl Ended {
    /// Returns every path of the image that it created, changed or removed, as `docker diff` lists them.
    pub fn changed_files(&self) -> Vec<String> {
        let diff = must(["diff", &self.container.name]);
        diff.lines().map(str::to_owned).collect()
    }

    /// Returns its output if it ended with `code`.
    ///
    /// # Panics
    /// If it ended with another one.
    #[track_caller]
    pub fn expect_code(&self, code: i32) -> &str {
        assert_eq!(self.code, code, "it said:\n{}", self.output);
        &self.output
    }

    /// Checks that the output holds each of these words.
    ///
    /// # Panics
    /// If it lacks one.
    #[track_caller]
    pub fn expect_words(&self, words: &[&str]) {
        for word in words {
            assert!(self.output.contains(word), "nothing about {word:?} in:\n{}", self.output);
        }
    }
}

/// One line of `docker top`.
#[derive(Debug, PartialEq, Eq)]
pub struct Process {
    /// Effective user id.
    pub uid: u32,
    /// State letters of ps(1); `Z` is a zombie.
    pub state: String,
    /// Its command line.
    pub command: String,
}

/// A container that is killed and removed when dropped.
pub struct Container {
    name: String,
}

impl Container {
    /// Returns a handle on a container that something else made.
    pub fn named(name: &str) -> Self {
        Self { name: name.to_owned() }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns everything that it wrote so far, over all of its starts.
    pub fn logs(&self) -> String {
        docker(["logs", &self.name]).map(|output| stdout_and_stderr(&output)).unwrap_or_default()
    }

    /// Returns what it wrote to its standard output and to its standard error so far.
    pub fn streams(&self) -> [String; 2] {
        let output = docker(["logs", &self.name]).expect("docker was executed before");
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Waits until its log holds `text`, `times` times.
    ///
    /// # Panics
    /// After a while, or as soon as it has ended without.
    pub fn wait_for_log_times(&self, text: &str, times: usize) -> String {
        let what = format!("{text:?} ({times} times) in the log of {}", self.name);
        let holds = |log: &String| log.matches(text).count() >= times;
        let answer = || {
            let ended = self.has_ended(); // asked before the log: whoever ended has written everything
            let log = Some(self.logs()).filter(holds);
            assert!(!ended || log.is_some(), "it ended without {what}; its log:\n{}", self.logs());
            log
        };
        wait_for(&what, DOCKER_TIMEOUT, || self.logs(), answer)
    }

    /// Waits until its log holds `text`.
    pub fn wait_for_log(&self, text: &str) -> String {
        self.wait_for_log_times(text, 1)
    }

    /// Waits until it has ended, and returns its code.
    pub fn wait_for_end(&self) -> i32 {
        let code = wait_for(
            &format!("the end of {}", self.name),
            DOCKER_TIMEOUT,
            || self.logs(),
            || {
                let state = must(["inspect", "--format", "{{.State.Running}} {{.State.ExitCode}}", &self.name]);
                state.trim().strip_prefix("false ").map(str::to_owned)
            },
        );
        code.parse().expect("docker prints a number")
    }

    pub fn runs(&self) -> bool {
        must(["inspect", "--format", "{{.State.Running}}", &self.name]).trim() == "true"
    }

    /// Returns whether it ran and does not any more.
    fn has_ended(&self) -> bool {
        let state = docker(["inspect", "--format", "{{.State.Status}}", &self.name]);
        state.is_ok_and(|output| ["exited", "dead"].contains(&String::from_utf8_lossy(&output.stdout).trim()))
    }

    /// Returns its processes, as the host sees them.
    pub fn top(&self) -> Vec<Process> {
        let listing = must(["top", &self.name, "-eo", "uid,stat,pid,args"]);
        let fields = |line: &str| {
            let mut words = line.split_whitespace();
            let uid = words.next()?.parse().ok()?;
            let state = words.next()?.to_owned();
            Some(Process { uid, state, command: words.skip(1).collect::<Vec<_>>().join(" ") })
        };
        listing
            .lines()
            .skip(1)
            .map(|line| fields(line).unwrap_or_else(|| panic!("docker top wrote {line:?}")))
            .collect()
    }

    /// Runs a shell script in it as root, and returns what it writes.
    ///
    /// # Panics
    /// If it fails.
    pub fn as_root(&self, script: &str) -> String {
        must(["exec", "--user", "0:0", &self.name, "sh", "-c", script])
    }

    /// Runs a shell script in it as `user`, and returns whether it succeeded, and its output.
    pub fn as_user(&self, user: &str, script: &str) -> (bool, String) {
        let output =
            docker(["exec", "--user", user, &self.name, "sh", "-c", script]).expect("docker was executed before");
        (output.status.success(), stdout_and_stderr(&output))
    }

    /// Runs a shell script in it as the user that it was started as, and returns whether it succeeded, and its output.
    pub fn exec(&self, script: &str) -> (bool, String) {
        let output = docker(["exec", &self.name, "sh", "-c", script]).expect("docker was executed before");
        (output.status.success(), stdout_and_stderr(&output))
    }

    /// Returns the pid of its first process, as the host counts.
    pub fn host_pid(&self) -> i32 {
        let pid = must(["inspect", "--format", "{{.State.Pid}}", &self.name]);
        pid.trim().parse().expect("docker prints a number")
    }

    /// Returns `/proc/PID/status` of a process, by key.
    pub fn status_of(&self, pid: u32) -> Status {
        Status(self.as_root(&format!("cat /proc/{pid}/status")))
    }

    /// Stops it as `docker stop` does, and returns its code and how long that took.
    pub fn stop(&self) -> (i32, Duration) {
        let begun = Instant::now();
        must(["stop", &self.name]);
        (self.wait_for_end(), begun.elapsed())
    }

    /// Sends it a signal.
    pub fn kill(&self, signal: &str) {
        must(["kill", "--signal", signal, &self.name]);
    }

    pub fn start_again(&self) {
        must(["start", &self.name]);
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = docker(["rm", "--force", "--volumes", &self.name]);
    }
}

/// A `/proc/PID/status`.
pub struct Status(String);

impl Status {
    /// Returns the words of a line, such as the four ids of `Uid`.
    pub fn words(&self, key: &str) -> Vec<&str> {
        let line = self.0.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
        line.unwrap_or_else(|| panic!("no {key} in {}", self.0)).split_whitespace().collect()
    }

    /// Returns a set of capabilities.
    pub fn set(&self, key: &str) -> u64 {
        let words = self.words(key);
        u64::from_str_radix(words.first().expect("a set has digits"), 16).expect("the kernel writes hexadecimal")
    }
}

/// A named volume that removes itself.
pub struct Volume {
    name: String,
}

impl Volume {
    /// Makes an empty one.
    pub fn new() -> Self {
        let name = unique("volume");
        must(["volume", "create", "--label", &label(), &name]);
        Self { name }
    }

    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = docker(["volume", "rm", "--force", &self.name]);
    }
}
