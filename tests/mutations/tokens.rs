//! Rust source as a row of tokens, so that code is found by what it says: layout, comments and the commas that a line break
//! brings do not count. Must not know mutations.

use std::ops::Range;

/// A token: where it stands in its text.
pub type Token = Range<usize>;

/// A function: its name, and its body's place among the tokens, with both braces.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub body: Range<usize>,
}

/// Returns the tokens of a text. Names and numbers are whole, everything else is a token for each character.
pub fn tokens(text: &str) -> Vec<Token> {
    let bytes = text.as_bytes();
    let mut found: Vec<Token> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &text[at..];
        let (length, counts) = match bytes[at] {
            byte if byte.is_ascii_whitespace() => (1, false),
            b'/' if rest.starts_with("//") => (rest.find('\n').unwrap_or(rest.len()), false),
            b'/' if rest.starts_with("/*") => (block_comment(rest), false),
            b'"' => (string(rest), true),
            b'r' | b'b' if literal_prefix(rest).is_some() => (literal_prefix(rest).unwrap_or(1), true),
            b'\'' => (quoted(rest), true),
            byte if is_word(byte) => (bytes[at..].iter().take_while(|byte| is_word(**byte)).count(), true),
            _ => (rest.chars().next().map_or(1, char::len_utf8), true),
        };
        if counts {
            found.push(at..at + length);
        }
        at += length;
    }
    let is_closing = |token: Option<&Token>| token.is_some_and(|token| matches!(&text[token.clone()], ")" | "]" | "}"));
    let keep: Vec<bool> =
        (0..found.len()).map(|at| &text[found[at].clone()] != "," || !is_closing(found.get(at + 1))).collect();
    found.into_iter().zip(keep).filter(|(_, keep)| *keep).map(|(token, _)| token).collect()
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// Comments of this kind contain others.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        match &text.as_bytes()[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at
}

fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            _ => escaped = byte == b'\\' && !escaped,
        }
    }
    text.len()
}

/// Returns the length of a raw or a byte literal, if one begins here.
fn literal_prefix(text: &str) -> Option<usize> {
    let after = text.trim_start_matches('b');
    let prefix = text.len() - after.len();
    if let Some(raw) = after.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let end = format!("\"{}", "#".repeat(hashes));
        let length = body.find(&end).map_or(body.len(), |at| at + end.len());
        return (prefix <= 1).then_some(prefix + 1 + hashes + 1 + length);
    }
    let length = match after.as_bytes().first() {
        Some(b'"') => string(after),
        Some(b'\'') => quoted(after),
        _ => return None,
    };
    (prefix == 1).then_some(prefix + length)
}

/// Returns the length of a character, or of a lifetime.
fn quoted(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), Some((at, _))) => text[at + 1..].find('\'').map_or(text.len(), |end| at + 1 + end + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1 + text.bytes().skip(1).take_while(|byte| is_word(*byte)).count(),
    }
}

/// Returns every function of a text that has a body; those inside of others come after them.
pub fn functions(text: &str, tokens: &[Token]) -> Vec<Function> {
    let word = |at: usize| tokens.get(at).map_or("", |token: &Token| &text[token.clone()]);
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        // A type is `fn(…)`.
        if word(at) != "fn" || word(at + 1).starts_with(|first: char| !first.is_alphabetic() && first != '_') {
            continue;
        }
        let Some(begin) = first_outside(text, tokens, at + 2) else { continue };
        let mut depth = 0_usize;
        let end = (begin..tokens.len()).find(|at| {
            match word(*at) {
                "{" => depth += 1,
                "}" => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        if let Some(end) = end {
            found.push(Function { name: word(at + 1).to_owned(), body: begin..end + 1 });
        }
    }
    found
}

/// Returns where the body of a function begins that has one: a brace outside of all brackets of its signature.
fn first_outside(text: &str, tokens: &[Token], from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(from) {
        match &text[token.clone()] {
            "(" | "[" => depth += 1,
            ")" | "]" => depth = depth.saturating_sub(1),
            "{" if depth == 0 => return Some(at),
            ";" if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<&str> {
        tokens(text).into_iter().map(|token| &text[token]).collect()
    }

    #[test]
    fn layout_comments_and_commas_of_a_line_break_do_not_count() {
        assert_eq!(words("f(a,\n    b, // why\n)"), words("f(a, b)"));
        assert_eq!(words("a /* x /* y */ z */ += 1_000;"), ["a", "+", "=", "1_000", ";"]);
        assert_eq!(words("(a,)"), ["(", "a", ")"]);
    }

    #[test]
    fn literals_are_whole() {
        assert_eq!(
            words(r##"x("a\"}", r#"b"{"#, b"c", '}', '\'', b'\n', "é")"##)[2..],
            [
                r#""a\"}""#,
                ",",
                r##"r#"b"{"#"##,
                ",",
                r#"b"c""#,
                ",",
                "'}'",
                ",",
                r"'\''",
                ",",
                r"b'\n'",
                ",",
                "\"é\"",
                ")"
            ]
        );
        assert_eq!(words("&'a str, 'x', '_"), ["&", "'a", "str", ",", "'x'", ",", "'_"]);
        assert_eq!(words("rest = breaks"), ["rest", "=", "breaks"]);
    }

    #[test]
    fn functions_are_found_with_their_bodies() {
        let text =
            "trait T { fn none(&self) -> [u8; 2]; }\nconst fn outer(f: fn(u8) -> u8) where A: B { fn inner() {} f(1) }";
        let tokens = tokens(text);
        let found = functions(text, &tokens);
        let body = |at: usize| &text[tokens[found[at].body.start].start..tokens[found[at].body.end - 1].end];
        assert_eq!(found.iter().map(|function| function.name.as_str()).collect::<Vec<_>>(), ["outer", "inner"]);
        assert_eq!((body(0), body(1)), ("{ fn inner() {} f(1) }", "{}"));
    }
}
