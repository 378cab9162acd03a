//! The resource usage of services, from `/proc`: one walk over the processes for any number of services. A process belongs
//! to a service if its session or its process group is that of the service's main process. For `status`; the numbers are
//! not exact, and what cannot be read is omitted.

use std::collections::HashMap;
use std::time::Duration;

use crate::config::values::{Gid, Uid};
use crate::supervise::Pid;
use crate::sys::process::children;
use crate::sys::process::stat::{ProcessStat, all_pids, ids_of};
use crate::sys::{host, read_file};

/// The unit of times in `/proc`, the same on every architecture that we run on (time(7), USER_HZ).
const TICK: Duration = Duration::from_millis(10);
/// PSS is read only for processes with at most this much memory (RSS): the kernel walks page tables, about 30 ms for each
/// GiB, which blocks the event loop.
const MAX_PSS_PER_PROCESS: u64 = 64 << 20;
/// The same for all processes in one call.
const MAX_PSS_PER_CALL: u64 = 256 << 20;

/// The resource usage of one service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of memory.
    pub memory: u64,
    /// Whether memory is PSS (shared pages counted in proportion); else RSS.
    pub is_proportional: bool,
    /// CPU time of its processes and of reaped children.
    pub cpu: Duration,
    /// The number of its processes.
    pub processes: usize,
    /// The effective user and group of its main process; `None` if that cannot be read.
    pub user: Option<(Uid, Gid)>,
}

/// The usage of one process, from its `/proc/PID/stat`.
#[derive(Debug, PartialEq, Eq)]
struct ProcessUsage {
    group: i32,
    session: i32,
    ticks: u64,
    pages: u64,
}

/// Returns the usage of the services with these main processes; services without any process are missing.
pub fn usage_of(main_pids: &[Pid]) -> HashMap<Pid, Usage> {
    processes().map(|numbers| measure(main_pids, numbers, read_file::read_proc)).unwrap_or_default()
}

/// Reads each process once, whatever the number of services, and the user of each service's main process.
fn measure(main_pids: &[Pid], numbers: Vec<i32>, mut read: impl FnMut(&str) -> Vec<u8>) -> HashMap<Pid, Usage> {
    let mut all: HashMap<Pid, Usage> = HashMap::new();
    let main_pids: std::collections::HashSet<Pid> = main_pids.iter().copied().collect();
    let page = host::page_size();
    let mut left = MAX_PSS_PER_CALL;
    for number in numbers {
        let stat = ProcessStat::parse(read(&format!("/proc/{number}/stat")));
        let Some(line) = stat.as_ref().and_then(process_usage) else { continue };
        let Some(main_pid) = [line.session, line.group].map(Pid).into_iter().find(|pid| main_pids.contains(pid)) else {
            continue;
        };
        let resident = line.pages.saturating_mul(page);
        let reads_pss = resident <= MAX_PSS_PER_PROCESS.min(left);
        left = left.saturating_sub(if reads_pss { resident } else { 0 });
        let pss = reads_pss.then(|| pss(&read(&format!("/proc/{number}/smaps_rollup")))).flatten();
        let usage = all.entry(main_pid).or_insert(Usage { is_proportional: true, ..Usage::default() });
        usage.memory += pss.unwrap_or(resident);
        usage.is_proportional &= pss.is_some();
        usage.cpu += TICK.saturating_mul(u32::try_from(line.ticks).unwrap_or(u32::MAX));
        usage.processes += 1;
    }
    for (main_pid, usage) in &mut all {
        usage.user = ids_of(&read(&format!("/proc/{}/status", main_pid.0)));
    }
    all
}

/// Returns every process that may be a service's: all in a PID namespace of our own, else our descendants, because a host
/// may have many thousands of others.
fn processes() -> Option<Vec<i32>> {
    let us = std::process::id();
    let ours = if us == 1 { None } else { i32::try_from(us).ok().and_then(children::descendants_of) };
    if ours.is_some() {
        return ours;
    }
    Some(all_pids().ok()?.collect())
}

/// Returns the usage of a process; `None` for a zombie: it is included in its parent's times after it was reaped.
fn process_usage(stat: &ProcessStat) -> Option<ProcessUsage> {
    if stat.is_dead() {
        return None;
    }
    Some(ProcessUsage {
        group: stat.number(5)?,
        session: stat.number(6)?,
        ticks: [14, 15, 16, 17].into_iter().filter_map(|number| stat.number::<u64>(number)).sum(),
        pages: stat.number(24)?,
    })
}

/// `Pss:  1234 kB` of proc_pid_smaps(5).
fn pss(bytes: &[u8]) -> Option<u64> {
    let text = String::from_utf8_lossy(bytes);
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::os::unix::process::CommandExt;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_name_cannot_shift_the_fields() {
        let line =
            b"42 (a) b) (c) S 1 7 8 0 -1 4194560 1 2 3 4 10 20 30 40 20 0 1 0 99 1000 250 18446744073709551615 1 1\n";
        let taken = |line: &[u8]| process_usage(&ProcessStat::parse(line.to_vec())?);
        assert_eq!(taken(line), Some(ProcessUsage { group: 7, session: 8, ticks: 100, pages: 250 }));
        for rubbish in [
            &b""[..],
            b"1 (x) Z 1 7 8 0 0 0 1 2 3 4 1 2 3 4 20 0 1 0 99 1000 250",
            b")",
            b"1 (x) S 1",
            b"1 (x S 1 2 3",
            b"1 (x) S x y z",
        ] {
            assert_eq!(taken(rubbish), None, "{}", rubbish.escape_ascii());
        }
    }

    #[test]
    fn each_process_is_read_once_for_any_number_of_services() {
        let (mut stats, mut rollups, mut statuses) = (0, 0, 0);
        let pids: Vec<i32> = (2..=2_501).collect();
        let main_pids: Vec<Pid> = pids.iter().step_by(10).copied().map(Pid).collect();
        let usages = measure(&main_pids, pids.clone(), |path| {
            if path.ends_with("/status") {
                statuses += 1;
                return b"Uid:\t0\t1000\t0\t1000\nGid:\t1\t1001\t1\t1001\n".to_vec();
            }
            let Some(pid) = path.strip_prefix("/proc/").and_then(|path| path.strip_suffix("/stat")) else {
                rollups += 1;
                return b"Pss: 1000 kB\n".to_vec();
            };
            stats += 1;
            let main_pid = (pid.parse::<i32>().unwrap() - 2) / 10 * 10 + 2;
            format!("{pid} (x) S 1 {main_pid} {main_pid} 0 -1 0 1 2 3 4 1 0 0 0 20 0 1 0 99 1000 256 1 1").into_bytes()
        });
        assert_eq!((usages.len(), stats, statuses), (250, 2_500, 250));
        let user = Some((Uid(1000), Gid(1001)));
        assert!(usages.values().all(|usage| usage.processes == 10 && usage.user == user));
        let bytes = 256 * host::page_size();
        assert_eq!(rollups, MAX_PSS_PER_CALL / bytes);
    }

    #[test]
    fn shares_are_read_where_there_are_any() {
        let rollup =
            b"55d0-7ffd ---p 00000000 00:00 0    [rollup]\nRss:    3000 kB\nPss:    1000 kB\nPss_Anon:   7 kB\n";
        assert_eq!(pss(rollup), Some(1_024_000));
        assert_eq!(pss(b""), None);
        assert_eq!(pss(b"Pss: many kB\n"), None);
    }

    #[test]
    #[allow(clippy::disallowed_methods)] // a test starts what it looks at, and has a clock
    fn a_service_is_its_whole_group() {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "sleep 1000 & sleep 1000 & i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo; wait"])
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let main_pid = Pid(i32::try_from(child.id()).unwrap());
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let nobody = Pid(i32::MAX);
        let usages = usage_of(&[main_pid, nobody]);
        nix::sys::signal::killpg(nix::unistd::Pid::from_raw(main_pid.0), nix::sys::signal::SIGKILL).unwrap();
        child.wait().unwrap();
        let usage = usages[&main_pid];
        assert_eq!(usage.processes, 3);
        assert!(usage.memory > 64 * 1024 && usage.memory < 1 << 30, "{usage:?}");
        assert!(!usages.contains_key(&nobody));
        let limit = std::time::Instant::now() + Duration::from_secs(30);
        while usage_of(&[main_pid]).contains_key(&main_pid) {
            assert!(std::time::Instant::now() < limit, "all of them were killed");
            std::thread::yield_now();
        }
    }
}
