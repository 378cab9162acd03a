//! The page of the dependencies has each of them, and no other.

use std::collections::BTreeSet;
use std::fs;

use super::{page, root};

#[test]
fn each_dependency_has_its_reason() {
    let manifest: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let names: BTreeSet<String> = manifest["dependencies"].as_table().unwrap().keys().cloned().collect();
    assert!(names.len() > 10, "{names:?}");
    let text = page("docs/src/explanation/dependencies.md").text;
    let cells = text.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next());
    let quoted = cells.flat_map(|cell| cell.split(", ")).map(|name| name.trim_matches('`').to_owned());
    assert_eq!(quoted.collect::<BTreeSet<_>>(), names);
}
