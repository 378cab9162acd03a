//! A value of another system in our words, so that a message names a line that can be pasted. Must not know the key that it
//! was found at.

use std::borrow::Cow;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::calendar::Calendar;
use super::foreign_meanings::short_name;
use super::foreign_tables::{S6, SUPERVISORD, SYSTEMD, VALUES};
use super::key_reference::{Expects, LimitUnit, TextForm};
use super::quote::quoted;
use super::values::{Capability, ServiceName, Signal, UserName};
use super::{service_keys, units};

/// What `environment` expects.
const VARIABLES: Expects = Expects::TableOf(TextForm::AnyVariable, &Expects::Text(TextForm::Any));
/// What `command` expects.
const COMMAND: Expects = Expects::Array(&Expects::Text(TextForm::Any), 1);
/// What `requires` expects.
const SERVICES: Expects = Expects::Array(&Expects::Text(TextForm::Any), 0);
/// A longer value is not repeated.
const MAX_REPEATED: usize = 80;

/// Returns what to write instead of another system's value of a key of ours.
pub fn fix(key: &str, value: &str) -> Option<String> {
    let (wanted, value) = (key.trim_matches('`'), value.to_ascii_lowercase().replace('_', "-"));
    let table = wanted.strip_suffix(".policy");
    let wanted = table.unwrap_or(wanted);
    let (_, _, fix) = VALUES.iter().find(|(key, theirs, _)| *key == wanted && *theirs == value)?;
    // In a table it is the key there.
    Some(table.map_or_else(|| (*fix).to_owned(), |table| fix.replace(&format!("`{table} = "), "`policy = ")))
}

/// Returns the value as a key of ours would have it, if it can be one.
pub fn translated(value: &DeValue<'_>, system: &str, expects: Expects) -> Option<String> {
    match value {
        DeValue::String(text) if can_be_repeated(text) => of_text(text, system, expects),
        DeValue::Integer(number) => {
            let number = i64::from_str_radix(number.as_str(), number.radix()).ok()?;
            of_number(number, system, expects)
        }
        DeValue::Float(seconds) if expects == Expects::Duration && system != S6 => {
            let span = seconds.as_str().parse().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())?;
            let text = units::show_duration(span);
            units::duration(&text).ok().map(|_| quoted(&text))
        }
        DeValue::Boolean(yes) => of_boolean(*yes, expects),
        DeValue::Array(all) => {
            let words = all.iter().map(|value| value.get_ref().as_str().filter(|text| can_be_repeated(text)));
            let words = words.collect::<Option<Vec<_>>>()?;
            match (words.as_slice(), expects) {
                // A test of compose.
                (["CMD", command @ ..], COMMAND) => list(command),
                (["CMD-SHELL", script], COMMAND) => list(&["sh", "-c", script]),
                (command, COMMAND) => list(command),
                ([path], Expects::AbsolutePath) => of_text(path, system, expects),
                (words, VARIABLES) => variables(words),
                (words, expects) => of_words(words, expects),
            }
        }
        DeValue::Table(all) => of_table(all, system, expects),
        DeValue::String(_) | DeValue::Float(_) | DeValue::Datetime(_) => None,
    }
}

fn of_table(all: &DeTable<'_>, system: &str, expects: Expects) -> Option<String> {
    match expects {
        SERVICES => {
            let names: Vec<&str> = all.keys().map(|key| key.get_ref().as_ref()).collect();
            let inner = all.values().next().map(Spanned::get_ref).filter(|inner| inner.is_array());
            match (names.as_slice(), inner) {
                // `dependencies.d`.
                (["d"], Some(inner)) => translated(inner, system, expects),
                // As compose's `depends_on` may be.
                (names, _) => of_words(names, expects),
            }
        }
        Expects::Table(doc) if *doc == service_keys::LIMITS => {
            let limit = |(name, value): (&Spanned<Cow<'_, str>>, &Spanned<DeValue<'_>>)| {
                let known = doc.key(name.get_ref())?;
                Some(format!("{} = {}", known.name, limit(value.get_ref())?))
            };
            inline(all.iter().map(limit).collect::<Option<Vec<_>>>()?)
        }
        VARIABLES => {
            let words =
                all.iter().map(|(name, value)| Some(format!("{}={}", name.get_ref(), value.get_ref().as_str()?)));
            let words = words.collect::<Option<Vec<_>>>()?;
            let can_be = words.iter().all(|word| can_be_repeated(word));
            can_be.then(|| variables(&words.iter().map(String::as_str).collect::<Vec<_>>())).flatten()
        }
        _ => None,
    }
}

/// A limit of compose: a number, or both sides.
fn limit(value: &DeValue<'_>) -> Option<String> {
    let number = |value: &DeValue<'_>| {
        let number = value.as_integer()?;
        i64::from_str_radix(number.as_str(), number.radix()).ok().filter(|number| *number >= 0)
    };
    let Some(both) = value.as_table() else { return number(value).map(|number| number.to_string()) };
    let side = |name: &str| both.get(name).and_then(|value| number(value.get_ref()));
    Some(format!("{{ soft = {}, hard = {} }}", side("soft")?, side("hard")?))
}

/// Variables, each `NAME=value`.
fn variables(words: &[&str]) -> Option<String> {
    let variable = |word: &&str| {
        let (name, value) = word.split_once('=')?;
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let is_name = !name.is_empty() && name.chars().all(is_plain);
        // Quotes, and what they expand.
        (is_name && !value.contains(['\'', '$', '%'])).then(|| format!("{name} = {}", quoted(value)))
    };
    inline(words.iter().map(variable).collect::<Option<Vec<_>>>()?)
}

fn inline(pairs: Vec<String>) -> Option<String> {
    (!pairs.is_empty()).then(|| format!("{{ {} }}", pairs.join(", ")))
}

/// What a basic string of TOML, between backticks, may contain as it is.
fn can_be_repeated(text: &str) -> bool {
    let plain = |byte: u8| (byte.is_ascii_graphic() || byte == b' ') && !b"\"\\`".contains(&byte);
    !text.is_empty() && text.len() <= MAX_REPEATED && text.bytes().all(plain)
}

fn of_text(text: &str, system: &str, expects: Expects) -> Option<String> {
    let if_right = |is_right: bool| is_right.then(|| quoted(text));
    match expects {
        Expects::Word(words) | Expects::WordOrTable(words, _) if words.contains(&text) => Some(quoted(text)),
        Expects::Text(TextForm::RunAs) => user(text).map(|user| quoted(&user)),
        VARIABLES => variables(&text.split_whitespace().collect::<Vec<_>>()),
        Expects::Calendar => if_right(Calendar::parse(text).is_ok()),
        Expects::AbsolutePath => if_right(is_absolute(text)),
        Expects::Octal(most) => if_right(units::octal(text, most).is_some()),
        Expects::Signal => {
            let upper = text.to_ascii_uppercase();
            Signal::parse(&upper).map(|signal| quoted(&short_name(signal)))
        }
        COMMAND => command(text),
        Expects::Array(Expects::Integer(least, most), _) => codes(text, system, *least, *most),
        Expects::Array(Expects::Text(TextForm::WaitTarget), _) => {
            is_absolute(text).then(|| list(&[&format!("path:{text}")])).flatten()
        }
        Expects::Array(_, 0) => of_words(&text.split_whitespace().collect::<Vec<_>>(), expects),
        Expects::Duration if units::duration(text).is_ok() => Some(quoted(text)),
        Expects::Duration if text.contains(|letter: char| !letter.is_ascii_digit()) => {
            units::other_duration(text).map(|span| quoted(&units::show_duration(span)))
        }
        Expects::Limit(LimitUnit::Bytes) if units::size(text).is_some() => Some(quoted(text)),
        Expects::Limit(unit) if text == "infinity" => if_right(unit != LimitUnit::FiniteNumber),
        Expects::Boolean | Expects::WordOrTable(_, _) => match text.to_ascii_lowercase().as_str() {
            "yes" | "true" | "on" | "1" => of_boolean(true, expects),
            "no" | "false" | "off" | "0" => of_boolean(false, expects),
            _ => None,
        },
        _ => of_number(text.parse().ok()?, system, expects),
    }
}

/// A user as our keys have it; a group by name is that of the account.
fn user(text: &str) -> Option<String> {
    let is_id = |text: &str| units::id(text.as_bytes()).is_ok();
    match text.split_once(':') {
        None if text == "0" => Some("root".to_owned()),
        None if is_id(text) => Some(format!("{text}:{text}")),
        None => UserName::new(text).map(|_| text.to_owned()),
        Some(("0", gid)) => (gid == "0").then(|| "root".to_owned()),
        Some((uid, gid)) if is_id(uid) => is_id(gid).then(|| text.to_owned()),
        Some((name, group)) => (name == group && UserName::new(name).is_some()).then(|| name.to_owned()),
    }
}

/// Whether it is a path as our keys have it; it has no control characters.
fn is_absolute(text: &str) -> bool {
    text.starts_with('/') && text.split('/').all(|part| part != "..")
}

fn of_boolean(yes: bool, expects: Expects) -> Option<String> {
    match expects {
        Expects::Boolean => Some(yes.to_string()),
        // Whether it is started again.
        Expects::WordOrTable(words, _) => {
            let word = if yes { "always" } else { "never" };
            words.contains(&word).then(|| quoted(word))
        }
        _ => None,
    }
}

fn of_words(words: &[&str], expects: Expects) -> Option<String> {
    let if_all = |is_right: fn(&&str) -> bool| words.iter().all(is_right).then(|| list(words)).flatten();
    match expects {
        SERVICES => services(words),
        Expects::Array(Expects::Text(TextForm::Capability), _) => if_all(|word| Capability::parse(word).is_some()),
        Expects::Array(Expects::NameOrNumber, _) => {
            if_all(|word| UserName::new(word).is_some() || units::id(word.as_bytes()).is_ok())
        }
        _ => None,
    }
}

/// Exit codes that count as success; systemd counts 0 as one, too.
fn codes(text: &str, system: &str, least: i64, most: i64) -> Option<String> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    let codes = words.map(|word| word.parse().ok().filter(|code| (least..=most).contains(code)));
    let mut codes = codes.collect::<Option<Vec<i64>>>()?;
    if system == SYSTEMD && !codes.contains(&0) {
        codes.insert(0, 0);
    }
    let codes: Vec<String> = codes.iter().map(ToString::to_string).collect();
    (!codes.is_empty()).then(|| format!("[{}]", codes.join(", ")))
}

fn of_number(number: i64, system: &str, expects: Expects) -> Option<String> {
    match expects {
        Expects::Integer(least, most) => (least..=most).contains(&number).then(|| number.to_string()),
        // `startretries`: the first start is none of them.
        Expects::CountOrInfinity if system == SUPERVISORD => {
            (number >= 0).then(|| number.saturating_add(1).min(i64::from(u32::MAX)).to_string())
        }
        Expects::Signal => i32::try_from(number).ok().and_then(Signal::from_number).map(|it| quoted(&short_name(it))),
        Expects::Text(TextForm::RunAs) => user(&number.to_string()).map(|user| quoted(&user)),
        Expects::Count | Expects::CountOrInfinity => (number > 0).then(|| number.to_string()),
        Expects::Limit(_) => (number >= 0).then(|| number.to_string()),
        Expects::Array(Expects::Integer(least, most), _) => codes(&number.to_string(), system, *least, *most),
        // s6 counts milliseconds, everybody else seconds.
        Expects::Duration => {
            let unit = if system == S6 { "ms" } else { "s" };
            let text = format!("{number}{unit}");
            units::duration(&text).ok().map(|duration| quoted(&units::show_duration(duration)))
        }
        _ => None,
    }
}

/// Names of services; other units of systemd are none.
fn services(words: &[&str]) -> Option<String> {
    let names = words.iter().filter_map(|word| {
        let name = word.strip_suffix(".service").unwrap_or(word);
        ServiceName::new(name).filter(|_| !name.contains('.')).map(|_| name)
    });
    list(&names.collect::<Vec<_>>())
}

/// A command line whose words are apart by blanks alone.
fn command(text: &str) -> Option<String> {
    let is_plain =
        !text.contains(|letter| "'$%|&;<>*?(){}~#".contains(letter)) && !text.starts_with(['-', '@', ':', '+', '!']);
    if is_plain { list(&text.split_whitespace().collect::<Vec<_>>()) } else { None }
}

fn list(words: &[&str]) -> Option<String> {
    let all: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    (!all.is_empty()).then(|| format!("[{}]", all.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::foreign_tables::COMPOSE;
    use crate::config::service_keys::{READY, SERVICE, STOP};

    #[test]
    fn every_value_is_of_a_key_and_not_one_of_its_own() {
        for (key, theirs, text) in VALUES {
            let top = key.split('.').next().unwrap_or_default();
            assert!(SERVICE.key(top).is_some() && fix(key, theirs).as_deref() == Some(text));
        }
        assert_eq!(fix("`restart.policy`", "ON_ABORT").as_deref(), Some("write `policy = \"on-failure\"`"));
        assert_eq!(fix("restart", "always"), None);
    }

    #[test]
    fn a_value_that_says_the_same_is_kept() {
        let value = |text: &str, system: &str, expects: Expects| {
            let line = format!("x = {text}");
            let table = toml::de::DeTable::parse(&line).unwrap();
            translated(table.get_ref()["x"].get_ref(), system, expects)
        };
        let expects = |key: &str| SERVICE.key(key).unwrap().expects;
        let time = STOP.key("timeout").unwrap().expects;
        for (text, system, expects, ours) in [
            ("5000", S6, time, Some("\"5s\"")),
            ("90", SUPERVISORD, time, Some("\"90s\"")),
            ("'90'", SYSTEMD, time, Some("\"90s\"")),
            ("'1min 30s'", SYSTEMD, time, Some("\"90s\"")),
            ("'infinity'", SYSTEMD, time, None),
            ("'SIGquit'", SYSTEMD, STOP.key("signal").unwrap().expects, Some("\"QUIT\"")),
            ("3", S6, READY.key("fd").unwrap().expects, Some("3")),
            ("1", S6, READY.key("fd").unwrap().expects, None),
            ("'db.service cache network.target'", SYSTEMD, expects("after"), Some("[\"db\", \"cache\"]")),
            ("'network.target'", SYSTEMD, expects("after"), None),
            ("['a', 'b']", "", expects("requires"), Some("[\"a\", \"b\"]")),
            ("'/usr/bin/x -a b'", SYSTEMD, expects("command"), Some("[\"/usr/bin/x\", \"-a\", \"b\"]")),
            ("'/usr/bin/x $A'", SYSTEMD, expects("command"), None),
            ("'-/usr/bin/x'", SYSTEMD, expects("command"), None),
            ("'www-data'", SYSTEMD, expects("user"), Some("\"www-data\"")),
            ("'-/etc/x'", SYSTEMD, expects("environment_file"), None),
            ("'Mon..Fri 03:00'", SYSTEMD, expects("at"), Some("\"Mon..Fri 03:00\"")),
            ("{ db = {}, cache = {} }", COMPOSE, expects("requires"), Some("[\"cache\", \"db\"]")),
            ("['CMD', 'x', '-y']", COMPOSE, READY.key("command").unwrap().expects, Some("[\"x\", \"-y\"]")),
            ("['CMD-SHELL', 'x y']", COMPOSE, READY.key("command").unwrap().expects, Some("[\"sh\", \"-c\", \"x y\"]")),
            ("['NET_ADMIN']", COMPOSE, expects("capabilities"), Some("[\"NET_ADMIN\"]")),
            ("'CAP_KILL CAP_CHOWN'", SYSTEMD, expects("capabilities"), Some("[\"CAP_KILL\", \"CAP_CHOWN\"]")),
            ("'all'", SYSTEMD, expects("capabilities"), None),
            ("'video 44'", SYSTEMD, expects("groups"), Some("[\"video\", \"44\"]")),
            ("'143 3'", SYSTEMD, expects("success_codes"), Some("[0, 143, 3]")),
            ("'0,2'", SUPERVISORD, expects("success_codes"), Some("[0, 2]")),
            ("2", SUPERVISORD, expects("success_codes"), Some("[2]")),
            ("true", SUPERVISORD, expects("restart"), Some("\"always\"")),
            ("'false'", SUPERVISORD, expects("restart"), Some("\"never\"")),
            ("'yes'", SYSTEMD, expects("no_new_privileges"), Some("true")),
            ("'/run/x'", SYSTEMD, expects("wait_for"), Some("[\"path:/run/x\"]")),
            ("\"a`b\"", SYSTEMD, expects("requires"), None),
        ] {
            assert_eq!(value(text, system, expects).as_deref(), ours, "{text}");
        }
    }
}
