//! What containers of another engine look like from this machine: their processes, whose they are, their cgroups.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the uids on this host of the processes below `pid` that run `program`.
pub fn uids_of(pid: u32, program: &str) -> Vec<u32> {
    let runs = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).next() == Some(program.as_bytes())
    };
    let uid = |pid: u32| -> Option<u32> {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        status.lines().find_map(|line| line.strip_prefix("Uid:"))?.split_whitespace().next()?.parse().ok()
    };
    descendants(pid).into_iter().filter(runs).filter_map(uid).collect()
}

/// Returns the children of a process, whichever thread made them.
pub fn children(pid: u32) -> Vec<u32> {
    let mut all = Vec::new();
    for thread in fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten() {
        let text = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
        all.extend(text.split_whitespace().filter_map(|word| word.parse::<u32>().ok()));
    }
    all
}

fn descendants(pid: u32) -> Vec<u32> {
    children(pid).into_iter().flat_map(|pid| [vec![pid], descendants(pid)].concat()).collect()
}

/// Removes a cgroup of every hierarchy, and those below; one with a process in it stays.
pub fn remove_cgroups(name: &str) {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]).for_each(|hierarchy| remove_below(&hierarchy.join(name)));
}

fn remove_below(at: &Path) {
    for below in fs::read_dir(at).into_iter().flatten().flatten().filter(|entry| entry.path().is_dir()) {
        remove_below(&below.path());
    }
    let _in_use_or_none = fs::remove_dir(at);
}
