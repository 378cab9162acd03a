//! A second daemon.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::docker::{DOCKER_TIMEOUT, binary_problem, stdout_and_stderr, wait_for};
use crate::support::host_processes::{children, remove_cgroups, uids_of};
use crate::support::rootfs;
use crate::support::skip::can_run;

/// Where the remapped ids begin on the host.
pub const FIRST: u32 = 200_000;
/// The image.
pub const IMAGE: &str = "stepdown-test/second:1";

/// A running daemon with the image in its store.
pub struct Daemon {
    process: Child,
    top: tempfile::TempDir,
}

impl Daemon {
    /// Starts it; says `SKIPPED (why)` where that is not possible, which is a failure under `STEPDOWN_TEST_STRICT=1`.
    pub fn start(flags: &str) -> Option<Self> {
        let why = match () {
            () if !nix::unistd::geteuid().is_root() => Some("it needs root".to_owned()),
            () if !Path::new("/usr/sbin/dockerd").exists() => {
                Some("there is no dockerd; .ci/packages installs it".to_owned())
            }
            () => binary_problem(),
        };
        if !can_run(why) {
            return None;
        }
        let daemon = Self::new(flags);
        let info = || stdout_and_stderr(&daemon.docker(&["info"]));
        let log = || fs::read_to_string(daemon.top.path().join("log")).unwrap_or_default();
        wait_for(
            "the second daemon",
            DOCKER_TIMEOUT,
            || format!("{}\n{}", info(), log()),
            || daemon.docker(&["info"]).status.success().then_some(()),
        );
        daemon.import();
        Some(daemon)
    }

    fn new(flags: &str) -> Self {
        let top = tempfile::tempdir().unwrap();
        let path_of = |name: &str| top.path().join(name);
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for (file, line) in [("passwd", "dockremap:x:61600:61600::/:/bin/false"), ("group", "dockremap:x:61600:")] {
            let text = fs::read_to_string(Path::new("/etc").join(file)).unwrap_or_default();
            let others: Vec<&str> = text.lines().filter(|line| !line.starts_with("dockremap:")).collect();
            fs::write(path_of(file), format!("{}\n{line}\n", others.join("\n"))).unwrap();
        }
        for file in ["subuid", "subgid"] {
            fs::write(path_of(file), format!("dockremap:{FIRST}:65536\n")).unwrap();
        }
        fs::write(path_of("daemon.json"), "{}").unwrap(); // nothing of this machine's own
        // A network of its own too: a daemon without a bridge takes away `docker0`, whoever's it is.
        let script = "ip link set lo up && mount --make-rprivate / && cd \"$0\" && for file in passwd group subuid subgid; do \
            touch /etc/$file && mount --bind $file /etc/$file || exit; done; \
            exec dockerd --config-file daemon.json --data-root \"$0/data\" --exec-root \"$0/exec\" --pidfile \"$0/pid\" \
            --host \"unix://$0/socket\" --bridge none --iptables=false --ip-masq=false --storage-driver vfs \"$@\"";
        let log = fs::File::create(path_of("log")).unwrap();
        let process = Command::new("unshare")
            .args(["--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script])
            .arg(top.path())
            .args(flags.split_whitespace())
            .args(["--cgroup-parent", &format!("/{}", cgroup())])
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self { process, top }
    }

    fn import(&self) {
        let (root, archive) = (self.top.path().join("image"), self.top.path().join("image.tar"));
        rootfs::make(&root);
        let packed = Command::new("tar")
            .arg("-C")
            .arg(&root)
            .args(["--owner=0", "--group=0", "-cf"])
            .arg(&archive)
            .arg(".")
            .status();
        assert!(packed.is_ok_and(|status| status.success()), "the image cannot be packed");
        let entry = "ENTRYPOINT [\"/usr/bin/stepdown\",\"init\",\"--\"]";
        self.must(&["import", "--change", entry, &archive.display().to_string(), IMAGE]);
    }

    /// Returns a place for files.
    pub fn path(&self, name: &str) -> PathBuf {
        self.top.path().join(name)
    }

    /// Runs its client.
    pub fn docker(&self, words: &[&str]) -> Output {
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", "60", "docker", "--host"])
            .arg(format!("unix://{}/socket", self.top.path().display()));
        command.args(words).stdin(Stdio::null()).output().unwrap()
    }

    /// Runs its client, and returns what it wrote.
    ///
    /// # Panics
    /// If it fails.
    #[track_caller]
    pub fn must(&self, words: &[&str]) -> String {
        let output = self.docker(words);
        assert!(output.status.success(), "docker {words:?}: {}", stdout_and_stderr(&output));
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Returns the uids on this host of the processes that run `program` in its containers.
    pub fn host_uids(&self, program: &str) -> Vec<u32> {
        uids_of(self.process.id(), program)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // PID 1 of the namespace: it is gone once everybody inside is, and `unshare` once it is.
        for pid in children(self.process.id()).into_iter().filter_map(|pid| i32::try_from(pid).ok()) {
            let _gone = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        let _reaped = self.process.wait();
        remove_cgroups(&cgroup());
    }
}

/// The parent of the cgroups of its containers.
fn cgroup() -> String {
    format!("stepdown-test-{}", std::process::id())
}
