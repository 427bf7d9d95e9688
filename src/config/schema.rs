//! The JSON schema of a configuration file, made from the types that read it and from the shipped example,
//! which shows the defaults. `dualmasterd --print-schema` prints it; editors check files with it.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde_json::{Map, Value, json};

use super::file::File;
use super::value::{Address, Setting, Size, Span, Whole, in_words};

/// The example that is installed: a line `#key = value` shows a default, `## key = value` a sample.
const SHIPPED: &str = include_str!("../../etc/dualmasterd/dualmasterd.toml");

/// Where values of the example are no defaults, but have to be chosen.
const CHOSEN: [&[&str]; 3] = [
    &["pair", "*", "family"],
    &["pair", "*", "member"],
    &["pair", "*", "endpoint", "redirect"],
];

/// The schema as JSON text.
pub fn schema() -> String {
    let settings =
        SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let made = settings.into_generator().into_root_schema_for::<File>();
    let mut schema = made.to_value();
    plain(&mut schema);
    let head = json!({
        "$id": "https://github.com/dualmasterd/dualmasterd/dualmasterd.toml.schema.json",
        "title": "dualmasterd.toml",
        "description": "The configuration of dualmasterd: dualmasterd.toml and conf.d/*.toml.",
    });
    if let (Some(all), Value::Object(head)) = (schema.as_object_mut(), head) {
        all.extend(head);
    }
    note(&mut schema, &mut Vec::new(), &shown("#"), "default");
    note(&mut schema, &mut Vec::new(), &shown("## "), "examples");
    let text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text + "\n"
}

/// The settings of the example that stand behind this sign, headers included.
fn shown(sign: &str) -> toml::Table {
    let is_key = |rest: &&str| rest.starts_with(|c: char| c.is_ascii_lowercase());
    let lines = SHIPPED.lines().filter_map(|line| {
        let header = line.trim_start_matches(['#', ' ']);
        match header.starts_with('[') && header.ends_with(']') {
            true => Some(header),
            false => line.strip_prefix(sign).filter(is_key),
        }
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    text.parse().unwrap_or_default()
}

/// Writes the values of a table into the schema's properties of the same paths.
fn note(schema: &mut Value, path: &mut Vec<String>, table: &toml::Table, word: &str) {
    for (key, value) in table {
        let (name, below) = match schema.get("properties") {
            Some(_) => (
                key.as_str(),
                schema.pointer_mut(&format!("/properties/{key}")),
            ),
            None => ("*", schema.get_mut("additionalProperties")),
        };
        path.push(name.to_owned());
        if let Some(below) = below.filter(|below| below.is_object()) {
            match value.as_table() {
                Some(inner) => note(below, path, inner, word),
                None => put(below, path, value, word),
            }
        }
        path.pop();
    }
}

fn put(schema: &mut Value, path: &[String], value: &toml::Value, word: &str) {
    let chosen = CHOSEN
        .iter()
        .any(|chosen| chosen.len() <= path.len() && chosen.iter().zip(path).all(|(a, b)| a == b));
    let value = serde_json::to_value(value).unwrap_or_default();
    let (word, value) = match word {
        "default" if !chosen => ("default", value),
        _ => ("examples", json!([value])),
    };
    if let Some(schema) = schema.as_object_mut()
        && !schema.contains_key("examples")
    {
        schema.insert(word.to_owned(), value);
    }
}

/// TOML has no null: a key is there or not. A text is one paragraph.
fn plain(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            // What a type has when nothing is said is not what the daemon takes then.
            object.remove("default");
            if let Some(Value::String(text)) = object.get_mut("description") {
                *text = text.replace('\n', " ");
            }
            if let Some(Value::Array(types)) = object.get_mut("type") {
                types.retain(|kind| kind != "null");
                if let [one] = types.as_slice() {
                    let one = one.clone();
                    object.insert("type".to_owned(), one);
                }
            }
            if let Some(Value::Array(any)) = object.get_mut("anyOf") {
                any.retain(|schema| schema.get("type") != Some(&json!("null")));
                if let [Value::Object(one)] = any.as_slice() {
                    let one: Map<_, _> = one.clone();
                    object.remove("anyOf");
                    for (key, value) in one {
                        object.entry(key).or_insert(value);
                    }
                }
            }
            object.values_mut().for_each(plain);
        }
        Value::Array(items) => items.iter_mut().for_each(plain),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The words that a closed list of words takes, by its own reader.
fn accepted<'de, T: Deserialize<'de>>() -> Vec<String> {
    let said = match T::deserialize(StrDeserializer::<Error>::new("?")) {
        Ok(_) => String::new(),
        Err(error) => error.to_string(),
    };
    // "unknown variant `?`, expected one of `a`, `b`"
    let words = said.split('`').skip(3).step_by(2);
    words.map(str::to_owned).collect()
}

/// One word of a closed list.
pub(super) fn words<T: for<'de> Deserialize<'de>>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": accepted::<T>() })
}

/// Several words of a closed list.
pub(super) fn lists<T: for<'de> Deserialize<'de>>(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "enum": accepted::<T>() } })
}

/// Tables by a name that is chosen, as pairs and members have one.
pub(super) fn named<T: JsonSchema>(made: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "propertyNames": { "pattern": "^[a-z0-9][a-z0-9_-]{0,30}$" },
        "additionalProperties": made.subschema_for::<T>(),
    })
}

/// A value has its schema where it stands.
macro_rules! inline {
    ($name:literal, $schema:expr) => {
        fn inline_schema() -> bool {
            true
        }
        fn schema_name() -> Cow<'static, str> {
            $name.into()
        }
        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            $schema
        }
    };
}

impl<const MIN: i64, const MAX: i64> JsonSchema for Whole<MIN, MAX> {
    inline!(
        "Whole",
        json_schema!({ "type": "integer", "minimum": MIN, "maximum": MAX })
    );
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Span<MIN, MAX> {
    inline!(
        "Span",
        json_schema!({
            "type": "string",
            "pattern": "[A-Za-z]",
            "$comment": format!(
                "a duration with its unit (ms, s, m, h, d), from {} to {}",
                in_words(MIN),
                in_words(MAX)
            ),
        })
    );
}

impl<const MIN: u64, const MAX: u64> JsonSchema for Size<MIN, MAX> {
    inline!(
        "Size",
        json_schema!({
            "type": "string",
            "pattern": "^[0-9]+[KkMmGgTt]$",
            "$comment": format!("a size as in my.cnf (K, M, G, T), from {} to {} bytes", MIN, MAX),
        })
    );
}

impl JsonSchema for Address {
    inline!(
        "Address",
        json_schema!({ "type": "string", "pattern": "^.+:[0-9]+$", "$comment": "ADDRESS:PORT" })
    );
}

impl JsonSchema for Setting {
    inline!(
        "Setting",
        json_schema!({ "type": ["string", "number", "boolean"] })
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(path: &str) -> Value {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        schema.pointer(path).unwrap_or(&Value::Null).clone()
    }

    #[test]
    fn every_key_has_a_text_and_no_key_is_null() {
        fn check(schema: &Value, path: &str, count: &mut usize) {
            assert_ne!(schema["type"], json!("null"), "{path}");
            for (key, below) in schema["properties"].as_object().into_iter().flatten() {
                let path = format!("{path}.{key}");
                assert!(below["description"].is_string(), "{path}: {below}");
                *count += 1;
                check(below, &path, count);
            }
            if schema["additionalProperties"].is_object() {
                check(&schema["additionalProperties"], path, count);
            }
        }
        let mut count = 0;
        check(&at(""), "", &mut count);
        assert!(count > 70, "{count}");
        assert!(!schema().contains("\"null\""));
    }

    #[test]
    fn words_ranges_and_defaults_are_the_readers_own() {
        let pair = "/properties/pair/additionalProperties/properties";
        assert_eq!(
            at(&format!("{pair}/durability/enum")),
            json!(["lossless", "available"])
        );
        assert_eq!(at(&format!("{pair}/runtime/enum/0")), json!("process"));
        assert_eq!(
            at(&format!("{pair}/hang/properties/limit/default")),
            json!("1s")
        );
        assert_eq!(at(&format!("{pair}/family/default")), Value::Null);
        let port = format!("{pair}/member/additionalProperties/properties/port");
        assert_eq!(at(&format!("{port}/maximum")), json!(65_535));
        assert_eq!(at(&format!("{port}/examples/0")), json!(3307));
        assert_eq!(at("/additionalProperties"), json!(false));
    }
}
