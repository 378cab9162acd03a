//! Names in a log directory: `current`, and rotated files by the time of their rotation. Files with other
//! names are never touched. Pure.

use std::ffi::{CStr, CString};

use crate::log::clock::{CivilTime, Timestamp, put};

/// The file that is being written.
pub const CURRENT: &CStr = c"current";

/// The forms of a rotated file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileState {
    /// As it was written.
    Plain,
    /// Compressed.
    Compressed,
    /// Being compressed, or left by a compression that was interrupted.
    Partial,
}

const FILE_STATES: [(FileState, &str); 3] =
    [(FileState::Plain, ".log"), (FileState::Compressed, ".log.gz"), (FileState::Partial, ".log.gz.tmp")];

/// Returns the name of a file: `20260214T101112.123456Z.log`. Names sort by time.
pub fn name(stamp: Timestamp, state: FileState) -> CString {
    let mut text = *b"00000000T000000.000000Z";
    let CivilTime { year, month, day, second, micro } = stamp.civil();
    put(&mut text, 0..4, year);
    put(&mut text, 4..6, month);
    put(&mut text, 6..8, day);
    put(&mut text, 9..11, second / 3600);
    put(&mut text, 11..13, second / 60 % 60);
    put(&mut text, 13..15, second % 60);
    put(&mut text, 16..22, micro);
    let ending = FILE_STATES.iter().find(|(known, _)| *known == state).map_or("", |(_, ending)| ending);
    CString::new([&text, ending.as_bytes()].concat()).unwrap_or_default()
}

/// Returns the timestamp and state of a name, if it is exactly as [`name()`] writes it.
pub fn parse(text: &CStr) -> Option<(Timestamp, FileState)> {
    let text_of = text.to_str().ok()?;
    let number = |at: std::ops::Range<usize>| -> Option<u64> {
        let digits = text_of.get(at)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
    };
    let second = number(9..11)? * 3600 + number(11..13)? * 60 + number(13..15)?;
    let civil =
        CivilTime { year: number(0..4)?, month: number(4..6)?, day: number(6..8)?, second, micro: number(16..22)? };
    let stamp = Timestamp::of(civil)?;
    let (state, _) = FILE_STATES.into_iter().find(|(state, _)| name(stamp, *state).as_c_str() == text)?;
    Some((stamp, state))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn only_our_own_names_are_ours() {
        let ours = [
            (c"20260214T101112.123456Z.log", FileState::Plain),
            (c"20260214T101112.123456Z.log.gz", FileState::Compressed),
            (c"20260214T101112.123456Z.log.gz.tmp", FileState::Partial),
        ];
        for (text, state) in ours {
            assert_eq!(parse(text), Some((Timestamp(1_771_063_872_123_456), state)));
        }
        for other in [
            c"current",
            c"",
            c"access.log",
            c"20260230T101112.123456Z.log",
            c"20260214T251112.123456Z.log",
            c"20260214T106112.123456Z.log",
            c"20260214t101112.123456Z.log",
            c"20260214T101112.123456Z.logx",
            c"20260214T101112.123456Z",
            c"+0260214T101112.123456Z.log",
            c"\xff0260214T101112.123456Z.log",
        ] {
            assert_eq!(parse(other), None, "{other:?}");
        }
    }

    proptest! {
        #[test]
        fn names_come_back_and_sort_by_time(one in 0..=crate::log::clock::LAST.0, other in 0..=crate::log::clock::LAST.0) {
            prop_assert_eq!(parse(&name(Timestamp(one), FileState::Compressed)), Some((Timestamp(one), FileState::Compressed)));
            prop_assert_eq!(name(Timestamp(one), FileState::Plain).cmp(&name(Timestamp(other), FileState::Plain)), one.cmp(&other));
        }
    }
}
