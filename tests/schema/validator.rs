//! A public validator of JSON Schema (Debian's python3-jsonschema) over files in TOML.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use stepdown::config::keys::ConfigFile;
use stepdown::config::schema;

use crate::support::skip::skipped;

/// A file and its kind.
#[derive(Clone, Debug)]
pub struct File {
    /// `service` or `container`.
    pub kind: String,
    pub text: String,
}

impl File {
    pub fn service(text: impl Into<String>) -> Self {
        Self { kind: "service".to_owned(), text: text.into() }
    }

    pub fn container(text: impl Into<String>) -> Self {
        Self { kind: "container".to_owned(), text: text.into() }
    }
}

/// What the validator says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    Valid,
    /// Each error in a line.
    Invalid(String),
    /// Python's parser, of TOML 1.0, does not read it.
    NoToml(String),
}

const VALIDATE: &str = r#"
import json, sys, tomllib
from jsonschema import Draft7Validator
asked = json.load(sys.stdin)
validators = {}
for kind, schema in asked["schemas"].items():
    Draft7Validator.check_schema(schema)
    validators[kind] = Draft7Validator(schema)
answers = []
for file in asked["files"]:
    try:
        value = tomllib.loads(file["text"])
    except tomllib.TOMLDecodeError as error:
        answers.append({"no_toml": str(error)})
        continue
    errors = [f"{list(error.path)}: {error.message}"[:300] for error in validators[file["kind"]].iter_errors(value)]
    answers.append({"invalid": "\n".join(errors)} if errors else {})
json.dump(answers, sys.stdout)
"#;

/// Returns a verdict for each file; `None`: there is no validator here.
pub fn verdicts(files: &[&File]) -> Option<Vec<Verdict>> {
    let has_it = Command::new("/usr/bin/python3").args(["-c", "import jsonschema, tomllib"]).output();
    if !has_it.is_ok_and(|output| output.status.success()) {
        skipped("there is no python3-jsonschema; .ci/packages installs it");
        return None;
    }
    let files: Vec<Value> = files.iter().map(|file| json!({ "kind": file.kind, "text": file.text })).collect();
    let schemas = json!({ "service": schema::of(ConfigFile::Service), "container": schema::of(ConfigFile::Container) });
    let mut python = Command::new("/usr/bin/python3");
    let python = python.args(["-c", VALIDATE]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut python = python.spawn().unwrap();
    let asked = json!({ "schemas": schemas, "files": files }).to_string();
    python.stdin.take().unwrap().write_all(asked.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answers.len(), files.len());
    let verdict = |answer: Value| match (answer["no_toml"].as_str(), answer["invalid"].as_str()) {
        (Some(why), _) => Verdict::NoToml(why.to_owned()),
        (None, Some(why)) => Verdict::Invalid(why.to_owned()),
        (None, None) => Verdict::Valid,
    };
    Some(answers.into_iter().map(verdict).collect())
}
