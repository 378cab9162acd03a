//! Ids, capabilities and id maps of this process. Read from `/proc/self`, where one file has many of them; by system calls
//! if `/proc` is missing or (as in gVisor) incomplete.

use nix::unistd::{getegid, geteuid, getgroups};

use crate::config::Config;
use crate::config::values::{CapSet, Gid, Uid};
use crate::plan::facts::IdMap;
use crate::sys::id_map::id_maps;
use crate::sys::process::resource;
use crate::sys::{host, own_status, read_file};

/// Ids, capabilities and id maps of this process.
#[derive(Debug)]
pub(super) struct ProcessFacts {
    pub(super) uid: Uid,
    pub(super) gid: Gid,
    pub(super) groups: Vec<Gid>,
    pub(super) effective: CapSet,
    pub(super) permitted: CapSet,
    pub(super) bounding: CapSet,
    pub(super) no_new_privs: bool,
    pub(super) uid_map: IdMap,
    pub(super) gid_map: IdMap,
    pub(super) setgroups_denied: bool,
    pub(super) pid_one: bool,
    pub(super) proc_mounted: bool,
    pub(super) umask: u32,
}

/// Reads them.
pub(super) fn read() -> ProcessFacts {
    let text = own_status::read();
    let status = ProcStatus::parse(&text);
    let (uid_map, gid_map) = id_maps();
    // The file says "allow" if everything is mapped: only another user namespace can have denied it.
    let may_be_denied = gid_map != IdMap::whole();
    ProcessFacts {
        uid: status.uid.unwrap_or_else(|| Uid(geteuid().as_raw())),
        gid: status.gid.unwrap_or_else(|| Gid(getegid().as_raw())),
        groups: status.groups.unwrap_or_else(groups_by_syscall),
        effective: status.effective.unwrap_or_else(|| set(caps::CapSet::Effective)),
        permitted: status.permitted.unwrap_or_else(|| set(caps::CapSet::Permitted)),
        bounding: status.bounding.unwrap_or_else(|| set(caps::CapSet::Bounding)),
        no_new_privs: status.no_new_privs.unwrap_or_else(|| nix::sys::prctl::get_no_new_privs().unwrap_or_default()),
        uid_map,
        gid_map,
        setgroups_denied: may_be_denied && read_file::read_proc("/proc/self/setgroups").trim_ascii() == b"deny",
        pid_one: host::is_first_process(),
        proc_mounted: !text.is_empty(),
        umask: status.umask.unwrap_or_else(umask_by_syscall),
    }
}

/// Returns the `oom_score_adj` that we were started with, if a service is to have another.
pub(super) fn oom_score_adj(config: &Config) -> i32 {
    if config.services.iter().all(|service| service.oom_score_adj.is_none()) {
        return 0;
    }
    number(&read_file::read_proc("/proc/self/oom_score_adj")).unwrap_or_default()
}

/// Returns our nice value, if a service is to have another.
pub(super) fn nice(config: &Config) -> i32 {
    if config.services.iter().all(|service| service.nice.is_none()) { 0 } else { resource::nice() }
}

/// The fields of `/proc/self/status` that are needed (proc_pid_status(5)).
#[derive(Debug, Default, PartialEq, Eq)]
struct ProcStatus {
    uid: Option<Uid>,
    gid: Option<Gid>,
    groups: Option<Vec<Gid>>,
    effective: Option<CapSet>,
    permitted: Option<CapSet>,
    bounding: Option<CapSet>,
    no_new_privs: Option<bool>,
    umask: Option<u32>,
}

impl ProcStatus {
    fn parse(text: &[u8]) -> Self {
        let mut status = Self::default();
        for line in text.split(|byte| *byte == b'\n') {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (key, value) = line.split_at(colon);
            let value = || std::str::from_utf8(value.get(1..)?).ok().map(str::trim);
            let set = || value().and_then(|text| u64::from_str_radix(text, 16).ok()).map(CapSet);
            // Real, effective, saved, and for files.
            let effective_id = || value()?.split_ascii_whitespace().nth(1)?.parse().ok();
            match key {
                b"Uid" => status.uid = effective_id().map(Uid),
                b"Gid" => status.gid = effective_id().map(Gid),
                b"Groups" => status.groups = value().and_then(numbers),
                b"CapEff" => status.effective = set(),
                b"CapPrm" => status.permitted = set(),
                b"CapBnd" => status.bounding = set(),
                b"NoNewPrivs" => status.no_new_privs = value().map(|text| text == "1"),
                b"Umask" => status.umask = value().and_then(|text| u32::from_str_radix(text, 8).ok()),
                _ => {}
            }
        }
        status
    }
}

fn number(text: &[u8]) -> Option<i32> {
    std::str::from_utf8(text).ok()?.trim().parse().ok()
}

fn numbers(text: &str) -> Option<Vec<Gid>> {
    text.split_ascii_whitespace().map(|word| word.parse().ok().map(Gid)).collect()
}

/// Costs more than one call: the number of groups is read first.
fn groups_by_syscall() -> Vec<Gid> {
    getgroups().unwrap_or_default().into_iter().map(|gid| Gid(gid.as_raw())).collect()
}

fn set(which: caps::CapSet) -> CapSet {
    let all = caps::read(None, which).unwrap_or_default();
    CapSet(all.iter().fold(0, |bits, one| bits | one.bitmask()))
}

/// No call only reads the umask. Changing it for a moment is safe: at the start there is one thread.
fn umask_by_syscall() -> u32 {
    use nix::sys::stat::{Mode, umask};
    let old = umask(Mode::from_bits_truncate(0o077));
    umask(old);
    old.bits()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Capability;

    #[test]
    fn status_is_read_by_its_lines_and_what_is_not_there_stays_open() {
        let text =
            b"Name:\tx\nUmask:\t0027\nUid:\t1\t2\t3\t4\nGid:\t5\t6\t7\t8\nGroups:\t4 44 1000 \nCapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n\
            CapEff:\t0000000000000400\nCapBnd:\t000001ffffffffff\nNoNewPrivs:\t1\nSeccomp:\t2\n";
        let status = ProcStatus::parse(text);
        assert_eq!(status.umask, Some(0o027));
        assert_eq!((status.uid, status.gid), (Some(Uid(2)), Some(Gid(6))));
        assert_eq!(status.groups, Some(vec![Gid(4), Gid(44), Gid(1000)]));
        assert_eq!(ProcStatus::parse(b"Groups:\t \n").groups, Some(vec![]));
        assert_eq!(status.permitted, Some(CapSet(0xa804_25fb)));
        assert_eq!(status.effective, Some(CapSet::EMPTY.with(Capability::NET_BIND_SERVICE)));
        assert_eq!(status.bounding, Some(CapSet(0x1ff_ffff_ffff)));
        assert_eq!(status.no_new_privs, Some(true));
        assert_eq!(ProcStatus::parse(b""), ProcStatus::default());
        assert_eq!(ProcStatus::parse(b"CapEff:\nUmask\n:\nCapPrm:\txyz\n"), ProcStatus::default());
    }

    #[test]
    fn what_proc_says_is_what_the_system_calls_say() {
        let read = read();
        assert_eq!(read.effective, set(caps::CapSet::Effective));
        assert_eq!(read.permitted, set(caps::CapSet::Permitted));
        assert_eq!(read.bounding, set(caps::CapSet::Bounding));
        assert_eq!(read.groups, groups_by_syscall());
        assert!(!read.pid_one);
        assert_eq!(read.uid.0, nix::unistd::geteuid().as_raw());
    }
}
