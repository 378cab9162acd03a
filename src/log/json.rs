//! Lines as JSON, one object each: `{"time":…,"service":…,"stream":…,"line":…}`. Written directly, without an allocation per
//! line; the tests read it back with a JSON parser. Pure.

use super::clock::{RFC3339, Timestamp};
use super::lines::control_length;
use super::split::Piece;
use super::words;

/// Six bits each (RFC 4648).
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const HEX: &[u8; 16] = b"0123456789abcdef";

/// The fields of one stream of one service between the time and the line: the same for each object.
#[derive(Clone, Debug)]
pub struct ObjectHead(Box<[u8]>);

impl ObjectHead {
    /// Returns the part of an object between its time and its line.
    pub fn new(service: &str, stream: &str) -> Self {
        let mut text = b"\",\"service\":\"".to_vec();
        escape(service, &mut text);
        text.extend_from_slice(b"\",\"stream\":\"");
        escape(stream, &mut text);
        text.extend_from_slice(b"\",\"line\":\"");
        Self(text.into())
    }
}

/// Appends a piece as an object. Bytes that are not UTF-8 become U+FFFD in `line` and are kept in `raw`, in base64. All
/// pieces of a long line but the last are `partial`. `needs_no_escape`: [`need_no_escape`] is known to hold.
pub fn append_object(
    time: &[u8; RFC3339],
    head: &ObjectHead,
    piece: Piece<'_>,
    needs_no_escape: bool,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(time);
    out.extend_from_slice(&head.0);
    let text = if needs_no_escape { None } else { Some(std::str::from_utf8(piece.bytes)) };
    match text {
        None => {
            out.extend_from_slice(piece.bytes);
            out.push(b'"');
        }
        Some(Ok(text)) => {
            escape(text, out);
            out.push(b'"');
        }
        Some(Err(_)) => {
            for chunk in piece.bytes.utf8_chunks() {
                escape(chunk.valid(), out);
                if !chunk.invalid().is_empty() {
                    out.extend_from_slice("\u{fffd}".as_bytes());
                }
            }
            out.extend_from_slice(b"\",\"raw\":\"");
            base64(piece.bytes, out);
            out.push(b'"');
        }
    }
    if piece.more {
        out.extend_from_slice(b",\"partial\":true");
    }
    out.extend_from_slice(b"}\n");
}

/// Appends one of our own messages as an object; `members` are further ones, each after a comma.
pub fn append_own(time: Timestamp, service: &str, level: &str, line: &str, members: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(&time.rfc3339());
    for (key, value) in [("service", service), ("level", level), ("line", line)] {
        out.extend_from_slice(b"\",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":\"");
        escape(value, out);
    }
    out.push(b'"');
    out.extend_from_slice(members);
    out.extend_from_slice(b"}\n");
}

/// Appends the inside of a JSON string. Terminal control characters are escaped too, although JSON does not require it.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    let mut rest = text.as_bytes();
    if need_no_escape(rest) && !rest.contains(&b'\n') {
        out.extend_from_slice(rest);
        return;
    }
    while let Some(at) = rest.iter().position(|byte| special(*byte)) {
        let (clean, tail) = rest.split_at(at);
        out.extend_from_slice(clean);
        let (length, code) = match tail {
            [mark @ (b'"' | b'\\'), ..] => {
                out.extend_from_slice(&[b'\\', *mark]);
                rest = tail.get(1..).unwrap_or_default();
                continue;
            }
            [high @ (0xc2 | 0xd8), low, ..] if control_length(tail) > 0 => {
                (2, u16::from(high & 0x1f) << 6 | u16::from(low & 0x3f))
            }
            [0xe2, middle, low, ..] if control_length(tail) > 0 => {
                (3, 0x2000 | u16::from(middle & 0x3f) << 6 | u16::from(low & 0x3f))
            }
            [byte @ (0xc2 | 0xd8 | 0xe2), ..] => {
                out.push(*byte);
                rest = tail.get(1..).unwrap_or_default();
                continue;
            }
            [byte, ..] => (1, u16::from(*byte)),
            [] => return,
        };
        match code {
            0x09 => out.extend_from_slice(b"\\t"),
            0x0a => out.extend_from_slice(b"\\n"),
            0x0d => out.extend_from_slice(b"\\r"),
            code => {
                out.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    out.extend(HEX.get(usize::from(code >> shift & 0xf)));
                }
            }
        }
        rest = tail.get(length..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// Returns whether lines that are made of these bytes alone are ASCII and need no escape (see [`super::lines`]).
pub fn need_no_escape(bytes: &[u8]) -> bool {
    words::none(bytes, |word| {
        (words::unprintable(word) & !words::equal(word, b'\n')) | words::equal(word, b'"') | words::equal(word, b'\\')
    })
}

fn special(byte: u8) -> bool {
    byte < 0x20 || matches!(byte, b'"' | b'\\' | 0x7f | 0xc2 | 0xd8 | 0xe2)
}

fn base64(bytes: &[u8], out: &mut Vec<u8>) {
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_usize, |bits, byte| bits << 8 | usize::from(*byte)) << (8 * (3 - three.len()));
        for (place, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            if place <= three.len() {
                out.extend(BASE64.get(bits >> shift & 0x3f));
            } else {
                out.push(b'=');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::split::Splitter;
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn objects(longest: usize, chunks: &[&[u8]]) -> Vec<Value> {
        let head = ObjectHead::new("web", "stdout");
        let mut splitter = Splitter::new(longest);
        let mut out = Vec::new();
        let time = Timestamp(0).rfc3339();
        let needs_no_escape = chunks.iter().all(|chunk| need_no_escape(chunk));
        for chunk in chunks {
            splitter.feed(chunk, |piece| append_object(&time, &head, piece, needs_no_escape, &mut out));
        }
        splitter.finish(|piece| append_object(&time, &head, piece, needs_no_escape, &mut out));
        assert!(!out.iter().any(|byte| (*byte < 0x20 && *byte != b'\n') || *byte == 0x7f));
        let lines = out.strip_suffix(b"\n").into_iter().flat_map(|out| out.split(|byte| *byte == b'\n'));
        lines.map(|line| serde_json::from_slice(line).unwrap()).collect()
    }

    fn decoded(text: &str) -> Vec<u8> {
        let value = |byte: u8| BASE64.iter().position(|it| *it == byte);
        let mut all = Vec::new();
        for four in text.as_bytes().chunks(4) {
            let known: Vec<_> = four.iter().filter_map(|byte| value(*byte)).collect();
            let bits = known.iter().fold(0, |bits, six| bits << 6 | six) << (6 * (4 - known.len()));
            all.extend(
                [16, 8, 0].iter().take(known.len() - 1).map(|shift| u8::try_from(bits >> shift & 0xff).unwrap()),
            );
        }
        all
    }

    /// What the service wrote, as the objects tell it.
    fn original_bytes(objects: &[Value]) -> Vec<u8> {
        let mut all = Vec::new();
        for object in objects {
            match object.get("raw") {
                Some(raw) => {
                    let bytes = decoded(raw.as_str().unwrap());
                    assert_eq!(object["line"].as_str().unwrap(), String::from_utf8_lossy(&bytes));
                    all.extend(bytes);
                }
                None => all.extend(object["line"].as_str().unwrap().as_bytes()),
            }
            if object.get("partial").is_none() {
                all.push(b'\n');
            }
        }
        all
    }

    #[test]
    fn a_line_is_an_object_with_these_members() {
        let mut out = Vec::new();
        let piece = Piece { bytes: b"say \"hi\"\\\t\x1b[0m\r", continued: false, more: false };
        let time = Timestamp(1_771_063_872_123_456).rfc3339();
        append_object(&time, &ObjectHead::new("web", "stderr"), piece, false, &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "{\"time\":\"2026-02-14T10:11:12.123456Z\",\"service\":\"web\",\"stream\":\"stderr\",\
             \"line\":\"say \\\"hi\\\"\\\\\\t\\u001b[0m\\r\"}\n"
        );
    }

    #[test]
    fn what_would_drive_a_terminal_is_escaped_and_comes_back() {
        let text = "\u{9b}31m \u{202e}x\u{2066} é € \u{7f}\u{2028}";
        let mut out = Vec::new();
        escape(text, &mut out);
        let out = String::from_utf8(out).unwrap();
        assert_eq!(out, "\\u009b31m \\u202ex\\u2066 é € \\u007f\\u2028");
        assert_eq!(serde_json::from_str::<String>(&format!("\"{out}\"")).unwrap(), text);
    }

    #[test]
    fn our_own_messages_are_objects_too() {
        let mut out = Vec::new();
        append_own(Timestamp(0), "stepdown", "warn", "cannot \"x\"\nfix: y", b",\"pid\":7", &mut out);
        let value: Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(value["level"], "warn");
        assert_eq!(value["line"], "cannot \"x\"\nfix: y");
        assert_eq!(value["time"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(value["pid"], 7);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(96))]

        #[test]
        fn every_byte_comes_back(chunks in proptest::collection::vec(proptest::collection::vec(
            prop_oneof![Just(b'\n'), Just(b'"'), Just(0xe2), Just(0x80), Just(0xc2), any::<u8>(), b' '..b'~'], 0..90), 0..9),
            longest in 4_usize..100) {
            let whole: Vec<u8> = chunks.concat();
            let parts: Vec<&[u8]> = chunks.iter().map(Vec::as_slice).collect();
            let all = objects(longest, &parts);
            prop_assert_eq!(&all, &objects(longest, &[&whole]));
            let missing = whole.last().is_some_and(|byte| *byte != b'\n').then_some(b'\n');
            prop_assert_eq!(original_bytes(&all), whole.into_iter().chain(missing).collect::<Vec<_>>());
        }

        #[test]
        fn any_text_is_escaped_as_a_parser_reads_it(text in ".*") {
            let mut out = vec![b'"'];
            escape(&text, &mut out);
            out.push(b'"');
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
