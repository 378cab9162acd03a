//! Recognises lines of crontab(5) in `every` or `at`, and translates them to calendar events for a message. Text in, text
//! out; must not know where the text was.

use std::time::Duration;

use super::calendar::Calendar;
use super::units;

/// The meaning of a text in cron's syntax.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cron {
    /// The equivalent value of `at`.
    At(String),
    /// Once, at the start.
    AtStart,
    /// The equivalent value of `every`.
    Every(String),
    /// On days of the month or of the week: two calendar events.
    EitherDay(String, String),
    /// One of these, and what else the text had.
    With(Box<Cron>, &'static str),
    /// No equivalent.
    Other,
}

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// The same days in the order of a calendar event's week.
const WEEK: [(u32, &str); 7] = [(1, "Mon"), (2, "Tue"), (3, "Wed"), (4, "Thu"), (5, "Fri"), (6, "Sat"), (0, "Sun")];

const NICKNAMES: [(&str, &str); 7] = [
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// What a zone before the fields means here.
const ZONE: &str = "; the zone is that of the container's TZ";
/// What stands behind the fields in a crontab.
const COMMAND: &str = "; what follows the times is a command: write it into `command`";

impl Cron {
    /// Returns the meaning of a text, if it is cron's syntax: five fields, also with a second before them or a command behind
    /// them, or a nickname.
    pub fn read(text: &str) -> Option<Self> {
        let lower = text.trim().to_ascii_lowercase();
        let Some(zoned) = after_zone(&lower) else { return Self::without_zone(&lower) };
        let (_, rest) = zoned.split_once(|letter: char| letter.is_whitespace())?;
        let rest = rest.trim_start();
        if after_zone(rest).is_some() {
            return Some(Self::Other);
        }
        Self::without_zone(rest).map(|cron| Self::With(Box::new(cron), ZONE))
    }

    /// The same of a text in small letters, without a zone before it.
    fn without_zone(lower: &str) -> Option<Self> {
        if let Some(span) = lower.strip_prefix("@every ") {
            let span = units::other_duration(span.trim()).filter(|span| *span >= Duration::from_secs(1));
            return Some(span.map_or(Self::Other, |span| Self::Every(units::show_duration(span))));
        }
        if lower == "@reboot" {
            return Some(Self::AtStart);
        }
        let line = NICKNAMES.iter().find(|(name, _)| *name == lower).map_or(lower, |(_, line)| *line);
        let fields: Vec<&str> = line.split_whitespace().collect();
        let meaning = match fields.as_slice() {
            all if all.len() < 5 || !all.iter().take(2).all(|field| begins_as_field(field)) => return None,
            [minute, hour, day, month, weekday] => translated("0", minute, hour, day, month, weekday),
            // With a second before them, and perhaps a year behind (Quartz, Spring).
            [second, minute, hour, day, month, weekday, rest @ ..]
                if fields.iter().all(|field| is_field(field)) && matches!(rest, [] | ["*"]) =>
            {
                translated(second, minute, hour, day, month, weekday)
            }
            [minute, hour, day, month, weekday, command, ..] if !is_field(command) => {
                let cron = translated("0", minute, hour, day, month, weekday);
                cron.map(|cron| Self::With(Box::new(cron), COMMAND))
            }
            _ => None,
        };
        Some(meaning.unwrap_or(Self::Other))
    }

    /// Returns what to write instead, after "this is cron syntax".
    pub fn fix(&self) -> String {
        match self {
            Self::At(event) => format!("write `at = \"{event}\"`"),
            Self::Every(span) => format!("write `every = \"{span}\"`"),
            Self::With(cron, more) => format!("{}{more}", cron.fix()),
            Self::AtStart => "leave both out: a oneshot runs at the start".to_owned(),
            Self::EitherDay(day, weekday) => {
                format!("it means either day: write two oneshots, `at = \"{day}\"` and `at = \"{weekday}\"`")
            }
            Self::Other => "write a time such as `at = \"03:00\"` or `at = \"Mon..Fri 03:00\"`, or a period such as \
                            `every = \"1h\"`"
                .to_owned(),
        }
    }
}

/// What follows `TZ=`, which may stand before the fields.
fn after_zone(lower: &str) -> Option<&str> {
    lower.strip_prefix("cron_tz=").or_else(|| lower.strip_prefix("tz="))
}

/// Whether a word can begin a line of cron; `H` is Jenkins'.
fn begins_as_field(word: &str) -> bool {
    let first = |letter: char| letter.is_ascii_digit() || "*?".contains(letter);
    word.starts_with(first) || word == "h" || word.starts_with("h/") || word.starts_with("h(")
}

/// Whether a word is made like a field: not a user, and not a program.
fn is_field(word: &str) -> bool {
    let mut parts = word.split(|letter: char| ",-/*?#".contains(letter) || letter.is_ascii_digit());
    let is_name = |part: &str| MONTHS.contains(&part) || DAYS.contains(&part) || matches!(part, "l" | "w" | "lw");
    parts.all(|part| part.is_empty() || is_name(part))
}

fn translated(second: &str, minute: &str, hour: &str, day: &str, month: &str, weekday: &str) -> Option<Cron> {
    let (minute, hour) = (numbers(minute, &[])?, numbers(hour, &[])?);
    let time = match (minute.as_str(), hour.as_str()) {
        (minute, hour) if plain(minute) && plain(hour) => format!("{hour:0>2}:{minute:0>2}"),
        (minute, hour) if plain(minute) => format!("{hour}:{minute:0>2}"),
        (minute, hour) => format!("{hour}:{minute}"),
    };
    let time = match second {
        "0" | "00" => time,
        second if plain(second) => format!("{time}:{second:0>2}"),
        _ => return None,
    };
    // If a field begins with `*` only the other one decides (crontab(5), "Note").
    let either = !day.starts_with(['*', '?']) && !weekday.starts_with(['*', '?']);
    let (day, month, week) = (numbers(day, &[])?, numbers(month, &MONTHS)?, days_of_week(weekday)?);
    let date = match (day.as_str(), month.as_str()) {
        ("*", "*") => None,
        (day, month) => Some(format!("*-{month}-{day}")),
    };
    let event = |week: Option<&str>, date: Option<&str>| {
        let words = [week, date, Some(time.as_str())].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Calendar::parse(&words).is_ok().then_some(words)
    };
    let (week, date) = (week.as_deref(), date.as_deref());
    match either {
        true => {
            let months = if month == "*" { None } else { Some(format!("*-{month}-*")) };
            Some(Cron::EitherDay(event(None, date)?, event(week, months.as_deref())?))
        }
        false => event(week, date).map(Cron::At),
    }
}

fn plain(field: &str) -> bool {
    !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit())
}

/// A field in a calendar event's words: `1-5` is `1..5`.
fn numbers(field: &str, names: &[&str]) -> Option<String> {
    if field == "?" {
        return Some("*".to_owned());
    }
    let number = |word: &str| match (word, names.iter().position(|name| *name == word)) {
        (_, Some(at)) => Some((at + 1).to_string()),
        (word, None) => plain(word).then(|| word.to_owned()),
    };
    let part = |part: &str| {
        let (range, step) = part.split_once('/').map_or((part, None), |(range, step)| (range, Some(step)));
        let range = match (range, range.split_once('-')) {
            ("*", _) => "*".to_owned(),
            (_, Some((first, last))) => format!("{}..{}", number(first)?, number(last)?),
            (one, None) => number(one)?,
        };
        match step {
            None => Some(range),
            Some(step) => plain(step).then(|| format!("{range}/{step}")),
        }
    };
    field.split(',').map(part).collect::<Option<Vec<_>>>().map(|parts| parts.join(","))
}

/// The days of a week, by name; `None` inside: every day.
fn days_of_week(field: &str) -> Option<Option<String>> {
    let number = |word: &str| match DAYS.iter().position(|name| *name == word) {
        Some(at) => u32::try_from(at).ok(),
        None => word.parse::<u32>().ok().filter(|day| plain(word) && *day <= 7),
    };
    let mut days = [false; 8];
    for part in field.split(',') {
        let (range, step) = part.split_once('/').map_or((part, "1"), |(range, step)| (range, step));
        let step = step.parse::<usize>().ok().filter(|step| *step > 0)?;
        let (first, last) = match (range, range.split_once('-')) {
            ("*" | "?", _) => (0, 6),
            (_, Some((first, last))) => (number(first)?, number(last)?),
            (one, None) => (number(one)?, number(one)?),
        };
        if first > last {
            return None;
        }
        for day in (first..=last).step_by(step) {
            *days.get_mut(usize::try_from(day).ok()?)? = true;
        }
    }
    // 7 is Sunday too.
    days[0] |= days[7];
    let has = |(day, _): &&(u32, &str)| usize::try_from(*day).is_ok_and(|day| days.get(day) == Some(&true));
    let all: Vec<&str> = WEEK.iter().filter(has).map(|(_, name)| *name).collect();
    let is_run = WEEK.iter().skip_while(|day| !has(day)).take_while(has).count() == all.len();
    Some(match all.as_slice() {
        [_, _, _, _, _, _, _] => None,
        [first, _, .., last] if is_run => Some(format!("{first}..{last}")),
        some => Some(some.join(",")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Cron {
        Cron::At(text.to_owned())
    }

    #[test]
    fn a_cron_line_is_translated_to_a_calendar_event() {
        for (cron, event) in [
            ("0 3 * * *", "03:00"),
            ("30 4 1 * *", "*-*-1 04:30"),
            ("15 10 * * 1-5", "Mon..Fri 10:15"),
            ("0 0 * * 0", "Sun 00:00"),
            ("0 0 * * sun,sat", "Sat,Sun 00:00"),
            ("0 0 * * 7,2,4", "Tue,Thu,Sun 00:00"),
            ("*/15 * * * *", "*:*/15"),
            ("5 */2 * * *", "*/2:05"),
            ("0 9-17 * * 1-5", "Mon..Fri 9..17:00"),
            ("0 6 1,15 jan-mar *", "*-1..3-1,15 06:00"),
            ("@daily", "00:00"),
            ("@weekly", "Sun 00:00"),
            ("@hourly", "*:00"),
            ("0 0 ? * MON", "Mon 00:00"),
            ("* * * * *", "*:*"),
            ("0 9 * * MON-FRI", "Mon..Fri 09:00"),
            ("0\t22  * * 5-7", "Fri..Sun 22:00"),
            ("0 0 */2 * *", "*-*-*/2 00:00"),
            // With a second, and a year.
            ("0 0 12 * * ?", "12:00"),
            ("30 */5 * * * *", "*:*/5:30"),
            ("0 15 10 ? * MON-FRI *", "Mon..Fri 10:15"),
        ] {
            assert_eq!(Cron::read(cron), Some(at(event)), "{cron}");
        }
    }

    #[test]
    fn what_has_no_such_event_is_still_known_as_crons() {
        let either = Cron::EitherDay("*-*-13 03:00".to_owned(), "Fri 03:00".to_owned());
        assert_eq!(Cron::read("0 3 13 * 5"), Some(either));
        assert_eq!(Cron::read("@reboot"), Some(Cron::AtStart));
        assert_eq!(Cron::read("@every 1h30m"), Some(Cron::Every("90m".to_owned())));
        assert_eq!(Cron::read("@every 5m"), Some(Cron::Every("5m".to_owned())));
        let more = |event: &str, more: &'static str| Some(Cron::With(Box::new(at(event)), more));
        assert_eq!(Cron::read("0 3 * * * root /backup"), more("03:00", COMMAND));
        assert_eq!(Cron::read("*/5 * * * * /usr/bin/php cron.php"), more("*:*/5", COMMAND));
        assert_eq!(Cron::read("CRON_TZ=Europe/Berlin 0 3 * * *"), more("03:00", ZONE));
        for other in [
            "0 0 L * *",
            "61 0 * * *",
            "0 0 * * 5#3",
            "0 0 30 2 *",
            "H/15 * * * *",
            "*/10 * * * * *",
            "0 0 12 1 1 ? 2030",
            "@every 1.5h",
            "@every 10ms",
            "0 22-2 * * *",
        ] {
            assert_eq!(Cron::read(other), Some(Cron::Other), "{other}");
        }
        for none in ["1h", "03:00", "Mon..Fri 03:00", "*-*-01 04:30", "daily", "", "* * *", "hello a b c d", "tz=x"] {
            assert_eq!(Cron::read(none), None, "{none}");
        }
    }

    #[test]
    fn a_zone_is_taken_off_once_however_many_there_are() {
        assert_eq!(Cron::read("TZ=UTC  @daily"), Some(Cron::With(Box::new(at("00:00")), ZONE)));
        assert_eq!(Cron::read("tz=x tz=y 0 3 * * *"), Some(Cron::Other));
        // A file has no more than 256 KiB.
        assert_eq!(Cron::read(&"tz= ".repeat(64 * 1024)), Some(Cron::Other));
    }

    /// Whether a field of cron allows a number, read in another way than above.
    fn allows(field: &str, number: u32) -> bool {
        field.split(',').any(|part| {
            let (range, step) = part.split_once('/').unwrap_or((part, "1"));
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (0, 99),
                Some((first, last)) => (first.parse().unwrap(), last.parse().unwrap()),
                None => (range.parse().unwrap(), range.parse().unwrap()),
            };
            // Days and months count from 1: so do their steps.
            let base = if range == "*" { 0 } else { first };
            (first..=last).contains(&number) && (number - base).is_multiple_of(step.parse().unwrap())
        })
    }

    #[test]
    fn the_event_comes_at_the_minutes_of_the_line() {
        let lines =
            ["0 3 * * *", "*/20 1-3 * * *", "7,9 */6 * * 1-5", "0 12 1,15 2,3 *", "30 23 28-31 * *", "1 2 * * 0,3"];
        for line in lines {
            let Some(Cron::At(event)) = Cron::read(line) else { panic!("{line}") };
            let event = Calendar::parse(&event).unwrap();
            let fields: Vec<&str> = line.split(' ').collect();
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            // Ten weeks from Thursday, 1970-01-01.
            let end = 70 * 86_400;
            let mut now = -1;
            while let Some(next) = event.next(now, &|_| 0).filter(|next| *next < end) {
                found.push(next);
                now = next;
            }
            for minute in 0..end / 60 {
                let (_, month, day) = super::super::civil::date(minute / 1440);
                let parts = [minute % 60, minute / 60 % 24, day, month, (minute / 1440 + 4) % 7];
                let parts = parts.map(|part| u32::try_from(part).unwrap());
                if fields.iter().zip(parts).all(|(field, part)| allows(field, part)) {
                    expected.push(minute * 60);
                }
            }
            assert!(!expected.is_empty() && found == expected, "{line}");
        }
    }
}
