//! What a probe said, of which the last line is kept: a bounded tail, whatever is written. Pure.

use std::io;

use nix::errno::Errno;

use crate::config::quote::printable;

/// Bytes that are kept.
const KEPT: usize = 1024;
/// Letters of a line that are shown.
const SHOWN: usize = 200;
/// Begins a line of ours that says why no command was executed.
pub const REFUSAL: u8 = 0;

/// The tail of what was said.
#[derive(Debug, Default)]
pub struct ProbeOutput(Vec<u8>);

impl ProbeOutput {
    /// Takes more.
    pub fn push(&mut self, more: &[u8]) {
        let more = more.get(more.len().saturating_sub(KEPT)..).unwrap_or_default();
        let surplus = (self.0.len() + more.len()).saturating_sub(KEPT);
        self.0.drain(..surplus);
        self.0.extend_from_slice(more);
    }

    /// Returns the last line that is not blank, printable; empty when nothing was said.
    pub fn last(&self) -> String {
        self.line().map(shown).unwrap_or_default()
    }

    /// Returns why no command was executed, if that is what was said last.
    pub fn refusal(&self) -> Option<String> {
        self.line()?.strip_prefix(&[REFUSAL]).map(shown)
    }

    fn line(&self) -> Option<&[u8]> {
        let mut lines = self.0.rsplit(|byte| *byte == b'\n' || *byte == b'\r');
        lines.find(|line| !line.trim_ascii().is_empty())
    }
}

/// Returns the kernel's or the resolver's words, as the end of a sentence.
pub fn why(cause: &io::Error) -> String {
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

    fn said(parts: &[&[u8]]) -> ProbeOutput {
        let mut words = ProbeOutput::default();
        parts.iter().for_each(|part| words.push(part));
        words
    }

    #[test]
    fn the_last_line_counts_whatever_pieces_it_came_in() {
        assert_eq!(said(&[b"one\ntw", b"o\n\n \r\n"]).last(), "two");
        assert_eq!(said(&[b"no newline"]).last(), "no newline");
        assert_eq!(said(&[]).last(), "");
        assert_eq!(said(&[b"\n\n"]).last(), "");
    }

    #[test]
    fn it_is_bounded_and_printable() {
        let mut words = said(&[&[b'x'; 100_000], b"\xff\x1b[2J\0"]);
        (0..1000).for_each(|_| words.push(b"yyyyyyyyyyyyyyyyyyyyyyyyyyy"));
        assert!(words.0.len() <= KEPT && words.0.capacity() <= 4 * KEPT);
        assert!(words.last().chars().count() <= SHOWN + 1);
        assert_eq!(said(&[b"a\xff\x1b[2J"]).last(), "a\u{fffd}\\u{1b}[2J");
    }

    #[test]
    fn a_refusal_is_distinguished_from_output() {
        assert_eq!(said(&[b"\0cannot execute x\n"]).refusal().as_deref(), Some("cannot execute x"));
        assert_eq!(said(&[b"cannot execute x\n"]).refusal(), None);
    }
}
