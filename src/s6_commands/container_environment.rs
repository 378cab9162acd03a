//! `with-contenv` and `printcontenv`: the container environment, a directory with one file for each variable, which scripts
//! write too. Must not know who made it.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use crate::control::locate;
use crate::s6_commands::call::{Argument, Call, CommandResult, print};
use crate::s6_commands::envdir::{self, ReadOptions};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::Failure;

/// Where s6-overlay has it.
const DIRECTORY: &str = "/run/s6/container_environment";
/// The same below our runtime directory, where `/run` is not ours.
const BELOW_RUNTIME: &str = "s6/container_environment";

/// Executes a program with the container environment, and PATH where that has none; with S6_KEEP_ENV, or where there is
/// no such directory, with the present one.
pub(super) fn with_contenv(mut call: Call) -> CommandResult {
    let Some(environment) = replacing(&call.environment, ReadOptions::CONTAINER)? else { return call.exec() };
    if call.arguments.is_empty() {
        return Err(Failure::usage("exec [ -c ] [ -l ] [ -a argv0 ] prog...").by("exec"));
    }
    // The program is looked for in the new PATH, as in the original.
    call.environment = environment;
    call.exec()
}

/// Returns the environment that a program gets in place of the present one; `None`: it keeps that.
///
/// # Errors
/// There is a container environment that cannot be read.
pub(super) fn replacing(present: &Environment, reading: ReadOptions) -> Result<Option<Environment>, Failure> {
    if keeps_environment(present) {
        return Ok(None);
    }
    let Some(directory) = directory(present) else { return Ok(None) };
    let mut environment = Environment::default();
    environment.put(b"PATH", present.get(b"PATH"));
    let variables = envdir::read(directory.as_os_str().as_bytes(), reading).map_err(|errno| {
        // As the original, which is a script that calls it.
        Failure::unable(format!("envdir {}", crate::text::shown(&directory)), errno)
    })?;
    for (name, value) in variables {
        environment.put(&name, value.as_deref());
    }
    Ok(Some(environment))
}

/// Prints the value of one variable of the container environment; exit 1 if it has none.
pub(super) fn printcontenv(call: Call) -> CommandResult {
    let Some(name) = call.arguments.first() else { return Err(Failure::wrong("too few arguments")) };
    match value_of(&call.environment, name) {
        Some(value) => print(&[value.as_slice(), b"\n"].concat()).map(|()| 0),
        None => Ok(1),
    }
}

/// Returns the value of a variable of the container environment, or of the present one where that is kept.
pub(super) fn value_of(environment: &Environment, name: &[u8]) -> Option<Argument> {
    match if keeps_environment(environment) { None } else { directory(environment) } {
        None => environment.get(name).filter(|value| !value.is_empty()).map(<[u8]>::to_vec),
        Some(directory) => {
            let path = [directory.into_os_string().into_vec().as_slice(), b"/", name].concat();
            envdir::value(&path, ReadOptions::CONTAINER).ok().flatten()
        }
    }
}

/// `S6_KEEP_ENV` begins with a number that is not 0: the original asks `eltest 0$S6_KEEP_ENV -eq 0`, which reads the digits
/// that there are.
fn keeps_environment(environment: &Environment) -> bool {
    let digits = environment.get(b"S6_KEEP_ENV").unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit());
    digits.into_iter().any(|digit| *digit != b'0')
}

/// Where the container environment is for a process with this environment.
fn directory(present: &Environment) -> Option<PathBuf> {
    let standard = PathBuf::from(DIRECTORY);
    if standard.is_dir() {
        return Some(standard);
    }
    let xdg_runtime_dir = present.get(b"XDG_RUNTIME_DIR").map(|value| OsString::from_vec(value.to_vec()));
    locate::runtime_directory_with(xdg_runtime_dir)
        .map(|runtime| runtime.join(BELOW_RUNTIME))
        .filter(|found| found.is_dir())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_is_not_zero_means_that_the_environment_is_kept() {
        let keeps =
            |value: &str| keeps_environment(&Environment::of(vec![format!("S6_KEEP_ENV={value}").into_bytes()]));
        assert_eq!(["", "0", "00", "1", "yes", "-1"].map(keeps), [false, false, false, true, false, false]);
        assert!(!keeps_environment(&Environment::default()));
    }
}
