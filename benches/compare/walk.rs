//! One ownership walk in a process of its own, so that its memory is its own: `compare walk ours|bare TOP UID`. Prints
//! milliseconds and the peak of its memory in KiB.
#![allow(clippy::disallowed_methods)] // measures

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use stepdown::boot::chown_policy::ChownPolicy;
use stepdown::boot::own;
use stepdown::config::container::OwnOptions;
use stepdown::config::values::{Gid, Uid};
use stepdown::plan::{Identity, OwnTree, Owner};
use stepdown::sys::privilege::{self, EffectiveUser, Root};

use super::{Outcome, bare_walk};

/// The word by which this process is one.
pub const WORD: &str = "walk";

/// Runs such a process, and returns what it prints.
pub fn spawn(kind: &str, top: &Path, id: u32) -> Outcome<Vec<f64>> {
    let output = Command::new("/proc/self/exe").args([WORD, kind]).arg(top).arg(id.to_string()).output()?;
    let text = String::from_utf8(output.stdout)?;
    let numbers: Result<Vec<f64>, _> = text.split_whitespace().map(str::parse).collect();
    numbers.map_err(|_| format!("{kind}: {text}{}", String::from_utf8_lossy(&output.stderr)).into())
}

/// Is such a process.
pub fn run(words: &[String]) -> Outcome<String> {
    let [kind, top, id] = words else { return Err("walk ours|bare TOP UID".into()) };
    let (top, id) = (PathBuf::from(top), id.parse()?);
    let EffectiveUser::Root(root) = privilege::detect() else { return Err("needs root".into()) };
    let began = Instant::now();
    match kind.as_str() {
        "bare" => bare_walk::walk(&top, 2),
        _ => ours(&root, &top, id)?,
    }
    let elapsed = began.elapsed().as_secs_f64() * 1e3;
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    Ok(format!("{elapsed} {}", peak.trim().trim_end_matches(" kB")))
}

fn ours(root: &Root, top: &Path, id: u32) -> Outcome<()> {
    let owner = Owner { uid: Uid(id), gid: Gid(id) };
    let tree = OwnTree { path: top.to_owned(), owner, options: OwnOptions::default() };
    let app = Identity {
        name: "app".to_owned(),
        uid: Uid(id),
        gid: Gid(id),
        groups: vec![Gid(id)],
        home: "/".into(),
        shell: "/sbin/nologin".into(),
        umask: 0o022,
    };
    let report = own::apply(root, &tree, &app, &ChownPolicy::default(), &AtomicBool::new(false), &mut |_| {});
    let report = report.map_err(|error| format!("{error:?}"))?;
    if report.failed.is_empty() && report.skipped.is_empty() { Ok(()) } else { Err(format!("{report:?}").into()) }
}
