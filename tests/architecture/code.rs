//! Rust text with its comments and literals taken out, so that a word in prose is no breach of a rule. Knows just enough
//! of the language for that.

/// Returns the code alone; lines stay where they were.
pub fn bare(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let rest = &bytes[at..];
        let length = if rest.starts_with(b"//") {
            rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len())
        } else if rest.starts_with(b"/*") {
            block_comment(rest)
        } else if *byte == b'"' {
            string(rest)
        } else if let Some(length) = raw_string(rest).filter(|_| !is_in_word(bytes, at)) {
            length
        } else if let Some(length) = character(rest) {
            length
        } else {
            code.push(if byte.is_ascii() { char::from(*byte) } else { ' ' });
            at += 1;
            continue;
        };
        code.extend(rest[..length].iter().filter(|byte| **byte == b'\n').map(|_| '\n'));
        at += length;
    }
    code
}

fn is_in_word(bytes: &[u8], at: usize) -> bool {
    at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, and the same after `b` or `c`.
fn raw_string(rest: &[u8]) -> Option<usize> {
    let start = usize::from(matches!(rest[0], b'b' | b'c'));
    if rest.get(start) != Some(&b'r') {
        return None;
    }
    let hashes = rest[start + 1..].iter().take_while(|byte| **byte == b'#').count();
    let open = start + 1 + hashes;
    if rest.get(open) != Some(&b'"') {
        return None;
    }
    let close = [b"\"".as_slice(), &b"#".repeat(hashes)].concat();
    let end = rest[open + 1..].windows(close.len()).position(|window| window == close);
    Some(end.map_or(rest.len(), |end| open + 1 + end + close.len()))
}

/// `'x'` or `'\n'`, and not the lifetime `'a`.
fn character(rest: &[u8]) -> Option<usize> {
    if rest[0] != b'\'' {
        return None;
    }
    if rest.get(1) == Some(&b'\\') {
        return rest[3..].iter().position(|byte| *byte == b'\'').map(|end| end + 4);
    }
    let text = std::str::from_utf8(&rest[1..rest.len().min(6)])
        .or_else(|error| std::str::from_utf8(&rest[1..1 + error.valid_up_to()]));
    let width = text.ok()?.chars().next()?.len_utf8();
    (rest.get(1 + width) == Some(&b'\'')).then_some(width + 2)
}

/// Returns whether the word stands in the code by itself: `nix::` is not in `unix::`.
pub fn has_word(code: &str, word: &str) -> bool {
    let is_part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    let ends_open = word.ends_with(|last: char| !last.is_alphanumeric());
    code.match_indices(word).any(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| code.as_bytes().get(at));
        !is_part(before) && (ends_open || !is_part(code.as_bytes().get(at + word.len())))
    })
}

/// Returns the names that follow `prefix`, also those in a group: `crate::{a::B, c}` has `a` and `c`.
pub fn paths_after(code: &str, prefix: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group)),
            None => names.push(first_word(rest)),
        }
    }
    names
}

/// Returns the word at the beginning.
pub fn first_word(text: &str) -> String {
    text.trim_start().chars().take_while(|letter| letter.is_alphanumeric() || *letter == '_').collect()
}

/// The first word of each member of a group, up to its closing brace.
fn members(group: &str) -> Vec<String> {
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                names.push(first_word(&group[start..at]));
                start = at + 1;
                if letter == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names.retain(|name| !name.is_empty());
    names
}

#[test]
fn only_code_is_left() {
    let text =
        "a // b\n/* c /* d */ e */f \"g \\\" h\" r#\"i \" j\"# 'k' '\\'' b\"l\" x: &'m str, for r in n { '\u{e9}' }";
    let words: Vec<_> = bare(text).split_whitespace().map(str::to_owned).collect();
    assert_eq!(words, ["a", "f", "b", "x:", "&'m", "str,", "for", "r", "in", "n", "{", "}"]);
    assert_eq!(bare("a\n/* \n */\n\"\n\"b").matches('\n').count(), 4);
}

#[test]
fn a_group_names_each_of_its_members() {
    assert_eq!(paths_after("use crate::{a::{b, c}, d, e::f,\n};use crate::g::h;", "crate::"), ["a", "d", "e", "g"]);
    assert!(
        has_word("use nix::x", "nix::") && !has_word("std::os::unix::ffi", "nix::") && !has_word("Instants", "Instant")
    );
}
