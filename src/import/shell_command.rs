//! One plain command of a shell script → its arguments. Anything that only a shell can do (variables, patterns, redirections,
//! several commands) is no plain command. Text in, arguments out.

use crate::config::command_line;

/// Words that only a shell can execute.
const BUILT_IN: [&str; 31] = [
    ".", ":", "alias", "builtin", "case", "cd", "command", "declare", "eval", "exit", "export", "for", "function",
    "if", "local", "read", "readonly", "return", "set", "shift", "shopt", "source", "time", "times", "trap", "ulimit",
    "umask", "unset", "until", "wait", "while",
];

/// Returns the arguments of a script that is one plain command; `exec` before it has no effect. `None`: it needs a shell.
pub fn only_command(script: &str) -> Option<Vec<String>> {
    let joined = script.replace("\\\n", " ");
    let mut code = joined.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let arguments = command_line::words(code.next()?).filter(|_| code.next().is_none())?;
    let arguments = match arguments.split_first() {
        Some((first, rest)) if first == "exec" => rest.to_vec(),
        Some(_) | None => arguments,
    };
    // Options of `exec` itself, and assignments.
    let is_program = |word: &String| !word.is_empty() && !word.starts_with('-') && !word.contains('=');
    let first = arguments.first().filter(|first| is_program(first))?;
    if BUILT_IN.contains(&first.as_str()) { None } else { Some(arguments) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_command_is_its_words() {
        let of = |script: &str| only_command(script).unwrap_or_else(|| panic!("{script:?} is plain"));
        assert_eq!(of("exec nginx -g 'daemon off;'\n"), ["nginx", "-g", "daemon off;"]);
        assert_eq!(of("# why\n\n  web --a=b \\\n    \"c d\" e\\ f ''\n"), ["web", "--a=b", "c d", "e f", ""]);
    }

    #[test]
    fn what_needs_a_shell_is_none() {
        let scripts = [
            "",
            "# only",
            "a\nb",
            "a; b",
            "a && b",
            "a | b",
            "a > f",
            "a $X",
            "a \"$X\"",
            "a *.c",
            "a `b`",
            "X=1 a",
            "cd /x",
            "exec 2>&1",
            "a 'b",
            "a \"b",
            "exec",
            "exec -a x y",
            ". ./env",
            "a {1,2}",
            "a ~/b",
            "(a)",
            "a &",
            "a \\",
            "export A=b",
            "a # b",
            "a \"\\n\"",
        ];
        for script in scripts {
            assert_eq!(only_command(script), None, "{script:?}");
        }
    }
}
