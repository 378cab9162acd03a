//! Windows line endings (CRLF): removed from a file before it is parsed, and detected in a script, where the carriage return
//! becomes part of the last word. Text in, lines out; must not know where the text was.

use std::borrow::Cow;
use std::path::Path;

use crate::error::FileCommand;

/// Returns the fix for a file that has them.
pub fn to_unix(path: &Path) -> FileCommand {
    let before = "save the file with Unix ones: `".to_owned();
    FileCommand { before, command: "sed -i 's/\\r$//'", path: path.to_owned(), after: "`" }
}

/// Shells, by the last component of their paths.
const SHELLS: [&str; 8] = ["sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "busybox"];

/// Returns the text with Unix line endings.
pub fn unix(text: &str) -> Cow<'_, str> {
    if text.contains("\r\n") { Cow::Owned(text.replace("\r\n", "\n")) } else { Cow::Borrowed(text) }
}

/// Returns the lines, counted from 1, that have a Windows line ending, in order.
pub fn windows(text: &str) -> Vec<usize> {
    text.split_inclusive('\n').zip(1..).filter(|(line, _)| line.ends_with("\r\n")).map(|(_, at)| at).collect()
}

/// Returns whether a program is a shell.
pub fn is_shell(program: &str) -> bool {
    SHELLS.contains(&program.rsplit('/').next().unwrap_or_default())
}

/// Returns the place of the script among a shell's arguments (`sh -c SCRIPT NAME …`): what follows it are values.
pub fn inline_script(arguments: &[&str]) -> Option<usize> {
    let (mut is_code, mut at) = (false, 0);
    loop {
        let word = *arguments.get(at)?;
        let is_long = word.starts_with("--");
        match word.strip_prefix(['-', '+']) {
            // The applet of busybox.
            None if at == 0 && is_shell(word) => {}
            None => return is_code.then_some(at),
            Some("" | "-") => return is_code.then_some(at + 1).filter(|at| *at < arguments.len()),
            Some("-rcfile" | "-init-file") => at += 1,
            Some(_) if is_long => {}
            Some(letters) => {
                is_code |= word.starts_with('-') && letters.contains('c');
                // `-o pipefail`: its value is the next word.
                at += usize::from(letters.contains(['o', 'O']));
            }
        }
        at += 1;
    }
}

/// Returns the first line, counted from 1, of a shell script that ends with a carriage return, which becomes part of the
/// last word. In quotes it may be intended, and in a comment it has no effect. Lines after the beginning of a here document
/// are not checked.
pub fn first_bad_line(script: &str) -> Option<usize> {
    let (mut line, mut quote, mut before) = (1, None, '\n');
    let mut letters = script.chars().peekable();
    while let Some(letter) = letters.next() {
        let ends = matches!(letters.peek(), Some('\n') | None);
        match (letter, quote) {
            ('\n', _) => line += 1,
            ('\'' | '"', None) => quote = Some(letter),
            (letter, Some(open)) if letter == open => quote = None,
            ('\r', None) if ends => return Some(line),
            ('\\', None) if letters.peek() == Some(&'\r') => {}
            ('\\', None | Some('"')) => {
                line += usize::from(letters.next() == Some('\n'));
            }
            ('#', None) if before.is_whitespace() => {
                while letters.peek().is_some_and(|letter| *letter != '\n') {
                    letters.next();
                }
            }
            ('<', None) if before == '<' => return None,
            _ => {}
        }
        before = letter;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_ends_with_a_carriage_return_is_found_where_the_shell_would_read_it() {
        for (script, line) in [
            ("echo a\r\necho b\r\n", Some(1)),
            ("echo a\n\r\n", Some(2)),
            ("echo a\nexec b\r", Some(2)),
            ("a \\\n  b\nc \\\r\n d", Some(3)),
            ("# comment\r\n\necho a\r\n", Some(3)),
            ("echo 'a\nb' \"c\n\" d\r\n", Some(3)),
            ("printf 'PING\r\n' | nc localhost 6379\n", None),
            ("printf \"a \\\" b\r\n\"\n", None),
            ("printf a\\rb\n", None),
            ("echo a#b\n# it's fine\r\n", None),
            ("nc mail 25 <<END\nHELO x\r\nEND\n", None),
            ("echo a\rb\n", None),
            ("", None),
        ] {
            assert_eq!(first_bad_line(script), line, "{script:?}");
        }
    }

    #[test]
    fn the_script_of_a_shell_is_what_follows_its_options_and_the_rest_are_values() {
        for (line, script) in [
            ("-c a b", Some(1)),
            ("-e -c a", Some(2)),
            ("-c -e a b", Some(2)),
            ("-ec a", Some(1)),
            ("-o pipefail -c a", Some(3)),
            ("-eo pipefail -c a", Some(3)),
            ("--rcfile -c -c a", Some(3)),
            ("--login -c a", Some(2)),
            ("-c -- -a", Some(2)),
            ("sh -c a", Some(2)),
            ("/data/hook -c a", None),
            ("-e /data/hook", None),
            ("+c a", None),
            ("-c", None),
            ("-c --", None),
        ] {
            let words: Vec<_> = line.split(' ').collect();
            assert_eq!(inline_script(&words), script, "{line}");
        }
    }

    #[test]
    fn a_shell_is_known_by_its_name() {
        assert!(is_shell("sh") && is_shell("/bin/bash") && !is_shell("/usr/bin/python3") && !is_shell(""));
    }
}
