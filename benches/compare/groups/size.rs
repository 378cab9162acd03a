//! The size of the binaries, as they are and by xz.
#![allow(clippy::disallowed_methods)] // runs xz

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use super::super::bench::Bench;
use super::super::budget::Limit;
use super::super::results::Case;
use super::super::rootfs::installed;
use super::super::{Outcome, machine};

/// A binary beyond this has debug information, which xz takes a minute for.
const RELEASE: u64 = 20_000_000;

/// Measures.
pub fn run(bench: &Bench) -> Outcome<Vec<Case>> {
    let mut cases = [Case::new("binary", "KB"), Case::new("binary, xz -9", "KB")];
    let find = |names: &[&str]| names.iter().map(|name| installed(name)).collect::<Option<Vec<PathBuf>>>();
    let ours = bench.versions("stepdown").into_iter().map(|(row, bench)| (row, Some(vec![bench.stepdown])));
    let others = [
        ("tini", find(&["tini"])),
        ("dumb-init", find(&["dumb-init"])),
        ("catatonit", find(&["catatonit"])),
        ("runsvdir and runsv", find(&["runsvdir", "runsv"])),
        ("s6-svscan and s6-supervise", find(&["s6-svscan", "s6-supervise"])),
        ("dinit", machine::dinit().map(|path| vec![path])),
    ];
    for (who, files) in ours.chain(others.map(|(row, files)| (row.to_owned(), files))) {
        let Some(files) = files else {
            cases.iter_mut().for_each(|case| case.missing(&who, "not installed"));
            continue;
        };
        let [plain, packed] = &mut cases;
        let sizes: std::io::Result<Vec<u64>> = files.iter().map(|file| Ok(fs::metadata(file)?.len())).collect();
        plain.row(&who, &[sizes?.iter().sum::<u64>() as f64 / 1e3]);
        let sizes: Outcome<Vec<usize>> = files.iter().map(xz).collect();
        match sizes {
            Ok(sizes) => packed.row(&who, &[sizes.iter().sum::<usize>() as f64 / 1e3]),
            Err(error) => packed.missing(&who, error),
        }
    }
    let [plain, packed] = cases;
    Ok(vec![plain.budget("stepdown", &Limit::AtMost(4000.0)), packed.budget("stepdown", &Limit::AtMost(1600.0))])
}

fn xz(file: &PathBuf) -> Outcome<usize> {
    if fs::metadata(file)?.len() > RELEASE {
        return Err("not a release build".into());
    }
    let output = Command::new("xz").args(["-9", "--stdout"]).stdin(File::open(file)?).output();
    Ok(output.map_err(|error| format!("xz (apt-get install xz-utils): {error}"))?.stdout.len())
}
