//! `case`: executes one of several programs, by the pattern that a value matches.

use std::ffi::CString;

use crate::s6_commands::call::{Argument, Call, CommandResult};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::sys::fnmatch::{self, Matching};
use crate::sys::regex::{Regex, Syntax};
use crate::text::shown_bytes;

const SYNOPSIS: &str =
    "case [ -s | -S ] [ -e | -E ] [ -n | -N ] [ -i ] value { re1 { prog1... } re2 { prog2... } ... } progdefault... ";

/// How patterns are read.
struct Options {
    /// As a shell's, not as expressions.
    is_shell: bool,
    is_extended: bool,
    ignores_case: bool,
    /// What the groups match becomes `1`, `2` … in the environment.
    publishes: bool,
}

/// Executes the program of the first pattern that matches, else the rest.
pub(in crate::s6_commands) fn case(mut call: Call) -> CommandResult {
    let mut options = Options { is_shell: false, is_extended: true, ignores_case: false, publishes: false };
    for (letter, _) in call.options("sSeEnNi", SYNOPSIS)? {
        match letter {
            b's' | b'S' => options.is_shell = letter == b's',
            b'e' | b'E' => options.is_extended = letter == b'E',
            b'n' | b'N' => options.publishes = letter == b'N',
            _ => options.ignores_case = true,
        }
    }
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let value = call.argument(SYNOPSIS)?;
    let cases = call.ended_block("case block")?;
    let mut cases = call.within(cases);
    while !cases.arguments.is_empty() {
        let pattern = cases.arguments.remove(0);
        if cases.arguments.is_empty() {
            return Err(Failure::wrong("malformed case block"));
        }
        let program = cases.ended_block("regex block")?;
        if let Some(environment) = match_one(&call, &options, &value, &pattern, &program)? {
            call.arguments = program;
            return call.exec_with(&environment);
        }
    }
    call.exec()
}

/// Returns the environment for the program of a pattern that matches.
fn match_one(
    call: &Call,
    options: &Options,
    value: &[u8],
    pattern: &[u8],
    program: &[Argument],
) -> Result<Option<Environment>, Failure> {
    let text = |bytes: &[u8]| CString::new(bytes).map_err(|_| Failure::wrong("invalid value"));
    if options.is_shell {
        let matching = Matching {
            has_no_escapes: !options.is_extended,
            // The letters of the options are the same as those for expressions, what they mean is not.
            hides_dot_files: options.ignores_case,
            knows_paths: options.publishes,
        };
        let found = fnmatch::matches(&text(pattern)?, &text(value)?, matching);
        if found.is_none() {
            call.warn(format!("invalid fnmatch pattern: {}", shown_bytes(pattern)));
        }
        return Ok(found.filter(|found| *found).map(|_| call.environment.clone()));
    }
    let whole = text(&[b"^", pattern, b"$"].concat())?;
    let syntax = Syntax { is_extended: options.is_extended, ignores_case: options.ignores_case };
    let regex = Regex::compile(&whole, syntax).map_err(|error| {
        // The original has this colon, and names the first argument of the block here.
        let shown = program.first().map(|word| shown_bytes(word)).unwrap_or_default();
        let code = if error.is_out_of_memory { crate::error::EXIT_REFUSED } else { crate::error::EXIT_WRONG };
        Failure::fatal(code, format!(": unable to regcomp \"^{shown}$\": {}", error.message))
    })?;
    let Some(places) = regex.captures(&text(value)?) else { return Ok(None) };
    let mut environment = call.environment.clone();
    if options.publishes {
        environment.set(b"#", (places.len() - 1).to_string().as_bytes());
        environment.set(b"0", pattern);
        for (index, place) in places.iter().enumerate().skip(1) {
            environment.set(index.to_string().as_bytes(), value.get(place.clone()).unwrap_or_default());
        }
    }
    Ok(Some(environment))
}
