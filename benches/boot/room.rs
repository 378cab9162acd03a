//! A root file system of its own in a temporary directory: whatever a PID 1 writes (stepdown writes accounts), it
//! writes there. Knows namespaces and binaries, not what is compared.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// `struct timespec` on 64-bit Linux.
const STAMP: usize = 16;

/// The root directory; gone when dropped.
pub struct Room {
    root: tempfile::TempDir,
}

/// How a binary is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// Runs anywhere.
    Static,
    /// Needs its libraries beside it.
    Dynamic,
}

impl Room {
    /// Makes a small root with the three C programs in it.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let room = Self { root: tempfile::tempdir()? };
        for directory in ["proc", "dev", "run", "tmp", "etc/services.d"] {
            fs::create_dir_all(room.path(directory))?;
        }
        succeed(Command::new("mknod").args(["-m", "666"]).arg(room.path("dev/null")).args(["c", "1", "3"]))?;
        room.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")?;
        room.write("etc/group", "root:x:0:\n")?;
        for (name, start_files) in [("stamp", None), ("floor", None), ("payload", Some("-nostartfiles"))] {
            let source = format!("{}/benches/boot/{name}.c", env!("CARGO_MANIFEST_DIR"));
            let flags = ["-O2", "-static", "-no-pie", "-fno-stack-protector", "-fcf-protection=none"];
            let flags = flags.iter().filter(|flag| cfg!(target_arch = "x86_64") || **flag != "-fcf-protection=none");
            succeed(Command::new("cc").args(flags).args(start_files).arg("-o").arg(room.path(name)).arg(source))?;
        }
        Ok(room)
    }

    /// Copies a binary in, and the libraries that it needs.
    pub fn take(&self, binary: &Path, name: &str) -> Result<(), Box<dyn Error>> {
        fs::copy(binary, self.path(name))?;
        for library in libraries(binary) {
            let place = self.path(library.strip_prefix("/")?);
            fs::create_dir_all(place.parent().ok_or("a library lies in a directory")?)?;
            fs::copy(&library, place)?;
        }
        Ok(())
    }

    /// Writes a file.
    pub fn write(&self, path: &str, text: &str) -> std::io::Result<()> {
        fs::write(self.path(path), text)
    }

    /// Boots `argv` as PID 1 and returns how long it took until the payload's first instruction.
    pub fn boot(&self, argv: &[&str]) -> Result<Duration, Box<dyn Error>> {
        let output = Command::new("timeout")
            .args([
                "--kill-after=1",
                "10",
                "unshare",
                "--pid",
                "--mount",
                "--fork",
                "--kill-child",
                "--mount-proc",
                "--wd=/",
                "--root",
            ])
            .arg(self.root.path())
            .args(["--", "/stamp"])
            .args(argv)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .output()?;
        let printed = String::from_utf8_lossy(&output.stderr).into_owned();
        if !output.status.success() {
            return Err(format!("{}: {printed}", output.status).into());
        }
        let first = output.stdout.first_chunk().map(time).ok_or("no stamp was written")?;
        let last = output.stdout.last_chunk().map(time).ok_or("no stamp was written")?;
        if output.stdout.len() != 2 * STAMP {
            return Err(format!("{} bytes instead of two stamps: {printed}", output.stdout.len()).into());
        }
        last.checked_sub(first).ok_or_else(|| "the clock ran backwards".into())
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(below)
    }
}

/// Returns the static build if there is one, else the one that cargo just made for this benchmark.
pub fn stepdown() -> (PathBuf, Linkage) {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let triple = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let given = std::env::var_os("STEPDOWN_TEST_BINARY").map(PathBuf::from);
    let fixed = given.unwrap_or_else(|| target.join(triple).join("release/stepdown"));
    if fixed.exists() {
        return (fixed, Linkage::Static);
    }
    (PathBuf::from(env!("CARGO_BIN_EXE_stepdown")), Linkage::Dynamic)
}

/// Returns where a program is installed.
pub fn installed(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin", "/usr/local/bin"].iter().map(|place| Path::new(place).join(name)).find(|path| path.exists())
}

/// Reads the paths that ldd(1) prints; none for a static binary.
fn libraries(binary: &Path) -> Vec<PathBuf> {
    let listing = Command::new("ldd").arg(binary).output().map(|output| output.stdout).unwrap_or_default();
    let listing = String::from_utf8_lossy(&listing).into_owned();
    listing.split_whitespace().filter(|word| word.starts_with('/') && !word.ends_with(':')).map(PathBuf::from).collect()
}

fn time(bytes: &[u8; STAMP]) -> Duration {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = *bytes;
    let seconds = u64::from_ne_bytes([a, b, c, d, e, f, g, h]);
    let nanoseconds = u64::from_ne_bytes([i, j, k, l, m, n, o, p]);
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

fn succeed(command: &mut Command) -> Result<(), Box<dyn Error>> {
    let output = command.output().map_err(|error| format!("{:?}: {error}", command.get_program()))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{:?}: {}", command.get_program(), String::from_utf8_lossy(&output.stderr)).into())
}
