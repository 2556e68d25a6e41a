//! Holds what the API answers against its own description: status, headers, content type, code,
//! and every field. All tests ask through doors that do this, so no answer that any of them sees
//! is one that is not described.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex};

use axum::http::HeaderMap;
use jsonschema::Validator;
use serde_json::{Value, json};

/// The document as the API describes itself.
pub fn document() -> &'static Value {
    static ONCE: LazyLock<Value> =
        LazyLock::new(|| doorkey::web::api::openapi::document().unwrap());
    &ONCE
}

/// What a `$ref` leads to.
pub fn resolve(value: &Value) -> &Value {
    match value["$ref"].as_str() {
        Some(reference) => document().pointer(&reference[1..]).expect("a target"),
        None => value,
    }
}

/// Fails unless this answer to `method` and `path` is one that is described.
pub fn check(method: &str, path: &str, status: u16, headers: &HeaderMap, body: &[u8]) {
    let path = path.split('?').next().unwrap();
    if !path.starts_with("/api/v1/") {
        return;
    }
    let what = format!("{method} {path}: {status} {}", String::from_utf8_lossy(body));
    let (id, described) = match operation(method, path) {
        Some(operation) => {
            let id = operation["operationId"].as_str().unwrap();
            let answer = &operation["responses"][status.to_string()];
            assert!(answer.is_object(), "{what}: {id} does not describe this status");
            (format!("{id} {status}"), resolve(answer))
        }
        None => of_no_operation(status, body, &what),
    };
    check_headers(described, headers, &what);
    let Some(kind) = headers.get("content-type") else {
        assert!(described["content"].is_null() && body.is_empty(), "{what}: a body is described");
        return;
    };
    let content = &described["content"][kind.to_str().unwrap()];
    assert!(content.is_object(), "{what}: {kind:?} is not described");
    // The document is held against OpenAPI's own schema elsewhere. HEAD answers nothing.
    if method != "HEAD" && !id.starts_with("describe 200") {
        let body = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{what}: {error}"));
        let validator = validator(&id, &content["schema"]);
        let errors = errors(&validator, &body);
        assert!(errors.is_empty(), "{what}: {errors:#?}");
    }
}

/// The operation that this request asks for.
fn operation(method: &str, path: &str) -> Option<&'static Value> {
    let method = if method == "HEAD" { "get".to_owned() } else { method.to_ascii_lowercase() };
    let paths = document()["paths"].as_object().unwrap();
    let (_, item) = paths.iter().find(|(template, _)| is_of(template, path))?;
    item.get(&method)
}

fn is_of(template: &str, path: &str) -> bool {
    let same = |(wanted, segment): (&str, &str)| {
        wanted == segment || (wanted.starts_with('{') && !segment.is_empty())
    };
    template.split('/').count() == path.split('/').count()
        && template.split('/').zip(path.split('/')).all(same)
}

/// What is answered where no operation is meant: its code leads to the component.
fn of_no_operation(status: u16, body: &[u8], what: &str) -> (String, &'static Value) {
    let problem: Value = serde_json::from_slice(body).unwrap_or_default();
    let name = match problem["code"].as_str() {
        Some("not_found") => "NotFound",
        Some("method_not_allowed") => "MethodNotAllowed",
        Some("too_many_headers") => "TooManyHeaders",
        Some("too_large") => "TooLarge",
        Some("request_timeout") => "TooSlow",
        Some("unavailable") => "Unavailable",
        Some("malformed") => "Unreadable",
        // HEAD is answered without words.
        _ if body.is_empty() && status == 404 => "NotFound",
        _ if body.is_empty() && status == 405 => "MethodNotAllowed",
        _ => panic!("{what}: no operation is meant, and this says something else"),
    };
    (name.to_owned(), &document()["components"]["responses"][name])
}

fn check_headers(described: &'static Value, headers: &HeaderMap, what: &str) {
    for (name, header) in described["headers"].as_object().into_iter().flatten() {
        let header = resolve(header);
        assert_eq!(header["required"], true, "{what}: {name} is always there");
        let found = headers.get(name.as_str()).unwrap_or_else(|| panic!("{what}: no {name}"));
        let found = found.to_str().unwrap();
        let typed = match header["schema"]["type"].as_str() {
            Some("integer") => json!(found.parse::<u64>().unwrap()),
            _ => json!(found),
        };
        let validator = validator(&format!("{name} {}", header["schema"]), &header["schema"]);
        let errors = errors(&validator, &typed);
        assert!(errors.is_empty(), "{what}: {name}: {errors:#?}");
    }
}

/// Fails unless `value` is as `schema` says, which may refer to components of the document.
pub fn fits(schema: &Value, value: &Value, what: &str) {
    let errors = errors(&closed(schema), value);
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{value:#}");
}

fn errors(validator: &Validator, value: &Value) -> Vec<String> {
    let errors = validator.iter_errors(value);
    errors.map(|error| format!("{error} at {}", error.instance_path())).collect()
}

/// The schema of the answer with this name, made once.
fn validator(id: &str, schema: &Value) -> Arc<Validator> {
    static MADE: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);
    let mut made = MADE.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let made = made.entry(id.to_owned());
    Arc::clone(made.or_insert_with(|| Arc::new(closed(schema))))
}

fn closed(schema: &Value) -> Validator {
    static COMPONENTS: LazyLock<Value> = LazyLock::new(|| {
        let mut schemas = document()["components"]["schemas"].clone();
        close(&mut schemas);
        json!({ "schemas": schemas })
    });
    let mut schema = schema.clone();
    close(&mut schema);
    schema["components"] = COMPONENTS.clone();
    let options = jsonschema::options().should_validate_formats(true);
    options.build(&schema).unwrap_or_else(|error| panic!("{schema}: {error}"))
}

/// Lets nothing undescribed pass: schemas leave it open, so that the API may grow.
fn close(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Object(fields) => {
            for (name, field) in fields.iter_mut() {
                // What is put together is closed as a whole.
                if name != "allOf" {
                    close(field);
                }
            }
            if fields.contains_key("$ref") || fields.contains_key("allOf") {
                fields.insert("unevaluatedProperties".to_owned(), json!(false));
            }
        }
        _ => {}
    }
}
