//! Calendars in zones with daylight saving time, minute by minute.

use super::super::zone::Zone;
use super::*;

/// Seconds since 1970 of a date and time of UTC.
fn utc(year: i64, month: i64, day: i64, hour: i64, minute: i64) -> i64 {
    civil::day(year, month, day) * DAY + hour * 3600 + minute * 60
}

fn berlin() -> Zone {
    Zone::of_rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
}

/// The next `count` moments in that zone, as RFC 3339 has them without the seconds.
fn next_in(zone: &Zone, text: &str, mut after: i64, count: usize) -> Vec<String> {
    let calendar = Calendar::parse(text).unwrap();
    let mut all = Vec::new();
    while all.len() < count {
        let offset = |at| zone.offset(at);
        let Some(next) = calendar.next(after, &offset) else { break };
        assert!(next > after);
        all.push(civil::rfc3339(next, zone.offset(next)).replacen(":00+", "+", 1));
        after = next;
    }
    all
}

#[test]
fn a_time_of_day_comes_every_day_in_the_zone() {
    let from = utc(2026, 11, 27, 12, 0);
    let expected = ["2026-11-28T03:00+01:00", "2026-11-29T03:00+01:00"];
    assert_eq!(next_in(&berlin(), "03:00", from, 2), expected);
    // The very moment has passed.
    assert_eq!(next_in(&berlin(), "03:00", utc(2026, 11, 28, 2, 0), 1), ["2026-11-29T03:00+01:00"]);
    assert_eq!(next_in(&berlin(), "03:00", utc(2026, 11, 28, 2, 0) - 1, 1), ["2026-11-28T03:00+01:00"]);
}

#[test]
fn weekdays_dates_lists_ranges_and_steps_are_understood() {
    let utc_zone = Zone::default();
    let from = utc(2026, 11, 27, 12, 0);
    let next = |text: &str, count| next_in(&utc_zone, text, from, count);
    assert_eq!(next("Mon *-*-* 03:00", 2), ["2026-11-30T03:00+00:00", "2026-12-07T03:00+00:00"]);
    assert_eq!(next("Mon,Thu 03:00", 2), ["2026-11-30T03:00+00:00", "2026-12-03T03:00+00:00"]);
    assert_eq!(
        next("sat..Monday 3:0", 3),
        ["2026-11-28T03:00+00:00", "2026-11-29T03:00+00:00", "2026-11-30T03:00+00:00"]
    );
    assert_eq!(next("*-*-01 03:00", 2), ["2026-12-01T03:00+00:00", "2027-01-01T03:00+00:00"]);
    assert_eq!(next("02-29 03:00", 1), ["2028-02-29T03:00+00:00"]);
    assert_eq!(next("2027-01..03/2-15 03:00", 9), ["2027-01-15T03:00+00:00", "2027-03-15T03:00+00:00"]);
    assert_eq!(next("*:0/20", 3), ["2026-11-27T12:20+00:00", "2026-11-27T12:40+00:00", "2026-11-27T13:00+00:00"]);
    assert_eq!(next("1,13:05,50", 2), ["2026-11-27T13:05+00:00", "2026-11-27T13:50+00:00"]);
    assert_eq!(next("Fri *-*-13", 2), ["2027-08-13T00:00+00:00", "2028-10-13T00:00+00:00"]);
    assert_eq!(next("03:00:30", 1), ["2026-11-28T03:00:30+00:00"]);
    assert_eq!(next("Mon *-02-29 03:00", 1), ["2044-02-29T03:00+00:00"]);
}

#[test]
fn systemds_words_stand_for_what_they_stand_for_there() {
    let next = |text| next_in(&Zone::default(), text, utc(2026, 11, 27, 12, 0), 1);
    for (word, expected) in [
        ("minutely", "2026-11-27T12:01+00:00"),
        ("hourly", "2026-11-27T13:00+00:00"),
        ("daily", "2026-11-28T00:00+00:00"),
        ("Weekly", "2026-11-30T00:00+00:00"),
        ("monthly", "2026-12-01T00:00+00:00"),
        ("quarterly", "2027-01-01T00:00+00:00"),
        ("semiannually", "2027-01-01T00:00+00:00"),
        ("yearly", "2027-01-01T00:00+00:00"),
        ("annually", "2027-01-01T00:00+00:00"),
    ] {
        assert_eq!(next(word), [expected], "{word}");
    }
}

#[test]
fn a_time_that_the_clocks_skip_comes_at_the_skip() {
    // On 2026-03-29 the clocks of Berlin go from 02:00 to 03:00.
    let from = utc(2026, 3, 28, 12, 0);
    let expected = ["2026-03-29T03:00+02:00", "2026-03-30T02:30+02:00"];
    assert_eq!(next_in(&berlin(), "02:30", from, 2), expected);
    // Several skipped times, and the one that they lead to, come once.
    let expected = ["2026-03-29T01:45+01:00", "2026-03-29T03:00+02:00", "2026-03-29T03:15+02:00"];
    assert_eq!(next_in(&berlin(), "*:0/15", utc(2026, 3, 29, 0, 30), 3), expected);
}

#[test]
fn a_time_that_the_clocks_show_twice_comes_once_unless_it_comes_every_hour() {
    // On 2026-10-25 the clocks of Berlin go from 03:00 back to 02:00.
    let expected = ["2026-10-25T02:30+02:00", "2026-10-26T02:30+01:00"];
    assert_eq!(next_in(&berlin(), "02:30", utc(2026, 10, 24, 12, 0), 2), expected);
    // Asked between both: it has been.
    assert_eq!(next_in(&berlin(), "02:30", utc(2026, 10, 25, 0, 45), 1), ["2026-10-26T02:30+01:00"]);
    let expected = ["2026-10-25T02:30+02:00", "2026-10-25T02:30+01:00", "2026-10-25T03:30+01:00"];
    assert_eq!(next_in(&berlin(), "*:30", utc(2026, 10, 25, 0, 0), 3), expected);
}

#[test]
fn clocks_that_change_at_midnight_are_handled() {
    // Begins and ends at midnight: 00:00 is skipped on 2026-03-29, and 23:00 to 24:00 comes twice on 2026-10-24.
    let zone = Zone::of_rule("AAA0BBB,M3.5.0/0,M10.4.0/0").unwrap();
    assert_eq!(
        next_in(&zone, "00:00", utc(2026, 3, 28, 12, 0), 2),
        ["2026-03-29T01:00+01:00", "2026-03-30T00:00+01:00"]
    );
    let expected = ["2026-10-24T23:30+01:00", "2026-10-25T23:30+00:00"];
    assert_eq!(next_in(&zone, "23:30", utc(2026, 10, 24, 12, 0), 2), expected);
    let expected = ["2026-10-24T23:30+01:00", "2026-10-24T23:30+00:00", "2026-10-25T00:30+00:00"];
    assert_eq!(next_in(&zone, "*:30", utc(2026, 10, 24, 22, 0), 3), expected);
}

/// Compares with the local time of every minute of four years.
#[test]
fn every_minute_agrees_with_a_look_at_the_clock() {
    let zone = berlin();
    let calendar = Calendar::parse("Sun *-*-* 1,2,3:30").unwrap();
    let offset = |at| zone.offset(at);
    let shown = |at: i64| at + zone.offset(at);
    let (from, to) = (utc(2026, 1, 1, 0, 0), utc(2030, 1, 1, 0, 0));
    let mut expected = Vec::new();
    let mut latest = i64::MIN;
    for at in (from..to).step_by(60) {
        let local = shown(at);
        let sunday = (local.div_euclid(DAY) + 3).rem_euclid(7) == 6;
        let fits = |local: i64| matches!(local.rem_euclid(DAY), 5_400 | 9_000 | 12_600);
        // Skipped times since the minute before occur now; repeated ones do not occur again.
        let passed = (shown(at - 60) + 60..=local).step_by(60);
        if sunday && passed.clone().any(fits) && local > latest {
            expected.push(at);
        }
        latest = latest.max(local);
    }
    let mut found = Vec::new();
    let mut after = from - 1;
    while let Some(next) = calendar.next(after, &offset).filter(|next| *next < to) {
        found.push(next);
        after = next;
    }
    assert_eq!(found, expected);
    assert!(found.len() > 600);
}

#[test]
fn a_year_that_is_over_never_comes_again() {
    assert_eq!(next_in(&Zone::default(), "2020-01-01 03:00", utc(2026, 1, 1, 0, 0), 1), [""; 0]);
}

#[test]
fn an_invalid_time_is_refused_with_what_to_write() {
    let fix = |text: &str| Calendar::parse(text).unwrap_err();
    for (text, begins) in [
        ("", "write a time of day such as \"03:00\""),
        ("3", "write a time of day such as \"03:00\""),
        ("25:00", "the hour is a number from 0 to 23"),
        ("03:60", "the minute is a number from 0 to 59"),
        ("03:00:00.5", "seconds are whole numbers"),
        ("03:00:0/10", "write one second; more often than once a minute is `every"),
        ("03:00:00:00", "write a time as HOUR:MINUTE"),
        ("3:00pm", "the minute is a number"),
        ("03:00 UTC", "write weekdays first and no time zone"),
        ("Mon-Fri 03:00", "write weekdays as Mon,Thu or Mon..Fri"),
        ("Mo 03:00", "write weekdays as Mon, Tue"),
        ("03:00 Mon", "write weekdays first"),
        ("03:00 *-*-*", "write a time of day such as"),
        ("*-13-01 03:00", "the month is a number from 1 to 12"),
        ("*-*-0 03:00", "the day is a number from 1 to 31"),
        ("*-02-30 03:00", "no such date ever comes"),
        ("*-*~1 03:00", "`~` (days from the end of a month) is not known here"),
        ("1-2-3-4 03:00", "write a date as YEAR-MONTH-DAY"),
        ("1969-01-01 03:00", "the year is a number from 1970 to 2199"),
        ("*-5..3-1 03:00", "the month is a number"),
        ("*/0:00", "the hour is a number"),
        ("+3:00", "the hour is a number"),
        ("0 3 * * *", "write a time of day such as"),
        ("@daily", "write a time of day such as"),
    ] {
        assert!(fix(text).starts_with(begins), "{text:?}: {}", fix(text));
    }
}
