//! The recorder's record: what is expected, and how what was found differs from it.

use std::collections::BTreeSet;

use serde_json::Value;

/// RFC 7396.
pub fn merge(into: &mut Value, patch: Value) {
    match patch {
        Value::Object(fields) => {
            for (name, value) in fields {
                merge(&mut into[name], value);
            }
        }
        other => *into = other,
    }
}

/// Lists every difference by its path.
pub fn compare(path: &str, expected: &Value, found: &Value, differences: &mut Vec<String>) {
    match (expected.as_object(), found.as_object()) {
        (Some(left), Some(right)) => {
            let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            for name in names {
                compare(&format!("{path}/{name}"), &expected[name], &found[name], differences);
            }
        }
        _ if expected != found => differences.push(format!("{path}: expected {expected}, found {found}")),
        _ => {}
    }
}
