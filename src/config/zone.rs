//! [`Zone`]: the offset of a time zone from UTC at a time, from the bytes of a zone file (tzfile(5), RFC 9636) or a rule
//! such as `CET-1CEST,M3.5.0,M10.5.0/3` (tzset(3)). Without a crate: it is one table and one rule. Must not know where zone
//! files are.

use super::civil;

const DAY: i64 = 86_400;
/// The default dates of daylight saving time (undefined in POSIX, used by all libcs).
const DEFAULT_DATES: &str = ",M3.2.0,M11.1.0";
/// The size of a table's header: magic, version, reserved bytes and six counts.
const HEADER: usize = 44;

/// A time zone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// The offset before the first change.
    first: i64,
    /// Times and the offset from then on, in seconds east of UTC.
    changes: Vec<(i64, i64)>,
    /// The rule after the last change.
    rule: Option<Rule>,
}

/// The rule of a zone after its table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    standard: i64,
    saving: Option<Saving>,
}

/// Daylight saving time: its offset, and when it begins and ends in each year.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Saving {
    offset: i64,
    begins: (Date, i64),
    ends: (Date, i64),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Date {
    /// `Jn`: 1 to 365, 29 February is never counted.
    Julian(i64),
    /// `n`: 0 to 365, with 29 February.
    Plain(i64),
    /// `Mm.w.d`: the weekday (0: Sunday) of that week of the month (5: the last one).
    Week { month: i64, week: i64, weekday: i64 },
}

impl Zone {
    /// Parses a zone file; `None` if it is invalid.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (table, rest) = TransitionTable::read(bytes, 4)?;
        if table.version == 0 {
            return table.zone(None);
        }
        let (table, rest) = TransitionTable::read(rest, 8)?;
        let footer = rest.strip_prefix(b"\n")?;
        let end = footer.iter().position(|byte| *byte == b'\n')?;
        let rule = std::str::from_utf8(footer.get(..end)?).ok()?;
        table.zone(if rule.is_empty() { None } else { Some(Rule::parse(rule)?) })
    }

    /// Parses a rule; `None` if it is invalid.
    pub fn of_rule(text: &str) -> Option<Self> {
        let rule = Rule::parse(text)?;
        Some(Self { first: rule.standard, changes: Vec::new(), rule: Some(rule) })
    }

    /// Returns the offset in seconds east of UTC at a time (seconds since 1970).
    pub fn offset(&self, at: i64) -> i64 {
        let passed = self.changes.partition_point(|(from, _)| *from <= at);
        match (&self.rule, passed.checked_sub(1).and_then(|last| self.changes.get(last))) {
            (Some(rule), _) if passed == self.changes.len() => rule.offset(at),
            (_, Some((_, offset))) => *offset,
            (_, None) => self.first,
        }
    }
}

/// One of the (up to) two tables of a zone file.
struct TransitionTable<'a> {
    version: u8,
    width: usize,
    times: &'a [u8],
    kinds: &'a [u8],
    types: &'a [u8],
}

impl<'a> TransitionTable<'a> {
    fn read(bytes: &'a [u8], width: usize) -> Option<(Self, &'a [u8])> {
        let header = bytes.get(..HEADER)?.strip_prefix(b"TZif")?;
        let version = *header.first()?;
        let counts: Vec<usize> =
            header.get(16..)?.chunks(4).filter_map(number).filter_map(|it| usize::try_from(it).ok()).collect();
        let [is_ut, is_standard, leaps, times, types, letters] = *<&[usize; 6]>::try_from(counts.as_slice()).ok()?;
        let mut rest = bytes.get(HEADER..)?;
        let mut take = |length: Option<usize>| -> Option<&'a [u8]> {
            let (taken, behind) = rest.split_at_checked(length?)?;
            rest = behind;
            Some(taken)
        };
        let table = Self {
            version,
            width,
            times: take(times.checked_mul(width))?,
            kinds: take(Some(times))?,
            types: take(types.checked_mul(6))?,
        };
        take(Some(letters))?;
        take(leaps.checked_mul(width + 4))?;
        take(Some(is_standard))?;
        take(Some(is_ut))?;
        Some((table, rest))
    }

    fn zone(&self, rule: Option<Rule>) -> Option<Zone> {
        let offsets: Vec<i64> = self.types.chunks(6).filter_map(|kind| number(kind.get(..4)?)).collect();
        let times = self.times.chunks(self.width).filter_map(number);
        let changes: Option<Vec<(i64, i64)>> =
            times.zip(self.kinds).map(|(from, kind)| Some((from, *offsets.get(usize::from(*kind))?))).collect();
        let changes = changes.filter(|all| all.is_sorted_by(|(one, _), (other, _)| one < other))?;
        Some(Zone { first: *offsets.first()?, changes, rule })
    }
}

/// Four or eight bytes, the highest first, with a sign.
fn number(bytes: &[u8]) -> Option<i64> {
    match bytes.len() {
        4 => bytes.try_into().ok().map(i32::from_be_bytes).map(i64::from),
        8 => bytes.try_into().ok().map(i64::from_be_bytes),
        _ => None,
    }
}

impl Rule {
    fn parse(text: &str) -> Option<Self> {
        let mut rest = name(text)?;
        let standard = -time(&mut rest)?;
        if rest.is_empty() {
            return Some(Self { standard, saving: None });
        }
        let mut rest = name(rest)?;
        let offset = if rest.is_empty() || rest.starts_with(',') { standard + 3600 } else { -time(&mut rest)? };
        let dates = if rest.is_empty() { DEFAULT_DATES } else { rest };
        let (begins, ends) = dates.strip_prefix(',')?.split_once(',')?;
        Some(Self { standard, saving: Some(Saving { offset, begins: change(begins)?, ends: change(ends)? }) })
    }

    fn offset(&self, at: i64) -> i64 {
        let Some(Saving { offset, begins, ends }) = &self.saving else { return self.standard };
        let (year, ..) = civil::date(at.saturating_add(self.standard).div_euclid(DAY));
        // Each is given in the local time before the change.
        let begins = begins.0.day(year) * DAY + begins.1 - self.standard;
        let ends = ends.0.day(year) * DAY + ends.1 - offset;
        let saves = match begins < ends {
            true => (begins..ends).contains(&at),
            false => !(ends..begins).contains(&at),
        };
        if saves { *offset } else { self.standard }
    }
}

impl Date {
    /// The day, counted from 1970-01-01, in that year.
    fn day(self, year: i64) -> i64 {
        let first = civil::day(year, 1, 1);
        match self {
            Self::Plain(day) => first + day,
            Self::Julian(day) => {
                let is_leap = civil::day(year + 1, 1, 1) - first == 366;
                first + day - 1 + i64::from(is_leap && day >= 60)
            }
            Self::Week { month, week, weekday } => {
                let first = civil::day(year, month, 1);
                let length = civil::day(year + month / 12, month % 12 + 1, 1) - first;
                // 1970-01-01 was a Thursday.
                let ahead = (weekday - (first + 4)).rem_euclid(7);
                let day = ahead + (week - 1) * 7;
                first + if day >= length { day - 7 } else { day }
            }
        }
    }
}

/// Passes over a name: three letters or more, or anything in angle brackets.
fn name(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix('<') {
        return rest.split_once('>').map(|(_, behind)| behind);
    }
    let behind = text.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    (text.len() - behind.len() >= 3).then_some(behind)
}

/// Takes `[+-]hh[:mm[:ss]]` and returns it in seconds.
fn time(text: &mut &str) -> Option<i64> {
    let is_of_it = |letter: char| letter.is_ascii_digit() || matches!(letter, ':' | '+' | '-');
    let end = text.find(|letter| !is_of_it(letter)).unwrap_or(text.len());
    let (taken, behind) = text.split_at_checked(end)?;
    *text = behind;
    let (sign, digits) = match taken.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, taken.strip_prefix('+').unwrap_or(taken)),
    };
    let parts: Option<Vec<i64>> = digits.split(':').map(digits_of).collect();
    match parts?.as_slice() {
        [hours] if *hours <= 167 => Some(sign * hours * 3600),
        [hours, minutes] if *hours <= 167 && *minutes < 60 => Some(sign * (hours * 3600 + minutes * 60)),
        [hours, minutes, seconds] if *hours <= 167 && *minutes < 60 && *seconds < 60 => {
            Some(sign * (hours * 3600 + minutes * 60 + seconds))
        }
        _ => None,
    }
}

fn digits_of(text: &str) -> Option<i64> {
    let plain = (1..=3).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

/// `M3.5.0`, `J60`, `59`, each with `/time`; 02:00 where there is none.
fn change(text: &str) -> Option<(Date, i64)> {
    let (date, mut at) = text.split_once('/').unwrap_or((text, "2"));
    let time = time(&mut at).filter(|_| at.is_empty())?;
    let date = if let Some(rest) = date.strip_prefix('M') {
        let parts: Option<Vec<i64>> = rest.split('.').map(digits_of).collect();
        match parts?.as_slice() {
            [month @ 1..=12, week @ 1..=5, weekday @ 0..=6] => {
                Date::Week { month: *month, week: *week, weekday: *weekday }
            }
            _ => return None,
        }
    } else if let Some(rest) = date.strip_prefix('J') {
        Date::Julian(digits_of(rest).filter(|day| (1..=365).contains(day))?)
    } else {
        Date::Plain(digits_of(date).filter(|day| *day <= 365)?)
    };
    Some((date, time))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone file of one table, as `zic -b slim` writes it: changes, distances, and the rule behind them.
    fn file(changes: &[(i64, u8)], offsets: &[i32], rule: &str) -> Vec<u8> {
        let header = |times: usize, types: usize| {
            let counts = [0, 0, 0, times, types, 4].map(|count| u32::try_from(count).unwrap().to_be_bytes());
            [b"TZif2".as_slice(), &[0; 15], &counts.concat()].concat()
        };
        let mut bytes = header(0, 1);
        bytes.extend([0; 6]);
        bytes.extend(b"UTC\0");
        bytes.extend(header(changes.len(), offsets.len()));
        changes.iter().for_each(|(at, _)| bytes.extend(at.to_be_bytes()));
        bytes.extend(changes.iter().map(|(_, kind)| *kind));
        offsets.iter().for_each(|offset| bytes.extend([offset.to_be_bytes().as_slice(), &[0, 0]].concat()));
        bytes.extend(b"ABC\0");
        bytes.extend(format!("\n{rule}\n").bytes());
        bytes
    }

    #[test]
    fn a_table_holds_until_its_rule_does() {
        let zone = Zone::parse(&file(&[(1000, 1), (2000, 0)], &[600, 1200], "CET-1")).unwrap();
        assert_eq!([999, 1000, 1999, 2000].map(|at| zone.offset(at)), [600, 1200, 1200, 3600]);
        let zone = Zone::parse(&file(&[(1000, 1), (2000, 0)], &[600, 1200], "")).unwrap();
        assert_eq!([2000, 9_000_000].map(|at| zone.offset(at)), [600, 600]);
    }

    #[test]
    fn a_rule_begins_and_ends_daylight_saving_time() {
        let berlin = Zone::of_rule("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        // 2026-03-29 01:00 UTC and 2026-10-25 01:00 UTC.
        let (begins, ends) = (1_774_746_000, 1_792_890_000);
        assert_eq!([begins - 1, begins, ends - 1, ends].map(|at| berlin.offset(at)), [3600, 7200, 7200, 3600]);
        // The year begins in summer there: 2026-04-05 03:00 local ends it.
        let sydney = Zone::of_rule("AEST-10AEDT,M10.1.0,M4.1.0/3").unwrap();
        assert_eq!([1_767_225_600, 1_775_318_399, 1_775_318_400].map(|at| sydney.offset(at)), [39_600, 39_600, 36_000]);
        // Ireland's winter is its daylight saving time, with a distance below the standard's.
        let dublin = Zone::of_rule("IST-1GMT0,M10.5.0,M3.5.0/1").unwrap();
        assert_eq!([begins - 1, begins, ends - 1, ends].map(|at| dublin.offset(at)), [0, 3600, 3600, 0]);
        assert_eq!(Zone::of_rule("<+0330>-3:30").unwrap().offset(0), 12_600);
        assert_eq!(Zone::of_rule("UTC0").unwrap().offset(0), 0);
    }

    #[test]
    fn days_of_the_year_are_counted_with_and_without_the_leap_day() {
        for (date, year, expected) in [
            (Date::Julian(60), 2024, civil::day(2024, 3, 1)),
            (Date::Julian(59), 2024, civil::day(2024, 2, 28)),
            (Date::Julian(60), 2023, civil::day(2023, 3, 1)),
            (Date::Plain(59), 2024, civil::day(2024, 2, 29)),
            (Date::Week { month: 12, week: 5, weekday: 4 }, 2026, civil::day(2026, 12, 31)),
            (Date::Week { month: 2, week: 5, weekday: 0 }, 2026, civil::day(2026, 2, 22)),
        ] {
            assert_eq!(date.day(year), expected, "{date:?}");
        }
    }

    #[test]
    fn what_is_no_zone_is_none_and_never_a_panic() {
        let whole = file(&[(1000, 1), (2000, 0)], &[600, 1200], "CET-1CEST,M3.5.0,M10.5.0/3");
        for length in 0..whole.len() - 1 {
            assert_eq!(Zone::parse(&whole[..length]), None, "{length}");
        }
        for byte in 0..whole.len() {
            let mut broken = whole.clone();
            broken[byte] = 0xff;
            let _any = Zone::parse(&broken).map(|zone| zone.offset(1500));
        }
        let unsorted = file(&[(2000, 1), (1000, 0)], &[0, 0], "");
        let unknown_kind = file(&[(1000, 7)], &[0], "");
        assert_eq!((Zone::parse(&unsorted), Zone::parse(&unknown_kind)), (None, None));
        for text in
            ["", "CE-1", "CET", "CET-1CEST,M3.5.0", "CET-1CEST,M13.5.0,M10.5.0", "CET-999", "<+03-3", "CET-1CEST,J0,J9"]
        {
            assert_eq!(Zone::of_rule(text), None, "{text}");
        }
    }
}
