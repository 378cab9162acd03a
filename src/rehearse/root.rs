//! The root that the container sees: an overlay of the host's (or of `--root DIR`), or, where an overlay of `/` is not
//! possible, a tmpfs with the top directories bound read-only and a copied `/etc`. Enters it, too.
#![allow(clippy::disallowed_methods)] // files of the rehearsed machine, which no other process can access yet

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, open};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, fchdir, pivot_root};

use super::mounts::{self, Handle};
use super::overlay_source::{Layers, OverlaySource};
use super::report::Reporter;
use super::services_tree;
use crate::error::{Refused, cause_text};
use crate::text::shown;

/// Directories that are never taken from the host: mounted by `system_mounts`.
pub(super) const RECREATED: [&str; 3] = ["proc", "sys", "dev"];
/// Directories that are empty when the root is the host's: sockets and pid files of its processes must not be found.
pub(super) const LIVE_DIRECTORIES: [&str; 2] = ["run", "tmp"];

/// Where engines keep the mounted roots of running containers: not part of an image, and keeping them open would keep an
/// engine from unmounting them.
pub(super) const ENGINE_DIRECTORIES: [&str; 3] = ["var/lib/docker", "var/lib/containers", "var/lib/containerd"];

/// The mount point of a private tmpfs, visible only to this process: `/dev` exists everywhere, nothing below it is bound
/// with what is mounted on it, and the devices that are needed are open already.
const STAGING_PATH: &str = "/dev";

/// Mounts the private tmpfs. Returns its path, and a handle that stays valid in the new root.
pub(super) fn mount_staging() -> Result<(PathBuf, Handle), Refused> {
    let at = Path::new(STAGING_PATH);
    // Not nosuid: a file that is bound from here is as it would be under Docker.
    mounts::mount_new("tmpfs", at, MsFlags::empty(), "mode=0700")?;
    Ok((at.to_owned(), Handle::open(at)?))
}

/// Mounts an overlay of `source` at `at`.
pub(super) fn mount_overlay(
    source: &OverlaySource,
    at: &Path,
    layers: &mut Layers,
    reporter: &Reporter,
) -> Result<(), Refused> {
    create_directory(at)?;
    source.mount(at, layers, reporter)
}

/// Directories that are created on the tmpfs, with their entries bound one by one, so that entries can be added.
const BOUND_BY_ENTRY: [&str; 11] =
    ["/", "/home", "/mnt", "/opt", "/srv", "/usr", "/usr/local", "/usr/local/bin", "/var", "/var/lib", "/var/log"];

/// Builds the tmpfs root at `at`: no overlay, everything of the host bound read-only.
pub(super) fn mount_bound(at: &Path, reporter: &Reporter) -> Result<(), Refused> {
    create_directory(at)?;
    mounts::mount_new("tmpfs", at, MsFlags::MS_NODEV, "mode=0755")?;
    let refused = |cause| Refused::new("cannot set up a root on a tmpfs", cause);
    bind_entries(Path::new("/"), at, reporter).map_err(refused)?;
    for name in services_tree::copy(Path::new("/etc"), &at.join("etc")).map_err(refused)? {
        // shadow and keys: files that this user cannot read are missing.
        tracing::debug!(path = %shown(&name), "omitted from the copy of /etc");
    }
    for (name, mode) in [("run", 0o755), ("tmp", 0o1777), ("var/tmp", 0o1777)] {
        let path = at.join(name);
        services_tree::remove(&path).map_err(refused)?;
        fs::create_dir(&path).map_err(refused)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).map_err(refused)?;
    }
    Ok(())
}

fn bind_entries(from: &Path, to: &Path, reporter: &Reporter) -> io::Result<()> {
    for entry in fs::read_dir(from)?.flatten() {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let top = from == Path::new("/");
        let name = entry.file_name();
        let skipped = |names: &[&str]| names.iter().any(|other| name == *other);
        if top && (skipped(&RECREATED) || skipped(&LIVE_DIRECTORIES) || skipped(&["etc", "lost+found"]))
            || source == Path::new("/var/tmp")
        {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_symlink() {
            symlink(fs::read_link(&source)?, &target)?;
        } else if kind.is_dir()
            && BOUND_BY_ENTRY.iter().any(|path| source == Path::new(path))
            && fs::read_dir(&source).is_ok()
        {
            fs::create_dir(&target)?;
            bind_entries(&source, &target, reporter)?;
        } else if kind.is_dir() || kind.is_file() {
            if kind.is_dir() {
                fs::create_dir(&target)?
            } else {
                drop(fs::File::create(&target)?)
            }
            let done = mounts::bind(&source, &target).and_then(|()| mounts::read_only(&target));
            if let Err(refused) = done {
                reporter.notice(format!("{} is omitted: {}", shown(&source), cause_text(&refused.cause)));
            }
        }
    }
    Ok(())
}

/// Takes write permission from everything that was created on the tmpfs root. With a single id all of it belongs to that id,
/// where an image's files belong to root: the user mode must not be able to write them. Sticky directories stay writable.
pub(super) fn drop_write_permission() -> Result<(), Refused> {
    let refused = |cause| Refused::new("cannot make the rehearsed root read-only", cause);
    let device = fs::metadata("/").map_err(refused)?.dev();
    let mut queue = vec![PathBuf::from("/")];
    while let Some(path) = queue.pop() {
        let meta = fs::symlink_metadata(&path).map_err(refused)?;
        if meta.dev() != device || meta.is_symlink() {
            continue;
        }
        if meta.is_dir() {
            queue.extend(fs::read_dir(&path).map_err(refused)?.flatten().map(|entry| entry.path()));
        }
        let mode = meta.permissions().mode() & 0o7777;
        if mode & 0o1000 == 0 {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode & !0o222)).map_err(refused)?;
        }
    }
    Ok(())
}

/// The old root, still mounted, without a path.
#[derive(Debug)]
pub(super) struct PreviousRoot(std::os::fd::OwnedFd);

/// Makes the mount at `new` the root. Until [`PreviousRoot::unmount`] files opened outside can still be mounted.
pub(super) fn enter(new: &Path) -> Result<PreviousRoot, Refused> {
    let refused = |cause: Errno| {
        let refused = Refused::new("cannot make the rehearsed filesystem the root", cause);
        if cause == Errno::EINVAL {
            refused.fix("the root of this machine is an initramfs, which cannot be left; run it where `/` is a disk")
        } else {
            refused
        }
    };
    let old = open("/", OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty()).map_err(refused)?;
    chdir(new).map_err(refused)?;
    pivot_root(".", ".").map_err(refused)?;
    chdir("/").map_err(refused)?;
    Ok(PreviousRoot(old))
}

impl PreviousRoot {
    /// Unmounts the host's root.
    pub(super) fn unmount(self) -> Result<(), Refused> {
        let refused = |cause| Refused::new("cannot detach the host's root", cause);
        fchdir(&self.0).map_err(refused)?;
        let none: Option<&str> = None;
        mount(none, ".", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none).map_err(refused)?;
        umount2(".", MntFlags::MNT_DETACH).map_err(refused)?;
        chdir("/").map_err(refused)
    }
}

/// Creates a directory and its parents, if they are missing.
pub(super) fn create_directory(path: &Path) -> Result<(), Refused> {
    fs::create_dir_all(path)
        .map_err(|cause| Refused::new(format!("cannot create the directory {}", shown(path)), cause))
}
