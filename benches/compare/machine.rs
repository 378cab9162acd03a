//! Where and when the run happens, and the versions of all that are compared.
#![allow(clippy::disallowed_methods)] // runs others to ask their version

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::bench::Bench;
use super::results::Machine;
use super::workplace::Medium;

/// Packages of the peers.
const PACKAGES: [&str; 10] =
    ["tini", "dumb-init", "catatonit", "s6", "execline", "runit", "supervisor", "gosu", "passwd", "coreutils"];

/// Reads all about the machine.
pub fn read(bench: &Bench) -> Machine {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("", |rest| rest.trim_start_matches([':', '\t', ' ']));
    let count = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = memory.split_whitespace().nth(1).and_then(|word| word.parse::<f64>().ok()).unwrap_or(0.0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let disk = bench.place.parent(Medium::Disk);
    Machine {
        date: output("date", &["-u", "+%Y-%m-%d %H:%M UTC"]),
        kernel: format!("Linux {}", kernel.trim()),
        processors: format!("{count} × {model}"),
        memory: format!("{:.0} GiB", total / 1024.0 / 1024.0),
        disk: output("stat", &["-f", "-c", "%T", &disk.to_string_lossy()]),
        load_before: load(),
        load_after: 0.0,
        versions: versions(bench),
    }
}

/// Returns the average number of processes that wanted to run in the last minute.
pub fn load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0)
}

fn versions(bench: &Bench) -> Vec<(String, String)> {
    let mut all: Vec<_> = bench.versions("stepdown").iter().map(|(row, bench)| (row.clone(), binary(bench))).collect();
    if cfg!(debug_assertions) {
        all.push((
            "the harness".to_owned(),
            "not optimised, nor the ownership walk in it; .ci/bench optimises both".to_owned(),
        ));
    }
    for package in PACKAGES {
        let version = output("dpkg-query", &["-W", "-f", "${Version}", package]);
        all.push((package.to_owned(), if version.is_empty() { "not installed".to_owned() } else { version }));
    }
    let dinit = dinit().map(|path| output(&path.to_string_lossy(), &["--version"]));
    let dinit = dinit.and_then(|text| text.lines().next().map(str::to_owned));
    all.push(("dinit".to_owned(), dinit.unwrap_or_else(|| "not given (BENCH_DINIT)".to_owned())));
    let s6_overlay = s6_overlay().and_then(|directory| s6_overlay_version(&directory));
    all.push(("s6-overlay".to_owned(), s6_overlay.unwrap_or_else(|| "not given (BENCH_S6_OVERLAY)".to_owned())));
    all
}

/// Returns what the binary says that it is, and how it was built.
fn binary(bench: &Bench) -> String {
    let path = bench.stepdown.to_string_lossy();
    let size = fs::metadata(&bench.stepdown).map_or(0, |metadata| metadata.len());
    let linkage =
        if output("ldd", &[&path]).contains("=>") { "dynamic, images get the static build" } else { "static" };
    format!("{}, {linkage}, {size} bytes", output(&path, &["--version"]))
}

/// Returns the directory in which the environment says that s6-overlay is unpacked.
pub fn s6_overlay() -> Option<PathBuf> {
    std::env::var_os("BENCH_S6_OVERLAY").map(PathBuf::from)
}

/// Reads the link that names its version.
fn s6_overlay_version(directory: &Path) -> Option<String> {
    let link = fs::read_link(directory.join("package/admin/s6-overlay")).ok()?;
    Some(link.file_name()?.to_string_lossy().strip_prefix("s6-overlay-")?.to_owned())
}

/// Returns the binary of dinit that the environment names.
pub fn dinit() -> Option<PathBuf> {
    std::env::var_os("BENCH_DINIT").map(PathBuf::from)
}

/// Returns what a command prints, or nothing.
fn output(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default()
}
