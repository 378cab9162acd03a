//! What a rehearsal puts into the root: the tree, our own binary, volumes, tmpfs mounts. Called inside the new root, with
//! everything of the host held open.

use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::mount::MsFlags;

use super::mounts::{self, Handle};
use super::overlay_source::{Layers, OverlaySource};
use super::report::Reporter;
use super::root::create_directory;
use super::{Rehearsal, Tmpfs, Volume, services_tree};
use crate::error::Refused;
use crate::text::shown;

/// The files of the rehearsed tree, held open.
#[derive(Debug)]
pub(super) struct OpenTree {
    services: Option<Handle>,
    container: Option<Handle>,
    s6: Vec<(&'static str, Handle)>,
}

impl OpenTree {
    /// Opens them.
    pub(super) fn open(tree: &services_tree::ServicesTree) -> Result<Self, Refused> {
        let container = tree.container.as_deref().map(Handle::open).transpose()?;
        // Only an image made for s6-overlay may have none.
        let services = Some(&tree.services).filter(|path| tree.s6.is_empty() || path.is_dir());
        let services = services.map(|path| Handle::open(path)).transpose()?;
        let s6 = tree.s6.iter().map(|(name, path)| Ok((*name, Handle::open(path)?)));
        Ok(Self { services, container, s6: s6.collect::<Result<_, Refused>>()? })
    }

    /// Copies them to where an image has them.
    pub(super) fn install(&self, reporter: &Reporter) -> Result<(), Refused> {
        create_directory(Path::new("/etc"))?;
        let trees = self.services.iter().map(|handle| ("services.d", handle));
        if self.services.is_none() {
            services_tree::remove(Path::new("/etc/services.d"))
                .map_err(|cause| Refused::new("cannot remove /etc/services.d", cause))?;
        }
        for (name, handle) in trees.chain(self.s6.iter().map(|(name, handle)| (*name, handle))) {
            let at = Path::new("/etc").join(name);
            let omitted = services_tree::copy(&handle.path(), &at)
                .map_err(|cause| Refused::new(format!("cannot copy the services tree to {}", shown(&at)), cause))?;
            for path in omitted {
                let name = path.strip_prefix(handle.path()).unwrap_or(&path);
                reporter.notice(format!(
                    "{} is omitted from the tree: it cannot be read, or is neither file nor directory",
                    shown(name)
                ));
            }
        }
        let container = Path::new("/etc/stepdown.toml");
        match &self.container {
            Some(handle) => services_tree::copy(&handle.path(), container).map(|_| ()),
            None => services_tree::remove(container),
        }
        .map_err(|cause| Refused::new("cannot copy stepdown.toml to /etc", cause))
    }
}

/// Our own binary, held open.
#[derive(Debug)]
pub(super) struct OwnBinary {
    /// Its path on the host.
    pub(super) path: PathBuf,
    handle: Handle,
    bindable: Bindable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bindable {
    Yes,
    /// Its path is another file by now (rebuilt, deleted): its bytes can still be read.
    No,
}

impl OwnBinary {
    /// Opens it by its path: the file of `/proc/self/exe` belongs to the mount namespace that we left, and cannot be bound.
    pub(super) fn open() -> Result<Self, Refused> {
        let exe = Path::new("/proc/self/exe");
        let same = |by_path: &Handle| -> bool {
            let (Ok(a), Ok(b)) = (by_path.metadata(), fs::metadata(exe)) else { return false };
            (a.dev(), a.ino()) == (b.dev(), b.ino())
        };
        let path = fs::read_link(exe).unwrap_or_default();
        match Handle::open(&path).ok().filter(same) {
            Some(handle) => Ok(Self { path, handle, bindable: Bindable::Yes }),
            None => Ok(Self { path, handle: Handle::open(exe)?, bindable: Bindable::No }),
        }
    }

    /// Binds it read-only to the first path that is possible; returns that path.
    pub(super) fn install(&self, layers: &mut Layers) -> Result<PathBuf, Refused> {
        let mut source = self.handle.path();
        if self.bindable == Bindable::No {
            let copy = layers.unused();
            fs::copy(&source, &copy).map_err(|cause| Refused::new("cannot copy the stepdown binary", cause))?;
            source = copy;
        }
        let mut last = None;
        for directory in ["/usr/bin", "/usr/local/bin", "/"] {
            let at = Path::new(directory).join("stepdown");
            match bind_file(&source, directory, &at) {
                Ok(()) => return Ok(at),
                Err(refused) => last = Some(refused),
            }
        }
        Err(last.unwrap_or_else(|| {
            Refused::new("cannot put the stepdown binary in place", io::Error::other("no directory is left to try"))
        }))
    }
}

fn bind_file(source: &Path, directory: &str, at: &Path) -> Result<(), Refused> {
    // The bind would follow a link.
    fs::create_dir_all(directory)
        .and_then(|()| services_tree::remove(at))
        .and_then(|()| fs::File::create(at).map(drop))
        .map_err(|cause| Refused::new(format!("cannot create {}", shown(at)), cause))?;
    mounts::bind(source, at)?;
    mounts::read_only(at)
}

/// A volume of the host, held open; `None`: there is nothing at its path.
pub(super) type OpenVolume<'a> = (&'a Volume, Option<OverlaySource>);

/// Opens every volume.
pub(super) fn open_volumes(rehearsal: &Rehearsal) -> Result<Vec<OpenVolume<'_>>, Refused> {
    let open = |volume: &'_ Volume| match fs::metadata(&volume.host) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        _ => OverlaySource::open(&volume.host, &[]).map(Some),
    };
    rehearsal.volumes.iter().map(|volume| Ok((volume, open(volume)?))).collect()
}

/// Mounts a volume copy-on-write.
pub(super) fn mount_volume(open: &OpenVolume<'_>, layers: &mut Layers, reporter: &Reporter) -> Result<(), Refused> {
    let (volume, source) = open;
    let at = &volume.at;
    match source {
        Some(source) => {
            mount_point(at, source.metadata()?.is_dir())?;
            source.mount(at, layers, reporter)?;
        }
        None => {
            // Docker would create it, as root, on the host.
            reporter.notice(format!("{} does not exist: {} starts empty", shown(&volume.host), shown(at)));
            mount_point(at, true)?;
            mounts::mount_new("tmpfs", at, MsFlags::MS_NODEV, "mode=0755")?;
        }
    }
    if volume.read_only { mounts::read_only(at) } else { Ok(()) }
}

/// Mounts a tmpfs. As with runc, it has the mode of the directory that it covers, and 1777 if it is new.
pub(super) fn mount_tmpfs(tmpfs: &Tmpfs) -> Result<(), Refused> {
    let before = fs::metadata(&tmpfs.at).ok().filter(fs::Metadata::is_dir);
    let mode = before.map_or(0o1777, |meta| meta.permissions().mode() & 0o7777);
    mount_point(&tmpfs.at, true)?;
    // The last option of a kind wins, so a requested one takes precedence.
    let comma = if tmpfs.data.is_empty() { "" } else { "," };
    mounts::mount_new("tmpfs", &tmpfs.at, tmpfs.flags, &format!("mode={mode:o}{comma}{}", tmpfs.data))
}

fn mount_point(at: &Path, directory: bool) -> Result<(), Refused> {
    let made = if directory {
        fs::create_dir_all(at)
    } else {
        let parent = at.parent().map_or(Ok(()), fs::create_dir_all);
        parent.and_then(|()| if at.exists() { Ok(()) } else { fs::File::create(at).map(drop) })
    };
    made.map_err(|cause| {
        Refused::new(format!("cannot create a place for a mount at {}", shown(at)), cause)
            .fix("choose a path whose parent can be written here: below /, /opt, /srv, /var or /var/lib")
    })
}
