//! `fix-attrs` of s6-overlay: gives paths the owner and the modes that the lines of `fix-attrs.d` have, from files or from
//! standard input. Changes go by handles, and no link is followed that somebody else than root could have created. What is
//! below a path is left where it may be another's file: a link, a device, a file of root with several names. The original's
//! loop ends at the first failure, and so does this one.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read, stdin};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::config::values::{Gid, Uid};
use crate::plan::Owner;
use crate::s6_commands::call::{Argument, Call, CommandResult, number, octal};
use crate::s6_commands::container_environment::value_of;
use crate::s6_commands::execline_commands::glob::{Globbing, matches};
use crate::s6_commands::failure::Failure;
use crate::s6_commands::ids;
use crate::sys::files::resolve::{Resolved, resolve};
use crate::sys::files::stat::{FileKind, Stat};
use crate::sys::files::syscall_support::SyscallSupport;
use crate::sys::files::{change, pseudo};
use crate::text::shown_bytes;

/// As for `fix-attrs.d` at boot: setuid, setgid and sticky bits are never set on files.
const FILE_MODES: u32 = 0o777;
/// Directories may have the sticky and setgid bits.
const DIRECTORY_MODES: u32 = 0o3777;
/// Each level has an open directory; no app has so many.
const MAX_DEPTH: usize = 400;

/// Applies the lines of its arguments, or of standard input.
pub(super) fn fix_attrs(call: Call) -> CommandResult {
    let mut texts = Vec::new();
    for path in &call.arguments {
        let text = File::open(OsStr::from_bytes(path)).and_then(contents);
        texts.push(text.map_err(|error| Failure::unable(format!("read {}", shown_bytes(path)), errno(&error)))?);
    }
    if call.arguments.is_empty() {
        texts.push(contents(stdin()).map_err(|error| Failure::unable("read from stdin", errno(&error)))?);
    }
    let hidden = value_of(&call.environment, b"S6_FIX_ATTRS_HIDDEN").unwrap_or_default();
    let has_hidden = hidden.iter().take_while(|byte| byte.is_ascii_digit()).any(|digit| *digit != b'0');
    let walk = Walk { call: &call, syscalls: SyscallSupport::probe(), has_hidden };
    for line in texts.iter().flat_map(|text| text.split(|byte| *byte == b'\n')) {
        if let Some(line) = Line::read(line)? {
            walk.apply(&line)?;
        }
    }
    Ok(0)
}

fn contents(mut file: impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok(text)
}

fn errno(error: &io::Error) -> Errno {
    Errno::from_raw(error.raw_os_error().unwrap_or_default())
}

/// `PATTERN RECURSE ACCOUNT FILE_MODE DIRECTORY_MODE`
#[derive(Debug, PartialEq, Eq)]
struct Line {
    pattern: Argument,
    is_deep: bool,
    account: Argument,
    mode: u32,
    dir_mode: u32,
}

impl Line {
    /// Reads a line; `None`: it is empty or a comment.
    fn read(line: &[u8]) -> Result<Option<Self>, Failure> {
        let words = line.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
        let words: Vec<&[u8]> = words.collect();
        if words.first().is_none_or(|first| first.starts_with(b"#")) {
            return Ok(None);
        }
        let [pattern, recurse, account, mode, dir_mode] = words[..] else {
            let what = "is not a path, true or false, an account and two modes";
            return Err(Failure::wrong(format!("{} {what}", shown_bytes(line))));
        };
        let bits = |text: &[u8], most: u32| {
            let wrong = || Failure::wrong(format!("{} is not a mode up to {most:04o}", shown_bytes(text)));
            octal(text).filter(|bits| *bits <= most).ok_or_else(wrong)
        };
        Ok(Some(Self {
            pattern: pattern.to_vec(),
            is_deep: recurse == b"true",
            account: account.to_vec(),
            mode: bits(mode, FILE_MODES)?,
            dir_mode: bits(dir_mode, DIRECTORY_MODES)?,
        }))
    }

    /// `USER`, or `USER:GROUP` by names or numbers; each with `,UID:GID` where there is none.
    fn owner(&self) -> Result<Owner, Failure> {
        let (account, default) = halves(&self.account, b',');
        let wrong = || Failure::wrong(format!("{} is not an account", shown_bytes(&self.account)));
        let default = default.map(|text| default_ids(text).ok_or_else(wrong)).transpose()?;
        let (uid, gid) = match halves(account, b':') {
            (name, None) => ids::ids_of_account(name).or(default).ok_or_else(|| ids::unknown("user", name))?,
            (user, Some(group)) => {
                let uid = ids::user(user).or(default.map(|(uid, _)| uid)).ok_or_else(|| ids::unknown("user", user))?;
                let gid = ids::group(group).or(default.map(|(_, gid)| gid));
                (uid, gid.ok_or_else(|| ids::unknown("group", group))?)
            }
        };
        Ok(Owner { uid: Uid(uid), gid: Gid(gid) })
    }
}

fn default_ids(text: &[u8]) -> Option<(u32, u32)> {
    let (uid, gid) = halves(text, b':');
    Some((number(uid)?, number(gid?)?))
}

fn halves(text: &[u8], at: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == at) {
        Some(place) => (&text[..place], Some(&text[place + 1..])),
        None => (text, None),
    }
}

/// What the lines have in common.
struct Walk<'c> {
    call: &'c Call,
    syscalls: SyscallSupport,
    /// Whether files with a dot in front are reached below a path.
    has_hidden: bool,
}

/// What one line wants.
struct Wanted {
    owner: Owner,
    mode: u32,
    dir_mode: u32,
    is_deep: bool,
}

impl Walk<'_> {
    fn apply(&self, line: &Line) -> Result<(), Failure> {
        let wanted = Wanted { owner: line.owner()?, mode: line.mode, dir_mode: line.dir_mode, is_deep: line.is_deep };
        let mut files = matches(&line.pattern, Globbing::default(), |_, _| {}).unwrap_or_default();
        files.sort_unstable();
        if files.is_empty() {
            files.push(line.pattern.clone());
        }
        for path in files {
            let refused = |errno| refused("chown", &path, errno);
            let at = absolute(&path).map_err(|error| refused(errno(&error)))?;
            match resolve(self.syscalls, &at) {
                Ok(Resolved::Found(found)) => self.change(&wanted, &found.handle, &found.stat, &path, 0)?,
                Ok(Resolved::Missing(..)) => return Err(refused(Errno::ENOENT)),
                Err(why) => return Err(refused(errno(&why.cause))),
            }
        }
        Ok(())
    }

    /// Changes one file, and what is below it.
    fn change(&self, wanted: &Wanted, file: &OwnedFd, stat: &Stat, path: &[u8], depth: usize) -> Result<(), Failure> {
        let mode = match stat.kind {
            FileKind::Directory => {
                if pseudo::is_kernel_filesystem(file) {
                    return Err(refused("chown", path, Errno::EPERM));
                }
                wanted.dir_mode
            }
            FileKind::Link | FileKind::Unknown => return Ok(()),
            FileKind::Block | FileKind::Character if depth > 0 => return self.leave(path, "it is a device"),
            FileKind::Block | FileKind::Character | FileKind::Regular | FileKind::Fifo | FileKind::Socket => {
                wanted.mode
            }
        };
        if stat.kind != FileKind::Directory && stat.links > 1 && stat.uid == Uid::ROOT {
            return self.leave(path, "it is root's and has other names");
        }
        self.change_one(wanted.owner, mode, file.as_fd(), stat, path)?;
        if stat.kind == FileKind::Directory && wanted.is_deep {
            if depth >= MAX_DEPTH {
                return Err(refused("list", path, Errno::ELOOP));
            }
            return self.change_below(wanted, file, path, depth);
        }
        Ok(())
    }

    fn leave(&self, path: &[u8], why: &str) -> Result<(), Failure> {
        self.call.warn(format!("{} is left as it is: {why}", shown_bytes(path)));
        Ok(())
    }

    /// An owner that is right is not set once more: that clears the capabilities of a file.
    fn change_one(
        &self,
        owner: Owner,
        mode: u32,
        file: BorrowedFd<'_>,
        stat: &Stat,
        path: &[u8],
    ) -> Result<(), Failure> {
        let set_owner = || match change::owner_of(stat) == owner {
            true => Ok(()),
            false => {
                change::owner(self.syscalls, file, stat, owner).map_err(|error| refused("chown", path, errno(&error)))
            }
        };
        let set_mode = |present: u32| match present == mode {
            true => Ok(()),
            false => change::mode(self.syscalls, file, stat, mode)
                .map_err(|error| refused("change mode of", path, errno(&error))),
        };
        // Without FOWNER root can chmod only what it owns; but chown clears setuid and setgid bits.
        if stat.uid == Uid::ROOT && (mode | stat.mode) & 0o6000 == 0 {
            set_mode(stat.mode)?;
            return set_owner();
        }
        set_owner()?;
        let now = Stat::of_pin(file).map_err(|error| refused("stat", path, errno(&error)))?;
        set_mode(now.mode)
    }

    fn change_below(&self, wanted: &Wanted, directory: &OwnedFd, path: &[u8], depth: usize) -> Result<(), Failure> {
        for name in names(directory).map_err(|errno| refused("list", path, errno))? {
            let bytes = name.to_bytes();
            if bytes.starts_with(b".") && !self.has_hidden {
                continue;
            }
            let below = [path, b"/", bytes].concat();
            let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
            let file = match openat(directory.as_fd(), name.as_c_str(), flags, Mode::empty()) {
                // Gone since.
                Err(Errno::ENOENT) => continue,
                opened => opened.map_err(|errno| refused("chown", &below, errno))?,
            };
            let stat = Stat::of_pin(file.as_fd()).map_err(|error| refused("stat", &below, errno(&error)))?;
            self.change(wanted, &file, &stat, &below, depth + 1)?;
        }
        Ok(())
    }
}

fn refused(what: &str, path: &[u8], errno: Errno) -> Failure {
    Failure::unable(format!("{what} {}", shown_bytes(path)), errno)
}

fn absolute(path: &[u8]) -> io::Result<PathBuf> {
    let path = Path::new(OsStr::from_bytes(path));
    if path.is_absolute() { Ok(path.to_owned()) } else { Ok(std::env::current_dir()?.join(path)) }
}

/// Returns the names in a directory.
fn names(directory: &OwnedFd) -> Result<Vec<CString>, Errno> {
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let mut listing = Dir::openat(directory.as_fd(), c".", flags, Mode::empty())?;
    let all = listing.iter().map(|entry| Ok(entry?.file_name().to_owned())).collect::<Result<Vec<CString>, Errno>>()?;
    Ok(all.into_iter().filter(|name| ![c".", c".."].contains(&name.as_c_str())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(account: &str) -> Result<(u32, u32), u8> {
        let line = Line { pattern: Vec::new(), is_deep: false, account: account.into(), mode: 0, dir_mode: 0 };
        line.owner().map(|owner| (owner.uid.0, owner.gid.0)).map_err(|failure| failure.code)
    }

    #[test]
    fn a_line_has_a_path_an_account_and_two_modes() {
        let line = Line {
            pattern: b"/data/*".to_vec(),
            is_deep: true,
            account: b"root".to_vec(),
            mode: 0o640,
            dir_mode: 0o2750,
        };
        assert_eq!(Line::read(b" /data/*\ttrue root  0640 2750 "), Ok(Some(line)));
        assert_eq!(Line::read(b"/x 1 root 0640 0750").unwrap().map(|line| line.is_deep), Some(false));
        for nothing in ["", "  ", "# /x", "#/x true root 0640 0750"] {
            assert_eq!(Line::read(nothing.as_bytes()), Ok(None), "{nothing}");
        }
        for wrong in
            ["/x", "/x true root 0640", "/x true root 4755 0755", "/x true root 0640 4755", "/x true root 8 0 x"]
        {
            assert_eq!(Line::read(wrong.as_bytes()).unwrap_err().code, 100, "{wrong}");
        }
    }

    #[test]
    fn an_account_that_is_not_there_has_a_default_or_is_an_error() {
        assert_eq!(owner("root"), Ok((0, 0)));
        assert_eq!(owner("root,5:6"), Ok((0, 0)));
        assert_eq!(owner("no-such-account,5:6"), Ok((5, 6)));
        assert_eq!(owner("7:8"), Ok((7, 8)));
        assert_eq!(owner("root:no-such-group,5:6"), Ok((0, 6)));
        for (wrong, code) in [("no-such-account", 1), ("7", 1), ("root:no-such-group", 1), ("x,5", 100), ("x,a:b", 100)]
        {
            assert_eq!(owner(wrong), Err(code), "{wrong}");
        }
    }
}
