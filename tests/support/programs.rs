//! The program under test and the recorder: where they were built, and where a container has them.
//!
//! A checkout may lie below `/tmp`, which is empty inside, or in a directory that only root may enter. So a path of the build
//! directory is used from outside alone; no other file of the tests names one (`tests/architecture.rs`).

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Where `try` puts the binary that it was called as.
pub const INSIDE: &str = "/usr/bin/stepdown";

/// A directory with copies of what was built, instead of the build directory.
pub const ELSEWHERE: &str = "STEPDOWN_TEST_PROGRAMS";

/// The binary under test, for callers outside.
pub fn program() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_stepdown"));
    std::env::var_os(ELSEWHERE).map_or(built, |elsewhere| PathBuf::from(elsewhere).join("stepdown"))
}

/// Returns the path of the recorder; it is built if `cargo test --test …` did not, or not since it was changed.
pub fn recorder() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let found_path = || {
        let path = program().with_file_name("examples").join("recorder");
        if built(&path) < built(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/recorder.rs")) {
            let profile: &[&str] =
                if path.components().any(|part| part.as_os_str() == "release") { &["--release"] } else { &[] };
            let status = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--example", "recorder"])
                .args(profile)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(
                status.is_ok_and(|status| status.success()) && path.exists(),
                "cannot build the recorder: {}",
                path.display()
            );
        }
        path
    };
    BUILT.get_or_init(found_path).clone()
}

fn built(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|meta| meta.modified()).ok()
}
