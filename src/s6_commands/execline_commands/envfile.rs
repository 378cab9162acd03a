//! `envfile`: executes the rest with the variables of a file of `NAME = value` lines.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;

use nix::errno::Errno;

use super::variables::errno;
use crate::execline::assignments;
use crate::s6_commands::call::{Argument, Call, CommandResult};
use crate::s6_commands::failure::Failure;
use crate::text::shown_bytes;

/// Executes the rest with the variables of a file.
pub(in crate::s6_commands) fn envfile(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "envfile [ -i | -I ] file prog...";
    let insists = call.options("iI", SYNOPSIS)?.last().is_none_or(|(letter, _)| *letter == b'i');
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let file = call.argument(SYNOPSIS)?;
    let (name, text) = match file.as_slice() {
        b"-" => ("standard input".to_owned(), read(std::io::stdin()).map(Some)),
        path => {
            let name = shown_bytes(path);
            match std::fs::File::open(OsStr::from_bytes(path)) {
                Ok(file) => (name, read(file).map(Some)),
                Err(error) if errno(&error) == Errno::ENOENT && !insists => (name, Ok(None)),
                Err(error) => return Err(Failure::unable(format!("open {name}"), errno(&error))),
            }
        }
    };
    let text = text.map_err(|errno| Failure::unable(format!("read from {name}"), errno))?;
    let mut environment = call.environment.clone();
    let assigned = assignments::read(&text.unwrap_or_default())
        .map_err(|line| Failure::fatal(1, format!("in {name}: syntax error line {line}")))?;
    assigned.iter().for_each(|(name, value)| environment.set(name, value));
    call.exec_with(&environment)
}

fn read(mut from: impl Read) -> Result<Argument, Errno> {
    let mut text = Argument::new();
    from.read_to_end(&mut text).map_err(|error| errno(&error))?;
    Ok(text)
}
