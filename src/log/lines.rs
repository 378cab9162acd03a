//! Lines with a tag (`web | …`), and escaping of terminal control characters, for every format. Pure.

use super::split::Piece;
use super::words;

/// Separates tag and line; a continued piece of a long line has [`CONTINUED`] instead.
const SEPARATOR: &[u8] = b" | ";
const CONTINUED: &[u8] = b" + ";

/// Appends a piece as a line with its tag. A carriage return before the newline is omitted. `needs_no_escape`: [`need_no_escape`]
/// is known to hold.
pub fn tagged(tag: &[u8], piece: Piece<'_>, needs_no_escape: bool, out: &mut Vec<u8>) {
    let line = if piece.more { piece.bytes } else { piece.bytes.strip_suffix(b"\r").unwrap_or(piece.bytes) };
    if piece.continued && line.is_empty() {
        return;
    }
    out.extend_from_slice(tag);
    out.extend_from_slice(if piece.continued { CONTINUED } else { SEPARATOR });
    if needs_no_escape {
        out.extend_from_slice(line);
    } else {
        escape(line, out);
    }
    out.push(b'\n');
}

/// Returns whether lines that are made of these bytes alone need no escape: they are printable ASCII and tabs.
pub fn need_no_escape(bytes: &[u8]) -> bool {
    words::none(bytes, |word| words::unprintable(word) & !(words::equal(word, b'\n') | words::equal(word, b'\t')))
}

/// Appends `line` with its control characters spelled out: a service must not control the reader's terminal or forge other
/// services' lines (SECURITY T30). Tabs and every other byte pass, valid UTF-8 or not, except the bytes 80 to 9F outside of
/// a UTF-8 character: an 8-bit terminal takes them as C1 controls.
pub fn escape(line: &[u8], out: &mut Vec<u8>) {
    if need_no_escape(line) && !line.contains(&b'\n') {
        out.extend_from_slice(line);
        return;
    }
    for chunk in line.utf8_chunks() {
        escape_text(chunk.valid().as_bytes(), out);
        for byte in chunk.invalid() {
            match byte {
                0x80..=0x9f => out.extend(byte.escape_ascii()),
                _ => out.push(*byte),
            }
        }
    }
}

fn escape_text(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| may_start_control(*byte)) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let length = control_length(tail);
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

/// The first byte of a control character, or of a UTF-8 sequence that may be one.
fn may_start_control(byte: u8) -> bool {
    (byte < 0x20 && byte != b'\t') || matches!(byte, 0x7f | 0xc2 | 0xd8 | 0xe2)
}

/// Returns how many bytes of `tail` are one control character as [`crate::text::is_instruction`] knows them; 0 if there is
/// none, although `may_start_control` holds for the first byte. By bytes, because every line comes through here.
pub fn control_length(tail: &[u8]) -> usize {
    match tail {
        [0xc2, 0x80..=0x9f, ..] | [0xd8, 0x9c, ..] => 2,
        [0xe2, 0x80, 0x8e | 0x8f | 0xa8..=0xae, ..] | [0xe2, 0x81, 0xa6..=0xa9, ..] => 3,
        [0xc2 | 0xd8 | 0xe2, ..] => 0,
        [_, ..] => 1,
        [] => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Timestamp;
    use super::super::json::{ObjectHead, append_object};
    use super::super::own_messages::Stream;
    use super::super::split::{MAX_LINE, Splitter};
    use super::super::tail::Tail;
    use super::*;
    use crate::sys::heap;
    use proptest::prelude::*;

    fn all_tagged(chunks: &[&[u8]]) -> String {
        let mut splitter = Splitter::new(MAX_LINE);
        let mut out = Vec::new();
        let needs_no_escape = chunks.iter().all(|chunk| need_no_escape(chunk));
        for chunk in chunks {
            splitter.feed(chunk, |piece| tagged(b"web", piece, needs_no_escape, &mut out));
        }
        splitter.finish(|piece| tagged(b"web", piece, needs_no_escape, &mut out));
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn lines_are_whole_however_they_are_read() {
        assert_eq!(all_tagged(&[b"one\ntw", b"o\nth", b"ree"]), "web | one\nweb | two\nweb | three\n");
        assert_eq!(all_tagged(&[b"\n\n"]), "web | \nweb | \n");
        assert_eq!(all_tagged(&[b"dos\r\n"]), "web | dos\n");
        assert_eq!(all_tagged(&[]), "");
    }

    #[test]
    fn a_long_line_comes_in_marked_pieces() {
        let long = vec![b'x'; MAX_LINE * 2 + 5];
        let out = all_tagged(&[&long, b"\nother\n"]);
        let starts: Vec<_> = out.lines().map(|line| &line[..7]).collect();
        assert_eq!(starts, ["web | x", "web + x", "web + x", "web | o"]);
        assert_eq!(out.bytes().filter(|byte| *byte == b'x').count(), long.len());
        let dos = [vec![b'x'; MAX_LINE].as_slice(), b"\r\n"].concat();
        assert_eq!(all_tagged(&[&dos]).lines().count(), 1);
    }

    #[test]
    fn control_characters_are_spelled_out_and_text_passes() {
        assert_eq!(all_tagged(&[b"\x1b[31mred\x07\x00\x7f\ta\rb\n"]), "web | \\x1b[31mred\\x07\\x00\\x7f\ta\\rb\n");
        assert_eq!(
            all_tagged(&["c1 \u{9b}31m bidi \u{202e} é €\n".as_bytes()]),
            "web | c1 \\xc2\\x9b31m bidi \\xe2\\x80\\xae é €\n"
        );
        assert_eq!(all_tagged(&["mark \u{61c} ب\n".as_bytes()]), "web | mark \\xd8\\x9c ب\n");
        assert_eq!(all_tagged(&[b"raw \x9b31m \x80\n"]), "web | raw \\x9b31m \\x80\n");
        let mut out = Vec::new();
        escape(&[0xff, 0xc2, 0xe2, 0xa1], &mut out);
        assert_eq!(out, [0xff, 0xc2, 0xe2, 0xa1]);
    }

    #[test]
    fn lines_and_messages_agree_on_what_a_terminal_obeys() {
        for letter in '\0'..=char::MAX {
            let text = letter.to_string();
            let mut out = Vec::new();
            escape(text.as_bytes(), &mut out);
            let is_escaped = out != text.as_bytes();
            assert_eq!(is_escaped, crate::text::is_instruction(letter) && letter != '\t', "{letter:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// A line out for every line in, each with its tag, and nothing that a terminal would obey.
        #[test]
        fn one_harmless_line_for_each(chunks in proptest::collection::vec(
            proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..100), 0..12)) {
            let whole: Vec<u8> = chunks.concat();
            let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let out = all_tagged(&parts);
            prop_assert_eq!(&out, &all_tagged(&[&whole]));
            let newlines = whole.iter().filter(|byte| **byte == b'\n').count();
            let open_end = usize::from(whole.last().is_some_and(|byte| *byte != b'\n'));
            prop_assert_eq!(out.lines().count(), newlines + open_end);
            prop_assert!(out.lines().all(|line| line.starts_with("web | ")));
            prop_assert!(!out.chars().any(|letter| letter.is_control() && letter != '\n' && letter != '\t'));
        }
    }

    #[test]
    fn a_line_more_costs_no_allocation() {
        let chunk = b"a line of a service\nanother one, \x1b[31mwith colour\nbegun".repeat(20);
        let now = Timestamp::now();
        let head = ObjectHead::new("web", "stdout");
        let (mut splitter, mut tail, mut out) = (Splitter::new(MAX_LINE), Tail::default(), Vec::new());
        let mut pass = |times: usize| {
            let before = heap::allocations();
            for _ in 0..times {
                out.clear();
                splitter.feed(&chunk, |piece| {
                    tagged(b"web", piece, false, &mut out);
                    append_object(&now.rfc3339(), &head, piece, false, &mut out);
                    tail.push(now, Stream::Stdout, piece);
                });
            }
            heap::allocations() - before
        };
        // What is kept of lines fills up, and buffers get their sizes.
        assert_ne!(pass(1_000), 0, "allocations are counted");
        assert_eq!(pass(1_000), 0);
    }
}
