//! Tables and values of the reference → the parts of a JSON Schema that say them. Must not know which keys there are.
//!
//! Patterns are regular expressions that ECMA 262, Python and Rust read alike, without looking ahead.

use serde_json::{Map, Value, json};

use super::key_reference::{Expects, KeyDoc, KeyStatus, LimitUnit, Needs, TableDoc, TextForm};
use super::units::MAX_ID;
use super::values::{Capability, Signal};
use super::{service_keys, signals_toml};

/// An account's or a group's name (useradd(8)).
const ACCOUNT: &str = "[A-Za-z_][A-Za-z0-9_.-]{0,31}";
/// An id as text; its highest value is left to the reader.
const ID: &str = "0|[1-9][0-9]{0,9}";
const DURATION: &str = "^[0-9]+(ms|s|m|h|d)$";
const SIZE: &str = "^[0-9]+[KMGT]?$";
/// What the name of a real-time signal ends with, 34 to 64.
const REAL_TIME: &str = r"RTMIN(\+([0-9]|[12][0-9]|30))?";
const SIGNAL_NUMBER: &str = "[1-9]|[1-5][0-9]|6[0-4]";

/// A table with the keys of the reference, and no others.
pub(super) fn object(doc: &TableDoc) -> Map<String, Value> {
    let available = doc.keys.iter().filter(|key| key.status == KeyStatus::Available);
    let properties: Map<String, Value> = available.map(|key| (key.name.to_owned(), property(doc, key))).collect();
    let mut schema = Map::new();
    schema.insert("type".to_owned(), json!("object"));
    schema.insert("additionalProperties".to_owned(), json!(false));
    schema.insert("properties".to_owned(), Value::Object(properties));
    match doc.needs {
        Needs::Nothing => {}
        Needs::All(keys) => {
            schema.insert("required".to_owned(), json!(keys));
        }
        Needs::One(keys) => {
            let has_http = keys.contains(&"http");
            let only = |key: &&str| match *key {
                "socket" if has_http => json!({ "required": ["socket"], "not": { "required": ["http"] } }),
                key => json!({ "required": [key] }),
            };
            // What is no table has another error already.
            let one: Value = keys.iter().map(only).collect();
            schema.insert("if".to_owned(), json!({ "type": "object" }));
            schema.insert("then".to_owned(), json!({ "oneOf": one }));
        }
    }
    schema
}

fn property(doc: &TableDoc, key: &KeyDoc) -> Value {
    let mut schema = of(key.expects);
    let title = if doc.name.is_empty() { key.name.to_owned() } else { format!("{}.{}", doc.name, key.name) };
    schema.insert("title".to_owned(), Value::String(title));
    let default = if key.default.starts_with('(') { key.default.to_owned() } else { format!("`{}`", key.default) };
    let description = format!("{}\n\nExpects {}. Default: {default}", key.meaning, key.expects);
    schema.insert("description".to_owned(), Value::String(description));
    if !key.default.starts_with('(') {
        schema.extend(
            value_of(key.name, &format!("{} = {}", key.name, key.default)).map(|it| ("default".to_owned(), it)),
        );
    }
    schema.extend(value_of(key.name, key.example).map(|it| ("examples".to_owned(), Value::Array(vec![it]))));
    Value::Object(schema)
}

/// The value of a key in lines of TOML.
fn value_of(key: &str, lines: &str) -> Option<Value> {
    toml::from_str::<Map<String, Value>>(lines).ok()?.remove(key)
}

/// Returns the schema of a value.
fn of(expects: Expects) -> Map<String, Value> {
    let schema = match expects {
        // A side gets its type from its limit.
        Expects::Nothing | Expects::LimitSide => json!({}),
        Expects::Text(form) => text(form),
        Expects::Word(words) => json!({ "type": "string", "enum": words }),
        Expects::WordOrTable(words, doc) => {
            json!({ "anyOf": [{ "type": "string", "enum": words }, object(doc)] })
        }
        Expects::Boolean => json!({ "type": "boolean" }),
        Expects::True => json!({ "type": "boolean", "enum": [true] }),
        Expects::Integer(least, most) => integer(least, most),
        Expects::Count => count(),
        Expects::CountOrInfinity => json!({ "anyOf": [count(), infinity()] }),
        Expects::Duration => pattern(DURATION),
        Expects::Size(least) => json!({ "anyOf": [{ "type": "integer", "minimum": least }, pattern(SIZE)] }),
        Expects::Octal(most) => pattern(&octal(most)),
        Expects::Calendar => text(TextForm::Filled),
        Expects::AbsolutePath => path(r"^/[^\x00-\x1f\x7f-\x9f]*$"),
        Expects::PasswdPath => path(r"^/[^\x00-\x1f\x7f-\x9f:]*$"),
        Expects::RelativePath => path(r"^[^/\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$"),
        Expects::NameOrNumber => {
            json!({ "anyOf": [integer(0, i64::from(MAX_ID)), pattern(&format!("^({ACCOUNT}|{ID})$"))] })
        }
        Expects::Signal => signal(),
        Expects::HostPort => json!({ "anyOf": [
            integer(1, i64::from(u16::MAX)),
            pattern(r"^(([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9A-Fa-f:.]+\])?:)?[1-9][0-9]{0,4}$"),
        ] }),
        Expects::Url => pattern("^http://[^/?#@]"),
        Expects::Status => {
            json!({ "anyOf": [integer(200, 599), pattern("^[2-5][0-9][0-9](-[2-5][0-9][0-9])?$")] })
        }
        Expects::Limit(unit) => limit(unit),
        Expects::Array(of, least) => array(*of, least),
        Expects::Table(doc) => Value::Object(object(doc)),
        Expects::TableOf(keys, of) => {
            json!({ "type": "object", "propertyNames": text(keys), "additionalProperties": self::of(*of) })
        }
        Expects::Signals(doc) => signals(doc),
    };
    match schema {
        Value::Object(schema) => schema,
        _ => Map::new(),
    }
}

fn text(form: TextForm) -> Value {
    match form {
        TextForm::Any => json!({ "type": "string" }),
        TextForm::Filled => json!({ "type": "string", "minLength": 1 }),
        TextForm::Account => pattern(&format!("^{ACCOUNT}$")),
        // uid 0 is `root`, or `0:0`.
        TextForm::RunAs => pattern(&format!("^({ACCOUNT}|0:0|[1-9][0-9]{{0,9}}:({ID}))$")),
        TextForm::ServiceOrMain => pattern("^[A-Za-z0-9_][A-Za-z0-9_.@:+-]{0,63}$"),
        TextForm::Variable => pattern("^[A-Za-z_][A-Za-z0-9_]*$"),
        TextForm::VariableEnd => pattern("^_[A-Za-z0-9_]*$"),
        TextForm::AnyVariable => pattern("^[^= \\t\\n\\r]+$"),
        TextForm::Capability => capability(),
        TextForm::WaitTarget => pattern("^(tcp://|http://|path:/|socket:/)"),
        TextForm::NamePattern => json!({ "type": "string", "pattern": "^[^/]+$", "not": { "enum": [".", ".."] } }),
    }
}

fn pattern(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": pattern })
}

/// A path without `..`.
fn path(pattern: &str) -> Value {
    // Without the type in it, `not` would refuse what is no text once more.
    let up = json!({ "type": "string", "pattern": r"(^|/)\.\.(/|$)" });
    json!({ "type": "string", "pattern": pattern, "not": up })
}

fn integer(least: i64, most: i64) -> Value {
    json!({ "type": "integer", "minimum": least, "maximum": most })
}

fn count() -> Value {
    integer(1, i64::from(u32::MAX))
}

fn infinity() -> Value {
    json!({ "type": "string", "enum": ["infinity"] })
}

/// An array; the first word of a command is a program, which has a name.
fn array(of: Expects, least: usize) -> Value {
    let items = self::of(of);
    match (of, least) {
        (Expects::Text(TextForm::Any), 1..) => {
            let program = json!({ "type": "string", "minLength": 1 });
            json!({ "type": "array", "items": [program], "additionalItems": items, "minItems": least })
        }
        (_, 0) => json!({ "type": "array", "items": items }),
        (_, _) => json!({ "type": "array", "items": items, "minItems": least }),
    }
}

/// One to five octal digits of a mode that ends in all bits below its first digit, such as `0o3777`.
fn octal(most: u32) -> String {
    let digits = format!("{most:o}");
    let (first, rest) = digits.split_at(1);
    let zeros = 5_usize.saturating_sub(digits.len());
    // Fewer digits than `most` has, or as many and the first one not above its own, and zeros before.
    format!("^(0{{0,{zeros}}}[0-{first}])?[0-7]{{1,{}}}$", rest.len())
}

/// In any case, with or without `CAP_`; the usual spelling first, which an editor proposes.
fn capability() -> Value {
    let any_case = |name: &str| {
        let letter = |letter: char| match letter.to_ascii_lowercase() {
            lower if lower == letter => letter.to_string(),
            lower => format!("[{letter}{lower}]"),
        };
        name.chars().map(letter).collect::<String>()
    };
    let names = Capability::NAMES.map(any_case).join("|");
    json!({ "anyOf": [
        { "type": "string", "enum": Capability::NAMES.as_slice() },
        pattern(&format!("^({})?({names})$", any_case("CAP_"))),
    ] })
}

fn limit(unit: LimitUnit) -> Value {
    let mut scalars = vec![json!({ "type": "integer", "minimum": 0 })];
    if unit != LimitUnit::FiniteNumber {
        scalars.push(infinity());
    }
    if unit == LimitUnit::Bytes {
        scalars.push(pattern(SIZE));
    }
    let mut both = object(&service_keys::LIMIT);
    if let Some(Value::Object(sides)) = both.get_mut("properties") {
        for side in sides.values_mut().filter_map(Value::as_object_mut) {
            side.insert("anyOf".to_owned(), Value::Array(scalars.clone()));
        }
    }
    scalars.push(Value::Object(both));
    json!({ "anyOf": scalars })
}

fn signal() -> Value {
    let names: Vec<&str> = Signal::names().collect();
    let plain = names.join("|");
    json!({ "anyOf": [
        { "type": "string", "enum": names },
        integer(1, i64::from(Signal::MAX)),
        pattern(&format!("^(SIG({plain}|{REAL_TIME})|{REAL_TIME}|{SIGNAL_NUMBER})$")),
    ] })
}

/// A key for each signal that can be forwarded. The plain names are there twice, since an editor proposes no pattern.
fn signals(doc: &TableDoc) -> Value {
    let can = |signal: &Signal| signals_toml::why_not(*signal).is_none();
    let names: Vec<&str> = Signal::names().filter(|name| Signal::parse(name).as_ref().is_some_and(can)).collect();
    let numbers = (1..=Signal::MAX).filter(|number| Signal::from_number(*number).as_ref().is_some_and(can));
    let numbers = numbers.map(|number| number.to_string()).collect::<Vec<_>>().join("|");
    let all = format!("^((SIG)?({}|{REAL_TIME})|{numbers})$", names.join("|"));
    let proposed: Map<String, Value> = names.into_iter().map(|name| (name.to_owned(), json!({}))).collect();
    json!({
        "type": "object",
        "properties": proposed,
        "patternProperties": { all: { "anyOf": [text(TextForm::ServiceOrMain), object(doc)] } },
        "additionalProperties": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mode_has_at_most_five_digits_and_is_not_above_its_most() {
        assert_eq!(octal(0o777), "^(0{0,2}[0-7])?[0-7]{1,2}$");
        assert_eq!(octal(0o3777), "^(0{0,1}[0-3])?[0-7]{1,3}$");
    }

    #[test]
    fn a_signal_that_cannot_be_forwarded_is_no_key() {
        let all = signals(&crate::config::container_keys::SIGNAL);
        let names: Vec<&String> = all["properties"].as_object().into_iter().flat_map(Map::keys).collect();
        assert!(names.iter().any(|name| *name == "HUP") && names.iter().all(|name| *name != "TERM"), "{names:?}");
    }
}
