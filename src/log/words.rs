//! Tests of every byte of a text, eight at a time in one word: the hot path of every log line, and the compiler makes no
//! vectors where it optimises for size. Pure.

/// The highest bit of each byte.
const HIGH: u64 = splat(0x80);

/// Returns whether `marks` marks no byte of the text: it gets eight bytes as a word, and returns one in which the highest bit
/// of each byte is the mark. Spaces must not be marked.
#[inline(always)] // a call for each word costs more than the test
pub fn none(text: &[u8], marks: impl Fn(u64) -> u64) -> bool {
    let (words, rest) = text.as_chunks();
    // Filled up with a byte that nobody looks for.
    let mut last = [b' '; 8];
    last.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
    let found = words.iter().fold(0, |found, word| found | marks(u64::from_ne_bytes(*word)));
    found | marks(u64::from_ne_bytes(last)) == 0
}

/// Marks the bytes that are not printable ASCII: below 0x20, 0x7f and above.
#[inline(always)]
pub const fn unprintable(word: u64) -> u64 {
    let low = word & !HIGH;
    // No byte overflows into the next; plain additions would be checked for it.
    let below = !low.wrapping_add(splat(0x80 - 0x20));
    (below | low.wrapping_add(splat(1)) | word) & HIGH
}

/// Marks the bytes that are this one, which is ASCII.
#[inline(always)]
pub const fn equal(word: u64, byte: u8) -> u64 {
    let differs = word ^ splat(byte);
    !((differs & !HIGH).wrapping_add(!HIGH) | differs) & HIGH
}

const fn splat(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_byte_is_marked_by_itself() {
        for byte in 0..=255 {
            for neighbour in [b'a', b'\n', 0, 0x7f, 0x80, 0xff] {
                let mut bytes = [neighbour; 8];
                bytes[3] = byte;
                let word = u64::from_ne_bytes(bytes);
                let is_marked = |marks: u64| marks.to_ne_bytes()[3] != 0;
                assert_eq!(is_marked(unprintable(word)), !(0x20..0x7f).contains(&byte), "{bytes:?}");
                assert_eq!(is_marked(equal(word, b'\n')), byte == b'\n', "{bytes:?}");
            }
        }
    }

    #[test]
    fn no_byte_is_left_out() {
        for length in 0..40 {
            let mut text = vec![b'a'; length];
            assert!(none(&text, unprintable));
            for at in 0..length {
                text[at] = 0x1b;
                assert!(!none(&text, unprintable), "{at} of {length}");
                text[at] = b'a';
            }
        }
    }
}
