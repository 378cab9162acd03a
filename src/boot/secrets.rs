//! The values of secrets: read from their files before the step down, and kept in PID 1's memory, which no service can read.
//! Must not know who gets them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use nix::fcntl::{OFlag, open};
use nix::sys::stat::{Mode, SFlag, fstat};

use crate::error::Refused;
use crate::plan::{Identity, ReadSecret, SecretReader};
use crate::sys::file_user::{FileUser, with_file_user};
use crate::sys::read_file::read_regular;
use crate::text::shown;

/// The kernel takes no variable of more than 128 KiB (MAX_ARG_STRLEN), its name included.
const MAX_VALUE: usize = 100 * 1024;

/// The values, by name.
#[derive(Clone, Debug, Default)]
pub struct Secrets(BTreeMap<String, SecretValue>);

/// A value, which is never printed.
#[derive(Clone, PartialEq, Eq)]
struct SecretValue(OsString);

impl fmt::Debug for SecretValue {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("(secret)")
    }
}

impl Secrets {
    /// Returns a value.
    pub fn get(&self, name: &str) -> Option<&OsStr> {
        self.0.get(name).map(|value| value.0.as_os_str())
    }

    /// Adds all of another reading.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Reads a file and keeps its content, without one newline at its end.
    ///
    /// # Errors
    /// When it cannot be read, or cannot be the value of a variable.
    pub fn read(&mut self, secret: &ReadSecret, app: &Identity) -> Result<(), Refused> {
        let refused = |cause: io::Error| {
            let what = format!("cannot read the secret `{}` in {}", shown(&secret.name), shown(&secret.path));
            match (cause.kind(), secret.reader) {
                (io::ErrorKind::PermissionDenied, SecretReader::App) => Refused::new(what, cause).fix(format!(
                    "users other than root can change what lies there, so it is read as {} ({}:{}): make it readable for \
                     that user, or put it where only root can write",
                    shown(&app.name),
                    app.uid,
                    app.gid
                )),
                (_, SecretReader::App | SecretReader::PidOne) => Refused::new(what, cause),
            }
        };
        let bytes = match secret.reader {
            SecretReader::PidOne => content(&secret.path),
            SecretReader::App => {
                let user = FileUser::new(app.uid, app.gid, Some(app.groups.clone()));
                with_file_user(&user, || content(&secret.path)).and_then(|read| read)
            }
        };
        let mut bytes = bytes.map_err(refused)?;
        if bytes.last() == Some(&b'\n') {
            bytes.pop();
        }
        if bytes.contains(&0) {
            return Err(refused(io::Error::other("a variable cannot have a NUL byte")));
        }
        self.0.insert(secret.name.clone(), SecretValue(OsString::from_vec(bytes)));
        Ok(())
    }
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    // A FIFO would block the boot.
    let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let fd = open(path, flags, Mode::empty())?;
    let stat = fstat(&fd)?;
    if SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT != SFlag::S_IFREG {
        return Err(io::Error::other("it is not a regular file"));
    }
    let size = usize::try_from(stat.st_size).unwrap_or(usize::MAX);
    let too_large = || io::Error::other(format!("it is larger than {} KiB", MAX_VALUE / 1024));
    if size > MAX_VALUE {
        return Err(too_large());
    }
    let bytes = read_regular(&File::from(fd), size, MAX_VALUE)?;
    if bytes.len() > MAX_VALUE { Err(too_large()) } else { Ok(bytes) }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // files that the test has created
mod tests {
    use std::path::PathBuf;

    use nix::errno::Errno;

    use super::*;

    fn read(path: PathBuf) -> Result<Secrets, String> {
        let secret = ReadSecret { name: "KEY".into(), path, reader: SecretReader::PidOne, is_required: true };
        let mut secrets = Secrets::default();
        secrets.read(&secret, &Identity::of_tests()).map(|()| secrets).map_err(|refused| refused.to_string())
    }

    #[test]
    fn one_newline_at_the_end_is_cut_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        for (content, value) in [("a\n", "a"), ("a", "a"), ("a\n\n", "a\n"), (" a \n", " a "), ("\n", ""), ("", "")] {
            std::fs::write(place.path().join("key"), content).unwrap();
            let secrets = read(place.path().join("key")).unwrap();
            assert_eq!(secrets.get("KEY"), Some(OsStr::new(value)), "{content:?}");
            assert_eq!(format!("{secrets:?}"), "Secrets({\"KEY\": (secret)})");
        }
        assert_eq!(read(place.path().join("key")).unwrap().get("OTHER"), None);
    }

    #[test]
    fn what_cannot_be_a_value_is_refused_without_a_word_of_it() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        std::fs::write(at("nul"), "pass\0word").unwrap();
        std::fs::write(at("large"), vec![b'x'; MAX_VALUE + 1]).unwrap();
        nix::unistd::mkfifo(&at("fifo"), Mode::S_IRWXU).unwrap();
        for (name, why) in [
            ("nul", "a variable cannot have a NUL byte"),
            ("large", "it is larger than 100 KiB"),
            ("fifo", "it is not a regular file"),
            ("none", Errno::ENOENT.desc()),
        ] {
            let said = read(at(name)).unwrap_err();
            assert_eq!(said, format!("cannot read the secret `KEY` in {}: {why}", at(name).display()));
        }
    }
}
