//! `trap`: runs a program, and others when signals come.

use std::collections::BTreeMap;

use nix::errno::Errno;
use nix::poll::PollFlags;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::sequence::name_of;
use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::failure::Failure;
use crate::s6_commands::waiting::{self, BlockedSignals};
use crate::sys::exec_chain::wait;
use crate::sys::executable::ChildSetup;
use crate::text::shown_bytes;

const SYNOPSIS: &str = "trap [ -x ] { signal { cmdline } ... } prog...";
const DEFAULT: &[u8] = b"default";
/// They cannot be caught, or say that a child has ended.
const NOT_TRAPPED: [Signal; 3] = [Signal::SIGKILL, Signal::SIGSTOP, Signal::SIGCHLD];

/// Which program a signal starts.
#[derive(Default)]
struct Traps {
    own: BTreeMap<Signal, Vec<Argument>>,
    default: Option<Vec<Argument>>,
}

impl Traps {
    fn of(&self, signal: Signal) -> Option<&Vec<Argument>> {
        self.own.get(&signal).or(self.default.as_ref())
    }
}

/// Runs the rest in a child, and ends with it.
pub(in crate::s6_commands) fn trap(mut call: Call) -> CommandResult {
    let mut passes_on = false;
    for (letter, _) in call.options("xt:", SYNOPSIS)? {
        match letter {
            b'x' => passes_on = true,
            _ => return Err(Failure::usage(SYNOPSIS)),
        }
    }
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    if call.arguments.first().is_some_and(Vec::is_empty) {
        return Err(Failure::wrong("empty block"));
    }
    let directives = call.ended_block("block")?;
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    let traps = read(&call, directives)?;
    let trapped = |signal: &Signal| !NOT_TRAPPED.contains(signal) && (passes_on || traps.of(*signal).is_some());
    let mut blocked: Vec<Signal> = Signal::iterator().filter(trapped).collect();
    blocked.push(Signal::SIGCHLD);
    let signals = BlockedSignals::block(&blocked).map_err(|errno| Failure::unable("trap signals", errno))?;
    let main = spawn(&call, &call.arguments, &signals)?;
    let mut running: BTreeMap<Signal, i32> = BTreeMap::new();
    loop {
        waiting::until([(signals.descriptor(), PollFlags::POLLIN)], None)
            .map_err(|errno| Failure::unable("iopause", errno))?;
        while let Some(signal) = signals.next().map_err(|errno| Failure::unable("selfpipe_read", errno))? {
            match traps.of(signal) {
                _ if signal == Signal::SIGCHLD => {
                    while let Ok(Some((pid, ended))) = wait(-1, false) {
                        running.retain(|_, other| *other != pid);
                        if pid == main {
                            return Ok(ended.exit_code());
                        }
                    }
                }
                Some(program) if !running.contains_key(&signal) => {
                    let mut environment = call.environment.clone();
                    environment.set(b"!", main.to_string().as_bytes());
                    environment.set(b"SIGNAL", (signal as i32).to_string().as_bytes());
                    running.insert(signal, spawn(&call.next(call.name, Vec::new(), environment), program, &signals)?);
                }
                // The same signal again, while its program runs.
                Some(_) => {}
                None => {
                    let _gone = kill(Pid::from_raw(main), signal);
                }
            }
        }
    }
}

fn spawn(call: &Call, program: &[Argument], signals: &BlockedSignals) -> Result<i32, Failure> {
    call.spawn(program, &call.environment, ChildSetup::Blocked(signals.blocked_before()))
        .map_err(|errno: Errno| Failure::unable(format!("spawn {}", name_of(program)), errno))
}

fn read(call: &Call, directives: Vec<Argument>) -> Result<Traps, Failure> {
    let mut traps = Traps::default();
    let mut directives = call.within(directives);
    while !directives.arguments.is_empty() {
        let word = directives.arguments.remove(0);
        let shown = shown_bytes(&word);
        let signal = signal(&word);
        if signal.is_none() && !word.eq_ignore_ascii_case(DEFAULT) {
            return Err(Failure::wrong(format!("unrecognized directive: {shown}")));
        }
        let program = directives.block()?;
        let program =
            program.ok_or_else(|| Failure::wrong(format!("unterminated internal block for directive {shown}")))?;
        let is_second = match signal {
            Some(signal) if NOT_TRAPPED.contains(&signal) => {
                let what = format!("{} ({}) cannot be trapped", signal.as_str(), signal as i32);
                return Err(Failure::wrong(what));
            }
            Some(signal) => traps.own.insert(signal, program).is_some(),
            None => traps.default.replace(program).is_some(),
        };
        if is_second {
            return Err(Failure::wrong(format!("duplicate directive: {shown}")));
        }
    }
    Ok(traps)
}

/// A signal by its name in any case, with or without `SIG`, or by its number.
fn signal(word: &[u8]) -> Option<Signal> {
    let bare = match word.split_at_checked(3) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case(b"SIG") => rest,
        Some(_) | None => word,
    };
    let named =
        |signal: &Signal| signal.as_str().as_bytes().get(3..).is_some_and(|name| bare.eq_ignore_ascii_case(name));
    let by_number = || number(bare).and_then(|number| Signal::try_from(i32::try_from(number).ok()?).ok());
    Signal::iterator().find(named).or_else(by_number)
}
