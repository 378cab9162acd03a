//! What to write instead of the words of a command: a line of a shell where only a shell can do what they say, an array where
//! none is needed. It is complete: after it, nothing is left to say of them. Must not know services.

use super::linted::{Linted, before_code, is_option};
use super::variables::{self, Expansion, variable};
use super::words::{is_line, is_operator, is_option_with_value};
use crate::config::command_line::{self, in_shell};
use crate::config::user_switch;

/// What a shell does itself, so that there is no program for `exec`, and what begins its compound commands: POSIX, and dash(1).
#[rustfmt::skip] // a list of words
const BUILTINS: [&str; 61] = [
    "!", ".", ":", "[", "alias", "bg", "break", "case", "cd", "chdir", "command", "continue", "do", "done", "echo", "elif",
    "else", "esac", "eval", "exec", "exit", "export", "false", "fc", "fg", "fi", "for", "getopts", "hash", "if", "jobs", "kill",
    "local", "printf", "pwd", "read", "readonly", "return", "set", "shift", "source", "test", "then", "time", "times", "trap",
    "true", "type", "ulimit", "umask", "unalias", "unset", "until", "wait", "while", "{", "}", "(", ")", "[[", "function",
];
/// Ends of names of variables that hold several arguments.
const LISTS: [&str; 4] = ["OPTS", "ARGS", "FLAGS", "OPTIONS"];
/// No more of a word is looked at: a longer one is not spelled.
const MAX_READ: usize = 512;

/// A word of a line.
enum Part {
    /// An argument as it is.
    Word(String),
    /// Text that a shell reads.
    Shell(String),
    /// An operator, or a redirection.
    Operator(String),
}

/// Returns what to write for these words.
pub(super) fn instead(linted: &Linted<'_>, words: &[&str]) -> String {
    // Nothing follows it, and a service is in the background itself.
    let is_end =
        |at: &usize| !(words.get(*at).is_some_and(|word| SEPARATORS.contains(word)) && is_operator(words, *at));
    let end = (1..words.len()).rev().find(is_end).map_or(1, |at| at + 1);
    let argv = without_switches(words.get(..end).unwrap_or_default(), linted.leaves_out);
    if let Some((line, rest)) = argv.split_first().filter(|(line, _)| is_behind_switch(line, words)) {
        return instead_of_line(linted, line, rest);
    }
    let parts = parts(&argv);
    arguments(&parts).map_or_else(|| script(linted, &parts), |words| linted.array(&words))
}

/// Whether a program that changed the user has a whole line behind it.
fn is_behind_switch(line: &str, words: &[&str]) -> bool {
    words.first().is_some_and(|first| *first != line) && is_line(line)
}

/// Returns the same, where the first element is a whole line.
pub(super) fn instead_of_line(linted: &Linted<'_>, line: &str, rest: &[&str]) -> String {
    let with_line = || {
        let behind = [line].into_iter().chain(rest.iter().copied()).collect::<Vec<_>>();
        let text = Part::Shell(braced(line));
        script(linted, &[text].into_iter().chain(parts(&behind).into_iter().skip(1)).collect::<Vec<_>>())
    };
    let Some(words) = words_of_line(line) else { return with_line() };
    let all: Vec<&str> = words.iter().map(String::as_str).chain(rest.iter().copied()).collect();
    let is_quoted = rest.is_empty() && arguments(&parts(&all)).is_none();
    if is_quoted { with_line() } else { instead(linted, &all) }
}

/// Returns the words of a line that needs no shell.
pub(super) fn words_of_line(line: &str) -> Option<Vec<String>> {
    command_line::words(line).filter(|words| words.first().is_some_and(|first| !first.contains('=')))
}

/// Returns the quote of a line that has no second one.
pub(super) fn missing_quote(line: &str) -> Option<char> {
    let mut open = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (open, letter) {
            (None | Some('"'), '\\') => drop(letters.next()),
            (None, '\'' | '"') => open = Some(letter),
            (Some(quote), letter) if quote == letter => open = None,
            _ => {}
        }
    }
    open
}

/// Returns the words without the programs that change the user, as far as they are to be left out.
pub(super) fn without_switches<'a>(argv: &[&'a str], leaves_out: impl Fn(&str) -> bool) -> Vec<&'a str> {
    let mut words = Vec::new();
    for (operator, segment) in segments(argv) {
        words.extend(operator);
        let mut rest = segment;
        while let Some(found) = user_switch::of(rest) {
            if !leaves_out(found.program) || found.executed.is_empty() {
                break;
            }
            rest = rest.get(rest.len() - found.executed.len()..).unwrap_or_default();
        }
        words.extend(rest);
    }
    words
}

/// The commands of a line, each with the operator before it.
pub(super) fn segments<'w, 'a>(argv: &'w [&'a str]) -> Vec<(Option<&'a str>, &'w [&'a str])> {
    let is_separator =
        |at: &usize| argv.get(*at).is_some_and(|word| SEPARATORS.contains(word)) && is_operator(argv, *at);
    let mut all = Vec::new();
    let (mut begin, mut operator) = (0, None);
    for end in (1..argv.len()).filter(is_separator).chain([argv.len()]) {
        all.push((operator, argv.get(begin..end).unwrap_or_default()));
        (begin, operator) = (end + 1, argv.get(end).copied());
    }
    all
}

/// What stands between commands.
const SEPARATORS: [&str; 5] = ["&&", "||", ";", "|", "&"];

fn parts(argv: &[&str]) -> Vec<Part> {
    let segments = segments(argv);
    // Somebody who writes operators has a shell in mind: `$a`, too, is a variable.
    let is_meant_for_shell = segments.len() > 1;
    let of_segment = |(operator, words): (Option<&str>, &[&str])| {
        let operator = operator.map(|operator| Part::Operator(operator.to_owned()));
        operator.into_iter().chain(of_command(words, is_meant_for_shell))
    };
    segments.into_iter().flat_map(of_segment).collect()
}

fn of_command(words: &[&str], is_meant_for_shell: bool) -> Vec<Part> {
    let code = before_code(words);
    let mut parts = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| words.get(at));
        let is_value = before.is_none_or(|before| is_option(before) && !is_option_with_value(before));
        let is_redirection =
            at > 0 && (is_operator(words, at) || (at < code.len() && matches!(*word, ">" | ">>" | "<")));
        match split(word).filter(|_| !is_value && at < code.len()) {
            _ if is_redirection => parts.push(Part::Operator((*word).to_owned())),
            Some(words) => parts.extend(words),
            None if at < code.len() && variables::find_in(code, word).is_some() => parts.push(expanded(word)),
            None if at < code.len() && is_meant_for_shell && word.strip_prefix('$').is_some_and(is_name) => {
                parts.push(Part::Shell(format!("\"{word}\"")));
            }
            None => parts.push(Part::Word((*word).to_owned())),
        }
    }
    parts
}

/// An option and its value.
pub(super) fn is_split(word: &str) -> bool {
    split(word).is_some()
}

fn split(word: &str) -> Option<Vec<Part>> {
    let (option, value) = word.split_once([' ', '\t']).filter(|_| is_option_with_value(word))?;
    if let Some(words) = command_line::words(word) {
        return Some(words.into_iter().map(Part::Word).collect());
    }
    let value = value.trim();
    let inner = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let value = match inner.filter(|inner| !inner.contains(['"', '\\'])) {
        Some(inner) => Part::Shell(in_double_quotes(inner)),
        None if value.starts_with(['"', '\'']) => Part::Shell(value.to_owned()).filter_closed()?,
        None => expanded(value),
    };
    Some(vec![Part::Word(option.to_owned()), value])
}

impl Part {
    fn filter_closed(self) -> Option<Self> {
        match &self {
            Self::Shell(text) => missing_quote(text).is_none().then_some(self),
            Self::Word(_) | Self::Operator(_) => Some(self),
        }
    }
}

/// The arguments, if no shell is needed.
fn arguments<'p>(parts: &'p [Part]) -> Option<Vec<&'p str>> {
    let word = |part: &'p Part| match part {
        Part::Word(word) => Some(word.as_str()),
        Part::Shell(_) | Part::Operator(_) => None,
    };
    parts.iter().map(word).collect()
}

fn script(linted: &Linted<'_>, parts: &[Part]) -> String {
    if is_complete(parts) { linted.script(&line(parts)) } else { linted.any_script() }
}

/// Whether each operator stands between what it needs.
fn is_complete(parts: &[Part]) -> bool {
    let needs_next = |part: &Part| match part {
        Part::Operator(word) => matches!(word.as_str(), "&&" | "||" | "|" | ">" | ">>" | "<"),
        Part::Word(_) | Part::Shell(_) => false,
    };
    let is_separator = |part: &Part| matches!(part, Part::Operator(word) if SEPARATORS.contains(&word.as_str()));
    let is_closed = |part: &Part| match part {
        Part::Shell(text) => missing_quote(text).is_none() && !text.trim_end().ends_with(['&', '|']),
        Part::Word(_) | Part::Operator(_) => true,
    };
    let is_pair = |pair: &[Part]| match pair {
        [part, next] if needs_next(part) => !matches!(next, Part::Operator(_)),
        [part, next] => !(is_separator(part) && is_separator(next)),
        _ => true,
    };
    parts.windows(2).all(is_pair)
        && parts.iter().all(is_closed)
        && !parts.first().is_some_and(is_separator)
        && !parts.last().is_some_and(needs_next)
}

/// What is started last takes the place of the shell, where that is a program.
fn line(parts: &[Part]) -> String {
    let is_any = |part: &Part, words: &[&str]| matches!(part, Part::Operator(word) if words.contains(&word.as_str()));
    let is_one = !parts.iter().any(|part| is_any(part, &["|", "&"]));
    let last = parts.iter().rposition(|part| is_any(part, &["&&", "||", ";"])).map_or(0, |at| at + 1);
    let mut line = String::new();
    for (at, part) in parts.iter().enumerate() {
        let (text, is_program) = match part {
            Part::Word(word) => (in_shell(word), is_program(word)),
            Part::Shell(text) => (text.clone(), is_one_command(text)),
            Part::Operator(word) => (word.clone(), false),
        };
        if at > 0 && !is_any(part, &[";"]) {
            line.push(' ');
        }
        if at == last && is_one && is_program {
            line.push_str("exec ");
        }
        line.push_str(&text);
    }
    line
}

/// Neither a builtin nor an assignment.
fn is_program(word: &str) -> bool {
    !word.is_empty() && !BUILTINS.contains(&word) && !word.contains('=')
}

/// Whether a text is one program and its arguments, for all that is sure.
fn is_one_command(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    is_program(first) && !first.starts_with('(') && !text.contains([';', '&', '|', '\n', '`'])
}

/// What a shell expands to what the word says.
fn expanded(word: &str) -> Part {
    let Some(found) = variables::find(word).filter(|_| word.len() <= MAX_READ) else {
        return Part::Word(word.to_owned());
    };
    Part::Shell(match (found.kind, word.strip_prefix("~/")) {
        (Expansion::Home, rest) => {
            let rest = rest.unwrap_or_default();
            let rest = if rest.contains('$') { in_double_quotes(rest) } else { in_shell(rest) };
            format!("~/{}", if rest == "''" { "" } else { &rest })
        }
        (Expansion::Variable | Expansion::Supervisord, _) => {
            let text = braced(&of_supervisord(word));
            if is_list(&text) { text } else { in_double_quotes(&text) }
        }
    })
}

/// `%(ENV_HOME)s` → `${HOME}`.
fn of_supervisord(word: &str) -> String {
    let mut pieces = word.split("%(ENV_");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once(")s").filter(|(name, _)| is_name(name)) {
            Some((name, rest)) => text.push_str(&format!("${{{name}}}{rest}")),
            None => text.push_str(&format!("%(ENV_{piece}")),
        }
    }
    text
}

/// `$(PORT)` → `${PORT}`: what Kubernetes has for variables would execute a program.
fn braced(word: &str) -> String {
    let mut pieces = word.split("$(");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let is_variable = |name: &str| is_name(name) && !name.contains(|letter: char| letter.is_ascii_lowercase());
        match piece.split_once(')').filter(|(name, _)| is_variable(name)) {
            Some((name, rest)) => text.push_str(&format!("${{{name}}}{rest}")),
            None => text.push_str(&format!("$({piece}")),
        }
    }
    text
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `$JAVA_OPTS`, `${ARGS:-}`: a shell splits it at blanks.
fn is_list(text: &str) -> bool {
    let name = match text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
        Some(inner) => inner.trim_end_matches('-').trim_end_matches(':'),
        None => text.strip_prefix('$').unwrap_or_default(),
    };
    let is_end = |end: &str| name.strip_suffix(end).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    is_name(name) && LISTS.into_iter().any(is_end)
}

/// A text in double quotes, in which what is expanded keeps its meaning, and nothing else has one.
fn in_double_quotes(text: &str) -> String {
    let text = braced(text);
    let mut quoted = String::from("\"");
    let mut at = 0;
    while let Some(letter) = text.get(at..).and_then(|rest| rest.chars().next()) {
        let expansion = variable(&text, at).filter(|_| letter == '$');
        let substitution = expansion.and_then(|found| found.strip_prefix("$(")).and_then(|_| substitution(&text, at));
        match (substitution, expansion) {
            // Quotes in it are its own.
            (Some(substitution), _) => {
                quoted.push_str(substitution);
                at += substitution.len();
                continue;
            }
            (None, Some(found)) if !found.starts_with("$(") => quoted.push('$'),
            _ => {
                if matches!(letter, '"' | '\\' | '`' | '$') {
                    quoted.push('\\');
                }
                quoted.push(letter);
            }
        }
        at += letter.len_utf8();
    }
    quoted.push('"');
    quoted
}

/// `$(…)` to its end, if its quotes are closed.
fn substitution(text: &str, at: usize) -> Option<&str> {
    let rest = text.get(at..)?;
    let mut depth = 0_usize;
    for (end, letter) in rest.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' if depth == 1 => return rest.get(..=end).filter(|text| missing_quote(text).is_none()),
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}
