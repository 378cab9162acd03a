//! Commands that decide by an exit code: `if`, `ifelse`, `ifte`, `ifthenelse`.

use nix::errno::Errno;

use super::sequence::{name_of, run_before};
use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::chain;
use crate::s6_commands::failure::Failure;
use crate::sys::exec_chain::Ended;
use crate::sys::executable::ChildSetup;

/// Executes the rest if a program succeeds, else ends with its exit code.
pub(in crate::s6_commands) fn if_(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "if [ -n ] [ -X ] [ -t | -x exitcode ] { command... }";
    let (mut is_negated, mut lets_crash, mut fixed) = (false, false, None);
    for (letter, value) in call.options("nXtx:", SYNOPSIS)? {
        match letter {
            b'n' => {
                is_negated = true;
                fixed = fixed.or(Some(1));
            }
            b'X' => lets_crash = true,
            b't' => fixed = Some(0),
            _ => fixed = Some(number(&value).ok_or_else(|| Failure::usage(SYNOPSIS))?),
        }
    }
    let fixed = fixed.map(|code| u8::try_from(code).map_err(|_| Failure::wrong("invalid exit code"))).transpose()?;
    let condition = call.ended_block("block")?;
    let code = run(&call, &condition, lets_crash)?;
    if (code == 0) == is_negated { Ok(fixed.unwrap_or(code)) } else { call.exec() }
}

/// Executes one program if another one succeeds, else the rest.
pub(in crate::s6_commands) fn ifelse(mut call: Call) -> CommandResult {
    let options = ConditionOptions::read(
        &mut call,
        "nX",
        "ifelse [ -n ] [ -X ] { command-if } { command-then... } command-else...",
    )?;
    let condition = call.ended_block("if block")?;
    if call.arguments.is_empty() {
        return Err(Failure::wrong("then block required"));
    }
    let then = call.ended_block("then block")?;
    if (run(&call, &condition, options.lets_crash)? == 0) != options.is_negated {
        call.arguments = then;
    }
    call.exec()
}

/// Executes one program if the rest succeeds, else another one.
pub(in crate::s6_commands) fn ifte(mut call: Call) -> CommandResult {
    let options = ConditionOptions::read(
        &mut call,
        "Xn",
        "ifte [ -X ] [ -n ] { command-then... } { command-else... } command-if...",
    )?;
    let then = call.ended_block("then block")?;
    if call.arguments.is_empty() {
        return Err(Failure::wrong("else block required"));
    }
    let otherwise = call.ended_block("else block")?;
    if call.arguments.is_empty() {
        return Err(Failure::wrong("empty command-if"));
    }
    let condition = std::mem::take(&mut call.arguments);
    let is_true = (run(&call, &condition, options.lets_crash)? == 0) != options.is_negated;
    call.arguments = if is_true { then } else { otherwise };
    call.exec()
}

/// Runs one of two programs, and then the rest.
pub(in crate::s6_commands) fn ifthenelse(mut call: Call) -> CommandResult {
    let synopsis = "ifthenelse [ -X ] { command-if... } { command-then... } { command-else... } [ remainder... ]";
    let options = ConditionOptions::read(&mut call, "Xs", synopsis)?;
    let condition = call.ended_block("if block")?;
    if call.arguments.is_empty() {
        return Err(Failure::wrong("then block required"));
    }
    let then = call.ended_block("then block")?;
    let otherwise = call.ended_block("else block")?;
    let chosen = if run(&call, &condition, options.lets_crash)? == 0 { then } else { otherwise };
    if options.is_one_scope {
        call.arguments.splice(0..0, chosen);
        return call.exec();
    }
    run_before(call, &chosen)
}

struct ConditionOptions {
    is_negated: bool,
    lets_crash: bool,
    is_one_scope: bool,
}

impl ConditionOptions {
    fn read(call: &mut Call, known: &str, synopsis: &str) -> Result<Self, Failure> {
        let found = call.options(known, synopsis)?;
        let has = |letter| found.iter().any(|(one, _)| *one == letter);
        Ok(Self { is_negated: has(b'n'), lets_crash: has(b'X'), is_one_scope: has(b's') })
    }
}

/// Runs a condition; returns its exit code. Killed by a signal it ends us too, unless that counts as an exit code.
fn run(call: &Call, condition: &[Argument], lets_crash: bool) -> Result<u8, Failure> {
    let environment = &call.environment;
    let pid = call.spawn(condition, environment, ChildSetup::Unchanged).map_err(|errno| {
        let name = name_of(condition);
        match errno {
            Errno::ENOENT if name.starts_with(' ') => Failure::fatal(
                111,
                format!(": unable to spawn {name}: name begins with a space, are you trying to spawn a block as your command-if?"),
            ),
            errno => Failure::unable(format!("spawn {name}"), errno),
        }
    })?;
    let ended =
        chain::wait_for(pid).map_err(|errno| Failure::unable(format!("wait for {}", name_of(condition)), errno))?;
    match ended {
        Ended::Killed(signal) if !lets_crash => {
            Err(Failure::fatal(ended.exit_code(), format!("child crashed with signal {signal}")))
        }
        ended => Ok(ended.exit_code()),
    }
}
