//! The interpreter of a program: the path after `#!`, or the loader that an ELF file names. Bytes in, path out; must not know
//! whether it exists.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

/// The first bytes of a program that contain its `#!` line (the kernel reads 256) and, in files of usual linkers, an ELF
/// file's program headers and the loader's name after them.
pub const HEAD_SIZE: usize = 1024;

const PT_INTERP: u64 = 3;

/// Returns the interpreter or loader that `head`, the first [`HEAD_SIZE`] bytes of a program, names.
pub fn interpreter_of(head: &[u8]) -> Option<PathBuf> {
    let name = match head.strip_prefix(b"#!") {
        Some(line) => script(line)?,
        None => elf(head)?,
    };
    (!name.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(name)))
}

/// Returns the program that a script has env(1) look for: `#!/usr/bin/env python3`, `#!/usr/bin/env -S python3 -u`; `None` also
/// where env(1) would expand or join words to know it.
pub fn by_env(head: &[u8]) -> Option<OsString> {
    let line = head.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(|byte| matches!(byte, b' ' | b'\t' | b'\r')).filter(|word| !word.is_empty());
    let is_env = words.next()?.rsplit(|byte| *byte == b'/').next() == Some(b"env");
    // `-Spython3`: the option and its text may be one word.
    let mut texts = words.map(|word| word.strip_prefix(b"-S").unwrap_or(word)).filter(|word| !word.is_empty());
    let name = loop {
        match texts.next()? {
            b"-u" | b"--unset" | b"-C" | b"--chdir" | b"-a" | b"--argv0" => drop(texts.next()?),
            word if word.starts_with(b"-") || word.contains(&b'=') => {}
            word => break word,
        }
    };
    let name = match name {
        [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
        name => name,
    };
    let is_plain = !name.iter().any(|byte| matches!(byte, b'"' | b'\'' | b'\\' | b'$'));
    (is_env && is_plain).then(|| OsStr::from_bytes(name).to_owned())
}

/// The first word of the line (execve(2)). A carriage return is part of it, as for the kernel.
fn script(line: &[u8]) -> Option<&[u8]> {
    let line = line.split(|byte| *byte == b'\n').next()?;
    let start = line.iter().position(|byte| !matches!(byte, b' ' | b'\t'))?;
    line.get(start..)?.split(|byte| matches!(byte, b' ' | b'\t' | 0)).next()
}

/// The PT_INTERP segment of a 64-bit little-endian file (elf(5)), as on x86-64 and arm64.
fn elf(head: &[u8]) -> Option<&[u8]> {
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let table = index(head, 0x20, 8)?;
    let size = index(head, 0x36, 2)?;
    let count = index(head, 0x38, 2)?;
    (0..count).find_map(|at| {
        let header = table.checked_add(at.checked_mul(size)?)?;
        if number(head, header, 4)? != PT_INTERP {
            return None;
        }
        let start = index(head, header.checked_add(0x08)?, 8)?;
        let length = index(head, header.checked_add(0x20)?, 8)?;
        head.get(start..start.checked_add(length)?)?.split(|byte| *byte == 0).next()
    })
}

fn index(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    number(bytes, at, size).and_then(|number| usize::try_from(number).ok())
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<u64> {
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_names_its_interpreter_in_its_first_line() {
        let named = |text: &str| interpreter_of(text.as_bytes()).map(|path| path.to_string_lossy().into_owned());
        assert_eq!(named("#!/usr/bin/with-contenv bash\necho").as_deref(), Some("/usr/bin/with-contenv"));
        assert_eq!(named("#! \t/bin/sh").as_deref(), Some("/bin/sh"));
        assert_eq!(named("#!/bin/sh\r\necho").as_deref(), Some("/bin/sh\r"));
        assert_eq!(named("#!\n/bin/sh"), None);
        assert_eq!(named("echo hello"), None);
        assert_eq!(named(""), None);
    }

    #[test]
    fn a_script_may_have_env_look_for_its_interpreter() {
        let by_env = |text: &str| by_env(text.as_bytes()).map(|name| name.to_string_lossy().into_owned());
        assert_eq!(by_env("#!/usr/bin/env python3\nprint()").as_deref(), Some("python3"));
        assert_eq!(by_env("#! /bin/env -S A=1 python3 -u\n").as_deref(), Some("python3"));
        assert_eq!(by_env("#!/usr/bin/env -Sbash -e").as_deref(), Some("bash"));
        assert_eq!(by_env("#!/usr/bin/env -i /opt/x\r\n").as_deref(), Some("/opt/x"));
        assert_eq!(by_env("#!/usr/bin/env -S -u LD_PRELOAD --chdir /srv python3").as_deref(), Some("python3"));
        assert_eq!(by_env("#!/usr/bin/env -S \"python3\" 'a b'").as_deref(), Some("python3"));
        // What env(1) would expand or take together is not told from outside.
        assert_eq!(by_env("#!/usr/bin/env -S ${HOME}/x"), None);
        assert_eq!(by_env("#!/usr/bin/env -S \"my tool\" x"), None);
        for none in ["#!/usr/bin/env\npython3", "#!/usr/bin/python3 env", "#!/opt/myenv x", "env x", ""] {
            assert_eq!(by_env(none), None, "{none}");
        }
    }

    #[test]
    fn an_elf_file_names_its_loader_and_nonsense_names_nothing() {
        let shell = std::fs::read("/bin/sh").unwrap();
        let head = shell.get(..HEAD_SIZE).unwrap();
        let loader = interpreter_of(head).unwrap();
        assert!(loader.is_absolute() && loader.exists(), "{}", loader.display());
        for length in 0..HEAD_SIZE {
            interpreter_of(&head[..length]);
        }
        let mut broken = head.to_vec();
        for at in 0..broken.len() {
            let old = std::mem::replace(&mut broken[at], 0xff);
            interpreter_of(&broken);
            broken[at] = old;
        }
    }
}
