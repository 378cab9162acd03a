//! A user without root for one test: an account, subordinate ids and a home that only a mount namespace of its own knows, and
//! a PID namespace with which everything that Podman leaves running ends. Nothing on this machine changes.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

use crate::support::docker::{binary_problem, stdout_and_stderr, wait_for};
use crate::support::host_processes::{self, children, remove_cgroups};
use crate::support::rootfs;
use crate::support::skip::can_run;

/// Who it is on the host.
pub const UID: u32 = 61_500;
/// Where its subordinate ids begin there.
pub const SUBORDINATE: u32 = 1_000_000;
/// The image.
pub const IMAGE: &str = "localhost/stepdown";

/// The user, with the image in its store.
pub struct Rootless {
    holder: Child,
    inside: u32,
    top: tempfile::TempDir,
    uid: u32,
}

impl Rootless {
    /// Makes it; says `SKIPPED (why)` where that is not possible, which is a failure under `STEPDOWN_TEST_STRICT=1`.
    pub fn available() -> Option<Self> {
        Self::for_user(UID)
    }

    /// As above, but root, with stores of its own.
    pub fn rootful() -> Option<Self> {
        Self::for_user(0)
    }

    fn for_user(uid: u32) -> Option<Self> {
        let why = match () {
            () if !nix::unistd::geteuid().is_root() => Some("it needs root, to become somebody else".to_owned()),
            () if !Path::new("/usr/bin/podman").exists() => {
                Some("there is no podman; .ci/packages installs it".to_owned())
            }
            () => binary_problem(),
        };
        if !can_run(why) {
            return None;
        }
        let rootless = Self::new(uid);
        rootless.import();
        Some(rootless)
    }

    fn new(uid: u32) -> Self {
        let top = tempfile::tempdir().unwrap();
        let path_of = |name: &str| top.path().join(name);
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let add = |file: &str, line: String| {
            let text = fs::read_to_string(Path::new("/etc").join(file)).unwrap_or_default();
            fs::write(path_of(file), format!("{line}\n{text}")).unwrap();
        };
        let home = path_of("home");
        add("passwd", format!("stepper:x:{UID}:{UID}::{}:/bin/sh", home.display()));
        add("group", format!("stepper:x:{UID}:"));
        for file in ["subuid", "subgid"] {
            fs::write(path_of(file), format!("stepper:{SUBORDINATE}:65536\ncontainers:{SUBORDINATE}:65536\n")).unwrap();
        }
        for directory in ["home", "run"] {
            fs::create_dir(path_of(directory)).unwrap();
            fs::set_permissions(path_of(directory), fs::Permissions::from_mode(0o700)).unwrap();
            chown(path_of(directory), Some(uid), Some(uid)).unwrap();
        }
        let script = "mount --make-rshared / && cd \"$0\" && for file in passwd group subuid subgid; do \
            touch /etc/$file && mount --bind $file /etc/$file || exit; done; echo ready; exec sleep infinity";
        let mut holder = Command::new("unshare")
            .args(["--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script])
            .arg(top.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "no mount namespace");
        let inside = *children(holder.id()).first().expect("unshare has its child");
        Self { holder, inside, top, uid }
    }

    /// Puts the image into the store.
    fn import(&self) {
        let root = self.top.path().join("image");
        rootfs::make(&root);
        let archive = self.top.path().join("image.tar");
        let packed = Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".").status();
        assert!(packed.is_ok_and(|status| status.success()), "the image cannot be packed");
        let entry = "ENTRYPOINT [\"/usr/bin/stepdown\",\"init\",\"--\"]";
        self.must(&[
            "import",
            "-q",
            "--change",
            entry,
            "--change",
            "STOPSIGNAL SIGTERM",
            &archive.display().to_string(),
            IMAGE,
        ]);
    }

    /// Returns the directory that only this user and root can enter.
    pub fn run_directory(&self) -> PathBuf {
        self.top.path().join("run")
    }

    /// Returns a place for files that containers are given.
    pub fn files(&self) -> PathBuf {
        self.top.path().join("home")
    }

    /// Returns a `podman` of this user: runc, because crun refuses a machine with both kinds of cgroups; limits of the host,
    /// because raising them takes CAP_SYS_RESOURCE.
    pub fn podman(&self, words: &[&str]) -> Command {
        let home = self.top.path().join("home");
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "60", "nsenter", "--mount", "--pid", "--target", &self.inside.to_string()]);
        let id = self.uid.to_string();
        command.args(["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--inh-caps=-all"]);
        command.args(["env", "--chdir"]).arg(&home);
        command.args(["podman", "--runtime=runc", "--cgroup-manager=cgroupfs", "--log-level=fatal"]);
        if self.uid == 0 {
            command.arg("--root").arg(home.join("store")).arg("--runroot").arg(self.run_directory().join("store"));
            command.arg("--tmpdir").arg(self.run_directory().join("tmp"));
        }
        command.args(words);
        command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("HOME", &home);
        command.env("XDG_RUNTIME_DIR", self.run_directory()).stdin(Stdio::null());
        command
    }

    /// Runs it, and returns what it wrote.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn must(&self, words: &[&str]) -> String {
        let output = self.podman(words).output().unwrap();
        assert!(output.status.success(), "podman {words:?}: {}", stdout_and_stderr(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs a container to its end: options, then the main command.
    pub fn run(&self, options: &str, command: &str) -> Ended {
        // Root's are Podman's own unless they are given, and may be too high for this machine.
        let limits = match self.uid {
            0 => format!("--ulimit=nofile=1024:1024 --ulimit=nproc=4096:4096 --cgroup-parent=/{}", Self::cgroup()),
            _ => "--ulimit=host".to_owned(),
        };
        let words: Vec<&str> = ["run", "--rm", "--network=none"]
            .into_iter()
            .chain(limits.split_whitespace())
            .chain(options.split_whitespace())
            .chain([IMAGE])
            .chain(command.split_whitespace())
            .collect();
        Ended::from_output(&self.podman(&words).output().unwrap())
    }

    /// Returns whether it is root's.
    pub fn is_root(&self) -> bool {
        self.uid == 0
    }

    /// Returns the option that puts root's containers where the end of this finds them.
    pub fn cgroup_option(&self) -> Option<String> {
        self.is_root().then(|| format!("--cgroup-parent=/{}", Self::cgroup()))
    }

    /// Returns the parent of the cgroups of root's containers.
    fn cgroup() -> String {
        format!("stepdown-test-{}", std::process::id())
    }

    /// Starts one in the background.
    pub fn start(&self, name: &str, options: &str) {
        let words: Vec<&str> = ["run", "-d", "--name", name, "--ulimit=host", "--network=none"]
            .into_iter()
            .chain(options.split_whitespace())
            .chain([IMAGE])
            .collect();
        self.must(&words);
    }

    /// Waits for a text in the log.
    pub fn wait_for_log(&self, name: &str, text: &str) -> String {
        let log = || stdout_and_stderr(&self.podman(&["logs", name]).output().unwrap());
        wait_for(&format!("{text:?} in the log of {name}"), crate::support::docker::DOCKER_TIMEOUT, log, || {
            Some(log()).filter(|log| log.contains(text))
        })
    }

    /// Returns the uids on this host of the processes that run `program` in this user's containers.
    pub fn host_uids(&self, program: &str) -> Vec<u32> {
        host_processes::uids_of(self.inside, program)
    }
}

impl Drop for Rootless {
    fn drop(&mut self) {
        // PID 1 of the namespace: it is gone once everybody inside is, and `unshare` once it is.
        let inside = i32::try_from(self.inside).map(nix::unistd::Pid::from_raw);
        let _gone = inside.map(|pid| nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL));
        let _reaped = self.holder.wait();
        // The second is where root's Podman puts the monitors.
        remove_cgroups(&Self::cgroup());
        remove_cgroups("libpod_parent");
    }
}

/// What a container said, and its code.
pub struct Ended {
    /// 125: Podman itself failed.
    pub code: i32,
    /// Both streams.
    pub output: String,
}

impl Ended {
    fn from_output(output: &Output) -> Self {
        Self { code: output.status.code().unwrap_or(-1), output: stdout_and_stderr(output) }
    }

    /// Returns the records of all probes.
    pub fn records(&self) -> Vec<Value> {
        records(&self.output)
    }
}

/// Returns the records in a log.
pub fn records(log: &str) -> Vec<Value> {
    log.lines().filter_map(|line| serde_json::from_str(line.split_once("RECORD ")?.1).ok()).collect()
}
