//! The files that pages show alone: `stepdown check` accepts each.

use std::fs;
use std::process::Command;

use super::blocks::{Use, blocks};
use super::pages;
use crate::support::programs::program;

#[test]
fn files_that_pages_show_have_no_problem() {
    let mut count = 0;
    for block in pages().iter().flat_map(blocks) {
        let Some(Use::Check { path, with }) = &block.used else { continue };
        count += 1;
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("services.d")).unwrap();
        let names =
            with.iter().map(String::as_str).chain((path == "stepdown.toml" && with.is_empty()).then_some("any"));
        for name in names {
            fs::write(place.path().join(format!("services.d/{name}.toml")), "command = [\"program\"]\n").unwrap();
        }
        fs::write(place.path().join(path), &block.text).unwrap();
        let output = Command::new(program()).arg("check").current_dir(place.path()).env_clear().output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {printed}\n{}", block.place, block.text);
    }
    assert!(count >= 5, "{count} blocks");
}
