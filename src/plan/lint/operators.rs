//! A shell's operators as arguments of a program, which gets them as words. Must not know services.

use super::linted::{Linted, is_option};
use crate::config::command_line::in_shell;
use crate::config::quote::ticked;

/// Where a program other than a shell can hardly mean them.
const ALWAYS: [&str; 2] = ["&&", "||"];
/// Letters that may be the value of an option: a separator.
const SINGLE: [&str; 5] = ["|", ";", "&", "<", ">"];
/// Programs to which output is piped.
const READERS: [&str; 9] = ["tee", "cat", "logger", "grep", "sed", "awk", "ts", "rotatelogs", "s6-log"];

/// Returns the notice of the first one.
pub(super) fn notice(linted: &Linted<'_>) -> Option<String> {
    let (at, word) = linted.before_code.iter().enumerate().skip(1).find(|(at, _)| is_operator(linted.argv, *at))?;
    let program = linted.argv.first()?.rsplit('/').next()?;
    let what = format!("no shell reads {} here: {} gets it as an argument", ticked(word), ticked(program));
    let is_last = at + 1 == linted.argv.len();
    let before = linted.argv.get(..at)?;
    let fix = match *word {
        "&" if is_last => format!("leave it out, the service is supervised itself: {}", linted.array(before)),
        word if is_last && is_redirection(word) && word.contains('&') => {
            format!("leave it out, both outputs go to the log already: {}", linted.array(before))
        }
        _ => format!("write {}", linted.script(&line(linted.argv))),
    };
    Some(linted.says(format!("{what}; {fix}")))
}

fn is_operator(argv: &[&str], at: usize) -> bool {
    let (Some(word), Some(before)) = (argv.get(at), at.checked_sub(1).and_then(|at| argv.get(at))) else {
        return false;
    };
    let next = argv.get(at + 1);
    match *word {
        word if ALWAYS.contains(&word) || is_redirection(word) => true,
        ">>" => next.is_some_and(|next| next.starts_with('/')) || !is_option(before),
        word if SINGLE.contains(&word) && !is_option(before) => true,
        "&" => next.is_none(),
        ">" => next.is_some_and(|next| next.starts_with('/')),
        "|" => next.is_some_and(|next| READERS.contains(next)),
        _ => false,
    }
}

/// `2>&1`, `>/dev/null`, `2>>/log`, `&>/log`.
fn is_redirection(word: &str) -> bool {
    let rest = word.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '&');
    let Some(target) = rest.strip_prefix(">>").or_else(|| rest.strip_prefix('>')) else { return false };
    word.len() - rest.len() <= 1 && (target.starts_with('/') || target == "&1" || target == "&2")
}

/// The words as a shell's line; what is started last takes the place of the shell.
fn line(argv: &[&str]) -> String {
    let is_last_alone = !argv.iter().any(|word| matches!(*word, "|" | "&"));
    let last = argv.iter().rposition(|word| matches!(*word, "&&" | "||" | ";")).map_or(0, |at| at + 1);
    let spelled = argv.iter().enumerate().map(|(at, word)| {
        let is_operator = at > 0 && (is_operator(argv, at) || matches!(*word, ">" | ">>" | "<"));
        let word = if is_operator { (*word).to_owned() } else { in_shell(word) };
        if is_last_alone && at == last { format!("exec {word}") } else { word }
    });
    spelled.collect::<Vec<_>>().join(" ").replace(" ; ", "; ")
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
                "no shell reads `;` here: `web` gets it as an argument; write `script = \"web; exec other '$X'\"`",
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
