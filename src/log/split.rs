//! [`Splitter`]: bytes of one stream in, whole lines out, or pieces of a line that is too long to wait for its end. The
//! result does not depend on how the input was cut by reads. Pure: knows no format and no descriptor.

use memchr::memchr;

/// A longer line is passed on in pieces, so that no line is unbounded in memory. Docker's own limit is 16 KiB.
pub const MAX_LINE: usize = 16 * 1024;
/// The limit for log files: larger, because nothing marks pieces there.
pub const MAX_FILE_LINE: usize = 64 * 1024;
/// Buffer capacity that an idle stream may keep.
const MAX_IDLE_CAPACITY: usize = 4 * 1024;

/// A line, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Without its newline; with its carriage return, if it has one.
    pub bytes: &'a [u8],
    /// It continues the piece before it.
    pub continued: bool,
    /// The next piece continues it.
    pub more: bool,
}

/// One stream of one process.
#[derive(Debug)]
pub struct Splitter {
    longest: usize,
    partial: Vec<u8>,
    continued: bool,
}

impl Splitter {
    /// Returns a splitter whose pieces have at most `longest` bytes.
    pub fn new(longest: usize) -> Self {
        Self { longest, partial: Vec::new(), continued: false }
    }

    /// Takes bytes and passes every complete line to `to`.
    pub fn feed(&mut self, bytes: &[u8], mut to: impl FnMut(Piece<'_>)) {
        let mut rest = bytes;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.line(line, &mut to);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, &mut to);
                whole.clear();
                self.partial = whole;
            }
        }
        if self.partial.is_empty() {
            rest = self.emit_full_pieces(rest, &mut to);
            self.partial.extend_from_slice(rest);
        } else if !rest.is_empty() {
            let mut whole = std::mem::take(&mut self.partial);
            whole.extend_from_slice(rest);
            let left = self.emit_full_pieces(&whole, &mut to).len();
            whole.drain(..whole.len() - left);
            self.partial = whole;
        }
        // Give the memory of a long line back.
        if self.partial.capacity() > MAX_IDLE_CAPACITY && self.partial.len() < self.partial.capacity() / 4 {
            self.partial.shrink_to(0);
        }
    }

    /// Ends the stream: an unfinished line becomes a line.
    pub fn finish(&mut self, mut to: impl FnMut(Piece<'_>)) {
        let last = std::mem::take(&mut self.partial);
        if !last.is_empty() {
            self.line(&last, &mut to);
        }
    }

    fn line(&mut self, line: &[u8], to: &mut impl FnMut(Piece<'_>)) {
        let bytes = self.emit_full_pieces(line, to);
        to(Piece { bytes, continued: self.continued, more: false });
        self.continued = false;
    }

    /// Passes pieces on until the rest fits into one.
    fn emit_full_pieces<'a>(&mut self, line: &'a [u8], to: &mut impl FnMut(Piece<'_>)) -> &'a [u8] {
        let mut rest = line;
        while rest.len() > self.longest {
            let (bytes, after) = rest.split_at(cut(rest, self.longest));
            to(Piece { bytes, continued: self.continued, more: true });
            self.continued = true;
            rest = after;
        }
        rest
    }
}

/// Joins the pieces of several streams of one service into one text of whole lines.
#[derive(Debug, Default)]
pub struct StreamJoiner {
    /// The stream whose unfinished line the text ends with.
    open: Option<u64>,
}

impl StreamJoiner {
    /// Appends a piece of the stream with that number.
    pub fn append(&mut self, stream: u64, piece: Piece<'_>, text: &mut Vec<u8>) {
        if self.open.is_some_and(|open| open != stream) {
            // Another stream writes in the middle of a very long line.
            text.push(b'\n');
        }
        text.extend_from_slice(piece.bytes);
        self.open = piece.more.then_some(stream);
        if !piece.more {
            text.push(b'\n');
        }
    }
}

/// Returns where to cut `line`, which is longer than `longest`: there, or a little before, where a character begins.
fn cut(line: &[u8], longest: usize) -> usize {
    let begins = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0xc0 != 0x80);
    (longest.saturating_sub(3)..=longest).rev().find(begins).filter(|at| *at > 0).unwrap_or(longest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Owned = (Vec<u8>, bool, bool);

    fn pieces(longest: usize, chunks: &[&[u8]]) -> Vec<Owned> {
        let mut splitter = Splitter::new(longest);
        let mut all = Vec::new();
        let mut keep = |piece: Piece<'_>| all.push((piece.bytes.to_vec(), piece.continued, piece.more));
        for chunk in chunks {
            splitter.feed(chunk, &mut keep);
        }
        splitter.finish(&mut keep);
        all
    }

    #[test]
    fn a_long_line_leaves_no_memory_behind() {
        let mut splitter = Splitter::new(MAX_LINE);
        for chunk in [vec![b'x'; 100_000].as_slice(), b"\n", b"begun"] {
            splitter.feed(chunk, |_| {});
        }
        assert!(splitter.partial.capacity() <= MAX_IDLE_CAPACITY, "{}", splitter.partial.capacity());
        splitter.finish(|piece| assert_eq!(piece.bytes, b"begun"));
    }

    #[test]
    fn a_character_is_not_cut_in_two() {
        let all = pieces(8, &["12345é7€90ä\n".as_bytes()]);
        let text: Vec<_> = all.iter().map(|(bytes, ..)| std::str::from_utf8(bytes).unwrap()).collect();
        assert_eq!(text, ["12345é7", "€90ä"]);
        // Bytes that are not UTF-8 are cut at the limit.
        assert_eq!(pieces(8, &[&[0x80; 20]]).iter().map(|it| it.0.len()).collect::<Vec<_>>(), [8, 8, 4]);
    }

    proptest! {
        /// Cutting the input anywhere changes nothing; the pieces together are the input.
        #[test]
        fn nothing_is_lost_and_the_cuts_of_reading_do_not_show(chunks in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..60), 0..20), longest in 4_usize..40) {
            let whole: Vec<u8> = chunks.concat();
            let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let all = pieces(longest, &parts);
            prop_assert_eq!(&all, &pieces(longest, &[&whole]));
            let mut again = Vec::new();
            let mut open = false;
            for (bytes, continued, more) in &all {
                prop_assert!(bytes.len() <= longest);
                prop_assert_eq!(*continued, open);
                again.extend_from_slice(bytes);
                open = *more;
                if !open {
                    again.push(b'\n');
                }
            }
            prop_assert!(!open);
            let missing = whole.last().is_some_and(|byte| *byte != b'\n').then_some(b'\n');
            prop_assert_eq!(again, whole.into_iter().chain(missing).collect::<Vec<_>>());
        }
    }
}
