//! Finds what is valid and still does not work under a PID 1 that is not dumpable. Text in, notices out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use crate::config::{Content, Sources};
use crate::text::shown;

/// Returns a line for each place that writes to PID 1's descriptors.
pub(super) fn notices(sources: &Sources) -> Vec<String> {
    let mut notices = Vec::new();
    for tree in &sources.trees {
        walk(&tree.path, &tree.entries, &mut notices);
    }
    notices
}

/// The files of cron (Debian, Alpine).
const CRONTABS: [&str; 8] = [
    "/etc/crontab",
    "/etc/cron.d",
    "/etc/cron.daily",
    "/etc/cron.hourly",
    "/etc/crontabs",
    "/etc/periodic/daily",
    "/etc/periodic/hourly",
    "/var/spool/cron/crontabs",
];
/// Only this much of a file is read: a job is a few lines.
const MAX_BYTES: u64 = 256 * 1024;

/// Returns a line for each place in this image's cron jobs.
pub(super) fn of_crontabs() -> Vec<String> {
    let mut notices = Vec::new();
    for place in CRONTABS.map(Path::new) {
        let below = fs::read_dir(place).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in below.chain([place.to_owned()]) {
            let is_small = fs::metadata(&path).is_ok_and(|meta| meta.is_file() && meta.len() <= MAX_BYTES);
            if let Some(bytes) = is_small.then(|| fs::read(&path).ok()).flatten() {
                lint_file(&path, &bytes, &mut notices);
            }
        }
    }
    notices
}

fn walk(path: &Path, entries: &BTreeMap<OsString, Content>, notices: &mut Vec<String>) {
    for (name, content) in entries {
        let path = path.join(name);
        match content {
            Content::File { bytes, .. } => lint_file(&path, bytes, notices),
            Content::Dir(below) => walk(&path, below, notices),
            Content::TooLarge(_) | Content::Unreadable(_) | Content::Other(_) => {}
        }
    }
}

/// Writing to `/proc/1/fd/1` is a common way to write to the container's log. The descriptors of a PID 1 that is not
/// dumpable cannot be opened (SECURITY fact 3).
fn lint_file(path: &Path, bytes: &[u8], notices: &mut Vec<String>) {
    for (at, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let has = |word: &[u8]| line.windows(word.len()).any(|window| window == word);
        for (word, stream) in [("/proc/1/fd/1", "/dev/stdout"), ("/proc/1/fd/2", "/dev/stderr")] {
            if has(word.as_bytes()) {
                let place = format!("{}:{}", shown(path), at.saturating_add(1));
                notices.push(format!(
                    "{place}: `{word}` cannot be opened, because PID 1 is protected; {}",
                    alternative(stream)
                ));
            }
        }
    }
}

/// The alternative. The output of a cron job is a pipe of cron's: it can write to a file that a service prints.
fn alternative(stream: &str) -> String {
    format!(
        "write to {stream} instead; in a cron job, append to a file that a service shows (`command = [\"tail\", \"-F\", \
         FILE]`), or make the job a oneshot with `every`"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_goes_to_pid_ones_descriptor_is_named_with_its_line() {
        let mut notices = Vec::new();
        lint_file(Path::new("web/run"), b"#!/bin/sh\nexec web >/proc/1/fd/1 2>/proc/1/fd/2\n", &mut notices);
        assert_eq!(
            notices,
            [
                format!(
                    "web/run:2: `/proc/1/fd/1` cannot be opened, because PID 1 is protected; {}",
                    alternative("/dev/stdout")
                ),
                format!(
                    "web/run:2: `/proc/1/fd/2` cannot be opened, because PID 1 is protected; {}",
                    alternative("/dev/stderr")
                ),
            ]
        );
        assert!(
            notices[0].contains("write to /dev/stdout instead; in a cron job, append to a file that a service shows")
        );
        lint_file(Path::new("x"), b"/proc/self/fd/1 \xff", &mut notices);
        assert_eq!(notices.len(), 2);
    }
}
