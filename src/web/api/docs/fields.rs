//! Schemas as lists of fields, in words.

use std::fmt::Write as _;

use serde_json::Value;

/// How deep a list goes into nested objects.
const DEPTH: usize = 3;

/// One field of a body, an answer, or a parameter.
#[derive(Clone, Debug)]
pub(super) struct Field {
    /// `customer.email` for a nested one.
    pub(super) name: String,
    /// What may stand there: `text, 1–200 characters`.
    pub(super) kind: String,
    /// What it is.
    pub(super) about: String,
    /// Whether it must be there.
    pub(super) required: bool,
}

impl Field {
    /// A parameter, with where it stands.
    pub(super) fn parameter(document: &Value, described: &Value) -> Self {
        let word = |name: &str| described[name].as_str().unwrap_or_default();
        Self {
            name: word("name").to_owned(),
            kind: format!("{}; {}", place(word("in")), kind(document, &described["schema"])),
            about: word("description").to_owned(),
            required: described["required"] == true,
        }
    }
}

impl Field {
    /// A header of an answer.
    pub(super) fn header(document: &Value, name: &str, described: &Value) -> Self {
        Self {
            name: name.to_owned(),
            kind: format!("a header; {}", kind(document, &described["schema"])),
            about: described["description"].as_str().unwrap_or_default().to_owned(),
            required: false,
        }
    }
}

fn place(word: &str) -> &'static str {
    match word {
        "path" => "in the path",
        "header" => "a header",
        _ => "in the query",
    }
}

/// What a `$ref` leads to.
pub(super) fn resolve<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let pointer = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(schema)
}

/// The fields of an object, nested ones included.
pub(super) fn fields_of(document: &Value, schema: &Value) -> Vec<Field> {
    let mut fields = Vec::new();
    gather(document, schema, "", DEPTH, &mut fields);
    fields
}

fn gather(document: &Value, schema: &Value, prefix: &str, depth: usize, found: &mut Vec<Field>) {
    let schema = resolve(document, schema);
    for part in schema["allOf"].as_array().into_iter().flatten() {
        gather(document, part, prefix, depth, found);
    }
    for (name, described) in schema["properties"].as_object().into_iter().flatten() {
        let inner = something(document, described);
        let required = schema["required"].as_array();
        found.push(Field {
            name: format!("{prefix}{name}"),
            kind: kind(document, described),
            about: about(described, inner),
            required: required.is_some_and(|names| names.iter().any(|it| it == name)),
        });
        let nested =
            if inner["items"].is_null() { inner } else { something(document, &inner["items"]) };
        if depth > 1 {
            let mark = if inner["items"].is_null() { "." } else { "[]." };
            gather(document, nested, &format!("{prefix}{name}{mark}"), depth - 1, found);
        }
    }
}

fn about(described: &Value, inner: &Value) -> String {
    let own = [Some(described), either(described), Some(inner)];
    let own = own.into_iter().flatten().find_map(|schema| schema["description"].as_str());
    own.unwrap_or_default().to_owned()
}

/// Of two possibilities, the one that is not null.
fn either(schema: &Value) -> Option<&Value> {
    let either = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array());
    either.and_then(|list| list.iter().find(|one| one["type"] != "null"))
}

/// The schema of a value that is not null.
fn something<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    let schema = resolve(document, schema);
    either(schema).map_or(schema, |other| resolve(document, other))
}

/// What may stand in a field.
fn kind(document: &Value, described: &Value) -> String {
    let schema = something(document, described);
    let nullable = described.to_string().contains("\"null\"");
    let mut words = match schema["type"].as_str().or_else(|| first_type(&schema["type"])) {
        _ if schema["enum"].is_array() => format!("one of {}", choices(&schema["enum"])),
        _ if schema["const"].is_string() => format!("always {}", schema["const"]),
        Some("array") => format!("a list: {}", kind(document, &schema["items"])),
        Some("integer") => format!("a whole number{}", range(schema, "minimum", "maximum", "")),
        Some("boolean") => "true or false".to_owned(),
        Some("string") => string(schema),
        _ if schema["properties"].is_object() || schema["allOf"].is_array() => {
            "an object".to_owned()
        }
        Some("object") => "an object".to_owned(),
        _ => "any value".to_owned(),
    };
    if nullable {
        words.push_str(", or null");
    }
    if !schema["default"].is_null() {
        let _ = write!(words, "; {} if left out", schema["default"]);
    }
    words
}

fn first_type(types: &Value) -> Option<&str> {
    types.as_array()?.iter().filter_map(Value::as_str).find(|word| *word != "null")
}

fn choices(words: &Value) -> String {
    let words = words.as_array().into_iter().flatten().filter_map(Value::as_str);
    words.collect::<Vec<_>>().join(", ")
}

fn string(schema: &Value) -> String {
    let what = match schema["format"].as_str() {
        Some("email") => "an e-mail address",
        Some("date-time") => "a moment, RFC 3339",
        Some("uri") => "a URL",
        _ => "text",
    };
    let length = range(schema, "minLength", "maxLength", " characters");
    let example = schema["examples"][0].as_str().map(|it| format!(", such as {it}"));
    format!("{what}{length}{}", example.unwrap_or_default())
}

fn range(schema: &Value, least: &str, most: &str, unit: &str) -> String {
    match (schema[least].as_i64(), schema[most].as_i64()) {
        (Some(least), Some(most)) => format!(", {least}–{most}{unit}"),
        (None, Some(most)) => format!(", at most {most}{unit}"),
        (Some(least), None) => format!(", at least {least}{unit}"),
        (None, None) => String::new(),
    }
}
