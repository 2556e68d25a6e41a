//! Every problem that the document says an operation can end in, brought about: what is described
//! and cannot happen would be as untrue as what happens and is not described.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderName, HeaderValue, Request};
use doorkey::web::server::Limits;
use hyper::body::Frame;
use serde_json::{Value, json};

use super::caller::{Answer, Caller, Operation, operations};
use crate::support::contract::resolve;

/// The problems that are described for an operation: status and code.
pub fn described(operation: &Operation) -> BTreeSet<(u16, String)> {
    let answers = operation.described["responses"].as_object().unwrap();
    let mut all = BTreeSet::new();
    for (status, answer) in answers {
        let answer = resolve(answer);
        let examples = &answer["content"]["application/problem+json"]["examples"];
        for code in examples.as_object().into_iter().flat_map(|examples| examples.keys()) {
            all.insert((status.parse().unwrap(), code.clone()));
        }
    }
    all
}

#[tokio::test]
async fn every_described_problem_can_be_had() {
    let caller = Caller::new().await;
    for operation in operations() {
        for (status, code) in described(&operation) {
            let answer = bring_about(&caller, &operation, &code).await;
            let Some(answer) = answer else { continue };
            assert_eq!(answer.status, status, "{operation}: {code}: {}", answer.body);
            assert_eq!(answer.body["code"], *code, "{operation}: {code}: {}", answer.body);
            says_what_its_example_says(&operation, &answer);
        }
    }
}

/// The sentences of examples are those of the program, but for numbers and names in them.
fn says_what_its_example_says(operation: &Operation, answer: &Answer) {
    let code = answer.body["code"].as_str().unwrap();
    if ["malformed_json", "too_large", "rate_limited", "transition_refused"].contains(&code) {
        return;
    }
    let described = &operation.described["responses"][answer.status.to_string()];
    let example =
        &resolve(described)["content"]["application/problem+json"]["examples"][code]["value"];
    assert_eq!(answer.body["detail"], example["detail"], "{operation}: {code}");
    assert_eq!(answer.body["title"], example["title"], "{operation}: {code}");
}

/// Brings about a problem. `None` for what another test brings about.
async fn bring_about(caller: &Caller, operation: &Operation, code: &str) -> Option<Answer> {
    let good = operation.example();
    let request = caller.request(operation, "", &good);
    Some(match code {
        "malformed_json" => caller.call(operation, "", &json!("no object")).await,
        "malformed" => caller.answer(with_body(request, Body::new(Unfinished(Some("gone"))))).await,
        "link_expired" => caller.expired().call(operation, "", &good).await,
        "link_invalid" | "key_invalid" => caller.anonymous().call(operation, "", &good).await,
        "code_invalid" => caller.call(operation, "", &good).await,
        "forbidden" => caller.technician().call(operation, "", &good).await,
        "not_found" => caller.lost().call(operation, "", &without_reference(&good)).await,
        "request_timeout" => {
            let hurried = Limits { body: Duration::from_millis(20), ..Limits::default() };
            caller.within(hurried).answer(with_body(request, Body::new(Unfinished(None)))).await
        }
        "ticket_closed" | "transition_refused" => on_a_closed_ticket(operation).await,
        "too_large" => caller.answer(with_body(request, Body::from("x".repeat(300 * 1024)))).await,
        "unsupported_media_type" => {
            caller.answer(with_header(request, "content-type", "text/plain")).await
        }
        "invalid" => caller.call(operation, "?colour=red", &good).await,
        "idempotency_mismatch" => with_a_used_key(caller, operation).await,
        "rate_limited" => too_often(operation).await,
        "too_many_headers" => {
            let mut request = request;
            for number in 0..101 {
                request = with_header(request, &format!("x-{number}"), "1");
            }
            caller.answer(request).await
        }
        "internal" => return None,
        "unavailable" => {
            let full = Limits { requests: 0, ..Limits::default() };
            caller.within(full).call(operation, "", &good).await
        }
        other => panic!("{operation}: nobody brings about {other}"),
    })
}

fn with_body(request: Request<Body>, body: Body) -> Request<Body> {
    request.map(|_| body)
}

fn with_header(mut request: Request<Body>, name: &str, value: &str) -> Request<Body> {
    let name: HeaderName = name.parse().unwrap();
    request.headers_mut().insert(name, HeaderValue::from_str(value).unwrap());
    request
}

/// A body that breaks off, or (`None`) never comes.
struct Unfinished(Option<&'static str>);

impl HttpBody for Unfinished {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        self.0.map_or(Poll::Pending, |why| Poll::Ready(Some(Err(std::io::Error::other(why)))))
    }
}

/// The example without the ticket that it names: that would be a field which is wrong.
fn without_reference(good: &Value) -> Value {
    let mut good = good.clone();
    if let Some(fields) = good.as_object_mut() {
        fields.remove("ticket");
    }
    good
}

fn operation(id: &str) -> Operation {
    operations().into_iter().find(|it| it.id() == id).unwrap()
}

async fn on_a_closed_ticket(operation: &Operation) -> Answer {
    let caller = Caller::new().await;
    let close = json!({"status": "closed"});
    assert_eq!(caller.call(&self::operation("changeTicket"), "", &close).await.status, 200);
    let sent = match operation.id().as_str() {
        "changeTicket" => json!({"status": "resolved"}),
        _ => operation.example(),
    };
    caller.call(operation, "", &sent).await
}

async fn with_a_used_key(caller: &Caller, operation: &Operation) -> Answer {
    let first = caller.request(operation, "", &operation.example());
    let key = operation.id();
    let answer = caller.answer(with_header(first, "idempotency-key", &key)).await;
    assert_eq!(answer.status, 201, "{operation}: {}", answer.body);
    let mut other = operation.example();
    let field = if other["body"].is_string() { "body" } else { "subject" };
    other[field] = "Something else".into();
    let second = caller.request(operation, "", &other);
    caller.answer(with_header(second, "idempotency-key", &key)).await
}

async fn too_often(operation: &Operation) -> Answer {
    let caller = Caller::new().await;
    let mut answer = caller.call(operation, "", &operation.example()).await;
    for _ in 0..60 {
        answer = caller.call(operation, "", &operation.example()).await;
    }
    answer
}

#[tokio::test]
async fn a_bug_is_told_alike_by_every_operation() {
    let caller = Caller::new().await;
    for table in ["api_keys", "links", "link_requests"] {
        let statement = format!("ALTER TABLE {table} RENAME TO gone_{table}");
        let done =
            caller.app.db.write(move |tx| Ok::<_, doorkey::error::Error>(tx.run(&statement, &[])?));
        done.await.unwrap();
    }
    for operation in operations() {
        // This one asks no database: it was put together when it was first asked for.
        if operation.id() != "describe" {
            let answer = caller.call(&operation, "", &operation.example()).await;
            assert_eq!(answer.status, 500, "{operation}: {}", answer.body);
            says_what_its_example_says(&operation, &answer);
        }
    }
}
