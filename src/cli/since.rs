//! `--since`: how long ago, or a time in RFC 3339 format. Must not know what happened then.

use crate::config::units;
use crate::log::clock::{CivilTime, Timestamp};

const MICROS: u64 = 1_000_000;

/// Reads `10m` (that long ago) or `2026-02-14T10:11:12Z`, with or without a fraction, `Z` or an offset such as `+01:00`.
///
/// # Errors
/// What to write.
pub(super) fn parse(text: &str) -> Result<Timestamp, String> {
    if let Ok(ago) = units::duration(text) {
        let ago = u64::try_from(ago.as_micros()).unwrap_or(u64::MAX);
        return Ok(Timestamp(Timestamp::now().0.saturating_sub(ago)));
    }
    time(text).ok_or_else(|| "it is no time; write for example 10m or 2026-02-14T10:11:12Z".to_owned())
}

fn time(text: &str) -> Option<Timestamp> {
    let (date, rest) = text.split_once(['T', 't', ' '])?;
    let [year, month, day] = numbers(date, '-')?;
    let zone_at = rest.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let [hour, minute, second] = numbers(clock, ':')?;
    if hour > 23 || minute > 59 || second > 60 || fraction.is_empty() || !fraction.bytes().all(|it| it.is_ascii_digit())
    {
        return None;
    }
    let micro = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
    let civil = CivilTime { year, month, day, second: (hour * 60 + minute) * 60 + second.min(59), micro };
    let Timestamp(local) = Timestamp::of(civil)?;
    let micros = match zone.split_at_checked(1)? {
        ("Z" | "z", "") => local,
        (sign @ ("+" | "-"), offset) => {
            let [hours, minutes] = numbers(offset, ':')?;
            let offset = (hours * 60 + minutes) * 60 * MICROS;
            if sign == "+" { local.checked_sub(offset)? } else { local.checked_add(offset)? }
        }
        _ => return None,
    };
    Some(Timestamp(micros))
}

fn numbers<const COUNT: usize>(text: &str, between: char) -> Option<[u64; COUNT]> {
    let number = |part: &str| part.bytes().all(|it| it.is_ascii_digit()).then(|| part.parse().ok()).flatten();
    let all: Option<Vec<u64>> = text.split(between).map(number).collect();
    all?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_read_with_its_zone_and_nothing_else_is() {
        let utc = 1_771_063_872_000_000;
        for (text, expected) in [
            ("2026-02-14T10:11:12Z", utc),
            ("2026-02-14 10:11:12.5z", utc + 500_000),
            ("2026-02-14T10:11:12.1234567Z", utc + 123_456),
            ("2026-02-14T11:11:12+01:00", utc),
            ("2026-02-14T02:41:12-07:30", utc),
        ] {
            assert_eq!(time(text), Some(Timestamp(expected)), "{text}");
        }
        for wrong in
            ["", "now", "2026-02-14", "10:11", "2026-02-30T10:11:12Z", "2026-02-14T24:00:00Z", "2026-02-14T10:11:12"]
        {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        let now = Timestamp::now().0;
        let ago = parse("10m").unwrap().0;
        assert!((now - 601 * MICROS..=now - 599 * MICROS).contains(&ago), "{now} {ago}");
    }
}
