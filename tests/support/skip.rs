//! Tests that cannot run here: each says so and passes, or fails where nothing may be skipped (`STEPDOWN_TEST_STRICT=1`).

use std::io::Write;

/// Says `SKIPPED (why)`; returns `false`, for whoever asks whether it can go on.
///
/// # Panics
/// Under `STEPDOWN_TEST_STRICT=1`.
pub fn skipped(why: &str) -> bool {
    // Not `eprintln`, which the test harness would keep to itself.
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    writeln!(std::io::stderr(), "SKIPPED ({why}): {name}").expect("stderr can be written");
    assert!(std::env::var_os("STEPDOWN_TEST_STRICT").is_none_or(|strict| strict != "1"), "skipped: {why}");
    false
}

/// Returns whether nothing hinders a test; says what does, as [`skipped`] does.
pub fn can_run(hindrance: Option<String>) -> bool {
    hindrance.is_none_or(|why| skipped(&why))
}

/// In a process of its own: what stands in the environment is for everybody in a process.
#[test]
fn a_skipped_test_fails_where_nothing_may_be_skipped() {
    const SKIPS: &str = "STEPDOWN_TEST_SKIPS";
    if std::env::var_os(SKIPS).is_some() {
        skipped("it is asked to");
        return;
    }
    let again = |strict: &str| {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "support::skip::a_skipped_test_fails_where_nothing_may_be_skipped", "--nocapture"]);
        let output = command.env(SKIPS, "1").env("STEPDOWN_TEST_STRICT", strict).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).contains("SKIPPED (it is asked to)"))
    };
    assert_eq!((again("0"), again("1")), ((true, true), (false, true)));
}
