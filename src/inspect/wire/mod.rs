//! Encodes what a worker process has read for a reload as bytes, and decodes it. Lengths precede bytes, counts precede
//! entries, names precede the fields of enum variants; paths and names are bytes, in UTF-8 or not.

mod types;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::facts::NamedPaths;
use super::source::ReloadSources;

/// What a worker process has read for a reload.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// The sources.
    pub sources: ReloadSources,
    /// The facts about the paths in them, if they are a valid configuration.
    pub named_paths: Option<NamedPaths>,
    /// Those about the paths in the present configuration, where it is judged again.
    pub present_paths: Option<NamedPaths>,
}

/// Returns a message as bytes.
pub fn encode_message(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.encode(&mut out);
    // Detects a truncated message.
    out.push(END);
    out
}

/// Returns the message; `None`: the bytes are truncated or invalid. Uses no more memory than a multiple of their length.
pub fn decode_message(bytes: &[u8]) -> Option<Message> {
    let mut from = Decoder { rest: bytes, depth: 0 };
    let message = Wire::decode(&mut from)?;
    (from.rest == [END]).then_some(message)
}

const END: u8 = 0x2e;
/// Deeper nesting of one type is invalid.
const MAX_DEPTH: u32 = 64;

/// A value that can be sent to another process.
trait Wire: Sized {
    fn encode(&self, out: &mut Vec<u8>);

    /// `None`: the bytes are invalid.
    fn decode(from: &mut Decoder<'_>) -> Option<Self>;
}

/// The bytes that are not decoded yet.
struct Decoder<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> Decoder<'a> {
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::decode(self)?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// Decodes a type that can contain itself, with a limit on the depth.
    fn nested<T>(&mut self, take: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let taken = if self.depth > MAX_DEPTH { None } else { take(self) };
        self.depth -= 1;
        taken
    }
}

fn encode_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    bytes.len().encode(out);
    out.extend_from_slice(bytes);
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Wire for $number {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_ne_bytes());
            }

            fn decode(from: &mut Decoder<'_>) -> Option<Self> {
                let (number, rest) = from.rest.split_first_chunk()?;
                from.rest = rest;
                Some(Self::from_ne_bytes(*number))
            }
        }
    )* };
}

numbers!(u32, u64, usize);

impl Wire for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        let (first, rest) = from.rest.split_first()?;
        from.rest = rest;
        match first {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl Wire for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(out, self);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        from.bytes().map(<[u8]>::to_vec)
    }
}

impl Wire for OsString {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(out, self.as_bytes());
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some(Self::from_vec(Wire::decode(from)?))
    }
}

impl Wire for PathBuf {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(out, self.as_os_str().as_bytes());
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        from.bytes().map(|bytes| Self::from(OsStr::from_bytes(bytes)))
    }
}

impl Wire for String {
    fn encode(&self, out: &mut Vec<u8>) {
        encode_bytes(out, self.as_bytes());
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Self::from_utf8(Wire::decode(from)?).ok()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.is_some().encode(out);
        self.iter().for_each(|value| value.encode(out));
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        if bool::decode(from)? { Some(Some(T::decode(from)?)) } else { Some(None) }
    }
}

impl<T: Wire> Wire for Box<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        T::encode(self, out);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        T::decode(from).map(Self::new)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.len().encode(out);
        self.iter().for_each(|value| value.encode(out));
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        (0..usize::decode(from)?).map(|_| T::decode(from)).collect()
    }
}

impl<K: Wire + Ord, V: Wire> Wire for BTreeMap<K, V> {
    fn encode(&self, out: &mut Vec<u8>) {
        self.len().encode(out);
        for (key, value) in self {
            key.encode(out);
            value.encode(out);
        }
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        (0..usize::decode(from)?).map(|_| <(K, V)>::decode(from)).collect()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
        self.1.encode(out);
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        Some((A::decode(from)?, B::decode(from)?))
    }
}

impl Wire for [bool; 2] {
    fn encode(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.encode(out));
    }

    fn decode(from: &mut Decoder<'_>) -> Option<Self> {
        <(bool, bool)>::decode(from).map(|(first, second)| [first, second])
    }
}
