//! The time in front of a line and in the names of files: TAI64N labels, and local time. Must not know who wants it.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::config::zone::Zone;
use crate::s6_commands::environment::Environment;
use crate::{config, inspect};

/// 2^62, where TAI64 puts the year 1970; its 10 s, and the 27 leap seconds since: none is announced.
const TAI: u64 = (1 << 62) + 10 + 27;

/// A moment of the system clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    seconds: u64,
    nanoseconds: u32,
}

impl Stamp {
    /// Reads the clock.
    pub fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { seconds: since.as_secs(), nanoseconds: since.subsec_nanos() }
    }

    /// Returns the TAI64N label, as in `@4000000037c219bf2ef02e94`.
    pub fn label(self) -> String {
        format!("@{:016x}{:08x}", TAI.wrapping_add(self.seconds), self.nanoseconds)
    }

    /// Returns local time, as in `2026-11-27 08:00:00.123456789`.
    pub fn local(self, zone: &Zone) -> String {
        let seconds = i64::try_from(self.seconds).unwrap_or(i64::MAX);
        let local = seconds.saturating_add(zone.offset(seconds));
        let (year, month, day) = config::civil::date(local.div_euclid(86_400));
        let second = local.rem_euclid(86_400);
        format!(
            "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}.{:09}",
            second / 3600,
            second / 60 % 60,
            second % 60,
            self.nanoseconds
        )
    }
}

/// Returns the time zone that TZ names, or that of the system.
pub(super) fn zone(environment: &Environment) -> Zone {
    use std::os::unix::ffi::OsStrExt;
    inspect::zone_file::read(environment.get(b"TZ").map(std::ffi::OsStr::from_bytes))
}

/// Returns whether a name is that of an archived file.
pub(super) fn is_archive(name: &[u8]) -> bool {
    let is_label = name.len() == 27 && name[0] == b'@' && name[1..25].iter().all(u8::is_ascii_hexdigit);
    is_label && (name.ends_with(b".s") || name.ends_with(b".u"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_in_both_ways() {
        let stamp = Stamp { seconds: 1_795_766_106, nanoseconds: 37_486_394 };
        assert_eq!(stamp.label(), "@400000006b09377f023bff3a");
        let utc = Zone::of_rule("UTC0").unwrap();
        assert_eq!(stamp.local(&utc), "2026-11-27 07:55:06.037486394");
        let east = Zone::of_rule("XXX-3").unwrap();
        assert_eq!(stamp.local(&east), "2026-11-27 10:55:06.037486394");
    }

    #[test]
    fn archives_have_a_label_and_one_of_two_ends() {
        assert!(is_archive(b"@400000006b09377f023bff3a.s") && is_archive(b"@400000006b09377f023bff3a.u"));
        for other in
            ["current", "@400000006b09377f023bff3a", "@400000006b09377f023bff3a.x", "@40000000xb09377f023bff3a.s"]
        {
            assert!(!is_archive(other.as_bytes()), "{other}");
        }
    }
}
