//! What to change on one entry, given its state: DESIGN §3.2's rules as a function. Pure; must not know how entries are
//! opened or changed.

use crate::config::container::{HardLinks, OwnWhen};
use crate::config::values::Uid;
use crate::plan::{OwnTree, Owner};
use crate::sys::files::stat::{FileKind, Stat};

use super::report::UnchangedCause;

/// A tree's rules, prepared for checking each entry.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub owner: Owner,
    mode: Option<u32>,
    dir_mode: Option<u32>,
    /// `when = "always"`: modes are set also if they are right.
    always: bool,
    hard_links: HardLinks,
    /// The owner of the top before the walk.
    top_owner: Uid,
    /// Whether devices are changed: only in a tree below `/dev`. Elsewhere a device
    /// node in a declared data directory must not give access to a disk.
    devices: bool,
}

/// What to change on an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryAction {
    /// It is as declared.
    None,
    /// It is not, and is not changed.
    Skip(UnchangedCause),
    /// Change the owner if `chown`, and the mode if there is one.
    Change { chown: bool, chmod: Option<u32> },
}

impl Rules {
    pub fn of(tree: &OwnTree, top: &Stat) -> Self {
        Self {
            owner: tree.owner,
            mode: tree.options.mode,
            dir_mode: tree.options.dir_mode,
            always: tree.options.when == OwnWhen::Always,
            hard_links: tree.options.hard_links,
            top_owner: top.uid,
            devices: tree.path.starts_with("/dev"),
        }
    }

    /// Returns what to change on an entry. The declared top is like any other, except that a declared device is intended.
    pub fn action_for(&self, stat: &Stat, is_top: bool) -> EntryAction {
        // A chown to the present owner is never issued: it clears setuid bits and file capabilities.
        let chown = (stat.uid, stat.gid) != (self.owner.uid, self.owner.gid);
        let wanted = match stat.kind {
            FileKind::Directory => self.dir_mode,
            FileKind::Regular => self.mode,
            // Links have no mode; that of a FIFO, socket or device belongs to the program that created it.
            FileKind::Link
            | FileKind::Fifo
            | FileKind::Socket
            | FileKind::Block
            | FileKind::Character
            | FileKind::Unknown => None,
        };
        let chmod = wanted.filter(|mode| self.always || *mode != stat.mode);
        if !chown && chmod.is_none() {
            return EntryAction::None;
        }
        match stat.kind {
            FileKind::Block | FileKind::Character if !self.devices && !is_top => {
                return EntryAction::Skip(UnchangedCause::Device);
            }
            FileKind::Unknown => return EntryAction::Skip(UnchangedCause::Device),
            FileKind::Regular
            | FileKind::Link
            | FileKind::Fifo
            | FileKind::Socket
            | FileKind::Block
            | FileKind::Character
                if stat.links > 1 && !self.may_change_multi_linked(stat) =>
            {
                return EntryAction::Skip(UnchangedCause::MultiLinked);
            }
            FileKind::Regular
            | FileKind::Directory
            | FileKind::Link
            | FileKind::Fifo
            | FileKind::Socket
            | FileKind::Block
            | FileKind::Character => {}
        }
        EntryAction::Change { chown, chmod }
    }

    fn may_change_multi_linked(&self, stat: &Stat) -> bool {
        match self.hard_links {
            HardLinks::Allow => true,
            HardLinks::Refuse => false,
            HardLinks::SameOwner => stat.uid != Uid::ROOT && stat.uid == self.top_owner,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::values::Gid;
    use crate::sys::files::stat::FileId;

    const APP: Owner = Owner { uid: Uid(1000), gid: Gid(1000) };

    fn rules(hard_links: HardLinks, top_owner: Uid) -> Rules {
        Rules { owner: APP, mode: None, dir_mode: None, always: false, hard_links, top_owner, devices: false }
    }

    fn file(uid: u32, links: u64) -> Stat {
        Stat {
            kind: FileKind::Regular,
            mode: 0o644,
            uid: Uid(uid),
            gid: Gid(uid),
            links,
            id: FileId { device: 1, inode: 1 },
            mount: None,
            mount_root: false,
        }
    }

    const CHOWN: EntryAction = EntryAction::Change { chown: true, chmod: None };
    const LEFT: EntryAction = EntryAction::Skip(UnchangedCause::MultiLinked);

    #[test]
    fn multiply_linked_files_follow_the_declared_rule() {
        for (rule, top, owner, expected) in [
            (HardLinks::SameOwner, 999, 999, CHOWN),
            (HardLinks::SameOwner, 999, 998, LEFT),
            (HardLinks::SameOwner, 0, 0, LEFT),
            (HardLinks::SameOwner, 999, 0, LEFT),
            (HardLinks::SameOwner, 1000, 999, LEFT),
            (HardLinks::Refuse, 999, 999, LEFT),
            (HardLinks::Allow, 999, 0, CHOWN),
        ] {
            let action = rules(rule, Uid(top)).action_for(&file(owner, 2), false);
            assert_eq!(action, expected, "{rule:?}, top {top}, file {owner}");
        }
    }

    #[test]
    fn a_multiply_linked_file_that_is_right_is_right() {
        assert_eq!(rules(HardLinks::Refuse, Uid(5)).action_for(&file(1000, 9), false), EntryAction::None);
    }

    #[test]
    fn the_links_of_a_directory_are_its_children() {
        let directory = Stat { kind: FileKind::Directory, ..file(0, 12) };
        assert_eq!(rules(HardLinks::Refuse, Uid(0)).action_for(&directory, false), CHOWN);
    }

    #[test]
    fn a_device_is_given_only_below_dev_or_by_its_own_name() {
        let disk = Stat { kind: FileKind::Block, ..file(0, 1) };
        let rules = rules(HardLinks::SameOwner, Uid(0));
        assert_eq!(rules.action_for(&disk, false), EntryAction::Skip(UnchangedCause::Device));
        assert_eq!(rules.action_for(&disk, true), CHOWN);
        assert_eq!(Rules { devices: true, ..rules }.action_for(&disk, false), CHOWN);
    }

    #[test]
    fn modes_are_for_files_and_directories_only() {
        let rules = Rules { mode: Some(0o600), dir_mode: Some(0o700), ..rules(HardLinks::SameOwner, Uid(0)) };
        let judged = |kind| rules.action_for(&Stat { kind, ..file(1000, 1) }, false);
        assert_eq!(judged(FileKind::Regular), EntryAction::Change { chown: false, chmod: Some(0o600) });
        assert_eq!(judged(FileKind::Directory), EntryAction::Change { chown: false, chmod: Some(0o700) });
        for kind in [FileKind::Link, FileKind::Fifo, FileKind::Socket, FileKind::Character] {
            assert_eq!(judged(kind), EntryAction::None, "{kind:?}");
        }
    }

    #[test]
    fn always_sets_a_mode_that_fits_and_never_an_owner_that_fits() {
        let rules = Rules { mode: Some(0o644), always: true, ..rules(HardLinks::SameOwner, Uid(0)) };
        assert_eq!(rules.action_for(&file(1000, 1), false), EntryAction::Change { chown: false, chmod: Some(0o644) });
    }
}
