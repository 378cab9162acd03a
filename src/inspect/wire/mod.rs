//! What a process of PID 1's own has read and looked up for a reload, as bytes, and back. Lengths stand before bytes, counts
//! before entries, names before the variants of enums; paths and names are bytes, in UTF-8 or not.

mod types;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use super::facts::NamedPaths;
use super::source::Read;

/// What was read; and what the paths that it names are like, if it is a configuration.
pub type Message = (Read, Option<NamedPaths>);

/// Returns it as bytes.
pub fn encoded(message: &Message) -> Vec<u8> {
    let mut out = Vec::new();
    message.put(&mut out);
    // What was cut off in the middle is not taken for the whole.
    out.push(END);
    out
}

/// Returns what the bytes say; `None`: they are not all there, or say something else. Takes no more memory than a multiple
/// of their length.
pub fn decoded(bytes: &[u8]) -> Option<Message> {
    let mut from = From { rest: bytes, depth: 0 };
    let message = Wire::take(&mut from)?;
    (from.rest == [END]).then_some(message)
}

const END: u8 = 0x2e;
/// No value that is sent has more values of its own kind within one another.
const DEEPEST: u32 = 64;

/// A value that goes from one process to another.
trait Wire: Sized {
    fn put(&self, out: &mut Vec<u8>);

    /// `None`: it is not there.
    fn take(from: &mut From<'_>) -> Option<Self>;
}

/// What has not been taken yet.
struct From<'a> {
    rest: &'a [u8],
    depth: u32,
}

impl<'a> From<'a> {
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::take(self)?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        Some(bytes)
    }

    /// Takes what can hold values of its own kind, which hold others: the stack ends somewhere.
    fn deeper<T>(&mut self, take: impl FnOnce(&mut Self) -> Option<T>) -> Option<T> {
        self.depth += 1;
        let taken = if self.depth > DEEPEST { None } else { take(self) };
        self.depth -= 1;
        taken
    }
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    bytes.len().put(out);
    out.extend_from_slice(bytes);
}

macro_rules! numbers {
    ($($number:ty),*) => { $(
        impl Wire for $number {
            fn put(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_ne_bytes());
            }

            fn take(from: &mut From<'_>) -> Option<Self> {
                let (number, rest) = from.rest.split_first_chunk()?;
                from.rest = rest;
                Some(Self::from_ne_bytes(*number))
            }
        }
    )* };
}

numbers!(u32, u64, usize);

impl Wire for bool {
    fn put(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
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
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self);
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        from.bytes().map(<[u8]>::to_vec)
    }
}

impl Wire for OsString {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        Some(Self::from_vec(Wire::take(from)?))
    }
}

impl Wire for PathBuf {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_os_str().as_bytes());
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        from.bytes().map(|bytes| Self::from(OsStr::from_bytes(bytes)))
    }
}

impl Wire for String {
    fn put(&self, out: &mut Vec<u8>) {
        put_bytes(out, self.as_bytes());
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        Self::from_utf8(Wire::take(from)?).ok()
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.is_some().put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        if bool::take(from)? { Some(Some(T::take(from)?)) } else { Some(None) }
    }
}

impl<T: Wire> Wire for Box<T> {
    fn put(&self, out: &mut Vec<u8>) {
        T::put(self, out);
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        T::take(from).map(Self::new)
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        (0..usize::take(from)?).map(|_| T::take(from)).collect()
    }
}

impl<K: Wire + Ord, V: Wire> Wire for BTreeMap<K, V> {
    fn put(&self, out: &mut Vec<u8>) {
        self.len().put(out);
        for (key, value) in self {
            key.put(out);
            value.put(out);
        }
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        (0..usize::take(from)?).map(|_| <(K, V)>::take(from)).collect()
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, out: &mut Vec<u8>) {
        self.0.put(out);
        self.1.put(out);
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        Some((A::take(from)?, B::take(from)?))
    }
}

impl Wire for [bool; 2] {
    fn put(&self, out: &mut Vec<u8>) {
        self.iter().for_each(|value| value.put(out));
    }

    fn take(from: &mut From<'_>) -> Option<Self> {
        <(bool, bool)>::take(from).map(|(first, second)| [first, second])
    }
}
