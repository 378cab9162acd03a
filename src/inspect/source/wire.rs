//! What was read, as bytes for another process of ours, and back. Lengths stand before bytes, counts before entries.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::Read;
use super::entry::KINDS;
use crate::config::{Content, Tree};

/// Returns it as bytes.
pub fn encoded(read: &Read) -> Vec<u8> {
    let mut out = Vec::new();
    let Read { stranger, container, trees } = read;
    match stranger {
        None => out.push(0),
        Some(path) => {
            out.push(1);
            put(&mut out, path.as_os_str().as_bytes());
        }
    }
    match container {
        None => out.push(0),
        Some((path, content)) => {
            out.push(1);
            put(&mut out, path.as_os_str().as_bytes());
            put_content(&mut out, content);
        }
    }
    put_number(&mut out, trees.len() as u64);
    for Tree { path, entries, unreadable } in trees {
        put(&mut out, path.as_os_str().as_bytes());
        put_entries(&mut out, entries);
        match unreadable {
            None => out.push(0),
            Some(why) => {
                out.push(1);
                put(&mut out, why.as_bytes());
            }
        }
    }
    // What was cut off in the middle is not taken for the whole.
    out.push(END);
    out
}

/// Returns what the bytes say; `None`: they are not all there.
pub fn decoded(bytes: &[u8]) -> Option<Read> {
    let mut from = From(bytes);
    let stranger = if from.flag()? { Some(from.path()?) } else { None };
    let container = if from.flag()? { Some((from.path()?, from.content()?)) } else { None };
    let mut trees = Vec::new();
    for _ in 0..from.number()? {
        let (path, entries) = (from.path()?, from.entries()?);
        let unreadable = if from.flag()? { Some(from.text()?) } else { None };
        trees.push(Tree { path, entries, unreadable });
    }
    (from.byte()? == END && from.0.is_empty()).then_some(Read { stranger, container, trees })
}

const END: u8 = 0x2e;

fn put_number(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(&number.to_ne_bytes());
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    put_number(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn put_entries(out: &mut Vec<u8>, entries: &BTreeMap<OsString, Content>) {
    put_number(out, entries.len() as u64);
    for (name, content) in entries {
        put(out, name.as_bytes());
        put_content(out, content);
    }
}

fn put_content(out: &mut Vec<u8>, content: &Content) {
    match content {
        Content::File { bytes, executable } => {
            out.extend_from_slice(&[b'f', u8::from(*executable)]);
            put(out, bytes);
        }
        Content::Dir(entries) => {
            out.push(b'd');
            put_entries(out, entries);
        }
        Content::TooLarge(size) => {
            out.push(b'l');
            put_number(out, *size);
        }
        Content::Unreadable(why) => {
            out.push(b'u');
            put(out, why.as_bytes());
        }
        Content::Other(kind) => {
            out.push(b'o');
            put(out, kind.as_bytes());
        }
    }
}

struct From<'a>(&'a [u8]);

impl From<'_> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn flag(&mut self) -> Option<bool> {
        Some(self.byte()? != 0)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_ne_bytes(*number))
    }

    fn bytes(&mut self) -> Option<Vec<u8>> {
        let length = usize::try_from(self.number()?).ok()?;
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(bytes.to_vec())
    }

    fn path(&mut self) -> Option<PathBuf> {
        Some(PathBuf::from(OsStr::from_bytes(&self.bytes()?)))
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?).ok()
    }

    fn entries(&mut self) -> Option<BTreeMap<OsString, Content>> {
        let mut entries = BTreeMap::new();
        for _ in 0..self.number()? {
            let name = OsString::from_vec(self.bytes()?);
            entries.insert(name, self.content()?);
        }
        Some(entries)
    }

    fn content(&mut self) -> Option<Content> {
        match self.byte()? {
            b'f' => {
                let executable = self.flag()?;
                Some(Content::File { bytes: self.bytes()?, executable })
            }
            b'd' => Some(Content::Dir(self.entries()?)),
            b'l' => Some(Content::TooLarge(self.number()?)),
            b'u' => Some(Content::Unreadable(self.text()?)),
            b'o' => {
                let kind = self.text()?;
                Some(Content::Other(KINDS.iter().find(|known| **known == kind)?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_arrives_as_it_is_and_never_in_part() {
        let all = KINDS.iter().map(|kind| (OsString::from(kind), Content::Other(kind)));
        let file = Content::File { bytes: vec![0, 255, b'\n'], executable: true };
        let inner = BTreeMap::from([(OsString::from_vec(vec![0xff, 1]), file), ("big".into(), Content::TooLarge(7))]);
        let more = [("dir".into(), Content::Dir(inner)), ("no".into(), Content::Unreadable("denied".to_owned()))];
        let read = Read {
            stranger: Some(PathBuf::from("/a")),
            container: Some((PathBuf::from("/etc/stepdown.toml"), Content::Unreadable(String::new()))),
            trees: vec![
                Tree { path: "/t".into(), entries: all.chain(more).collect(), unreadable: None },
                Tree { path: "/u".into(), entries: BTreeMap::new(), unreadable: Some("gone".to_owned()) },
            ],
        };
        let bytes = encoded(&read);
        assert_eq!(format!("{:?}", decoded(&bytes).unwrap()), format!("{read:?}"));
        for cut in 0..bytes.len() {
            assert!(decoded(&bytes[..cut]).is_none(), "{cut}");
        }
    }
}
