//! The feed of events: everything once, in one order, whoever writes at the same time.

use std::collections::BTreeSet;
use std::sync::Arc;

use doorkey::clock::Millis;
use doorkey::domain::entries::Visibility;
use doorkey::domain::staff::Role;
use doorkey::domain::tickets::{Change, Priority, Status};
use doorkey::{app::App, jobs};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::support::TestApp;
use crate::support::client::Client;
use crate::support::desk::to;

const ALICE: &str = "alice@example.com";
const EVENTS: &str = "/api/v1/events";

async fn number(app: &App) {
    while jobs::events::number(app).await.unwrap() {}
}

/// Everything after `cursor`, and where to go on.
async fn follow(shop: &Client, mut cursor: Option<String>) -> (Vec<Value>, Option<String>) {
    let mut all = Vec::new();
    loop {
        let query = cursor.as_ref().map(|it| format!("?cursor={it}")).unwrap_or_default();
        let page = shop.get(&format!("{EVENTS}{query}")).await.expect(200).json();
        let items = page["items"].as_array().unwrap().clone();
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        assert!(cursor.is_some(), "there is always a place to go on from");
        if items.is_empty() {
            return (all, cursor);
        }
        all.extend(items);
    }
}

#[tokio::test]
async fn everything_that_happens_is_told_once_and_in_order() {
    let app = TestApp::start().await;
    let shop = app.technician().await;
    let (nothing, start) = follow(&shop, None).await;
    assert!(nothing.is_empty());
    app.staff("dana@rfs.example", "Dana", Role::Technician).await;
    let ticket = app.ticket(ALICE, "A broken camera").await;
    let alice = app.customer(ALICE).await;
    let name = &ticket.reference;
    app.note(name, "Look at zone 4.", Visibility::Internal).await.unwrap();
    let path = format!("/api/v1/tickets/{name}");
    let change = json!({ "priority": "urgent", "subject": "Two", "assignee": "dana@rfs.example" });
    shop.patch(&path, &change).await.expect(200);
    shop.patch(&path, &change).await.expect(200);
    app.reply(&alice, name, "It still beeps.").await.unwrap();
    app.resolve(name, "Replaced.").await.unwrap();
    app.change(name, to(Status::Closed)).await.unwrap();
    let customer = format!("/api/v1/customers/{}", ticket.customer.id);
    let admin = app.admin().await;
    admin.patch(&customer, &json!({ "name": "Alice", "active": false })).await.expect(200);
    let (early, _) = follow(&shop, start.clone()).await;
    assert!(early.is_empty(), "what has no number yet is not told");
    number(&app).await;
    let (events, end) = follow(&shop, start).await;
    let types: Vec<&str> = events.iter().map(|it| it["type"].as_str().unwrap()).collect();
    let wanted = [
        "customer.created",
        "ticket.created",
        "ticket.note_added",
        "ticket.changed",
        "ticket.assigned",
        "ticket.replied",
        "ticket.resolved",
        "ticket.status_changed",
        "customer.changed",
    ];
    assert_eq!(types, wanted);
    let ids: Vec<&str> = events.iter().map(|it| it["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert_eq!(events[2]["entry"]["visibility"], "internal");
    assert_eq!(events[2]["entry"]["body"], "Look at zone 4.");
    let change = &events[3]["changes"];
    assert_eq!(change["priority"], json!({ "from": "medium", "to": "urgent" }));
    assert_eq!(change["subject"], json!({ "from": "A broken camera", "to": "Two" }));
    assert!(change.get("category").is_none() && events[3]["entry"].is_null());
    assert_eq!(events[5]["ticket"], name.as_str());
    assert_eq!(events[6]["entry"]["to"], "resolved");
    let change = &events[8]["changes"];
    assert_eq!(change["active"], json!({ "from": true, "to": false }));
    assert!(events[8]["ticket"].is_null());
    assert_eq!(follow(&shop, end).await.0, Vec::<Value>::new());
}

#[tokio::test]
async fn what_was_undone_is_not_told() {
    let app = TestApp::start().await;
    let new = app.new_ticket(ALICE, "Never");
    let undone = app.act(move |tx, rules, now| {
        let actor = doorkey::domain::Actor::System;
        doorkey::domain::tickets::create(tx, rules, &actor, &new, None, now)?;
        Err::<(), _>(doorkey::error::Error::NotFound)
    });
    assert!(undone.await.is_err());
    number(&app).await;
    assert!(follow(&app.technician().await, None).await.0.is_empty());
}

#[tokio::test]
async fn changes_are_told_apart_when_the_clock_was_set_back() {
    let app = TestApp::start().await;
    let ticket = app.ticket("ana@cafe-lumen.example", "Alarm").await;
    app.set_clock(Millis(app.now().0 - 86_400_000));
    for priority in [Priority::High, Priority::Low, Priority::Urgent] {
        let change = Change { priority: Some(priority), ..Change::default() };
        app.change(&ticket.reference, change).await.unwrap();
    }
    number(&app.shared()).await;
    let (told, _) = follow(&app.admin().await, None).await;
    let of = |event: &Value| event["changes"]["priority"]["to"].clone();
    let changed: Vec<Value> =
        told.iter().filter(|event| event["type"] == "ticket.changed").map(of).collect();
    assert_eq!(changed, ["high", "low", "urgent"]);
}

#[tokio::test]
async fn the_feed_is_for_programs_alone() {
    let app = TestApp::start().await;
    assert_eq!(app.anon().get(EVENTS).await.problem(), "401 key_invalid");
    assert_eq!(app.customer(ALICE).await.get(EVENTS).await.problem(), "401 key_invalid");
    let shop = app.technician().await;
    for bad in ["?cursor=x", "?limit=0", "?limit=101", "?after=1"] {
        assert_eq!(shop.get(&format!("{EVENTS}{bad}")).await.status, 422, "{bad}");
    }
}

#[tokio::test]
async fn many_writers_in_two_processes_neither_skip_nor_repeat() {
    let app = TestApp::start().await;
    let shop = app.technician().await;
    let other = app.beside().await;
    let reference = app.ticket(ALICE, "A broken camera").await.reference;
    let mut work = JoinSet::new();
    for writer in 0..8 {
        let app: Arc<App> = if writer % 2 == 0 { app.shared() } else { Arc::clone(&other) };
        let reference = reference.clone();
        work.spawn(async move {
            for turn in 0..15 {
                write(&app, &reference, format!("{writer}/{turn}")).await;
            }
        });
    }
    for app in [app.shared(), Arc::clone(&other)] {
        work.spawn(async move {
            for _ in 0..60 {
                number(&app).await;
                tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            }
        });
    }
    let (mut seen, mut cursor) = (Vec::new(), None);
    while !work.is_empty() {
        let (more, next) = follow(&shop, cursor).await;
        seen.extend(more);
        cursor = next;
        let _ = tokio::time::timeout(std::time::Duration::from_millis(5), work.join_next()).await;
    }
    number(&app).await;
    seen.extend(follow(&shop, cursor).await.0);
    let ids: Vec<i64> = seen.iter().map(|it| it["id"].as_str().unwrap().parse().unwrap()).collect();
    let whole: Vec<i64> = (1..=ids.len() as i64).collect();
    assert_eq!(ids, whole, "no gap, no repetition, in order");
    let notes: Vec<&str> = seen.iter().filter_map(|it| it["entry"]["body"].as_str()).collect();
    let told: BTreeSet<&str> = notes.iter().copied().collect();
    assert_eq!((notes.len(), told.len()), (120, 120));
    let entries: Vec<i64> =
        seen.iter().filter_map(|it| it["entry"]["id"].as_str()?.parse().ok()).collect();
    assert!(entries.is_sorted(), "a ticket's entries come in the order of its timeline");
}

async fn write(app: &App, reference: &doorkey::ids::Reference, body: String) {
    use doorkey::domain::notes::{self, NewNote};
    let (reference, now) = (reference.clone(), app.clock.now());
    let note = NewNote { body, visibility: Visibility::Public, notify: false };
    let actor = crate::support::desk::somebody();
    let work = move |tx: &mut doorkey::domain::Tx<'_>, rules: &doorkey::domain::Rules| {
        notes::add(tx, rules, &actor, &reference, &note, None, now)
    };
    app.decide(work).await.unwrap();
}
