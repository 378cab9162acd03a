//! The program under test: where it was built, and where a rehearsal has it.
//!
//! A checkout may lie below `/tmp`, which is empty inside, or in a directory that only root may enter. So a path of the build
//! directory is used from outside alone; no other file of the tests names one (`tests/architecture.rs`).

use std::path::PathBuf;

/// Where `try` puts the binary that it was called as.
pub const INSIDE: &str = "/usr/bin/stepdown";

/// A directory with copies of what was built, instead of the build directory.
pub const ELSEWHERE: &str = "STEPDOWN_TEST_PROGRAMS";

/// The binary under test, for whoever is outside.
pub fn program() -> PathBuf {
    let built = PathBuf::from(env!("CARGO_BIN_EXE_stepdown"));
    std::env::var_os(ELSEWHERE).map_or(built, |elsewhere| PathBuf::from(elsewhere).join("stepdown"))
}
