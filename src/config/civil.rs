//! Dates of the Gregorian calendar and days since 1970: arithmetic (the algorithms are Howard Hinnant's `civil_from_days`
//! and `days_from_civil`). Must not know zones.

/// Returns year, month and day of month of a day counted from 1970-01-01.
pub fn date(day: i64) -> (i64, i64, i64) {
    // Years begin in March, so that the leap day is their last; day 0 is 0000-03-01.
    let days = day.saturating_add(719_468);
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, of_month)
}

/// Returns the day, counted from 1970-01-01, of a date.
pub fn day(year: i64, month: i64, of_month: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * if month > 2 { month - 3 } else { month + 9 } + 2) / 5 + of_month - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Returns a time in RFC 3339 format, in a zone with this offset from UTC in seconds.
pub fn rfc3339(moment: i64, offset: i64) -> String {
    let local = moment.saturating_add(offset);
    let ((year, month, of_month), second) = (date(local.div_euclid(86_400)), local.rem_euclid(86_400));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (sign, distance) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60);
    let (hours, minutes) = (distance / 60, distance % 60);
    format!("{year:04}-{month:02}-{of_month:02}T{hour:02}:{minute:02}:{second:02}{sign}{hours:02}:{minutes:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_has_its_date_and_back() {
        let mut before = date(-1000);
        for at in -999..=60_000 {
            let (year, month, of_month) = date(at);
            assert_eq!(day(year, month, of_month), at);
            assert!((year, month, of_month) > before && (1..=12).contains(&month) && (1..=31).contains(&of_month));
            before = (year, month, of_month);
        }
        assert_eq!(date(0), (1970, 1, 1));
        assert_eq!(date(11_016), (2000, 2, 29));
    }

    #[test]
    fn a_moment_is_shown_in_its_zone() {
        assert_eq!(rfc3339(0, 0), "1970-01-01T00:00:00+00:00");
        assert_eq!(rfc3339(1_709_251_199, 3600), "2024-03-01T00:59:59+01:00");
        assert_eq!(rfc3339(0, -12_600), "1969-12-31T20:30:00-03:30");
    }
}
