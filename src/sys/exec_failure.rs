//! Why this process cannot execute a program, after execve(2) has failed, or before it is called. Checks with the present
//! ids and capabilities of this process. Allocates; must not be used after a fork of a process with several threads.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::errno::Errno;
use nix::libc::{O_CLOEXEC, O_NOCTTY, O_NONBLOCK};
use nix::sys::statvfs::{FsFlags, statvfs};
use nix::unistd::AccessFlags;

use crate::config::values::{CapSet, Gid, Uid};
use crate::plan::exec_failure::{ExecFailure, FilePermissions, architecture};
use crate::sys::files::xattr;
use crate::sys::{access, interpreter, read_file};

/// Interpreters of interpreters that the kernel follows (`fs/exec.c`).
pub const MAX_INTERPRETERS: usize = 5;
/// As many links as the kernel follows (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// The architecture of this program in Docker's words, and the ELF machine numbers that its kernel may execute: its own, and
/// that of the 32-bit variant.
pub const NATIVE_ARCHITECTURE: (&str, &[u16]) = if cfg!(target_arch = "x86_64") {
    ("amd64", &[62, 3])
} else if cfg!(target_arch = "aarch64") {
    ("arm64", &[183, 40])
} else {
    (std::env::consts::ARCH, &[])
};

/// Returns why execve(2) of a program has failed with `errno`.
pub fn explain(errno: Errno, program: &Path) -> ExecFailure {
    explain_at(errno, program, MAX_INTERPRETERS)
}

fn explain_at(errno: Errno, program: &Path, depth: usize) -> ExecFailure {
    match errno {
        Errno::ENOENT => missing(program, depth),
        Errno::ENOTDIR => not_a_directory(program),
        Errno::EACCES => no_permission(program, depth),
        Errno::EPERM => match capabilities(program) {
            Some(failure) => failure,
            None => ExecFailure::Policy { label: security_label() },
        },
        Errno::ENOEXEC => {
            let shown = head(program).and_then(|head| format(&head));
            shown.or_else(|| of_interpreter(program, depth, Errno::ENOEXEC)).unwrap_or(ExecFailure::UnknownFormat)
        }
        Errno::ELIBBAD | Errno::EISDIR | Errno::EINVAL => {
            of_interpreter(program, depth, errno).unwrap_or(ExecFailure::UnknownFormat)
        }
        Errno::ETXTBSY => ExecFailure::Busy,
        Errno::ELOOP => ExecFailure::Loop,
        Errno::ENAMETOOLONG => ExecFailure::NameTooLong,
        Errno::EAGAIN => ExecFailure::TooManyProcesses,
        Errno::EMFILE | Errno::ENFILE => ExecFailure::TooManyFiles,
        Errno::ENOMEM => ExecFailure::OutOfMemory,
        Errno::EIO => ExecFailure::ReadError,
        _ => ExecFailure::Unknown,
    }
}

/// Returns which argument or variable is too long for execve(2), or that all of them together are.
pub fn too_long<'a>(argv: &[usize], env: impl Iterator<Item = &'a [u8]>) -> ExecFailure {
    let argument = |(at, length): (usize, &usize)| (format!("argument {at}"), *length);
    let variable = |word: &'a [u8]| {
        let name = word.split(|byte| *byte == b'=').next().unwrap_or_default();
        (format!("the variable {}", String::from_utf8_lossy(name)), word.len())
    };
    let words: Vec<_> = argv.iter().enumerate().map(argument).chain(env.map(variable)).collect();
    let all = words.iter().map(|(_, length)| length.saturating_add(1)).sum();
    let longest = words.into_iter().max_by_key(|(_, length)| *length);
    let (longest, length) = longest.unwrap_or_default();
    ExecFailure::TooLong { longest, length, all }
}

/// Returns a failure of execve(2) that any user can see: the program is missing, or something is wrong with its contents or
/// with its interpreter. The caller may be another user than the one that will execute it, so that permissions are not certain.
/// `head`: the first bytes of the program that needs it: a loader's own file capabilities count for nothing (execve(2)).
pub fn visible_in_interpreter(interpreter: &Path, head: &[u8]) -> Option<ExecFailure> {
    visible_at(interpreter, head, MAX_INTERPRETERS)
}

fn visible_at(program: &Path, needed_by: &[u8], depth: usize) -> Option<ExecFailure> {
    let head = match read_head(program) {
        Err(cause) if cause.raw_os_error() == Some(Errno::ENOENT as i32) => return Some(ExecFailure::Missing),
        head => head.ok()??.1,
    };
    let is_executed = needed_by.starts_with(b"#!");
    format(&head).or_else(|| is_executed.then(|| capabilities(program))?).or_else(|| {
        let path = interpreter::interpreter_of(&head).filter(|_| depth > 0)?;
        let why = Box::new(visible_at(&path, &head, depth - 1)?);
        Some(ExecFailure::Needs { path, why })
    })
}

/// Returns what is wrong with a program itself, given its first bytes and its file capabilities.
pub fn in_file(head: &[u8], capabilities: impl FnOnce() -> Option<(CapSet, bool)>) -> Option<ExecFailure> {
    format(head).or_else(|| of_capabilities(capabilities()?))
}

fn missing(program: &Path, depth: usize) -> ExecFailure {
    match (program.symlink_metadata(), program.metadata()) {
        (Ok(link), Err(_)) if link.is_symlink() => {
            fs::read_link(program).map_or(ExecFailure::Missing, ExecFailure::DanglingLink)
        }
        (_, Ok(_)) => of_interpreter(program, depth, Errno::ENOENT).unwrap_or(ExecFailure::Unknown),
        (_, Err(_)) => ExecFailure::Missing,
    }
}

fn not_a_directory(program: &Path) -> ExecFailure {
    let directories: Vec<_> = program.ancestors().skip(1).collect();
    let place = directories.into_iter().rev().find(|place| place.metadata().is_ok_and(|meta| !meta.is_dir()));
    place.map_or(ExecFailure::Unknown, |place| ExecFailure::NotADirectory(place.to_owned()))
}

fn no_permission(program: &Path, depth: usize) -> ExecFailure {
    if let Some(directory) = unsearchable_directory(program) {
        return directory;
    }
    let Ok(meta) = program.metadata() else { return ExecFailure::Unknown };
    let seen = permissions_of(program, &meta);
    if meta.is_dir() {
        return ExecFailure::Directory;
    }
    if !meta.is_file() {
        return ExecFailure::NotAFile;
    }
    // First: there no execute bit would help, and a script is not run by its interpreter, whatever its mode.
    if statvfs(program).is_ok_and(|found| found.flags().contains(FsFlags::ST_NOEXEC)) {
        return ExecFailure::NoExecMount;
    }
    if meta.mode() & 0o111 == 0 {
        return ExecFailure::NoExecuteBit(seen);
    }
    if access::check(program, AccessFlags::X_OK).is_err() {
        return ExecFailure::NotForThisUser(seen);
    }
    of_interpreter(program, depth, Errno::EACCES).unwrap_or_else(|| ExecFailure::Policy { label: security_label() })
}

/// The first directory of the path that this process may not search.
fn unsearchable_directory(program: &Path) -> Option<ExecFailure> {
    let mut path = program.to_owned();
    for _ in 0..MAX_LINKS {
        let directories: Vec<_> = path.ancestors().skip(1).filter(|place| !place.as_os_str().is_empty()).collect();
        let is_unsearchable = |place: &&&Path| access::check(place, AccessFlags::X_OK) == Err(Errno::EACCES);
        if let Some(place) = directories.iter().rev().find(is_unsearchable) {
            return place.metadata().ok().map(|meta| ExecFailure::UnsearchableDirectory(permissions_of(place, &meta)));
        }
        path = path.parent()?.join(fs::read_link(&path).ok()?);
    }
    None
}

/// What is wrong with the interpreter or the loader of a program that failed with this errno.
fn of_interpreter(program: &Path, depth: usize, errno: Errno) -> Option<ExecFailure> {
    let path = interpreter::interpreter_of(&head(program)?).filter(|_| depth > 0)?;
    let errno = match path.metadata() {
        Ok(_) => errno,
        Err(cause) => cause.raw_os_error().map_or(errno, Errno::from_raw),
    };
    let why = match explain_at(errno, &path, depth - 1) {
        ExecFailure::Unknown | ExecFailure::Policy { .. } => return None,
        // A loader with a valid format explains nothing.
        ExecFailure::UnknownFormat if errno == Errno::ENOEXEC => return None,
        why => why,
    };
    Some(ExecFailure::Needs { path, why: Box::new(why) })
}

/// What is wrong with the contents of a program.
fn format(head: &[u8]) -> Option<ExecFailure> {
    if head.is_empty() {
        return Some(ExecFailure::Empty);
    }
    if let Some(machine) = machine(head) {
        let (here, can) = NATIVE_ARCHITECTURE;
        let other = !can.is_empty() && !can.contains(&machine);
        return other.then(|| ExecFailure::Architecture { built_for: architecture(machine), here });
    }
    if head.starts_with(b"#!") {
        return interpreter::interpreter_of(head).is_none().then_some(ExecFailure::EmptyShebang);
    }
    is_text(head).then_some(ExecFailure::NoShebang)
}

/// `e_machine` of an ELF file of either byte order (elf(5)).
fn machine(head: &[u8]) -> Option<u16> {
    let bytes = head.get(0x12..0x14)?.try_into().ok()?;
    match head.get(..6)? {
        [0x7f, b'E', b'L', b'F', _, 2] => Some(u16::from_be_bytes(bytes)),
        [0x7f, b'E', b'L', b'F', ..] => Some(u16::from_le_bytes(bytes)),
        _ => None,
    }
}

/// Whether it looks like text: no control characters except white space.
fn is_text(head: &[u8]) -> bool {
    head.iter().all(|byte| *byte >= b' ' && *byte != 0x7f || matches!(byte, b'\n' | b'\r' | b'\t'))
}

/// Whether a program's file capabilities are outside of the bounding set: execve(2) fails then (capabilities(7), "Safety
/// checking for capability-dumb binaries").
fn capabilities(program: &Path) -> Option<ExecFailure> {
    of_capabilities(xattr::file_capabilities(program)?)
}

fn of_capabilities((wants, effective): (CapSet, bool)) -> Option<ExecFailure> {
    let missing = wants.minus(bounding());
    (effective && !missing.is_empty()).then_some(ExecFailure::FileCapabilities { wants, missing })
}

fn bounding() -> CapSet {
    let status = read_file::read_proc("/proc/self/status");
    let text = String::from_utf8_lossy(&status);
    let line = text.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap_or_default();
    // Without /proc no capability is missing.
    CapSet(u64::from_str_radix(line.trim(), 16).unwrap_or(u64::MAX))
}

fn permissions_of(path: &Path, meta: &Metadata) -> FilePermissions {
    FilePermissions { path: path.to_owned(), uid: Uid(meta.uid()), gid: Gid(meta.gid()), mode: meta.mode() & 0o7777 }
}

/// Returns the first bytes of a regular file; `None` if it is not one or may not be read.
pub fn head(path: &Path) -> Option<Vec<u8>> {
    read_head(path).ok()?.map(|(_, head)| head)
}

/// Returns the state and the first bytes of a regular file; `None` if it is not one.
///
/// # Errors
/// When it does not exist or may not be read.
pub fn read_head(path: &Path) -> io::Result<Option<(Metadata, Vec<u8>)>> {
    let flags = O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    let mut file = File::options().read(true).custom_flags(flags).open(path)?;
    let meta = file.metadata()?;
    if !meta.is_file() {
        return Ok(None);
    }
    let mut head = vec![0; interpreter::HEAD_SIZE];
    let length = file.read(&mut head)?;
    head.truncate(length);
    Ok(Some((meta, head)))
}

/// The label of this process in a security module, unless `unconfined`.
fn security_label() -> Option<String> {
    let label = read_file::read_proc("/proc/self/attr/current");
    let label = String::from_utf8_lossy(&label).trim_end_matches(['\0', '\n']).to_owned();
    (!label.is_empty() && !label.contains("unconfined") && label != "kernel").then_some(label)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // what the kernel says is asked from it
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::process::Command;

    use super::*;

    /// The errors of execve(2) behind which there is something whatever the program is. Those that depend on it are in the
    /// test below; E2BIG is about its arguments.
    const ERRNOS: [Errno; 14] = [
        Errno::EACCES,
        Errno::EAGAIN,
        Errno::EINVAL,
        Errno::EIO,
        Errno::EISDIR,
        Errno::ELIBBAD,
        Errno::ELOOP,
        Errno::EMFILE,
        Errno::ENAMETOOLONG,
        Errno::ENFILE,
        Errno::ENOEXEC,
        Errno::ENOMEM,
        Errno::EPERM,
        Errno::ETXTBSY,
    ];

    #[test]
    fn every_answer_of_execve_that_is_about_the_program_has_words() {
        let program = Path::new("/bin/true");
        for errno in ERRNOS {
            assert!(explain(errno, program).cause_and_fix(program).is_some(), "{errno}");
        }
        let long = too_long(&[5, 7], [b"A=x".as_slice(), b"LONG=xxxxxxxxxx"].into_iter());
        assert_eq!(long, ExecFailure::TooLong { longest: "the variable LONG".to_owned(), length: 15, all: 34 });
    }

    /// The same there for every mode: no execute bit would help.
    #[test]
    fn a_noexec_mount_is_the_reason_with_and_without_the_execute_bit() {
        let program = Path::new("/proc/self/status");
        assert_eq!(program.metadata().unwrap().mode() & 0o111, 0);
        if statvfs(program).unwrap().flags().contains(FsFlags::ST_NOEXEC) {
            assert_eq!(explain(Errno::EACCES, program), ExecFailure::NoExecMount);
        }
    }

    #[test]
    fn what_the_kernel_refuses_is_explained_by_what_is_so() {
        let place = tempfile::tempdir().unwrap();
        let put = |name: &str, bytes: &[u8], mode: u32| {
            let path = place.path().join(name);
            fs::write(&path, bytes).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        let mut foreign = fs::read("/bin/true").unwrap();
        foreign[0x12..0x14].copy_from_slice(&22_u16.to_be_bytes());
        foreign[5] = 2;
        let at = |name: &str| place.path().join(name);
        symlink("nowhere", at("dangling")).unwrap();
        symlink("loop", at("loop")).unwrap();
        let needs = |path: &str, why: ExecFailure| ExecFailure::Needs { path: path.into(), why: Box::new(why) };
        let plain = put("plain", b"#!/bin/sh\n", 0o644);
        let by_plain = format!("#!{}\n", plain.display());
        let s390 = ExecFailure::Architecture { built_for: "s390x".to_owned(), here: NATIVE_ARCHITECTURE.0 };
        let meta = plain.metadata().unwrap();
        let no_bit = |path: &Path| ExecFailure::NoExecuteBit(permissions_of(path, &meta));
        for (program, failure) in [
            (at("none"), ExecFailure::Missing),
            (at("dangling"), ExecFailure::DanglingLink("nowhere".into())),
            (at("loop"), ExecFailure::Loop),
            (plain.join("x"), ExecFailure::NotADirectory(plain.clone())),
            (place.path().to_owned(), ExecFailure::Directory),
            (at(&"x".repeat(300)), ExecFailure::NameTooLong),
            (plain.clone(), no_bit(&plain)),
            (put("text", b"echo\n", 0o755), ExecFailure::NoShebang),
            (put("empty", b"", 0o755), ExecFailure::Empty),
            (put("bang", b"#!\n", 0o755), ExecFailure::EmptyShebang),
            (put("odd", b"\0\x01", 0o755), ExecFailure::UnknownFormat),
            (put("foreign", &foreign, 0o755), s390),
            (put("crlf", b"#!/bin/sh\r\n", 0o755), needs("/bin/sh\r", ExecFailure::Missing)),
            (put("bad", b"#!/none/python\n", 0o755), needs("/none/python", ExecFailure::Missing)),
            (put("by-plain", by_plain.as_bytes(), 0o755), needs(plain.to_str().unwrap(), no_bit(&plain))),
        ] {
            let refused = Command::new(&program).spawn().expect_err("the kernel refuses it");
            let errno = Errno::from_raw(refused.raw_os_error().unwrap());
            assert_eq!(explain(errno, &program), failure, "{errno}: {}", program.display());
        }
    }
}
