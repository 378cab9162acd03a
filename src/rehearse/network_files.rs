//! The three files that a container runtime adds to every container: `/etc/hosts`, `/etc/hostname`,
//! `/etc/resolv.conf`. Each is bound over the image's, as Docker does it: root can write to it (unless the root is
//! read-only), and it cannot be replaced.
#![allow(clippy::disallowed_methods)] // files of the rehearsed machine, which no other process can access yet

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::root::create_directory;
use super::{Network, mounts, services_tree};
use crate::error::Refused;
use crate::text::shown;

/// Docker's `/etc/hosts`, where the network is not the host's.
const HOSTS: &str = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n\
    ff00::0\tip6-mcastprefix\nff02::1\tip6-allnodes\nff02::2\tip6-allrouters\n";

/// The host's files, read before its root is unmounted.
#[derive(Debug)]
pub(super) struct NetworkFiles {
    hosts: Option<Vec<u8>>,
    resolv: Option<Vec<u8>>,
}

impl NetworkFiles {
    /// Reads them. Without the host's network its `/etc/hosts` is not used.
    pub(super) fn read(network: Network) -> Self {
        let hosts = match network {
            Network::Host => fs::read("/etc/hosts").ok(),
            Network::None => None,
        };
        Self { hosts, resolv: fs::read("/etc/resolv.conf").ok() }
    }

    /// Binds them in the root, from files created below `at`, which is outside the root.
    pub(super) fn install(&self, hostname: &str, at: &Path, read_only: bool) -> Result<(), Refused> {
        create_directory(at)?;
        create_directory(Path::new("/etc"))?;
        let resolv = self.resolv.clone().unwrap_or_default();
        for (name, text) in [
            ("hosts", hosts(self.hosts.as_deref(), hostname)),
            ("hostname", format!("{hostname}\n").into_bytes()),
            ("resolv.conf", resolv),
        ] {
            let (source, target) = (at.join(name), Path::new("/etc").join(name));
            let prepare = || -> io::Result<()> {
                fs::write(&source, &text)?;
                fs::set_permissions(&source, fs::Permissions::from_mode(0o644))?;
                // The bind would follow a link (to /run, to the host's stub resolver).
                if !fs::symlink_metadata(&target).is_ok_and(|meta| meta.is_file()) {
                    services_tree::remove(&target)?;
                    fs::write(&target, "")?;
                }
                Ok(())
            };
            prepare().map_err(|cause| Refused::new(format!("cannot create {}", shown(&target)), cause))?;
            mounts::bind(&source, &target)?;
            if read_only {
                mounts::read_only_single(&target)?;
            }
        }
        Ok(())
    }
}

/// The host's names and this one.
fn hosts(known: Option<&[u8]>, hostname: &str) -> Vec<u8> {
    let mut text = known.unwrap_or(HOSTS.as_bytes()).to_vec();
    if text.last().is_some_and(|byte| *byte != b'\n') {
        text.push(b'\n');
    }
    text.extend(format!("127.0.1.1\t{hostname}\n").into_bytes());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hosts_names_stay_and_ours_is_a_line_of_its_own() {
        assert_eq!(hosts(Some(b"10.0.0.1 db"), "box"), b"10.0.0.1 db\n127.0.1.1\tbox\n");
        let fresh = String::from_utf8(hosts(None, "box")).unwrap();
        assert!(fresh.starts_with("127.0.0.1\tlocalhost\n") && fresh.ends_with("\n127.0.1.1\tbox\n"), "{fresh}");
    }
}
