//! The JSON Schemas of both files, for editors, made of the reference of keys. Must not know how the files are read.
//!
//! Draft 7: the newest one that taplo (and so Even Better TOML) reads, and the one that every other editor reads, too.
//!
//! A schema is never stricter than the reader: where a rule cannot be said exactly (two keys that exclude each other, a path
//! of the system, names of other files), it is left to `stepdown check`.

use serde_json::Value;

use super::keys::ConfigFile;
use super::{container_keys, schema_types, service_keys};

/// Returns the schema of a kind of file.
pub fn of(file: ConfigFile) -> Value {
    let (doc, name, title, description) = match file {
        ConfigFile::Service => (
            &service_keys::SERVICE,
            "service",
            "A service of stepdown",
            "/etc/services.d/NAME.toml, or service.toml in a directory NAME there",
        ),
        ConfigFile::Container => {
            (&container_keys::CONTAINER, "container", "The container file of stepdown", "/etc/stepdown.toml")
        }
    };
    let mut schema = schema_types::object(doc);
    let version = env!("CARGO_PKG_VERSION");
    let words = [
        ("$schema", "http://json-schema.org/draft-07/schema#".to_owned()),
        ("$comment", format!("Printed by `stepdown schema {name}`, version {version}.")),
        ("title", title.to_owned()),
        ("description", description.to_owned()),
    ];
    schema.extend(words.map(|(key, text)| (key.to_owned(), Value::String(text))));
    Value::Object(schema)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::key_reference::Needs;
    use crate::config::keys::{KeyStatus, reference};

    /// The schema of a key, by its path in the file.
    fn at<'s>(schema: &'s Value, path: &str) -> &'s Value {
        path.split('.').fold(schema, |schema, key| &schema["properties"][key])
    }

    #[test]
    fn every_key_that_is_available_has_its_meaning_and_example() {
        let both = [ConfigFile::Service, ConfigFile::Container].map(of);
        for (at_file, table) in
            reference().iter().map(|table| (usize::from(table.file == ConfigFile::Container), table))
        {
            // Those of arrays, signals and limits stand elsewhere.
            if table.header.starts_with("[[") || table.name.contains('.') {
                continue;
            }
            for key in table.keys {
                let path = format!("{}.{}", table.name, key.name);
                let whole = &both[at_file];
                let found = match table.name {
                    "restart" => &whole["properties"]["restart"]["anyOf"][1]["properties"][key.name],
                    _ => at(whole, path.trim_start_matches('.')),
                };
                assert_eq!(found.is_object(), key.status == KeyStatus::Available, "{path}");
                if found.is_object() {
                    assert!(found["description"].as_str().is_some_and(|it| it.starts_with(key.meaning)), "{path}");
                    assert_eq!(found["examples"].as_array().map(Vec::len), Some(1), "{path}");
                    assert_eq!(found.get("default").is_none(), key.default.starts_with('('), "{path}");
                }
            }
        }
    }

    #[test]
    fn what_a_table_needs_is_what_the_reference_says() {
        for table in reference() {
            let required: Vec<&str> =
                table.keys.iter().filter(|key| key.default.contains("required")).map(|key| key.name).collect();
            let needed = match table.needs {
                Needs::Nothing => Vec::new(),
                Needs::All(keys) => keys.to_vec(),
                Needs::One(["command", "script"]) => vec!["command"],
                Needs::One(keys) => keys.to_vec(),
            };
            let sorted = |mut names: Vec<&'static str>| {
                names.sort_unstable();
                names
            };
            assert_eq!(sorted(needed), sorted(required), "{}", table.name);
        }
    }

    #[test]
    fn the_main_command_is_never_restarted() {
        let container = of(ConfigFile::Container);
        assert_eq!(at(&container, "main.health.then")["enum"], json!(["stop-container", "report"]));
        assert_eq!(at(&of(ConfigFile::Service), "health.then")["enum"], json!(["restart", "stop-container", "report"]));
    }
}
