//! What is no mistake in itself and still does not work under a PID 1 that protects itself. Text in, notices out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::config::{Content, Sources};

/// Returns a line for each place that writes to PID 1's descriptors.
pub(super) fn notices(sources: &Sources) -> Vec<String> {
    let mut notices = Vec::new();
    for tree in &sources.trees {
        walk(&tree.path, &tree.entries, &mut notices);
    }
    notices
}

fn walk(path: &Path, entries: &BTreeMap<OsString, Content>, notices: &mut Vec<String>) {
    for (name, content) in entries {
        let path = path.join(name);
        match content {
            Content::File { bytes, .. } => of_file(&path, bytes, notices),
            Content::Dir(below) => walk(&path, below, notices),
            Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => {}
        }
    }
}

/// A popular trick to reach the container's log from anywhere. A PID 1 that is not dumpable does not let anybody open its
/// descriptors (SECURITY fact 3).
fn of_file(path: &Path, bytes: &[u8], notices: &mut Vec<String>) {
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let has = |word: &[u8]| line.windows(word.len()).any(|window| window == word);
        for (word, instead) in [("/proc/1/fd/1", "/dev/stdout"), ("/proc/1/fd/2", "/dev/stderr")] {
            if has(word.as_bytes()) {
                let place = format!("{}:{}", path.display(), at.saturating_add(1));
                notices.push(format!("{place}: `{word}` cannot be opened under a protected PID 1; write {instead}"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_goes_to_pid_ones_descriptor_is_named_with_its_line() {
        let mut notices = Vec::new();
        of_file(Path::new("web/run"), b"#!/bin/sh\nexec web >/proc/1/fd/1 2>/proc/1/fd/2\n", &mut notices);
        assert_eq!(
            notices,
            [
                "web/run:2: `/proc/1/fd/1` cannot be opened under a protected PID 1; write /dev/stdout",
                "web/run:2: `/proc/1/fd/2` cannot be opened under a protected PID 1; write /dev/stderr",
            ]
        );
        of_file(Path::new("x"), b"/proc/self/fd/1 \xff", &mut notices);
        assert_eq!(notices.len(), 2);
    }
}
