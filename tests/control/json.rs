//! The fields that `--json` prints are those of `docs/src/reference/json.md`.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const PAGE: &str = include_str!("../../docs/src/reference/json.md");

/// What has keys of many kinds below it, which the page does not list.
const OPAQUE: [&str; 10] = [
    "why",
    "services[].why",
    "problems[].why",
    "checks[].fix",
    "identity",
    "steps[]",
    "privilege",
    "services[]",
    "order[]",
    "main",
];

/// The fields of a verb on the page, each with the text of its row.
fn documented(verb: &str) -> BTreeMap<String, String> {
    let (_, rest) = PAGE.split_once(&format!("\n## {verb}\n")).unwrap_or_else(|| panic!("{verb} is not on the page"));
    let table = rest.split("\n## ").next().unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `")?.split_once(" | "));
    let mut fields = BTreeMap::new();
    for (names, meaning) in rows {
        for name in names.split('`').map(str::trim).filter(|name| !name.is_empty()) {
            fields.insert(name.to_owned(), meaning.to_owned());
        }
    }
    fields
}

/// The paths of all fields of a value.
fn paths(value: &serde_json::Value, path: &str, is_opaque: &dyn Fn(&str) -> bool, all: &mut BTreeSet<String>) {
    if is_opaque(path) {
        all.insert(path.to_owned());
        return;
    }
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                let dot = if path.is_empty() { "" } else { "." };
                paths(value, &format!("{path}{dot}{name}"), is_opaque, all);
            }
        }
        serde_json::Value::Array(items) if items.is_empty() => drop(all.insert(format!("{path}[]"))),
        serde_json::Value::Array(items) => {
            items.iter().for_each(|item| paths(item, &format!("{path}[]"), is_opaque, all));
        }
        _ => drop(all.insert(path.to_owned())),
    }
}

/// Compares what a verb has printed with the page.
fn assert_documented(verb: &str, printed: &[serde_json::Value]) {
    let page = documented(verb);
    let is_plan = verb == "plan";
    let is_opaque = |path: &str| {
        OPAQUE.contains(&path) && page.contains_key(path) && (is_plan || path.ends_with("why") || path.ends_with("fix"))
    };
    let mut found = BTreeSet::new();
    printed.iter().for_each(|value| paths(value, "", &is_opaque, &mut found));
    assert!(printed.iter().all(|value| value["version"] == 1), "{verb}: {printed:#?}");
    // An empty list shows nothing of what is in it.
    let unknown: Vec<_> = found
        .iter()
        .filter(|path| !page.contains_key(*path) && !page.keys().any(|known| known.starts_with(&format!("{path}."))))
        .collect();
    assert!(unknown.is_empty(), "{verb}: docs/src/reference/json.md does not have {unknown:?}");
    let shown = |name: &str| found.contains(name) || found.iter().any(|path| path.starts_with(&format!("{name}.")));
    let may_be_absent =
        |meaning: &str| meaning.contains("absent") || meaning.contains("empty") || meaning.contains("`null`");
    let missing: Vec<_> = page.iter().filter(|(name, meaning)| !shown(name) && !may_be_absent(meaning)).collect();
    assert!(missing.is_empty(), "{verb}: nothing has printed {missing:?}");
}

#[test]
fn every_field_that_a_verb_prints_as_json_is_on_the_page() {
    if !possible() {
        return;
    }
    let health = "health = { command = [\"false\"], interval = \"100ms\", failures = 1, then = \"report\" }\n";
    let running = app()
        .service("prepare.toml", "type = \"oneshot\"\nuser = \"root\"\ncommand = [\"true\"]\n")
        .service("web.toml", &format!("script = \"echo hello; exec sleep 600\"\nrequires = [\"prepare\"]\n{health}"))
        .service("bad.toml", "command = [\"sh\", \"-c\", \"exit 3\"]\nrestart = { limit = 2, delay = \"100ms\" }\n")
        .service("slow.toml", &format!("{SLEEP}ready = {{ fd = 3 }}\n"))
        .service("killed.toml", "command = [\"sh\", \"-c\", \"kill -9 $$\"]\nrestart = { limit = 1 }\n")
        .start();
    for line in ["web: unhealthy", "bad: failed", "killed: failed"] {
        running.wait_for_line(|text| text.contains(line), LIMIT);
    }
    running.wait_for_line(|line| line.ends_with("| hello"), LIMIT);
    let objects = |words: &[&str]| -> Vec<serde_json::Value> {
        let output = client(&running, 1234, words);
        let text = String::from_utf8(output.stdout).unwrap();
        // One object on a line, or one that is indented.
        serde_json::Deserializer::from_str(&text).into_iter().map(Result::unwrap).collect()
    };
    for verb in ["status", "timings", "doctor", "events", "logs", "plan"] {
        assert_documented(verb, &objects(&[verb, "--json"]));
    }
    let all_of_health = [objects(&["health", "--json"]), objects(&["health", "--json", "--live", "prepare"])].concat();
    assert_documented("health", &all_of_health);
    let right = objects(&["check", "--json"]);
    assert_eq!((right.len(), &right[0]["ok"]), (1, &true.into()), "{right:?}");
    let spoil = "echo 'comand = 1' >> /etc/services.d/web.toml";
    assert!(wrapped(&running, 0, &["sh", "-c", spoil]).output().unwrap().status.success());
    let wrong = objects(&["check", "--json"]);
    let problem = &wrong[0]["problems"][0];
    assert_eq!(
        (&problem["kind"], &problem["path"]),
        (&"file".into(), &"/etc/services.d/web.toml".into()),
        "{wrong:#?}"
    );
    assert!(problem["line"].is_u64() && !problem["fix"].as_str().unwrap().is_empty(), "{wrong:#?}");
    assert_documented("check", &[right, wrong].concat());
    running.stop();
}
