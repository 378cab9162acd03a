//! `/run` and `/var/run`, where scripts written for s6-overlay look for its state. Changes nothing.

use std::fs;
use std::path::Path;

use super::paths::path_fact;
use crate::plan::facts::{Access, PathFact, PathKind, S6Places, VarRun};
use crate::sys::access;

/// Reads both.
pub(super) fn read() -> S6Places {
    let run = Path::new("/run");
    let (fact, var_run) = (path_fact(run), of_var_run(Path::new("/var/run"), run));
    let access = match fact {
        PathFact::Missing(around) => around,
        PathFact::Found { .. } | PathFact::Unknown(_) => access::can_create_in(run),
    };
    S6Places { run: fact, access, var_run }
}

fn of_var_run(path: &Path, run: &Path) -> VarRun {
    match path_fact(path) {
        PathFact::Missing(around) => VarRun::Free(around),
        PathFact::Found { kind: PathKind::Link, .. } if fs::canonicalize(path).is_ok_and(|end| end == run) => {
            VarRun::Link
        }
        PathFact::Found { kind: PathKind::Directory, .. } if is_empty(path) => {
            VarRun::Free(path.parent().map_or(Access::Unfit, access::can_create_in))
        }
        PathFact::Found { .. } | PathFact::Unknown(_) => VarRun::Used,
    }
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_none())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_to_run_is_right_and_an_empty_directory_can_become_one() {
        let dir = tempfile::tempdir().unwrap();
        let (run, path) = (dir.path().join("run"), dir.path().join("var-run"));
        fs::create_dir(&run).unwrap();
        let run = fs::canonicalize(run).unwrap();
        assert_eq!(of_var_run(&path, &run), VarRun::Free(Access::Yes));
        symlink("run", &path).unwrap();
        assert_eq!(of_var_run(&path, &run), VarRun::Link);
        fs::remove_file(&path).unwrap();
        symlink("elsewhere", &path).unwrap();
        assert_eq!(of_var_run(&path, &run), VarRun::Used);
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        assert_eq!(of_var_run(&path, &run), VarRun::Free(Access::Yes));
        fs::write(path.join("pid"), "").unwrap();
        assert_eq!(of_var_run(&path, &run), VarRun::Used);
    }
}
