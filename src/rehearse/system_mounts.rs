//! The mounts that a container runtime adds to every container: `/proc`, `/sys`, `/dev`, as Docker creates them. Called inside the new
//! root, before the old one is unmounted. No kernel interface is writable: root inside may be the host's root.
#![allow(clippy::disallowed_methods)] // files of the rehearsed machine, which no other process can access yet

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use nix::mount::MsFlags;
use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use super::mounts::{self, Handle};
use super::root::create_directory;
use crate::error::Refused;
use crate::text::shown;

/// Devices as Docker creates them, with their numbers (devices.txt): name, major, minor.
const DEVICES: [(&str, u64, u64); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Read-only under Docker (moby, `oci/defaults.go`): root writes there without any capability.
const READ_ONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Hidden under Docker.
const HIDDEN: [&str; 10] = [
    "/proc/asound",
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/sys/firmware",
];

const NO_EXEC: MsFlags = MsFlags::MS_NOSUID.union(MsFlags::MS_NODEV).union(MsFlags::MS_NOEXEC);

/// Devices of the host, opened while they can be reached: bound where nodes cannot be created.
#[derive(Debug)]
pub(super) struct HostDevices(Vec<(&'static str, Handle)>);

impl HostDevices {
    /// Opens those that exist.
    pub(super) fn open() -> Self {
        let all =
            DEVICES.iter().filter_map(|(name, ..)| Some((*name, Handle::open(&Path::new("/dev").join(name)).ok()?)));
        Self(all.collect())
    }
}

/// Mounts `/proc`: a view of this PID namespace.
pub(super) fn mount_proc() -> Result<(), Refused> {
    create_directory(Path::new("/proc"))?;
    mounts::mount_new("proc", Path::new("/proc"), NO_EXEC, "").map_err(|refused| {
        refused.fix("inside a container its `/proc` must be unmasked: `--security-opt systempaths=unconfined`")
    })
}

/// What Docker sets in a network namespace of the container's own since 20.10 (its release notes; moby,
/// `daemon/oci_linux.go`): every user binds low ports and sends ICMP echo requests without a capability.
const OWN_NETWORK_SYSCTLS: [(&str, &str); 2] =
    [("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"), ("/proc/sys/net/ipv4/ping_group_range", "0 2147483647")];

/// Sets them in a new network namespace. Must be called before [`mask_paths`], which makes `/proc/sys` read-only.
pub(super) fn set_network_sysctls() {
    for (path, value) in OWN_NETWORK_SYSCTLS {
        // Refused if the kernel has no IPv4, and the group range if not all groups are mapped: Docker skips it then.
        let _refused = fs::write(path, value);
    }
}

/// Mounts `/sys`: the host's, cgroups included, read-only.
pub(super) fn mount_sys(host: Option<&Handle>) -> Result<(), Refused> {
    let at = Path::new("/sys");
    create_directory(at)?;
    let Some(host) = host else { return Ok(()) };
    mounts::bind(&host.path(), at)?;
    mounts::read_only(at)
}

/// Mounts `/dev`. The tmpfs itself is mounted nodev: each node is bound from `nodes`, a directory outside, so that a
/// node created inside (MKNOD is in Docker's default set) cannot be opened.
pub(super) fn mount_dev(nodes: &Path, host: &HostDevices, terminal_group: Option<u32>) -> Result<(), Refused> {
    let dev = Path::new("/dev");
    create_directory(dev)?;
    mounts::mount_new("tmpfs", dev, MsFlags::MS_NOSUID | MsFlags::MS_NODEV, "mode=0755,size=65536k")?;
    create_directory(nodes)?;
    for (name, major, minor) in DEVICES {
        device(&dev.join(name), &nodes.join(name), makedev(major, minor), host, name)?;
    }
    let group = terminal_group.map_or_else(String::new, |group| format!(",gid={group}"));
    for (kind, name, flags, data) in [
        (
            "devpts",
            "pts",
            MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
            format!("newinstance,ptmxmode=0666,mode=0620{group}"),
        ),
        ("tmpfs", "shm", NO_EXEC, "mode=1777,size=65536k".to_owned()),
        ("mqueue", "mqueue", NO_EXEC, String::new()),
    ] {
        create_directory(&dev.join(name))?;
        match mounts::mount_new(kind, &dev.join(name), flags, &data) {
            // A kernel without POSIX message queues.
            Err(_) if kind == "mqueue" => {}
            other => other?,
        }
    }
    for (target, name) in [
        ("/proc/self/fd", "fd"),
        ("/proc/self/fd/0", "stdin"),
        ("/proc/self/fd/1", "stdout"),
        ("/proc/self/fd/2", "stderr"),
        ("pts/ptmx", "ptmx"),
    ] {
        symlink(target, dev.join(name)).map_err(|cause| Refused::new(format!("cannot create /dev/{name}"), cause))?;
    }
    Ok(())
}

fn device(at: &Path, node: &Path, number: u64, host: &HostDevices, name: &str) -> Result<(), Refused> {
    let refused = |cause: std::io::Error| Refused::new(format!("cannot create {}", shown(at)), cause);
    fs::File::create(at).map_err(refused)?;
    if mknod(node, SFlag::S_IFCHR, Mode::from_bits_truncate(0o666), number).is_ok() {
        fs::set_permissions(node, fs::Permissions::from_mode(0o666)).map_err(refused)?;
        return mounts::bind(node, at);
    }
    match host.0.iter().find(|(other, _)| *other == name) {
        // Read-only: the device can still be written to, but owner and mode, which are the host's, cannot be changed.
        Some((_, handle)) => {
            mounts::bind(&handle.path(), at)?;
            mounts::read_only_device(at)
        }
        None => fs::remove_file(at).map_err(refused),
    }
}

/// Masks the paths that Docker masks. `/dev/null` must exist.
pub(super) fn mask_paths() -> Result<(), Refused> {
    for path in READ_ONLY.map(Path::new) {
        if path.exists() {
            mounts::bind(path, path)?;
            mounts::read_only(path)?;
        }
    }
    for path in HIDDEN.map(Path::new) {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => mounts::mount_new("tmpfs", path, MsFlags::MS_RDONLY | NO_EXEC, "size=0")?,
            Ok(_) => mounts::bind(Path::new("/dev/null"), path)?,
            Err(_) => {}
        }
    }
    Ok(())
}
