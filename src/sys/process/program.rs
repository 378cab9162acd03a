//! What a child looks up itself before it executes a program: its `environment_file`, and the program in PATH. As the
//! service's user, and in the child, so that a disk that hangs blocks only that service.
//!
//! Unlike the rest between fork and exec it allocates: PID 1 has one thread, so no lock was held at the fork (DESIGN §11).

use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::config::search_path::directories;
use crate::sys::exec_failure;
use crate::sys::process::child::{self, ExecPointers};
use crate::sys::process::environment_file::{self, Unreadable};
use crate::sys::process::launch::{Launch, Program, c_string};

/// Returns the whole environment of `launch`, with the variables of its file.
///
/// # Errors
/// Why the file cannot be used.
pub fn environment(launch: &Launch) -> Result<Vec<CString>, Unreadable> {
    let Some(file) = &launch.environment_file else { return Ok(launch.env.clone()) };
    let bytes = environment_file::read(file)?;
    if let Some(copy) = &file.copy {
        copy.put(&bytes);
    }
    Ok(environment_file::merged(&launch.env, file.before, &bytes))
}

/// Executes a program with the arguments of `launch` and this environment. Returns only on an error: the relevant errno, and
/// the file that it is about, if there is one.
pub fn execute(program: &Program, launch: &Launch, env: &[CString]) -> (Errno, Option<CString>) {
    let pointers = ExecPointers::with_env(launch, env);
    let name = match program {
        Program::Path(path) => {
            execute_by_shortcut(path, launch, env);
            return (child::execute_first(path, launch, &pointers), Some(path.clone()));
        }
        Program::Search(name) => name,
    };
    // As execvp(3): continue with the next one if it does not exist.
    let candidates = candidates(name, env);
    // A single one is reported by its path.
    let mut errno_and_path = (Errno::ENOENT, candidates.first().filter(|_| candidates.len() == 1).cloned());
    for candidate in candidates {
        execute_by_shortcut(&candidate, launch, env);
        match child::execute(&candidate, &pointers) {
            // It exists, and its interpreter does not.
            Errno::ENOENT if errno_and_path.0 == Errno::ENOENT && exists(&candidate) => {
                errno_and_path.1 = Some(candidate)
            }
            Errno::ENOENT | Errno::ENOTDIR => {}
            Errno::EACCES => errno_and_path = (Errno::EACCES, Some(candidate)),
            other => return (other, Some(candidate)),
        }
    }
    errno_and_path
}

/// Executes what the shortcut leads to; returns if there is none, or if that cannot be executed.
pub fn execute_by_shortcut(program: &CStr, launch: &Launch, env: &[CString]) {
    if let Some(executable) = launch.shortcut.and_then(|shortcut| shortcut(program, &launch.argv, env)) {
        executable.execute();
    }
}

fn exists(program: &CStr) -> bool {
    Path::new(OsStr::from_bytes(program.to_bytes())).exists()
}

/// Returns why a program failed with `errno` and the fix, as text; empty if nothing is known. Allocates, and checks the
/// program with the present ids of this process.
pub fn explanation(errno: Errno, program: &CStr, launch: &Launch) -> String {
    let program = Path::new(OsStr::from_bytes(program.to_bytes()));
    let failure = match errno {
        Errno::E2BIG => {
            let bytes = |words: &[CString]| words.iter().map(|word| word.as_bytes().len()).collect::<Vec<_>>();
            let names = launch.env.iter().map(|word| word.as_bytes());
            exec_failure::too_long(&bytes(&launch.argv), names)
        }
        errno => exec_failure::explain(errno, program),
    };
    failure.explanation(program)
}

/// Returns the paths that execvp(3) would try for a program.
fn candidates(name: &CStr, env: &[CString]) -> Vec<CString> {
    if name.to_bytes().contains(&b'/') {
        return vec![name.to_owned()];
    }
    searched(env)
        .filter_map(|place| c_string(place.join(OsStr::from_bytes(name.to_bytes())).as_os_str()).ok())
        .collect()
}

/// Returns the paths that execvp(3) would try after `program` in the PATH of this environment; does not check them.
pub fn candidates_after(program: &Path, env: &[CString]) -> Vec<CString> {
    let (Some(found), Some(name)) = (program.parent(), program.file_name()) else { return Vec::new() };
    let behind = searched(env).skip_while(|place| place != found).skip(1);
    behind.filter_map(|place| c_string(place.join(name).as_os_str()).ok()).collect()
}

/// Returns the directories that are searched in this environment: not those that depend on the working directory.
fn searched(env: &[CString]) -> impl Iterator<Item = PathBuf> {
    let path = env.iter().find_map(|word| word.to_bytes().strip_prefix(b"PATH=")).unwrap_or_default();
    directories(OsStr::from_bytes(path)).filter(|place| place.is_absolute())
}
