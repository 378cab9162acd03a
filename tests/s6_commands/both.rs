//! Runs the same call of the original and of ours, each in a directory of its own, and compares all that is seen: standard
//! output and error, exit code, the files that are left.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use stepdown::s6_commands::COMMANDS;

use crate::support::programs;
use crate::support::skip::skipped;

/// Where Debian has execline's own programs, which have names of others in /usr/bin.
const EXECLINE: &str = "/usr/lib/execline/bin";

/// Options in usage messages that later versions of the originals have, and what earlier ones have there (`s6_commands::differences` lists them).
const LATER_OPTIONS: [(&str, &str); 6] = [
    (" [ -d fd ]", ""),
    (" [ -t lastlinetimeout ]", ""),
    (" [ -n ] [ -d delim ]", ""),
    (" -p | -P maxpar ", " -p "),
    (" -p | -l | -c ", " -p | -c "),
    (" [ -N | -n ] [ -b ] [ -f ] [ -E | -e ] fd|var ", " [ -n ] [ -b ] fd "),
];

/// Returns the path of an original program of Debian's packages `execline` and `s6`; says that the test is skipped if there
/// is none.
pub fn original(name: &str) -> Option<PathBuf> {
    let found = [EXECLINE, "/usr/bin"].iter().map(|place| Path::new(place).join(name)).find(|path| path.exists());
    if found.is_none() {
        skipped(&format!("there is no {name} of Debian's packages: install execline and s6"));
    }
    found
}

/// A directory with a link for each of our commands.
pub fn own_commands() -> &'static Path {
    static LINKS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let made = || {
        let place = tempfile::tempdir().unwrap();
        for command in COMMANDS {
            symlink(programs::program(), place.path().join(command.name)).unwrap();
        }
        place
    };
    LINKS.get_or_init(made).path()
}

/// One call.
#[derive(Clone, Debug, Default)]
pub struct Case<'a> {
    pub argv: &'a [&'a str],
    pub variables: &'a [(&'a str, &'a str)],
    pub input: &'a str,
    /// Files that are there before, with their contents.
    pub files: &'a [(&'a str, &'a str)],
}

/// What is seen of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    /// Each file's mode and contents; a directory has none.
    pub files: BTreeMap<String, (u32, String)>,
}

fn path_of_originals() -> String {
    format!("{EXECLINE}:/usr/bin:/bin")
}

/// Runs a call with the commands of Debian.
pub fn run_original(case: &Case<'_>) -> CallResult {
    run(case, &path_of_originals())
}

/// Runs a call with commands from a PATH that begins with ours.
pub fn run_ours(case: &Case<'_>) -> CallResult {
    run(case, &format!("{}:/usr/bin:/bin", own_commands().display()))
}

fn run(case: &Case<'_>, path: &str) -> CallResult {
    let place = tempfile::tempdir().unwrap();
    for (name, text) in case.files {
        let file = place.path().join(name);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, text).unwrap();
    }
    let (name, arguments) = case.argv.split_first().unwrap();
    let program = path.split(':').map(|place| Path::new(place).join(name)).find(|file| file.exists()).unwrap();
    let mut command = Command::new("setpriv");
    // Signals and descriptors as a shell would have them: cargo's differ.
    command.args(["--reset-env", "--", "/usr/bin/env", "-i", &format!("PATH={path}")]);
    command.args(case.variables.iter().map(|(name, value)| format!("{name}={value}")));
    command.arg(program).args(arguments).current_dir(place.path());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("setpriv is there");
    // A program that does not read its input may have ended.
    let _ = child.stdin.take().unwrap().write_all(case.input.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let text = text.replace(place.path().to_str().unwrap(), "HERE").replace(path, "THE_PATH");
        text.replace(EXECLINE, "LINKS").replace(own_commands().to_str().unwrap(), "LINKS")
    };
    let mut out = text(output.stdout);
    if case.argv.contains(&"env") {
        // An environment has no order.
        let mut lines: Vec<_> = out.lines().collect();
        lines.sort_unstable();
        out = lines.join("\n");
    }
    let files = numbered(files_in(place.path()));
    let err = LATER_OPTIONS.iter().fold(text(output.stderr), |err, (later, before)| err.replace(later, before));
    CallResult { code: output.status.code(), out, err, files }
}

/// The names of archived log files are moments: their number takes the place.
fn numbered(files: BTreeMap<String, (u32, String)>) -> BTreeMap<String, (u32, String)> {
    let mut count = 0;
    let mut rename = |name: String| match name.find('@') {
        Some(at) if name.len() == at + 27 => {
            count += 1;
            format!("{}@{count}{}", &name[..at], &name[at + 25..])
        }
        _ => name,
    };
    files.into_iter().map(|(name, file)| (rename(name), file)).collect()
}

fn files_in(top: &Path) -> BTreeMap<String, (u32, String)> {
    let mut found = BTreeMap::new();
    let mut places = vec![top.to_path_buf()];
    while let Some(place) = places.pop() {
        for entry in std::fs::read_dir(&place).unwrap() {
            let path = entry.unwrap().path();
            let meta = path.symlink_metadata().unwrap();
            let text = match meta.file_type() {
                kind if kind.is_dir() => {
                    places.push(path.clone());
                    String::new()
                }
                kind if kind.is_symlink() => format!("-> {}", path.read_link().unwrap().display()),
                kind if kind.is_file() => String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned(),
                _ => "special".to_owned(),
            };
            let name = path.strip_prefix(top).unwrap().display().to_string();
            found.insert(name, (meta.permissions().mode() & 0o7777, text));
        }
    }
    found
}

/// Runs the original and ours for each case, and names every difference.
pub fn as_the_originals(cases: &[Case<'_>]) {
    if cases.iter().any(|case| original(case.argv[0]).is_none()) {
        return;
    }
    let differ = |case: &Case<'_>| {
        let (expected, found) = (run_original(case), run_ours(case));
        (expected != found)
            .then(|| format!("{:?} {:?}\n  original {expected:?}\n  ours     {found:?}", case.argv, case.variables))
    };
    let differences: Vec<_> = cases.iter().filter_map(differ).collect();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Cases that have arguments alone.
pub fn calls<'a>(argvs: &'a [&'a [&'a str]]) -> Vec<Case<'a>> {
    argvs.iter().map(|argv| Case { argv, ..Case::default() }).collect()
}
