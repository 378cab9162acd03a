//! [`Rehearsal`]: one container, as `docker run`'s flags would describe it. Must not know how it is made.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use super::mount_options::{Tmpfs, Volume};
use super::services_tree::ServicesTree;
use crate::config::values::CapSet;

/// Docker waits this long between TERM and KILL.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// Docker's default set, 0xa80425fb: AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW
/// SETFCAP SETGID SETPCAP SETUID SYS_CHROOT (moby, `oci/caps/defaults.go`).
pub const DOCKER_DEFAULT: CapSet = CapSet(0xa804_25fb);

/// One container, as `docker run`'s flags would describe it.
#[derive(Clone, Debug)]
pub struct Rehearsal {
    /// The tree to put at `/etc/services.d` and `/etc/stepdown.toml`; `None`: the root's own.
    pub tree: Option<ServicesTree>,
    /// The root filesystem; `None`: the host's own.
    pub root: Option<PathBuf>,
    /// `uid`, `uid:gid`, `name` or `name:group`, looked up inside.
    pub user: Option<String>,
    /// `--group-add`, names or numbers.
    pub groups: Vec<String>,
    /// The bounding set of PID 1.
    pub capabilities: CapSet,
    /// no_new_privs from the start.
    pub no_new_privileges: bool,
    /// Whether the root is read-only.
    pub read_only: bool,
    /// Writable tmpfs mounts.
    pub tmpfs: Vec<Tmpfs>,
    /// Host directories and files, copy-on-write.
    pub volumes: Vec<Volume>,
    /// Whether a minimal init is PID 1 and ours its child (`docker run --init`).
    pub init: bool,
    /// The network.
    pub network: Network,
    /// Added to PATH, HOSTNAME and HOME; the last one of a name wins.
    pub environment: Vec<(OsString, OsString)>,
    /// The host's name inside.
    pub hostname: String,
    /// The working directory of PID 1.
    pub directory: PathBuf,
    /// Standard input and output.
    pub stdio: Stdio,
    /// From the first stop signal to KILL.
    pub stop_timeout: Duration,
    /// The main command, after `init --`; may be empty.
    pub command: Vec<OsString>,
    /// The whole argument list of PID 1 instead of `stepdown init -- COMMAND`.
    pub entrypoint: Option<Vec<OsString>>,
    /// Whether the lines at the start and at the end are omitted.
    pub quiet: bool,
}

impl Default for Rehearsal {
    fn default() -> Self {
        Self {
            tree: None,
            root: None,
            user: None,
            groups: Vec::new(),
            capabilities: DOCKER_DEFAULT,
            no_new_privileges: false,
            read_only: false,
            tmpfs: Vec::new(),
            volumes: Vec::new(),
            init: false,
            network: Network::Host,
            environment: Vec::new(),
            hostname: "rehearsal".to_owned(),
            directory: PathBuf::from("/"),
            stdio: Stdio::Pipes { input: false },
            stop_timeout: STOP_TIMEOUT,
            command: Vec::new(),
            entrypoint: None,
            quiet: false,
        }
    }
}

/// The network inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// The host's own.
    Host,
    /// A new one with nothing but a loopback.
    None,
}

/// Standard input and output inside. The caller's own descriptors are never passed in: a boot changes their modes and
/// owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stdio {
    /// Two pipes; standard input is another (`docker run -i`), or `/dev/null`.
    Pipes {
        /// Whether our standard input is passed on.
        input: bool,
    },
    /// A terminal of its own (`docker run -it`).
    Terminal,
}
