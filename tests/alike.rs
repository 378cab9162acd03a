//! The same flags through `docker run` and `stepdown try`: the same outcome. Every cell starts the same image both ways
//! (`try --root` on its unpacked files) and compares what the probe wrote down, what stepdown said, and the exit code.
//! Each difference that is allowed stands in `differences.rs`, with its reason.

mod cells;
mod differences;
mod twins;

use crate::support::docker::Docker;
use twins::Twins;

/// Runs every cell of a table, and fails with all differences of all of them.
fn alike(cells: &[&str]) {
    let Some(docker) = Docker::here() else { return };
    let Some(twins) = Twins::of(&docker) else { return };
    let differences: Vec<String> = cells.iter().flat_map(|cell| twins.compare(cell)).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn users_are_the_same() {
    alike(cells::USERS);
}

#[test]
fn privilege_is_the_same() {
    alike(cells::PRIVILEGE);
}

#[test]
fn places_are_the_same() {
    alike(cells::PLACES);
}

#[test]
fn environments_are_the_same() {
    alike(cells::ENVIRONMENT);
}

#[test]
fn trees_of_services_are_the_same() {
    alike(cells::TREES);
}

#[test]
fn lives_end_the_same_way() {
    alike(cells::LIVES);
}

#[test]
fn what_is_refused_is_refused_by_both() {
    alike(cells::REFUSED);
}
