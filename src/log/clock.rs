//! Wall-clock time as lines and file names have it: UTC, RFC 3339. A dozen lines of calendar instead of a crate.
#![allow(clippy::disallowed_methods)] // wall-clock time for display only; no decision depends on it

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

/// `2026-02-14T10:11:12.123456Z`.
pub const RFC3339: usize = 27;
/// The last microsecond of the year 9999: four digits hold no more.
pub const LAST: Timestamp = Timestamp(253_402_300_799_999_999);

/// Both clocks, read once for one batch of work.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// The monotonic clock, for deadlines.
    pub at: Instant,
    /// The wall clock, for display.
    pub wall: Timestamp,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Self {
        Self { at: Instant::now(), wall: Timestamp::now() }
    }
}

const SECOND: u64 = 1_000_000;
const DAY: u64 = 86_400;

/// A date and time, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CivilTime {
    /// From 1970 to 9999.
    pub year: u64,
    /// From 1.
    pub month: u64,
    /// From 1.
    pub day: u64,
    /// Seconds since midnight.
    pub second: u64,
    /// Microseconds of the second.
    pub micro: u64,
}

impl Timestamp {
    /// Returns the current wall-clock time.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_micros()).unwrap_or_default().min(LAST.0))
    }

    /// Returns its date and time (the algorithm is Howard Hinnant's `civil_from_days`, for days since 1970 only).
    pub fn civil(self) -> CivilTime {
        let seconds = self.0.min(LAST.0) / SECOND;
        // Years begin in March, so that the leap day is their last; day 0 is 0000-03-01.
        let days = seconds / DAY + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let march_month = (5 * of_year + 2) / 153;
        let day = of_year - (153 * march_month + 2) / 5 + 1;
        let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        CivilTime { year, month, day, second: seconds % DAY, micro: self.0.min(LAST.0) % SECOND }
    }

    /// Returns the timestamp of a date and time; `None` if there is no such date.
    pub fn of(civil: CivilTime) -> Option<Self> {
        let CivilTime { year, month, day, second, micro } = civil;
        if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        let year_of_march = year - u64::from(month <= 2);
        let (era, of_era) = (year_of_march / 400, year_of_march % 400);
        let of_year = (153 * if month > 2 { month - 3 } else { month + 9 } + 2) / 5 + day - 1;
        let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        let days = days.checked_sub(719_468)?;
        let stamp = Self((days * DAY + second) * SECOND + micro);
        (stamp.civil() == civil).then_some(stamp)
    }

    /// Returns it in RFC 3339 format, in UTC.
    pub fn rfc3339(self) -> [u8; RFC3339] {
        let mut text = *b"0000-00-00T00:00:00.000000Z";
        let CivilTime { year, month, day, second, micro } = self.civil();
        put(&mut text, 0..4, year);
        put(&mut text, 5..7, month);
        put(&mut text, 8..10, day);
        put(&mut text, 11..13, second / 3600);
        put(&mut text, 14..16, second / 60 % 60);
        put(&mut text, 17..19, second % 60);
        put(&mut text, 20..26, micro);
        text
    }
}

/// Writes `value` with leading zeros into that part of `text`.
pub fn put(text: &mut [u8], at: std::ops::Range<usize>, value: u64) {
    let mut left = value;
    for digit in text.get_mut(at).unwrap_or_default().iter_mut().rev() {
        *digit = b'0' + u8::try_from(left % 10).unwrap_or_default();
        left /= 10;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_have_their_names() {
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400 * SECOND, "2000-02-29T00:00:00.000000Z"),
            (1_709_251_199 * SECOND + 999_999, "2024-02-29T23:59:59.999999Z"),
            (1_709_251_200 * SECOND, "2024-03-01T00:00:00.000000Z"),
            (4_107_542_399 * SECOND + 5, "2100-02-28T23:59:59.000005Z"),
            (4_107_542_400 * SECOND, "2100-03-01T00:00:00.000000Z"),
            (LAST.0, "9999-12-31T23:59:59.999999Z"),
            (u64::MAX, "9999-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(std::str::from_utf8(&Timestamp(micros).rfc3339()).unwrap(), text);
        }
    }

    #[test]
    fn a_date_that_is_none_is_no_moment() {
        let right = Timestamp(951_782_400 * SECOND).civil();
        for wrong in [
            CivilTime { day: 30, ..right },
            CivilTime { month: 13, ..right },
            CivilTime { year: 2001, ..right },
            CivilTime { second: DAY, ..right },
            CivilTime { micro: SECOND, ..right },
            CivilTime { day: 0, ..right },
        ] {
            assert_eq!(Timestamp::of(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = Timestamp(0).civil();
        for day in 1..=60_000 {
            let next = Timestamp(day * DAY * SECOND).civil();
            let every = |years| before.year.is_multiple_of(years);
            let leap = every(4) && (!every(100) || every(400));
            let length = [31, 28 + u64::from(leap), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
            let month = usize::try_from(before.month - 1).unwrap();
            let expected = match (before.day < length[month], before.month < 12) {
                (true, _) => (before.year, before.month, before.day + 1),
                (false, true) => (before.year, before.month + 1, 1),
                (false, false) => (before.year + 1, 1, 1),
            };
            assert_eq!((next.year, next.month, next.day), expected);
            assert_eq!(Timestamp::of(next), Some(Timestamp(day * DAY * SECOND)));
            before = next;
        }
    }
}
