//! Calls the API in this process, and holds each answer against what is described.

use std::fmt;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use doorkey::app::App;
use doorkey::clock::Clock;
use doorkey::config::{Config, Flags};
use doorkey::domain::api_keys;
use doorkey::domain::customers::{self, NewCustomer};
use doorkey::domain::email::Email;
use doorkey::domain::links::{self, Reason};
use doorkey::domain::staff::Role;
use doorkey::domain::webhooks::{self, NewWebhook};
use doorkey::web::server::Limits;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// The methods that routes can have.
pub const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

/// The document as the API describes itself.
pub fn document() -> Value {
    static ONCE: LazyLock<Value> =
        LazyLock::new(|| doorkey::web::api::openapi::document().unwrap());
    ONCE.clone()
}

/// An operation of the document.
pub struct Operation {
    pub path: String,
    pub method: String,
    pub described: Value,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.to_uppercase(), self.path)
    }
}

/// Every operation of the document.
pub fn operations() -> Vec<Operation> {
    let document = document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, described) in item.as_object().unwrap() {
            let (path, method) = (path.clone(), method.clone());
            all.push(Operation { path, method, described: described.clone() });
        }
    }
    all
}

impl Operation {
    pub fn id(&self) -> String {
        self.described["operationId"].as_str().expect("an operationId").to_owned()
    }

    /// The schema of the body, if it takes one.
    pub fn body(&self) -> Option<Value> {
        let content = self.described.pointer("/requestBody/content/application~1json")?;
        Some(resolve(&document(), &content["schema"]))
    }

    pub fn parameters(&self, place: &str) -> Vec<Value> {
        let all = self.described["parameters"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|parameter| parameter["in"] == place).collect()
    }
}

fn resolve(document: &Value, value: &Value) -> Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(&reference[1..]).expect("a target").clone(),
        None => value.clone(),
    }
}

/// What a schema says of a value that is not null.
pub fn meaning(schema: &Value) -> Value {
    let either = schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    let something = either.iter().find(|one| one["type"] != "null").unwrap_or(schema);
    resolve(&document(), something)
}

/// Fails unless `value` is as `schema` says, which may refer to components of the document.
pub fn fits(schema: &Value, value: &Value, what: &str) {
    let mut schema = schema.clone();
    if schema["$schema"].is_null() {
        close(&mut schema);
        let mut components = document()["components"].clone();
        close(&mut components);
        schema["components"] = components;
    }
    let validator =
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{what}: {error}"));
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{} at {}", error, error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{what}: {errors:#?}\n{value:#}");
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

/// Somebody who may do everything, with a customer and a ticket.
pub struct Caller {
    router: axum::Router,
    key: Option<String>,
    lesser: String,
    token: Option<String>,
    customer: String,
    link: String,
    webhook: String,
    delivery: String,
    reference: String,
    _folder: Arc<tempfile::TempDir>,
}

/// What came back.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// What is wrong with a field.
    pub fn code_of(&self, field: &str) -> Option<String> {
        let errors = self.body["errors"].as_array()?;
        let error = errors.iter().find(|error| error["field"] == field)?;
        Some(error["code"].as_str().unwrap().to_owned())
    }
}

impl Caller {
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", folder.path().join("openapi.db").display());
        let data = folder.path().display().to_string();
        let flags: Flags = vec![("database.url", url), ("data_dir", data)];
        let app = App::start(Config::load(flags, []).unwrap(), Clock::System).await.unwrap();
        let (now, rules) = (app.clock.now(), app.rules.clone());
        let email = Email::parse("email", "ana@cafe-lumen.example").unwrap();
        let made = app.db.write(move |tx| {
            let (_, key) = api_keys::create(tx, "all", Role::Admin, now)?;
            let (_, lesser) = api_keys::create(tx, "less", Role::Technician, now)?;
            let customer = customers::add(tx, &NewCustomer::with_email(email.clone()), now)?;
            let (link, token) =
                links::issue_by_hand(tx, &rules, customer.id, None, Reason::Api, now)?;
            let target = NewWebhook {
                url: "https://example.com/".into(),
                about: String::new(),
                kinds: Vec::new(),
            };
            let (webhook, _) = webhooks::create(tx, &target, now)?;
            let delivery = webhooks::test(tx, webhook.id, now)?;
            let ids = [customer.id, link.id, webhook.id, delivery.id].map(|id| id.to_string());
            Ok::<_, doorkey::error::Error>((key, lesser, ids, token.reveal()))
        });
        let (key, lesser, [customer, link, webhook, delivery], token) = made.await.unwrap();
        let router = doorkey::web::edge(app, Limits::default()).router;
        let mut caller = Self {
            router,
            key: Some(key),
            lesser,
            token: Some(token),
            customer,
            link,
            webhook,
            delivery,
            reference: String::new(),
            _folder: folder.into(),
        };
        caller.reference = caller.create_ticket().await;
        caller
    }

    async fn create_ticket(&self) -> String {
        let create = operations().into_iter().find(|it| it.id() == "createTicket").unwrap();
        let answer = self.call(&create, "", &create.body().unwrap()["example"]).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["reference"].as_str().unwrap().to_owned()
    }

    /// The same without any secret.
    pub fn anonymous(&self) -> Self {
        Self { key: None, token: None, ..self.copy() }
    }

    /// The same with a key of the lesser role.
    pub fn technician(&self) -> Self {
        Self { key: Some(self.lesser.clone()), ..self.copy() }
    }

    fn copy(&self) -> Self {
        Self {
            router: self.router.clone(),
            key: self.key.clone(),
            lesser: self.lesser.clone(),
            token: self.token.clone(),
            customer: self.customer.clone(),
            link: self.link.clone(),
            webhook: self.webhook.clone(),
            delivery: self.delivery.clone(),
            reference: self.reference.clone(),
            _folder: self._folder.clone(),
        }
    }

    /// Does `operation` and checks that the answer is one of those described.
    pub async fn call(&self, operation: &Operation, query: &str, body: &Value) -> Answer {
        let secret = match &operation.described["security"][0] {
            one if !one["portal_token"].is_null() => self.token.as_deref(),
            one if !one["api_key"].is_null() => self.key.as_deref(),
            _ => None,
        };
        let path = operation.path.replace("{reference}", &self.reference);
        let path = path.replace("{id}", &self.customer).replace("{link}", &self.link);
        let path = path.replace("{webhook}", &self.webhook).replace("{delivery}", &self.delivery);
        // The reference of an example is nobody's.
        let body = body.to_string().replace("TKT-7K3M9Q", &self.reference);
        let body = Some(body).filter(|body| body != "null");
        let answer = self.send(&operation.method, &format!("{path}{query}"), secret, body).await;
        check(operation, &answer);
        answer
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        secret: Option<&str>,
        body: Option<String>,
    ) -> Answer {
        let mut request = Request::builder().method(&*method.to_uppercase()).uri(path);
        if let Some(secret) = secret {
            request = request.header("authorization", format!("Bearer {secret}"));
        }
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let request = request.body(Body::from(body.unwrap_or_default())).unwrap();
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

fn check(operation: &Operation, answer: &Answer) {
    let what = format!("{operation}: {}", answer.status);
    let described = &operation.described["responses"][answer.status.to_string()];
    assert!(described.is_object(), "{what} is not described: {}", answer.body);
    let described = resolve(&document(), described);
    for name in described["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        assert!(answer.headers.contains_key(name.as_str()), "{what}: {name}");
    }
    let Some(kind) = answer.headers.get("content-type") else {
        assert!(described["content"].is_null(), "{what}: a body");
        return;
    };
    let content = &described["content"][kind.to_str().unwrap()];
    assert!(content.is_object(), "{what}: {kind:?} is not described");
    if operation.id() != "describe" {
        fits(&content["schema"], &answer.body, &what);
    }
}
