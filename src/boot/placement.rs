//! Whether a declared path may be taken over: the app can write many a directory around one, and could have moved a
//! directory of root's, or of another service's, into its place (SECURITY, A1). Must not know how it is taken over.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use nix::sys::stat::fstat;
use nix::unistd::geteuid;

use crate::config::values::Uid;
use crate::plan::{BootPlan, Step};
use crate::sys::files::kernel::Kernel;
use crate::sys::files::placed::PlacedBy;
use crate::sys::files::resolve::{self, Found, Reached};
use crate::sys::files::stat::{FileId, Kind};

/// What only root could have put where it stands, when nothing was changed yet: afterwards the directories around it may
/// have been given to the app, which has not run since.
#[derive(Clone, Debug, Default)]
pub struct Placement {
    by_root: BTreeSet<FileId>,
    app: Option<Uid>,
}

impl Placement {
    /// Looks at every declared path of a plan.
    pub fn look(plan: &BootPlan) -> Self {
        let kernel = Kernel::probe();
        let declared = plan.steps.iter().filter_map(|planned| match &planned.step {
            Step::Own(tree) => Some(&tree.path),
            Step::MakeDirectory(directory) => Some(&directory.path),
            Step::BecomeSubreaper
            | Step::WriteAccounts { .. }
            | Step::RuntimeDirectory { .. }
            | Step::GiveStdio { .. } => None,
        });
        let placed = |path: &Path| match resolve::reach(kernel, path) {
            Ok(Reached::Found(found)) if found.placed_by == PlacedBy::Root => Some(found.stat.id),
            Ok(Reached::Found(_) | Reached::Missing(..)) | Err(_) => None,
        };
        Self { by_root: declared.filter_map(|path| placed(path)).collect(), app: Some(plan.identity.uid) }
    }

    /// Returns whether what stands there may become `owner`'s: nobody else could have put it there, or it is already that
    /// user's or the app's, or root's and nothing is in it, or that of the one user who could have put it there.
    ///
    /// # Errors
    /// The kernel's answer, where it cannot be looked at.
    pub fn may_take(&self, found: &Found, owner: Uid) -> io::Result<bool> {
        let its = found.stat.uid;
        // Whoever is not root takes nothing from anybody.
        if !geteuid().is_root() || its == owner || Some(its) == self.app || self.by_root.contains(&found.stat.id) {
            return Ok(true);
        }
        match found.placed_by {
            PlacedBy::Root => Ok(true),
            PlacedBy::User(user) if user == its => Ok(true),
            PlacedBy::User(_) | PlacedBy::Anybody if its != Uid::ROOT => Ok(false),
            PlacedBy::User(_) | PlacedBy::Anybody => match found.stat.kind {
                Kind::Directory => resolve::is_empty(&found.handle),
                Kind::Regular => Ok(fstat(&found.handle)?.st_size == 0),
                Kind::Link | Kind::Fifo | Kind::Socket | Kind::Block | Kind::Character | Kind::Unknown => Ok(false),
            },
        }
    }
}
