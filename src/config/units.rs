//! Durations, sizes, modes and ids as text. Must not know where a text came from.

use std::time::Duration;

/// The highest id that may be given: the two above it are "leave unchanged" and, on some systems, nobody (SECURITY 1.2).
pub const MAX_ID: u32 = 4_294_967_293;

/// No duration is longer than a year, so that sums of them cannot overflow.
const MAX_DURATION: Duration = Duration::from_secs(365 * 24 * 3600);

/// Why a text is not a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurationError {
    /// Not a number and a unit.
    Unreadable,
    /// Longer than a year.
    TooLong,
}

/// Reads `500ms`, `5s`, `2m`, `1h`, `7d`: decimal digits and one unit, at most `365d`.
pub fn duration(text: &str) -> Result<Duration, DurationError> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).filter(|at| *at > 0);
    let (digits, unit) = unit_at.and_then(|at| text.split_at_checked(at)).ok_or(DurationError::Unreadable)?;
    let millis: u64 = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        _ => return Err(DurationError::Unreadable),
    };
    // Digits that do not parse are too many.
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(millis));
    let duration = number.map(Duration::from_millis);
    duration.filter(|duration| *duration <= MAX_DURATION).ok_or(DurationError::TooLong)
}

/// Units of systemd.time(7) and of Go, and ours.
const OTHER_UNITS: [(&str, &[&str]); 5] = [
    ("ms", &["msec"]),
    ("s", &["sec", "second", "seconds"]),
    ("m", &["min", "minute", "minutes"]),
    ("h", &["hr", "hour", "hours"]),
    ("d", &["day", "days"]),
];

/// Reads a duration as systemd and Go write it: `1min 30s`, `1h30m`.
pub fn other_duration(text: &str) -> Option<Duration> {
    let text: String = text.chars().filter(|letter| *letter != ' ').collect();
    let (mut total, mut rest) = (Duration::ZERO, text.as_str());
    while !rest.is_empty() {
        let at = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, behind) = rest.split_at_checked(at)?;
        let (unit, next) = behind.split_at(behind.find(|letter: char| letter.is_ascii_digit()).unwrap_or(behind.len()));
        let ours = OTHER_UNITS.iter().find(|(_, theirs)| theirs.contains(&unit)).map_or(unit, |(ours, _)| *ours);
        total = total.checked_add(duration(&format!("{number}{ours}")).ok()?)?;
        rest = next;
    }
    (!text.is_empty() && total <= MAX_DURATION).then_some(total)
}

/// Returns a duration for people, in three digits or its two largest units: `0.4ms`, `120ms`, `1.25s`, `2m 3s`, `5h`,
/// `3d 4h`. Truncated, not rounded.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (large, small, units) = match seconds {
        0 => return decimal(duration.as_micros(), "ms"),
        1..60 => return decimal(duration.as_millis(), "s"),
        60..3600 => (seconds / 60, seconds % 60, ("m", "s")),
        3600..86_400 => (seconds / 3600, seconds / 60 % 60, ("h", "m")),
        86_400.. => (seconds / 86_400, seconds / 3600 % 24, ("d", "h")),
    };
    if small == 0 { format!("{large}{}", units.0) } else { format!("{large}{} {small}{}", units.0, units.1) }
}

/// Returns thousandths of a unit in three digits at most.
fn decimal(thousandths: u128, unit: &str) -> String {
    let digits = match thousandths {
        0..10_000 => format!("{}.{:02}", thousandths / 1000, thousandths % 1000 / 10),
        10_000..100_000 => format!("{}.{}", thousandths / 1000, thousandths % 1000 / 100),
        100_000.. => (thousandths / 1000).to_string(),
    };
    let digits = if digits.contains('.') { digits.trim_end_matches('0').trim_end_matches('.') } else { &digits };
    format!("{digits}{unit}")
}

/// Returns a duration exactly, in the syntax of [`duration`].
pub fn show_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    match millis {
        0 => "0s".to_owned(),
        _ if millis.is_multiple_of(86_400_000) => format!("{}d", millis / 86_400_000),
        _ if millis.is_multiple_of(3_600_000) => format!("{}h", millis / 3_600_000),
        _ if millis.is_multiple_of(60_000) => format!("{}m", millis / 60_000),
        _ if millis.is_multiple_of(1000) => format!("{}s", millis / 1000),
        _ => format!("{millis}ms"),
    }
}

/// Reads `512`, `64K`, `64M`, `2G`, `1T`: bytes, in powers of 1024.
pub fn size(text: &str) -> Option<u64> {
    let unit_at = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(unit_at)?;
    let number: u64 = digits.parse().ok()?;
    let factor = match unit {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Reads `022`, `0755`: one to five octal digits, at most `max`.
pub fn octal(text: &str, max: u32) -> Option<u32> {
    let fits = (1..=5).contains(&text.len()) && text.bytes().all(|byte| (b'0'..=b'7').contains(&byte));
    fits.then(|| u32::from_str_radix(text, 8).ok()).flatten().filter(|mode| *mode <= max)
}

/// Why a text is not an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdError {
    /// It is empty.
    Empty,
    /// It contains other characters than ASCII decimal digits.
    NotDecimal,
    /// `007`: octal to some, decimal to others.
    LeadingZero,
    /// Above [`MAX_ID`].
    TooLarge,
}

/// Reads a user or group id, 0 to [`MAX_ID`]: ASCII decimal digits and nothing else.
pub fn id(text: &[u8]) -> Result<u32, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if !text.iter().all(u8::is_ascii_digit) {
        return Err(IdError::NotDecimal);
    }
    if text.len() > 1 && text.starts_with(b"0") {
        return Err(IdError::LeadingZero);
    }
    let number = text.iter().try_fold(0_u32, |sum, digit| sum.checked_mul(10)?.checked_add(u32::from(digit - b'0')));
    number.filter(|number| *number <= MAX_ID).ok_or(IdError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_others_are_read() {
        let read = |text: &str| other_duration(text).map(show_duration);
        for (text, ours) in
            [("1min 30s", "90s"), ("1h30m", "90m"), ("15min", "15m"), ("2 hours", "2h"), ("500msec", "500ms")]
        {
            assert_eq!(read(text).as_deref(), Some(ours), "{text}");
        }
        for bad in ["", "infinity", "5", "1.5h", "1w", "300d 300d", "1y"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn durations_have_one_number_and_one_unit() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("5s"), Ok(Duration::from_secs(5)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        assert_eq!(duration("365d"), Ok(MAX_DURATION));
        for bad in ["", "5", "s", "5 s", "-5s", "1.5s", "1h30m", "5sec", "٣s"] {
            assert_eq!(duration(bad), Err(DurationError::Unreadable), "{bad:?}");
        }
        for long in ["99999999999999999999s", "18446744073709551615d", "9000h", "366d", "31536000001ms"] {
            assert_eq!(duration(long), Err(DurationError::TooLong), "{long:?}");
        }
    }

    #[test]
    fn a_duration_is_shown_as_it_would_be_written() {
        for text in ["0s", "1ms", "1500ms", "8s", "2m", "90s", "1h", "25h", "7d"] {
            assert_eq!(duration(text).map(show_duration).as_deref(), Ok(text));
        }
    }

    #[test]
    fn people_read_three_digits_or_two_units() {
        let all = [0, 400, 1_250, 12_345, 999_999, 1_000_000, 1_206_100, 12_300_000, 59_999_999];
        let words = all.map(|micros| duration_text(Duration::from_micros(micros)));
        assert_eq!(words, ["0ms", "0.4ms", "1.25ms", "12.3ms", "999ms", "1s", "1.2s", "12.3s", "59.9s"]);
        let all = [60, 123, 3_600, 3_660, 90_000, u64::MAX];
        let words = all.map(|seconds| duration_text(Duration::from_secs(seconds)));
        assert_eq!(words, ["1m", "2m 3s", "1h", "1h 1m", "1d 1h", "213503982334601d 7h"]);
    }

    #[test]
    fn sizes_are_powers_of_1024() {
        assert_eq!(size("0"), Some(0));
        assert_eq!(size("64K"), Some(65_536));
        assert_eq!(size("2G"), Some(2_147_483_648));
        for bad in ["", "K", "1k", "1KB", "-1", "18446744073709551615K", "1 M"] {
            assert_eq!(size(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(octal("022", 0o777), Some(0o022));
        assert_eq!(octal("0755", 0o777), Some(0o755));
        for bad in ["", "8", "1777", "0o22", "-1", "+1", " 22", "000022"] {
            assert_eq!(octal(bad, 0o777), None, "{bad:?}");
        }
    }

    #[test]
    fn ids_are_plain_decimal_and_below_the_kernels_own() {
        assert_eq!(id(b"0"), Ok(0));
        assert_eq!(id(b"1000"), Ok(1000));
        assert_eq!(id(b"4294967293"), Ok(MAX_ID));
        assert_eq!(id(b""), Err(IdError::Empty));
        for bad in [&b"4294967294"[..], b"4294967295", b"4294967296", b"99999999999999999999"] {
            assert_eq!(id(bad), Err(IdError::TooLarge));
        }
        for bad in [&b"00"[..], b"01"] {
            assert_eq!(id(bad), Err(IdError::LeadingZero));
        }
        for bad in [&b"abc"[..], b"-1", b"+1", b" 1", b"1 ", b"0x3e8", b"1e3", b"1000\n", "١".as_bytes(), b"\xff"] {
            assert_eq!(id(bad), Err(IdError::NotDecimal));
        }
    }
}
