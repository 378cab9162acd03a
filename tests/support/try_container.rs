//! A container made by `stepdown try`: the real binary as a real PID 1, described in a few words, watched line by line, and
//! gone when the test is over.

mod running;
pub mod terminal;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::programs::{ELSEWHERE, recorder};
pub use super::programs::{INSIDE, program};
pub use running::{Ended, Line, Origin, Running, descendants, status};

use crate::support::skip::skipped;

/// Long enough for a machine under load; a test that waits this long has failed.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Whether the whole can be rehearsed here. If not, says `SKIPPED (why)`; under `STEPDOWN_TEST_STRICT=1` that is a failure.
pub fn possible() -> bool {
    static WHY_NOT: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let why_not = WHY_NOT.get_or_init(|| {
        let tried = Command::new("unshare").args(["--mount", "--pid", "--fork", "true"]).output();
        match tried {
            _ if !nix::unistd::geteuid().is_root() => Some("it needs root".to_owned()),
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(cause) => Some(format!("cannot run unshare: {cause}")),
        }
    });
    why_not.as_ref().is_none_or(|why_not| skipped(why_not))
}

/// Whether somebody without root can be given a range of ids here; says so as [`possible`] does.
pub fn subordinate_ids_possible() -> bool {
    Path::new("/usr/bin/newuidmap").exists() || skipped("there is no /usr/bin/newuidmap: install uidmap")
}

/// Runs tests, by their full names, once more, with the programs under test where a checkout may lie as well: below `/tmp`, which is
/// empty inside, in a directory that nobody but root may enter and that has a blank in its name.
pub fn pass_elsewhere(tests: &[&str]) {
    let place =
        tempfile::Builder::new().prefix("stepdown checkout ").tempdir_in("/tmp").expect("/tmp takes a directory");
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o700)).expect("it is ours");
    fs::create_dir(place.path().join("examples")).expect("it is empty");
    fs::copy(program(), place.path().join("stepdown")).expect("there is room for a copy");
    fs::copy(recorder(), place.path().join("examples/recorder")).expect("there is room for a copy");
    let this = std::env::current_exe().expect("/proc is mounted");
    let output = Command::new(this).arg("--exact").args(tests).env(ELSEWHERE, place.path()).output();
    let output = output.expect("what runs can be run again");
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let ran = format!("{} passed", tests.len());
    assert!(output.status.success() && text.contains(&ran), "in {}:\n{text}", place.path().display());
}

/// `nobody`: newuidmap(1) wants a name, and this one is everywhere.
const NOBODY: u32 = 65_534;

/// The directory of definitions, in the tree.
const S6_OVERLAY: &str = "s6-overlay";

/// Who runs `try`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Caller {
    Ourselves,
    Stranger(u32, u32),
    WithRange,
}

/// Where the container's stdout leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdout {
    /// To the test, line by line.
    Watched,
    /// To `/dev/null`.
    Discarded,
    /// To a pipe whose reader keeps nothing.
    ReadAndDiscarded,
}

/// A container to be.
#[derive(Debug)]
pub struct TryContainer {
    home: tempfile::TempDir,
    flags: Vec<OsString>,
    command: Vec<OsString>,
    caller: Caller,
    stdout: Stdout,
}

impl TryContainer {
    /// A container with an empty tree, no command, Docker's privileges, and the recorder at `/usr/local/bin/recorder`.
    pub fn new() -> Self {
        let home = tempfile::Builder::new().prefix("stepdown-try-").tempdir().expect("a temporary directory");
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
        fs::create_dir_all(home.path().join("tree/services.d")).expect("it is empty");
        Self { home, flags: Vec::new(), command: Vec::new(), caller: Caller::Ourselves, stdout: Stdout::Watched }
    }

    /// A file of `services.d`.
    pub fn service(self, name: &str, text: &str) -> Self {
        self.file(Path::new("services.d").join(name), text, 0o644)
    }

    /// An executable file of `services.d`: `web/run`.
    pub fn script(self, name: &str, text: &str) -> Self {
        self.file(Path::new("services.d").join(name), text, 0o755)
    }

    /// The container file.
    /// Where its services are on this machine.
    pub fn services(&self) -> PathBuf {
        self.home.path().join("tree/services.d")
    }

    /// An executable file of `/etc/s6-overlay`: `s6-rc.d/web/run`.
    pub fn s6(self, path: &str, text: &str) -> Self {
        self.s6_with_mode(path, text, 0o755)
    }

    /// The same with another mode.
    pub fn s6_with_mode(self, path: &str, text: &str, mode: u32) -> Self {
        self.file(Path::new(S6_OVERLAY).join(path), text, mode)
    }

    /// An executable file beside `services.d`: `cont-init.d/01`.
    pub fn image_file(self, path: &str, text: &str) -> Self {
        self.image_file_with_mode(path, text, 0o755)
    }

    /// The same with another mode.
    pub fn image_file_with_mode(self, path: &str, text: &str, mode: u32) -> Self {
        self.file(path, text, mode)
    }

    /// A service of s6-rc with these files, which is started.
    pub fn s6_service(self, name: &str, files: &[(&str, &str)]) -> Self {
        let path = |file: &str| format!("s6-rc.d/{name}/{file}");
        let all = files.iter().fold(self, |this, (file, text)| this.s6(&path(file), text));
        all.s6(&format!("s6-rc.d/user/contents.d/{name}"), "").s6("s6-rc.d/user/type", "bundle\n")
    }

    pub fn container_toml(self, text: &str) -> Self {
        self.file("stepdown.toml", text, 0o644)
    }

    fn file(self, path: impl AsRef<Path>, text: &str, mode: u32) -> Self {
        let path = self.home.path().join("tree").join(path);
        fs::create_dir_all(path.parent().expect("it lies in the tree")).expect("it can be created");
        fs::write(&path, text).expect("it can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("it is ours");
        self
    }

    /// The main command.
    pub fn command(mut self, words: &[&str]) -> Self {
        self.command = words.iter().map(OsString::from).collect();
        self
    }

    pub fn env(self, name: &str, value: &str) -> Self {
        self.flag("--env").flag(format!("{name}={value}"))
    }

    pub fn user(self, user: &str) -> Self {
        self.flag("--user").flag(user)
    }

    pub fn group_add(self, group: &str) -> Self {
        self.flag("--group-add").flag(group)
    }

    pub fn read_only(self) -> Self {
        self.flag("--read-only")
    }

    pub fn no_new_privileges(self) -> Self {
        self.flag("--no-new-privileges")
    }

    pub fn cap_drop(self, capability: &str) -> Self {
        self.flag("--cap-drop").flag(capability)
    }

    pub fn cap_add(self, capability: &str) -> Self {
        self.flag("--cap-add").flag(capability)
    }

    pub fn tmpfs(self, place: &str) -> Self {
        self.flag("--tmpfs").flag(place)
    }

    pub fn volume(self, host: &Path, at: &str) -> Self {
        let mut volume = host.as_os_str().to_owned();
        volume.push(":");
        volume.push(at);
        self.flag("--volume").flag(volume)
    }

    pub fn root(self, directory: &Path) -> Self {
        self.flag("--root").flag(directory)
    }

    /// A minimal init is PID 1.
    pub fn init(self) -> Self {
        self.flag("--init")
    }

    pub fn stop_timeout(self, seconds: u32) -> Self {
        self.flag("--stop-timeout").flag(seconds.to_string())
    }

    /// Any other flag of `try`.
    pub fn flag(mut self, flag: impl AsRef<OsStr>) -> Self {
        self.flags.push(flag.as_ref().to_owned());
        self
    }

    /// Has `try` itself run as somebody else.
    pub fn caller(mut self, uid: u32, gid: u32) -> Self {
        self.caller = Caller::Stranger(uid, gid);
        self
    }

    /// Has `try` itself run as `nobody`, who has a range of subordinate ids: the files that say so are covered in a mount
    /// namespace of its own, and those of this machine stay as they are.
    pub fn subordinate_ids(mut self) -> Self {
        self.caller = Caller::WithRange;
        self
    }

    /// Where the container's stdout leads, instead of to the test.
    pub fn stdout(mut self, stdout: Stdout) -> Self {
        self.stdout = stdout;
        self
    }

    /// Lives to the end, within [`LIMIT`].
    pub fn run(self) -> Ended {
        self.start().wait(LIMIT)
    }

    pub fn start(self) -> Running {
        let (mut program, mut recorder) = (program(), recorder());
        if self.caller != Caller::Ourselves {
            // Where that user can reach them.
            for path in [&mut program, &mut recorder] {
                let copy = self.home.path().join(path.file_name().expect("a program has a name"));
                fs::copy(&*path, &copy).expect("there is room for a copy");
                *path = copy;
            }
        }
        let mut volume = recorder.into_os_string();
        volume.push(":/usr/local/bin/recorder");
        let redirected = |redirection: &str| {
            let mut command = Command::new("bash");
            command.args(["-c", &format!("exec \"$0\" \"$@\" > {redirection}")]).arg(&program);
            command
        };
        let mut command = match self.caller {
            Caller::Ourselves => match self.stdout {
                Stdout::Watched => Command::new(program),
                Stdout::Discarded => redirected("/dev/null"),
                Stdout::ReadAndDiscarded => redirected(">(exec cat >/dev/null 2>&1)"),
            },
            Caller::Stranger(uid, gid) => {
                let mut command = Command::new(program);
                command.uid(uid).gid(gid);
                command
            }
            Caller::WithRange => {
                let ranges = self.home.path().join("ranges");
                fs::write(&ranges, format!("{NOBODY}:100000:65536\n")).expect("it can be written");
                let cover = "mount --bind \"$0\" /etc/subuid && mount --bind \"$0\" /etc/subgid && \
                    exec setpriv --reuid 65534 --regid 65534 --clear-groups \"$@\"";
                let mut command = Command::new("unshare");
                command.args(["--mount", "sh", "-c", cover]).arg(ranges).arg(program);
                command
            }
        };
        command
            .arg("try")
            .arg(self.home.path().join("tree"))
            .arg("--quiet")
            .arg("--volume")
            .arg(volume)
            .args(&self.flags);
        let s6_overlay = self.home.path().join("tree").join(S6_OVERLAY);
        if s6_overlay.exists() {
            let mut volume = s6_overlay.into_os_string();
            volume.push(":/etc/s6-overlay");
            command.arg("--volume").arg(volume);
        }
        if !self.command.is_empty() {
            command.arg("--").args(&self.command);
        }
        // Nothing of the developer's environment decides a test.
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the binary under test can be started");
        Running::watch(child, self.home)
    }
}
