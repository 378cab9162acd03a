//! Real containers for tests, over the `docker` command: whether they are available here ([`Docker::here`]), and
//! waiting without sleeping blindly ([`wait_for`]). Must not know what stepdown prints.

mod compose;
mod container;
mod image;

use std::ffi::OsStr;
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use super::programs::{program, recorder};
pub use compose::Project;
pub use container::{Container, Ended, Run, Volume};
pub use image::{Image, Scratch, base, binary, binary_problem};

use crate::support::skip::can_run;

/// Long enough for anything that a container does, on a machine that does three things at once.
pub const DOCKER_TIMEOUT: Duration = Duration::from_secs(60);
/// Long enough for installing Debian packages while an image is built.
pub const BUILD_PATIENCE: Duration = Duration::from_secs(570);
/// After this `docker stop` kills.
pub const GRACE: Duration = Duration::from_secs(10);

/// Every container, volume and image of ours carries it, with the run's name, so that `.ci/clean` finds what a killed
/// test left.
const LABEL: &str = "stepdown-test";

/// Proof that a daemon, the base image and the static binary are at hand.
pub struct Docker {
    _made_here: (),
}

impl Docker {
    /// Returns it, or says `SKIPPED (why)`; under `STEPDOWN_TEST_STRICT=1` a skip is a failure.
    ///
    /// # Panics
    /// If it has to skip and may not.
    pub fn available() -> Option<Self> {
        Self::unless(missing())
    }

    /// As [`Docker::here`], for a test that gives files of this machine to other users.
    pub fn here_as_root() -> Option<Self> {
        let why = "it gives files to other users, which takes root";
        Self::unless(missing().or_else(|| (!nix::unistd::geteuid().is_root()).then(|| why.to_owned())))
    }

    fn unless(hindrance: Option<String>) -> Option<Self> {
        can_run(hindrance).then_some(Self { _made_here: () })
    }
}

/// Returns what is missing, with the command that helps.
fn missing() -> Option<String> {
    if !docker(["info"]).is_ok_and(|output| output.status.success()) {
        return Some("no Docker daemon answers `docker info`; .ci/dockerd starts one".to_owned());
    }
    if !docker(["image", "inspect", &image::base()]).is_ok_and(|output| output.status.success()) {
        return Some(format!("there is no base image {}; .ci/bases makes it", image::base()));
    }
    image::binary_problem()
}

/// Runs `docker` with a time limit: a container that does not end, or a daemon that hangs, fails the test instead of
/// holding it.
pub fn docker<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> std::io::Result<Output> {
    limited("docker", DOCKER_TIMEOUT).args(args).stdin(Stdio::null()).output()
}

/// Returns a command that timeout(1) ends with code 124. Both clients are told to use the classic builder, which every
/// daemon has.
fn limited(program: &str, limit: Duration) -> Command {
    let mut command = Command::new("timeout");
    command
        .args(["--kill-after=5", &limit.as_secs().to_string(), program])
        .env("DOCKER_BUILDKIT", "0")
        .env("COMPOSE_DOCKER_CLI_BUILD", "0");
    command
}

/// Runs `docker` and returns its standard output.
///
/// # Panics
/// If it fails, with what it said.
pub fn must<S: AsRef<OsStr>>(args: impl IntoIterator<Item = S>) -> String {
    must_within(DOCKER_TIMEOUT, args)
}

/// Runs `docker` for at most `limit` and returns its standard output.
///
/// # Panics
/// If it fails, with what it said.
fn must_within<S: AsRef<OsStr>>(limit: Duration, args: impl IntoIterator<Item = S>) -> String {
    let args: Vec<_> = args.into_iter().map(|word| word.as_ref().to_owned()).collect();
    let output = limited("docker", limit).args(&args).stdin(Stdio::null()).output();
    let output = output.expect("docker was executed before, in `Docker::here`");
    assert!(output.status.success(), "docker {args:?}: {}\n{}", output.status, stdout_and_stderr(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Returns what was written to both streams.
pub fn stdout_and_stderr(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Asks again and again until `answer` returns something.
///
/// # Panics
/// After `limit`, naming `what` it waited for and showing `seen`.
pub fn wait_for<T>(what: &str, limit: Duration, seen: impl Fn() -> String, answer: impl Fn() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = answer() {
            return found;
        }
        assert!(begun.elapsed() < limit, "waited {limit:?} in vain for {what}; there is:\n{}", seen());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Returns a name that no other test has, in this process or another.
pub fn unique(what: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("stepdown-test-{}-{what}-{}-{}", run(), std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// Returns a port of this machine that nobody uses right now.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the loopback has a free port");
    listener.local_addr().expect("a bound socket has an address").port()
}

/// Returns the name of the run that `.ci/test` cleans up after.
fn run() -> String {
    std::env::var("STEPDOWN_TEST_RUN").unwrap_or_else(|_| "manual".to_owned())
}

/// Returns the label as an argument.
pub fn label() -> String {
    format!("{LABEL}={}", run())
}
