//! What a call of a helper command of s6 or execline costs, beside the originals. What is executed at the end is a program
//! that does nothing, so that the two differ by their commands alone; its own cost is the first case.
//!
//! Debian's originals are linked dynamically; s6-overlay's own are static, and start faster: STEPDOWN_BENCH_ORIGINALS is a
//! directory with such ones. `with-contenv` and `s6-setuidgid` are chains of programs in the originals.
#![allow(clippy::disallowed_methods)] // measures, and runs others to compare with

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::super::Outcome;
use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::race::Race;
use super::super::results::Case;
use super::super::workplace::Medium;

/// Each sample is the mean of so many.
const CALLS: u32 = 25;
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
    &["nothing"],
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

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let _run = OwnRun::mount()?;
    let place = bench.place.path(Medium::Tmpfs);
    let (ours, theirs) = (place.join("ours"), place.join("theirs"));
    [&ours, &theirs].iter().try_for_each(fs::create_dir_all)?;
    let binary = bench.stepdown.canonicalize()?;
    for command in stepdown::s6_commands::COMMANDS {
        symlink(&binary, ours.join(command.name))?;
    }
    let originals = std::env::var("STEPDOWN_BENCH_ORIGINALS").unwrap_or_else(|_| DEBIANS.to_owned());
    let found = with_contenv(&originals, &theirs);
    for directory in [&ours, &theirs] {
        symlink(bench.place.programs().join("nothing"), directory.join("nothing"))?;
    }
    let ours = format!("{}:/usr/bin:/bin", ours.display());
    let theirs = format!("{}:{originals}", theirs.display());
    let calls = bench.size(CALLS, 3);
    let mut cases = Vec::new();
    for argv in CASES {
        let mut race = Race::default();
        let original = found.as_ref().map_err(|error| error.to_string().into()).map(|()| &theirs);
        race.one("original", original, |path| milliseconds(path, argv, calls));
        race.one("stepdown", Ok(&ours), |path| milliseconds(path, argv, calls));
        let [case] = race.run(bench.rounds(15), [Case::new(argv.join(" "), "ms a call")])?;
        let case = case.against("original");
        cases.push(if argv.len() == 1 { case } else { case.budget("stepdown", &Limit::Times(1.2, "original")) });
    }
    Ok(cases)
}

/// Writes the script that s6-overlay has.
fn with_contenv(originals: &str, theirs: &Path) -> Outcome<()> {
    let execlineb = originals.split(':').map(|place| Path::new(place).join("execlineb")).find(|file| file.exists());
    let execlineb = execlineb.ok_or("execlineb is not installed (apt-get install execline s6)")?;
    let script = theirs.join("with-contenv");
    fs::write(&script, format!("#!{} -S0\n{WITH_CONTENV}", execlineb.display()))?;
    Ok(fs::set_permissions(script, PermissionsExt::from_mode(0o755))?)
}

fn milliseconds(path: &str, argv: &[&str], calls: u32) -> Outcome<f64> {
    let (name, words) = argv.split_first().ok_or("a call has a name")?;
    let mut places = path.split(':').map(|place| Path::new(place).join(name));
    let program: PathBuf = places.find(|file| file.exists()).ok_or_else(|| format!("{name} is not installed"))?;
    let begin = Instant::now();
    for _ in 0..calls {
        let status = Command::new(&program).args(words).env_clear().env("PATH", path).status()?;
        if !status.success() {
            return Err(format!("{argv:?}: {status}").into());
        }
    }
    Ok(begin.elapsed().as_secs_f64() * 1000.0 / f64::from(calls))
}

/// A `/run` that only this process and its children see, so that both read the same container environment.
struct OwnRun;

impl OwnRun {
    fn mount() -> Outcome<Self> {
        mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::empty(), None::<&str>)?;
        let run = Self;
        fs::create_dir_all(CONTAINER_ENVIRONMENT)?;
        for number in 0..20 {
            fs::write(format!("{CONTAINER_ENVIRONMENT}/VARIABLE{number}"), "a value\n")?;
        }
        Ok(run)
    }
}

impl Drop for OwnRun {
    fn drop(&mut self) {
        umount2("/run", MntFlags::MNT_DETACH).ok();
    }
}
