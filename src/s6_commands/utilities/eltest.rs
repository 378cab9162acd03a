//! `eltest` (once `s6-test`): test(1) in which an operator is never an operand. A word that begins with a backslash is what
//! follows it.

use std::cmp::Ordering;
use std::ffi::{CString, OsStr};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};

use nix::unistd::{AccessFlags, access, getegid, geteuid, isatty};

use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::sys::exec_chain::inherited;
use crate::sys::regex::Regex;
use crate::text::shown_bytes;

const UNARY: &[&str] = &[
    "-n", "-z", "-f", "-h", "-L", "-e", "-k", "-b", "-c", "-d", "-g", "-p", "-r", "-s", "-t", "-u", "-w", "-x", "-O",
    "-U", "-G", "-S", "-N", "-v",
];
const BINARY: &[&str] =
    &["=", "!=", "-eq", "-ne", "-gt", "-ge", "-lt", "-le", "-nt", "-ot", "-ef", "<", "<=", ">", ">=", "=~"];
const OTHERS: &[&str] = &["-a", "-o", "!", "(", ")"];

/// Exit code 0 if the expression is true, 1 if not; no expression is not.
pub(in crate::s6_commands) fn eltest(call: Call) -> CommandResult {
    if call.arguments.is_empty() {
        return Ok(1);
    }
    let mut parser = ExpressionParser { arguments: &call.arguments, at: 0, open: 0 };
    let expression = parser.any()?;
    if parser.at < parser.arguments.len() {
        return Err(parser.unexpected());
    }
    Ok(u8::from(!evaluate(&expression, &call.environment)?))
}

/// An expression.
enum Expression<'a> {
    Not(Box<Self>),
    And(Box<Self>, Box<Self>),
    Or(Box<Self>, Box<Self>),
    Argument(&'a [u8]),
    Unary(&'static str, &'a [u8]),
    Binary(&'static str, &'a [u8], &'a [u8]),
}

struct ExpressionParser<'a> {
    arguments: &'a [Argument],
    at: usize,
    open: usize,
}

impl<'a> ExpressionParser<'a> {
    fn operator(&self, known: &[&'static str]) -> Option<&'static str> {
        let word = self.arguments.get(self.at)?;
        known.iter().copied().find(|operator| operator.as_bytes() == word.as_slice())
    }

    fn take(&mut self, operator: &'static str) -> bool {
        let is_next = self.operator(&[operator]).is_some();
        self.at += usize::from(is_next);
        is_next
    }

    fn operand(&mut self) -> Result<&'a [u8], Failure> {
        let is_operator = [UNARY, BINARY, OTHERS].iter().any(|known| self.operator(known).is_some());
        let word = self.arguments.get(self.at).filter(|_| !is_operator).ok_or_else(|| self.unexpected())?;
        self.at += 1;
        Ok(word.strip_prefix(b"\\").unwrap_or(word))
    }

    fn unexpected(&self) -> Failure {
        match self.at >= self.arguments.len() && self.open > 0 {
            true => Failure::wrong("parse error: too many left parentheses"),
            false => Failure::wrong(format!("parse error at argument {}", self.at)),
        }
    }

    fn any(&mut self) -> Result<Expression<'a>, Failure> {
        let mut left = self.all()?;
        while self.take("-o") {
            left = Expression::Or(Box::new(left), Box::new(self.all()?));
        }
        Ok(left)
    }

    fn all(&mut self) -> Result<Expression<'a>, Failure> {
        let mut left = self.negated()?;
        while self.take("-a") {
            left = Expression::And(Box::new(left), Box::new(self.negated()?));
        }
        Ok(left)
    }

    fn negated(&mut self) -> Result<Expression<'a>, Failure> {
        if self.take("!") {
            return Ok(Expression::Not(Box::new(self.negated()?)));
        }
        if self.take("(") {
            self.open += 1;
            let inner = self.any()?;
            if !self.take(")") {
                return Err(self.unexpected());
            }
            self.open -= 1;
            return Ok(inner);
        }
        if let Some(operator) = self.operator(UNARY) {
            self.at += 1;
            return Ok(Expression::Unary(operator, self.operand()?));
        }
        let left = self.operand()?;
        match self.operator(BINARY) {
            None => Ok(Expression::Argument(left)),
            Some(operator) => {
                self.at += 1;
                Ok(Expression::Binary(operator, left, self.operand()?))
            }
        }
    }
}

fn evaluate(expression: &Expression<'_>, environment: &Environment) -> Result<bool, Failure> {
    match expression {
        Expression::Not(inner) => Ok(!evaluate(inner, environment)?),
        Expression::And(one, other) => Ok(evaluate(one, environment)? && evaluate(other, environment)?),
        Expression::Or(one, other) => Ok(evaluate(one, environment)? || evaluate(other, environment)?),
        Expression::Argument(word) => Ok(!word.is_empty()),
        Expression::Unary(operator, word) => unary(operator, word, environment),
        Expression::Binary(operator, one, other) => binary(operator, one, other),
    }
}

fn unary(operator: &str, word: &[u8], environment: &Environment) -> Result<bool, Failure> {
    let path = OsStr::from_bytes(word);
    let has = |holds: fn(&Metadata) -> bool| fs::metadata(path).is_ok_and(|meta| holds(&meta));
    let may = |flags| access(path, flags).is_ok();
    Ok(match operator {
        "-n" => !word.is_empty(),
        "-z" => word.is_empty(),
        "-v" => environment.get(word).is_some(),
        "-e" => may(AccessFlags::F_OK),
        "-r" => may(AccessFlags::R_OK),
        "-w" => may(AccessFlags::W_OK),
        "-x" => may(AccessFlags::X_OK),
        "-f" => has(|meta| meta.is_file()),
        "-d" => has(|meta| meta.is_dir()),
        "-b" => has(|meta| meta.file_type().is_block_device()),
        "-c" => has(|meta| meta.file_type().is_char_device()),
        "-p" => has(|meta| meta.file_type().is_fifo()),
        "-S" => has(|meta| meta.file_type().is_socket()),
        "-h" | "-L" => fs::symlink_metadata(path).is_ok_and(|meta| meta.file_type().is_symlink()),
        "-u" => has(|meta| meta.mode() & 0o4000 != 0),
        "-g" => has(|meta| meta.mode() & 0o2000 != 0),
        "-k" => has(|meta| meta.mode() & 0o1000 != 0),
        "-s" => has(|meta| meta.len() > 0),
        "-N" => has(|meta| meta.mtime() > meta.atime()),
        "-O" | "-U" => has(|meta| meta.uid() == geteuid().as_raw()),
        "-G" => has(|meta| meta.gid() == getegid().as_raw()),
        _ => {
            let fd = number(word).and_then(|fd| i32::try_from(fd).ok());
            let fd = fd.ok_or_else(|| Failure::wrong(format!("{operator} requires an integer argument")))?;
            isatty(inherited(fd)).unwrap_or_default()
        }
    })
}

fn binary(operator: &str, one: &[u8], other: &[u8]) -> Result<bool, Failure> {
    let meta = |word: &[u8]| fs::metadata(OsStr::from_bytes(word)).ok();
    let numbers = || match (integer(one), integer(other)) {
        (Some(one), Some(other)) => Ok(one.cmp(&other)),
        _ => Err(Failure::wrong(format!("{operator} requires integer arguments"))),
    };
    Ok(match operator {
        "=" => one == other,
        "!=" => one != other,
        "<" => one < other,
        "<=" => one <= other,
        ">" => one > other,
        ">=" => one >= other,
        "-eq" => numbers()? == Ordering::Equal,
        "-ne" => numbers()? != Ordering::Equal,
        "-lt" => numbers()? == Ordering::Less,
        "-le" => numbers()? != Ordering::Greater,
        "-gt" => numbers()? == Ordering::Greater,
        "-ge" => numbers()? != Ordering::Less,
        "-nt" => match (meta(one), meta(other)) {
            (Some(one), Some(other)) => one.mtime() > other.mtime(),
            (one, _) => one.is_some(),
        },
        "-ot" => match (meta(one), meta(other)) {
            (Some(one), Some(other)) => one.mtime() < other.mtime(),
            (one, _) => one.is_none(),
        },
        "-ef" => match (meta(one), meta(other)) {
            (Some(one), Some(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
            (one, _) => one.is_some(),
        },
        _ => {
            let compile = |pattern: &[u8]| CString::new(pattern).ok().and_then(|pattern| Regex::new(&pattern));
            let regex = compile(other).ok_or_else(|| {
                Failure::wrong(format!("unable to compile {} into a regular expression", shown_bytes(other)))
            })?;
            regex.matches(&CString::new(one).unwrap_or_default())
        }
    })
}

/// The number at the start of a word.
fn integer(word: &[u8]) -> Option<i64> {
    let (sign, digits) = match word {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        rest => (1, rest),
    };
    let end = digits.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(digits.len());
    let number: i64 = std::str::from_utf8(&digits[..end]).ok()?.parse().ok()?;
    Some(sign * number)
}
