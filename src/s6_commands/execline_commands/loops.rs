//! Commands that repeat: `forx`, `forbacktickx`, `forstdin`, `loopwhilex`.

use std::fs::File;
use std::io::Read;

use nix::errno::Errno;

use super::pipes;
use super::sequence::name_of;
use super::variables::errno;
use crate::s6_commands::call::{Argument, Call, CommandResult, number};
use crate::s6_commands::chain;
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;
use crate::sys::exec_chain::{Ended, wait};
use crate::sys::executable::ChildSetup;

/// Which exit codes end a loop.
#[derive(Clone, Debug, Default)]
struct Codes {
    listed: Vec<u16>,
    /// Those of the list go on (`-o`), not those that are not of it (`-x`).
    goes_on: bool,
}

impl Codes {
    fn new(list: &[u8], goes_on: bool) -> Option<Self> {
        let code = |word: &[u8]| number(word).and_then(|code| u16::try_from(code).ok());
        Some(Self { listed: list.split(|byte| *byte == b',').map(code).collect::<Option<_>>()?, goes_on })
    }

    fn ends(&self, ended: Ended) -> bool {
        self.listed.contains(&u16::from(ended.exit_code())) != self.goes_on
    }
}

/// What the loops have in common.
struct Body {
    codes: Codes,
    /// How many run at the same time.
    limit: usize,
    imports: bool,
}

impl Default for Body {
    fn default() -> Self {
        Self { codes: Codes::default(), limit: 1, imports: false }
    }
}

/// The processes of a loop.
#[derive(Default)]
struct Running {
    pids: Vec<i32>,
    /// One of several ended with a code that would end a loop that runs one at a time.
    is_ended: bool,
}

impl Running {
    /// Takes one more process, and waits until fewer than the limit run. Returns the exit code that ends the loop.
    fn add(&mut self, pid: i32, call: &Call, body: &Body) -> Result<Option<u8>, Failure> {
        self.pids.push(pid);
        while self.pids.len() >= body.limit {
            let ended = self.wait_for_one(call)?;
            let is_end = body.codes.ends(ended);
            if is_end && body.limit == 1 {
                return Ok(Some(ended.exit_code()));
            }
            self.is_ended |= is_end;
        }
        Ok(None)
    }

    fn wait_for_all(mut self, call: &Call, body: &Body) -> Result<bool, Failure> {
        while !self.pids.is_empty() {
            let ended = self.wait_for_one(call)?;
            self.is_ended |= body.codes.ends(ended);
        }
        Ok(self.is_ended)
    }

    fn wait_for_one(&mut self, call: &Call) -> Result<Ended, Failure> {
        loop {
            // A child from before the loop is not one of these.
            let wanted = if let [pid] = self.pids[..] { pid } else { -1 };
            let waited = wait(wanted, true).and_then(|found| found.ok_or(Errno::ECHILD));
            let (pid, ended) =
                waited.map_err(|errno| Failure::unable(format!("wait for {}", name_of(&call.arguments)), errno))?;
            if let Some(at) = self.pids.iter().position(|running| *running == pid) {
                self.pids.swap_remove(at);
                return Ok(ended);
            }
        }
    }
}

impl Body {
    /// Takes one of the options that the loops have in common.
    fn take(&mut self, letter: u8, value: &[u8], synopsis: &str) -> Result<(), Failure> {
        match letter {
            b'p' => self.limit = usize::MAX,
            b'P' => {
                let limit = number(value).and_then(|limit| usize::try_from(limit).ok());
                self.limit = limit.ok_or_else(|| Failure::usage(synopsis))?.max(1);
            }
            b'E' | b'e' => self.imports = letter == b'E',
            letter => self.codes = Codes::new(value, letter == b'o').ok_or_else(|| Failure::usage(synopsis))?,
        }
        Ok(())
    }

    fn start(&self, call: &Call, name: &[u8], value: &[u8]) -> Result<i32, Failure> {
        let mut environment = call.environment.clone();
        environment.set(name, value);
        let arguments = if self.imports {
            let importas: [&[u8]; 5] = [b"importas", b"-ui", b"--", name, name];
            importas.iter().map(|word| word.to_vec()).chain(call.arguments.iter().cloned()).collect()
        } else {
            call.arguments.clone()
        };
        call.spawn(&arguments, &environment, ChildSetup::Unchanged)
            .map_err(|errno| Failure::unable(format!("spawn {}", name_of(&call.arguments)), errno))
    }
}

fn wait_for(call: &Call, pid: i32) -> Result<Ended, Failure> {
    chain::wait_for(pid).map_err(|errno| Failure::unable(format!("wait for {}", name_of(&call.arguments)), errno))
}

/// The name of the loop's variable.
fn variable(call: &mut Call, synopsis: &str) -> Result<Argument, Failure> {
    if call.arguments.len() < 2 {
        return Err(Failure::usage(synopsis));
    }
    let name = call.argument(synopsis)?;
    match name.is_empty() || name.contains(&b'=') {
        true => Err(Failure::wrong("invalid variable name")),
        false => Ok(name),
    }
}

/// Runs the rest once for each word of a block.
pub(in crate::s6_commands) fn forx(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "forx [ -E | -e ] [ -p | -P maxpar ] [ -o okcode,okcode,... | -x breakcode,breakcode,... ] var { values... } command...";
    let mut body = Body::default();
    for (letter, value) in call.options("pP:o:x:Ee", SYNOPSIS)? {
        body.take(letter, &value, SYNOPSIS)?;
    }
    let name = variable(&mut call, SYNOPSIS)?;
    let values = call.ended_block("block")?;
    if values.is_empty() || call.arguments.is_empty() {
        return Ok(0);
    }
    let mut running = Running::default();
    for value in &values {
        let pid = body.start(&call, &name, value)?;
        if let Some(code) = running.add(pid, &call, &body)? {
            return Ok(code);
        }
    }
    running.wait_for_all(&call, &body).map(u8::from)
}

/// How a stream is cut into values.
struct Records {
    delimiters: Vec<u8>,
    chomps: bool,
    crunches: bool,
}

impl Records {
    /// Takes one of the options for it; returns whether it was one.
    fn take(&mut self, letter: u8, value: &[u8]) -> bool {
        match letter {
            b'N' | b'n' => self.chomps = letter == b'n',
            b'C' | b'c' => self.crunches = letter == b'C',
            b'0' => self.delimiters = vec![0],
            b'd' => self.delimiters = value.to_vec(),
            _ => return false,
        }
        true
    }
}

impl Default for Records {
    fn default() -> Self {
        Self { delimiters: b"\n".to_vec(), chomps: true, crunches: false }
    }
}

/// Runs the rest once for each line that a program prints.
pub(in crate::s6_commands) fn forbacktickx(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "forbacktickx [ -p | -P maxpar | -o okcode,okcode,... | -x breakcode,breakcode,... ] [ -E | -e ] [ -N | \
                            -n ] [ -C | -c ] [ -0 | -d delim ] var { backtickcmd... } command...";
    let (mut body, mut records) = (Body::default(), Records::default());
    for (letter, value) in call.options("pP:NnCc0d:o:x:Ee", SYNOPSIS)? {
        if !records.take(letter, &value) {
            body.take(letter, &value, SYNOPSIS)?;
        }
    }
    let name = variable(&mut call, SYNOPSIS)?;
    let Some(block) = call.block()? else { return Err(Failure::wrong("unterminated block")) };
    if block.is_empty() {
        return Err(Failure::wrong("empty block"));
    }
    let (_, pipe) = pipes::start_writer(&call, &block)?;
    run_each(&call, &body, &records, &name, File::from(pipe))
}

/// Runs the rest once for each line of standard input.
pub(in crate::s6_commands) fn forstdin(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "forstdin [ -E | -e ] [ -p | -P maxpar | -o okcode,okcode,... | -x breakcode,breakcode,... ] [ -N | -n ] [ \
                            -C | -c ] [ -0 | -d delim ] var command...";
    let (mut body, mut records) = (Body::default(), Records::default());
    for (letter, value) in call.options("pP:NnCc0d:o:x:Ee", SYNOPSIS)? {
        if !records.take(letter, &value) {
            body.take(letter, &value, SYNOPSIS)?;
        }
    }
    let name = variable(&mut call, SYNOPSIS)?;
    run_each(&call, &body, &records, &name, std::io::stdin())
}

/// Exit code 1 if there was no value at all. A value is run as soon as it is there.
fn run_each(call: &Call, body: &Body, records: &Records, name: &[u8], mut from: impl Read) -> CommandResult {
    let (mut code, mut running, mut line) = (1, Running::default(), Argument::new());
    let mut byte = [0];
    loop {
        // One at a time: the programs that are run may read the rest.
        let is_end = from.read(&mut byte).map_err(|error| Failure::unable("skagetlnsep", errno(&error)))? == 0;
        let is_delimiter = !is_end && byte.first().is_some_and(|byte| records.delimiters.contains(byte));
        if !is_end {
            line.extend(byte);
        }
        if !is_end && !is_delimiter {
            continue;
        }
        let mut value = std::mem::take(&mut line);
        // A last line without a delimiter is a value only if it is wanted as it is.
        if is_end && (value.is_empty() || records.chomps) {
            break;
        }
        if !(records.crunches && is_delimiter && value.len() == 1) {
            if records.chomps {
                value.pop();
            }
            code = 0;
            let pid = body.start(call, name, &value)?;
            if let Some(code) = running.add(pid, call, body)? {
                return Ok(code);
            }
        }
        if is_end {
            break;
        }
    }
    running.wait_for_all(call, body)?;
    Ok(code)
}

/// Runs the rest again and again while it succeeds.
pub(in crate::s6_commands) fn loopwhilex(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "loopwhilex [ -n ] [ -o okcode,okcode,... | -x exitcode,exitcode,... ] prog...";
    let (mut is_negated, mut codes) = (false, Codes::default());
    for (letter, value) in call.options("no:x:", SYNOPSIS)? {
        match letter {
            b'n' => is_negated = true,
            letter => codes = Codes::new(&value, letter == b'o').ok_or_else(|| Failure::usage(SYNOPSIS))?,
        }
    }
    if call.arguments.is_empty() {
        return Err(Failure::usage(SYNOPSIS));
    }
    if codes.listed.is_empty() {
        codes = Codes { listed: vec![0], goes_on: true };
    }
    let environment: &Environment = &call.environment;
    loop {
        let name = name_of(&call.arguments);
        let pid = call.spawn(&call.arguments, environment, ChildSetup::Unchanged).map_err(|errno| match errno {
            Errno::ENOENT if name.starts_with(' ') => Failure::fatal(
                111,
                format!(": unable to spawn {name}: name begins with a space, are you trying to spawn a block as your loop body?"),
            ),
            errno => Failure::unable(format!("spawn {name}"), errno),
        })?;
        let ended = wait_for(&call, pid)?;
        if codes.ends(ended) != is_negated {
            return Ok(ended.exit_code());
        }
    }
}
