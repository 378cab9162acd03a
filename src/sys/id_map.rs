//! The id maps of this user namespace (user_namespaces(7)): `/proc/self/uid_map`, `gid_map`.

use nix::fcntl::readlink;

use crate::plan::facts::{IdMap, IdRange};
use crate::sys::read_file;

/// The link of the user namespace that the kernel begins with, which has this number everywhere (linux/nsfs.h,
/// `USER_NS_INIT_INO`). There every id is mapped, to itself, and that cannot be changed.
const INITIAL: &str = "user:[4026531837]";

/// Returns the maps of this process: users, groups.
pub fn id_maps() -> (IdMap, IdMap) {
    if readlink("/proc/self/ns/user").is_ok_and(|namespace| namespace == INITIAL) {
        return (IdMap::whole(), IdMap::whole());
    }
    maps_of_files()
}

fn maps_of_files() -> (IdMap, IdMap) {
    (id_map(&read_file::read_proc("/proc/self/uid_map")), id_map(&read_file::read_proc("/proc/self/gid_map")))
}

/// Parses a map. Without `/proc` or user namespaces all ids are mapped; an empty map is treated the same: a process without
/// any mapped id is not root, and no runtime starts an init so.
pub fn id_map(text: &[u8]) -> IdMap {
    let ranges: Vec<IdRange> = String::from_utf8_lossy(text).lines().filter_map(parse_range).collect();
    if ranges.is_empty() { IdMap::whole() } else { IdMap(ranges) }
}

fn parse_range(line: &str) -> Option<IdRange> {
    let mut words = line.split_ascii_whitespace().map(|word| word.parse().ok());
    Some(IdRange { inside: words.next()??, outside: words.next()??, count: words.next()?? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_the_namespace_says_what_the_files_say() {
        assert_eq!(id_maps(), maps_of_files());
    }

    #[test]
    fn maps_are_whole_without_proc_and_exact_with_it() {
        assert_eq!(id_map(b""), IdMap::whole());
        assert_eq!(id_map(b"         0          0 4294967295\n"), IdMap::whole());
        let map = id_map(b"         0       1000          1\n         1     100000      65536\n");
        assert_eq!((map.outside(0), map.outside(1000), map.outside(70_000)), (Some(1000), Some(100_999), None));
    }
}
