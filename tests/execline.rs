//! The lexer of execline by itself: what a script's text becomes. `tests/s6_commands/lexer.rs` compares it with execlineb; here
//! is what it does without one, so that a mutation of it (`.ci/mutations`) is noticed.

use stepdown::execline::lex;

/// The words, each with a bar behind it.
fn lexed(script: &str) -> String {
    match lex(script.as_bytes()) {
        Ok(words) => words.iter().map(|word| String::from_utf8_lossy(word).into_owned() + "|").collect(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn everything_up_to_the_space_separates_words() {
    assert_eq!(lexed(""), "");
    assert_eq!(lexed("a b\tc\nd\r\u{1}e"), "a|b|c|d|e|");
    assert_eq!(lexed("  a\n\n b  "), "a|b|");
    assert_eq!(lexed("a\0b"), "a|");
}

#[test]
fn a_comment_begins_where_a_word_would() {
    assert_eq!(lexed("#!/bin/sh\n a # b\nc#d \\#e \"#\""), "a|c#d|#e|#|");
    assert_eq!(lexed("# no end"), "");
}

#[test]
fn braces_that_stand_alone_are_blocks() {
    assert_eq!(lexed("if { a { b } } c"), "if| a|  b| ||c|");
    assert_eq!(lexed("x { } y"), "x||y|");
    assert_eq!(lexed("{a} {} a{ } \"{\" \\}"), "line 1: this `}` closes no block");
    assert_eq!(lexed("{a} {} a{ \"{\" \\}"), "{a}|{}|a{|{|}|");
    assert_eq!(lexed("a { \"b c\" d\\ e }"), "a| b c| d e||");
    assert_eq!(lexed("a {\nb\n"), "line 1: this `{` is not closed");
    assert_eq!(lexed("a {\n{ b }\n"), "line 1: this `{` is not closed");
    assert_eq!(lexed("a {\n{ b\n"), "line 2: this `{` is not closed");
    assert_eq!(lexed("a {"), "line 1: the text ends in the middle of a word");
}

#[test]
fn quotes_know_escapes() {
    assert_eq!(lexed(r#""a b" c"d e"f """#), "a b|cd ef||");
    assert_eq!(lexed(r#""\a\b\t\n\v\f\r\x\"\\""#), "\u{7}\u{8}\t\n\u{b}\u{c}\rx\"\\|");
    assert_eq!(lexed(r#""\0x41\0x4\0x412\0101\00611\65\1234""#), "A\u{4}A2A11A{4|");
    assert_eq!(lexed("\"a\\\nb\""), "ab|");
    assert_eq!(lexed("\n\"a\n"), "line 2: this `\"` is not closed");
    for script in [r#""\00""#, r#""\256""#, r#""\0777""#, r#""\999""#] {
        assert_eq!(lexed(script), "line 1: a number in quotes must be between 1 and 255", "{script}");
    }
    for script in [r#""\0""#, r#""\08""#, r#""\0xg""#, r#""\0x""#, r#""\0"#, r#""\0x"#] {
        assert_eq!(lexed(script), "line 1: `\\0` in quotes needs a number: `\\0xHH` or `\\0ooo`", "{script}");
    }
}

#[test]
fn a_backslash_outside_of_quotes_makes_the_next_character_a_letter() {
    assert_eq!(lexed("\\ a b\\ c d\\\"e"), " a|b c|d\"e|");
    assert_eq!(lexed("a \\\nb"), "a|b|");
    assert_eq!(lexed("a\\\nb"), "a\nb|");
    assert_eq!(lexed("a\\"), "line 1: the text ends in the middle of a word");
    assert_eq!(lexed("a \\"), "a|");
}

#[test]
fn what_execlineb_does_in_corners_is_done_here() {
    assert_eq!(lexed("a { {\\b }\\c }"), "a| { b| } c||");
    assert_eq!(lexed("a {\\\nb"), "a|{b|");
    assert_eq!(lexed(r#""\01"#), "\u{1}|");
}

#[test]
fn what_is_wrong_is_said_as_execlineb_says_it() {
    let said = |script: &str| lex(script.as_bytes()).unwrap_err().kind.as_execlineb();
    assert_eq!([said("a }"), said("a { b")], ["unmatched }", "unmatched {"]);
    for script in ["\"a", r#""\0""#, r#""\256""#, "a\\", "a {"] {
        assert_eq!(said(script), "syntax error", "{script}");
    }
}
