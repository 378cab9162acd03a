//! The children of a process, from the kernel's list: in the host's PID namespace reading every process would block PID 1
//! for seconds. Must not know which service they belong to.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use nix::libc::pid_t;

use crate::sys::read_file;

/// Returns the children of `pid`, zombies included; `None` if the kernel has no list (CONFIG_PROC_CHILDREN) or
/// hides it. Our own list is complete: exited children stay in it until we reap them.
pub fn children_of(pid: pid_t) -> Option<Vec<pid_t>> {
    let threads = format!("/proc/{pid}/task");
    // A directory has a link for itself, for its name, and for each directory in it: most processes have one thread.
    if fs::metadata(&threads).ok()?.nlink() == 3
        && let Some(children) = listed_in(&format!("{threads}/{pid}/children"))
    {
        return Some(children);
    }
    let mut all = None;
    for thread in fs::read_dir(threads).ok()?.flatten() {
        // The children of an exited thread belong to another one.
        let Some(found) = listed_in(&thread.path().join("children").to_string_lossy()) else { continue };
        all.get_or_insert_with(Vec::new).extend(found);
    }
    all
}

fn listed_in(path: &str) -> Option<Vec<pid_t>> {
    read_file::try_read_proc(path).as_deref().map(parse)
}

fn parse(list: &[u8]) -> Vec<pid_t> {
    let words = list.split(u8::is_ascii_whitespace);
    words.filter_map(|word| std::str::from_utf8(word).ok()?.parse().ok()).collect()
}

/// The list of a process of one thread, kept open: each look at it is one system call.
#[derive(Debug)]
pub struct OpenList(File);

impl OpenList {
    /// Opens that of `pid`; `None` as in [`children_of`], and if it has more threads than one.
    pub fn open(pid: pid_t) -> Option<Self> {
        let threads = format!("/proc/{pid}/task");
        let has_one = fs::metadata(&threads).ok()?.nlink() == 3;
        has_one.then(|| File::open(format!("{threads}/{pid}/children")).ok()).flatten().map(Self)
    }

    /// Returns the children now.
    pub fn read(&self) -> Option<Vec<pid_t>> {
        read_file::read_again(&self.0).as_deref().map(parse)
    }
}

/// Returns all descendants of `pid`; `None` if the kernel has no list of children. Processes that exit meanwhile may be
/// missing.
pub fn descendants_of(pid: pid_t) -> Option<Vec<pid_t>> {
    let mut all = children_of(pid)?;
    let mut at = 0;
    while let Some(next) = all.get(at) {
        let more = children_of(*next).unwrap_or_default();
        all.extend(more);
        at += 1;
    }
    Some(all)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // a test has children of its own
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_and_theirs_are_found_and_strangers_are_not() {
        // The shell says its child's number, and waits for it until it is told to end.
        let script = "sleep 600 & echo $!; read -r line; kill $!";
        let mut shell = Command::new("sh");
        let mut shell =
            shell.args(["-c", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("there is a shell");
        let mut line = String::new();
        let mut output = std::io::BufReader::new(shell.stdout.take().expect("it is a pipe"));
        std::io::BufRead::read_line(&mut output, &mut line).expect("it writes a line");
        let grandchild: pid_t = line.trim().parse().expect("it is a number");
        let child = pid_t::try_from(shell.id()).expect("a pid is an i32");
        let us = pid_t::try_from(std::process::id()).expect("a pid is an i32");
        if let Some(found) = children_of(us) {
            assert!(found.contains(&child) && !found.contains(&grandchild), "{found:?}");
            let found = descendants_of(us).expect("there is a list");
            assert!(found.contains(&child) && found.contains(&grandchild) && !found.contains(&us), "{found:?}");
            assert_eq!(children_of(grandchild), Some(Vec::new()));
        }
        drop(shell.stdin.take());
        shell.wait().expect("it is our child");
        assert!(children_of(child).is_none_or(|found| found.is_empty()), "it is gone");
    }
}
