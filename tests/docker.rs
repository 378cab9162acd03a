//! Real Docker, end to end: every mode of DESIGN §2, signals and exit codes, volumes, bad input, isolation of PID 1,
//! and the examples with their real programs. `.ci/test` sets up what it needs; see tests/README.md.

mod command;
mod compose;
mod doctor;
mod environments;
mod examples;
mod expected;
mod input;
mod isolation;
mod memory;
mod modes;
mod processes;
mod s6_images;
mod s6_imported;
mod scratch;
mod stop;
mod terminal;
mod volumes;

use std::path::Path;

use crate::support::docker::Container;

/// Returns a directory with these files, for mounting: as `/etc/services.d`, or for one `/etc/stepdown.toml`.
fn files(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a temporary directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("an empty directory takes files");
    }
    open_to_all(directory.path());
    directory
}

/// tempfile creates directories 0700; a container's user is somebody else.
fn open_to_all(directory: &Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
}

/// Checks that no process of the container is root's, and that there are as many as `least`.
#[track_caller]
fn assert_nobody_is_root(container: &Container, uid: u32, least: usize) {
    let processes = container.top();
    assert!(processes.len() >= least, "too few processes: {processes:?}");
    assert!(processes.iter().all(|process| process.uid == uid), "not all are {uid}: {processes:?}");
}
