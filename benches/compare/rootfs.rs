//! A root file system of its own for one PID 1: whatever it writes (stepdown writes accounts), it writes there. Knows files,
//! not who runs in it.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Outcome;
use super::workplace::{Medium, Workplace, succeed};

/// The root directory; gone when dropped.
pub struct Rootfs {
    root: PathBuf,
}

impl Rootfs {
    /// Makes a small one, with the C programs in `/`.
    pub fn new(place: &Workplace, medium: Medium) -> Outcome<Self> {
        let rootfs = Self { root: place.path(medium) };
        for directory in ["proc", "dev", "run", "tmp", "bin", "etc/services.d"] {
            fs::create_dir_all(rootfs.path(directory))?;
        }
        fs::set_permissions(rootfs.path("tmp"), Permissions::from_mode(0o1777))?;
        succeed(Command::new("mknod").args(["-m", "666"]).arg(rootfs.path("dev/null")).args(["c", "1", "3"]))?;
        rootfs.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")?;
        rootfs.write("etc/group", "root:x:0:\n")?;
        for program in fs::read_dir(place.programs())? {
            let program = program?;
            fs::copy(program.path(), rootfs.path(program.file_name()))?;
        }
        Ok(rootfs)
    }

    /// Returns the directory, as the machine sees it.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Copies a binary in, and the libraries that it needs.
    pub fn take(&self, binary: &Path, name: &str) -> Outcome<()> {
        let place = self.path(name);
        fs::create_dir_all(place.parent().ok_or("a program lies in a directory")?)?;
        fs::copy(binary, place).map_err(|error| format!("{}: {error}", binary.display()))?;
        libraries(binary).iter().try_for_each(|library| self.copy(library))
    }

    /// Copies installed programs in: to `/`, to `/bin` and to where they are installed, by which they may call each other.
    pub fn take_installed(&self, names: &[&str]) -> Outcome<()> {
        for name in names {
            let path = installed(name)
                .ok_or_else(|| format!("{name} is not installed (apt-get install {})", package(name)))?;
            self.take(&path, name)?;
            self.take(&path, &format!("bin/{name}"))?;
            self.take(&path, &path.strip_prefix("/")?.to_string_lossy())?;
        }
        Ok(())
    }

    /// Copies a file or a directory of the machine to the same place, with the libraries of shared objects.
    pub fn copy_tree(&self, path: &Path) -> Outcome<()> {
        let place = self.path(path.strip_prefix("/")?);
        fs::create_dir_all(place.parent().ok_or("it lies in a directory")?)?;
        succeed(Command::new("cp").arg("-a").arg(path).arg(place))
    }

    /// Copies the libraries that a shared object of the machine needs.
    pub fn take_libraries(&self, object: &Path) -> Outcome<()> {
        libraries(object).iter().try_for_each(|library| self.copy(library))
    }

    fn copy(&self, path: &Path) -> Outcome<()> {
        let place = self.path(path.strip_prefix("/")?);
        fs::create_dir_all(place.parent().ok_or("a library lies in a directory")?)?;
        fs::copy(path, place)?;
        Ok(())
    }

    /// Writes a file, whose directory is made if it is missing.
    pub fn write(&self, path: &str, text: &str) -> std::io::Result<()> {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        fs::write(path, text)
    }

    /// Writes a program.
    pub fn program(&self, path: &str, text: &str) -> std::io::Result<()> {
        self.write(path, text)?;
        fs::set_permissions(self.path(path), Permissions::from_mode(0o755))
    }

    /// Makes a directory with that many files, all of one owner.
    pub fn files(&self, directory: &str, count: usize, (uid, gid): (u32, u32)) -> std::io::Result<()> {
        fs::create_dir_all(self.path(directory))?;
        chown(self.path(directory), Some(uid), Some(gid))?;
        (0..count).try_for_each(|at| {
            let path = self.path(directory).join(format!("file{at}"));
            fs::write(&path, "")?;
            chown(path, Some(uid), Some(gid))
        })
    }

    /// Returns where a path of this root is.
    pub fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.join(below)
    }
}

impl Drop for Rootfs {
    fn drop(&mut self) {
        // Nothing is mounted below it but what ended with its namespaces.
        fs::remove_dir_all(&self.root).ok();
    }
}

/// Returns where a program is installed.
pub fn installed(name: &str) -> Option<PathBuf> {
    let places = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];
    places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists())
}

/// Returns the Debian package of a program.
fn package(name: &str) -> &str {
    match name {
        "runsvdir" | "runsv" | "svlogd" | "sv" => "runit",
        "supervisord" => "supervisor",
        "usermod" | "groupmod" => "passwd",
        name if name.starts_with("s6-") => "s6",
        name => name,
    }
}

/// Reads the paths that ldd(1) prints; none for a static binary.
fn libraries(binary: &Path) -> Vec<PathBuf> {
    let listing = Command::new("ldd").arg(binary).output().map(|output| output.stdout).unwrap_or_default();
    let listing = String::from_utf8_lossy(&listing).into_owned();
    listing.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':')).map(PathBuf::from).collect()
}
