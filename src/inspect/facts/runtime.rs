//! Candidates for the runtime directory (DESIGN §3.3), and whether each can be used. Creates nothing: its creation verifies
//! again, because a world-writable directory may change in between.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use crate::plan::facts::Access;
use crate::sys::access;

/// The name of our directory in each parent.
const NAME: &str = "stepdown";

/// Most containers that share a parent directory, each with its own runtime directory.
const MAX_CONTAINERS: u32 = 8;

/// Returns the directories that ours can be, best first: below `/run`, `$XDG_RUNTIME_DIR`, `/dev/shm`, `/tmp`.
pub fn candidates(xdg_runtime_dir: Option<OsString>) -> Vec<PathBuf> {
    let xdg = xdg_runtime_dir.map(PathBuf::from).filter(|path| path.is_absolute());
    let places = [Some(PathBuf::from("/run")), xdg, Some("/dev/shm".into()), Some("/tmp".into())];
    let mut all = Vec::with_capacity(4);
    for place in places.into_iter().flatten().map(|place| place.join(NAME)) {
        if !all.contains(&place) {
            all.push(place);
        }
    }
    all
}

/// Returns the names next to a candidate that are tried if it belongs to another container: those of a pod share `/dev/shm`,
/// and may share the others too.
pub fn alternatives(candidate: &Path) -> impl Iterator<Item = PathBuf> {
    (2..=MAX_CONTAINERS).map(move |number| {
        let mut name = candidate.as_os_str().to_owned();
        name.push(format!("-{number}"));
        PathBuf::from(name)
    })
}

/// Returns each candidate with its access. Those after the first one that can be used are not looked at: they count as usable,
/// and are tried if that one is in use by the time it is created.
///
/// `known`: the access to directories that were looked at already.
pub(super) fn read(xdg_runtime_dir: Option<OsString>, known: &BTreeMap<PathBuf, Access>) -> Vec<(PathBuf, Access)> {
    let mut is_found = false;
    let verdict = |path: PathBuf| {
        let access = if is_found { Access::Yes } else { access_of(&path, known) };
        is_found |= access == Access::Yes;
        (path, access)
    };
    candidates(xdg_runtime_dir).into_iter().map(verdict).collect()
}

fn access_of(path: &Path, known: &BTreeMap<PathBuf, Access>) -> Access {
    let Some(place) = path.parent() else { return Access::Unfit };
    let around = known.get(place).copied().unwrap_or_else(|| access::can_create_in(place));
    if matches!(around, Access::Missing | Access::Unfit) {
        return around;
    }
    let Ok(found) = fs::symlink_metadata(path) else { return around };
    let mine = found.uid() == geteuid().as_raw();
    match around {
        // Another user's leftover: in a sticky directory we cannot remove it, and must not trust it.
        Access::Yes
            if !mine && is_sticky(place) && alternatives(path).all(|other| other.symlink_metadata().is_ok()) =>
        {
            Access::Unfit
        }
        Access::Yes => Access::Yes,
        // The parent is not writable, but the image may contain our directory.
        Access::ReadOnly | Access::Denied if found.is_dir() && mine => access::can_create_in(path),
        Access::ReadOnly | Access::Denied | Access::Missing | Access::Unfit => around,
    }
}

fn is_sticky(place: &Path) -> bool {
    fs::metadata(place).is_ok_and(|found| found.permissions().mode() & 0o1000 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_come_in_the_order_of_preference_and_once_each() {
        let candidates_for = |xdg: Option<&str>| candidates(xdg.map(OsString::from));
        let plain = ["/run/stepdown", "/dev/shm/stepdown", "/tmp/stepdown"].map(PathBuf::from);
        assert_eq!(candidates_for(None), plain);
        assert_eq!(candidates_for(Some("relative")), plain);
        assert_eq!(candidates_for(Some("/tmp")), [&plain[0], &plain[2], &plain[1]].map(Clone::clone));
        assert_eq!(candidates_for(Some("/run/user/1000"))[1], PathBuf::from("/run/user/1000/stepdown"));
    }

    #[test]
    fn containers_that_share_a_place_have_names_of_their_own_there() {
        let all: Vec<_> = alternatives(Path::new("/dev/shm/stepdown")).collect();
        assert_eq!(all.first(), Some(&PathBuf::from("/dev/shm/stepdown-2")));
        assert_eq!(all.len(), 7);
    }

    #[test]
    fn a_place_that_is_missing_or_no_directory_is_said_so() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(access_of(&dir.path().join(NAME), &BTreeMap::new()), Access::Yes);
        assert_eq!(access_of(&dir.path().join("none").join(NAME), &BTreeMap::new()), Access::Missing);
        fs::write(dir.path().join("file"), "").unwrap();
        assert_eq!(access_of(&dir.path().join("file").join(NAME), &BTreeMap::new()), Access::Unfit);
        assert_eq!(
            access_of(Path::new("/proc/self/stepdown"), &BTreeMap::new()),
            access::can_create_in(Path::new("/proc/self"))
        );
    }
}
