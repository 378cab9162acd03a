//! Commands that change the environment: `export`, `export-array`, `unexport`, `emptyenv`, `backtick`, `withstdinas`, `getpid`,
//! `getcwd`.

use std::io::Read;
use std::os::unix::ffi::OsStringExt;

use nix::errno::Errno;
use nix::unistd::{getpid as process_id, getppid};

use super::pipes;
use super::sequence::name_of;
use crate::execline::positional::{self, ARGUMENTS};
use crate::execline::transform::join;
use crate::s6_commands::call::{Argument, Call, CommandResult};
use crate::s6_commands::chain;
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::s6_commands::options::LongOption;
use crate::sys::exec_chain::Ended;
use crate::text::shown_bytes;

/// Executes the rest with one more variable.
pub(in crate::s6_commands) fn export(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "export variable value prog...";
    if call.arguments.len() < 3 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let name = variable_name(call.argument(SYNOPSIS)?)?;
    let value = call.argument(SYNOPSIS)?;
    let mut environment = call.environment.clone();
    environment.set(&name, &value);
    call.exec_with(&environment)
}

/// Executes the rest with a variable of several values: as netstrings, or each with a delimiter behind it.
pub(in crate::s6_commands) fn export_array(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "export-array [ -d delim ] variable { value-list } prog...";
    let delimiter = call.options("d:", SYNOPSIS)?.pop().and_then(|(_, value)| value.first().copied());
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let name = variable_name(call.argument(SYNOPSIS)?)?;
    let values = call.ended_block("block")?;
    if values.is_empty() {
        return Err(Failure::wrong("empty block"));
    }
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let mut environment = call.environment.clone();
    environment.set(&name, &join(&values, delimiter));
    call.exec_with(&environment)
}

/// Executes the rest without a variable.
pub(in crate::s6_commands) fn unexport(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "unexport variable prog...";
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let name = variable_name(call.argument(SYNOPSIS)?)?;
    let mut environment = call.environment.clone();
    environment.unset(&name);
    call.exec_with(&environment)
}

fn variable_name(name: Argument) -> Result<Argument, Failure> {
    match name.contains(&b'=') {
        true => Err(Failure::wrong(format!("invalid variable name: {}", shown_bytes(&name)))),
        false => Ok(name),
    }
}

/// The name of a variable that a word sets itself.
fn own_name(name: Argument) -> Result<Argument, Failure> {
    match name.is_empty() || name.contains(&b'=') {
        true => Err(Failure::wrong("invalid variable name")),
        false => Ok(name),
    }
}

/// Executes the rest with an empty environment, or without the variables of execline.
pub(in crate::s6_commands) fn emptyenv(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "emptyenv [ -p | -l | -c | -o | -P ] prog...";
    const LONG: [LongOption; 5] = [
        ("keep-path", b'p'),
        ("keep-ld-library-path", b'l'),
        ("cleanup", b'c'),
        ("pop-elgetopt", b'o'),
        ("pop-execline", b'P'),
    ];
    let found = call.long_options("plcoP", &LONG, SYNOPSIS)?;
    let has = |letter| found.iter().any(|(one, _)| *one == letter);
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let before = &call.environment;
    let environment = if has(b'c') {
        Environment::of(before.entries().iter().filter(|entry| !is_of_execline(entry)).cloned().collect())
    } else if has(b'o') || has(b'P') {
        let mut beginnings: Vec<&[u8]> = Vec::new();
        if has(b'P') {
            beginnings.extend(ARGUMENTS);
        }
        if has(b'o') {
            beginnings.push(b"ELGETOPT_");
        }
        Environment::of(positional::pop(before.entries(), &beginnings))
    } else {
        let mut environment = Environment::default();
        environment.put(b"PATH", before.get(b"PATH").filter(|_| has(b'p')));
        environment.put(b"LD_LIBRARY_PATH", before.get(b"LD_LIBRARY_PATH").filter(|_| has(b'l')));
        environment
    };
    call.exec_with(&environment)
}

fn is_of_execline(entry: &[u8]) -> bool {
    let beginnings: [&[u8]; 6] = [b"ELGETOPT_", b"EXECLINE_", b"FD", b"#", b"!=", b"?="];
    beginnings.iter().any(|beginning| entry.starts_with(beginning)) || entry.first().is_some_and(u8::is_ascii_digit)
}

/// What is done where a value cannot be had.
enum Fallback {
    /// The chain ends.
    Fail,
    /// What was read is taken all the same.
    Ignore,
    /// This one, or none.
    Value(Option<Argument>),
}

/// Executes the rest with what a program prints as the value of a variable.
pub(in crate::s6_commands) fn backtick(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str =
        "backtick [ -i | -I | -x | -D default ] [ -N | -n ] [ -E | -e ] var { prog... } remainder...";
    let (mut fallback, mut chomps, mut imports) = (Fallback::Fail, true, false);
    for (letter, value) in call.options("iINnxD:Ee", SYNOPSIS)? {
        match letter {
            b'i' => fallback = Fallback::Fail,
            b'I' => fallback = Fallback::Ignore,
            b'x' => fallback = Fallback::Value(None),
            b'D' => fallback = Fallback::Value(Some(value)),
            b'N' => chomps = false,
            b'n' => chomps = true,
            letter => imports = letter == b'E',
        }
    }
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let name = own_name(call.argument(SYNOPSIS)?)?;
    let Some(block) = call.block()? else { return Err(Failure::wrong("unterminated block")) };
    if block.is_empty() {
        return Err(Failure::wrong("empty block"));
    }
    let (output, ended) = output_of(&call, &block)?;
    let value = read_value(&call, output, ended, fallback, chomps)?;
    with_variable(call, &name, value.as_deref(), imports)
}

fn output_of(call: &Call, block: &[Argument]) -> Result<(Argument, Ended), Failure> {
    let (pid, pipe) = pipes::start_writer(call, block)?;
    let mut output = Argument::new();
    std::fs::File::from(pipe).read_to_end(&mut output).map_err(|error| Failure::unable("slurp", errno(&error)))?;
    let ended = chain::wait_for(pid).map_err(|errno| Failure::unable(format!("wait for {}", name_of(block)), errno))?;
    Ok((output, ended))
}

fn read_value(
    call: &Call,
    mut output: Argument,
    ended: Ended,
    fallback: Fallback,
    chomps: bool,
) -> Result<Option<Argument>, Failure> {
    let nul = output.iter().position(|byte| *byte == 0);
    match (ended, nul, fallback) {
        (Ended::Exited(0), None, _) => {}
        (Ended::Exited(0), Some(_), Fallback::Fail) => {
            return Err(Failure::fatal(124, "child process output contained a null character"));
        }
        (Ended::Exited(0), Some(_), Fallback::Value(default)) => {
            call.warn("child process output contained a null character");
            return Ok(default);
        }
        (Ended::Exited(_), _, Fallback::Fail) => {
            return Err(Failure::fatal(ended.exit_code(), "child process exited non-zero"));
        }
        (Ended::Killed(_), _, Fallback::Fail) => {
            return Err(Failure::fatal(ended.exit_code(), "child process crashed"));
        }
        (Ended::Exited(_) | Ended::Killed(_), _, Fallback::Value(default)) => return Ok(default),
        (Ended::Exited(_) | Ended::Killed(_), nul, Fallback::Ignore) => output.truncate(nul.unwrap_or(output.len())),
    }
    if chomps && output.last() == Some(&b'\n') {
        output.pop();
    }
    Ok(Some(output))
}

/// Executes the rest with standard input's content as the value of a variable.
pub(in crate::s6_commands) fn withstdinas(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "withstdinas [ -i | -I | -D default ] [ -N | -n ] [ -E | -e ] var remainder...";
    let (mut fallback, mut chomps, mut imports) = (Fallback::Ignore, true, false);
    for (letter, value) in call.options("iINnD:Ee", SYNOPSIS)? {
        match letter {
            b'i' => fallback = Fallback::Fail,
            b'I' => fallback = Fallback::Value(None),
            b'D' => fallback = Fallback::Value(Some(value)),
            b'N' => chomps = false,
            b'n' => chomps = true,
            letter => imports = letter == b'E',
        }
    }
    let name = own_name(call.argument(SYNOPSIS)?)?;
    let mut input = Argument::new();
    std::io::stdin().read_to_end(&mut input).map_err(|error| Failure::unable("slurp", errno(&error)))?;
    let value = match (input.iter().position(|byte| *byte == 0), fallback) {
        (None, _) => {
            if chomps && input.last() == Some(&b'\n') {
                input.pop();
            }
            Some(input)
        }
        (Some(_), Fallback::Fail) => return Err(Failure::fatal(1, "stdin contained a null character")),
        (Some(_), Fallback::Value(default)) => default,
        (Some(nul), Fallback::Ignore) => {
            input.truncate(nul);
            Some(input)
        }
    };
    with_variable(call, &name, value.as_deref(), imports)
}

/// Executes the rest with our process id as the value of a variable.
pub(in crate::s6_commands) fn getpid(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "getpid [ -E | -e ] [ -P | -p ] variable prog...";
    let (mut imports, mut is_parents) = (false, false);
    for (letter, _) in call.options("EePp", SYNOPSIS)? {
        match letter {
            b'E' | b'e' => imports = letter == b'E',
            letter => is_parents = letter == b'P',
        }
    }
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let name = own_name(call.argument(SYNOPSIS)?)?;
    let pid = if is_parents { getppid() } else { process_id() };
    with_variable(call, &name, Some(pid.to_string().as_bytes()), imports)
}

/// Executes the rest with the working directory as the value of a variable.
pub(in crate::s6_commands) fn getcwd(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "getcwd [ -E | -e ] variable prog...";
    let imports = call.options("Ee", SYNOPSIS)?.last().is_some_and(|(letter, _)| *letter == b'E');
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let name = own_name(call.argument(SYNOPSIS)?)?;
    let directory = std::env::current_dir().map_err(|error| Failure::unable("getcwd", errno(&error)))?;
    with_variable(call, &name, Some(&directory.into_os_string().into_vec()), imports)
}

/// Executes the rest with this variable; if it is imported, replaced in the rest and not in the environment.
pub(super) fn with_variable(mut call: Call, name: &[u8], value: Option<&[u8]>, imports: bool) -> CommandResult {
    let mut environment = call.environment.clone();
    environment.put(name, value);
    if imports {
        let options: [&[u8]; 4] = [b"-ui", b"--", name, name];
        call.arguments.splice(0..0, options.iter().map(|word| word.to_vec()));
        return super::substitutions::importas(call.next("importas", call.arguments.clone(), environment));
    }
    call.exec_with(&environment)
}

pub(super) fn errno(error: &std::io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}
