//! What a page says that commands print. Must not run them.
//!
//! A command begins with `$ `, goes on after a `\` at the end of a line, and is followed by lines that it prints. They are compared in
//! order: `…` stands for any text within a line, a line of only `…` for any lines. What is printed after the last line is not compared if
//! that is `…`, nor are empty lines at the end. A command without lines may print anything.

/// A command and what it prints.
#[derive(Debug, PartialEq, Eq)]
pub struct Command {
    pub line: String,
    pub expected: Vec<String>,
}

/// Returns the commands of a block.
pub fn commands(text: &str) -> Vec<Command> {
    let mut commands: Vec<Command> = Vec::new();
    let mut continues = false;
    for line in text.lines() {
        match (continues, line.strip_prefix("$ "), commands.last_mut()) {
            (true, _, Some(last)) => last.line.push_str(&format!("\n{line}")),
            (_, Some(command), _) => commands.push(Command { line: command.to_owned(), expected: Vec::new() }),
            (_, None, Some(last)) => last.expected.push(line.to_owned()),
            (_, None, None) => panic!("a block of commands begins with `$ `, not {line:?}"),
        }
        continues = line.ends_with('\\') && (continues || line.starts_with("$ "));
    }
    for command in &mut commands {
        while command.expected.last().is_some_and(String::is_empty) {
            command.expected.pop(); // it separates the next command
        }
    }
    commands
}

/// Returns whether a line is as a pattern has it.
fn line_matches(pattern: &str, line: &str) -> bool {
    let mut parts = pattern.trim_end().split('…');
    let Some(mut rest) = line.trim_end().strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.split_once(part) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// Returns whether the lines are as the page has them.
pub fn matches(expected: &[String], lines: &[&str]) -> bool {
    match (expected.split_first(), lines.split_first()) {
        (None, _) => lines.iter().all(|line| line.is_empty()),
        (Some((first, rest)), _) if first == "…" => (0..=lines.len()).any(|at| matches(rest, &lines[at..])),
        (Some(_), None) => false,
        (Some((first, others)), Some((line, rest))) => line_matches(first, line) && matches(others, rest),
    }
}

#[test]
fn commands_go_on_and_have_their_lines() {
    let text = "$ one \\\n    two\nprinted\n\n$ three\n";
    let expected = [("one \\\n    two", vec!["printed"]), ("three", vec![])];
    let expected = expected.map(|(line, expected)| Command {
        line: line.to_owned(),
        expected: expected.into_iter().map(str::to_owned).collect(),
    });
    assert_eq!(commands(text), expected);
}

#[test]
fn an_ellipsis_stands_for_text_and_for_lines() {
    let holds = |expected: &[&str], lines: &[&str]| {
        matches(&expected.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>(), lines)
    };
    assert!(holds(&["a…c", "…", "z"], &["abc", "x", "y", "z"]));
    assert!(holds(&["…", "b"], &["b"]) && holds(&["a", "…"], &["a", "b"]) && holds(&["a  "], &["a"]));
    assert!(holds(&["a"], &["a", ""]) && !holds(&["a"], &["a", "", "b"]));
    assert!(!holds(&["a"], &["a", "b"]) && !holds(&["a", "…", "c"], &["a", "b"]) && !holds(&["a…c"], &["ab"]));
    assert!(line_matches("…", "x") && !line_matches("a…b…a", "aba c") && !line_matches("ab…ba", "aba"));
}
