//! One call of a command: its arguments and its environment, and what nearly all commands do with them. Must not know any one
//! command.

use nix::errno::Errno;
use nix::unistd::write;

use crate::execline::block;
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::s6_commands::options::{self, LongOption};
use crate::s6_commands::package::Package;
use crate::sys::{descriptors, stdio_at_start};
use crate::text::shown_bytes;

/// The exit code of a command that ended without executing another program.
pub type CommandResult = Result<u8, Failure>;

/// One argument of a vector.
pub type Argument = Vec<u8>;

/// How long a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// It changes something, or waits for a program that it has started, and goes on with the rest of its words.
    Short,
    /// It may run for long by itself: in a list of processes it has its own name.
    Long,
}

/// A command.
#[derive(Debug)]
pub struct HelperCommand {
    /// The name by which it is called.
    pub name: &'static str,
    /// Whose command it is.
    pub origin: Package,
    /// What it does, in one line.
    pub summary: &'static str,
    /// How long it runs.
    pub lifetime: Lifetime,
    /// Does it.
    pub(super) run: fn(Call) -> CommandResult,
}

/// One call of a command.
#[derive(Debug)]
pub struct Call {
    /// The name under which it prints.
    pub name: &'static str,
    /// The name by which it was called.
    pub called: Argument,
    /// The arguments that are not used yet; at first all behind that name.
    pub arguments: Vec<Argument>,
    /// The environment.
    pub environment: Environment,
    /// All commands, for those that are called in a chain and are no files.
    pub commands: &'static [HelperCommand],
    /// How many blocks were read, for messages.
    blocks: usize,
}

impl Call {
    /// Returns the call of an argument vector.
    pub fn new(
        name: &'static str,
        mut argv: Vec<Argument>,
        environment: Environment,
        commands: &'static [HelperCommand],
    ) -> Self {
        let arguments = argv.split_off(argv.len().min(1));
        Self { name, called: argv.pop().unwrap_or_default(), arguments, environment, commands, blocks: 0 }
    }

    /// Returns a call in the same chain.
    pub fn next(&self, name: &'static str, arguments: Vec<Argument>, environment: Environment) -> Self {
        Self { name, called: name.into(), arguments, environment, commands: self.commands, blocks: 0 }
    }

    /// Returns a call whose arguments are a block of this one's.
    pub fn within(&self, block: Vec<Argument>) -> Self {
        Self { blocks: self.blocks, ..self.next(self.name, block, self.environment.clone()) }
    }

    /// Takes the options off the arguments, with their values.
    ///
    /// # Errors
    /// The usage message.
    pub fn options(&mut self, known: &str, synopsis: &str) -> Result<Vec<(u8, Argument)>, Failure> {
        self.long_options(known, &[], synopsis)
    }

    /// The same where options have long names too.
    ///
    /// # Errors
    /// As above.
    pub fn long_options(
        &mut self,
        known: &str,
        long: &[LongOption],
        synopsis: &str,
    ) -> Result<Vec<(u8, Argument)>, Failure> {
        // The parser expects the command's name in front.
        self.arguments.insert(0, Argument::new());
        let (found, at) = options::parse(&self.arguments, known, long).ok_or_else(|| Failure::usage(synopsis))?;
        self.arguments.drain(..at);
        Ok(found)
    }

    /// Takes the first argument.
    ///
    /// # Errors
    /// The usage message, if there is none.
    pub fn argument(&mut self, synopsis: &str) -> Result<Argument, Failure> {
        if self.arguments.is_empty() { Err(Failure::usage(synopsis)) } else { Ok(self.arguments.remove(0)) }
    }

    /// Takes a block; `None`: it does not end.
    ///
    /// # Errors
    /// An argument in it has no space in front, and EXECLINE_STRICT forbids that.
    pub fn block(&mut self) -> Result<Option<Vec<Argument>>, Failure> {
        let Some(split) = block::split(&self.arguments) else { return Ok(None) };
        self.blocks += 1;
        let strict = self.environment.get(b"EXECLINE_STRICT").and_then(number).unwrap_or_default();
        for at in split.unquoted.iter().filter(|_| strict > 0) {
            let word = split.block.get(*at).map(|word| shown_bytes(word)).unwrap_or_default();
            let what = format!("unquoted argument {word} at block {} position {at}", self.blocks);
            if strict > 1 {
                return Err(Failure::wrong(what));
            }
            self.warn(what);
        }
        self.arguments = split.rest;
        Ok(Some(split.block))
    }

    /// Takes a block.
    ///
    /// # Errors
    /// It does not end.
    pub fn ended_block(&mut self, what: &str) -> Result<Vec<Argument>, Failure> {
        self.block()?.ok_or_else(|| Failure::wrong(format!("unterminated {what}")))
    }

    /// Prints a warning.
    pub fn warn(&self, what: impl AsRef<str>) {
        print_error(&format!("{}: warning: {}\n", self.name, what.as_ref()));
    }
}

/// Returns a decimal number without anything around it.
pub fn number(text: &[u8]) -> Option<u32> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    is_number.then(|| std::str::from_utf8(text).ok()?.parse().ok()).flatten()
}

/// Returns an octal number without anything around it.
pub fn octal(text: &[u8]) -> Option<u32> {
    let is_number = !text.is_empty() && text.iter().all(|byte| (b'0'..=b'7').contains(byte));
    is_number.then(|| u32::from_str_radix(std::str::from_utf8(text).ok()?, 8).ok()).flatten()
}

/// Writes to standard output.
///
/// # Errors
/// The kernel's.
pub fn print(bytes: &[u8]) -> Result<(), Failure> {
    let refused = |errno| Failure::unable("write to stdout", errno);
    if stdio_at_start::was_closed(1) {
        return Err(refused(Errno::EBADF));
    }
    write_all(1, bytes).map_err(refused)
}

/// Writes to standard error.
pub fn print_error(text: &str) {
    let _closed = write_all(2, text.as_bytes());
}

fn write_all(fd: i32, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match write(descriptors::standard(fd), bytes) {
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
