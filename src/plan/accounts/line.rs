//! One line of an account file, and where our line is put. Must not know which file it is.

use std::borrow::Cow;

use super::MAX_LINE;

/// A line with a record: its fields, and the bytes around them, which are kept unchanged.
pub(super) struct Record<'a> {
    lead: &'a [u8],
    fields: Vec<Cow<'a, [u8]>>,
    end: &'a [u8],
}

impl<'a> Record<'a> {
    /// Reads a line (with its newline, if it has one); `None` for comments, blanks, NIS lines, lines that are too long or
    /// have fewer fields than `at_least`.
    pub(super) fn parse(line: &'a [u8], at_least: usize) -> Option<Self> {
        if line.len() > MAX_LINE {
            return None;
        }
        let (body, end) = split_end(line);
        let blanks = body.iter().take_while(|byte| byte.is_ascii_whitespace() || **byte == 0x0b).count();
        let (lead, body) = body.split_at(blanks);
        if matches!(body.first(), None | Some(b'#' | b'+' | b'-')) {
            return None;
        }
        let fields: Vec<_> = body.split(|byte| *byte == b':').map(Cow::Borrowed).collect();
        (fields.len() >= at_least).then_some(Self { lead, fields, end })
    }

    /// Returns a field; empty if it is missing.
    pub(super) fn field(&self, at: usize) -> &[u8] {
        self.fields.get(at).map_or(&[], |field| field)
    }

    /// Returns a field as a number: decimal digits only, leading zeros allowed as in glibc.
    pub(super) fn number(&self, at: usize) -> Option<u32> {
        let field = self.field(at);
        let digits = !field.is_empty() && field.iter().all(u8::is_ascii_digit);
        digits.then(|| std::str::from_utf8(field).ok()?.parse().ok()).flatten()
    }

    /// Returns the text from field `at` to the end of the line, including colons.
    pub(super) fn rest(&self, at: usize) -> Vec<u8> {
        self.fields.get(at..).unwrap_or_default().join(&b':')
    }

    /// Sets a field; missing ones before it become empty.
    pub(super) fn set(&mut self, at: usize, value: &[u8]) {
        while self.fields.len() <= at {
            self.fields.push(Cow::Borrowed(b""));
        }
        if let Some(field) = self.fields.get_mut(at) {
            *field = Cow::Owned(value.to_vec());
        }
    }

    /// Adds bytes at the end of the last field.
    pub(super) fn append(&mut self, value: &[u8]) {
        if let Some(field) = self.fields.last_mut() {
            field.to_mut().extend_from_slice(value);
        }
    }

    /// Returns the line.
    pub(super) fn bytes(&self) -> Vec<u8> {
        [self.lead, &self.fields.join(&b':'), self.end].concat()
    }
}

fn split_end(line: &[u8]) -> (&[u8], &[u8]) {
    let bare = line.strip_suffix(b"\n").unwrap_or(line);
    let bare = bare.strip_suffix(b"\r").unwrap_or(bare);
    line.split_at(bare.len())
}

/// Returns the lines, each with its newline.
pub(super) fn split(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Returns whether the line is one of NIS (`+::::::`, `-name`), which glibc's `compat` service expands at its position.
pub(super) fn is_nis(line: &[u8]) -> bool {
    matches!(line.first(), Some(b'+' | b'-'))
}

/// Where our line is put.
pub(super) enum LinePosition {
    /// It replaces this line.
    At(usize),
    /// It is moved from the first line to before the second, which is earlier.
    Move(usize, usize),
    /// It is inserted before this line.
    Before(usize),
    /// It is appended.
    Last,
}

/// Returns the file with `ours` put there; all other lines unchanged and in the same order.
pub(super) fn assemble(lines: &[&[u8]], ours: &[u8], put: &LinePosition) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.iter().map(|line| line.len()).sum::<usize>() + ours.len() + 2);
    for (at, line) in lines.iter().enumerate() {
        match put {
            LinePosition::At(here) if *here == at => out.extend_from_slice(ours),
            LinePosition::Move(from, _) if *from == at => {}
            LinePosition::Move(_, before) | LinePosition::Before(before) if *before == at => {
                push_line(&mut out, ours);
                out.extend_from_slice(line);
            }
            LinePosition::At(_) | LinePosition::Move(..) | LinePosition::Before(_) | LinePosition::Last => {
                out.extend_from_slice(line)
            }
        }
    }
    if matches!(put, LinePosition::Last) {
        if out.last().is_some_and(|byte| *byte != b'\n') {
            out.push(b'\n');
        }
        push_line(&mut out, ours);
    }
    out
}

fn push_line(out: &mut Vec<u8>, line: &[u8]) {
    out.extend_from_slice(line);
    if !line.ends_with(b"\n") {
        out.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_written_back_as_it_was_read() {
        for line in ["a:b:c\n", "  a:b:c\r\n", "a:b:c", "a:b:\r", "a:::::::::\n", "\u{e9}:x\n"] {
            assert_eq!(Record::parse(line.as_bytes(), 2).unwrap().bytes(), line.as_bytes(), "{line:?}");
        }
    }

    #[test]
    fn comments_blanks_nis_lines_and_endless_lines_are_no_records() {
        let endless = [vec![b'a'; MAX_LINE], b":x:1:1\n".to_vec()].concat();
        let lines: [&[u8]; 7] = [b"", b"\n", b"  \r\n", b" # a:x:1:1\n", b"+::::::\n", b"-app:x:1:1\n", &endless];
        for line in lines {
            assert!(Record::parse(line, 1).is_none());
        }
    }

    #[test]
    fn numbers_are_decimal_digits_that_fit() {
        let number = |text: &str| Record::parse(format!("a:{text}").as_bytes(), 2).unwrap().number(1);
        assert_eq!(number("007"), Some(7));
        for odd in ["", "+7", "-1", " 7", "7 ", "0x7", "4294967296", "٣"] {
            assert_eq!(number(odd), None, "{odd:?}");
        }
    }
}
