//! From a fresh PID 1 to the exec of the container's first program, in order. This is where a rehearsal becomes a container.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{sethostname, setsid};

use super::launch::{self, ContainerProcess};
use super::mounts::{self, Handle};
use super::network_files::NetworkFiles;
use super::overlay_source::{Layers, OverlaySource};
use super::{Network, contents, root, system_mounts};
use crate::error::{Error, Refused};

impl ContainerProcess<'_> {
    /// Executes the container's first program; if it cannot, reports why and returns the exit code.
    pub(super) fn exec(self) -> u8 {
        let Err(error) = self.enter();
        self.reporter.failed(&error);
        error.exit_code()
    }

    fn enter(&self) -> Result<Infallible, Error> {
        let rehearsal = self.rehearsal;
        self.enter_namespaces()?;
        let binary = contents::OwnBinary::open()?;
        let tree = rehearsal.tree.as_ref().map(contents::OpenTree::open).transpose()?;
        let volumes = contents::open_volumes(rehearsal)?;
        let sys = Handle::open(Path::new("/sys")).ok();
        let devices = system_mounts::HostDevices::open();
        let network_files = NetworkFiles::read(rehearsal.network);

        let userspace = if self.support.user_namespace() { ",userxattr" } else { "" };
        let image = self.root_source()?;
        let (stage, handle) = root::mount_staging()?;
        let new = stage.join("root");
        let mut layers = Layers::new(stage.join("layers"), userspace);
        match &image {
            Some(image) => root::mount_overlay(image, &new, &mut layers, &self.reporter)?,
            None => root::mount_bound(&new, &self.reporter)?,
        }
        let old = root::enter(&new)?;
        system_mounts::mount_proc()?;
        if rehearsal.network == Network::None {
            system_mounts::set_network_sysctls();
        }
        let stage = handle.path();
        layers.moved(stage.join("layers"));
        root::create_directory(&stage.join("layers"))?;
        system_mounts::mount_sys(sys.as_ref())?;
        system_mounts::mount_dev(&stage.join("nodes"), &devices, terminal_group())?;
        system_mounts::mask_paths()?;
        let mut covered = self.cover_live_directories()?;

        if let Some(tree) = &tree {
            tree.install(&self.reporter)?;
        }
        // If only our own id is mapped, files that are root's in an image are ours, and would be writable.
        let read_only = rehearsal.read_only || self.support.is_single_id();
        if let Err(refused) = network_files.install(&rehearsal.hostname, &stage.join("names"), read_only) {
            self.reporter.notice(format!("host names may not resolve: {refused}"));
        }
        for volume in &volumes {
            contents::mount_volume(volume, &mut layers, &self.reporter)?;
        }
        for tmpfs in &rehearsal.tmpfs {
            contents::mount_tmpfs(tmpfs)?;
        }
        // As Docker does it; if it cannot be created, changing to it reports why.
        let _refused = root::create_directory(&rehearsal.directory);
        // After the volumes: one at /usr must not hide it.
        let program = binary.install(&mut layers)?;
        if image.is_none() && self.support.is_single_id() {
            root::drop_write_permission()?;
        }
        if rehearsal.read_only {
            covered.extend(image.iter().flat_map(OverlaySource::mount_points));
            self.make_read_only(&covered)?;
        }
        old.unmount()?;
        launch::launch(self, &program, &binary.path)
    }

    fn enter_namespaces(&self) -> Result<(), Refused> {
        let refused = |cause| {
            Refused::new("cannot create namespaces", cause)
                .fix("run it as root; on Ubuntu also: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`")
        };
        setsid().map_err(refused)?;
        let mut flags = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWIPC | CloneFlags::CLONE_NEWUTS;
        flags.set(CloneFlags::CLONE_NEWNET, self.rehearsal.network == Network::None);
        unshare(flags).map_err(refused)?;
        sethostname(&self.rehearsal.hostname).map_err(refused)?;
        let none: Option<&str> = None;
        mount(none, "/", none, MsFlags::MS_PRIVATE | MsFlags::MS_REC, none).map_err(refused)?;
        if self.rehearsal.network == Network::None {
            launch::loopback_up()?;
        }
        Ok(())
    }

    /// Returns the root to overlay; `None` if only a bound one is possible: the host's `/` in a user namespace, whose
    /// owners are not mapped there.
    fn root_source(&self) -> Result<Option<OverlaySource>, Refused> {
        let recreated: Vec<&Path> = root::RECREATED.iter().map(Path::new).collect();
        match &self.rehearsal.root {
            Some(root) => OverlaySource::open(root, &recreated).map(Some),
            None if self.support.user_namespace() => Ok(None),
            None => {
                let live = root::LIVE_DIRECTORIES.iter().chain(&root::ENGINE_DIRECTORIES).map(Path::new);
                OverlaySource::open(Path::new("/"), &recreated.into_iter().chain(live).collect::<Vec<_>>()).map(Some)
            }
        }
    }

    /// Covers the host's `/run` and `/tmp`; returns what was covered.
    fn cover_live_directories(&self) -> Result<Vec<PathBuf>, Refused> {
        if self.rehearsal.root.is_some() || self.support.user_namespace() {
            return Ok(Vec::new());
        }
        for (at, mode) in [("/run", "mode=0755"), ("/tmp", "mode=1777")] {
            root::create_directory(Path::new(at))?;
            mounts::mount_new("tmpfs", Path::new(at), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, mode)?;
        }
        // As Debian's images have it.
        mounts::create_directory(Path::new("/run/lock"), 0o1777)?;
        Ok(root::LIVE_DIRECTORIES.iter().map(|name| Path::new("/").join(name)).collect())
    }

    /// Makes the root and the mounts that are parts of it read-only, except requested tmpfs and volumes.
    fn make_read_only(&self, parts: &[PathBuf]) -> Result<(), Refused> {
        let requested = self.rehearsal.tmpfs.iter().map(|tmpfs| &tmpfs.at);
        let requested: Vec<&PathBuf> =
            requested.chain(self.rehearsal.volumes.iter().map(|volume| &volume.at)).collect();
        mounts::read_only_single(Path::new("/"))?;
        parts.iter().filter(|part| !requested.contains(part)).try_for_each(|part| {
            match mounts::read_only_single(part) {
                // Excluded, or covered since.
                Err(_) if !part.exists() => Ok(()),
                other => other,
            }
        })
    }
}

/// Debian's and Alpine's group of terminals, if it is mapped here.
fn terminal_group() -> Option<u32> {
    let map = fs::read_to_string("/proc/self/gid_map").unwrap_or_default();
    map.lines()
        .any(|line| {
            let numbers: Vec<u64> = line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
            matches!(numbers[..], [inside, _, count] if (inside..inside.saturating_add(count)).contains(&5))
        })
        .then_some(5)
}
