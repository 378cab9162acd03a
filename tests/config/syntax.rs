//! Files that are no TOML, or no text at all.

use stepdown::config::{Content, MAX_FILE};

use super::given::{PLAIN, dir, file, given};

const HOW: &str = "write `key = value`; strings stand in quotes, lists in `[ ]`, tables in `{ }`";

#[test]
fn an_unquoted_string_is_told_to_stand_in_quotes() {
    given().toml("web", "command = [\"a\"]\nuser = app\nnice = x\n").web_says(&[
        "2: `app` is no TOML value; strings stand in quotes: \"app\"",
        "3: `x` is no TOML value; strings stand in quotes: \"x\"",
    ]);
}

#[test]
fn other_problems_of_a_file_with_a_slip_are_told_as_well() {
    given().toml("web", "command = [\"a\"]\nuser = app\nrestrat = 1\nnice = 50\n").web_says(&[
        "2: `app` is no TOML value; strings stand in quotes: \"app\"",
        "3: unknown key `restrat`; did you mean `restart`?",
        "4: `nice` cannot be 50; write -20 to 19",
    ]);
}

#[test]
fn a_key_that_is_set_twice_is_named() {
    given()
        .toml("web", "command = [\"a\"]\nnice = 1\nnice = 2")
        .web_says(&["3: `nice` is set twice; keep one of them"]);
}

#[test]
fn a_bracket_that_is_not_closed_is_found_where_it_opens() {
    given().toml("web", "nise = 1\ncommand = [\"a\", \"b\"\nuser = \"root\"\nnice = 50\n").web_says(&[
        "1: unknown key `nise`; did you mean `nice`?",
        &format!(
            "3: is no TOML here: missing comma between array elements, expected `,` \
             (in the value of `command` that begins on line 2); {HOW}"
        ),
    ]);
}

#[test]
fn slips_of_other_kinds_are_told_with_their_line() {
    for (text, expected) in [
        ("command = [\"a\"]\nuser =\n", "2: a key has no value; write one after the `=`".to_owned()),
        ("command = [\"a\"]\nfoo\n", format!("2: is no TOML here: key with no value, expected `=`; {HOW}")),
        (
            "command = [\"a\"]\nscript = \"echo\n",
            format!("2: is no TOML here: invalid basic string, expected `\"`; {HOW}"),
        ),
        ("[stop\nsignal = \"TERM\"", format!("1: is no TOML here: unclosed table, expected `]`; {HOW}")),
    ] {
        given().toml("web", text).web_says(&[&expected]);
    }
}

#[test]
fn what_is_no_text_is_said_to_be_none() {
    let at = "/etc/services.d/web.toml";
    for (content, expected) in [
        (
            file(b"\xef\xbb\xbfcommand = [\"a\"]"),
            format!("{at}:1: begins with a byte order mark; save it as UTF-8 without one"),
        ),
        (file(b"nice = 1\nuser = \"\xff\""), format!("{at}:2: is no UTF-8 text (byte 0xff); save it as UTF-8")),
        (file(b"\xff\xfec\0o\0"), format!("{at}:1: is no UTF-8 text (byte 0xff); save it as UTF-8")),
        (file(b"nice = 1\n\0"), format!("{at}:2: contains a NUL byte; save it as plain text")),
        (file(vec![b'#'; MAX_FILE + 1]), format!("{at}: is 262145 bytes long; keep it within 262144 bytes")),
        (Content::TooLarge(1 << 30), format!("{at}: is 1073741824 bytes long; keep it within 262144 bytes")),
        (
            Content::Unreadable("Permission denied (EACCES)".to_owned()),
            format!(
                "{at}: cannot read it: Permission denied (EACCES); make it readable for the user that starts the container"
            ),
        ),
        (Content::Other("FIFO"), format!("{at}: is no regular file (FIFO); put a regular file there, or remove it")),
    ] {
        given().entry("web.toml", content).says(&[&expected]);
    }
}

#[test]
fn the_container_file_is_told_the_same() {
    let mut sources = given().toml("web", PLAIN);
    sources.0.container = Some(("/etc/stepdown.toml".into(), dir([])));
    sources.says(&["/etc/stepdown.toml: is a directory; put a regular file there, or remove it"]);
}

#[test]
fn of_a_file_larger_than_anybody_writes_only_the_first_slip_is_told() {
    let comment = format!("# {}\n", "x".repeat(100)).repeat(200);
    given()
        .toml("web", &format!("{comment}command = a\nuser = b\nnice = 99\n"))
        .web_says(&["201: `a` is no TOML value; strings stand in quotes: \"a\""]);
}
