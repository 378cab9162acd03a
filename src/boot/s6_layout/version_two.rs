//! The paths in `/run/s6` that scripts made for s6-overlay 2 name and version 3 does not have: links to their successors, which
//! lie beside that directory. Must not know what the successors contain.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use crate::boot::s6_layout::new_tree::NewTree;

/// Where scripts write the exit code of the container: the second name is of version 1.
const EXIT_CODES: [&CStr; 2] = [c"S6_STAGE2_EXITED", c"S6_CMD_EXITED"];
/// What version 2 copies its files from.
const ETC: &str = "/etc";

/// Creates them in the directory `s6`; `exit_code`: where the exit code is, beside that directory.
pub(super) fn create(tree: NewTree, s6: BorrowedFd<'_>, exit_code: &Path) -> io::Result<()> {
    tree.link(s6, c"services", Path::new("../service"))?;
    tree.link(s6, c"etc", Path::new(ETC))?;
    let stage = tree.directory(s6, c"env-stage3")?;
    let exit_code = Path::new("../..").join(exit_code);
    for name in EXIT_CODES {
        tree.link(stage.as_fd(), name, &exit_code)?;
    }
    tree.give(stage.as_fd())
}
