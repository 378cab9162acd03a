//! The first bytes of programs and their interpreters, their modes and their file capabilities. Each file is looked at once,
//! however many services and scripts need it.
//! Must not execute anything.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::config::values::CapSet;
use crate::sys::files::xattr;
use crate::sys::{exec_failure, interpreter};

/// Files that were read already; `None`: not a regular file, or not readable.
#[derive(Default)]
pub(super) struct ProgramHeads {
    read: BTreeMap<PathBuf, Option<(Metadata, Vec<u8>)>>,
    capabilities: BTreeMap<PathBuf, FileCapabilities>,
}

/// The capabilities that a program is permitted by its file, and whether they are effective at once; `None`: it has none.
pub(super) type FileCapabilities = Option<(CapSet, bool)>;

impl ProgramHeads {
    /// Returns the first bytes of a file.
    pub(super) fn head(&mut self, path: &Path) -> Option<&[u8]> {
        self.entry(path).map(|(_, head)| head.as_slice())
    }

    /// Returns the state of a file; `None` if it does not exist.
    pub(super) fn metadata(&mut self, path: &Path) -> Option<Metadata> {
        // One that may not be read has a state all the same.
        self.entry(path).map(|(meta, _)| meta.clone()).or_else(|| path.metadata().ok())
    }

    fn entry(&mut self, path: &Path) -> Option<&(Metadata, Vec<u8>)> {
        if !self.read.contains_key(path) {
            self.read.insert(path.to_owned(), exec_failure::read_head(path).ok().flatten());
        }
        self.read.get(path)?.as_ref()
    }

    /// Returns the capabilities of a file.
    pub(super) fn capabilities(&mut self, path: &Path) -> FileCapabilities {
        if let Some(known) = self.capabilities.get(path) {
            return *known;
        }
        let found = xattr::file_capabilities(path);
        self.capabilities.insert(path.to_owned(), found);
        found
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
