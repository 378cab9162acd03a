//! A whole line of a shell as one element of an array, and an option together with its value. Must not know services.

use std::ffi::OsString;

use super::linted::{Linted, is_option};
use super::shell_line;
use super::words::is_line;
use crate::config::quote::{quoted, ticked};

/// Returns the notice, if an element holds several words that are surely not meant as one.
pub(super) fn notice(linted: &Linted<'_>) -> Option<String> {
    let program = linted.argv.first()?;
    if is_line(program) {
        let line = match linted.argv {
            [_] => String::new(),
            _ => " and the arguments after it".to_owned(),
        };
        let it = if linted.is_secret { "its first element".to_owned() } else { quoted(program) };
        let what = format!("{it} is taken for the name of one program{line}");
        return Some(linted.says(format!("{what}; {}", instead(linted, program))));
    }
    let code = linted.before_code;
    let mut pairs = code.iter().zip(code.iter().skip(1));
    let (_, word) = pairs.find(|(before, word)| !is_option(before) && shell_line::is_split(word))?;
    let what = match word.split_once([' ', '\t']).filter(|_| linted.is_secret) {
        Some((option, _)) => format!("{} and its value are one argument, blank included", ticked(option)),
        None => format!("{} is one argument, blank included", quoted(word)),
    };
    Some(linted.says(format!("{what}; write {}", shell_line::instead(linted, linted.argv))))
}

/// Returns what to write for a program that does not exist and is a line.
pub(in super::super) fn instead_of_program(key: &str, argv: &[OsString]) -> Option<String> {
    let argv: Vec<&str> = argv.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let program = argv.first().filter(|program| program.trim().contains([' ', '\t']))?;
    let linted = Linted::new("", key, &argv);
    Some(format!("{}: the first element is the name of the program alone", instead(&linted, program)))
}

fn instead(linted: &Linted<'_>, program: &str) -> String {
    let rest = linted.argv.get(1..).unwrap_or_default();
    match shell_line::missing_quote(program) {
        Some(quote) => format!("a closing `{quote}` is missing in it: write {}", linted.each_word()),
        None => format!("write {}", shell_line::instead_of_line(linted, program, rest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(argv: &[&str]) -> Option<String> {
        notice(&Linted::new("web", "command", argv))
    }

    #[test]
    fn a_line_in_one_element_is_answered_with_its_words() {
        for (argv, expected) in [
            (
                &["nginx -g 'daemon off;'"][..],
                "web: `command`: \"nginx -g 'daemon off;'\" is taken for the name of one program; write `command = \
                 [\"nginx\", \"-g\", \"daemon off;\"]`",
            ),
            (
                &["/usr/bin/web --port 80", "--debug"],
                "web: `command`: \"/usr/bin/web --port 80\" is taken for the name of one program and the arguments \
                 after it; write `command = [\"/usr/bin/web\", \"--port\", \"80\", \"--debug\"]`",
            ),
            (
                &["cd /srv && node a.js"],
                "web: `command`: \"cd /srv && node a.js\" is taken for the name of one program; write `script = \
                 \"cd /srv && node a.js\"`",
            ),
            (
                &["PORT=80 web"],
                "web: `command`: \"PORT=80 web\" is taken for the name of one program; write `script = \"PORT=80 web\"`",
            ),
            (
                &["web", "--port 80", "-v"],
                "web: `command`: \"--port 80\" is one argument, blank included; write `command = [\"web\", \"--port\", \
                 \"80\", \"-v\"]`",
            ),
            (
                &["nginx", "-g 'daemon off;'"],
                "web: `command`: \"-g 'daemon off;'\" is one argument, blank included; write `command = [\"nginx\", \
                 \"-g\", \"daemon off;\"]`",
            ),
        ] {
            assert_eq!(said(argv).as_deref(), Some(expected), "{argv:?}");
        }
        for (argv, expected) in [
            (
                &["web --password hunter2"][..],
                "its first element is taken for the name of one program; write each word as an element of its own, \
                 `[\"program\", \"argument\", …]`",
            ),
            (
                &["web", "--token hunter2"],
                "`--token` and its value are one argument, blank included; write each word as an element of its own, \
                 `[\"program\", \"argument\", …]`",
            ),
        ] {
            assert_eq!(said(argv), Some(format!("web: `command`: {expected}")), "no password in a log: {argv:?}");
        }
        let long = "web ".repeat(100);
        let said = said(&[&long]).unwrap();
        assert!(said.ends_with("write each word as an element of its own, `[\"program\", \"argument\", …]`"), "{said}");
    }

    #[test]
    fn blanks_that_are_meant_are_not_reported() {
        for argv in [
            &["/opt/My App/run"][..],
            &["nginx", "-g", "daemon off;"],
            &["sh", "-c", "--port 80"],
            &["start", "--java-opts", "-Xmx1g -Xms1g"],
            &["java", "-Dname=a b", "-jar", "x.jar"],
            &["ssh", "-o StrictHostKeyChecking=no", "host"],
            &["curl", "-H", "--a b"],
            &["echo", "-- it is"],
            &["say", "--hello dear world"],
            &["web"],
            &[""],
            &[],
        ] {
            assert_eq!(said(argv), None, "{argv:?}");
        }
    }

    #[test]
    fn a_program_that_is_not_found_is_answered_with_its_words() {
        let of = |word: &str| instead_of_program("command", &[word.into()]);
        let expected = "write `command = [\"/opt/web\", \"now\"]`: the first element is the name of the program alone";
        assert_eq!(of("/opt/web now").as_deref(), Some(expected));
        assert_eq!(of("/opt/web"), None);
    }
}
