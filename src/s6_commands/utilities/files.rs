//! Programs that create, change and remove files: `s6-mkdir`, `s6-mkfifo`, `s6-chown`, `s6-chmod`, `s6-ln`, `s6-rmrf`,
//! `s6-touch`. They follow paths as the originals do: who may change a path in between is the script's affair.

use std::ffi::OsStr;
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, symlink};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::sys::stat::{Mode, umask};
use nix::unistd::{Gid, Uid, chown, linkat, mkdir, mkfifo};

use super::text::base_name;
use crate::s6_commands::call::{Call, CommandResult, number, octal, print_error};
use crate::s6_commands::environment::Environment;
use crate::s6_commands::failure::{Failure, errno_text};
use crate::text::shown_bytes;

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

fn refused(what: &str, path: &[u8]) -> impl Fn(io::Error) -> Failure {
    let text = format!("{what} {}", shown_bytes(path));
    move |error| Failure::unable(&text, errno(&error))
}

pub(in crate::s6_commands) fn s6_mkdir(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-mkdir [ -p ] [ -v ] [ -m mode ] dir";
    let (mut has_parents, mut is_verbose, mut mode) = (false, false, 0o777);
    for (letter, value) in call.options("pvm:", SYNOPSIS)? {
        match letter {
            b'p' => has_parents = true,
            b'v' => is_verbose = true,
            _ => {
                mode = octal(&value).ok_or_else(|| Failure::usage(SYNOPSIS))?;
                umask(Mode::empty());
            }
        }
    }
    let mode = Mode::from_bits_truncate(mode);
    let mut code = 0;
    for path in &call.arguments {
        let ends =
            path.iter().enumerate().filter(|(at, byte)| **byte == b'/' && *at > 0 && has_parents).map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let part = &path[..end];
            match mkdir(OsStr::from_bytes(part), mode) {
                Ok(()) if is_verbose => print_error(&format!("s6-mkdir: created directory {}\n", shown_bytes(part))),
                Ok(()) => {}
                Err(Errno::EEXIST) if has_parents => {}
                Err(errno) => {
                    call.warn(format!("unable to mkdir {}: {}", shown_bytes(part), errno_text(errno)));
                    code = 111;
                    break;
                }
            }
        }
    }
    Ok(code)
}

pub(in crate::s6_commands) fn s6_mkfifo(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-mkfifo [ -m mode ] fifo...";
    let mut mode = 0o666;
    for (_, value) in call.options("m:", SYNOPSIS)? {
        mode = octal(&value).ok_or_else(|| Failure::usage(SYNOPSIS))?;
        umask(Mode::empty());
    }
    for path in &call.arguments {
        mkfifo(OsStr::from_bytes(path), Mode::from_bits_truncate(mode))
            .map_err(|errno| Failure::unable(format!("mkfifo {}", shown_bytes(path)), errno))?;
    }
    Ok(0)
}

/// The id that a variable has.
fn id_of(environment: &Environment, name: &str) -> Result<u32, Failure> {
    let value = environment.get(name.as_bytes()).ok_or_else(|| Failure::wrong(format!("{name} not set")))?;
    number(value).ok_or_else(|| Failure::wrong(format!("invalid ${name}")))
}

pub(in crate::s6_commands) fn s6_chown(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-chown [ -U ] [ -u uid ] [ -g gid ] file";
    let (mut uid, mut gid) = (None, None);
    for (letter, value) in call.options("Uu:g:", SYNOPSIS)? {
        let id = || number(&value).ok_or_else(|| Failure::usage(SYNOPSIS));
        match letter {
            b'u' => uid = Some(id()?),
            b'g' => gid = Some(id()?),
            _ => {
                uid = Some(id_of(&call.environment, "UID")?);
                gid = Some(id_of(&call.environment, "GID")?);
            }
        }
    }
    let path = call.argument(SYNOPSIS)?;
    chown(OsStr::from_bytes(&path), uid.map(Uid::from_raw), gid.map(Gid::from_raw))
        .map_err(|errno| Failure::unable(format!("chown {}", shown_bytes(&path)), errno))?;
    Ok(0)
}

pub(in crate::s6_commands) fn s6_chmod(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-chmod mode file";
    let mode = octal(&call.argument(SYNOPSIS)?).ok_or_else(|| Failure::usage(SYNOPSIS))?;
    let path = call.argument(SYNOPSIS)?;
    let permissions = fs::Permissions::from_mode(mode & 0o7777);
    fs::set_permissions(OsStr::from_bytes(&path), permissions).map_err(refused("change mode of", &path))?;
    Ok(0)
}

pub(in crate::s6_commands) fn s6_touch(call: Call) -> CommandResult {
    if call.arguments.is_empty() {
        return Err(Failure::usage("s6-touch file ..."));
    }
    for path in &call.arguments {
        let now = FileTimes::new().set_accessed(SystemTime::now()).set_modified(SystemTime::now());
        let options =
            OpenOptions::new().write(true).create(true).truncate(false).custom_flags(nix::libc::O_NONBLOCK).clone();
        options
            .open(OsStr::from_bytes(path))
            .and_then(|file: File| file.set_times(now))
            .map_err(refused("touch", path))?;
    }
    Ok(0)
}

pub(in crate::s6_commands) fn s6_rmrf(call: Call) -> CommandResult {
    if call.arguments.is_empty() {
        return Err(Failure::usage("s6-rmrf file ..."));
    }
    for path in &call.arguments {
        let name = OsStr::from_bytes(path);
        let removed = match fs::symlink_metadata(name) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(name),
            Ok(_) => fs::remove_file(name),
            Err(error) => Err(error),
        };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(refused("remove", path)(error)),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(0)
}

/// How `s6-ln` creates a link.
#[derive(Clone, Copy)]
enum NewLink {
    Symbolic,
    Hard(AtFlags),
}

impl NewLink {
    fn make(self, to: &[u8], at: &[u8]) -> io::Result<()> {
        let (to, at) = (OsStr::from_bytes(to), OsStr::from_bytes(at));
        match self {
            Self::Symbolic => symlink(to, at),
            Self::Hard(flags) => Ok(linkat(AT_FDCWD, to, AT_FDCWD, at, flags)?),
        }
    }
}

pub(in crate::s6_commands) fn s6_ln(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "s6-ln [ -n ] [ -s ] [ -f ] [ -L ] [ -P ] src... dest";
    let (mut kind, mut forces, mut follows) = (NewLink::Hard(AtFlags::empty()), false, true);
    for (letter, _) in call.options("nsfLP", SYNOPSIS)? {
        match (letter, kind) {
            (b'n', _) => follows = false,
            (b'f', _) => forces = true,
            (b's', _) => kind = NewLink::Symbolic,
            (b'L', NewLink::Hard(_)) => kind = NewLink::Hard(AtFlags::AT_SYMLINK_FOLLOW),
            (_, NewLink::Hard(_)) => kind = NewLink::Hard(AtFlags::empty()),
            (_, NewLink::Symbolic) => {}
        }
    }
    let Some(target) = call.arguments.pop().filter(|_| !call.arguments.is_empty()) else {
        return Err(Failure::usage(SYNOPSIS));
    };
    let found = if follows {
        fs::metadata(OsStr::from_bytes(&target))
    } else {
        fs::symlink_metadata(OsStr::from_bytes(&target))
    };
    let is_directory = call.arguments.len() > 1 || found.is_ok_and(|meta| meta.is_dir());
    let mut failures = 0;
    for source in &call.arguments {
        let at = if is_directory { [target.as_slice(), b"/", base_name(source)].concat() } else { target.clone() };
        if let Err(error) = link(kind, source, &at, forces) {
            let (from, to) = (shown_bytes(&at), shown_bytes(source));
            call.warn(format!("unable to make a link from {from} to {to}: {}", errno_text(errno(&error))));
            failures += 1;
        }
    }
    Ok(failures)
}

/// With force, the new link takes the place of what is there in one step.
fn link(kind: NewLink, source: &[u8], at: &[u8], forces: bool) -> io::Result<()> {
    match kind.make(source, at) {
        Err(error) if forces && error.kind() == ErrorKind::AlreadyExists => {
            let temporary = [at, format!(":s6-ln:{}", std::process::id()).as_bytes()].concat();
            kind.make(source, &temporary)?;
            let renamed = fs::rename(OsStr::from_bytes(&temporary), OsStr::from_bytes(at));
            // It is still there if both were the same file.
            let _gone = fs::remove_file(OsStr::from_bytes(&temporary));
            renamed
        }
        result => result,
    }
}
