//! From a fresh PID 1 to the exec of the container's first program, in order. This is where a rehearsal becomes a container.

use std::convert::Infallible;
use std::fs;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{sethostname, setsid};

use super::mounts::{self, Handle};
use super::names::Names;
use super::report::Reporter;
use super::source::{Layers, Source};
use super::{Network, Power, Rehearsal, launch, machine, place, root};
use crate::error::{Error, Refused};

/// Everything that the process inside starts with.
#[derive(Debug)]
pub(super) struct Inside<'a> {
    pub(super) rehearsal: &'a Rehearsal,
    pub(super) power: &'a Power,
    pub(super) stdio: Inner,
    pub(super) reporter: Reporter,
}

/// Standard input and output inside.
#[derive(Debug)]
pub(super) enum Inner {
    /// Pipes; no input: `/dev/null`.
    Pipes { input: Option<OwnedFd>, output: OwnedFd, errors: OwnedFd },
    /// A terminal, made inside.
    Terminal,
}

impl Inside<'_> {
    /// Executes the container's first program; reports why it cannot, and returns the exit code to end with.
    pub(super) fn live(self) -> u8 {
        let Err(error) = self.enter();
        self.reporter.failed(&error);
        error.exit_code()
    }

    fn enter(&self) -> Result<Infallible, Error> {
        let rehearsal = self.rehearsal;
        self.namespaces()?;
        let own = place::OwnBinary::open()?;
        let tree = rehearsal.tree.as_ref().map(place::OpenTree::open).transpose()?;
        let volumes = place::open_volumes(rehearsal)?;
        let sys = Handle::open(Path::new("/sys")).ok();
        let devices = machine::HostDevices::open();
        let names = Names::read(rehearsal.network);

        let userspace = if self.power.user_namespace() { ",userxattr" } else { "" };
        let image = self.image()?;
        let (stage, handle) = root::stage()?;
        let new = stage.join("root");
        let mut layers = Layers::new(stage.join("layers"), userspace);
        match &image {
            Some(image) => root::overlaid(image, &new, &mut layers, &self.reporter)?,
            None => root::bound(&new, &self.reporter)?,
        }
        let old = root::enter(&new)?;
        machine::proc()?;
        if rehearsal.network == Network::None {
            machine::own_network();
        }
        let stage = handle.path();
        layers.moved(stage.join("layers"));
        root::make(&stage.join("layers"))?;
        machine::sys(sys.as_ref())?;
        machine::dev(&stage.join("nodes"), &devices, terminal_group())?;
        machine::restrict()?;
        let mut covered = self.live_directories()?;

        if let Some(tree) = &tree {
            tree.place(&self.reporter)?;
        }
        // Where only our own id is mapped, what is root's in an image is ours, and would be ours to write.
        let closed = rehearsal.read_only || self.power.stranger();
        if let Err(refused) = names.place(&rehearsal.hostname, &stage.join("names"), closed) {
            self.reporter.remark(format!("names may not be resolved: {refused}"));
        }
        for volume in &volumes {
            place::volume(volume, &mut layers, &self.reporter)?;
        }
        for tmpfs in &rehearsal.tmpfs {
            place::tmpfs(tmpfs)?;
        }
        // As Docker does it; where it cannot be made, the change to it says why.
        let _refused = root::make(&rehearsal.directory);
        // After the volumes: one at /usr must not hide it.
        let program = own.place(&mut layers)?;
        if image.is_none() && self.power.stranger() {
            root::seal()?;
        }
        if rehearsal.read_only {
            covered.extend(image.iter().flat_map(Source::places));
            self.close(&covered)?;
        }
        old.leave()?;
        launch::launch(self, &program, &own.path)
    }

    fn namespaces(&self) -> Result<(), Refused> {
        let refused = |cause| {
            Refused::new("cannot make namespaces", cause)
                .help("run it as root; on Ubuntu also: `sysctl kernel.apparmor_restrict_unprivileged_userns=0`")
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

    /// Returns the root to overlay; `None` where only a bound one is possible: the host's `/` in a user namespace, whose
    /// owners are not mapped there.
    fn image(&self) -> Result<Option<Source>, Refused> {
        let made_anew: Vec<&Path> = root::MADE_ANEW.iter().map(Path::new).collect();
        match &self.rehearsal.root {
            Some(root) => Source::open(root, &made_anew).map(Some),
            None if self.power.user_namespace() => Ok(None),
            None => {
                let live = root::LIVE.iter().chain(&root::ENGINES).map(Path::new);
                Source::open(Path::new("/"), &made_anew.into_iter().chain(live).collect::<Vec<_>>()).map(Some)
            }
        }
    }

    /// Covers the host's `/run` and `/tmp`; returns what was covered.
    fn live_directories(&self) -> Result<Vec<PathBuf>, Refused> {
        if self.rehearsal.root.is_some() || self.power.user_namespace() {
            return Ok(Vec::new());
        }
        for (at, mode) in [("/run", "mode=0755"), ("/tmp", "mode=1777")] {
            root::make(Path::new(at))?;
            mounts::fresh("tmpfs", Path::new(at), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, mode)?;
        }
        // As Debian's images have it.
        mounts::fresh_directory(Path::new("/run/lock"), 0o1777)?;
        Ok(root::LIVE.iter().map(|name| Path::new("/").join(name)).collect())
    }

    /// Makes the root and what stands for parts of it read-only; places that were asked for stay as they are.
    fn close(&self, parts: &[PathBuf]) -> Result<(), Refused> {
        let asked = self.rehearsal.tmpfs.iter().map(|tmpfs| &tmpfs.at);
        let asked: Vec<&PathBuf> = asked.chain(self.rehearsal.volumes.iter().map(|volume| &volume.at)).collect();
        mounts::read_only_alone(Path::new("/"))?;
        parts.iter().filter(|part| !asked.contains(part)).try_for_each(|part| match mounts::read_only_alone(part) {
            // Left out, or covered since.
            Err(_) if !part.exists() => Ok(()),
            other => other,
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
