//! The directory of each service in the state of s6-overlay, and the link by which s6-svc and the like find it: created at boot
//! and by reloads, removed by reloads. Must not know where the state lies.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use super::new_tree::{NewTree, name_of};
use crate::config::s6::table;
use crate::plan::{S6Directory, S6DirectoryKind};

/// The directory of a service's logger, in that of the service (s6-svscan).
pub(super) const LOG: &str = "log";

/// The directories in which services get theirs.
#[derive(Debug)]
pub(super) struct ServiceHandles {
    pub(super) tree: NewTree,
    pub(super) longruns: OwnedFd,
    pub(super) legacy: OwnedFd,
    /// Links by which s6-svc and the like find them.
    pub(super) scandir: OwnedFd,
}

impl ServiceHandles {
    /// Creates the directory of a service: a link to each entry of its definition, so that `./data/check` is found there and
    /// nothing is executed from `/run`, which may be noexec.
    pub(super) fn create(&self, service: &S6Directory, path: &Path) -> io::Result<()> {
        let name = name_of(service.name.as_str())?;
        let made = self.tree.directory(self.parent(service).as_fd(), &name)?;
        let own = service.names.as_ref().map(|names| names.own.clone());
        for entry in own.map_or_else(|| names_in(&service.definition), Ok)? {
            let source = service.definition.join(&entry);
            if service.log.is_some() && entry == LOG {
                let names = service.names.as_ref().map(|names| names.log.clone());
                self.logger(made.as_fd(), &source, names.map_or_else(|| names_in(&source), Ok)?)?;
                continue;
            }
            let stays = || entry.to_str().is_some_and(table::stays_in_definition);
            if service.kind == S6DirectoryKind::Longrun && stays() {
                continue;
            }
            self.tree.link(made.as_fd(), &name_of(&entry)?, &source)?;
        }
        self.tree.give(made.as_fd())?;
        self.tree.link(self.scandir.as_fd(), &name, path)
    }

    /// Creates the directory of a service's logger in that of the service, as s6-svscan has it.
    fn logger(&self, service: BorrowedFd<'_>, definition: &Path, names: Vec<OsString>) -> io::Result<()> {
        let made = self.tree.directory(service, &name_of(LOG)?)?;
        for entry in names {
            self.tree.link(made.as_fd(), &name_of(&entry)?, &definition.join(&entry))?;
        }
        self.tree.give(made.as_fd())
    }

    /// Removes the directory of a service, and the link to it.
    pub(super) fn remove(&self, service: &S6Directory) -> io::Result<()> {
        let name = name_of(service.name.as_str())?;
        self.tree.remove(self.scandir.as_fd(), &name)?;
        self.tree.remove(self.parent(service).as_fd(), &name)
    }

    fn parent(&self, service: &S6Directory) -> &OwnedFd {
        match service.kind {
            S6DirectoryKind::Longrun => &self.longruns,
            S6DirectoryKind::Legacy => &self.legacy,
        }
    }
}

fn names_in(directory: &Path) -> io::Result<Vec<OsString>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}
