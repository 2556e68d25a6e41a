//! Calls the API in this process, operation by operation; each answer is held against what is
//! described.

use std::fmt;
use std::sync::Arc;

use axum::body::Body;
use axum::http::Request;
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
use serde_json::Value;
use tower::ServiceExt as _;

use crate::support::contract::{self, document};
use crate::support::desk::somebody;

/// The methods that routes can have.
pub const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

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
        Some(meaning(&content["schema"]))
    }

    /// The example of the body; null if it takes none.
    pub fn example(&self) -> Value {
        let content = self.described.pointer("/requestBody/content/application~1json");
        content.map_or(Value::Null, |content| content["example"].clone())
    }

    pub fn parameters(&self, place: &str) -> Vec<Value> {
        let all = self.described["parameters"].as_array().cloned().unwrap_or_default();
        all.into_iter().filter(|parameter| parameter["in"] == place).collect()
    }
}

/// What a schema says of a value that is not null.
pub fn meaning(schema: &Value) -> Value {
    let either = schema["oneOf"].as_array().map(Vec::as_slice).unwrap_or_default();
    let something = either.iter().find(|one| one["type"] != "null").unwrap_or(schema);
    match something["$ref"].as_str() {
        Some(reference) => document().pointer(&reference[1..]).expect("a target").clone(),
        None => something.clone(),
    }
}

/// Somebody who may do everything, with a customer and a ticket.
#[derive(Clone)]
pub struct Caller {
    pub app: Arc<App>,
    router: axum::Router,
    key: Option<String>,
    lesser: String,
    token: Option<String>,
    old_token: String,
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
        let now = app.clock.now();
        let email = Email::parse("email", "ana@cafe-lumen.example").unwrap();
        let made = app.decide(move |tx, rules| {
            let (_, key) = api_keys::create(tx, &somebody(), "all", Role::Admin, now)?;
            let (_, lesser) = api_keys::create(tx, &somebody(), "less", Role::Technician, now)?;
            let customer =
                customers::add(tx, &somebody(), &NewCustomer::with_email(email.clone()), now)?;
            let (link, token) = links::issue_by_hand(
                tx,
                rules,
                &somebody(),
                (customer.id, None),
                Reason::Api,
                now,
            )?;
            let past = now.minus(rules.link_ttl * 2);
            let (_, old) = links::issue_by_hand(
                tx,
                rules,
                &somebody(),
                (customer.id, None),
                Reason::Api,
                past,
            )?;
            let target = NewWebhook {
                url: "https://example.com/".into(),
                about: String::new(),
                kinds: Vec::new(),
            };
            let (webhook, _) = webhooks::create(tx, &somebody(), &target, now)?;
            let delivery = webhooks::test(tx, &somebody(), webhook.id, now)?;
            let ids = [customer.id, link.id, webhook.id, delivery.id].map(|id| id.to_string());
            Ok::<_, doorkey::error::Error>((key, lesser, ids, [token, old].map(|it| it.reveal())))
        });
        let (key, lesser, [customer, link, webhook, delivery], tokens) = made.await.unwrap();
        let [token, old_token] = tokens;
        let mut caller = Self {
            router: doorkey::web::edge(Arc::clone(&app), Limits::default()).router,
            app,
            key: Some(key),
            lesser,
            token: Some(token),
            old_token,
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
        let answer = self.call(&create, "", &create.example()).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["reference"].as_str().unwrap().to_owned()
    }

    /// The same without any secret.
    pub fn anonymous(&self) -> Self {
        Self { key: None, token: None, ..self.clone() }
    }

    /// The same with a key of the lesser role.
    pub fn technician(&self) -> Self {
        Self { key: Some(self.lesser.clone()), ..self.clone() }
    }

    /// The same with the token of a link whose time is over.
    pub fn expired(&self) -> Self {
        Self { token: Some(self.old_token.clone()), ..self.clone() }
    }

    /// The same, looking for what is nobody's.
    pub fn lost(&self) -> Self {
        let nobody = || "1".to_owned();
        Self {
            customer: nobody(),
            link: nobody(),
            webhook: nobody(),
            delivery: nobody(),
            reference: "TKT-000000".to_owned(),
            ..self.clone()
        }
    }

    /// The same at a door with other limits.
    pub fn within(&self, limits: Limits) -> Self {
        Self { router: doorkey::web::edge(Arc::clone(&self.app), limits).router, ..self.clone() }
    }

    /// Does `operation`.
    pub async fn call(&self, operation: &Operation, query: &str, body: &Value) -> Answer {
        self.answer(self.request(operation, query, body)).await
    }

    /// A request for `operation`.
    pub fn request(&self, operation: &Operation, query: &str, body: &Value) -> Request<Body> {
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
        request(&operation.method, &format!("{path}{query}"), secret, body)
    }

    pub async fn send(
        &self,
        method: &str,
        path: &str,
        secret: Option<&str>,
        body: Option<String>,
    ) -> Answer {
        self.answer(request(method, path, secret, body)).await
    }

    /// What is answered to `request`, which is one of the answers that are described.
    pub async fn answer(&self, request: Request<Body>) -> Answer {
        let (method, path) = (request.method().to_string(), request.uri().to_string());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let status = parts.status.as_u16();
        contract::check(&method, &path, status, &parts.headers, &bytes);
        let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Answer { status, body }
    }
}

fn request(method: &str, path: &str, secret: Option<&str>, body: Option<String>) -> Request<Body> {
    let mut request = Request::builder().method(&*method.to_uppercase()).uri(path);
    if let Some(secret) = secret {
        request = request.header("authorization", format!("Bearer {secret}"));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    request.body(Body::from(body.unwrap_or_default())).unwrap()
}
