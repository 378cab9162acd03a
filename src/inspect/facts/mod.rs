//! Facts about the machine, read once at the start into [`Facts`]. Changes nothing, keeps nothing open, and must not decide
//! anything: `plan` does.
#![allow(clippy::disallowed_methods)] // a few variables are facts

mod accounts;
mod homes;
mod limits;
mod named_paths;
mod owners;
mod paths;
mod ports;
mod process;
mod program_heads;
mod programs;
mod runtime;
mod s6_places;
mod secrets;
mod stdio;
mod zone;

use std::collections::{BTreeMap, BTreeSet};
use std::env::var_os;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::config::values::Uid;
use crate::plan::facts::{Access, AccountFile, Facts, StdioKind};
use crate::plan::{code_variables, machine_notices};
use crate::sys::{access, dev_null};
use crate::text::shown;

pub use accounts::bytes as account_bytes;
pub use named_paths::NamedPaths;
pub use programs::resolve;
pub use runtime::{alternatives, candidates};

/// Reads everything that the plan of `config` depends on. Some tens of system calls, and a few for each service whose
/// program, directory or path no other service has.
pub fn read(config: &Config) -> Facts {
    let process = process::read();
    let stdio = stdio::read();
    let home = var_os("HOME").map(PathBuf::from);
    let accounts::AccountFiles { states: accounts, modes: account_modes } = accounts::read();
    let etc = access::can_create_in(Path::new("/etc"));
    let is_root = process.uid == Uid::ROOT;
    let root_homes = if is_root { homes::named(config, &accounts) } else { BTreeSet::new() };
    let homes = match is_root {
        true => BTreeMap::new(),
        false => homes::read(config, home.as_deref(), process.uid, &accounts),
    };
    let paths = paths::read(config, &root_homes);
    let paths = if is_root { paths::with_fallback_homes(paths) } else { paths };
    let named = named_paths::files(config, process.uid);
    Facts {
        passwd_appendable: !is_root && etc != Access::Yes && accounts::can_append(AccountFile::Passwd),
        unprivileged_port_start: ports::unprivileged_start(config, &named),
        // Only a main command starts there, which may come from a hook.
        cwd_exists: (config.main.is_empty() && config.s6.is_none()) || std::env::current_dir().is_ok(),
        proc_mounted: process.proc_mounted,
        dev_null: dev_null::exists(),
        uid: process.uid,
        gid: process.gid,
        groups: process.groups,
        effective: process.effective,
        permitted: process.permitted,
        bounding: process.bounding,
        no_new_privs: process.no_new_privs,
        uid_map: process.uid_map,
        gid_map: process.gid_map,
        setgroups_denied: process.setgroups_denied,
        pid_one: process.pid_one,
        tty: stdio[0].kind == StdioKind::Terminal,
        umask: process.umask,
        nice: process::nice(config),
        oom_score_adj: process::oom_score_adj(config),
        hard_limits: limits::read(config),
        accounts,
        account_modes,
        etc,
        root_owner: owners::root_owner(),
        variables: variables(),
        no_shell_names: no_shell_names(),
        paths,
        runtime: runtime::read(var_os("XDG_RUNTIME_DIR"), &homes),
        homes,
        s6: config.s6.as_ref().map(|_| s6_places::read()),
        stdio,
        named,
        home,
        secrets: secrets::read(config, process.uid),
        unknown_zone: zone::unknown(var_os("TZ").as_deref()),
    }
}

/// Variables of the environment that can name code to run.
fn variables() -> Vec<String> {
    let given = std::env::vars_os().filter(|(name, value)| code_variables::names_code(name, value));
    given.map(|(name, _)| shown(&name)).collect::<BTreeSet<_>>().into_iter().collect()
}

/// Names in the environment that are not valid shell names, except functions exported by bash.
fn no_shell_names() -> Vec<String> {
    let names = std::env::vars_os().map(|(name, _)| shown(&name));
    names.filter(|name| !machine_notices::is_shell_name(name) && !name.starts_with("BASH_FUNC_")).collect()
}
