//! `execlineb`: lexes a script, puts its arguments into the vector or the environment, and executes the vector.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;

use crate::execline::lex;
use crate::execline::positional::{self, ARGUMENTS};
use crate::execline::substitute::{Substitution, substitute};
use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::text::shown_bytes;

const SYNOPSIS: &str = "execlineb [ -p | -P | -S nmin | -s nmin ] [ -q | -w | -W ] [ -c commandline ] script args";
const STRICT: &[u8] = b"EXECLINE_STRICT";

/// What becomes of the script's arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arguments {
    /// They are in the environment; those of an outer script are pushed aside.
    Pushed,
    /// They are in the environment, in place of an outer script's.
    Set,
    Ignored,
    /// They are substituted: at least so many; `$@` is without these if it is shifted.
    Substituted {
        least: u32,
        shifted: bool,
    },
}

/// Executes a script.
pub(in crate::s6_commands) fn execlineb(mut call: Call) -> CommandResult {
    let mut strict = None;
    let mut line = None;
    let mut arguments = Arguments::Pushed;
    for (letter, value) in call.options("pPqwWc:S:s:e", SYNOPSIS)? {
        match letter {
            b'p' => arguments = Arguments::Set,
            // `-e` is an older name of `-P` without any effect of its own.
            b'P' => arguments = Arguments::Ignored,
            b'q' => strict = Some(0),
            b'w' => strict = Some(1),
            b'W' => strict = Some(2),
            b'c' => line = Some(value),
            b'S' | b's' => {
                let least = number(&value).ok_or_else(|| Failure::usage(SYNOPSIS))?;
                arguments = Arguments::Substituted { least, shifted: letter == b's' };
            }
            _ => {}
        }
    }
    let (script, zero) = match line {
        Some(line) => (line, call.called.clone()),
        None => {
            let file = call.argument(SYNOPSIS)?;
            let text = std::fs::read(OsStr::from_bytes(&file)).map_err(|error| {
                let errno = Errno::from_raw(error.raw_os_error().unwrap_or_default());
                Failure::unable(format!("open {} for reading", shown_bytes(&file)), errno)
            })?;
            (text, file)
        }
    };
    let argv = lex(&script).map_err(|error| Failure::wrong(error.kind.as_execlineb()))?;
    if argv.is_empty() {
        return Ok(0);
    }
    let mut environment = call.environment.clone();
    let strict = strictness(&call, strict, &mut environment);
    let given = std::mem::take(&mut call.arguments);
    call.arguments = match arguments {
        Arguments::Ignored => argv,
        Arguments::Pushed => {
            environment = Environment::of(positional::push(environment.entries(), &ARGUMENTS));
            publish(&zero, &given, &mut environment);
            argv
        }
        Arguments::Set => {
            publish(&zero, &given, &mut environment);
            argv
        }
        Arguments::Substituted { least, shifted } => {
            let least = usize::try_from(least).unwrap_or(usize::MAX);
            if strict > 0 && given.len() < least {
                let what = format!("too few arguments: expecting at least {least} but got {}", given.len());
                if strict > 1 {
                    return Err(Failure::wrong(what));
                }
                call.warn(what);
            }
            substitute(&argv, &parameters(zero, given, least, shifted))
        }
    };
    call.exec_with(&environment)
}

/// Puts the strictness that is requested into the environment; returns it, or the one that is there, or that of missing
/// arguments where nothing is said.
fn strictness(call: &Call, requested: Option<u32>, environment: &mut Environment) -> u32 {
    match requested {
        Some(0) => {
            environment.unset(STRICT);
            0
        }
        Some(strict) => {
            environment.set(STRICT, strict.to_string().as_bytes());
            strict
        }
        None => match environment.get(STRICT).map(number) {
            None => 1,
            Some(Some(strict)) => strict,
            Some(None) => {
                call.warn("invalid EXECLINE_STRICT value, unsetting it");
                environment.unset(STRICT);
                1
            }
        },
    }
}

fn publish(zero: &[u8], given: &[Argument], environment: &mut Environment) {
    environment.set(b"#", given.len().to_string().as_bytes());
    environment.set(b"0", zero);
    for (index, value) in given.iter().enumerate() {
        environment.set((index + 1).to_string().as_bytes(), value);
    }
}

/// `$#`, `$0`, `$1` … and `$@`; those up to `least` are empty where nothing is given.
fn parameters(zero: Argument, given: Vec<Argument>, least: usize, shifted: bool) -> Vec<Substitution> {
    let variable = |name: String, values: Vec<Argument>| Substitution { name: name.into_bytes(), values };
    let rest = if shifted { given.get(least..).unwrap_or_default().to_vec() } else { given.clone() };
    let mut all = vec![
        variable("#".into(), vec![given.len().to_string().into_bytes()]),
        variable("0".into(), vec![zero]),
        variable("@".into(), rest),
    ];
    for index in 0..given.len().max(least) {
        all.push(variable((index + 1).to_string(), vec![given.get(index).cloned().unwrap_or_default()]));
    }
    all
}
