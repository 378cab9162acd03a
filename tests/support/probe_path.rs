//! Where the probe is.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

pub use super::program::{ELSEWHERE, INSIDE, program};

/// Returns its path; it is built if `cargo test --test …` did not, or not since it was changed.
pub fn probe() -> PathBuf {
    static BUILT: std::sync::OnceLock<PathBuf> = std::sync::OnceLock::new();
    let at = || {
        let path = program().with_file_name("examples").join("probe");
        if built(&path) < built(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/probe.rs")) {
            let profile: &[&str] =
                if path.components().any(|part| part.as_os_str() == "release") { &["--release"] } else { &[] };
            let status = Command::new(env!("CARGO"))
                .args(["build", "--quiet", "--example", "probe"])
                .args(profile)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status();
            assert!(
                status.is_ok_and(|status| status.success()) && path.exists(),
                "cannot build the probe: {}",
                path.display()
            );
        }
        path
    };
    BUILT.get_or_init(at).clone()
}

fn built(path: &Path) -> Option<SystemTime> {
    path.metadata().and_then(|meta| meta.modified()).ok()
}
