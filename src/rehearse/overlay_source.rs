//! What is mounted copy-on-write: a directory with the mounts below it, opened before anything covers it, mounted later. A
//! single file is copied: overlays are of directories.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::mounts::{self, Handle};
use super::report::Reporter;
use crate::error::{Refused, cause_text};
use crate::text::shown;

/// Filesystems that are interfaces of the kernel, not data: nothing to copy on write.
const KERNEL_FILESYSTEMS: [&str; 21] = [
    "proc",
    "sysfs",
    "devtmpfs",
    "devpts",
    "cgroup",
    "cgroup2",
    "mqueue",
    "securityfs",
    "debugfs",
    "tracefs",
    "pstore",
    "bpf",
    "configfs",
    "fusectl",
    "binfmt_misc",
    "hugetlbfs",
    "nsfs",
    "autofs",
    "rpc_pipefs",
    "efivarfs",
    "selinuxfs",
];

/// A file larger than this is bound read-only instead of copied.
const MAX_COPY: u64 = 64 * 1024 * 1024;

/// A directory or file of the host, held open.
#[derive(Debug)]
pub(super) struct OverlaySource {
    path: PathBuf,
    handle: Handle,
    submounts: Vec<(PathBuf, Handle)>,
}

/// Where upper directories are, and how overlays are mounted here.
#[derive(Debug)]
pub(super) struct Layers {
    /// A directory on the private tmpfs.
    directory: PathBuf,
    /// More overlay options: `userxattr` in a user namespace.
    extra: &'static str,
    next: usize,
}

impl Layers {
    /// Returns the layers in `directory`.
    pub(super) fn new(directory: PathBuf, extra: &'static str) -> Self {
        Self { directory, extra, next: 0 }
    }

    /// Sets the directory's path after it has changed.
    pub(super) fn moved(&mut self, directory: PathBuf) {
        self.directory = directory;
    }

    /// Returns a path that nothing else uses.
    pub(super) fn unused(&mut self) -> PathBuf {
        self.next += 1;
        self.directory.join(format!("{}", self.next))
    }
}

impl OverlaySource {
    /// Opens `path` and every mount below it except those under `excluded`.
    pub(super) fn open(path: &Path, excluded: &[&Path]) -> Result<Self, Refused> {
        let handle = Handle::open(path)?;
        let canonical =
            fs::canonicalize(path).map_err(|cause| Refused::new(format!("cannot resolve {}", shown(path)), cause))?;
        let mountinfo = fs::read("/proc/self/mountinfo")
            .map_err(|cause| Refused::new("cannot read /proc/self/mountinfo", cause))?;
        let mut submounts = Vec::new();
        for mount in mounts::submounts(&mountinfo, &canonical) {
            let Ok(relative) = mount.at.strip_prefix(&canonical) else { continue };
            if KERNEL_FILESYSTEMS.contains(&mount.kind.as_str())
                || excluded.iter().any(|skip| relative.starts_with(skip))
            {
                continue;
            }
            // One that cannot be reached is covered by a later mount, or was unmounted just now.
            if let Ok(handle) = Handle::open(&mount.at) {
                submounts.push((relative.to_owned(), handle));
            }
        }
        Ok(Self { path: path.to_owned(), handle, submounts })
    }

    /// Returns the metadata of the top.
    pub(super) fn metadata(&self) -> Result<fs::Metadata, Refused> {
        self.handle.metadata()
    }

    /// Returns the mount points of its parts once it is the root.
    pub(super) fn mount_points(&self) -> impl Iterator<Item = PathBuf> {
        self.submounts.iter().map(|(relative, _)| Path::new("/").join(relative))
    }

    /// Mounts it copy-on-write at `at`, an existing directory (or file, if it is a file). What cannot be overlaid is bound
    /// read-only, with a notice; `Err` only if neither works for the top.
    pub(super) fn mount(&self, at: &Path, layers: &mut Layers, reporter: &Reporter) -> Result<(), Refused> {
        mount_one(&self.path, &self.handle, at, layers, reporter)?;
        for (relative, handle) in &self.submounts {
            let target = at.join(relative);
            let meta = handle.metadata()?;
            let fits = fs::symlink_metadata(&target).is_ok_and(|found| found.is_dir() == meta.is_dir());
            if fits && let Err(refused) = mount_one(&self.path.join(relative), handle, &target, layers, reporter) {
                reporter.notice(format!("{} is omitted: {refused}", shown(&target)));
            }
        }
        Ok(())
    }
}

fn mount_one(path: &Path, handle: &Handle, at: &Path, layers: &mut Layers, reporter: &Reporter) -> Result<(), Refused> {
    let meta = handle.metadata()?;
    let kind = meta.file_type();
    if kind.is_dir() {
        let Err(refused) = mounts::overlay(handle, &layers.unused(), at, layers.extra) else { return Ok(()) };
        reporter.notice(format!("{} is read-only here: {}", shown(path), cause_text(&refused.cause)));
    } else if kind.is_file() && meta.len() <= MAX_COPY {
        let copy = layers.unused();
        return copy_file(handle, &copy, &meta)
            .map_err(|cause| Refused::new(format!("cannot copy {}", shown(path)), cause))
            .and_then(|()| mounts::bind(&copy, at));
    } else if kind.is_socket() {
        reporter.notice(format!("{} is the host's own socket: requests through it are real", shown(path)));
    }
    mounts::bind(&handle.path(), at)?;
    mounts::read_only(at)
}

fn copy_file(handle: &Handle, copy: &Path, meta: &fs::Metadata) -> io::Result<()> {
    fs::copy(handle.path(), copy)?;
    mounts::take_owner_and_mode(copy, meta)
}
