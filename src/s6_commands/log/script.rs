//! The script of s6-log: its arguments, one directive each. Says for each line where it goes. Must not write anything.

use std::ffi::CString;

use crate::error::EXIT_WRONG;
use crate::s6_commands::call::{Argument, number, print_error};
use crate::s6_commands::failure::Failure;
use crate::sys::regex::Regex;
use crate::text::shown_bytes;

const MIN_FILE_SIZE: u64 = 4096;
const MAX_FILE_SIZE: u64 = 268_435_455;

/// A script.
#[derive(Default)]
pub(super) struct LogScript {
    elements: Vec<Element>,
    /// The directories, in the order of the script.
    pub directories: Vec<LogSettings>,
}

/// Selections, and what is done with the lines that they leave.
#[derive(Default)]
struct Element {
    selections: Vec<LineSelection>,
    actions: Vec<LogAction>,
}

enum LineSelection {
    /// Lines for which nothing was done yet.
    Unused,
    Select(Regex),
    Deselect(Regex),
}

/// Something to do with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogAction {
    pub target: LogTarget,
    /// Whether a TAI64N label is in front.
    pub has_label: bool,
    /// Whether local time is in front.
    pub has_local_time: bool,
    pub prefix: Option<Argument>,
}

/// Where a line goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LogTarget {
    Output,
    /// Standard error, at most so many bytes of it; 0: all.
    Alert(usize),
    /// A file of so many bytes that always has the last line; 0: as long as it is.
    Status(Argument, usize),
    /// The directory of this index.
    Directory(usize),
}

/// What is asked for a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogSettings {
    pub path: Argument,
    /// Archived files that are kept.
    pub archives: usize,
    /// The bytes of a file.
    pub size: u64,
    /// A file this much smaller is rotated too.
    pub tolerance: u64,
    /// The bytes of all archived files; 0: any number.
    pub total: u64,
    /// Milliseconds until something that failed is tried again.
    pub retry: u64,
    /// Milliseconds between rotations of a file that is not full; 0: none.
    pub period: u64,
    pub processor: Option<Processor>,
}

/// A program that a file is piped through before it is archived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Processor {
    Execline(Argument),
    Shell(Argument),
}

/// Directives that hold for those after them.
struct ActionDefaults {
    settings: LogSettings,
    alert: usize,
    status: usize,
    prefix: Option<Argument>,
    has_label: bool,
    has_local_time: bool,
}

impl LogScript {
    /// Reads a script.
    ///
    /// # Errors
    /// A directive is wrong, or none says what to do.
    pub fn read(arguments: &[Argument], is_quiet: bool) -> Result<Self, Failure> {
        let mut script = Self::default();
        let mut element = Element::default();
        let mut defaults = ActionDefaults {
            settings: LogSettings {
                path: Argument::new(),
                archives: 10,
                size: 99_999,
                tolerance: 2000,
                total: 0,
                retry: 2000,
                period: 0,
                processor: None,
            },
            alert: 200,
            status: 1001,
            prefix: None,
            has_label: false,
            has_local_time: false,
        };
        for word in arguments {
            if let Some(selection) = selection(word)? {
                if !element.actions.is_empty() {
                    script.elements.push(std::mem::take(&mut element));
                }
                element.selections.push(selection);
            } else if let Some(target) = target(word, &defaults, script.directories.len())? {
                if let LogTarget::Directory(_) = target {
                    script.directories.push(LogSettings { path: word.clone(), ..defaults.settings.clone() });
                }
                element.actions.push(LogAction {
                    target,
                    has_label: std::mem::take(&mut defaults.has_label),
                    has_local_time: std::mem::take(&mut defaults.has_local_time),
                    prefix: defaults.prefix.clone(),
                });
            } else {
                defaults.take(word)?;
            }
        }
        match (element.actions.is_empty(), script.elements.is_empty()) {
            (false, _) => script.elements.push(element),
            (true, false) if !is_quiet => {
                print_error("s6-log: warning: ignoring extraneous non-action directives\n");
            }
            (true, false) => {}
            (true, true) => return Err(Failure::wrong("no action directive specified")),
        }
        Ok(script)
    }

    /// Returns what is to be done with a line, in order.
    pub fn actions(&self, line: &[u8]) -> Vec<&LogAction> {
        // As the C library sees it.
        let end = line.iter().position(|byte| *byte == 0).unwrap_or(line.len());
        let text = CString::new(&line[..end]).unwrap_or_default();
        let (mut is_selected, mut found) = (true, Vec::new());
        for element in &self.elements {
            for selection in &element.selections {
                is_selected = match selection {
                    LineSelection::Unused => found.is_empty(),
                    LineSelection::Select(regex) => is_selected || regex.matches(&text),
                    LineSelection::Deselect(regex) => is_selected && !regex.matches(&text),
                };
            }
            if is_selected {
                found.extend(&element.actions);
            }
        }
        found
    }
}

fn unrecognized(word: &[u8]) -> Failure {
    Failure::fatal(EXIT_WRONG, format!("unrecognized directive: {}", shown_bytes(word)))
}

fn syntax(word: &[u8]) -> Failure {
    Failure::fatal(EXIT_WRONG, format!("syntax error at directive: {}", shown_bytes(word)))
}

fn selection(word: &[u8]) -> Result<Option<LineSelection>, Failure> {
    let regex = |pattern: &[u8]| {
        let pattern = CString::new(pattern).ok();
        pattern.and_then(|pattern| Regex::new(&pattern)).ok_or_else(|| unrecognized(word))
    };
    match word {
        [b'f'] => Ok(Some(LineSelection::Unused)),
        [b'f', ..] => Err(syntax(word)),
        [b'+', pattern @ ..] => regex(pattern).map(|regex| Some(LineSelection::Select(regex))),
        [b'-', pattern @ ..] => regex(pattern).map(|regex| Some(LineSelection::Deselect(regex))),
        _ => Ok(None),
    }
}

fn target(word: &[u8], defaults: &ActionDefaults, index: usize) -> Result<Option<LogTarget>, Failure> {
    match word {
        [b'1'] => Ok(Some(LogTarget::Output)),
        [b'2'] => Ok(Some(LogTarget::Alert(defaults.alert))),
        [b'1' | b'2', ..] | [b'='] => Err(syntax(word)),
        [b'=', file @ ..] => Ok(Some(LogTarget::Status(file.to_vec(), defaults.status))),
        [b'.' | b'/', ..] => Ok(Some(LogTarget::Directory(index))),
        _ => Ok(None),
    }
}

impl ActionDefaults {
    fn take(&mut self, word: &[u8]) -> Result<(), Failure> {
        let Some((letter, rest)) = word.split_first() else { return Err(unrecognized(word)) };
        let value = || number(rest).map(u64::from).ok_or_else(|| unrecognized(word));
        let length = || value().map(|value| usize::try_from(value).unwrap_or(usize::MAX));
        match letter {
            b'n' => self.settings.archives = length()?,
            b's' => self.settings.size = value()?.clamp(MIN_FILE_SIZE, MAX_FILE_SIZE),
            b'S' => {
                let total =
                    std::str::from_utf8(rest).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
                self.settings.total = total.and_then(|text| text.parse().ok()).ok_or_else(|| unrecognized(word))?;
            }
            b'l' => {
                self.settings.tolerance = value()?;
                if self.settings.tolerance > self.settings.size / 2 {
                    let what = format!("directive {} conflicts with previous s directive", shown_bytes(word));
                    return Err(Failure::wrong(what));
                }
            }
            b'r' => self.settings.retry = value()?,
            b'R' => self.settings.period = value()?.saturating_mul(1000),
            b'E' => self.alert = length()?,
            b'^' => self.status = length()?,
            b'p' => self.prefix = Some(rest.to_vec()).filter(|prefix| !prefix.is_empty()),
            b'!' => self.settings.processor = Some(rest.to_vec()).filter(|it| !it.is_empty()).map(Processor::Execline),
            b'?' => self.settings.processor = Some(rest.to_vec()).filter(|it| !it.is_empty()).map(Processor::Shell),
            b't' if rest.is_empty() => self.has_label = true,
            b'T' if rest.is_empty() => self.has_local_time = true,
            b't' | b'T' => return Err(syntax(word)),
            _ => return Err(unrecognized(word)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<LogScript, String> {
        let arguments: Vec<Argument> = text.split(' ').map(|word| word.as_bytes().to_vec()).collect();
        LogScript::read(&arguments, true).map_err(|failure| failure.text)
    }

    fn targets(script: &str, line: &str) -> Vec<LogTarget> {
        let script = read(script).unwrap_or_else(|text| panic!("{text}"));
        script.actions(line.as_bytes()).into_iter().map(|action| action.target.clone()).collect()
    }

    #[test]
    fn a_line_goes_where_it_is_selected() {
        let script = "- +fatal: 2 - +^STAT =status f /dir";
        assert_eq!(targets(script, "a fatal: b"), [LogTarget::Alert(200)]);
        assert_eq!(targets(script, "STAT a"), [LogTarget::Status(b"status".to_vec(), 1001)]);
        assert_eq!(targets(script, "other"), [LogTarget::Directory(0)]);
        assert_eq!(targets("1 -a 2", "a"), [LogTarget::Output]);
        assert_eq!(targets("+.* 1", "a"), [LogTarget::Output]);
    }

    #[test]
    fn directives_hold_for_the_actions_after_them() {
        let script = read("n3 s5000 S7 l9 r11 !x t T pA /a p s1 /b").unwrap_or_default();
        let [a, b] = script.directories.as_slice() else { panic!("two directories") };
        assert_eq!((a.archives, a.size, a.total, a.tolerance, a.retry), (3, 5000, 7, 9, 11));
        assert_eq!((a.processor.clone(), b.size), (Some(Processor::Execline(b"x".to_vec())), 4096));
        let actions = script.actions(b"");
        let seen: Vec<_> = actions.iter().map(|it| (it.has_label, it.has_local_time, it.prefix.is_some())).collect();
        assert_eq!(seen, [(true, true, true), (false, false, false)]);
    }

    #[test]
    fn a_wrong_script_says_what_is_wrong() {
        let said = |text| read(text).err().unwrap_or_default();
        assert_eq!(said("n5"), "fatal: no action directive specified");
        assert_eq!(said("x 1"), "fatal: unrecognized directive: x");
        assert_eq!(said("tx 1"), "fatal: syntax error at directive: tx");
        assert_eq!(said("nx 1"), "fatal: unrecognized directive: nx");
        assert_eq!(said("+( 1"), "fatal: unrecognized directive: +(");
        assert_eq!(said("s5000 l4000 1"), "fatal: directive l4000 conflicts with previous s directive");
    }
}
