//! Commands for the arguments of a script that are in the environment: `elgetopt`, `dollarat`, `runblock`.

use crate::execline::positional::{self, ARGUMENTS};
use crate::execline::transform::join;
use crate::s6_commands::call::{Argument, Call, CommandResult, number, print, print_error};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::s6_commands::options::{self, Wrong};
use crate::text::shown_bytes;

const OPTION: &[u8] = b"ELGETOPT_";

/// Returns how many arguments there are.
fn count(environment: &Environment) -> Result<u64, Failure> {
    let count = environment.get(b"#").ok_or_else(|| Failure::wrong("# not set"))?;
    number(count).map(u64::from).ok_or_else(|| Failure::wrong("invalid $#"))
}

fn argument(environment: &Environment, at: u64) -> Result<&[u8], Failure> {
    environment.get(at.to_string().as_bytes()).ok_or_else(|| Failure::wrong(format!("{at} not set")))
}

/// Executes the rest with the options of the script as variables, and without them among its arguments.
pub(in crate::s6_commands) fn elgetopt(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "elgetopt [ -D default ] optstring prog...";
    let mut default = b"1".to_vec();
    for (_, value) in call.options("D:", SYNOPSIS)? {
        default = value;
    }
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let known = call.argument(SYNOPSIS)?;
    let given = count(&call.environment)?;
    let arguments =
        (0..=given).map(|at| argument(&call.environment, at).map(<[u8]>::to_vec)).collect::<Result<Vec<_>, _>>()?;
    let (found, first) = match options::parse_known(&arguments, &known, &[]) {
        Ok(parsed) => parsed,
        Err(wrong) => {
            let name = arguments.first().map(|word| shown_bytes(word)).unwrap_or_default();
            let what = match wrong {
                Wrong::Unknown => "illegal option",
                Wrong::NoValue => "option requires an argument",
            };
            print_error(&format!("{name}: {what}\n"));
            return Ok(1);
        }
    };
    let mut environment = Environment::of(positional::push(call.environment.entries(), &[OPTION]));
    for (letter, value) in found {
        environment.set(&[OPTION, &[letter]].concat(), value.as_deref().unwrap_or(&default));
    }
    let left = arguments.get(first..).unwrap_or_default();
    for (index, at) in (1..=given).enumerate() {
        environment.put(at.to_string().as_bytes(), left.get(index).map(Vec::as_slice));
    }
    environment.set(b"#", left.len().to_string().as_bytes());
    call.exec_with(&environment)
}

/// Prints the arguments of the script.
pub(in crate::s6_commands) fn dollarat(mut call: Call) -> CommandResult {
    let (mut delimiter, mut ends) = (Some(b'\n'), true);
    for (letter, value) in call.options("nd:0", "dollarat [ -n ] [ -0 | -d delimchar ]")? {
        match letter {
            b'n' => ends = false,
            b'd' => delimiter = value.first().copied(),
            _ => delimiter = Some(0),
        }
    }
    let given = count(&call.environment)?;
    let words = (1..=given).map(|at| argument(&call.environment, at).map(<[u8]>::to_vec));
    let mut text = join(&words.collect::<Result<Vec<_>, _>>()?, delimiter);
    if !ends && delimiter.is_some() {
        text.pop();
    }
    print(&text).map(|()| 0)
}

/// Executes a block of the script's arguments.
pub(in crate::s6_commands) fn runblock(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "runblock [ -P ] [ -n argshift ] [ -r ] n cmd...";
    let wrong = || Failure::usage(SYNOPSIS);
    // Wider than a number of the command line, to which one can be added.
    let (mut keeps, mut takes_rest, mut shift) = (false, false, 0_u64);
    for (letter, value) in call.options("Prn:", SYNOPSIS)? {
        match letter {
            b'P' => keeps = true,
            b'r' => takes_rest = true,
            _ => shift = number(&value).map(u64::from).ok_or_else(wrong)?,
        }
    }
    let wanted = number(&call.argument(SYNOPSIS)?).map(u64::from).ok_or_else(wrong)?;
    if wanted == 0 && !takes_rest {
        return Err(wrong());
    }
    let mut blocks = Blocks { call: &call, at: shift, given: count(&call.environment)? };
    for block in 1..wanted + u64::from(takes_rest) {
        blocks.take(block)?;
    }
    let mut program = call.arguments.clone();
    if takes_rest {
        if blocks.at >= blocks.given {
            return Ok(0);
        }
        for at in blocks.at + 1..=blocks.given {
            program.push(argument(&call.environment, at)?.to_vec());
        }
    } else {
        program.extend(blocks.take(wanted)?);
    }
    if !keeps {
        call.environment = Environment::of(positional::pop(call.environment.entries(), &ARGUMENTS));
    }
    call.arguments = program;
    call.exec()
}

/// The blocks that a script's arguments are.
struct Blocks<'a> {
    call: &'a Call,
    /// The last argument that was taken.
    at: u64,
    given: u64,
}

impl Blocks<'_> {
    fn take(&mut self, number_of_block: u64) -> Result<Vec<Argument>, Failure> {
        let strict = self.call.environment.get(b"EXECLINE_STRICT").and_then(number).unwrap_or_default();
        let (base, mut words) = (self.at, Vec::new());
        loop {
            self.at += 1;
            if self.at > self.given {
                return Err(Failure::wrong("too few arguments"));
            }
            let word = argument(&self.call.environment, self.at)?;
            match word {
                [] => return Ok(words),
                [b' ', rest @ ..] => words.push(rest.to_vec()),
                word => {
                    let position = self.at - base;
                    let shown = shown_bytes(word);
                    let what = format!("unquoted positional {shown} at block {number_of_block} position {position}");
                    match strict {
                        0 => {}
                        1 => self.call.warn(what),
                        _ => return Err(Failure::wrong(what)),
                    }
                    words.push(word.to_vec());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greatest_numbers_are_too_few_arguments() {
        for words in [&["-r", "4294967295"][..], &["-n", "4294967295", "1"], &["-n", "4294967295", "-r", "4294967295"]]
        {
            let argv = [&["runblock"], words].concat().into_iter().map(Argument::from).collect();
            let environment = Environment::of(vec![b"#=1".to_vec(), b"1=".to_vec()]);
            let failure = runblock(Call::new("runblock", argv, environment, &[])).unwrap_err();
            assert_eq!((failure.code, failure.text.as_str()), (100, "fatal: too few arguments"), "{words:?}");
        }
    }
}
