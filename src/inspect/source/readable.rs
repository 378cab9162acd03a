//! Whether PID 1 can read the configuration after the step down: files that only root can read make every reload impossible.
//! Uses owner and mode only. Must not read the files.

use std::cell::Cell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use nix::sys::stat::SFlag;

use crate::plan::Identity;

/// Levels of a tree: a service's directory, and one below it.
const DEPTH: usize = 3;

/// Whether files that were read can be read by every user.
#[derive(Default)]
pub(super) struct Openness {
    some_closed: Cell<bool>,
}

impl Openness {
    /// Notes the mode of a file or directory that was read.
    pub(super) fn note(&self, mode: u32) {
        let wanted = if SFlag::from_bits_truncate(mode) & SFlag::S_IFMT == SFlag::S_IFDIR { 0o5 } else { 0o4 };
        self.some_closed.set(self.some_closed.get() || mode & wanted != wanted);
    }

    /// Notes something that could not be read.
    pub(super) fn note_unread(&self) {
        self.some_closed.set(true);
    }

    /// Returns whether that holds for all that was noted.
    pub(super) fn is_open_to_all(&self) -> bool {
        !self.some_closed.get()
    }
}

/// Returns those of these paths, and of those below them, that this user cannot read; without a user, those that only root
/// and its group can read. Files in such a directory are not listed.
pub fn unreadable_by(paths: &[PathBuf], user: Option<&Identity>) -> Vec<PathBuf> {
    let mut closed = Vec::new();
    if user.is_none_or(|user| user.uid.0 != 0) {
        paths.iter().for_each(|path| walk(path, user, DEPTH, &mut closed));
    }
    closed
}

/// Returns the message about such a path.
pub fn message(path: &Path) -> String {
    let path = crate::text::shown(path);
    format!("only root can read {path}, and PID 1 will no longer be root: `reload` will not work; `chmod a+rX {path}`")
}

fn walk(path: &Path, user: Option<&Identity>, depth: usize, closed: &mut Vec<PathBuf>) {
    let Ok(stat) = fs::metadata(path) else { return };
    let wanted = if stat.is_dir() { 0o5 } else { 0o4 };
    let granted = match user {
        Some(user) if user.uid.0 == stat.uid() => stat.mode() >> 6,
        Some(user) if user.groups.iter().any(|gid| gid.0 == stat.gid()) => stat.mode() >> 3,
        Some(_) | None => stat.mode(),
    };
    if (stat.is_dir() || stat.is_file()) && granted & wanted != wanted {
        closed.push(path.to_owned());
        return;
    }
    if stat.is_dir() && depth > 0 {
        let entries = fs::read_dir(path).into_iter().flatten().filter_map(Result::ok);
        // The reader skips such names, too.
        let seen = entries.filter(|entry| !entry.file_name().as_encoded_bytes().starts_with(b"."));
        let mut below: Vec<_> = seen.map(|entry| entry.path()).collect();
        below.sort();
        below.iter().for_each(|path| walk(path, user, depth - 1, closed));
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // of a tree that the test has just created
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_closed_to_others_is_found_however_deep() {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let file = |name: &str, mode| {
            let path = place.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        file("services.d/web.toml", 0o644);
        file("services.d/.git", 0o600);
        let (db, run) = (file("services.d/db.toml", 0o640), file("services.d/s6/run", 0o700));
        let all = [place.path().join("services.d"), place.path().join("missing")];
        assert_eq!(unreadable_by(&all, None), [db, run]);
    }
}
