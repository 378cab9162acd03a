//! Where all work happens: a directory on a disk, a tmpfs in it that only this process and its children see, and the small C
//! programs that report times. All of it is gone when this is dropped; the tmpfs even when the process is killed.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

use std::cell::Cell;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};

use super::Outcome;

/// What a root file system lies on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Medium {
    /// Memory: no call waits for a device.
    Tmpfs,
    /// A device: fsync waits for it.
    Disk,
}

/// The directory; gone when dropped.
pub struct Workplace {
    disk: tempfile::TempDir,
    made: Cell<usize>,
}

/// C programs: name, source, what the compiler gets beside. Without libc's own start-up where the first instruction counts.
const PROGRAMS: &[(&str, &str, &[&str])] = &[
    ("stamp", "stamp", &[]),
    ("floor", "floor", &[]),
    ("payload", "payload", &["-nostartfiles"]),
    ("stays", "payload", &["-nostartfiles", "-DSTAYS"]),
    ("orphans", "orphans", &[]),
    ("flood", "flood", &[]),
    ("nothing", "nothing", &["-nostartfiles"]),
];

impl Workplace {
    /// Makes it below this directory.
    pub fn new(disk: &Path) -> Outcome<Self> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
        let disk = tempfile::Builder::new().prefix("stepdown-bench-").tempdir_in(disk)?;
        fs::set_permissions(disk.path(), Permissions::from_mode(0o755))?;
        let place = Self { disk, made: Cell::new(0) };
        for directory in [place.parent(Medium::Tmpfs), place.parent(Medium::Disk), place.programs()] {
            fs::create_dir(directory)?;
        }
        let size = Some("mode=0755,size=80%,nr_inodes=4m");
        mount(Some("tmpfs"), &place.parent(Medium::Tmpfs), Some("tmpfs"), MsFlags::empty(), size)?;
        PROGRAMS.iter().try_for_each(|(name, source, flags)| compile(source, flags, &place.programs().join(name)))?;
        Ok(place)
    }

    /// Returns a new path there, of which nothing exists.
    pub fn path(&self, medium: Medium) -> PathBuf {
        self.made.set(self.made.get() + 1);
        self.parent(medium).join(self.made.get().to_string())
    }

    /// Returns where the C programs are.
    pub fn programs(&self) -> PathBuf {
        self.disk.path().join("programs")
    }

    /// Returns the directory of all such paths.
    pub fn parent(&self, medium: Medium) -> PathBuf {
        self.disk.path().join(match medium {
            Medium::Tmpfs => "tmpfs",
            Medium::Disk => "disk",
        })
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // Detached: what a process that is ending still holds does not keep it.
        umount2(&self.parent(Medium::Tmpfs), MntFlags::MNT_DETACH).ok();
    }
}

fn compile(source: &str, more: &[&str], to: &Path) -> Outcome<()> {
    let source = format!("{}/benches/compare/programs/{source}.c", env!("CARGO_MANIFEST_DIR"));
    let flags = ["-O2", "-static", "-no-pie", "-fno-stack-protector", "-fcf-protection=none"];
    let flags = flags.iter().filter(|flag| cfg!(target_arch = "x86_64") || **flag != "-fcf-protection=none");
    succeed(Command::new("cc").args(flags).args(more).arg("-o").arg(to).arg(source))
}

/// Runs a command, whose failure is an error with what it printed.
pub fn succeed(command: &mut Command) -> Outcome<()> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{:?}: {}", command.get_program(), String::from_utf8_lossy(&output.stderr)).into())
}
