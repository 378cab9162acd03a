//! The lexer of execlineb(1): a script's text becomes one argument vector. A block is written into it as its words with one
//! space in front for each level, and ended by an empty word (with the spaces of the level around it). Must not know what
//! the words mean.

use std::fmt;

use crate::execline::escape::byte_of_letter;

/// Why a script is not one, and the line (from 1) where that is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LexError {
    /// For a brace or a quote that is not closed the line where it is opened.
    pub line: usize,
    /// What is wrong.
    pub kind: SyntaxErrorKind,
}

/// What can be wrong with a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SyntaxErrorKind {
    /// A `}` without its `{`.
    UnmatchedClose,
    /// A `{` without its `}`.
    UnmatchedOpen,
    /// A `"` without a second one.
    OpenQuote,
    /// `\0` in quotes without the digits of a number.
    NoNumber,
    /// A number in quotes that no byte of an argument can have: 0, or more than 255.
    NotAByte,
    /// The text ends after a backslash, or after a `{`.
    EndsEarly,
}

impl SyntaxErrorKind {
    /// Returns the words of execlineb(1) for it.
    pub fn as_execlineb(self) -> &'static str {
        match self {
            Self::UnmatchedClose => "unmatched }",
            Self::UnmatchedOpen => "unmatched {",
            Self::OpenQuote | Self::NoNumber | Self::NotAByte | Self::EndsEarly => "syntax error",
        }
    }
}

impl fmt::Display for SyntaxErrorKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::UnmatchedClose => "this `}` closes no block",
            Self::UnmatchedOpen => "this `{` is not closed",
            Self::OpenQuote => "this `\"` is not closed",
            Self::NoNumber => "`\\0` in quotes needs a number: `\\0xHH` or `\\0ooo`",
            Self::NotAByte => "a number in quotes must be between 1 and 255",
            Self::EndsEarly => "the text ends in the middle of a word",
        })
    }
}

impl fmt::Display for LexError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}: {}", self.line, self.kind)
    }
}

/// Where the lexer is.
#[derive(Clone, Copy)]
enum LexerState {
    Between,
    Comment,
    /// After a `{` that began a word.
    AfterOpen,
    /// After a `}` that began a word.
    AfterClose,
    Word,
    /// After a backslash in a word, outside of quotes.
    WordEscape,
    /// After a backslash that begins a word.
    StartEscape,
    Quoted,
    QuotedEscape,
    /// After `\0` in quotes.
    Zero,
    /// After `\0x` in quotes.
    Hexadecimal,
    /// In a number, after at least one digit; `space` is how many more it can have.
    Number {
        value: u32,
        radix: u32,
        space: u8,
    },
    Done,
}

/// Returns the argument vector of a script. A NUL ends the text, as the end of the file does.
///
/// # Errors
/// The text is no script.
pub fn lex(script: &[u8]) -> Result<Vec<Vec<u8>>, LexError> {
    let mut lexer =
        Lexer { words: Vec::new(), word: Vec::new(), open: Vec::new(), state: LexerState::Between, line: 1, quote: 1 };
    let text = script.iter().take_while(|byte| **byte != 0);
    for byte in text {
        lexer.step(*byte)?;
        lexer.line += usize::from(*byte == b'\n');
    }
    lexer.end()
}

struct Lexer {
    words: Vec<Vec<u8>>,
    word: Vec<u8>,
    /// The line of each block that is open.
    open: Vec<usize>,
    state: LexerState,
    line: usize,
    /// The line of the last quote that was opened.
    quote: usize,
}

impl Lexer {
    fn step(&mut self, byte: u8) -> Result<(), LexError> {
        self.state = match self.state {
            LexerState::Between => self.between(byte),
            LexerState::Comment if byte == b'\n' => LexerState::Between,
            LexerState::Comment => LexerState::Comment,
            // One blank for each level and the brace itself were written.
            LexerState::AfterOpen if is_blank(byte) => {
                self.word.truncate(self.word.len().saturating_sub(self.open.len() + 1));
                self.open.push(self.line);
                LexerState::Between
            }
            LexerState::AfterClose if is_blank(byte) => {
                self.close_block()?;
                LexerState::Between
            }
            LexerState::AfterOpen | LexerState::AfterClose => self.after_brace(byte),
            LexerState::Word if is_blank(byte) => {
                self.end_word();
                LexerState::Between
            }
            LexerState::Word => match byte {
                b'"' => self.open_quote(),
                b'\\' => LexerState::WordEscape,
                byte => self.push(byte, LexerState::Word),
            },
            LexerState::WordEscape => self.push(byte, LexerState::Word),
            LexerState::StartEscape if byte == b'\n' => LexerState::Between,
            LexerState::StartEscape => {
                self.indent();
                self.push(byte, LexerState::Word)
            }
            LexerState::Quoted => self.quoted(byte),
            LexerState::QuotedEscape => self.quoted_escape(byte),
            LexerState::Zero => match byte {
                b'0'..=b'7' => LexerState::Number { value: u32::from(byte - b'0'), radix: 8, space: 2 },
                b'x' => LexerState::Hexadecimal,
                _ => return Err(self.error(SyntaxErrorKind::NoNumber)),
            },
            LexerState::Hexadecimal => match char::from(byte).to_digit(16) {
                Some(value) => LexerState::Number { value, radix: 16, space: 1 },
                None => return Err(self.error(SyntaxErrorKind::NoNumber)),
            },
            LexerState::Number { value, radix, space } => match char::from(byte).to_digit(radix) {
                Some(digit) if space > 0 => {
                    LexerState::Number { value: value * radix + digit, radix, space: space - 1 }
                }
                Some(_) | None => {
                    self.end_number(value)?;
                    self.quoted(byte)
                }
            },
            LexerState::Done => LexerState::Done,
        };
        Ok(())
    }

    fn between(&mut self, byte: u8) -> LexerState {
        match byte {
            byte if is_blank(byte) => LexerState::Between,
            b'#' => LexerState::Comment,
            b'\\' => LexerState::StartEscape,
            b'"' => {
                self.indent();
                self.open_quote()
            }
            byte => {
                self.indent();
                let state = match byte {
                    b'{' => LexerState::AfterOpen,
                    b'}' => LexerState::AfterClose,
                    _ => LexerState::Word,
                };
                self.push(byte, state)
            }
        }
    }

    /// After a brace that is the first character of a longer word. A backslash there begins as at the start of a word, so
    /// that the level's spaces are written a second time: execlineb does that.
    fn after_brace(&mut self, byte: u8) -> LexerState {
        match byte {
            b'"' => self.open_quote(),
            b'\\' => LexerState::StartEscape,
            byte => self.push(byte, LexerState::Word),
        }
    }

    fn quoted(&mut self, byte: u8) -> LexerState {
        match byte {
            b'"' => LexerState::Word,
            b'\\' => LexerState::QuotedEscape,
            byte => self.push(byte, LexerState::Quoted),
        }
    }

    fn quoted_escape(&mut self, byte: u8) -> LexerState {
        let byte = match byte {
            b'\n' => return LexerState::Quoted,
            b'0' => return LexerState::Zero,
            b'1'..=b'9' => return LexerState::Number { value: u32::from(byte - b'0'), radix: 10, space: 2 },
            letter => byte_of_letter(letter),
        };
        self.push(byte, LexerState::Quoted)
    }

    fn end_number(&mut self, value: u32) -> Result<(), LexError> {
        match u8::try_from(value) {
            Ok(byte) if byte != 0 => {
                self.word.push(byte);
                Ok(())
            }
            Ok(_) | Err(_) => Err(self.error(SyntaxErrorKind::NotAByte)),
        }
    }

    /// At the end of the text. A number that ends there also ends the quotes around it: execlineb does that.
    fn end(mut self) -> Result<Vec<Vec<u8>>, LexError> {
        match std::mem::replace(&mut self.state, LexerState::Done) {
            LexerState::Between | LexerState::Comment | LexerState::StartEscape | LexerState::Done => {}
            LexerState::AfterClose => self.close_block()?,
            LexerState::Word => self.end_word(),
            LexerState::Number { value, .. } => {
                self.end_number(value)?;
                self.end_word();
            }
            LexerState::Quoted | LexerState::QuotedEscape => {
                return Err(LexError { line: self.quote, kind: SyntaxErrorKind::OpenQuote });
            }
            LexerState::AfterOpen | LexerState::WordEscape => return Err(self.error(SyntaxErrorKind::EndsEarly)),
            LexerState::Zero | LexerState::Hexadecimal => return Err(self.error(SyntaxErrorKind::NoNumber)),
        }
        match self.open.last() {
            Some(line) => Err(LexError { line: *line, kind: SyntaxErrorKind::UnmatchedOpen }),
            None => Ok(self.words),
        }
    }

    fn close_block(&mut self) -> Result<(), LexError> {
        if self.open.pop().is_none() {
            return Err(self.error(SyntaxErrorKind::UnmatchedClose));
        }
        // The brace, and the space of the level that it ends.
        self.word.truncate(self.word.len().saturating_sub(2));
        self.end_word();
        Ok(())
    }

    fn open_quote(&mut self) -> LexerState {
        self.quote = self.line;
        LexerState::Quoted
    }

    fn push(&mut self, byte: u8, state: LexerState) -> LexerState {
        self.word.push(byte);
        state
    }

    fn indent(&mut self) {
        self.word.extend(std::iter::repeat_n(b' ', self.open.len()));
    }

    fn end_word(&mut self) {
        self.words.push(std::mem::take(&mut self.word));
    }

    fn error(&self, kind: SyntaxErrorKind) -> LexError {
        LexError { line: self.line, kind }
    }
}

/// Everything up to the space separates words.
fn is_blank(byte: u8) -> bool {
    byte <= b' '
}
