//! A shell's operators as arguments of a program, which gets them as words. Must not know services.

use super::linted::Linted;
use super::shell_line;
use super::words::{is_operator, is_redirection};
use crate::config::quote::ticked;

/// Returns the notice of the first one.
pub(super) fn notice(linted: &Linted<'_>) -> Option<String> {
    let (at, word) = linted.before_code.iter().enumerate().skip(1).find(|(at, _)| is_operator(linted.argv, *at))?;
    let program = linted.argv.first()?.rsplit('/').next()?;
    let what = format!("no shell reads {} here: {} gets it as an argument", ticked(word), ticked(program));
    let is_last = at + 1 == linted.argv.len();
    let before = linted.argv.get(..at)?;
    let without = || shell_line::instead(linted, before);
    let fix = match *word {
        "&" if is_last => format!("leave it out, the service is supervised itself: {}", without()),
        word if is_last && is_redirection(word) && word.contains('&') => {
            format!("leave it out, both outputs go to the log already: {}", without())
        }
        word if is_last && !is_redirection(word) => format!("leave it out, nothing follows it: {}", without()),
        _ => format!("write {}", shell_line::instead(linted, linted.argv)),
    };
    Some(linted.says(format!("{what}; {fix}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Option<String> {
        let argv: Vec<_> = line.split(' ').collect();
        notice(&Linted::new("web", "command", &argv))
    }

    #[test]
    fn an_operator_is_answered_with_a_script() {
        for (line, expected) in [
            (
                "nginx -t && nginx",
                "no shell reads `&&` here: `nginx` gets it as an argument; write `script = \"nginx -t && exec nginx\"`",
            ),
            (
                "/usr/bin/web --log - | tee /log",
                "no shell reads `|` here: `web` gets it as an argument; write `script = \"/usr/bin/web --log - | tee /log\"`",
            ),
            (
                "web ; other $X",
                "no shell reads `;` here: `web` gets it as an argument; write `script = \"web; exec other \\\"$X\\\"\"`",
            ),
            (
                "web -d &",
                "no shell reads `&` here: `web` gets it as an argument; leave it out, the service is supervised itself: \
                 `command = [\"web\", \"-d\"]`",
            ),
            (
                "web 2>&1",
                "no shell reads `2>&1` here: `web` gets it as an argument; leave it out, both outputs go to the log \
                 already: `command = [\"web\"]`",
            ),
            (
                "web >/dev/null",
                "no shell reads `>/dev/null` here: `web` gets it as an argument; write `script = \"exec web >/dev/null\"`",
            ),
            (
                "web -v > /log",
                "no shell reads `>` here: `web` gets it as an argument; write `script = \"exec web -v > /log\"`",
            ),
        ] {
            assert_eq!(said(line), Some(format!("web: `command`: {expected}")), "{line}");
        }
        let linted = Linted::new("web", "stop_command", &["a", "||", "b"]);
        let expected = "web: `stop_command`: no shell reads `||` here: `a` gets it as an argument; write `[\"/bin/sh\", \
                        \"-c\", \"a || exec b\"]`";
        assert_eq!(notice(&linted).as_deref(), Some(expected));
    }

    #[test]
    fn where_a_program_may_mean_it_nothing_is_reported() {
        for line in [
            "sh -c a && b",
            "env bash -ec a | b",
            "execlineb -c a ; b",
            "find /x -exec rm {} ;",
            "cut -d | -f 1",
            "join-lines -s ; a b",
            "web --separator | next",
            "[ 1 > 0 ]",
            "tmux new ; split",
            "web --and&& x",
            "&& web",
            "web http://x/?a&b",
            "web <b>",
        ] {
            assert_eq!(said(line), None, "{line}");
        }
        let daemon = ["nginx", "-g", "daemon off; error_log /dev/stderr;"];
        assert_eq!(notice(&Linted::new("web", "command", &daemon)), None);
    }
}
