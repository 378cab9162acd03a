//! Commands that order programs: `exec`, `foreground`, `background`, `exit`, `tryexec`.

use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::chain;
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::{Failure, errno_text};
use crate::sys::exec_chain::fork_twice;
use crate::sys::executable::ChildSetup;
use crate::text::shown_bytes;

/// The exit code of a program that cannot be started, in `?`.
const NOT_STARTED: u32 = 127;

/// Executes the rest, with another first word or without an environment.
pub(in crate::s6_commands) fn exec(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "exec [ -c ] [ -l ] [ -a argv0 ] prog...";
    let (mut environment, mut is_login, mut zero) = (call.environment.clone(), false, None);
    for (letter, value) in call.options("cla:", SYNOPSIS)? {
        match letter {
            b'c' => environment = Environment::default(),
            b'l' => is_login = true,
            _ => zero = Some(value),
        }
    }
    let Some(program) = call.arguments.first().cloned() else { return Err(Failure::usage(SYNOPSIS)) };
    let shown = zero.unwrap_or_else(|| program.clone());
    let shown = if is_login { [b"-", shown.as_slice()].concat() } else { shown };
    if let Some(first) = call.arguments.first_mut() {
        *first = shown;
    }
    call.execute_as(&program, &call.arguments, &environment)
}

/// Executes a program if that is possible, else the rest.
pub(in crate::s6_commands) fn tryexec(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "tryexec [ -n ] [ -c ] [ -l ] [ -a argv0 ] { command... } remainder...";
    let (mut environment, mut is_login, mut zero, mut is_swapped) = (call.environment.clone(), false, None, false);
    for (letter, value) in call.options("ncla:", SYNOPSIS)? {
        match letter {
            b'n' => is_swapped = true,
            b'c' => environment = Environment::default(),
            b'l' => is_login = true,
            _ => zero = Some(value),
        }
    }
    let Some(mut first) = call.block()? else { return Err(Failure::wrong("unterminated block")) };
    if first.is_empty() {
        return Err(Failure::wrong("empty block"));
    }
    if is_swapped {
        if call.arguments.is_empty() {
            return Err(Failure::wrong("empty remainder not allowed with -n"));
        }
        std::mem::swap(&mut first, &mut call.arguments);
    }
    let program = first.first().cloned().unwrap_or_default();
    let shown = zero.unwrap_or_else(|| program.clone());
    let shown = if is_login { [b"-", shown.as_slice()].concat() } else { shown };
    if let Some(word) = first.first_mut() {
        *word = shown;
    }
    match call.execute_as(&program, &first, &environment) {
        Ok(code) => Ok(code),
        Err(_) => call.exec(),
    }
}

/// Runs a program, and then the rest, which finds its exit code in `?`.
pub(in crate::s6_commands) fn foreground(mut call: Call) -> CommandResult {
    let block = call.ended_block("block")?;
    run_before(call, &block)
}

/// Runs a program, and then the rest of the call, which finds its exit code in `?`.
pub(super) fn run_before(call: Call, block: &[Argument]) -> CommandResult {
    let mut environment = call.environment.clone();
    let number = match call.spawn(block, &environment, ChildSetup::Unchanged) {
        Ok(pid) => chain::wait_for(pid)
            .map_err(|errno| Failure::unable(format!("wait for {}", name_of(block)), errno))?
            .number(),
        Err(errno) => {
            call.warn(format!("unable to spawn {}: {}", name_of(block), errno_text(errno)));
            NOT_STARTED
        }
    };
    environment.set(b"?", number.to_string().as_bytes());
    call.exec_with(&environment)
}

/// Starts a program, and executes the rest at once, which finds its process id in `!`.
pub(in crate::s6_commands) fn background(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "background [ -d ] { command... }";
    let is_double = !call.options("d", SYNOPSIS)?.is_empty();
    let Some(block) = call.block()? else { return Err(Failure::wrong("unterminated block")) };
    if block.is_empty() {
        return Err(Failure::wrong("empty block"));
    }
    let mut environment = call.environment.clone();
    let pid = match is_double && !call.arguments.is_empty() {
        true => start_twice("background (grandchild)", || call.execute(&block, &environment))?,
        false => call
            .spawn(&block, &environment, ChildSetup::Unchanged)
            .map_err(|errno| Failure::unable(format!("spawn {}", name_of(&block)), errno))?,
    };
    environment.set(b"!", pid.to_string().as_bytes());
    call.exec_with(&environment)
}

/// Does `work` in a child of init; returns its process id.
pub(super) fn start_twice(name: &'static str, work: impl FnOnce() -> CommandResult) -> Result<i32, Failure> {
    let work = || match work() {
        Ok(code) => code,
        Err(failure) => {
            chain::report(name, &failure);
            failure.code
        }
    };
    fork_twice(work).map_err(|errno| Failure::unable("doublefork", errno))
}

/// Ends with an exit code.
pub(in crate::s6_commands) fn exit(call: Call) -> CommandResult {
    let Some(code) = call.arguments.first() else { return Ok(0) };
    let code = number(code).ok_or_else(|| Failure::usage("exit [ exitcode ]"))?;
    Ok(u8::try_from(code & 0xff).unwrap_or_default())
}

/// The first word of a vector, for a message.
pub(super) fn name_of(argv: &[Argument]) -> String {
    argv.first().map(|word| shown_bytes(word)).unwrap_or_default()
}
