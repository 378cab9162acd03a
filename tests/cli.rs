//! The real binary, as people meet it at a prompt: usage, help, `check`, `plan`, `status`, `run-as`, exit codes. Nothing
//! here boots: what a container does is tested in one.

mod check;
mod completions;
mod control;
mod doctor;
mod foreign;
mod graph;
mod help;
mod import;
mod install_links;
mod manual;
mod pasted;
mod pictures;
mod plan;
mod run_as;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::programs::program;
use crate::support::skip::skipped;

const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// What a run said and how it ended.
#[derive(Debug, PartialEq, Eq)]
struct CommandOutput {
    code: i32,
    out: String,
    err: String,
}

/// The binary with these arguments, a bare environment, and no terminal.
fn stepdown(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).env_clear().env("PATH", PATH).stdin(Stdio::null());
    command
}

fn output_of(command: &mut Command) -> CommandOutput {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    // 128+n as a shell says it; nothing here should end so.
    let code = output.status.code().unwrap_or(-1);
    CommandOutput { code, out: text(output.stdout), err: text(output.stderr) }
}

fn run(arguments: &[&str]) -> CommandOutput {
    output_of(&mut stepdown(arguments))
}

/// A directory that holds a `services.d`, and removes itself.
struct WorkDirectory(tempfile::TempDir);

impl WorkDirectory {
    fn new() -> Self {
        let directory = Self(tempfile::tempdir().unwrap());
        fs::create_dir(directory.path().join("services.d")).unwrap();
        directory
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn with_file(self, file: &str, text: &str) -> Self {
        self.put(file, text, 0o644);
        self
    }

    fn put(&self, file: &str, text: &str, mode: u32) -> PathBuf {
        let path = self.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    /// Runs the binary with this as its current directory, so that messages name short paths.
    fn run(&self, arguments: &[&str]) -> CommandOutput {
        output_of(stepdown(arguments).current_dir(self.path()))
    }
}

/// Whether this test runs as root; else says why it cannot go on.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root() || skipped("not root")
}

/// Whether this program can do that here; else says why the test cannot go on.
fn can(program: &str, arguments: &[&str]) -> bool {
    let works = Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success());
    works || skipped(&format!("`{program} {}` does not work here", arguments.join(" ")))
}
