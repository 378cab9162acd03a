//! What a shell or supervisord would put something else for: `$HOME`, `${HOME}`, `$(nproc)`, `~/`, `%(ENV_HOME)s`. Here a
//! program gets it as written. Must not know what a program makes of it, but for those that read code.

use std::borrow::Cow;

use super::linted::Linted;
use crate::config::command_line::in_shell;
use crate::config::hidden::looks_secret;
use crate::config::quote::{quoted, ticked};
use crate::config::service::Service;

/// The expansions of supervisord, besides `ENV_…`.
const SUPERVISORD: [&str; 6] = ["program_name", "process_num", "group_name", "here", "host_node_name", "numprocs"];
/// Variables whose values a shell or a framework reads itself, by their beginnings and ends.
const READ_LATER: ([&str; 4], [&str; 3]) =
    (["PS", "PROMPT", "SPRING_", "LOGGING_"], ["_FORMAT", "_TEMPLATE", "_PATTERN"]);

/// No more of a word is read. What is expanded stands at its beginning, and PID 1 does not wait for a long one.
const MAX_READ: usize = 4096;
/// A longer text in braces or parentheses is none.
const MAX_EXPANSION: usize = 256;

/// Returns the notice of the first one in a command.
pub(super) fn notice(linted: &Linted<'_>) -> Option<String> {
    let words = linted.before_code;
    // Its frameworks put values into the braces of `-D…=${…}`.
    let is_java = words.iter().any(|word| word.rsplit('/').next() == Some("java"));
    let is_found = |found: &Found<'_>| !(is_java && found.text.starts_with("${"));
    let (word, found) = words.iter().find_map(|word| Some((word, find(word).filter(is_found)?)))?;
    let gets = if linted.is_secret { "it".to_owned() } else { quoted(word) };
    let what = format!("no shell expands {}: the program gets {gets} as written", ticked(&found.named()));
    let line: Vec<_> = linted.argv.iter().map(|word| shell_word(word)).collect();
    let script = linted.script(&format!("exec {}", line.join(" ")));
    let fix = match found.kind {
        Expansion::Home => format!("write the whole path, or {script}"),
        Expansion::Variable => format!("write {script}"),
        Expansion::Supervisord if found.text.starts_with("%(ENV_") => {
            format!("that is supervisord's: write {script}")
        }
        Expansion::Supervisord => "that is supervisord's: write the value itself".to_owned(),
    };
    Some(linted.says(format!("{what}; {fix}")))
}

/// Returns a notice for each variable with one in its value, which may hold a password and is not repeated.
pub(super) fn of_environment(service: &Service) -> Vec<String> {
    let is_read_later = |name: &str| {
        let (starts, ends) = READ_LATER;
        starts.iter().any(|start| name.starts_with(start)) || ends.iter().any(|end| name.ends_with(end))
    };
    let of_value = |(name, value): (&String, &String)| {
        let found = find(value).filter(|_| !is_read_later(name))?;
        // A password may have a `$` in it.
        if found.is_bare() && looks_secret(name.as_bytes(), value.as_bytes()) {
            return None;
        }
        Some(format!(
            "{}: `environment`: no shell expands {} in {}: it is passed on as written; write the value itself, or \
             `export` it in a `script`",
            service.name,
            ticked(&found.named()),
            ticked(name),
        ))
    };
    service.environment.iter().filter_map(of_value).collect()
}

struct Found<'a> {
    text: &'a str,
    kind: Expansion,
}

impl Found<'_> {
    /// Its name: a default (`${X:-y}`) and the words of a command may hold a password.
    fn named(&self) -> Cow<'_, str> {
        let name = self.text.trim_start_matches(['$', '{', '(']);
        let end = name.find(|letter| !is_name_letter(letter)).unwrap_or(name.len());
        let is_longer = self.text.starts_with('$') && name.len() - end > 1;
        match self.text.get(..self.text.len() - name.len() + end).filter(|_| is_longer) {
            Some(begin) => format!("{begin}…{}", if self.text.starts_with("$(") { ')' } else { '}' }).into(),
            None => self.text.into(),
        }
    }

    /// Whether it is a variable without braces.
    fn is_bare(&self) -> bool {
        self.kind == Expansion::Variable && !["${", "$("].iter().any(|begin| self.text.starts_with(begin))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expansion {
    Home,
    Variable,
    Supervisord,
}

fn find(word: &str) -> Option<Found<'_>> {
    let end = (0..=word.len().min(MAX_READ)).rev().find(|at| word.is_char_boundary(*at))?;
    let word = word.get(..end)?;
    if word == "~" || word.starts_with("~/") {
        return Some(Found { text: "~", kind: Expansion::Home });
    }
    if let Some(text) = supervisord(word) {
        return Some(Found { text, kind: Expansion::Supervisord });
    }
    if is_hash(word) {
        return None;
    }
    let starts = word.match_indices('$').map(|(at, _)| at);
    let text = starts.into_iter().find_map(|at| variable(word, at))?;
    Some(Found { text, kind: Expansion::Variable })
}

/// `%(ENV_HOME)s`; other names are those of a log's format (Python, gunicorn).
fn supervisord(word: &str) -> Option<&str> {
    let begin = word.find("%(")?;
    let rest = word.get(begin..)?;
    let end = rest.find(')')?;
    let name = rest.get(2..end)?;
    let letters = rest.get(end + 1..)?;
    let tail = letters.find(['s', 'd']).filter(|at| letters.bytes().take(*at).all(|byte| byte.is_ascii_digit()))?;
    let is_known = name.starts_with("ENV_") || SUPERVISORD.contains(&name);
    rest.get(..end + 2 + tail).filter(|_| is_known)
}

/// `$2y$10$…`, `$apr1$…`, `$argon2id$…`: the hash of a password.
fn is_hash(word: &str) -> bool {
    let is_id = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    word.split('$').nth(1).is_some_and(is_id) && word.matches('$').count() > 1
}

/// A variable or a substitution at this `$`. A name without braces is one only in capital letters, as a whole part of a path,
/// a list or a setting: not in `pa$WORD`, `$RECYCLE.BIN` or Caddy's `{$DOMAIN}`.
fn variable(word: &str, at: usize) -> Option<&str> {
    let (before, rest) = (word.get(..at)?, word.get(at..)?);
    let previous = before.chars().next_back();
    // `$$` and `\$` stand for the letter in most programs that expand something.
    if matches!(previous, Some('$' | '\\')) {
        return None;
    }
    let is_start = previous.is_none_or(|letter| " \t/:=,-.@\"'([{;".contains(letter));
    let inner = rest.get(1..)?;
    let is_border = |letter: char| "/:=,".contains(letter);
    let up_to = |end: u8| rest.bytes().take(MAX_EXPANSION).position(|byte| byte == end);
    match inner.chars().next()? {
        '{' => {
            let inner = inner.get(1..)?;
            let name = inner.len() - inner.trim_start_matches(is_name_letter).len();
            let is_name = name > 0 && !inner.starts_with(|letter: char| letter.is_ascii_digit());
            let tail = inner.get(name..)?;
            let is_operator = |tail: &str| tail.starts_with(['-', '+', '?', '=']);
            let is_end = tail.starts_with('}')
                || is_operator(tail)
                || tail.strip_prefix(':').is_some_and(is_operator)
                || tail.starts_with(['#', '%']);
            rest.get(..=up_to(b'}')?).filter(|_| is_name && is_end)
        }
        '(' => rest.get(..=up_to(b')')?).filter(|text| is_start && text.len() > 3),
        first if first.is_ascii_uppercase() && previous.is_none_or(is_border) => {
            let name = inner.len() - inner.trim_start_matches(is_name_letter).len();
            let is_upper = !inner.get(..name)?.contains(|letter: char| letter.is_ascii_lowercase());
            let is_whole = inner.get(name..)?.chars().next().is_none_or(is_border);
            rest.get(..=name).filter(|_| name > 1 && is_upper && is_whole)
        }
        _ => None,
    }
}

fn is_name_letter(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// The word as a shell reads it, with what it expands.
fn shell_word(word: &str) -> String {
    let Some(found) = find(word) else { return in_shell(word) };
    let text = match (found.kind, word.strip_prefix('~')) {
        (Expansion::Home, Some("")) => return word.to_owned(),
        (Expansion::Home, Some(rest)) => return format!("~{}", in_shell(rest)),
        (Expansion::Supervisord, _) => match found.text.strip_prefix("%(ENV_").and_then(|rest| rest.split_once(')')) {
            Some((name, _)) => word.replace(found.text, &format!("${{{name}}}")),
            None => word.to_owned(),
        },
        (Expansion::Variable | Expansion::Home, _) => word.to_owned(),
    };
    let escaped: String = text
        .chars()
        .flat_map(|letter| ['"', '\\', '`'].contains(&letter).then_some('\\').into_iter().chain([letter]))
        .collect();
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::service::Command;
    use crate::config::values::ServiceName;

    fn said(argv: &[&str]) -> Option<String> {
        notice(&Linted::new("web", "command", argv))
    }

    #[test]
    fn what_a_shell_would_expand_is_answered_with_a_script() {
        for (argv, expected) in [
            (
                &["redis-server", "--port", "$PORT"][..],
                "no shell expands `$PORT`: the program gets \"$PORT\" as written; write `script = \"exec redis-server \
                 --port \\\"$PORT\\\"\"`",
            ),
            (
                &["web", "--dir=${HOME}/x y"],
                "no shell expands `${HOME}`: the program gets \"--dir=${HOME}/x y\" as written; write `script = \"exec \
                 web \\\"--dir=${HOME}/x y\\\"\"`",
            ),
            (
                &["web", "-j", "$(nproc)"],
                "no shell expands `$(nproc)`: the program gets \"$(nproc)\" as written; write `script = \"exec web -j \
                 \\\"$(nproc)\\\"\"`",
            ),
            (
                &["~/bin/web", "a b"],
                "no shell expands `~`: the program gets \"~/bin/web\" as written; write the whole path, or `script = \
                 \"exec ~/bin/web 'a b'\"`",
            ),
            (
                &["web", "%(ENV_PORT)s"],
                "no shell expands `%(ENV_PORT)s`: the program gets \"%(ENV_PORT)s\" as written; that is supervisord's: \
                 write `script = \"exec web \\\"${PORT}\\\"\"`",
            ),
            (
                &["web", "/log/%(program_name)s_%(process_num)02d"],
                "no shell expands `%(program_name)s`: the program gets \"/log/%(program_name)s_%(process_num)02d\" as \
                 written; that is supervisord's: write the value itself",
            ),
        ] {
            assert_eq!(said(argv), Some(format!("web: `command`: {expected}")), "{argv:?}");
        }
        for word in ["${X:-y}", "a:$X_1", "--dir=$HOME/x", "${x%/}", "${x}"] {
            assert!(said(&["web", word]).is_some(), "{word}");
        }
    }

    #[test]
    fn what_a_program_reads_itself_is_not_reported() {
        for argv in [
            &["sh", "-c", "exec web $PORT ~/x"][..],
            &["env", "bash", "-c", "echo $HOME"],
            &["awk", "{print $NF}"],
            &["perl", "-e", "print $ENV{X}"],
            &["python3.11", "-c", "print('%(here)s' % x)"],
            &["envsubst", "$HOST $PORT"],
            &["sed", "s/$X/y/"],
            &["date", "+%Y-%m-%d %(z)s"],
            &["gunicorn", "--access-logformat", "%(h)s %(l)s %(t)s", "app"],
            &["java", "-Dlog=${catalina.base}", "-Dx=${HOME}", "x"],
            &["nginx", "-g", "env PATH; log_format x '$remote_addr';"],
            &["web", "--hash", "$2y$10$ABCDEFGHIJ"],
            &["web", "--basic-auth=admin:$apr1$XY$ABC"],
            &["web", "pa$WORD", "p$", "$1", "$$HOME", "\\$HOME", "a~/b", "x$(y", "$()", "${}", "${env:X}"],
            &["nginx", "-c", "location ~* \\.php$"],
            &["web", "--match", "^~/x", "~user/x"],
            &["restic", "backup", "--exclude", "$RECYCLE.BIN", "/data"],
            &["restic", "backup", "--exclude", "/$RECYCLE.BIN/**"],
            &["caddy", "respond", "{$DOMAIN}", "P@$SWORD", "\"$HOME\""],
        ] {
            assert_eq!(said(argv), None, "{argv:?}");
        }
    }

    #[test]
    fn a_password_beside_it_is_not_repeated() {
        for argv in [
            &["web", "--password", "hunter2", "$PORT"][..],
            &["web", "--db=postgres://app:hunter2@h/x", "$PORT"],
            &["web", "DB_PASSWORD=hunter2", "$PORT"],
        ] {
            let expected = "web: `command`: no shell expands `$PORT`: the program gets it as written; write the line as \
                            `script`, which /bin/sh runs";
            assert_eq!(said(argv).as_deref(), Some(expected), "{argv:?}");
        }
        assert!(!said(&["web", "${PW:-hunter2}"]).unwrap().contains("hunter2"));
    }

    #[test]
    fn only_the_beginning_of_a_word_is_read() {
        // Each `$` would be looked at to the end.
        for begin in ["${X", "$(x", "$X$"] {
            assert_eq!(said(&["web", &begin.repeat(80_000)]), None, "{begin}");
        }
        assert_eq!(said(&["web", &format!("{}${{HOME}}", "ä".repeat(4000))]), None);
    }

    #[test]
    fn a_variable_gets_its_value_as_written() {
        let of = |name: &str, value: &str| {
            let mut service = Service::plain(ServiceName::new("web").unwrap(), Command::Nothing);
            service.environment.insert(name.to_owned(), value.to_owned());
            of_environment(&service)
        };
        assert_eq!(
            of("PATH", "/app/bin:$PATH"),
            [
                "web: `environment`: no shell expands `$PATH` in `PATH`: it is passed on as written; write the value itself, \
              or `export` it in a `script`"
            ]
        );
        for (name, value, shown) in [
            ("DATABASE_URL", "postgres://app:hunter2@${DB_HOST}/app", "`${DB_HOST}`"),
            ("DB_PASSWORD", "${DB_PASSWORD:-hunter2}", "`${DB_PASSWORD…}`"),
            ("DB_PASSWORD", "$(echo hunter2)", "`$(echo…)`"),
            ("JOBS", "$(nproc)", "`$(nproc)`"),
        ] {
            let said = of(name, value).join("\n");
            assert!(said.contains(&format!("no shell expands {shown} in `{name}`: ")), "{said}");
            assert!(!said.contains("hunter2"), "{said}");
        }
        assert_eq!(of("DATA", "~/data").len(), 1);
        assert_eq!(of("DATA", "%(ENV_HOME)s/data").len(), 1);
        for (name, value) in [
            ("PS1", "\\u $PWD"),
            ("SPRING_DATASOURCE_URL", "jdbc:${DB_HOST}"),
            ("ACCESS_LOG_FORMAT", "$HOST ${X}"),
            ("PASSWORD", "x$Y9!$z"),
            ("DB_PASSWORD", "P@$SWORD1"),
            ("DB_PASSWORD", "x/$SWORD1"),
            ("HASH", "$2b$12$ABCdef"),
            ("ARGON", "$argon2id$v=19$m=65536$X"),
            ("PATTERN", "^foo$"),
            ("TILDE", "a ~ b"),
        ] {
            assert_eq!(of(name, value), [""; 0], "{name}={value}");
        }
    }
}
