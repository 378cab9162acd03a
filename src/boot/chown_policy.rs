//! Whether the owner of a declared path may be changed: the app may be able to write its parent directory, and could have
//! moved a directory of root's, or of another service's, there (SECURITY, A1). Must not know how it is changed.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use nix::sys::stat::fstat;
use nix::unistd::geteuid;

use crate::config::values::Uid;
use crate::plan::{BootPlan, Step};
use crate::sys::files::placed_by::PlacedBy;
use crate::sys::files::resolve::{self, Resolved, ResolvedFile};
use crate::sys::files::stat::{FileId, FileKind};
use crate::sys::files::syscall_support::SyscallSupport;

/// The declared paths that only root could have put where they are. Read before anything is changed: afterwards their parent
/// directories may belong to the app, which has not run since.
#[derive(Clone, Debug, Default)]
pub struct ChownPolicy {
    placed_by_root: BTreeSet<FileId>,
    app: Option<Uid>,
}

impl ChownPolicy {
    /// Checks every declared path of a plan.
    pub fn read(plan: &BootPlan) -> Self {
        let syscalls = SyscallSupport::probe();
        let declared = plan.steps.iter().filter_map(|planned| match &planned.step {
            Step::Own(tree) => Some(&tree.path),
            Step::MakeDirectory(directory) => Some(&directory.path),
            Step::BecomeSubreaper
            | Step::WriteAccounts { .. }
            | Step::RuntimeDirectory { .. }
            | Step::ReadSecret(_)
            | Step::S6Layout(_)
            | Step::SetStdioAccess { .. } => None,
        });
        let placed = |path: &Path| match resolve::resolve(syscalls, path) {
            Ok(Resolved::Found(found)) if found.placed_by == PlacedBy::Root => Some(found.stat.id),
            Ok(Resolved::Found(_) | Resolved::Missing(..)) | Err(_) => None,
        };
        Self { placed_by_root: declared.filter_map(|path| placed(path)).collect(), app: Some(plan.identity.uid) }
    }

    /// Returns whether a file may become `owner`'s: only root could have put it there, or it is already that user's or the
    /// app's, or root's and empty, or belongs to the only user who could have put it there.
    ///
    /// # Errors
    /// The system call's error, if it cannot be checked.
    pub fn may_change_owner(&self, found: &ResolvedFile, owner: Uid) -> io::Result<bool> {
        let current_owner = found.stat.uid;
        // Without root no owner is changed.
        if !geteuid().is_root()
            || current_owner == owner
            || Some(current_owner) == self.app
            || self.placed_by_root.contains(&found.stat.id)
        {
            return Ok(true);
        }
        match found.placed_by {
            PlacedBy::Root => Ok(true),
            PlacedBy::User(user) if user == current_owner => Ok(true),
            PlacedBy::User(_) | PlacedBy::Anybody if current_owner != Uid::ROOT => Ok(false),
            PlacedBy::User(_) | PlacedBy::Anybody => match found.stat.kind {
                FileKind::Directory => resolve::is_empty(&found.handle),
                FileKind::Regular => Ok(fstat(&found.handle)?.st_size == 0),
                FileKind::Link
                | FileKind::Fifo
                | FileKind::Socket
                | FileKind::Block
                | FileKind::Character
                | FileKind::Unknown => Ok(false),
            },
        }
    }
}
