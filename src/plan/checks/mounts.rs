//! `/proc/self/mountinfo` (proc(5)): text in, mounts out; and the mount of a path. Must not know what it is
//! used for.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::plan::fix::Fix;
use crate::plan::show::labels;

/// All mounts, in the order in which the kernel lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mounts(pub Vec<Mount>);

/// One mount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mount {
    /// Its id.
    pub id: u64,
    /// `major:minor` of its file system.
    pub device: String,
    /// The mounted part of the file system: `/` for all of it; for a bind mount the path within it.
    pub root: PathBuf,
    /// Its mount point.
    pub point: PathBuf,
    /// Options of this mount.
    pub options: Vec<String>,
    /// `ext4`, `nfs4`, `tmpfs`, …
    pub kind: String,
    /// The mount source: a device, `server:/export`.
    pub source: OsString,
    /// Options of the file system.
    pub super_options: Vec<String>,
}

impl Mounts {
    /// Parses the file. Invalid lines are skipped.
    pub fn parse(text: &[u8]) -> Self {
        Self(text.split(|byte| *byte == b'\n').filter_map(mount).collect())
    }

    /// Returns the mount of an absolute path without symbolic links: the last one of the deepest.
    pub fn of(&self, path: &Path) -> Option<&Mount> {
        let above = self.0.iter().filter(|mount| path.starts_with(&mount.point));
        above.max_by_key(|mount| mount.point.components().count())
    }
}

impl Mount {
    /// Returns whether it has this option, or its file system has.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().chain(&self.super_options).any(|have| have == option)
    }

    /// Returns whether it is a network file system, where the server decides about owners.
    pub fn is_remote(&self) -> bool {
        matches!(self.kind.as_str(), "nfs" | "nfs4" | "cifs" | "smb3" | "smbfs" | "9p" | "ceph" | "afs" | "fuse.sshfs")
    }

    /// Returns whether it is in memory and is lost with the container.
    pub fn is_memory(&self) -> bool {
        matches!(self.kind.as_str(), "tmpfs" | "ramfs" | "devtmpfs")
    }

    /// Returns whether it is the container's own layer, with the image's files.
    pub fn is_image(&self) -> bool {
        self.point == Path::new("/")
    }

    /// Returns the cause if a path on it cannot be written because it is read-only.
    pub fn read_only_cause(&self) -> String {
        let point = labels::path(&self.point);
        match self.is_read_only_below() {
            true => format!("the file system of {point} is read-only"),
            false => format!("{point} is mounted read-only"),
        }
    }

    /// Returns the fix that makes it writable.
    pub fn read_write(&self) -> Fix {
        let point = labels::path(&self.point);
        match (self.is_read_only_below(), self.kind.as_str()) {
            (true, "squashfs" | "erofs" | "iso9660" | "romfs" | "cramfs") => {
                Fix::text(format!("mount a volume at {point}: nothing can be written to {}", self.kind))
            }
            // `:ro` is not the cause: removing it would not change anything.
            (true, _) => Fix::text(format!(
                "on the host: find out why it is read-only (`dmesg`, /etc/fstab), then `mount -o remount,rw` {}",
                labels::path(Path::new(&self.source))
            )),
            (false, _) => Fix::text(format!("mount {point} read-write: remove `:ro` (kubernetes: `readOnly: true`)")),
        }
    }

    /// Whether the file system itself is read-only, in all its mounts, and not only this mount.
    fn is_read_only_below(&self) -> bool {
        self.super_options.iter().any(|option| option == "ro")
    }

    /// Returns the path within its file system of `path`, which is on this mount.
    pub fn within(&self, path: &Path) -> PathBuf {
        match path.strip_prefix(&self.point) {
            Ok(rest) if rest.as_os_str().is_empty() => self.root.clone(),
            Ok(rest) => self.root.join(rest),
            Err(_) => self.root.clone(),
        }
    }
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn mount(line: &[u8]) -> Option<Mount> {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let id = text(words.next()?).parse().ok()?;
    let _parent = words.next()?;
    let device = text(words.next()?);
    let (root, point) = (plain(words.next()?).into(), plain(words.next()?).into());
    let options = list(words.next()?);
    words.by_ref().find(|word| *word == b"-")?;
    let kind = text(words.next()?);
    let source = plain(words.next().unwrap_or_default());
    let super_options = list(words.next().unwrap_or_default());
    Some(Mount { id, device, root, point, options, kind, source, super_options })
}

fn text(word: &[u8]) -> String {
    String::from_utf8_lossy(word).into_owned()
}

fn list(word: &[u8]) -> Vec<String> {
    text(word).split(',').map(str::to_owned).collect()
}

/// Blank, tab, newline and backslash are written as `\040` and so on.
fn plain(word: &[u8]) -> OsString {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|digits| digits.iter().all(u8::is_ascii_digit));
        let octal = (*first == b'\\').then_some(digits).flatten();
        let code = octal.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        match code {
            Some(code) => {
                bytes.push(code);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    OsString::from_vec(bytes)
}

/// Returns whether the path ends with these components.
pub(super) fn ends_with(path: &Path, tail: &str) -> bool {
    path.as_os_str().as_bytes().ends_with(tail.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Docker 20.10 on ext4 writes it, with a named volume, a bind mount, a read-only one and a tmpfs.
    const DOCKER: &str = include_str!("recorded/docker.mountinfo");

    #[test]
    fn a_path_lies_on_the_deepest_mount_above_it() {
        let mounts = Mounts::parse(DOCKER.as_bytes());
        let of = |path: &str| mounts.of(Path::new(path)).unwrap();
        assert_eq!(of("/").kind, "fuse.fuse-overlayfs");
        assert_eq!(of("/etc").point, Path::new("/"));
        assert_eq!(of("/data/a").point, Path::new("/data"));
        assert_eq!(of("/database").point, Path::new("/"), "a prefix of the name is no parent");
        assert_eq!(of("/data/a").within(Path::new("/data/a")), Path::new("/var/lib/docker/volumes/web/_data/a"));
        assert_eq!(of("/data").within(Path::new("/data")), Path::new("/var/lib/docker/volumes/web/_data"));
        assert!(of("/read").has("ro") && !of("/data").has("ro"));
        assert!(of("/tmp/x").has("noexec") && of("/tmp/x").is_memory());
        assert_eq!(of("/with space").root, Path::new("/srv/a b\\c"));
    }

    #[test]
    fn later_mounts_cover_earlier_ones_and_rubbish_is_left_out() {
        let text = b"1 0 0:1 / /a rw - tmpfs one rw\nrubbish\n\n2 0 0:2 / /a ro shared:1 master:2 - ext4 /dev/x rw,noexec\n3 0 0:3 / /b rw\n";
        let mounts = Mounts::parse(text);
        assert_eq!(mounts.0.len(), 2);
        let top = mounts.of(Path::new("/a/b")).unwrap();
        assert_eq!((top.id, top.device.as_str(), top.source.to_str()), (2, "0:2", Some("/dev/x")));
        assert!(top.has("noexec") && top.has("ro"));
        assert_eq!(mounts.of(Path::new("/c")), None);
    }
}
