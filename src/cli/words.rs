//! Small words for people: durations, and text of others made harmless. Must not know what they are about.

use std::time::Duration;

/// Returns `text` with everything escaped that a terminal could take for an instruction (SECURITY T30).
pub(super) fn plain(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { letter.escape_default().to_string() } else { letter.into() })
        .collect()
}

/// Returns a duration in its two largest units: `120ms`, `1.2s`, `2m 3s`, `5h 0m`, `3d 4h`.
pub(super) fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match seconds {
        0 => format!("{}ms", time.as_millis()),
        1..60 => format!("{seconds}.{}s", time.subsec_millis() / 100),
        60..3600 => format!("{minutes}m {}s", seconds % 60),
        3600..86_400 => format!("{hours}h {}m", minutes % 60),
        86_400.. => format!("{days}d {}h", hours % 24),
    }
}

/// Returns bytes in their largest unit: `512B`, `4.0K`, `12.3M`, `1.5G`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
    match UNITS.iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{}{name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes}B"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_at_most_two_units() {
        let words = |millis| duration(Duration::from_millis(millis));
        assert_eq!(words(0), "0ms");
        assert_eq!(words(999), "999ms");
        assert_eq!(words(1_250), "1.2s");
        assert_eq!(words(59_999), "59.9s");
        assert_eq!(words(123_000), "2m 3s");
        assert_eq!(words(3_600_000), "1h 0m");
        assert_eq!(words(90_000_000), "1d 1h");
        assert_eq!(words(u64::MAX), "213503982334d 14h");
    }

    #[test]
    fn sizes_have_one_unit() {
        let all = [0, 1023, 1024, 12_900_000, 3 << 30, u64::MAX].map(size);
        assert_eq!(all, ["0B", "1023B", "1.0K", "12.3M", "3.0G", "16777215.9T"]);
    }

    #[test]
    fn nothing_reaches_the_terminal_as_an_instruction() {
        assert_eq!(plain("a\u{1b}[31m\r\nü\u{9b}"), "a\\u{1b}[31m\\r\\nü\\u{9b}");
    }
}
