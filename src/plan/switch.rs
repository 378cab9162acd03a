//! [`SwitchAbility`]: whether this process can change user, and the user of a service if it can. Must not know how names are
//! resolved.

use std::path::PathBuf;

use super::Identity;
use super::finding::Issue;
use crate::config::values::{CapSet, Capability, Gid, GroupName, Uid, UserName};

/// Whether this process can change user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SwitchAbility {
    /// Root that can change to any user.
    Root,
    /// Root without SETUID or SETGID.
    LimitedRoot,
    /// Not root.
    User,
}

/// The account files as they will be.
#[derive(Debug, Default)]
pub(super) struct PlannedAccounts {
    /// `/etc/passwd`
    pub passwd: Vec<u8>,
    /// `/etc/group`
    pub group: Vec<u8>,
    /// The app's own names, known even if no file can be written.
    pub app: Option<(UserName, GroupName)>,
}

/// The user of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RunsAs {
    /// User id.
    pub uid: Uid,
    /// Group id.
    pub gid: Gid,
    /// Supplementary groups; `None`: those of root as the runtime gave them.
    pub groups: Option<Vec<Gid>>,
    /// For HOME.
    pub home: PathBuf,
    /// For USER.
    pub user: String,
    /// Why it is skipped in this mode.
    pub skipped: Option<Issue>,
}

impl RunsAs {
    /// Returns the app user.
    pub(super) fn app(identity: &Identity) -> Self {
        Self {
            uid: identity.uid,
            gid: identity.gid,
            groups: Some(identity.groups.clone()),
            home: identity.home.clone(),
            user: identity.name.clone(),
            skipped: None,
        }
    }
}

/// Returns the capabilities that are needed to change user.
pub(super) fn needed() -> CapSet {
    CapSet::EMPTY.with(Capability::SETUID).with(Capability::SETGID)
}
