//! Whether this is a host rather than a container, where `init` must not run; its root directory and its page size. Must not decide what
//! follows.
#![allow(unsafe_code)] // sysconf(3): nix has it only with a larger feature
#![allow(clippy::disallowed_methods)] // compares two files by their identity

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

use nix::libc;
use nix::unistd::{geteuid, getpid};

use crate::error::{Error, Place, Problem};

/// Refuses to run on a host: PUID and PGID would be applied to its own accounts.
///
/// # Errors
/// When root started us, not as PID 1, on a host booted by systemd.
pub fn refuse_on_host() -> Result<(), Error> {
    // True for every container, so nothing else is checked.
    if is_first_process() || !geteuid().is_root() || !is_host(Path::new("/")) {
        return Ok(());
    }
    let what = "this is not a container: systemd booted this machine, and its own accounts would be changed";
    let fix = "rehearse with `stepdown try`, or start it in a container";
    Err(Error::Wrong(Problem::new(Place::Argument("init".to_owned()), what, fix).into()))
}

/// Returns whether systemd has booted the machine (sd_booted(3)), and we have the mounts and the root of its PID 1. Every
/// container has a mount namespace of its own, also with the host's PID namespace (`--pid host`); a chroot has another root;
/// a microVM whose own init starts the image's entry point has no systemd. `false` if we may not check.
fn is_host(top: &Path) -> bool {
    let at = |path: &str| top.join(path);
    let mounts = |who: &str| fs::read_link(at(&format!("proc/{who}/ns/mnt"))).ok();
    let root = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    at("run/systemd/system").is_dir()
        && mounts("1").is_some_and(|first| mounts("self") == Some(first))
        && root(&at("proc/1/root")).is_some_and(|first| root(top) == Some(first))
}

/// Returns whether this process is PID 1; its children are not, and do not ask.
pub fn is_first_process() -> bool {
    static IS_FIRST: OnceLock<bool> = OnceLock::new();
    *IS_FIRST.get_or_init(|| getpid().as_raw() == 1)
}

/// Returns the state of `/`. Looked at once: no process of ours changes its root and then asks again.
pub fn root_directory() -> Option<&'static Metadata> {
    static ROOT: OnceLock<Option<Metadata>> = OnceLock::new();
    ROOT.get_or_init(|| fs::metadata("/").ok()).as_ref()
}

/// Returns the size of a page of memory, in bytes.
pub fn page_size() -> u64 {
    // SAFETY: takes a number only.
    u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// A machine as its PID 1 and we see it.
    fn machine(ours: &str, root: Option<&str>) -> tempfile::TempDir {
        let top = tempfile::tempdir().unwrap();
        let at = |path: &str| top.path().join(path);
        for path in ["run/systemd/system", "proc/1/ns", "proc/self/ns", "other"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        symlink("mnt:[1]", at("proc/1/ns/mnt")).unwrap();
        symlink(ours, at("proc/self/ns/mnt")).unwrap();
        if let Some(root) = root {
            symlink(at(root), at("proc/1/root")).unwrap();
        }
        top
    }

    #[test]
    fn only_where_all_is_as_systemd_sees_it_is_it_the_machine() {
        assert!(is_host(machine("mnt:[1]", Some("")).path()));
        assert!(!is_host(machine("mnt:[2]", Some("")).path()), "a container in the host's PID namespace");
        assert!(!is_host(machine("mnt:[1]", Some("other")).path()), "a chroot");
        assert!(!is_host(machine("mnt:[1]", None).path()), "we may not look");
        let without = machine("mnt:[1]", Some(""));
        fs::remove_dir(without.path().join("run/systemd/system")).unwrap();
        assert!(!is_host(without.path()), "a microVM with a small init of its own");
    }
}
