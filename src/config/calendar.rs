//! [`Calendar`]: `at` of a oneshot, a subset of systemd.time(7)'s calendar events, and the next time of one.
//! Pure: the current time and the zone's offset are arguments.

use std::fmt;

use super::civil;

/// Seconds of a day in local time.
const DAY: i64 = 86_400;
/// No zone has a larger offset from UTC.
const MAX_OFFSET: i64 = 26 * 3600;
/// Dates repeat after 400 years: an event that does not occur within them never does.
const MAX_DAYS: i64 = 146_097;
/// The years that systemd accepts.
const YEARS: (u32, u32) = (1970, 2199);

const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const SHORTHANDS: [(&str, &str); 9] = [
    ("minutely", "*-*-* *:*"),
    ("hourly", "*-*-* *:00"),
    ("daily", "*-*-* 00:00"),
    ("weekly", "Mon *-*-* 00:00"),
    ("monthly", "*-*-01 00:00"),
    ("quarterly", "*-01,04,07,10-01 00:00"),
    ("semiannually", "*-01,07-01 00:00"),
    ("yearly", "*-01-01 00:00"),
    ("annually", "*-01-01 00:00"),
];

/// Times of local time that match all fields.
#[derive(Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The text as written.
    text: String,
    /// Bit 0: Monday.
    weekdays: u64,
    /// `None`: every year.
    years: Option<Vec<u32>>,
    /// Bits 1 to 12.
    months: u64,
    /// Bits 1 to 31.
    days: u64,
    /// Bits 0 to 23.
    hours: u64,
    /// Bits 0 to 59.
    minutes: u64,
    second: i64,
}

impl Calendar {
    /// Parses `[WEEKDAYS] [DATE] [TIME]`, or one of systemd's shorthands.
    ///
    /// # Errors
    /// What to write instead, if it is invalid or never occurs.
    pub fn parse(text: &str) -> Result<Self, String> {
        let lower = text.to_ascii_lowercase();
        let written = SHORTHANDS.iter().find(|(word, _)| *word == lower).map_or(text, |(_, stands_for)| stands_for);
        let mut calendar = Self {
            text: text.to_owned(),
            weekdays: bits(0, 6),
            years: None,
            months: bits(1, 12),
            days: bits(1, 31),
            hours: bits(0, 0),
            minutes: bits(0, 0),
            second: 0,
        };
        let mut read = [false; 3];
        for word in written.split_whitespace() {
            let place = match word {
                word if word.contains(':') => 2,
                word if word.starts_with(|letter: char| letter.is_ascii_alphabetic()) => 0,
                word if word.contains('-') => 1,
                _ => return Err(form()),
            };
            // Each at most once, in this order.
            if read.iter().skip(place).any(|seen| *seen) {
                return Err(if place == 0 { zone() } else { form() });
            }
            match place {
                0 => calendar.weekdays = weekdays(word)?,
                1 => calendar.read_date(word)?,
                _ => calendar.read_time(word)?,
            }
            if let Some(seen) = read.get_mut(place) {
                *seen = true;
            }
        }
        if read == [false; 3] {
            return Err(form());
        }
        if calendar.day_from(0).is_none() {
            return Err(
                "no such date ever comes: write one that the calendar has, such as \"*-02-28 03:00\"".to_owned()
            );
        }
        Ok(calendar)
    }

    fn read_date(&mut self, word: &str) -> Result<(), String> {
        let parts: Vec<&str> = word.split('-').collect();
        let (year, month, day) = match parts.as_slice() {
            [year, month, day] => (*year, *month, *day),
            [month, day] => ("*", *month, *day),
            _ => return Err("write a date as YEAR-MONTH-DAY or MONTH-DAY, such as \"*-*-01\"".to_owned()),
        };
        if day.contains('~') || month.contains('~') {
            return Err(
                "`~` (days from the end of a month) is not known here: write days such as \"*-*-28\"".to_owned()
            );
        }
        self.years = match year {
            "*" => None,
            _ => Some(numbers(year, "the year", YEARS)?),
        };
        self.months = set(month, "the month", (1, 12))?;
        self.days = set(day, "the day", (1, 31))?;
        Ok(())
    }

    fn read_time(&mut self, word: &str) -> Result<(), String> {
        let parts: Vec<&str> = word.split(':').collect();
        let (hour, minute, second) = match parts.as_slice() {
            [hour, minute] => (*hour, *minute, "0"),
            [hour, minute, second] => (*hour, *minute, *second),
            _ => return Err("write a time as HOUR:MINUTE or HOUR:MINUTE:SECOND, such as \"03:00\"".to_owned()),
        };
        if second.contains('.') {
            return Err("seconds are whole numbers here, such as \"03:00:30\"".to_owned());
        }
        self.hours = set(hour, "the hour", (0, 23))?;
        self.minutes = set(minute, "the minute", (0, 59))?;
        match numbers(second, "the second", (0, 59))?.as_slice() {
            [second] => self.second = i64::from(*second),
            _ => return Err("write one second; more often than once a minute is `every = \"10s\"`".to_owned()),
        }
        Ok(())
    }

    /// Returns the first time after `after` at which it occurs, in seconds since 1970; `None`: it never occurs again.
    /// `offset` returns the zone's offset from UTC in seconds at a time.
    ///
    /// A local time that is skipped occurs at the change of the clock; one that exists twice occurs the first time only,
    /// unless it occurs every hour.
    pub fn next(&self, after: i64, offset: &dyn Fn(i64) -> i64) -> Option<i64> {
        let mut day = after.saturating_add(offset(after)).div_euclid(DAY).saturating_sub(1);
        let mut later = 0;
        let mut best: Option<i64> = None;
        // One more day than the one that matches: if the clock changes at midnight, days overlap.
        while later < 2 {
            let Some(found) = self.day_from(day) else { break };
            let instants = self.times().flat_map(|time| self.instants(found * DAY + time, offset));
            let first = instants.filter(|moment| *moment > after).min();
            best = [best, first].into_iter().flatten().min();
            later += i64::from(best.is_some());
            day = found.saturating_add(1);
        }
        best
    }

    /// The first matching day from this one on, counted from 1970.
    fn day_from(&self, day: i64) -> Option<i64> {
        (day..day.saturating_add(MAX_DAYS)).find(|day| {
            let (year, month, of_month) = civil::date(*day);
            // 1970-01-01 was a Thursday.
            let weekday = (day + 3).rem_euclid(7);
            let fits_year = self.years.as_ref().is_none_or(|years| years.iter().any(|it| i64::from(*it) == year));
            fits_year && has(self.months, month) && has(self.days, of_month) && has(self.weekdays, weekday)
        })
    }

    /// Its times of day, in seconds since midnight, the earliest first.
    fn times(&self) -> impl Iterator<Item = i64> {
        let hours = (0..24).filter(|hour| has(self.hours, *hour));
        hours.flat_map(move |hour| {
            let minutes = (0..60).filter(move |minute| has(self.minutes, *minute));
            minutes.map(move |minute| hour * 3600 + minute * 60 + self.second)
        })
    }

    /// The times with this local time, which is given in seconds since 1970 as if it were UTC.
    fn instants(&self, local: i64, offset: &dyn Fn(i64) -> i64) -> Vec<i64> {
        let (before, behind) = (offset(local - MAX_OFFSET), offset(local + MAX_OFFSET));
        let right = |distance: &i64| offset(local - distance) == *distance;
        let mut found: Vec<i64> =
            [before, behind].iter().filter(|distance| right(distance)).map(|distance| local - distance).collect();
        found.sort_unstable();
        found.dedup();
        match found.len() {
            0 => vec![skip(local - before.max(behind), local - before.min(behind), offset)],
            1 => found,
            _ if self.hours == bits(0, 23) => found,
            _ => found.into_iter().take(1).collect(),
        }
    }
}

/// The first time in between with another offset.
fn skip(mut from: i64, mut to: i64, offset: &dyn Fn(i64) -> i64) -> i64 {
    let before = offset(from);
    while to - from > 1 {
        let middle = from + (to - from) / 2;
        match offset(middle) == before {
            true => from = middle,
            false => to = middle,
        }
    }
    to
}

impl fmt::Display for Calendar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.text)
    }
}

impl fmt::Debug for Calendar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Calendar({:?})", self.text)
    }
}

fn bits(first: u32, last: u32) -> u64 {
    (first..=last).fold(0, |set, number| set | 1 << number)
}

fn has(set: u64, number: i64) -> bool {
    u32::try_from(number).is_ok_and(|number| set.checked_shr(number).is_some_and(|rest| rest & 1 == 1))
}

fn form() -> String {
    "write a time of day such as \"03:00\", with weekdays or a date before it such as \"Mon..Fri 03:00\" or \
     \"*-*-01 03:00\""
        .to_owned()
}

fn zone() -> String {
    "write weekdays first and no time zone: the zone is that of the container's TZ".to_owned()
}

/// `Mon`, `Mon,Thu`, `Mon..Fri`.
fn weekdays(word: &str) -> Result<u64, String> {
    let mut set = 0;
    for part in word.split(',') {
        let (first, last) = part.split_once("..").unwrap_or((part, part));
        let (first, last) = (weekday(first)?, weekday(last)?);
        // Sat..Mon wraps around the end of the week.
        let last = if last < first { last + 7 } else { last };
        set |= (first..=last).fold(0, |set, day| set | 1 << (day % 7));
    }
    Ok(set)
}

fn weekday(word: &str) -> Result<u32, String> {
    let lower = word.to_ascii_lowercase();
    let is_it = |name: &str| lower == name || (lower.len() == 3 && name.starts_with(&lower));
    let found = (0..).zip(WEEKDAYS).find(|(_, name)| is_it(name)).map(|(day, _)| day);
    found.ok_or_else(|| match word.contains('-') || word.contains('/') {
        true => "write weekdays as Mon,Thu or Mon..Fri".to_owned(),
        false => {
            "write weekdays as Mon, Tue, Wed, Thu, Fri, Sat, Sun, or one of minutely, hourly, daily, weekly, monthly, \
                  quarterly, semiannually, yearly alone"
                .to_owned()
        }
    })
}

fn set(word: &str, what: &str, range: (u32, u32)) -> Result<u64, String> {
    Ok(numbers(word, what, range)?.into_iter().fold(0, |set, number| set | 1 << number))
}

/// `*`, `1`, `1,15`, `1..7`, `*/2`, `1/2`, `1..7/2`.
fn numbers(word: &str, what: &str, (least, most): (u32, u32)) -> Result<Vec<u32>, String> {
    let wrong =
        || format!("{what} is a number from {least} to {most}, a list (1,15), a range (1..7), a step (*/2) or `*`");
    let number = |text: &str| -> Result<u32, String> {
        let plain = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| plain && (least..=most).contains(number));
        number.ok_or_else(wrong)
    };
    let mut all = Vec::new();
    for part in word.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => {
                let plain = (1..=4).contains(&step.len()) && step.bytes().all(|byte| byte.is_ascii_digit());
                let step = step.parse::<usize>().ok().filter(|step| plain && *step > 0).ok_or_else(wrong)?;
                (range, Some(step))
            }
            None => (part, None),
        };
        let (first, last) = match (range, range.split_once("..")) {
            ("*", _) => (least, most),
            (_, Some((first, last))) => (number(first)?, number(last)?),
            // As in systemd and cron: `10/20` continues to the end.
            (first, None) if step.is_some() => (number(first)?, most),
            (only, None) => (number(only)?, number(only)?),
        };
        if first > last {
            return Err(wrong());
        }
        all.extend((first..=last).step_by(step.unwrap_or(1)));
    }
    all.sort_unstable();
    all.dedup();
    Ok(all)
}

#[cfg(test)]
#[path = "calendar_tests.rs"]
mod tests;
