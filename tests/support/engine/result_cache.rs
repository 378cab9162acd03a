//! Results that this binary has computed, kept for its other processes: nextest runs each test in one of its own, and the
//! results that forty tests use take seconds to compute. The same binary computes the same, so nothing is ever out of date.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The file with the number of the others.
const COUNT: &str = "count";

/// Returns what `compute` returns, from another process of this binary if one has computed it for the same `key`.
///
/// Two that begin at the same time both compute; the first result is kept for the others.
pub fn once(key: &str, compute: impl FnOnce() -> BTreeMap<String, String>) -> BTreeMap<String, String> {
    let Some(place) = place(key) else { return compute() };
    if let Some(kept) = read(&place) {
        return kept;
    }
    let found = compute();
    // Written to another directory that is then renamed: a reader sees all of it or nothing. Where it cannot be kept it is only slower.
    let aside = place.with_extension(format!("{}.part", std::process::id()));
    let write = |(name, text): (&String, &String)| fs::write(aside.join(name), text);
    let _kept = fs::create_dir_all(&aside)
        .and_then(|()| found.iter().try_for_each(write))
        .and_then(|()| fs::write(aside.join(COUNT), found.len().to_string()))
        .and_then(|()| fs::rename(&aside, &place))
        .or_else(|_| fs::remove_dir_all(&aside));
    found
}

/// A directory for this binary as it was built, and this key; those of earlier builds are removed.
fn place(key: &str) -> Option<PathBuf> {
    // `.ci/mutate` runs one binary with many engines.
    if std::env::var_os("STEPDOWN_MUTATION").is_some() {
        return None;
    }
    let this = std::env::current_exe().ok()?;
    let built = fs::metadata(&this).ok()?;
    let name = this.file_name()?.to_str()?;
    let top = Path::new(env!("CARGO_TARGET_TMPDIR")).join("results");
    let is = format!("{name}-{}-{}-{}-{}", built.ino(), built.len(), built.mtime(), built.mtime_nsec());
    for entry in fs::read_dir(&top).into_iter().flatten().flatten() {
        let other = entry.file_name().to_string_lossy().into_owned();
        if other.starts_with(name) && !other.starts_with(&is) {
            let _others_remove_it_too = fs::remove_dir_all(entry.path());
        }
    }
    Some(top.join(format!("{is}-{key}")))
}

/// Returns what is kept there, if it is whole: one that is just being removed must not pass for one without violations.
fn read(place: &Path) -> Option<BTreeMap<String, String>> {
    let mut kept = BTreeMap::new();
    for entry in fs::read_dir(place).ok()? {
        let entry = entry.ok()?;
        kept.insert(entry.file_name().into_string().ok()?, fs::read_to_string(entry.path()).ok()?);
    }
    let count = kept.remove(COUNT)?;
    (count == kept.len().to_string()).then_some(kept)
}
