//! Commands that change the process itself: `cd`, `umask`, `posix-cd`, `posix-umask`.

use std::ffi::OsStr;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use nix::sys::stat::{Mode, umask as set_umask};
use nix::unistd::chdir;

use super::variables::errno;
use crate::s6_commands::call::{Call, CommandResult, octal, print};
use crate::s6_commands::failure::Failure;
use crate::text::{shown, shown_bytes};

/// Executes the rest in another directory.
pub(in crate::s6_commands) fn cd(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "cd path prog...";
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let path = call.argument(SYNOPSIS)?;
    chdir(OsStr::from_bytes(&path))
        .map_err(|errno| Failure::unable(format!("chdir to {}", shown_bytes(&path)), errno))?;
    call.exec()
}

/// Executes the rest with another umask.
pub(in crate::s6_commands) fn umask(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "umask value prog...";
    if call.arguments.len() < 2 {
        return Err(Failure::usage(SYNOPSIS));
    }
    let word = call.argument(SYNOPSIS)?;
    // The original reads the digits that there are.
    let digits = word.iter().take_while(|byte| (b'0'..=b'7').contains(byte)).count();
    let mask = octal(word.get(..digits).unwrap_or_default()).ok_or_else(|| Failure::usage(SYNOPSIS))?;
    set_umask(Mode::from_bits_truncate(mask & 0o777));
    call.exec()
}

/// cd(1) as POSIX has it, with CDPATH, PWD and OLDPWD; then executes the rest.
pub(in crate::s6_commands) fn posix_cd(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "posix-cd [ -L | -P ] [ - | path ] [ prog... ]";
    let is_physical = call.options("LP", SYNOPSIS)?.last().is_some_and(|(letter, _)| *letter == b'P');
    let value = |name: &[u8]| call.environment.get(name).map(<[u8]>::to_vec);
    let (target, mut is_printed) = match call.arguments.first() {
        None => (value(b"HOME"), false),
        Some(word) if word == b"-" => (value(b"OLDPWD"), true),
        Some(word) => (Some(word.clone()), false),
    };
    let target = target.filter(|target| !target.is_empty()).ok_or_else(|| Failure::usage(SYNOPSIS))?;
    let mut path = PathBuf::from(OsStr::from_bytes(&target));
    if let Some(found) = value(b"CDPATH").and_then(|cdpath| in_cdpath(&cdpath, &path)) {
        (path, is_printed) = (found, true);
    }
    let mut environment = call.environment.clone();
    let present = std::env::current_dir().map_err(|error| Failure::unable("getcwd", errno(&error)))?;
    environment.set(b"OLDPWD", present.as_os_str().as_bytes());
    if !is_physical {
        let pwd = value(b"PWD").map(|pwd| PathBuf::from(OsStr::from_bytes(&pwd)));
        path = canonical(&pwd.unwrap_or_default().join(&path))
            .ok_or_else(|| Failure::fatal(111, format!("unable to canonicalize {}", shown(&path))))?;
    }
    chdir(&path).map_err(|errno| Failure::unable(format!("chdir to {}", shown_bytes(&target)), errno))?;
    if is_physical {
        path = std::env::current_dir().map_err(|error| Failure::unable("getcwd", errno(&error)))?;
    }
    environment.set(b"PWD", path.as_os_str().as_bytes());
    if is_printed {
        print(&[path.into_os_string().into_vec().as_slice(), b"\n"].concat())?;
    }
    if !call.arguments.is_empty() {
        call.arguments.remove(0);
    }
    call.exec_with(&environment)
}

/// Returns the first directory of CDPATH's that has the target; a target that begins with `/`, `.` or `..` is not looked for.
fn in_cdpath(cdpath: &[u8], target: &Path) -> Option<PathBuf> {
    match target.components().next() {
        Some(Component::Normal(_)) if !target.as_os_str().as_bytes().starts_with(b"./") => {}
        _ => return None,
    }
    let places = cdpath.split(|byte| *byte == b':').map(|place| match place {
        [] => Path::new("."),
        place => Path::new(OsStr::from_bytes(place)),
    });
    places.map(|place| place.join(target)).find(|path| path.is_dir())
}

/// Removes `.` and `..`; `None` if what precedes a `..` is no directory.
fn canonical(path: &Path) -> Option<PathBuf> {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                if !out.as_os_str().is_empty() && !out.is_dir() {
                    return None;
                }
                out.pop();
            }
            Component::RootDir | Component::Prefix(_) | Component::Normal(_) => out.push(component),
        }
    }
    Some(out)
}

/// umask(1) as POSIX has it: prints or sets the mask; then executes the rest.
pub(in crate::s6_commands) fn posix_umask(mut call: Call) -> CommandResult {
    const SYNOPSIS: &str = "posix-umask [ -S ] [ mask ] [ prog... ]";
    let is_symbolic = !call.options("S", SYNOPSIS)?.is_empty();
    let present = set_umask(Mode::empty());
    set_umask(present);
    if call.arguments.is_empty() {
        let text = if is_symbolic { symbolic(present.bits()) } else { format!("{:04o}", present.bits()) };
        return print(format!("{text}\n").as_bytes()).map(|()| 0);
    }
    let word = call.argument(SYNOPSIS)?;
    let mask = match octal(&word) {
        Some(mask) => mask,
        None => !parse(&word, !present.bits() & 0o777).ok_or_else(|| Failure::fatal(1, "invalid mode string"))?,
    };
    set_umask(Mode::from_bits_truncate(mask & 0o777));
    call.exec()
}

/// The rights that a mask leaves, as `u=rwx,g=rx,o=rx`.
fn symbolic(mask: u32) -> String {
    let class = |(name, shift): (&str, u32)| {
        let left = !(mask >> shift);
        let rights =
            [(4, 'r'), (2, 'w'), (1, 'x')].iter().filter(|(bit, _)| left & bit != 0).map(|(_, letter)| *letter);
        format!("{name}={}", rights.collect::<String>())
    };
    [("u", 6), ("g", 3), ("o", 0)].map(class).join(",")
}

/// Applies a symbolic mode to these rights.
fn parse(text: &[u8], mut rights: u32) -> Option<u32> {
    for clause in text.split(|byte| *byte == b',').filter(|clause| !clause.is_empty()) {
        let end = clause.iter().position(|byte| !b"ugoa".contains(byte))?;
        let (classes, mut rest) = clause.split_at(end);
        let mut mask = 0;
        for class in classes {
            mask |= match class {
                b'u' => 0o700,
                b'g' => 0o070,
                b'o' => 0o007,
                _ => 0o777,
            };
        }
        let mask = if classes.is_empty() { 0o777 } else { mask };
        while let Some((operator, behind)) = rest.split_first() {
            let end = behind.iter().position(|byte| b"+-=".contains(byte)).unwrap_or(behind.len());
            let (letters, more) = behind.split_at(end);
            let value = (permissions(letters, rights)? * 0o111) & mask;
            rights = match operator {
                b'+' => rights | value,
                b'-' => rights & !value,
                b'=' => (rights & !mask) | value,
                _ => return None,
            };
            rest = more;
        }
    }
    Some(rights)
}

/// The three bits of permission letters, or of the class whose present ones are copied.
fn permissions(letters: &[u8], rights: u32) -> Option<u32> {
    match letters {
        b"u" => return Some((rights >> 6) & 7),
        b"g" => return Some((rights >> 3) & 7),
        b"o" => return Some(rights & 7),
        _ => {}
    }
    letters.iter().try_fold(0, |bits, letter| match letter {
        b'r' => Some(bits | 4),
        b'w' => Some(bits | 2),
        b'x' | b'X' => Some(bits | 1),
        b's' | b't' => Some(bits),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbolic_modes_are_read_and_written() {
        assert_eq!((symbolic(0o022), symbolic(0o777)), ("u=rwx,g=rx,o=rx".into(), "u=,g=,o=".into()));
        let cases = [
            ("u=rwx,g=rx,o=", 0o750),
            ("g-w", 0o755),
            ("a=rx,u+w", 0o755),
            ("o=u", 0o757),
            ("=r", 0o444),
            ("g+w-x", 0o765),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text.as_bytes(), 0o755), Some(expected), "{text}");
        }
        for wrong in ["u", "y=r", "u=z", "rwx"] {
            assert_eq!(parse(wrong.as_bytes(), 0o755), None, "{wrong}");
        }
    }
}
