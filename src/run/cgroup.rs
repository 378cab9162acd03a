//! [`OomKills`]: the number of OOM kills in our own cgroup: a SIGKILL between two equal counts was not the OOM killer's. Where
//! it cannot be read there is no count.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::sys::read_file;

/// Where cgroups are mounted.
const MOUNTED: &str = "/sys/fs/cgroup";

/// The file with the count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OomKills(Option<PathBuf>);

impl OomKills {
    /// Finds the file with the count for this process.
    pub fn find() -> Self {
        Self::find_in(Path::new(MOUNTED), &read_file::read_proc("/proc/self/cgroup"))
    }

    /// Returns the count; `None` where there is none.
    pub fn count(&self) -> Option<u64> {
        count_in(&fs::read(self.0.as_ref()?).ok()?)
    }

    fn find_in(mounted: &Path, ours: &[u8]) -> Self {
        let mut candidates = candidates(mounted, ours).into_iter();
        Self(candidates.find(|path| fs::read(path).is_ok_and(|bytes| count_in(&bytes).is_some())))
    }
}

/// Returns where the count may be, by cgroups(7) lines `ID:CONTROLLERS:PATH`. The path is the host's where we have no
/// cgroup namespace, and what is mounted is then our own group alone.
fn candidates(mounted: &Path, ours: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for line in ours.split(|byte| *byte == b'\n') {
        let mut fields = line.splitn(3, |byte| *byte == b':');
        let (Some(id), Some(controllers), Some(path)) = (fields.next(), fields.next(), fields.next()) else { continue };
        let below = Path::new(OsStr::from_bytes(path.strip_prefix(b"/").unwrap_or(path)));
        let (top, file) = if controllers.split(|byte| *byte == b',').any(|name| name == b"memory") {
            (mounted.join("memory"), "memory.oom_control")
        } else if id == b"0" && controllers.is_empty() {
            (mounted.to_owned(), "memory.events")
        } else {
            continue;
        };
        found.extend([top.join(below).join(file), top.join(file)]);
    }
    found
}

/// `oom_kill 3` among other lines, in both versions (the first one has it since Linux 4.13).
fn count_in(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes).ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        place
    }

    const EVENTS: &str = "low 0\nhigh 0\nmax 7\noom 2\noom_kill 3\noom_group_kill 0\n";
    const CONTROL: &str = "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n";

    #[test]
    fn both_versions_are_read_with_and_without_a_namespace() {
        for (files, ours, expected) in [
            (vec![("memory.events", EVENTS)], "0::/\n", Some(3)),
            (vec![("memory.events", EVENTS)], "0::/docker/abc\n", Some(3)),
            (vec![("a/b/memory.events", EVENTS)], "0::/a/b\n", Some(3)),
            (vec![("memory/memory.oom_control", CONTROL)], "8:memory:/docker/abc\n0::/\n", Some(5)),
            (vec![("memory/x/memory.oom_control", CONTROL)], "4:cpu,memory:/x\n1:name=systemd:/\n", Some(5)),
            (vec![("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\n")], "8:memory:/\n", None),
            (vec![("memory.events", "rubbish\0oom_kill x")], "0::/\n", None),
            (vec![], "0::/\n8:memory:/\n", None),
            (vec![("memory.events", EVENTS)], "", None),
            (vec![("memory.events", EVENTS)], "0:\n\n:::::\n", None),
        ] {
            let machine = machine(&files);
            let found = OomKills::find_in(machine.path(), ours.as_bytes());
            assert_eq!(found.count(), expected, "{files:?} {ours:?}");
        }
    }

    #[test]
    fn a_count_that_vanishes_is_no_count() {
        let machine = machine(&[("memory.events", EVENTS)]);
        let found = OomKills::find_in(machine.path(), b"0::/\n");
        fs::remove_file(machine.path().join("memory.events")).unwrap();
        assert_eq!(found.count(), None);
        assert_eq!(OomKills::default().count(), None);
    }

    #[test]
    fn this_machine_does_not_go_backwards() {
        let here = OomKills::find();
        let before = here.count();
        assert!(here.count() >= before);
    }
}
