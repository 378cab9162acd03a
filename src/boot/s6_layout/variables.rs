//! The container environment of an image made for s6-overlay: one file for each variable. Must not know where it lies.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, OsString};
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;

use super::new_tree::{NewTree, name_of};
use crate::plan::S6Layout;
use crate::text::shown;

/// The longest name of a file (NAME_MAX, pathconf(3)).
const MAX_NAME: usize = 255;

/// Returns the variables of scripts.
pub(super) fn of_scripts<'e>(
    environment: &'e BTreeMap<OsString, OsString>,
    layout: &S6Layout,
) -> Cow<'e, BTreeMap<OsString, OsString>> {
    let Some(path) = &layout.path else { return Cow::Borrowed(environment) };
    let mut all = environment.clone();
    all.insert("PATH".into(), path.clone());
    Cow::Owned(all)
}

/// Writes one file for each variable. Readers cut one final newline, and an empty file unsets a variable: where that would
/// change the value a newline is added.
pub(super) fn variables<'e>(
    tree: NewTree,
    directory: BorrowedFd<'_>,
    environment: impl IntoIterator<Item = (&'e OsString, &'e OsString)>,
) -> io::Result<()> {
    for (name, value) in environment {
        let is_file_name = !name.is_empty() && name != "." && name != ".." && !name.as_bytes().contains(&b'/');
        if !is_file_name || name.len() > MAX_NAME {
            tracing::warn!(
                "the variable {} is not in the container environment: its name is not one of a file",
                shown(name)
            );
            continue;
        }
        write(tree, directory, &name_of(name)?, value)?;
    }
    tree.give(directory)
}

/// Writes the file of one variable in the place of another one.
pub(super) fn replace(tree: NewTree, directory: BorrowedFd<'_>, name: &OsStr, value: &OsStr) -> io::Result<()> {
    let name = name_of(name)?;
    tree.remove(directory, &name)?;
    write(tree, directory, &name, value)
}

fn write(tree: NewTree, directory: BorrowedFd<'_>, name: &CStr, value: &OsStr) -> io::Result<()> {
    let is_changed_by_readers = value.is_empty() || value.as_bytes().ends_with(b"\n");
    let end: &[u8] = if is_changed_by_readers { b"\n" } else { b"" };
    tree.file(directory, name, &[value.as_bytes(), end].concat())
}
