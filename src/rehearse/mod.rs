//! `stepdown try`: the whole life of a container here and now, without Docker (DESIGN §9). Data in ([`Rehearsal`]), exit
//! code out. Must not know how a command line is written; `cli::rehearse` does.
//!
//! # Processes
//! ```text
//! try ── its signals, its terminal, the other ends of the pipes                       [relay, terminal]
//!  └─ guard, PID 1 of a PID namespace of its own, killed by the kernel if `try` exits [guard]
//!      └─ PID 1 of the container: a second PID namespace, mount, IPC, UTS             [container_process]
//!         builds its root, sets ids as Docker would, executes `stepdown init`         [overlay_source, system_mounts, contents, launch]
//! ```
//! Two PID namespaces, because the kernel resets the parent-death signal when credentials change, and our PID 1 changes
//! them: the guard never changes its own, and everything below is killed with it.
//!
//! # Decisions where Docker differs or DESIGN says nothing
//! - The network is the host's (`--network none` gives an empty one): what is rehearsed can be reached with a browser and
//!   can reach its database. Capabilities with which the host could be changed are refused.
//! - `/run` and `/tmp` are fresh when the host's own root is rehearsed: sockets and pid files of the host's processes must
//!   not be found. With `--root` they are the image's, as under Docker.
//! - Device nodes can be used only in `/dev`: MKNOD is in Docker's default set, and there is no device cgroup.
//! - There is no seccomp profile and no cgroup of its own.

mod capability;
mod container_process;
mod contents;
mod guard;
mod hidden_paths;
mod launch;
mod mount_options;
mod mounts;
mod namespace_support;
mod network_files;
mod overlay_source;
mod process_user;
mod relay;
mod report;
mod root;
mod services_tree;
mod system_mounts;
mod terminal;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use capability::{DOCKER_DEFAULT, granted};
pub use mount_options::{Tmpfs, Volume};
pub use namespace_support::NamespaceSupport;
pub use services_tree::ServicesTree;

use crate::config::values::CapSet;
use crate::error::Error;
use crate::text::shown;

/// Docker waits this long between TERM and KILL.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// The PATH that Docker gives.
pub const DOCKER_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

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
    /// Whether a tiny init is PID 1 and ours its child (`docker run --init`).
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

/// Runs the container to its end and returns its exit code (128+n for a signal).
///
/// # Errors
/// Why it could not start, with the fix where one is known.
pub fn run(rehearsal: &Rehearsal) -> Result<u8, Error> {
    let support = NamespaceSupport::detect();
    if !rehearsal.quiet {
        relay::print_line(&format!("rehearsing {} as {}", describe(rehearsal, &support), support.words()));
        hidden_paths::notices(rehearsal, &support).iter().for_each(|notice| relay::print_line(notice));
    }
    let code = relay::run_container(rehearsal, &support)?;
    if !rehearsal.quiet {
        relay::print_line(&format!("the rehearsal ended with exit code {code}; nothing on the host changed"));
    }
    Ok(code)
}

/// "./services.d and `redis-server` on a copy-on-write view of /".
fn describe(rehearsal: &Rehearsal, support: &NamespaceSupport) -> String {
    let mut what = match &rehearsal.tree {
        Some(tree) => shown(&tree.services),
        None => "/etc/services.d".to_owned(),
    };
    if let Some(program) = rehearsal.command.first() {
        what.push_str(&format!(" and `{}`", shown(program)));
    }
    match &rehearsal.root {
        Some(root) => format!("{what} on a copy-on-write view of {}", shown(root)),
        None if support.user_namespace() => format!("{what} on a read-only view of / with a copied /etc"),
        None => format!("{what} on a copy-on-write view of /"),
    }
}
