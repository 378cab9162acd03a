//! `stepdown try`: the whole life of a container here and now, without Docker (DESIGN §9). Data in ([`Rehearsal`]), exit
//! code out. Must not know how a command line is written; `cli::rehearse` does.
//!
//! # Who is who
//! ```text
//! try ── its signals, its terminal, the other ends of the pipes                       [relay, terminal]
//!  └─ guard, PID 1 of a PID namespace of its own, killed by the kernel if `try` dies  [guard]
//!      └─ PID 1 of the container: a second PID namespace, mount, IPC, UTS             [inside]
//!         builds its root, becomes what Docker would start, executes `stepdown init`  [source, machine, place, launch]
//! ```
//! Two PID namespaces, because the kernel forgets a parent-death signal when credentials change, and stepping down is what
//! our PID 1 is for: the guard never changes its own, and with it everything below ends.
//!
//! # What is decided here, where Docker differs or DESIGN is silent
//! - The network is the host's (`--network none` gives an empty one): what is rehearsed can be reached with a browser and can
//!   reach its database. Capabilities that would change the host through it, or by any other way, are refused.
//! - `/run` and `/tmp` are fresh when the host's own root is rehearsed: live sockets and pid files of the host mislead. With
//!   `--root` they are the image's, as under Docker.
//! - Nothing but `/dev` can hold a usable device node: MKNOD is in Docker's default set, and no device cgroup stands behind it.
//! - There is no seccomp profile and no cgroup of its own.

mod account;
mod capability;
mod guard;
mod hidden;
mod inside;
mod launch;
mod machine;
mod mounts;
mod names;
mod place;
mod power;
mod relay;
mod report;
mod root;
mod source;
mod terminal;
mod tree;
mod volume;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

pub use capability::{DOCKER_DEFAULT, granted};
pub use power::Power;
pub use tree::Tree;
pub use volume::{Tmpfs, Volume};

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
    /// What is put at `/etc/services.d` and `/etc/stepdown.toml`; `None`: whatever the root has there.
    pub tree: Option<Tree>,
    /// The root filesystem; `None`: the host's own.
    pub root: Option<PathBuf>,
    /// `uid`, `uid:gid`, `name` or `name:group`, looked up inside.
    pub user: Option<String>,
    /// `--group-add`, names or numbers.
    pub groups: Vec<String>,
    /// What PID 1 may have at the most: its bounding set.
    pub capabilities: CapSet,
    /// no_new_privs from the start.
    pub no_new_privileges: bool,
    /// Whether the root is read-only.
    pub read_only: bool,
    /// Writable places.
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
    /// Whether the lines at the start and at the end are left out.
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

/// Standard input and output inside. The caller's own descriptors are never handed in: a boot changes modes and owners of
/// what it finds there.
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

/// Lives the whole life of the container and returns its exit code (128+n for a signal).
///
/// # Errors
/// Whatever kept it from starting, with the fix where one is known.
pub fn run(rehearsal: &Rehearsal) -> Result<u8, Error> {
    let power = Power::detect();
    if !rehearsal.quiet {
        relay::say(&format!("rehearsing {} as {}", describe(rehearsal, &power), power.words()));
        hidden::notices(rehearsal, &power).iter().for_each(|notice| relay::say(notice));
    }
    let code = relay::live(rehearsal, &power)?;
    if !rehearsal.quiet {
        relay::say(&format!("the rehearsal ended with exit code {code}; nothing on the host changed"));
    }
    Ok(code)
}

/// "./services.d and `redis-server` on a copy-on-write view of /".
fn describe(rehearsal: &Rehearsal, power: &Power) -> String {
    let mut what = match &rehearsal.tree {
        Some(tree) => shown(&tree.services),
        None => "/etc/services.d".to_owned(),
    };
    if let Some(program) = rehearsal.command.first() {
        what.push_str(&format!(" and `{}`", shown(program)));
    }
    match &rehearsal.root {
        Some(root) => format!("{what} on a copy-on-write view of {}", shown(root)),
        None if power.user_namespace() => format!("{what} on a read-only view of / with a copied /etc"),
        None => format!("{what} on a copy-on-write view of /"),
    }
}
