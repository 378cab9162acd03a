//! `-v HOST:DEST[:ro]` and `--tmpfs PATH[:options]` as Docker writes them. Words in, values out.

use std::path::{Path, PathBuf};

use nix::mount::MsFlags;

use crate::error::{Place, Problem};
use crate::text::shown;

/// A directory or file of the host, seen copy-on-write: what the container writes there is discarded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// The path on the host.
    pub host: PathBuf,
    /// The absolute path inside.
    pub at: PathBuf,
    /// Whether it is read-only inside.
    pub read_only: bool,
}

impl Volume {
    /// Reads `HOST:DEST` and `HOST:DEST:OPTIONS`. Of Docker's options `ro` and `rw` have an effect on a volume that
    /// is copy-on-write; the others (labels, propagation, consistency) are accepted and ignored.
    ///
    /// # Errors
    /// Any other text, quoted.
    pub fn parse(word: &str) -> Result<Self, Problem> {
        let wrong = |what: &str| {
            Problem::new(
                Place::Argument(format!("-v {word}")),
                what,
                "write `-v HOST_PATH:/PATH_INSIDE`, or with `:ro`",
            )
        };
        let parts: Vec<&str> = word.split(':').collect();
        let (host, at, option) = match parts[..] {
            [host, at] => (host, at, "rw"),
            [host, at, option] => (host, at, option),
            _ => return Err(wrong("it does not consist of two paths")),
        };
        if host.is_empty() || !is_mount_target(at) {
            return Err(wrong("the path inside must be absolute, not `/`, and without `..`"));
        }
        let mut read_only = false;
        for word in option.split(',') {
            match word {
                "ro" => read_only = true,
                "rw" | "z" | "Z" | "nocopy" | "consistent" | "cached" | "delegated" | "private" | "rprivate"
                | "shared" | "rshared" | "slave" | "rslave" => {}
                _ => return Err(wrong("it has an option that Docker does not know")),
            }
        }
        Ok(Self { host: host.into(), at: at.into(), read_only })
    }
}

/// A writable, empty tmpfs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tmpfs {
    /// The absolute path inside.
    pub at: PathBuf,
    /// noexec, nosuid and nodev unless requested otherwise, as with Docker.
    pub(super) flags: MsFlags,
    /// size, mode, uid, gid, …: the filesystem's own options.
    pub(super) data: String,
}

impl Tmpfs {
    /// Reads `PATH` or `PATH:size=64m,mode=1770,exec,…`.
    ///
    /// # Errors
    /// Any other text, quoted. `dev` is refused: a device node there would be the host's.
    pub fn parse(word: &str) -> Result<Self, Problem> {
        let wrong = |what: String, fix: &str| Problem::new(Place::Argument(format!("--tmpfs {word}")), what, fix);
        let (at, options) = word.split_once(':').unwrap_or((word, ""));
        if !is_mount_target(at) {
            let what = "the path must be absolute, not `/`, and without `..`";
            return Err(wrong(what.to_owned(), "write `--tmpfs /PATH`, or `--tmpfs /PATH:size=64m,mode=1777`"));
        }
        let mut flags = MsFlags::MS_NOEXEC | MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
        let mut data = Vec::new();
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("size" | "mode" | "uid" | "gid" | "nr_inodes" | "nr_blocks", value)) if !value.is_empty() => {
                    data.push(option)
                }
                None => match option {
                    "ro" => flags.insert(MsFlags::MS_RDONLY),
                    "rw" => flags.remove(MsFlags::MS_RDONLY),
                    "exec" => flags.remove(MsFlags::MS_NOEXEC),
                    "noexec" => flags.insert(MsFlags::MS_NOEXEC),
                    "suid" => flags.remove(MsFlags::MS_NOSUID),
                    "nosuid" => flags.insert(MsFlags::MS_NOSUID),
                    "nodev" => {}
                    _ => return Err(wrong(format!("unknown option `{}`", shown(option)), KNOWN)),
                },
                Some(_) => return Err(wrong(format!("unknown option `{}`", shown(option)), KNOWN)),
            }
        }
        Ok(Self { at: at.into(), flags, data: data.join(",") })
    }
}

const KNOWN: &str = "the options are size, mode, uid, gid, nr_inodes, nr_blocks, exec, suid, ro and their opposites";

/// Whether a mount may be put there: absolute, not the root itself, no `..`.
fn is_mount_target(path: &str) -> bool {
    let path = Path::new(path);
    path.is_absolute() && path.file_name().is_some() && !path.components().any(|part| part.as_os_str() == "..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_read_as_docker_reads_it() {
        let volume = Volume::parse("./data:/config:ro").unwrap();
        assert_eq!(volume, Volume { host: "./data".into(), at: "/config".into(), read_only: true });
        for (word, read_only) in
            [("/a:/b", false), ("/a:/b:rw,z", false), ("/a:/b:Z", false), ("/a:/b:ro,cached", true)]
        {
            assert_eq!(Volume::parse(word).unwrap().read_only, read_only, "{word}");
        }
    }

    #[test]
    fn wrong_volumes_are_quoted() {
        for word in ["/a", "/a:b", ":/b", "/a:/", "/a:/b/../c", "/a:/b:rx", "/a:/b:", "/a:/b:ro:z"] {
            let text = Volume::parse(word).unwrap_err().to_string();
            assert!(text.starts_with(&format!("`-v {word}`: ")), "{text}");
        }
    }

    #[test]
    fn a_tmpfs_has_dockers_flags_unless_asked() {
        let plain = Tmpfs::parse("/run").unwrap();
        assert_eq!(plain.flags, MsFlags::MS_NOEXEC | MsFlags::MS_NOSUID | MsFlags::MS_NODEV);
        let requested = Tmpfs::parse("/run:exec,size=1m,mode=0700,uid=1000").unwrap();
        assert_eq!(requested.flags, MsFlags::MS_NOSUID | MsFlags::MS_NODEV);
        assert_eq!(requested.data, "size=1m,mode=0700,uid=1000");
    }

    #[test]
    fn a_tmpfs_never_has_devices_and_unknown_options_are_named() {
        for word in ["/run:dev", "/run:sise=1m", "/run:size=", "run"] {
            assert!(Tmpfs::parse(word).is_err(), "{word}");
        }
    }
}
