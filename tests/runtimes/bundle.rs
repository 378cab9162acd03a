//! A bundle: a root filesystem of its own and a `config.json`, at first what Docker would write.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::docker::{binary_problem, stdout_and_stderr};
use crate::support::rootfs;
use crate::support::skip::can_run;

/// Whom runc itself runs as in a rootless case.
pub const STRANGER: u32 = 61_501;

/// Docker's default capabilities.
const DOCKERS: [&str; 14] = [
    "CAP_AUDIT_WRITE",
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_MKNOD",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_RAW",
    "CAP_SETFCAP",
    "CAP_SETGID",
    "CAP_SETPCAP",
    "CAP_SETUID",
    "CAP_SYS_CHROOT",
];

/// Whether bundles can be run here; says `SKIPPED (why)` otherwise, which is a failure under `STEPDOWN_TEST_STRICT=1`.
pub fn possible() -> bool {
    let why = match () {
        () if !nix::unistd::geteuid().is_root() => Some("it needs root".to_owned()),
        () if !Path::new("/usr/sbin/runc").exists() && !Path::new("/usr/bin/runc").exists() => {
            Some("there is no runc; .ci/packages installs it".to_owned())
        }
        () => binary_problem(),
    };
    can_run(why)
}

/// A container to be.
pub struct Bundle {
    top: tempfile::TempDir,
    /// Its `config.json`.
    pub config: Value,
}

/// What became of it.
pub struct Ended {
    pub code: i32,
    pub output: String,
}

impl Bundle {
    /// Returns one that runs the recorder as its main command.
    pub fn new() -> Self {
        let top = tempfile::tempdir().unwrap();
        fs::set_permissions(top.path(), fs::Permissions::from_mode(0o755)).unwrap();
        rootfs::make(&top.path().join("rootfs"));
        fs::remove_file(top.path().join("rootfs/etc/services.d/web.toml")).unwrap();
        let namespaces = ["pid", "ipc", "uts", "mount", "network"].map(|kind| json!({ "type": kind }));
        let config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "terminal": false,
                "user": { "uid": 0, "gid": 0 },
                "args": ["/usr/bin/stepdown", "init", "--", "recorder", "--places", "--exit", "4"],
                "env": ["PATH=/usr/bin:/bin", "PUID=1000"],
                "cwd": "/",
                "capabilities": { "bounding": DOCKERS, "effective": DOCKERS, "permitted": DOCKERS },
                "noNewPrivileges": false,
            },
            "root": { "path": "rootfs", "readonly": false },
            "hostname": "bundle",
            "mounts": [
                { "destination": "/proc", "type": "proc", "source": "proc", "options": [] },
                { "destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"] },
                { "destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": ["nosuid", "noexec", "mode=1777"] },
            ],
            "linux": { "namespaces": namespaces },
        });
        Self { top, config }
    }

    /// Maps these ids, each as (inside, outside, count), for users and groups alike.
    pub fn map(&mut self, ranges: &[(u32, u32, u32)]) {
        let ranges: Vec<Value> = ranges
            .iter()
            .map(|(inside, outside, count)| json!({ "containerID": inside, "hostID": outside, "size": count }))
            .collect();
        self.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({ "type": "user" }));
        self.config["linux"]["uidMappings"] = json!(ranges);
        self.config["linux"]["gidMappings"] = json!(ranges);
    }

    /// Has these system calls answered with an error.
    pub fn refuse(&mut self, calls: &[&str], errno: i32) {
        let rule = json!({ "names": calls, "action": "SCMP_ACT_ERRNO", "errnoRet": errno });
        self.config["linux"]["seccomp"] = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule] });
    }

    /// Gives the whole root filesystem to somebody.
    pub fn give_root(&self, uid: u32) {
        let status =
            Command::new("chown").args(["-R", &format!("{uid}:{uid}")]).arg(self.top.path().join("rootfs")).status();
        assert!(status.is_ok_and(|status| status.success()), "chown(1) works for root");
    }

    /// Returns a directory of the root filesystem.
    pub fn path(&self, name: &str) -> String {
        self.top.path().join("rootfs").join(name).display().to_string()
    }

    /// Runs it to its end; `without_root`: runc itself is nobody.
    pub fn run(&self, without_root: bool) -> Ended {
        fs::write(self.top.path().join("config.json"), self.config.to_string()).unwrap();
        let state = self.top.path().join("state");
        fs::create_dir(&state).unwrap();
        let mut command = Command::new("timeout");
        command.args(["--kill-after=5", "60"]);
        if without_root {
            chown(&state, Some(STRANGER), Some(STRANGER)).unwrap();
            chown(self.top.path(), Some(STRANGER), Some(STRANGER)).unwrap();
            let id = STRANGER.to_string();
            command.args(["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", "--inh-caps=-all"]);
        }
        let id = format!("stepdown-test-{}-{}", std::process::id(), self.top.path().file_name().unwrap().display());
        command.arg("runc").arg("--root").arg(&state).args(["run", &id.replace("..", "").replace('/', "")]);
        command.current_dir(self.top.path()).env("XDG_RUNTIME_DIR", &state).stdin(Stdio::null());
        let output = command.output().unwrap();
        Ended { code: output.status.code().unwrap_or(-1), output: stdout_and_stderr(&output) }
    }
}

impl Ended {
    /// Returns the main command's record.
    pub fn record(&self) -> Option<Value> {
        let line = self.output.lines().find_map(|line| Some(line.split_once("RECORD ")?.1))?;
        serde_json::from_str(line).ok()
    }
}
