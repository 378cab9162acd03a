//! Who could have put a file where it is: only root, one other user, or several. Detects a directory that the app moved to
//! a declared path. Must not know what is declared.

use crate::config::values::Uid;
use crate::sys::files::stat::Stat;

/// Who could have put it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlacedBy {
    /// Root, or the image's author: no directory of the path allows others to rename entries.
    Root,
    /// This user too, who owns directories of the path.
    User(Uid),
    /// Several users, or the members of a group.
    Anybody,
}

impl PlacedBy {
    /// Returns who could have put `entry` into `directory`, which itself was put there by `self`.
    pub fn below(self, directory: &Stat, entry: &Stat) -> Self {
        let sticky = directory.mode & 0o1000 != 0;
        let here = match (directory.mode & 0o022 == 0, directory.uid) {
            // A mount point cannot be renamed, and only root mounts.
            _ if entry.mount_root => return Self::Root,
            (true, Uid::ROOT) => Self::Root,
            (true, owner) => Self::User(owner),
            // inode(7): only the owners of the entry and of the directory may rename or remove it.
            (false, Uid::ROOT) if sticky && entry.uid == Uid::ROOT => Self::Root,
            (false, owner) if sticky && (owner == Uid::ROOT || owner == entry.uid) => Self::User(entry.uid),
            (false, _) => Self::Anybody,
        };
        match (self, here) {
            (Self::Root, here) => here,
            (above, Self::Root) => above,
            (Self::User(above), Self::User(here)) if above == here => Self::User(here),
            (Self::User(_) | Self::Anybody, Self::User(_) | Self::Anybody) => Self::Anybody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Gid;
    use crate::sys::files::stat::{FileId, FileKind};

    fn directory(uid: u32, mode: u32) -> Stat {
        Stat {
            kind: FileKind::Directory,
            mode,
            uid: Uid(uid),
            gid: Gid(0),
            links: 2,
            id: FileId { device: 1, inode: 1 },
            mount: None,
            mount_root: false,
        }
    }

    #[test]
    fn who_can_rename_an_entry_could_have_put_it_there() {
        let entry = |uid| directory(uid, 0o755);
        for (around, entry, expected) in [
            (directory(0, 0o755), entry(5), PlacedBy::Root),
            (directory(5, 0o755), entry(0), PlacedBy::User(Uid(5))),
            (directory(0, 0o777), entry(0), PlacedBy::Anybody),
            (directory(0, 0o775), entry(0), PlacedBy::Anybody),
            (directory(0, 0o1777), entry(0), PlacedBy::Root),
            (directory(0, 0o1777), entry(5), PlacedBy::User(Uid(5))),
            (directory(5, 0o1777), entry(0), PlacedBy::Anybody),
            (directory(5, 0o1777), entry(5), PlacedBy::User(Uid(5))),
            (directory(5, 0o777), Stat { mount_root: true, ..entry(0) }, PlacedBy::Root),
        ] {
            assert_eq!(PlacedBy::Root.below(&around, &entry), expected, "{around:?} {entry:?}");
        }
    }

    #[test]
    fn who_can_rename_a_directory_could_have_put_all_below_it() {
        let (root, five, six) = (directory(0, 0o755), directory(5, 0o755), directory(6, 0o755));
        let below_five = PlacedBy::Root.below(&five, &root);
        assert_eq!(below_five.below(&root, &root), PlacedBy::User(Uid(5)));
        assert_eq!(below_five.below(&five, &root), PlacedBy::User(Uid(5)));
        assert_eq!(below_five.below(&six, &root), PlacedBy::Anybody);
    }
}
