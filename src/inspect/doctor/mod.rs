//! The observations of `doctor`: access as the users really have it (`access_as_user`), mounts, id maps, ports. Changes
//! nothing, and must not evaluate what it finds.

mod access_as_user;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use crate::config::values::{CapSet, Gid, Uid};
use crate::plan::checks::mounts::Mounts;
use crate::plan::checks::observations::{HostContext, Observations, PathObservation};
use crate::plan::checks::{AccessRequirement, Examination, ProbedUser, SECRETS, listening};
use crate::plan::facts::Facts;
use crate::sys::id_map::id_maps;
use crate::sys::read_file;
use access_as_user::UserObservation;

/// Makes all observations that the examination needs. The process must have one thread.
pub fn observe(examination: &Examination) -> Observations {
    let mut remarks = Vec::new();
    let paths = observe_paths(&examination.requirements, &mut remarks);
    let tcp = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(|path| listening(&text(path)));
    Observations {
        paths,
        host: host_context(),
        unprivileged_port_start: text("/proc/sys/net/ipv4/ip_unprivileged_port_start").trim().parse().ok(),
        listening: tcp.into_iter().flatten().collect(),
        remarks,
    }
}

/// Returns the files that the container runtime mounted as secrets, in the order of their names.
pub fn secrets() -> Vec<PathBuf> {
    let entries = fs::read_dir(SECRETS).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> = entries.filter(|path| path.is_file()).collect();
    files.sort();
    files
}

/// Returns mounts, id maps and security label of the container.
pub fn host_context() -> HostContext {
    let (uid_map, gid_map) = id_maps();
    HostContext {
        mounts: Mounts::parse(&read_file::read_proc("/proc/self/mountinfo")),
        uid_map,
        gid_map,
        label: label(),
    }
}

/// Returns the ids of PID 1, if it is a stepdown that does not respond: they are readable in `/proc`.
pub fn pid_one() -> Option<(Uid, Gid, Vec<Gid>)> {
    if std::process::id() == 1 || !is_stepdown() {
        return None;
    }
    let status = text("/proc/1/status");
    let ids = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        line.map(|line| line.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<u32>>())
    };
    let (uid, gid) = (*ids("Uid:")?.get(1)?, *ids("Gid:")?.get(1)?);
    Some((Uid(uid), Gid(gid), ids("Groups:")?.into_iter().map(Gid).collect()))
}

/// Whether PID 1 is a stepdown: by its name, or by the file that it was started as (`/init`), as `/proc/1/exe` is not
/// readable.
fn is_stepdown() -> bool {
    let command_line = text("/proc/1/cmdline");
    let first = command_line.split('\0').next().unwrap_or_default();
    let file = |path: &str| fs::metadata(path).ok().map(|meta| (meta.dev(), meta.ino()));
    text("/proc/1/comm").trim() == "stepdown"
        || (first.starts_with('/') && file(first).is_some_and(|first| file("/proc/self/exe") == Some(first)))
}

/// Returns the facts of a PID 1 that has stepped down to these ids.
pub fn facts_of(facts: Facts, (uid, gid, groups): (Uid, Gid, Vec<Gid>)) -> Facts {
    let none = CapSet::EMPTY;
    Facts { uid, gid, groups, effective: none, permitted: none, pid_one: true, ..facts }
}

fn text(path: &str) -> String {
    String::from_utf8_lossy(&read_file::read_proc(path)).into_owned()
}

/// The label of this process in SELinux or AppArmor, unless `unconfined`.
fn label() -> Option<String> {
    let all = ["/proc/self/attr/current", "/proc/self/attr/apparmor/current"].map(|path| {
        let text = text(path);
        text.trim_end_matches(['\0', '\n']).to_owned()
    });
    let confines = |label: &String| !label.is_empty() && !label.contains("unconfined") && label != "kernel";
    all.into_iter().find(confines)
}

/// Makes the observations of all users in turn.
fn observe_paths(requirements: &[AccessRequirement], remarks: &mut Vec<String>) -> Vec<PathObservation> {
    let mut observations: Vec<PathObservation> = requirements.iter().map(observe_as_self).collect();
    let mut tested: Vec<&ProbedUser> = Vec::new();
    for AccessRequirement { who, .. } in requirements {
        if tested.contains(&who) {
            continue;
        }
        tested.push(who);
        let theirs: Vec<_> = requirements.iter().enumerate().filter(|(_, it)| it.who == *who).collect();
        let only: Vec<_> = theirs.iter().map(|(_, requirement)| *requirement).collect();
        let (results, remark) = access_as_user::as_user(who, &only);
        remarks.extend(remark);
        for ((at, _), UserObservation { access, found }) in theirs.iter().zip(results) {
            if let Some(observation) = observations.get_mut(*at) {
                observation.access = access;
                observation.found = observation.found.or(found);
            }
        }
    }
    remarks.dedup();
    observations
}

/// What this process sees itself.
fn observe_as_self(requirement: &AccessRequirement) -> PathObservation {
    let real = fs::canonicalize(&requirement.path).unwrap_or_else(|_| requirement.path.clone());
    PathObservation { real, found: access_as_user::stat_path(&requirement.path), access: Default::default() }
}
