//! Whether the app user may use a path, from owner and mode only (without ACLs: the kernel may allow more). Must not know
//! what the result is for.

use super::Identity;
use super::facts::{PathFact, PathKind};

/// Returns whether that user may read, write and (a directory) search what was found there. Not for
/// root: without DAC_OVERRIDE it is an ordinary owner, and with it everything is allowed.
pub(super) fn usable(identity: &Identity, fact: &PathFact) -> bool {
    let PathFact::Found { kind, uid, gid, mode, read_only } = fact else { return false };
    let wanted = match kind {
        PathKind::Directory => 0o7,
        PathKind::File | PathKind::Link | PathKind::Other => 0o6,
    };
    let granted = if *uid == identity.uid {
        mode >> 6
    } else if identity.groups.contains(gid) {
        mode >> 3
    } else {
        *mode
    };
    !read_only && granted & wanted == wanted
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::config::values::{Gid, Uid};

    fn found(uid: u32, gid: u32, mode: u32) -> PathFact {
        PathFact::Found { kind: PathKind::Directory, uid: Uid(uid), gid: Gid(gid), mode, read_only: false }
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        let app = Identity {
            name: "app".into(),
            uid: Uid(5),
            gid: Gid(6),
            groups: vec![Gid(6), Gid(7)],
            home: PathBuf::from("/"),
            shell: PathBuf::from("/"),
            umask: 0o22,
        };
        assert!(usable(&app, &found(5, 9, 0o700)));
        assert!(!usable(&app, &found(5, 6, 0o077)), "an owner is not served by the group's bits");
        assert!(usable(&app, &found(9, 7, 0o2770)));
        assert!(!usable(&app, &found(9, 7, 0o707)));
        assert!(usable(&app, &found(9, 9, 0o1777)));
        assert!(!usable(&app, &found(9, 9, 0o755)));
    }
}
