//! `%(name)s` of supervisord's values, and the arguments of its commands (Python's shlex). A variable of the environment is only
//! known where the container runs, so it stays a placeholder in the text. Text in, text and arguments out.

use std::collections::BTreeMap;

use crate::config::command_line;

/// Stand around the name of a variable in an expanded text: letters that no configuration has.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';
/// The same as `OPEN`, in quotes.
const OPEN_QUOTED: char = '\u{e002}';

/// The names that a value may use.
pub type Names<'n> = BTreeMap<&'n str, String>;

/// A word of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpandedArgument(String);

/// Returns the text with every name replaced.
///
/// # Errors
/// The name that supervisord does not know, or the text that is no `%(name)s`.
pub fn expand(text: &str, names: &Names<'_>) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('%') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('%') {
            out.push('%');
            rest = after;
            continue;
        }
        let (name, after) =
            after.strip_prefix('(').and_then(|after| after.split_once(')')).ok_or_else(|| format!("%{after}"))?;
        let end = after.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(|| name.to_owned())?;
        let width = after.get(..end).unwrap_or_default();
        let kind = after.get(end..).and_then(|after| after.chars().next()).filter(|kind| matches!(kind, 's' | 'd'));
        kind.ok_or_else(|| format!("%({name}){after}"))?;
        match (name.strip_prefix("ENV_"), names.get(name)) {
            (_, Some(value)) => out.push_str(&padded(value, width)),
            (Some(variable), None) if is_variable(variable) => {
                out.push(OPEN);
                out.push_str(variable);
                out.push(CLOSE);
            }
            (Some(_) | None, None) => return Err(format!("%({name})s")),
        }
        rest = after.get(end + 1..).unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

/// `02` is a width of two, with zeros.
fn padded(value: &str, width: &str) -> String {
    let count = width.parse::<usize>().unwrap_or(0).min(20);
    if width.starts_with('0') { format!("{value:0>count$}") } else { format!("{value:>count$}") }
}

fn is_variable(name: &str) -> bool {
    !name.starts_with(|first: char| first.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// Returns the variable that an expanded text names first.
pub fn variable(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once([OPEN, OPEN_QUOTED])?;
    rest.split_once(CLOSE).map(|(name, _)| name)
}

/// Returns whether an expanded text is that variable and nothing else.
pub fn is_only(text: &str, name: &str) -> bool {
    text.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE)) == Some(name)
}

/// Splits an expanded text into arguments, as `shlex.split` does. `None`: a quote is not closed.
pub fn arguments(text: &str) -> Option<Vec<ExpandedArgument>> {
    let mut arguments = Vec::new();
    let mut word: Option<String> = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            ' ' | '\t' | '\n' | '\r' => arguments.extend(word.take().map(ExpandedArgument)),
            '\\' => word.get_or_insert_default().push(letters.next()?),
            quote @ ('\'' | '"') => {
                let word = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        letter if letter == quote => break,
                        '\\' if quote == '"' => match letters.next()? {
                            plain @ ('"' | '\\') => word.push(plain),
                            other => word.extend(['\\', other]),
                        },
                        OPEN => word.push(OPEN_QUOTED),
                        other => word.push(other),
                    }
                }
            }
            other => word.get_or_insert_default().push(other),
        }
    }
    arguments.extend(word.map(ExpandedArgument));
    Some(arguments)
}

impl ExpandedArgument {
    /// Returns its text, if it names no variable.
    pub fn plain(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| variable(text).is_none())
    }

    /// Returns it as a word of sh(1) that has the same value. A variable that is not set is an error there, as it is for
    /// supervisord.
    pub fn shell(&self) -> String {
        let mut out = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once([OPEN, OPEN_QUOTED]) {
            quote(before, &mut out);
            let is_quoted = rest.get(before.len()..).is_some_and(|from| from.starts_with(OPEN_QUOTED));
            let (name, after) = after.split_once(CLOSE).unwrap_or((after, ""));
            out.push_str(&if is_quoted { format!("\"${{{name}?}}\"") } else { format!("${{{name}?}}") });
            rest = after;
        }
        quote(rest, &mut out);
        if out.is_empty() { "''".to_owned() } else { out }
    }
}

fn quote(text: &str, out: &mut String) {
    if !text.is_empty() {
        out.push_str(&command_line::in_shell(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names<'static> {
        [("program_name", "web".to_owned()), ("process_num", "7".to_owned())].into()
    }

    fn expanded(text: &str) -> String {
        expand(text, &names()).unwrap()
    }

    #[test]
    fn names_are_replaced_and_widths_kept() {
        assert_eq!(expanded("%(program_name)s_%(process_num)02d 5%% %(process_num)d"), "web_07 5% 7");
        for wrong in
            ["%(nothing)s", "%(program_name)x", "%d", "%(program_name", "100%", "%(ENV_a-b)s", "%(program_name)"]
        {
            assert!(expand(wrong, &names()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn arguments_are_those_of_shlex() {
        let of = |text: &str| {
            let all = arguments(&expanded(text)).unwrap();
            all.iter().map(|word| word.plain().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(of(r#"a 'b  c' "d \"e\" \x" f\ g '' $X *"#), ["a", "b  c", "d \"e\" \\x", "f g", "", "$X", "*"]);
        assert_eq!(arguments("a 'b"), None);
        assert_eq!(arguments("a \\"), None);
    }

    #[test]
    fn a_variable_is_one_of_the_shells() {
        let text = expanded("web --port=%(ENV_PORT)s \"%(ENV_A)s b\" 'it' $x");
        assert_eq!(variable(&text), Some("PORT"));
        let shell: Vec<_> = arguments(&text).unwrap().iter().map(ExpandedArgument::shell).collect();
        assert_eq!(shell, ["web", "--port=${PORT?}", "\"${A?}\"' b'", "it", "'$x'"]);
        assert!(is_only(&expanded("%(ENV_X)s"), "X") && !is_only(&expanded("%(ENV_X)s/"), "X"));
    }
}
