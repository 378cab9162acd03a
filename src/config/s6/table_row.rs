//! One row of the table of what becomes of the files and variables of s6-overlay. Must not know which rows there are.

/// What has a file, or whether it is a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ItemScope {
    /// A longrun of s6-rc.
    Longrun,
    /// A oneshot of s6-rc.
    Oneshot,
    /// A bundle of s6-rc.
    Bundle,
    /// A service of `/etc/services.d` in an image made for s6-overlay.
    Legacy,
    /// A longrun of a services tree in another image.
    TreeLongrun,
    /// A oneshot of a services tree.
    TreeOneshot,
    /// A variable of the container.
    Variable,
    /// A path of an image made for s6-overlay 2, which version 3 does not have, or a variable with another meaning there.
    VersionTwo,
}

/// What becomes of a file or a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treatment {
    /// It has the effect that it has under s6-overlay.
    Honoured,
    /// It has its effect, but for this.
    Differs {
        /// What differs, and why.
        difference: &'static str,
    },
    /// It has no effect.
    Ignored {
        /// Why, and what happens instead.
        reason: &'static str,
    },
    /// The container does not start with it.
    Refused {
        /// What to write.
        write: &'static str,
    },
}

/// One row of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The name of the file or of the variable.
    pub item: &'static str,
    /// What has it.
    pub scope: ItemScope,
    /// What becomes of it.
    pub treatment: Treatment,
}

pub(super) const fn honoured(scope: ItemScope, item: &'static str) -> Row {
    Row { item, scope, treatment: Treatment::Honoured }
}

pub(super) const fn differs(scope: ItemScope, item: &'static str, difference: &'static str) -> Row {
    Row { item, scope, treatment: Treatment::Differs { difference } }
}

pub(super) const fn ignored(scope: ItemScope, item: &'static str, reason: &'static str) -> Row {
    Row { item, scope, treatment: Treatment::Ignored { reason } }
}

pub(super) const fn refused(scope: ItemScope, item: &'static str, write: &'static str) -> Row {
    Row { item, scope, treatment: Treatment::Refused { write } }
}

impl Row {
    /// Returns whether it has its effect.
    pub fn is_honoured(&self) -> bool {
        match self.treatment {
            Treatment::Honoured | Treatment::Differs { .. } => true,
            Treatment::Ignored { .. } | Treatment::Refused { .. } => false,
        }
    }
}
