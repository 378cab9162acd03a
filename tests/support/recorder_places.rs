//! Where services like to write: owner, mode, mount options, and what happens to who tries.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use nix::sys::statvfs::{FsFlags, statvfs};
use serde_json::{Value, json};

const PLACES: [&str; 18] = [
    "/",
    "/etc",
    "/etc/passwd",
    "/etc/hosts",
    "/etc/resolv.conf",
    "/usr",
    "/var",
    "/run",
    "/run/app",
    "/run/stepdown",
    "/tmp",
    "/dev/shm",
    "/dev/stdout",
    "/config",
    "/config/kept",
    "/scratch",
    "/proc/sys/kernel/hostname",
    "/sys/kernel/uevent_helper",
];

/// Looks at all of them.
pub fn all() -> Value {
    json!(PLACES.map(|place| (place, look(Path::new(place)))).into_iter().collect::<BTreeMap<_, _>>())
}

fn look(path: &Path) -> Value {
    let meta = match fs::metadata(path) {
        Ok(meta) => meta,
        Err(cause) => return json!(super::errno(&cause)),
    };
    let written = if meta.is_dir() {
        let file = path.join(format!(".recorder-{}", std::process::id()));
        fs::OpenOptions::new().write(true).create_new(true).open(&file).map(|_| drop(fs::remove_file(&file)))
    } else {
        fs::OpenOptions::new().append(true).open(path).map(drop)
    };
    let options = statvfs(path).map_or(FsFlags::empty(), |stat| stat.flags());
    let named = [(FsFlags::ST_NOEXEC, "noexec"), (FsFlags::ST_NOSUID, "nosuid"), (FsFlags::ST_RDONLY, "ro")];
    json!({
        "owner": format!("{}:{}", meta.uid(), meta.gid()),
        "mode": format!("{:o}", meta.permissions().mode() & 0o7777),
        "options": named.into_iter().filter(|(flag, _)| options.contains(*flag)).map(|(_, name)| name).collect::<Vec<_>>(),
        "write": written.map_or_else(|cause| super::errno(&cause), |()| "yes".to_owned()),
    })
}
