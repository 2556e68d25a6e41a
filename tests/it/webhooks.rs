//! Webhooks: what a target is told, how it is signed, what happens when it does not answer, and
//! where no call goes.

use std::path::Path;
use std::process::Command;

use doorkey::jobs;
use serde_json::{Value, json};

use crate::real;
use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::hook::{Call, Hook};

const ALICE: &str = "alice@example.com";
const WEBHOOKS: &str = "/api/v1/webhooks";

async fn house() -> TestApp {
    TestApp::with(|config| config.webhooks.allow = vec!["127.0.0.0/8".parse().unwrap()]).await
}

async fn add(admin: &Client, url: &str, events: &[&str]) -> Value {
    admin.post(WEBHOOKS, &json!({ "url": url, "events": events })).await.expect(201).json()
}

fn path(webhook: &Value, rest: &str) -> String {
    format!("{WEBHOOKS}/{}{rest}", webhook["id"].as_str().unwrap())
}

/// Numbers what happened and makes every call that is due.
async fn run(app: &TestApp) {
    let app = app.shared();
    while jobs::events::number(&app).await.unwrap() {}
    while jobs::webhooks::next(&app).await.unwrap() {}
}

async fn deliveries(admin: &Client, webhook: &Value) -> Vec<Value> {
    let list = admin.get(&path(webhook, "/deliveries")).await.expect(200).json();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_target_is_told_of_what_it_wants() {
    let app = house().await;
    let admin = app.admin().await;
    let (all, some) = (Hook::start().await, Hook::start().await);
    add(&admin, &all.url(), &[]).await;
    add(&admin, &some.url(), &["ticket.replied"]).await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let alice = app.customer(ALICE).await;
    app.reply(&alice, &ticket.reference, "It beeps. 🔔 مرحبا").await.unwrap();
    run(&app).await;
    let mut types = all.types();
    types.sort();
    assert_eq!(types, ["customer.created", "ticket.created", "ticket.replied"]);
    assert_eq!(some.types(), ["ticket.replied"]);
    let call = &some.calls()[0];
    assert_eq!(call.line(), "POST /hook?from=doorkey HTTP/1.1");
    assert_eq!(call.header("content-type"), "application/json");
    let body = call.json();
    assert_eq!(body["data"]["entry"]["body"], "It beeps. 🔔 مرحبا");
    assert_eq!(body["timestamp"], body["data"]["at"]);
    let feed = admin.get("/api/v1/events").await.expect(200).json();
    assert_eq!(body["data"], feed["items"][2], "the same words as the feed");
    run(&app).await;
    assert_eq!(all.calls().len(), 3, "each once");
}

#[tokio::test]
async fn a_call_is_signed_as_the_specification_s_own_library_wants_it() {
    let library = real::node_module("standardwebhooks");
    let Some(library) = library else { return };
    let app = house().await;
    let admin = app.admin().await;
    let hook = Hook::start().await;
    let webhook = add(&admin, &hook.url(), &[]).await;
    let first = webhook["secret"].as_str().unwrap().to_owned();
    // The library refuses times that are not now, so the clock is the real one here.
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    app.set_clock(doorkey::clock::Millis(now.as_millis() as i64));
    app.ticket(ALICE, "Schließanlage „Süd“ 🔑").await;
    run(&app).await;
    let call = hook.calls().last().unwrap().clone();
    assert!(verifies(&library, &first, &call));
    let mut forged = call.clone();
    forged.body = call.body.replacen("ticket", "tickot", 1);
    assert!(!verifies(&library, &first, &forged), "the library looks");
    let rotated = admin.post(&path(&webhook, "/secret"), &json!({})).await.expect(201).json();
    let second = rotated["secret"].as_str().unwrap();
    assert_ne!(first, second);
    admin.post(&path(&webhook, "/test"), &json!({})).await.expect(202);
    run(&app).await;
    let call = hook.calls().last().unwrap().clone();
    assert_eq!(call.json()["type"], "webhook.test");
    assert!(verifies(&library, &first, &call) && verifies(&library, second, &call), "for a day");
    app.sleep_days(1);
    admin.post(&path(&webhook, "/test"), &json!({})).await.expect(202);
    run(&app).await;
    let call = hook.calls().last().unwrap().clone();
    assert_eq!(call.header("webhook-signature").split(' ').count(), 1);
}

/// Whether the library of the specification takes the call.
fn verifies(library: &Path, secret: &str, call: &Call) -> bool {
    let program = "const { Webhook } = require(process.argv[1]);
        const [secret, body, id, timestamp, signature] = process.argv.slice(2);
        new Webhook(secret).verify(body, { 'webhook-id': id, 'webhook-timestamp': timestamp,
            'webhook-signature': signature });";
    let mut node = Command::new("node");
    node.args(["-e", program]).arg(library).args([secret, &call.body]);
    node.args(["id", "timestamp", "signature"].map(|it| call.header(&format!("webhook-{it}"))));
    let said = node.output().unwrap();
    let error = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() || error.contains("No matching signature"), "{error}");
    said.status.success()
}

#[tokio::test]
async fn a_target_that_fails_is_tried_again_with_the_same_words_and_id() {
    let app = house().await;
    let admin = app.admin().await;
    let hook = Hook::start().await;
    let webhook = add(&admin, &hook.url(), &["ticket.created"]).await;
    hook.answer(&["500 Oops", "302 Found\r\nlocation: http://127.0.0.1:1/", "garbage"]);
    app.ticket(ALICE, "A broken camera").await;
    let mut reasons = Vec::new();
    for wait in [5, 30, 120] {
        run(&app).await;
        let row = &deliveries(&admin, &webhook).await[0];
        assert_eq!(row["state"], "queued");
        reasons.push(row["error"].as_str().unwrap().to_owned());
        app.sleep(wait - 1);
        let before = hook.calls().len();
        run(&app).await;
        assert_eq!(hook.calls().len(), before, "not before its time");
        app.sleep(1);
    }
    assert_eq!(reasons[..2], ["the target answered 500", "the target answered 302"]);
    assert!(reasons[2].starts_with("no answer"), "{}", reasons[2]);
    run(&app).await;
    let row = &deliveries(&admin, &webhook).await[0];
    assert_eq!((&row["state"], &row["failures"]), (&json!("delivered"), &json!(3)));
    assert_eq!((&row["status"], &row["error"]), (&json!(204), &Value::Null));
    let calls = hook.calls();
    assert_eq!(calls.len(), 4);
    for call in &calls {
        assert_eq!(call.body, calls[0].body);
        assert_eq!(call.header("webhook-id"), row["webhook_id"]);
    }
    let times: Vec<i64> =
        calls.iter().map(|call| call.header("webhook-timestamp").parse().unwrap()).collect();
    assert_eq!([times[1] - times[0], times[2] - times[0], times[3] - times[0]], [5, 35, 155]);
    // Once more by hand, for whoever lost it.
    let id = row["id"].as_str().unwrap();
    admin.post(&path(&webhook, &format!("/deliveries/{id}/retry")), &json!({})).await.expect(202);
    run(&app).await;
    assert_eq!(hook.calls().len(), 5);
}

#[tokio::test]
async fn a_target_that_is_away_costs_one_batch_now_and_then_and_nobody_else_waits() {
    let app = house().await;
    let admin = app.admin().await;
    let (away, there) = (Hook::start().await, Hook::start().await);
    let lost = add(&admin, &away.url(), &["ticket.created"]).await;
    add(&admin, &there.url(), &["ticket.created"]).await;
    away.answer(&["503 No"; 10]);
    for number in 0..40 {
        app.ticket(ALICE, &format!("Ticket {number}")).await;
    }
    run(&app).await;
    assert_eq!((away.calls().len(), there.calls().len()), (10, 40));
    assert_eq!(admin.get(&path(&lost, "")).await.json()["failures"], 1);
    app.sleep(5);
    run(&app).await;
    assert_eq!(away.calls().len(), 50, "and when it is back it gets everything");
    assert_eq!(admin.get(&path(&lost, "")).await.json()["failures"], 0);
}

#[tokio::test]
async fn a_target_is_given_up_after_two_days_and_one_that_is_gone_at_once() {
    let app = house().await;
    let admin = app.admin().await;
    let hook = Hook::start().await;
    let webhook = add(&admin, &hook.url(), &["ticket.created"]).await;
    hook.answer(&["500 Oops"; 100]);
    app.ticket(ALICE, "A broken camera").await;
    for _ in 0..60 {
        run(&app).await;
        app.sleep(3_600);
    }
    let row = &deliveries(&admin, &webhook).await[0];
    assert_eq!(row["state"], "failed");
    assert!(row["settled_at"].is_string() && row["next_attempt_at"].is_null());
    let gone = Hook::start().await;
    gone.answer(&["410 Gone"]);
    let webhook = add(&admin, &gone.url(), &["ticket.created"]).await;
    app.ticket(ALICE, "Another").await;
    run(&app).await;
    assert_eq!(admin.get(&path(&webhook, "")).await.json()["active"], false);
    app.ticket(ALICE, "A third").await;
    app.sleep(600);
    run(&app).await;
    assert_eq!(gone.calls().len(), 1);
    app.sleep_days(15);
    while doorkey::jobs::tidy::forget(&app).await.unwrap() {}
    assert_eq!(app.number("SELECT COUNT(*) FROM deliveries WHERE settled_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn no_call_goes_into_the_house() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let hook = Hook::start().await;
    for bad in [
        hook.url(),
        hook.url().replace("http:", "https:"),
        "https://localhost.:1/".replace("localhost.", "127.1"),
        "https://169.254.169.254/latest/meta-data".into(),
        "https://[fd00:ec2::254]/".into(),
        "http://example.com/".into(),
        "https://localhost/".into(),
    ] {
        let answer = admin.post(WEBHOOKS, &json!({ "url": bad })).await;
        assert_eq!(answer.fields(), ["url malformed"], "{bad}");
    }
    // A name is looked at when it is called: this one leads to loopback by then.
    let port = hook.url().split(':').nth(2).unwrap().split('/').next().unwrap().to_owned();
    let webhook = add(&admin, &format!("https://example.com:{port}/"), &[]).await;
    let moved = "UPDATE webhooks SET url = replace(url, 'example.com', 'localhost')";
    app.act(move |tx, _, _| Ok(tx.run(moved, &[])?)).await.unwrap();
    admin.post(&path(&webhook, "/test"), &json!({})).await.expect(202);
    run(&app).await;
    let row = &deliveries(&admin, &webhook).await[0];
    assert!(row["error"].as_str().unwrap().contains("webhooks.allow"), "{row}");
    assert!(hook.calls().is_empty());
}

#[tokio::test]
async fn webhooks_are_made_changed_and_deleted_by_admins() {
    let app = house().await;
    let admin = app.admin().await;
    let hook = Hook::start().await;
    let made = add(&admin, &hook.url(), &["ticket.created", "ticket.created"]).await;
    assert_eq!(made["events"], json!(["ticket.created"]));
    assert!(made["secret"].as_str().unwrap().starts_with("whsec_"));
    let list = admin.get(WEBHOOKS).await.expect(200);
    assert!(!list.text().contains("whsec_"), "a secret is shown once");
    assert_eq!(list.json()["items"].as_array().unwrap().len(), 1);
    for (body, wanted) in [
        (json!({}), "url required"),
        (json!({ "url": 1 }), "url malformed"),
        (json!({ "url": hook.url(), "events": "ticket.created" }), "events malformed"),
        (json!({ "url": hook.url(), "events": [1] }), "events malformed"),
        (json!({ "url": hook.url(), "events": ["ticket.exploded"] }), "events unknown_value"),
        (json!({ "url": hook.url(), "secret": "x" }), "secret unknown_field"),
    ] {
        assert_eq!(admin.post(WEBHOOKS, &body).await.fields(), [wanted], "{body}");
    }
    let off = admin.patch(&path(&made, ""), &json!({ "active": false })).await.expect(200).json();
    assert_eq!((&off["active"], &off["url"]), (&json!(false), &made["url"]));
    app.ticket(ALICE, "A broken camera").await;
    run(&app).await;
    assert!(hook.calls().is_empty(), "an inactive one is told nothing");
    admin.post(&path(&made, "/test"), &json!({})).await.expect(202);
    admin.delete(&path(&made, "")).await.expect(204);
    assert_eq!(admin.get(&path(&made, "")).await.status, 404);
    assert_eq!(app.number("SELECT COUNT(*) FROM deliveries").await, 0);
    for _ in 0..20 {
        add(&admin, &hook.url(), &[]).await;
    }
    assert_eq!(admin.post(WEBHOOKS, &json!({ "url": hook.url() })).await.status, 422);
    let lesser = app.technician().await;
    assert_eq!(lesser.get(WEBHOOKS).await.problem(), "403 forbidden");
}

#[tokio::test]
async fn two_processes_call_once() {
    let app = house().await;
    let admin = app.admin().await;
    let hook = Hook::start().await;
    add(&admin, &hook.url(), &["ticket.created"]).await;
    for number in 0..25 {
        app.ticket(ALICE, &format!("Ticket {number}")).await;
    }
    let other = app.beside().await;
    while jobs::events::number(&other).await.unwrap() {}
    let mine = app.shared();
    let one = async { while jobs::webhooks::next(&mine).await.unwrap() {} };
    let two = async { while jobs::webhooks::next(&other).await.unwrap() {} };
    tokio::join!(one, two);
    run(&app).await;
    let mut subjects: Vec<String> =
        hook.calls().iter().map(|call| call.header("webhook-id").to_owned()).collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!((hook.calls().len(), subjects.len()), (25, 25));
}
