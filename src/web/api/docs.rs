//! The description of the API as a page for people: `/api/docs`. Made from the same document as
//! `openapi.json`, on the server, so it needs no script; `?q=` keeps what holds all its words.

use std::sync::LazyLock;

use askama::Template;
use serde_json::Value;

use super::openapi;
use crate::web::ctx::Ctx;
use crate::web::input::Query;
use crate::web::reply::{self, Reply};
use crate::web::site::Site;

mod fields;

use fields::{Field, fields_of};

/// Operations that belong together.
#[derive(Debug)]
pub struct Section {
    name: String,
    about: String,
    operations: Vec<Operation>,
}

/// One thing that can be asked for.
#[derive(Clone, Debug)]
pub struct Operation {
    id: String,
    method: String,
    path: String,
    summary: String,
    access: &'static str,
    parameters: Vec<Field>,
    body: Vec<Field>,
    answers: Vec<Answer>,
    curl: String,
    /// Everything above in lower case, for the search.
    words: String,
}

/// What can be answered.
#[derive(Clone, Debug)]
pub struct Answer {
    status: String,
    about: String,
    codes: Vec<String>,
    headers: Vec<Field>,
    fields: Vec<Field>,
    examples: Vec<String>,
}

/// The page.
#[derive(Template)]
#[template(path = "api/docs.html")]
struct Docs<'a> {
    site: &'a Site,
    query: String,
    found: Vec<(&'a Section, Vec<&'a Operation>)>,
}

static SECTIONS: LazyLock<Vec<Section>> =
    LazyLock::new(|| openapi::document().map(|document| sections(&document)).unwrap_or_default());

/// `GET /api/docs`
pub async fn show(ctx: Ctx, Query(mut fields): Query) -> Reply {
    // A search can hold anything: what is not found is not found.
    let query = fields.optional_string("q").unwrap_or_default();
    let words: Vec<String> = query.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let found = SECTIONS.iter().map(|section| (section, section.having(&words)));
    let found = found.filter(|(_, operations)| !operations.is_empty()).collect();
    reply::page(&Docs { site: &ctx.site, query, found })
}

impl Section {
    fn having(&self, words: &[String]) -> Vec<&Operation> {
        let has = |it: &&Operation| words.iter().all(|word| it.words.contains(word));
        self.operations.iter().filter(has).collect()
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn sections(document: &Value) -> Vec<Section> {
    let mut all = Vec::new();
    for (path, verbs) in document["paths"].as_object().into_iter().flatten() {
        for (verb, described) in verbs.as_object().into_iter().flatten() {
            let tag = text(&described["tags"][0]);
            all.push((tag, operation(document, path, verb, described)));
        }
    }
    list(&document["tags"])
        .map(|tag| {
            let name = text(&tag["name"]);
            let own = all.iter().filter(|(tag, _)| *tag == name);
            let operations = own.map(|(_, operation)| operation.clone()).collect();
            Section { about: text(&tag["description"]), operations, name }
        })
        .collect()
}

fn operation(document: &Value, path: &str, verb: &str, described: &Value) -> Operation {
    let content = &described["requestBody"]["content"]["application/json"];
    let schema = &content["schema"];
    let parameters: Vec<Field> =
        list(&described["parameters"]).map(|it| Field::parameter(document, it)).collect();
    let body = fields_of(document, schema);
    let example = pretty(&content["example"]);
    let answers = described["responses"].as_object().into_iter().flatten();
    let mut operation = Operation {
        id: text(&described["operationId"]),
        method: verb.to_uppercase(),
        path: path.to_owned(),
        summary: text(&described["summary"]),
        access: access(&described["security"][0]),
        curl: curl(path, verb, described, &example),
        answers: answers.map(|(status, it)| answer(document, status, it)).collect(),
        parameters,
        body,
        words: String::new(),
    };
    operation.words = format!("{operation:?}").to_lowercase();
    operation
}

fn access(security: &Value) -> &'static str {
    if !security["portal_token"].is_null() {
        "With a portal token"
    } else if security["api_key"][0] == "admin" {
        "With an API key of the role admin"
    } else if !security["api_key"].is_null() {
        "With an API key"
    } else {
        "Open to everybody"
    }
}

fn pretty(example: &Value) -> String {
    if example.is_null() { String::new() } else { format!("{example:#}") }
}

/// The call as it is typed, with the variables that docs/API.md begins with.
fn curl(path: &str, verb: &str, described: &Value, example: &str) -> String {
    let security = &described["security"][0];
    let mut lines = vec![match verb {
        "get" => format!("curl \"$D{}\"", path.trim_start_matches("/api/v1")),
        _ => {
            format!("curl -X {} \"$D{}\"", verb.to_uppercase(), path.trim_start_matches("/api/v1"))
        }
    }];
    if !security["portal_token"].is_null() {
        lines.push("-H \"Authorization: Bearer $TOKEN\"".to_owned());
    } else if !security["api_key"].is_null() {
        lines.push("-H \"Authorization: Bearer $KEY\"".to_owned());
    }
    if !example.is_empty() {
        lines.push("-H 'Content-Type: application/json'".to_owned());
        lines.push(format!("-d '{example}'"));
    }
    lines.join(" \\\n  ")
}

fn answer(document: &Value, status: &str, described: &Value) -> Answer {
    let described = fields::resolve(document, described);
    let kinds = described["content"].as_object();
    let problem = kinds.is_some_and(|kinds| kinds.contains_key("application/problem+json"));
    let content = kinds.and_then(|kinds| kinds.values().next()).unwrap_or(&Value::Null);
    let examples = content["examples"].as_object().into_iter().flatten();
    let codes: Vec<String> = examples.clone().map(|(code, _)| code.clone()).collect();
    let several = examples.map(|(_, example)| pretty(&example["value"]));
    let one = Some(pretty(&content["example"])).filter(|example| !example.is_empty());
    let about = text(&described["description"]);
    Answer {
        status: status.to_owned(),
        // The codes stand in front of it already.
        about: about.rsplit_once("`: ").map_or(about.clone(), |(_, rest)| rest.to_owned()),
        headers: headers(document, &described["headers"]),
        // Every problem has the same fields, which its example shows.
        fields: if problem { Vec::new() } else { fields_of(document, &content["schema"]) },
        examples: several.chain(one).collect(),
        codes,
    }
}

/// The headers of an answer, without the one that every answer has.
fn headers(document: &Value, described: &Value) -> Vec<Field> {
    let headers = described.as_object().into_iter().flatten();
    let own = headers.filter(|(name, _)| *name != "X-Request-Id");
    own.map(|(name, header)| Field::header(document, name, fields::resolve(document, header)))
        .collect()
}
