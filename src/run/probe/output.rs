//! [`ProbeOutput`]: the tail of what a probe wrote, bounded, of which the last line is shown. Pure.

use std::io;

use nix::errno::Errno;

use crate::config::quote::printable;

/// Bytes that are kept.
const KEPT: usize = 1024;
/// Letters of a line that are shown.
const SHOWN: usize = 200;
/// The first byte of a line by which our own code reports why no command was executed.
pub const REFUSAL: u8 = 0;

/// The tail of what a probe wrote.
#[derive(Debug, Default)]
pub struct ProbeOutput(Vec<u8>);

impl ProbeOutput {
    /// Appends output.
    pub fn push(&mut self, more: &[u8]) {
        let more = more.get(more.len().saturating_sub(KEPT)..).unwrap_or_default();
        let surplus = (self.0.len() + more.len()).saturating_sub(KEPT);
        self.0.drain(..surplus);
        self.0.extend_from_slice(more);
    }

    /// Returns the last line that is not blank, printable; empty if nothing was written.
    pub fn last(&self) -> String {
        self.line().map(shown).unwrap_or_default()
    }

    /// Returns why no command was executed, if that is the last line.
    pub fn refusal(&self) -> Option<String> {
        self.line()?.strip_prefix(&[REFUSAL]).map(shown)
    }

    fn line(&self) -> Option<&[u8]> {
        let mut lines = self.0.rsplit(|byte| *byte == b'\n' || *byte == b'\r');
        lines.find(|line| !line.trim_ascii().is_empty())
    }
}

/// Returns the kernel's or the resolver's message, as the end of a sentence.
pub fn cause_text(cause: &io::Error) -> String {
    let text = cause.raw_os_error().map_or_else(|| cause.to_string(), |errno| Errno::from_raw(errno).desc().to_owned());
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}

fn shown(line: &[u8]) -> String {
    printable(String::from_utf8_lossy(line).trim(), SHOWN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(parts: &[&[u8]]) -> ProbeOutput {
        let mut output = ProbeOutput::default();
        parts.iter().for_each(|part| output.push(part));
        output
    }

    #[test]
    fn the_last_line_counts_whatever_pieces_it_came_in() {
        assert_eq!(written(&[b"one\ntw", b"o\n\n \r\n"]).last(), "two");
        assert_eq!(written(&[b"no newline"]).last(), "no newline");
        assert_eq!(written(&[]).last(), "");
        assert_eq!(written(&[b"\n\n"]).last(), "");
    }

    #[test]
    fn it_is_bounded_and_printable() {
        let mut output = written(&[&[b'x'; 100_000], b"\xff\x1b[2J\0"]);
        (0..1000).for_each(|_| output.push(b"yyyyyyyyyyyyyyyyyyyyyyyyyyy"));
        assert!(output.0.len() <= KEPT && output.0.capacity() <= 4 * KEPT);
        assert!(output.last().chars().count() <= SHOWN + 1);
        assert_eq!(written(&[b"a\xff\x1b[2J"]).last(), "a\u{fffd}\\u{1b}[2J");
    }

    #[test]
    fn a_refusal_is_distinguished_from_output() {
        assert_eq!(written(&[b"\0cannot execute x\n"]).refusal().as_deref(), Some("cannot execute x"));
        assert_eq!(written(&[b"cannot execute x\n"]).refusal(), None);
    }
}
