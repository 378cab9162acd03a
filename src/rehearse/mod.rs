//! `stepdown try`: the whole life of a container here and now, without Docker (DESIGN §9). Data in ([`Rehearsal`]), exit
//! code out. Must not know how a command line is written; `cli::rehearse` does.
//!
//! To *rehearse* is to run that life from the boot to the exit code, in namespaces, so that nothing on the host changes.
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
mod rehearsal;
mod relay;
mod report;
mod root;
mod services_tree;
mod system_mounts;
mod terminal;

pub use capability::granted;
pub use mount_options::{Tmpfs, Volume};
pub use namespace_support::NamespaceSupport;
pub use rehearsal::{DOCKER_DEFAULT, Network, Rehearsal, STOP_TIMEOUT, Stdio};
pub use services_tree::{ServicesTree, TREE_ORIGIN};
pub use terminal::{RawMode, window};

use crate::error::Error;
use crate::text::shown;

/// Runs the container to its end and returns its exit code (128+n for a signal).
///
/// # Errors
/// Why it could not start, with the fix where one is known.
pub fn run(rehearsal: &Rehearsal) -> Result<u8, Error> {
    let support = NamespaceSupport::detect();
    if !rehearsal.quiet {
        relay::print_line(&format!("rehearsing {} as {}", describe(rehearsal, &support), support.description()));
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
