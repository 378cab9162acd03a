//! Who could have written the configuration: while PID 1 keeps any privilege, a reload reads only what root wrote
//! (DESIGN §3.4). Must not read what is in the files.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A tree is not deeper: a service's directory, and one below it.
pub(super) const DEPTH: usize = 3;

/// Returns the first of these paths, and of what lies below them, that somebody else than root owns or can write.
pub fn not_roots(paths: &[PathBuf]) -> Option<PathBuf> {
    paths.iter().find_map(|path| above(path).or_else(|| below(path, DEPTH)))
}

/// Who can write to a directory above can put another tree there. (Not where the directory is sticky, as /tmp is.)
fn above(path: &Path) -> Option<PathBuf> {
    path.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty()).find_map(|path| {
        let stat = fs::metadata(path).ok()?;
        let writable = stat.mode() & 0o022 != 0 && stat.mode() & 0o1000 == 0;
        (stat.uid() != 0 || writable).then(|| path.to_owned())
    })
}

fn below(path: &Path, depth: usize) -> Option<PathBuf> {
    let Ok(stat) = fs::symlink_metadata(path) else { return None };
    // A link's mode says nothing; what it leads to is asked as well.
    let writable = !stat.is_symlink() && stat.mode() & 0o022 != 0;
    if stat.uid() != 0 || writable {
        return Some(path.to_owned());
    }
    if stat.is_symlink() {
        let target = fs::canonicalize(path).ok()?;
        let leads = above(&target);
        return if depth > 0 { leads.or_else(|| below(&target, depth - 1)) } else { Some(path.to_owned()) };
    }
    if !stat.is_dir() || depth == 0 {
        return None;
    }
    let entries = fs::read_dir(path).ok()?;
    entries.filter_map(Result::ok).find_map(|entry| below(&entry.path(), depth - 1))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // of a tree that the test has just made
mod tests {
    use std::os::unix::fs::{PermissionsExt, chown};

    use super::*;

    #[test]
    fn what_somebody_else_could_have_written_is_found_however_deep() {
        if !nix::unistd::geteuid().is_root() {
            return;
        }
        let place = tempfile::tempdir().unwrap();
        let web = place.path().join("services.d/web");
        fs::create_dir_all(&web).unwrap();
        let run = web.join("run");
        fs::write(&run, "").unwrap();
        let all = [place.path().join("services.d"), place.path().join("missing")];
        assert_eq!(not_roots(&all), None);
        fs::set_permissions(&run, fs::Permissions::from_mode(0o775)).unwrap();
        assert_eq!(not_roots(&all), Some(run.clone()));
        fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();
        chown(&web, Some(1234), None).unwrap();
        assert_eq!(not_roots(&all), Some(web.clone()));
        chown(&web, Some(0), None).unwrap();
        chown(place.path(), Some(1234), None).unwrap();
        assert_eq!(not_roots(&all), Some(place.path().to_owned()), "it could put another tree there");
    }
}
