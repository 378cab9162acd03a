//! Bytes of one stream in, whole tagged lines out. Pure: knows no descriptor.

/// A longer line is written in pieces, each with its tag, so that no line is unbounded in memory. Docker's own limit is
/// 16 KiB.
pub const LONGEST: usize = 16 * 1024;

/// Separates tag and line; a continued piece of a long line has [`CONTINUED`] instead.
const SEPARATOR: &[u8] = b" | ";
const CONTINUED: &[u8] = b" + ";

/// One stream of one service.
#[derive(Debug)]
pub struct Tagger {
    tag: Box<[u8]>,
    partial: Vec<u8>,
    continued: bool,
}

impl Tagger {
    /// Returns a stream whose lines begin with `tag`.
    pub fn new(tag: &str) -> Self {
        Self { tag: tag.as_bytes().into(), partial: Vec::new(), continued: false }
    }

    /// Takes what was read and appends every line that is complete to `out`.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = rest.split_at(end);
            rest = after.get(1..).unwrap_or_default();
            if self.partial.is_empty() {
                self.whole(line, out);
            } else {
                let mut line_of_pieces = std::mem::take(&mut self.partial);
                line_of_pieces.extend_from_slice(line);
                self.whole(&line_of_pieces, out);
                line_of_pieces.clear();
                self.partial = line_of_pieces;
            }
        }
        self.partial.extend_from_slice(rest);
        while self.partial.len() > LONGEST {
            let piece: Vec<u8> = self.partial.drain(..LONGEST).collect();
            self.piece(&piece, out);
            self.continued = true;
        }
    }

    /// Ends the stream: what it left without a newline becomes a line.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.partial.is_empty() {
            let last = std::mem::take(&mut self.partial);
            self.whole(&last, out);
        }
    }

    fn whole(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if self.continued && line.is_empty() {
            self.continued = false;
            return;
        }
        let mut pieces = line.chunks(LONGEST);
        self.piece(pieces.next().unwrap_or_default(), out);
        for piece in pieces {
            self.continued = true;
            self.piece(piece, out);
        }
        self.continued = false;
    }

    fn piece(&self, piece: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(&self.tag);
        out.extend_from_slice(if self.continued { CONTINUED } else { SEPARATOR });
        escape(piece, out);
        out.push(b'\n');
    }
}

/// Appends `line` with its control characters spelled out: a service must not drive the reader's terminal or forge what
/// others said (SECURITY T30). Tabs and every other byte, valid UTF-8 or not, pass.
pub fn escape(line: &[u8], out: &mut Vec<u8>) {
    let mut rest = line;
    while let Some(at) = rest.iter().position(|byte| suspicious(*byte)) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let length = forbidden(tail);
        let (head, after) = tail.split_at(length.max(1));
        if length > 0 {
            for byte in head {
                out.extend(byte.escape_ascii());
            }
        } else {
            out.extend_from_slice(head);
        }
        rest = after;
    }
    out.extend_from_slice(rest);
}

/// A byte with which something forbidden may begin.
fn suspicious(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || byte == 0x7f || byte == 0xc2 || byte == 0xe2
}

/// How many bytes of `tail` are one forbidden character: C0, DEL, C1 (U+0080–9F), or a mark that turns the direction of
/// the text (U+200E, 200F, 202A–202E, 2066–2069); 0 if its first byte is harmless.
fn forbidden(tail: &[u8]) -> usize {
    match tail {
        [0xc2, 0x80..=0x9f, ..] => 2,
        [0xe2, 0x80, 0x8e | 0x8f | 0xaa..=0xae, ..] | [0xe2, 0x81, 0xa6..=0xa9, ..] => 3,
        [0xc2 | 0xe2, ..] => 0,
        [_, ..] => 1,
        [] => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tagged(chunks: &[&[u8]]) -> String {
        let mut tagger = Tagger::new("web");
        let mut out = Vec::new();
        for chunk in chunks {
            tagger.feed(chunk, &mut out);
        }
        tagger.finish(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn lines_are_whole_however_they_are_read() {
        assert_eq!(tagged(&[b"one\ntw", b"o\nth", b"ree"]), "web | one\nweb | two\nweb | three\n");
        assert_eq!(tagged(&[b"\n\n"]), "web | \nweb | \n");
        assert_eq!(tagged(&[b"dos\r\n"]), "web | dos\n");
        assert_eq!(tagged(&[]), "");
    }

    #[test]
    fn a_long_line_comes_in_marked_pieces() {
        let long = vec![b'x'; LONGEST * 2 + 5];
        let out = tagged(&[&long, b"\nother\n"]);
        let starts: Vec<_> = out.lines().map(|line| &line[..7]).collect();
        assert_eq!(starts, ["web | x", "web + x", "web + x", "web | o"]);
        assert_eq!(out.bytes().filter(|byte| *byte == b'x').count(), long.len());
    }

    #[test]
    fn control_characters_are_spelled_out_and_text_passes() {
        assert_eq!(tagged(&[b"\x1b[31mred\x07\x00\x7f\ta\rb\n"]), "web | \\x1b[31mred\\x07\\x00\\x7f\ta\\rb\n");
        assert_eq!(
            tagged(&["c1 \u{9b}31m bidi \u{202e} é €\n".as_bytes()]),
            "web | c1 \\xc2\\x9b31m bidi \\xe2\\x80\\xae é €\n"
        );
        let mut out = Vec::new();
        escape(&[0xff, 0xc2, 0xe2, 0x80], &mut out);
        assert_eq!(out, [0xff, 0xc2, 0xe2, 0x80]);
    }

    proptest! {
        /// Cutting the input anywhere changes nothing, and no piece is longer than it may be.
        #[test]
        fn the_cuts_of_reading_do_not_show(chunks in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..300), 0..20)) {
            let whole: Vec<u8> = chunks.concat();
            let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(tagged(&parts), tagged(&[&whole]));
            let newlines = whole.iter().filter(|byte| **byte == b'\n').count();
            let open_end = usize::from(whole.last().is_some_and(|byte| *byte != b'\n'));
            prop_assert_eq!(tagged(&parts).matches('\n').count(), newlines + open_end);
        }
    }
}
