//! What a call of a helper command costs, beside the original of Debian's packages `s6` and `execline`: the same call, by
//! turns, in one run. Run by hand, as root:
//!
//! ```text
//! cargo bench --profile dev --bench s6_commands -- [STEPDOWN [CALLS [CASE...]]]
//! ```
//!
//! STEPDOWN is the static binary (`.ci/static`), which images have; by default that one, if it is there, else the one that
//! cargo built. Wall time, the fastest of many short rounds: whatever else runs here only makes one slower. What is executed
//! at the end is a static program that does nothing, so that the two differ by their commands alone; its own cost is the
//! first line. Debian's originals are linked dynamically; s6-overlay's own are static, and start faster: STEPDOWN_BENCH_ORIGINALS
//! is a directory with such ones, if they are there. `with-contenv` and `s6-setuidgid` are chains of programs in the originals. Everything happens in a mount
//! namespace with a `/run` of its own, so that both read the same container environment at the same place.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)] // measures

use std::io::{Write, stdout};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};

const ROUNDS: u32 = 60;
/// What DESIGN allows: ours in the original's time.
const BUDGET: f64 = 1.2;
/// `with-contenv` of s6-overlay 3.2.2, written as its package has it.
const WITH_CONTENV: &str = "ifelse\n{\n  importas -D 0 S6_KEEP_ENV S6_KEEP_ENV\n  eltest \
                            0${S6_KEEP_ENV} -eq 0\n}\n{\n  emptyenv -p\n  s6-envdir -Lf -- /run/s6/container_environment\n  \
                            exec\n  $@\n}\n\n$@\n";
const CONTAINER_ENVIRONMENT: &str = "/run/s6/container_environment";
const DEBIANS: &str = "/usr/lib/execline/bin:/usr/bin:/bin";
/// A script of the kind that services have.
const SCRIPT: &str = "fdmove -c 2 1 cd / nothing";

/// The calls; a word that begins with a space is in a block.
const CASES: &[&[&str]] = &[
    &["with-contenv", "nothing"],
    &["s6-setuidgid", "nobody", "nothing"],
    &["s6-envdir", "-Lf", "--", CONTAINER_ENVIRONMENT, "nothing"],
    &["s6-applyuidgid", "-u", "65534", "-g", "65534", "-G", "", "nothing"],
    &["s6-envuidgid", "nobody", "nothing"],
    &["execlineb", "-Pc", "nothing"],
    &["execlineb", "-Pc", SCRIPT],
    &["if", " nothing", "", "nothing"],
    &["ifelse", " nothing", "", " nothing", "", "nothing"],
    &["cd", "/", "nothing"],
    &["foreground", " nothing", "", "nothing"],
    &["backtick", "-E", "V", " nothing", "", "nothing", "${V}"],
    &["importas", "-u", "P", "PATH", "nothing", "${P}"],
    &["redirfd", "-w", "1", "/dev/null", "nothing"],
    &["fdmove", "-c", "2", "1", "nothing"],
    &["exec", "nothing"],
];

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let program = words.next().map_or_else(stepdown, PathBuf::from).canonicalize().expect("the binary is there");
    let calls = words.next().map_or(25, |word| word.parse().expect("a number"));
    let wanted: Vec<String> = words.collect();
    let place = tempfile::tempdir().unwrap();
    own_run();
    let (ours, theirs) = (place.path().join("ours"), place.path().join("theirs"));
    [&ours, &theirs].iter().for_each(|directory| std::fs::create_dir(directory).unwrap());
    for command in stepdown::s6_commands::COMMANDS {
        symlink(&program, ours.join(command.name)).unwrap();
    }
    let with_contenv = theirs.join("with-contenv");
    let originals = std::env::var("STEPDOWN_BENCH_ORIGINALS").unwrap_or_else(|_| DEBIANS.to_owned());
    let execlineb = originals.split(':').map(|place| Path::new(place).join("execlineb")).find(|file| file.exists());
    let execlineb = execlineb.or_else(|| Some("/usr/bin/execlineb".into())).filter(|file| file.exists());
    let interpreter = format!("#!{} -S0\n", execlineb.expect("the packages execline and s6 are installed").display());
    std::fs::write(&with_contenv, interpreter + WITH_CONTENV).unwrap();
    std::fs::set_permissions(&with_contenv, PermissionsExt::from_mode(0o755)).unwrap();
    // Like the commands, it is the first of PATH in both.
    compile_nothing(&ours.join("nothing"));
    symlink(ours.join("nothing"), theirs.join("nothing")).unwrap();
    let ours = format!("{}:/usr/bin:/bin", ours.display());
    let theirs = format!("{}:{originals}", theirs.display());
    let (floor, _) = fastest(&theirs, &ours, &["nothing"], calls);
    say(&format!("{:66} {floor:6.3} ms", "nothing alone"));
    for argv in CASES.iter().filter(|argv| wanted.is_empty() || wanted.iter().any(|name| name == argv[0])) {
        let (original, own) = fastest(&theirs, &ours, argv, calls);
        let factor = own / original;
        let verdict = if factor > BUDGET { " OVER BUDGET" } else { "" };
        let name = argv.join(" ");
        say(&format!("{name:66} {original:6.3} ms original, {own:6.3} ms ours: {factor:.2}{verdict}"));
    }
}

fn say(line: &str) {
    stdout().write_all(format!("{line}\n").as_bytes()).unwrap();
}

/// Mounts a `/run` that only this process and its children see, with the container environment.
fn own_run() {
    unshare(CloneFlags::CLONE_NEWNS).expect("run as root");
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), none).unwrap();
    std::fs::create_dir_all(CONTAINER_ENVIRONMENT).unwrap();
    for number in 0..20 {
        std::fs::write(format!("{CONTAINER_ENVIRONMENT}/VARIABLE{number}"), "a value\n").unwrap();
    }
}

fn compile_nothing(to: &Path) {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/nothing.c");
    let flags = ["-O2", "-static", "-no-pie", "-nostartfiles", "-fno-stack-protector"];
    let status = Command::new("cc").args(flags).arg("-o").arg(to).arg(source).status().expect("cc is there");
    assert!(status.success());
}

/// Returns the static build if there is one, else the one that cargo just made for this benchmark.
fn stepdown() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target"), PathBuf::from);
    let fixed = target.join(format!("{}-unknown-linux-gnu/release/stepdown", std::env::consts::ARCH));
    if fixed.exists() { fixed } else { PathBuf::from(env!("CARGO_BIN_EXE_stepdown")) }
}

/// The fastest rounds of the original and of ours, in milliseconds for each call.
fn fastest(theirs: &str, ours: &str, argv: &[&str], calls: u32) -> (f64, f64) {
    let (mut original, mut own) = (f64::INFINITY, f64::INFINITY);
    for _ in 0..ROUNDS {
        original = original.min(milliseconds(theirs, argv, calls));
        own = own.min(milliseconds(ours, argv, calls));
    }
    (original, own)
}

fn milliseconds(path: &str, argv: &[&str], calls: u32) -> f64 {
    let program = path.split(':').map(|place| Path::new(place).join(argv[0])).find(|file| file.exists()).unwrap();
    let begin = Instant::now();
    for _ in 0..calls {
        let mut command = Command::new(&program);
        let status = command.args(&argv[1..]).env_clear().env("PATH", path).status().unwrap();
        assert!(status.success(), "{argv:?}");
    }
    begin.elapsed().as_secs_f64() * 1000.0 / f64::from(calls)
}
