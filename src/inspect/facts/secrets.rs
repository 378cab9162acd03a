//! The files of secrets: whether each can be read, and who could have chosen it. Must not read them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::unistd::AccessFlags;

use crate::config::Config;
use crate::config::values::Uid;
use crate::plan::facts::SecretFact;
use crate::sys::access;
use crate::sys::files::owners;

/// Looks at each file once; links are followed, as Kubernetes creates them.
pub(super) fn read(config: &Config, uid: Uid) -> BTreeMap<PathBuf, SecretFact> {
    let paths = config.container.secrets.iter().map(|secret| &secret.path);
    paths.map(|path| (path.clone(), fact(path, uid))).collect()
}

fn fact(path: &Path, uid: Uid) -> SecretFact {
    let refused = |errno: Errno| match errno {
        Errno::ENOENT | Errno::ENOTDIR => SecretFact::Missing,
        errno => SecretFact::Refused(errno.desc().to_owned()),
    };
    match fs::metadata(path) {
        Ok(meta) if !meta.is_file() => return SecretFact::NotAFile,
        Ok(_) => {}
        Err(error) => return refused(Errno::from_raw(error.raw_os_error().unwrap_or_default())),
    }
    if let Err(errno) = access::check(path, AccessFlags::R_OK) {
        return refused(errno);
    }
    if uid != Uid::ROOT {
        return SecretFact::File { placed_by: Vec::new() };
    }
    // Whoever could write the file itself chose its content, and nothing else.
    let owners::ResolvedPath { found, end, .. } = owners::follow(path);
    SecretFact::File { placed_by: found.into_iter().filter(|it| it.path != end).collect() }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // files that the test has created
mod tests {
    use super::*;

    #[test]
    fn a_file_is_there_missing_or_none() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        fs::write(at("file"), "x").unwrap();
        std::os::unix::fs::symlink("file", at("link")).unwrap();
        std::os::unix::fs::symlink("none", at("dangling")).unwrap();
        let me = Uid(4242);
        let found = SecretFact::File { placed_by: Vec::new() };
        for (name, expected) in [
            ("file", found.clone()),
            ("link", found),
            ("dangling", SecretFact::Missing),
            ("none", SecretFact::Missing),
            ("file/below", SecretFact::Missing),
            (".", SecretFact::NotAFile),
        ] {
            assert_eq!(fact(&at(name), me), expected, "{name}");
        }
    }
}
