//! The first bytes of programs and their interpreters. Each file is read once, however many services and scripts need it.
//! Must not execute anything.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::sys::{exec_failure, interpreter};

/// Files that were read already; `None`: not a regular file, or not readable.
#[derive(Default)]
pub(super) struct ProgramHeads {
    read: HashMap<PathBuf, Option<Vec<u8>>>,
}

impl ProgramHeads {
    /// Returns the first bytes of a file.
    pub(super) fn head(&mut self, path: &Path) -> Option<&[u8]> {
        if !self.read.contains_key(path) {
            self.read.insert(path.to_owned(), exec_failure::head(path));
        }
        self.read.get(path)?.as_deref()
    }

    /// Whether the kernel runs it by the interpreter that it names.
    pub(super) fn is_script(&mut self, path: &Path) -> bool {
        self.head(path).is_some_and(|head| head.starts_with(b"#!"))
    }

    /// The interpreters of a program: its own, that one's, and the loader in the end. A relative path starts at the service's
    /// working directory.
    pub(super) fn interpreters(&mut self, program: &Path, directory: &Path) -> Vec<PathBuf> {
        let mut next = |program: &Path| {
            let named = self.head(program).and_then(interpreter::interpreter_of);
            named.map(|named| directory.join(named))
        };
        let first = next(program);
        std::iter::successors(first, |program| next(program.as_path())).take(exec_failure::MAX_INTERPRETERS).collect()
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods)] // files that the test has created
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_is_read_once() {
        let dir = tempfile::tempdir().unwrap();
        let (script, other) = (dir.path().join("script"), dir.path().join("other"));
        fs::write(&script, "#!/bin/one\n").unwrap();
        let mut heads = ProgramHeads::default();
        assert!(heads.is_script(&script));
        fs::write(&script, "#!/bin/two\n").unwrap();
        assert_eq!(heads.interpreters(&script, Path::new("/")).first(), Some(&PathBuf::from("/bin/one")));
        assert_eq!(heads.head(&other), None);
        fs::write(&other, "#!/bin/one\n").unwrap();
        assert_eq!(heads.head(&other), None);
    }
}
