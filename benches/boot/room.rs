//! A root file system of its own in a temporary directory: whatever a PID 1 writes (stepdown writes accounts), it
//! writes there. Knows namespaces and binaries, not what is compared.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

use std::error::Error;
use std::fs::{self, Permissions};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// `struct timespec` on 64-bit Linux.
const STAMP: usize = 16;
/// No boot takes longer.
const LIMIT: Duration = Duration::from_secs(20);

/// The root directory; gone when dropped.
pub struct Room {
    root: tempfile::TempDir,
}

/// How a room is booted.
#[derive(Clone, Debug)]
pub struct Boot {
    argv: Vec<String>,
    variables: Vec<String>,
    /// Files that are written before each boot.
    files: Vec<(&'static str, String)>,
    /// How many programs write the time.
    pub programs: usize,
}

/// How a binary is linked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Linkage {
    /// Runs anywhere.
    Static,
    /// Needs its libraries beside it.
    Dynamic,
}

impl Boot {
    /// PID 1 and its arguments, which start one program.
    pub fn new(argv: &[&str]) -> Self {
        let argv = argv.iter().map(|&word| word.to_owned()).collect();
        Self { argv, variables: Vec::new(), files: Vec::new(), programs: 1 }
    }

    /// With these variables, `NAME=value`.
    pub fn env(mut self, variables: &[&str]) -> Self {
        self.variables.extend(variables.iter().map(|&word| word.to_owned()));
        self
    }

    /// As this user.
    pub fn user(self, id: &str) -> Self {
        self.env(&[&format!("STAMP_USER={id}")])
    }

    /// With that many programs.
    pub fn of(self, programs: usize) -> Self {
        Self { programs, ..self }
    }

    /// With these files as they are now, each time.
    pub fn with<const N: usize>(mut self, files: [(&'static str, String); N]) -> Self {
        self.files.extend(files);
        self
    }
}

impl Room {
    /// Makes a small root with the C programs in it.
    pub fn new() -> Result<Self, Box<dyn Error>> {
        let room = Self { root: tempfile::tempdir()? };
        fs::set_permissions(room.root.path(), Permissions::from_mode(0o755))?;
        for directory in ["proc", "dev", "run", "tmp", "bin", "etc/services.d"] {
            fs::create_dir_all(room.path(directory))?;
        }
        succeed(Command::new("mknod").args(["-m", "666"]).arg(room.path("dev/null")).args(["c", "1", "3"]))?;
        room.write("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")?;
        room.write("etc/group", "root:x:0:\n")?;
        let bare = &["-nostartfiles"][..];
        for (name, source, more) in [
            ("stamp", "stamp", &[][..]),
            ("floor", "floor", &[]),
            ("payload", "payload", bare),
            ("stays", "payload", &["-nostartfiles", "-DSTAYS"]),
        ] {
            let source = format!("{}/benches/boot/{source}.c", env!("CARGO_MANIFEST_DIR"));
            let flags = ["-O2", "-static", "-no-pie", "-fno-stack-protector", "-fcf-protection=none"];
            let flags = flags.iter().filter(|flag| cfg!(target_arch = "x86_64") || **flag != "-fcf-protection=none");
            succeed(Command::new("cc").args(flags).args(more).arg("-o").arg(room.path(name)).arg(source))?;
        }
        Ok(room)
    }

    /// Copies a binary in, and the libraries that it needs.
    pub fn take(&self, binary: &Path, name: &str) -> Result<(), Box<dyn Error>> {
        let place = self.path(name);
        fs::create_dir_all(place.parent().ok_or("a program lies in a directory")?)?;
        fs::copy(binary, place)?;
        for library in libraries(binary) {
            let place = self.path(library.strip_prefix("/")?);
            fs::create_dir_all(place.parent().ok_or("a library lies in a directory")?)?;
            fs::copy(&library, place)?;
        }
        Ok(())
    }

    /// Writes a file, whose directory is made if it is missing.
    pub fn write(&self, path: &str, text: &str) -> std::io::Result<()> {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap_or(self.root.path()))?;
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

    /// Boots, and returns how long it took until the first instruction of the last program.
    pub fn boot(&self, boot: &Boot) -> Result<Duration, Box<dyn Error>> {
        boot.files.iter().try_for_each(|(path, text)| self.write(path, text))?;
        let mut command = Command::new("unshare");
        command.args(["--pid", "--mount", "--fork", "--kill-child", "--mount-proc", "--wd=/", "--root"]);
        command.arg(self.root.path()).args(["--", "/stamp"]).args(&boot.argv).env_clear();
        command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
        command.envs(boot.variables.iter().filter_map(|word| word.split_once('=')));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let stamps = child.stdout.take().ok_or("a pipe").map(|stdout| read_stamps(stdout, boot.programs + 1))?;
        let printed = end(&mut child)?;
        let stamps = stamps.map_err(|error| format!("{error}: {printed}"))?;
        let (first, rest) = stamps.split_first().ok_or("no stamp was written")?;
        let last = rest.iter().max().ok_or("no program was started")?;
        last.checked_sub(*first).ok_or_else(|| "the clock ran backwards".into())
    }

    fn path(&self, below: impl AsRef<Path>) -> PathBuf {
        self.root.path().join(below)
    }
}

fn read_stamps(mut stdout: ChildStdout, count: usize) -> Result<Vec<Duration>, Box<dyn Error>> {
    let until = Instant::now() + LIMIT;
    let mut bytes = vec![0; count * STAMP];
    let mut length = 0;
    while length < bytes.len() {
        let left = PollTimeout::try_from(until.saturating_duration_since(Instant::now()))?;
        let ready = poll(&mut [PollFd::new(stdout.as_fd(), PollFlags::POLLIN)], left)?;
        let read = if ready == 0 { 0 } else { stdout.read(bytes.get_mut(length..).unwrap_or_default())? };
        if read == 0 {
            return Err(format!("{} of {count} stamps were written", length / STAMP).into());
        }
        length += read;
    }
    Ok(bytes.as_chunks().0.iter().map(time).collect())
}

/// Ends the container, and returns what it has written to stderr.
fn end(child: &mut Child) -> std::io::Result<String> {
    // Not left to `--kill-child`: the kernel forgets that signal when PID 1 changes its user (PR_SET_PDEATHSIG(2const)).
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id()))?;
    for first in children.split_whitespace() {
        kill(Pid::from_raw(first.parse().map_err(std::io::Error::other)?), Signal::SIGKILL).ok();
    }
    child.wait()?;
    let mut printed = String::new();
    if let Some(mut stderr) = child.stderr.take() {
        stderr.read_to_string(&mut printed)?;
    }
    Ok(printed)
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
    let places = ["/usr/bin", "/bin", "/usr/sbin", "/sbin", "/usr/local/bin"];
    places.iter().map(|place| Path::new(place).join(name)).find(|path| path.exists())
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
