//! What /proc tells of processes: who belongs to an init, their memory, processor time and switches. Starts nothing.

use std::collections::BTreeSet;
use std::fs;

use nix::unistd::Pid;

use super::Outcome;
use super::container::{Container, children};

/// A ring of 16 buffers of 40 bytes, from the cache for 1 KiB.
const PIPE_KIB: f64 = 1.0;
/// On x86-64 and arm64.
const STACK_KIB: f64 = 16.0;

/// The memory that processes need, in KiB.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory {
    /// Written, and nobody else's: anonymous pages. (`Private_Dirty` has the program's file too where it lies on a tmpfs.)
    pub private_dirty: f64,
    /// What is shared counts for each its part.
    pub pss: f64,
    /// Page tables.
    pub page_tables: f64,
    /// A kernel stack each.
    pub stacks: f64,
    /// Of the pipes that they hold: without what waits in them.
    pub pipes: f64,
    /// How many there are.
    pub processes: f64,
}

impl Memory {
    /// Reads that of these processes.
    pub fn of(pids: &[Pid]) -> Outcome<Self> {
        let mut all = Self::default();
        let mut pipes = BTreeSet::new();
        for pid in pids {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
            let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
            all.private_dirty += field(&rollup, "Anonymous:");
            all.pss += field(&rollup, "Pss:");
            all.page_tables += field(&status, "VmPTE:");
            all.stacks += STACK_KIB * field(&status, "Threads:");
            all.processes += 1.0;
            for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
                let target = fs::read_link(entry?.path()).unwrap_or_default();
                target.to_str().filter(|name| name.starts_with("pipe:")).map(|name| pipes.insert(name.to_owned()));
            }
        }
        all.pipes = PIPE_KIB * pipes.len() as f64;
        Ok(all)
    }

    /// Private dirty memory and what the kernel keeps for these processes.
    pub fn private(&self) -> f64 {
        self.private_dirty + self.page_tables + self.stacks + self.pipes
    }

    /// The share of all memory, and what the kernel keeps: what DESIGN §12 limits.
    pub fn total(&self) -> f64 {
        self.pss + self.page_tables + self.stacks
    }
}

/// Returns the processes of a container that are not the measured programs: PID 1 and its helpers.
pub fn of_the_init(container: &Container) -> Outcome<Vec<Pid>> {
    let mut found = descendants(container.init()?);
    found.retain(|pid| !is_program(*pid));
    Ok(found)
}

/// Returns the measured programs of a container.
pub fn programs(container: &Container) -> Outcome<Vec<Pid>> {
    let mut found = descendants(container.init()?);
    found.retain(|pid| is_program(*pid));
    Ok(found)
}

fn descendants(top: Pid) -> Vec<Pid> {
    let mut found = vec![top];
    let mut next = 0;
    while let Some(&pid) = found.get(next) {
        found.extend(children(pid));
        next += 1;
    }
    found
}

fn is_program(pid: Pid) -> bool {
    let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
    ["stays", "payload", "flood", "orphans"].iter().any(|name| program.ends_with(name))
}

/// Returns the processor time of a process, in milliseconds.
pub fn processor_time(pid: Pid) -> Outcome<f64> {
    let text = fs::read_to_string(format!("/proc/{pid}/schedstat"))?;
    let nanoseconds: f64 = text.split_whitespace().next().ok_or("no schedstat in this kernel")?.parse()?;
    Ok(nanoseconds / 1e6)
}

/// Returns how often these processes have given up the processor by themselves: each wait is one.
pub fn waits(pids: &[Pid]) -> f64 {
    let status = |pid: &Pid| fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    pids.iter().map(|pid| field(&status(pid), "voluntary_ctxt_switches:")).sum()
}

/// Returns how many page faults a process has had that needed no device.
pub fn page_faults(pid: Pid) -> Outcome<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // proc_pid_stat(5): field 10; the name in brackets is field 2 and may have spaces.
    let faults = stat.rsplit_once(')').and_then(|(_, rest)| rest.split_whitespace().nth(7));
    Ok(faults.ok_or("a field is missing")?.parse()?)
}

fn field(text: &str, name: &str) -> f64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|word| word.parse().ok()).unwrap_or(0.0)
}
