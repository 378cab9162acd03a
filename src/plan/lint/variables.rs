//! Where a word has what a shell or supervisord would expand. Must not know what is said of it.

use std::borrow::Cow;

/// The expansions of supervisord, besides `ENV_…`.
const SUPERVISORD: [&str; 6] = ["program_name", "process_num", "group_name", "here", "host_node_name", "numprocs"];
/// No more of a word is read. What is expanded stands at its beginning, and PID 1 does not wait for a long one.
const MAX_READ: usize = 4096;
/// A longer text in braces or parentheses is none.
const MAX_EXPANSION: usize = 256;

/// What a shell or supervisord would expand.
pub(super) struct Found<'a> {
    pub text: &'a str,
    pub kind: Expansion,
}

impl Found<'_> {
    /// Its name: a default (`${X:-y}`) and the words of a command may hold a password.
    pub fn named(&self) -> Cow<'_, str> {
        let name = self.text.trim_start_matches(['$', '{', '(']);
        let end = name.find(|letter| !is_name_letter(letter)).unwrap_or(name.len());
        let is_longer = self.text.starts_with('$') && name.len() - end > 1;
        match self.text.get(..self.text.len() - name.len() + end).filter(|_| is_longer) {
            Some(begin) => format!("{begin}…{}", if self.text.starts_with("$(") { ')' } else { '}' }).into(),
            None => self.text.into(),
        }
    }

    /// Whether it is a variable without braces.
    pub fn is_bare(&self) -> bool {
        self.kind == Expansion::Variable && !["${", "$("].iter().any(|begin| self.text.starts_with(begin))
    }
}

/// Its kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Expansion {
    Home,
    Variable,
    Supervisord,
}

/// Returns what a word of this command has.
pub(super) fn find_in<'a>(words: &[&str], word: &'a str) -> Option<Found<'a>> {
    // The frameworks of Java put values into the braces of `-D…=${…}`.
    let is_java = || word.starts_with('-') && words.iter().any(|word| word.rsplit('/').next() == Some("java"));
    find(word).filter(|found| !(found.text.starts_with("${") && is_java()))
}

/// Returns what a word has first.
pub(super) fn find(word: &str) -> Option<Found<'_>> {
    let end = (0..=word.len().min(MAX_READ)).rev().find(|at| word.is_char_boundary(*at))?;
    let word = word.get(..end)?;
    if word.starts_with("~/") {
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
pub(super) fn variable(word: &str, at: usize) -> Option<&str> {
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
