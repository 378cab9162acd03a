//! `/proc/self/status`, which facts and the start of children both need: read once for both. Must not know more of it than
//! the signals that were ignored when this process was started.

use std::sync::OnceLock;

use crate::sys::read_file;

const PATH: &str = "/proc/self/status";

/// Each signal, one bit for each number.
const ALL: u64 = u64::MAX;

static IGNORED: OnceLock<u64> = OnceLock::new();

/// Reads the file; empty without `/proc`.
pub fn read() -> Vec<u8> {
    let text = read_file::read_proc(PATH);
    IGNORED.get_or_init(|| ignored_in(&text));
    text
}

/// Returns the signals that were ignored when the file was first read, one bit for each number, the first for number 1; all
/// of them where that cannot be known. This process ignores only SIGPIPE by itself.
pub fn ignored_at_start() -> u64 {
    *IGNORED.get_or_init(|| ignored_in(&read_file::read_proc(PATH)))
}

/// proc_pid_status(5): `SigIgn:\t0000000000001000`.
fn ignored_in(text: &[u8]) -> u64 {
    let line = text.split(|byte| *byte == b'\n').find_map(|line| line.strip_prefix(b"SigIgn:"));
    let digits = line.and_then(|line| std::str::from_utf8(line).ok());
    digits.and_then(|digits| u64::from_str_radix(digits.trim(), 16).ok()).unwrap_or(ALL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_known_to_be_handled_counts_as_ignored() {
        assert_eq!(ignored_in(b"SigBlk:\t0000000000000001\nSigIgn:\t0000000000001006\nSigCgt:\t0\n"), 0x1006);
        for text in [&b""[..], b"SigIgn:\n", b"SigIgn:\tx\n", b"SigBlk:\t1\n"] {
            assert_eq!(ignored_in(text), ALL);
        }
    }
}
