//! What a start of a helper command costs, beside the original of Debian's packages `s6` and `execline`: the same call, by
//! turns, in one run. Run by hand, as root:
//!
//! ```text
//! cargo bench --bench s6_commands -- [STEPDOWN [CALLS]]
//! ```
//!
//! STEPDOWN is the static binary (`.ci/static`), which images have; else the one that cargo built. Wall time, the fastest of
//! seven rounds: whatever else runs here only makes one slower. `with-contenv` and `s6-setuidgid` are chains of programs in
//! the originals.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods)] // measures

use std::io::{Write, stdout};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const ROUNDS: u32 = 7;
/// `with-contenv` of s6-overlay 3.2.2, with the directory in a variable.
const WITH_CONTENV: &str = "ifelse { importas -D 0 S6_KEEP_ENV S6_KEEP_ENV eltest 0${S6_KEEP_ENV} -eq 0 } { emptyenv -p s6-envdir \
                            -Lf -- ENV exec $@ } $@";
const ORIGINALS: &str = "/usr/lib/execline/bin:/usr/bin:/bin";

fn main() {
    let mut words = std::env::args().skip(1).filter(|word| !word.starts_with("--"));
    let program = words.next().map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_stepdown")), PathBuf::from);
    let calls = words.next().map_or(500, |word| word.parse().expect("a number"));
    let place = tempfile::tempdir().unwrap();
    for command in stepdown::s6_commands::COMMANDS {
        symlink(program.canonicalize().unwrap(), place.path().join(command.name)).unwrap();
    }
    let environment = place.path().join("environment");
    std::fs::create_dir(&environment).unwrap();
    for number in 0..20 {
        std::fs::write(environment.join(format!("VARIABLE{number}")), "a value\n").unwrap();
    }
    let script = WITH_CONTENV.replace("ENV exec", &format!("{} exec", environment.display()));
    let envdir = ["s6-envdir", "-Lf", "--", environment.to_str().unwrap(), "true"];
    let cases: [(&str, Vec<&str>, Vec<&str>); 6] = [
        ("with-contenv true", vec!["execlineb", "-S0", "-c", &script, "true"], vec!["with-contenv", "true"]),
        ("s6-envdir DIR true", envdir.to_vec(), envdir.to_vec()),
        ("s6-setuidgid nobody true", vec!["s6-setuidgid", "nobody", "true"], vec!["s6-setuidgid", "nobody", "true"]),
        ("execlineb -Pc true", vec!["execlineb", "-Pc", "true"], vec!["execlineb", "-Pc", "true"]),
        ("cd / true", vec!["cd", "/", "true"], vec!["cd", "/", "true"]),
        ("if { true } true", vec!["if", " true", "", "true"], vec!["if", " true", "", "true"]),
    ];
    let ours = format!("{}:/usr/bin:/bin", place.path().display());
    for (name, original, own) in cases {
        let (mut theirs, mut time) = (f64::INFINITY, f64::INFINITY);
        for _ in 0..ROUNDS {
            theirs = theirs.min(milliseconds(ORIGINALS, &original, calls));
            time = time.min(milliseconds(&ours, &own, calls));
        }
        let line = format!("{name:26} {theirs:6.3} ms original, {time:6.3} ms ours: {:.2}\n", time / theirs);
        stdout().write_all(line.as_bytes()).unwrap();
    }
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
