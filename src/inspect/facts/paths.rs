//! The state of every path that the configuration names. A link in the last component is not followed: root steps must see
//! the link, not its target.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};
use nix::sys::statvfs::{FsFlags, fstatvfs};

use crate::config::Config;
use crate::config::values::{Gid, Uid};
use crate::plan::facts::{Access, PathFact, PathKind};
use crate::plan::home::FALLBACKS;
use crate::sys::access;

/// Reads each path once. Entries of a directory in `device_groups` are read too: the nodes in `/dev/dri` belong to `video`
/// and `render`, not `/dev/dri` itself.
pub(super) fn read(config: &Config, homes: &BTreeSet<PathBuf>) -> BTreeMap<PathBuf, PathFact> {
    let app = &config.container.app;
    let own = config.container.own.iter().map(|own| &own.path);
    let made = config.container.directories.iter().map(|directory| &directory.path);
    let working = config.services.iter().filter_map(|service| service.directory.as_ref());
    let logs = config.services.iter().filter_map(|service| service.log.directory.as_ref().map(|log| &log.path));
    let mut facts = BTreeMap::new();
    for path in own.chain(made).chain(working).chain(logs).chain(&app.home).chain(homes) {
        if !facts.contains_key(path) {
            facts.insert(path.clone(), path_fact(path));
        }
    }
    for path in &app.device_groups {
        let fact = path_fact(path);
        if matches!(fact, PathFact::Found { kind: PathKind::Directory, .. }) {
            let entries = fs::read_dir(path).into_iter().flatten().flatten();
            facts.extend(entries.map(|entry| (entry.path(), path_fact(&entry.path()))));
        }
        facts.insert(path.clone(), fact);
    }
    facts
}

/// Reads the fallbacks for HOME as well, up to the first that everybody can write: `plan` takes that one.
pub(super) fn with_fallback_homes(mut facts: BTreeMap<PathBuf, PathFact>) -> BTreeMap<PathBuf, PathFact> {
    for path in FALLBACKS.map(PathBuf::from) {
        let fact = facts.entry(path).or_insert_with_key(|path| path_fact(path));
        if matches!(fact, PathFact::Found { mode, read_only: false, .. } if *mode & 0o7 == 0o7) {
            break;
        }
    }
    facts
}

/// Returns the state of one path.
pub(super) fn path_fact(path: &Path) -> PathFact {
    let fd = match open(path, OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC, Mode::empty()) {
        Ok(fd) => fd,
        Err(Errno::ENOENT) => return PathFact::Missing(nearest_access(path)),
        Err(errno) => return PathFact::Unknown(access::access_of(Err(errno))),
    };
    let Ok(stat) = fstat(&fd) else { return PathFact::Unknown(Access::Unfit) };
    PathFact::Found {
        kind: match SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT {
            SFlag::S_IFREG => PathKind::File,
            SFlag::S_IFDIR => PathKind::Directory,
            SFlag::S_IFLNK => PathKind::Link,
            _ => PathKind::Other,
        },
        uid: Uid(stat.st_uid),
        gid: Gid(stat.st_gid),
        mode: stat.st_mode & 0o7777,
        read_only: fstatvfs(&fd).is_ok_and(|vfs| vfs.flags().contains(FsFlags::ST_RDONLY)),
    }
}

/// Returns whether the nearest parent that exists can be written.
fn nearest_access(path: &Path) -> Access {
    let results = path.ancestors().skip(1).map(access::can_create_in);
    results.into_iter().find(|result| *result != Access::Missing).unwrap_or(Access::Missing)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // modes of files that the test has created
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_path_is_what_it_is_without_following_its_last_link() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("file"), "").unwrap();
        fs::set_permissions(at("file"), fs::Permissions::from_mode(0o4750)).unwrap();
        symlink("file", at("link")).unwrap();
        symlink(".", at("here")).unwrap();
        let kind = |name: &str| match path_fact(&at(name)) {
            PathFact::Found { kind, mode, read_only, .. } => Some((kind, mode, read_only)),
            PathFact::Missing(_) | PathFact::Unknown(_) => None,
        };
        assert_eq!(kind("file"), Some((PathKind::File, 0o4750, false)));
        assert_eq!(kind("link").map(|found| found.0), Some(PathKind::Link));
        assert_eq!(kind("here/file").map(|found| found.0), Some(PathKind::File));
        assert_eq!(path_fact(&at("none/deeper/still")), PathFact::Missing(Access::Yes));
        assert_eq!(path_fact(&at("file/below")), PathFact::Unknown(Access::Unfit));
        assert_eq!(path_fact(Path::new("/proc/none/x")), PathFact::Missing(access::can_create_in(Path::new("/proc"))));
    }
}
