//! The facts of a usual container: assumed for a machine that is not this one, and the base of tests. Must not read
//! anything.

use std::collections::BTreeMap;

use super::facts::{Access, Facts, IdMap, NamedFiles, StdioFact, StdioKind};
use crate::config::values::{CapSet, Gid, Uid};

impl Facts {
    /// Returns the facts of a container that is started as root with these capabilities, as PID 1 and writable, with pipes
    /// for its standard streams; without an account, a program or a path.
    pub fn of_root(granted: CapSet) -> Self {
        let pipe = StdioFact { kind: StdioKind::Fifo, uid: Uid::ROOT, mode: 0o600 };
        Self {
            uid: Uid::ROOT,
            gid: Gid::ROOT,
            groups: Vec::new(),
            effective: granted,
            permitted: granted,
            bounding: granted,
            no_new_privs: false,
            uid_map: IdMap::whole(),
            gid_map: IdMap::whole(),
            setgroups_denied: false,
            pid_one: true,
            tty: false,
            umask: 0o022,
            nice: 0,
            oom_score_adj: 0,
            hard_limits: BTreeMap::new(),
            accounts: BTreeMap::new(),
            account_modes: BTreeMap::new(),
            etc: Access::Yes,
            passwd_appendable: false,
            cwd_exists: true,
            proc_mounted: true,
            dev_null: true,
            paths: BTreeMap::new(),
            runtime: vec![("/run/stepdown".into(), Access::Yes)],
            stdio: [pipe; 3],
            named: NamedFiles::default(),
            variables: Vec::new(),
            no_shell_names: Vec::new(),
            homes: BTreeMap::new(),
            unprivileged_port_start: None,
            root_owner: Uid::ROOT,
            home: None,
            s6: None,
            unknown_zone: None,
            secrets: BTreeMap::new(),
        }
    }
}
