//! The files of envfile(1): lines `NAME = value`, with comments, quotes and escapes. Must not know what becomes of variables.

use crate::execline::escape::byte_of_letter;

/// A variable and its value.
pub type Assignment = (Vec<u8>, Vec<u8>);

/// Where the reader is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    LineStart,
    Comment,
    Name,
    /// Behind a name and a blank.
    AfterName,
    BeforeValue,
    Value,
    Quoted,
    /// Behind a backslash in a value.
    Escape,
    /// Behind a backslash in quotes.
    QuotedEscape,
    /// Behind `\x`, with the digit that there is.
    Hexadecimal(Option<u8>),
    /// In an octal number: its value, and how many digits can follow.
    Octal {
        value: u32,
        room: u8,
    },
}

struct Reader {
    found: Vec<Assignment>,
    name: Vec<u8>,
    value: Vec<u8>,
    /// How much of the value stays if only blanks follow.
    kept: usize,
    state: State,
}

/// Returns the assignments of a text, which ends at a NUL.
///
/// # Errors
/// The number of the line where it is wrong.
pub fn read(text: &[u8]) -> Result<Vec<Assignment>, usize> {
    let mut reader =
        Reader { found: Vec::new(), name: Vec::new(), value: Vec::new(), kept: 0, state: State::LineStart };
    let mut line = 1;
    for byte in text.iter().take_while(|byte| **byte != 0) {
        reader.state = reader.step(*byte).ok_or(line)?;
        line += usize::from(*byte == b'\n');
    }
    match reader.state {
        State::LineStart | State::Comment => {}
        State::BeforeValue | State::Value => reader.end(),
        State::Name
        | State::AfterName
        | State::Quoted
        | State::Escape
        | State::QuotedEscape
        | State::Hexadecimal(_)
        | State::Octal { .. } => return Err(line),
    }
    Ok(reader.found)
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 12 | b'\r')
}

impl Reader {
    /// `None`: this byte cannot stand here.
    fn step(&mut self, byte: u8) -> Option<State> {
        match self.state {
            State::LineStart => match byte {
                b'#' => Some(State::Comment),
                b'\n' => Some(State::LineStart),
                byte if is_blank(byte) => Some(State::LineStart),
                byte => self.name(byte).filter(|_| byte != b'='),
            },
            State::Comment => Some(if byte == b'\n' { State::LineStart } else { State::Comment }),
            State::Name => match byte {
                byte if is_blank(byte) => Some(State::AfterName),
                b'#' => {
                    self.name.push(byte);
                    Some(State::Name)
                }
                byte => self.name(byte),
            },
            State::AfterName => match byte {
                b'=' => Some(State::BeforeValue),
                byte => is_blank(byte).then_some(State::AfterName),
            },
            State::BeforeValue if is_blank(byte) => Some(State::BeforeValue),
            State::BeforeValue | State::Value => Some(self.value(byte)),
            State::Quoted => match byte {
                b'"' => Some(self.keep()),
                b'\\' => Some(State::QuotedEscape),
                b'\n' => None,
                byte => Some(self.push(byte, State::Quoted)),
            },
            State::Escape => match byte {
                b'\n' => Some(self.keep()),
                b'\\' | b'"' => Some(self.push(byte, State::Value)),
                byte => is_blank(byte).then(|| self.push(byte, State::Value)),
            },
            State::QuotedEscape => Some(self.quoted_escape(byte)),
            State::Hexadecimal(first) => {
                let digit = u8::try_from(char::from(byte).to_digit(16)?).ok()?;
                Some(match first {
                    None => State::Hexadecimal(Some(digit)),
                    Some(first) => self.push(first * 16 + digit, State::Quoted),
                })
            }
            State::Octal { value, room } => match byte {
                b'0'..=b'7' if room > 0 => Some(self.octal(value * 8 + u32::from(byte - b'0'), room - 1)),
                b'\n' => None,
                byte => {
                    self.push(byte_of(value), State::Quoted);
                    self.state = State::Quoted;
                    self.step(byte)
                }
            },
        }
    }

    fn name(&mut self, byte: u8) -> Option<State> {
        match byte {
            b'=' => Some(State::BeforeValue),
            b'\n' | b'\\' | b'"' | b'\'' | b'?' => None,
            byte => {
                self.name.push(byte);
                Some(State::Name)
            }
        }
    }

    /// A byte of a value outside of quotes. Blanks stay only if something else follows.
    fn value(&mut self, byte: u8) -> State {
        match byte {
            b'\n' => {
                self.end();
                State::LineStart
            }
            b'\\' => State::Escape,
            b'"' => State::Quoted,
            byte if is_blank(byte) => {
                self.value.push(byte);
                State::Value
            }
            byte => self.push(byte, State::Value),
        }
    }

    fn quoted_escape(&mut self, byte: u8) -> State {
        let byte = match byte {
            b'\n' => return State::Quoted,
            b'x' => return State::Hexadecimal(None),
            b'0'..=b'7' => return State::Octal { value: u32::from(byte - b'0'), room: 2 },
            letter => byte_of_letter(letter),
        };
        self.push(byte, State::Quoted)
    }

    fn octal(&mut self, value: u32, room: u8) -> State {
        if room > 0 { State::Octal { value, room } } else { self.push(byte_of(value), State::Quoted) }
    }

    fn push(&mut self, byte: u8, state: State) -> State {
        self.value.push(byte);
        self.kept = self.value.len();
        state
    }

    /// Blanks that there are stay, whatever follows.
    fn keep(&mut self) -> State {
        self.kept = self.value.len();
        State::Value
    }

    fn end(&mut self) {
        self.value.truncate(self.kept);
        self.kept = 0;
        self.found.push((std::mem::take(&mut self.name), std::mem::take(&mut self.value)));
    }
}

/// Three octal digits may be more than a byte has: the rest is lost, as in C.
fn byte_of(value: u32) -> u8 {
    u8::try_from(value & 0xff).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<String, usize> {
        let shown = |(name, value): &Assignment| {
            format!("{}={}|", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
        };
        read(text.as_bytes()).map(|found| found.iter().map(shown).collect())
    }

    #[test]
    fn blanks_around_names_and_values_are_no_part_of_them() {
        assert_eq!(found(" A = b c \t\nB=\n\n# no\n  #C=d\nD==x"), Ok("A=b c|B=|D==x|".into()));
        assert_eq!(found("A = \"b c \" \nB=\"x\"y\"z\" "), Ok("A=b c |B=xyz|".into()));
        assert_eq!(found("A=b\\\n c\nB=\\ x\\\\ "), Ok("A=b c|B= x\\|".into()));
    }

    #[test]
    fn quotes_know_the_escapes_of_c() {
        assert_eq!(found(r#"A="\t\x41\101\60x\8\"\'""#), Ok("A=\tAA0x8\"'|".into()));
    }

    #[test]
    fn what_is_wrong_is_known_by_its_line() {
        for text in ["A=b\nC", "\nC d", "\nA=\"", "\nA=\\n", "\n'A=b", "A=b\n=c", "\nA=\"\\xg\""] {
            assert_eq!(found(text), Err(2), "{text}");
        }
    }
}
