//! Processes in `/proc`: their pids, and proc_pid_stat(5) and the ids of one. Must not know what it is used for.

use std::fs;
use std::io;
use std::str::FromStr;

use crate::config::values::{Gid, Uid};
use crate::sys::read_file;

/// Returns the pids of all processes that `/proc` lists.
///
/// # Errors
/// The system call's error, if there is no `/proc`.
pub fn all_pids() -> io::Result<impl Iterator<Item = i32>> {
    Ok(fs::read_dir("/proc")?.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()))
}

/// Returns the effective user and group in the text of proc_pid_status(5); `None` if they are not in it. Each of the lines has
/// the real, effective, saved and file system id. The name comes first and has no newline.
pub fn ids_of(status: &[u8]) -> Option<(Uid, Gid)> {
    let lines = || status.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    let effective = |key: &str| {
        let ids = lines().find_map(|line| line.strip_prefix(key))?;
        ids.split_ascii_whitespace().nth(1)?.parse().ok()
    };
    Some((Uid(effective("Uid:")?), Gid(effective("Gid:")?)))
}

/// One process's `/proc/PID/stat`.
#[derive(Debug)]
pub struct ProcessStat {
    line: Vec<u8>,
    /// The offset of the fields after the name.
    after_name: usize,
}

impl ProcessStat {
    /// Reads that of a process; `None` if it does not exist or cannot be read.
    pub fn read(pid: i32) -> Option<Self> {
        Self::parse(read_file::read_proc(&format!("/proc/{pid}/stat")))
    }

    /// Parses a line. The name may contain anything, also parentheses: fields start after the last one.
    pub fn parse(line: Vec<u8>) -> Option<Self> {
        let after_name = line.iter().rposition(|byte| *byte == b')')? + 1;
        Some(Self { line, after_name })
    }

    /// Returns whether the process is a zombie.
    pub fn is_dead(&self) -> bool {
        matches!(self.field(3), Some("Z" | "X"))
    }

    /// Returns whether the process is stopped by a signal, and not by a debugger.
    pub fn is_stopped(&self) -> bool {
        self.field(3) == Some("T")
    }

    /// Returns a field by its number in the manual; the state, which follows the name, is the third.
    pub fn field(&self, number: usize) -> Option<&str> {
        let fields = std::str::from_utf8(self.line.get(self.after_name..)?).ok()?;
        fields.split_ascii_whitespace().nth(number.checked_sub(3)?)
    }

    /// Returns a field that is a number.
    pub fn number<T: FromStr>(&self, number: usize) -> Option<T> {
        self.field(number)?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_text_shifts_no_field() {
        let stat = ProcessStat::parse(b"42 (a) \xff) (c) S 1 7\n".to_vec()).unwrap();
        assert_eq!((stat.field(3), stat.number(4), stat.number(5)), (Some("S"), Some(1), Some(7_u64)));
        assert_eq!((stat.field(2), stat.field(6), stat.number::<i32>(3)), (None, None, None));
        assert!(!stat.is_dead() && ProcessStat::parse(b"1 (x) Z 1".to_vec()).unwrap().is_dead());
        assert!(ProcessStat::parse(b"1 (x S".to_vec()).is_none());
    }

    #[test]
    fn this_process_is_listed_and_read() {
        let us = i32::try_from(std::process::id()).unwrap();
        assert!(all_pids().unwrap().any(|pid| pid == us));
        let stat = ProcessStat::read(us).unwrap();
        assert_eq!(stat.number(4), Some(nix::unistd::getppid().as_raw()));
        assert!(!stat.is_dead() && ProcessStat::read(i32::MAX).is_none());
    }

    #[test]
    fn the_effective_ids_are_the_second_of_their_lines() {
        let status = b"Name:\tUid: 7 8\nUmask:\t0022\nUid:\t0\t1000\t0\t1000\nGid:\t1\t1001\t1\t1001\n";
        assert_eq!(ids_of(status), Some((Uid(1000), Gid(1001))));
        assert_eq!(ids_of(b"Name:\tx\nUid:\t0\n"), None);
        assert_eq!(ids_of(b""), None);
    }
}
