//! Files that are no TOML, or no text at all.

use stepdown::config::service::Command;
use stepdown::config::{Content, MAX_FILE};

use super::sources_builder::{PLAIN, dir, empty_sources, file};

const HOW: &str = "write `key = value`; strings need quotes, lists `[ ]`, tables `{ }`";

#[test]
fn an_unquoted_string_is_reported_to_need_quotes() {
    empty_sources().toml("web", "command = [\"a\"]\nuser = app\nnice = x\n").assert_web_problems(&[
        "2: `app` is not a TOML value; strings need quotes: \"app\"",
        "3: `x` is not a TOML value; strings need quotes: \"x\"",
    ]);
}

#[test]
fn other_problems_of_a_file_with_a_syntax_error_are_reported_as_well() {
    empty_sources().toml("web", "command = [\"a\"]\nuser = app\nrestrat = 1\nnice = 50\n").assert_web_problems(&[
        "2: `app` is not a TOML value; strings need quotes: \"app\"",
        "3: unknown key `restrat`; did you mean `restart`?",
        "4: `nice` cannot be 50; write -20 to 19",
    ]);
}

#[test]
fn a_key_that_is_set_twice_is_named() {
    empty_sources()
        .toml("web", "command = [\"a\"]\nnice = 1\nnice = 2")
        .assert_web_problems(&["3: `nice` is set twice; keep one of them"]);
}

#[test]
fn a_bracket_that_is_not_closed_is_found_where_it_opens() {
    empty_sources().toml("web", "nise = 1\ncommand = [\"a\", \"b\"\nuser = \"root\"\nnice = 50\n").assert_web_problems(&[
        "1: unknown key `nise`; did you mean `nice`?",
        "3: invalid TOML: a list is not closed, or lacks a comma (in the value of `command` that begins on line 2); \
         write lists as `[\"a\", \"b\"]`",
    ]);
}

#[test]
fn syntax_errors_of_other_kinds_are_reported_with_their_line() {
    let text = "close it; a text of several lines stands between `'''` and `'''`";
    let escape = r"write `\\` for a backslash, or put the whole text in single quotes";
    let keys = "write keys with letters, digits, `-` and `_`, and put any other in quotes";
    for (line, what, fix) in [
        ("user =", "a key has no value", "write one after the `=`"),
        ("foo", "invalid TOML: a key has no `=` and no value", HOW),
        ("= 1", "invalid TOML: a key is empty", keys),
        (
            "script = \"echo",
            "invalid TOML: a string in `\"` is not closed on its line, or has a control character",
            text,
        ),
        ("script = 'echo", "invalid TOML: a string in `'` is not closed on its line, or has a control character", text),
        (r#"directory = "C:\dir""#, r"invalid TOML: a string has a `\` that does not begin an escape", escape),
        ("[stop", "invalid TOML: a `[table]` line is not closed", "close it with `]`"),
        ("[[stop", "invalid TOML: a `[[table]]` line is not closed", "close it with `]]`"),
        ("stop = { signal = \"TERM\"", "invalid TOML: a table in `{ }` is not closed", "close it with `}`"),
        ("user = node", "`node` is not a TOML value", "strings need quotes: \"node\""),
        ("user = inf1", "`inf1` is not a TOML value", "strings need quotes: \"inf1\""),
        ("user = “app”", "`“app”` is not a TOML value", "strings need quotes: \"app\""),
        ("user = 12ab", "`12ab` is not a TOML value", "strings need quotes: \"12ab\""),
        ("umask = 022", "`022` is not a TOML value", "strings need quotes: \"022\""),
        ("umask = 0o9", "`0o9` is not a TOML value", "strings need quotes: \"0o9\""),
        ("ready = { tcp = 80, timeout = 30s}", "`30s` is not a TOML value", "strings need quotes: \"30s\""),
        ("essential = True", "`True` is not a TOML value", "write `true`"),
        ("essential = yes", "`yes` is not a TOML value", "write `true`; a string needs quotes: \"yes\""),
        ("enabled = off", "`off` is not a TOML value", "write `false`; a string needs quotes: \"off\""),
        ("finish: [\"web\"]", "invalid TOML: between a key and its value stands `=`", "write `=` in the place of `:`"),
        ("nice: 1", "invalid TOML: between a key and its value stands `=`", "write `=` in the place of `:`"),
        ("; said", "invalid TOML: a comment begins with `#`", "write `#` in the place of `;`"),
        ("; user = \"x\"", "invalid TOML: a comment begins with `#`", "write `#` in the place of `;`"),
        ("umask = // said", "`//` is not a TOML value", "write `#` for a comment; a string needs quotes: \"//\""),
        ("// said", "invalid TOML: a comment begins with `#`", "write `#` in the place of `//`"),
        ("a:b = 1", "invalid TOML: a key has a character that needs quotes", keys),
        ("käse = 1", "invalid TOML: a key has a character that needs quotes", keys),
    ] {
        empty_sources()
            .toml("web", &format!("command = [\"a\"]\n{line}\n"))
            .assert_web_problems(&[&format!("2: {what}; {fix}")]);
    }
}

/// A file with one of everything, each character left out, doubled, and others put before it: whatever the parser finds, it
/// is said in words of ours, and none is left that nobody has written words for.
#[test]
fn every_slip_has_words_of_ours() {
    let whole = "command = [\"a\", 'b']\nnice = 1\nscript = '''\nx'''\nuser = \"\\u0041\"\nstop = { signal = \"TERM\", a.b = 0x1 }\n\
        at = 1979-05-27T07:32:00Z\nf = 1.5e3\nok = true\n[log]\nx = \"\"\"\ny\\n\"\"\"\n[[own]]\npath = \"/a\" # said\n";
    let puts =
        ["", "\"", "'", "[", "]", "{", "}", ",", "=", ".", "#", "\\", "_", "0", "x", "+", "\u{1}", "\r", "\n", "“"];
    let mut seen = 0;
    for (file_path, letter) in whole.char_indices() {
        let (before, behind) = (&whole[..file_path], &whole[file_path + letter.len_utf8()..]);
        for put in puts {
            for text in [format!("{before}{put}{behind}"), format!("{before}{put}{letter}{behind}")] {
                for problem in empty_sources().toml("web", &text).problems() {
                    let strange =
                        ["cannot be read", "expected `", "expected ", "recover", "ParseIntError", "digit found"];
                    let strange: Vec<_> = strange.iter().filter(|word| problem.contains(*word)).collect();
                    assert!(strange.is_empty(), "{text:?}: {problem}");
                    seen += usize::from(problem.contains("TOML"));
                }
            }
        }
    }
    assert!(seen > 1000, "{seen}");
}

#[test]
fn a_file_that_is_not_text_is_reported_as_that() {
    let file_path = "/etc/services.d/web.toml";
    for (content, expected) in [
        (
            file(b"\xef\xbb\xbfcommand = [\"a\"]"),
            format!("{file_path}:1: begins with a byte order mark; save it as UTF-8 without one"),
        ),
        (file(b"nice = 1\nuser = \"\xff\""), format!("{file_path}:2: is not UTF-8 text (byte 0xff); save it as UTF-8")),
        (file(b"\xff\xfec\0o\0"), format!("{file_path}:1: is not UTF-8 text (byte 0xff); save it as UTF-8")),
        (file(b"nice = 1\n\0"), format!("{file_path}:2: contains a NUL byte; save it as plain text")),
        (file(vec![b'#'; MAX_FILE + 1]), format!("{file_path}: is 262145 bytes long; keep it within 262144 bytes")),
        (Content::TooLarge(1 << 30), format!("{file_path}: is 1073741824 bytes long; keep it within 262144 bytes")),
        (
            Content::Unreadable("Permission denied (EACCES)".to_owned()),
            format!(
                "{file_path}: cannot read it: Permission denied (EACCES); make it readable for the user that starts the container"
            ),
        ),
        (
            Content::Other("FIFO"),
            format!("{file_path}: is not a regular file (FIFO); put a regular file there, or remove it"),
        ),
    ] {
        empty_sources().entry("web.toml", content).assert_problems(&[&expected]);
    }
}

#[test]
fn syntax_errors_of_the_container_file_are_reported_the_same_way() {
    let mut sources = empty_sources().toml("web", PLAIN);
    sources.0.container = Some(("/etc/stepdown.toml".into(), dir([])));
    sources.assert_problems(&["/etc/stepdown.toml: is a directory; put a regular file there, or remove it"]);
}

#[test]
fn of_a_very_large_file_only_the_first_syntax_error_is_reported() {
    let comment = format!("# {}\n", "x".repeat(100)).repeat(200);
    empty_sources()
        .toml("web", &format!("{comment}command = a\nuser = b\nnice = 99\n"))
        .assert_web_problems(&["201: `a` is not a TOML value; strings need quotes: \"a\""]);
}

#[test]
fn a_text_with_windows_line_endings_is_reported_with_its_line_and_one_line_of_it_does_no_harm() {
    let sed = "save the file with Unix ones: `sed -i 's/\\r$//' /etc/services.d/web.toml`";
    for (quote, line) in [("\"\"\"", 2), ("'''", 2)] {
        let text = format!("type = \"longrun\"\r\nscript = {quote}\r\necho a\r\nexec b\r\n{quote}\r\n");
        let expected =
            format!("/etc/services.d/web.toml:{line}: the text of `script` has Windows line endings (CRLF); {sed}");
        empty_sources().toml("web", &text).assert_problems(&[&expected]);
    }
    let text = "command = [\"a\",\r\n  \"b\"]\r\nenvironment = { A = \"\"\"x\r\ny\"\"\" }\r\n";
    let expected =
        format!("/etc/services.d/web.toml:3: the text of `environment` has Windows line endings (CRLF); {sed}");
    empty_sources().toml("web", text).assert_problems(&[&expected]);
    let config = empty_sources().toml("web", "command = [\"a\",\r\n  \"b\"]\r\nuser = \"app\"\r\n").config();
    assert_eq!(config.services[0].command, Command::Argv(vec!["a".into(), "b".into()]));
}

#[test]
fn a_carriage_return_that_a_shell_would_read_is_reported() {
    let expected = |file_path: usize, line: usize, name: &str| {
        format!(
            "/etc/services.d/web.toml:{file_path}: line {line} of {name} ends with a carriage return, which the shell takes for a part \
             of the last word; write `\\n` in the place of `\\r\\n`"
        )
    };
    empty_sources().toml("web", r#"script = "echo a\r\nexec b\r\n""#).assert_problems(&[&expected(1, 1, "`script`")]);
    let text = "command = [\"x\"]\nfinish = [\"/bin/sh\", \"-c\", \"rm x\\r\"]\nstop = { signal = \"INT\" }\n";
    empty_sources().toml("web", text).assert_problems(&[&expected(2, 1, "an element of `finish`")]);
    let main = "[main]\nhealth = { command = [\"sh\", \"-c\", \"true\\n\\r\\n\"] }\n";
    let main_told =
        expected(2, 2, "an element of `main.health.command`").replace("/etc/services.d/web.toml", "/etc/stepdown.toml");
    empty_sources().container(main).main("x").assert_problems(&[&main_told]);
    // What a program is given in quotes may be meant so.
    empty_sources().toml("web", r#"script = "printf 'PING\r\n' | nc localhost 6379""#).config();
    empty_sources().toml("web", r#"command = ["printf", "a\r\n"]"#).config();
    // Nor what a script is given.
    empty_sources().toml("web", r#"command = ["sh", "-c", "printf %s \"$1\"", "sh", "a\r\n"]"#).config();
    empty_sources().toml("web", r#"command = ["sh", "/srv/send", "a\r\n"]"#).config();
}
