//! What the tests of the reader read, and what it said: those tests run once more, and write each file down.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stepdown::config::{Config, Content, Sources};
use stepdown::error::Problems;

use super::validator::File;

/// The directory that recording processes write into.
const DIRECTORY: &str = "STEPDOWN_TEST_RECORDED_FILES";

/// One file that was read.
pub struct Recorded {
    pub file: File,
    /// What the reader said of it; nothing: it was accepted.
    pub problems: Vec<String>,
}

/// Writes down the files of these sources, if this process is to.
pub fn record(sources: &Sources, result: &Result<Config, Problems>) {
    let Some(directory) = std::env::var_os(DIRECTORY) else { return };
    let problems: Vec<String> = match result {
        Ok(_) => Vec::new(),
        Err(problems) => problems.clone().into_sorted().iter().map(ToString::to_string).collect(),
    };
    let trees = sources.trees.iter().flat_map(|tree| {
        tree.entries.iter().map(|(name, content)| (tree.path.join(name), "service", content)).flat_map(files_below)
    });
    let container = sources.container.iter().map(|(path, content)| (path.clone(), "container", content));
    for (path, kind, content) in trees.chain(container) {
        let Content::File { bytes, .. } = content else { continue };
        let Ok(text) = std::str::from_utf8(bytes) else { continue };
        let start = format!("{}:", path.display());
        let own: Vec<&String> = problems.iter().filter(|problem| problem.starts_with(&start)).collect();
        // If others have problems, it may not have been read to its end.
        if own.is_empty() && !problems.is_empty() {
            continue;
        }
        let line = json!({ "kind": kind, "text": text, "problems": own }).to_string() + "\n";
        let to = Path::new(&directory).join(std::process::id().to_string());
        let mut file = fs::File::options().create(true).append(true).open(to).unwrap();
        // One call: other threads write, too.
        file.write_all(line.as_bytes()).unwrap();
    }
}

type Entry<'c> = (std::path::PathBuf, &'static str, &'c Content);

fn files_below((path, kind, content): Entry<'_>) -> Vec<Entry<'_>> {
    match content {
        Content::File { .. } if path.extension().is_some_and(|end| end == "toml") => vec![(path, kind, content)],
        Content::Dir(entries) => {
            let inner = entries.iter().filter(|(name, _)| *name == "service.toml");
            inner.map(|(name, content)| (path.join(name), kind, content)).collect()
        }
        _ => Vec::new(),
    }
}

/// Runs the tests of the reader, and returns each file that they read, once.
pub fn files_of_the_readers_tests() -> Vec<Recorded> {
    let directory = tempfile::tempdir().unwrap();
    // Not those of broken syntax and of random bytes, which no schema sees.
    let mut tests = Command::new(std::env::current_exe().unwrap());
    tests.args(["config::", "--skip", "config::syntax::", "--skip", "config::hostile::", "--test-threads", "2"]);
    let output = tests.env(DIRECTORY, directory.path()).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let mut found: BTreeMap<String, Recorded> = BTreeMap::new();
    for entry in fs::read_dir(directory.path()).unwrap() {
        for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            let value: Value = serde_json::from_str(line).unwrap();
            let text = |key: &str| value[key].as_str().unwrap().to_owned();
            let problems = value["problems"].as_array().unwrap().iter();
            let problems: Vec<String> = problems.map(|it| it.as_str().unwrap().to_owned()).collect();
            let file = File { kind: text("kind"), text: text("text") };
            let key = format!("{} {}", file.kind, file.text);
            // With other files beside it or in another environment it may have been accepted.
            let is_accepted = found.get(&key).is_some_and(|other| other.problems.is_empty());
            if !is_accepted {
                found.insert(key, Recorded { file, problems });
            }
        }
    }
    assert!(found.len() > 300, "{} files", found.len());
    found.into_values().collect()
}
