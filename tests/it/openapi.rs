//! The description of the API against its specification, against the routes, and against what the
//! API really takes and answers.
//!
//! `openapi/openapi-3.1.schema.json` is the OpenAPI Initiative's own, of 2022-10-07.

mod caller;
mod refusals;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use caller::{Caller, METHODS, Operation, meaning, operations};

use crate::support::contract::{document, fits, resolve};
use doorkey::web::problem::Code;

#[test]
fn the_document_is_valid_openapi() {
    let specification: Value = include_str!("openapi/openapi-3.1.schema.json").parse().unwrap();
    let validator = jsonschema::validator_for(&specification).unwrap();
    let errors: Vec<String> = validator.iter_errors(document()).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    let ids: Vec<String> = operations().iter().map(Operation::id).collect();
    assert_eq!(ids.iter().collect::<BTreeSet<_>>().len(), ids.len(), "ids are unique: {ids:?}");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let text = document.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer} leads nowhere");
    }
}

#[test]
fn every_operation_says_what_a_caller_must_know() {
    for operation in operations() {
        let described = &operation.described;
        assert!(described["summary"].is_string(), "{operation}: a summary");
        assert!(described["tags"][0].is_string(), "{operation}: a tag");
        assert!(described["security"].is_array(), "{operation}: who may");
        for (status, answer) in described["responses"].as_object().unwrap() {
            examples_fit(&operation, status, resolve(answer));
        }
        if let Some(schema) = operation.body() {
            assert!(operation.example().is_object(), "{operation}: an example of the body");
            assert_eq!(schema["additionalProperties"], false, "{operation}: nothing unknown");
            fits(&schema, &operation.example(), &format!("{operation}: the example"));
        }
        for parameter in described["parameters"].as_array().into_iter().flatten() {
            assert!(parameter["description"].is_string(), "{operation}: {parameter}");
        }
    }
}

/// Every answer with a body has an example, a problem one for each of its codes, and each is such
/// an answer.
fn examples_fit(operation: &Operation, status: &str, answer: &Value) {
    let what = format!("{operation}: {status}");
    assert!(answer["description"].is_string(), "{what}: {answer}");
    assert!(answer["headers"]["X-Request-Id"].is_object(), "{what}: the header of every answer");
    for (kind, content) in answer["content"].as_object().into_iter().flatten() {
        let examples = match content["examples"].as_object() {
            Some(examples) => examples.values().map(|it| &it["value"]).collect(),
            None => vec![&content["example"]],
        };
        for example in examples {
            assert!(example.is_object(), "{what}: an example");
            fits(&content["schema"], example, &what);
            let status: u16 = status.parse().unwrap();
            assert!(kind == "application/json" || example["status"] == status, "{what}: {example}");
        }
    }
    assert!(status == "204" || answer["content"].is_object(), "{what}: a body");
}

#[test]
fn every_code_is_an_answer_of_some_operation() {
    let mut codes = BTreeSet::new();
    for operation in operations() {
        codes.extend(refusals::described(&operation).into_iter().map(|(_, code)| code));
    }
    for code in Code::ALL {
        // What is said before it is clear which operation is meant stands among the components.
        let of_none = match code {
            Code::MethodNotAllowed => Some("MethodNotAllowed"),
            Code::HttpsOnly => Some("HttpsOnly"),
            _ => None,
        };
        if let Some(name) = of_none {
            let answer = &document()["components"]["responses"][name];
            let content = &answer["content"]["application/problem+json"];
            let example = &content["examples"][code.as_str()]["value"];
            fits(&content["schema"], example, name);
        }
        let expected = of_none.is_none() && !code.is_of_the_desk();
        assert_eq!(codes.contains(code.as_str()), expected, "{code:?}");
    }
}

#[test]
fn the_document_lists_every_route_and_no_other() {
    // axum tells its routes in no other way.
    let routes = format!("{:?}", doorkey::web::routes());
    let below = routes.split('"').filter(|part| part.starts_with("/api/v1"));
    let routed: BTreeSet<String> = below.map(str::to_owned).collect();
    let described: BTreeSet<String> = operations().into_iter().map(|it| it.path).collect();
    assert!(described.len() > 10, "the document describes the API");
    assert_eq!(routed, described);
}

#[tokio::test]
async fn a_path_takes_the_methods_that_are_described() {
    let caller = Caller::new().await;
    let described: BTreeSet<(String, String)> =
        operations().into_iter().map(|it| (it.path, it.method)).collect();
    let paths: BTreeSet<&String> = described.iter().map(|(path, _)| path).collect();
    for path in paths {
        for method in METHODS {
            let answer = caller.send(method, path, None, None).await;
            let taken = described.contains(&(path.clone(), method.to_lowercase()));
            assert_eq!(answer.status != 405, taken, "{method} {path}: {}", answer.status);
        }
    }
}

#[test]
fn the_document_is_as_it_was() {
    // The whole of it, so that a review sees every change of the contract.
    insta::with_settings!({ prepend_module_to_snapshot => false, omit_expression => true, sort_maps => true }, {
        insta::assert_json_snapshot!("openapi", document());
    });
}

#[tokio::test]
async fn every_example_is_taken() {
    for operation in operations() {
        if operation.body().is_none() {
            continue;
        }
        let caller = Caller::new().await;
        let answer = caller.call(&operation, "", &operation.example()).await;
        // The code of an example is nobody's; its ticket is the caller's.
        let expected = if operation.id() == "redeemCode" { 401 } else { answer.status.min(299) };
        assert_eq!(answer.status, expected, "{operation}: {}", answer.body);
    }
}

#[tokio::test]
async fn every_described_field_is_read_and_no_other() {
    let caller = Caller::new().await;
    for operation in operations() {
        let Some(schema) = operation.body() else { continue };
        let nothing = caller.call(&operation, "", &json!({})).await;
        for (field, described) in schema["properties"].as_object().unwrap() {
            let answer = caller.call(&operation, "", &json!({field: null, "no_such": null})).await;
            assert_eq!(answer.code_of("no_such").as_deref(), Some("unknown_field"));
            let required = contains(&schema["required"], field);
            let as_absent = required || described.to_string().contains("\"null\"");
            let wanted = if as_absent { nothing.code_of(field) } else { Some("malformed".into()) };
            assert_eq!(answer.code_of(field), wanted, "{operation}: {field} as null");
            let missing = nothing.code_of(field).as_deref() == Some("required");
            assert_eq!(missing, required, "{operation}: {field} is required");
            try_lengths(&caller, &operation, described, "", field).await;
        }
    }
}

#[tokio::test]
async fn fields_of_nested_objects_are_as_described() {
    let caller = Caller::new().await;
    let operation = operations().into_iter().find(|it| it.id() == "createTicket").unwrap();
    let customer = operation.body().unwrap()["properties"]["customer"].clone();
    let customer = meaning(&customer);
    let nothing = caller.call(&operation, "", &json!({"customer": {}})).await;
    for (field, described) in customer["properties"].as_object().unwrap() {
        let full = format!("customer.{field}");
        let sent = json!({"customer": {field: null, "no_such": null}});
        let answer = caller.call(&operation, "", &sent).await;
        assert_eq!(answer.code_of(&full), nothing.code_of(&full), "{full}");
        assert_eq!(answer.code_of("customer.no_such").as_deref(), Some("unknown_field"));
        let missing = nothing.code_of(&full).as_deref() == Some("required");
        assert_eq!(missing, contains(&customer["required"], field), "{full} is required");
        try_lengths(&caller, &operation, described, "customer.", field).await;
    }
}

/// Sends a text as long as may be, and one that is longer.
async fn try_lengths(
    caller: &Caller,
    operation: &Operation,
    described: &Value,
    prefix: &str,
    field: &str,
) {
    let text = meaning(described);
    let Some(most) = text["maxLength"].as_u64() else { return };
    for (length, fits) in [(most, true), (most + 1, false)] {
        let length = usize::try_from(length).unwrap();
        let typed = match text["format"].as_str() {
            Some("email") => address(length),
            Some("uri") => format!("https://example.com/{}", "x".repeat(length - 20)),
            _ => "x".repeat(length),
        };
        let mut sent = json!({field: typed, "no_such": null});
        if prefix == "customer." {
            sent = json!({"customer": sent});
        }
        let code = caller.call(operation, "", &sent).await.code_of(&format!("{prefix}{field}"));
        assert_eq!(code.is_none(), fits, "{operation}: {length} in {field}: {code:?}");
    }
}

/// An address of so many bytes, whose labels are no longer than DNS allows.
fn address(length: usize) -> String {
    let domain = format!("{0}.{0}.{0}.", "d".repeat(60));
    format!("ana@{domain}{}.com", "x".repeat(length - domain.len() - 8))
}

#[tokio::test]
async fn every_described_parameter_is_read_and_no_other() {
    let caller = Caller::new().await;
    for operation in operations().iter().filter(|operation| operation.body().is_none()) {
        if operation.id() == "describe" {
            continue;
        }
        let other = caller.call(operation, "?no_such=1", &Value::Null).await;
        assert_eq!(other.code_of("no_such").as_deref(), Some("unknown_field"), "{operation}");
        for parameter in operation.parameters("query") {
            let name = parameter["name"].as_str().unwrap();
            // With one more that nobody knows, nothing is done.
            let answer =
                caller.call(operation, &format!("?{name}=1&no_such=1"), &Value::Null).await;
            assert_ne!(answer.code_of(name).as_deref(), Some("unknown_field"), "{operation}");
            let Some(most) = parameter["schema"]["maxLength"].as_u64() else { continue };
            let long = "x".repeat(usize::try_from(most).unwrap() + 1);
            let query = format!("?{name}={long}&no_such=1");
            let code = caller.call(operation, &query, &Value::Null).await.code_of(name);
            assert_eq!(code.as_deref(), Some("too_long"), "{operation}: {name}");
        }
    }
}

#[tokio::test]
async fn what_is_answered_is_described() {
    // `call` holds each answer against the document; this calls everything, in a good order.
    let caller = Caller::new().await;
    let mut called = BTreeSet::new();
    let (last, first): (Vec<_>, Vec<_>) =
        operations().into_iter().partition(|operation| operation.method == "delete");
    for operation in first.iter().chain(&last) {
        let example = operation.example();
        let answer = caller.call(operation, "", &example).await;
        called.insert(answer.status);
        let anonymous = caller.anonymous().call(operation, "", &example).await;
        called.insert(anonymous.status);
        let technician = caller.technician().call(operation, "", &example).await;
        called.insert(technician.status);
    }
    assert!(called.is_superset(&BTreeSet::from([200, 201, 202, 204, 401, 403])), "{called:?}");
}

fn contains(list: &Value, word: &str) -> bool {
    list.as_array().is_some_and(|words| words.iter().any(|it| it == word))
}

#[tokio::test]
async fn the_page_for_people_says_all_of_it_and_can_be_searched() {
    let app = crate::support::TestApp::start().await;
    let page = app.anon().get("/api/docs").await.expect(200).text();
    for operation in operations() {
        assert!(page.contains(&format!("id=\"{}\"", operation.id())), "{operation}");
        let summary = operation.described["summary"].as_str().unwrap().replace('\'', "&#39;");
        assert!(page.contains(&summary), "{operation}: {summary}");
        let (_, below) = page.split_once(&format!("id=\"{}\"", operation.id())).unwrap();
        let (own, _) = below.split_once("</article>").unwrap();
        for (status, answer) in operation.described["responses"].as_object().unwrap() {
            assert!(own.contains(&format!("<b>{status}</b>")), "{operation}: {status}");
            let answer = resolve(answer);
            for content in answer["content"].as_object().into_iter().flat_map(|it| it.values()) {
                let examples = content["examples"].as_object().into_iter().flatten();
                let several = examples.map(|(_, example)| &example["value"]);
                for example in several.chain(content.get("example")) {
                    let shown = format!("{example:#}").replace('"', "&#34;").replace('\'', "&#39;");
                    assert!(own.contains(&shown), "{operation}: {status}: {shown}");
                }
            }
        }
        for (_, code) in refusals::described(&operation) {
            assert!(own.contains(&format!("<code>{code}</code>")), "{operation}: {code}");
        }
    }
    assert!(!page.contains("<script") && !page.contains("style="), "it keeps to the policy");
    for (query, found, not) in [
        ("Idempotency-Key+note", "addNote", "listStaff"),
        ("WHSEC", "rotateSecret", "addNote"),
        ("customer.email+priority", "createTicket", "redeemCode"),
    ] {
        let page = app.anon().get(&format!("/api/docs?q={query}")).await.expect(200).text();
        assert!(page.contains(&format!("id=\"{found}\"")), "{query}");
        assert!(!page.contains(&format!("id=\"{not}\"")), "{query}");
    }
    let odd = app.anon().get("/api/docs?q=%3Cscript%3Ealert(1)").await.expect(200).text();
    assert!(odd.contains("Nothing in the description") && !odd.contains("<script"), "{odd}");
}
