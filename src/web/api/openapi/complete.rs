//! What follows for every operation from its form and from the components: the problems it can end
//! in, headers, examples.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::examples;
use super::problems::{self, ANSWERS, OF_NO_OPERATION};

/// Completes `document`, as the routes describe themselves.
pub fn complete(document: &mut Value) {
    close_bodies(document);
    let answers = ANSWERS.iter().chain(OF_NO_OPERATION);
    let answers: Map<String, Value> =
        answers.map(|answer| (answer.0.to_owned(), problems::described(answer))).collect();
    document["components"]["responses"] = answers.into();
    document["components"]["headers"] = headers();
    name_items(&mut document["components"]["schemas"]);
    examples_of_schemas(&mut document["components"]["schemas"]);
    let components = document["components"].clone();
    for operation in operations(document) {
        parameters(operation);
        body(&components, operation);
        successes(&components, operation);
        refusals(&components, operation);
    }
}

fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let operations = paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    operations.filter(|operation| operation["responses"].is_object())
}

/// Says of every body that can be sent that it holds nothing but what is described: an unknown
/// field is an error. Answers stay open, so that they may grow.
fn close_bodies(document: &mut Value) {
    let bodies = operations(document).map(|operation| named_in(&operation["requestBody"]));
    let mut open: Vec<String> = bodies.flatten().collect();
    let mut closed = BTreeSet::new();
    while let Some(name) = open.pop() {
        let schema = &mut document["components"]["schemas"][&name];
        if schema["properties"].is_object() && closed.insert(name) {
            open.extend(named_in(&schema["properties"]));
            schema["additionalProperties"] = false.into();
        }
    }
}

/// The schemas that something refers to.
fn named_in(value: &Value) -> Vec<String> {
    let text = value.to_string();
    let parts = text.split("\"#/components/schemas/").skip(1);
    parts.filter_map(|part| part.split('"').next()).map(str::to_owned).collect()
}

fn headers() -> Value {
    let header = |about: &str, schema: Value, example: Value| json!({"description": about, "required": true, "schema": schema, "example": example});
    let word = json!({"type": "string", "pattern": "^[A-Za-z0-9_-]{22}$"});
    let seconds = json!({"type": "integer", "minimum": 1});
    json!({
        "X-Request-Id": header("Names the request in the log.", word, examples::REQUEST_ID.into()),
        "WWW-Authenticate": header("The scheme to use.", json!({"const": "Bearer"}), "Bearer".into()),
        "Retry-After": header(
            "Seconds after which it is worth trying again.", seconds, json!(60)),
        "Allow": header(
            "The methods that the path takes.", json!({"type": "string"}), "GET,HEAD,POST".into()),
    })
}

/// What is listed has a name of its own; a list of it says so, and does not repeat it.
fn name_items(schemas: &mut Value) {
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        if let Some(item) = name.strip_prefix("List_") {
            let reference = format!("#/components/schemas/{item}");
            schema["properties"]["items"]["items"] = json!({ "$ref": reference });
        }
    }
}

/// Gives every schema of which there is an example its example, in the words of JSON Schema.
fn examples_of_schemas(schemas: &mut Value) {
    for (name, schema) in schemas.as_object_mut().into_iter().flatten() {
        let of_body = schema.as_object_mut().and_then(|schema| schema.remove("example"));
        if let Some(example) = of_body.or_else(|| examples::answer(name)) {
            schema["examples"] = json!([example]);
        }
    }
}

/// A parameter of a query that comes without a value counts as absent: forms send all their fields.
fn parameters(operation: &mut Value) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let parameters = parameters.into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
        parameter["allowEmptyValue"] = true.into();
    }
}

fn body(components: &Value, operation: &mut Value) {
    if let Some(content) = operation.pointer_mut("/requestBody/content/application~1json") {
        content["example"] = example(components, &content["schema"], &Value::Null);
    }
}

/// The example of a schema of the components. A list that goes on says so with `cursor`.
fn example(components: &Value, schema: &Value, cursor: &Value) -> Value {
    let name = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/components/schemas/"));
    let schema = name.map_or(schema, |name| &components["schemas"][name]);
    let items = &schema["properties"]["items"]["items"];
    if items.is_null() {
        return schema["examples"][0].clone();
    }
    json!({"items": [example(components, items, &Value::Null)], "next_cursor": cursor})
}

fn successes(components: &Value, operation: &mut Value) {
    let pages = has_cursor(operation);
    let cursor = if pages { examples::CURSOR.into() } else { Value::Null };
    let answers = operation["responses"].as_object_mut().into_iter().flatten();
    for (_, answer) in answers.filter(|(status, _)| status.starts_with('2')) {
        answer["headers"]["X-Request-Id"] = json!({"$ref": "#/components/headers/X-Request-Id"});
        if answer["headers"]["Location"].is_object() {
            answer["headers"]["Location"]["required"] = true.into();
        }
        if let Some(content) = answer.pointer_mut("/content/application~1json") {
            let found = example(components, &content["schema"], &cursor);
            content["example"] = if found.is_null() { examples::description() } else { found };
        }
    }
}

fn has_cursor(operation: &Value) -> bool {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters.into_iter().any(|parameter| parameter["name"] == "cursor")
}

/// The problems of this operation: by reference, with its codes beside it, where all operations have
/// the same; the one about fields with fields of its own.
fn refusals(components: &Value, operation: &mut Value) {
    for answer in problems::of_form(operation).collect::<Vec<_>>() {
        let reference = format!("#/components/responses/{}", answer.0);
        operation["responses"][problems::status(answer)] = json!({ "$ref": reference });
    }
    let fields = examples::fields(components, operation);
    let answers = operation["responses"].as_object_mut().into_iter().flatten();
    for (status, answer) in answers {
        let name = answer["$ref"].as_str().and_then(|path| path.rsplit('/').next());
        let Some(found) = ANSWERS.iter().find(|it| Some(it.0) == name) else { continue };
        if status == "422" {
            *answer = components["responses"][found.0].clone();
            let examples = &mut answer["content"]["application/problem+json"]["examples"];
            examples["invalid"]["value"]["errors"] = json!(fields);
        } else {
            answer["description"] = problems::in_words(found.1, found.2).into();
        }
    }
}
