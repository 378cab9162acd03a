//! The same flags through `docker run` and `stepdown try`: the same outcome. Every case starts the same image both ways
//! (`try --root` on its unpacked files) and compares what the recorder wrote down, what stepdown said, and the exit code.
//! Each difference that is allowed stands in `differences.rs`, with its reason.

mod cases;
mod comparison;
mod differences;

use comparison::Comparison;

use crate::support::docker::Docker;

/// Runs every case of a table, and fails with all differences of all of them.
fn compare(cases: &[&str]) {
    let Some(docker) = Docker::available() else { return };
    let Some(comparison) = Comparison::new(&docker) else { return };
    let differences: Vec<String> = cases.iter().flat_map(|case| comparison.compare(case)).collect();
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

#[test]
fn users_are_the_same() {
    compare(cases::USERS);
}

#[test]
fn privilege_is_the_same() {
    compare(cases::PRIVILEGE);
}

#[test]
fn places_are_the_same() {
    compare(cases::PLACES);
}

#[test]
fn environments_are_the_same() {
    compare(cases::ENVIRONMENT);
}

#[test]
fn trees_of_services_are_the_same() {
    compare(cases::TREES);
}

#[test]
fn containers_end_the_same_way() {
    compare(cases::LIVES);
}

#[test]
fn what_is_refused_is_refused_by_both() {
    compare(cases::REFUSED);
}
